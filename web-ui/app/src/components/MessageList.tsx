// A conversation's messages: a window of rows in the document, moved as one scrolls, with what is in sight held still.
import { ChevronDown } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { KeyboardEvent } from "react";
import type { Conversation, Message } from "../api/types";
import { useAttention, useLatest, useMinute, useSelect, useTidings } from "../state/react";
import { rows, unreadMarker, windowAround, windowMustMove } from "../state/rows";
import type { Marker, Row } from "../state/rows";
import { day } from "../ui/format";
import { t } from "../ui/i18n";
import { Spinner } from "../ui/Spinner";
import { MessageRow, OutgoingRow, SystemRow } from "./MessageRow";
import type { RowActions } from "./MessageRow";

/** Closer than this to the end, new messages pull the view along. */
const end_px = 60;
/** Closer than this to what is held, more is asked for. */
const ahead_px = 1_200;
const flash_ms = 1_800;

type Props = { conversation: Conversation; onReply: (message: Message) => void; onDetails: (message: Message) => void };

/** A row in sight, where it stood, and how far the list was scrolled then. */
type Anchor = { key: string; top: number; scrolled: number };

export function MessageList({ conversation, onReply, onDetails }: Props) {
  const id = conversation.conversation;
  const tidings = useTidings();
  const timeline = useSelect((state) => state.timelines[id]);
  const everyOutgoing = useSelect((state) => state.outgoing);
  const attention = useAttention();
  const now = useMinute();

  // The marker stays where it was when the conversation was opened, however much is read meanwhile.
  const [opened] = useState({ unread: conversation.unread, seenUpTo: conversation.seen_up_to });
  const markerRef = useRef<{ marker: Marker | undefined }>(undefined);
  if (timeline && !markerRef.current) {
    markerRef.current = { marker: unreadMarker(timeline.messages, opened.unread, opened.seenUpTo) };
  }
  const marker = markerRef.current?.marker;

  const messages = timeline?.messages;
  const list = useMemo(() => {
    const outgoing = everyOutgoing.filter((it) => it.conversation === id);
    return rows(messages ?? [], timeline?.moreAfter ? [] : outgoing, marker);
  }, [messages, timeline?.moreAfter, everyOutgoing, id, marker]);

  const [center, setCenter] = useState<string | undefined>(marker?.before);
  const shown = windowAround(list.length, center === undefined ? undefined : indexOf(list, center));
  const visible = list.slice(shown.start, shown.end);

  const scroller = useRef<HTMLDivElement>(null);
  const listElement = useRef<HTMLOListElement>(null);
  const anchor = useRef<Anchor>(undefined);
  const stuck = useRef(true);
  const placed = useRef(false);
  const wanted = useRef<string>(undefined);
  // Read before the rows change: shorter content makes the browser scroll by itself.
  const scrolledBefore = scroller.current?.scrollTop;
  const [atEnd, setAtEnd] = useState(true);
  const [flashing, setFlashing] = useState<string>();
  const latest = useLatest({ list, shown, timeline, attention, conversation });

  /** Tells the node which received message was looked at last, if that is news. */
  const look = useCallback(() => {
    const { timeline: held, attention: looking, conversation: current, list: all } = latest.current;
    if (!looking || !held || !scroller.current || current.unread === 0) return;
    const index = lastVisible(scroller.current, listElement.current);
    const key = index === undefined ? undefined : all[latest.current.shown.start + index]?.key;
    const upTo = held.messages.findLastIndex((it) => it.message === key);
    const message = held.messages.slice(0, upTo + 1).findLast((it) => !it.mine);
    const seen = held.messages.find((it) => it.message === current.seen_up_to);
    if (!message || (seen && seen.place >= message.place)) return;
    void tidings.looked(id, message.message);
  }, [id, latest, tidings]);

  const measure = useCallback(() => {
    const box = scroller.current;
    if (!box || !placed.current) return;
    const { list: all, shown: at, timeline: held } = latest.current;
    const below = box.scrollHeight - box.scrollTop - box.clientHeight;
    const isEnd = at.end === all.length && !held?.moreAfter && below < end_px;
    stuck.current = isEnd;
    setAtEnd(isEnd);

    const first = firstVisible(box, listElement.current);
    if (first) anchor.current = { key: first.key, top: first.top, scrolled: box.scrollTop };
    const firstIndex = first ? at.start + first.index : at.start;
    const lastIndex = at.start + (lastVisible(box, listElement.current) ?? 0);
    if (isEnd) setCenter(undefined);
    else if (windowMustMove(at, all.length, firstIndex, lastIndex)) setCenter(first?.key);

    if (at.start === 0 && held?.moreBefore && box.scrollTop < ahead_px) void tidings.readOlder(id);
    if (at.end === all.length && held?.moreAfter && below < ahead_px) void tidings.readNewer(id);
    look();
  }, [id, latest, look, tidings]);

  /** After the rows changed: puts what was in sight where it was, less what the person scrolled meanwhile. */
  const hold = useCallback((scrolled?: number) => {
    const box = scroller.current;
    if (!box) return;
    const held = anchor.current;
    const byPerson = held ? (scrolled ?? box.scrollTop) - held.scrolled : 0;
    const target = wanted.current === undefined ? null : find(listElement.current, wanted.current);
    if (target) {
      wanted.current = undefined;
      stuck.current = false;
      target.scrollIntoView({ block: "center" });
      target.focus({ preventScroll: true });
    } else if (stuck.current && byPerson >= -1) {
      box.scrollTop = box.scrollHeight;
    } else if (held) {
      const row = find(listElement.current, held.key);
      if (row) box.scrollTop += topOf(row, box) - (held.top - byPerson);
    }
  }, []);

  // oxlint-disable-next-line react-hooks/exhaustive-deps -- after every rendering, whatever made the rows change
  useLayoutEffect(() => {
    if (!timeline) return;
    if (placed.current) {
      hold(scrolledBefore);
    } else if (marker && center !== marker.before) {
      setCenter(marker.before);
      return;
    } else {
      placed.current = true;
      const unread = find(listElement.current, "unread");
      const box = scroller.current;
      if (unread && box) {
        stuck.current = false;
        box.scrollTop += topOf(unread, box) - box.clientHeight / 5;
      } else {
        hold();
      }
    }
    measure();
  });

  useEffect(() => {
    const observer = new ResizeObserver(() => {
      hold();
      measure();
    });
    if (scroller.current) observer.observe(scroller.current);
    if (listElement.current) observer.observe(listElement.current);
    return () => observer.disconnect();
  }, [hold, measure]);

  useEffect(() => {
    if (attention) look();
  }, [attention, look]);

  const toLatest = useCallback(async () => {
    if (latest.current.timeline?.moreAfter) await tidings.jumpToLatest(id);
    stuck.current = true;
    anchor.current = undefined;
    setCenter(undefined);
    hold();
  }, [hold, id, latest, tidings]);

  // What one sends oneself is always shown.
  const sending = everyOutgoing.findLast((it) => it.conversation === id)?.key;
  const sentBefore = useRef(sending);
  useEffect(() => {
    if (sending !== undefined && sending !== sentBefore.current) void toLatest();
    sentBefore.current = sending;
  }, [sending, toLatest]);

  const jump = useCallback(
    async (message: string) => {
      if (!(await tidings.jumpTo(id, message))) return;
      wanted.current = message;
      setCenter(message);
      setFlashing(message);
      setTimeout(() => setFlashing(undefined), flash_ms);
    },
    [id, tidings],
  );

  const actions = useMemo<RowActions>(
    () => ({
      reply: onReply,
      details: onDetails,
      jump: (message) => void jump(message),
      copy: (message) => {
        navigator.clipboard.writeText(message.text).then(
          () => tidings.toast("info", t("message.copied")),
          () => tidings.toast("error", t("copy.failed")),
        );
      },
    }),
    [jump, onDetails, onReply, tidings],
  );

  const [focused, setFocused] = useState<string>();
  const lastMessage = visible.findLast((it) => it.kind === "message")?.key;
  const active = visible.some((it) => it.key === focused) ? focused : lastMessage;
  const onKeyDown = (event: KeyboardEvent<HTMLOListElement>) => {
    const row = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>("[data-message]") : null;
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...(listElement.current?.querySelectorAll<HTMLElement>("[data-message]") ?? [])];
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const next = step === undefined ? undefined : all[all.indexOf(row) + step];
    const message = timeline?.messages.find((it) => it.message === row.dataset.key);
    if (next) next.focus();
    else if (event.key === "r" && message && event.target === row) onReply(message);
    else if (event.key === "Enter" && message && event.target === row) onDetails(message);
    else return;
    event.preventDefault();
  };

  // Counted from what was the newest when the end was last in sight.
  const newest = messages?.at(-1)?.place ?? 0;
  const readTo = useRef(newest);
  if (atEnd || readTo.current === 0) readTo.current = Math.max(readTo.current, newest);
  const unseen = atEnd ? 0 : (messages?.filter((it) => !it.mine && it.kind !== "system" && it.place > readTo.current).length ?? 0);

  return (
    <div className="messages">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scroller must be reachable by keyboard */}
      <div className="messages-scroll" ref={scroller} onScroll={measure} tabIndex={visible.length === 0 ? 0 : -1}>
        {!timeline && (
          <div className="messages-loading">
            <Spinner label={t("chat.loading")} />
          </div>
        )}
        {timeline && !timeline.moreBefore && shown.start === 0 && list.length > 0 && (
          <p className="messages-start">{t(conversation.direct ? "chat.start" : "chat.group-start", { name: conversation.name })}</p>
        )}
        {timeline && (timeline.moreBefore || shown.start > 0) && (
          <div className="messages-more">
            <Spinner />
          </div>
        )}
        <ol
          ref={listElement}
          role="list"
          aria-label={t("chat.messages", { name: conversation.name })}
          onKeyDown={onKeyDown}
          onFocus={(event) => {
            const row = event.target.closest<HTMLElement>("[data-message]");
            if (row) setFocused(row.dataset.key);
          }}
        >
          {visible.map((row) => {
            switch (row.kind) {
              case "day":
                return (
                  <li key={row.key} className="day" data-key={row.key}>
                    <span>{day(row.at_ms, now)}</span>
                  </li>
                );
              case "unread":
                return (
                  <li key="unread" className="unread-marker" data-key="unread">
                    <span>{t("chat.unread", { count: row.count })}</span>
                  </li>
                );
              case "system":
                return <SystemRow key={row.key} message={row.message} />;
              case "message":
                return (
                  <MessageRow
                    key={row.key}
                    message={row.message}
                    first={row.first}
                    last={row.last}
                    group={!conversation.direct}
                    active={row.key === active}
                    flashing={row.key === flashing}
                    actions={actions}
                  />
                );
              default:
                return (
                  <OutgoingRow
                    key={row.key}
                    outgoing={row.outgoing}
                    first={row.first}
                    last={row.last}
                    onJump={actions.jump}
                  />
                );
            }
          })}
        </ol>
      </div>
      {!atEnd && timeline && (
        <button
          type="button"
          className="to-latest"
          aria-label={unseen > 0 ? t("chat.new-pill", { count: unseen }) : t("chat.to-latest")}
          onClick={() => void toLatest()}
        >
          {unseen > 0 && <span className="to-latest-count">{t("chat.unread", { count: unseen })}</span>}
          <ChevronDown />
        </button>
      )}
      <Announcer messages={messages} />
    </div>
  );
}

/** Says to a screen reader what arrives while the conversation is open. */
function Announcer({ messages }: { messages: Message[] | undefined }) {
  const last = messages?.findLast((it) => !it.mine || it.kind === "system");
  const blocked = useSelect((state) => last !== undefined && !last.mine && state.blocked[last.sender] !== undefined);
  const before = useRef<number>(undefined);
  if (messages && before.current === undefined) before.current = last?.place ?? 0;
  const fresh = last && before.current !== undefined && last.place > before.current;
  return (
    <div className="visually-hidden" aria-live="polite">
      {fresh && !blocked && (last.kind === "system" ? last.text : t("chat.arrived", { name: last.sender_name, text: last.text }))}
    </div>
  );
}

const indexOf = (list: Row[], key: string): number => list.findIndex((it) => it.key === key);

const topOf = (row: Element, box: Element): number => row.getBoundingClientRect().top - box.getBoundingClientRect().top;

function find(list: Element | null, key: string): HTMLElement | null {
  return list?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`) ?? null;
}

/** The first message whose lower edge is in sight: rows stand in order, so half of them need no look. */
function firstVisible(box: Element, list: Element | null): { index: number; key: string; top: number } | undefined {
  const all = list?.children;
  if (!all) return undefined;
  const edge = box.getBoundingClientRect().top;
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.getBoundingClientRect().bottom ?? 0) > edge) high = middle;
    else low = middle + 1;
  }
  for (let index = low; index < all.length; index += 1) {
    const row = all[index];
    if (!(row instanceof HTMLElement) || row.dataset.message === undefined || !row.dataset.key) continue;
    return { index, key: row.dataset.key, top: topOf(row, box) };
  }
  return undefined;
}

function lastVisible(box: Element, list: Element | null): number | undefined {
  const all = list?.children;
  if (!all || all.length === 0) return undefined;
  const edge = box.getBoundingClientRect().bottom;
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.getBoundingClientRect().bottom ?? 0) <= edge) low = middle + 1;
    else high = middle;
  }
  // A row half below the edge counts as seen: its beginning is.
  return Math.min(all.length - 1, Math.max(0, low === all.length ? low - 1 : low));
}
