// Three homes, three real nodes, three browsers, and a group that changes: every screen shows the same.
import assert from "node:assert/strict";
import { join } from "node:path";
import { TidingsNode } from "./node.mjs";
import { Person, phone } from "./person.mjs";
import { AxeBuilder, complaints, everybody, play, screenshots, step } from "./stage.mjs";

const whole_test_ms_max = 8 * 60_000;

await play(whole_test_ms_max, async ({ browser, homes }) => {
  const names = ["Ada", "Bob", "Cleo"];
  const nodes = await step("three nodes start", () => Promise.all(names.map((name) => TidingsNode.start(join(homes, name), name))));
  const [ada, bob, cleo] = await Promise.all([
    Person.open(browser, nodes[0]),
    Person.open(browser, nodes[1]),
    Person.open(browser, nodes[2], { viewport: phone, hasTouch: true, isMobile: true }),
  ]);
  everybody.push(ada, bob, cleo);
  await step("they sign in and exchange links", async () => {
    await Promise.all(everybody.map((person) => person.signIn()));
    for (const other of [bob, cleo]) await exchangeLinks(ada, other);
  });
  await step("one makes a group on the page", () => makesGroup(ada, [bob, cleo]));
  await step("all write, and read each other", () => allWrite("Walking", everybody));
  await step("one renames it, and all see by whom", () => renames(ada, [bob, cleo]));
  await step("a message says who has it", () => saysWhoHasIt(ada));
  await step("one is removed, and can only read", () => removes(ada, cleo, bob));
  await step("the others go on writing", () => goOn(ada, bob, cleo));
  await step("the screens agree", () => screensAgree(ada, bob));
  await step("axe finds nothing in the details", () => detailsAreAccessible(ada));
  await step("the pages complained of nothing", () => assert.deepEqual(complaints(), []));
});

async function exchangeLinks(one, other) {
  const [onesLink, othersLink] = [await one.cardLink(), await other.cardLink()];
  await one.add(othersLink);
  await one.knows(other.name);
  await other.add(onesLink);
  await other.knows(one.name);
}

async function makesGroup(ada, others) {
  await ada.goTo("/");
  await ada.page.getByRole("button", { name: "New conversation" }).first().click();
  await ada.page.getByRole("button", { name: "New group" }).click();
  await ada.page.getByLabel("Group name").fill("Walking");
  for (const { name } of others) await ada.page.getByRole("checkbox", { name: new RegExp(name) }).check();
  await ada.page.getByRole("button", { name: "Create group" }).click();
  await ada.composer("Walking").waitFor();
  for (const person of others) {
    await person.goTo("/");
    await person.row("Walking").filter({ hasText: "3 members" }).waitFor();
    await person.openConversation("Walking");
  }
}

async function allWrite(group, people) {
  for (const person of people) await person.write(group, `${person.name} is here`);
  for (const person of people) for (const { name } of people) await person.sees(`${name} is here`);
}

async function renames(ada, others) {
  await openDetails(ada);
  await ada.page.getByRole("button", { name: "Edit group" }).click();
  await ada.page.getByLabel("Group name").fill("Hiking");
  await ada.page.getByRole("button", { name: "Save" }).click();
  await ada.page.getByRole("heading", { level: 1, name: "Hiking" }).waitFor();
  await line(ada, "You renamed the group to “Hiking”").waitFor();
  for (const person of others) {
    await person.page.getByRole("heading", { level: 1, name: "Hiking" }).waitFor();
    await line(person, "Ada renamed the group to “Hiking”").waitFor();
  }
  await ada.page.screenshot({ path: join(screenshots, "group-renamed.png") });
}

async function saysWhoHasIt(ada) {
  await ada.seesState("Ada is here", "Seen");
  await ada.bubble("Ada is here").focus();
  await ada.page.keyboard.press("Enter");
  await ada.page.getByText("Delivered to 2 of 2, seen by 2").waitFor();
  await ada.page.keyboard.press("Escape");
}

async function removes(ada, cleo, bob) {
  await ada.page.getByRole("complementary").getByRole("button", { name: /^Cleo/ }).click();
  await ada.page.getByRole("button", { name: "Remove" }).click();
  await ada.page.getByRole("button", { name: "Remove from group" }).click();
  await line(ada, "You removed Cleo").waitFor();
  await line(bob, "Ada removed Cleo").waitFor();
  await cleo.page.getByText("You were removed from this group.").waitFor();
  assert.equal(await cleo.composer("Hiking").count(), 0);
  await cleo.page.screenshot({ path: join(screenshots, "group-removed-phone.png") });
}

async function goOn(ada, bob, cleo) {
  await ada.write("Hiking", "Without Cleo");
  await bob.sees("Without Cleo");
  await bob.write("Hiking", "So we are two");
  await ada.sees("So we are two");
  assert.equal(await cleo.bubble("Without Cleo").count(), 0);
  const texts = (await cleo.messages()).map(({ text }) => text);
  assert.ok(!texts.includes("Without Cleo"), texts.join("\n"));
}

async function screensAgree(ada, bob) {
  const shown = async (person) => {
    const [conversation] = (await person.api("conversations")).filter(({ direct }) => !direct);
    const members = conversation.members.map(({ account, role }) => `${account} ${role}`).toSorted();
    const { messages } = await person.api(`conversations/${conversation.conversation}/messages?limit=500`);
    const transcript = messages.map(({ message, place, kind, sender }) => `${place} ${message} ${kind} ${sender}`);
    return { name: conversation.name, members, transcript };
  };
  assert.deepEqual(await shown(ada), await shown(bob));
}

async function detailsAreAccessible(ada) {
  for (const colorScheme of ["light", "dark"]) {
    await ada.page.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page: ada.page }).setLegacyMode().analyze();
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(" ")}`), []);
    await ada.page.screenshot({ path: join(screenshots, `group-${colorScheme}.png`) });
  }
}

async function openDetails(person) {
  await person.page.getByRole("button", { name: "Group details" }).click();
  await person.page.getByRole("complementary").getByRole("heading", { name: "3 members" }).waitFor();
}

/** A line about the group in the transcript. */
function line(person, text) {
  return person.page.getByRole("main").getByRole("listitem").filter({ hasText: text }).first();
}
