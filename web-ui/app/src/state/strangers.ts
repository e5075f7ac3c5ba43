// What a person decides about strangers: each asks the node, and reads again what it has.
import type { Client } from "../api/client";
import type { Contact, Conversation, Frame } from "../api/types";
import type { AppEvent } from "./apply";

type World = {
  client: Client;
  dispatch: (event: AppEvent) => void;
  noticed: (error: unknown) => void;
};

/** A flood of requests is read once it pauses. */
const reread_ms = 250;

export function createStrangers({ client, dispatch, noticed }: World) {
  const read = async (): Promise<void> => {
    try {
      const [requests, blocked] = await Promise.all([client.requests(), client.blocked()]);
      dispatch({ type: "strangers", requests, blocked });
    } catch (error) {
      noticed(error);
    }
  };

  let waiting: ReturnType<typeof setTimeout> | undefined;
  const heard = (frame: Frame): void => {
    if (frame.type !== "requests") return;
    clearTimeout(waiting);
    waiting = setTimeout(() => void read(), reread_ms);
  };

  const accept = async (id: string): Promise<Conversation> => {
    const conversation = await client.acceptRequest(id);
    dispatch({ type: "conversation", conversation });
    await read();
    return conversation;
  };

  const refuse = async (id: string): Promise<void> => {
    await client.refuseRequest(id);
    await read();
  };

  const block = async (account: string): Promise<void> => {
    await client.block(account);
    await read();
  };

  const unblock = async (account: string): Promise<void> => {
    await client.unblock(account);
    await read();
  };

  /** Both compared the number that is shown, and it is the same. */
  const verify = async (contact: Contact): Promise<void> => {
    const { verified_at_ms } = await client.verify(contact.contact, contact.safety_number);
    dispatch({ type: "contact", contact: { ...contact, verified_at_ms } });
  };

  const unverify = async (contact: Contact): Promise<void> => {
    await client.unverify(contact.contact);
    dispatch({ type: "contact", contact: { ...contact, verified_at_ms: undefined } });
  };

  return { read, heard, accept, refuse, block, unblock, verify, unverify };
}

const withoutSpace = (text: string): string => text.replaceAll(/\s/g, "");

/** Whether what a code says is this safety number: its sixty digits, however they are written. */
export function isSameNumber(code: string, safety_number: string): boolean {
  const digits = withoutSpace(code);
  return /^\d{60}$/.test(digits) && digits === withoutSpace(safety_number);
}
