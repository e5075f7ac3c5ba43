//! My card: what I say of myself, where it is kept, and how it is renewed.

use std::collections::BTreeMap;

use tidings_crypto::card::valid_name;
use tidings_crypto::card::{
    ADDRESSES_MAX, Card, CardMailbox, CardNode, MAILBOX_ADDRESSES_MAX, MailboxLink, SignedCard,
};
use tidings_crypto::group::{GroupId, KeyPackage, KeyPackageSecret, Member, Suite};
use tidings_crypto::identity::LocalNode;
use tidings_crypto::proof::ProofId;

use crate::engine::batch::{Batch, Halt};
use crate::engine::{State, StoreError};
use crate::event::Event;
use crate::handle::{CardLinks, Refused, Standing};
use crate::ids::{Address, ConversationId, PeerKey};
use crate::outbox::Kind;
use crate::store::KeyPackageUse;
use crate::wire::content::Content;
use zeroize::Zeroizing;

/// What I say of myself.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    serial: u64,
    addresses: Vec<Address>,
    key_package: Vec<u8>,
    proofs: Vec<ProofId>,
    pub(crate) card: SignedCard,
}

impl Profile {
    pub(crate) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The last-resort key package on the card.
    pub(crate) fn key_package(&self) -> &[u8] {
        &self.key_package
    }

    /// The proofs that the card names, ascending.
    pub(crate) fn proofs(&self) -> &[ProofId] {
        &self.proofs
    }

    /// The proofs that the next card names, ascending.
    pub(crate) fn set_proofs(&mut self, proofs: Vec<ProofId>) {
        self.proofs = proofs;
    }

    /// Another one for the next card.
    pub(crate) fn set_key_package(&mut self, bytes: Vec<u8>) {
        self.key_package = bytes;
    }
}

/// Reads who I am, or writes it at the first run.
pub(crate) async fn load_profile(
    me: &LocalNode,
    name: &str,
    batch: &mut Batch<'_, '_>,
) -> Result<(Profile, BTreeMap<[u8; 32], KeyPackageSecret>), StoreError> {
    let damaged = StoreError::Damaged { what: "profile" };
    if batch.tx.setting("name").await?.is_none() {
        batch.tx.set_setting("name", name.as_bytes()).await?;
    }
    if !batch.tx.key_packages().await?.iter().any(|row| row.kind == KeyPackageUse::LastResort) {
        let (package, secret) = KeyPackage::generate(me, Suite::Classic, true, batch.rng).map_err(|_| damaged)?;
        let reference = package.reference;
        let row = (&reference, &secret.encode()[..], &package.bytes[..], KeyPackageUse::LastResort);
        batch.tx.put_key_package(row, batch.stamp_ms, batch.rng).await?;
    }
    let damaged = || StoreError::Damaged { what: "profile" };
    let name = String::from_utf8(batch.tx.setting("name").await?.ok_or_else(damaged)?).map_err(|_| damaged())?;
    let serial =
        batch.tx.setting("card serial").await?.and_then(|bytes| bytes.try_into().ok()).map_or(1, u64::from_be_bytes);
    let card = batch.tx.setting("card").await?;
    let rows = batch.tx.key_packages().await?;
    let newest = rows.iter().find(|row| row.kind == KeyPackageUse::LastResort);
    let key_package = newest.ok_or_else(damaged)?.public.clone();
    let secrets = rows
        .iter()
        .map(|row| Ok((row.reference, KeyPackageSecret::decode(&row.secret).map_err(|_| damaged())?)))
        .collect::<Result<_, StoreError>>()?;
    let signed = card.and_then(|bytes| SignedCard::decode(&bytes).ok());
    let addresses = signed
        .as_ref()
        .and_then(|signed| signed.card().nodes.first())
        .map_or_else(Vec::new, |node| node.addresses.clone());
    let proofs = batch.tx.proof_ids(me.account_id()).await?;
    let card = if let Some(signed) = signed {
        signed
    } else {
        let own = Own { name: &name, addresses: &addresses, key_package: &key_package, proofs: &proofs };
        sign_card(me, serial, own, Vec::new()).map_err(|()| damaged())?
    };
    Ok((Profile { name, serial, addresses, key_package, proofs, card }, secrets))
}

impl State {
    pub(crate) fn card_links(&self) -> CardLinks {
        CardLinks { link: self.profile.card.link(), short_link: self.profile.card.short_link() }
    }

    pub(crate) async fn set_name(&mut self, batch: &mut Batch<'_, '_>, name: String) -> Result<(), Halt> {
        if !valid_name(&name) {
            return Err(Refused::BadName.into());
        }
        batch.tx.set_setting("name", name.as_bytes()).await?;
        self.profile.name = name;
        self.renew_card(batch).await?;
        Ok(())
    }

    pub(crate) async fn set_addresses(
        &mut self,
        batch: &mut Batch<'_, '_>,
        addresses: Vec<Address>,
    ) -> Result<(), StoreError> {
        // A machine may have more addresses than a card has room for; those that lead only to itself stand last.
        let mut addresses = addresses;
        addresses.truncate(ADDRESSES_MAX);
        if addresses != self.profile.addresses {
            self.profile.addresses = addresses;
            self.renew_card(batch).await?;
        }
        self.note_addresses(batch.now_ms);
        Ok(())
    }

    /// Signs a card with the next number, and gives it to every connected contact.
    pub(crate) async fn renew_card(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let profile = &mut self.profile;
        let serial = profile.serial.saturating_add(1);
        let mailboxes = self.mailboxes.own.on_card();
        let Profile { name, addresses, key_package, proofs, .. } = &*profile;
        let Ok(card) = sign_card(&self.me, serial, Own { name, addresses, key_package, proofs }, mailboxes) else {
            tracing::warn!("the card could not be renewed; the last one stays");
            return Ok(());
        };
        (profile.serial, profile.card) = (serial, card);
        batch.tx.set_setting("card serial", &profile.serial.to_be_bytes()).await?;
        batch.tx.set_setting("card", profile.card.bytes()).await?;
        batch.events.push(Event::Profile);
        self.mailboxes.own.card_changed(batch.now_ms);
        let peers: Vec<PeerKey> = self.connected_peers().collect();
        for peer in peers {
            self.greet(batch, peer);
        }
        Ok(())
    }

    /// Gives my card to all members of all my conversations, by the conversations themselves: who is never met must
    /// learn where I am, and where envelopes for me are kept now.
    pub(crate) async fn tell_card(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let groups: Vec<(GroupId, ConversationId)> =
            self.group_rows.values().map(|row| (row.id, row.conversation)).collect();
        for (group, conversation) in groups {
            let standing = self.conversation(batch, conversation).await?.map(|known| known.row.standing);
            if standing != Some(Standing::Member) {
                continue;
            }
            batch.tx.flush().await?;
            batch.tx.drop_numbered(conversation, Kind::Statement, CARD).await?;
            let card = Content::Card(self.profile.card.bytes().to_vec());
            if let Some(envelope) = self.encrypt(batch, group, &card).await? {
                self.spread(batch, conversation, &envelope, Kind::Statement, CARD).await?;
            }
        }
        Ok(())
    }

    /// A member told its newest card.
    pub(crate) async fn take_told_card(
        &mut self,
        batch: &mut Batch<'_, '_>,
        sender: &Member,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        match SignedCard::decode(bytes) {
            Ok(card) if card.account_id() == sender.account => self.put_met_card(batch, card).await,
            _ => Ok(()),
        }
    }

    /// The link by which others use this node's mailbox.
    pub(crate) fn mailbox_link(&self) -> Result<Zeroizing<String>, Refused> {
        let admission = self.mailboxes.hosting.admission.clone().ok_or(Refused::NoMailbox)?;
        let addresses = self.profile.addresses.iter().take(MAILBOX_ADDRESSES_MAX).cloned().collect();
        Ok(Zeroizing::new(MailboxLink { peer: self.me.keys.peer_key(), addresses, admission }.link()))
    }
}

/// The number of a card among what is told to a group: a newer one takes the place of the one before.
const CARD: u64 = 2;

/// What a card says of me, apart from who keeps envelopes for me.
#[derive(Clone, Copy)]
struct Own<'a> {
    name: &'a str,
    addresses: &'a [Address],
    key_package: &'a [u8],
    proofs: &'a [ProofId],
}

fn sign_card(me: &LocalNode, serial: u64, own: Own<'_>, mailboxes: Vec<CardMailbox>) -> Result<SignedCard, ()> {
    let node = CardNode {
        certificate: me.certificate.clone(),
        addresses: own.addresses.to_vec(),
        key_package: own.key_package.to_vec(),
        mailboxes,
    };
    let (name, proofs) = (own.name.to_owned(), own.proofs.to_vec());
    let card = Card { account: me.account.public(), name, serial, nodes: vec![node], proofs };
    SignedCard::sign(card, &me.account).map_err(|_| ())
}
