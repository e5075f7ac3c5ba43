// Two homes, two real nodes, two browsers: from the sign-in link to a hundred messages that were seen.
import assert from "node:assert/strict";
import { join } from "node:path";
import { TidingsNode } from "./node.mjs";
import { Person, desktop, phone } from "./person.mjs";
import { AxeBuilder, complaints, everybody, play, screenshots, step } from "./stage.mjs";

const each_sends = 50;
const whole_test_ms_max = 8 * 60_000;
let browser;

await play(whole_test_ms_max, async (stage) => {
  browser = stage.browser;
  await talk(stage.homes);
});

async function talk(homes) {
  const [adasNode, bobsNode] = await step("two nodes start", () =>
    Promise.all(["Ada", "Bob"].map((name) => TidingsNode.start(join(homes, name), name))),
  );
  const ada = await Person.open(browser, adasNode);
  const bob = await Person.open(browser, bobsNode, { viewport: phone, hasTouch: true, isMobile: true });
  everybody.push(ada, bob);

  await step("both sign in", () => Promise.all(everybody.map((person) => person.signIn())));
  await step("a sign-in link works once", () => usedLinkIsRefused(adasNode));
  await step("they exchange links", () => exchangeLinks(ada, bob));
  await step("bad links get a sentence", () => badLinksAreExplained(ada));
  await step("the first message is delivered, then seen", () => firstMessage(ada, bob));
  await step(`${each_sends} messages each way`, () => manyMessages(ada, bob));
  await step("a node is killed while its person writes", () => killedWhileWriting(ada, bob));
  await step("what may be kept is limited", () => storageIsLimited(ada));
  await step("axe finds nothing", () => everyScreenIsAccessible(ada));
  await step("the pages complained of nothing", () => {
    assert.deepEqual(complaints(), []);
  });
}

async function usedLinkIsRefused(node) {
  const stranger = await Person.open(browser, node);
  everybody.push(stranger);
  await stranger.page.goto(node.ready.sign_in);
  await stranger.page.getByRole("alert").filter({ hasText: "This link did not sign you in" }).waitFor();
  await stranger.page.screenshot({ path: join(screenshots, "sign-in-used.png") });
  await stranger.context.close();
  everybody.pop();
}

async function exchangeLinks(ada, bob) {
  const [adasLink, bobsLink] = [await ada.cardLink(), await bob.cardLink()];
  assert.match(adasLink, /^tidings:\/\//);
  assert.notEqual(adasLink, bobsLink);
  await ada.add(bobsLink);
  await ada.knows("Bob");
  await bob.add(adasLink);
  await bob.knows("Ada");
}

async function badLinksAreExplained(ada) {
  const own = await ada.cardLink();
  await ada.addsInVain("https://example.org/", /link/i);
  await ada.addsInVain(own.slice(0, -9), /cut|mistyped|damaged/i);
  await ada.addsInVain(own, /your own/i);
}

async function firstMessage(ada, bob) {
  await bob.goTo("/");
  await ada.startConversation("Bob");
  await ada.write("Bob", "Hello Bob");
  await ada.seesState("Hello Bob", "Delivered");
  await bob.row("Ada").filter({ hasText: "1 unread message" }).waitFor();
  await bob.page.screenshot({ path: join(screenshots, "list-unread-phone.png") });
  await bob.openConversation("Ada");
  await bob.sees("Hello Bob");
  await ada.seesState("Hello Bob", "Seen");
}

async function manyMessages(ada, bob) {
  const write = async (from, to) => {
    for (let number = 1; number <= each_sends; number += 1) await from.write(to.name, `${from.name} ${number}`);
  };
  await Promise.all([write(ada, bob), write(bob, ada)]);
  const total = 1 + 2 * each_sends;
  const areSeen = (messages) =>
    messages.length >= total && messages.every(({ mine, state }) => state === (mine ? "seen" : "received"));
  const [adas, bobs] = [
    await ada.messagesBecome("all were seen", areSeen),
    await bob.messagesBecome("all were seen", areSeen),
  ];
  const texts = (messages) => messages.map(({ text }) => text);
  assert.equal(adas.length, total);
  assert.deepEqual(texts(adas), texts(bobs), "both see the same messages in the same order");
  assert.equal(new Set(texts(adas)).size, total, "each message is there once");
  for (const person of everybody) {
    const own = texts(adas).filter((text) => text.startsWith(`${person.name} `));
    assert.deepEqual(own, Array.from({ length: each_sends }, (_, index) => `${person.name} ${index + 1}`));
    await person.sees(`Ada ${each_sends}`);
    await person.sees(`Bob ${each_sends}`);
  }
  await ada.seesState(`Ada ${each_sends}`, "Seen");
}

/** What is typed while the node is away is kept by the page, and sent once when the node is back. */
async function killedWhileWriting(ada, bob) {
  const before = (await bob.messages()).length;
  await ada.write("Bob", "Before the plug is pulled");
  ada.nodeIsDown = true;
  await ada.node.kill();
  await ada.page.getByText("Your node is not answering").first().waitFor();
  await ada.write("Bob", "While the node is away");
  await ada.sees("While the node is away");
  await ada.page.screenshot({ path: join(screenshots, "away-desktop.png") });
  ada.node = await ada.node.restart();
  await ada.seesState("While the node is away", "Seen");
  ada.nodeIsDown = false;
  await ada.write("Bob", "Back again");
  await ada.seesState("Back again", "Seen");
  const texts = (await bob.messages()).slice(before).map(({ text }) => text);
  assert.deepEqual(texts, ["Before the plug is pulled", "While the node is away", "Back again"]);
}

async function storageIsLimited(ada) {
  const { page } = ada;
  await ada.goTo("/settings/storage");
  const size = page.getByRole("textbox", { name: "In your mailbox for others, in GiB" });
  const save = page.getByRole("button", { name: "Save" });
  await size.fill("half of one");
  await save.click();
  await page.getByRole("alert").filter({ hasText: "Sizes are numbers of GiB" }).waitFor();
  await size.fill("0,5");
  await page.getByRole("combobox", { name: "Messages" }).selectOption("For 30 days");
  await save.click();
  // Nothing is forgotten without a question.
  assert.equal((await ada.api("storage")).limits.keep_days ?? null, null);
  await page.getByRole("dialog").getByRole("button", { name: "Forget them" }).click();
  await page.getByText("Saved.").waitFor();
  const limits = { keep_days: 30, held_bytes_max: 4 * 1024 ** 3, mailbox_bytes_max: 512 * 1024 ** 2 };
  assert.deepEqual((await ada.api("storage")).limits, limits);
  assert.equal(await size.inputValue(), "0.5");
}

async function everyScreenIsAccessible(ada) {
  const [{ conversation }] = await ada.api("conversations");
  const [{ contact }] = await ada.api("contacts");
  const screens = {
    chats: "/",
    conversation: `/c/${conversation}`,
    contacts: "/contacts",
    contact: `/contacts/${contact}`,
    add: "/contacts/add",
    card: "/contacts/card",
    settings: "/settings",
    profile: "/settings/profile",
    appearance: "/settings/appearance",
    sessions: "/settings/sessions",
    storage: "/settings/storage",
    mailboxes: "/settings/mailboxes",
    doctor: "/settings/doctor",
    status: "/settings/status",
  };
  const found = [];
  for (const [size, viewport] of Object.entries({ desktop, phone })) {
    await ada.page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await ada.page.emulateMedia({ colorScheme });
      for (const [screen, path] of Object.entries(screens)) {
        await ada.goTo(path);
        await ada.page.getByRole("heading", { level: 1 }).first().waitFor();
        const { violations } = await new AxeBuilder({ page: ada.page }).setLegacyMode().analyze();
        for (const { id, help, nodes } of violations) {
          found.push(`${screen}, ${size}, ${colorScheme}: ${id} (${help}): ${nodes.map((node) => node.target).join(" ")}`);
        }
        await ada.page.screenshot({ path: join(screenshots, `${screen}-${size}-${colorScheme}.png`) });
      }
    }
  }
  assert.deepEqual(found, []);
}
