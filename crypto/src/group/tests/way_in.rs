//! The way in that a member gives to one that cannot follow: who is given it, who opens it, and that one that is damaged
//! or leads elsewhere changes nothing.

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, any, prop_assert, proptest},
};

use super::{hostile::clone_node, world::*};
use crate::{
    envelope::{GROUP_INFO_BYTES_MAX, SealError, SealedWayIn, TopicSecret, WAY_IN_BYTES_MAX, WayIn},
    epoch_id::EpochId,
    group::{epochs::BALLOT_DELAY_MS, *},
};

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
        let way_in = WayIn { group: GROUP.0, epoch: EpochId([2; 32]), rank_key: [3; 32].into(), topic, group_info, above: Vec::new() };
        let sealed = way_in.seal(&node.me.certificate.mailbox_key(), &mut rng(247)).unwrap();
        let opened = sealed.open(&node.me.keys).unwrap();
        prop_assert!(opened == way_in);
        node.strand();
        prop_assert!(node.come_back(&opened) == Err(ComeBackError::Damaged));
    }
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
    let (mut anna, mut ben) = direct_pair(282);
    ben.strand();
    let mut forged = Group::create(&anna.me, GROUP, &group_policy(), Suite::Classic, &mut rng(286)).unwrap();
    let (theirs, _) = KeyPackage::generate(&ben.me, Suite::Classic, true, &mut rng(287)).unwrap();
    forged.add(&anna.me, &[&theirs.bytes], NOW_MS, &mut rng(288)).unwrap();
    anna.group = forged;
    let trap = way_in(&anna, &ben.me);
    assert_eq!(ben.come_back(&trap), Err(ComeBackError::OtherGroup));
}

#[test]
fn two_accounts_vouch_for_a_way_in_or_the_only_other_one() {
    let (mut nodes, mut lost) = nodes_and_one(4, 310);
    one_updates(&mut nodes, 0);
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
    let (mut anna, mut ben) = direct_pair(314);
    anna.update();
    let given = way_in(&anna, &ben.me);
    let me = ben.me.account_id();
    assert!(!ben.group.is_vouched_for(&given, me));
    let ballot = anna.group.ballot(&anna.me, NOW_MS + BALLOT_DELAY_MS).unwrap();
    ben.group.take_ballot(&ballot.bytes, NOW_MS + BALLOT_DELAY_MS).unwrap();
    assert!(ben.group.is_vouched_for(&given, me));
}
