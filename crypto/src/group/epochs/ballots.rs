//! Who may vote where, what a ballot says, and how the votes are counted (PROTOCOL §3.3, §3.4).
//!
//! A member votes for a child of an epoch by having settled somewhere below it. Tallies are kept up to date one ballot
//! and one epoch at a time: a group of a thousand does not count a thousand ballots for each commit.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::{EpochTree, HORIZON_MS, NodeKind, Whereabouts};
use crate::{
    codec::{Malformed, Reader, Writer},
    epoch_id::EpochId,
    identity::{AccountId, NodeId},
};

/// So many branches a ballot names at most. A node that changes branches more often votes again when a root has gone.
pub const CHOICES_MAX: usize = 16;

/// What an account's nodes have together: it can be divided evenly among up to eight.
pub const ACCOUNT_WEIGHT: u64 = 840;

/// A node casts its ballot once its head has been there for this long (a guess: forks are mostly over by then).
pub const BALLOT_DELAY_MS: u64 = 30_000;

/// Up to so many nodes cast theirs all at once.
const AT_ONCE_MAX: u64 = 16;

/// Each further node makes the time longer over which they are cast: a thousand take a minute, or each would have a
/// thousand to read and a thousand to send in one moment.
const SPREAD_MS: u64 = 60;

/// Who may vote at an epoch: its members, each account with the same weight, divided among its nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Electorate {
    weights: BTreeMap<NodeId, u64>,
    total: u64,
}

impl Electorate {
    /// The electorate of these members.
    pub fn new(members: impl IntoIterator<Item = (AccountId, NodeId)>) -> Self {
        let mut accounts: BTreeMap<AccountId, BTreeSet<NodeId>> = BTreeMap::new();
        for (account, node) in members {
            accounts.entry(account).or_default().insert(node);
        }
        let mut electorate = Self::default();
        for nodes in accounts.into_values() {
            let count = u64::try_from(nodes.len()).unwrap_or(u64::MAX);
            let weight = ACCOUNT_WEIGHT.checked_div(count).unwrap_or_default();
            electorate.total = electorate.total.saturating_add(weight.saturating_mul(count));
            electorate.weights.extend(nodes.into_iter().map(|node| (node, weight)));
        }
        electorate
    }

    /// What a node's vote weighs; nothing for whoever is no member.
    pub fn weight(&self, node: NodeId) -> Option<u64> {
        self.weights.get(&node).copied()
    }

    /// What all votes weigh together.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// An epoch that a node has settled on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// MLS's number of the epoch: who lacks the epoch still knows how deep it can lie.
    pub number: u64,
    /// The epoch.
    pub epoch: EpochId,
}

/// What a node has settled on. Of a node's ballots the newest counts and no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ballot {
    /// The highest of a node counts.
    pub number: u64,
    /// The branches it settled on, in that order; at most [`CHOICES_MAX`].
    pub choices: Vec<Choice>,
}

impl Ballot {
    /// Writes the ballot's fields.
    pub fn encode(&self, writer: &mut Writer) {
        writer.u64(self.number).u16(u16::try_from(self.choices.len()).unwrap_or(u16::MAX));
        for choice in &self.choices {
            writer.u64(choice.number).array(&choice.epoch.0);
        }
    }

    /// Reads what [`Ballot::encode`] wrote.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let number = reader.u64()?;
        let count = usize::from(reader.u16()?);
        if count > CHOICES_MAX {
            return Err(Malformed::TooLong { what: "a ballot", limit: CHOICES_MAX });
        }
        let mut choices = Vec::with_capacity(count);
        for _ in 0..count {
            choices.push(Choice { number: reader.u64()?, epoch: EpochId(reader.array()?) });
        }
        Ok(Self { number, choices })
    }

    /// Which of two ballots of one node counts: the newer, and of two with one number always the same one.
    fn replaces(&self, other: &Self) -> bool {
        let by_choices = || self.choices.len().cmp(&other.choices.len()).then_with(|| self.choices.cmp(&other.choices));
        self.number.cmp(&other.number).then_with(by_choices) == Ordering::Greater
    }
}

/// What became of a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// It counts now.
    Taken,
    /// That one, or one that replaces it, was there.
    Known,
    /// The node is a member of no epoch of the tree.
    NotAMember,
}

impl EpochTree {
    /// Counts a node's ballot, whose signature was verified.
    pub fn cast(&mut self, node: NodeId, ballot: Ballot, now_ms: u64) -> Cast {
        if self.ballots.get(&node).is_some_and(|held| !ballot.replaces(held)) {
            return Cast::Known;
        }
        if !self.is_voter(node) {
            return Cast::NotAMember;
        }
        self.uncount(node);
        self.hold_ballot(node, ballot);
        self.count(node);
        self.journal.note_ballot(node);
        self.refresh(now_ms);
        Cast::Taken
    }

    /// A node's ballot.
    pub fn ballot(&self, node: NodeId) -> Option<&Ballot> {
        self.ballots.get(&node)
    }

    /// When a node that settles where this tree does has something new to say, if ever.
    pub fn ballot_due_at_ms(&self, me: NodeId) -> Option<u64> {
        self.next_choices(me)?;
        let head = self.nodes.get(&self.head)?;
        let due_ms = head.node.since_ms.saturating_add(BALLOT_DELAY_MS).saturating_add(self.place_in_spread_ms(me));
        // If whoever is stranded never voted, a late commit of somebody long gone could keep a group from settling.
        let stranded_ms = self.stranded_since_ms().map_or(0, |since_ms| since_ms.saturating_add(HORIZON_MS));
        Some(due_ms.max(stranded_ms))
    }

    /// In a large group, how much later than the first this node casts its ballot: another time at each head.
    fn place_in_spread_ms(&self, me: NodeId) -> u64 {
        let count =
            self.electorate(self.head).map_or(0, |voters| u64::try_from(voters.weights.len()).unwrap_or(u64::MAX));
        let spread_ms = count.saturating_sub(AT_ONCE_MAX).saturating_mul(SPREAD_MS);
        let drawn = |bytes: &[u8; 32]| bytes.iter().take(8).fold(0_u64, |drawn, byte| (drawn << 8) | u64::from(*byte));
        (drawn(&me.0) ^ drawn(&self.head.0)).checked_rem(spread_ms).unwrap_or_default()
    }

    /// The ballot that an honest node casts now, if one is due. Its vote at any one fork stays what it was.
    pub fn next_ballot(&self, me: NodeId, now_ms: u64) -> Option<Ballot> {
        if self.ballot_due_at_ms(me)? > now_ms {
            return None;
        }
        let number = self.ballots.get(&me).map_or(0, |ballot| ballot.number).saturating_add(1).max(now_ms);
        Some(Ballot { number, choices: self.next_choices(me)? })
    }

    /// What a node would choose that settles where this tree does, if that is something new and there is room for it.
    fn next_choices(&self, me: NodeId) -> Option<Vec<Choice>> {
        // What this node chose after the backup it does not know, and must not say otherwise.
        let head = self.nodes.get(&self.head).filter(|head| head.node.kind == NodeKind::Held && !self.restored)?;
        let mut choices = self.ballots.get(&me).map(|ballot| ballot.choices.clone()).unwrap_or_default();
        // There is nothing to vote on at a tree of one node; but somebody who is elsewhere learns by it where this node is.
        let is_idle = self.head == self.root && self.astray.is_empty();
        if is_idle || choices.last().is_some_and(|last| last.epoch == self.head) {
            return None;
        }
        // What went with a root whose child was settled: that child won without this vote, and newcomers never
        // heard of the choice. What went otherwise stays, or a vote would change.
        choices.retain(|choice| self.whereabouts(choice.epoch) != Whereabouts::Settled);
        if choices.last().is_some_and(|last| self.leads_to_head(last.epoch)) {
            choices.pop();
        }
        choices.push(Choice { number: head.node.number, epoch: self.head });
        (choices.len() <= CHOICES_MAX).then_some(choices)
    }

    /// Since when what this node cannot enter has kept it from where the group is. One ghost may take the place of
    /// another, here or elsewhere on the way: the oldest counts, or a trickle of them could put off all votes for ever.
    fn stranded_since_ms(&self) -> Option<u64> {
        let goal = self.nodes.get(&self.goal).filter(|_| self.goal != self.head)?;
        let way = self.path(self.head);
        let mut since_ms = goal.node.since_ms;
        let beside_goal = goal.node.parent.filter(|parent| !way.contains(parent)).map(|parent| (parent, None));
        let on_the_way = way.iter().zip(way.iter().skip(1).map(Some).chain([None])).map(|(at, next)| (*at, next));
        for (at, next) in on_the_way.chain(beside_goal) {
            // Siblings come in the order of their ranks: what stands before the next one on the way beats it.
            let is_settled = next.is_some_and(|next| self.settled_child(at) == Some(*next));
            let beating = self.children(at).take_while(|child| !is_settled && Some(child) != next);
            let ghosts = beating.filter_map(|child| self.node(child)).filter(|node| node.kind == NodeKind::Ghost);
            since_ms = ghosts.map(|ghost| ghost.since_ms).chain([since_ms]).min().unwrap_or(since_ms);
        }
        Some(since_ms)
    }

    /// The weight of the votes for an epoch among its siblings.
    pub fn votes(&self, epoch: EpochId) -> u64 {
        self.nodes.get(&epoch).map_or(0, |placed| placed.votes)
    }

    /// The child of an epoch that no further vote of honest members can outvote.
    pub fn settled_child(&self, epoch: EpochId) -> Option<EpochId> {
        let total = self.nodes.get(&epoch)?.electorate.as_ref()?.total();
        let children = self.children.get(&epoch)?;
        let cast = children.iter().fold(0_u64, |sum, child| sum.saturating_add(self.votes(child.commit)));
        let uncast = total.saturating_sub(cast);
        // Only a child with the most votes can win; of several, the one of lowest rank, which comes first.
        let best = children.iter().rev().max_by_key(|child| self.votes(child.commit))?;
        let votes = self.votes(best.commit);
        let beats = |other: &super::Rank| {
            let others = self.votes(other.commit).saturating_add(uncast);
            votes > others || (votes == others && best < other)
        };
        let wins = votes > uncast && children.iter().filter(|child| *child != best).all(beats);
        wins.then_some(best.commit)
    }

    pub(super) fn count(&mut self, voter: NodeId) {
        for (child, weight) in self.votes_of(voter) {
            if let Some(placed) = self.nodes.get_mut(&child) {
                placed.votes = placed.votes.saturating_add(weight);
            }
        }
    }

    pub(super) fn uncount(&mut self, voter: NodeId) {
        for (child, weight) in self.votes_of(voter) {
            if let Some(placed) = self.nodes.get_mut(&child) {
                placed.votes = placed.votes.saturating_sub(weight);
            }
        }
    }

    /// Whether a node is a member of any epoch of the tree.
    pub fn is_voter(&self, node: NodeId) -> bool {
        self.nodes.values().filter_map(|placed| placed.electorate.as_ref()).any(|voters| voters.weight(node).is_some())
    }

    /// A node's votes, one an epoch at which it may vote: the child there, and the weight.
    ///
    /// At an epoch the first choice that lies below it decides. A choice that is not here could lie below any epoch
    /// of a lower number: at those the node has not voted yet, whatever its later choices are.
    fn votes_of(&self, node: NodeId) -> Vec<(EpochId, u64)> {
        let mut votes = Vec::new();
        let Some(ballot) = self.ballots.get(&node) else { return votes };
        let mut decided = BTreeSet::new();
        let mut hidden_below = 0;
        for choice in &ballot.choices {
            if !self.nodes.contains_key(&choice.epoch) {
                if self.whereabouts(choice.epoch) == Whereabouts::Unclear {
                    hidden_below = choice.number.max(hidden_below);
                }
                continue;
            }
            let mut child = choice.epoch;
            while let Some(parent) = self.nodes.get(&child).and_then(|placed| placed.node.parent) {
                let Some(placed) = self.nodes.get(&parent) else { break };
                // What is decided or hidden here is so all the way up.
                if placed.node.number < hidden_below || !decided.insert(parent) {
                    break;
                }
                let weight = placed.electorate.as_ref().and_then(|electorate| electorate.weight(node));
                votes.extend(weight.map(|weight| (child, weight)));
                child = parent;
            }
        }
        votes
    }
}
