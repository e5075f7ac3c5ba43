// What the page knows. Only `apply` makes a new one.
import type { Blocked, Contact, Conversation, Group, Identity, Message, Status, StrangerRequest } from "../api/types";

export type Session = "unknown" | "signed-out" | "signed-in";

/** How the page stands with its node. */
export type Link = "connecting" | "live" | "away";

/** A run of messages without a hole, oldest first, and whether there is more on either side. */
export type Timeline = { messages: Message[]; moreBefore: boolean; moreAfter: boolean };

/** A text that the node has not yet confirmed. */
export type Outgoing = {
  key: string;
  conversation: string;
  text: string;
  replyTo?: string;
  at_ms: number;
  /** `waiting`: to be sent when the node answers; `sending`: asked; `refused`: the node said no. */
  phase: "waiting" | "sending" | "refused";
  reason?: string;
};

export type Toast = { id: number; tone: "error" | "info"; text: string };

/** What came of signing in elsewhere, when the browser came back from there. */
export type Proving =
  | { is: "checking" }
  | { is: "done"; identity: Identity }
  | { is: "failed"; problem: string }
  | { is: "denied"; reason: string };

export type State = {
  session: Session;
  link: Link;
  account?: string;
  status?: Status;
  conversations?: Record<string, Conversation>;
  contacts?: Record<string, Contact>;
  /** What strangers began and waits for a decision. */
  requests?: StrangerRequest[];
  /** Of whom nothing is wanted, by account. */
  blocked: Record<string, Blocked>;
  /** What the members of the groups that were opened agreed on, by conversation. */
  groups: Record<string, Group>;
  timelines: Record<string, Timeline>;
  /** Messages that a reply quotes and that are in no timeline; `null` where the node has none. */
  quoted: Record<string, Message | null>;
  outgoing: Outgoing[];
  toasts: Toast[];
  proving?: Proving;
};

export const empty: State = {
  session: "unknown",
  link: "connecting",
  blocked: {},
  groups: {},
  timelines: {},
  quoted: {},
  outgoing: [],
  toasts: [],
};

/** A text's limit in UTF-8 bytes; the node refuses more. */
export const text_bytes_max = 65_536;

/** Messages kept of one conversation; beyond it the far end is dropped and read again when scrolled to. */
export const timeline_messages_max = 3_000;
