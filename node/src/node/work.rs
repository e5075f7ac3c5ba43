//! THE loop: commands, the swarm and the clock in; one transaction; effects out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use rand_chacha::ChaCha20Rng;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::now_ms;
use crate::engine::{Command, Effect, Engine, Input, Outcome, Ticket};
use crate::event::Event;
use crate::event_log::EventLog;
use crate::handle::{Ask, Now, Refused};
use crate::ids::ConversationId;
use crate::network::{Network, NetworkEvent, address_text};
use crate::store::{Reader, StoreError};

/// At most this many inputs share a transaction: what one sync of the disk costs is shared by all of them.
const BATCH_INPUTS_MAX: usize = 256;
/// The loop wakes at least this often, for a clock that was set or a lid that was closed.
const SLEEP_MAX: Duration = Duration::from_mins(1);
/// A clock that steps back by more than this is believed.
const STEP_BACK_MS: u64 = 10_000;
/// A conversation's summary is announced at most once in this time.
const ANNOUNCE_PAUSE: Duration = Duration::from_millis(50);

type Replies = BTreeMap<Ticket, oneshot::Sender<Result<crate::engine::Reply, Refused>>>;

/// The loop with everything it owns.
#[derive(Debug)]
pub(super) struct Work {
    engine: Engine,
    network: Network,
    asks: mpsc::Receiver<Ask>,
    replies: Replies,
    next_ticket: u64,
    events: EventLog,
    touched: Arc<Touched>,
    now: watch::Sender<Now>,
    wake_at_ms: Option<u64>,
    clock_ms: u64,
    rng: ChaCha20Rng,
    /// Whether envelopes are kept for others.
    mailbox: bool,
}

impl Work {
    pub(super) fn new(
        (engine, outcome): (Engine, Outcome),
        network: Network,
        asks: mpsc::Receiver<Ask>,
        events: EventLog,
        (passphrase, home): (bool, PathBuf),
        rng: ChaCha20Rng,
    ) -> (Self, watch::Receiver<Now>) {
        let peer = network.peer();
        let now = Now {
            me: engine.me(),
            peer_id: peer.to_peer_id(),
            addresses: texts(&network),
            peers: Vec::new(),
            passphrase,
            disk_full: engine.is_full(),
            mailbox: false,
            reach: network.reach(),
            home,
        };
        let (now, watching) = watch::channel(now);
        let mut work = Self {
            engine,
            network,
            asks,
            replies: BTreeMap::new(),
            next_ticket: 0,
            events,
            touched: Arc::default(),
            now,
            wake_at_ms: None,
            clock_ms: now_ms(),
            rng,
            mailbox: false,
        };
        work.perform(outcome);
        (work, watching)
    }

    /// With or without keeping envelopes for others.
    pub(super) fn serving(self, mailbox: bool) -> Self {
        self.now.send_modify(|now| now.mailbox = mailbox);
        Self { mailbox, ..self }
    }

    /// What tells listeners of changed conversations, beside the loop.
    pub(super) fn announcer(&self, reader: Reader) -> Announcer {
        Announcer { reader, events: self.events.clone(), touched: Arc::clone(&self.touched), now: self.now.subscribe() }
    }

    /// Runs until it is told to stop (`None`), or cannot go on (why).
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) -> Option<String> {
        let mut inputs = vec![Input::ServeMailboxes(self.mailbox), Input::Addresses(self.network.addresses())];
        loop {
            if let Err(error) = self.handle(std::mem::take(&mut inputs)).await {
                tracing::error!(%error, "the node stops: its store failed");
                self.touched.close();
                return Some(format!("the node stopped because {error}; nothing that was acknowledged is lost"));
            }
            let pause = self.pause();
            tokio::select! {
                biased;
                _ = &mut stop => break,
                ask = self.asks.recv() => match ask {
                    Some(ask) => inputs.push(self.ticket(ask)),
                    None => break,
                },
                event = self.network.next() => inputs.push(self.happened(event)),
                () = tokio::time::sleep(pause) => inputs.push(Input::Deadline),
            }
            self.gather(&mut inputs);
            // A network that is always busy must not keep what is due from being done.
            if self.wake_at_ms.is_some_and(|wake_at_ms| wake_at_ms <= now_ms()) {
                inputs.push(Input::Deadline);
            }
        }
        self.touched.close();
        self.engine.into_store().close().await;
        None
    }

    /// Takes along what is there already: under load one transaction carries many inputs.
    fn gather(&mut self, inputs: &mut Vec<Input>) {
        while inputs.len() < BATCH_INPUTS_MAX {
            if let Ok(ask) = self.asks.try_recv() {
                let input = self.ticket(ask);
                inputs.push(input);
            } else if let Some(event) = self.network.next().now_or_never() {
                let input = self.happened(event);
                inputs.push(input);
            } else {
                return;
            }
        }
    }

    fn ticket(&mut self, ask: Ask) -> Input {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.replies.insert(ticket, ask.reply);
        Input::Command { ticket, command: ask.command }
    }

    fn happened(&mut self, event: NetworkEvent) -> Input {
        match event {
            NetworkEvent::AddressesChanged => Input::Addresses(self.network.addresses()),
            event => Input::Network(event),
        }
    }

    async fn handle(&mut self, inputs: Vec<Input>) -> Result<(), StoreError> {
        // Small steps back are smoothed over; a large one is a clock that was wrong and is put right.
        let (now_ms, mut inputs) = (now_ms(), inputs);
        if now_ms.saturating_add(STEP_BACK_MS) < self.clock_ms {
            self.clock_ms = now_ms;
            inputs.insert(0, Input::ClockSetBack);
        }
        self.clock_ms = self.clock_ms.max(now_ms);
        let changes_me = inputs
            .iter()
            .any(|input| matches!(input, Input::Addresses(_) | Input::Command { command: Command::SetName(_), .. }));
        for input in &mut inputs {
            if let Input::Command { command: Command::CheckUp { places, .. }, .. } = input {
                let reach = self.network.reach();
                places.clone_from(&reach.places);
                self.now.send_modify(|now| now.reach = reach);
            }
        }
        let outcome = self.engine.handle(inputs, self.clock_ms, &mut self.rng).await?;
        if changes_me {
            let (me, addresses) = (self.engine.me(), texts(&self.network));
            self.now.send_modify(|now| (now.me, now.addresses) = (me, addresses));
        }
        let disk_full = self.engine.is_full();
        self.now.send_if_modified(|now| std::mem::replace(&mut now.disk_full, disk_full) != disk_full);
        self.perform(outcome);
        Ok(())
    }

    fn perform(&mut self, outcome: Outcome) {
        if outcome.events.iter().any(|event| matches!(event, Event::Peers { .. } | Event::Contact(_))) {
            let peers = self.engine.peers();
            self.now.send_modify(|now| now.peers = peers);
        }
        for effect in outcome.effects {
            match effect {
                Effect::Reply { ticket, reply } => {
                    if let Some(waiting) = self.replies.remove(&ticket) {
                        // Whoever asked may have gone; what they asked for is done all the same.
                        drop(waiting.send(reply));
                    }
                }
                Effect::Network(command) => self.network.perform(command),
            }
        }
        self.events.extend(outcome.events);
        self.touched.add(outcome.touched);
        self.wake_at_ms = outcome.wake_at_ms;
    }

    fn pause(&self) -> Duration {
        let wake_at_ms = self.wake_at_ms.unwrap_or(u64::MAX);
        Duration::from_millis(wake_at_ms.saturating_sub(now_ms())).min(SLEEP_MAX)
    }
}

fn texts(network: &Network) -> Vec<String> {
    let peer = network.peer();
    network.addresses().iter().filter_map(|address| address_text(address, &peer)).collect()
}

/// Conversations whose summary changed since it was announced last.
#[derive(Debug, Default)]
struct Touched {
    ids: Mutex<(BTreeSet<ConversationId>, bool)>,
    changed: Notify,
}

impl Touched {
    fn add(&self, ids: Vec<ConversationId>) {
        if !ids.is_empty() {
            self.ids.lock().unwrap_or_else(PoisonError::into_inner).0.extend(ids);
            self.changed.notify_one();
        }
    }

    fn close(&self) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_one();
    }

    fn take(&self) -> (BTreeSet<ConversationId>, bool) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut ids.0), ids.1)
    }
}

/// Tells listeners of changed conversations. It reads beside the loop, so that summaries never slow a message down.
#[derive(Debug)]
pub(super) struct Announcer {
    reader: Reader,
    events: EventLog,
    touched: Arc<Touched>,
    now: watch::Receiver<Now>,
}

impl Announcer {
    pub(super) async fn run(self) -> Option<String> {
        loop {
            self.touched.changed.notified().await;
            let (ids, closed) = self.touched.take();
            if closed {
                return None;
            }
            let me = self.now.borrow().me.clone();
            for id in ids {
                match self.reader.conversation(id, &me).await {
                    Ok(Some(conversation)) => self.events.extend([Event::Conversation(conversation)]),
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "a conversation could not be read for its listeners"),
                }
            }
            tokio::time::sleep(ANNOUNCE_PAUSE).await;
        }
    }
}
