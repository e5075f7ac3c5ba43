// Generated from web-ui/src/dto.rs. Do not edit; refresh it with:
//   UPDATE_GENERATED=1 cargo test -p tidings-web-ui --lib types

/**
 * What has been proved of a message, never a guess.
 */
export type MessageState = "queued" | "stored" | "delivered" | "seen" | "received";

/**
 * What a message holds.
 */
export type MessageKind = "text" | "system";

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
   * The text; of a line about the group, a sentence.
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
  /**
   * What a line about the group says, for programs; absent for text.
   */
  changes?: Array<SystemChange>,
  /**
   * Whether it came here after messages that stand below it.
   */
  late: boolean,
  /**
   * The account that shared it with me, where it was written before I joined.
   */
  shared_by?: string,
  /**
   * That person's name, as known here.
   */
  shared_by_name?: string,
};

/**
 * Who keeps a message for somebody who does not have it yet.
 */
export type KeptBy = {
  /**
   * A mailbox of theirs: its peer id.
   */
  mailbox?: string,
  /**
   * Another member, who has it: the account.
   */
  account?: string,
  /**
   * That member's name.
   */
  name?: string,
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
  /**
   * They are no longer in the conversation, so the message does not wait for them.
   */
  removed?: boolean,
  /**
   * Who keeps it for them, while it is stored.
   */
  kept_by?: Array<KeptBy>,
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
   * The text; of a line about the group, a sentence.
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
  /**
   * What a line about the group says, for programs; absent for text.
   */
  changes?: Array<SystemChange>,
  /**
   * Whether it came here after messages that stand below it.
   */
  late: boolean,
  /**
   * The account that shared it with me, where it was written before I joined.
   */
  shared_by?: string,
  /**
   * That person's name, as known here.
   */
  shared_by_name?: string,
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
  /**
   * What they may do here.
   */
  role: Role,
  /**
   * How many of their nodes are in it.
   */
  nodes: number,
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
   * What it is about, in a line; empty where nobody said.
   */
  topic: string,
  /**
   * Names its picture, and changes with it; absent where it has none.
   */
  picture?: string,
  /**
   * How this node stands to it.
   */
  standing: Standing,
  /**
   * Why the invite by which I asked to join was refused, in a sentence; absent if it was not.
   */
  refused?: string,
  /**
   * What I may do here.
   */
  my_role: Role,
  /**
   * Whether what I write now would be accepted.
   */
  can_write: boolean,
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
  /**
   * Whether I want nothing of them.
   */
  blocked: boolean,
  /**
   * When I said that we compared the safety number in person.
   */
  verified_at_ms?: number,
};

/**
 * How a connected peer is reached.
 */
export type PeerPath = "direct" | "punched" | "relayed";

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
   * The person it belongs to, where that is known: a contact, or a fellow member of a group.
   */
  account?: string,
  /**
   * That person's name, where it is known here.
   */
  name?: string,
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
  /**
   * Whether the disk is full: nothing is accepted or taken until there is room.
   */
  disk_full: boolean,
  /**
   * Whether this node keeps envelopes for others.
   */
  mailbox: boolean,
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
 * An API token: what a program may do that brings it. Its text is not here.
 */
export type Token = {
  /**
   * Names it without giving it away.
   */
  token: string,
  /**
   * What the owner called it.
   */
  name: string,
  /**
   * Whether it may read.
   */
  read: boolean,
  /**
   * Whether it may write.
   */
  write: boolean,
  /**
   * The conversations in which it is good; all, where it is absent.
   */
  conversations?: Array<string>,
  /**
   * When it was made.
   */
  created_at_ms: number,
  /**
   * When it ends; never, where it is absent.
   */
  expires_at_ms?: number,
  /**
   * When it was last used, to the minute; absent until it is.
   */
  last_used_at_ms?: number,
};

/**
 * Makes an API token.
 */
export type NewToken = {
  /**
   * What to call it: 1 to 64 characters.
   */
  name: string,
  /**
   * Whether it may read.
   */
  read?: boolean,
  /**
   * Whether it may write.
   */
  write?: boolean,
  /**
   * The conversations in which it is good, 1 to 64; all, those to come as well, where it is left out.
   */
  conversations?: Array<string>,
  /**
   * In how long it ends, ten years at the most; never, where it is left out.
   */
  expires_in_ms?: number,
};

/**
 * A fresh API token. Its text is told here and never again.
 */
export type MadeToken = {
  /**
   * What goes into the header `Authorization: Bearer …`: `tidings_` and 43 characters.
   */
  text: string,
  /**
   * Names it without giving it away.
   */
  token: string,
  /**
   * What the owner called it.
   */
  name: string,
  /**
   * Whether it may read.
   */
  read: boolean,
  /**
   * Whether it may write.
   */
  write: boolean,
  /**
   * The conversations in which it is good; all, where it is absent.
   */
  conversations?: Array<string>,
  /**
   * When it was made.
   */
  created_at_ms: number,
  /**
   * When it ends; never, where it is absent.
   */
  expires_at_ms?: number,
  /**
   * When it was last used, to the minute; absent until it is.
   */
  last_used_at_ms?: number,
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
 * A conversation that somebody began who is no contact. Names are theirs: text, and nothing else.
 */
export type StrangerRequest = {
  /**
   * Names it.
   */
  conversation: string,
  /**
   * Who began it, or brought me into it.
   */
  account: string,
  /**
   * That account's thirty digits.
   */
  fingerprint: string,
  /**
   * The name that they give themselves: at most 128 bytes.
   */
  name: string,
  /**
   * When it came.
   */
  at_ms: number,
  /**
   * Whether it is a direct conversation.
   */
  direct: boolean,
  /**
   * What they call the group: at most 128 bytes; empty if nothing, or for a direct conversation.
   */
  group_name: string,
  /**
   * How many people are in it, me included.
   */
  people: number,
  /**
   * How many texts are kept for when it is accepted.
   */
  messages: number,
  /**
   * Groups in which I am with them already: a few names.
   */
  met_in: Array<string>,
};

/**
 * Somebody of whom I want nothing.
 */
export type Blocked = {
  /**
   * Who.
   */
  account: string,
  /**
   * What they were called when I blocked them.
   */
  name: string,
  /**
   * Since when.
   */
  at_ms: number,
};

/**
 * How somebody was verified.
 */
export type VerifiedHow = "in_person";

/**
 * Whether a contact was verified in person, and what is compared for it.
 */
export type Verification = {
  /**
   * The contact's account.
   */
  contact: string,
  /**
   * The sixty digits that both see; empty while their card is not here.
   */
  safety_number: string,
  /**
   * How; absent while it was not.
   */
  how?: VerifiedHow,
  /**
   * When.
   */
  verified_at_ms?: number,
};

/**
 * Marks a contact as verified in person.
 */
export type NewVerification = {
  /**
   * The number that both compared; another than the one with this contact now is refused.
   */
  safety_number: string,
};

/**
 * What the owner allows this node to keep.
 */
export type StorageLimits = {
  /**
   * For how many days messages are kept after they came here, 1 to 36,500; without it for ever.
   */
  keep_days?: number,
  /**
   * How many bytes of sealed envelopes are kept for fellow members.
   */
  held_bytes_max: number,
  /**
   * How many bytes this node's mailbox keeps for others.
   */
  mailbox_bytes_max: number,
};

/**
 * What is kept, and what may be.
 */
export type Storage = {
  /**
   * The bytes of the database, without its log.
   */
  database_bytes: number,
  /**
   * How many of these are free, and used again before the file grows.
   */
  free_bytes: number,
  /**
   * How many messages are kept.
   */
  messages: number,
  /**
   * How many bytes of sealed envelopes are kept for fellow members.
   */
  held_bytes: number,
  /**
   * How many bytes this node's mailbox keeps for others.
   */
  mailbox_bytes: number,
  /**
   * What may be.
   */
  limits: StorageLimits,
};

/**
 * Who keeps envelopes for this node.
 */
export type Mailbox = {
  /**
   * The node's libp2p peer id, in base 58.
   */
  peer_id: string,
  /**
   * The contact who runs it, or its peer id.
   */
  name: string,
  /**
   * Since when it is used.
   */
  used_since_ms: number,
  /**
   * When it said first that it serves this node.
   */
  opened_at_ms?: number,
  /**
   * When all that it kept was collected last, to the minute.
   */
  collected_at_ms?: number,
  /**
   * Why it does not serve this node, where it does not.
   */
  refused?: string,
  /**
   * Whether it is connected now.
   */
  online: boolean,
  /**
   * How many envelopes it did not give that it had acknowledged, as their senders say.
   */
  missing?: number,
  /**
   * How many senders say so.
   */
  missing_says?: number,
  /**
   * When a test envelope came back from it last.
   */
  proved_at_ms?: number,
  /**
   * Why the last test envelope did not come back.
   */
  unproved?: string,
};

/**
 * A mailbox to use: its link, or the contact who runs it.
 */
export type NewMailbox = {
  /**
   * What `tidings mailbox link` printed there.
   */
  link?: string,
  /**
   * The contact's account.
   */
  contact?: string,
};

/**
 * The link by which others use this node's mailbox.
 */
export type MailboxLink = {
  /**
   * Whoever has it is served.
   */
  link: string,
};

/**
 * How a proof stands here.
 */
export type IdentityStanding = "verified" | "carried" | "refused" | "missing";

/**
 * What kind of identity a proof is about.
 */
export type IdentityKind = "oidc" | "mail";

/**
 * A proof of who somebody is elsewhere. What a proof says that does not hold is not told.
 */
export type Identity = {
  /**
   * The proof's name.
   */
  identity: string,
  /**
   * How it stands.
   */
  standing: IdentityStanding,
  /**
   * What it is about, where it holds.
   */
  kind?: IdentityKind,
  /**
   * The issuer, where it holds.
   */
  issuer?: string,
  /**
   * The issuer's name for them, which never becomes another's.
   */
  subject?: string,
  /**
   * The address: the one that was proved, or one that the issuer verified.
   */
  email?: string,
  /**
   * When the proof was made, where it holds.
   */
  made_at_ms?: number,
  /**
   * From when on it holds no more, where it holds.
   */
  expires_at_ms?: number,
  /**
   * Why it proves nothing: a sentence.
   */
  reason?: string,
};

/**
 * An issuer whose word counts here, said to this program.
 */
export type Issuer = {
  /**
   * The issuer's identifier, exactly as its tokens have it.
   */
  issuer: string,
  /**
   * The program's name there.
   */
  client_id: string,
  /**
   * Whether I sign in as it.
   */
  own: boolean,
};

/**
 * Accepts what an issuer says to a program.
 */
export type NewIssuer = {
  /**
   * The issuer's identifier, exactly as its tokens have it: an https address.
   */
  issuer: string,
  /**
   * The program's name there.
   */
  client_id: string,
  /**
   * The program's secret there, where the issuer gave it one. It is kept sealed, and is told to nobody but the issuer.
   */
  client_secret?: string,
  /**
   * Whether I sign in as it: it is mine.
   */
  own: boolean,
};

/**
 * Begins to sign in elsewhere, to prove who I am there.
 */
export type NewIdentity = {
  /**
   * The issuer.
   */
  issuer: string,
  /**
   * Where the browser comes back to: an address of this machine by its number, as it is registered there.
   */
  back: string,
};

/**
 * Where the browser goes to sign in.
 */
export type IdentityBegun = {
  /**
   * The address.
   */
  url: string,
};

/**
 * How to prove an address.
 */
export type MailBegun = {
  /**
   * The subject of the mail to send from it, exactly.
   */
  subject: string,
};

/**
 * The mail as it was delivered.
 */
export type DeliveredMail = {
  /**
   * All of it with its headers, up to 64 KiB, in base64 (RFC 4648 §4).
   */
  message: string,
};

/**
 * What the browser came back with.
 */
export type IdentityAnswer = {
  /**
   * `code`.
   */
  code: string,
  /**
   * `state`.
   */
  state: string,
  /**
   * `iss`, where there is one (RFC 9207).
   */
  iss?: string,
};

/**
 * What was looked at.
 */
export type Check = "clock" | "disk" | "database" | "copy" | "reachability" | "relay" | "mailbox" | "person" | "queue";

/**
 * How bad it is.
 */
export type Verdict = "good" | "note" | "bad";

/**
 * One thing that was looked at.
 */
export type Finding = {
  /**
   * What.
   */
  check: Check,
  /**
   * How bad it is.
   */
  verdict: Verdict,
  /**
   * What was found, as a sentence.
   */
  says: string,
  /**
   * What to do, where something is to be done.
   */
  advice?: string,
};

/**
 * What became of what a bundle carried.
 */
export type BundleTaken = {
  /**
   * For this node, and new.
   */
  new: number,
  /**
   * For this node, and here before.
   */
  known: number,
  /**
   * For this node, and not readable yet.
   */
  later: number,
  /**
   * For this node, and of no use to it any more.
   */
  useless: number,
  /**
   * For others.
   */
  others: number,
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
 * What an account may do in a group.
 */
export type Role = "owner" | "admin" | "member" | "read_only";

/**
 * How this node stands to a conversation.
 */
export type Standing = "member" | "left" | "removed" | "coming_back" | "joining";

/**
 * Who may do something, besides owners and admins.
 */
export type Who = "everybody" | "admins";

/**
 * How much of what was written before them new members are shown.
 */
export type History = { "kind": "nothing" } | { "kind": "days",
  /**
   * How many.
   */
  days: number, } | { "kind": "everything" };

/**
 * What keys are agreed on with.
 */
export type Suite = "classic" | "hybrid";

/**
 * What can be given to everybody or to admins only.
 */
export type Permission = "invite" | "edit";

/**
 * One thing that a change of the group changed.
 */
export type SystemChange = { "change": "created" } | { "change": "added",
  /**
   * Who.
   */
  account: string,
  /**
   * Their name, as known here.
   */
  name: string, } | { "change": "removed",
  /**
   * Who.
   */
  account: string,
  /**
   * Their name, as known here.
   */
  name: string, } | { "change": "left",
  /**
   * Who.
   */
  account: string,
  /**
   * Their name, as known here.
   */
  name: string, } | { "change": "joined",
  /**
   * Who.
   */
  account: string,
  /**
   * Their name, as known here.
   */
  name: string,
  /**
   * The name of who made the link, where that is known.
   */
  invited_by?: string, } | { "change": "came_back",
  /**
   * Who.
   */
  account: string,
  /**
   * Their name, as known here.
   */
  name: string, } | { "change": "renamed",
  /**
   * The name before.
   */
  from: string,
  /**
   * The name now.
   */
  to: string, } | { "change": "topic_set",
  /**
   * The topic now; empty where it was taken away.
   */
  topic: string, } | { "change": "picture_set" } | { "change": "role_set",
  /**
   * Who.
   */
  account: string,
  /**
   * Their name, as known here.
   */
  name: string,
  /**
   * The role now.
   */
  role: Role, } | { "change": "history_set",
  /**
   * How much.
   */
  history: History, } | { "change": "disappearing_set",
  /**
   * After how many seconds; 0 for never.
   */
  seconds: number, } | { "change": "permission_set",
  /**
   * What.
   */
  what: Permission,
  /**
   * Who may.
   */
  who: Who, } | { "change": "invite_made" } | { "change": "invite_revoked" };

/**
 * A group with everything that its members agree on.
 */
export type Group = {
  /**
   * The conversation, as the list shows it: name, topic, picture, members with their roles.
   */
  conversation: Conversation,
  /**
   * What new members are shown of what was before them.
   */
  history: History,
  /**
   * After how many seconds messages disappear; 0 for never.
   */
  disappearing_s: number,
  /**
   * Who may add people and make links.
   */
  may_invite: Who,
  /**
   * Who may change the name, the topic and the picture.
   */
  may_edit: Who,
  /**
   * The links by which people may join.
   */
  invites: Array<Invite>,
  /**
   * What its keys are agreed on with.
   */
  suite: Suite,
  /**
   * Whether a group of the same people made now would be hybrid.
   */
  could_be_hybrid: boolean,
  /**
   * Who asks to join and waits for somebody to decide.
   */
  requests: Array<JoinRequest>,
  /**
   * What I changed and my node is making again, as sentences.
   */
  pending: Array<string>,
  /**
   * What I changed and my node gave up lately, each with the reason, as sentences.
   */
  given_up: Array<string>,
};

/**
 * A link by which people may join.
 */
export type Invite = {
  /**
   * The link's id.
   */
  invite: string,
  /**
   * Whose link it is.
   */
  creator: string,
  /**
   * Their name, as known here.
   */
  creator_name: string,
  /**
   * When it ends.
   */
  expires_at_ms: number,
  /**
   * How many may still join by it; any number where it is absent.
   */
  uses?: number,
  /**
   * What those who join are: `member` or `read_only`.
   */
  role: Role,
  /**
   * Whether somebody has to let them in.
   */
  approval: boolean,
  /**
   * The link itself: only the node that made it has it.
   */
  link?: string,
};

/**
 * Somebody who asks to join.
 */
export type JoinRequest = {
  /**
   * Who.
   */
  account: string,
  /**
   * The name on their card.
   */
  name: string,
  /**
   * The link that they have.
   */
  invite: string,
  /**
   * When they asked.
   */
  asked_at_ms: number,
};

/**
 * Changes what a group's members agree on; what is left out stays.
 */
export type GroupPatch = {
  /**
   * The name: at most 128 bytes, no control characters; empty names it by its members.
   */
  name?: string,
  /**
   * The topic; empty for none.
   */
  topic?: string,
  /**
   * What new members are shown of what was before them.
   */
  history?: History,
  /**
   * After how many seconds messages disappear; 0 for never.
   */
  disappearing_s?: number,
  /**
   * Who may add people and make links.
   */
  may_invite?: Who,
  /**
   * Who may change the name, the topic and the picture.
   */
  may_edit?: Who,
};

/**
 * Adds people.
 */
export type NewMembers = {
  /**
   * Account ids of contacts.
   */
  accounts: Array<string>,
};

/**
 * Removes people.
 */
export type Removals = {
  /**
   * Account ids of members.
   */
  accounts: Array<string>,
};

/**
 * Gives somebody another role.
 */
export type NewRole = {
  /**
   * The role.
   */
  role: Role,
};

/**
 * Makes a link to join by.
 */
export type NewInvite = {
  /**
   * What those who join are: `member`, where it is left out, or `read_only`.
   */
  role?: Role,
  /**
   * For how long it works; seven days where it is left out.
   */
  expires_in_ms?: number,
  /**
   * How many may join by it: one where it is left out, any number for null.
   */
  uses?: number | null,
  /**
   * Whether somebody has to let them in.
   */
  approval?: boolean,
};

/**
 * Joins a group by a link.
 */
export type Join = {
  /**
   * The link: whoever has it may use it, so it is in no log.
   */
  link: string,
};

/**
 * Lets somebody in who asks to join, or turns them away.
 */
export type Decision = {
  /**
   * Whether they may come in.
   */
  accept: boolean,
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
  conversation: Conversation, } | { "type": "message_gone",
  /**
   * The message.
   */
  message: string, } | { "type": "contact",
  /**
   * The contact.
   */
  contact: Contact, } | { "type": "peers",
  /**
   * How many peers are connected now.
   */
  connected: number, } | { "type": "requests",
  /**
   * How many wait for my decision.
   */
  waiting: number, } | { "type": "profile" } | { "type": "lagged" });

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
  conversation: Conversation, } | { "type": "message_gone",
  /**
   * The message.
   */
  message: string, } | { "type": "contact",
  /**
   * The contact.
   */
  contact: Contact, } | { "type": "peers",
  /**
   * How many peers are connected now.
   */
  connected: number, } | { "type": "requests",
  /**
   * How many wait for my decision.
   */
  waiting: number, } | { "type": "profile" } | { "type": "lagged" };

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
