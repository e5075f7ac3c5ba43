//! Forks: whatever arrives in whatever order, all end at the same head, and every branch is read by all.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::Rng;

use super::world::*;
use crate::{
    envelope::Content,
    epoch_id::EpochId,
    group::{epochs::HELD_EPOCHS_MAX, framing::CommitFrame, *},
};

#[test]
fn both_branches_of_a_fork_are_read_by_all() {
    let mut nodes = nodes(4, 30);
    let fork = nodes[0].group.head();
    let left = nodes[0].update().content;
    nodes[1].follow(&left);
    let right = nodes[2].update().content;
    nodes[3].follow(&right);
    let deeper = nodes[3].update().content;
    nodes[2].follow(&deeper);
    let messages: Vec<Content> = (0..4).map(|index| nodes[index].send(&index.to_string())).collect();
    assert_ne!(nodes[0].group.head(), nodes[2].group.head());
    let before: Vec<EpochId> = nodes.iter().map(|node| node.group.head()).collect();
    // What follows an unknown commit is named, so that it can be parked, and nothing is lost by trying.
    assert_eq!(nodes[0].group.receive(&deeper, NOW_MS), Received::UnknownEpoch(deeper.epoch));
    assert_eq!(nodes[0].group.receive(&messages[2], NOW_MS), Received::UnknownEpoch(messages[2].epoch));
    let mut moved = [false; 4];
    for (index, node) in nodes.iter_mut().enumerate() {
        for commit in [&left, &right, &deeper] {
            match node.group.receive(commit, NOW_MS) {
                Received::Committed { head_moved, .. } => moved[index] |= head_moved,
                other => assert_eq!(other, Received::Known),
            }
        }
        for (author, message) in messages.iter().enumerate() {
            if author == index {
                assert_eq!(node.group.receive(message, NOW_MS), Received::Known);
            } else {
                assert_eq!(node.read(message), author.to_string());
            }
        }
    }
    let head = nodes[0].group.head();
    for (index, node) in nodes.iter().enumerate() {
        assert_eq!(node.group.head(), head);
        assert_eq!(node.group.authenticator(), nodes[0].group.authenticator());
        assert!(node.group.is_on_branch(fork));
        assert_eq!(moved[index], before[index] != head);
    }
    assert!(moved.contains(&true));
    let content = nodes[1].send("after the fork");
    assert_eq!(nodes[3].read(&content), "after the fork");
}

#[test]
fn whoever_was_added_on_the_losing_branch_is_added_again_on_the_winning_one() {
    for seed in 0..8 {
        let mut nodes = nodes(2, 40 + seed);
        let newcomer = local_node(&mut rng(50 + seed));
        let (package, secret) = KeyPackage::generate(&newcomer, Suite::Classic, true, &mut rng(51)).unwrap();
        let node = &mut nodes[0];
        let add = node.group.add(&node.me, &[&package.bytes], NOW_MS, &mut node.rng).unwrap();
        let update = nodes[1].update();
        nodes[0].follow(&update.content);
        nodes[1].follow(&add.content);
        assert_eq!(nodes[0].group.head(), nodes[1].group.head());
        if nodes[0].group.is_on_branch(add.epoch) {
            continue;
        }
        let node = &mut nodes[0];
        let again = node.group.add(&node.me, &[&package.bytes], NOW_MS, &mut node.rng).unwrap();
        nodes[1].follow(&again.content);
        let mut group = join(&newcomer, &again, &package, &secret).unwrap().group;
        let content = nodes[1].send("at last");
        assert!(matches!(group.receive(&content, NOW_MS), Received::Message { .. }));
        return;
    }
    panic!("in none of eight forks did the addition lose");
}

#[test]
fn a_removal_wins_over_any_other_commit() {
    for seed in 0..6 {
        let (mut nodes, mut third) = nodes_and_one(3, 60 + seed);
        let escape = third.update();
        let removal = nodes[0].remove(&third.me);
        assert!(nodes[1].follow(&escape.content));
        assert!(nodes[1].follow(&removal.content));
        assert!(!nodes[0].follow(&escape.content));
        assert!(matches!(third.group.receive(&removal.content, NOW_MS), Received::RemovedHere { .. }));
        for node in nodes.iter().chain([&third]) {
            assert_eq!(node.group.head(), removal.epoch);
        }
        assert!(!third.group.am_member());
    }
}

#[test]
fn a_group_never_stops_taking_commits() {
    let mut nodes = nodes(2, 70);
    for round in 0..HELD_EPOCHS_MAX + 10 {
        let update = nodes[round % 2].update();
        assert!(nodes[1 - round % 2].follow(&update.content));
    }
    for node in &mut nodes {
        assert!(node.group.tree().nodes().filter(|(_, node)| node.kind == NodeKind::Held).count() <= HELD_EPOCHS_MAX);
        node.save();
        node.restart();
    }
    let content = nodes[0].send("still talking");
    assert_eq!(nodes[1].read(&content), "still talking");
}

/// One random history: members commit and write while each has received only some of it, lose what was not saved,
/// and at last receive everything in an order of their own.
struct Run {
    nodes: Vec<Node>,
    log: Vec<Content>,
    commits: usize,
    messages: usize,
    read: Vec<BTreeSet<usize>>,
    parked: Vec<BTreeMap<EpochId, Vec<usize>>>,
    forks: usize,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut chance = rng(seed);
        let count = 3 + below(&mut chance, 3);
        let mut nodes = nodes(count, seed);
        for node in &mut nodes {
            node.save();
        }
        let read = vec![BTreeSet::new(); count];
        let parked = (0..count).map(|_| BTreeMap::new()).collect();
        let mut run = Self { nodes, log: vec![], commits: 0, messages: 0, read, parked, forks: 0 };
        for _ in 0..30 {
            run.step(&mut chance);
        }
        for index in 0..count {
            let order = shuffled(run.log.len(), &mut chance);
            run.deliver(index, order, &mut chance);
        }
        run
    }

    fn step(&mut self, chance: &mut impl Rng) {
        let index = below(chance, self.nodes.len());
        if self.nodes[index].group.am_member() {
            match below(chance, 10) {
                0 if below(chance, 2) == 0 => {
                    let other = below(chance, self.nodes.len());
                    let gone = self.nodes[other].me.node_id();
                    let node = &mut self.nodes[index];
                    if other != index && node.group.members().iter().any(|member| member.node == gone) {
                        let committed = node.group.remove(&node.me, &[gone], NOW_MS, &mut node.rng).unwrap();
                        self.log_commit(index, committed.content);
                    }
                }
                0..=2 => {
                    let content = self.nodes[index].update().content;
                    self.log_commit(index, content);
                }
                3..=5 => {
                    let content = self.nodes[index].send(&self.log.len().to_string());
                    self.read[index].insert(self.log.len());
                    self.log.push(content);
                    self.messages += 1;
                    self.nodes[index].save();
                }
                _ => self.deliver_some(index, chance),
            }
        } else {
            self.deliver_some(index, chance);
        }
    }

    /// An own commit is saved before it is sent.
    fn log_commit(&mut self, index: usize, content: Content) {
        self.log.push(content);
        self.commits += 1;
        self.nodes[index].save();
    }

    fn deliver_some(&mut self, index: usize, chance: &mut impl Rng) {
        let order = shuffled(self.log.len(), chance).into_iter().take(6).collect();
        self.deliver(index, order, chance);
    }

    fn deliver(&mut self, index: usize, mut queue: Vec<usize>, chance: &mut impl Rng) {
        while let Some(item) = queue.pop() {
            if self.read[index].contains(&item) {
                continue;
            }
            let node = &mut self.nodes[index];
            let received = node.group.receive(&self.log[item], NOW_MS);
            if below(chance, 8) == 0 {
                // A crash between receiving and saving: it is received again.
                node.restart();
                queue.push(item);
                continue;
            }
            node.save();
            match received {
                Received::Message { payload, .. } => {
                    assert_eq!(payload.as_slice(), item.to_string().as_bytes());
                    self.read[index].insert(item);
                }
                Received::Committed { epoch, .. } => {
                    queue.extend(self.parked[index].remove(&epoch).unwrap_or_default());
                }
                Received::UnknownEpoch(epoch) => self.parked[index].entry(epoch).or_default().push(item),
                Received::Known | Received::RemovedHere { .. } => {}
                Received::Refused(refusal) => panic!("refused: {refusal}"),
                Received::Gone | Received::Late(_) | Received::Unreadable | Received::TooEarly => {
                    panic!("unreadable or full")
                }
            }
        }
    }

    fn check(&mut self) {
        let reference = self.nodes.iter().position(|node| node.group.am_member()).unwrap();
        let head = self.nodes[reference].group.head();
        let authenticator = self.nodes[reference].group.authenticator().unwrap().to_vec();
        let members: BTreeSet<_> = self.nodes[reference].group.members().iter().map(|member| member.node).collect();
        for (index, node) in self.nodes.iter().enumerate() {
            if !members.contains(&node.me.node_id()) {
                assert!(!node.group.am_member(), "a removed node knows that it is");
                continue;
            }
            assert_eq!(node.group.head(), head);
            assert_eq!(node.group.authenticator().unwrap(), authenticator);
            for (item, content) in self.log.iter().enumerate() {
                let epoch = node.group.tree().node(content.epoch);
                let frame = CommitFrame::read(&content.message).ok();
                let is_commit = frame.is_some_and(|frame| node.group.tree().node(frame.id).is_some());
                let can_read = epoch.is_some_and(|epoch| epoch.kind != NodeKind::Tombstone);
                assert!(is_commit || self.read[index].contains(&item) || !can_read, "{item} was not read");
            }
        }
        let mut parents = BTreeMap::<EpochId, usize>::new();
        for (_, node) in self.nodes[reference].group.tree().nodes() {
            *parents.entry(node.parent.unwrap_or(head)).or_default() += 1;
        }
        self.forks = parents.values().filter(|children| **children > 1).count();
        let content = self.nodes[reference].send("the end");
        for node in self.nodes.iter_mut().filter(|node| members.contains(&node.me.node_id())) {
            if node.group.receive(&content, NOW_MS) != Received::Known {
                node.group.encrypt(&node.me, b"x", &mut node.rng).unwrap();
            }
        }
    }
}

fn below(chance: &mut impl Rng, bound: usize) -> usize {
    usize::try_from(chance.next_u32()).unwrap() % bound
}

fn shuffled(count: usize, chance: &mut impl Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, below(chance, last + 1));
    }
    order
}

#[test]
fn any_order_of_arrival_with_crashes_at_any_time_ends_at_the_same_head() {
    let runs = std::env::var("TIDINGS_TREE_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(30);
    let (mut commits, mut messages, mut forks) = (0, 0, 0);
    for seed in 0..runs {
        let mut run = Run::new(1000 + seed);
        run.check();
        commits += run.commits;
        messages += run.messages;
        forks += run.forks;
    }
    assert!(forks * 2 > usize::try_from(runs).unwrap(), "{forks} forks in {runs} runs test too little");
    println!("{runs} runs, {commits} commits, {messages} messages, {forks} forks: all converged");
}
