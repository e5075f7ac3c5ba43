// Signing in elsewhere, to prove who one is there: where the browser comes back to, and what it comes back with.
import type { Client } from "../api/client";
import type { Identity, IdentityAnswer } from "../api/types";
import type { AppEvent } from "./apply";

/** Where the browser comes back to, below the node's own address. */
export const callback_path = "/identities/callback";

export type CameBack = { answer: IdentityAnswer } | { denied: string };

/** What an issuer sent the browser back with, if this is the address that it was sent to. */
export function cameBack(path: string, query: string): CameBack | undefined {
  if (path !== callback_path) return undefined;
  const said = new URLSearchParams(query);
  const [code, state, iss] = [said.get("code"), said.get("state"), said.get("iss")];
  if (code !== null && state !== null) return { answer: iss === null ? { code, state } : { code, state, iss } };
  return { denied: said.get("error") ?? "" };
}

/** Where an issuer is to send the browser back to: this machine by its number (RFC 8252 §7.3), if the page is on it. */
export function backTo({ protocol, hostname, port }: Pick<Location, "protocol" | "hostname" | "port">): string | undefined {
  const is_here = protocol === "http:" && hostname.endsWith(".localhost");
  return is_here ? `http://127.0.0.1:${port}${callback_path}` : undefined;
}

type World = { client: Client; dispatch: (event: AppEvent) => void; noticed: (error: unknown) => void };

export function createElsewhere({ client, dispatch, noticed }: World) {
  /** Gives the node what the browser came back with. */
  const finish = async (came: CameBack): Promise<void> => {
    if ("denied" in came) {
      dispatch({ type: "proving", proving: { is: "denied", reason: came.denied } });
      return;
    }
    dispatch({ type: "proving", proving: { is: "checking" } });
    try {
      dispatch({ type: "proving", proving: { is: "done", identity: await client.finishIdentity(came.answer) } });
    } catch (error) {
      noticed(error);
      const problem = error instanceof Error ? error.message : String(error);
      dispatch({ type: "proving", proving: { is: "failed", problem } });
    }
  };

  /** Says that an identity was proved in another way. */
  const proved = (identity: Identity): void => dispatch({ type: "proving", proving: { is: "done", identity } });

  const dismiss = (): void => dispatch({ type: "proving", proving: undefined });

  return { finish, proved, dismiss };
}
