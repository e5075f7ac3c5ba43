//! The fuzzer's corpus, replayed: what was once worth keeping must go on giving an outcome, whole, cut off and
//! damaged. `TIDINGS_WRITE_VECTORS=1` writes the seeds, one of each thing that our own code encodes.

use std::{collections::BTreeMap, fs, path::PathBuf};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng};
use tidings_crypto::card::{Card, CardNode, SignedCard};
use tidings_crypto::envelope::{EnvelopeId, EpochId, PARCEL_BYTES_MIN};
use tidings_crypto::group::{GroupId, InviteSeed};
use tidings_crypto::identity::{LocalNode, NodeId};

use super::*;
use crate::conversation::ledger::Progress;
use crate::ids::{AccountId, MessageId};
use crate::sync::{Item, begin, go_on, respond};
use crate::wire::{
    bundle::write_whole,
    content::Text,
    history::Shared,
    receipt::Receipt,
    request::{DepositVerdict, Differing, JoinVerdict, OpenVerdict, PushVerdict, Reconciled, WayInAnswer},
};

fn corpus() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/corpus"))
}

/// Messages of reconciliations: short ones with lists of ids, and long ones with fingerprints of ranges.
fn sync_messages() -> Vec<Vec<u8>> {
    let (few, many) = (held(5), held(600));
    let others: Vec<Item> = many.iter().copied().filter(|(number, _)| number % 20 != 7).collect();
    let first = begin(&many).unwrap();
    let second = respond(&others, &first).unwrap();
    let third = go_on(&many, &second).unwrap().message.unwrap();
    vec![begin(&few).unwrap(), first, second, third]
}

fn receipt() -> Receipt {
    let mut progress = Progress::default();
    progress.delivered.insert_range(1, 40);
    progress.delivered.insert_range(43, 43);
    progress.seen.insert_range(1, 12);
    Receipt { authors: vec![(NodeId([4; 32]), progress)] }
}

fn card_of(ada: &LocalNode) -> SignedCard {
    let node = CardNode {
        certificate: ada.certificate.clone(),
        addresses: Vec::new(),
        key_package: Vec::new(),
        mailboxes: Vec::new(),
    };
    let card = Card {
        account: ada.account.public(),
        name: "Ada".to_owned(),
        serial: 1,
        nodes: vec![node],
        proofs: Vec::new(),
    };
    SignedCard::sign(card, &ada.account).unwrap()
}

/// One valid input of each kind that a target reads, by the target's name.
fn seeds() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let ada = LocalNode::generate(0, u64::MAX, &mut rng);
    let group = GroupId([1; 16]);
    let card = card_of(&ada);
    let proof = InviteSeed::generate(&mut rng).prove(group, ada.account_id());
    let join = JoinRequest { group, proof, card: card.clone(), packages: vec![vec![4; 9], vec![]] }.encode();
    let requests = [
        Request::Hello { card: card.bytes().to_vec() },
        Request::Push { envelopes: vec![vec![1], vec![], vec![2; 30]] },
        Request::Card { account: AccountId([9; 32]) },
        Request::Packages,
        Request::Join { request: join.clone() },
        Request::WayIn { group, needed: true, ballots: vec![vec![7; 9], vec![]] },
        Request::Compare { groups: vec![([1; 8], [2; 16]), ([3; 8], [4; 16])] },
        Request::Reconcile {
            key: [1; 8],
            from: 7,
            message: begin(&held(3)).unwrap(),
            wanted: vec![EnvelopeId([5; 32])],
            offered: vec![],
        },
        Request::OpenMailbox { admission: zeroize::Zeroizing::new([3; 32]), queue: [4; 32] },
        Request::Deposit { token: [5; 32], deposits: vec![vec![6; 90], vec![]] },
        Request::Collect { after: 7, done: vec![1, 2, 9] },
        Request::Mail,
        Request::LeavePrekeys { queue: [4; 32], prekeys: vec![6; 90] },
        Request::Prekeys { token: [5; 32] },
        Request::Time,
    ];
    let verdicts =
        vec![PushVerdict::Taken, PushVerdict::Known, PushVerdict::Later, PushVerdict::Refused, PushVerdict::Gone];
    let responses = [
        Response::Hello { card: card.bytes().to_vec() },
        Response::Push { verdicts },
        Response::Card { card: None },
        Response::Card { card: Some(vec![1; 9]) },
        Response::WayIn { answer: WayInAnswer::Unable, ballots: vec![vec![7; 9]] },
        Response::WayIn { answer: WayInAnswer::Sealed(vec![5; 99]), ballots: vec![vec![7; 9], vec![]] },
        Response::WayIn { answer: WayInAnswer::NotAMember, ballots: vec![] },
        Response::Packages { packages: vec![vec![4; 9], vec![]] },
        Response::OpenMailbox { verdict: OpenVerdict::Open },
        Response::OpenMailbox { verdict: OpenVerdict::Refused("no".to_owned()) },
        Response::Deposit { verdicts: vec![DepositVerdict::Kept, DepositVerdict::Full, DepositVerdict::Refused] },
        Response::Collect { serves: true, deposits: vec![(1, vec![8; 40]), (9, vec![])] },
        Response::Mail,
        Response::LeavePrekeys { verdict: DepositVerdict::Full },
        Response::Prekeys { prekeys: None },
        Response::Prekeys { prekeys: Some(vec![8; 90]) },
        Response::Time { at_ms: 1_800_000_000_000 },
        Response::Join { verdict: JoinVerdict::Coming },
        Response::Join { verdict: JoinVerdict::Refused("the invite has expired".to_owned()) },
        Response::Busy,
        Response::WayIn { answer: WayInAnswer::Here(EpochId([6; 32])), ballots: vec![] },
        Response::Compare { differing: vec![Differing { index: 1, fingerprint: [2; 16], from: 7 }] },
        Response::Reconcile { answer: None },
        Response::Reconcile {
            answer: Some(Reconciled { message: vec![0x61], wanted: vec![EnvelopeId([5; 32]), EnvelopeId([6; 32])] }),
        },
    ];
    let text = Text {
        nonce: [1; 16],
        sequence: 7,
        sent_at_ms: 1_800_000_000_000,
        place: 1_800_000_000_000,
        parents: vec![MessageId([2; 16]), MessageId([3; 16])],
        reply_to: Some(MessageId([2; 16])),
        text: "Shall we row on Sunday?".to_owned(),
    };
    let shared = Shared {
        id: MessageId([4; 16]),
        author: AccountId([9; 32]),
        sent_at_ms: 1_800_000_000_000,
        place: 1_800_000_000_000,
        reply_to: None,
        text: "Yes.".to_owned(),
    };
    let contents = [
        Content::Text(text),
        Content::History(vec![shared]),
        Content::JoinRequest(join.clone()),
        Content::JoinRefused(AccountId([9; 32])),
    ];
    BTreeMap::from([
        ("wire_request", requests.iter().map(|request| request.encode().unwrap()).collect()),
        ("wire_response", responses.iter().map(|response| response.encode().unwrap()).collect()),
        ("wire_content", contents.iter().map(Content::encode).collect()),
        ("wire_join", vec![join]),
        ("wire_receipt", vec![receipt().sign(&ada, group)]),
        ("wire_sync", sync_messages()),
        (
            "wire_bundle",
            vec![write_whole(&[]), write_whole(&[vec![4; PARCEL_BYTES_MIN], vec![5; PARCEL_BYTES_MIN + 256]])],
        ),
    ])
}

#[test]
fn the_corpus_gives_outcomes_whole_cut_off_and_damaged() {
    let is_written = std::env::var_os("TIDINGS_WRITE_VECTORS").is_some();
    let mut seeds = seeds();
    for Target { name, run } in TARGETS {
        let folder = corpus().join(name);
        let seeds = seeds.remove(name).unwrap();
        if is_written {
            fs::create_dir_all(&folder).unwrap();
            for (number, seed) in seeds.iter().enumerate() {
                fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
            }
        }
        let kept = fs::read_dir(&folder).unwrap_or_else(|_| panic!("there is no corpus at {}", folder.display()));
        let kept: Vec<Vec<u8>> = kept.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
        assert!(!kept.is_empty(), "{} is empty", folder.display());
        for bytes in kept.iter().chain(&seeds) {
            run(bytes);
            for length in 0..bytes.len().min(512) {
                run(&bytes[..length]);
            }
            for at in 0..bytes.len().min(512) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << (at % 8);
                run(&damaged);
            }
        }
    }
    assert!(seeds.is_empty(), "seeds of no target: {:?}", seeds.keys());
}

/// `TIDINGS_FUZZ_ROUNDS` says how many changed inputs each target gets.
#[test]
fn changed_inputs_give_outcomes() {
    let rounds = std::env::var("TIDINGS_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2_000);
    let seeds = seeds();
    for Target { name, run } in TARGETS {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        for round in 0..rounds {
            let seeds = &seeds[name];
            let mut bytes = seeds[round % seeds.len()].clone();
            for _ in 0..=rng.next_u32() % 4 {
                let at = usize::try_from(rng.next_u32()).unwrap() % (bytes.len() + 1);
                match rng.next_u32() % 5 {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, rng.next_u32().to_be_bytes()[0]),
                    2 => bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff),
                    _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (rng.next_u32() % 8)),
                }
            }
            run(&bytes);
        }
    }
}

#[test]
fn the_seeds_are_valid() {
    let seeds = seeds();
    assert!(seeds["wire_request"].iter().all(|bytes| Request::decode(bytes).is_ok()));
    assert!(seeds["wire_response"].iter().all(|bytes| Response::decode(bytes).is_ok()));
    assert!(seeds["wire_content"].iter().all(|bytes| Content::decode(bytes).is_ok_and(|it| it != Content::Newer)));
    assert!(seeds["wire_join"].iter().all(|bytes| JoinRequest::decode(bytes).is_ok()));
    assert!(seeds["wire_receipt"].iter().all(|bytes| UnverifiedReceipt::decode(bytes).is_ok()));
}

#[test]
fn every_target_has_a_file_for_the_fuzzer() {
    let folder = corpus().with_file_name("fuzz_targets");
    for target in TARGETS {
        assert!(folder.join(format!("{}.rs", target.name)).is_file(), "there is no file for {}", target.name);
    }
}
