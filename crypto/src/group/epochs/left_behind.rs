//! Being left behind (PROTOCOL §3.5): a node that the commits of a branch never reach still hears ballots that name it.
//! If more of the members speak for what it does not know than for where it is, the group is there and not here.

use super::{Choice, EpochTree, NodeKind};
use crate::{epoch_id::EpochId, identity::NodeId};

/// A ballot may name an epoch that is not here for so long: ten minutes. A commit that a ballot has overtaken comes within
/// seconds, and its author sends it again within minutes; what is on its way for longer may never come, and coming
/// back costs one commit.
pub const LEFT_BEHIND_AFTER_MS: u64 = 10 * 60 * 1_000;

/// Some of the members, by where their last choices are.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    weight: u64,
    number: u64,
    lowest: Option<NodeId>,
}

impl Side {
    fn add(&mut self, node: NodeId, weight: u64, number: u64) {
        self.weight = self.weight.saturating_add(weight);
        self.number = self.number.max(number);
        self.lowest = self.lowest.into_iter().chain([node]).min();
    }

    /// Two nodes on two branches must not both move, nor both stay.
    fn outweighs(&self, other: &Self) -> bool {
        let tied = self.weight == other.weight;
        let goes_first = (self.number, other.lowest) > (other.number, self.lowest);
        self.weight > other.weight || (tied && self.weight > 0 && goes_first)
    }
}

impl EpochTree {
    /// Looks at where the other members are, and finds whether this node is left behind at this time.
    pub fn look_around(&mut self, me: NodeId, now_ms: u64) {
        let mut astray = std::mem::take(&mut self.astray);
        astray.retain(|node, since_ms| {
            *since_ms = (*since_ms).min(now_ms);
            self.last_choice(*node).is_some_and(|last| self.is_ahead(last))
        });
        for (node, ballot) in &self.ballots {
            if ballot.choices.last().is_some_and(|last| self.is_ahead(*last)) {
                astray.entry(*node).or_insert(now_ms);
            }
        }
        self.astray = astray;
        self.looked_ms = now_ms;
        self.left_behind = self.is_left_behind(me, now_ms);
    }

    /// When this node may turn out to be left behind next.
    pub fn look_around_due_at_ms(&self) -> Option<u64> {
        let due = self.astray.values().map(|since_ms| since_ms.saturating_add(LEFT_BEHIND_AFTER_MS));
        due.filter(|due_ms| *due_ms > self.looked_ms).min()
    }

    fn is_left_behind(&self, me: NodeId, now_ms: u64) -> bool {
        let Some(head) = self.nodes.get(&self.head).filter(|head| head.node.kind == NodeKind::Held) else {
            return false;
        };
        let Some(voters) = &head.electorate else { return false };
        let before_head = self.path(self.head);
        let is_asleep = |epoch: EpochId| epoch != self.head && before_head.contains(&epoch);
        let (mut there, mut here) = (Side::default(), Side::default());
        here.add(me, voters.weight(me).unwrap_or_default(), head.node.number);
        for node in self.ballots.keys().filter(|node| **node != me) {
            let (Some(weight), Some(last)) = (voters.weight(*node), self.last_choice(*node)) else { continue };
            let astray_ms = self.astray.get(node).map(|since_ms| since_ms.saturating_add(LEFT_BEHIND_AFTER_MS));
            if astray_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                there.add(*node, weight, last.number);
            } else if self.nodes.contains_key(&last.epoch) && !is_asleep(last.epoch) {
                here.add(*node, weight, 0);
            }
        }
        there.outweighs(&here)
    }

    fn last_choice(&self, node: NodeId) -> Option<Choice> {
        self.ballots.get(&node)?.choices.last().copied()
    }

    /// An epoch that was never here, and is no older than the root: what went with a root, or is older, is known to
    /// have been passed by those who are here, and whoever chose it last sleeps.
    fn is_ahead(&self, choice: Choice) -> bool {
        let was_here = self.nodes.contains_key(&choice.epoch)
            || self.detached.contains_key(&choice.epoch)
            || self.memory.find(choice.epoch).is_some();
        !was_here && self.nodes.get(&self.root).is_some_and(|root| choice.number >= root.node.number)
    }
}
