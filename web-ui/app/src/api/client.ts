// The local API as functions. Every refusal is a `Refused`, every silence of the node an `Unreachable`.
import { groupCalls } from "./groups";
import { identityCalls } from "./identities";
import { strangerCalls } from "./strangers";
import type {
  BundleTaken,
  CardLinks,
  Contact,
  Conversation,
  Finding,
  MadeToken,
  Mailbox,
  Message,
  MessageDetail,
  MessagePage,
  NewToken,
  Problem,
  Session,
  Status,
  Storage,
  StorageLimits,
  Token,
} from "./types";

/** The node answered and said no. */
export class Refused extends Error {
  override name = "Refused";
  readonly status: number;
  readonly code: string;
  constructor({ status, code, detail }: Pick<Problem, "status" | "code" | "detail">) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Nobody answered, or what answered was not the node. The same request may be made again. */
export class Unreachable extends Error {
  override name = "Unreachable";
}

export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

/** How long one answer may take. A guess: the node is on this machine or on the local network. */
const answer_ms_max = 20_000;
/** How long a bundle may take to be brought in, or a backup to be made: they may be gigabytes. A guess. */
const file_ms_max = 30 * 60_000;

export type Page = { before?: string; after?: string; limit?: number };

export type Client = ReturnType<typeof createClient>;

/** One request: JSON both ways, but a picture goes as it is. */
export type Call = <T>(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
  ms_max?: number,
) => Promise<T>;

export function createClient(fetch: Fetch = (path, init) => window.fetch(path, init)) {
  const call: Call = async <T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    ms_max = answer_ms_max,
  ) => {
    const init: RequestInit = {
      method,
      headers: { accept: "application/json", ...headers },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(ms_max),
    };
    if (body instanceof Blob) {
      init.body = body;
      init.headers = { ...init.headers, "content-type": body.type };
    } else if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { ...init.headers, "content-type": "application/json" };
    }
    let response: Response;
    try {
      response = await fetch(`/api/v1/${path}`, init);
    } catch {
      throw new Unreachable("The node did not answer.");
    }
    if (response.ok) return (await read<T>(response)) as T;
    throw await refusal(response);
  };

  const id = encodeURIComponent;
  return {
    ...groupCalls(call),
    ...identityCalls(call),
    ...strangerCalls(call),
    status: () => call<Status>("GET", "status"),
    card: () => call<CardLinks>("GET", "card"),
    rename: (name: string) => call<Status>("PUT", "profile", { name }),

    contacts: () => call<Contact[]>("GET", "contacts"),
    addContact: (link: string) => call<Contact>("POST", "contacts", { link }),

    conversations: () => call<Conversation[]>("GET", "conversations"),
    startConversation: (contacts: string[], name?: string) =>
      call<Conversation>("POST", "conversations", name === undefined ? { contacts } : { contacts, name }),
    messages: (conversation: string, page: Page = {}) => {
      const query = new URLSearchParams({ limit: String(page.limit ?? 50) });
      if (page.before) query.set("before", page.before);
      if (page.after) query.set("after", page.after);
      return call<MessagePage>("GET", `conversations/${id(conversation)}/messages?${query}`);
    },
    send: (conversation: string, key: string, text: string, replyTo?: string) =>
      call<Message>(
        "POST",
        `conversations/${id(conversation)}/messages`,
        replyTo === undefined ? { text } : { text, reply_to: replyTo },
        { "idempotency-key": key },
      ),
    seen: (conversation: string, message: string) =>
      call<void>("POST", `conversations/${id(conversation)}/seen`, { message }),
    message: (message: string) => call<MessageDetail>("GET", `messages/${id(message)}`),

    mailboxes: () => call<Mailbox[]>("GET", "mailboxes"),
    addMailbox: (of: { link: string } | { contact: string }) => call<Mailbox>("POST", "mailboxes", of),
    dropMailbox: (peer: string) => call<void>("DELETE", `mailboxes/${id(peer)}`),
    mailboxLink: () => call<{ link: string }>("GET", "mailbox-link"),
    storage: () => call<Storage>("GET", "storage"),
    setStorage: (limits: StorageLimits) => call<Storage>("PUT", "storage", limits),
    doctor: () => call<Finding[]>("POST", "doctor", {}),
    bundleIn: (file: Blob) =>
      call<BundleTaken>("POST", "bundle", file.slice(0, file.size, "application/octet-stream"), {}, file_ms_max),
    backup: (passphrase: string) => call<Blob>("POST", "backup", { passphrase }, {}, file_ms_max),

    signIn: (token: string) => call<void>("POST", "sign-in", { token }),
    signOut: () => call<void>("POST", "sign-out", {}),
    signInLink: () => call<{ url: string }>("POST", "sign-in-links", {}),
    sessions: () => call<Session[]>("GET", "sessions"),
    revoke: (session: string) => call<void>("DELETE", `sessions/${id(session)}`),
    tokens: () => call<Token[]>("GET", "tokens"),
    makeToken: (wanted: NewToken) => call<MadeToken>("POST", "tokens", wanted),
    revokeToken: (token: string) => call<void>("DELETE", `tokens/${id(token)}`),
  };
}

async function read<T>(response: Response): Promise<T | undefined> {
  if (response.status === 204) return undefined;
  try {
    const is_file = response.headers.get("content-type") === "application/octet-stream";
    return (await (is_file ? response.blob() : response.json())) as T;
  } catch {
    throw new Unreachable("The answer was cut short.");
  }
}

async function refusal(response: Response): Promise<Refused | Unreachable> {
  try {
    const problem = (await response.json()) as Problem;
    if (typeof problem.code === "string") return new Refused({ ...problem, status: response.status });
  } catch {
    // Not one of ours: a proxy's page, or an answer cut short.
  }
  if (response.status === 401) return new Refused({ status: 401, code: "not_signed_in", detail: "This browser is not signed in." });
  return new Unreachable(`The node answered ${response.status}.`);
}
