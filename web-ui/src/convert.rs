//! The node's types as the API's. Nothing is decided here; a field that is missing there is missing here.

mod doctor;
mod groups;
mod identities;
mod strangers;
mod tokens;

use tidings_node::event::{Event, EventId};
use tidings_node::handle;
use tidings_node::ids::AccountId;

pub(crate) use self::tokens::new_token;
use crate::dto;
use crate::dto::groups::SystemChange;
use crate::error::RequestError;

/// An account's id from text.
pub(crate) fn account_from(text: &str) -> Result<AccountId, RequestError> {
    text.parse().map_err(|_| RequestError::BadRequest("an account's id is 64 hexadecimal characters".to_owned()))
}

/// Accounts' ids from text: all of them, or why one is none.
pub(crate) fn accounts_from(texts: &[String]) -> Result<Vec<AccountId>, RequestError> {
    texts.iter().map(|text| account_from(text)).collect()
}

/// An event's id as text: the run in hexadecimal, `-`, the number in decimal.
pub(crate) fn event_id_text(id: EventId) -> String {
    format!("{:x}-{}", id.run, id.number)
}

/// An event's id from text.
pub(crate) fn event_id_from(text: &str) -> Result<EventId, RequestError> {
    let parsed = text.split_once('-').and_then(|(run, number)| {
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !plain(run) || !plain(number) {
            return None;
        }
        Some(EventId { run: u64::from_str_radix(run, 16).ok()?, number: number.parse().ok()? })
    });
    parsed.ok_or_else(|| RequestError::BadRequest("an event's id is the `id` of a frame that was received".to_owned()))
}

/// An event as a frame of the live stream.
pub(crate) fn frame(id: EventId, event: Event) -> dto::Frame {
    let event = match event {
        Event::Message(message) => dto::Event::Message { message: message.into() },
        Event::MessageGone { message, .. } => dto::Event::MessageGone { message: message.to_string() },
        Event::States { conversation, states } => dto::Event::States {
            conversation: conversation.to_string(),
            states: states
                .into_iter()
                .map(|(message, state)| dto::StateChange { message: message.to_string(), state: state.into() })
                .collect(),
        },
        Event::Conversation(conversation) => dto::Event::Conversation { conversation: conversation.into() },
        Event::Contact(contact) => dto::Event::Contact { contact: contact.into() },
        Event::Peers { connected } => dto::Event::Peers { connected },
        Event::Requests { waiting } => dto::Event::Requests { waiting },
        Event::Profile => dto::Event::Profile,
    };
    dto::Frame { id: event_id_text(id), event }
}

impl From<handle::MessageState> for dto::MessageState {
    fn from(state: handle::MessageState) -> Self {
        match state {
            handle::MessageState::Queued => Self::Queued,
            handle::MessageState::Stored => Self::Stored,
            handle::MessageState::Delivered => Self::Delivered,
            handle::MessageState::Seen => Self::Seen,
            handle::MessageState::Received => Self::Received,
        }
    }
}

impl From<handle::Message> for dto::Message {
    fn from(message: handle::Message) -> Self {
        let (kind, changes) = match message.kind {
            handle::MessageKind::Text => (dto::MessageKind::Text, Vec::new()),
            handle::MessageKind::System(line) => {
                (dto::MessageKind::System, line.changes.into_iter().map(SystemChange::from).collect())
            }
        };
        Self {
            message: message.id.to_string(),
            conversation: message.conversation.to_string(),
            sender: message.sender.to_string(),
            sender_name: message.sender_name,
            mine: message.mine,
            sent_at_ms: message.sent_at_ms,
            received_at_ms: message.received_at_ms,
            place: message.place,
            text: message.text,
            state: message.state.into(),
            kind,
            reply_to: message.reply_to.map(|id| id.to_string()),
            changes,
            late: message.late,
            shared_by: message.shared_by.map(|account| account.to_string()),
            shared_by_name: message.shared_by.map(|_| message.shared_by_name),
        }
    }
}

impl From<handle::Recipient> for dto::Recipient {
    fn from(recipient: handle::Recipient) -> Self {
        Self {
            account: recipient.account.to_string(),
            name: recipient.name,
            state: recipient.state.into(),
            at_ms: recipient.at_ms,
            removed: recipient.removed,
            kept_by: recipient.kept_by.into_iter().map(dto::KeptBy::from).collect(),
        }
    }
}

impl From<handle::KeptBy> for dto::KeptBy {
    fn from(keeper: handle::KeptBy) -> Self {
        match keeper {
            handle::KeptBy::Mailbox(peer) => Self { mailbox: Some(peer.to_peer_id()), account: None, name: None },
            handle::KeptBy::Member { account, name } => {
                Self { mailbox: None, account: Some(account.to_string()), name: Some(name) }
            }
        }
    }
}

impl From<handle::MessageDetail> for dto::MessageDetail {
    fn from(detail: handle::MessageDetail) -> Self {
        Self {
            message: detail.message.into(),
            recipients: detail.recipients.into_iter().map(dto::Recipient::from).collect(),
        }
    }
}

impl From<handle::MessagePage> for dto::MessagePage {
    fn from(page: handle::MessagePage) -> Self {
        Self {
            messages: page.messages.into_iter().map(dto::Message::from).collect(),
            more_before: page.more_before,
            more_after: page.more_after,
        }
    }
}

impl From<handle::Member> for dto::Member {
    fn from(member: handle::Member) -> Self {
        Self {
            account: member.account.to_string(),
            name: member.name,
            me: member.me,
            role: member.role.into(),
            nodes: member.nodes,
        }
    }
}

impl From<handle::Conversation> for dto::Conversation {
    fn from(conversation: handle::Conversation) -> Self {
        Self {
            conversation: conversation.id.to_string(),
            name: conversation.name,
            topic: conversation.topic,
            picture: conversation.picture.map(|hash| hexadecimal(&hash)),
            standing: conversation.standing.into(),
            refused: Some(conversation.refused).filter(|refused| !refused.is_empty()),
            my_role: conversation.my_role.into(),
            can_write: conversation.can_write,
            direct: conversation.direct,
            members: conversation.members.into_iter().map(dto::Member::from).collect(),
            unread: conversation.unread,
            seen_up_to: conversation.seen_up_to.map(|id| id.to_string()),
            last_message: conversation.last_message.map(dto::Message::from),
            last_at_ms: conversation.last_at_ms,
        }
    }
}

impl From<handle::Contact> for dto::Contact {
    fn from(contact: handle::Contact) -> Self {
        Self {
            contact: contact.account.to_string(),
            name: contact.name,
            added: contact.added,
            card_complete: contact.card_complete,
            safety_number: contact.safety_number,
            online: contact.online,
            conversation: contact.conversation.map(|id| id.to_string()),
            blocked: contact.blocked,
            verified_at_ms: contact.verified_at_ms,
        }
    }
}

impl From<handle::bundles::BundleTaken> for dto::BundleTaken {
    fn from(taken: handle::bundles::BundleTaken) -> Self {
        let handle::bundles::BundleTaken { new, known, later, useless, others } = taken;
        Self { new, known, later, useless, others }
    }
}

impl From<handle::Mailbox> for dto::Mailbox {
    fn from(mailbox: handle::Mailbox) -> Self {
        Self {
            peer_id: mailbox.peer.to_peer_id(),
            name: mailbox.name,
            used_since_ms: mailbox.used_since_ms,
            opened_at_ms: mailbox.opened_at_ms,
            collected_at_ms: mailbox.collected_at_ms,
            refused: Some(mailbox.refused).filter(|refused| !refused.is_empty()),
            online: mailbox.online,
            missing: mailbox.missing,
            missing_says: mailbox.missing_says,
            proved_at_ms: mailbox.proved_at_ms,
            unproved: Some(mailbox.unproved).filter(|unproved| !unproved.is_empty()),
        }
    }
}

impl From<handle::Peer> for dto::Peer {
    fn from(peer: handle::Peer) -> Self {
        Self {
            peer_id: peer.peer.to_peer_id(),
            path: match peer.path {
                handle::Path::Direct => dto::PeerPath::Direct,
                handle::Path::Punched => dto::PeerPath::Punched,
                handle::Path::Relayed => dto::PeerPath::Relayed,
            },
            account: peer.account.map(|account| account.to_string()),
            name: Some(peer.name).filter(|name| !name.is_empty()),
        }
    }
}

impl From<handle::Status> for dto::Status {
    fn from(status: handle::Status) -> Self {
        Self {
            account: status.account.to_string(),
            name: status.name,
            peer_id: status.peer_id,
            addresses: status.addresses,
            peers: status.peers.into_iter().map(dto::Peer::from).collect(),
            queued: status.queued,
            passphrase: status.passphrase,
            disk_full: status.disk_full,
            mailbox: status.mailbox,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// A session as the list shows it to the browser that asks.
pub(crate) fn session(session: handle::Session, current: bool) -> dto::Session {
    dto::Session {
        session: session.id.to_string(),
        user_agent: session.user_agent,
        created_at_ms: session.created_at_ms,
        last_used_at_ms: session.last_used_at_ms,
        current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_node::ids::{ConversationId, MessageId};

    #[test]
    fn an_event_id_survives_the_way_there_and_back() {
        let id = EventId { run: 0xdead_beef_0000_0001, number: 42 };
        assert_eq!(event_id_text(id), "deadbeef00000001-42");
        assert_eq!(event_id_from("deadbeef00000001-42").unwrap(), id);
    }

    #[test]
    fn what_is_no_event_id_is_refused() {
        for text in ["", "-", "1", "1-", "-1", "g-1", "1-x", "1--1", "1-+1", "+1-1", "10000000000000000-1", "1-2-3"] {
            assert!(event_id_from(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_two_digits_each() {
        assert_eq!(hexadecimal(&[0x00, 0x0f, 0xa0, 0xff]), "000fa0ff");
    }

    #[test]
    fn an_account_id_survives_the_way_there_and_back() {
        let account = AccountId([0xab; 32]);
        assert_eq!(account_from(&account.to_string()).unwrap(), account);
        for text in ["", "ab", &"AB".repeat(32), &"zz".repeat(32), &"ab".repeat(33)] {
            assert!(account_from(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_message_keeps_its_promised_field_names() {
        let message = handle::Message {
            id: MessageId([1; 16]),
            conversation: ConversationId([2; 16]),
            sender: AccountId([3; 32]),
            sender_name: "Ada".to_owned(),
            mine: false,
            sent_at_ms: 4,
            received_at_ms: 5,
            place: 6,
            text: "hello".to_owned(),
            state: handle::MessageState::Received,
            reply_to: None,
            kind: handle::MessageKind::Text,
            late: false,
            shared_by: None,
            shared_by_name: String::new(),
        };
        let detail = handle::MessageDetail { message, recipients: Vec::new() };
        let json = serde_json::to_value(dto::MessageDetail::from(detail)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "message": "01".repeat(16), "conversation": "02".repeat(16), "sender": "03".repeat(32),
                "sender_name": "Ada", "mine": false, "sent_at_ms": 4, "received_at_ms": 5, "place": 6,
                "text": "hello", "state": "received", "kind": "text", "late": false, "recipients": [],
            })
        );
    }
}
