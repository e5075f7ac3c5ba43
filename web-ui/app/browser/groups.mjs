// What a person does with groups, in Chromium against the mock.
import assert from "node:assert/strict";

const phone = { width: 390, height: 844 };
const group = (mock, name) => [...mock.world.groups.values()].find((it) => it.conversation.name === name);
const chat = (name) => (mock) => `/c/${group(mock, name).conversation.conversation}`;

/** A picture that is larger than a group's may be: noise, which nothing makes small. */
const noise = `(() => {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 480;
  const context = canvas.getContext("2d");
  const image = context.createImageData(640, 480);
  let seed = 7;
  for (let at = 0; at < image.data.length; at += 1) {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    image.data[at] = at % 4 === 3 ? 255 : seed & 255;
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
})()`;

export function groupChecks(check, open) {
  const details = async (page, name = "Group details") => {
    await page.getByRole("button", { name }).click();
    await page.locator(".members .row").first().waitFor();
  };

  check("group: one is made of several contacts by the keyboard alone", async () => {
    const { page, mock, close } = await open();
    await page.locator(".rows .row").first().waitFor();
    await page.getByRole("button", { name: "New conversation" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "New group" }).focus();
    await page.keyboard.press("Enter");
    await page.getByLabel("Group name").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "Give the group a name." }).waitFor();
    await page.keyboard.type("Allotment");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "Choose at least one contact." }).waitFor();
    await page.getByRole("checkbox", { name: /Amara Okafor/ }).focus();
    await page.keyboard.press("Space");
    await page.getByRole("checkbox", { name: /Mei-Ling Chen/ }).focus();
    await page.keyboard.press("Space");
    await page.getByText("2 chosen").waitFor();
    await page.getByRole("button", { name: "Create group" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "Message to Allotment" }).waitFor();
    assert.deepEqual(group(mock, "Allotment").conversation.members.map((it) => it.name), ["Ines Carvalho", "Amara Okafor", "Mei-Ling Chen"]);
    await page.locator(".row[aria-current]", { hasText: "3 members" }).waitFor();
    await close();
  });

  check("group: its name, topic and picture are changed, and a picture is made small first", async () => {
    const { page, mock, close } = await open({ path: chat("Library garden") });
    await details(page);
    await page.getByRole("button", { name: "Edit group" }).click();
    const buffer = Buffer.from(await page.evaluate(noise), "base64");
    assert.ok(buffer.length > 500_000);
    await page.locator("dialog input[type=file]").setInputFiles({ name: "no.png", mimeType: "image/png", buffer: Buffer.from("no") });
    await page.getByRole("alert").filter({ hasText: "This file is not a picture" }).waitFor();
    await page.locator("dialog input[type=file]").setInputFiles({ name: "noise.png", mimeType: "image/png", buffer });
    await page.locator("dialog .avatar img").waitFor();
    const [{ type, body }] = mock.world.pictures.values();
    assert.ok(body.length > 100 && body.length <= 12 * 1024, `${body.length} bytes`);
    assert.equal(type, "image/webp");
    await page.getByLabel("Group name").fill("Garden at the library");
    await page.getByRole("textbox", { name: "Topic" }).fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { level: 1, name: "Garden at the library" }).waitFor();
    await page.locator(".system", { hasText: "You renamed the group to “Garden at the library”" }).waitFor();
    await page.locator(".row[aria-current] .avatar img").waitFor();
    assert.equal(group(mock, "Garden at the library").conversation.topic, "");
    await close();
  });

  check("group: a member is added, made an admin, and removed once it is confirmed", async () => {
    const { page, mock, close } = await open({ path: chat("Library garden") });
    const names = () => group(mock, "Library garden").conversation.members.map((it) => it.name);
    await details(page);
    await page.getByRole("button", { name: "Add members" }).click();
    await page.getByRole("checkbox", { name: /Priya Raman/ }).check();
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.locator(".members .row", { hasText: "Priya Raman" }).click();
    await page.getByLabel("Role").selectOption("Admin");
    await page.getByText("Can add and remove members").waitFor();
    assert.equal(group(mock, "Library garden").conversation.members.at(-1).role, "admin");
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    assert.ok(names().includes("Priya Raman"));
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Remove from group" }).click();
    await page.locator(".system", { hasText: "You removed Priya Raman" }).waitFor();
    assert.ok(!names().includes("Priya Raman"));
    assert.equal(await page.locator("dialog").count(), 0);
    await close();
  });

  check("group: what the node refuses is said above the dialog, and changes nothing", async () => {
    const { page, close } = await open({ path: chat("Library garden") });
    await details(page);
    await page.locator(".members .row", { hasText: "You" }).click();
    await page.getByLabel("Role").selectOption("Member");
    await page.getByText("A group keeps an owner").waitFor();
    assert.equal(await page.getByLabel("Role").inputValue(), "owner");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await close();
  });

  check("group: an invite link is made as wanted, shown with its code, copied, and revoked", async () => {
    const { page, mock, close } = await open({ path: chat("Library garden") });
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await details(page);
    await page.getByRole("button", { name: "New invite link" }).click();
    await page.getByRole("combobox", { name: "Good for" }).selectOption("5 people");
    await page.getByRole("combobox", { name: "Works for" }).selectOption("1 day");
    await page.getByRole("checkbox", { name: "They can read but not write" }).check();
    await page.getByRole("button", { name: "Create link" }).click();
    await page.getByRole("img", { name: "QR code of the invite link" }).waitFor();
    await page.getByText("5 people, read-only · ends in 24 hours").waitFor();
    await page.getByRole("button", { name: "Copy link" }).click();
    const made = group(mock, "Library garden").invites.at(-1);
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), made.link);
    assert.deepEqual([made.uses, made.role, made.approval], [5, "read_only", false]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Revoke link: 5 people, read-only" }).click();
    await page.getByRole("button", { name: "Revoke link", exact: true }).click();
    await page.getByRole("button", { name: "Revoke link: 5 people, read-only" }).waitFor({ state: "detached" });
    assert.ok(!group(mock, "Library garden").invites.includes(made));
    await close();
  });

  check("group: who asks to join is let in from the banner", async () => {
    const { page, mock, close } = await open({ path: chat("Library garden") });
    await page.getByRole("button", { name: "Look" }).click();
    await page.getByRole("button", { name: "Let Ruth Adler in" }).click();
    await page.locator(".members .row", { hasText: "Ruth Adler" }).waitFor();
    await page.getByText("1 person asks to join.").waitFor({ state: "detached" });
    assert.ok(group(mock, "Library garden").conversation.members.some((it) => it.name === "Ruth Adler"));
    await close();
  });

  check("group: its rules are changed by owners, and only read by others", async () => {
    const { page, mock, close } = await open({ path: chat("Library garden") });
    await details(page);
    await page.getByRole("combobox", { name: "New members see" }).selectOption("Everything from before");
    await page.getByRole("combobox", { name: "Messages disappear" }).selectOption("7 days");
    await page.getByRole("combobox", { name: "Who may invite" }).selectOption("Owners and admins");
    const { history, disappearing_s, may_invite } = group(mock, "Library garden");
    assert.deepEqual([history, disappearing_s, may_invite], [{ kind: "everything" }, 604_800, "admins"]);
    await page.goto(mock.origin + chat("Book club")(mock));
    await details(page);
    assert.ok(await page.getByRole("combobox", { name: "New members see" }).isDisabled());
    assert.equal(await page.getByRole("button", { name: "Add members" }).count(), 0);
    await close();
  });

  check("group: leaving says what it means, and then there is nothing to write in", async () => {
    const { page, close } = await open({ path: chat("Library garden") });
    await details(page);
    await page.getByRole("button", { name: "Leave group" }).click();
    await page.getByText("You will no longer receive what is written.").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Leave group" }).click();
    await page.getByText("You left this group. You can read what was written until then.").waitFor();
    assert.equal(await page.getByRole("textbox", { name: /^Message to/ }).count(), 0);
    assert.equal(await page.getByRole("button", { name: "Leave group" }).count(), 0);
    await close();
  });

  check("group: one is joined by its link, and what is no such link gets a sentence", async () => {
    const { page, close } = await open({ path: () => "/join" });
    const field = page.getByRole("textbox", { name: "Invite link" });
    for (const [link, sentence] of [
      ["", "Paste an invite link first."],
      ["tidings://contact/abc", "This is a contact link"],
      ["https://example.org/", "This is not an invite link."],
      ["tidings://join/revoked", "This link was revoked."],
    ]) {
      await field.fill(link);
      await page.keyboard.press("Enter");
      await page.getByRole("alert").filter({ hasText: sentence }).waitFor();
    }
    await field.fill("tidings://join/abcdef");
    await page.getByRole("button", { name: "Join" }).click();
    await page.getByText("You asked to join.").waitFor();
    await page.goto(new URL("/contacts/add", page.url()).href);
    await page.getByRole("textbox", { name: "Contact link" }).fill("tidings://join/abcdef");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "This is an invite to a group." }).waitFor();
    await close();
  });

  check("group: changes by others come in as lines, which are announced, and may be taken back", async () => {
    const { page, mock, close } = await open({ path: chat("Library garden") });
    await page.locator(".message").first().waitFor();
    const { conversation } = group(mock, "Library garden");
    const line = mock.node.groupChanged(conversation, "Noor al-Rashid renamed the group to “Beds”", { name: "Beds" });
    await page.getByRole("heading", { level: 1, name: "Beds" }).waitFor();
    await page.locator(".system", { hasText: line.text }).waitFor();
    await page.locator("[aria-live]", { hasText: line.text }).waitFor({ state: "attached" });
    mock.node.takeBack(line);
    await page.locator(".system", { hasText: line.text }).waitFor({ state: "detached" });
    await close();
  });

  check("group: who is removed while they write sees it at once", async () => {
    const { page, mock, close } = await open({ path: chat("Sunday walk") });
    await page.getByText("Your node lost touch with this group").waitFor();
    await page.getByRole("textbox", { name: "Message to Sunday walk" }).fill("Half a word");
    const { conversation } = group(mock, "Sunday walk");
    mock.node.groupChanged(conversation, "Tomás Herrera removed you", { standing: "removed", can_write: false });
    await page.getByText("You were removed from this group.").waitFor();
    assert.equal(await page.getByRole("textbox", { name: /^Message to/ }).count(), 0);
    await close();
  });

  check("group: its details fit a phone, in either direction of writing", async () => {
    for (const dir of ["ltr", "rtl"]) {
      const { page, close } = await open({ viewport: phone, path: chat("Library garden") });
      await page.evaluate((it) => (document.documentElement.dir = it), dir);
      await details(page);
      const dialog = page.getByRole("dialog");
      const wide = await dialog.evaluate((it) => it.querySelector(".dialog-body").scrollWidth > it.clientWidth);
      assert.equal(wide, false);
      await page.getByRole("button", { name: "Leave group" }).scrollIntoViewIfNeeded();
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      await close();
    }
  });
}
