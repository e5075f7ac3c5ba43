//! Every decoder of this crate that takes bytes from outside, as a function of bytes: what the fuzzer of `tests/fuzz`
//! calls, and what the tests call with the corpus. Not in what ships: it is there for tests and with the feature
//! `fuzzing` alone.
//!
//! Bytes that are hostile give an outcome. Besides, what decodes encodes to the same bytes: an encoding is canonical.

use std::cell::RefCell;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{
    Change, EpochRow, Group, GroupId, InviteLink, Joined, KeyPackage, KeyPackageSecret, LeaveStatement, Moment, Policy,
    Received, Revocation, StateRow, StoredGroup, Suite, authenticated::Authenticated, framing::CommitFrame,
};
use crate::{
    card::{CardLink, SignedCard},
    codec::{Reader, Writer},
    envelope::{Content, Envelope, SealedWayIn, WayIn, WelcomeContent},
    epoch_id::EpochId,
    group::{epochs::Ballot, evidence::InviteProof},
    identity::LocalNode,
    proof::fuzzing as proof,
};

/// A decoder, or what decodes on the way to something else.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its file and of its corpus.
    pub name: &'static str,
    /// Ends, whatever the bytes are.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 23] = [
    Target { name: "envelope", run: envelope },
    Target { name: "content", run: content },
    Target { name: "welcome", run: welcome },
    Target { name: "join", run: join },
    Target { name: "way_in", run: way_in },
    Target { name: "come_back", run: come_back },
    Target { name: "policy", run: policy },
    Target { name: "authenticated", run: authenticated },
    Target { name: "commit_frame", run: commit_frame },
    Target { name: "evidence", run: evidence },
    Target { name: "invite_link", run: invite_link },
    Target { name: "card", run: card },
    Target { name: "card_link", run: card_link },
    Target { name: "key_package", run: key_package },
    Target { name: "key_package_secret", run: key_package_secret },
    Target { name: "stored_row", run: stored_row },
    Target { name: "stored_state", run: stored_state },
    Target { name: "receive", run: receive },
    Target { name: "ballot", run: ballot },
    Target { name: "proof", run: proof::proof },
    Target { name: "id_token", run: proof::id_token },
    Target { name: "key_set", run: proof::key_set },
    Target { name: "mail", run: proof::mail },
];

const NOW_MS: u64 = 1_800_000_000_000;
const MOMENT: Moment = Moment { now_ms: NOW_MS, place: NOW_MS };
const GROUP: GroupId = GroupId([7; 16]);

/// Two members of a group, made from a fixed seed. The author's side makes the seeds of the corpus.
#[cfg_attr(not(test), expect(dead_code, reason = "the fuzzer needs what reads, the tests also what writes"))]
struct Scene {
    adder: LocalNode,
    author: Group,
    joiner: LocalNode,
    reader: Group,
    package: KeyPackage,
    secret: KeyPackageSecret,
    welcome: Vec<u8>,
    stored: StoredGroup,
    /// The joiner's, after a commit of its own of which it has no keys.
    stranded: StoredGroup,
    rng: ChaCha20Rng,
}

impl Scene {
    /// None only if making a group fails, which other tests would say louder.
    fn new() -> Option<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let adder = LocalNode::generate(0, u64::MAX, &mut rng);
        let joiner = LocalNode::generate(0, u64::MAX, &mut rng);
        let policy = Policy::group(adder.account_id(), "Rowing".to_owned());
        let mut author = Group::create(&adder, GROUP, &policy, Suite::Classic, &mut rng).ok()?;
        let (package, secret) = KeyPackage::generate(&joiner, Suite::Classic, true, &mut rng).ok()?;
        let change = Change { add: vec![&package.bytes], ..Change::default() };
        let committed = author.change(&adder, change, MOMENT, &mut rng).ok()?;
        let welcome = committed.welcome?.of(&joiner.node_id())?;
        let mut reader = join_by(&joiner, &package, &secret, committed.epoch, welcome.clone())?.group;
        let stored = saved(&mut reader);
        let mut copy = Group::load(stored.clone()).ok()?;
        let lost = copy.change(&joiner, Change::default(), MOMENT, &mut rng).ok()?;
        let mut stranded = join_by(&joiner, &package, &secret, committed.epoch, welcome.clone())?.group;
        drop(stranded.receive(&lost.content, NOW_MS));
        let stranded = saved(&mut stranded);
        Some(Self { adder, author, joiner, reader, package, secret, welcome, stored, stranded, rng })
    }
}

fn saved(group: &mut Group) -> StoredGroup {
    let changes = group.take_changes();
    let (epochs, state) = (changes.epochs_put, changes.state_put);
    StoredGroup { id: GROUP, epochs, state, ballots: vec![], removed: vec![] }
}

fn join_by(
    me: &LocalNode,
    package: &KeyPackage,
    secret: &KeyPackageSecret,
    epoch: EpochId,
    welcome: Vec<u8>,
) -> Option<Joined> {
    let content =
        WelcomeContent { group: GROUP.0, epoch, welcome, apart: None, inviter_card: Vec::new(), above: Vec::new() };
    let lookup = |reference: &[u8; 32]| (*reference == package.reference).then(|| secret.clone());
    Group::join(me, &content, lookup, NOW_MS).ok()
}

fn with_scene(act: impl FnOnce(&mut Scene)) {
    thread_local!(static SCENE: RefCell<Option<Scene>> = RefCell::new(Scene::new()));
    SCENE.with_borrow_mut(|scene| scene.as_mut().map(act));
}

fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::decode(bytes) {
        assert_eq!(envelope.bytes(), bytes);
    }
}

fn content(bytes: &[u8]) {
    if let Ok(content) = Content::decode_padded(bytes) {
        assert_eq!(content.encode_padded().ok().as_deref().map(Vec::as_slice), Some(bytes));
    }
}

fn welcome(bytes: &[u8]) {
    if let Ok(content) = WelcomeContent::decode_padded(bytes) {
        assert_eq!(content.encode_padded().ok().as_deref().map(Vec::as_slice), Some(bytes));
    }
}

fn join(bytes: &[u8]) {
    with_scene(|scene| {
        drop(join_by(&scene.joiner, &scene.package, &scene.secret, EpochId([1; 32]), bytes.to_vec()));
    });
}

fn way_in(bytes: &[u8]) {
    if let Ok(sealed) = SealedWayIn::decode(bytes) {
        assert_eq!(sealed.bytes(), bytes);
    }
    if let Ok(way_in) = WayIn::decode_padded(bytes) {
        assert_eq!(way_in.encode_padded().ok().as_deref().map(Vec::as_slice), Some(bytes));
    }
}

fn come_back(bytes: &[u8]) {
    with_scene(|scene| {
        let topic = scene.reader.topic_secrets().first().cloned();
        let Some(topic) = topic else { return };
        let way_in = WayIn {
            group: GROUP.0,
            epoch: EpochId([2; 32]),
            rank_key: zeroize::Zeroizing::new([3; 32]),
            topic,
            group_info: bytes.to_vec(),
            above: Vec::new(),
        };
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let Ok(mut group) = Group::load(scene.stranded.clone()) else { return };
        drop(group.come_back(&scene.joiner, &way_in, MOMENT, &mut rng));
    });
}

fn policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::decode(bytes) {
        assert_eq!(policy.encode(), bytes);
    }
}

fn authenticated(bytes: &[u8]) {
    if let Ok(authenticated) = Authenticated::decode(bytes) {
        assert_eq!(authenticated.encode(), bytes);
    }
}

fn commit_frame(bytes: &[u8]) {
    drop(CommitFrame::read(bytes));
}

fn evidence(bytes: &[u8]) {
    if let Ok(statement) = LeaveStatement::decode(bytes) {
        assert_eq!(statement.encode(), bytes);
    }
    if let Ok(revocation) = Revocation::decode(bytes) {
        assert_eq!(revocation.encode(), bytes);
    }
    if let Ok(proof) = InviteProof::decode(bytes) {
        assert_eq!(proof.encode(), bytes);
    }
}

fn invite_link(bytes: &[u8]) {
    if let Some(Ok(link)) = std::str::from_utf8(bytes).ok().map(InviteLink::parse) {
        assert!(InviteLink::parse(&link.link()).is_ok());
    }
}

fn card(bytes: &[u8]) {
    if let Ok(card) = SignedCard::decode(bytes) {
        assert_eq!(card.bytes(), bytes);
    }
}

fn card_link(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(CardLink::parse(text));
    }
}

fn key_package(bytes: &[u8]) {
    drop(KeyPackage::check(bytes, NOW_MS));
}

fn key_package_secret(bytes: &[u8]) {
    if let Ok(secret) = KeyPackageSecret::decode(bytes) {
        assert_eq!(secret.encode().as_slice(), bytes);
    }
}

fn stored_row(bytes: &[u8]) {
    if let Ok(row) = EpochRow::decode(bytes) {
        // An earlier version's is written as this one's.
        assert_eq!(EpochRow::decode(&row.encode()), Ok(row));
    }
}

fn ballot(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    if let (Ok(ballot), Ok(())) = (Ballot::decode(&mut reader), reader.finish()) {
        let mut writer = Writer::new();
        ballot.encode(&mut writer);
        assert_eq!(writer.into_bytes(), bytes);
    }
}

/// The first byte says which row of the saved state the others replace.
fn stored_state(bytes: &[u8]) {
    let Some((row, value)) = bytes.split_first() else { return };
    with_scene(|scene| {
        let mut stored = scene.stored.clone();
        let row = usize::from(*row).checked_rem(stored.state.len()).unwrap_or(0);
        if let Some(row) = stored.state.get_mut(row) {
            *row = StateRow { value: value.to_vec().into(), ..row.clone() };
        }
        if let Ok(mut group) = Group::load(stored) {
            drop(group.encrypt(&scene.joiner, b"x", &mut ChaCha20Rng::seed_from_u64(3)));
        }
    });
}

/// A message or a commit that names the head.
fn receive(bytes: &[u8]) {
    with_scene(|scene| {
        let content = Content { epoch: scene.reader.head(), message: bytes.to_vec() };
        let received = scene.reader.receive(&content, NOW_MS);
        assert!(!matches!(received, Received::Committed { .. }) || scene.reader.am_member());
    });
}

#[cfg(test)]
mod tests;
