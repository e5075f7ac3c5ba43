//! Bundles (PROTOCOL §6.15): what is owed to nodes that are never met, for somebody to carry it there by hand.
//!
//! Carrying something out settles nothing: it stays owed until the recipient's node proves that it has it.

use std::collections::BTreeSet;

use tidings_crypto::card::SignedCard;
use tidings_crypto::envelope::{Envelope, Parcel};
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::{MailboxPublic, NodeCertificate};

use super::batch::{Batch, Halt};
use super::people::Contact;
use super::{State, StoreError};
use crate::conversation::receive::Arrival;
use crate::handle::Refused;
use crate::ids::{AccountId, ConversationId, PeerKey};
use crate::outbox::{PUSH_BYTES_MAX, PUSH_ENVELOPES_MAX, push_length};
use crate::sync::first_week;

/// So many parcels are made, and opened, in one transaction.
pub const PARCELS_AT_ONCE: usize = PUSH_ENVELOPES_MAX;

/// For whom a bundle is. Nobody and nothing named: for everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BundleScope {
    /// For these contacts.
    pub accounts: BTreeSet<AccountId>,
    /// For the members of these conversations, and of these alone what is of them.
    pub conversations: BTreeSet<ConversationId>,
}

impl BundleScope {
    fn is_everybody(&self) -> bool {
        self.accounts.is_empty() && self.conversations.is_empty()
    }

    fn has(&self, account: Option<&AccountId>, conversation: &ConversationId) -> bool {
        self.is_everybody()
            || account.is_some_and(|account| self.accounts.contains(account))
            || self.conversations.contains(conversation)
    }
}

/// How far the making of a bundle is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BundlePlace {
    /// Nothing is in it yet.
    #[default]
    Begin,
    /// The cards are in it up to this peer's.
    Cards(PeerKey),
    /// What is owed is in it up to this row.
    Owed(i64),
    /// What is kept for others is in it up to this peer's and, of the next peer, this row.
    Held(Option<PeerKey>, i64),
}

/// A part of a bundle.
#[derive(Debug, Default)]
pub struct Packed {
    /// The parcels, in this order.
    pub parcels: Vec<Vec<u8>>,
    /// How to go on; none after the last part.
    pub next: Option<BundlePlace>,
}

/// What became of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParcelFate {
    /// It was for this node, and is durable here now.
    New,
    /// It was for this node, and had come before.
    Known,
    /// It is for this node and cannot be read yet.
    Later,
    /// It is for this node and of no use to it: it can never be read.
    Useless,
    /// It is for another node.
    Other,
}

impl State {
    /// Makes the next part of a bundle.
    pub(super) async fn pack_bundle(
        &mut self,
        batch: &mut Batch<'_, '_>,
        scope: &BundleScope,
        at: BundlePlace,
    ) -> Result<Packed, Halt> {
        if scope.accounts.iter().any(|account| !self.contacts.contains_key(account)) {
            return Err(Refused::UnknownContact.into());
        }
        for id in &scope.conversations {
            self.conversation(batch, *id).await?.ok_or(Refused::UnknownConversation)?;
        }
        if at == BundlePlace::Begin {
            for due_ms in self.receipts_due.values_mut() {
                *due_ms = batch.now_ms;
            }
            self.send_due_receipts(batch).await?;
        }
        batch.tx.flush().await?;
        Ok(match at {
            BundlePlace::Begin => self.pack_cards(batch, scope, None).await?,
            BundlePlace::Cards(after) => self.pack_cards(batch, scope, Some(after)).await?,
            BundlePlace::Owed(after) => self.pack_owed(batch, scope, after).await?,
            BundlePlace::Held(peer, row) => Box::pin(self.pack_held(batch, scope, peer, row)).await?,
        })
    }

    /// My newest card to each recipient's node: I may have moved.
    async fn pack_cards(
        &mut self,
        batch: &mut Batch<'_, '_>,
        scope: &BundleScope,
        after: Option<PeerKey>,
    ) -> Result<Packed, StoreError> {
        let (_, all) = self.recipients(batch, scope).await?;
        let mut peers: Vec<PeerKey> = all.into_iter().filter(|peer| after.is_none_or(|after| *peer > after)).collect();
        let is_all = peers.len() <= PARCELS_AT_ONCE;
        peers.truncate(PARCELS_AT_ONCE);
        let next = match peers.last() {
            Some(last) if !is_all => BundlePlace::Cards(*last),
            _ => BundlePlace::Owed(0),
        };
        let card = Parcel::Card(self.profile.card.bytes().to_vec());
        let mut parcels = Vec::new();
        for peer in &peers {
            if let Some(key) = self.mailbox_key_of(batch, peer).await? {
                parcels.extend(card.seal(&key, batch.rng).ok());
            }
        }
        Ok(Packed { parcels, next: Some(next) })
    }

    async fn pack_owed(
        &mut self,
        batch: &mut Batch<'_, '_>,
        scope: &BundleScope,
        after: i64,
    ) -> Result<Packed, StoreError> {
        let mut rows = batch.tx.owed_after(after, PARCELS_AT_ONCE).await?;
        rows.truncate(push_length(rows.iter().map(|row| row.bytes.len()), PUSH_BYTES_MAX).min(rows.len()));
        let next = rows.last().map_or(BundlePlace::Held(None, 0), |row| BundlePlace::Owed(row.id));
        let mut parcels = Vec::new();
        for row in rows {
            if !scope.has(self.accounts_by_peer.get(&row.peer), &row.conversation) {
                continue;
            }
            if let Some(key) = self.mailbox_key_of(batch, &row.peer).await? {
                parcels.extend(Parcel::Envelope(row.bytes).seal(&key, batch.rng).ok());
            }
        }
        Ok(Packed { parcels, next: Some(next) })
    }

    /// What others wrote, for nodes that may lack it: those that were named, and those that are owed something.
    async fn pack_held(
        &mut self,
        batch: &mut Batch<'_, '_>,
        scope: &BundleScope,
        done: Option<PeerKey>,
        after_row: i64,
    ) -> Result<Packed, StoreError> {
        let (behind, _) = self.recipients(batch, scope).await?;
        // What a connected node lacks it is given by sync.
        let mut waiting = behind.into_iter().filter(|peer| done.is_none_or(|done| *peer > done));
        let Some(peer) = waiting.find(|peer| !self.is_connected(peer)) else { return Ok(Packed::default()) };
        let over = Some(BundlePlace::Held(Some(peer), 0));
        let Some(key) = self.mailbox_key_of(batch, &peer).await? else {
            return Ok(Packed { parcels: Vec::new(), next: over });
        };
        let account = self.accounts_by_peer.get(&peer).copied();
        let mut rows = Vec::new();
        for (group, from) in self.groups_shared_with(batch, peer).await? {
            let conversation = self.group_rows.get(&group).map(|row| row.conversation);
            let in_scope = conversation.is_some_and(|id| scope.has(account.as_ref(), &id));
            if in_scope && self.has_others(batch, group, peer).await? {
                rows.extend(batch.tx.received_rows(group, from, first_week(batch.age_ms), after_row).await?);
            }
        }
        rows.sort_unstable();
        rows.truncate(PARCELS_AT_ONCE);
        let mut gifts = batch.tx.gifts(&rows).await?;
        gifts.truncate(push_length(gifts.iter().map(|gift| gift.bytes.len()), PUSH_BYTES_MAX).min(gifts.len()));
        let next = gifts.last().map_or(over, |gift| Some(BundlePlace::Held(done, gift.row)));
        let mut parcels = Vec::new();
        for gift in gifts {
            if self.is_for(batch, &gift, peer).await? {
                parcels.extend(Parcel::Envelope(gift.bytes).seal(&key, batch.rng).ok());
            }
        }
        Ok(Packed { parcels, next })
    }

    /// The nodes that may lack something, and all to whom a bundle goes.
    async fn recipients(
        &mut self,
        batch: &mut Batch<'_, '_>,
        scope: &BundleScope,
    ) -> Result<(BTreeSet<PeerKey>, BTreeSet<PeerKey>), StoreError> {
        let mut behind = BTreeSet::new();
        if scope.is_everybody() {
            behind.extend(batch.tx.owed_peers().await?);
        }
        for account in &scope.accounts {
            behind.extend(self.contacts.get(account).map(Contact::peers).into_iter().flatten().map(|(peer, _)| peer));
        }
        for id in &scope.conversations {
            behind.extend(batch.tx.members(*id).await?.into_iter().map(|member| member.peer));
        }
        let mut all = behind.clone();
        if scope.is_everybody() {
            let added = self.contacts.values().filter(|contact| contact.row.added);
            all.extend(added.flat_map(Contact::peers).map(|(peer, _)| peer));
        }
        let me = PeerKey(self.me.certificate.peer_key().0);
        behind.remove(&me);
        all.remove(&me);
        Ok((behind, all))
    }

    /// The key to seal to for a node: by its card, or by its certificate in a group.
    async fn mailbox_key_of(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: &PeerKey,
    ) -> Result<Option<MailboxPublic>, StoreError> {
        let Some(account) = self.accounts_by_peer.get(peer).copied() else { return Ok(None) };
        let contact = self.contacts.get(&account);
        let node = contact.and_then(|contact| contact.node_of(peer));
        if let (Some(contact), Some(node)) = (contact, node) {
            return Ok(contact.certificate_of(node).map(NodeCertificate::mailbox_key));
        }
        for (group, _) in self.groups_shared_with(batch, *peer).await? {
            let Some(loaded) = self.group(batch, group).await? else { continue };
            let members = loaded.group.members();
            let found = members.iter().find(|member| member.certificate.peer_key().0 == peer.0);
            if let Some(member) = found {
                return Ok(Some(member.certificate.mailbox_key()));
            }
        }
        Ok(None)
    }

    /// Whether there are nodes in a group besides this one and a peer's.
    async fn has_others(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        peer: PeerKey,
    ) -> Result<bool, StoreError> {
        let me = self.me.node_id();
        let Some(loaded) = self.group(batch, group).await? else { return Ok(false) };
        let is_other = |peer_key: [u8; 32], node| peer_key != peer.0 && node != me;
        Ok(loaded.group.members().iter().any(|member| is_other(member.certificate.peer_key().0, member.node)))
    }

    /// Takes parcels of a bundle: whatever is for this node goes through the one door.
    pub(super) async fn unpack_bundle(
        &mut self,
        batch: &mut Batch<'_, '_>,
        parcels: &[Vec<u8>],
    ) -> Result<Vec<ParcelFate>, StoreError> {
        let opened: Vec<Option<Parcel>> = parcels.iter().map(|bytes| Parcel::open(bytes, &self.me.keys).ok()).collect();
        let ids = opened.iter().flatten().filter_map(|parcel| match parcel {
            Parcel::Envelope(bytes) => Envelope::decode(bytes).ok().map(|envelope| envelope.id()),
            Parcel::Card(_) => None,
        });
        batch.look_up(ids.collect()).await?;
        // Who carried it is not known: it is the owner who brings it.
        let me = PeerKey(self.me.certificate.peer_key().0);
        let mut fates = Vec::with_capacity(opened.len());
        for parcel in &opened {
            fates.push(match parcel {
                None => ParcelFate::Other,
                Some(Parcel::Card(bytes)) => self.take_carried_card(batch, bytes).await?,
                Some(Parcel::Envelope(bytes)) => match self.receive(batch, bytes, me).await? {
                    Arrival::Taken => ParcelFate::New,
                    Arrival::Known => ParcelFate::Known,
                    Arrival::Later => ParcelFate::Later,
                    Arrival::Refused | Arrival::Gone | Arrival::PassedOver => ParcelFate::Useless,
                },
            });
        }
        for (fate, parcel) in fates.iter_mut().zip(&opened) {
            // What came first may have been taken with what came after it (§4.5).
            if let (ParcelFate::Later, Some(Parcel::Envelope(bytes))) = (*fate, parcel)
                && batch.is_taken(bytes)
            {
                *fate = ParcelFate::New;
            }
        }
        Ok(fates)
    }

    /// A card of somebody known here, or of a fellow member; it is signed, so it does not matter who brought it.
    async fn take_carried_card(&mut self, batch: &mut Batch<'_, '_>, bytes: &[u8]) -> Result<ParcelFate, StoreError> {
        let Ok(card) = SignedCard::decode(bytes) else { return Ok(ParcelFate::Useless) };
        let account = card.account_id();
        let contact = self.contacts.get(&account);
        let is_known = contact.is_some() || self.accounts_by_peer.values().any(|known| *known == account);
        if !is_known || account == self.me.account_id() {
            return Ok(ParcelFate::Useless);
        }
        let serial = contact.and_then(|contact| contact.card.as_ref()).map(|card| card.card().serial);
        if serial.is_some_and(|serial| serial >= card.card().serial) {
            return Ok(ParcelFate::Known);
        }
        self.put_met_card(batch, card).await?;
        Ok(ParcelFate::New)
    }
}
