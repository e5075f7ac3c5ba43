//! What a message and a commit cost: time, bytes on the wire, bytes of state to save. `cargo bench -p tidings-crypto`.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints, and may stop"
)]

use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tidings_crypto::{
    envelope::WelcomeContent,
    group::{Change, Group, GroupChanges, GroupId, KeyPackage, Moment, Policy, Received, Suite},
    identity::LocalNode,
};

const NOW_MS: u64 = 1_800_000_000_000;
const MOMENT: Moment = Moment { now_ms: NOW_MS, place: NOW_MS };
const ID: GroupId = GroupId([1; 16]);
const ROUNDS: u32 = 1000;
const PAYLOAD_BYTES: usize = 200;

fn state_bytes(changes: &GroupChanges) -> usize {
    changes.state_put.iter().map(|row| row.key.len() + row.value.len()).sum()
}

fn members(count: usize, rng: &mut ChaCha20Rng) -> Vec<(LocalNode, Group)> {
    let founder = LocalNode::generate(0, u64::MAX, rng);
    let policy = Policy::group(founder.account_id(), "Bench".to_owned());
    let mut group = Group::create(&founder, ID, &policy, Suite::Classic, rng).expect("a group is founded");
    let others: Vec<_> = (1..count).map(|_| LocalNode::generate(0, u64::MAX, rng)).collect();
    let packages: Vec<_> = others
        .iter()
        .map(|me| KeyPackage::generate(me, Suite::Classic, true, rng).expect("a key package is made"))
        .collect();
    let bytes: Vec<&[u8]> = packages.iter().map(|(package, _)| package.bytes.as_slice()).collect();
    let committed =
        group.change(&founder, Change { add: bytes, ..Change::default() }, MOMENT, rng).expect("everybody is added");
    let welcome = committed.welcome.expect("there is a welcome");
    let content = WelcomeContent { group: ID.0, epoch: committed.epoch, welcome, inviter_card: vec![] };
    let mut members = vec![(founder, group)];
    for (me, (package, secret)) in others.into_iter().zip(&packages) {
        let lookup = |reference: &[u8; 32]| (*reference == package.reference).then(|| secret.clone());
        let joined = Group::join(&me, &content, lookup, NOW_MS).expect("everybody joins");
        members.push((me, joined.group));
    }
    members
}

/// The middle one in microseconds: a mean would measure what else the machine does.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn messages(count: usize) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut members = members(count, &mut rng);
    let [(me, sender), (_, receiver), ..] = members.as_mut_slice() else { return };
    let payload = vec![7; PAYLOAD_BYTES];
    let (mut encrypting, mut decrypting) = (Vec::new(), Vec::new());
    let (mut wire_bytes, mut sent_bytes, mut read_bytes) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let content = sender.encrypt(me, &payload, &mut rng).expect("it is encrypted");
        sent_bytes = state_bytes(&sender.take_changes());
        encrypting.push(begun.elapsed());
        wire_bytes = content.message.len();
        let begun = Instant::now();
        assert!(matches!(receiver.receive(&content), Received::Message { .. }), "it is read");
        read_bytes = state_bytes(&receiver.take_changes());
        decrypting.push(begun.elapsed());
    }
    println!(
        "{count:>4} members: encrypt {:.0} µs, {sent_bytes} bytes saved; decrypt {:.0} µs, {read_bytes} bytes saved; \
         {PAYLOAD_BYTES} bytes become {wire_bytes}",
        median(encrypting),
        median(decrypting),
    );
}

fn commits(count: usize) {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut members = members(count, &mut rng);
    let [(me, author), (_, reader), ..] = members.as_mut_slice() else { return };
    author.take_changes();
    reader.take_changes();
    let begun = Instant::now();
    let committed = author.change(me, Change::default(), MOMENT, &mut rng).expect("an update is made");
    let making = begun.elapsed();
    let begun = Instant::now();
    assert!(matches!(reader.receive(&committed.content), Received::Committed { .. }), "it is taken");
    let taking = begun.elapsed();
    let changes = reader.take_changes();
    println!(
        "{count:>4} members: update {:.1} ms, receive {:.1} ms, {} bytes on the wire, {} bytes saved",
        making.as_secs_f64() * 1e3,
        taking.as_secs_f64() * 1e3,
        committed.content.message.len(),
        state_bytes(&changes),
    );
}

fn main() {
    for count in [2, 10, 100] {
        messages(count);
        commits(count);
    }
}
