//! A Welcome into a group that is there already: when it is taken, and what becomes of what was held.

use super::{hostile::clone_node, world::*};
use crate::{envelope::Content, group::*, identity::LocalNode};

/// One adds another, who has been in the group before; the others have yet to receive the commit.
fn add_again(adder: &mut Node, me: &LocalNode) -> (Committed, Joined) {
    let (package, secret) = KeyPackage::generate(me, Suite::Classic, true, &mut adder.rng).unwrap();
    let committed = adder.group.add(&adder.me, &[&package.bytes], NOW_MS, &mut adder.rng).unwrap();
    let joined = join(me, &committed, &package, &secret).unwrap();
    (committed, joined)
}

fn enter(node: &mut Node, joined: Joined) {
    assert!(node.group.may_enter(&joined, Invitation::Unasked));
    node.group.enter(joined, NOW_MS);
    node.save();
    node.restart();
}

fn assert_both_ways(left: &mut Node, right: &mut Node) {
    assert_eq!(left.group.authenticator(), right.group.authenticator());
    let content = left.send("one way");
    assert_eq!(right.read(&content), "one way");
    let content = right.send("and back");
    assert_eq!(left.read(&content), "and back");
}

#[test]
fn whoever_was_removed_is_added_again_and_still_reads_what_comes_late() {
    let (mut nodes, mut gone) = nodes_and_one(3, 300);
    gone.save();
    let late: Vec<Content> = ["one", "two"].iter().map(|text| nodes[1].send(text)).collect();
    let removal = nodes[0].remove(&gone.me);
    nodes[1].follow(&removal.content);
    gone.group.receive(&removal.content, NOW_MS);
    assert!(!gone.group.am_member());
    let unread = nodes[0].send("while it was away");
    let (commit, joined) = add_again(&mut nodes[1], &gone.me);
    nodes[0].follow(&commit.content);
    enter(&mut gone, joined);
    assert!(gone.group.am_member());
    assert_eq!(gone.group.head(), commit.epoch);
    for node in &mut nodes {
        assert_both_ways(node, &mut gone);
    }
    for (content, text) in late.iter().zip(["one", "two"]) {
        assert_eq!(gone.read(content), text);
        gone.save();
        gone.restart();
        assert_eq!(gone.group.receive(content, NOW_MS), Received::Unreadable, "once");
    }
    assert!(!matches!(gone.group.receive(&unread, NOW_MS), Received::Message { .. }));
    let update = gone.update().content;
    for node in &mut nodes {
        assert!(node.follow(&update));
    }
}

#[test]
fn an_adder_whose_commit_lost_adds_again_and_is_heard() {
    for seed in 0..16 {
        let mut nodes = nodes(2, 310 + seed);
        let me = local_node(&mut rng(330 + seed));
        let (first, joined) = add_again(&mut nodes[1], &me);
        let mut newcomer = Node { me, group: joined.group, saved: Saved::default(), rng: rng(340) };
        newcomer.save();
        let rival = nodes[0].update();
        nodes[0].follow(&first.content);
        nodes[1].follow(&rival.content);
        if nodes[0].group.head() == first.epoch {
            continue;
        }
        assert_eq!(newcomer.group.brought_in_by(), Some(nodes[1].me.account_id()));
        let early = newcomer.send("on the losing branch");
        for node in &mut nodes {
            assert_eq!(node.read(&early), "on the losing branch");
        }
        let (again, joined) = add_again(&mut nodes[1], &newcomer.me);
        // The commits may come before the Welcome: they follow what is gone here, and yet it leads to where they do.
        assert_eq!(newcomer.group.receive(&rival.content, NOW_MS), Received::Gone);
        assert_eq!(newcomer.group.receive(&again.content, NOW_MS), Received::Gone);
        nodes[0].follow(&again.content);
        enter(&mut newcomer, joined);
        for node in &mut nodes {
            assert_both_ways(node, &mut newcomer);
        }
        return;
    }
    panic!("in none of sixteen forks did the addition lose");
}

#[test]
fn a_welcome_into_a_group_in_which_one_is_well_is_taken_from_few() {
    let owner = local_node(&mut rng(350)).account_id();
    let mut nodes = vec![Node::found(350, &Policy::group(owner, "Rowing".to_owned()))];
    for seed in [351, 352] {
        let (commit, joined) = nodes[0].invite(local_node(&mut rng(seed)));
        each_follows(&mut nodes[1..], &commit);
        nodes.push(joined);
    }
    let [owner, adder, member] = &mut nodes[..] else { panic!() };
    adder.save();
    let me = local_node(&mut rng(353));
    let (_, joined) = add_again(adder, &me);
    let mut well = Node { me, group: joined.group, saved: Saved::default(), rng: rng(354) };
    well.save();
    // Each of them adds it on a branch of its own, where it is not yet a member.
    let (_, joined) = add_again(member, &well.me);
    assert!(!well.group.may_enter(&joined, Invitation::Unasked), "a member's word is not enough to leave where one is");
    let (_, joined) = add_again(owner, &well.me);
    assert!(well.group.may_enter(&joined, Invitation::Unasked), "an owner's is");
    adder.restart();
    let (_, joined) = add_again(adder, &well.me);
    assert!(well.group.may_enter(&joined, Invitation::Unasked), "and that of whoever brought it in");
    enter(&mut well, joined);
    assert_both_ways(adder, &mut well);
    let content = well.send("once more");
    assert_eq!(adder.read(&content), "once more");
}

#[test]
fn a_welcome_that_was_taken_before_is_not_taken_again() {
    let mut adder = Node::found(360, &group_policy());
    let me = local_node(&mut rng(361));
    let (package, secret) = KeyPackage::generate(&me, Suite::Classic, true, &mut adder.rng).unwrap();
    let committed = adder.group.add(&adder.me, &[&package.bytes], NOW_MS, &mut adder.rng).unwrap();
    let again = || join(&me, &committed, &package, &secret).unwrap();
    let mut group = again().group;
    assert!(!group.may_enter(&again(), Invitation::Wanted));
    let update = adder.update().content;
    group.receive(&update, NOW_MS);
    assert!(!group.may_enter(&again(), Invitation::Wanted), "nor when the group has gone on");
}

/// A group of an owner and two members, in which the first member brought in a fourth; and the fourth's key.
fn brought_in(seed: u64) -> (Vec<Node>, Node) {
    let owner = local_node(&mut rng(seed)).account_id();
    let mut nodes = vec![Node::found(seed, &Policy::group(owner, "Rowing".to_owned()))];
    for other in [1, 2] {
        let (commit, joined) = nodes[0].invite(local_node(&mut rng(seed + other)));
        each_follows(&mut nodes[1..], &commit);
        nodes.push(joined);
    }
    let (commit, joined) = nodes[1].invite(local_node(&mut rng(seed + 3)));
    for index in [0, 2] {
        nodes[index].follow(&commit);
    }
    (nodes, joined)
}

/// A Welcome of somebody who makes up the group: the id is right, and nothing else is.
fn trap(liar: &LocalNode, policy: &Policy, victim: &LocalNode, seed: u64) -> Joined {
    let mut forged = Group::create(liar, GROUP, policy, Suite::Classic, &mut rng(seed)).unwrap();
    let (package, secret) = KeyPackage::generate(victim, Suite::Classic, true, &mut rng(seed + 1)).unwrap();
    let committed = forged.add(liar, &[&package.bytes], NOW_MS, &mut rng(seed + 2)).unwrap();
    join(victim, &committed, &package, &secret).unwrap()
}

#[test]
fn whoever_brought_a_node_in_and_was_removed_does_not_lead_it_away() {
    let (mut nodes, mut node) = brought_in(370);
    let inviter = clone_node(&nodes[1].me);
    assert_eq!(node.group.brought_in_by(), Some(inviter.account_id()));
    let removal = nodes[0].remove(&inviter);
    node.follow(&removal.content);
    let joined = trap(&inviter, &group_policy(), &node.me, 371);
    assert_eq!(joined.inviter.account, inviter.account_id());
    assert!(!node.group.may_enter(&joined, Invitation::Unasked));
    assert!(!node.group.may_enter(&joined, Invitation::Wanted), "nor as a contact, where one is well");
    assert!(!node.group.may_keep(&joined, Invitation::Unasked), "nor later");
}

#[test]
fn a_stranger_does_not_take_over_whoever_was_removed_or_is_stranded() {
    let (mut nodes, mut node) = brought_in(374);
    let stranger = local_node(&mut rng(390));
    let joined = trap(&stranger, &group_policy(), &node.me, 391);
    let direct = trap(&stranger, &Policy::direct(), &node.me, 394);
    node.save();
    let before = node.saved.clone();
    node.strand();
    assert!(!node.group.may_enter(&joined, Invitation::Unasked));
    assert!(node.group.may_enter(&joined, Invitation::Wanted), "a contact may");
    assert!(!node.group.may_enter(&direct, Invitation::Wanted), "but not into another kind of group");
    node.saved = before;
    node.restart();
    let removal = nodes[0].remove(&node.me);
    node.group.receive(&removal.content, NOW_MS);
    assert!(!node.group.may_enter(&joined, Invitation::Unasked));
    let (_, joined) = add_again(&mut nodes[0], &node.me);
    assert!(node.group.may_enter(&joined, Invitation::Unasked), "a member may");
}

#[test]
fn a_welcome_from_before_a_removal_does_not_undo_it() {
    let (mut nodes, mut node) = brought_in(384);
    // Two members add it again after a removal; it takes the one, and keeps the other.
    nodes[2].save();
    let removal = nodes[0].remove(&node.me);
    for other in [1, 2] {
        nodes[other].follow(&removal.content);
    }
    node.group.receive(&removal.content, NOW_MS);
    let (_, kept) = add_again(&mut nodes[1], &node.me);
    let (commit, joined) = add_again(&mut nodes[2], &node.me);
    nodes[0].follow(&commit.content);
    enter(&mut node, joined);
    assert!(node.group.may_keep(&kept, Invitation::Unasked), "its inviter is a member");
    assert!(!node.group.may_enter_kept(&kept), "where it is well it needs none");
    let update = nodes[0].update();
    node.follow(&update.content);
    let removal = nodes[0].remove(&node.me);
    node.group.receive(&removal.content, NOW_MS);
    assert_eq!(node.group.standing(), Standing::Removed);
    assert!(!node.group.may_enter_kept(&kept), "it is of an epoch that everybody has left");
    let (_, again) = add_again(&mut nodes[0], &node.me);
    assert!(node.group.may_enter_kept(&again));
}
