//! The ballots that are here, the epochs that they name, and what this node has found out about them (PROTOCOL §3.3).
//!
//! What is counted depends on where a named epoch lies. That is kept with the ballot that names it and saved with it, and
//! not with the epochs that were removed: those are forgotten when they are many, and a tally must not change by that.

use std::collections::BTreeSet;

use super::{Ballot, EpochTree};
use crate::{
    codec::{Malformed, Reader, Writer},
    epoch_id::EpochId,
    identity::NodeId,
};

/// So many ballots are kept of nodes that may vote nowhere now: who is a member again must not be heard with an old one
/// (a guess: more than ever come back to one group).
pub const IDLE_BALLOTS_MAX: usize = 256;

/// What is known of an epoch that a ballot names, where the tree does not have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whereabouts {
    /// It may lie below anything of a lower number.
    #[default]
    Unclear,
    /// It was never here, and follows what lies elsewhere.
    PassedOver,
    /// It was here, and lies elsewhere.
    Left,
    /// It went with a root whose other child was settled.
    Settled,
}

/// What a node has found out about another's ballot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BallotNotes {
    /// Since when its last choice has been an epoch that was never here, if it is.
    pub astray_ms: Option<u64>,
    /// Of each choice where it lies.
    pub whereabouts: Vec<Whereabouts>,
}

/// An epoch that ballots name.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    voters: BTreeSet<NodeId>,
    whereabouts: Whereabouts,
}

impl BallotNotes {
    /// Their size at rest.
    pub const BYTES: usize = 12;

    /// Writes them: the time, 0 for none, then two bits a choice, the first lowest.
    pub fn encode(&self, writer: &mut Writer) {
        let bits = self.whereabouts.iter().rev().fold(0_u32, |bits, whereabouts| {
            let own = match whereabouts {
                Whereabouts::Unclear => 0,
                Whereabouts::PassedOver => 1,
                Whereabouts::Left => 2,
                Whereabouts::Settled => 3,
            };
            (bits << 2) | own
        });
        writer.u64(self.astray_ms.unwrap_or_default()).u32(bits);
    }

    /// Reads what [`BallotNotes::encode`] wrote of a ballot with so many choices.
    pub fn decode(reader: &mut Reader<'_>, choices: usize) -> Result<Self, Malformed> {
        let astray_ms = Some(reader.u64()?).filter(|at_ms| *at_ms > 0);
        let mut bits = reader.u32()?;
        let mut whereabouts = Vec::with_capacity(choices);
        for _ in 0..choices {
            whereabouts.push(match bits & 3 {
                0 => Whereabouts::Unclear,
                1 => Whereabouts::PassedOver,
                2 => Whereabouts::Left,
                _ => Whereabouts::Settled,
            });
            bits >>= 2;
        }
        Ok(Self { astray_ms, whereabouts })
    }
}

impl EpochTree {
    /// What this node has found out about a node's ballot.
    pub fn ballot_notes(&self, node: NodeId) -> BallotNotes {
        let choices = self.ballots.get(&node).into_iter().flat_map(|ballot| &ballot.choices);
        BallotNotes {
            astray_ms: self.astray.get(&node).copied(),
            whereabouts: choices.map(|choice| self.whereabouts(choice.epoch)).collect(),
        }
    }

    /// What was found out about a ballot before it was saved.
    pub(super) fn note(&mut self, node: NodeId, notes: &BallotNotes) {
        self.astray.extend(notes.astray_ms.map(|since_ms| (node, since_ms)));
        let Some(ballot) = self.ballots.get(&node) else { return };
        for (choice, noted) in ballot.choices.iter().zip(&notes.whereabouts) {
            if let Some(named) = self.named.get_mut(&choice.epoch).filter(|_| !self.nodes.contains_key(&choice.epoch)) {
                named.whereabouts = named.whereabouts.max(*noted);
            }
        }
    }

    /// Where an epoch lies that a ballot names.
    pub(super) fn whereabouts(&self, epoch: EpochId) -> Whereabouts {
        self.named.get(&epoch).map(|named| named.whereabouts).unwrap_or_default()
    }

    /// An epoch that a ballot may name is known not to lie below anything here.
    pub(super) fn lose(&mut self, epoch: EpochId, whereabouts: Whereabouts) {
        if let Some(named) = self.named.get_mut(&epoch).filter(|named| named.whereabouts < whereabouts) {
            named.whereabouts = whereabouts;
            for voter in &named.voters {
                self.journal.note_ballot(*voter);
            }
        }
    }

    /// An epoch that a ballot may name is here.
    pub(super) fn find_again(&mut self, epoch: EpochId) {
        if let Some(named) = self.named.get_mut(&epoch).filter(|named| named.whereabouts != Whereabouts::Unclear) {
            named.whereabouts = Whereabouts::Unclear;
            for voter in &named.voters {
                self.journal.note_ballot(*voter);
            }
        }
    }

    /// This node came in elsewhere: what lay elsewhere may lie below its root now.
    pub(super) fn find_all_again(&mut self) {
        for node in std::mem::take(&mut self.astray).into_keys() {
            self.journal.note_ballot(node);
        }
        self.unlooked = self.ballots.keys().copied().collect();
        for epoch in self.named.keys().copied().collect::<Vec<_>>() {
            self.find_again(epoch);
            let seen = self.seen(epoch);
            self.lose(epoch, seen);
        }
    }

    /// What the tree itself knows of an epoch.
    fn seen(&self, epoch: EpochId) -> Whereabouts {
        if self.nodes.contains_key(&epoch) {
            Whereabouts::Unclear
        } else if self.detached.contains_key(&epoch) || self.memory.find(epoch) == Some(true) {
            Whereabouts::Left
        } else if self.memory.find(epoch).is_none() && self.passed_over.find(epoch) == Some(true) {
            Whereabouts::PassedOver
        } else {
            Whereabouts::Unclear
        }
    }

    pub(super) fn hold_ballot(&mut self, node: NodeId, ballot: Ballot) {
        for choice in &ballot.choices {
            if !self.named.contains_key(&choice.epoch) {
                let whereabouts = self.seen(choice.epoch);
                self.named.insert(choice.epoch, Named { voters: BTreeSet::new(), whereabouts });
            }
        }
        self.unlooked.insert(node);
        let replaced = self.ballots.insert(node, ballot);
        self.unname(node, replaced.as_ref());
        for choice in self.ballots.get(&node).into_iter().flat_map(|ballot| &ballot.choices) {
            if let Some(named) = self.named.get_mut(&choice.epoch) {
                named.voters.insert(node);
            }
        }
        if let Some(replaced) = replaced {
            self.forget_unnamed(&replaced);
        }
    }

    /// Those whose ballots name an epoch.
    pub(super) fn voters_naming(&self, epoch: EpochId) -> Vec<NodeId> {
        self.named.get(&epoch).into_iter().flat_map(|named| &named.voters).copied().collect()
    }

    /// Ballots of nodes that may vote nowhere count nowhere. They are kept, for an older one of theirs must not count
    /// when they are members again; of too many those with the lowest numbers go.
    pub(super) fn drop_idle_ballots(&mut self) {
        let electorates = self.electorates();
        let is_idle = |node: &NodeId| electorates.iter().all(|electorate| electorate.weight(*node).is_none());
        let idle = self.ballots.iter().filter(|(node, _)| is_idle(node));
        let mut idle: Vec<(u64, NodeId)> = idle.map(|(node, ballot)| (ballot.number, *node)).collect();
        idle.sort_unstable();
        let too_many = idle.len().saturating_sub(IDLE_BALLOTS_MAX);
        for (_, node) in idle.into_iter().take(too_many) {
            let dropped = self.ballots.remove(&node).unwrap_or_default();
            self.unname(node, Some(&dropped));
            self.forget_unnamed(&dropped);
            self.astray.remove(&node);
            self.unlooked.remove(&node);
            self.journal.note_ballot_dropped(node);
        }
    }

    fn unname(&mut self, node: NodeId, ballot: Option<&Ballot>) {
        for choice in ballot.into_iter().flat_map(|ballot| &ballot.choices) {
            if let Some(named) = self.named.get_mut(&choice.epoch) {
                named.voters.remove(&node);
            }
        }
    }

    fn forget_unnamed(&mut self, ballot: &Ballot) {
        for choice in &ballot.choices {
            if self.named.get(&choice.epoch).is_some_and(|named| named.voters.is_empty()) {
                self.named.remove(&choice.epoch);
            }
        }
    }
}
