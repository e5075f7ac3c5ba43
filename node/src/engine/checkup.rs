//! How things stand with the others, for `doctor`: their clocks, the relays at which this node has a place, and who is
//! owed something.

use tidings_crypto::card::MAILBOXES_MAX;
use zeroize::Zeroizing;

use super::batch::Batch;
use super::{Asked, State, StoreError};
use crate::handle::{Checkup, Owed};
use crate::ids::{Address, PeerKey};
use crate::network::RequestFailure;
use crate::wire::request::{Request, Response};

/// So many peers are asked for the time.
const CLOCKS_MAX: usize = 8;

/// What was found out since it was begun.
#[derive(Debug, Default)]
pub(super) struct Examination {
    waiting: usize,
    offsets_ms: Vec<i64>,
    places: Vec<(PeerKey, bool)>,
}

impl State {
    /// Asks some connected peers for the time, and this node itself through each relay at which it has a place.
    pub(super) fn begin_checkup(&mut self, batch: &mut Batch<'_, '_>, places: Vec<(PeerKey, Vec<Address>)>) {
        *self.examination = Examination::default();
        let asked: Vec<PeerKey> = self.connected_peers().take(CLOCKS_MAX).collect();
        for peer in asked {
            self.examination.waiting += 1;
            self.ask(batch, peer, Asked::Time { at_ms: batch.now_ms, by: None }, Request::Time);
        }
        let me = self.me.keys.peer_key();
        for (relay, addresses) in places {
            self.examination.waiting += 1;
            let (key, asked) = (Zeroizing::new(batch.random()), Asked::Time { at_ms: batch.now_ms, by: Some(relay) });
            self.ask_apart(batch, key, (me, addresses), asked, Request::Time);
        }
    }

    /// Somebody said what time it is there.
    pub(super) fn time_told(
        &mut self,
        batch: &Batch<'_, '_>,
        (asked_ms, by): (u64, Option<PeerKey>),
        outcome: &Result<Response, RequestFailure>,
    ) {
        let told = match outcome {
            Ok(Response::Time { at_ms }) => Some(*at_ms),
            _ => None,
        };
        let examination = &mut self.examination;
        examination.waiting = examination.waiting.saturating_sub(1);
        if let Some(relay) = by {
            examination.places.push((relay, told.is_some()));
        } else if let Some(at_ms) = told {
            let here_ms = asked_ms.midpoint(batch.now_ms);
            let (ahead, behind) = (at_ms.saturating_sub(here_ms), here_ms.saturating_sub(at_ms));
            let offset_ms = i64::try_from(ahead).unwrap_or(i64::MAX) - i64::try_from(behind).unwrap_or(i64::MAX);
            examination.offsets_ms.push(offset_ms);
        }
    }

    /// What is known so far.
    pub(super) async fn checkup(&mut self, batch: &mut Batch<'_, '_>) -> Result<Checkup, StoreError> {
        let mut owed = Vec::new();
        for (peer, messages, since_ms) in batch.tx.owed_messages().await? {
            let account = self.accounts_by_peer.get(&peer);
            let named = account.filter(|account| self.is_named(account));
            let card = account.and_then(|account| self.contacts.get(account)).and_then(|known| known.card.as_ref());
            let node = card.and_then(|card| card.card().nodes.iter().find(|node| node.certificate.peer_key() == peer));
            owed.push(Owed {
                peer,
                name: named.map(|account| self.name_of(account)).unwrap_or_default(),
                messages,
                since_ms,
                online: self.is_connected(&peer),
                addresses: node.map_or(0, |node| node.addresses.len()),
                mailboxes: node.map_or(0, |node| node.mailboxes.len().min(MAILBOXES_MAX)),
            });
        }
        let Examination { waiting, offsets_ms, places } = &*self.examination;
        let relays = places.iter().map(|(relay, works)| (*relay, self.peer_name(relay), *works)).collect();
        let copied = self.copies.is_copied();
        Ok(Checkup { copied, waiting: *waiting, offsets_ms: offsets_ms.clone(), relays, owed })
    }

    /// What a peer is called here.
    fn peer_name(&self, peer: &PeerKey) -> String {
        let account = self.accounts_by_peer.get(peer).filter(|account| self.is_named(account));
        account.map_or_else(|| peer.to_peer_id(), |account| self.name_of(account))
    }
}
