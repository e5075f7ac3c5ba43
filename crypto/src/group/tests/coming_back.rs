//! Members that have forgotten come back by themselves, whoever may not come back does not, and nothing is lost by it.

use super::{
    hostile::{assert_refused, clone_node},
    world::*,
};
use crate::{
    envelope::{Content, WayIn},
    epoch_id::EpochId,
    group::{
        authenticated::{Authenticated, Claims},
        epochs::{BALLOT_DELAY_MS, LEFT_BEHIND_AFTER_MS},
        framing::CommitFrame,
        provider::Provider,
        storage::{Overlay, Rows},
        way_in::{read_group_info, stage_return},
        *,
    },
    identity::{LocalNode, NodeCertificate, NotValidNow},
};

/// Everybody reads what each of the others writes, and all are in the same place.
fn assert_together(nodes: &mut [Node]) {
    for author in 0..nodes.len() {
        let text = format!("from {author}");
        let content = nodes[author].send(&text);
        for (_, reader) in nodes.iter_mut().enumerate().filter(|(reader, _)| *reader != author) {
            assert_eq!(reader.read(&content), text);
        }
        assert_eq!(nodes[author].group.head(), nodes[0].group.head());
        assert_eq!(nodes[author].group.authenticator(), nodes[0].group.authenticator());
        assert_eq!(nodes[author].group.members(), nodes[0].group.members());
        assert_eq!(nodes[author].group.topic_secrets()[0], nodes[0].group.topic_secrets()[0]);
    }
}

#[test]
fn whoever_cannot_follow_comes_back_and_is_read_and_reads() {
    let (mut nodes, mut lost) = one_is_lost(4, 200);
    let late = nodes[0].send("the lost one cannot read this yet");
    assert_eq!(lost.group.receive(&late, NOW_MS), Received::UnknownEpoch(late.epoch));
    let given = way_in(&nodes[1], &lost.me);
    assert_eq!((given.group, given.epoch), (GROUP.0, nodes[1].group.head()));
    let members_before = nodes[0].group.members().len();
    let back = lost.come_back(&given).unwrap();
    assert_eq!(back.content.epoch, given.epoch, "it names its parent");
    assert_eq!(lost.group.topic_secret(back.epoch), Some(&given.topic), "nobody left, so the topic stays");
    for node in &mut nodes {
        let Received::Committed { epoch, head_moved, summary } = node.group.receive(&back.content, NOW_MS) else {
            panic!()
        };
        assert_eq!((epoch, summary.committer.node, head_moved), (back.epoch, lost.me.node_id(), true));
        assert!(summary.added.is_empty() && summary.removed.is_empty(), "it is the same member as before");
        assert!(summary.came_back && *summary == back.summary);
        assert_eq!(node.group.members().len(), members_before);
    }
    assert_eq!(lost.group.receive(&back.content, NOW_MS), Received::Known);
    nodes.push(lost);
    assert_together(&mut nodes);
    for node in &mut nodes {
        node.save();
        node.restart();
    }
    assert_together(&mut nodes);
    let update = nodes.last_mut().unwrap().update().content;
    each_follows(&mut nodes[..3], &update);
    assert_together(&mut nodes);
}

#[test]
fn a_removed_node_cannot_come_back() {
    let (mut nodes, mut gone) = nodes_and_one(3, 203);
    gone.save();
    let before = way_in(&nodes[1], &gone.me);
    let removal = nodes[0].remove(&gone.me);
    nodes[1].follow(&removal.content);
    gone.group.receive(&removal.content, NOW_MS);
    assert_eq!(gone.group.way_in(&gone.me, nodes[0].me.node_id(), &mut gone.rng), None);
    assert_eq!(nodes[0].group.way_in(&nodes[0].me, gone.me.node_id(), &mut gone.rng), None);
    // A way in that was stolen from somebody else is none for a node that is not a member there.
    let stolen = way_in(&nodes[0], &nodes[1].me);
    assert_eq!(gone.come_back(&stolen), Err(ComeBackError::NotNeeded), "it knows that it was removed");
    gone.restart();
    gone.strand();
    assert_eq!(gone.come_back(&stolen), Err(ComeBackError::NotAMember), "and so does the group if it does not");
    let forged = forged_return(&stolen, &gone.me, NOW_MS);
    for node in &mut nodes {
        assert_eq!(node.group.receive(&forged, NOW_MS), Received::Refused(Refusal::NotAMember));
    }
    // What it was given before its removal leads beside the removal, which wins everywhere.
    let beside = forged_return(&before, &gone.me, NOW_MS);
    for node in &mut nodes {
        assert!(!node.follow(&beside));
        assert_eq!(node.group.head(), removal.epoch);
    }
}

#[test]
fn a_stranger_with_a_stolen_way_in_is_refused_by_all_alike() {
    let mut nodes = nodes(3, 204);
    let stolen = way_in(&nodes[0], &nodes[1].me);
    let stranger = local_node(&mut rng(205));
    let other_node = second_node(&nodes[1].me, &mut rng(206));
    let mut liar = clone_node(&stranger);
    liar.certificate = nodes[1].me.certificate.clone();
    let cases =
        [(stranger, Refusal::NotAMember), (other_node, Refusal::NotAMember), (liar, Refusal::Leaf(BadLeaf::OtherKey))];
    for (me, refusal) in cases {
        let content = forged_return(&stolen, &me, NOW_MS);
        assert_refused(&mut nodes, &content, refusal);
        assert_eq!(nodes[0].group.receive(&content, NOW_MS), Received::Refused(refusal));
    }
}

#[test]
fn a_return_must_be_valid_when_it_is_made_whenever_it_arrives() {
    let (mut nodes, mut lost) = one_is_lost(3, 207);
    let given = way_in(&nodes[0], &lost.me);
    let late = NOW_MS + 2 * YEAR_MS;
    let expired = NotValidNow::Expired { not_after_ms: NOW_MS + YEAR_MS };
    let error = lost.group.come_back(&lost.me, &given, at(late), &mut lost.rng);
    assert_eq!(error, Err(ComeBackError::NotValidNow(expired)));
    let content = forged_return(&given, &lost.me, late);
    assert_refused(&mut nodes, &content, Refusal::NotValid(expired));
    let renewed = NodeCertificate::issue(&lost.me.account, &lost.me.keys, 2, NOW_MS, late);
    lost.me.certificate = renewed.clone();
    let back = lost.come_back(&given).unwrap();
    for node in &mut nodes {
        node.follow(&back.content);
        let member = node.group.members().iter().find(|member| member.node == lost.me.node_id()).unwrap();
        assert_eq!(member.certificate, renewed, "it may bring a renewed certificate");
    }
}

/// As [`one_is_lost`], with two.
fn two_are_lost(count: usize, seed: u64) -> (Vec<Node>, [Node; 2]) {
    let (mut nodes, lost) = one_is_lost(count, seed);
    let mut other = nodes.pop().unwrap();
    other.strand();
    for _ in 0..2 {
        one_updates(&mut nodes, 0);
    }
    (nodes, [other, lost])
}

#[test]
fn two_come_back_at_once_and_whoever_loses_does_it_again() {
    let (mut nodes, mut lost) = two_are_lost(5, 208);
    let parent = nodes[0].group.head();
    let backs = [0, 1].map(|index| {
        let given = way_in(&nodes[index], &lost[index].me);
        lost[index].come_back(&given).unwrap()
    });
    let messages = [0, 1].map(|index| lost[index].send("I am back"));
    for (number, node) in nodes.iter_mut().enumerate() {
        let order = if number % 2 == 0 { [0, 1] } else { [1, 0] };
        for index in order {
            node.follow(&backs[index].content);
        }
        for message in &messages {
            assert_eq!(node.read(message), "I am back", "nothing is lost with the branch that lost");
        }
        assert!(node.group.is_on_branch(parent));
    }
    let winner = usize::from(nodes[0].group.head() != backs[0].epoch);
    assert_eq!(nodes[0].group.head(), backs[winner].epoch);
    // Both see what the other did, the loser that it has lost; and what follows there.
    let update = nodes[2].update();
    each_follows(&mut nodes[..2], &update.content);
    let [of_winner, of_loser] = [winner, 1 - winner].map(|index| backs[index].content.clone());
    assert_eq!(lost[winner].group.receive(&of_loser, NOW_MS), Received::Late(backs[1 - winner].epoch));
    lost[winner].follow(&update.content);
    assert_eq!(lost[winner].group.standing(), Standing::Member);
    let loser = &mut lost[1 - winner];
    assert_eq!(loser.group.standing(), Standing::Member);
    assert_eq!(loser.group.receive(&update.content, NOW_MS), Received::UnknownEpoch(backs[winner].epoch));
    assert_eq!(loser.group.receive(&of_winner, NOW_MS), Received::Late(backs[winner].epoch));
    assert_eq!(loser.group.receive(&update.content, NOW_MS), Received::Late(update.epoch));
    assert_eq!((loser.group.standing(), loser.group.head()), (Standing::Stranded, backs[1 - winner].epoch));
    loser.save();
    loser.restart();
    assert_eq!((loser.group.standing(), loser.group.head()), (Standing::Stranded, backs[1 - winner].epoch));
    let again = lost[1 - winner].come_back_by(&nodes[1]);
    lost[winner].follow(&again.content);
    each_follows(&mut nodes, &again.content);
    nodes.extend(lost);
    assert_together(&mut nodes);
}

#[test]
fn a_return_that_loses_against_another_commit_is_made_again() {
    for seed in 0..16 {
        let (mut nodes, mut lost) = one_is_lost(3, 220 + seed);
        let back = lost.come_back_by(&nodes[0]);
        let rival = nodes[1].update();
        nodes[0].follow(&rival.content);
        each_follows(&mut nodes, &back.content);
        if nodes[0].group.head() == back.epoch {
            continue;
        }
        assert_eq!(nodes[0].group.head(), rival.epoch);
        let unheard = nodes[0].send("on the winning branch");
        assert_eq!(lost.group.receive(&unheard, NOW_MS), Received::UnknownEpoch(rival.epoch));
        assert_eq!(lost.group.receive(&rival.content, NOW_MS), Received::Late(rival.epoch));
        let again = lost.come_back_by(&nodes[0]);
        each_follows(&mut nodes, &again.content);
        nodes.push(lost);
        assert_together(&mut nodes);
        return;
    }
    panic!("in none of sixteen forks did the return lose");
}

#[test]
fn both_come_back_in_a_direct_conversation() {
    let (mut anna, mut ben) = direct_pair(240);
    anna.update();
    ben.strand();
    let back = ben.come_back_by(&anna);
    anna.follow(&back.content);
    let mut nodes = [anna, ben];
    assert_together(&mut nodes);
}

#[test]
fn a_return_cannot_be_moved_to_another_epoch() {
    let (mut nodes, mut lost) = one_is_lost(3, 242);
    let given = way_in(&nodes[0], &lost.me);
    let newer = one_updates(&mut nodes, 0);
    let elsewhere = WayIn { epoch: newer.epoch, ..given.clone() };
    let content = forged_return(&elsewhere, &lost.me, NOW_MS);
    assert_refused(&mut nodes, &content, Refusal::Invalid);
    let mut content = forged_return(&given, &lost.me, NOW_MS);
    content.epoch = newer.epoch;
    assert_refused(&mut nodes, &content, Refusal::Relabelled);
    // A member who lies about its head strands whom it lets in, and nobody else.
    let nowhere = WayIn { epoch: EpochId([9; 32]), ..given.clone() };
    let content = forged_return(&nowhere, &lost.me, NOW_MS);
    assert_eq!(nodes[0].group.receive(&content, NOW_MS), Received::UnknownEpoch(EpochId([9; 32])));
    let back = lost.come_back(&given).unwrap();
    let mut moved = back.content.clone();
    moved.message[40] ^= 1;
    assert!(matches!(nodes[0].group.receive(&moved, NOW_MS), Received::Refused(_)));
}

/// An external commit that its author did not check.
fn forged_return(way_in: &WayIn, me: &LocalNode, committed_at_ms: u64) -> Content {
    let mut rows = Rows::default();
    let provider = Provider::seeded(Overlay::writing(&mut rows), &mut rng(99));
    let info = read_group_info(way_in).unwrap();
    let authenticated = Authenticated::Commit {
        parent: way_in.epoch,
        claims: Claims { moment: at(committed_at_ms), evidence: vec![] },
    };
    let (_, message) = stage_return(&provider, me, info, authenticated.encode()).unwrap();
    Content { epoch: way_in.epoch, message }
}

#[test]
fn what_was_held_before_is_read_and_not_written_in() {
    let (mut nodes, mut lost) = nodes_and_one(3, 260);
    lost.save();
    let early = nodes[0].send("from before");
    let topic = lost.group.topic_secrets()[0].clone();
    for _ in 0..2 {
        one_updates(&mut nodes, 0);
    }
    lost.strand();
    let back = lost.come_back_by(&nodes[1]);
    lost.save();
    lost.restart();
    assert_eq!(lost.group.head(), back.epoch);
    assert_eq!(lost.read(&early), "from before");
    assert!(lost.group.topic_secrets().contains(&topic), "what comes late is still heard");
    assert_eq!(lost.group.tree().nodes().count(), 2, "what it came into, and what it made");
    assert_eq!(lost.group.tree().detached().count(), 1);
    each_follows(&mut nodes, &back.content);
    nodes.push(lost);
    assert_together(&mut nodes);
}

#[test]
fn whoever_meets_the_own_return_with_an_older_database_comes_back_once_more() {
    let (mut nodes, mut lost) = nodes_and_one(3, 262);
    lost.save();
    let given = way_in(&nodes[0], &lost.me);
    let returned = forged_return(&given, &lost.me, NOW_MS);
    let epoch = CommitFrame::read(&returned.message).unwrap().id;
    each_follows(&mut nodes, &returned);
    assert_eq!(lost.group.receive(&returned, NOW_MS), Received::Late(epoch));
    assert_eq!(lost.group.standing(), Standing::Stranded, "and not removed");
    let back = lost.come_back_by(&nodes[1]);
    each_follows(&mut nodes, &back.content);
    nodes.push(lost);
    assert_together(&mut nodes);
}

#[test]
fn nobody_is_led_away_from_where_they_are_well() {
    let (mut nodes, mut lost) = nodes_and_one(4, 270);
    let update = one_updates(&mut nodes, 0);
    let given = way_in(&nodes[1], &lost.me);
    let unread = nodes[0].send("in an epoch that it does not know");
    assert_eq!(lost.group.receive(&unread, NOW_MS), Received::UnknownEpoch(update.epoch));
    assert_eq!(lost.come_back(&given), Err(ComeBackError::NotNeeded), "the ballots of the others have not said so");
    let voted_ms = NOW_MS + BALLOT_DELAY_MS;
    for node in &mut nodes {
        let ballot = node.group.ballot(&node.me, voted_ms).unwrap();
        assert!(matches!(lost.group.take_ballot(&ballot.bytes, voted_ms), Ok(Taken::Counted { .. })));
    }
    for at_ms in [voted_ms, voted_ms + LEFT_BEHIND_AFTER_MS] {
        lost.group.look_around(lost.me.node_id(), at_ms);
    }
    assert_eq!(lost.group.standing(), Standing::Stranded);
    lost.come_back(&given).unwrap();
}

#[test]
fn a_stranded_node_goes_where_the_group_is_even_if_it_holds_that_epoch() {
    for seed in 0..16 {
        let (mut nodes, mut away) = nodes_and_one(3, 290 + seed);
        let theirs = one_updates(&mut nodes, 0);
        let own = away.update();
        away.follow(&theirs.content);
        if away.group.head() != own.epoch {
            continue;
        }
        // It holds their epoch, and its walk does not lead there.
        let given = way_in(&nodes[0], &away.me);
        away.strand();
        let back = away.come_back(&given).unwrap();
        each_follows(&mut nodes, &back.content);
        nodes.push(away);
        assert_together(&mut nodes);
        return;
    }
    panic!("in none of sixteen forks did the one who was away win");
}

/// The node as a backup of it holds it.
fn restored(node: &Node, seed: u64) -> Node {
    let mut group = Group::load(node.saved.read(node.group.id())).unwrap();
    group.restore();
    Node { me: clone_node(&node.me), group, saved: node.saved.clone(), rng: rng(seed) }
}

#[test]
fn a_restored_node_reads_what_it_can_and_writes_only_after_it_came_back() {
    let (mut nodes, mut original) = nodes_and_one(3, 260);
    original.save();
    let mut copy = restored(&original, 261);
    // The original goes on for a while, and is gone then.
    let used = original.send("with a key that the backup has as well");
    let told = nodes[0].send("before the backup came back");
    for node in &mut nodes {
        assert_eq!(node.read(&used), "with a key that the backup has as well");
    }
    assert_eq!(copy.group.standing(), Standing::Stranded);
    assert_eq!(copy.group.encrypt(&copy.me, b"x", &mut copy.rng), Err(EncryptError::Restored));
    assert_eq!(copy.group.update(&copy.me, NOW_MS, &mut copy.rng), Err(CommitError::Restored));
    assert!(copy.group.ballot(&copy.me, NOW_MS + BALLOT_DELAY_MS).is_none());
    assert_eq!(copy.group.way_in(&copy.me, nodes[0].me.node_id(), &mut copy.rng), None);
    assert_eq!(copy.read(&told), "before the backup came back");
    assert_eq!(copy.group.receive(&used, NOW_MS), Received::Known, "its own words it cannot read");
    // It follows commits of others, and is no less restored then.
    let update = one_updates(&mut nodes, 1);
    copy.follow(&update.content);
    assert_eq!(copy.group.standing(), Standing::Stranded);
    let told = nodes[1].send("in an epoch that the original never saw");
    assert_eq!(copy.read(&told), "in an epoch that the original never saw");
    let leaf = |node: &Node, of: &Node| {
        let members = node.group.members().iter();
        members.clone().find(|member| member.node == of.me.node_id()).map(|member| member.leaf)
    };
    let head = nodes[0].group.head();
    assert_eq!(copy.group.head(), head, "it comes back to where it stands, too");
    copy.save();
    let back = copy.come_back_by(&nodes[0]);
    assert_eq!((back.content.epoch, copy.group.standing()), (head, Standing::Member));
    each_follows(&mut nodes, &back.content);
    assert!(leaf(&nodes[0], &copy).is_some());
    copy.save();
    copy.restart();
    assert!(!copy.group.is_restored());
    // The original, if it lives, learns that somebody has taken its place, and when.
    assert_eq!(
        original.group.receive(&update.content, NOW_MS),
        Received::Committed { epoch: update.epoch, head_moved: true, summary: Box::new(update.summary.clone()) }
    );
    assert_eq!(original.group.receive(&back.content, NOW_MS), Received::Late(back.epoch));
    let committer = original.group.tree().node(back.epoch).unwrap().committer;
    assert_eq!(committer, Some(original.me.node_id()));
    assert_eq!(original.group.committed_at_ms(&back.content), Some(NOW_MS));
    assert_eq!(original.group.standing(), Standing::Stranded);
    nodes.push(copy);
    assert_together(&mut nodes);
}

#[test]
fn a_copy_with_an_older_certificate_does_not_come_back() {
    let (mut nodes, mut original) = nodes_and_one(3, 263);
    original.save();
    let mut copy = restored(&original, 264);
    let renewed = NodeCertificate::issue(&copy.me.account, &copy.me.keys, 7, NOW_MS - YEAR_MS, NOW_MS + YEAR_MS);
    copy.me.certificate = renewed;
    let back = copy.come_back_by(&nodes[0]);
    each_follows(&mut nodes, &back.content);
    original.strand();
    let given = way_in(&nodes[0], &original.me);
    assert_eq!(original.come_back(&given), Err(ComeBackError::Copied));
    assert_eq!(copy.group.standing(), Standing::Member);
}

#[test]
fn a_member_that_has_nothing_of_a_group_comes_into_it() {
    let (mut nodes, lost) = nodes_and_one(3, 266);
    let given = way_in(&nodes[0], &lost.me);
    let mut rng = rng(267);
    let (group, committed, by) = Group::come_in(&lost.me, &given, at(NOW_MS), &mut rng).unwrap();
    assert_eq!(by.node, nodes[0].me.node_id());
    assert_eq!((group.standing(), group.id()), (Standing::Member, lost.group.id()));
    each_follows(&mut nodes, &committed.content);
    let mut back = Node { me: lost.me, group, saved: Saved::default(), rng };
    back.save();
    back.restart();
    assert_eq!(back.group.standing(), Standing::Member);
    nodes.push(back);
    assert_together(&mut nodes);
    let stranger = local_node(&mut super::world::rng(268));
    let node = nodes.last_mut().unwrap();
    assert_eq!(
        Group::come_in(&stranger, &given, at(NOW_MS), &mut node.rng).unwrap_err(),
        ComeBackError::NotAMember,
        "whoever is none there comes into nothing"
    );
}
