// What is to be asked of the node next. Texts of one conversation are asked in the order they were typed, one at a
// time; a retried text carries the same idempotency key, so the node stores it once.
import { Refused, Unreachable } from "../api/client";
import type { Message } from "../api/types";
import type { Local } from "./apply";
import type { Outgoing, State } from "./model";

/** The oldest waiting text of each conversation that has none in flight. */
export function due(outgoing: Outgoing[]): Outgoing[] {
  const busy = new Set(outgoing.filter((it) => it.phase === "sending").map((it) => it.conversation));
  const next: Outgoing[] = [];
  for (const it of outgoing) {
    if (it.phase !== "waiting" || busy.has(it.conversation)) continue;
    busy.add(it.conversation);
    next.push(it);
  }
  return next;
}

/** Not signed in for now, took too long, or the node is stopping: nothing is wrong with the text. */
const passing_statuses = new Set([401, 408, 502, 503, 504]);

/** Whether the same request may succeed later without anybody changing anything. */
export function passing(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  return error instanceof Refused && passing_statuses.has(error.status);
}

export const retry_ms = 3_000;

export type OutboxWorld = {
  state(): State;
  dispatch(event: Local): void;
  send(outgoing: Outgoing): Promise<Message>;
  schedule(run: () => void, delay_ms: number): void;
  failed(error: unknown): void;
};

export class Outbox {
  private scheduled = false;

  constructor(private readonly world: OutboxWorld) {}

  /** Asks for everything that is due; call it whenever that may have changed. */
  pump(): void {
    const { session, outgoing } = this.world.state();
    if (session !== "signed-in") return;
    for (const it of due(outgoing)) void this.ask(it);
  }

  private async ask(outgoing: Outgoing): Promise<void> {
    const { key } = outgoing;
    this.world.dispatch({ type: "asked", key });
    try {
      const message = await this.world.send(outgoing);
      this.world.dispatch({ type: "accepted", key, message });
      this.pump();
    } catch (error) {
      if (passing(error)) {
        this.world.dispatch({ type: "unanswered", key });
        this.later();
      } else {
        const reason = error instanceof Error ? error.message : String(error);
        this.world.dispatch({ type: "refused", key, reason });
        this.pump();
      }
      this.world.failed(error);
    }
  }

  private later(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.world.schedule(() => {
      this.scheduled = false;
      this.pump();
    }, retry_ms);
  }
}
