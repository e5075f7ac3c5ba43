//! What a group does in either suite, and where the two differ.

use super::world::*;
use crate::group::*;

/// Key packages of so many nodes, and the nodes.
fn packages(suite: Suite, count: u64, last_resort: bool) -> Vec<(LocalNode, KeyPackage, KeyPackageSecret)> {
    let make = |seed| {
        let me = local_node(&mut rng(seed));
        let (package, secret) = KeyPackage::generate(&me, suite, last_resort, &mut rng(seed + 1)).unwrap();
        (me, package, secret)
    };
    (0..count).map(|number| make(1_000 + 2 * number)).collect()
}

#[test]
fn a_group_of_either_suite_lives_through_joins_forks_removals_and_restarts() {
    for suite in Suite::ALL {
        let mut nodes = nodes_in(suite, 4, 200);
        let content = nodes[1].send("hello");
        for index in [0, 2, 3] {
            assert_eq!(nodes[index].read(&content), "hello");
        }
        let updates = [nodes[0].update(), nodes[2].update()];
        nodes[0].follow(&updates[1].content);
        nodes[2].follow(&updates[0].content);
        for index in [1, 3] {
            for update in &updates {
                nodes[index].follow(&update.content);
            }
        }
        for node in &mut nodes {
            node.save();
            node.restart();
            assert_eq!(node.group.suite(), Some(suite));
        }
        assert!(nodes.iter().all(|node| node.group.authenticator() == nodes[0].group.authenticator()));
        let mut gone = nodes.pop().unwrap();
        let removal = nodes[1].remove(&gone.me);
        nodes[0].follow(&removal.content);
        nodes[2].follow(&removal.content);
        assert!(matches!(gone.group.receive(&removal.content, NOW_MS), Received::RemovedHere { .. }));
        let (commit, mut joined) = nodes[2].invite(local_node(&mut rng(201)));
        nodes[0].follow(&commit);
        nodes[1].follow(&commit);
        let content = joined.send("I am new");
        assert!(nodes.iter_mut().all(|node| node.read(&content) == "I am new"));
    }
}

#[test]
fn a_key_package_says_which_kind_it_is() {
    for suite in Suite::ALL {
        for last_resort in [true, false] {
            let (me, package, secret) = packages(suite, 1, last_resort).pop().unwrap();
            assert_eq!((package.suite, package.last_resort), (suite, last_resort));
            let checked = KeyPackage::check(&package.bytes, NOW_MS).unwrap();
            assert_eq!((checked.suite, checked.last_resort), (suite, last_resort));
            assert_eq!(checked.member.node, me.node_id());
            assert!(package.bytes.len() <= KEY_PACKAGE_BYTES_MAX, "{} bytes", package.bytes.len());
            KeyPackageSecret::decode(&secret.encode()).unwrap();
        }
    }
}

#[test]
fn a_key_package_for_the_other_suite_is_refused() {
    for (suite, other) in [(Suite::Classic, Suite::Hybrid), (Suite::Hybrid, Suite::Classic)] {
        let mut anna = Node::found_in(suite, 210, &group_policy());
        let (_, package, _) = packages(other, 1, true).pop().unwrap();
        let refused = anna.group.add(&anna.me, &[&package.bytes], NOW_MS, &mut anna.rng);
        assert_eq!(refused, Err(CommitError::KeyPackage(BadKeyPackage::OtherSuite)));
    }
}

#[test]
fn a_joined_group_names_the_key_package_that_was_used() {
    let mut anna = Node::found(211, &group_policy());
    let (me, package, secret) = packages(Suite::Classic, 1, false).pop().unwrap();
    let committed = anna.group.add(&anna.me, &[&package.bytes], NOW_MS, &mut anna.rng).unwrap();
    let joined = join(&me, &committed, &package, &secret).unwrap();
    assert_eq!(joined.key_package, package.reference);
}

#[test]
fn a_hybrid_group_holds_sixty_four_nodes_and_everybody_refuses_one_more() {
    let mut anna = Node::found_in(Suite::Hybrid, 212, &group_policy());
    let others = packages(Suite::Hybrid, 64, true);
    let bytes: Vec<&[u8]> = others.iter().map(|(_, package, _)| package.bytes.as_slice()).collect();
    let too_many = anna.group.add(&anna.me, &bytes, NOW_MS, &mut anna.rng);
    assert_eq!(too_many, Err(CommitError::Forbidden(Forbidden::TooManyForHybrid)));
    let full = anna.group.add(&anna.me, &bytes[..63], NOW_MS, &mut anna.rng).unwrap();
    assert!(full.content.message.len() < 63 * 3_300 + 1_450, "what the engine reckons with for a commit");
    let welcome_bytes = full.welcome.as_ref().unwrap().of(&others[0].0.node_id()).unwrap().len();
    let room = crate::envelope::PADDED_BYTES_MAX - crate::card::CARD_BYTES_MAX;
    assert!(welcome_bytes < room, "{welcome_bytes} bytes do not fit an envelope beside a card");
    let (me, package, secret) = &others[0];
    let mut ben = join(me, &full, package, secret).unwrap().group;
    assert_eq!(ben.members().len(), 64);
    let refused = ben.add(me, &bytes[63..], NOW_MS, &mut anna.rng);
    assert_eq!(refused, Err(CommitError::Forbidden(Forbidden::TooManyForHybrid)));
    let update = ben.update(me, NOW_MS, &mut anna.rng).unwrap();
    assert!(update.content.message.len() < 64 * 1_450, "and for its path to all the others");
    assert!(anna.follow(&update.content));
}

#[test]
fn a_classic_group_knows_whether_it_could_be_hybrid() {
    let mut nodes = nodes(3, 213);
    assert!(nodes.iter().all(|node| node.group.could_be_hybrid()));
    nodes[0].save();
    nodes[0].restart();
    assert!(nodes[0].group.could_be_hybrid());
    let others = packages(Suite::Classic, 62, true);
    let bytes: Vec<&[u8]> = others.iter().map(|(_, package, _)| package.bytes.as_slice()).collect();
    let anna = &mut nodes[0];
    anna.group.add(&anna.me, &bytes[..61], NOW_MS, &mut anna.rng).unwrap();
    assert!(anna.group.could_be_hybrid(), "sixty-four are not too many");
    anna.group.add(&anna.me, &bytes[61..], NOW_MS, &mut anna.rng).unwrap();
    assert!(!anna.group.could_be_hybrid(), "sixty-five are");
    assert!(!Node::found_in(Suite::Hybrid, 214, &group_policy()).group.could_be_hybrid(), "it is already");
}

#[test]
fn a_lost_member_of_a_hybrid_group_comes_back() {
    let mut nodes = nodes_in(Suite::Hybrid, 3, 215);
    let mut lost = nodes.pop().unwrap();
    for author in [0, 1] {
        let update = nodes[author].update();
        nodes[1 - author].follow(&update.content);
    }
    let way_in = nodes[1].group.way_in(&nodes[1].me, lost.me.node_id(), &mut rng(216)).unwrap();
    let way_in = way_in.open(&lost.me.keys).unwrap();
    lost.strand();
    let commit = lost.group.come_back(&lost.me, &way_in, at(NOW_MS), &mut lost.rng).unwrap().content;
    assert!(nodes.iter_mut().all(|node| node.follow(&commit)));
    let content = lost.send("I am back");
    assert!(nodes.iter_mut().all(|node| node.read(&content) == "I am back"));
    assert_eq!(lost.group.suite(), Some(Suite::Hybrid));
}

#[test]
fn nobody_is_led_from_a_hybrid_group_into_a_classic_one_of_the_same_id() {
    let mut nodes = nodes_in(Suite::Hybrid, 2, 217);
    let mut lured = nodes.pop().unwrap();
    let founder = nodes.pop().unwrap().me;
    let mut classic = Group::create(&founder, GROUP, &group_policy(), Suite::Classic, &mut rng(218)).unwrap();
    let (package, secret) = KeyPackage::generate(&lured.me, Suite::Classic, false, &mut rng(219)).unwrap();
    let committed = classic.add(&founder, &[&package.bytes], NOW_MS, &mut rng(220)).unwrap();
    let joined = join(&lured.me, &committed, &package, &secret).unwrap();
    assert!(!lured.group.may_enter(&joined, Invitation::Wanted));
    lured.strand();
    assert!(!lured.group.may_enter(&joined, Invitation::Wanted));
    let way_in = classic.way_in(&founder, lured.me.node_id(), &mut rng(221)).unwrap().open(&lured.me.keys).unwrap();
    let refused = lured.group.come_back(&lured.me, &way_in, at(NOW_MS), &mut lured.rng);
    assert_eq!(refused.unwrap_err(), ComeBackError::OtherGroup);
}
