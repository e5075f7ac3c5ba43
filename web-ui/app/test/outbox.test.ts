import { describe, expect, it } from "vitest";
import { Refused, Unreachable } from "../src/api/client";
import type { Message } from "../src/api/types";
import { apply } from "../src/state/apply";
import { empty } from "../src/state/model";
import type { Outgoing, State } from "../src/state/model";
import { Outbox, due } from "../src/state/outbox";
import { message } from "./make";

const outgoing = (key: string, change: Partial<Outgoing> = {}): Outgoing => ({
  key,
  conversation: "c",
  text: key,
  at_ms: 0,
  phase: "waiting",
  ...change,
});

function world(...waiting: Outgoing[]) {
  let state: State = { ...empty, session: "signed-in", outgoing: waiting };
  const asked: Outgoing[] = [];
  const answers: { resolve(message: Message): void; reject(error: unknown): void }[] = [];
  const later: (() => void)[] = [];
  const outbox = new Outbox({
    state: () => state,
    dispatch: (event) => (state = apply(state, event)),
    send(it) {
      asked.push(it);
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
    schedule: (run) => later.push(run),
    failed: () => undefined,
  });
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  return { outbox, asked, answers, later, settle, state: () => state };
}

describe("what is due", () => {
  it("is the oldest of each conversation", () => {
    const found = due([outgoing("a"), outgoing("b"), outgoing("x", { conversation: "d" })]);
    expect(found.map((it) => it.key)).toEqual(["a", "x"]);
  });

  it("is nothing of a conversation that has a text in flight", () => {
    expect(due([outgoing("a", { phase: "sending" }), outgoing("b")])).toEqual([]);
  });

  it("passes over what was refused", () => {
    expect(due([outgoing("a", { phase: "refused" }), outgoing("b")]).map((it) => it.key)).toEqual(["b"]);
  });
});

describe("the outbox", () => {
  it("sends in the order of typing, one at a time", async () => {
    const here = world(outgoing("a"), outgoing("b"));
    here.outbox.pump();
    expect(here.asked.map((it) => it.key)).toEqual(["a"]);
    here.answers[0]?.resolve(message(1, { mine: true, text: "a" }));
    await here.settle();
    expect(here.asked.map((it) => it.key)).toEqual(["a", "b"]);
  });

  it("asks again with the same key when the node did not answer", async () => {
    const here = world(outgoing("a"));
    here.outbox.pump();
    here.answers[0]?.reject(new Unreachable("silence"));
    await here.settle();
    expect(here.state().outgoing).toMatchObject([{ key: "a", phase: "waiting" }]);
    for (const run of here.later) run();
    expect(here.asked.map((it) => it.key)).toEqual(["a", "a"]);
  });

  it("keeps a refused text with its reason and goes on with the next", async () => {
    const here = world(outgoing("a"), outgoing("b"));
    here.outbox.pump();
    here.answers[0]?.reject(new Refused({ status: 413, code: "text_too_long", detail: "Too long." }));
    await here.settle();
    expect(here.state().outgoing).toMatchObject([{ phase: "refused", reason: "Too long." }, { phase: "sending" }]);
  });

  it("waits while nobody is signed in", async () => {
    const here = world(outgoing("a"));
    here.outbox.pump();
    here.answers[0]?.reject(new Refused({ status: 401, code: "not_signed_in", detail: "Sign in." }));
    await here.settle();
    expect(here.state().outgoing).toMatchObject([{ key: "a", phase: "waiting" }]);
  });
});
