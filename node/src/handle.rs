//! What the page, the API and the command line hold: commands by a bounded channel, queries by a read pool,
//! a stream of events. Cheap to clone.

use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use crate::engine::door::token_hash;
use crate::engine::{Command, Reply};
use crate::event::{EventId, Notice};
use crate::event_log::{EventLog, Listener};
use crate::ids::{AccountId, ConversationId, MessageId, PeerKey, SessionId};
use crate::store::{Me, Reader, StoreError};

/// A message's text is at most this many bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// A person's or conversation's name is at most this many bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 128;
/// A page of history is at most this many messages.
pub const PAGE_MESSAGES_MAX: u32 = 500;

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
}

/// A person known to this node.
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
}

/// How a connected peer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// A direct connection.
    Direct,
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
    /// The contact it belongs to, where that is known.
    pub account: Option<AccountId>,
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
}

/// My contact links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardLinks {
    /// The whole card: enough to write to me while I am offline.
    pub link: String,
    /// The short form for a QR code: the rest is fetched from my node and checked.
    pub short_link: String,
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Where to.
    pub conversation: ConversationId,
    /// What: 1 to [`TEXT_BYTES_MAX`] bytes.
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

/// Why the node did not do what was asked. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such conversation here.
    #[error("there is no such conversation here")]
    UnknownConversation,
    /// No such message here.
    #[error("there is no such message here")]
    UnknownMessage,
    /// A prefix that fits several messages.
    #[error("that is the beginning of several ids")]
    Ambiguous {
        /// The first few that fit.
        candidates: Vec<MessageId>,
    },
    /// No such contact here.
    #[error("there is no such contact here; add their card first")]
    UnknownContact,
    /// Only a short link is known of this contact, and their node was not reached yet.
    #[error(
        "their card has not arrived yet: it comes as soon as one of you can reach the other, or ask for their full link"
    )]
    CardIncomplete,
    /// The idempotency key made another message.
    #[error("this idempotency key was used for another message; use a fresh one for each message")]
    KeyUsed,
    /// The text is empty.
    #[error("there is nothing to send: the text is empty")]
    EmptyText,
    /// The text is too long.
    #[error("the text has {bytes} bytes; the limit is {TEXT_BYTES_MAX}. Send it in parts")]
    TextTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A name that is empty, too long, or holds control characters.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes and no line breaks or control characters")]
    BadName,
    /// The card link cannot be used.
    #[error("{0}")]
    BadLink(String),
    /// My own card.
    #[error("that is your own card; send it to somebody else and add theirs here")]
    OwnCard,
    /// A conversation with nobody, or with several people, which is not there yet.
    #[error("a conversation is with exactly one contact for now")]
    NotOneContact,
    /// A limit of this node is reached.
    #[error("this node's limit of {limit} {what} is reached")]
    LimitReached {
        /// Of what.
        what: &'static str,
        /// How many.
        limit: u64,
    },
    /// The sign-in link or session is unknown, used, or too old.
    #[error("this sign-in link was used already or is too old; `tidings link` makes a fresh one")]
    NotSignedIn,
    /// The disk is full: nothing was accepted.
    #[error("the disk is full, so nothing was accepted or changed; free some space and try again")]
    DiskFull,
    /// The database cannot be read.
    #[error("the database cannot be read; the log says why")]
    StoreFailed,
    /// The node is shutting down or has stopped.
    #[error("the node has stopped")]
    Stopped,
}

/// A fresh session: the token goes into the browser's cookie and is kept nowhere else.
pub struct NewSession {
    /// Its public id.
    pub id: SessionId,
    /// The secret, 43 characters of base64url.
    pub token: String,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the page, the API and the command line hold. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    asks: mpsc::Sender<Ask>,
    reader: Reader,
    events: EventLog,
    now: watch::Receiver<Now>,
    /// The loop's clock.
    clock: fn() -> u64,
}

/// A command on its way to the loop.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<Reply, Refused>>,
}

/// What the loop knows and no database does.
#[derive(Debug, Clone)]
pub(crate) struct Now {
    pub(crate) me: Me,
    pub(crate) peer_id: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) passphrase: bool,
}

/// The events of a node, from one place on.
#[derive(Debug)]
pub struct Events {
    listener: Listener,
}

impl Events {
    /// The next notice; `None` once the node has stopped. Cancel-safe.
    pub async fn next(&mut self) -> Option<Notice> {
        self.listener.next().await
    }

    /// Where this stream stands: what is read after asking for this misses nothing that the stream does not bring.
    pub fn position(&self) -> EventId {
        self.listener.position()
    }
}

impl Handle {
    pub(crate) fn new(
        asks: mpsc::Sender<Ask>,
        reader: Reader,
        events: EventLog,
        now: watch::Receiver<Now>,
        clock: fn() -> u64,
    ) -> Self {
        Self { asks, reader, events, now, clock }
    }

    /// Who I am and how things stand.
    pub async fn status(&self) -> Result<Status, Refused> {
        let now = self.now.borrow().clone();
        Ok(Status {
            account: now.me.account,
            name: now.me.name,
            peer_id: now.peer_id,
            addresses: now.addresses,
            peers: now.peers,
            queued: self.reader.queued().await.map_err(unreadable)?,
            passphrase: now.passphrase,
        })
    }

    /// My contact links.
    pub async fn card(&self) -> Result<CardLinks, Refused> {
        match self.ask(Command::Card).await? {
            Reply::Card(links) => Ok(links),
            _ => Err(Refused::Stopped),
        }
    }

    /// Changes the name on my card.
    pub async fn set_name(&self, name: String) -> Result<(), Refused> {
        self.ask(Command::SetName(name)).await.map(drop)
    }

    /// Adds a person by either form of their card link; doing it again refreshes what is known.
    pub async fn add_contact(&self, link: String) -> Result<Contact, Refused> {
        match self.ask(Command::AddContact(link)).await? {
            Reply::Contact(contact) => Ok(contact),
            _ => Err(Refused::Stopped),
        }
    }

    /// Everybody known here, by name.
    pub async fn contacts(&self) -> Result<Vec<Contact>, Refused> {
        let peers = self.now.borrow().peers.clone();
        let online = |account| peers.iter().any(|peer| peer.account == Some(account));
        let rows = self.reader.contacts().await.map_err(unreadable)?;
        Ok(rows.into_iter().map(|contact| Contact { online: online(contact.account), ..contact }).collect())
    }

    /// Starts a conversation; with one contact and no name it is *the* direct conversation with them, old or new.
    pub async fn create_conversation(
        &self,
        contacts: Vec<AccountId>,
        name: Option<String>,
    ) -> Result<Conversation, Refused> {
        if contacts.len() != 1 || name.is_some() {
            return Err(Refused::NotOneContact);
        }
        match self.ask(Command::CreateConversation { contacts, name }).await? {
            Reply::Conversation(conversation) => Ok(conversation),
            _ => Err(Refused::Stopped),
        }
    }

    /// All conversations, the latest activity first.
    pub async fn conversations(&self) -> Result<Vec<Conversation>, Refused> {
        let me = self.me();
        self.reader.conversations(&me).await.map_err(unreadable)
    }

    /// One conversation.
    pub async fn conversation(&self, id: ConversationId) -> Result<Conversation, Refused> {
        let me = self.me();
        self.reader.conversation(id, &me).await.map_err(unreadable)?.ok_or(Refused::UnknownConversation)
    }

    /// Sends a message: when this returns it is durable, and it will arrive.
    pub async fn send(&self, message: NewMessage) -> Result<Message, Refused> {
        match self.ask(Command::Send(message)).await? {
            Reply::Message(message) => Ok(message),
            _ => Err(Refused::Stopped),
        }
    }

    /// A page of history: at most `limit` messages, [`PAGE_MESSAGES_MAX`] at the most, oldest first.
    pub async fn messages(&self, conversation: ConversationId, at: PageAt, limit: u32) -> Result<MessagePage, Refused> {
        let me = self.me();
        let limit = limit.clamp(1, PAGE_MESSAGES_MAX);
        let page = self.reader.messages(conversation, at, limit, &me).await.map_err(unreadable)?;
        match page {
            Some(page) => Ok(page),
            None if self.reader.conversation(conversation, &me).await.map_err(unreadable)?.is_some() => {
                Err(Refused::UnknownMessage)
            }
            None => Err(Refused::UnknownConversation),
        }
    }

    /// One message by its id, or by a unique beginning of it of 6 to 32 hexadecimal characters.
    pub async fn message(&self, id_prefix: &str) -> Result<MessageDetail, Refused> {
        const CANDIDATES_MAX: u32 = 10;
        let valid = (6..=32).contains(&id_prefix.len())
            && id_prefix.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !valid {
            return Err(Refused::UnknownMessage);
        }
        let me = self.me();
        let candidates = self.reader.messages_by_prefix(id_prefix, CANDIDATES_MAX).await.map_err(unreadable)?;
        match candidates.as_slice() {
            [] => Err(Refused::UnknownMessage),
            [id] => self.reader.message_detail(*id, &me).await.map_err(unreadable)?.ok_or(Refused::UnknownMessage),
            _ => Err(Refused::Ambiguous { candidates }),
        }
    }

    /// The person has looked at everything up to this message.
    pub async fn mark_seen(&self, conversation: ConversationId, up_to: MessageId) -> Result<(), Refused> {
        self.ask(Command::MarkSeen { conversation, up_to }).await.map(drop)
    }

    /// The events after `after`, or from now on.
    pub fn events(&self, after: Option<EventId>) -> Events {
        Events { listener: self.events.listen(after) }
    }

    /// A one-time sign-in token, good for an hour and for one use.
    pub async fn create_sign_in(&self) -> Result<String, Refused> {
        match self.ask(Command::CreateSignIn).await? {
            Reply::Token(token) => Ok(token.to_string()),
            _ => Err(Refused::Stopped),
        }
    }

    /// Trades a one-time token for a session.
    pub async fn sign_in(&self, token: &str, user_agent: &str) -> Result<NewSession, Refused> {
        let token = Zeroizing::new(token.to_owned());
        match self.ask(Command::SignIn { token, user_agent: user_agent.to_owned() }).await? {
            Reply::Session(session) => Ok(session),
            _ => Err(Refused::Stopped),
        }
    }

    /// The session that this secret belongs to; its last use is remembered, to the minute.
    pub async fn session(&self, token: &str) -> Result<Session, Refused> {
        const TOUCH_AFTER_MS: u64 = 60_000;
        let session = self.reader.session(&token_hash(token)).await.map_err(unreadable)?;
        let session = session.ok_or(Refused::NotSignedIn)?;
        if (self.clock)().saturating_sub(session.last_used_at_ms) >= TOUCH_AFTER_MS {
            self.ask(Command::TouchSession(session.id)).await?;
        }
        Ok(session)
    }

    /// All signed-in browsers.
    pub async fn sessions(&self) -> Result<Vec<Session>, Refused> {
        self.reader.sessions().await.map_err(unreadable)
    }

    /// Signs a browser out.
    pub async fn revoke_session(&self, id: SessionId) -> Result<(), Refused> {
        self.ask(Command::RevokeSession(id)).await.map(drop)
    }

    fn me(&self) -> Me {
        self.now.borrow().me.clone()
    }

    async fn ask(&self, command: Command) -> Result<Reply, Refused> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask { command, reply }).await.map_err(|_| Refused::Stopped)?;
        answer.await.map_err(|_| Refused::Stopped)?
    }
}

/// A read that fails is a fault of this machine: the log says which, the person gets a sentence.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn unreadable(error: StoreError) -> Refused {
    tracing::error!(%error, "a read failed");
    Refused::StoreFailed
}
