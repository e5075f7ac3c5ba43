//! Other people: whom I know, what is kept of them, and how cards are exchanged when nodes meet. My own card is in
//! `profile`, who is asked for a fellow member's in `fellows`, and what a move brings about in `moving`.

mod fellows;
mod moving;
mod profile;

use tidings_crypto::card::{CardLink, ShortCard, SignedCard};
use tidings_crypto::identity::{AccountPublic, NodeCertificate, NodeId, SafetyHalf, SafetyNumber};

pub(super) use self::moving::Moving;
pub(super) use self::profile::{Profile, load_profile};
use super::batch::{Batch, Halt};
use super::pushes::Asked;
use super::{State, StoreError};
use crate::handle::{self, Refused};
use crate::ids::{AccountId, Address, ConversationId, PeerKey};
use crate::network::NetworkCommand;
use crate::store::{ContactRow, unnamed};
use crate::wire::request::{Request, Response};

/// Contacts; and as many who were only met in groups.
const CONTACTS_MAX: usize = 10_000;
/// From so many on, those who were met and are in no group go.
const MET_CROWDED: usize = CONTACTS_MAX / 2;

/// A person known to this node.
#[derive(Debug)]
pub(crate) struct Contact {
    pub(crate) row: ContactRow,
    pub(crate) card: Option<SignedCard>,
    short: Option<ShortCard>,
}

impl Contact {
    /// The nodes of this person with the addresses they gave.
    pub(crate) fn peers(&self) -> Vec<(PeerKey, Vec<Address>)> {
        match (&self.card, &self.short) {
            (Some(card), _) => {
                card.card().nodes.iter().map(|node| (node.certificate.peer_key(), node.addresses.clone())).collect()
            }
            (None, Some(short)) => vec![(short.peer, short.addresses.clone())],
            (None, None) => Vec::new(),
        }
    }

    /// The node behind a peer, by the card.
    pub(crate) fn node_of(&self, peer: &PeerKey) -> Option<NodeId> {
        let nodes = self.card.as_ref()?.card().nodes.iter();
        nodes.map(|node| &node.certificate).find(|known| known.peer_key() == *peer).map(NodeCertificate::node_id)
    }

    /// The certificate of a node, by the card.
    pub(crate) fn certificate_of(&self, id: NodeId) -> Option<&NodeCertificate> {
        let nodes = self.card.as_ref()?.card().nodes.iter();
        nodes.map(|node| &node.certificate).find(|known| known.node_id() == id)
    }

    /// Asks the swarm to reach this person's nodes.
    pub(crate) fn know(&self, batch: &mut Batch<'_, '_>) {
        for (peer, addresses) in self.peers() {
            batch.network(NetworkCommand::Know { peer, addresses });
        }
    }
}

impl State {
    /// Gives a contact's node my newest card; it answers with its own if it knows me.
    pub(super) fn greet(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) {
        if self.accounts_by_peer.get(&peer).is_some_and(|account| !self.strangers.is_blocked(account)) {
            let card = self.profile.card.bytes().to_vec();
            self.ask(batch, peer, Asked::Greeting, Request::Hello { card });
        }
    }

    /// A peer gave its card: news of a contact, or nothing.
    pub(super) async fn take_card(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        match SignedCard::decode(bytes) {
            Ok(card) => self.take_read_card(batch, peer, card).await,
            Err(_) => Ok(()),
        }
    }

    async fn take_read_card(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        card: SignedCard,
    ) -> Result<(), StoreError> {
        let account = card.card().account.id();
        let Some(contact) = self.contacts.get(&account) else {
            if self.accounts_by_peer.get(&peer) == Some(&account) {
                return self.put_met_card(batch, card).await; // A fellow member of some group.
            }
            return Ok(());
        };
        let is_theirs = card.card().nodes.iter().any(|node| node.certificate.peer_key() == peer);
        let newer = contact.card.as_ref().is_none_or(|known| known.card().serial < card.card().serial);
        if is_theirs && newer {
            self.put_met_card(batch, card).await?;
        }
        Ok(())
    }

    /// A contact's node does not know me: who holds a card of an account may ask for its newest.
    pub(super) fn ask_for_card(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) {
        if let Some(account) = self.accounts_by_peer.get(&peer).copied() {
            self.ask(batch, peer, Asked::Card, Request::Card { account });
        }
    }

    /// Answers a peer's hello: with my card, if it shows that it belongs to somebody I know.
    pub(super) async fn answer_hello(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        card: &[u8],
    ) -> Result<Response, StoreError> {
        let known = SignedCard::decode(card).ok().filter(|card| {
            let is_theirs = card.card().nodes.iter().any(|node| node.certificate.peer_key() == peer);
            let account = card.account_id();
            is_theirs && self.contacts.contains_key(&account) && !self.strangers.is_blocked(&account)
        });
        let Some(card) = known else { return Ok(Response::Card { card: None }) };
        self.take_read_card(batch, peer, card).await?;
        // Who did not know me when it was asked last gave nothing.
        if !self.is_asked_for_packages(peer) {
            Box::pin(self.ask_for_packages(batch, peer)).await?;
        }
        Box::pin(self.ask_for_proofs(batch, peer)).await?;
        Ok(Response::Hello { card: self.profile.card.bytes().to_vec() })
    }

    /// Gives my card to whoever asks for it, and another's to who shares a group with both of us, or is a contact like them.
    pub(super) async fn answer_card(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        account: AccountId,
    ) -> Result<Response, StoreError> {
        if account == self.me.account_id() {
            return Ok(Response::Card { card: Some(self.profile.card.bytes().to_vec()) });
        }
        let card = self.contacts.get(&account).and_then(|contact| contact.card.as_ref());
        let card = card.map(|card| card.bytes().to_vec());
        let Some(asker) = self.accounts_by_peer.get(&peer).copied() else { return Ok(Response::Card { card: None }) };
        let may_know = self.are_contacts(&asker, &account) || batch.tx.are_fellows(asker, account).await?;
        Ok(Response::Card { card: card.filter(|_| may_know) })
    }

    pub(super) async fn add_contact(&mut self, batch: &mut Batch<'_, '_>, link: &str) -> Result<handle::Contact, Halt> {
        let link = CardLink::parse(link).map_err(|error| Refused::BadLink(error.to_string()))?;
        let account = match &link {
            CardLink::Full(card) => card.card().account.id(),
            CardLink::Short(short) => short.account,
        };
        if account == self.me.account_id() {
            return Err(Refused::OwnCard.into());
        }
        if self.strangers.is_blocked(&account) {
            return Err(Refused::NotAllowed { what: "you blocked this person; unblock them first".to_owned() }.into());
        }
        self.check_room_for_contact(&account)?;
        match link {
            CardLink::Full(card) => {
                let known = self.contacts.get(&account).and_then(|contact| contact.card.clone());
                let newest = match known {
                    Some(known) if known.card().serial >= card.card().serial => known,
                    _ => card,
                };
                self.put_card(batch, newest, true).await?;
            }
            CardLink::Short(short) => {
                let row = match self.contacts.get(&account) {
                    Some(contact) => ContactRow { added: true, met: false, ..contact.row.clone() },
                    None => ContactRow {
                        account,
                        name: unnamed(&account),
                        added: true,
                        card: Vec::new(),
                        short: short.link(),
                        safety_number: String::new(),
                        met: false,
                    },
                };
                batch.tx.put_contact(&row, batch.now_ms).await?;
                self.hold_contact(row);
                self.after_contact(batch, account);
            }
        }
        // Who waits to be accepted is a contact now.
        self.open_request(batch, ConversationId::direct(&self.me.account_id(), &account)).await?;
        batch.tx.flush().await?;
        // One who is connected already did not get my card while I did not know them, and gave me no key packages.
        let is_theirs = |peer: &PeerKey| self.accounts_by_peer.get(peer) == Some(&account);
        let connected: Vec<PeerKey> = self.connected_peers().filter(is_theirs).collect();
        for peer in connected {
            self.greet(batch, peer);
            Box::pin(self.ask_for_packages(batch, peer)).await?;
            Box::pin(self.ask_for_proofs(batch, peer)).await?;
        }
        Box::pin(self.tell_proofs(batch, account)).await?;
        self.contact_view(batch, account).await?.ok_or_else(|| Refused::UnknownContact.into())
    }

    /// Whether there is room for this account among the contacts.
    pub(super) fn check_room_for_contact(&self, account: &AccountId) -> Result<(), Refused> {
        let kept = self.contacts.values().filter(|contact| !contact.row.met).count();
        if kept >= CONTACTS_MAX && self.contacts.get(account).is_none_or(|contact| contact.row.met) {
            return Err(Refused::LimitReached { what: "contacts", limit: CONTACTS_MAX as u64 });
        }
        Ok(())
    }

    /// Keeps the card of somebody who is no contact, only a fellow member of some group; a contact's is renewed by it.
    pub(crate) async fn put_met_card(&mut self, batch: &mut Batch<'_, '_>, card: SignedCard) -> Result<(), StoreError> {
        let account = card.card().account.id();
        if account == self.me.account_id() {
            return Ok(());
        }
        match self.contacts.get(&account) {
            Some(known) => {
                let newer = known.card.as_ref().is_none_or(|known| known.card().serial < card.card().serial);
                let (added, met) = (known.row.added, known.row.met);
                if newer { self.keep_card(batch, card, added, met).await } else { Ok(()) }
            }
            None if !self.has_room_for_met() => Ok(()),
            None => self.keep_card(batch, card, false, true).await,
        }
    }

    /// Whether one more card is kept of somebody who is no contact.
    pub(super) fn has_room_for_met(&self) -> bool {
        self.met_count() < CONTACTS_MAX
    }

    fn met_count(&self) -> usize {
        self.contacts.values().filter(|contact| contact.row.met).count()
    }

    /// Lets go of those who were met in groups that are over, once there are many: who wrote something is still named.
    pub(crate) async fn forget_met(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        if self.met_count() < MET_CROWDED {
            return Ok(());
        }
        batch.tx.flush().await?;
        for account in batch.tx.drop_met_contacts().await? {
            let Some(contact) = self.contacts.remove(&account) else { continue };
            for (peer, _) in contact.peers() {
                if self.accounts_by_peer.get(&peer) == Some(&account) {
                    self.accounts_by_peer.remove(&peer);
                    batch.network(NetworkCommand::Forget(peer));
                }
            }
        }
        Ok(())
    }

    /// Keeps a person's newest card.
    pub(crate) async fn put_card(
        &mut self,
        batch: &mut Batch<'_, '_>,
        card: SignedCard,
        added: bool,
    ) -> Result<(), StoreError> {
        self.keep_card(batch, card, added, false).await
    }

    /// The number to compare with a person; it is slow to work out, and always the same.
    fn safety_number(&mut self, account: &AccountPublic) -> String {
        let known = self.contacts.get(&account.id()).map(|contact| &contact.row.safety_number);
        if let Some(known) = known.filter(|known| !known.is_empty()) {
            return known.clone();
        }
        let own = **self.safety_half.get_or_insert_with(|| Box::new(SafetyHalf::of(&self.me.account.public())));
        SafetyNumber::of_halves(own, SafetyHalf::of(account)).to_string()
    }

    async fn keep_card(
        &mut self,
        batch: &mut Batch<'_, '_>,
        card: SignedCard,
        added: bool,
        met: bool,
    ) -> Result<(), StoreError> {
        let account = card.card().account.id();
        let row = ContactRow {
            account,
            name: card.card().name.clone(),
            added,
            safety_number: self.safety_number(&card.card().account),
            card: card.bytes().to_vec(),
            short: String::new(),
            met,
        };
        batch.tx.put_contact(&row, batch.now_ms).await?;
        for node in &card.card().nodes {
            self.clock.steady.begun(node.certificate.not_before_ms());
        }
        let before = self.contacts.get(&account).map_or_else(Vec::new, Contact::peers);
        self.hold_card(row, Some(card));
        let after = self.contacts.get(&account).map_or_else(Vec::new, Contact::peers);
        for (peer, _) in before {
            let named = after.iter().any(|(other, _)| *other == peer);
            if !named && self.accounts_by_peer.get(&peer) == Some(&account) {
                self.accounts_by_peer.remove(&peer);
                batch.network(NetworkCommand::Forget(peer));
            }
        }
        self.after_contact(batch, account);
        Box::pin(self.follow_proofs(batch, account)).await?;
        Box::pin(self.follow_mailbox(batch, account)).await
    }

    /// Takes a contact into memory.
    pub(super) fn hold_contact(&mut self, row: ContactRow) {
        let card = SignedCard::decode(&row.card).ok();
        self.hold_card(row, card);
    }

    fn hold_card(&mut self, row: ContactRow, card: Option<SignedCard>) {
        let account = row.account;
        let short = match CardLink::parse(&row.short) {
            Ok(CardLink::Short(short)) => Some(short),
            _ => None,
        };
        let contact = Contact { row, card, short };
        for (peer, _) in contact.peers() {
            // A card does not prove that its peers are its owner's: no claim replaces an earlier one, unless the owner of
            // this node added the one and not the other.
            let claimed = self.accounts_by_peer.get(&peer).and_then(|other| self.contacts.get(other));
            if claimed.is_none_or(|other| contact.row.added && !other.row.added) {
                self.accounts_by_peer.insert(peer, account);
            }
        }
        self.contacts.insert(account, contact);
    }

    /// A contact is new or changed: reach for them, and say so.
    fn after_contact(&mut self, batch: &mut Batch<'_, '_>, account: AccountId) {
        if let Some(contact) = self.contacts.get(&account).filter(|_| !self.strangers.is_blocked(&account)) {
            contact.know(batch);
        }
        batch.changed_contacts.insert(account);
        let connected: Vec<PeerKey> =
            self.connected_peers().filter(|peer| self.accounts_by_peer.get(peer) == Some(&account)).collect();
        for peer in connected {
            if self.contacts.get(&account).is_some_and(|contact| contact.card.is_none()) {
                self.greet(batch, peer);
            }
        }
    }

    /// A contact as a person sees it.
    pub(crate) async fn contact_view(
        &self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
    ) -> Result<Option<handle::Contact>, StoreError> {
        let Some(contact) = self.contacts.get(&account).filter(|contact| !contact.row.met) else { return Ok(None) };
        let direct = ConversationId::direct(&self.me.account_id(), &account);
        let conversation = batch.tx.conversation(direct).await?.map(|row| row.id);
        Ok(Some(handle::Contact {
            account,
            name: contact.row.name.clone(),
            added: contact.row.added,
            card_complete: contact.card.is_some(),
            safety_number: contact.row.safety_number.clone(),
            online: contact.peers().iter().any(|(peer, _)| self.is_connected(peer)),
            conversation,
            blocked: self.strangers.is_blocked(&account),
            verified_at_ms: self.strangers.verified_at_ms(&account, &contact.row.safety_number),
        }))
    }

    /// Whether the name of an account is known here.
    pub(crate) fn is_named(&self, account: &AccountId) -> bool {
        *account == self.me.account_id() || self.contacts.contains_key(account)
    }

    /// The name of an account, as known here.
    pub(crate) fn name_of(&self, account: &AccountId) -> String {
        if *account == self.me.account_id() {
            return self.profile.name.clone();
        }
        self.contacts.get(account).map_or_else(|| unnamed(account), |contact| contact.row.name.clone())
    }
}
