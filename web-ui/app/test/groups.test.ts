// Groups: what the state does with them, what the page offers, and how their lines stand among the messages.
import { describe, expect, it } from "vitest";
import type { Group, Member, Role } from "../src/api/types";
import { apply } from "../src/state/apply";
import type { AppEvent } from "../src/state/apply";
import { empty } from "../src/state/model";
import type { State } from "../src/state/model";
import { offers } from "../src/state/offers";
import { rows, unreadMarker } from "../src/state/rows";
import { duration, until } from "../src/ui/format";
import { conversation, message } from "./make";

const all = (state: State, ...events: AppEvent[]): State => events.reduce(apply, state);
const line = (place: number) => message(place, { kind: "system", changes: [{ change: "created" }] });

function group(mine: Role, others: Role[], change: Partial<Group> = {}): Group {
  const members: Member[] = [
    { account: "me", name: "Me", me: true, role: mine, nodes: 1 },
    ...others.map((role, index) => ({ account: `p${index}`, name: `P${index}`, me: false, role, nodes: 1 })),
  ];
  return {
    conversation: conversation({ direct: false, members, my_role: mine }),
    history: { kind: "nothing" },
    disappearing_s: 0,
    may_invite: "everybody",
    may_edit: "everybody",
    invites: [],
    suite: "classic",
    could_be_hybrid: false,
    requests: [],
    pending: [],
    given_up: [],
    ...change,
  };
}

const other = (of: Group, index: number): Member => of.conversation.members[index + 1] as Member;

describe("lines about the group", () => {
  const opened = all(
    empty,
    { type: "conversations", conversations: [conversation()] },
    { type: "page", conversation: "c", side: "latest", page: { messages: [message(1)], more_before: false, more_after: false } },
  );

  it("are shown and are no unread messages", () => {
    const state = apply(opened, { type: "message", id: "1-1", message: line(2) });
    expect(state.timelines.c?.messages.map((it) => it.place)).toEqual([1, 2]);
    expect(state.conversations?.c?.unread).toBe(0);
    expect(unreadMarker([message(1), line(2)], 1, undefined)).toEqual({ before: "m1", count: 1 });
  });

  it("go when the change that they told did not hold", () => {
    const gone: AppEvent = { type: "message_gone", id: "1-2", message: "m2" };
    const state = all(opened, { type: "message", id: "1-1", message: line(2) }, gone, gone);
    expect(state.timelines.c?.messages.map((it) => it.place)).toEqual([1]);
  });

  it("stand between what people wrote and part it", () => {
    const list = rows([message(1), line(2), message(3)], []);
    expect(list.map((it) => it.kind)).toEqual(["day", "message", "system", "message"]);
    const edges = list.flatMap((it) => (it.kind === "message" ? [`${Number(it.first)}${Number(it.last)}`] : []));
    expect(edges).toEqual(["11", "11"]);
  });
});

it("a group that was read is the newest word on its conversation too", () => {
  const fresh = group("owner", ["member"]);
  const state = all(empty, { type: "conversations", conversations: [conversation()] }, { type: "group", group: fresh });
  expect(state.groups.c).toBe(fresh);
  expect(state.conversations?.c?.members).toHaveLength(2);
});

describe("the page offers", () => {
  it("an owner everything", () => {
    const some = group("owner", ["admin"]);
    const may = offers(some);
    expect([may.edit, may.invite, may.rules, may.permissions, may.decide]).toEqual([true, true, true, true, true]);
    expect(may.remove(other(some, 0))).toBe(true);
    expect(may.roles(other(some, 0))).toEqual(["owner", "admin", "member", "read_only"]);
  });

  it("an admin what is below admins", () => {
    const some = group("admin", ["owner", "admin", "member", "read_only"]);
    const may = offers(some);
    expect(may.permissions).toBe(false);
    expect([0, 1, 2, 3].map((index) => may.remove(other(some, index)))).toEqual([false, false, true, true]);
    expect([0, 1, 2].map((index) => may.roles(other(some, index)))).toEqual([[], [], ["member", "read_only"]]);
  });

  it("a member what the group lets everybody do, and who may only read, nothing", () => {
    const open = offers(group("member", ["owner"]));
    expect([open.edit, open.invite, open.rules, open.decide]).toEqual([true, true, false, false]);
    const shut = offers(group("member", ["owner"], { may_edit: "admins", may_invite: "admins" }));
    expect([shut.edit, shut.invite]).toEqual([false, false]);
    const reading = offers(group("read_only", ["owner"]));
    expect([reading.edit, reading.invite, reading.revoke("p0")]).toEqual([false, false, false]);
  });

  it("an owner's rights to those with the most, where no owner is left", () => {
    expect(offers(group("admin", ["member"])).permissions).toBe(true);
    expect(offers(group("member", ["member"])).permissions).toBe(true);
    expect(offers(group("member", ["admin"])).permissions).toBe(false);
  });

  it("nothing in a group that one is not in", () => {
    for (const standing of ["left", "removed", "joining"] as const) {
      const some = group("owner", ["member"]);
      const may = offers({ ...some, conversation: { ...some.conversation, standing } });
      expect([may.edit, may.invite, may.rules, may.remove(other(some, 0))]).toEqual([false, false, false, false]);
    }
  });
});

describe("times to come", () => {
  it("are rounded up", () => {
    expect(until(59_000, 0)).toBe("in 1 minute");
    expect(until(61_000, 0)).toBe("in 2 minutes");
    expect(until(23.5 * 3_600_000, 0)).toBe("in 24 hours");
    expect(until(6.5 * 86_400_000, 0)).toBe("in 7 days");
  });

  it("are named in the largest unit that fits", () => {
    expect([3_600, 604_800, 90].map(duration)).toEqual(["1 hour", "7 days", "90 seconds"]);
  });
});
