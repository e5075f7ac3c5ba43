// The page in Chromium against the mock: what a person does, and what axe and the browser's own guards say to it.
//   node browser/check.mjs [part of a check's name]
import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { startMock } from "../mock/server.mjs";
import { groupChecks } from "./groups.mjs";
import { launch } from "./launch.mjs";
import { screens } from "./screens.mjs";

const desktop = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };
const rows_max = 170;
const workers = 3;

const browser = await launch();
const checks = [];
const check = (name, run) => checks.push({ name, run });

/** A page on a mock of its own; what the browser refuses on the page's behalf is a failure. */
async function open({ viewport = desktop, colorScheme = "light", path = () => "/", ...options } = {}) {
  const mock = await startMock({ signedIn: true, ...options });
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  const broken = [];
  page.on("pageerror", (error) => broken.push(String(error)));
  page.on("console", (message) => {
    if (/Content.Security.Policy|Trusted(HTML|Script)|violates/i.test(message.text())) broken.push(message.text());
  });
  await page.goto(mock.origin + path(mock));
  const close = async () => {
    await context.close();
    await mock.stop();
    assert.deepEqual(broken, []);
  };
  return { page, mock, close };
}

const conversation = (mock, index) => [...mock.world.conversations.values()][index];
const chat = (index) => (mock) => `/c/${conversation(mock, index).conversation}`;

check("a sign-in link signs in, once, and leaves no token in the address", async () => {
  const { page, mock, close } = await open({ signedIn: false, path: (it) => `/#sign-in=${it.token}` });
  await page.getByRole("heading", { name: "Chats" }).waitFor();
  assert.equal(new URL(page.url()).hash, "");
  await page.reload();
  await page.getByRole("heading", { name: "Chats" }).waitFor();
  mock.node.signOut();
  await page.goto(`${mock.origin}/#sign-in=${mock.token}`);
  await page.reload();
  await page.getByRole("alert").waitFor();
  await close();
});

check("a message is found, written, sent and answered by the keyboard alone", async () => {
  const { page, mock, close } = await open();
  await page.locator(".rows .row").first().waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("amara");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/c/*");
  const field = page.getByRole("textbox", { name: "Message to Amara Okafor" });
  await field.waitFor();
  assert.ok(await field.evaluate((it) => it === document.activeElement));
  await page.keyboard.type("First line");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("second line");
  await page.keyboard.press("Enter");
  const sent = page.locator(".message.mine", { hasText: "second line" });
  await sent.waitFor();
  assert.equal(await field.inputValue(), "");
  await sent.getByRole("img", { name: "Seen" }).waitFor();
  assert.equal(mock.world.messages.get(conversation(mock, 0).conversation).at(-1).text, "First line\nsecond line");

  // Back into the messages, up by one, and a reply to it.
  for (let step = 0; step < 12 && !(await page.locator("li[data-message]:focus").count()); step += 1) {
    await page.keyboard.press("Shift+Tab");
  }
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("r");
  await page.getByText("Replying to Amara Okafor").waitFor();
  await page.keyboard.type("A reply");
  await page.keyboard.press("Enter");
  await page.locator(".message.mine .quote", { hasText: "See you at ten!" }).waitFor();
  await page.keyboard.press("Escape");
  await page.waitForURL(`${mock.origin}/`);
  await close();
});

check("what is written while the node is away is kept, also over a reload, and sent once when it is back", async () => {
  const { page, mock, close } = await open({ path: chat(0) });
  await page.locator(".message").first().waitFor();
  mock.node.leave();
  await page.locator(".banner").waitFor();
  await page.locator(".composer textarea").fill("Written in the dark");
  await page.keyboard.press("Enter");
  await page.getByRole("img", { name: "Waiting for your node" }).first().waitFor();
  mock.node.comeBack();
  page.on("dialog", (dialog) => dialog.accept());
  await page.reload();
  const sent = page.locator(".message.mine", { hasText: "Written in the dark" });
  await sent.getByRole("img", { name: "Seen" }).waitFor();
  assert.equal(await sent.count(), 1);
  assert.equal(await page.locator(".banner").count(), 0);
  const stored = mock.world.messages.get(conversation(mock, 0).conversation);
  assert.equal(stored.filter((it) => it.text === "Written in the dark").length, 1);
  await close();
});

check("the page comes back by itself when the node does", async () => {
  const { page, mock, close } = await open({ path: chat(0) });
  await page.locator(".message").first().waitFor();
  mock.node.leave();
  await page.locator(".banner").waitFor();
  mock.node.receive(conversation(mock, 0), "You were away");
  mock.node.comeBack();
  await page.locator(".message", { hasText: "You were away" }).waitFor();
  await page.locator(".banner").waitFor({ state: "detached" });
  await close();
});

check("a refused text is kept with its reason, and can be sent again or discarded", async () => {
  const { page, mock, close } = await open({ path: chat(0) });
  await page.locator(".message").first().waitFor();
  mock.node.refuse("limit_reached", "Too many messages wait for this contact.");
  await page.locator(".composer textarea").fill("Take this");
  await page.keyboard.press("Enter");
  await page.getByText("Not sent: Too many messages wait for this contact.").waitFor();
  mock.node.refuse();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator(".message.mine", { hasText: "Take this" }).getByRole("img", { name: "Seen" }).waitFor();
  await close();
});

check("what arrives is shown, announced and seen; elsewhere it counts as unread", async () => {
  const { page, mock, close } = await open({ path: chat(0) });
  await page.locator(".message").first().waitFor();
  const message = mock.node.receive(conversation(mock, 0), "Are you there?");
  await page.locator(".message.theirs", { hasText: "Are you there?" }).waitFor();
  await page.locator("[aria-live]", { hasText: "Amara Okafor: Are you there?" }).waitFor({ state: "attached" });
  await page.waitForFunction(() => document.title === "(3) Tidings");
  assert.equal(conversation(mock, 0).seen_up_to, message.message);
  mock.node.receive(conversation(mock, 2), "And you?");
  await page.waitForFunction(() => document.title === "(4) Tidings");
  await close();
});

check("a conversation of 100,000 messages scrolls with a bounded document, and what is in sight stays put", async () => {
  const { page, mock, close } = await open({ path: chat(1), long: 100_000 });
  await page.locator(".unread-marker").waitFor();
  const list = page.locator(".messages-scroll");
  const sight = () =>
    list.evaluate((box) => {
      const top = box.getBoundingClientRect().top;
      const row = [...box.querySelectorAll("[data-message]")].find((it) => it.getBoundingClientRect().bottom > top + 200);
      return { key: row.dataset.key, top: row.getBoundingClientRect().top, rows: box.querySelectorAll("li").length };
    });
  await list.hover();
  let oldest = Infinity;
  for (let step = 0; step < 120; step += 1) {
    await page.mouse.wheel(0, -900);
    await page.waitForTimeout(25);
    const { rows } = await sight();
    assert.ok(rows <= rows_max, `${rows} rows in the document`);
    const text = await page.locator(".messages-scroll .text").first().textContent();
    oldest = Math.min(oldest, Number(/\((\d+)\)$/.exec(text)?.[1] ?? oldest));
  }
  assert.ok(oldest < 99_000, `scrolled to ${oldest} only`);

  await page.waitForTimeout(300);
  const before = await sight();
  mock.node.receive(conversation(mock, 1), "Something new");
  await page.locator(".to-latest-count").waitFor();
  const after = await list.evaluate(
    (box, key) => box.querySelector(`[data-key="${key}"]`).getBoundingClientRect().top,
    before.key,
  );
  assert.ok(Math.abs(after - before.top) < 2, `moved by ${after - before.top}`);
  await page.locator(".to-latest").click();
  await page.locator(".message", { hasText: "Something new" }).waitFor();
  await close();
});

check("older messages come in above without moving what is read", async () => {
  const { page, close } = await open({ path: chat(1) });
  await page.locator(".unread-marker").waitFor();
  await page.waitForTimeout(200);
  const moved = await page.locator(".messages-scroll").evaluate(async (box) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    let worst = 0;
    for (let step = 0; step < 60; step += 1) {
      const edge = box.getBoundingClientRect().top + 300;
      const row = [...box.querySelectorAll("[data-message]")].find((it) => it.getBoundingClientRect().bottom > edge);
      const before = row.getBoundingClientRect().top;
      const room = box.scrollTop;
      box.scrollTop -= 150;
      await frame();
      await frame();
      const after = document.querySelector(`[data-key="${row.dataset.key}"]`).getBoundingClientRect().top;
      if (room >= 150) worst = Math.max(worst, Math.abs(after - before - 150));
    }
    return worst;
  });
  assert.ok(moved < 2, `moved by ${moved} px`);
  await close();
});

check("a quoted message far back is found and shown", async () => {
  const { page, mock, close } = await open({ path: chat(1) });
  await page.locator(".unread-marker").waitFor();
  const all = mock.world.messages.get(conversation(mock, 1).conversation);
  const reply = mock.node.receive(conversation(mock, 1), "About that");
  reply.reply_to = all[10].message;
  await page.reload();
  await page.locator(".message", { hasText: "About that" }).locator(".quote").click();
  await page.locator(".message.flashing", { hasText: "(11)" }).waitFor();
  await page.getByRole("button", { name: "Jump to the newest message" }).click();
  await page.locator(".message", { hasText: "About that" }).waitFor();
  await close();
});

check("a code in a picture is read", async () => {
  const { page, mock, close } = await open({ path: () => "/contacts/add" });
  const svg = await page.evaluate(async () => (await fetch("/api/v1/card/qr.svg")).text());
  await page.locator("input[type=file]").setInputFiles({ name: "code.svg", mimeType: "image/svg+xml", buffer: Buffer.from(svg) });
  await page.getByText("This is your own contact link").waitFor();
  await page.locator("input[type=file]").setInputFiles({ name: "no.png", mimeType: "image/png", buffer: Buffer.from("no") });
  await page.getByText("This file is not a picture").waitFor();
  assert.ok(mock);
  await close();
});

check("a text over the limit is not sent, and says by how much", async () => {
  const { page, close } = await open({ path: chat(0) });
  await page.locator(".composer textarea").fill("ä".repeat(32_769));
  await page.getByText("2 B too long").waitFor();
  assert.ok(await page.getByRole("button", { name: "Send" }).isDisabled());
  await page.locator(".composer textarea").fill("ä".repeat(32_700));
  await page.getByText("136 B left").waitFor();
  await close();
});

check("a request of a stranger shows a name as text, and is refused by the keyboard alone", async () => {
  const { page, close } = await open({ path: () => "/" });
  await page.getByRole("link", { name: "Requests" }).focus();
  await page.keyboard.press("Enter");
  const request = page.locator(".strangers li");
  await request.waitFor();
  assert.equal(await request.locator("a, img").count(), 0);
  await page.getByRole("button", { name: "Refuse the request of Nobody in particular" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "No requests" }).waitFor();
  assert.equal(await page.locator(".strangers li").count(), 0);
  await close();
});

check("a draft stays with its conversation", async () => {
  const { page, mock, close } = await open({ path: chat(0) });
  await page.locator(".composer textarea").fill("Half a thought");
  await page.getByRole("link", { name: /^Mei-Ling/ }).click();
  await page.locator(".row", { hasText: "Half a thought" }).waitFor();
  await page.goto(mock.origin + chat(0)(mock));
  await page.locator(".composer textarea").waitFor();
  assert.equal(await page.locator(".composer textarea").inputValue(), "Half a thought");
  await close();
});

check("on a phone one pane shows at a time, and there is a way back", async () => {
  const { page, close } = await open({ viewport: phone });
  await page.locator(".row", { hasText: "Amara" }).click();
  await page.locator(".composer").waitFor();
  assert.equal(await page.locator(".list").count(), 0);
  await page.getByRole("link", { name: "Back" }).click();
  await page.locator(".list").waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false);
  await close();
});

check("a chosen theme and colour outlive a reload", async () => {
  const { page, close } = await open({ path: () => "/settings/appearance" });
  await page.getByRole("radio", { name: "Dark" }).check({ force: true });
  await page.getByRole("radio", { name: "Violet" }).check({ force: true });
  await page.reload();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  assert.equal(await page.locator("html").getAttribute("data-accent"), "violet");
  await close();
});

groupChecks(check, open);

const looks = [
  { width: "desktop", viewport: desktop, colorScheme: "light" },
  { width: "desktop", viewport: desktop, colorScheme: "dark" },
  { width: "phone", viewport: phone, colorScheme: "light" },
];
for (const { width, viewport, colorScheme } of looks) {
  for (const screen of screens) {
    check(`axe finds nothing on ${screen.name}, ${width}, ${colorScheme}`, async () => {
      const { page, mock, close } = await open({
        viewport,
        colorScheme,
        path: screen.path,
        empty: screen.empty ?? false,
        signedIn: screen.signedIn ?? true,
      });
      await screen.ready(page, mock);
      const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
      const found = violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target} ${node.failureSummary}`));
      assert.deepEqual(found, []);
      await close();
    });
  }
}

for (const accent of ["teal", "green", "violet", "rose", "amber"]) {
  check(`axe finds nothing in ${accent}`, async () => {
    for (const colorScheme of ["light", "dark"]) {
      const { page, close } = await open({ colorScheme, path: chat(0) });
      await page.evaluate((it) => localStorage.setItem("tidings.preferences", JSON.stringify({ accent: it })), accent);
      await page.reload();
      await page.locator(".message.mine").first().waitFor();
      const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
      assert.deepEqual(violations.map((it) => [it.id, it.nodes.map((node) => node.target)]), []);
      await close();
    }
  });
}

const wanted = process.argv[2] ?? "";
const chosen = checks.filter(({ name }) => name.includes(wanted));
let failed = 0;
const one = async ({ name, run }) => {
  try {
    await run();
    if (!name.startsWith("axe")) console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok  ${name}\n        ${String(error?.message ?? error).replaceAll("\n", "\n        ")}`);
  }
};
const left = [...chosen];
const worker = async () => {
  for (let next = left.shift(); next; next = left.shift()) await one(next);
};
await Promise.all(Array.from({ length: workers }, worker));
await browser.close();
console.log(`${chosen.length - failed} of ${chosen.length} checks passed`);
process.exit(failed === 0 ? 0 : 1);
