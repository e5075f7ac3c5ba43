// People who prove on the page who they are elsewhere: real nodes, a real issuer, a real browser between them.
import assert from "node:assert/strict";
import { join } from "node:path";
import { Issuer } from "../identities/issuer.mjs";
import { Mail } from "../identities/mail.mjs";
import { TidingsNode } from "./node.mjs";
import { Person, phone } from "./person.mjs";
import { AxeBuilder, complaints, everybody, play, screenshots, step } from "./stage.mjs";

const whole_test_ms_max = 5 * 60_000;
const carried = "Not checked yet: signed with a key that came with it";
const proved = "Proved: the issuer's own key signed it";
const provedByMail = "Proved: its domain's own key signed it";

await play(whole_test_ms_max, async ({ browser, homes }) => {
  const [issuer, mail] = await Promise.all([Issuer.start(), Mail.start()]);
  const [ada, bob, carol] = await step("three people sign in", async () => {
    const nodes = await Promise.all(
      ["Ada", "Bob", "Carol"].map((name) => TidingsNode.start(join(homes, name), name, "127.0.0.1:0", asking(mail))),
    );
    const options = [{}, { viewport: phone, hasTouch: true, isMobile: true }, { colorScheme: "dark" }];
    for (const [at, node] of nodes.entries()) everybody.push(await Person.open(browser, node, options[at]));
    await Promise.all(everybody.map((person) => person.signIn()));
    return everybody;
  });
  await step("they meet", () => meet(ada, bob, carol));
  await step("they say whose word counts", () => acceptIssuer(issuer, ada, bob, carol));
  const came = await step("Ada proves who she is at the issuer", () => prove(ada, issuer, "ada@example.test"));
  await step("her page says so, and its address says nothing", () => proven(ada));
  await step("Bob's node verifies it, and asks the issuer when he wants", () => verified(bob, ada, "ada@example.test"));
  await step("what the browser came back with is good for once", () => replayed(ada, came));
  await step("what another site makes up is good for nothing", () => madeUp(ada));
  await step("an address that the issuer has not verified proves nothing", () => unverified(ada, issuer));
  await step("a sign-in that was refused says so", () => denied(ada, issuer));
  await step("Ada proves an address by a mail that its domain signed", () => proveByMail(ada, mail));
  await step("Bob's node verifies that, too", () => verified(bob, ada, "ada@example.test", provedByMail));
  await step("who is verified is found by the address", () => foundByAddress(bob, carol));
  await step("axe finds nothing", () => accessible(ada, bob));
  await step("the issuer is gone, and who never met it verifies all the same", () => withoutIssuer(issuer, carol, ada));
  await step("what she takes off her card is gone everywhere", () => withdrawn(ada, bob, carol));
  // The issuer's own pages want a font from the net.
  const of_the_pages = () => complaints().filter((complaint) => !complaint.includes("ERR_NAME_NOT_RESOLVED"));
  await step("the pages complained of nothing", () => assert.deepEqual(of_the_pages(), []));
});

async function meet(ada, ...others) {
  const link = await ada.cardLink();
  for (const other of others) {
    await ada.add(await other.cardLink());
    await other.add(link);
    await other.knows("Ada");
  }
}

async function acceptIssuer(issuer, ada, ...others) {
  for (const person of [ada, ...others]) {
    const { page } = person;
    await person.goTo("/settings/identities");
    await page.getByText("No issuer's word counts here yet.").waitFor();
    await page.getByLabel("Issuer", { exact: true }).fill(issuer.url);
    await page.getByLabel("The program's name there (client ID)").fill("tidings");
    const mine = page.getByRole("checkbox", { name: "It is my program: I sign in as it" });
    if (person !== ada) await mine.uncheck();
    await page.getByRole("button", { name: "Accept" }).click();
    await page.getByText("Its word counts here now.").waitFor();
    await page.getByRole("listitem").filter({ hasText: issuer.url }).waitFor();
  }
  await others[0].page.getByText("First enter a program of your own at an issuer below.").waitFor();
}

/** Signs in at the issuer as `login`; gives where the browser came back to. */
async function prove(person, issuer, login) {
  const { page } = person;
  await person.goTo("/settings/identities");
  const back = page.waitForRequest((request) => request.url().includes("/identities/callback?"));
  await page.getByRole("button", { name: `Sign in at ${issuer.url}` }).click();
  await page.waitForURL(`${issuer.url}/**`);
  // A person who is signed in there already is not asked again.
  const asked = await page.locator("input[name=login]").isVisible();
  if (asked) {
    await page.locator("input[name=login]").fill(login);
    await page.locator("input[name=password]").fill("any");
    await page.locator("button[type=submit]").click();
  }
  await page.locator("form button[type=submit]").click();
  const address = (await back).url();
  await page.getByRole("heading", { level: 1, name: "Identities" }).waitFor();
  return address;
}

async function proven(ada) {
  const { page } = ada;
  await page.getByRole("status").filter({ hasText: "Your card says now that you are ada@example.test" }).waitFor();
  await page.getByRole("listitem").filter({ hasText: "ada@example.test" }).getByText(proved).waitFor();
  assert.equal(page.url(), `${new URL(ada.node.ready.sign_in).origin}/settings/identities`);
  await page.screenshot({ path: join(screenshots, "linked.png") });
}

async function verified(person, other, email, how = proved) {
  const { page } = person;
  await visit(person, other);
  const lines = page.getByRole("listitem").filter({ hasText: email });
  await lines.filter({ hasText: carried }).waitFor();
  await page.getByRole("button", { name: "Ask the issuers" }).click();
  const line = lines.filter({ hasText: how });
  await line.waitFor();
  await line.scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(screenshots, `contact-${how === proved ? "issuer" : "mail"}.png`) });
}

/** The node asks the mail provider's own name server. */
function asking(mail) {
  return ["--name-server", `127.0.0.1:${mail.dns.address().port}`];
}

async function proveByMail(ada, mail) {
  const { page } = ada;
  await ada.goTo("/settings/identities");
  await page.getByRole("button", { name: "Show the subject" }).click();
  const subject = await page.getByRole("textbox", { name: "Subject of the mail" }).inputValue();
  const bring = (text) =>
    page.getByLabel("The mail as it arrived (.eml)").setInputFiles({ name: "saved.eml", mimeType: "message/rfc822", buffer: Buffer.from(text) });
  const address = "ada@example.test";
  const delivered = await mail.signed({ from: address, to: address, subject });
  await bring(delivered.replace("Sent by hand.", "Sent by Eve."));
  await page.getByText("the text of the mail is not what its domain signed").waitFor();
  ada.complaints = ada.complaints.filter((complaint) => !/responded with a status of 4\d\d/.test(complaint));
  await bring(delivered);
  await page.getByRole("status").filter({ hasText: "Your card says now that you are ada@example.test." }).waitFor();
  await page.getByRole("listitem").filter({ hasText: provedByMail }).waitFor();
}

/** Bob's node verified it; Carol's has it as Ada's word only. */
async function foundByAddress(bob, carol) {
  for (const { page } of [bob, carol]) {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("ada@example.test");
  }
  await carol.page.getByText("Of no contact it is verified that this is their address.").waitFor();
  await carol.page.keyboard.press("Escape");
  await bob.page.getByRole("option", { name: "Ada" }).waitFor();
  await bob.page.screenshot({ path: join(screenshots, "found-by-address.png") });
  await bob.page.keyboard.press("Enter");
  await bob.page.getByRole("heading", { name: "Ada" }).first().waitFor();
}

async function visit(person, other) {
  const { account } = await other.api("status");
  await person.goTo(`/contacts/${account}`);
  await person.page.getByRole("heading", { name: "Elsewhere" }).waitFor();
}

async function replayed(ada, address) {
  await ada.page.goto(address);
  await refused(ada, "over or too old");
}

/** Another site sends the browser to where issuers send it, with what it likes. */
async function madeUp(ada) {
  const { page } = ada;
  const { host } = new URL(ada.node.ready.http);
  await page.goto("data:text/html,innocent");
  await page.evaluate((url) => (location.href = url), `http://${host}/identities/callback?code=mallory&state=mallory`);
  await refused(ada, "over or too old");
}

async function unverified(ada, issuer) {
  await ada.context.clearCookies({ domain: "127.0.0.1" });
  await prove(ada, issuer, "unverified@example.test");
  await refused(ada, "the issuer has not verified the e-mail address");
  assert.equal((await ada.api("identities")).length, 1, "what was proved before stands");
}

async function denied(ada, issuer) {
  const { page } = ada;
  await ada.context.clearCookies({ domain: "127.0.0.1" });
  await ada.goTo("/settings/identities");
  await page.getByRole("button", { name: `Sign in at ${issuer.url}` }).click();
  await page.getByRole("link", { name: "Cancel" }).click();
  await refused(ada, "The sign-in was refused there: access_denied");
}

async function refused(person, sentence) {
  const { page } = person;
  const alert = page.getByRole("alert").filter({ hasText: "That proved nothing." });
  await alert.filter({ hasText: new RegExp(sentence, "i") }).waitFor();
  assert.equal(new URL(page.url()).search, "", "what it came back with stays in the address");
  // The browser itself remarks on every request that is refused; these were meant to be.
  person.complaints = person.complaints.filter((complaint) => !/responded with a status of 4\d\d/.test(complaint));
}

async function accessible(ada, bob) {
  await ada.goTo("/settings/identities");
  await ada.page.getByRole("button", { name: /^Take off: ada@example.test/ }).first().waitFor();
  for (const { page, name } of [ada, bob]) {
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes[0].html}`), []);
  }
}

async function withoutIssuer(issuer, carol, ada) {
  await issuer.stop();
  await visit(carol, ada);
  const both = carol.page.getByRole("listitem").filter({ hasText: "ada@example.test" }).filter({ hasText: carried });
  await both.nth(1).waitFor();
  await carol.page.getByRole("button", { name: "Ask the issuers" }).click();
  await carol.page.getByText("was not reached").waitFor();
  carol.complaints = carol.complaints.filter((complaint) => !/responded with a status of [45]\d\d/.test(complaint));
  await carol.page.screenshot({ path: join(screenshots, "contact-offline.png") });
}

async function withdrawn(ada, ...others) {
  await ada.goTo("/settings/identities");
  for (let left = 2; left > 0; left -= 1) {
    await ada.page.getByRole("button", { name: /^Take off: ada@example.test/ }).first().click();
    await ada.page.getByRole("dialog").getByRole("button", { name: "Take off" }).click();
    await ada.page.getByRole("dialog").waitFor({ state: "detached" });
  }
  await ada.page.getByText("Your card does not say who you are elsewhere.").waitFor();
  for (const other of others) {
    // Their pages are open there, and hear of it.
    await other.page.getByText("Proves nothing about who they are elsewhere.").waitFor();
  }
}
