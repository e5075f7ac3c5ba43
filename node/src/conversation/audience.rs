//! Whom a message was for (PROTOCOL §6.8): the members' nodes when it was sent. Pure.
//!
//! Who joins later is not waited for, and who was removed since does not hold a message back; but nothing is ever shown
//! as delivered that no receipt proved. What one member has, it keeps for the others (§6.13): for these it is *stored*.

use std::collections::{BTreeMap, BTreeSet};

use tidings_crypto::identity::{AccountId, NodeId};

use super::ledger::Progress;
use super::state::state_for;
use crate::handle::MessageState;

/// The nodes that a message was for, the author's own included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    nodes: BTreeMap<NodeId, AccountId>,
}

/// A message's state for one account of its audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The account.
    pub account: AccountId,
    /// Its nodes that the message was for.
    pub nodes: Vec<NodeId>,
    /// What they proved.
    pub state: MessageState,
    /// Whether none of its nodes that the message was for is a member any more.
    pub removed: bool,
}

impl Audience {
    /// These nodes with their accounts.
    pub fn of(nodes: impl IntoIterator<Item = (NodeId, AccountId)>) -> Self {
        Self { nodes: nodes.into_iter().collect() }
    }

    /// Whether the message was for this node.
    pub fn contains(&self, node: &NodeId) -> bool {
        self.nodes.contains_key(node)
    }

    /// The nodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.keys().copied()
    }

    /// Both audiences together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::of(self.nodes.iter().chain(&other.nodes).map(|(node, account)| (*node, *account)))
    }

    /// A message's state for each account of its audience but the author's own.
    pub fn standings<'a>(
        &self,
        me: AccountId,
        sequence: u64,
        is_member: impl Fn(&NodeId) -> bool,
        progress: impl Fn(&NodeId) -> Option<&'a Progress>,
    ) -> Vec<Standing> {
        let mut accounts: BTreeMap<AccountId, Vec<NodeId>> = BTreeMap::new();
        for (node, account) in self.nodes.iter().filter(|(_, account)| **account != me) {
            accounts.entry(*account).or_default().push(*node);
        }
        let standing = |(account, nodes): (AccountId, Vec<NodeId>)| Standing {
            account,
            state: state_for(nodes.iter().map(&progress), sequence),
            removed: !nodes.iter().any(&is_member),
            nodes,
        };
        let mut standings: Vec<Standing> = accounts.into_iter().map(standing).collect();
        if keepers(&standings).next().is_some() {
            let lacks = |standing: &&mut Standing| !standing.removed && standing.state == MessageState::Queued;
            for standing in standings.iter_mut().filter(lacks) {
                standing.state = MessageState::Stored;
            }
        }
        standings
    }

    /// As bytes for the store: 64 bytes a node (node, account).
    pub fn to_bytes(&self) -> Vec<u8> {
        self.nodes.iter().flat_map(|(node, account)| node.0.into_iter().chain(account.0)).collect()
    }

    /// From bytes of the store; a damaged tail is left out.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (rows, _) = bytes.as_chunks::<64>();
        let node = |row: &[u8; 64]| {
            let (mut node, mut account) = ([0; 32], [0; 32]);
            node.copy_from_slice(row.first_chunk::<32>().unwrap_or(&[0; 32]));
            account.copy_from_slice(row.last_chunk::<32>().unwrap_or(&[0; 32]));
            (NodeId(node), AccountId(account))
        };
        Self::of(rows.iter().map(node))
    }
}

/// What was told of a message last, and for whom it waits: while that account proves nothing more, whatever others prove
/// changes nothing. So of the receipts of a large group few are looked at account by account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    state: MessageState,
    /// The number of the audience that was looked at.
    audience: u64,
    waits_for: Option<AccountId>,
}

impl Told {
    /// What is told by what is proved for each account of an audience.
    pub fn of(audience: u64, standings: &[Standing]) -> Self {
        let state = state_of(standings);
        // The first who has it keeps it for all: what is queued may be stored when anybody proves something.
        let waits = |standing: &&Standing| !standing.removed && standing.state == state;
        let there = standings.iter().find(waits).filter(|_| state != MessageState::Queued);
        Self { state, audience, waits_for: there.map(|standing| standing.account) }
    }

    /// The state.
    pub fn state(&self) -> MessageState {
        self.state
    }

    /// Whether it holds after these accounts proved more.
    pub fn holds(&self, audience: u64, provers: &BTreeSet<AccountId>) -> bool {
        self.audience == audience && self.waits_for.is_some_and(|account| !provers.contains(&account))
    }
}

/// The members who have a message, and keep it for those who lack it.
pub fn keepers(standings: &[Standing]) -> impl Iterator<Item = &Standing> {
    standings.iter().filter(|standing| !standing.removed && standing.state >= MessageState::Delivered)
}

/// The state of a message as a whole: what is proved for everybody who is still there. Where nobody is, what was proved
/// for all of those who were.
pub fn state_of(standings: &[Standing]) -> MessageState {
    let there = standings.iter().filter(|standing| !standing.removed).map(|standing| standing.state).min();
    there.or_else(|| standings.iter().map(|standing| standing.state).min()).unwrap_or(MessageState::Queued)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: AccountId = AccountId([0; 32]);

    fn node(byte: u8) -> NodeId {
        NodeId([byte; 32])
    }

    /// I, and three others with a node each.
    fn audience() -> Audience {
        Audience::of((0..4).map(|byte| (node(byte), AccountId([byte; 32]))))
    }

    fn state(members: &[u8], proved: &[u8]) -> MessageState {
        let mut progress = Progress::default();
        progress.delivered.insert(5);
        let is_member = |node: &NodeId| members.contains(&node.0[0]);
        let standings = audience().standings(ME, 5, is_member, |node| proved.contains(&node.0[0]).then_some(&progress));
        state_of(&standings)
    }

    #[test]
    fn a_member_who_proved_nothing_holds_a_message_back_and_the_others_keep_it() {
        assert_eq!(state(&[0, 1, 2, 3], &[]), MessageState::Queued);
        assert_eq!(state(&[0, 1, 2, 3], &[1, 2]), MessageState::Stored);
        assert_eq!(state(&[0, 1, 2, 3], &[1, 2, 3]), MessageState::Delivered);
    }

    #[test]
    fn who_was_removed_holds_nothing_back_and_who_joined_is_not_waited_for() {
        assert_eq!(state(&[0, 1, 2], &[1, 2]), MessageState::Delivered);
        assert_eq!(state(&[0, 1, 2, 9], &[1, 2]), MessageState::Delivered);
        assert_eq!(state(&[0, 1, 2], &[1, 3]), MessageState::Stored);
        assert_eq!(state(&[0, 1, 2], &[3]), MessageState::Queued, "who was removed keeps nothing for the others");
    }

    #[test]
    fn when_nobody_is_left_only_what_was_proved_for_all_counts() {
        assert_eq!(state(&[0], &[1, 2]), MessageState::Queued);
        assert_eq!(state(&[0], &[1, 2, 3]), MessageState::Delivered);
    }

    #[test]
    fn a_removed_account_is_told_apart() {
        let standings = audience().standings(ME, 5, |node| node.0[0] != 3, |_| None);
        assert_eq!(standings.iter().map(|standing| standing.removed).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn what_is_kept_is_read() {
        assert_eq!(Audience::from_bytes(&audience().to_bytes()), audience());
        let joined = audience().and(&Audience::of([(node(9), ME)]));
        assert!(joined.contains(&node(9)) && joined.contains(&node(3)) && joined.nodes().count() == 5);
    }
}
