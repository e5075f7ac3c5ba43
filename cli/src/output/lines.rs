//! The lines of `--json`: the names and the order of their fields are a promise (PRODUCT, "The command line").

use serde::Serialize;

use crate::api::{self, PeerPath, State};

/// `up`, once it can serve.
#[derive(Debug, Serialize)]
pub(crate) struct Ready<'a> {
    pub(crate) event: &'static str,
    pub(crate) account: &'a str,
    pub(crate) peer_id: &'a str,
    pub(crate) addresses: &'a [String],
    pub(crate) http: &'a str,
    pub(crate) sign_in: &'a str,
}

/// `status`.
#[derive(Debug, Serialize)]
pub(crate) struct Status<'a> {
    account: &'a str,
    peer_id: &'a str,
    addresses: &'a [String],
    peers: Vec<Peer<'a>>,
    queued: u64,
    /// Only while it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disk_full: bool,
    /// Only where it does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    mailbox: bool,
}

#[derive(Debug, Serialize)]
struct Peer<'a> {
    peer_id: &'a str,
    path: PeerPath,
}

impl<'a> From<&'a api::Status> for Status<'a> {
    fn from(status: &'a api::Status) -> Self {
        Self {
            account: &status.account,
            peer_id: &status.peer_id,
            addresses: &status.addresses,
            peers: status.peers.iter().map(|peer| Peer { peer_id: &peer.id, path: peer.path }).collect(),
            queued: status.queued,
            disk_full: status.disk_full,
            mailbox: status.mailbox,
        }
    }
}

/// `card`.
#[derive(Debug, Serialize)]
pub(crate) struct Card<'a> {
    pub(crate) link: &'a str,
    pub(crate) account: &'a str,
}

/// `add`.
#[derive(Debug, Serialize)]
pub(crate) struct Added<'a> {
    pub(crate) contact: &'a str,
}

/// `new`, `join`, and what changes a conversation.
#[derive(Debug, Serialize)]
pub(crate) struct Started<'a> {
    pub(crate) conversation: &'a str,
}

/// `members`, a line a member.
#[derive(Debug, Serialize)]
pub(crate) struct Member<'a> {
    account: &'a str,
    name: &'a str,
    role: api::Role,
    nodes: u32,
    me: bool,
}

impl<'a> From<&'a api::Member> for Member<'a> {
    fn from(member: &'a api::Member) -> Self {
        Self { account: &member.account, name: &member.name, role: member.role, nodes: member.nodes, me: member.me }
    }
}

/// `link`.
#[derive(Debug, Serialize)]
pub(crate) struct Link<'a> {
    pub(crate) sign_in: &'a str,
}

/// `doctor`, a line a finding.
#[derive(Debug, Serialize)]
pub(crate) struct Finding<'a> {
    check: &'a str,
    verdict: &'a str,
    says: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'a str>,
}

impl<'a> From<&'a api::Finding> for Finding<'a> {
    fn from(finding: &'a api::Finding) -> Self {
        Self {
            check: &finding.check,
            verdict: &finding.verdict,
            says: &finding.says,
            advice: finding.advice.as_deref(),
        }
    }
}

/// `mailbox use`, `mailbox drop`, and `mailbox list`, a line a mailbox.
#[derive(Debug, Serialize)]
pub(crate) struct Mailbox<'a> {
    peer_id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collected_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    online: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proved_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unproved: Option<&'a str>,
}

impl<'a> From<&'a api::Mailbox> for Mailbox<'a> {
    fn from(mailbox: &'a api::Mailbox) -> Self {
        Self {
            peer_id: &mailbox.peer_id,
            name: &mailbox.name,
            opened_at_ms: mailbox.opened_at_ms,
            collected_at_ms: mailbox.collected_at_ms,
            refused: mailbox.refused.as_deref(),
            online: mailbox.online,
            missing: Some(mailbox.missing).filter(|missing| *missing > 0),
            proved_at_ms: mailbox.proved_at_ms,
            unproved: mailbox.unproved.as_deref(),
        }
    }
}

/// `backup`.
#[derive(Debug, Serialize)]
pub(crate) struct Backup<'a> {
    pub(crate) file: &'a str,
    pub(crate) bytes: u64,
}

/// `restore`.
#[derive(Debug, Serialize)]
pub(crate) struct Restored<'a> {
    pub(crate) account: &'a str,
    pub(crate) name: &'a str,
    pub(crate) made_at_ms: u64,
    pub(crate) conversations: u64,
    pub(crate) messages: u64,
}

/// `bundle out`.
#[derive(Debug, Serialize)]
pub(crate) struct BundleOut<'a> {
    pub(crate) file: &'a str,
    pub(crate) parcels: u64,
    pub(crate) bytes: u64,
    pub(crate) more: bool,
}

/// `mailbox link`.
#[derive(Debug, Serialize)]
pub(crate) struct MailboxLink<'a> {
    pub(crate) link: &'a str,
}

/// `list`, a line a conversation.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<'a> {
    conversation: &'a str,
    name: &'a str,
    members: usize,
    unread: u64,
    last_at_ms: u64,
}

impl<'a> From<&'a api::Conversation> for Listed<'a> {
    fn from(conversation: &'a api::Conversation) -> Self {
        Self {
            conversation: &conversation.id,
            name: &conversation.name,
            members: conversation.members.len(),
            unread: conversation.unread,
            last_at_ms: conversation.last_at_ms,
        }
    }
}

/// `send`.
#[derive(Debug, Serialize)]
pub(crate) struct Sent<'a> {
    pub(crate) message: &'a str,
    pub(crate) conversation: &'a str,
    pub(crate) state: State,
}

/// `read`, a line a message.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    #[serde(rename = "message")]
    id: &'a str,
    conversation: &'a str,
    sender: &'a str,
    sender_name: &'a str,
    sent_at_ms: u64,
    received_at_ms: u64,
    text: &'a str,
    state: State,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<&'a str>,
}

impl<'a> From<&'a api::Message> for Message<'a> {
    fn from(message: &'a api::Message) -> Self {
        Self {
            id: &message.id,
            conversation: &message.conversation,
            sender: &message.sender,
            sender_name: &message.sender_name,
            sent_at_ms: message.sent_at_ms,
            received_at_ms: message.received_at_ms,
            text: &message.text,
            state: message.state,
            kind: &message.kind,
            reply_to: message.reply_to.as_deref(),
        }
    }
}

/// `show`.
#[derive(Debug, Serialize)]
pub(crate) struct MessageDetail<'a> {
    #[serde(flatten)]
    message: Message<'a>,
    recipients: Vec<Recipient<'a>>,
}

#[derive(Debug, Serialize)]
struct Recipient<'a> {
    account: &'a str,
    state: State,
    at_ms: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    removed: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    kept_by: &'a [api::KeptBy],
}

impl<'a> From<&'a api::MessageDetail> for MessageDetail<'a> {
    fn from(detail: &'a api::MessageDetail) -> Self {
        let recipients = detail
            .recipients
            .iter()
            .map(|recipient| Recipient {
                account: &recipient.account,
                state: recipient.state,
                at_ms: recipient.at_ms,
                removed: recipient.removed,
                kept_by: &recipient.kept_by,
            })
            .collect();
        Self { message: Message::from(&detail.message), recipients }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(line: &impl Serialize) -> String {
        serde_json::to_string(line).unwrap()
    }

    #[test]
    fn the_lines_have_the_fields_that_were_promised_in_their_order() {
        let addresses = ["/ip4/127.0.0.1/tcp/1".to_owned()];
        let ready = Ready {
            event: "ready",
            account: "aa",
            peer_id: "12D3",
            addresses: &addresses,
            http: "http://127.0.0.1:7373",
            sign_in: "http://aa.localhost:7373/#sign-in=x",
        };
        assert_eq!(
            printed(&ready),
            r#"{"event":"ready","account":"aa","peer_id":"12D3","addresses":["/ip4/127.0.0.1/tcp/1"],"http":"http://127.0.0.1:7373","sign_in":"http://aa.localhost:7373/#sign-in=x"}"#
        );
        let status: api::Status = serde_json::from_str(
            r#"{"account":"aa","name":"Alice","peer_id":"12D3","addresses":[],"peers":[{"peer_id":"p","path":"direct","account":"bb"}],"queued":3,"passphrase":false}"#,
        )
        .unwrap();
        assert_eq!(
            printed(&Status::from(&status)),
            r#"{"account":"aa","peer_id":"12D3","addresses":[],"peers":[{"peer_id":"p","path":"direct"}],"queued":3}"#
        );
        assert_eq!(printed(&Card { link: "l", account: "aa" }), r#"{"link":"l","account":"aa"}"#);
        assert_eq!(printed(&Added { contact: "bb" }), r#"{"contact":"bb"}"#);
        assert_eq!(printed(&Started { conversation: "cc" }), r#"{"conversation":"cc"}"#);
        assert_eq!(
            printed(&Sent { message: "mm", conversation: "cc", state: State::Queued }),
            r#"{"message":"mm","conversation":"cc","state":"queued"}"#
        );
        let conversation: api::Conversation = serde_json::from_str(
            r#"{"conversation":"cc","name":"Bob","direct":true,"members":[{"account":"aa","name":"A","me":true},{"account":"bb","name":"Bob","me":false}],"unread":2,"last_at_ms":7}"#,
        )
        .unwrap();
        assert_eq!(
            printed(&Listed::from(&conversation)),
            r#"{"conversation":"cc","name":"Bob","members":2,"unread":2,"last_at_ms":7}"#
        );
    }

    #[test]
    fn a_message_has_its_promised_fields_and_says_what_it_answers_only_where_it_answers() {
        let json = r#"{"message":"mm","conversation":"cc","sender":"aa","sender_name":"A","mine":true,"sent_at_ms":1,"received_at_ms":2,"place":3,"text":"hi","state":"delivered","kind":"text","recipients":[{"account":"bb","name":"B","state":"delivered","at_ms":4}]}"#;
        let detail: api::MessageDetail = serde_json::from_str(json).unwrap();
        let start = r#"{"message":"mm","conversation":"cc","sender":"aa","sender_name":"A","sent_at_ms":1,"received_at_ms":2,"text":"hi","state":"delivered","kind":"text""#;
        assert_eq!(printed(&Message::from(&detail.message)), format!("{start}}}"));
        assert_eq!(
            printed(&MessageDetail::from(&detail)),
            format!(r#"{start},"recipients":[{{"account":"bb","state":"delivered","at_ms":4}}]}}"#)
        );
        let answering = api::Message { reply_to: Some("nn".to_owned()), ..detail.message };
        assert_eq!(printed(&Message::from(&answering)), format!(r#"{start},"reply_to":"nn"}}"#));
    }
}
