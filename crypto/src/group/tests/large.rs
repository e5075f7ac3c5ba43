//! Groups of many nodes: everybody can be added, and everybody finds their way in.

use super::world::*;
use crate::{
    card::CARD_BYTES_MAX,
    envelope::{Apart, Envelope, TopicSecret, WelcomeContent},
    group::*,
    identity::LocalNode,
};

/// The engine adds as many by one commit: more do not fit the last.
const ADDED_AT_ONCE: usize = 250;

/// A welcome as it travels, its tail apart; what came out at the other end.
fn travel(me: &LocalNode, committed: &Committed) -> WelcomeContent {
    let welcomes = committed.welcome.as_ref().unwrap();
    let secret = TopicSecret::generate(&mut rng(9));
    let (apart, envelopes) = Apart::seal(secret, committed.epoch, welcomes.tail()).unwrap();
    let content = WelcomeContent {
        group: GROUP.0,
        epoch: committed.epoch,
        welcome: welcomes.head(&me.node_id()).unwrap().to_vec(),
        apart: Some(apart),
        inviter_card: vec![1; CARD_BYTES_MAX],
        above: Vec::new(),
    };
    let sealed = Envelope::seal_welcome(&me.keys.mailbox_public(), &content, &mut rng(10)).unwrap();
    let mut opened = Envelope::decode(sealed.bytes()).unwrap().open_welcome(&me.keys).unwrap();
    opened.complete(&envelopes).unwrap();
    opened
}

#[test]
fn a_group_of_a_thousand_is_founded_in_steps_and_everybody_finds_their_way_in() {
    let mut anna = Node::found(401, &group_policy());
    let others: Vec<_> = (0..999_u64)
        .map(|number| {
            let me = local_node(&mut rng(10_000 + number));
            let (package, secret) = KeyPackage::generate(&me, Suite::Classic, true, &mut anna.rng).unwrap();
            (me, package, secret)
        })
        .collect();
    let mut contents = Vec::new();
    let mut joined: Vec<Group> = Vec::new();
    for batch in others.chunks(ADDED_AT_ONCE) {
        let add: Vec<&[u8]> = batch.iter().map(|(_, package, _)| package.bytes.as_slice()).collect();
        let before = anna.group.members().len();
        let committed = anna.group.add(&anna.me, &add, NOW_MS, &mut anna.rng).unwrap();
        let bytes = committed.content.message.len();
        assert!(bytes < add.len() * 660 + before * 96, "the engine reckons with that, not with {bytes}");
        for group in &mut joined {
            assert!(matches!(group.receive(&committed.content, NOW_MS), Received::Committed { .. }));
        }
        // The first and the last of each step; all others differ in nothing but their keys.
        for (me, package, secret) in [&batch[0], &batch[batch.len() - 1]] {
            let content = travel(me, &committed);
            let lookup = |reference: &[u8; 32]| (*reference == package.reference).then(|| secret.clone());
            joined.push(Group::join(me, &content, lookup, NOW_MS).unwrap().group);
        }
        contents.push(committed);
    }
    let tail_bytes = contents.last().unwrap().welcome.as_ref().unwrap().tail().len();
    assert!(tail_bytes > crate::envelope::MESSAGE_BYTES_MAX, "one envelope would do for {tail_bytes} bytes");
    let hello = anna.send("all of you");
    for group in &mut joined {
        assert_eq!(group.members().len(), 1_000);
        assert_eq!(group.authenticator(), anna.group.authenticator());
        assert!(matches!(group.receive(&hello, NOW_MS), Received::Message { .. }));
    }
    let one_more = local_node(&mut rng(402));
    let (package, _) = KeyPackage::generate(&one_more, Suite::Classic, true, &mut anna.rng).unwrap();
    let refused = anna.group.add(&anna.me, &[&package.bytes], NOW_MS, &mut anna.rng);
    assert_eq!(refused, Err(CommitError::Forbidden(Forbidden::TooManyMembers)));
}

#[test]
fn a_commit_that_no_envelope_holds_is_refused_before_anything_changes() {
    let mut anna = Node::found(403, &group_policy());
    let packages: Vec<_> = (0..600_u64)
        .map(|number| {
            KeyPackage::generate(&local_node(&mut rng(20_000 + number)), Suite::Classic, true, &mut anna.rng).unwrap().0
        })
        .collect();
    let bytes: Vec<&[u8]> = packages.iter().map(|package| package.bytes.as_slice()).collect();
    anna.save();
    let head = anna.group.head();
    let refused = anna.group.add(&anna.me, &bytes, NOW_MS, &mut anna.rng);
    assert!(matches!(refused, Err(CommitError::TooLarge { .. })), "{refused:?}");
    assert_eq!((anna.group.head(), anna.group.members().len()), (head, 1));
    assert!(anna.group.take_changes().is_empty());
}

#[test]
fn nobody_is_told_who_else_comes_in_before_being_in() {
    let mut anna = Node::found(404, &group_policy());
    let packages = (0..3_u64).map(|seed| {
        let me = local_node(&mut rng(405 + seed));
        let (package, secret) = KeyPackage::generate(&me, Suite::Classic, true, &mut rng(410 + seed)).unwrap();
        (me, package, secret)
    });
    let others: Vec<_> = packages.collect();
    let add: Vec<&[u8]> = others.iter().map(|(_, package, _)| package.bytes.as_slice()).collect();
    let committed = anna.group.add(&anna.me, &add, NOW_MS, &mut anna.rng).unwrap();
    let welcomes = committed.welcome.as_ref().unwrap();
    for (me, package, _) in &others {
        let head = welcomes.head(&me.node_id()).unwrap();
        let has = |other: &KeyPackage| head.windows(32).any(|window| window == other.reference);
        assert!(has(package));
        assert_eq!(others.iter().filter(|(_, package, _)| has(package)).count(), 1);
    }
    assert_eq!(welcomes.of(&anna.me.node_id()), None);
}
