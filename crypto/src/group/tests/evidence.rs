//! What a commit may do with evidence, and that evidence that is forged, old, used before or for somewhere else does
//! nothing.

use super::{
    scene::{all_do, all_follow, assert_forbidden, invite_of, policy_of},
    world::*,
};
use crate::{
    group::*,
    identity::{AccountKey, LocalNode, NodeCertificate, NodeId, NodeKeys},
};

const FOUNDER: usize = 0;
const READER: usize = 3;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A founder who owns the group, two members, and one who may only read.
fn four(seed: u64) -> Vec<Node> {
    let mut nodes = nodes(4, seed);
    let (owner, reader) = (nodes[FOUNDER].me.account_id(), nodes[READER].me.account_id());
    let roles = [(owner, Role::Owner), (reader, Role::ReadOnly)].into();
    let policy = Policy { roles, may_invite: Who::Admins, ..policy_of(&nodes[0]) };
    all_do(&mut nodes, FOUNDER, &policy);
    nodes
}

fn removal(nodes: &[NodeId], evidence: &[Evidence]) -> Change<'static> {
    Change { remove: nodes.to_vec(), evidence: evidence.to_vec(), ..Change::default() }
}

fn forbidden(reason: BadEvidence) -> Forbidden {
    Forbidden::Evidence(reason)
}

#[test]
fn whoever_wants_to_leave_is_let_out_by_anybody() {
    let mut nodes = four(500);
    let leaving = nodes[1].me.node_id();
    let leave = nodes[1].group.leave_statement(&nodes[1].me, NOW_MS).unwrap();
    assert_eq!(LeaveStatement::decode(&leave.encode()), Ok(leave));
    let change = removal(&[leaving], &[]);
    assert_forbidden(&mut nodes, READER, &change, Forbidden::Removing);
    let committed = all_follow(&mut nodes, READER, removal(&[leaving], &[Evidence::Leave(leave)]));
    assert_eq!(committed.summary.removed[0].1, Why::Left);
    assert!(!nodes[1].group.am_member());
    assert_eq!(policy_of(&nodes[0]).gone.get(&nodes[1].me.account_id()), Some(&NOW_MS));
}

#[test]
fn a_leave_statement_that_is_forged_or_for_something_else_lets_nobody_out() {
    let mut nodes = four(501);
    let (victim, account) = (nodes[1].me.node_id(), nodes[1].me.account_id());
    let genuine = nodes[1].group.leave_statement(&nodes[1].me, NOW_MS).unwrap();
    let others = LeaveStatement::sign(&nodes[2].me, GROUP, NOW_MS);
    let elsewhere = LeaveStatement::sign(&nodes[1].me, GroupId([8; 16]), NOW_MS);
    let stranger = second_node(&nodes[1].me, &mut rng(502));
    for forged in [
        LeaveStatement { account, ..others },
        LeaveStatement { account, node: victim, ..others },
        LeaveStatement { made_at_ms: NOW_MS + 1, ..genuine },
        elsewhere,
        // By a node of the account that is not in the group.
        LeaveStatement::sign(&stranger, GROUP, NOW_MS),
    ] {
        let change = removal(&[victim], &[Evidence::Leave(forged)]);
        assert_forbidden(&mut nodes, 2, &change, forbidden(BadEvidence::Forged));
    }
    for unneeded in [
        removal(&[], &[Evidence::Leave(genuine)]),
        removal(&[nodes[2].me.node_id()], &[Evidence::Leave(genuine)]),
        removal(&[victim], &[Evidence::Leave(genuine), Evidence::Leave(genuine)]),
        removal(&[], &[Evidence::Leave(others)]),
    ] {
        assert_forbidden(&mut nodes, 0, &unneeded, forbidden(BadEvidence::Unneeded));
    }
}

#[test]
fn a_leave_statement_holds_for_thirty_days() {
    let mut nodes = four(503);
    let victim = nodes[1].me.node_id();
    for made_at_ms in [NOW_MS - 30 * DAY_MS - 1, NOW_MS + 30 * DAY_MS + 1] {
        let old = LeaveStatement::sign(&nodes[1].me, GROUP, made_at_ms);
        let change = removal(&[victim], &[Evidence::Leave(old)]);
        assert_forbidden(&mut nodes, 2, &change, forbidden(BadEvidence::Expired));
    }
    let latest = LeaveStatement::sign(&nodes[1].me, GROUP, NOW_MS - 30 * DAY_MS);
    all_follow(&mut nodes, 2, removal(&[victim], &[Evidence::Leave(latest)]));
}

#[test]
fn a_leave_statement_is_not_used_against_whoever_has_come_back() {
    let mut nodes = four(504);
    let node = nodes.remove(1);
    let (id, account) = (node.me.node_id(), node.me.account_id());
    let leave = node.group.leave_statement(&node.me, NOW_MS).unwrap();
    // Removed without it; the statement is still around.
    all_follow(&mut nodes, FOUNDER, removal(&[id], &[]));
    let (package, secret) = KeyPackage::generate(&node.me, Suite::Classic, true, &mut rng(505)).unwrap();
    let again = all_follow(&mut nodes, FOUNDER, Change { add: vec![&package.bytes], ..Change::default() });
    let group = join(&node.me, &again, &package, &secret).unwrap().group;
    let change = removal(&[id], &[Evidence::Leave(leave)]);
    assert_forbidden(&mut nodes, 1, &change, forbidden(BadEvidence::Outdated));
    // Whoever leaves again, within the same millisecond and with the same clock, is let out.
    let later = group.leave_statement(&node.me, NOW_MS).unwrap();
    assert_eq!(later.made_at_ms, NOW_MS + 1);
    all_follow(&mut nodes, 1, removal(&[id], &[Evidence::Leave(later)]));
    assert_eq!(policy_of(&nodes[0]).gone.get(&account), Some(&(NOW_MS + 1)));
}

#[test]
fn whoever_leaves_leaves_with_all_nodes() {
    let mut nodes = four(506);
    let phone = second_node(&nodes[1].me, &mut rng(507));
    let (package, _) = KeyPackage::generate(&phone, Suite::Classic, true, &mut rng(508)).unwrap();
    all_follow(&mut nodes, 1, Change { add: vec![&package.bytes], ..Change::default() });
    let leave = Evidence::Leave(nodes[1].group.leave_statement(&nodes[1].me, NOW_MS).unwrap());
    let both = [nodes[1].me.node_id(), phone.node_id()];
    let change = removal(&both[..1], &[leave]);
    assert_forbidden(&mut nodes, 2, &change, forbidden(BadEvidence::Unneeded));
    let committed = all_follow(&mut nodes, 2, removal(&both, &[leave]));
    assert!(committed.summary.removed.iter().all(|(_, why)| *why == Why::Left));
}

#[test]
fn a_revoked_node_is_removed_by_whoever_notices_first() {
    let mut nodes = four(509);
    let phone = second_node(&nodes[0].me, &mut rng(510));
    let (package, _) = KeyPackage::generate(&phone, Suite::Classic, true, &mut rng(511)).unwrap();
    all_follow(&mut nodes, 0, Change { add: vec![&package.bytes], ..Change::default() });
    let revocation = Revocation::sign(&nodes[0].me.account, phone.node_id());
    assert_eq!(Revocation::decode(&revocation.encode()), Ok(revocation));
    let forged = Revocation::sign(&nodes[1].me.account, phone.node_id());
    let change = removal(&[phone.node_id()], &[Evidence::Revocation(forged)]);
    assert_forbidden(&mut nodes, READER, &change, forbidden(BadEvidence::Forged));
    let change = removal(&[nodes[0].me.node_id()], &[Evidence::Revocation(revocation)]);
    assert_forbidden(&mut nodes, READER, &change, forbidden(BadEvidence::Unneeded));
    let change = removal(&[phone.node_id()], &[Evidence::Revocation(revocation); 2]);
    assert_forbidden(&mut nodes, READER, &change, forbidden(BadEvidence::Unneeded));
    let committed = all_follow(&mut nodes, READER, removal(&[phone.node_id()], &[Evidence::Revocation(revocation)]));
    assert_eq!(committed.summary.removed[0].1, Why::Ended);
    assert_eq!(policy_of(&nodes[1]).role(&nodes[0].me.account_id()), Role::Owner, "the account is still there");
}

/// A node whose certificate ends at that time.
fn until(not_after_ms: u64, seed: u64) -> LocalNode {
    let mut rng = rng(seed);
    let (account, keys) = (AccountKey::generate(&mut rng), NodeKeys::generate(&mut rng));
    let certificate = NodeCertificate::issue(&account, &keys, 1, NOW_MS - YEAR_MS, not_after_ms);
    LocalNode { account, keys, certificate }
}

#[test]
fn a_node_whose_certificate_has_ended_is_removed_by_whoever_notices_first() {
    let mut nodes = four(512);
    let short = until(NOW_MS + 10, 513);
    let (package, _) = KeyPackage::generate(&short, Suite::Classic, true, &mut rng(514)).unwrap();
    all_follow(&mut nodes, 0, Change { add: vec![&package.bytes], ..Change::default() });
    let change = removal(&[short.node_id()], &[]);
    assert_forbidden(&mut nodes, READER, &change, Forbidden::Removing);
    let node = &mut nodes[READER];
    let at_end = node.group.change(&node.me, change.clone(), at(NOW_MS + 10), &mut node.rng);
    assert_eq!(at_end, Err(CommitError::Forbidden(Forbidden::Removing)));
    let committed = node.group.change(&node.me, change, at(NOW_MS + 11), &mut node.rng).unwrap();
    assert_eq!(committed.summary.removed[0].1, Why::Ended);
    each_follows(&mut nodes[..READER], &committed.content);
}

#[test]
fn the_place_of_whoever_is_gone_from_a_direct_conversation_stays_theirs() {
    let mut anna = Node::found(515, &Policy::direct());
    let ben = until(NOW_MS + 10, 516);
    let (package, _) = KeyPackage::generate(&ben, Suite::Classic, true, &mut rng(517)).unwrap();
    anna.group.add(&anna.me, &[&package.bytes], NOW_MS, &mut anna.rng).unwrap();
    anna.group.remove(&anna.me, &[ben.node_id()], NOW_MS + 11, &mut anna.rng).unwrap();
    let (package, _) = KeyPackage::generate(&local_node(&mut rng(518)), Suite::Classic, true, &mut rng(519)).unwrap();
    let third = anna.group.add(&anna.me, &[&package.bytes], NOW_MS + 11, &mut anna.rng);
    assert_eq!(third, Err(CommitError::Forbidden(Forbidden::ThirdAccount)));
    let account = AccountKey::from_seed(ben.account.seed());
    let certificate = NodeCertificate::issue(&account, &ben.keys, 2, NOW_MS, NOW_MS + YEAR_MS);
    let renewed = LocalNode { account, keys: ben.keys, certificate };
    let (package, _) = KeyPackage::generate(&renewed, Suite::Classic, true, &mut rng(520)).unwrap();
    assert!(anna.group.add(&anna.me, &[&package.bytes], NOW_MS + 11, &mut anna.rng).is_ok());
}

/// The founder makes an invite with the link of this seed.
fn invite(nodes: &mut [Node], seed: u8, alter: impl FnOnce(&mut Invite)) -> InviteSeed {
    let mut policy = policy_of(&nodes[FOUNDER]);
    let mut invite = invite_of(&nodes[FOUNDER].me, seed);
    alter(&mut invite);
    policy.invites.push(invite);
    all_do(nodes, FOUNDER, &policy);
    InviteSeed::from_bytes([seed; 32])
}

/// Somebody who has a link, and what they show.
struct Joiner {
    package: Vec<u8>,
    proof: InviteProof,
}

impl Joiner {
    fn new(seed: u64, link: &InviteSeed) -> Self {
        let me = local_node(&mut rng(seed));
        let (package, _) = KeyPackage::generate(&me, Suite::Classic, true, &mut rng(seed + 1)).unwrap();
        Self { package: package.bytes, proof: link.prove(GROUP, me.account_id()) }
    }

    fn change(&self) -> Change<'_> {
        let evidence = vec![Evidence::Invitation(self.proof)];
        Change { add: vec![&self.package], evidence, ..Change::default() }
    }
}

#[test]
fn any_member_lets_in_whoever_has_the_link() {
    let mut nodes = four(530);
    let link = invite(&mut nodes, 1, |invite| invite.uses = Some(2));
    let joiner = Joiner::new(531, &link);
    let without = Change { evidence: vec![], ..joiner.change() };
    assert_forbidden(&mut nodes, 1, &without, Forbidden::Adding);
    let committed = all_follow(&mut nodes, READER, joiner.change());
    let join = committed.summary.joins[0];
    assert_eq!(
        (join.account, join.invite, join.creator),
        (joiner.proof.account, link.id(), nodes[FOUNDER].me.account_id())
    );
    assert_eq!(policy_of(&nodes[0]).invite(link.id()).unwrap().uses, Some(1));
    all_follow(&mut nodes, 1, Joiner::new(532, &link).change());
    assert_eq!(policy_of(&nodes[0]).invite(link.id()), None);
    let change = Joiner::new(533, &link);
    assert_forbidden(&mut nodes, 1, &change.change(), forbidden(BadEvidence::NoSuchInvite));
}

#[test]
fn an_invite_without_limit_lets_in_many_and_says_what_they_may() {
    let mut nodes = four(534);
    let link = invite(&mut nodes, 1, |invite| (invite.uses, invite.role) = (None, Role::ReadOnly));
    let joiners = [Joiner::new(535, &link), Joiner::new(536, &link)];
    let change = Change {
        add: joiners.iter().map(|joiner| joiner.package.as_slice()).collect(),
        evidence: joiners.iter().map(|joiner| Evidence::Invitation(joiner.proof)).collect(),
        ..Change::default()
    };
    all_follow(&mut nodes, 1, change);
    let policy = policy_of(&nodes[2]);
    assert!(joiners.iter().all(|joiner| policy.role(&joiner.proof.account) == Role::ReadOnly));
    assert_eq!(policy.invite(link.id()).unwrap().uses, None);
}

#[test]
fn an_invite_lets_in_no_more_than_it_says_even_at_once() {
    let mut nodes = four(537);
    let link = invite(&mut nodes, 1, |_| {});
    let joiners = [Joiner::new(538, &link), Joiner::new(539, &link)];
    let both = Change {
        add: joiners.iter().map(|joiner| joiner.package.as_slice()).collect(),
        evidence: joiners.iter().map(|joiner| Evidence::Invitation(joiner.proof)).collect(),
        ..Change::default()
    };
    assert_forbidden(&mut nodes, 1, &both, forbidden(BadEvidence::NoSuchInvite));
    // Two members honour it without knowing of each other: one of the two comes in.
    let commits: Vec<_> = [1, 2]
        .iter()
        .zip(&joiners)
        .map(|(author, joiner)| {
            let node = &mut nodes[*author];
            node.group.change(&node.me, joiner.change(), at(NOW_MS), &mut node.rng).unwrap()
        })
        .collect();
    for node in &mut nodes {
        for commit in &commits {
            node.group.receive(&commit.content, NOW_MS);
        }
    }
    let head = nodes[0].group.head();
    assert!(nodes.iter().all(|node| node.group.head() == head));
    let loser = usize::from(commits[0].epoch == head);
    let accounts: Vec<_> = nodes[0].group.members().iter().map(|member| member.account).collect();
    assert!(accounts.contains(&joiners[1 - loser].proof.account) && !accounts.contains(&joiners[loser].proof.account));
    assert_forbidden(&mut nodes, 1 + loser, &joiners[loser].change(), forbidden(BadEvidence::NoSuchInvite));
}

#[test]
fn a_revocation_wins_over_whoever_comes_in_at_the_same_time() {
    let mut nodes = four(540);
    let link = invite(&mut nodes, 1, |_| {});
    let joiner = Joiner::new(541, &link);
    let revoked = Policy { invites: vec![], ..policy_of(&nodes[0]) };
    let node = &mut nodes[FOUNDER];
    let change = Change { policy: Some(revoked), ..Change::default() };
    let revocation = node.group.change(&node.me, change, at(NOW_MS), &mut node.rng).unwrap();
    let node = &mut nodes[1];
    let admission = node.group.change(&node.me, joiner.change(), at(NOW_MS), &mut node.rng).unwrap();
    for node in &mut nodes {
        node.group.receive(&admission.content, NOW_MS);
        node.group.receive(&revocation.content, NOW_MS);
        assert_eq!(node.group.head(), revocation.epoch);
    }
    assert_forbidden(&mut nodes, 1, &joiner.change(), forbidden(BadEvidence::NoSuchInvite));
}

#[test]
fn a_proof_holds_for_one_account_one_group_and_one_invite() {
    let mut nodes = four(542);
    let link = invite(&mut nodes, 1, |_| {});
    let other = invite(&mut nodes, 2, |_| {});
    let expired = invite(&mut nodes, 3, |invite| invite.expires_at_ms = NOW_MS - 1);
    let joiner = Joiner::new(543, &link);
    let account = joiner.proof.account;
    let with = |proof| Change { evidence: vec![Evidence::Invitation(proof)], ..joiner.change() };
    for (proof, reason) in [
        (link.prove(GroupId([8; 16]), account), BadEvidence::Forged),
        (InviteProof { invite: other.id(), ..joiner.proof }, BadEvidence::Forged),
        (InviteProof { account, ..Joiner::new(544, &link).proof }, BadEvidence::Forged),
        (Joiner::new(544, &link).proof, BadEvidence::Unneeded),
        (link.prove(GROUP, nodes[2].me.account_id()), BadEvidence::Unneeded),
        (InviteSeed::from_bytes([4; 32]).prove(GROUP, account), BadEvidence::NoSuchInvite),
        (expired.prove(GROUP, account), BadEvidence::InviteExpired),
    ] {
        assert_forbidden(&mut nodes, 1, &with(proof), forbidden(reason));
    }
    let twice = Change { evidence: vec![Evidence::Invitation(joiner.proof); 2], ..joiner.change() };
    assert_forbidden(&mut nodes, 1, &twice, forbidden(BadEvidence::Unneeded));
}

#[test]
fn an_invite_that_needs_approval_needs_somebody_who_may_add() {
    let mut nodes = four(545);
    let link = invite(&mut nodes, 1, |invite| invite.approval = true);
    let joiner = Joiner::new(546, &link);
    for author in [1, READER] {
        assert_forbidden(&mut nodes, author, &joiner.change(), forbidden(BadEvidence::NeedsApproval));
    }
    let committed = all_follow(&mut nodes, FOUNDER, joiner.change());
    assert_eq!(committed.summary.joins[0].invite, link.id());
}

#[test]
fn the_invites_of_whoever_is_put_out_are_worth_nothing() {
    let mut nodes = four(547);
    let everybody = Policy { may_invite: Who::Everybody, ..policy_of(&nodes[0]) };
    all_do(&mut nodes, FOUNDER, &everybody);
    let policy = Policy { invites: vec![invite_of(&nodes[1].me, 1)], ..everybody };
    all_do(&mut nodes, 1, &policy);
    let gone = nodes.remove(1);
    all_follow(&mut nodes, FOUNDER, removal(&[gone.me.node_id()], &[]));
    assert!(policy_of(&nodes[1]).invites.is_empty());
    let back = InviteSeed::from_bytes([1; 32]).prove(GROUP, gone.me.account_id());
    let (package, _) = KeyPackage::generate(&gone.me, Suite::Classic, true, &mut rng(548)).unwrap();
    let change = Change { add: vec![&package.bytes], evidence: vec![Evidence::Invitation(back)], ..Change::default() };
    assert_forbidden(&mut nodes, 1, &change, forbidden(BadEvidence::NoSuchInvite));
}

#[test]
fn whoever_was_put_out_comes_back_by_nobodys_link_unless_by_hand() {
    let mut nodes = four(550);
    let link = invite(&mut nodes, 1, |_| {});
    let gone = nodes.remove(1);
    all_follow(&mut nodes, FOUNDER, removal(&[gone.me.node_id()], &[]));
    let back = link.prove(GROUP, gone.me.account_id());
    let (package, _) = KeyPackage::generate(&gone.me, Suite::Classic, true, &mut rng(551)).unwrap();
    let change = Change { add: vec![&package.bytes], evidence: vec![Evidence::Invitation(back)], ..Change::default() };
    assert_forbidden(&mut nodes, 1, &change, forbidden(BadEvidence::NeedsApproval));
    let committed = all_follow(&mut nodes, FOUNDER, change);
    assert_eq!(committed.summary.joins[0].account, gone.me.account_id(), "who may add people may");
}

#[test]
fn expired_invites_are_cleared_away_by_whoever_may_make_some() {
    let mut nodes = four(549);
    invite(&mut nodes, 1, |invite| invite.expires_at_ms = NOW_MS - 1);
    let cleared = Policy { invites: vec![], ..policy_of(&nodes[0]) };
    let change = Change { policy: Some(cleared), ..Change::default() };
    assert_forbidden(&mut nodes, 1, &change, Forbidden::RevokingInvite);
    let everybody = Policy { may_invite: Who::Everybody, ..policy_of(&nodes[0]) };
    all_do(&mut nodes, FOUNDER, &everybody);
    let cleared = Policy { invites: vec![], ..everybody };
    all_do(&mut nodes, 1, &cleared);
}

#[test]
fn nobody_lets_others_certificates_run_out_by_claiming_a_later_time() {
    let mut nodes = four(550);
    let (account, keys) = (AccountKey::from_seed(nodes[1].me.account.seed()), NodeKeys::generate(&mut rng(551)));
    let certificate = NodeCertificate::issue(&account, &keys, 2, 0, u64::MAX);
    let lasting = LocalNode { account, keys, certificate };
    let (package, secret) = KeyPackage::generate(&lasting, Suite::Classic, true, &mut rng(552)).unwrap();
    let added = all_follow(&mut nodes, 1, Change { add: vec![&package.bytes], ..Change::default() });
    let mut group = join(&lasting, &added, &package, &secret).unwrap().group;
    let late = NOW_MS + 2 * YEAR_MS;
    let change = removal(&[nodes[FOUNDER].me.node_id()], &[]);
    let coup = group.change(&lasting, change, at(late), &mut rng(553)).unwrap();
    let founder = &mut nodes[FOUNDER];
    founder.group.take_changes();
    assert_eq!(founder.group.receive(&coup.content, NOW_MS), Received::TooEarly);
    assert_eq!(founder.group.receive(&coup.content, late - 2 * DAY_MS - 1), Received::TooEarly);
    assert!(founder.group.take_changes().is_empty());
    assert!(matches!(founder.group.receive(&coup.content, late - 2 * DAY_MS), Received::RemovedHere { .. }));
}
