import { describe, expect, it } from "vitest";
import type { MessagePage } from "../src/api/types";
import { apply } from "../src/state/apply";
import type { AppEvent } from "../src/state/apply";
import { empty, timeline_messages_max } from "../src/state/model";
import type { Outgoing, State } from "../src/state/model";
import { conversation, message } from "./make";

const all = (state: State, ...events: AppEvent[]): State => events.reduce(apply, state);
const page = (places: number[], more: Partial<MessagePage> = {}): MessagePage => ({
  messages: places.map((place) => message(place)),
  more_before: false,
  more_after: false,
  ...more,
});
const known = all(empty, { type: "conversations", conversations: [conversation()] });
const places = (state: State): number[] => state.timelines.c?.messages.map((it) => it.place) ?? [];
const outgoing = (change: Partial<Outgoing> = {}): Outgoing => ({
  key: "k",
  conversation: "c",
  text: "hello",
  at_ms: 0,
  phase: "waiting",
  ...change,
});

describe("messages", () => {
  it("stand in the order of their place, whatever the order of arrival", () => {
    const state = all(
      known,
      { type: "page", conversation: "c", side: "latest", page: page([1]) },
      { type: "message", id: "1-1", message: message(4) },
      { type: "message", id: "1-2", message: message(3) },
    );
    expect(places(state)).toEqual([1, 3, 4]);
  });

  it("that arrive twice are shown once and counted once", () => {
    const event: AppEvent = { type: "message", id: "1-1", message: message(2) };
    const state = all(known, { type: "page", conversation: "c", side: "latest", page: page([1]) }, event, event);
    expect(places(state)).toEqual([1, 2]);
    expect(state.conversations?.c?.unread).toBe(1);
  });

  it("become the last line of their conversation only when they are the newest", () => {
    const state = all(known, { type: "message", id: "1-1", message: message(5) }, { type: "message", id: "1-2", message: message(3) });
    expect(state.conversations?.c?.last_message?.place).toBe(5);
  });

  it("after a hole wait for their page", () => {
    const opened = all(known, { type: "page", conversation: "c", side: "replace", page: page([1, 2], { more_after: true }) });
    const state = apply(opened, { type: "message", id: "1-1", message: message(9) });
    expect(places(state)).toEqual([1, 2]);
  });

  it("of a newest page that does not touch what is held replace it", () => {
    const state = all(
      known,
      { type: "page", conversation: "c", side: "latest", page: page([1, 2]) },
      { type: "page", conversation: "c", side: "latest", page: page([8, 9], { more_before: true }) },
    );
    expect(places(state)).toEqual([8, 9]);
    expect(state.timelines.c?.moreBefore).toBe(true);
  });

  it("of an older page are put before, and the far end is dropped beyond the limit", () => {
    const recent = Array.from({ length: timeline_messages_max }, (_, index) => index + 100);
    const state = all(
      known,
      { type: "page", conversation: "c", side: "latest", page: page(recent, { more_before: true }) },
      { type: "page", conversation: "c", side: "before", page: page([98, 99]) },
    );
    expect(places(state).slice(0, 3)).toEqual([98, 99, 100]);
    expect(places(state)).toHaveLength(timeline_messages_max);
    expect(state.timelines.c).toMatchObject({ moreBefore: false, moreAfter: true });
  });
});

describe("states", () => {
  const sent = all(
    known,
    { type: "page", conversation: "c", side: "latest", page: page([]) },
    { type: "message", id: "1-1", message: message(1, { mine: true }) },
  );
  const reached = (state: State) => [state.timelines.c?.messages[0]?.state, state.conversations?.c?.last_message?.state];

  it("reach the message and the last line", () => {
    const state = apply(sent, { type: "states", id: "1-2", conversation: "c", states: [{ message: "m1", state: "delivered" }] });
    expect(reached(state)).toEqual(["delivered", "delivered"]);
  });

  it("are never taken back by a late event", () => {
    const state = all(
      sent,
      { type: "states", id: "1-2", conversation: "c", states: [{ message: "m1", state: "seen" }] },
      { type: "states", id: "1-3", conversation: "c", states: [{ message: "m1", state: "delivered" }] },
      { type: "message", id: "1-1", message: message(1, { mine: true, state: "queued" }) },
    );
    expect(reached(state)).toEqual(["seen", "seen"]);
  });
});

describe("what is typed", () => {
  const typed = all(
    known,
    { type: "page", conversation: "c", side: "latest", page: page([]) },
    { type: "typed", outgoing: outgoing() },
    { type: "asked", key: "k" },
  );

  it("is replaced by the message that the node confirms", () => {
    const state = apply(typed, { type: "accepted", key: "k", message: message(1, { mine: true, text: "hello" }) });
    expect(state.outgoing).toEqual([]);
    expect(places(state)).toEqual([1]);
  });

  it("is not shown twice when the event comes before the answer", () => {
    const echo = message(1, { mine: true, text: "hello" });
    const early = apply(typed, { type: "message", id: "1-1", message: echo });
    expect(early.outgoing).toEqual([]);
    const state = apply(early, { type: "accepted", key: "k", message: echo });
    expect(places(state)).toEqual([1]);
  });

  it("twice alike stays twice", () => {
    const state = all(
      typed,
      { type: "typed", outgoing: outgoing({ key: "k2" }) },
      { type: "message", id: "1-1", message: message(1, { mine: true, text: "hello" }) },
    );
    expect(state.outgoing.map((it) => it.key)).toEqual(["k2"]);
  });

  it("keeps the reason when it is refused", () => {
    const state = apply(typed, { type: "refused", key: "k", reason: "Too long." });
    expect(state.outgoing[0]).toMatchObject({ phase: "refused", reason: "Too long." });
  });

  it("survives being signed out", () => {
    const state = apply(typed, { type: "signed-out" });
    expect(state.session).toBe("signed-out");
    expect(state.conversations).toBeUndefined();
    expect(state.outgoing).toMatchObject([{ key: "k", phase: "waiting" }]);
  });
});

describe("looking", () => {
  it("clears what was unread until the node says otherwise", () => {
    const unread = all(known, { type: "message", id: "1-1", message: message(1) }, { type: "message", id: "1-2", message: message(2) });
    expect(unread.conversations?.c?.unread).toBe(2);
    const state = apply(unread, { type: "looked", conversation: "c", message: "m2" });
    expect(state.conversations?.c).toMatchObject({ unread: 0, seen_up_to: "m2" });
  });

  it("at a part leaves the rest unread", () => {
    const opened = all(
      known,
      { type: "page", conversation: "c", side: "latest", page: page([]) },
      { type: "message", id: "1-1", message: message(1) },
      { type: "message", id: "1-2", message: message(2) },
      { type: "message", id: "1-3", message: message(3) },
    );
    expect(apply(opened, { type: "looked", conversation: "c", message: "m1" }).conversations?.c?.unread).toBe(2);
  });
});

it("an event of a newer node changes nothing", () => {
  expect(apply(known, { type: "typing", id: "1-1" } as unknown as AppEvent)).toBe(known);
});
