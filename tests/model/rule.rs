//! A small model of THE RULE, written from PROTOCOL §3 and not from the code: it keeps every commit and every ballot in
//! two maps and works everything out anew each time, in the words of the specification.

use std::collections::{BTreeMap, BTreeSet};

use tidings_crypto::epoch_id::EpochId;
use tidings_crypto::group::epochs::{ACCOUNT_WEIGHT, Ballot, NodeKind, Rank, RankClass};
use tidings_crypto::identity::{AccountId, NodeId};

/// A commit and the epoch that it made (PROTOCOL §3.1).
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    /// None for the first epoch.
    pub(crate) parent: Option<EpochId>,
    /// MLS's number of the epoch.
    pub(crate) number: u64,
    /// PROTOCOL §3.2.
    pub(crate) rank: Rank,
    /// What the node that is modelled has of it.
    pub(crate) kind: NodeKind,
    /// The members' nodes and their accounts; nobody for a tombstone.
    pub(crate) members: BTreeMap<NodeId, AccountId>,
}

/// What one node knows.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The epochs of its tree.
    pub(crate) commits: BTreeMap<EpochId, Commit>,
    /// Of each node the ballot that counts.
    pub(crate) ballots: BTreeMap<NodeId, Ballot>,
    /// The oldest epoch.
    pub(crate) root: EpochId,
}

impl Model {
    /// A tree of one epoch.
    pub(crate) fn new(root: EpochId, commit: Commit) -> Self {
        Self { commits: BTreeMap::from([(root, commit)]), ballots: BTreeMap::new(), root }
    }

    /// PROTOCOL §3.3: of a node's ballots the newest counts; of two with one number the longer, or else the greater.
    pub(crate) fn cast(&mut self, node: NodeId, ballot: Ballot) {
        let order = |ballot: &Ballot| (ballot.number, ballot.choices.len(), ballot.choices.clone());
        let held = self.ballots.entry(node).or_default();
        if order(&ballot) > order(held) {
            *held = ballot;
        }
    }

    /// PROTOCOL §3.5: on to the settled child, or else to that of lowest rank. A ghost's children have no lottery.
    pub(crate) fn goal(&self) -> EpochId {
        let mut here = self.root;
        while self.commits[&here].kind != NodeKind::Ghost {
            let children = self.children(here);
            let Some(next) = self.settled(here).or_else(|| self.lowest(&children)) else { break };
            here = next;
        }
        here
    }

    /// PROTOCOL §3.5: the same walk without ghosts, and without skeletons below which there is nothing to enter.
    pub(crate) fn head(&self) -> EpochId {
        let mut here = self.root;
        loop {
            let mut open = self.children(here);
            open.retain(|child| self.can_be_entered(*child));
            let settled = self.settled(here).filter(|child| open.contains(child));
            let Some(next) = settled.or_else(|| self.lowest(&open)) else { return here };
            here = next;
        }
    }

    /// PROTOCOL §3.4.
    pub(crate) fn settled(&self, at: EpochId) -> Option<EpochId> {
        let voters: BTreeSet<NodeId> = self.commits[&at].members.keys().copied().collect();
        let mut tally: BTreeMap<EpochId, u64> = self.children(at).into_iter().map(|child| (child, 0)).collect();
        let mut uncast = 0;
        for voter in voters {
            let weight = self.weight(voter, at);
            match self.vote(voter, at) {
                Some(child) => *tally.entry(child).or_default() += weight,
                None => uncast += weight,
            }
        }
        let mut settled = tally.iter().filter(|(child, cast)| {
            let beats = |(other, others): (&EpochId, &u64)| {
                other == *child
                    || **cast > others + uncast
                    || (**cast == others + uncast && self.order(**child) < self.order(*other))
            };
            **cast > uncast && tally.iter().all(beats)
        });
        let first = settled.next().map(|(child, _)| *child);
        assert!(settled.next().is_none(), "two children of one epoch are settled");
        first
    }

    /// PROTOCOL §3.5: whether a node is left behind, if all of this was heard more than ten minutes ago, or all but the head.
    pub(crate) fn is_left_behind(&self, me: NodeId, head_is_young: bool, quarter: u64) -> bool {
        let head = self.head();
        if self.commits[&head].kind != NodeKind::Held {
            return false;
        }
        let (mut elsewhere, mut here) = (BTreeSet::new(), BTreeSet::from([me]));
        for member in self.commits[&head].members.keys().filter(|member| **member != me) {
            let Some(last) = self.ballots.get(member).and_then(|ballot| ballot.choices.last()) else { continue };
            if !self.commits.contains_key(&last.epoch) {
                if last.number >= self.commits[&self.root].number {
                    elsewhere.insert(*member);
                }
            } else if head_is_young || last.epoch == head || !self.is_at_or_below(head, last.epoch) {
                here.insert(*member);
            }
        }
        let weight = |side: &BTreeSet<NodeId>| side.iter().map(|node| self.weight(*node, head)).sum::<u64>();
        let accounts: BTreeSet<_> = self.commits[&head].members.values().collect();
        if weight(&elsewhere) == 0 || (accounts.len() >= 3 && weight(&elsewhere) <= ACCOUNT_WEIGHT) {
            return false;
        }
        if weight(&elsewhere) != weight(&here) {
            return weight(&elsewhere) > weight(&here);
        }
        let here_is_lowest = here.first() < elsewhere.first();
        if quarter % 2 == 1 { here_is_lowest } else { !here_is_lowest }
    }

    /// PROTOCOL §3.3: the child that a node votes for. The first choice that lies strictly below decides; one that is not
    /// known hides the vote wherever it could lie below.
    fn vote(&self, voter: NodeId, at: EpochId) -> Option<EpochId> {
        let children = self.children(at);
        for choice in &self.ballots.get(&voter)?.choices {
            if self.commits.contains_key(&choice.epoch) {
                let child = children.iter().find(|child| self.is_at_or_below(choice.epoch, **child));
                if child.is_some() {
                    return child.copied();
                }
            } else if choice.number > self.commits[&at].number {
                return None;
            }
        }
        None
    }

    /// PROTOCOL §3.3: what an account has, divided among its nodes.
    fn weight(&self, voter: NodeId, at: EpochId) -> u64 {
        let members = &self.commits[&at].members;
        let nodes = members.values().filter(|account| **account == members[&voter]).count();
        ACCOUNT_WEIGHT / nodes as u64
    }

    /// PROTOCOL §3.2: class, power, lottery, hash; spelt out, because the order of the shipped type is what is tested.
    fn order(&self, epoch: EpochId) -> (u8, u8, [u8; 32], [u8; 32]) {
        let rank = &self.commits[&epoch].rank;
        let class = match rank.class {
            RankClass::Removal => 0,
            RankClass::TakesAway => 1,
            RankClass::Other => 2,
        };
        (class, rank.power, rank.lottery, rank.commit.0)
    }

    fn children(&self, of: EpochId) -> Vec<EpochId> {
        self.commits.iter().filter(|(_, commit)| commit.parent == Some(of)).map(|(id, _)| *id).collect()
    }

    fn lowest(&self, among: &[EpochId]) -> Option<EpochId> {
        among.iter().copied().min_by_key(|child| self.order(*child))
    }

    fn can_be_entered(&self, epoch: EpochId) -> bool {
        matches!(self.commits[&epoch].kind, NodeKind::Held | NodeKind::Tombstone)
            || self.children(epoch).into_iter().any(|child| self.can_be_entered(child))
    }

    fn is_at_or_below(&self, epoch: EpochId, top: EpochId) -> bool {
        epoch == top || self.commits[&epoch].parent.is_some_and(|parent| self.is_at_or_below(parent, top))
    }
}
