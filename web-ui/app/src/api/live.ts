// The stream of events: one WebSocket, opened again with backoff, resumed from the last event seen.
import type { Frame } from "./types";

/** The part of a WebSocket that is used, so that a test can stand in for it. */
export type Socket = {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  close(): void;
};

export type LiveWorld = {
  connect(path: string): Socket;
  schedule(run: () => void, delay_ms: number): () => void;
  /** 0 ≤ x < 1, spreads the retries of several tabs. */
  random(): number;
};

export type LiveListener = {
  frame(frame: Frame): void;
  /** The connection ended, or could not be made, the `attempt`-th time in a row. */
  lost(attempt: number): void;
};

export const retry_ms_first = 400;
export const retry_ms_max = 15_000;

/** Exponential, from 0.4 s to 15 s, between half and all of each step. */
export function retryDelay(attempt: number, random: number): number {
  const step = Math.min(retry_ms_max, retry_ms_first * 2 ** Math.min(attempt - 1, 16));
  return Math.round(step * (0.5 + random / 2));
}

export class Live {
  private socket: Socket | undefined;
  private cancelRetry: (() => void) | undefined;
  private attempt = 0;
  private last: string | undefined;
  private running = false;

  constructor(
    private readonly world: LiveWorld,
    private readonly listener: LiveListener,
  ) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.attempt = 0;
    this.open();
  }

  stop(): void {
    this.running = false;
    this.last = undefined;
    this.cancelRetry?.();
    this.drop();
  }

  /** Something suggests that the node is back (the network, a tab brought to the front): try now. */
  hurry(): void {
    if (!this.running || this.socket) return;
    this.cancelRetry?.();
    this.open();
  }

  private open(): void {
    this.cancelRetry = undefined;
    const query = this.last === undefined ? "" : `?after=${encodeURIComponent(this.last)}`;
    const socket = this.world.connect(`/api/v1/live${query}`);
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      const frame = parse(data);
      if (!frame) return;
      this.attempt = 0;
      // A new run of the node does not remember the events of the run before it: everything is read again.
      if (frame.type === "hello" && this.last !== undefined && run(frame.id) !== run(this.last)) {
        this.listener.frame({ type: "lagged", id: frame.id });
      }
      // A resumed stream greets with the newest id and then replays: the greeting is not where we are.
      const greeting = frame.type === "hello" && this.last !== undefined && run(frame.id) === run(this.last);
      if (frame.id && !greeting) this.last = frame.id;
      this.listener.frame(frame);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      if (!this.running) return;
      this.attempt += 1;
      this.cancelRetry = this.world.schedule(() => this.open(), retryDelay(this.attempt, this.world.random()));
      this.listener.lost(this.attempt);
    };
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }
}

const run = (id: string) => id.split("-")[0];

function parse(data: unknown): Frame | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const frame: unknown = JSON.parse(data);
    const known = typeof frame === "object" && frame !== null && "type" in frame;
    return known ? (frame as Frame) : undefined;
  } catch {
    return undefined;
  }
}

export const browserWorld: LiveWorld = {
  connect(path) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${path}`);
    return socket as unknown as Socket;
  },
  schedule(run_later, delay_ms) {
    const timer = setTimeout(run_later, delay_ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
