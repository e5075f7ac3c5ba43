//! My card: what I say of myself, where it is kept, and how it is renewed.

use std::collections::BTreeMap;

use tidings_crypto::card::{ADDRESSES_MAX, Card, CardNode, SignedCard, valid_name};
use tidings_crypto::group::{KeyPackage, KeyPackageSecret, Suite};
use tidings_crypto::identity::LocalNode;

use crate::engine::batch::{Batch, Halt};
use crate::engine::{State, StoreError};
use crate::event::Event;
use crate::handle::{CardLinks, Refused};
use crate::ids::{Address, PeerKey};
use crate::store::KeyPackageUse;

/// What I say of myself.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    serial: u64,
    addresses: Vec<Address>,
    key_package: Vec<u8>,
    pub(crate) card: SignedCard,
}

impl Profile {
    /// The last-resort key package on the card.
    pub(crate) fn key_package(&self) -> &[u8] {
        &self.key_package
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
        batch.tx.put_key_package(row, batch.now_ms, batch.rng).await?;
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
    let card = match signed {
        Some(signed) => signed,
        None => sign_card(me, &name, serial, &addresses, &key_package).map_err(|()| damaged())?,
    };
    Ok((Profile { name, serial, addresses, key_package, card }, secrets))
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
        Ok(())
    }

    /// Signs a card with the next number, and gives it to every connected contact.
    pub(crate) async fn renew_card(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let profile = &mut self.profile;
        let serial = profile.serial.saturating_add(1);
        let Ok(card) = sign_card(&self.me, &profile.name, serial, &profile.addresses, &profile.key_package) else {
            tracing::warn!("the card could not be renewed; the last one stays");
            return Ok(());
        };
        (profile.serial, profile.card) = (serial, card);
        batch.tx.set_setting("card serial", &profile.serial.to_be_bytes()).await?;
        batch.tx.set_setting("card", profile.card.bytes()).await?;
        batch.events.push(Event::Profile);
        let peers: Vec<PeerKey> = self.connected_peers().collect();
        for peer in peers {
            self.greet(batch, peer);
        }
        Ok(())
    }
}

fn sign_card(
    me: &LocalNode,
    name: &str,
    serial: u64,
    addresses: &[Address],
    key_package: &[u8],
) -> Result<SignedCard, ()> {
    let node = CardNode {
        certificate: me.certificate.clone(),
        addresses: addresses.to_vec(),
        key_package: key_package.to_vec(),
    };
    let card = Card { account: me.account.public(), name: name.to_owned(), serial, nodes: vec![node] };
    SignedCard::sign(card, &me.account).map_err(|_| ())
}
