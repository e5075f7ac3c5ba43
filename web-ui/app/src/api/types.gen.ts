// Generated from web-ui/src/dto.rs. Do not edit; refresh it with:
//   UPDATE_GENERATED=1 cargo test -p tidings-web-ui --lib types

/**
 * What has been proved of a message, never a guess.
 */
export type MessageState = "queued" | "stored" | "delivered" | "seen" | "received";

/**
 * What a message holds.
 */
export type MessageKind = "text";

/**
 * A message as a person sees it.
 */
export type Message = {
  /**
   * The message's id.
   */
  message: string,
  /**
   * The conversation it is in.
   */
  conversation: string,
  /**
   * The account that wrote it.
   */
  sender: string,
  /**
   * That person's name, as known here.
   */
  sender_name: string,
  /**
   * Whether I wrote it, on any of my nodes.
   */
  mine: boolean,
  /**
   * The author's clock.
   */
  sent_at_ms: number,
  /**
   * This node's clock when it was stored here.
   */
  received_at_ms: number,
  /**
   * Its place in the transcript: messages sort by (`place`, `message`), the same on every node.
   */
  place: number,
  /**
   * The text.
   */
  text: string,
  /**
   * What is proved of it.
   */
  state: MessageState,
  /**
   * What it holds.
   */
  kind: MessageKind,
  /**
   * The message it answers.
   */
  reply_to?: string,
};

/**
 * A message's state for one recipient.
 */
export type Recipient = {
  /**
   * The recipient's account.
   */
  account: string,
  /**
   * Their name, as known here.
   */
  name: string,
  /**
   * What is proved for that recipient.
   */
  state: MessageState,
  /**
   * When that was learnt here.
   */
  at_ms: number,
};

/**
 * A message with its state for each recipient.
 */
export type MessageDetail = {
  /**
   * One row a recipient; empty for a message of somebody else.
   */
  recipients: Array<Recipient>,
  /**
   * The message's id.
   */
  message: string,
  /**
   * The conversation it is in.
   */
  conversation: string,
  /**
   * The account that wrote it.
   */
  sender: string,
  /**
   * That person's name, as known here.
   */
  sender_name: string,
  /**
   * Whether I wrote it, on any of my nodes.
   */
  mine: boolean,
  /**
   * The author's clock.
   */
  sent_at_ms: number,
  /**
   * This node's clock when it was stored here.
   */
  received_at_ms: number,
  /**
   * Its place in the transcript: messages sort by (`place`, `message`), the same on every node.
   */
  place: number,
  /**
   * The text.
   */
  text: string,
  /**
   * What is proved of it.
   */
  state: MessageState,
  /**
   * What it holds.
   */
  kind: MessageKind,
  /**
   * The message it answers.
   */
  reply_to?: string,
};

/**
 * A page of history, oldest first.
 */
export type MessagePage = {
  /**
   * The messages.
   */
  messages: Array<Message>,
  /**
   * Whether there are older ones before the first.
   */
  more_before: boolean,
  /**
   * Whether there are newer ones after the last.
   */
  more_after: boolean,
};

/**
 * An account in a conversation.
 */
export type Member = {
  /**
   * The account.
   */
  account: string,
  /**
   * Their name, as known here.
   */
  name: string,
  /**
   * Whether it is me.
   */
  me: boolean,
};

/**
 * A conversation, as the list shows it.
 */
export type Conversation = {
  /**
   * The conversation's id.
   */
  conversation: string,
  /**
   * Its name: the contact's for a direct conversation.
   */
  name: string,
  /**
   * Whether it is the direct conversation with one person.
   */
  direct: boolean,
  /**
   * The accounts in it, mine included.
   */
  members: Array<Member>,
  /**
   * How many messages of others I have not seen.
   */
  unread: number,
  /**
   * The newest message of others that I have seen.
   */
  seen_up_to?: string,
  /**
   * The last message, by the transcript's order.
   */
  last_message?: Message,
  /**
   * When something last happened here.
   */
  last_at_ms: number,
};

/**
 * A person known to this node.
 */
export type Contact = {
  /**
   * Their account.
   */
  contact: string,
  /**
   * The name on their card.
   */
  name: string,
  /**
   * Whether I added them, rather than they wrote to me first.
   */
  added: boolean,
  /**
   * Whether their whole card is here; with a short link alone it is fetched when they can be reached.
   */
  card_complete: boolean,
  /**
   * The sixty digits that both people compare to know that nobody stands between them.
   */
  safety_number: string,
  /**
   * Whether one of their nodes is connected now.
   */
  online: boolean,
  /**
   * The direct conversation with them, where there is one.
   */
  conversation?: string,
};

/**
 * How a connected peer is reached.
 */
export type PeerPath = "direct" | "relayed";

/**
 * A connected peer.
 */
export type Peer = {
  /**
   * Its libp2p peer id, in base 58.
   */
  peer_id: string,
  /**
   * How it is reached.
   */
  path: PeerPath,
  /**
   * The contact it belongs to, where that is known.
   */
  account?: string,
};

/**
 * Who I am and how things stand.
 */
export type Status = {
  /**
   * My account.
   */
  account: string,
  /**
   * My name.
   */
  name: string,
  /**
   * This node's libp2p peer id, in base 58.
   */
  peer_id: string,
  /**
   * The multiaddrs at which this node listens, each ending in its peer id.
   */
  addresses: Array<string>,
  /**
   * The connected peers.
   */
  peers: Array<Peer>,
  /**
   * How many of my messages some recipient has not acknowledged yet.
   */
  queued: number,
  /**
   * Whether the vault is opened by a passphrase rather than by a key file.
   */
  passphrase: boolean,
};

/**
 * My contact links.
 */
export type CardLinks = {
  /**
   * The whole card: enough to write to me while I am offline.
   */
  link: string,
  /**
   * The short form for a QR code: the rest is fetched from my node and checked.
   */
  short_link: string,
  /**
   * My account.
   */
  account: string,
};

/**
 * A signed-in browser.
 */
export type Session = {
  /**
   * Names it without giving it away.
   */
  session: string,
  /**
   * What it said it was.
   */
  user_agent: string,
  /**
   * When it signed in.
   */
  created_at_ms: number,
  /**
   * When it was last used, to the minute.
   */
  last_used_at_ms: number,
  /**
   * Whether it is the browser that asks.
   */
  current: boolean,
};

/**
 * A fresh sign-in link: good for an hour and for one use.
 */
export type SignInLink = {
  /**
   * The link: the token is in its fragment, which browsers send to nobody.
   */
  url: string,
};

/**
 * Trades a one-time token for a session.
 */
export type SignIn = {
  /**
   * The token from a sign-in link's fragment.
   */
  token: string,
};

/**
 * Changes my card.
 */
export type NewProfile = {
  /**
   * The name that others see: 1 to 128 bytes, no control characters.
   */
  name: string,
};

/**
 * Adds a person.
 */
export type NewContact = {
  /**
   * Either form of their card link.
   */
  link: string,
};

/**
 * Starts a conversation.
 */
export type NewConversation = {
  /**
   * With whom: account ids of contacts.
   */
  contacts: Array<string>,
  /**
   * Its name; left out, one contact means the direct conversation with them, old or new.
   */
  name?: string,
};

/**
 * Sends a message.
 */
export type NewMessage = {
  /**
   * The text: 1 byte to 64 KiB of UTF-8.
   */
  text: string,
  /**
   * The message it answers.
   */
  reply_to?: string,
};

/**
 * Says how far the person has looked.
 */
export type SeenUpTo = {
  /**
   * The newest message that they looked at.
   */
  message: string,
};

/**
 * A message whose state moved on.
 */
export type StateChange = {
  /**
   * The message.
   */
  message: string,
  /**
   * What is proved of it now.
   */
  state: MessageState,
};

/**
 * One frame of the live stream. Every event is an upsert: applying it twice does no harm.
 */
export type Frame = {
  /**
   * Where in the stream: the run in hexadecimal, `-`, the number in decimal. Resume after it.
   */
  id: string, } & ({ "type": "hello",
  /**
   * My account.
   */
  account: string, } | { "type": "message",
  /**
   * The message.
   */
  message: Message, } | { "type": "states",
  /**
   * The conversation they are in.
   */
  conversation: string,
  /**
   * Each message with its new state.
   */
  states: Array<StateChange>, } | { "type": "conversation",
  /**
   * The conversation.
   */
  conversation: Conversation, } | { "type": "contact",
  /**
   * The contact.
   */
  contact: Contact, } | { "type": "peers",
  /**
   * How many peers are connected now.
   */
  connected: number, } | { "type": "profile" } | { "type": "lagged" });

/**
 * Something that a person may notice.
 */
export type Event = { "type": "hello",
  /**
   * My account.
   */
  account: string, } | { "type": "message",
  /**
   * The message.
   */
  message: Message, } | { "type": "states",
  /**
   * The conversation they are in.
   */
  conversation: string,
  /**
   * Each message with its new state.
   */
  states: Array<StateChange>, } | { "type": "conversation",
  /**
   * The conversation.
   */
  conversation: Conversation, } | { "type": "contact",
  /**
   * The contact.
   */
  contact: Contact, } | { "type": "peers",
  /**
   * How many peers are connected now.
   */
  connected: number, } | { "type": "profile" } | { "type": "lagged" };

/**
 * Why something was not done (RFC 9457). Nothing was changed.
 */
export type Problem = {
  /**
   * `urn:tidings:problem:` and the code.
   */
  type: string,
  /**
   * The status in words.
   */
  title: string,
  /**
   * The HTTP status.
   */
  status: number,
  /**
   * What went wrong, for programs: stable.
   */
  code: string,
  /**
   * What went wrong and what to do, for people: a sentence.
   */
  detail: string,
  /**
   * With the code `ambiguous`: the first few ids that fit.
   */
  candidates?: Array<string>,
};
