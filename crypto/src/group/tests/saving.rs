//! What is saved, and that nothing else is needed.

use rand_core::Rng;

use super::world::*;
use crate::group::*;

#[test]
fn a_group_goes_on_after_a_restart() {
    let mut nodes = nodes(3, 20);
    for node in &mut nodes {
        node.save();
        node.restart();
        assert!(node.group.take_changes().is_empty(), "loading changes nothing");
    }
    let content = nodes[0].send("one");
    nodes[0].save();
    nodes[0].restart();
    let second = nodes[0].send("two");
    for node in &mut nodes[1..] {
        assert_eq!(node.read(&second), "two");
        node.save();
        node.restart();
        assert_eq!(node.read(&content), "one");
    }
    let update = nodes[1].update();
    nodes[1].save();
    nodes[1].restart();
    assert_eq!(nodes[1].group.head(), update.epoch);
    assert!(nodes[0].follow(&update.content));
    assert_eq!(nodes[0].group.authenticator(), nodes[1].group.authenticator());
}

#[test]
fn what_was_not_saved_can_be_received_again() {
    let mut nodes = nodes(2, 21);
    nodes[1].save();
    let content = nodes[0].send("once more");
    let update = nodes[0].update();
    assert_eq!(nodes[1].read(&content), "once more");
    nodes[1].follow(&update.content);
    nodes[1].restart();
    nodes[1].follow(&update.content);
    assert_eq!(nodes[1].read(&content), "once more");
}

#[test]
fn a_message_writes_little() {
    let mut nodes = nodes(2, 22);
    for round in 0..20 {
        let content = nodes[round % 2].send("some ordinary text");
        nodes[1 - round % 2].read(&content);
        for node in &mut nodes {
            node.saved.bytes_written = 0;
            node.save();
            if round > 2 {
                assert!(node.saved.bytes_written < 2_000, "{} bytes", node.saved.bytes_written);
            }
        }
    }
}

#[test]
fn one_seed_gives_the_same_bytes() {
    let run = || {
        let mut nodes = nodes(4, 23);
        let mut bytes = vec![nodes[1].send("x").message, nodes[2].update().content.message];
        let gone = nodes.pop().unwrap();
        bytes.push(nodes[0].remove(&gone.me).content.message);
        let (commit, joined) = nodes[0].invite(local_node(&mut rng(24)));
        bytes.push(commit.message);
        bytes.push(joined.group.authenticator().unwrap().to_vec());
        bytes
    };
    assert_eq!(run(), run());
}

#[test]
fn damaged_rows_are_an_error_and_not_a_panic() {
    let mut nodes = nodes(2, 25);
    nodes[0].update();
    nodes[0].save();
    let stored = nodes[0].saved.read(GROUP);
    let mut rng = rng(26);
    for _ in 0..300 {
        let mut damaged = stored.clone();
        let row = rng.next_u32() as usize % damaged.state.len();
        let value = &mut damaged.state[row].value;
        let at = rng.next_u32() as usize % value.len();
        match rng.next_u32() % 3 {
            0 => value.truncate(at),
            1 => value[at] ^= 1 << (rng.next_u32() % 8),
            _ => drop(damaged.state.remove(row)),
        }
        if let Ok(mut group) = Group::load(damaged) {
            group.encrypt(&nodes[0].me, b"x", &mut rng).ok();
        }
    }
    let mut uprooted = stored.clone();
    uprooted.epochs.retain(|row| row.node.parent.is_some());
    assert!(matches!(Group::load(uprooted), Err(LoadError::Tree(_))));
    let mut childless = stored.clone();
    childless.epochs.retain(|row| row.id != nodes[0].group.head());
    assert_eq!(Group::load(childless).unwrap_err(), LoadError::State);
    let row = EpochRow::encode(&stored.epochs[0]);
    for length in 0..row.len() {
        assert!(EpochRow::decode(&row[..length]).is_err());
    }
}

#[test]
fn debug_shows_no_secrets() {
    let mut nodes = nodes(2, 27);
    let content = nodes[0].send("secret text");
    let (_, secret) = KeyPackage::generate(&nodes[0].me, Suite::Classic, true, &mut rng(28)).unwrap();
    let received = nodes[1].group.receive(&content, NOW_MS);
    let changes = nodes[1].group.take_changes();
    let topic = nodes[0].group.topic_secrets();
    let shown = format!("{:?} {secret:?} {received:?} {changes:?} {topic:?} {:?}", nodes[0].group, group_policy());
    assert!(!shown.contains("secret text") && !shown.contains("Rowing"));
    assert!(!shown.contains(&format!("{:?}", b"secret text")));
    for row in &changes.state_put {
        let bytes = format!("{:?}", row.value.as_slice());
        assert!(row.value.len() < 8 || !shown.contains(bytes.trim_matches(['[', ']'])));
    }
    assert!(shown.len() < 4000, "{} characters say too much", shown.len());
}
