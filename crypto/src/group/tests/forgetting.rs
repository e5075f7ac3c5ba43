//! That secrets are gone when they should be, that ballots bring it about, and what late commits come to then.

use std::collections::BTreeSet;

use super::{hostile::clone_node, world::*};
use crate::{
    envelope::Content,
    group::{
        epochs::{BALLOT_DELAY_MS, BOUND_MS, HORIZON_MS},
        storage::Slot,
        *,
    },
};

/// Every node casts its ballot, and hears those of the others.
fn vote(nodes: &mut [Node], now_ms: u64) -> usize {
    let cast: Vec<Vec<u8>> =
        nodes.iter_mut().filter_map(|node| node.group.ballot(&node.me, now_ms)).map(|ballot| ballot.bytes).collect();
    for node in nodes {
        for bytes in &cast {
            assert!(is_ballot(bytes));
            node.group.take_ballot(bytes, now_ms).unwrap();
        }
        node.save();
    }
    cast.len()
}

/// The values of an epoch's rows that are secret.
fn secrets(node: &Node, epoch: EpochId) -> BTreeSet<Vec<u8>> {
    let public = [Slot::Tree, Slot::InterimTranscriptHash, Slot::GroupContext, Slot::ConfirmationTag, Slot::JoinConfig];
    let is_secret = |key: &[u8]| !public.iter().any(|slot| key.starts_with(&slot.key()));
    let rows = node.saved.state.iter().filter(|((of, key), _)| *of == epoch && is_secret(key));
    rows.map(|(_, value)| value.clone()).filter(|value| value.len() >= 32).collect()
}

/// None of these values is anywhere in what is saved, as a row or within one.
fn assert_gone(node: &Node, secrets: &BTreeSet<Vec<u8>>) {
    for secret in secrets {
        let holds = |value: &Vec<u8>| value.windows(secret.len()).any(|part| part == secret.as_slice());
        assert!(!node.saved.state.values().any(holds), "a secret of a forgotten epoch is still there");
    }
}

#[test]
fn after_the_horizon_no_secret_of_a_settled_epoch_is_kept() {
    let mut nodes = nodes(3, 500);
    let old = nodes[0].group.head();
    let text = nodes[1].send("before");
    assert_eq!(nodes[0].read(&text), "before");
    let update = one_updates(&mut nodes, 0);
    let before = nodes[2].send("late");
    for node in &mut nodes {
        node.save();
    }
    let settled_ms = NOW_MS + BALLOT_DELAY_MS;
    assert_eq!(nodes[0].group.ballot_due_at_ms(nodes[0].me.node_id()), Some(settled_ms));
    assert_eq!(vote(&mut nodes, settled_ms), 3);
    let live = secrets(&nodes[0], update.epoch);
    let kept: BTreeSet<_> = secrets(&nodes[0], old).difference(&live).cloned().collect();
    assert!(kept.len() > 3, "there were secrets");
    let due_ms = nodes[0].group.forget_due_at_ms().unwrap();
    assert_eq!(due_ms, settled_ms + HORIZON_MS);
    assert!(!nodes[0].group.forget(due_ms - 1));
    assert!(nodes[0].group.forget(due_ms));
    nodes[0].save();
    assert_gone(&nodes[0], &kept);
    assert!(nodes[0].saved.state.keys().all(|(epoch, _)| *epoch == update.epoch));
    nodes[0].restart();
    assert_eq!(nodes[0].group.receive(&text, due_ms), Received::Gone);
    assert_eq!(nodes[0].read(&before), "late");
    let again = nodes[0].send("after");
    assert_eq!(nodes[1].read(&again), "after");
}

#[test]
fn after_the_bound_only_what_is_public_is_kept_and_a_late_commit_is_still_verified() {
    let mut nodes = nodes(3, 501);
    let old = nodes[0].group.head();
    let late = nodes[2].update();
    let update = nodes[0].update();
    nodes[1].follow(&update.content);
    nodes[0].save();
    let live = secrets(&nodes[0], update.epoch);
    let kept: BTreeSet<_> = secrets(&nodes[0], old).difference(&live).cloned().collect();
    let bound_ms = NOW_MS + BOUND_MS;
    assert!(nodes[0].group.forget(bound_ms));
    nodes[0].save();
    nodes[0].restart();
    assert_eq!(nodes[0].group.tree().node(old).unwrap().kind, NodeKind::Skeleton);
    assert_gone(&nodes[0], &kept);
    assert!(kept.len() > 3);
    let text = nodes[2].send("on the late branch");
    assert_eq!(nodes[0].group.receive(&late.content, bound_ms), Received::Late(late.epoch));
    assert_eq!(nodes[0].group.receive(&text, bound_ms), Received::Gone);
    // What nobody forgot is ranked the same by whoever did.
    assert!(nodes[1].group.receive(&late.content, NOW_MS) != Received::Gone);
    assert_eq!(nodes[0].group.tree().goal(), nodes[1].group.head());
    let stranded = nodes[1].group.head() == late.epoch;
    assert_eq!(nodes[0].group.standing() == Standing::Stranded, stranded);
    let next = nodes[2].update();
    assert_eq!(nodes[0].group.receive(&next.content, bound_ms), Received::Late(next.epoch));
    nodes[0].save();
    nodes[0].restart();
    assert_eq!(nodes[0].group.tree().node(next.epoch).unwrap().kind, NodeKind::Ghost);
    let mut forged = next.content.clone();
    let at = forged.message.len() - 100;
    forged.message[at] ^= 1;
    assert!(matches!(nodes[0].group.receive(&forged, bound_ms), Received::Refused(_)));
}

#[test]
fn a_ballot_counts_for_the_member_who_signed_it_in_its_group_alone() {
    let mut nodes = nodes(3, 502);
    let update = nodes[0].update();
    nodes[1].follow(&update.content);
    let now_ms = NOW_MS + BALLOT_DELAY_MS;
    let node = &mut nodes[0];
    let ballot = node.group.ballot(&node.me, now_ms).unwrap();
    assert_eq!(SignedBallot::decode(&ballot.bytes).unwrap(), ballot);
    for at in 0..ballot.bytes.len() {
        let mut changed = ballot.bytes.clone();
        changed[at] ^= 1;
        let taken = nodes[1].group.take_ballot(&changed, now_ms);
        assert!(matches!(taken, Err(_) | Ok(Taken::Unknown)), "byte {at}");
        assert!(SignedBallot::decode(&ballot.bytes[..at]).is_err());
    }
    let stranger = Node::found(503, &group_policy());
    assert_eq!(stranger.group.id(), nodes[1].group.id());
    let mut stranger = stranger;
    assert_eq!(stranger.group.take_ballot(&ballot.bytes, now_ms), Ok(Taken::Unknown));
    assert!(matches!(nodes[1].group.take_ballot(&ballot.bytes, now_ms), Ok(Taken::Counted { .. })));
    assert_eq!(nodes[1].group.take_ballot(&ballot.bytes, now_ms), Ok(Taken::Known));
    nodes[1].save();
    nodes[1].restart();
    assert_eq!(nodes[1].group.take_ballot(&ballot.bytes, now_ms), Ok(Taken::Known));
    // Whoever has not seen the commit counts the ballot once it has come.
    assert!(matches!(nodes[2].group.take_ballot(&ballot.bytes, now_ms), Ok(Taken::Counted { .. })));
    nodes[2].follow(&update.content);
    assert!(nodes[2].group.tree().votes(update.epoch) > 0);
}

#[test]
fn ballots_bring_everybody_to_one_branch_whatever_its_rank() {
    let (mut nodes, mut away) = nodes_and_one(3, 504);
    let ours = one_updates(&mut nodes, 0);
    vote(&mut nodes, NOW_MS + BALLOT_DELAY_MS);
    let theirs = away.update();
    let contents: [&Content; 2] = [&theirs.content, &ours.content];
    for (node, content) in nodes.iter_mut().chain([&mut away]).zip([contents[0], contents[0], contents[1]]) {
        node.follow(content);
    }
    let ballots: Vec<Vec<u8>> = nodes.iter().flat_map(|node| node.group.ballots.values().cloned()).collect();
    for bytes in ballots {
        away.group.take_ballot(&bytes, NOW_MS).unwrap();
    }
    for node in nodes.iter().chain([&away]) {
        assert_eq!((node.group.head(), node.group.standing()), (ours.epoch, Standing::Member));
    }
}

#[test]
fn a_ballot_is_handed_on_by_whoever_has_it() {
    let mut nodes = nodes(4, 506);
    let update = one_updates(&mut nodes, 0);
    let mut late = nodes.pop().unwrap();
    assert_eq!(vote(&mut nodes, NOW_MS + BALLOT_DELAY_MS), 3);
    let me = nodes[1].me.node_id();
    let all = nodes[1].group.signed_ballots(me, 10);
    assert_eq!((all.len(), SignedBallot::decode(&all[0]).unwrap().node), (3, me));
    assert_eq!(nodes[1].group.signed_ballots(me, 2), all[..2]);
    let again = nodes[0].update();
    nodes[1].follow(&again.content);
    let author = &mut nodes[0];
    let newer = author.group.ballot(&author.me, NOW_MS + 2 * BALLOT_DELAY_MS).unwrap();
    nodes[1].group.take_ballot(&newer.bytes, NOW_MS).unwrap();
    let ahead = nodes[1].group.signed_ballots(nodes[2].me.node_id(), 2);
    assert_eq!(ahead[1], newer.bytes, "who has settled on the head goes before who settled on the way");
    for bytes in &all {
        assert!(matches!(late.group.take_ballot(bytes, NOW_MS), Ok(Taken::Counted { .. })));
    }
    assert_eq!(late.group.tree().settled_child(late.group.tree().root()), Some(update.epoch));
}

#[test]
fn what_is_known_of_a_ballot_is_saved_beside_it_and_one_saved_without_is_read() {
    let mut nodes = nodes(3, 507);
    let update = nodes[0].update();
    let mut others = nodes.split_off(1);
    for node in &mut others {
        node.follow(&update.content);
    }
    vote(&mut others, NOW_MS + BALLOT_DELAY_MS);
    // The first node is an older copy of itself: it has not what it committed.
    let ballots = others[0].group.signed_ballots(others[0].me.node_id(), 10);
    let behind = &mut others[1];
    let me = behind.me.node_id();
    let ahead = behind.update();
    nodes[0].save();
    for bytes in &ballots {
        nodes[0].group.take_ballot(bytes, NOW_MS).unwrap();
    }
    let own = behind.group.ballot(&behind.me, NOW_MS + 3 * BALLOT_DELAY_MS).unwrap();
    assert_eq!(own.ballot.choices.last().map(|last| last.epoch), Some(ahead.epoch));
    let heard = &mut nodes[0];
    heard.group.take_ballot(&own.bytes, NOW_MS).unwrap();
    heard.group.look_around(heard.me.node_id(), NOW_MS);
    assert!(heard.group.tree_has_changed());
    heard.save();
    assert!(!heard.group.tree_has_changed());
    heard.restart();
    assert_eq!(heard.group.tree().ballot_notes(me).astray_ms, Some(NOW_MS));
    assert_eq!(heard.group.signed_ballots(heard.me.node_id(), 10).len(), 2);
    let mut stored = heard.saved.read(GROUP);
    stored.ballots = vec![own.bytes.clone()];
    let without = Group::load(stored).unwrap();
    assert_eq!(without.tree().ballot_notes(me).astray_ms, None);
    assert_eq!(without.signed_ballots(me, 10), [own.bytes]);
}

#[test]
fn a_late_commit_that_removes_this_node_removes_it_and_strands_nobody_for_ever() {
    let mut nodes = nodes(4, 510);
    let away = nodes.remove(2);
    let mut away = away;
    // A branch that the others have not seen while they kept the secrets: it removes the last of them.
    let removed = clone_node(&nodes[2].me);
    let removal = away.remove(&removed);
    one_updates(&mut nodes, 0);
    let bound_ms = NOW_MS + BOUND_MS;
    for node in &mut nodes {
        assert!(node.group.forget(bound_ms));
        node.save();
        node.restart();
    }
    assert_eq!(nodes[0].group.receive(&removal.content, bound_ms), Received::Late(removal.epoch));
    assert_eq!(nodes[0].group.standing(), Standing::Stranded, "a removal goes first");
    let Received::RemovedHere { summary: Some(summary) } = nodes[2].group.receive(&removal.content, bound_ms) else {
        panic!()
    };
    assert_eq!(summary.removed[0].0.node, removed.node_id());
    let stands = |node: &Node| (node.group.standing(), node.group.head(), node.group.am_member());
    assert_eq!(stands(&nodes[2]), (Standing::Removed, removal.epoch, false));
    nodes[2].save();
    nodes[2].restart();
    assert_eq!(stands(&nodes[2]), (Standing::Removed, removal.epoch, false));
}

#[test]
fn a_late_commit_waits_for_the_time_that_it_states_like_any_other() {
    let (mut nodes, mut ahead) = nodes_and_one(3, 512);
    let stated_ms = NOW_MS + BOUND_MS + 3 * 24 * 3_600_000;
    let late = ahead.group.update(&ahead.me, stated_ms, &mut ahead.rng).unwrap();
    let update = nodes[0].update();
    nodes[1].follow(&update.content);
    assert_eq!(nodes[1].group.receive(&late.content, NOW_MS + BOUND_MS), Received::TooEarly, "where it is held");
    assert!(nodes[0].group.forget(NOW_MS + BOUND_MS));
    assert_eq!(nodes[0].group.receive(&late.content, NOW_MS + BOUND_MS), Received::TooEarly, "and where it is not");
    assert_eq!(nodes[0].group.receive(&late.content, stated_ms), Received::Late(late.epoch));
}
