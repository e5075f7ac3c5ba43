import type { Conversation, Message } from "../src/api/types";

export function message(place: number, change: Partial<Message> = {}): Message {
  const mine = change.mine ?? false;
  return {
    message: `m${place}`,
    conversation: "c",
    sender: mine ? "me" : "ann",
    sender_name: mine ? "Me" : "Ann",
    mine,
    sent_at_ms: place * 1_000,
    received_at_ms: place * 1_000,
    place,
    text: `text ${place}`,
    state: mine ? "queued" : "received",
    kind: "text",
    late: false,
    ...change,
  };
}

export function conversation(change: Partial<Conversation> = {}): Conversation {
  return {
    conversation: "c",
    name: "Ann",
    topic: "",
    standing: "member",
    my_role: "owner",
    can_write: true,
    direct: true,
    members: [
      { account: "me", name: "Me", me: true, role: "owner", nodes: 1 },
      { account: "ann", name: "Ann", me: false, role: "owner", nodes: 1 },
    ],
    unread: 0,
    last_at_ms: 0,
    ...change,
  };
}
