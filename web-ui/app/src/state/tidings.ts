// The app without its screens: the store, and every action that asks the node for something.
import { Refused, Unreachable, createClient } from "../api/client";
import type { Client } from "../api/client";
import { Live, browserWorld } from "../api/live";
import type { LiveWorld } from "../api/live";
import type { Contact, Conversation, Frame } from "../api/types";
import { apply } from "./apply";
import type { AppEvent } from "./apply";
import { createElsewhere } from "./elsewhere";
import { createGroups } from "./groups";
import { loadOutgoing, saveOutgoing } from "./keep";
import { empty } from "./model";
import type { State, Toast } from "./model";
import { Outbox } from "./outbox";
import { createStore } from "./store";
import { createStrangers } from "./strangers";

const page_messages = 60;
const toast_ms = 6_000;
/** How often a waiting answer of the node to "who is connected" may be asked for while events stream in. */
const status_wait_ms = 300;
/** Lost connections in a row before the page says that the node is away: a restart takes less. */
const away_attempts = 2;

export type World = {
  client?: Client;
  live?: LiveWorld;
  keep?: Storage;
  now?: () => number;
  key?: () => string;
};

export type Tidings = ReturnType<typeof createTidings>;

export function createTidings(world: World = {}) {
  const { client = createClient(), live: liveWorld = browserWorld, now = Date.now, key = randomKey } = world;
  const keep = world.keep ?? sessionStorage;
  const store = createStore<State, AppEvent>({ ...empty, outgoing: loadOutgoing(keep) }, apply);
  const { dispatch } = store;

  let kept = store.get().outgoing;
  store.subscribe(() => {
    const { outgoing } = store.get();
    if (outgoing === kept) return;
    kept = outgoing;
    saveOutgoing(keep, outgoing);
  });

  const outbox = new Outbox({
    state: store.get,
    dispatch,
    send: (it) => client.send(it.conversation, it.key, it.text, it.replyTo),
    schedule: (run, delay_ms) => void setTimeout(run, delay_ms),
    failed: (error) => noticed(error),
  });

  let toasts = 0;
  const toast = (tone: Toast["tone"], text: string): void => {
    toasts += 1;
    const id = toasts;
    dispatch({ type: "toast", toast: { id, tone, text } });
    setTimeout(() => dispatch({ type: "toast-gone", id }), toast_ms);
  };

  /** What any failed request may tell about the session. */
  const noticed = (error: unknown): void => {
    if (error instanceof Refused && error.code === "not_signed_in") leave();
  };

  /** Reports a failure to the person, unless the banner or the sign-in screen already does. */
  const failed = (error: unknown): void => {
    noticed(error);
    if (store.get().session !== "signed-in") return;
    toast("error", error instanceof Error ? error.message : String(error));
  };

  const leave = (): void => {
    live.stop();
    dispatch({ type: "signed-out" });
  };

  const readStatus = async (): Promise<void> => {
    try {
      dispatch({ type: "status", status: await client.status() });
    } catch (error) {
      noticed(error);
    }
  };

  let statusWaits = false;
  const readStatusSoon = (): void => {
    if (statusWaits) return;
    statusWaits = true;
    setTimeout(() => {
      statusWaits = false;
      void readStatus();
    }, status_wait_ms);
  };

  const elsewhere = createElsewhere({ client, dispatch, noticed });
  const groups = createGroups({ client, state: store.get, dispatch, failed, noticed });
  const strangers = createStrangers({ client, dispatch, noticed });

  const readEverything = async (): Promise<void> => {
    try {
      const [status, conversations, contacts] = await Promise.all([
        client.status(),
        client.conversations(),
        client.contacts(),
      ]);
      dispatch({ type: "status", status });
      dispatch({ type: "contacts", contacts });
      dispatch({ type: "conversations", conversations });
    } catch (error) {
      noticed(error);
      return;
    }
    void groups.readAll();
    void strangers.read();
    const open = Object.keys(store.get().timelines);
    await Promise.all(open.map((conversation) => openConversation(conversation, true)));
  };

  let greeted = false;
  const heard = (frame: Frame): void => {
    dispatch(frame);
    groups.heard(frame);
    strangers.heard(frame);
    switch (frame.type) {
      case "hello":
        if (!greeted || !store.get().conversations) void readEverything();
        else readStatusSoon();
        greeted = true;
        outbox.pump();
        for (const [conversation, message] of untold) void looked(conversation, message);
        return;
      case "lagged":
        if (greeted) void readEverything();
        return;
      case "peers":
      case "profile":
      case "states":
        readStatusSoon();
        return;
      default:
    }
  };

  const live = new Live(liveWorld, {
    frame: heard,
    lost(attempt) {
      if (attempt >= away_attempts) dispatch({ type: "link", link: "away" });
      else if (store.get().link === "live") dispatch({ type: "link", link: "connecting" });
      // A refused upgrade cannot be told from a silent node: a plain request can.
      void readStatus();
    },
  });

  /** The first question: is there a session? */
  const start = async (): Promise<void> => {
    try {
      const status = await client.status();
      dispatch({ type: "status", status });
      dispatch({ type: "signed-in" });
      greeted = false;
      live.start();
    } catch (error) {
      if (error instanceof Refused && error.code === "not_signed_in") {
        leave();
        return;
      }
      dispatch({ type: "link", link: "away" });
      setTimeout(() => void start(), 2_000);
    }
  };

  const signIn = async (token: string): Promise<void> => {
    await client.signIn(token);
    await start();
  };

  const signOut = async (): Promise<void> => {
    try {
      await client.signOut();
    } catch (error) {
      if (!(error instanceof Refused)) {
        failed(error);
        return;
      }
    }
    keep.clear();
    leave();
  };

  const reading = new Set<string>();
  const once = async (what: string, read: () => Promise<void>): Promise<void> => {
    if (reading.has(what)) return;
    reading.add(what);
    try {
      await read();
    } catch (error) {
      failed(error);
    } finally {
      reading.delete(what);
    }
  };

  /** Reads the newest messages; what is held already is kept unless `again` is said or there is a hole. */
  const openConversation = (conversation: string, again = false): Promise<void> => {
    const held = store.get().timelines[conversation];
    if (held && !again) return Promise.resolve();
    const unread = store.get().conversations?.[conversation]?.unread ?? 0;
    const limit = Math.min(200, Math.max(page_messages, unread + 20));
    return once(`latest ${conversation}`, async () => {
      const page = await client.messages(conversation, { limit });
      dispatch({ type: "page", conversation, side: "latest", page });
    });
  };

  const readOlder = (conversation: string): Promise<void> =>
    once(`before ${conversation}`, async () => {
      const timeline = store.get().timelines[conversation];
      const before = timeline?.messages[0]?.message;
      if (!timeline?.moreBefore || before === undefined) return;
      const page = await client.messages(conversation, { before, limit: page_messages });
      dispatch({ type: "page", conversation, side: "before", page });
    });

  const readNewer = (conversation: string): Promise<void> =>
    once(`after ${conversation}`, async () => {
      const timeline = store.get().timelines[conversation];
      const after = timeline?.messages.at(-1)?.message;
      if (!timeline?.moreAfter || after === undefined) return;
      const page = await client.messages(conversation, { after, limit: page_messages });
      dispatch({ type: "page", conversation, side: "after", page });
    });

  /** Replaces what is held by the newest page. */
  const jumpToLatest = (conversation: string): Promise<void> =>
    once(`latest ${conversation}`, async () => {
      const page = await client.messages(conversation, { limit: page_messages });
      dispatch({ type: "page", conversation, side: "replace", page });
    });

  /** Makes sure that a message is held, with what is around it. Says whether it is. */
  const jumpTo = async (conversation: string, id: string): Promise<boolean> => {
    if (store.get().timelines[conversation]?.messages.some((it) => it.message === id)) return true;
    try {
      const [message, older, newer] = await Promise.all([
        client.message(id),
        client.messages(conversation, { before: id, limit: page_messages }),
        client.messages(conversation, { after: id, limit: page_messages }),
      ]);
      const page = {
        messages: [...older.messages, message, ...newer.messages],
        more_before: older.more_before,
        more_after: newer.more_after,
      };
      dispatch({ type: "page", conversation, side: "replace", page });
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  };

  /** Finds the message that a reply quotes, once. */
  const quote = (id: string): Promise<void> =>
    once(`quoted ${id}`, async () => {
      if (store.get().quoted[id] !== undefined) return;
      try {
        dispatch({ type: "quoted", id, message: await client.message(id) });
      } catch (error) {
        if (!(error instanceof Refused)) return;
        dispatch({ type: "quoted", id, message: null });
      }
    });

  /** What was looked at while the node was away, by conversation: said once it is back. */
  const untold = new Map<string, string>();

  const looked = (conversation: string, message: string): Promise<void> =>
    once(`seen ${conversation} ${message}`, async () => {
      dispatch({ type: "looked", conversation, message });
      try {
        await client.seen(conversation, message);
        if (untold.get(conversation) === message) untold.delete(conversation);
      } catch (error) {
        if (error instanceof Unreachable) untold.set(conversation, message);
        noticed(error);
      }
    });

  const send = (conversation: string, text: string, replyTo?: string): void => {
    const outgoing = { key: key(), conversation, text, replyTo, at_ms: now(), phase: "waiting" as const };
    dispatch({ type: "typed", outgoing });
    outbox.pump();
  };

  const retry = (outgoingKey: string): void => {
    const refused = store.get().outgoing.find((it) => it.key === outgoingKey);
    if (!refused) return;
    dispatch({ type: "discarded", key: outgoingKey });
    send(refused.conversation, refused.text, refused.replyTo);
  };

  const discard = (outgoingKey: string): void => dispatch({ type: "discarded", key: outgoingKey });

  const startConversation = async (contact: Contact): Promise<Conversation> => {
    const conversation = await client.startConversation([contact.contact]);
    dispatch({ type: "conversation", conversation });
    return conversation;
  };

  const addContact = async (link: string): Promise<Contact> => {
    const contact = await client.addContact(link);
    dispatch({ type: "contact", contact });
    return contact;
  };

  const rename = async (name: string): Promise<void> => {
    dispatch({ type: "status", status: await client.rename(name) });
  };

  const wake = (): void => live.hurry();

  return {
    store,
    client,
    groups,
    elsewhere,
    strangers,
    start,
    wake,
    signIn,
    signOut,
    openConversation,
    readOlder,
    readNewer,
    readStatus,
    jumpToLatest,
    jumpTo,
    quote,
    looked,
    send,
    retry,
    discard,
    startConversation,
    addContact,
    rename,
    toast,
    failed,
  };
}

/** An idempotency key. `randomUUID` is missing where the page came over plain HTTP from another machine. */
function randomKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
