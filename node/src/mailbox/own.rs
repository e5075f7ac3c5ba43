//! Collecting: what the mailboxes that this node's owner named keep for it.
//!
//! A mailbox is told what it need not keep any more only after the transaction that took it: what is collected twice is
//! known the second time. What cannot be read yet stays there, and is collected again later.

use std::collections::{BTreeMap, BTreeSet};

use tidings_crypto::card::{CardMailbox, MAILBOX_ADDRESSES_MAX, MAILBOXES_MAX, MailboxLink};
use tidings_crypto::envelope::Envelope;
use zeroize::Zeroizing;

use super::hosting::queue_id;
use super::leaving::Leaving;
use super::proving::Proof;
use crate::conversation::receive::Arrival;
use crate::engine::batch::{Batch, Halt};
use crate::engine::{Asked, State};
use crate::event::Event;
use crate::handle::{Mailbox, Refused};
use crate::ids::{AccountId, PeerKey};
use crate::network::{NetworkCommand, RequestFailure};
use crate::store::{MailboxRow, StoreError};
use crate::wire::request::{COLLECTED_MAX, OpenVerdict, Request, Response};

/// A mailbox that says nothing is looked into this often all the same. A guess.
const LOOK_EVERY_MS: u64 = 10 * 60_000;
/// What could not be read is collected again after this long, and after longer and longer pauses up to …
const AGAIN_MS: u64 = 5_000;
/// … this one.
const AGAIN_MS_MAX: u64 = 15 * 60_000;

/// This node's mailboxes, in memory.
#[derive(Debug, Default)]
pub(crate) struct Own {
    pub(super) boxes: BTreeMap<PeerKey, OwnBox>,
}

#[derive(Debug)]
pub(super) struct OwnBox {
    pub(super) row: MailboxRow,
    /// It said on this connection that it serves this node.
    is_open: bool,
    /// The request under way.
    request: Option<u64>,
    /// Something came meanwhile.
    again: bool,
    /// All up to this number was looked at in this round.
    after: u64,
    /// What it need not keep any more.
    done: Vec<u64>,
    /// What cannot be read yet.
    later: BTreeSet<u64>,
    /// When to look next, and how long to wait the next time if nothing changes.
    due_ms: Option<u64>,
    pause_ms: u64,
    /// A round of collecting has begun and is not over.
    has_begun: bool,
    /// Whether it keeps its word.
    pub(super) proof: Proof,
    /// What others need to add this node.
    pub(super) leaving: Leaving,
}

impl OwnBox {
    fn new(row: MailboxRow) -> Self {
        Self {
            row,
            is_open: false,
            request: None,
            again: false,
            after: 0,
            done: Vec::new(),
            later: BTreeSet::new(),
            due_ms: None,
            pause_ms: AGAIN_MS,
            has_begun: false,
            proof: Proof::default(),
            leaving: Leaving::default(),
        }
    }

    /// Whether it serves this node on this connection.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// It is to be looked into now.
    pub(super) fn look(&mut self, now_ms: u64) {
        (self.again, self.due_ms) = (true, Some(now_ms));
    }

    /// The connection began anew.
    fn begin(&mut self) {
        (self.is_open, self.request, self.after, self.has_begun) = (false, None, 0, false);
        (self.due_ms, self.pause_ms) = (None, AGAIN_MS);
        self.done.clear();
        self.later.clear();
    }
}

impl Own {
    /// Takes over what the store remembers.
    pub(crate) fn hold(&mut self, row: MailboxRow) {
        self.boxes.insert(row.peer, OwnBox::new(row));
    }

    /// Whether this peer is a mailbox of this node.
    pub(crate) fn has(&self, peer: &PeerKey) -> bool {
        self.boxes.contains_key(peer)
    }

    /// Those that serve this node, as its card names them.
    pub(crate) fn on_card(&self) -> Vec<CardMailbox> {
        let open = self.boxes.values().filter(|own| own.row.opened_at_ms.is_some() && own.row.refused.is_empty());
        let named = open.map(|own| CardMailbox {
            peer: own.row.peer,
            addresses: own.row.addresses.clone(),
            token: own.row.token,
        });
        named.take(MAILBOXES_MAX).collect()
    }

    /// What is to be dialled at the start.
    pub(crate) fn know(&self, batch: &mut Batch<'_, '_>) {
        for own in self.boxes.values() {
            let (peer, addresses) = (own.row.peer, own.row.addresses.clone());
            batch.network(NetworkCommand::Know { peer, addresses });
        }
    }

    pub(crate) fn due_ms(&self) -> Option<u64> {
        let open = || self.boxes.values().filter(|own| own.is_open);
        let looks = open().filter(|own| own.request.is_none()).filter_map(|own| own.due_ms);
        let leaves = open().filter_map(|own| own.leaving.due_ms());
        looks.chain(leaves).chain(open().filter_map(|own| own.proof.due_ms())).min()
    }

    /// The clock was set back.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        for own in self.boxes.values_mut() {
            own.due_ms = own.due_ms.map(|due_ms| due_ms.min(now_ms.saturating_add(LOOK_EVERY_MS)));
            own.proof.hasten(now_ms);
            own.leaving.hasten(now_ms);
        }
    }

    /// The card is another: what was left for who wants to add this node is to be replaced.
    pub(crate) fn card_changed(&mut self, now_ms: u64) {
        for own in self.boxes.values_mut() {
            own.leaving.is_stale(now_ms);
        }
    }
}

impl State {
    /// Uses a mailbox: by its link, or by the contact who runs it.
    pub(crate) async fn use_mailbox(&mut self, batch: &mut Batch<'_, '_>, of: MailboxOf) -> Result<Mailbox, Halt> {
        let (peer, addresses, admission, name) = match of {
            MailboxOf::Link(text) => {
                let link = MailboxLink::parse(&text).map_err(|_| {
                    Refused::BadLink("this is not a link to a mailbox: one begins with tidings://mailbox/".to_owned())
                })?;
                (link.peer, link.addresses, link.admission, link.peer.to_peer_id())
            }
            MailboxOf::Contact(account) => {
                let contact = self.contacts.get(&account).filter(|contact| contact.row.added);
                let contact = contact.ok_or(Refused::UnknownContact)?;
                let (peer, addresses) = contact.peers().into_iter().next().ok_or(Refused::UnknownContact)?;
                (peer, addresses, Zeroizing::new([0; 32]), contact.row.name.clone())
            }
        };
        if peer == self.me.keys.peer_key() {
            return Err(Refused::OwnCard.into());
        }
        let known = self.mailboxes.own.boxes.get(&peer).map(|own| own.row.clone());
        if known.is_none() && self.mailboxes.own.boxes.len() >= MAILBOXES_MAX {
            return Err(Refused::LimitReached { what: "mailboxes", limit: MAILBOXES_MAX as u64 }.into());
        }
        let name = self.accounts_by_peer.get(&peer).map_or(name, |account| self.name_of(account));
        let row = MailboxRow {
            peer,
            name,
            addresses: addresses.into_iter().take(MAILBOX_ADDRESSES_MAX).collect(),
            token: known.as_ref().map_or_else(|| batch.random(), |known| known.token),
            admission,
            used_since_ms: known.as_ref().map_or(batch.now_ms, |known| known.used_since_ms),
            opened_at_ms: known.as_ref().and_then(|known| known.opened_at_ms),
            collected_at_ms: known.as_ref().and_then(|known| known.collected_at_ms),
            refused: String::new(),
            missing: known.as_ref().map_or(0, |known| known.missing),
            missing_says: known.as_ref().map_or(0, |known| known.missing_says),
            proved_at_ms: known.as_ref().and_then(|known| known.proved_at_ms),
            unproved: String::new(),
        };
        batch.tx.put_mailbox(&row, batch.rng).await?;
        batch.network(NetworkCommand::Know { peer, addresses: row.addresses.clone() });
        let online = self.is_connected(&peer);
        let view = Mailbox { online, ..row.view() };
        self.mailboxes.own.hold(row);
        if online {
            self.open_own_mailbox(batch, peer);
        }
        batch.events.push(Event::Profile);
        Ok(view)
    }

    /// Uses a mailbox no longer: it is off the card, and what it still keeps is not collected.
    pub(crate) async fn drop_mailbox(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), Halt> {
        self.mailboxes.own.boxes.remove(&peer).ok_or(Refused::UnknownMailbox)?;
        batch.tx.drop_mailbox(peer).await?;
        if !self.accounts_by_peer.contains_key(&peer) {
            batch.network(NetworkCommand::Forget(peer));
        }
        self.renew_card(batch).await?;
        self.tell_card(batch).await?;
        batch.events.push(Event::Profile);
        Ok(())
    }

    /// The card of a contact is another: where their node is a mailbox of this one, it is named where it is now. One that is
    /// used by its link is nobody's, whatever a card claims.
    pub(crate) async fn follow_mailbox(
        &mut self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
    ) -> Result<(), StoreError> {
        let known = self.contacts.get(&account).filter(|contact| contact.row.added);
        let Some(known) = known else { return Ok(()) };
        let mut has_moved = false;
        for (peer, addresses) in known.peers() {
            let is_theirs = self.accounts_by_peer.get(&peer) == Some(&account);
            let addresses: Vec<_> = addresses.into_iter().take(MAILBOX_ADDRESSES_MAX).collect();
            let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { continue };
            let by_link = *own.row.admission != [0; 32];
            if !is_theirs || by_link || addresses.is_empty() || own.row.addresses == addresses {
                continue;
            }
            own.row.addresses = addresses;
            let row = own.row.clone();
            batch.tx.put_mailbox(&row, batch.rng).await?;
            has_moved |= row.opened_at_ms.is_some() && row.refused.is_empty();
        }
        if has_moved {
            self.renew_card(batch).await?;
            self.moving.mailbox_moved(batch.now_ms);
        }
        Ok(())
    }

    /// A mailbox of this node may have appeared: it is asked to serve.
    pub(crate) fn open_own_mailbox(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) {
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return };
        own.begin();
        let (admission, queue) = (own.row.admission.clone(), queue_id(&own.row.token));
        let request = self.ask(batch, peer, Asked::OpenMailbox, Request::OpenMailbox { admission, queue });
        if let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) {
            own.request = Some(request);
        }
    }

    /// A mailbox of this node said whether it serves.
    pub(crate) async fn mailbox_opened(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        outcome: Result<Response, RequestFailure>,
    ) -> Result<(), StoreError> {
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return Ok(()) };
        own.request = None;
        let before = (own.row.opened_at_ms.is_some(), own.row.refused.clone());
        match outcome {
            Ok(Response::OpenMailbox { verdict: OpenVerdict::Open }) => {
                own.is_open = true;
                own.due_ms = Some(batch.now_ms);
                own.proof.opened(own.row.proved_at_ms, batch.now_ms);
                own.leaving.opened(batch.now_ms);
                own.row.opened_at_ms.get_or_insert(batch.now_ms);
                own.row.refused.clear();
            }
            Ok(Response::OpenMailbox { verdict: OpenVerdict::Refused(reason) }) => own.row.refused = reason,
            _ => return Ok(()), // It is asked again on its next connection.
        }
        if before == (own.row.opened_at_ms.is_some(), own.row.refused.clone()) {
            return Ok(());
        }
        let row = own.row.clone();
        batch.tx.put_mailbox(&row, batch.rng).await?;
        batch.events.push(Event::Profile);
        self.renew_card(batch).await?;
        self.tell_card(batch).await
    }

    /// A mailbox says that something came.
    pub(crate) fn mail_came(&mut self, batch: &Batch<'_, '_>, peer: PeerKey) {
        if let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) {
            own.look(batch.now_ms);
        }
    }

    /// Looks into the mailboxes whose turn it is.
    pub(crate) async fn collect_due(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let is_due = |own: &&OwnBox| {
            own.is_open && own.request.is_none() && own.due_ms.is_some_and(|due_ms| due_ms <= batch.now_ms)
        };
        let due: Vec<PeerKey> = self.mailboxes.own.boxes.values().filter(is_due).map(|own| own.row.peer).collect();
        for peer in due {
            let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { continue };
            own.again = false;
            if !own.has_begun {
                own.has_begun = true;
                let collected_ms = own.row.collected_at_ms.or(own.row.opened_at_ms).unwrap_or(batch.now_ms);
                own.proof.round_begins(collected_ms, batch.now_ms);
                batch.tx.judge_tallies(peer).await?;
            }
            let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { continue };
            let done: Vec<u64> = own.done.drain(..own.done.len().min(COLLECTED_MAX)).collect();
            let body = Request::Collect { after: own.after, done };
            let request = self.ask(batch, peer, Asked::Collect, body);
            if let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) {
                own.request = Some(request);
            }
        }
        Box::pin(self.leave_prekeys_due(batch)).await?;
        self.prove_due(batch).await
    }

    /// Takes what a mailbox kept.
    pub(crate) async fn collected(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        outcome: Result<Response, RequestFailure>,
    ) -> Result<(), StoreError> {
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return Ok(()) };
        own.request = None;
        let Ok(Response::Collect { serves, deposits }) = outcome else {
            // What was told to go may not have gone: a new round finds out.
            own.after = 0;
            own.due_ms = Some(batch.now_ms.saturating_add(own.pause_ms));
            own.pause_ms = own.pause_ms.saturating_mul(2).min(AGAIN_MS_MAX);
            own.has_begun = false;
            return Ok(());
        };
        if !serves {
            own.is_open = false;
            return Ok(());
        }
        let is_last = deposits.is_empty();
        let opened: Vec<(u64, Option<Vec<u8>>)> = self.open_deposits(batch, peer, deposits).await?;
        let ids: Vec<_> = opened.iter().filter_map(|(_, bytes)| Envelope::decode(bytes.as_deref()?).ok()).collect();
        batch.look_up(ids.iter().map(Envelope::id).collect()).await?;
        let mut verdicts = Vec::with_capacity(opened.len());
        for (number, bytes) in &opened {
            let arrival = match bytes {
                Some(bytes) => self.receive(batch, bytes, peer).await?,
                None => Arrival::Refused,
            };
            verdicts.push((*number, arrival));
        }
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return Ok(()) };
        for ((number, arrival), (_, bytes)) in verdicts.into_iter().zip(&opened) {
            own.after = own.after.max(number);
            // What came first may have been taken with what came after it (§4.5).
            let is_taken = bytes.as_deref().is_some_and(|bytes| batch.is_taken(bytes));
            if arrival == Arrival::Later && !is_taken {
                own.later.insert(number);
            } else {
                own.later.remove(&number);
                own.done.push(number);
            }
            if arrival == Arrival::Taken {
                own.pause_ms = AGAIN_MS; // What could not be read before may be now.
            }
        }
        if is_last && own.done.is_empty() && !own.again {
            self.round_is_over(batch, peer).await
        } else {
            own.due_ms = Some(batch.now_ms);
            Ok(())
        }
    }

    async fn round_is_over(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return Ok(()) };
        let pause_ms = if own.later.is_empty() { LOOK_EVERY_MS } else { own.pause_ms };
        if own.later.is_empty() {
            own.pause_ms = AGAIN_MS;
        } else {
            own.pause_ms = own.pause_ms.saturating_mul(2).min(AGAIN_MS_MAX);
            own.after = 0;
        }
        own.due_ms = Some(batch.now_ms.saturating_add(pause_ms));
        // To the minute: it is shown to people.
        if own.row.collected_at_ms.is_none_or(|at_ms| at_ms.saturating_add(60_000) <= batch.now_ms) {
            own.row.collected_at_ms = Some(batch.now_ms);
            batch.tx.mailbox_collected(peer, batch.now_ms).await?;
        }
        own.has_begun = false;
        self.judge_mailbox(batch, peer).await
    }
}

/// Which mailbox is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxOf {
    /// The one that this link names.
    Link(String),
    /// The node of this contact.
    Contact(AccountId),
}

/// Numbers that wait to be told are no more than a round brings.
const _: () = assert!(COLLECTED_MAX >= crate::outbox::PUSH_ENVELOPES_MAX, "a round's numbers fit into one request");
