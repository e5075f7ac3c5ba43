// What a person does on the page, by the names and roles that a screen reader hears.

const patience_ms = 60_000;
export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

export class Person {
  /** Opens a browser of their own; whatever it complains of is kept in `complaints`. */
  static async open(browser, node, options = {}) {
    const context = await browser.newContext({ viewport: desktop, locale: "en-GB", reducedMotion: "reduce", ...options });
    context.setDefaultTimeout(patience_ms);
    const page = await context.newPage();
    const person = new Person(node, context, page);
    page.on("pageerror", (error) => person.complaints.push(`${node.name}: ${error.stack ?? error}`));
    page.on("console", (message) => {
      // While the node is down every request fails, and the browser says so itself.
      const isExpected = person.nodeIsDown || /ERR_CONNECTION|WebSocket connection/.test(message.text());
      if (message.type() === "error" && !isExpected) person.complaints.push(`${node.name}: ${message.text()}`);
    });
    return person;
  }

  constructor(node, context, page) {
    Object.assign(this, { node, context, page, name: node.name, complaints: [], nodeIsDown: false });
  }

  async signIn() {
    await this.page.goto(this.node.ready.sign_in);
    await this.page.getByRole("navigation", { name: "Main" }).waitFor();
    if (this.page.url().includes("sign-in")) throw new Error("the token of the sign-in link stays in the address");
  }

  async goTo(path) {
    await this.page.goto(new URL(path, this.page.url()).href);
  }

  /** The contact link, as the page of one's card shows it. */
  async cardLink() {
    await this.goTo("/contacts/card");
    const field = this.page.getByRole("textbox", { name: "Contact link" });
    await field.waitFor();
    return field.inputValue();
  }

  async add(link) {
    await this.goTo("/contacts/add");
    await this.page.getByRole("textbox", { name: "Contact link" }).fill(link);
    // Going on before the answer would take the request back with the page.
    const answered = this.page.waitForResponse((it) => it.url().endsWith("/contacts") && it.request().method() === "POST");
    await this.page.getByRole("button", { name: "Add contact" }).click();
    await answered;
  }

  async addsInVain(link, sentence) {
    await this.add(link);
    await this.page.getByRole("alert").filter({ hasText: sentence }).waitFor();
    // The browser itself remarks on every request that is refused; this one was meant to be.
    this.complaints = this.complaints.filter((complaint) => !/responded with a status of 4\d\d/.test(complaint));
  }

  async knows(name) {
    await this.goTo("/contacts");
    await this.page.getByRole("link", { name }).first().waitFor();
  }

  async startConversation(name) {
    await this.goTo("/");
    await this.page.getByRole("button", { name: "New conversation" }).first().click();
    await this.page.getByRole("dialog").getByRole("button", { name }).click();
    await this.composer(name).waitFor();
  }

  async openConversation(name) {
    await this.row(name).click();
    await this.composer(name).waitFor();
  }

  row(name) {
    return this.page.getByRole("navigation", { name: "Conversations" }).getByRole("link", { name });
  }

  composer(name) {
    return this.page.getByRole("textbox", { name: `Message to ${name}` });
  }

  async write(name, text) {
    await this.composer(name).fill(text);
    await this.page.getByRole("button", { name: "Send", exact: true }).click();
  }

  /** The bubble that holds this text. */
  bubble(text) {
    return this.page.getByRole("main").getByRole("listitem").filter({ has: this.page.getByText(text, { exact: true }) });
  }

  async sees(text) {
    await this.bubble(text).last().waitFor();
  }

  async seesState(text, state) {
    await this.bubble(text).getByRole("img", { name: state }).waitFor();
  }

  /** Asks the API as the page does, with its cookie. */
  async api(path) {
    return this.page.evaluate(async (path) => {
      const response = await fetch(`/api/v1/${path}`);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.json();
    }, path);
  }

  /** Every message of the conversation with the latest activity, oldest first. */
  async messages() {
    const [conversation] = await this.api("conversations");
    const id = conversation?.conversation;
    return id === undefined ? [] : (await this.api(`conversations/${id}/messages?limit=500`)).messages;
  }

  /** Waits until the API shows what `is` wants of the messages. */
  async messagesBecome(what, is) {
    const until = Date.now() + 2 * patience_ms;
    for (;;) {
      const messages = await this.messages();
      if (is(messages)) return messages;
      if (Date.now() > until) {
        const shown = messages.map(({ text, state, sender_name }) => `${sender_name}: ${text} (${state})`).join("\n");
        throw new Error(`${this.name} waited in vain until ${what}; there are ${messages.length}:\n${shown}`);
      }
      await this.page.waitForTimeout(100);
    }
  }
}
