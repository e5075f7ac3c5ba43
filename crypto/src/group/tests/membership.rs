//! Who is in, who is not, and who can read what.

use super::world::*;
use crate::{envelope::TopicSecret, group::*};

#[test]
fn two_members_read_each_other() {
    let (mut anna, mut ben) = direct_pair(1);
    for round in 0..5 {
        let (one, two) = (anna.send(&format!("a{round}")), ben.send(&format!("b{round}")));
        assert_eq!(ben.read(&one), format!("a{round}"));
        assert_eq!(anna.read(&two), format!("b{round}"));
    }
    assert_eq!(anna.group.head(), ben.group.head());
    assert_eq!(anna.group.authenticator(), ben.group.authenticator());
    assert_eq!(anna.group.members(), ben.group.members());
    assert_eq!(anna.group.policy(), Some(&Policy::direct()));
    assert_eq!(anna.group.export("purpose", 32), ben.group.export("purpose", 32));
    assert_ne!(anna.group.export("purpose", 32), ben.group.export("other", 32));
    assert_eq!(anna.group.topic_secrets(), ben.group.topic_secrets());
    let accounts: Vec<_> = ben.group.members().iter().map(|member| member.account).collect();
    assert_eq!(accounts, [anna.me.account_id(), ben.me.account_id()]);
}

#[test]
fn three_members_read_each_other_and_know_who_wrote() {
    let mut nodes = nodes(3, 3);
    let content = nodes[2].send("hello");
    let sender = nodes[2].me.node_id();
    for node in &mut nodes[..2] {
        let Received::Message { sender: member, epoch, .. } = node.group.receive(&content, NOW_MS) else { panic!() };
        assert_eq!((member.node, epoch), (sender, content.epoch));
    }
    assert_eq!(nodes[2].group.receive(&content, NOW_MS), Received::Known);
}

#[test]
fn messages_are_read_in_any_order_and_once() {
    let mut nodes = nodes(2, 4);
    let contents: Vec<_> = (0..100).map(|number| nodes[0].send(&number.to_string())).collect();
    for (number, content) in contents.iter().enumerate().rev() {
        assert_eq!(nodes[1].read(content), number.to_string());
    }
    for content in &contents {
        assert_eq!(nodes[1].group.receive(content, NOW_MS), Received::Unreadable);
    }
}

#[test]
fn a_removed_member_knows_it_and_reads_no_more() {
    let mut nodes = nodes(3, 5);
    let topic_before = nodes[0].group.topic_secrets()[0].clone();
    let before = nodes[0].send("you can still read this");
    let gone = nodes.pop().unwrap();
    let mut gone = gone;
    let removal = nodes[0].remove(&gone.me);
    let after = nodes[0].send("but not this");
    assert!(nodes[1].follow(&removal.content));
    assert_eq!(nodes[1].read(&after), "but not this");
    let received = gone.group.receive(&removal.content, NOW_MS);
    assert!(matches!(&received, Received::RemovedHere { summary: Some(summary) } if **summary == removal.summary));
    assert!(!gone.group.am_member());
    assert_eq!(gone.group.head(), removal.epoch, "the tombstone takes part in the rule");
    assert_eq!(gone.group.receive(&after, NOW_MS), Received::RemovedHere { summary: None });
    assert_eq!(gone.read(&before), "you can still read this");
    assert_eq!(gone.group.encrypt(&gone.me, b"x", &mut gone.rng), Err(EncryptError::NotAMember));
    assert!(matches!(gone.group.update(&gone.me, NOW_MS, &mut gone.rng), Err(CommitError::NotAMember)));
    assert!(gone.group.members().is_empty() && gone.group.authenticator().is_none());
    let topic_now: TopicSecret = nodes[1].group.topic_secrets()[0].clone();
    assert_eq!(nodes[0].group.topic_secret(removal.epoch), Some(&topic_now));
    assert_ne!(topic_now, topic_before);
    assert!(!gone.group.topic_secrets().contains(&topic_now), "the new topic is not told to those who are removed");
    gone.save();
    gone.restart();
    assert!(!gone.group.am_member());
    assert_eq!(gone.group.receive(&after, NOW_MS), Received::RemovedHere { summary: None });
}

#[test]
fn whoever_joins_after_a_removal_finds_the_topic() {
    let (mut nodes, gone) = nodes_and_one(3, 6);
    let removal = nodes[0].remove(&gone.me);
    nodes[1].follow(&removal.content);
    let (commit, mut joined) = nodes[1].invite(local_node(&mut rng(60)));
    nodes[0].follow(&commit);
    assert_eq!(joined.group.topic_secrets()[0], nodes[0].group.topic_secrets()[0]);
    let content = nodes[0].send("welcome");
    assert_eq!(joined.read(&content), "welcome");
}

#[test]
fn an_account_adds_its_second_node_to_a_direct_conversation_but_nobody_else() {
    let (mut anna, mut ben) = direct_pair(7);
    let phone = second_node(&anna.me, &mut rng(9));
    let (commit, mut phone) = anna.invite(phone);
    ben.follow(&commit);
    let content = phone.send("from my phone");
    let Received::Message { sender, .. } = ben.group.receive(&content, NOW_MS) else { panic!() };
    assert_eq!(sender.account, anna.me.account_id());
    let (package, _) = KeyPackage::generate(&local_node(&mut rng(10)), Suite::Classic, true, &mut rng(11)).unwrap();
    let third = ben.group.add(&ben.me, &[&package.bytes], NOW_MS, &mut ben.rng);
    assert_eq!(third, Err(CommitError::Forbidden(Forbidden::ThirdAccount)));
    let removal = ben.group.remove(&ben.me, &[anna.me.node_id()], NOW_MS, &mut ben.rng);
    assert_eq!(removal, Err(CommitError::Forbidden(Forbidden::RemovalFromDirect)));
    let own = anna.group.remove(&anna.me, &[phone.me.node_id()], NOW_MS, &mut anna.rng).unwrap();
    assert!(ben.follow(&own.content));
    assert_eq!(ben.group.members().len(), 2);
}

#[test]
fn a_change_that_changes_nothing_or_makes_no_sense_is_refused() {
    let mut nodes = nodes(2, 12);
    let (anna, ben) = nodes.split_at_mut(1);
    let (anna, ben) = (&mut anna[0], &mut ben[0]);
    let (again, _) = KeyPackage::generate(&ben.me, Suite::Classic, true, &mut ben.rng).unwrap();
    anna.group.take_changes();
    let mut commit = |add: &[&[u8]]| anna.group.add(&anna.me, add, NOW_MS, &mut anna.rng).unwrap_err();
    assert_eq!(commit(&[&again.bytes]), CommitError::AlreadyMember);
    assert_eq!(commit(&[b"rubbish"]), CommitError::KeyPackage(BadKeyPackage::Damaged));
    let me = anna.me.node_id();
    let mut remove = |nodes: &[_]| anna.group.remove(&anna.me, nodes, NOW_MS, &mut anna.rng).unwrap_err();
    assert_eq!(remove(&[me]), CommitError::OwnRemoval);
    assert_eq!(remove(&[NodeId([1; 32])]), CommitError::NoSuchMember);
    assert!(anna.group.take_changes().is_empty());
}

#[test]
fn a_renewed_certificate_comes_with_the_next_update() {
    let mut nodes = nodes(2, 13);
    let renewed = crate::identity::NodeCertificate::issue(
        &nodes[0].me.account,
        &nodes[0].me.keys,
        2,
        NOW_MS,
        NOW_MS + 2 * YEAR_MS,
    );
    nodes[0].me.certificate = renewed.clone();
    let update = nodes[0].update();
    nodes[1].follow(&update.content);
    assert_eq!(nodes[1].group.members()[0].certificate, renewed);
    let content = nodes[0].send("still me");
    assert_eq!(nodes[1].read(&content), "still me");
}

#[test]
fn several_are_added_at_once_with_one_welcome() {
    let mut anna = Node::found(14, &group_policy());
    let others: Vec<_> = (0..5).map(|seed| local_node(&mut rng(100 + seed))).collect();
    let packages: Vec<_> =
        others.iter().map(|me| KeyPackage::generate(me, Suite::Classic, true, &mut anna.rng).unwrap()).collect();
    let bytes: Vec<&[u8]> = packages.iter().map(|(package, _)| package.bytes.as_slice()).collect();
    let committed = anna.group.add(&anna.me, &bytes, NOW_MS, &mut anna.rng).unwrap();
    let content = anna.send("all of you");
    for (me, (package, secret)) in others.iter().zip(&packages) {
        let mut group = join(me, &committed, package, secret).unwrap().group;
        assert_eq!(group.head(), committed.epoch);
        assert!(matches!(group.receive(&content, NOW_MS), Received::Message { .. }));
        assert_eq!(group.members().len(), 6);
    }
}

#[test]
fn who_comes_in_while_somebody_goes_hears_the_others_and_never_learns_the_topic_that_ends() {
    let (mut nodes, gone) = nodes_and_one(3, 160);
    let before = nodes[0].group.topic_secrets()[0].clone();
    let me = local_node(&mut rng(161));
    let (package, secret) = KeyPackage::generate(&me, Suite::Classic, true, &mut rng(162)).unwrap();
    let change = Change { add: vec![&package.bytes], remove: vec![gone.me.node_id()], ..Change::default() };
    let adder = &mut nodes[0];
    let committed = adder.group.change(&adder.me, change, at(NOW_MS), &mut rng(163)).unwrap();
    nodes[1].follow(&committed.content);
    let joined = join(&me, &committed, &package, &secret).unwrap().group;
    assert_eq!(joined.topic_secrets(), [nodes[0].group.topic_secrets()[0].clone()]);
    assert_eq!(joined.topic_secrets()[0], nodes[1].group.topic_secrets()[0]);
    assert!(!joined.topic_secrets().contains(&before));
}
