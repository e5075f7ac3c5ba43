//! Key packages (PROTOCOL §2.5, §6.12): those that this node hands out for one use, and those of others that it keeps
//! for adding them while they are away.

pub(crate) mod checked;

use tidings_crypto::group::{GroupId, KeyPackage, Member, Suite};
use tidings_crypto::identity::NodeId;

use super::State;
use super::batch::Batch;
use super::pushes::Asked;
use crate::conversation::upkeep::PACKAGE_EVERY_MS;
use crate::ids::{AccountId, PeerKey};
use crate::store::{KeyPackageUse, StoreError};
use crate::wire::request::{Request, Response};

/// So many packages for one use are out at most; who asks for more is served from the card. Five hundred people who keep
/// two of each suite, for as long as their Welcomes may wait.
const OFFERED_MAX: u64 = 10_000;
/// So many of one node and suite are kept for later, and no peer has more of this node's that are unused: who asks again
/// is given the same again, and takes nothing from others.
const KEPT_EACH: usize = 2;
/// What was made for a peer is given to it again for this long.
const GIVEN_FOR_MS: u64 = 90 * 24 * 60 * 60 * 1_000;
/// What was fetched longer ago is not used: its owner may have lost or forgotten the secret.
const FETCHED_FOR_MS: u64 = 14 * 24 * 60 * 60 * 1_000;
/// A used package's secret lies there for as long as the joined epoch's own (§3.6): after a fork its owner is added
/// again with the same package.
const USED_KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// A group begins hybrid if it has at most this many nodes.
const HYBRID_NODES_MAX: usize = 64;

impl State {
    /// Makes a key package of this node and keeps its secret.
    pub(crate) async fn make_key_package(
        &mut self,
        batch: &mut Batch<'_, '_>,
        suite: Suite,
        last_resort: bool,
    ) -> Result<Option<KeyPackage>, StoreError> {
        let Ok((package, secret)) = KeyPackage::generate(&self.me, suite, last_resort, batch.rng) else {
            tracing::warn!("a key package could not be made");
            return Ok(None);
        };
        let kind = match (last_resort, suite) {
            (false, _) => KeyPackageUse::Once,
            (true, Suite::Classic) => KeyPackageUse::LastResort,
            (true, Suite::Hybrid) => KeyPackageUse::LastResortHybrid,
        };
        let row = (&package.reference, &secret.encode()[..], &package.bytes[..], kind);
        batch.tx.put_key_package(row, batch.stamp_ms, batch.rng).await?;
        self.checked_packages.made(&self.me, &package);
        self.key_packages.insert(package.reference, secret);
        Ok(Some(package))
    }

    /// This node's last-resort package for hybrid groups, which lies at its mailboxes: replaced as the one on the card is.
    pub(crate) async fn hybrid_last_resort(
        &mut self,
        batch: &mut Batch<'_, '_>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some((bytes, made_at_ms)) = batch.tx.hybrid_last_resort().await? {
            let own = &self.me.certificate;
            let checked = self.checked_packages.check(&bytes, Some(own), batch.now_ms);
            let shows_own = checked.is_some_and(|checked| checked.member.certificate == *own);
            if shows_own && batch.now_ms < made_at_ms.saturating_add(PACKAGE_EVERY_MS) {
                return Ok(Some(bytes));
            }
        }
        Ok(self.make_key_package(batch, Suite::Hybrid, true).await?.map(|made| made.bytes))
    }

    /// Gives a peer that is known a package of each suite, for one use each.
    pub(super) async fn answer_packages(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
    ) -> Result<Response, StoreError> {
        let mut packages = Vec::new();
        if !self.accounts_by_peer.contains_key(&peer) {
            return Ok(Response::Packages { packages });
        }
        let from_ms = batch.now_ms.saturating_sub(GIVEN_FOR_MS);
        let given = batch.tx.given_key_packages(peer, from_ms).await?;
        let own = &self.me.certificate;
        let mut suite_of = |bytes: &[u8]| Some(self.checked_packages.check(bytes, Some(own), batch.now_ms)?.suite);
        let given: Vec<(Suite, Vec<u8>)> =
            given.into_iter().filter_map(|bytes| suite_of(&bytes).map(|suite| (suite, bytes))).collect();
        for suite in [Suite::Classic, Suite::Hybrid] {
            let before = packages.len();
            packages
                .extend(given.iter().filter(|(of, _)| *of == suite).map(|(_, bytes)| bytes.clone()).take(KEPT_EACH));
            let is_few = packages.len().saturating_sub(before) < KEPT_EACH;
            if is_few
                && batch.tx.offered_key_packages().await? < OFFERED_MAX
                && let Some(made) = self.make_key_package(batch, suite, false).await?
            {
                batch.tx.give_key_package(&made.reference, peer).await?;
                packages.push(made.bytes);
            }
        }
        Ok(Response::Packages { packages })
    }

    /// A Welcome for this package was taken: what is for one use will be deleted.
    pub(crate) async fn key_package_used(
        &mut self,
        batch: &mut Batch<'_, '_>,
        reference: &[u8; 32],
    ) -> Result<(), StoreError> {
        batch.tx.mark_key_package_used(reference, batch.stamp_ms).await
    }

    /// Deletes what was used so long ago that no Welcome for it can be made again.
    pub(crate) async fn drop_used_key_packages(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for reference in batch.tx.drop_used_key_packages(batch.age_ms.saturating_sub(USED_KEPT_MS)).await? {
            self.key_packages.remove(&reference);
        }
        Ok(())
    }

    /// Asks the node of a person for packages, if few are here.
    pub(crate) async fn ask_for_packages(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
    ) -> Result<(), StoreError> {
        let account = self.accounts_by_peer.get(&peer);
        let Some(contact) = account.and_then(|account| self.contacts.get(account)) else { return Ok(()) };
        let Some(node) = contact.node_of(&peer) else { return Ok(()) };
        let from_ms = batch.now_ms.saturating_sub(FETCHED_FOR_MS);
        let kept = batch.tx.fetched_packages(node, from_ms).await?;
        let few = |suite| kept.iter().filter(|(of, _)| *of == suite).count() < KEPT_EACH;
        if few(Suite::Classic) || few(Suite::Hybrid) {
            self.ask(batch, peer, Asked::Packages { node }, Request::Packages);
        }
        Ok(())
    }

    /// Keeps what a node gave.
    pub(super) async fn take_packages(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        node: NodeId,
        packages: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        let from_ms = batch.now_ms.saturating_sub(FETCHED_FOR_MS);
        let kept = batch.tx.fetched_packages(node, from_ms).await?;
        let mut suites: Vec<Suite> = kept.iter().map(|(suite, _)| *suite).collect();
        let mut is_new = false;
        let contact = self.accounts_by_peer.get(&peer).and_then(|account| self.contacts.get(account));
        let certificate = contact.and_then(|contact| contact.certificate_of(node)).cloned();
        for bytes in packages {
            if kept.iter().any(|(_, known)| known == bytes) {
                continue;
            }
            let checked = self.checked_packages.check(bytes, certificate.as_ref(), batch.now_ms);
            let Some(checked) = checked else { continue };
            let room = suites.iter().filter(|suite| **suite == checked.suite).count() < KEPT_EACH;
            // One that is here, or was used already, changes nothing.
            if checked.member.node == node
                && room
                && batch.tx.put_fetched_package(node, checked.suite, bytes, batch.now_ms).await?
            {
                suites.push(checked.suite);
                is_new = true;
            }
        }
        if is_new {
            self.ask_for_packages(batch, peer).await?;
        }
        batch.tx.drop_fetched_packages(from_ms).await
    }

    /// Whether a peer was asked for packages and has not answered.
    pub(super) fn is_asked_for_packages(&self, peer: PeerKey) -> bool {
        let account = self.accounts_by_peer.get(&peer);
        let node = account.and_then(|account| self.contacts.get(account)).and_then(|contact| contact.node_of(&peer));
        node.is_some_and(|node| {
            self.asked.values().any(|asked| matches!(asked, Asked::Packages { node: of } if *of == node))
        })
    }

    /// Whether a hybrid package of a node is here.
    pub(super) async fn has_hybrid_package(&self, batch: &mut Batch<'_, '_>, node: NodeId) -> Result<bool, StoreError> {
        let from_ms = batch.now_ms.saturating_sub(FETCHED_FOR_MS);
        let kept = batch.tx.fetched_packages(node, from_ms).await?;
        let has = kept.iter().any(|(suite, _)| *suite == Suite::Hybrid);
        Ok(has || batch.tx.fetched_last_resort(node, from_ms).await?.is_some())
    }

    /// The suite in which a group of these people can begin: hybrid if a hybrid package of every node is here.
    pub(crate) async fn suite_for(
        &mut self,
        batch: &mut Batch<'_, '_>,
        accounts: &[AccountId],
    ) -> Result<Suite, StoreError> {
        let mut nodes = Vec::new();
        for account in accounts {
            let Ok(card) = self.card_of(account) else { return Ok(Suite::Classic) };
            nodes.extend(card.card().nodes.iter().map(|node| node.certificate.node_id()));
        }
        if nodes.len() >= HYBRID_NODES_MAX {
            return Ok(Suite::Classic);
        }
        for node in nodes {
            if !self.has_hybrid_package(batch, node).await? {
                return Ok(Suite::Classic);
            }
        }
        Ok(Suite::Hybrid)
    }

    /// Key packages of an account's nodes for a suite: fetched ones, or those of last resort, which are on the card for a
    /// classic group and came from a mailbox for a hybrid one; none if some node has none that is valid. They are used only once a commit with them stands.
    pub(crate) async fn packages_for(
        &mut self,
        batch: &mut Batch<'_, '_>,
        suite: Suite,
        account: &AccountId,
    ) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let Ok(card) = self.card_of(account) else { return Ok(None) };
        let nodes = card.card().nodes.clone();
        let from_ms = batch.now_ms.saturating_sub(FETCHED_FOR_MS);
        let mut packages = Vec::new();
        for node in nodes {
            let id = node.certificate.node_id();
            let fetched = batch.tx.fetched_packages(id, from_ms).await?;
            let fetched = fetched.into_iter().filter(|(of, _)| *of == suite).map(|(_, bytes)| bytes);
            let last_resort = match suite {
                Suite::Classic => Some(node.key_package),
                Suite::Hybrid => batch.tx.fetched_last_resort(id, from_ms).await?,
            };
            // A card could carry somebody else's key package, and what is written to the one would reach the other.
            let usable = |bytes: &Vec<u8>| {
                self.checked_packages
                    .check(bytes, Some(&node.certificate), batch.now_ms)
                    .is_some_and(|checked| checked.member.node == id && checked.suite == suite)
            };
            let Some(package) = fetched.chain(last_resort).find(usable) else { return Ok(None) };
            packages.push(package);
        }
        Ok(Some(packages))
    }

    /// A commit that stands added these nodes by these packages: each was used once, and others take its place.
    pub(crate) async fn packages_used(
        &mut self,
        batch: &mut Batch<'_, '_>,
        added: &[Member],
        packages: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        for member in added {
            for (_, bytes) in batch.tx.fetched_packages(member.node, 0).await? {
                if packages.contains(&bytes) {
                    batch.tx.use_fetched_package(member.node, &bytes).await?;
                }
            }
            let peer = PeerKey(member.certificate.peer_key().0);
            if self.is_connected(&peer) {
                self.ask_for_packages(batch, peer).await?;
            }
        }
        Ok(())
    }

    /// The suite of a group.
    pub(crate) fn suite_of(&self, group: GroupId) -> Suite {
        self.groups.get(&group).and_then(|loaded| loaded.group.suite()).unwrap_or(Suite::Classic)
    }
}
