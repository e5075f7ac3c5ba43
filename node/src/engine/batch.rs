//! One batch of inputs on its way through: the transaction, the time, the chance, and what came of it so far.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use tidings_crypto::envelope::{Envelope, EnvelopeId};
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::NodeId;

use super::{Effect, Input, Outcome, State};
use crate::event::Event;
use crate::handle::Refused;
use crate::ids::{AccountId, ConversationId, MessageId};
use crate::network::{NetworkCommand, NetworkEvent};
use crate::store::{HeldAt, StoreError, Tx};
use crate::wire::request::Request;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The person asked for something that cannot be done; nothing was changed.
    Refused(Refused),
    /// The store failed; nothing of the batch is committed.
    Store(StoreError),
}

impl From<Refused> for Halt {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One batch of inputs.
#[derive(Debug)]
pub(crate) struct Batch<'batch, 'store> {
    pub(crate) tx: &'batch mut Tx<'store>,
    pub(crate) now_ms: u64,
    /// What time it is as far as this node believes (PROTOCOL §8.7).
    pub(crate) steady_ms: u64,
    /// By this time things are old: behind `now_ms` while the clock is doubted.
    pub(crate) age_ms: u64,
    /// At this time what comes now came: ahead of `now_ms` while a clock is doubted that is behind.
    pub(crate) stamp_ms: u64,
    pub(crate) rng: &'batch mut ChaCha20Rng,
    pub(crate) effects: Vec<Effect>,
    pub(crate) events: Vec<Event>,
    pub(crate) touched: BTreeSet<ConversationId>,
    /// My messages whose proof moved on: announced at the end of the batch.
    pub(crate) proved: BTreeMap<ConversationId, Vec<(u64, u64)>>,
    /// Who proved it.
    pub(crate) provers: BTreeMap<ConversationId, BTreeSet<AccountId>>,
    /// Nodes that can never read some request or refusal to join that this node passed on.
    pub(crate) requests_gone: BTreeSet<(ConversationId, NodeId)>,
    /// Messages that moved in the transcript: announced at the end of the batch.
    pub(crate) moved: BTreeSet<MessageId>,
    pub(crate) changed_contacts: BTreeSet<AccountId>,
    pub(crate) peers_changed: bool,
    /// Groups that changed: their heads may have moved.
    pub(crate) groups_saved: BTreeSet<GroupId>,
    known: BTreeSet<EnvelopeId>,
}

impl<'batch, 'store> Batch<'batch, 'store> {
    pub(super) fn new(tx: &'batch mut Tx<'store>, now_ms: u64, rng: &'batch mut ChaCha20Rng) -> Self {
        Self {
            tx,
            now_ms,
            steady_ms: now_ms,
            age_ms: now_ms,
            stamp_ms: now_ms,
            rng,
            effects: Vec::new(),
            events: Vec::new(),
            touched: BTreeSet::new(),
            proved: BTreeMap::new(),
            provers: BTreeMap::new(),
            requests_gone: BTreeSet::new(),
            moved: BTreeSet::new(),
            changed_contacts: BTreeSet::new(),
            peers_changed: false,
            groups_saved: BTreeSet::new(),
            known: BTreeSet::new(),
        }
    }

    /// Looks up at once which of the batch's envelopes went through this node before.
    pub(super) async fn look_up_envelopes(&mut self, inputs: &[Input]) -> Result<(), StoreError> {
        let mut ids = Vec::new();
        for input in inputs {
            match input {
                Input::Network(NetworkEvent::Gossip { bytes, .. }) => ids.extend(id_of(bytes)),
                Input::Network(NetworkEvent::Requested { body: Request::Push { envelopes }, .. }) => {
                    ids.extend(envelopes.iter().filter_map(|bytes| id_of(bytes)));
                }
                _ => {}
            }
        }
        self.known.extend(self.tx.known_envelopes(&ids).await?);
        Ok(())
    }

    /// Looks up which of these went through this node before.
    pub(crate) async fn look_up(&mut self, ids: Vec<EnvelopeId>) -> Result<(), StoreError> {
        let unknown: Vec<EnvelopeId> = ids.into_iter().filter(|id| !self.known.contains(id)).collect();
        self.known.extend(self.tx.known_envelopes(&unknown).await?);
        Ok(())
    }

    /// Whether an envelope of this batch went through this node before.
    pub(crate) fn is_known(&self, id: EnvelopeId) -> bool {
        self.known.contains(&id)
    }

    /// Whether an envelope that was to come later went through this node in this batch after all.
    pub(crate) fn is_taken(&self, bytes: &[u8]) -> bool {
        id_of(bytes).is_some_and(|id| self.is_known(id))
    }

    /// Remembers an envelope that came in; its bytes need not be kept.
    pub(crate) fn remember(&mut self, id: EnvelopeId) {
        if self.known.insert(id) {
            self.tx.put_envelope(id, Vec::new(), self.now_ms);
        }
    }

    /// Remembers an envelope with its bytes, for all members of its group.
    pub(crate) fn hold(&mut self, envelope: &Envelope, at: HeldAt) {
        self.known.insert(envelope.id());
        self.tx.hold_envelope(envelope.id(), envelope.bytes().to_vec(), at, self.now_ms);
    }

    /// Remembers an envelope that goes out, with its bytes.
    pub(crate) fn keep(&mut self, envelope: &Envelope) {
        if self.known.insert(envelope.id()) {
            self.tx.put_envelope(envelope.id(), envelope.bytes().to_vec(), self.now_ms);
        }
    }

    /// By either of these somebody may have named the week.
    pub(crate) fn times_ms(&self) -> [u64; 2] {
        [self.stamp_ms, self.age_ms]
    }

    pub(crate) fn network(&mut self, command: NetworkCommand) {
        self.effects.push(Effect::Network(command));
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    pub(super) fn into_outcome(self, state: &State) -> Outcome {
        Outcome {
            effects: self.effects,
            events: self.events,
            touched: self.touched.into_iter().collect(),
            wake_at_ms: state.wake_at_ms(),
        }
    }
}

fn id_of(bytes: &[u8]) -> Option<EnvelopeId> {
    Envelope::decode(bytes).ok().map(|envelope| envelope.id())
}
