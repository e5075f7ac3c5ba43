// Every screen: where it is, and when it is there.
const chat = (index) => (mock) => `/c/${[...mock.world.conversations.keys()][index]}`;
const group = (name) => (mock) => `/c/${[...mock.world.conversations.values()].find((it) => it.name === name).conversation}`;
const at = (path) => () => path;
const seen = (selector) => (page) => page.locator(selector).first().waitFor();

/** A group with its details open, and then `further`. */
const details = (further) => async (page, mock) => {
  await page.getByRole("button", { name: "Group details" }).click();
  await page.locator(".group .members .row").first().waitFor();
  await further?.(page, mock);
};

const groupScreens = [
  { name: "group-chat", path: group("Library garden"), ready: seen(".banner-quiet") },
  { name: "group-details", path: group("Library garden"), ready: details() },
  {
    name: "group-details-end",
    path: group("Library garden"),
    ready: details((page) => page.getByRole("button", { name: "Leave group" }).scrollIntoViewIfNeeded()),
  },
  {
    name: "group-edit",
    path: group("Library garden"),
    ready: details(async (page) => {
      await page.getByRole("button", { name: "Edit group" }).click();
      await page.getByRole("textbox", { name: "Topic" }).waitFor();
    }),
  },
  {
    name: "group-member",
    path: group("Library garden"),
    ready: details(async (page) => {
      await page.locator(".members .row", { hasText: "Amara" }).click();
      await page.getByLabel("Role").waitFor();
    }),
  },
  {
    name: "group-remove",
    path: group("Library garden"),
    ready: details(async (page) => {
      await page.locator(".members .row", { hasText: "Amara" }).click();
      await page.getByRole("button", { name: "Remove" }).click();
      await page.getByRole("heading", { name: "Remove Amara Okafor?" }).waitFor();
    }),
  },
  {
    name: "group-add",
    path: group("Library garden"),
    ready: details(async (page) => {
      await page.getByRole("button", { name: "Add members" }).click();
      await page.locator(".picker-row").first().click();
    }),
  },
  {
    name: "group-new-invite",
    path: group("Library garden"),
    ready: details(async (page) => {
      await page.getByRole("button", { name: "New invite link" }).click();
      await page.getByRole("combobox", { name: "Works for" }).waitFor();
    }),
  },
  {
    name: "group-invite",
    path: group("Library garden"),
    ready: details(async (page) => {
      await page.getByRole("button", { name: /Show link/ }).click();
      await page.getByRole("img", { name: "QR code of the invite link" }).waitFor();
    }),
  },
  {
    name: "group-leave",
    path: group("Library garden"),
    ready: details(async (page) => {
      await page.getByRole("button", { name: "Leave group" }).click();
      await page.getByRole("heading", { name: "Leave Library garden?" }).waitFor();
    }),
  },
  {
    name: "group-delivery",
    path: group("Library garden"),
    async ready(page) {
      await page.locator(".message.mine").last().focus();
      await page.keyboard.press("Enter");
      await page.getByText("Delivered to 3 of 5").waitFor();
      await page.getByText("No longer in this group").waitFor();
    },
  },
  { name: "group-read-only", path: group("Book club"), ready: seen(".composer-off") },
  { name: "group-read-only-details", path: group("Book club"), ready: details() },
  { name: "group-removed", path: group("House board"), ready: seen(".composer-off") },
  { name: "group-removed-details", path: group("House board"), ready: async (page) => {
    await page.getByRole("button", { name: "Group details" }).click();
    await page.getByText("Members as last known here").waitFor();
  } },
  { name: "group-refused", path: group("Brass band"), ready: async (page) => {
    await page.getByText("The invite was refused: the invite has expired.").waitFor();
    if (await page.getByText("You were removed").count() > 1) throw new Error("a refusal reads like a removal");
  } },
  { name: "group-joining", path: group("Choir"), ready: seen(".composer-off") },
  { name: "group-coming-back", path: group("Sunday walk"), ready: seen(".banner") },
  {
    name: "group-new",
    path: at("/"),
    async ready(page) {
      await page.getByRole("button", { name: "New conversation" }).click();
      await page.getByRole("button", { name: "New group" }).click();
      await page.getByLabel("Group name").fill("Allotment");
      await page.locator(".picker-row").nth(1).click();
      await page.locator(".picker-row").nth(2).click();
    },
  },
  { name: "join", path: at("/join"), ready: seen(".scanner") },
  {
    name: "join-wrong",
    path: at("/join"),
    async ready(page) {
      await page.locator("textarea").fill("https://example.org/not-an-invite");
      await page.keyboard.press("Enter");
      await page.locator(".problem").waitFor();
    },
  },
];

export const screens = [
  ...groupScreens,
  { name: "sign-in", path: at("/"), signedIn: false, ready: seen(".steps") },
  { name: "sign-in-failed", path: at("/#sign-in=wrong"), signedIn: false, ready: seen(".notice") },
  { name: "chats", path: at("/"), ready: seen(".rows .row") },
  { name: "chats-empty", path: at("/"), empty: true, ready: seen(".list .empty") },
  { name: "chat", path: chat(0), ready: seen(".message.mine .state-icon") },
  { name: "chat-unread", path: chat(1), ready: seen(".unread-marker") },
  { name: "chat-rtl", path: chat(5), ready: seen(".message.mine") },
  {
    name: "chat-scrolled",
    path: chat(1),
    async ready(page, mock) {
      await page.locator(".unread-marker").waitFor();
      await page.waitForTimeout(200);
      await page.locator(".messages-scroll").evaluate((box) => (box.scrollTop -= 2_000));
      await page.waitForTimeout(200);
      mock.node.receive([...mock.world.conversations.values()][1], "Something new came in.");
      await page.locator(".to-latest-count").waitFor();
    },
  },
  {
    name: "chat-actions",
    path: chat(0),
    async ready(page) {
      await page.locator(".message.theirs").first().waitFor();
      await page.locator(".message").nth(10).locator(".message-actions button").first().evaluate((it) => it.closest("li").focus());
      await page.keyboard.press("r");
      await page.locator(".composer-reply").waitFor();
      await page.keyboard.type("That works for me.\nI will bring a second pair, too.");
      await page.locator(".message").nth(11).hover();
    },
  },
  {
    name: "chat-refused",
    path: chat(2),
    async ready(page, mock) {
      await page.locator(".message").first().waitFor();
      mock.node.refuse("text_refused", "The conversation does not accept this text.");
      await page.locator(".composer textarea").fill("Will this one be taken?");
      await page.locator(".composer-send").click();
      await page.locator(".refusal").waitFor();
    },
  },
  {
    name: "chat-away",
    path: chat(0),
    async ready(page, mock) {
      await page.locator(".message").first().waitFor();
      mock.node.leave();
      await page.locator(".banner").waitFor();
      await page.locator(".composer textarea").fill("I will be a little late, start without me.");
      await page.locator(".composer-send").click();
      await page.locator(".outgoing").waitFor();
    },
  },
  {
    name: "details",
    path: chat(0),
    async ready(page) {
      await page.locator(".message.mine").first().waitFor();
      await page.locator(".message.mine").last().focus();
      await page.keyboard.press("Enter");
      await page.locator(".recipients").waitFor();
    },
  },
  {
    name: "about",
    path: chat(0),
    async ready(page) {
      await page.getByRole("button", { name: "Contact details" }).click();
      await page.locator(".safety").waitFor();
    },
  },
  { name: "chat-unknown", path: at("/c/abcdef"), ready: seen(".main .empty") },
  {
    name: "switcher",
    path: chat(0),
    async ready(page) {
      await page.locator(".message").first().waitFor();
      await page.keyboard.press("Control+k");
      await page.locator(".switcher-list .row").first().waitFor();
    },
  },
  {
    name: "new",
    path: at("/"),
    async ready(page) {
      await page.getByRole("button", { name: "New conversation" }).click();
      await page.locator(".people .row").first().waitFor();
    },
  },
  { name: "contacts", path: at("/contacts"), ready: seen(".rows .avatar") },
  {
    name: "contact",
    async ready(page) {
      await page.locator(".safety").waitFor();
    },
    path: (mock) => `/contacts/${mock.world.contacts[2].contact}`,
  },
  {
    name: "contact-verified",
    async ready(page) {
      await page.getByRole("button", { name: "The numbers are the same" }).click();
      await page.getByRole("button", { name: "Take the mark away" }).waitFor();
    },
    path: (mock) => `/contacts/${mock.world.contacts[0].contact}`,
  },
  { name: "requests", path: at("/requests"), ready: seen(".strangers li") },
  {
    name: "requests-block",
    path: at("/requests"),
    async ready(page) {
      await page.getByRole("button", { name: "Block Nobody in particular" }).click();
      await page.getByRole("heading", { name: "Block Nobody in particular?" }).waitFor();
    },
  },
  { name: "add", path: at("/contacts/add"), ready: seen(".scanner") },
  {
    name: "add-wrong",
    path: at("/contacts/add"),
    async ready(page) {
      await page.locator("textarea").fill("https://example.org/not-a-card");
      await page.keyboard.press("Enter");
      await page.locator(".problem").waitFor();
    },
  },
  {
    name: "added",
    path: at("/contacts/add"),
    async ready(page) {
      await page.locator("textarea").fill("tidings:card/1#ruth");
      await page.keyboard.press("Enter");
      await page.locator(".added").waitFor();
    },
  },
  { name: "card", path: at("/contacts/card"), ready: seen(".qr img") },
  { name: "settings", path: at("/settings"), ready: seen(".me") },
  { name: "profile", path: at("/settings/profile"), ready: seen(".profile-face") },
  { name: "identities", path: at("/settings/identities"), ready: seen(".issuers li") },
  { name: "identity-linked", path: at("/identities/callback?code=a-code&state=a-state"), ready: seen(".notice strong") },
  {
    name: "identity-mail",
    path: at("/settings/identities"),
    async ready(page) {
      await page.getByRole("button", { name: "Show the subject" }).click();
      await page.getByLabel("The mail as it arrived (.eml)").scrollIntoViewIfNeeded();
    },
  },
  { name: "identity-refused", path: at("/identities/callback?error=access_denied"), ready: seen(".notice strong") },
  {
    name: "contact-identities",
    path: (mock) => `/contacts/${mock.world.contacts[0].contact}`,
    async ready(page) {
      await page.locator("[data-standing]").first().waitFor();
      await page.locator("[data-standing]").last().scrollIntoViewIfNeeded();
    },
  },
  { name: "appearance", path: at("/settings/appearance"), ready: seen(".preview") },
  { name: "sessions", path: at("/settings/sessions"), ready: seen(".sessions li") },
  {
    name: "token",
    path: at("/settings/sessions"),
    async ready(page) {
      await page.getByRole("button", { name: "New token" }).click();
      await page.getByLabel("Where").selectOption("some");
      await page.locator("dialog .picker-row").first().waitFor();
      await page.getByRole("button", { name: "Create token" }).click();
      await page.locator("dialog .problem").waitFor();
    },
  },
  {
    name: "token-made",
    path: at("/settings/sessions"),
    async ready(page) {
      await page.getByRole("button", { name: "New token" }).click();
      await page.getByLabel("Name").fill("Weather");
      await page.getByRole("button", { name: "Create token" }).click();
      await page.locator("dialog .copy-field").waitFor();
    },
  },
  { name: "mailboxes", path: at("/settings/mailboxes"), ready: seen(".sessions li") },
  {
    name: "doctor",
    path: at("/settings/doctor"),
    ready: async (page) => {
      await page.getByRole("button", { name: "Check now" }).click();
      await page.locator(".findings li").first().waitFor();
    },
  },
  { name: "status", path: at("/settings/status"), ready: seen(".addresses li") },
  {
    name: "backup",
    path: at("/settings/status"),
    async ready(page) {
      await page.getByLabel("A passphrase for this backup").fill("correct horse");
      await page.getByLabel("Once more, to be sure").fill("correct house");
      await page.getByRole("button", { name: "Make a backup" }).click();
      await page.locator("#backup-problem").waitFor();
      await page.getByRole("button", { name: "Bring a file in" }).scrollIntoViewIfNeeded();
    },
  },
];
