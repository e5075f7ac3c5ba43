// A person who is signed in, and what other sites, and the people they talk with, do to get at the page.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { TidingsNode } from "./node.mjs";
import { Person } from "./person.mjs";
import { complaints, everybody, play, screenshots, step } from "./stage.mjs";

const whole_test_ms_max = 5 * 60_000;
/** Whatever runs of theirs leaves this behind. */
const script = "window.pwned = true; document.title = 'pwned'";
const in_a_name = "<img src=x onerror=window.pwned=1>";
const in_a_text = [
  `<script>${script}</script>`,
  `<img src=x onerror="${script}">`,
  `<svg onload="${script}">`,
  `<iframe srcdoc="<script>parent.${script}</script>"></iframe>`,
  `"><a href="javascript:${script}">here</a>`,
  `javascript:${script}`,
  `[here](javascript:${script})`,
  `data:text/html,<script>${script}</script>`,
  "{{constructor.constructor('window.pwned = true')()}}",
  "\u202Egpj.exe \u2066<b>\u2069",
];

await play(whole_test_ms_max, async ({ browser, homes }) => {
  const [adasNode, mallorysNode] = await step("two nodes start", () =>
    Promise.all(["Ada", in_a_name].map((name, at) => TidingsNode.start(join(homes, `${at}`), name))),
  );
  const ada = await Person.open(browser, adasNode);
  const mallory = await Person.open(browser, mallorysNode);
  everybody.push(ada, mallory);
  await step("a session that was planted is not taken over", () => fixedSession(ada));
  await step("Mallory signs in", () => mallory.signIn());
  await step("what others write is text and nothing else", () => hostileTexts(ada, mallory));
  await step("the pages complained of nothing", () => assert.deepEqual(complaints(), []));
  await step("from the page itself everything is answered", () => control(ada));
  const sites = await attackers(ada);
  for (const site of sites) {
    await step(`a page at ${site.name} gets nowhere`, () => crossSite(ada, site));
  }
  await step("a name that is made to point here gets nowhere", () => rebinding(ada));
  await step("Ada is signed in still, and alone", () => untouched(ada));
});

/** Somebody put a cookie of theirs into the browser before Ada signs in. */
async function fixedSession(ada) {
  const url = new URL(ada.node.ready.sign_in).origin;
  const planted = { name: "tidings_session", value: "A".repeat(43), url };
  await ada.context.addCookies([planted]);
  await ada.signIn();
  const [cookie] = await ada.context.cookies(url);
  assert.notEqual(cookie.value, planted.value);
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, "Strict");
  const headers = { cookie: `tidings_session=${planted.value}` };
  const response = await fetch(`http://${ada.node.http}/api/v1/status`, { headers });
  assert.equal(response.status, 401);
}

async function hostileTexts(ada, mallory) {
  const [adasLink, mallorysLink] = [await ada.cardLink(), await mallory.cardLink()];
  await ada.add(mallorysLink);
  await mallory.add(adasLink);
  const { account } = await mallory.api("status");
  const contact = (await ada.api("contacts")).find((one) => one.contact === account);
  assert.equal(contact.name, in_a_name, "the name is what it is, and shown so");
  await mallory.startConversation("Ada");
  for (const text of in_a_text) await mallory.write("Ada", text);
  await mallory.seesState(in_a_text.at(-1), "Delivered");
  await ada.goTo("/");
  await ada.openConversation(in_a_name);
  for (const text of in_a_text) await ada.sees(text);
  await ada.page.screenshot({ path: join(screenshots, "hostile-texts.png") });
  const [{ conversation }] = await ada.api("conversations");
  const screens = ["/", `/c/${conversation}`, "/contacts", `/contacts/${account}`, "/settings/status", "/settings/doctor"];
  for (const path of screens) {
    await ada.goTo(path);
    await ada.page.getByRole("heading", { level: 1 }).first().waitFor();
    const ran = await ada.page.evaluate(() => ({
      script: window.pwned !== undefined || document.title === "pwned",
      elements: document.querySelectorAll("img[src=x], iframe, main script").length,
    }));
    assert.deepEqual(ran, { script: false, elements: 0 }, path);
    const links = await ada.page.locator("a[href]").evaluateAll((all) => all.map((a) => a.protocol));
    assert.deepEqual(links.filter((protocol) => !["http:", "https:", "mailto:"].includes(protocol)), [], path);
  }
}

/** Servers of others: another site, another name on this machine, and another port of Ada's own host. */
async function attackers(ada) {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>innocent</title><body>Look at these kittens");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  const { port } = server.address();
  const own = new URL(ada.node.ready.sign_in).hostname;
  return ["kittens.example", "other.localhost", own].map((host) => ({ name: host, url: `http://${host}:${port}/` }));
}

async function crossSite(ada, site) {
  const target = new URL(ada.node.ready.sign_in).origin;
  const before = await state(ada);
  const page = await ada.context.newPage();
  await page.goto(site.url);
  const outcomes = { ...(await page.evaluate(readAll, target)), ...(await page.evaluate(writeAll, target)) };
  for (const [what, outcome] of Object.entries(outcomes)) assert.equal(outcome, "refused", `${what} from ${site.name}`);
  // The browser shows its own error in the place of what refuses to be framed.
  const framed = page.frames().find((frame) => frame !== page.mainFrame());
  await framed.waitForURL("chrome-error://chromewebdata/");
  // A form is a navigation: nothing hinders a page from sending one anywhere.
  for (const path of ["sign-out", "sign-in-links", "contacts"]) {
    await page.goto(site.url);
    const there = page.waitForNavigation();
    await page.evaluate(([target, path]) => {
      const form = document.createElement("form");
      Object.assign(form, { action: `${target}/api/v1/${path}`, method: "post", enctype: "text/plain" });
      document.body.append(form);
      form.submit();
    }, [target, path]);
    assert.equal((await there).status(), 403, `${path} from ${site.name}`);
  }
  await page.close();
  assert.deepEqual(await state(ada), before);
}

/** What an attack would see if nothing refused it: from the page itself the same requests are answered. */
async function control(ada) {
  const target = new URL(ada.node.ready.sign_in).origin;
  const outcomes = await ada.page.evaluate(readAll, target);
  for (const [what, outcome] of Object.entries(outcomes)) assert.notEqual(outcome, "refused", `${what} from the page`);
}

/** Reads what it can, from whatever page it runs in. */
async function readAll(target) {
  const outcomes = {};
  const ended = (source) =>
    new Promise((resolve) => {
      source.addEventListener("hello", () => resolve("heard"));
      source.onopen = () => resolve("opened");
      source.onerror = () => resolve("refused");
    });
  const read = fetch(`${target}/api/v1/conversations`, { credentials: "include" });
  outcomes.read = await read.then((response) => response.text()).catch(() => "refused");
  const page = fetch(target, { credentials: "include" });
  outcomes.page = await page.then((response) => response.text()).catch(() => "refused");
  outcomes.events = await ended(new EventSource(`${target}/api/v1/events`, { withCredentials: true }));
  outcomes.live = await ended(new WebSocket(`${target.replace("http", "ws")}/api/v1/live`));
  outcomes.picture = await new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve("loaded");
    image.onerror = () => resolve("refused");
    image.src = `${target}/api/v1/card/qr.svg`;
  });
  return outcomes;
}

/** Writes what it can, and puts the page into a frame. What came of it is looked at afterwards. */
async function writeAll(target) {
  const outcomes = {};
  const sent = async (path, method, options) =>
    fetch(`${target}/api/v1/${path}`, { method, credentials: "include", ...options })
      // An opaque answer shows nothing.
      .then((response) => (response.type === "opaque" ? "refused" : `${response.status}`))
      .catch(() => "refused");
  const json = { "content-type": "application/json" };
  outcomes.write = await sent("sign-in-links", "POST", { headers: json, body: "{}" });
  outcomes.simple = await sent("sign-out", "POST", { mode: "no-cors" });
  outcomes.profile = await sent("profile", "PUT", { headers: json, body: '{"name":"Eve"}' });
  outcomes.end = await sent("sessions/00000000000000000000000000000000", "DELETE", {});
  const script = document.createElement("script");
  outcomes.script = await new Promise((resolve) => {
    script.onload = () => resolve("loaded");
    script.onerror = () => resolve("refused");
    script.src = `${target}/api/v1/status`;
    document.body.append(script);
  });
  const frame = document.createElement("iframe");
  frame.src = target;
  const loaded = new Promise((resolve) => (frame.onload = resolve));
  document.body.append(frame);
  await loaded;
  return outcomes;
}

/** A page whose own name begins to lead to Ada's node. */
async function rebinding(ada) {
  const { port } = new URL(ada.node.ready.sign_in);
  const origin = `http://rebound.example:${port}`;
  const page = await ada.context.newPage();
  // Its first answer still came from the attacker; from now on its name leads here, port and all.
  const first = { contentType: "text/html", body: "<!doctype html><body>" };
  await page.route(`${origin}/attack`, (route) => route.fulfill(first));
  await page.goto(`${origin}/attack`);
  const answers = await page.evaluate(async () => {
    const status = async (path, options) => (await fetch(path, options)).status;
    const json = { "content-type": "application/json" };
    const live = new Promise((resolve) => {
      const socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/v1/live`);
      socket.onopen = () => resolve("opened");
      socket.onerror = () => resolve("refused");
    });
    return [
      await status("/"),
      await status("/api/v1/status"),
      await status("/api/v1/events"),
      await status("/api/v1/openapi.json"),
      await status("/api/v1/sign-in", { method: "POST", headers: json, body: '{"token":"guess"}' }),
      await status("/api/v1/profile", { method: "PUT", headers: json, body: '{"name":"Eve"}' }),
      await live,
    ];
  });
  assert.deepEqual(answers, [421, 421, 421, 421, 421, 421, "refused"]);
  await page.close();
}

async function state(ada) {
  const { name } = await ada.api("status");
  const sessions = (await ada.api("sessions")).map(({ session }) => session);
  return { name, sessions, contacts: (await ada.api("contacts")).length };
}

async function untouched(ada) {
  const { name, sessions } = await state(ada);
  assert.equal(name, "Ada");
  assert.equal(sessions.length, 1);
}
