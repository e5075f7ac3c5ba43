//! Being left behind (PROTOCOL §3.5): a node that the commits of a branch never reach still hears ballots that name it.
//! If more of the members speak for what it does not know than for where it is, the group is there and not here.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{ACCOUNT_WEIGHT, Choice, EpochTree, NodeKind, Whereabouts};
use crate::{epoch_id::EpochId, identity::NodeId};

/// A ballot may name an epoch that is not here for so long: ten minutes. A commit that a ballot has overtaken comes within
/// seconds, and its author sends it again within minutes; what is on its way for longer may never come, and coming
/// back costs one commit. For as long a head is young: who has not chosen it yet need not sleep.
pub const LEFT_BEHIND_AFTER_MS: u64 = 10 * 60 * 1_000;

/// Of two sides that weigh the same each has its turn to move for so long: a quarter of an hour. Clocks that are wrong
/// by half an hour or by whole ones still take turns.
pub const TURN_MS: u64 = 15 * 60 * 1_000;

/// Some of the members, by where their last choices are.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    weight: u64,
    lowest: Option<NodeId>,
}

impl Side {
    fn add(&mut self, node: NodeId, weight: u64) {
        self.weight = self.weight.saturating_add(weight);
        self.lowest = self.lowest.into_iter().chain([node]).min();
    }
}

impl EpochTree {
    /// Looks at where the other members are, and finds whether this node is left behind at this time.
    pub fn look_around(&mut self, me: NodeId, now_ms: u64) {
        if std::mem::take(&mut self.unstamped) {
            self.refresh(now_ms);
        }
        let mut astray = std::mem::take(&mut self.astray);
        astray.retain(|node, since_ms| {
            let is_astray = self.last_choice(*node).is_some_and(|last| self.is_ahead(last));
            if !is_astray || *since_ms > now_ms {
                *since_ms = now_ms;
                self.journal.note_ballot(*node);
            }
            is_astray
        });
        // Only a new ballot, or coming in elsewhere, makes one name what is not here: a thousand ballots are not looked at
        // again for each of them.
        for node in std::mem::take(&mut self.unlooked) {
            if !astray.contains_key(&node) && self.last_choice(node).is_some_and(|last| self.is_ahead(last)) {
                astray.insert(node, now_ms);
                self.journal.note_ballot(node);
            }
        }
        self.astray = astray;
        self.looked_ms = now_ms;
        let sides = self.sides(me, now_ms);
        let turn = now_ms.checked_div(TURN_MS).unwrap_or_default();
        self.left_behind = sides.is_some_and(|(there, here)| match there.weight.cmp(&here.weight) {
            Ordering::Greater => true,
            // Two nodes on two branches must not both move, nor both stay. Who moved in vain lets the other try.
            Ordering::Equal => (there.lowest < here.lowest) == turn.is_multiple_of(2),
            Ordering::Less => false,
        });
        let is_tied = sides.is_some_and(|(there, here)| there.weight == here.weight);
        self.next_turn_ms = is_tied.then(|| turn.saturating_add(1).saturating_mul(TURN_MS));
    }

    /// When this node may turn out to be left behind next, or not to be.
    pub fn look_around_due_at_ms(&self) -> Option<u64> {
        let head_ms = self.node(self.head).filter(|_| !self.astray.is_empty()).map(|head| head.since_ms);
        let since = self.astray.values().copied().chain(head_ms);
        let due = since.map(|since_ms| since_ms.saturating_add(LEFT_BEHIND_AFTER_MS));
        due.chain(self.next_turn_ms).filter(|due_ms| *due_ms > self.looked_ms).min()
    }

    /// Who is elsewhere and who is here, if enough are elsewhere to leave this node behind.
    fn sides(&self, me: NodeId, now_ms: u64) -> Option<(Side, Side)> {
        let head = self.nodes.get(&self.head).filter(|head| head.node.kind == NodeKind::Held)?;
        let voters = head.electorate.as_ref()?;
        let has_passed = |since_ms: u64| since_ms.saturating_add(LEFT_BEHIND_AFTER_MS) <= now_ms;
        let (mut there, mut here) = (Side::default(), Side::default());
        let is_there = |node: &NodeId| self.astray.get(node).is_some_and(|since_ms| has_passed(*since_ms));
        for node in self.astray.keys().filter(|node| **node != me && is_there(node)) {
            if let Some(weight) = voters.weight(*node) {
                there.add(*node, weight);
            }
        }
        // Where there are others to ask, one account alone strands nobody by naming what nobody has.
        let enough = if voters.total() > ACCOUNT_WEIGHT.saturating_mul(2) { ACCOUNT_WEIGHT } else { 0 };
        if there.weight <= enough {
            return None;
        }
        let is_old = has_passed(head.node.since_ms);
        let passed: BTreeSet<EpochId> =
            self.path(self.head).into_iter().filter(|id| is_old && *id != self.head).collect();
        here.add(me, voters.weight(me).unwrap_or_default());
        for node in self.ballots.keys().filter(|node| **node != me && !is_there(node)) {
            let (Some(weight), Some(last)) = (voters.weight(*node), self.last_choice(*node)) else { continue };
            if self.nodes.contains_key(&last.epoch) && !passed.contains(&last.epoch) {
                here.add(*node, weight);
            }
        }
        Some((there, here))
    }

    fn last_choice(&self, node: NodeId) -> Option<Choice> {
        self.ballots.get(&node)?.choices.last().copied()
    }

    /// An epoch that is not in the tree, and that those who are here did not pass: whoever chose last what is above the root,
    /// or what went with a root, sleeps. It may have been here, before this node came in elsewhere.
    fn is_ahead(&self, choice: Choice) -> bool {
        !self.nodes.contains_key(&choice.epoch)
            && self.whereabouts(choice.epoch) != Whereabouts::Settled
            && self.is_passed(choice.epoch, choice.number) == Some(false)
    }
}
