//! A full disk: nothing of a batch that cannot be committed is done, and everything is as the database says again.
//!
//! Commands are refused with the reason, requests of other nodes are answered with "busy", and what came by gossip is
//! passed over: sync and pushes bring it again. It is tried again after pauses that grow, and soon after somebody asks for
//! something. What only reads is answered all the while.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use tidings_crypto::identity::LocalNode;

use super::batch::{Batch, Halt};
use super::{Command, Effect, Engine, Input, Outcome, Reply, State, Ticket};
use crate::handle::{Path, Refused};
use crate::ids::{Address, PeerKey};
use crate::network::{AnswerId, GossipId, NetworkCommand, NetworkEvent, Verdict};
use crate::store::StoreError;
use crate::wire::request::Response;

/// The first pause before another attempt …
const PAUSE_FIRST_MS: u64 = 1_000;
/// … and the longest. Both are guesses.
const PAUSE_MAX_MS: u64 = 60_000;

/// The disk is full.
#[derive(Debug)]
pub(super) struct Full {
    tried_ms: u64,
    pause_ms: u64,
}

impl Full {
    fn again_ms(&self) -> u64 {
        self.tried_ms.saturating_add(self.pause_ms)
    }

    /// A clock that was set back puts nothing off.
    fn is_due(&self, now_ms: u64, is_asked: bool) -> bool {
        let pause_ms = if is_asked { PAUSE_FIRST_MS } else { self.pause_ms };
        now_ms < self.tried_ms || now_ms >= self.tried_ms.saturating_add(pause_ms)
    }
}

/// What is true outside, whatever the database says, and who waits for an answer.
#[derive(Debug, Default)]
pub(super) struct Outside {
    peers: BTreeMap<PeerKey, Path>,
    addresses: Option<Vec<Address>>,
    serves: Option<bool>,
    /// Commands that are not answered yet.
    tickets: BTreeSet<Ticket>,
}

/// After an attempt that failed, what was under way is taken up first, in the transaction of the next.
pub(super) async fn resume(state: &mut State, outside: &Outside, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
    state.resume(batch).await?;
    if let Some(addresses) = outside.addresses.clone() {
        state.set_addresses(batch, addresses).await?;
    }
    if let Some(serves) = outside.serves {
        state.serve_mailboxes(batch, serves).await?;
    }
    for (peer, path) in outside.peers.clone() {
        state.network(batch, NetworkEvent::Connected { peer, path }).await?;
    }
    Ok(())
}

/// What the swarm is owed for a batch.
#[derive(Debug, Default)]
struct Owed {
    answers: Vec<AnswerId>,
    gossip: Vec<GossipId>,
}

impl Engine {
    /// Whether the disk was full when something was to be written last.
    pub fn is_full(&self) -> bool {
        self.full.is_some()
    }

    /// [`Engine::handle`] with what a full disk makes of it.
    pub(super) async fn handle_or_refuse(
        &mut self,
        inputs: Vec<Input>,
        now_ms: u64,
        rng: &mut ChaCha20Rng,
    ) -> Result<Outcome, StoreError> {
        let owed = self.outside.note(&inputs);
        let is_asked = inputs.iter().any(|input| matches!(input, Input::Command { .. }));
        let mut inputs = inputs;
        let mut read = Vec::new();
        if let Some(is_due) = self.full.as_ref().map(|full| full.is_due(now_ms, is_asked)) {
            inputs = self.answer_reads(inputs, now_ms, rng, &mut read).await?;
            if !is_due {
                return Ok(self.refuse(owed, read));
            }
        }
        match self.decide(inputs, now_ms, rng).await {
            Ok(mut outcome) => {
                self.full = None;
                for effect in &outcome.effects {
                    if let Effect::Reply { ticket, .. } = effect {
                        self.outside.tickets.remove(ticket);
                    }
                }
                outcome.effects.extend(read);
                Ok(outcome)
            }
            Err(StoreError::DiskFull) => {
                self.start_over(now_ms, rng).await?;
                Ok(self.refuse(owed, read))
            }
            Err(error) => Err(error),
        }
    }

    /// The first batch of a run: takes up what was under way. A full disk only puts that off.
    pub(super) async fn begin(&mut self, now_ms: u64, rng: &mut ChaCha20Rng) -> Result<Outcome, StoreError> {
        match self.take_up(now_ms, rng).await {
            Err(StoreError::DiskFull) => {
                self.start_over(now_ms, rng).await?;
                Ok(self.refuse(Owed::default(), Vec::new()))
            }
            taken => taken,
        }
    }

    async fn take_up(&mut self, now_ms: u64, rng: &mut ChaCha20Rng) -> Result<Outcome, StoreError> {
        let mut tx = self.store.begin().await?;
        let mut batch = Batch::new(&mut tx, now_ms, rng);
        self.state.clock.look(&mut batch);
        self.state.resume(&mut batch).await?;
        self.state.finish(&mut batch).await?;
        let outcome = batch.into_outcome(&self.state);
        tx.commit().await?;
        // What a run forgot that ended in a crash may be in the log still.
        Ok(self.committed(outcome, now_ms, true).await)
    }

    /// Reads the state again that could not be committed, and waits longer before the next attempt.
    async fn start_over(&mut self, now_ms: u64, rng: &mut ChaCha20Rng) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let mut batch = Batch::new(&mut tx, now_ms, rng);
        let fresh = State::load(LocalNode::clone(&self.me), &self.state.profile.name, &mut batch).await?;
        drop(tx);
        self.state = fresh.numbered_after(&self.state);
        let pause_ms = self.full.as_ref().map_or(PAUSE_FIRST_MS, |full| full.pause_ms.saturating_mul(2));
        if self.full.is_none() {
            tracing::error!("the disk is full: nothing is accepted until there is room");
        }
        self.full = Some(Full { tried_ms: now_ms, pause_ms: pause_ms.min(PAUSE_MAX_MS) });
        Ok(())
    }

    /// Answers what only reads; gives back all other inputs.
    async fn answer_reads(
        &mut self,
        inputs: Vec<Input>,
        now_ms: u64,
        rng: &mut ChaCha20Rng,
        answers: &mut Vec<Effect>,
    ) -> Result<Vec<Input>, StoreError> {
        let mut others = Vec::new();
        for input in inputs {
            match input {
                Input::Command {
                    ticket,
                    command:
                        command @ (Command::Card
                        | Command::Group(_)
                        | Command::Picture(_)
                        | Command::MailboxLink
                        | Command::Secrets
                        | Command::CheckUp { begin: false, .. }),
                } => {
                    let mut tx = self.store.begin().await?;
                    let mut batch = Batch::new(&mut tx, now_ms, rng);
                    let reply = match self.state.command(&mut batch, command).await {
                        Ok(reply) => Ok(reply),
                        Err(Halt::Refused(refused)) => Err(refused),
                        Err(Halt::Store(error)) => return Err(error),
                    };
                    self.outside.tickets.remove(&ticket);
                    answers.push(Effect::Reply { ticket, reply });
                }
                other => others.push(other),
            }
        }
        Ok(others)
    }

    /// What everybody is told who waits.
    fn refuse(&mut self, owed: Owed, read: Vec<Effect>) -> Outcome {
        let mut effects = read;
        let refused = |ticket| Effect::Reply { ticket, reply: Err::<Reply, _>(Refused::DiskFull) };
        effects.extend(std::mem::take(&mut self.outside.tickets).into_iter().map(refused));
        let busy = |answer| NetworkCommand::Answer { answer, body: Response::Busy };
        effects.extend(owed.answers.into_iter().map(busy).map(Effect::Network));
        let passed_over = |message| NetworkCommand::Verdict { message, verdict: Verdict::Ignore };
        effects.extend(owed.gossip.into_iter().map(passed_over).map(Effect::Network));
        let wake_at_ms = self.full.as_ref().map(Full::again_ms);
        Outcome { effects, wake_at_ms, ..Outcome::default() }
    }
}

impl Outside {
    /// Takes note of what a batch says of the world outside.
    fn note(&mut self, inputs: &[Input]) -> Owed {
        let mut owed = Owed::default();
        for input in inputs {
            match input {
                Input::Command { ticket, .. } => {
                    self.tickets.insert(*ticket);
                }
                Input::Addresses(addresses) => self.addresses = Some(addresses.clone()),
                Input::ServeMailboxes(serves) => self.serves = Some(*serves),
                Input::Network(NetworkEvent::Connected { peer, path }) => {
                    self.peers.insert(*peer, *path);
                }
                Input::Network(NetworkEvent::Disconnected { peer }) => {
                    self.peers.remove(peer);
                }
                Input::Network(NetworkEvent::Requested { answer, .. }) => owed.answers.push(*answer),
                Input::Network(NetworkEvent::Gossip { message, .. }) => owed.gossip.push(*message),
                Input::Network(_) | Input::Deadline | Input::ClockSetBack => {}
            }
        }
        owed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_a_person_waits_a_second_at_most_and_a_clock_set_back_puts_nothing_off() {
        let full = Full { tried_ms: 100_000, pause_ms: PAUSE_MAX_MS };
        assert!(!full.is_due(100_999, true) && full.is_due(101_000, true));
        assert!(!full.is_due(159_999, false) && full.is_due(160_000, false));
        assert!(full.is_due(5, false));
    }
}
