//! What crosses the local door as JSON: the only types of the node's window that are serialised.
//!
//! Field names are a promise to the page, the command line and scripts. The page's TypeScript types and the
//! OpenAPI document are generated from here, and a test is red when the committed ones are stale.
//! Ids are lower-case hexadecimal; `*_ms` are milliseconds since 1970; a field that may be absent is left out.
//! Lists that have no cursor (contacts, conversations, sessions) are plain arrays.

pub mod groups;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};

use groups::{Role, Standing, SystemChange};

/// What has been proved of a message, never a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Durable on this node.
    Queued,
    /// A mailbox or another member keeps the envelope.
    Stored,
    /// Every recipient acknowledged that it was decrypted and stored.
    Delivered,
    /// Every recipient looked at it, and shares that.
    Seen,
    /// Somebody else's message, which this node holds.
    Received,
}

/// What a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Text, written by a person.
    Text,
    /// A line about the group itself: who changed what.
    System,
}

/// A message as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Message {
    /// The message's id.
    pub message: String,
    /// The conversation it is in.
    pub conversation: String,
    /// The account that wrote it.
    pub sender: String,
    /// That person's name, as known here.
    pub sender_name: String,
    /// Whether I wrote it, on any of my nodes.
    pub mine: bool,
    /// The author's clock.
    pub sent_at_ms: u64,
    /// This node's clock when it was stored here.
    pub received_at_ms: u64,
    /// Its place in the transcript: messages sort by (`place`, `message`), the same on every node.
    pub place: u64,
    /// The text; of a line about the group, a sentence.
    pub text: String,
    /// What is proved of it.
    pub state: MessageState,
    /// What it holds.
    pub kind: MessageKind,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
    /// What a line about the group says, for programs; absent for text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<SystemChange>>")]
    pub changes: Vec<SystemChange>,
    /// Whether it came here after messages that stand below it.
    pub late: bool,
    /// The account that shared it with me, where it was written before I joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub shared_by: Option<String>,
    /// That person's name, as known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub shared_by_name: Option<String>,
}

/// A message's state for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Recipient {
    /// The recipient's account.
    pub account: String,
    /// Their name, as known here.
    pub name: String,
    /// What is proved for that recipient.
    pub state: MessageState,
    /// When that was learnt here.
    pub at_ms: u64,
    /// They are no longer in the conversation, so the message does not wait for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub removed: bool,
}

/// A message with its state for each recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct MessageDetail {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// One row a recipient; empty for a message of somebody else.
    pub recipients: Vec<Recipient>,
}

/// A page of history, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether there are older ones before the first.
    pub more_before: bool,
    /// Whether there are newer ones after the last.
    pub more_after: bool,
}

/// An account in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Member {
    /// The account.
    pub account: String,
    /// Their name, as known here.
    pub name: String,
    /// Whether it is me.
    pub me: bool,
    /// What they may do here.
    pub role: Role,
    /// How many of their nodes are in it.
    pub nodes: u32,
}

/// A conversation, as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Conversation {
    /// The conversation's id.
    pub conversation: String,
    /// Its name: the contact's for a direct conversation.
    pub name: String,
    /// What it is about, in a line; empty where nobody said.
    pub topic: String,
    /// Names its picture, and changes with it; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub picture: Option<String>,
    /// How this node stands to it.
    pub standing: Standing,
    /// Why the invite by which I asked to join was refused, in a sentence; absent if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub refused: Option<String>,
    /// What I may do here.
    pub my_role: Role,
    /// Whether what I write now would be accepted.
    pub can_write: bool,
    /// Whether it is the direct conversation with one person.
    pub direct: bool,
    /// The accounts in it, mine included.
    pub members: Vec<Member>,
    /// How many messages of others I have not seen.
    pub unread: u64,
    /// The newest message of others that I have seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub seen_up_to: Option<String>,
    /// The last message, by the transcript's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub last_message: Option<Message>,
    /// When something last happened here.
    pub last_at_ms: u64,
}

/// A person known to this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Contact {
    /// Their account.
    pub contact: String,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub conversation: Option<String>,
}

/// How a connected peer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerPath {
    /// A direct connection.
    Direct,
    /// Through a circuit relay.
    Relayed,
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Peer {
    /// Its libp2p peer id, in base 58.
    pub peer_id: String,
    /// How it is reached.
    pub path: PeerPath,
    /// The person it belongs to, where that is known: a contact, or a fellow member of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub account: Option<String>,
    /// That person's name, where it is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
}

/// Who I am and how things stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Status {
    /// My account.
    pub account: String,
    /// My name.
    pub name: String,
    /// This node's libp2p peer id, in base 58.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct CardLinks {
    /// The whole card: enough to write to me while I am offline.
    pub link: String,
    /// The short form for a QR code: the rest is fetched from my node and checked.
    pub short_link: String,
    /// My account.
    pub account: String,
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Session {
    /// Names it without giving it away.
    pub session: String,
    /// What it said it was.
    pub user_agent: String,
    /// When it signed in.
    pub created_at_ms: u64,
    /// When it was last used, to the minute.
    pub last_used_at_ms: u64,
    /// Whether it is the browser that asks.
    pub current: bool,
}

/// A fresh sign-in link: good for an hour and for one use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SignInLink {
    /// The link: the token is in its fragment, which browsers send to nobody.
    pub url: String,
}

/// Trades a one-time token for a session.
#[derive(Clone, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The token from a sign-in link's fragment.
    pub token: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}

/// Changes my card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProfile {
    /// The name that others see: 1 to 128 bytes, no control characters.
    pub name: String,
}

/// Adds a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    /// Either form of their card link.
    pub link: String,
}

/// Starts a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConversation {
    /// With whom: account ids of contacts.
    pub contacts: Vec<String>,
    /// Its name; left out, one contact means the direct conversation with them, old or new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
}

/// Sends a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The text: 1 byte to 64 KiB of UTF-8.
    pub text: String,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
}

/// Says how far the person has looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeenUpTo {
    /// The newest message that they looked at.
    pub message: String,
}

/// Which page of history; without `before` and `after` the newest messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// At most this many messages: 1 to 500, 50 where it is left out.
    pub limit: Option<u32>,
    /// Those just before this message.
    pub before: Option<String>,
    /// Those just after this message.
    pub after: Option<String>,
}

/// Where a live stream goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResumeQuery {
    /// The id of the last frame that was seen; left out, the stream starts now.
    pub after: Option<String>,
}

/// A message whose state moved on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct StateChange {
    /// The message.
    pub message: String,
    /// What is proved of it now.
    pub state: MessageState,
}

/// One frame of the live stream. Every event is an upsert: applying it twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Frame {
    /// Where in the stream: the run in hexadecimal, `-`, the number in decimal. Resume after it.
    pub id: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that a person may notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// First on every connection; what follows comes after its id.
    Hello {
        /// My account.
        account: String,
    },
    /// A message is new, or changed in any way.
    Message {
        /// The message.
        message: Message,
    },
    /// The states of messages that I sent moved on.
    States {
        /// The conversation they are in.
        conversation: String,
        /// Each message with its new state.
        states: Vec<StateChange>,
    },
    /// A conversation is new, or its summary changed.
    Conversation {
        /// The conversation.
        conversation: Conversation,
    },
    /// A message is no longer in the transcript.
    MessageGone {
        /// The message.
        message: String,
    },
    /// A contact is new, or changed.
    Contact {
        /// The contact.
        contact: Contact,
    },
    /// The number of connected peers changed.
    Peers {
        /// How many peers are connected now.
        connected: u32,
    },
    /// My own name or addresses changed, and so my card did.
    Profile,
    /// Events were missed: read everything again; what follows continues from here.
    Lagged,
}

impl Event {
    /// The value of `type`: the name of the event in a server-sent stream.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Message { .. } => "message",
            Self::States { .. } => "states",
            Self::Conversation { .. } => "conversation",
            Self::MessageGone { .. } => "message_gone",
            Self::Contact { .. } => "contact",
            Self::Peers { .. } => "peers",
            Self::Profile => "profile",
            Self::Lagged => "lagged",
        }
    }
}

/// Why something was not done (RFC 9457). Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Problem {
    /// `urn:tidings:problem:` and the code.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, for programs: stable.
    pub code: String,
    /// What went wrong and what to do, for people: a sentence.
    pub detail: String,
    /// With the code `ambiguous`: the first few ids that fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub candidates: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "\
// Generated from web-ui/src/dto.rs. Do not edit; refresh it with:
//   UPDATE_GENERATED=1 cargo test -p tidings-web-ui --lib types
";

    fn declare<T: TS>(into: &mut String, config: &ts_rs::Config) {
        into.push('\n');
        if let Some(docs) = T::docs() {
            into.push_str(&docs);
        }
        into.push_str("export ");
        let declared = T::decl(config).replace(", };", ",\n};");
        for (number, line) in declared.lines().enumerate() {
            let indent = if number == 0 || line.starts_with('}') { "" } else { "  " };
            into.push_str(format!("{indent}{line}").trim_end());
            into.push('\n');
        }
    }

    fn typescript() -> String {
        // JSON has one kind of number, and these stay below 2^53 for the next 285,000 years.
        let config = ts_rs::Config::new().with_large_int("number");
        let mut text = HEADER.to_owned();
        macro_rules! declare_all {
            ($($type:ty),* $(,)?) => { $(declare::<$type>(&mut text, &config);)* };
        }
        declare_all!(
            MessageState,
            MessageKind,
            Message,
            Recipient,
            MessageDetail,
            MessagePage,
            Member,
            Conversation,
            Contact,
            PeerPath,
            Peer,
            Status,
            CardLinks,
            Session,
            SignInLink,
            SignIn,
            NewProfile,
            NewContact,
            NewConversation,
            NewMessage,
            SeenUpTo,
            Role,
            Standing,
            groups::Who,
            groups::History,
            groups::Suite,
            groups::Permission,
            SystemChange,
            groups::Group,
            groups::Invite,
            groups::JoinRequest,
            groups::GroupPatch,
            groups::NewMembers,
            groups::Removals,
            groups::NewRole,
            groups::NewInvite,
            groups::Join,
            groups::Decision,
            StateChange,
            Frame,
            Event,
            Problem,
        );
        text
    }

    #[test]
    fn the_typescript_types_of_the_page_are_those_of_the_api() {
        crate::generated::assert_fresh("app/src/api/types.gen.ts", &typescript());
    }

    #[test]
    fn the_name_of_every_event_is_its_type_in_json() {
        let events = [
            Event::Hello { account: String::new() },
            Event::States { conversation: String::new(), states: Vec::new() },
            Event::MessageGone { message: String::new() },
            Event::Peers { connected: 1 },
            Event::Profile,
            Event::Lagged,
        ];
        for event in events {
            let name = event.name();
            let frame = Frame { id: "a-1".to_owned(), event };
            let json = serde_json::to_value(&frame).unwrap();
            assert_eq!(json["type"], name);
            assert_eq!(json["id"], "a-1");
            assert_eq!(serde_json::from_value::<Frame>(json).unwrap(), frame);
        }
    }

    #[test]
    fn a_sign_in_token_is_not_in_debug_output() {
        let shown = format!("{:?}", SignIn { token: "secret".to_owned() });
        assert!(!shown.contains("secret"), "{shown}");
    }
}
