// From messages to what the conversation shows: day separators, the unread marker, and groups of one author.
import type { Message } from "../api/types";
import type { Outgoing } from "./model";

export type Row =
  | { kind: "day"; key: string; at_ms: number }
  | { kind: "unread"; key: string; count: number }
  | { kind: "system"; key: string; message: Message }
  | { kind: "message"; key: string; message: Message; first: boolean; last: boolean }
  | { kind: "outgoing"; key: string; outgoing: Outgoing; first: boolean; last: boolean };

/** Messages of one author further apart than this begin a new group. */
export const group_gap_ms_max = 5 * 60_000;

export type Marker = { before: string; count: number };

const counts = (it: Message): boolean => !it.mine && it.kind !== "system";

/** Where the unread marker stands, given what was unread when the conversation was opened. */
export function unreadMarker(messages: Message[], unread: number, seenUpTo?: string | null): Marker | undefined {
  if (unread === 0) return undefined;
  const seen = seenUpTo == null ? -1 : messages.findIndex((it) => it.message === seenUpTo);
  const first = messages.slice(seen + 1).find(counts);
  if (seen >= 0) return first && { before: first.message, count: unread };
  const received = messages.filter(counts);
  const oldest = received.at(-Math.min(unread, received.length));
  return oldest && { before: oldest.message, count: unread };
}

export function rows(messages: Message[], outgoing: Outgoing[], marker?: Marker): Row[] {
  const result: Row[] = [];
  const items = [
    ...messages.map((message) => ({ message, at_ms: message.sent_at_ms, author: message.sender, mine: message.mine })),
    ...outgoing.map((it) => ({ outgoing: it, at_ms: it.at_ms, author: "", mine: true })),
  ];
  const breaks = (index: number): boolean => {
    const [a, b] = [items[index - 1], items[index]];
    if (!a || !b) return true;
    const sameAuthor = a.mine && b.mine ? true : a.author === b.author && a.mine === b.mine;
    if (isSystem(a) || isSystem(b)) return true;
    const marked = "message" in b && b.message.message === marker?.before;
    return !sameAuthor || marked || Math.abs(b.at_ms - a.at_ms) > group_gap_ms_max || day(a.at_ms) !== day(b.at_ms);
  };
  for (const [index, item] of items.entries()) {
    const previous = items[index - 1];
    const key = "message" in item ? item.message.message : item.outgoing.key;
    if (!previous || day(previous.at_ms) !== day(item.at_ms)) {
      result.push({ kind: "day", key: `day-${day(item.at_ms)}-${key}`, at_ms: item.at_ms });
    }
    if ("message" in item && item.message.message === marker?.before) {
      result.push({ kind: "unread", key: "unread", count: marker.count });
    }
    if ("message" in item && isSystem(item)) {
      result.push({ kind: "system", key, message: item.message });
      continue;
    }
    const place = { first: breaks(index), last: breaks(index + 1) };
    if ("message" in item) result.push({ kind: "message", key, message: item.message, ...place });
    else result.push({ kind: "outgoing", key, outgoing: item.outgoing, ...place });
  }
  return result;
}

const isSystem = (item: object): boolean => "message" in item && (item.message as Message).kind === "system";

function day(at_ms: number): string {
  const date = new Date(at_ms);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/** Rows kept in the document, whatever the conversation's length. */
export const window_rows_before = 70;
export const window_rows_after = 90;
/** Closer than this to the window's edge, the window moves. */
export const window_rows_margin = 25;

export type Window = { start: number; end: number };

/** The rows to show around the row at `center`, or at the end where there is none. */
export function windowAround(count: number, center: number | undefined): Window {
  const at = center === undefined || center < 0 ? count : center;
  const end = Math.min(count, Math.max(at + window_rows_after, window_rows_before + window_rows_after));
  return { start: Math.max(0, Math.min(at - window_rows_before, end - window_rows_before - window_rows_after)), end };
}

/** Whether what is in sight has come so near an edge that the window has to move. */
export function windowMustMove(window: Window, count: number, firstVisible: number, lastVisible: number): boolean {
  const nearStart = window.start > 0 && firstVisible - window.start < window_rows_margin;
  const nearEnd = window.end < count && window.end - lastVisible < window_rows_margin;
  return nearStart || nearEnd;
}
