import { describe, expect, it } from "vitest";
import { Live, retryDelay, retry_ms_first, retry_ms_max } from "../src/api/live";
import type { Socket } from "../src/api/live";
import type { Frame } from "../src/api/types";

function world() {
  const paths: string[] = [];
  const sockets: Socket[] = [];
  const retries: { run: () => void; delay_ms: number }[] = [];
  const frames: Frame[] = [];
  const lost: number[] = [];
  const live = new Live(
    {
      connect(path) {
        paths.push(path);
        const socket: Socket = { onopen: null, onmessage: null, onclose: null, close: () => undefined };
        sockets.push(socket);
        return socket;
      },
      schedule(run, delay_ms) {
        const retry = { run, delay_ms };
        retries.push(retry);
        return () => retries.splice(retries.indexOf(retry), 1);
      },
      random: () => 0.999,
    },
    { frame: (frame) => frames.push(frame), lost: (attempt) => lost.push(attempt) },
  );
  const hear = (frame: object) => sockets.at(-1)?.onmessage?.({ data: JSON.stringify(frame) });
  const cut = () => sockets.at(-1)?.onclose?.();
  const again = () => retries.shift()?.run();
  return { live, paths, retries, frames, lost, hear, cut, again };
}

describe("the live connection", () => {
  it("resumes from the last event it heard", () => {
    const here = world();
    here.live.start();
    here.hear({ type: "hello", id: "a-4", account: "me" });
    here.hear({ type: "profile", id: "a-5" });
    here.cut();
    here.again();
    expect(here.paths).toEqual(["/api/v1/live", "/api/v1/live?after=a-5"]);
  });

  it("does not take the greeting of a resumed stream for its position", () => {
    const here = world();
    here.live.start();
    here.hear({ type: "hello", id: "a-4", account: "me" });
    here.cut();
    here.again();
    here.hear({ type: "hello", id: "a-9", account: "me" });
    here.cut();
    here.again();
    expect(here.paths.at(-1)).toBe("/api/v1/live?after=a-4");
  });

  it("has everything read again when the node is another run", () => {
    const here = world();
    here.live.start();
    here.hear({ type: "hello", id: "a-4", account: "me" });
    here.cut();
    here.again();
    here.hear({ type: "hello", id: "b-0", account: "me" });
    expect(here.frames.map((it) => it.type)).toEqual(["hello", "lagged", "hello"]);
  });

  it("counts the attempts and starts anew once it hears something", () => {
    const here = world();
    here.live.start();
    here.cut();
    here.again();
    here.cut();
    here.again();
    here.hear({ type: "hello", id: "a-1", account: "me" });
    here.cut();
    expect(here.lost).toEqual([1, 2, 1]);
  });

  it("ignores what is not a frame", () => {
    const here = world();
    here.live.start();
    here.hear([]);
    here.hear({ nothing: true });
    expect(here.frames).toEqual([]);
  });

  it("opens no second connection when hurried", () => {
    const here = world();
    here.live.start();
    here.live.hurry();
    here.cut();
    here.live.hurry();
    expect(here.paths).toHaveLength(2);
    expect(here.retries).toHaveLength(0);
  });
});

it("the delay grows to its limit and is spread", () => {
  expect(retryDelay(1, 0)).toBe(retry_ms_first / 2);
  expect(retryDelay(2, 0)).toBe(retry_ms_first);
  expect(retryDelay(50, 1)).toBe(retry_ms_max);
});
