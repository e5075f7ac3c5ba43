//! What people see: messages, conversations, contacts, peers, and how things stand.

use super::group::{MessageKind, Role, Standing};
use crate::ids::{AccountId, ConversationId, MessageId, PeerKey, SessionId};

/// What has been *proved* of a message (PRODUCT: "What one message goes through").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageState {
    /// Durable on this node.
    Queued,
    /// A mailbox or another member acknowledged that it keeps the envelope.
    Stored,
    /// An authenticated receipt says that it was decrypted and stored by every recipient.
    Delivered,
    /// Every recipient looked at it, and shares that.
    Seen,
    /// Somebody else's message, which this node holds.
    Received,
}

/// A message as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The conversation it is in.
    pub conversation: ConversationId,
    /// Who wrote it.
    pub sender: AccountId,
    /// That person's name, as known here.
    pub sender_name: String,
    /// Whether I wrote it (on any of my nodes).
    pub mine: bool,
    /// The author's clock, in milliseconds since 1970.
    pub sent_at_ms: u64,
    /// This node's clock when it was stored here, in milliseconds since 1970.
    pub received_at_ms: u64,
    /// Its place in the transcript: messages sort by (`place`, `id`), the same on every node.
    pub place: u64,
    /// The text.
    pub text: String,
    /// What is proved of it.
    pub state: MessageState,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// What it is: of a change of the group, `text` is the sentence.
    pub kind: MessageKind,
    /// Whether it arrived long after it was written, among messages that were read already.
    pub late: bool,
    /// The member who gave it to this node from before its time, where it did not come from its author.
    pub shared_by: Option<AccountId>,
    /// That member's name, as known here; empty where it came from its author.
    pub shared_by_name: String,
}

/// A message's state for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The recipient.
    pub account: AccountId,
    /// Their name, as known here.
    pub name: String,
    /// What is proved for that recipient.
    pub state: MessageState,
    /// When that was learnt here, in milliseconds since 1970.
    pub at_ms: u64,
    /// Whether they are no longer in the conversation, so that the message does not wait for them.
    pub removed: bool,
    /// Who keeps it for them, while it is stored.
    pub kept_by: Vec<KeptBy>,
}

/// Who keeps a message for somebody who does not have it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptBy {
    /// A mailbox of theirs.
    Mailbox(PeerKey),
    /// Another member, who has it.
    Member {
        /// Who.
        account: AccountId,
        /// Their name, as known here.
        name: String,
    },
}

/// A message with its state for each recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageDetail {
    /// The message.
    pub message: Message,
    /// One row a recipient; empty for a message of somebody else.
    pub recipients: Vec<Recipient>,
}

/// A page of history, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether there are older ones before the first.
    pub more_before: bool,
    /// Whether there are newer ones after the last.
    pub more_after: bool,
}

/// Which page of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageAt {
    /// The newest messages.
    Newest,
    /// Those just before this message.
    Before(MessageId),
    /// Those just after this message.
    After(MessageId),
}

/// A conversation, as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Its name: the contact's for a direct conversation.
    pub name: String,
    /// Whether it is the direct conversation with one person.
    pub direct: bool,
    /// The accounts in it, mine included.
    pub members: Vec<Member>,
    /// How many messages of others I have not seen.
    pub unread: u64,
    /// The newest message of others that I have seen.
    pub seen_up_to: Option<MessageId>,
    /// The last message, by the transcript's order.
    pub last_message: Option<Message>,
    /// When something last happened here, in milliseconds since 1970.
    pub last_at_ms: u64,
    /// Its topic line; empty if it has none.
    pub topic: String,
    /// The hash of its picture, where it has one: a new picture has another.
    pub picture: Option<[u8; 32]>,
    /// How I stand to it.
    pub standing: Standing,
    /// Why the invite by which I asked to join was refused, as a sentence; empty if it was not.
    pub refused: String,
    /// What I may do in it.
    pub my_role: Role,
    /// Whether I can write in it now.
    pub can_write: bool,
}

/// An account in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub account: AccountId,
    /// Their name, as known here.
    pub name: String,
    /// Whether it is me.
    pub me: bool,
    /// What they may do.
    pub role: Role,
    /// How many nodes they have in the conversation.
    pub nodes: u32,
}

/// A person known to this node.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Their account.
    pub account: AccountId,
    /// The name on their card.
    pub name: String,
    /// Whether I added them, rather than they wrote to me first.
    pub added: bool,
    /// Whether their whole card is here; with a short link alone it is fetched when they can be reached.
    pub card_complete: bool,
    /// The sixty digits that both people compare to know that nobody stands between them.
    pub safety_number: String,
    /// Whether one of their nodes is connected now.
    pub online: bool,
    /// The direct conversation with them, where there is one.
    pub conversation: Option<ConversationId>,
    /// Whether I want nothing of them.
    pub blocked: bool,
    /// When I said that we compared the safety number in person, in milliseconds since 1970.
    pub verified_at_ms: Option<u64>,
}

/// How a connected peer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// A direct connection.
    Direct,
    /// A direct connection that began through a circuit relay: both ends opened their routers for it.
    Punched,
    /// Through a circuit relay.
    Relayed,
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its key.
    pub peer: PeerKey,
    /// How it is reached.
    pub path: Path,
    /// The person it belongs to, where that is known: a contact, or a fellow member of a group.
    pub account: Option<AccountId>,
    /// That person's name; empty where it is not known here.
    pub name: String,
}

/// Who I am and how things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// My account.
    pub account: AccountId,
    /// My name.
    pub name: String,
    /// This node's libp2p peer id, as text.
    pub peer_id: String,
    /// The multiaddrs at which this node listens, each ending in its peer id.
    pub addresses: Vec<String>,
    /// The connected peers.
    pub peers: Vec<Peer>,
    /// How many of my messages some recipient has not acknowledged yet.
    pub queued: u64,
    /// Whether the vault is opened by a passphrase rather than by a key file.
    pub passphrase: bool,
    /// Whether the disk is full: nothing is accepted or taken until there is room.
    pub disk_full: bool,
    /// Whether this node keeps envelopes for others.
    pub mailbox: bool,
}

/// My contact links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardLinks {
    /// The whole card: enough to write to me while I am offline.
    pub link: String,
    /// The short form for a QR code: the rest is fetched from my node and checked.
    pub short_link: String,
}

/// Who keeps envelopes for this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The node.
    pub peer: PeerKey,
    /// The contact who runs it, or the node's peer id.
    pub name: String,
    /// Since when it is used.
    pub used_since_ms: u64,
    /// When it said first that it serves this node.
    pub opened_at_ms: Option<u64>,
    /// When all that it kept was collected last, to the minute.
    pub collected_at_ms: Option<u64>,
    /// Why it does not serve this node; empty if it does, or has not answered.
    pub refused: String,
    /// Whether it is connected now.
    pub online: bool,
    /// How many envelopes it did not give that it had acknowledged to their senders …
    pub missing: u64,
    /// … as so many senders say.
    pub missing_says: u64,
    /// When a test envelope came back from it last.
    pub proved_at_ms: Option<u64>,
    /// Why the last one did not; empty if it did, or is under way.
    pub unproved: String,
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Where to.
    pub conversation: ConversationId,
    /// What: 1 to [`TEXT_BYTES_MAX`](super::TEXT_BYTES_MAX) bytes.
    pub text: String,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The same key twice (within the account, for ever) is one message: at most 64 bytes.
    pub idempotency_key: Option<String>,
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names it without giving it away.
    pub id: SessionId,
    /// What it said it was, shortened.
    pub user_agent: String,
    /// When it signed in.
    pub created_at_ms: u64,
    /// When it was last used (kept to the minute).
    pub last_used_at_ms: u64,
}
