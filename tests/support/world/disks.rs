//! A node whose database lies on a disk that loses power and fills up, and what must be there whenever it starts again.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tidings_crypto::envelope::{Envelope, EnvelopeId};
use tidings_disk::{Disk, Full, Kind, VFS};
use tidings_node::engine::{Effect, Engine, Reply};
use tidings_node::handle::{MessageState, PageAt};
use tidings_node::ids::MessageId;
use tidings_node::network::{AnswerId, NetworkCommand};
use tidings_node::store::{Store, StoreError};
use tidings_node::wire::request::{PushVerdict, Request, Response};

use super::site::Happening;
use super::{Place, START_MS, World, databases};
use crate::faults::Faults;

/// In one schedule of so many of those with every fault, a node has such a disk.
const DISK_EVERY: u64 = 4;
/// The first cut of seed `n` is at write `n` of this many: a thousand seeds see a thousand places in turn.
const FIRST_CUTS: u64 = 1_500;
/// Of the cuts that follow, half come soon, while the node still recovers …
const NEXT_CUT_SOON: u64 = 80;
/// … and half later.
const NEXT_CUT: u64 = 1_500;
/// One input of so many finds the disk filling.
const FILLS_EVERY: u64 = 20;
/// It is full for so long at most.
const FULL_MS_MAX: u64 = 40_000;
/// A node that is cut off from power is back after so long at most.
const OFF_MS_MAX: u64 = 20_000;
/// What the file is called there.
const FILE: &str = "node.db";

/// A disk, what its node has promised, and how it fails.
pub(super) struct Ailing {
    disk: Disk,
    rng: ChaCha20Rng,
    /// How far the next cut is off while nothing may fail.
    held: Option<u64>,
    /// Messages whose sending was acknowledged.
    sent: BTreeSet<MessageId>,
    /// Envelopes of which some peer was told that they are kept.
    taken: BTreeSet<EnvelopeId>,
    /// What pushes carry that are not answered yet.
    pushed: BTreeMap<AnswerId, Vec<EnvelopeId>>,
    /// How often it was full.
    fills: u64,
}

impl Ailing {
    /// A disk for one node, if these faults and this seed have one.
    pub(super) fn of(seed: u64, nodes: usize, faults: Faults) -> Result<Option<(Place, Self)>> {
        let has = faults.power || faults.full;
        if !has || faults == Faults::ALL && seed % DISK_EVERY != 2 {
            return Ok(None);
        }
        let disk = Disk::new().map_err(anyhow::Error::msg)?;
        disk.lie(faults.lie);
        let place = Place::try_from(seed / DISK_EVERY)? % nodes;
        let ailing = Self {
            disk,
            rng: ChaCha20Rng::seed_from_u64(seed ^ u64::from_be_bytes(*b"the disk")),
            held: faults.power.then_some(1 + seed % FIRST_CUTS),
            sent: BTreeSet::new(),
            taken: BTreeSet::new(),
            pushed: BTreeMap::new(),
            fills: 0,
        };
        Ok(Some((place, ailing)))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    /// Power is back; the next cut is chosen.
    fn power_on(&mut self) {
        self.disk.power_on(self.rng.next_u64());
        let bound = if self.below(2) == 0 { NEXT_CUT_SOON } else { NEXT_CUT };
        self.held = Some(1 + self.below(bound));
    }

    /// Takes note of what is asked of its node.
    pub(super) fn asked(&mut self, answer: AnswerId, body: &Request) {
        if let Request::Push { envelopes } = body {
            let ids = envelopes.iter().filter_map(|bytes| Some(Envelope::decode(bytes).ok()?.id()));
            self.pushed.insert(answer, ids.collect());
        }
    }

    /// Takes note of what its node says: all of it is durable.
    pub(super) fn said(&mut self, effect: &Effect) {
        match effect {
            Effect::Reply { reply: Ok(Reply::Message(message)), .. } => {
                self.sent.insert(message.id);
            }
            Effect::Network(NetworkCommand::Answer { answer, body: Response::Push { verdicts } }) => {
                let ids = self.pushed.remove(answer).unwrap_or_default();
                let kept = ids.into_iter().zip(verdicts).filter(|(_, verdict)| **verdict == PushVerdict::Taken);
                self.taken.extend(kept.map(|(id, _)| id));
            }
            _ => {}
        }
    }
}

impl World {
    /// The disk of a node, if it can fail.
    pub fn disk(&self, at: Place) -> Option<Disk> {
        self.sites.get(at)?.ailing.as_ref().map(|ailing| ailing.disk.clone())
    }

    /// At what power went, and how often the disk was full.
    pub fn disk_faults(&self) -> (Vec<Kind>, u64) {
        let ailing = self.sites.iter().find_map(|site| site.ailing.as_ref());
        ailing.map_or((Vec::new(), 0), |ailing| (ailing.disk.cuts(), ailing.fills))
    }

    /// Lets disks fail, or holds what they have in store.
    pub(super) fn set_disks(&mut self, fail: bool) {
        for ailing in self.sites.iter_mut().filter_map(|site| site.ailing.as_mut()) {
            if fail {
                ailing.disk.cut_at(ailing.held.take());
            } else {
                ailing.held = ailing.disk.cut_in().or(ailing.held);
                ailing.disk.cut_at(None);
                ailing.disk.fill(None, Full::NoGrowth);
            }
        }
    }

    /// Now and then a disk fills, for a while.
    pub(super) fn fill_a_disk(&mut self, at: Place) -> Result<()> {
        // People begin with nodes that take what they are given.
        if !(self.faults_on && self.faults.full) || self.now_ms == START_MS {
            return Ok(());
        }
        let Some(ailing) = self.site(at)?.ailing.as_mut() else { return Ok(()) };
        if ailing.disk.is_full() || ailing.below(FILLS_EVERY) != 0 {
            return Ok(());
        }
        let full = if ailing.below(2) == 0 { Full::NoGrowth } else { Full::NoWrites };
        let after = ailing.below(30);
        ailing.disk.fill(Some(after), full);
        ailing.fills += 1;
        let for_ms = 1 + ailing.below(FULL_MS_MAX);
        self.schedule(self.now_ms + for_ms, Happening::Room { at });
        Ok(())
    }

    /// There is room again.
    pub(super) fn make_room(&mut self, at: Place) -> Result<()> {
        if let Some(ailing) = self.site(at)?.ailing.as_ref() {
            ailing.disk.fill(None, Full::NoGrowth);
        }
        Ok(())
    }

    /// A store failed: where power went, the node is gone until it is back.
    pub(super) fn store_failed(&mut self, at: Place, error: StoreError) -> Result<()> {
        if !self.site(at)?.ailing.as_ref().is_some_and(|ailing| ailing.disk.is_cut()) {
            return Err(error.into());
        }
        self.crash(at)?;
        self.back_later(at)
    }

    fn back_later(&mut self, at: Place) -> Result<()> {
        let Some(ailing) = self.site(at)?.ailing.as_mut() else { return Ok(()) };
        let after_ms = 500 + ailing.below(OFF_MS_MAX);
        self.restart_after(at, after_ms);
        Ok(())
    }

    /// A process that is gone has nothing open.
    pub(super) fn let_go_of_disk(&mut self, at: Place) -> Result<()> {
        let site = self.site(at)?;
        if let Some(ailing) = &mut site.ailing {
            site.store = None;
            ailing.pushed.clear();
            if !ailing.disk.is_cut() {
                ailing.disk.kill();
            }
        }
        Ok(())
    }

    /// The store of a node that is down, opened if it lies on a disk; none if the node is up, or its disk fails again.
    pub(super) async fn store_of(&mut self, at: Place) -> Result<Option<Store>> {
        let site = self.site(at)?;
        if site.store.is_some() || site.engine.is_some() || site.ailing.is_none() {
            return Ok(site.store.take());
        }
        let faults_on = self.faults_on;
        let ailing = self.site(at)?.ailing.as_mut().context("looked at above")?;
        if ailing.disk.is_cut() {
            ailing.power_on();
        }
        if faults_on {
            ailing.disk.cut_at(ailing.held.take().or_else(|| ailing.disk.cut_in()));
        }
        let disk = ailing.disk.clone();
        match self.open_and_look(at, &disk).await {
            Ok(store) => Ok(Some(store)),
            Err(error) => {
                let is_full = matches!(error.downcast_ref(), Some(StoreError::DiskFull));
                if disk.is_cut() || is_full {
                    self.let_go_of_disk(at)?;
                    self.back_later(at)?;
                    return Ok(None);
                }
                Err(error.context(format!("node {at} does not start again after {:?}", disk.cuts())))
            }
        }
    }

    /// Opens the database of a node, which must be whole and hold everything that was promised.
    async fn open_and_look(&mut self, at: Place, disk: &Disk) -> Result<Store> {
        let mut store = Store::open_through(VFS, &disk.path(FILE), databases::key()).await?;
        store.check().await?;
        let account = self.site(at)?.account;
        let mut messages = Vec::new();
        // What others hold a receipt of this node for is there as well.
        for other in (0..self.sites.len()).filter(|other| *other != at) {
            let Some(engine) = self.site(other)?.engine.as_ref() else { continue };
            let (me, reader) = (engine.me(), engine.reader());
            for conversation in reader.conversations(&me).await? {
                let page = reader.messages(conversation.id, PageAt::Newest, 200, &me).await?;
                for message in page.map(|page| page.messages).unwrap_or_default() {
                    let Some(detail) = reader.message_detail(message.id, &me).await? else { continue };
                    let has = |state| matches!(state, MessageState::Delivered | MessageState::Seen);
                    if detail.recipients.iter().any(|one| one.account == account && has(one.state)) {
                        messages.push(message.id);
                    }
                }
            }
        }
        let ailing = self.site(at)?.ailing.as_ref().context("a node with a disk")?;
        messages.extend(ailing.sent.iter().copied());
        let taken: Vec<EnvelopeId> = ailing.taken.iter().copied().collect();
        let mut missing = 0;
        let mut tx = store.begin().await?;
        for id in &messages {
            missing += u64::from(tx.message_home(*id).await?.is_none());
        }
        let known: BTreeSet<EnvelopeId> = tx.known_envelopes(&taken).await?.into_iter().collect();
        let unknown = taken.iter().filter(|id| !known.contains(id)).count() as u64;
        drop(tx);
        if missing + unknown > 0 {
            self.forgotten.push(format!(
                "node {at} forgot {missing} of {} messages and {unknown} of {} envelopes when power went at {:?}",
                messages.len(),
                taken.len(),
                disk.cuts().last(),
            ));
        }
        Ok(store)
    }

    /// The store of a world that has ended, unless it lies on a disk of its own.
    pub(super) fn reusable(site: super::site::Site) -> Option<Store> {
        let store = site.engine.map(Engine::into_store).or(site.store);
        store.filter(|_| site.ailing.is_none())
    }
}
