//! A few nodes with their groups and a database each, without network: what the other tests are made of.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::{
    envelope::{Content, SealedWayIn, WayIn, WelcomeContent},
    epoch_id::EpochId,
    group::*,
    identity::{AccountId, AccountKey, LocalNode, NodeCertificate, NodeId, NodeKeys},
};

pub(super) const NOW_MS: u64 = 1_800_000_000_000;
pub(super) const YEAR_MS: u64 = 31_536_000_000;

pub(super) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// What a database would hold of a group: written with [`GroupChanges`], read as a [`StoredGroup`].
#[derive(Clone, Default)]
pub(super) struct Saved {
    epochs: BTreeMap<EpochId, Vec<u8>>,
    pub(super) state: BTreeMap<(EpochId, Vec<u8>), Vec<u8>>,
    ballots: BTreeMap<NodeId, Vec<u8>>,
    removed: Vec<epochs::RemovedEpoch>,
    pub(super) bytes_written: usize,
}

impl Saved {
    pub(super) fn write(&mut self, changes: GroupChanges) {
        self.removed.extend(&changes.epochs_removed);
        for node in changes.ballots_deleted {
            self.ballots.remove(&node);
        }
        self.ballots.extend(changes.ballots_put);
        for id in changes.epochs_deleted {
            assert!(self.epochs.remove(&id).is_some(), "only what was saved is deleted");
            self.state.retain(|(epoch, _), _| *epoch != id);
        }
        for row in changes.epochs_put {
            let bytes = row.encode();
            assert_eq!(EpochRow::decode(&bytes).unwrap(), row);
            self.bytes_written += bytes.len();
            self.epochs.insert(row.id, bytes);
        }
        for row in changes.state_put {
            self.bytes_written += row.key.len() + row.value.len();
            self.state.insert((row.epoch, row.key), row.value.to_vec());
        }
        for key in changes.state_deleted {
            self.state.remove(&key);
        }
    }

    pub(super) fn read(&self, id: GroupId) -> StoredGroup {
        let epochs = self.epochs.values().map(|bytes| EpochRow::decode(bytes).unwrap()).collect();
        let state = self
            .state
            .iter()
            .map(|((epoch, key), value)| StateRow { epoch: *epoch, key: key.clone(), value: value.clone().into() })
            .collect();
        let ballots = self.ballots.values().cloned().collect();
        StoredGroup { id, epochs, state, ballots, removed: self.removed.clone() }
    }
}

/// A node: its keys, its group, its database, its own chance.
pub(super) struct Node {
    pub(super) me: LocalNode,
    pub(super) group: Group,
    pub(super) saved: Saved,
    pub(super) rng: ChaCha20Rng,
}

pub(super) const GROUP: GroupId = GroupId([7; 16]);

pub(super) fn group_policy() -> Policy {
    // Without an owner all are equal: what is tested with it is not who may do what.
    Policy { roles: BTreeMap::new(), ..Policy::group(AccountId([0; 32]), "Rowing".to_owned()) }
}

pub(super) fn local_node(rng: &mut ChaCha20Rng) -> LocalNode {
    LocalNode::generate(NOW_MS - YEAR_MS, NOW_MS + YEAR_MS, rng)
}

/// Another node of the same account.
pub(super) fn second_node(of: &LocalNode, rng: &mut ChaCha20Rng) -> LocalNode {
    let account = AccountKey::from_seed(of.account.seed());
    let keys = NodeKeys::generate(rng);
    let certificate = NodeCertificate::issue(&account, &keys, 2, NOW_MS - YEAR_MS, NOW_MS + YEAR_MS);
    LocalNode { account, keys, certificate }
}

pub(super) fn at(now_ms: u64) -> Moment {
    Moment { now_ms, place: now_ms }
}

/// Single changes, for tests that are about something else.
impl Group {
    pub(super) fn add(
        &mut self,
        me: &LocalNode,
        key_packages: &[&[u8]],
        now_ms: u64,
        rng: &mut ChaCha20Rng,
    ) -> Result<Committed, CommitError> {
        self.change(me, Change { add: key_packages.to_vec(), ..Change::default() }, at(now_ms), rng)
    }

    pub(super) fn remove(
        &mut self,
        me: &LocalNode,
        nodes: &[NodeId],
        now_ms: u64,
        rng: &mut ChaCha20Rng,
    ) -> Result<Committed, CommitError> {
        self.change(me, Change { remove: nodes.to_vec(), ..Change::default() }, at(now_ms), rng)
    }

    pub(super) fn update(
        &mut self,
        me: &LocalNode,
        now_ms: u64,
        rng: &mut ChaCha20Rng,
    ) -> Result<Committed, CommitError> {
        self.change(me, Change::default(), at(now_ms), rng)
    }
}

impl Node {
    pub(super) fn found(seed: u64, policy: &Policy) -> Self {
        Self::found_in(Suite::Classic, seed, policy)
    }

    pub(super) fn found_in(suite: Suite, seed: u64, policy: &Policy) -> Self {
        let mut rng = rng(seed);
        let me = local_node(&mut rng);
        let group = Group::create(&me, GROUP, policy, suite, &mut rng).unwrap();
        Self { me, group, saved: Saved::default(), rng }
    }

    /// Adds a node, which joins at once; says what the others have to receive.
    pub(super) fn invite(&mut self, me: LocalNode) -> (Content, Self) {
        let suite = self.group.suite().unwrap();
        let (package, secret) = KeyPackage::generate(&me, suite, true, &mut self.rng).unwrap();
        let committed = self.group.add(&self.me, &[&package.bytes], NOW_MS, &mut self.rng).unwrap();
        let joined = join(&me, &committed, &package, &secret).unwrap();
        assert_eq!(joined.inviter.node, self.me.node_id());
        let rng = rng(self.rng.next_u64());
        (committed.content, Self { me, group: joined.group, saved: Saved::default(), rng })
    }

    pub(super) fn send(&mut self, text: &str) -> Content {
        self.group.encrypt(&self.me, text.as_bytes(), &mut self.rng).unwrap()
    }

    pub(super) fn update(&mut self) -> Committed {
        self.group.update(&self.me, NOW_MS, &mut self.rng).unwrap()
    }

    pub(super) fn remove(&mut self, other: &LocalNode) -> Committed {
        self.group.remove(&self.me, &[other.node_id()], NOW_MS, &mut self.rng).unwrap()
    }

    /// Receives a message and says what it says.
    pub(super) fn read(&mut self, content: &Content) -> String {
        match self.group.receive(content, NOW_MS) {
            Received::Message { payload, .. } => String::from_utf8(payload.to_vec()).unwrap(),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// Receives a commit that is taken.
    pub(super) fn follow(&mut self, content: &Content) -> bool {
        match self.group.receive(content, NOW_MS) {
            Received::Committed { head_moved, .. } => head_moved,
            other => panic!("expected a commit, got {other:?}"),
        }
    }

    /// Gets a commit of its own that it made in a copy of its database: it cannot follow, and has to come back.
    pub(super) fn strand(&mut self) {
        self.save();
        let mut copy = Group::load(self.saved.read(self.group.id())).unwrap();
        let lost = copy.update(&self.me, NOW_MS, &mut self.rng).unwrap();
        assert_eq!(self.group.receive(&lost.content, NOW_MS), Received::Late(lost.epoch));
        assert_eq!(self.group.standing(), Standing::Stranded);
        self.save();
    }

    pub(super) fn come_back(&mut self, way_in: &WayIn) -> Result<Committed, ComeBackError> {
        self.group.come_back(&self.me, way_in, at(NOW_MS), &mut self.rng)
    }

    /// Comes back by the way in that a member gives it.
    pub(super) fn come_back_by(&mut self, member: &Self) -> Committed {
        let given = way_in(member, &self.me);
        self.come_back(&given).unwrap()
    }

    pub(super) fn save(&mut self) {
        self.saved.write(self.group.take_changes());
    }

    /// Loses everything that was not saved.
    pub(super) fn restart(&mut self) {
        self.group = Group::load(self.saved.read(self.group.id())).unwrap();
    }
}

pub(super) fn join(
    me: &LocalNode,
    committed: &Committed,
    package: &KeyPackage,
    secret: &KeyPackageSecret,
) -> Result<Joined, JoinError> {
    let content = WelcomeContent {
        group: GROUP.0,
        epoch: committed.epoch,
        welcome: committed.welcome.as_ref().and_then(|all| all.of(&me.node_id())).unwrap(),
        apart: None,
        inviter_card: vec![],
        above: Vec::new(),
    };
    let stored = KeyPackageSecret::decode(&secret.encode()).unwrap();
    Group::join(me, &content, |reference| (*reference == package.reference).then(|| stored.clone()), NOW_MS)
}

/// So many nodes of different accounts in one group, all at its head.
pub(super) fn nodes(count: usize, seed: u64) -> Vec<Node> {
    nodes_in(Suite::Classic, count, seed)
}

pub(super) fn nodes_in(suite: Suite, count: usize, seed: u64) -> Vec<Node> {
    let mut nodes = vec![Node::found_in(suite, seed, &group_policy())];
    while nodes.len() < count {
        let me = local_node(&mut rng(seed ^ (nodes.len() as u64) << 32));
        let (commit, joined) = nodes[0].invite(me);
        for node in &mut nodes[1..] {
            assert!(node.follow(&commit));
        }
        nodes.push(joined);
    }
    nodes
}

/// Such a group, and one of its nodes apart from the others.
pub(super) fn nodes_and_one(count: usize, seed: u64) -> (Vec<Node>, Node) {
    let mut nodes = nodes(count, seed);
    let one = nodes.pop().unwrap();
    (nodes, one)
}

/// Two people in their direct conversation.
pub(super) fn direct_pair(seed: u64) -> (Node, Node) {
    let mut anna = Node::found(seed, &Policy::direct());
    let (_, ben) = anna.invite(local_node(&mut rng(seed + 1)));
    (anna, ben)
}

/// Each of them receives a commit that is taken.
pub(super) fn each_follows(nodes: &mut [Node], content: &Content) {
    for node in nodes {
        node.follow(content);
    }
}

/// One renews its keys, and all others follow.
pub(super) fn one_updates(nodes: &mut [Node], author: usize) -> Committed {
    let update = nodes[author].update();
    for (index, node) in nodes.iter_mut().enumerate() {
        if index != author {
            node.follow(&update.content);
        }
    }
    update
}

/// What a member gives to a node of its group.
pub(super) fn way_in(from: &Node, to: &LocalNode) -> WayIn {
    let sealed = from.group.way_in(&from.me, to.node_id(), &mut rng(98)).unwrap();
    assert_eq!(SealedWayIn::decode(sealed.bytes()).as_ref(), Ok(&sealed));
    sealed.open(&to.keys).unwrap()
}

/// A group in which the last node has missed what the others do without it for a while.
pub(super) fn one_is_lost(count: usize, seed: u64) -> (Vec<Node>, Node) {
    let (mut nodes, mut lost) = nodes_and_one(count, seed);
    for round in 0..3 {
        let committer = round % nodes.len();
        one_updates(&mut nodes, committer);
    }
    lost.strand();
    (nodes, lost)
}
