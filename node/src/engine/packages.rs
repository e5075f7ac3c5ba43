//! Key packages (PROTOCOL §2.5, §6.12): those that this node hands out for one use, and those of others that it keeps
//! for adding them while they are away.

use tidings_crypto::group::{GroupId, KeyPackage, Member, Suite};
use tidings_crypto::identity::NodeId;

use super::State;
use super::batch::Batch;
use super::pushes::Asked;
use crate::ids::{AccountId, PeerKey};
use crate::store::{KeyPackageUse, StoreError};
use crate::wire::request::{Request, Response};

/// So many packages for one use are out at most; who asks for more is served from the card. A thousand people who keep
/// two of each suite.
const OFFERED_MAX: u64 = 4_000;
/// A peer is given packages this often …
const GIVEN_TIMES_MAX: u32 = 16;
/// … in this time: nobody takes what is there for all.
const GIVEN_WITHIN_MS: u64 = FETCHED_FOR_MS;
/// So many of one node and suite are kept for later.
const KEPT_EACH: usize = 2;
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
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Ok((package, secret)) = KeyPackage::generate(&self.me, suite, last_resort, batch.rng) else {
            tracing::warn!("a key package could not be made");
            return Ok(None);
        };
        let kind = if last_resort { KeyPackageUse::LastResort } else { KeyPackageUse::Once };
        let row = (&package.reference, &secret.encode()[..], &package.bytes[..], kind);
        batch.tx.put_key_package(row, batch.now_ms, batch.rng).await?;
        self.key_packages.insert(package.reference, secret);
        Ok(Some(package.bytes))
    }

    /// Gives a peer that is known a package of each suite, for one use each.
    pub(super) async fn answer_packages(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
    ) -> Result<Response, StoreError> {
        let mut packages = Vec::new();
        let known = self.accounts_by_peer.contains_key(&peer);
        if known && self.may_give_packages(peer, batch.now_ms) && batch.tx.offered_key_packages().await? < OFFERED_MAX {
            for suite in [Suite::Classic, Suite::Hybrid] {
                packages.extend(self.make_key_package(batch, suite, false).await?);
            }
        }
        Ok(Response::Packages { packages })
    }

    fn may_give_packages(&mut self, peer: PeerKey, now_ms: u64) -> bool {
        self.packages_given.retain(|_, (since_ms, _)| since_ms.saturating_add(GIVEN_WITHIN_MS) > now_ms);
        let (_, times) = self.packages_given.entry(peer).or_insert((now_ms, 0));
        *times = times.saturating_add(1);
        *times <= GIVEN_TIMES_MAX
    }

    /// A Welcome for this package was taken: what is for one use will be deleted.
    pub(crate) async fn key_package_used(
        &mut self,
        batch: &mut Batch<'_, '_>,
        reference: &[u8; 32],
    ) -> Result<(), StoreError> {
        batch.tx.mark_key_package_used(reference, batch.now_ms).await
    }

    /// Deletes what was used so long ago that no Welcome for it can be made again.
    pub(crate) async fn drop_used_key_packages(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for reference in batch.tx.drop_used_key_packages(batch.now_ms.saturating_sub(USED_KEPT_MS)).await? {
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
        let mut is_new = false;
        for bytes in packages {
            let Ok(checked) = KeyPackage::check(bytes, batch.now_ms) else { continue };
            let room = kept.iter().filter(|(suite, _)| *suite == checked.suite).count() < KEPT_EACH;
            if checked.member.node == node && room {
                batch.tx.put_fetched_package(node, checked.suite, bytes, batch.now_ms).await?;
                is_new = true;
            }
        }
        if is_new {
            self.ask_for_packages(batch, peer).await?;
        }
        batch.tx.drop_fetched_packages(from_ms).await
    }

    /// The suite in which a group of these people can begin: hybrid if a hybrid package of every node is here.
    pub(crate) async fn suite_for(
        &mut self,
        batch: &mut Batch<'_, '_>,
        accounts: &[AccountId],
    ) -> Result<Suite, StoreError> {
        let from_ms = batch.now_ms.saturating_sub(FETCHED_FOR_MS);
        let mut nodes = Vec::new();
        for account in accounts {
            let Ok(card) = self.card_of(account) else { return Ok(Suite::Classic) };
            nodes.extend(card.card().nodes.iter().map(|node| node.certificate.node_id()));
        }
        if nodes.len() >= HYBRID_NODES_MAX {
            return Ok(Suite::Classic);
        }
        for node in nodes {
            let kept = batch.tx.fetched_packages(node, from_ms).await?;
            if !kept.iter().any(|(suite, _)| *suite == Suite::Hybrid) {
                return Ok(Suite::Classic);
            }
        }
        Ok(Suite::Hybrid)
    }

    /// Key packages of an account's nodes for a suite: fetched ones, or for a classic group those on the card; none if
    /// some node has none that is valid. They are used only once a commit with them stands.
    pub(crate) async fn packages_for(
        &mut self,
        batch: &mut Batch<'_, '_>,
        suite: Suite,
        account: &AccountId,
    ) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let Ok(card) = self.card_of(account) else { return Ok(None) };
        let from_ms = batch.now_ms.saturating_sub(FETCHED_FOR_MS);
        let mut packages = Vec::new();
        for node in &card.card().nodes {
            let id = node.certificate.node_id();
            let fetched = batch.tx.fetched_packages(id, from_ms).await?;
            let fetched = fetched.into_iter().filter(|(of, _)| *of == suite).map(|(_, bytes)| bytes);
            let on_card = (suite == Suite::Classic).then(|| node.key_package.clone());
            // A card could carry somebody else's key package, and what is written to the one would reach the other.
            let usable = |bytes: &Vec<u8>| {
                KeyPackage::check(bytes, batch.now_ms)
                    .is_ok_and(|checked| checked.member.node == id && checked.suite == suite)
            };
            let Some(package) = fetched.chain(on_card).find(usable) else { return Ok(None) };
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
