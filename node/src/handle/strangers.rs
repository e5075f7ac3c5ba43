//! Strangers, who is blocked, and whose safety number was compared (PROTOCOL §6.16).

use super::{Contact, Conversation, Handle, Refused, unreadable};
use crate::engine::{Command, Reply};
use crate::ids::{AccountId, ConversationId};

/// A conversation that somebody began who is no contact, as the tray shows it: nothing that was written, no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrangerRequest {
    /// Names it.
    pub conversation: ConversationId,
    /// Who began it, or brought the owner into it.
    pub account: AccountId,
    /// That account's thirty digits.
    pub fingerprint: String,
    /// The name that they give themselves.
    pub name: String,
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// Whether it is a direct conversation.
    pub direct: bool,
    /// What they call the group; empty if nothing, or for a direct conversation.
    pub group_name: String,
    /// How many people are in it, the owner included.
    pub people: u64,
    /// How many texts are kept for when it is accepted.
    pub messages: u64,
    /// Groups in which the owner is with them already: a few names.
    pub met_in: Vec<String>,
}

/// Somebody of whom the owner wants nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Who.
    pub account: AccountId,
    /// What they were called when they were blocked.
    pub name: String,
    /// Since when, in milliseconds since 1970.
    pub at_ms: u64,
}

impl Handle {
    /// What strangers began, the newest first.
    pub async fn requests(&self) -> Result<Vec<StrangerRequest>, Refused> {
        self.reader.requests().await.map_err(unreadable)
    }

    /// Opens a request: who wrote directly is a contact from now on, and gets the receipts that are due.
    pub async fn accept_request(&self, conversation: ConversationId) -> Result<Conversation, Refused> {
        self.ask_for_conversation(Command::AcceptRequest(conversation)).await
    }

    /// Refuses a request: what was written in it goes, and a group is left.
    pub async fn refuse_request(&self, conversation: ConversationId) -> Result<(), Refused> {
        self.ask(Command::RefuseRequest(conversation)).await.map(drop)
    }

    /// Wants nothing more of somebody, who is not told.
    pub async fn block(&self, account: AccountId) -> Result<(), Refused> {
        self.ask(Command::Block(account)).await.map(drop)
    }

    /// Takes that back.
    pub async fn unblock(&self, account: AccountId) -> Result<(), Refused> {
        self.ask(Command::Unblock(account)).await.map(drop)
    }

    /// Who is blocked, the latest first.
    pub async fn blocked(&self) -> Result<Vec<Blocked>, Refused> {
        self.reader.blocked().await.map_err(unreadable)
    }

    /// A contact.
    pub async fn contact(&self, account: AccountId) -> Result<Contact, Refused> {
        let contacts = self.contacts().await?;
        contacts.into_iter().find(|contact| contact.account == account).ok_or(Refused::UnknownContact)
    }

    /// Both compared this safety number in person, and it is the same; `None` takes the mark away.
    pub async fn verify(&self, account: AccountId, safety_number: Option<String>) -> Result<Contact, Refused> {
        match self.ask(Command::Verify { account, safety_number }).await? {
            Reply::Contact(contact) => Ok(contact),
            _ => Err(Refused::Stopped),
        }
    }
}
