//! Strangers (PROTOCOL §6.16): what they begin waits for the owner, hidden and without a receipt; who is blocked is not
//! told; and the mark of a safety number that was compared in person.

use std::collections::{BTreeMap, BTreeSet};

use tidings_crypto::group::Kind as GroupKind;
use tidings_crypto::identity::{AccountPublic, fingerprint};

use super::batch::{Batch, Halt};
use super::people::Contact;
use super::{Command, State, StoreError};
use crate::event::Event;
use crate::handle::{self, Refused};
use crate::ids::{AccountId, ConversationId, PeerKey};
use crate::network::NetworkCommand;
use crate::store::RequestRow;

/// So many requests may wait.
const REQUESTS_MAX: usize = 200;
/// Of these so many of people who share nothing with the owner: a flood of new accounts leaves room for who was met.
const FAR_MAX: usize = 150;
/// So many of one account.
const REQUESTS_OF_ONE_MAX: usize = 3;
/// A request keeps so many texts …
const TEXTS_MAX: u64 = 100;
/// … of so many bytes together. What is over is not taken, and comes again when the request is accepted.
const TEXT_BYTES_MAX: u64 = 256 * 1024;
/// From so many groups on, nothing that a stranger begins is taken: half of what a node carries.
const GROUPS_FOR_STRANGERS_MAX: usize = 2_500;
/// So many accounts can be blocked.
const BLOCKED_MAX: usize = 10_000;

/// What is known of strangers, of who is blocked, and of who was verified in person.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    requests: BTreeMap<ConversationId, RequestRow>,
    blocked: BTreeSet<AccountId>,
    /// The direct conversations with who is blocked.
    blocked_directs: BTreeSet<ConversationId>,
    verified: BTreeMap<AccountId, (String, u64)>,
    /// Listeners are to read the requests again.
    changed: bool,
}

impl Strangers {
    pub(super) async fn load(batch: &mut Batch<'_, '_>, me: AccountId) -> Result<Self, StoreError> {
        let requests = batch.tx.requests().await?.into_iter().map(|row| (row.conversation, row)).collect();
        let blocked: BTreeSet<AccountId> = batch.tx.blocked().await?.into_iter().collect();
        let verified = batch.tx.verified().await?.into_iter();
        Ok(Self {
            requests,
            blocked_directs: blocked.iter().map(|account| ConversationId::direct(&me, account)).collect(),
            blocked,
            verified: verified.map(|(account, number, at_ms)| (account, (number, at_ms))).collect(),
            changed: false,
        })
    }

    /// Whether a conversation is shown to nobody yet, or any more.
    pub(crate) fn is_hidden(&self, conversation: &ConversationId) -> bool {
        self.requests.contains_key(conversation)
    }

    /// Whether the owner wants nothing of an account.
    pub(crate) fn is_blocked(&self, account: &AccountId) -> bool {
        self.blocked.contains(account)
    }

    /// Whether it is the direct conversation with somebody who is blocked.
    pub(crate) fn is_blocked_direct(&self, conversation: &ConversationId) -> bool {
        self.blocked_directs.contains(conversation)
    }

    /// Whether no receipt leaves: nobody learns from one what the owner has not decided, or that they are blocked.
    pub(crate) fn is_silent(&self, conversation: &ConversationId) -> bool {
        self.is_hidden(conversation) || self.is_blocked_direct(conversation)
    }

    /// When the safety number with an account was compared, if it is this one.
    pub(super) fn verified_at_ms(&self, account: &AccountId, safety_number: &str) -> Option<u64> {
        let (compared, at_ms) = self.verified.get(account)?;
        (!safety_number.is_empty() && compared == safety_number).then_some(*at_ms)
    }

    fn waiting(&self) -> impl Iterator<Item = &RequestRow> {
        self.requests.values().filter(|row| !row.refused)
    }

    fn has_room(&self, account: AccountId, is_near: bool) -> bool {
        let waiting = self.waiting().count();
        let of_one = self.waiting().filter(|row| row.account == account).count();
        waiting < if is_near { REQUESTS_MAX } else { FAR_MAX } && of_one < REQUESTS_OF_ONE_MAX
    }
}

impl State {
    /// Whether what a stranger begins now would be taken. Beyond the limits it comes again later.
    pub(crate) async fn has_room_for_stranger(
        &mut self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
    ) -> Result<bool, StoreError> {
        batch.tx.flush().await?;
        let is_near = batch.tx.is_met(account).await?;
        if !self.contacts.contains_key(&account) && !self.has_room_for_met() {
            return Ok(false);
        }
        Ok(self.strangers.has_room(account, is_near) && self.group_rows.len() < GROUPS_FOR_STRANGERS_MAX)
    }

    /// What a stranger began waits for the owner from here on.
    pub(crate) async fn put_request(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        account: &AccountPublic,
    ) -> Result<(), StoreError> {
        let row = RequestRow {
            conversation,
            account: account.id(),
            fingerprint: fingerprint(account),
            at_ms: batch.stamp_ms,
            refused: false,
        };
        batch.tx.put_request(&row).await?;
        self.strangers.requests.insert(conversation, row);
        self.strangers.changed = true;
        Ok(())
    }

    /// Whether a text that comes now is passed over before it is read: its author has it still, and offers it again.
    pub(crate) async fn passes_over(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
    ) -> Result<bool, StoreError> {
        if self.strangers.is_blocked_direct(&conversation) {
            return Ok(true);
        }
        let Some(row) = self.strangers.requests.get(&conversation) else { return Ok(false) };
        if row.refused {
            return Ok(true);
        }
        batch.tx.flush().await?;
        let (texts, bytes) = batch.tx.texts_held(conversation).await?;
        Ok(texts >= TEXTS_MAX || bytes >= TEXT_BYTES_MAX)
    }

    /// Whether a peer is of somebody who is blocked.
    pub(crate) fn is_of_blocked(&self, peer: &PeerKey) -> bool {
        self.accounts_by_peer.get(peer).is_some_and(|account| self.strangers.is_blocked(account))
    }

    /// The owner accepts what a stranger began, also what was refused before.
    pub(super) async fn accept_request(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
    ) -> Result<handle::Conversation, Halt> {
        let account = self.strangers.requests.get(&id).ok_or(Refused::UnknownConversation)?.account;
        if id == ConversationId::direct(&self.me.account_id(), &account) {
            let card = self.card_of(&account)?;
            self.check_room_for_contact(&account)?;
            self.put_card(batch, card, true).await?;
        }
        self.open_request(batch, id).await?;
        Box::pin(self.tell_proofs(batch, account)).await?;
        self.save_conversations(batch).await?;
        batch.tx.flush().await?;
        let view = batch.tx.conversation_view(id, &self.viewer()).await?;
        view.ok_or_else(|| Refused::UnknownConversation.into())
    }

    /// A conversation is a request no more: it is shown, and the receipts go that are owed.
    pub(crate) async fn open_request(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
    ) -> Result<(), StoreError> {
        if self.strangers.requests.remove(&id).is_none() {
            return Ok(());
        }
        self.strangers.changed = true;
        batch.tx.drop_request(id).await?;
        batch.touched.insert(id);
        self.receipts_due.entry(id).or_insert(batch.now_ms);
        Ok(())
    }

    /// The owner refuses what a stranger began: what was written goes, a group is left, and whatever else comes in it is
    /// passed over. The keys of a direct one stay, so that it can be taken up if the two become contacts after all.
    pub(super) async fn refuse_request(&mut self, batch: &mut Batch<'_, '_>, id: ConversationId) -> Result<(), Halt> {
        let waits = self.strangers.requests.get(&id).is_some_and(|row| !row.refused);
        if !waits {
            return Err(Refused::UnknownConversation.into());
        }
        self.refuse(batch, id).await?;
        Ok(())
    }

    async fn refuse(&mut self, batch: &mut Batch<'_, '_>, id: ConversationId) -> Result<(), StoreError> {
        let Some(row) = self.strangers.requests.get_mut(&id) else { return Ok(()) };
        row.refused = true;
        let row = row.clone();
        self.strangers.changed = true;
        batch.tx.put_request(&row).await?;
        if let Some(conversation) = self.conversation(batch, id).await? {
            let groups = conversation.groups.clone();
            for group in groups {
                let Some(loaded) = self.group(batch, group).await? else { continue };
                if loaded.group.policy().is_some_and(|policy| policy.kind == GroupKind::Group) {
                    self.go(batch, id, group).await?;
                }
            }
        }
        self.save_conversations(batch).await?;
        batch.tx.flush().await?;
        batch.tx.forget_texts(id).await?;
        if let Some(conversation) = self.conversations.get_mut(&id) {
            conversation.forget_received();
        }
        self.receipts_due.remove(&id);
        Ok(())
    }

    /// The owner wants nothing more of an account.
    pub(super) async fn block(&mut self, batch: &mut Batch<'_, '_>, account: AccountId) -> Result<(), Halt> {
        if account == self.me.account_id() {
            return Err(Refused::NotAllowed { what: "nobody blocks themselves".to_owned() }.into());
        }
        if self.strangers.is_blocked(&account) {
            return Ok(());
        }
        if self.strangers.blocked.len() >= BLOCKED_MAX {
            return Err(Refused::LimitReached { what: "blocked accounts", limit: BLOCKED_MAX as u64 }.into());
        }
        batch.tx.put_blocked(account, &self.name_of(&account), batch.now_ms).await?;
        self.strangers.blocked.insert(account);
        let direct = ConversationId::direct(&self.me.account_id(), &account);
        self.strangers.blocked_directs.insert(direct);
        let theirs = self.strangers.waiting().filter(|row| row.account == account);
        let theirs: Vec<ConversationId> = theirs.map(|row| row.conversation).collect();
        for id in theirs {
            self.refuse(batch, id).await?;
        }
        self.receipts_due.remove(&direct);
        // Who is in another conversation with the owner is needed there: its commits come by them, too.
        batch.tx.flush().await?;
        let shared = batch.tx.conversations_with(account).await?;
        if shared.iter().all(|id| *id == direct || self.strangers.is_hidden(id)) {
            let peers = self.contacts.get(&account).map(Contact::peers).unwrap_or_default();
            for (peer, _) in peers {
                if self.accounts_by_peer.get(&peer) == Some(&account) {
                    batch.network(NetworkCommand::Forget(peer));
                }
            }
        }
        batch.changed_contacts.insert(account);
        batch.touched.insert(direct);
        self.strangers.changed = true;
        Ok(())
    }

    /// The owner takes a block back.
    pub(super) async fn unblock(&mut self, batch: &mut Batch<'_, '_>, account: AccountId) -> Result<(), Halt> {
        if !self.strangers.blocked.remove(&account) {
            return Err(Refused::NotBlocked.into());
        }
        batch.tx.drop_blocked(account).await?;
        let direct = ConversationId::direct(&self.me.account_id(), &account);
        self.strangers.blocked_directs.remove(&direct);
        if let Some(contact) = self.contacts.get(&account) {
            contact.know(batch);
        }
        let owes = self.conversation(batch, direct).await?.is_some_and(|conversation| conversation.row.receipt_owed);
        if owes {
            self.receipts_due.insert(direct, batch.now_ms);
        }
        batch.changed_contacts.insert(account);
        batch.touched.insert(direct);
        self.strangers.changed = true;
        Ok(())
    }

    /// Both compared this safety number in person; `None`: they did not. The mark holds for this account, which is the hash
    /// of its key, and for this number, which both keys are in: no other key can have it.
    pub(super) async fn verify(
        &mut self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
        safety_number: Option<String>,
    ) -> Result<handle::Contact, Halt> {
        let contact = self.contacts.get(&account).filter(|contact| !contact.row.met).ok_or(Refused::UnknownContact)?;
        let known = contact.row.safety_number.clone();
        if let Some(compared) = safety_number {
            if known.is_empty() {
                return Err(Refused::CardIncomplete.into());
            }
            let digits = |text: &str| text.chars().filter(|char| !char.is_whitespace()).collect::<String>();
            if digits(&compared) != digits(&known) {
                return Err(Refused::OtherSafetyNumber.into());
            }
            batch.tx.put_verified(account, Some((&known, batch.now_ms))).await?;
            self.strangers.verified.insert(account, (known, batch.now_ms));
        } else {
            batch.tx.put_verified(account, None).await?;
            self.strangers.verified.remove(&account);
        }
        batch.changed_contacts.insert(account);
        batch.tx.flush().await?;
        self.contact_view(batch, account).await?.ok_or_else(|| Refused::UnknownContact.into())
    }

    /// Whether a command is about a conversation that is not shown: then there is none.
    pub(super) fn check_shown(&self, command: &Command) -> Result<(), Refused> {
        let about = match command {
            Command::Group(id) | Command::Picture(id) | Command::Leave(id) => id,
            Command::AddMembers { conversation, .. }
            | Command::RemoveMembers { conversation, .. }
            | Command::SetRole { conversation, .. }
            | Command::SetPolicy { conversation, .. }
            | Command::CreateInvite { conversation, .. }
            | Command::RevokeInvite { conversation, .. }
            | Command::Decide { conversation, .. }
            | Command::MarkSeen { conversation, .. } => conversation,
            Command::Send(message) => {
                if self.strangers.is_blocked_direct(&message.conversation) {
                    let what = "you blocked this person; unblock them first".to_owned();
                    return Err(Refused::NotAllowed { what });
                }
                &message.conversation
            }
            _ => return Ok(()),
        };
        if self.strangers.is_hidden(about) { Err(Refused::UnknownConversation) } else { Ok(()) }
    }

    /// Nothing of what is hidden is told; that there is something new to decide is, without a word of it.
    pub(super) fn hide_requests(&mut self, batch: &mut Batch<'_, '_>) {
        let strangers = &mut self.strangers;
        if strangers.requests.is_empty() && !strangers.changed {
            return;
        }
        let came = batch.touched.iter().any(|id| strangers.requests.get(id).is_some_and(|row| !row.refused));
        let hidden = |event: &Event| match event {
            Event::Message(message) => strangers.is_hidden(&message.conversation),
            Event::States { conversation, .. } => strangers.is_hidden(conversation),
            Event::Conversation(conversation) => strangers.is_hidden(&conversation.id),
            _ => false,
        };
        batch.events.retain(|event| !hidden(event));
        batch.touched.retain(|id| !strangers.is_hidden(id));
        if std::mem::take(&mut strangers.changed) || came {
            let waiting = u32::try_from(strangers.waiting().count()).unwrap_or(u32::MAX);
            batch.events.push(Event::Requests { waiting });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u8, account: u8) -> RequestRow {
        RequestRow {
            conversation: ConversationId([number; 16]),
            account: AccountId([account; 32]),
            fingerprint: String::new(),
            at_ms: 0,
            refused: false,
        }
    }

    #[test]
    fn a_flood_of_new_accounts_leaves_room_for_who_was_met_and_one_account_has_three() {
        let mut strangers = Strangers::default();
        for number in 0..150 {
            assert!(strangers.has_room(AccountId([200; 32]), false), "{number}");
            let row = row(number, number);
            strangers.requests.insert(row.conversation, row);
        }
        assert!(!strangers.has_room(AccountId([200; 32]), false));
        assert!(strangers.has_room(AccountId([200; 32]), true));
        for number in 200..203 {
            let row = row(number, 200);
            strangers.requests.insert(row.conversation, row);
        }
        assert!(!strangers.has_room(AccountId([200; 32]), true));
        assert!(strangers.has_room(AccountId([201; 32]), true));
    }

    #[test]
    fn what_was_refused_fills_no_place_and_stays_hidden() {
        let mut strangers = Strangers::default();
        for number in 0..=200 {
            let row = RequestRow { refused: true, ..row(number, 7) };
            strangers.requests.insert(row.conversation, row);
        }
        assert!(strangers.has_room(AccountId([7; 32]), false));
        assert!(strangers.is_hidden(&ConversationId([3; 16])) && strangers.is_silent(&ConversationId([3; 16])));
    }

    #[test]
    fn a_mark_is_of_one_account_and_one_number() {
        let mut strangers = Strangers::default();
        strangers.verified.insert(AccountId([1; 32]), ("12345".to_owned(), 9));
        assert_eq!(strangers.verified_at_ms(&AccountId([1; 32]), "12345"), Some(9));
        assert_eq!(strangers.verified_at_ms(&AccountId([1; 32]), "12346"), None);
        assert_eq!(strangers.verified_at_ms(&AccountId([1; 32]), ""), None);
        assert_eq!(strangers.verified_at_ms(&AccountId([2; 32]), "12345"), None);
    }
}
