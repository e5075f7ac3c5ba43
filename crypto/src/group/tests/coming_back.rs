//! Members that have forgotten come back by themselves, whoever may not come back does not, and nothing is lost by it.

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, any, prop_assert, proptest},
};

use super::{
    hostile::{assert_refused, clone_node},
    world::*,
};
use crate::{
    envelope::{Content, GROUP_INFO_BYTES_MAX, SealError, SealedWayIn, TopicSecret, WAY_IN_BYTES_MAX, WayIn},
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

/// What a member gives to a node of its group.
fn way_in(from: &Node, to: &LocalNode) -> WayIn {
    let sealed = from.group.way_in(&from.me, to.node_id(), &mut rng(98)).unwrap();
    assert_eq!(SealedWayIn::decode(sealed.bytes()).as_ref(), Ok(&sealed));
    sealed.open(&to.keys).unwrap()
}

impl Node {
    fn come_back(&mut self, way_in: &WayIn) -> Result<Committed, ComeBackError> {
        self.group.come_back(&self.me, way_in, at(NOW_MS), &mut self.rng)
    }
}

/// A group in which the last node has missed what the others do without it for a while.
fn one_is_lost(count: usize, seed: u64) -> (Vec<Node>, Node) {
    let mut nodes = nodes(count, seed);
    let mut lost = nodes.pop().unwrap();
    for round in 0..3 {
        let committer = round % nodes.len();
        let update = nodes[committer].update().content;
        for (index, node) in nodes.iter_mut().enumerate() {
            if index != committer {
                node.follow(&update);
            }
        }
    }
    lost.strand();
    (nodes, lost)
}

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
    for node in &mut nodes[..3] {
        node.follow(&update);
    }
    assert_together(&mut nodes);
}

#[test]
fn a_way_in_is_for_members_and_for_the_one_who_asked() {
    let (mut nodes, lost) = one_is_lost(3, 201);
    let stranger = local_node(&mut rng(202));
    let node = &mut nodes[0];
    assert_eq!(node.group.way_in(&node.me, stranger.node_id(), &mut node.rng), None);
    assert_eq!(node.group.way_in(&node.me, node.me.node_id(), &mut node.rng), None);
    let sealed = node.group.way_in(&node.me, lost.me.node_id(), &mut node.rng).unwrap();
    assert!(sealed.open(&stranger.keys).is_err());
    assert!(sealed.open(&nodes[1].me.keys).is_err());
    assert!(sealed.open(&lost.me.keys).is_ok());
}

#[test]
fn a_removed_node_cannot_come_back() {
    let mut nodes = nodes(3, 203);
    let mut gone = nodes.pop().unwrap();
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
        let update = nodes[0].update().content;
        for node in &mut nodes[1..] {
            node.follow(&update);
        }
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
    for node in &mut nodes[..2] {
        node.follow(&update.content);
    }
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
    let given = way_in(&nodes[1], &lost[1 - winner].me);
    let again = lost[1 - winner].come_back(&given).unwrap();
    lost[winner].follow(&again.content);
    for node in &mut nodes {
        node.follow(&again.content);
    }
    nodes.extend(lost);
    assert_together(&mut nodes);
}

#[test]
fn a_return_that_loses_against_another_commit_is_made_again() {
    for seed in 0..16 {
        let (mut nodes, mut lost) = one_is_lost(3, 220 + seed);
        let given = way_in(&nodes[0], &lost.me);
        let back = lost.come_back(&given).unwrap();
        let rival = nodes[1].update();
        nodes[0].follow(&rival.content);
        for node in &mut nodes {
            node.follow(&back.content);
        }
        if nodes[0].group.head() == back.epoch {
            continue;
        }
        assert_eq!(nodes[0].group.head(), rival.epoch);
        let unheard = nodes[0].send("on the winning branch");
        assert_eq!(lost.group.receive(&unheard, NOW_MS), Received::UnknownEpoch(rival.epoch));
        assert_eq!(lost.group.receive(&rival.content, NOW_MS), Received::Late(rival.epoch));
        let given = way_in(&nodes[0], &lost.me);
        let again = lost.come_back(&given).unwrap();
        for node in &mut nodes {
            node.follow(&again.content);
        }
        nodes.push(lost);
        assert_together(&mut nodes);
        return;
    }
    panic!("in none of sixteen forks did the return lose");
}

#[test]
fn both_come_back_in_a_direct_conversation() {
    let mut anna = Node::found(240, &Policy::direct());
    let (_, mut ben) = anna.invite(local_node(&mut rng(241)));
    anna.update();
    ben.strand();
    let given = way_in(&anna, &ben.me);
    let back = ben.come_back(&given).unwrap();
    anna.follow(&back.content);
    let mut nodes = [anna, ben];
    assert_together(&mut nodes);
}

#[test]
fn a_return_cannot_be_moved_to_another_epoch() {
    let (mut nodes, mut lost) = one_is_lost(3, 242);
    let given = way_in(&nodes[0], &lost.me);
    let newer = nodes[0].update();
    nodes[1].follow(&newer.content);
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

#[test]
fn a_way_in_that_is_not_what_it_says_is_refused_and_changes_nothing() {
    let (mut nodes, mut lost) = one_is_lost(3, 243);
    let given = way_in(&nodes[0], &lost.me);
    lost.save();
    let (head, members) = (lost.group.head(), lost.group.members().to_vec());
    let elsewhere = WayIn { group: [8; 16], ..given.clone() };
    assert_eq!(lost.come_back(&elsewhere), Err(ComeBackError::OtherGroup));
    let not_needed = WayIn { epoch: head, ..given.clone() };
    assert_eq!(lost.come_back(&not_needed), Err(ComeBackError::NotNeeded));
    for at in (0..given.group_info.len()).step_by(5) {
        let mut damaged = given.clone();
        damaged.group_info[at] ^= 0x10;
        assert!(lost.come_back(&damaged).is_err());
        damaged.group_info.truncate(at);
        assert_eq!(lost.come_back(&damaged), Err(ComeBackError::Damaged));
    }
    let mut mallory = Node::found(244, &group_policy());
    let (_, _) = mallory.invite(clone_node(&lost.me));
    let trap = way_in(&mallory, &lost.me);
    assert_eq!(trap.group, GROUP.0);
    assert_eq!(lost.come_back(&trap), Err(ComeBackError::Stranger));
    assert!(lost.group.take_changes().is_empty());
    assert_eq!((lost.group.head(), lost.group.members()), (head, members.as_slice()));
    let back = lost.come_back(&given).unwrap();
    assert!(nodes[0].follow(&back.content));
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rubbish_is_no_way_in(bytes in vec(any::<u8>(), 0..600), as_version in any::<bool>()) {
        let mut bytes = bytes;
        if let (true, Some(first)) = (as_version, bytes.first_mut()) {
            *first = 1;
        }
        if let Ok(sealed) = SealedWayIn::decode(&bytes) {
            prop_assert!(sealed.open(&local_node(&mut rng(245)).keys).is_err());
        }
    }

    #[test]
    fn rubbish_in_a_way_in_is_refused(group_info in vec(any::<u8>(), 0..400)) {
        let mut node = Node::found(246, &group_policy());
        let topic = TopicSecret::from_bytes([1; 32]);
        let way_in = WayIn { group: GROUP.0, epoch: EpochId([2; 32]), rank_key: [3; 32].into(), topic, group_info };
        let sealed = way_in.seal(&node.me.certificate.mailbox_key(), &mut rng(247)).unwrap();
        let opened = sealed.open(&node.me.keys).unwrap();
        prop_assert!(opened == way_in);
        node.strand();
        prop_assert!(node.come_back(&opened) == Err(ComeBackError::Damaged));
    }
}

#[test]
fn a_damaged_way_in_does_not_open() {
    let (mut nodes, lost) = one_is_lost(2, 248);
    let node = &mut nodes[0];
    let sealed = node.group.way_in(&node.me, lost.me.node_id(), &mut node.rng).unwrap();
    assert!(sealed.bytes().len() <= WAY_IN_BYTES_MAX);
    for at in 0..sealed.bytes().len() {
        let mut damaged = sealed.bytes().to_vec();
        damaged[at] ^= 1;
        let opened = SealedWayIn::decode(&damaged).ok().and_then(|sealed| sealed.open(&lost.me.keys).ok());
        assert_eq!(opened, None);
        damaged.truncate(at);
        let opened = SealedWayIn::decode(&damaged).ok().and_then(|sealed| sealed.open(&lost.me.keys).ok());
        assert_eq!(opened, None);
    }
    let long = WayIn { group_info: vec![0; GROUP_INFO_BYTES_MAX + 1], ..way_in(&nodes[0], &lost.me) };
    let error = long.seal(&lost.me.certificate.mailbox_key(), &mut rng(249)).unwrap_err();
    assert_eq!(error, SealError::TooLong { bytes: GROUP_INFO_BYTES_MAX + 1 });
    let longest = WayIn { group_info: vec![0; GROUP_INFO_BYTES_MAX], ..long };
    let sealed = longest.seal(&lost.me.certificate.mailbox_key(), &mut rng(249)).unwrap();
    assert_eq!(sealed.bytes().len(), WAY_IN_BYTES_MAX);
    assert!(SealedWayIn::decode(sealed.bytes()).unwrap().open(&lost.me.keys).unwrap() == longest);
    assert!(format!("{longest:?} {sealed:?}").len() < 300, "what is secret is not shown");
}

#[test]
fn a_way_in_has_room_for_a_thousand_members() {
    let mut anna = Node::found(250, &group_policy());
    let others: Vec<_> = (0..49).map(|seed| local_node(&mut rng(2_500 + seed))).collect();
    let packages: Vec<_> =
        others.iter().map(|me| KeyPackage::generate(me, Suite::Classic, true, &mut anna.rng).unwrap().0).collect();
    let bytes: Vec<&[u8]> = packages.iter().map(|package| package.bytes.as_slice()).collect();
    anna.group.add(&anna.me, &bytes, NOW_MS, &mut anna.rng).unwrap();
    let given = way_in(&anna, &others[0]);
    assert!(given.group_info.len() * (MEMBERS_MAX / 50) < GROUP_INFO_BYTES_MAX, "{}", given.group_info.len());
}

#[test]
fn what_was_held_before_is_read_and_not_written_in() {
    let mut nodes = nodes(3, 260);
    let mut lost = nodes.pop().unwrap();
    lost.save();
    let early = nodes[0].send("from before");
    let topic = lost.group.topic_secrets()[0].clone();
    for _ in 0..2 {
        let update = nodes[0].update().content;
        nodes[1].follow(&update);
    }
    lost.strand();
    let given = way_in(&nodes[1], &lost.me);
    let back = lost.come_back(&given).unwrap();
    lost.save();
    lost.restart();
    assert_eq!(lost.group.head(), back.epoch);
    assert_eq!(lost.read(&early), "from before");
    assert!(lost.group.topic_secrets().contains(&topic), "what comes late is still heard");
    assert_eq!(lost.group.tree().nodes().count(), 2, "what it came into, and what it made");
    assert_eq!(lost.group.tree().detached().count(), 1);
    for node in &mut nodes {
        node.follow(&back.content);
    }
    nodes.push(lost);
    assert_together(&mut nodes);
}

#[test]
fn whoever_meets_the_own_return_with_an_older_database_comes_back_once_more() {
    let mut nodes = nodes(3, 262);
    let mut lost = nodes.pop().unwrap();
    lost.save();
    let given = way_in(&nodes[0], &lost.me);
    let returned = forged_return(&given, &lost.me, NOW_MS);
    let epoch = CommitFrame::read(&returned.message).unwrap().id;
    for node in &mut nodes {
        node.follow(&returned);
    }
    assert_eq!(lost.group.receive(&returned, NOW_MS), Received::Late(epoch));
    assert_eq!(lost.group.standing(), Standing::Stranded, "and not removed");
    let given = way_in(&nodes[1], &lost.me);
    let back = lost.come_back(&given).unwrap();
    for node in &mut nodes {
        node.follow(&back.content);
    }
    nodes.push(lost);
    assert_together(&mut nodes);
}

#[test]
fn nobody_is_led_away_from_where_they_are_well() {
    let mut nodes = nodes(4, 270);
    let mut lost = nodes.pop().unwrap();
    let update = nodes[0].update();
    for node in &mut nodes[1..] {
        node.follow(&update.content);
    }
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
fn whoever_was_put_out_gives_no_way_in() {
    let mut others = nodes(4, 281);
    let mut victim = others.pop().unwrap();
    let put_out = others.pop().unwrap();
    let trap = way_in(&put_out, &victim.me);
    let removal = others[0].remove(&put_out.me);
    victim.follow(&removal.content);
    victim.strand();
    // It was a member in an epoch that is still here, and is none at the head.
    assert_eq!(victim.come_back(&WayIn { epoch: EpochId([9; 32]), ..trap }), Err(ComeBackError::Stranger));
}

#[test]
fn a_way_in_never_makes_a_group_of_a_direct_conversation() {
    let mut anna = Node::found(282, &Policy::direct());
    let (_, mut ben) = anna.invite(local_node(&mut rng(283)));
    ben.strand();
    let mut forged = Group::create(&anna.me, GROUP, &group_policy(), Suite::Classic, &mut rng(286)).unwrap();
    let (theirs, _) = KeyPackage::generate(&ben.me, Suite::Classic, true, &mut rng(287)).unwrap();
    forged.add(&anna.me, &[&theirs.bytes], NOW_MS, &mut rng(288)).unwrap();
    anna.group = forged;
    let trap = way_in(&anna, &ben.me);
    assert_eq!(ben.come_back(&trap), Err(ComeBackError::OtherGroup));
}

#[test]
fn a_stranded_node_goes_where_the_group_is_even_if_it_holds_that_epoch() {
    for seed in 0..16 {
        let mut nodes = nodes(3, 290 + seed);
        let mut away = nodes.pop().unwrap();
        let theirs = nodes[0].update();
        nodes[1].follow(&theirs.content);
        let own = away.update();
        away.follow(&theirs.content);
        if away.group.head() != own.epoch {
            continue;
        }
        // It holds their epoch, and its walk does not lead there.
        let given = way_in(&nodes[0], &away.me);
        away.strand();
        let back = away.come_back(&given).unwrap();
        for node in &mut nodes {
            node.follow(&back.content);
        }
        nodes.push(away);
        assert_together(&mut nodes);
        return;
    }
    panic!("in none of sixteen forks did the one who was away win");
}

#[test]
fn two_accounts_vouch_for_a_way_in_or_the_only_other_one() {
    let mut nodes = nodes(4, 310);
    let mut lost = nodes.pop().unwrap();
    let update = nodes[0].update();
    for node in &mut nodes[1..] {
        node.follow(&update.content);
    }
    let given = way_in(&nodes[1], &lost.me);
    let me = lost.me.account_id();
    for (vouching, node) in nodes.iter_mut().enumerate() {
        assert_eq!(lost.group.is_vouched_for(&given, me), vouching >= 2, "{vouching} do");
        let ballot = node.group.ballot(&node.me, NOW_MS + BALLOT_DELAY_MS).unwrap();
        lost.group.take_ballot(&ballot.bytes, NOW_MS + BALLOT_DELAY_MS).unwrap();
    }
    assert!(
        !lost.group.is_vouched_for(&WayIn { epoch: EpochId([9; 32]), ..given }, me),
        "for one that they do not name"
    );
    let mut anna = Node::found(314, &Policy::direct());
    let (_, mut ben) = anna.invite(local_node(&mut rng(315)));
    anna.update();
    let given = way_in(&anna, &ben.me);
    let me = ben.me.account_id();
    assert!(!ben.group.is_vouched_for(&given, me));
    let ballot = anna.group.ballot(&anna.me, NOW_MS + BALLOT_DELAY_MS).unwrap();
    ben.group.take_ballot(&ballot.bytes, NOW_MS + BALLOT_DELAY_MS).unwrap();
    assert!(ben.group.is_vouched_for(&given, me));
}
