// A node that is not one: the local API over invented data, for work on the page and for its tests.
//   node mock/server.mjs [--port 7373] [--empty]     prints a sign-in link; add ?signed-in to skip it
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import makeCode from "qrcode-generator";
import { WebSocketServer } from "ws";
import { addGroups, groupRoutes, make } from "./groups.mjs";
import { identityRoutes } from "./identities.mjs";
import { createWorld, id } from "./world.mjs";

const dist = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "dist");
const text_bytes_max = 65_536;

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
  ".txt": "text/plain; charset=utf-8",
};

/** Starts the mock. `node` of the answer is what a test turns: people write, the node goes away, and so on. */
export async function startMock({ port = 0, empty = false, signedIn = false, now = Date.now(), long } = {}) {
  const world = createWorld(now, long);
  addGroups(world, now);
  if (empty) {
    world.contacts.length = 0;
    world.conversations.clear();
    world.messages.clear();
    world.groups.clear();
  }
  const token = "one-time-token";
  const sent = new Map();
  const live = new Set();
  const run = "a1b2c3";
  let events = [];
  let number = 0;
  let away = false;
  let session = signedIn;
  let spent = false;
  let refusal;
  let blocked = [];
  let requests = empty ? [] : [
    {
      conversation: id("request").slice(0, 32),
      account: id("Nobody"),
      fingerprint: "48213 90127 55019 33876 10442 71930",
      name: "Nobody in particular",
      at_ms: Date.now() - 3_600_000,
      direct: true,
      group_name: "",
      people: 2,
      messages: 1,
      met_in: [],
    },
  ];
  let mailboxes = [
    {
      peer_id: "12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq",
      name: "Amara Okafor",
      used_since_ms: Date.now() - 9 * 86_400_000,
      opened_at_ms: Date.now() - 9 * 86_400_000,
      collected_at_ms: Date.now() - 120_000,
      proved_at_ms: Date.now() - 3 * 3_600_000,
      online: true,
    },
    {
      peer_id: "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X",
      name: "Shelf in the attic",
      used_since_ms: Date.now() - 86_400_000,
      opened_at_ms: Date.now() - 86_400_000,
      collected_at_ms: Date.now() - 60_000,
      online: true,
      missing: 3,
      missing_says: 1,
      unproved: "it took a test envelope and did not give it back",
    },
  ];
  let tokens = [
    { token: "1", name: "Reads the weather", read: false, write: true, conversations: ["c"], created_at_ms: now - 86_400_000 },
  ];
  let sessions = [
    {
      session: "11",
      user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
      created_at_ms: now - 3_600_000 * 50,
      last_used_at_ms: now,
      current: true,
    },
    {
      session: "22",
      user_agent: "Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0",
      created_at_ms: now - 86_400_000 * 9,
      last_used_at_ms: now - 86_400_000 * 2,
      current: false,
    },
  ];

  const emit = (frame) => {
    number += 1;
    const event = { id: `${run}-${number}`, ...frame };
    events = [...events.slice(-200), event];
    for (const socket of live) socket.send(JSON.stringify(event));
  };
  const status = () => ({
    account: world.me.account,
    name: world.me.name,
    peer_id: "12D3KooWQv5sAHGuFNBKSkjzaZm3dXyGxVAs1LJRrP6a9nP5nQmT",
    addresses: ["/ip4/192.168.1.20/tcp/41871", "/ip4/192.168.1.20/udp/41871/quic-v1"],
    peers: world.contacts
      .filter((it) => it.online)
      .map((it, index) => ({
        peer_id: `12D3KooW${it.contact.slice(0, 44)}`,
        path: index === 1 ? "relayed" : "direct",
        account: it.contact,
        name: it.name,
      })),
    queued: [...world.messages.values()].flat().filter((it) => it.mine && it.state === "queued").length,
    passphrase: false,
    disk_full: false,
    mailbox: true,
  });
  const find = (wanted) => [...world.messages.values()].flat().find((it) => it.message.startsWith(wanted));
  const detail = (message) => {
    const conversation = world.conversations.get(message.conversation);
    const { spread } = world.groups.get(message.conversation) ?? {};
    const recipients = conversation.members
      .filter((it) => it.account !== message.sender)
      .map((it, index) => ({ account: it.account, name: it.name, state: spread?.[index] ?? message.state, at_ms: message.received_at_ms }));
    if (spread) recipients.push({ account: id("Ruth Adler"), name: "Ruth Adler", state: "queued", at_ms: message.received_at_ms, removed: true });
    return { ...message, recipients };
  };
  const setState = (message, state) => {
    message.state = state;
    emit({ type: "states", conversation: message.conversation, states: [{ message: message.message, state }] });
  };

  const routes = [
    ["GET", /^status$/, () => status()],
    ["GET", /^card$/, () => card(world.me)],
    ["PUT", /^profile$/, (_, body) => {
      if (typeof body.name !== "string" || body.name.trim() === "") return problem(422, "bad_request", "A name cannot be empty.");
      world.me.name = body.name.trim();
      emit({ type: "profile" });
      return status();
    }],
    ["GET", /^contacts$/, () => world.contacts],
    ["POST", /^contacts$/, (_, { link }) => {
      if ([card(world.me).link, card(world.me).short_link].includes(link)) return problem(422, "own_card", "This is your own contact link. Send it to somebody else, and add theirs here.");
      if (!link.startsWith("tidings:")) return problem(422, "bad_card", "This is not a contact link. It should start with tidings: and be copied whole.");
      const name = link.includes("oskar") ? "Oskar" : "Ruth Adler";
      const contact = world.contacts.find((it) => it.name === name) ?? {
        contact: id(name), name, added: true, card_complete: true, safety_number: "8".repeat(60), online: true, blocked: false,
      };
      if (!world.contacts.includes(contact)) world.contacts.push(contact);
      emit({ type: "contact", contact });
      return contact;
    }],
    ["GET", /^requests$/, () => requests],
    ["POST", /^requests\/([^/]+)\/accept$/, ([which]) => {
      const request = requests.find((it) => it.conversation === which);
      if (!request) return problem(404, "unknown_conversation", "There is no such conversation here.");
      requests = requests.filter((it) => it !== request);
      emit({ type: "requests", waiting: requests.length });
      return [...world.conversations.values()][0];
    }],
    ["DELETE", /^requests\/([^/]+)$/, ([which]) => {
      requests = requests.filter((it) => it.conversation !== which);
      emit({ type: "requests", waiting: requests.length });
    }],
    ["GET", /^blocked$/, () => blocked],
    ["PUT", /^blocked\/([^/]+)$/, ([account]) => {
      const contact = world.contacts.find((it) => it.contact === account);
      blocked = [{ account, name: contact?.name ?? account.slice(0, 8), at_ms: Date.now() }, ...blocked];
      requests = requests.filter((it) => it.account !== account);
      emit({ type: "requests", waiting: requests.length });
    }],
    ["DELETE", /^blocked\/([^/]+)$/, ([account]) => {
      blocked = blocked.filter((it) => it.account !== account);
      emit({ type: "requests", waiting: requests.length });
    }],
    ["PUT", /^contacts\/([^/]+)\/verification$/, ([account], { safety_number }) => {
      const contact = world.contacts.find((it) => it.contact === account);
      if (contact?.safety_number !== safety_number) return problem(409, "other_safety_number", "That is not the safety number with this contact.");
      contact.verified_at_ms = Date.now();
      return { contact: account, safety_number, how: "in_person", verified_at_ms: contact.verified_at_ms };
    }],
    ["DELETE", /^contacts\/([^/]+)\/verification$/, ([account]) => {
      const contact = world.contacts.find((it) => it.contact === account);
      delete contact?.verified_at_ms;
      return { contact: account, safety_number: contact?.safety_number ?? "" };
    }],
    ["GET", /^conversations$/, () => [...world.conversations.values()]],
    ["POST", /^conversations$/, (_, { contacts, name }) => {
      if (name !== undefined) {
        const people = world.contacts.filter((it) => contacts.includes(it.contact));
        const { conversation } = make(world, { name, people, at_ms: Date.now() });
        emit({ type: "conversation", conversation });
        return conversation;
      }
      const contact = world.contacts.find((it) => it.contact === contacts?.[0]);
      if (!contact) return notFound("contact");
      const conversation = world.conversations.get(contact.conversation) ?? world.open(contact);
      emit({ type: "conversation", conversation });
      emit({ type: "contact", contact });
      return conversation;
    }],
    ...groupRoutes(world, { emit, problem, notFound }),
    ...identityRoutes(world, now),
    ["GET", /^conversations\/(\w+)$/, ([wanted]) => world.conversations.get(wanted) ?? notFound("conversation")],
    ["GET", /^conversations\/(\w+)\/messages$/, ([wanted], _, query) => {
      const all = world.messages.get(wanted);
      if (!all) return notFound("conversation");
      const limit = Math.min(200, Number(query.get("limit") ?? 50));
      const index = (name) => all.findIndex((it) => it.message === query.get(name));
      let [from, to] = [Math.max(0, all.length - limit), all.length];
      if (query.has("before")) [from, to] = [Math.max(0, index("before") - limit), index("before")];
      if (query.has("after")) [from, to] = [index("after") + 1, Math.min(all.length, index("after") + 1 + limit)];
      return { messages: all.slice(from, to), more_before: from > 0, more_after: to < all.length };
    }],
    ["POST", /^conversations\/(\w+)\/messages$/, ([wanted], body, _, headers) => {
      const conversation = world.conversations.get(wanted);
      if (!conversation) return notFound("conversation");
      if (refusal) return refusal;
      if (Buffer.byteLength(body.text) > text_bytes_max) return problem(413, "text_too_long", "A message holds 64 KiB of text.");
      const key = headers["idempotency-key"];
      const known = key && sent.get(key);
      if (known) return { status: 201, body: known };
      const message = world.add(conversation, { mine: true, text: body.text, at_ms: Date.now(), state: "queued", reply_to: body.reply_to });
      if (key) sent.set(key, message);
      emit({ type: "message", message: { ...message } });
      setTimeout(() => setState(message, "delivered"), 350);
      setTimeout(() => setState(message, "seen"), 1_100);
      return { status: 201, body: { ...message, state: "queued" } };
    }],
    ["POST", /^conversations\/(\w+)\/seen$/, ([wanted], { message }) => {
      const conversation = world.conversations.get(wanted);
      if (!conversation) return notFound("conversation");
      const all = world.messages.get(wanted);
      const at = all.findIndex((it) => it.message === message);
      conversation.seen_up_to = message;
      conversation.unread = all.slice(at + 1).filter((it) => !it.mine).length;
      emit({ type: "conversation", conversation });
      return { status: 204 };
    }],
    ["GET", /^messages\/(\w+)$/, ([wanted]) => {
      const message = find(wanted);
      return message ? detail(message) : notFound("message");
    }],
    ["POST", /^sign-out$/, () => {
      session = false;
      for (const socket of live) socket.close();
      return { status: 204 };
    }],
    ["POST", /^sign-in-links$/, () => ({ url: `http://${world.me.account.slice(0, 10)}.localhost:7373/#sign-in=another-token` })],
    ["GET", /^mailboxes$/, () => mailboxes],
    ["POST", /^mailboxes$/, () => mailboxes[0]],
    ["DELETE", /^mailboxes\/(\w+)$/, ([wanted]) => {
      mailboxes = mailboxes.filter((it) => it.peer_id !== wanted);
      return { status: 204 };
    }],
    ["GET", /^mailbox-link$/, () => ({ link: `tidings://mailbox/${"k7".repeat(40)}` })],
    ["POST", /^doctor$/, () => [
      { check: "clock", verdict: "good", says: "The clock agrees with 3 peers." },
      { check: "disk", verdict: "note", says: "The disk has only 700 MiB left.", advice: "Make room before it is full." },
      { check: "database", verdict: "good", says: "The database is whole (3 MiB)." },
      {
        check: "mailbox",
        verdict: "bad",
        says: "Shelf in the attic failed its test: it took a test envelope and did not give it back.",
        advice: "See that others can reach it (run `tidings doctor` there), or use another.",
      },
      { check: "queue", verdict: "good", says: "Everything that you sent has arrived." },
    ]],
    ["GET", /^sessions$/, () => sessions],
    ["GET", /^tokens$/, () => tokens],
    ["POST", /^tokens$/, (_, wanted) => {
      const { expires_in_ms, read = false, write = false, ...rest } = wanted;
      const made = { ...rest, read, write, token: String(tokens.length + 1), created_at_ms: Date.now() };
      if (expires_in_ms) made.expires_at_ms = Date.now() + expires_in_ms;
      tokens = [made, ...tokens];
      return { status: 201, body: { text: `tidings_${"A".repeat(43)}`, ...made } };
    }],
    ["DELETE", /^tokens\/(\w+)$/, ([wanted]) => {
      tokens = tokens.filter((it) => it.token !== wanted);
      return { status: 204 };
    }],
    ["DELETE", /^sessions\/(\w+)$/, ([wanted]) => {
      sessions = sessions.filter((it) => it.session !== wanted);
      return { status: 204 };
    }],
  ];

  const server = createServer(async (request, response) => {
    if (away) {
      request.socket.destroy();
      return;
    }
    const url = new URL(request.url, "http://mock");
    const host = request.headers.host ?? "";
    if (!url.pathname.startsWith("/api/")) {
      serveFile(response, url.pathname, host);
      return;
    }
    const body = await readBody(request);
    const answer = (result) => {
      const shaped = result && typeof result.status === "number" && ("problem" in result || "body" in result || result.status === 204);
      const { status: code, problem: refused, body: inner } = shaped ? result : { status: 200, body: result };
      response.writeHead(code, {
        "content-type": refused ? "application/problem+json" : "application/json",
        "cache-control": "no-store",
      });
      response.end(code === 204 ? undefined : JSON.stringify(refused ?? inner));
    };
    const path = url.pathname.slice("/api/v1/".length);
    if (request.method === "POST" && path === "sign-in") {
      if (body.token !== token || spent) return answer(problem(401, "bad_token", "The link was used before, or its time is over."));
      spent = true;
      session = true;
      return answer({ status: 204 });
    }
    if (!session) return answer(problem(401, "not_signed_in", "Sign in first."));
    if (path === "card/qr.svg") {
      response.writeHead(200, { "content-type": "image/svg+xml", "cache-control": "no-store" });
      response.end(qr(card(world.me).short_link));
      return undefined;
    }
    const number = /^contacts\/(\w+)\/verification\/qr.svg$/.exec(path);
    if (number) {
      response.writeHead(200, { "content-type": "image/svg+xml", "cache-control": "no-store" });
      response.end(qr(world.contacts.find((it) => it.contact === number[1])?.safety_number ?? ""));
      return undefined;
    }
    const code = /^conversations\/(\w+)\/invites\/(\w+)\/qr.svg$/.exec(path);
    if (code) {
      const invite = world.groups.get(code[1])?.invites.find((it) => it.invite === code[2]);
      response.writeHead(200, { "content-type": "image/svg+xml", "cache-control": "no-store" });
      response.end(qr(invite.link));
      return undefined;
    }
    const picture = request.method === "GET" && /^conversations\/(\w+)\/picture$/.exec(path);
    if (picture) {
      const { type, body: bytes } = world.pictures.get(picture[1]);
      response.writeHead(200, { "content-type": type, "cache-control": "no-store" });
      response.end(bytes);
      return undefined;
    }
    for (const [method, pattern, run_route] of routes) {
      const match = method === request.method && pattern.exec(path);
      if (match) return answer(run_route(match.slice(1), body, url.searchParams, request.headers));
    }
    return answer(problem(404, "not_found", "There is nothing at this address."));
  });

  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (away || !session) {
      socket.destroy();
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      const after = new URL(request.url, "http://mock").searchParams.get("after");
      live.add(opened);
      opened.on("close", () => live.delete(opened));
      opened.send(JSON.stringify({ id: `${run}-${number}`, type: "hello", account: world.me.account }));
      const seen = after?.startsWith(`${run}-`) ? Number(after.split("-")[1]) : number;
      for (const event of events) if (Number(event.id.split("-")[1]) > seen) opened.send(JSON.stringify(event));
    });
  });

  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const { port: actual } = server.address();

  return {
    origin: `http://${world.me.account.slice(0, 10)}.localhost:${actual}`,
    token,
    world,
    node: {
      signIn: () => (session = true),
      signOut: () => (session = false),
      receive(conversation, text) {
        const message = world.add(conversation, { mine: false, text, at_ms: Date.now(), state: "received" });
        conversation.unread += 1;
        emit({ type: "message", message });
        emit({ type: "conversation", conversation: { ...conversation } });
        return message;
      },
      /** A change of a group by somebody else: its line, and what is different. */
      groupChanged(conversation, text, change) {
        Object.assign(conversation, change);
        const message = world.add(conversation, { mine: false, text, at_ms: Date.now(), state: "received", sender: conversation.members.at(-1) });
        Object.assign(message, { kind: "system", changes: [] });
        emit({ type: "message", message });
        emit({ type: "conversation", conversation: { ...conversation } });
        return message;
      },
      takeBack(message) {
        const all = world.messages.get(message.conversation);
        all.splice(all.indexOf(message), 1);
        emit({ type: "message_gone", message: message.message });
      },
      presence(contact, online) {
        contact.online = online;
        emit({ type: "contact", contact });
        emit({ type: "peers", connected: world.contacts.filter((it) => it.online).length });
      },
      leave() {
        away = true;
        for (const socket of live) socket.terminate();
      },
      comeBack: () => (away = false),
      refuse: (code, sentence) => (refusal = code ? problem(422, code, sentence) : undefined),
    },
    stop: () =>
      new Promise((resolve) => {
        for (const socket of live) socket.terminate();
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

const problem = (status, code, detail) => ({ status, problem: { status, code, detail } });

const notFound = (what) => problem(404, `unknown_${what}`, `There is no such ${what}.`);

const card = (me) => ({
  link: `tidings:card/1#${createHash("sha512").update(me.account).digest("base64url").repeat(5)}`,
  short_link: `tidings:card/1#${createHash("sha512").update(me.account).digest("base64url")}`,
  account: me.account,
});

function qr(text) {
  const code = makeCode(0, "M");
  code.addData(text);
  code.make();
  return code.createSvgTag({ cellSize: 4, margin: 8, scalable: true });
}

function serveFile(response, path, host) {
  const name = normalize(path).replace(/^\/+/, "");
  const known = name !== "" && extname(name) !== "" && !name.includes("..");
  let data;
  let extension = ".html";
  try {
    if (!known) throw new Error("a screen, not a file");
    data = readFileSync(join(dist, name));
    extension = extname(name);
  } catch {
    if (name.startsWith("assets/")) {
      response.writeHead(404).end();
      return;
    }
    data = readFileSync(join(dist, "index.html"));
  }
  response.writeHead(200, {
    "content-type": types[extension] ?? "application/octet-stream",
    "content-security-policy": [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data: blob:",
      `connect-src 'self' ws://${host}`,
      "font-src 'self'",
      "manifest-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ].join("; "),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
  });
  response.end(data);
}

async function readBody(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  if (request.headers["content-type"]?.startsWith("image/")) return Buffer.concat(parts);
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    return {};
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const flag = process.argv.indexOf("--port");
  const mock = await startMock({ port: flag < 0 ? 7373 : Number(process.argv[flag + 1]), empty: process.argv.includes("--empty") });
  console.log(`${mock.origin}/#sign-in=${mock.token}`);
  const [first] = mock.world.conversations.values();
  if (first) {
    setInterval(() => mock.node.receive(first, `It is ${new Date().toLocaleTimeString("en-GB")} here.`), 20_000);
  }
}
