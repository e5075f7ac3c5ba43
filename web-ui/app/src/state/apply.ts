// The one place where state changes: `apply(state, event)`, pure. Events of the node and of the page alike are
// upserts: applying one twice, or late, does no harm.
import type {
  Blocked,
  Contact,
  Conversation,
  Frame,
  Group,
  Message,
  MessagePage,
  MessageState,
  StateChange,
  Status,
  StrangerRequest,
} from "../api/types";
import { empty, timeline_messages_max } from "./model";
import type { Link, Outgoing, Proving, State, Timeline, Toast } from "./model";

export type Local =
  | { type: "conversation"; conversation: Conversation }
  | { type: "contact"; contact: Contact }
  | { type: "group"; group: Group }
  | { type: "signed-in" }
  | { type: "signed-out" }
  | { type: "link"; link: Link }
  | { type: "status"; status: Status }
  | { type: "conversations"; conversations: Conversation[] }
  | { type: "contacts"; contacts: Contact[] }
  | { type: "strangers"; requests: StrangerRequest[]; blocked: Blocked[] }
  | { type: "page"; conversation: string; side: "latest" | "before" | "after" | "replace"; page: MessagePage }
  | { type: "quoted"; id: string; message: Message | null }
  | { type: "looked"; conversation: string; message: string }
  | { type: "typed"; outgoing: Outgoing }
  | { type: "asked"; key: string }
  | { type: "unanswered"; key: string }
  | { type: "refused"; key: string; reason: string }
  | { type: "accepted"; key: string; message: Message }
  | { type: "discarded"; key: string }
  | { type: "proving"; proving: Proving | undefined }
  | { type: "toast"; toast: Toast }
  | { type: "toast-gone"; id: number };

export type AppEvent = Frame | Local;

export function apply(state: State, event: AppEvent): State {
  switch (event.type) {
    case "signed-in":
      return { ...state, session: "signed-in" };
    case "signed-out":
      return { ...empty, session: "signed-out", outgoing: state.outgoing.map(unasked), toasts: state.toasts };
    case "link":
      return state.link === event.link ? state : { ...state, link: event.link };
    case "hello":
      return { ...state, session: "signed-in", link: "live", account: event.account };

    case "status":
      return { ...state, status: event.status, account: event.status.account };
    case "conversations":
      return { ...state, conversations: byKey(event.conversations, (it) => it.conversation) };
    case "contacts":
      return { ...state, contacts: byKey(event.contacts, (it) => it.contact) };
    case "strangers":
      return { ...state, requests: event.requests, blocked: byKey(event.blocked, (it) => it.account) };
    case "conversation":
      return putConversation(state, event.conversation);
    case "contact":
      return { ...state, contacts: { ...state.contacts, [event.contact.contact]: event.contact } };

    case "group":
      return putConversation(
        { ...state, groups: { ...state.groups, [event.group.conversation.conversation]: event.group } },
        event.group.conversation,
      );

    case "message":
      return arrived(state, event.message);
    case "message_gone":
      return withoutMessage(state, event.message);
    case "states":
      return changedStates(state, event.conversation, event.states);
    case "page":
      return putTimeline(state, event.conversation, joined(state.timelines[event.conversation], event.page, event.side));
    case "quoted":
      return { ...state, quoted: { ...state.quoted, [event.id]: event.message } };
    case "looked": {
      const conversation = state.conversations?.[event.conversation];
      if (!conversation || (conversation.unread === 0 && conversation.seen_up_to === event.message)) return state;
      return putConversation(state, { ...conversation, unread: unreadAfter(state, event), seen_up_to: event.message });
    }

    case "typed":
      return { ...state, outgoing: [...state.outgoing, event.outgoing] };
    case "asked":
      return changedOutgoing(state, event.key, (it) => ({ ...it, phase: "sending", reason: undefined }));
    case "unanswered":
      return changedOutgoing(state, event.key, unasked);
    case "refused":
      return changedOutgoing(state, event.key, (it) => ({ ...it, phase: "refused", reason: event.reason }));
    case "accepted":
      return arrived(withoutOutgoing(state, event.key), event.message);
    case "discarded":
      return withoutOutgoing(state, event.key);

    case "proving": {
      const { proving: _before, ...rest } = state;
      return event.proving === undefined ? rest : { ...rest, proving: event.proving };
    }

    case "toast":
      return { ...state, toasts: [...state.toasts.filter((it) => it.text !== event.toast.text).slice(-2), event.toast] };
    case "toast-gone":
      return { ...state, toasts: state.toasts.filter((it) => it.id !== event.id) };

    // `peers`, `profile`, `requests` and `lagged` say that something must be read again, which is not for a pure function; and
    // a newer node may say what this page does not know.
    default:
      return state;
  }
}

/** A message's states in the order in which they are reached; a late event never takes one back. */
const rank: Record<MessageState, number> = { queued: 0, stored: 1, delivered: 2, seen: 3, received: 4 };

const furthest = (a: MessageState, b: MessageState): MessageState => (rank[a] >= rank[b] ? a : b);

function arrived(state: State, message: Message): State {
  const before = state;
  let next = state;

  // Our own message can arrive by the stream before the answer to the request that sent it.
  if (message.mine) {
    const echoed = state.outgoing.find(
      (it) => it.phase === "sending" && it.conversation === message.conversation && it.text === message.text,
    );
    if (echoed && !holds(state.timelines[message.conversation], message.message)) next = withoutOutgoing(next, echoed.key);
  }

  const timeline = before.timelines[message.conversation];
  if (timeline) next = putTimeline(next, message.conversation, withMessage(timeline, message));

  const conversation = before.conversations?.[message.conversation];
  if (conversation) {
    const last = conversation.last_message;
    const newer = !last || message.place > last.place;
    if (newer || last.message === message.message) {
      const merged = newer ? message : { ...message, state: furthest(last.state, message.state) };
      const counts = newer && !message.mine && message.kind !== "system" && !state.blocked[message.sender];
      const unread = counts ? conversation.unread + 1 : conversation.unread;
      const last_at_ms = Math.max(conversation.last_at_ms, message.received_at_ms, message.sent_at_ms);
      next = putConversation(next, { ...conversation, last_message: merged, unread, last_at_ms });
    }
  }
  return next;
}

/** A line that the node took back: of a change that did not hold. The conversation's own event brings its last line. */
function withoutMessage(state: State, id: string): State {
  const found = Object.entries(state.timelines).find(([, timeline]) => holds(timeline, id));
  if (!found) return state;
  const [conversation, timeline] = found;
  return putTimeline(state, conversation, { ...timeline, messages: timeline.messages.filter((it) => it.message !== id) });
}

function changedStates(state: State, id: string, states: StateChange[]): State {
  const changes = new Map(states.map((it) => [it.message, it.state]));
  const changed = (message: Message): Message => {
    const to = changes.get(message.message);
    const reached = to && furthest(message.state, to);
    return reached && reached !== message.state ? { ...message, state: reached } : message;
  };
  let next = state;
  const timeline = state.timelines[id];
  if (timeline) next = putTimeline(next, id, { ...timeline, messages: timeline.messages.map(changed) });
  const conversation = state.conversations?.[id];
  if (conversation?.last_message) {
    next = putConversation(next, { ...conversation, last_message: changed(conversation.last_message) });
  }
  return next;
}

function withMessage(timeline: Timeline, message: Message): Timeline {
  const { messages } = timeline;
  const index = messages.findIndex((it) => it.message === message.message);
  if (index >= 0) {
    const known = messages[index] as Message;
    return { ...timeline, messages: messages.with(index, { ...message, state: furthest(known.state, message.state) }) };
  }
  const last = messages.at(-1);
  const first = messages[0];
  // Outside of what is held, with more between: it comes with its page.
  if (timeline.moreAfter && (!last || inOrder(last, message) < 0)) return timeline;
  if (timeline.moreBefore && first && inOrder(message, first) < 0) return timeline;
  return bounded({ ...timeline, messages: sorted([...messages, message]) }, "start");
}

function joined(timeline: Timeline | undefined, page: MessagePage, side: "latest" | "before" | "after" | "replace"): Timeline {
  const fresh = { messages: sorted(page.messages), moreBefore: page.more_before, moreAfter: page.more_after };
  if (!timeline || side === "replace") return fresh;

  const known = new Map(timeline.messages.map((it) => [it.message, it]));
  // The newest page with a hole before it cannot be joined to what was read long ago.
  if (side === "latest" && (page.messages.length === 0 || !page.messages.some((it) => known.has(it.message)))) return fresh;

  for (const message of page.messages) {
    const old = known.get(message.message);
    known.set(message.message, old ? { ...message, state: furthest(old.state, message.state) } : message);
  }
  const messages = sorted([...known.values()]);
  if (side === "before") return bounded({ ...timeline, messages, moreBefore: page.more_before }, "end");
  return bounded({ ...timeline, messages, moreAfter: page.more_after }, "start");
}

function bounded(timeline: Timeline, drop: "start" | "end"): Timeline {
  if (timeline.messages.length <= timeline_messages_max) return timeline;
  return drop === "start"
    ? { ...timeline, messages: timeline.messages.slice(-timeline_messages_max), moreBefore: true }
    : { ...timeline, messages: timeline.messages.slice(0, timeline_messages_max), moreAfter: true };
}

/** What is left unread once `message` was looked at, as far as this page holds it; the node has the last word. */
function unreadAfter(state: State, { conversation, message }: { conversation: string; message: string }): number {
  const timeline = state.timelines[conversation];
  const looked = timeline?.messages.find((it) => it.message === message);
  if (!timeline || !looked) return 0;
  return timeline.messages.filter((it) => !it.mine && it.kind !== "system" && it.place > looked.place).length;
}

const inOrder = (a: Message, b: Message): number =>
  a.place - b.place || (a.message < b.message ? -1 : Number(a.message > b.message));

const sorted = (messages: Message[]): Message[] => messages.toSorted(inOrder);

const holds = (timeline: Timeline | undefined, id: string): boolean =>
  timeline?.messages.some((it) => it.message === id) ?? false;

const unasked = (outgoing: Outgoing): Outgoing => (outgoing.phase === "sending" ? { ...outgoing, phase: "waiting" } : outgoing);

const putTimeline = (state: State, id: string, timeline: Timeline): State => ({
  ...state,
  timelines: { ...state.timelines, [id]: timeline },
});

const putConversation = (state: State, conversation: Conversation): State => ({
  ...state,
  conversations: { ...state.conversations, [conversation.conversation]: conversation },
});

const withoutOutgoing = (state: State, key: string): State => ({
  ...state,
  outgoing: state.outgoing.filter((it) => it.key !== key),
});

const changedOutgoing = (state: State, key: string, change: (outgoing: Outgoing) => Outgoing): State => ({
  ...state,
  outgoing: state.outgoing.map((it) => (it.key === key ? change(it) : it)),
});

function byKey<T>(items: T[], key: (item: T) => string): Record<string, T> {
  return Object.fromEntries(items.map((item) => [key(item), item]));
}
