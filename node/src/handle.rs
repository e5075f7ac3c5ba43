//! What the page, the API and the command line hold: commands by a bounded channel, queries by a read pool,
//! a stream of events. Cheap to clone.

pub mod bundles;
mod checkup;
mod doctor;
mod group;
mod identities;
mod refused;
mod storage;
mod strangers;
mod tokens;
mod views;

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

pub use self::checkup::{AddressStanding, Checkup, Machine, Nat, Owed, Reach, Router};
pub use self::group::{
    GroupDetail, History, InviteView, JoinRequest, MessageKind, NewInvite, Permission, Picture, PolicyPatch, Role,
    Standing, Suite, SystemChange, SystemLine, Who,
};
pub(crate) use self::group::{role_from_number, role_number};
pub(crate) use self::identities::SignInsElsewhere;
pub use self::identities::{ISSUER_CLIENTS_MAX, IdentityView, IssuerClient, ProofStanding};
pub use self::refused::Refused;
pub use self::storage::{KEEP_DAYS_MAX, Storage, StorageLimits};
pub use self::strangers::{Blocked, StrangerRequest};
pub use self::tokens::{
    MadeToken, NewToken, TOKEN_CONVERSATIONS_MAX, TOKEN_EXPIRES_MS_MAX, TOKEN_NAME_CHARS_MAX, TOKENS_MAX, Token,
    TokenReach,
};
pub use self::views::{
    CardLinks, Contact, Conversation, KeptBy, Mailbox, Member, Message, MessageDetail, MessagePage, MessageState,
    NewMessage, PageAt, Path, Peer, Recipient, Session, Status,
};
use crate::engine::door::token_hash;
use crate::engine::{Command, MailboxOf, Reply};
use crate::event::{EventId, Notice};
use crate::event_log::{EventLog, Listener};
use crate::ids::{AccountId, ConversationId, InviteId, MessageId, PeerKey, SessionId};
use crate::store::{Me, Reader, StoreError};
use tidings_crypto::identity::AccountPublic;
pub use tidings_crypto::proof::{Basis, Identity};

/// A message's text is at most this many bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// A person's or conversation's name is at most this many bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 128;
/// A group's topic line is at most this many bytes of UTF-8.
pub const TOPIC_BYTES_MAX: usize = 512;
/// A group's picture is at most this many bytes.
pub const PICTURE_BYTES_MAX: usize = 12 * 1024;
/// A page of history is at most this many messages.
pub const PAGE_MESSAGES_MAX: u32 = 500;
/// So many of the messages that a beginning of an id fits are named.
const CANDIDATES_MAX: u32 = 10;

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
    sign_ins: SignInsElsewhere,
    name_server: Option<SocketAddr>,
    account: AccountPublic,
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
    pub(crate) disk_full: bool,
    pub(crate) mailbox: bool,
    /// How this node is reached, as it was when somebody asked last.
    pub(crate) reach: Reach,
    pub(crate) home: PathBuf,
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
        account: AccountPublic,
    ) -> Self {
        Self { asks, reader, events, now, clock, sign_ins: SignInsElsewhere::default(), name_server: None, account }
    }

    /// With the name server that is asked for domains' keys; without one those of this machine.
    pub(crate) fn asking(self, name_server: Option<SocketAddr>) -> Self {
        Self { name_server, ..self }
    }

    /// The key that is my account.
    pub(crate) fn account(&self) -> AccountPublic {
        self.account
    }

    /// What reads go through.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The home, whether a passphrase opens it, and what time it is.
    pub(crate) fn where_and_when(&self) -> (PathBuf, bool, u64) {
        let now = self.now.borrow();
        (now.home.clone(), now.passphrase, (self.clock)())
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
            disk_full: now.disk_full,
            mailbox: now.mailbox,
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
    /// With a name, or with several contacts, it is a new group, of which I am the owner.
    pub async fn create_conversation(
        &self,
        contacts: Vec<AccountId>,
        name: Option<String>,
    ) -> Result<Conversation, Refused> {
        self.ask_for_conversation(Command::CreateConversation { contacts, name }).await
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

    /// Everything about a group that the list does not say.
    pub async fn group(&self, id: ConversationId) -> Result<GroupDetail, Refused> {
        self.ask_for_group(Command::Group(id)).await
    }

    /// A group's picture, where it has one.
    pub async fn picture(&self, id: ConversationId) -> Result<Option<Picture>, Refused> {
        match self.ask(Command::Picture(id)).await? {
            Reply::Picture(picture) => Ok(picture),
            _ => Err(Refused::Stopped),
        }
    }

    /// Adds people to a group.
    pub async fn add_members(&self, id: ConversationId, accounts: Vec<AccountId>) -> Result<GroupDetail, Refused> {
        self.ask_for_group(Command::AddMembers { conversation: id, accounts }).await
    }

    /// Removes people from a group.
    pub async fn remove_members(&self, id: ConversationId, accounts: Vec<AccountId>) -> Result<GroupDetail, Refused> {
        self.ask_for_group(Command::RemoveMembers { conversation: id, accounts }).await
    }

    /// Leaves a group: nothing can be written there from now on, and the others take this account out.
    pub async fn leave(&self, id: ConversationId) -> Result<Conversation, Refused> {
        self.ask_for_conversation(Command::Leave(id)).await
    }

    /// Says what somebody may do in a group.
    pub async fn set_role(&self, id: ConversationId, account: AccountId, role: Role) -> Result<GroupDetail, Refused> {
        self.ask_for_group(Command::SetRole { conversation: id, account, role }).await
    }

    /// Changes what a group is called, shows and allows.
    pub async fn set_policy(&self, id: ConversationId, patch: PolicyPatch) -> Result<GroupDetail, Refused> {
        self.ask_for_group(Command::SetPolicy { conversation: id, patch }).await
    }

    /// Makes an invite link.
    pub async fn create_invite(&self, id: ConversationId, new: NewInvite) -> Result<InviteView, Refused> {
        match self.ask(Command::CreateInvite { conversation: id, new }).await? {
            Reply::Invite(invite) => Ok(invite),
            _ => Err(Refused::Stopped),
        }
    }

    /// Makes an invite worthless, on every node.
    pub async fn revoke_invite(&self, id: ConversationId, invite: InviteId) -> Result<GroupDetail, Refused> {
        self.ask_for_group(Command::RevokeInvite { conversation: id, invite }).await
    }

    /// Joins a group by an invite link: its standing is [`Standing::Joining`] until a member lets this node in.
    pub async fn join(&self, link: String) -> Result<Conversation, Refused> {
        self.ask_for_conversation(Command::Join(link)).await
    }

    /// Decides whether somebody who asked to join may.
    pub async fn decide(&self, id: ConversationId, account: AccountId, accept: bool) -> Result<GroupDetail, Refused> {
        self.ask_for_group(Command::Decide { conversation: id, account, accept }).await
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
        if !is_message_prefix(id_prefix) {
            return Err(Refused::UnknownMessage);
        }
        self.only_message(self.reader.messages_by_prefix(id_prefix, CANDIDATES_MAX).await.map_err(unreadable)?).await
    }

    async fn only_message(&self, candidates: Vec<MessageId>) -> Result<MessageDetail, Refused> {
        let me = self.me();
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

    /// Uses a mailbox, by its link or by the contact who runs it: it is asked as soon as it is reached.
    pub async fn use_mailbox(&self, of: MailboxOf) -> Result<Mailbox, Refused> {
        match self.ask(Command::UseMailbox(of)).await? {
            Reply::Mailbox(mailbox) => Ok(mailbox),
            _ => Err(Refused::Stopped),
        }
    }

    /// Uses a mailbox no longer.
    pub async fn drop_mailbox(&self, peer: PeerKey) -> Result<(), Refused> {
        self.ask(Command::DropMailbox(peer)).await.map(drop)
    }

    /// Who keeps envelopes for this node.
    pub async fn mailboxes(&self) -> Result<Vec<Mailbox>, Refused> {
        let peers = self.now.borrow().peers.clone();
        let rows = self.reader.mailboxes().await.map_err(unreadable)?;
        let online = |peer| peers.iter().any(|known| known.peer == peer);
        Ok(rows.into_iter().map(|row| Mailbox { online: online(row.peer), ..row }).collect())
    }

    /// The link by which others use this node's mailbox.
    pub async fn mailbox_link(&self) -> Result<Zeroizing<String>, Refused> {
        match self.ask(Command::MailboxLink).await? {
            Reply::MailboxLink(link) => Ok(link),
            _ => Err(Refused::Stopped),
        }
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
            match self.ask(Command::TouchSession(session.id)).await {
                // Reading goes on.
                Err(Refused::DiskFull) | Ok(_) => {}
                Err(refused) => return Err(refused),
            }
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

    async fn ask_for_group(&self, command: Command) -> Result<GroupDetail, Refused> {
        match self.ask(command).await? {
            Reply::Group(detail) => Ok(*detail),
            _ => Err(Refused::Stopped),
        }
    }

    async fn ask_for_conversation(&self, command: Command) -> Result<Conversation, Refused> {
        match self.ask(command).await? {
            Reply::Conversation(conversation) => Ok(conversation),
            _ => Err(Refused::Stopped),
        }
    }

    pub(crate) async fn ask(&self, command: Command) -> Result<Reply, Refused> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask { command, reply }).await.map_err(|_| Refused::Stopped)?;
        answer.await.map_err(|_| Refused::Stopped)?
    }
}

/// Whether this may be the beginning of a message's id.
fn is_message_prefix(text: &str) -> bool {
    (6..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A read that fails is a fault of this machine: the log says which, the person gets a sentence.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn unreadable(error: StoreError) -> Refused {
    tracing::error!(%error, "a read failed");
    Refused::StoreFailed
}
