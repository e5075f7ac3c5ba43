//! A group with two accounts of each role, and what they do there: openly, or with a program that asks nobody.

use std::collections::BTreeMap;

use openmls::prelude::LeafNodeIndex;

use super::world::*;
use crate::{
    envelope::Content,
    group::{
        authenticated::{Authenticated, Claims},
        commit::{Plan, stage},
        key_package::parse,
        policy::Act,
        provider::Provider,
        state::load,
        storage::Overlay,
        *,
    },
    identity::{AccountId, LocalNode},
};

pub(super) const OWNER: usize = 0;
pub(super) const ADMIN: usize = 1;
pub(super) const MEMBER: usize = 2;
pub(super) const READER: usize = 3;
/// From here on, another one of each role.
pub(super) const OTHER: usize = 4;

/// Two accounts of each role, an invite by the other member, and what those who are not in it would bring.
pub(super) struct Scene {
    pub(super) nodes: Vec<Node>,
    pub(super) stranger: AccountId,
    pub(super) package: Vec<u8>,
}

impl Scene {
    pub(super) fn new(may: Who, seed: u64) -> Self {
        let mut nodes = nodes(2 * OTHER, seed);
        let role = |index: usize| [Role::Owner, Role::Admin, Role::Member, Role::ReadOnly][index % OTHER];
        let roles = nodes.iter().enumerate().map(|(index, node)| (node.me.account_id(), role(index))).collect();
        let invite = invite_of(&nodes[OTHER + MEMBER].me, 9);
        let policy = Policy { invites: vec![invite], ..policy_of(&nodes[0]) };
        all_do(&mut nodes, OTHER + MEMBER, &policy);
        let policy = Policy { roles, may_invite: may, may_edit: may, ..policy };
        all_do(&mut nodes, OWNER, &policy);
        for node in &mut nodes {
            node.save();
        }
        let stranger = local_node(&mut rng(seed + 1000));
        let (package, _) = KeyPackage::generate(&stranger, Suite::Classic, true, &mut rng(seed + 1001)).unwrap();
        Self { nodes, stranger: stranger.account_id(), package: package.bytes }
    }

    pub(super) fn account(&self, index: usize) -> AccountId {
        self.nodes[index].me.account_id()
    }

    pub(super) fn removal(&self, index: usize) -> Change<'_> {
        Change { remove: vec![self.nodes[index].me.node_id()], ..Change::default() }
    }

    /// Another policy.
    pub(super) fn with(&self, alter: impl FnOnce(&mut Policy)) -> Change<'_> {
        let mut policy = policy_of(&self.nodes[0]);
        alter(&mut policy);
        Change { policy: Some(policy), ..Change::default() }
    }

    pub(super) fn role(&self, index: usize, role: Role) -> Change<'_> {
        let account = self.account(index);
        self.with(|policy| {
            policy.roles.insert(account, role);
        })
    }
}

pub(super) fn policy_of(node: &Node) -> Policy {
    node.group.policy().unwrap().clone()
}

/// One changes the policy, and all follow.
pub(super) fn all_do(nodes: &mut [Node], author: usize, policy: &Policy) {
    let change = Change { policy: Some(policy.clone()), ..Change::default() };
    all_follow(nodes, author, change);
}

/// One makes a change, and all others follow or learn that they are out.
pub(super) fn all_follow(nodes: &mut [Node], author: usize, change: Change<'_>) -> Committed {
    let node = &mut nodes[author];
    let committed = node.group.change(&node.me, change, at(NOW_MS), &mut node.rng).unwrap();
    for (index, node) in nodes.iter_mut().enumerate() {
        if index != author && node.group.am_member() {
            match node.group.receive(&committed.content, NOW_MS) {
                Received::Committed { summary, .. } => assert_eq!(*summary, committed.summary),
                // Whoever is out does not see where the others are.
                Received::RemovedHere { summary: Some(summary) } => {
                    let mut expected = committed.summary.clone();
                    expected.added.iter_mut().for_each(|added| added.leaf = 0);
                    assert_eq!(*summary, expected);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    committed
}

pub(super) fn invite_of(creator: &LocalNode, seed: u8) -> Invite {
    Invite {
        key: InviteSeed::from_bytes([seed; 32]).public(),
        creator: creator.account_id(),
        expires_at_ms: NOW_MS + 1,
        uses: Some(1),
        role: Role::Member,
        approval: false,
    }
}

/// The commit of a changed program: everything is settled as it must be, and nobody asked whether it is allowed.
pub(super) fn forced(node: &mut Node, change: &Change<'_>, moment: Moment) -> Content {
    let state = node.group.head_state().unwrap();
    let packages: Vec<_> = change.add.iter().map(|bytes| parse(bytes).unwrap()).collect();
    let added: Vec<Member> = packages.iter().map(|(_, member)| member.clone()).collect();
    let removed: Vec<Member> =
        state.members.iter().filter(|member| change.remove.contains(&member.node)).cloned().collect();
    let own = state.members.iter().find(|member| member.node == node.me.node_id()).unwrap();
    let act = Act {
        group: GROUP,
        suite: Suite::Classic,
        members: &state.members,
        policy: &state.policy,
        committer: own,
        added: &added,
        removed: &removed,
        evidence: &change.evidence,
        at_ms: moment.now_ms,
    };
    let wanted = change.policy.clone().unwrap_or_else(|| state.policy.clone());
    let settled = act.settle(wanted.clone()).unwrap_or(wanted);
    let plan = Plan {
        references: BTreeMap::new(),
        added: packages.into_iter().map(|(package, _)| package).collect(),
        removed: removed.iter().map(|member| LeafNodeIndex::new(member.leaf)).collect(),
        policy: Some(settled).filter(|settled| *settled != state.policy),
    };
    forged(node, plan, Claims { moment, evidence: change.evidence.clone() })
}

/// A commit that its author did not even settle.
pub(super) fn forged(node: &mut Node, plan: Plan, claims: Claims) -> Content {
    let epoch = node.group.head();
    let state = node.group.head_state().unwrap();
    let mut rows = state.rows.copy_for_child();
    let mut group = load(&rows, &GROUP.to_mls()).unwrap();
    let provider = Provider::seeded(Overlay::writing(&mut rows), &mut node.rng);
    group.set_aad(Authenticated::Commit { parent: epoch, claims }.encode());
    let (message, _) = stage(&mut group, &provider, &node.me, state, plan).unwrap();
    Content { epoch, message }
}

/// The author refuses it, and so does another, for the same reason.
pub(super) fn assert_forbidden(nodes: &mut [Node], author: usize, change: &Change<'_>, reason: Forbidden) {
    let node = &mut nodes[author];
    node.group.take_changes();
    let error = node.group.change(&node.me, change.clone(), at(NOW_MS), &mut node.rng).unwrap_err();
    assert_eq!(error, CommitError::Forbidden(reason));
    assert!(node.group.take_changes().is_empty(), "nothing happens before it is refused");
    let content = forced(node, change, at(NOW_MS));
    let other = &mut nodes[usize::from(author == 0)];
    assert_eq!(other.group.receive(&content, NOW_MS), Received::Refused(Refusal::Forbidden(reason)));
}
