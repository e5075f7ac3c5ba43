//! Random histories: the same commits and ballots make the same tree in every order and through any crash, and what
//! honest members settled stays settled, on every node and at every moment.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;

const PEOPLE: u8 = 5;

#[derive(Clone)]
enum Item {
    Commit(EpochNode),
    Ballot(NodeId, Ballot),
}

fn below(chance: &mut ChaCha20Rng, bound: usize) -> usize {
    usize::try_from(chance.next_u32()).unwrap() % bound
}

fn shuffle<T>(items: &mut [T], chance: &mut ChaCha20Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(chance, last + 1));
    }
}

/// Ids that say nothing of the order in which they were made.
fn scattered(byte: usize) -> EpochId {
    if byte == 0 { id(0) } else { EpochId::of_commit(&[u8::try_from(byte).unwrap()]) }
}

fn random_commit(parent: &EpochNode, made: usize, chance: &mut ChaCha20Rng) -> EpochNode {
    let committer = u8::try_from(1 + below(chance, usize::from(PEOPLE))).unwrap();
    // As with the exporter, a committer has one value on each parent.
    let lottery = parent.rank.commit.0[0].wrapping_add(committer.wrapping_mul(77));
    let class = [RankClass::Removal, RankClass::TakesAway, RankClass::Other][below(chance, 3)];
    let rank = Rank { class, power: 0, lottery: [lottery; 32], commit: scattered(made) };
    let mut new = EpochNode::root(rank.commit, parent.number + 1, 0);
    new.parent = Some(parent.rank.commit);
    new.committer = Some(person(committer));
    new.rank = rank;
    new
}

/// Commits and ballots of people who equivocate freely.
fn random_items(chance: &mut ChaCha20Rng) -> Vec<Item> {
    let mut nodes = vec![EpochNode::root(id(0), 0, 0)];
    for made in 1..2 + below(chance, 40) {
        let parent = nodes[below(chance, nodes.len())];
        nodes.push(random_commit(&parent, made, chance));
    }
    let mut items: Vec<Item> = nodes[1..].iter().map(|node| Item::Commit(*node)).collect();
    for _ in 0..below(chance, 40) {
        let voter = person(u8::try_from(1 + below(chance, usize::from(PEOPLE))).unwrap());
        let choices = (0..=below(chance, 3)).map(|_| {
            let node = nodes[below(chance, nodes.len())];
            Choice { number: node.number, epoch: node.rank.commit }
        });
        let choices = choices.collect();
        items.push(Item::Ballot(voter, Ballot { number: u64::try_from(below(chance, 4)).unwrap(), choices }));
    }
    items
}

/// Takes in everything in a random order, offering again what came before its parent, and crashing now and then.
fn taken(items: &[Item], chance: &mut ChaCha20Rng) -> EpochTree {
    let mut tree = tree(PEOPLE);
    let mut waiting = items.to_vec();
    shuffle(&mut waiting, chance);
    while !waiting.is_empty() {
        waiting.retain(|item| match item {
            Item::Commit(node) => tree.insert(*node, Some(people(PEOPLE)), NOW_MS) == Insertion::UnknownParent,
            Item::Ballot(voter, ballot) => {
                tree.cast(*voter, ballot.clone(), NOW_MS);
                false
            }
        });
        if below(chance, 3) == 0 {
            tree = reloaded(&tree);
        }
    }
    tree
}

#[test]
fn the_same_commits_and_ballots_make_the_same_tree_in_every_order_whoever_equivocates() {
    let mut chance = ChaCha20Rng::seed_from_u64(1);
    let mut settled = 0;
    for _ in 0..200 {
        let items = random_items(&mut chance);
        let one = taken(&items, &mut chance);
        let other = taken(&items, &mut chance);
        assert_same(&one, &other);
        settled += one.nodes().filter(|(id, _)| one.settled_child(*id).is_some()).count();
    }
    assert!(settled > 100, "{settled} settled epochs test too little");
}

/// Honest people, each with a tree and a clock of their own, between whom everything arrives late and in no order.
struct World {
    trees: Vec<EpochTree>,
    log: Vec<Item>,
    /// What each has yet to take in.
    pending: Vec<Vec<usize>>,
    now_ms: u64,
    settled: BTreeMap<EpochId, EpochId>,
    reorgs: usize,
}

impl World {
    fn new() -> Self {
        let trees = (0..PEOPLE).map(|_| tree(PEOPLE)).collect();
        let pending = (0..PEOPLE).map(|_| Vec::new()).collect();
        Self { trees, log: vec![], pending, now_ms: NOW_MS, settled: BTreeMap::new(), reorgs: 0 }
    }

    fn publish(&mut self, by: usize, item: Item) {
        self.log.push(item);
        for (_, pending) in self.pending.iter_mut().enumerate().filter(|(index, _)| *index != by) {
            pending.push(self.log.len() - 1);
        }
    }

    fn step(&mut self, forgets: bool, chance: &mut ChaCha20Rng) {
        self.now_ms += 1 + u64::try_from(below(chance, 40_000)).unwrap();
        let index = below(chance, self.trees.len());
        let me = person(u8::try_from(index + 1).unwrap());
        match below(chance, 8) {
            0 if self.log.len() < 200 => {
                let tree = &self.trees[index];
                let mut new = random_commit(tree.node(tree.head()).unwrap(), self.log.len() + 1, chance);
                new.committer = Some(me);
                self.take(index, &Item::Commit(new));
                self.publish(index, Item::Commit(new));
            }
            1 | 2 => {
                if let Some(ballot) = self.trees[index].next_ballot(me, self.now_ms) {
                    self.reorgs = self.reorgs.max(ballot.choices.len());
                    self.take(index, &Item::Ballot(me, ballot.clone()));
                    self.publish(index, Item::Ballot(me, ballot));
                }
            }
            3 => self.trees[index] = reloaded(&self.trees[index]),
            4 if forgets => {
                self.trees[index].forget(self.now_ms);
            }
            _ => self.deliver(index, chance),
        }
        self.check(index);
    }

    fn deliver(&mut self, index: usize, chance: &mut ChaCha20Rng) {
        shuffle(&mut self.pending[index], chance);
        if let Some(item) = self.pending[index].pop() {
            let item_taken = self.log[item].clone();
            if !self.take(index, &item_taken) {
                self.pending[index].push(item);
            }
        }
    }

    fn take(&mut self, index: usize, item: &Item) -> bool {
        match item {
            Item::Commit(node) => {
                self.trees[index].insert(*node, Some(people(PEOPLE)), self.now_ms) != Insertion::UnknownParent
            }
            Item::Ballot(voter, ballot) => {
                self.trees[index].cast(*voter, ballot.clone(), self.now_ms);
                true
            }
        }
    }

    /// What anybody ever saw settled is what everybody sees settled.
    fn check(&mut self, index: usize) {
        let tree = &self.trees[index];
        for (epoch, _) in tree.nodes() {
            match (tree.settled_child(epoch), self.settled.get(&epoch)) {
                (Some(child), Some(before)) => assert_eq!(child, *before, "two children of one epoch were settled"),
                (Some(child), None) => drop(self.settled.insert(epoch, child)),
                (None, _) => {}
            }
        }
    }

    fn finish(&mut self, chance: &mut ChaCha20Rng) {
        for _ in 0..40 {
            for index in 0..self.trees.len() {
                // What follows a commit that came too late never finds its parent.
                let mut tries = 4 * self.pending[index].len() + 8;
                while !self.pending[index].is_empty() && tries > 0 {
                    tries -= 1;
                    self.deliver(index, chance);
                    self.check(index);
                }
            }
            self.now_ms += BALLOT_DELAY_MS;
            for index in 0..self.trees.len() {
                let me = person(u8::try_from(index + 1).unwrap());
                if let Some(ballot) = self.trees[index].next_ballot(me, self.now_ms) {
                    self.take(index, &Item::Ballot(me, ballot.clone()));
                    self.publish(index, Item::Ballot(me, ballot));
                }
            }
        }
    }
}

#[test]
fn what_honest_members_settled_stays_settled_everywhere_and_always() {
    let (mut settled, mut reorgs) = (0, 0);
    for seed in 0..30 {
        let mut chance = ChaCha20Rng::seed_from_u64(seed);
        let mut world = World::new();
        for _ in 0..250 {
            world.step(false, &mut chance);
        }
        world.finish(&mut chance);
        for tree in &world.trees {
            assert_same(tree, &world.trees[0]);
            let undecided = tree.nodes().filter(|(id, _)| tree.leads_to_head(*id) && *id != tree.head());
            let undecided = undecided.filter(|(id, _)| tree.settled_child(*id).is_none()).count();
            assert_eq!(undecided, 0, "once all have spoken, the way to the head is settled");
        }
        settled += world.settled.len();
        reorgs += usize::from(world.reorgs > 1);
    }
    assert!(settled > 150 && reorgs > 15, "{settled} settled, {reorgs} runs with a change of branch");
}

#[test]
fn forgetting_at_different_times_leads_to_the_same_head() {
    let mut forgot = 0;
    for seed in 100..115 {
        let mut chance = ChaCha20Rng::seed_from_u64(seed);
        let mut world = World::new();
        for round in 0..300 {
            // Now and then a long time passes for all, so that horizons are over.
            if round % 60 == 59 {
                world.finish(&mut chance);
                world.now_ms += HORIZON_MS;
            }
            world.step(true, &mut chance);
        }
        world.finish(&mut chance);
        let heads: Vec<EpochId> = world.trees.iter().map(EpochTree::head).collect();
        assert!(heads.iter().all(|head| *head == heads[0]), "seed {seed}");
        forgot += world.trees.iter().filter(|tree| tree.root() != id(0)).count();
    }
    assert!(forgot > 40, "{forgot}");
}

#[test]
fn a_thousand_ballots_are_counted_one_by_one() {
    let voters: Vec<(AccountId, NodeId)> = (0..1_000_u16)
        .map(|voter| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&voter.to_be_bytes());
            (AccountId(bytes), NodeId(bytes))
        })
        .collect();
    let electorate = Arc::new(Electorate::new(voters.iter().copied()));
    let mut tree = EpochTree::new(EpochNode::root(id(0), 0, NOW_MS), Arc::clone(&electorate));
    for byte in 1..60 {
        let new = EpochNode { number: u64::from(byte), ..node(byte, byte - 1, 1, 1) };
        assert_eq!(tree.insert(new, Some(Arc::clone(&electorate)), NOW_MS), Insertion::Inserted);
    }
    for (account, voter) in &voters {
        let epoch = 30 + account.0[1] % 30;
        assert_eq!(tree.cast(*voter, ballot(1, &[(u64::from(epoch), epoch)]), NOW_MS), Cast::Taken);
    }
    assert_eq!(tree.votes(id(30)), 1_000 * ACCOUNT_WEIGHT);
    assert_eq!(tree.settled_child(id(0)), Some(id(1)));
    reloaded(&tree);
}
