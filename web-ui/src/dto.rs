//! What crosses the local door as JSON: the only types of the node's window that are serialised.
//!
//! Field names are a promise to the page, the command line and scripts. The page's TypeScript types and the
//! OpenAPI document are generated from here, and a test is red when the committed ones are stale.
//! Ids are lower-case hexadecimal; `*_ms` are milliseconds since 1970; a field that may be absent is left out.
//! Lists that have no cursor (contacts, conversations, sessions) are plain arrays.

mod backups;
mod bundles;
mod conversations;
mod doctor;
mod events;
pub mod groups;
mod identities;
mod mailboxes;
mod messages;
mod people;
mod sessions;
mod storage;
mod strangers;
mod tokens;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

pub use backups::NewBackup;
pub use bundles::{BundleQuery, BundleTaken};
pub use conversations::{Conversation, Member, NewConversation};
pub use doctor::{Check, Finding, Verdict};
pub use events::{Event, Frame, ResumeQuery, StateChange};
pub use identities::{
    ContactsQuery, DeliveredMail, Identity, IdentityAnswer, IdentityBegun, IdentityKind, IdentityStanding, Issuer,
    IssuerQuery, MailBegun, NewIdentity, NewIssuer,
};
pub use mailboxes::{Mailbox, MailboxLink, NewMailbox};
pub use messages::{
    HistoryQuery, KeptBy, Message, MessageDetail, MessageKind, MessagePage, MessageState, NewMessage, Recipient,
    SeenUpTo,
};
pub use people::{CardLinks, Contact, NewContact, NewProfile, Peer, PeerPath, Status};
pub use sessions::{Session, SignIn, SignInLink};
pub use storage::{Storage, StorageLimits};
pub use strangers::{Blocked, NewVerification, StrangerRequest, Verification, VerifiedHow};
pub use tokens::{MadeToken, NewToken, Token};

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
    use super::groups::{Role, Standing, SystemChange};
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
            KeptBy,
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
            Token,
            NewToken,
            MadeToken,
            NewProfile,
            NewContact,
            StrangerRequest,
            Blocked,
            VerifiedHow,
            Verification,
            NewVerification,
            StorageLimits,
            Storage,
            Mailbox,
            NewMailbox,
            MailboxLink,
            IdentityStanding,
            IdentityKind,
            Identity,
            Issuer,
            NewIssuer,
            NewIdentity,
            IdentityBegun,
            MailBegun,
            DeliveredMail,
            IdentityAnswer,
            Check,
            Verdict,
            Finding,
            BundleTaken,
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
            Event::Requests { waiting: 1 },
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
