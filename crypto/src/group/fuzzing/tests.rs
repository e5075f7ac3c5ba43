//! The fuzzer's corpus, replayed: what was once worth keeping must go on giving an outcome, whole, cut off and
//! damaged. `TIDINGS_WRITE_VECTORS=1` writes the seeds, one of each thing that our own code encodes.

use std::{collections::BTreeMap, fs, path::PathBuf};

use rand_core::Rng as _;

use super::*;
use crate::{
    card::{Card, CardNode},
    envelope::TopicSecret,
    group::{Evidence, InviteHost, InviteSeed},
    identity::PeerKey,
};

fn corpus() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/corpus"))
}

/// One valid input of each target at least, by the target's name.
fn seeds() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut scene = Scene::new().unwrap();
    let message = scene.author.encrypt(&scene.adder, b"hello", &mut scene.rng).unwrap();
    let evidence = scene.author.leave_statement(&scene.adder, NOW_MS).unwrap();
    let revocation = Revocation::sign(&scene.adder.account, scene.adder.node_id());
    let proof = InviteSeed::from_bytes([4; 32]).prove(GROUP, scene.joiner.account_id());
    let claims = vec![Evidence::Leave(evidence), Evidence::Revocation(revocation), Evidence::Invitation(proof)];
    let update = scene.author.change(&scene.adder, Change::default(), MOMENT, &mut scene.rng).unwrap();
    let (hybrid, hybrid_secret) = KeyPackage::generate(&scene.joiner, Suite::Hybrid, false, &mut scene.rng).unwrap();
    let policy = scene.author.policy().unwrap().clone();
    let epoch = scene.author.head();
    let authenticated = [
        Authenticated::Message { epoch },
        Authenticated::Commit {
            parent: epoch,
            claims: crate::group::authenticated::Claims { moment: MOMENT, evidence: claims },
        },
    ];
    let way_in = scene.author.way_in(&scene.adder, scene.joiner.node_id(), &mut scene.rng).unwrap();
    let opened = way_in.open(&scene.joiner.keys).unwrap();
    let card = Card {
        account: scene.joiner.account.public(),
        name: "Ben".to_owned(),
        serial: 1,
        nodes: vec![CardNode {
            certificate: scene.joiner.certificate.clone(),
            addresses: Vec::new(),
            key_package: scene.package.bytes.clone(),
            mailboxes: Vec::new(),
        }],
        proofs: Vec::new(),
    };
    let card = SignedCard::sign(card, &scene.joiner.account).unwrap();
    let link = card.link();
    let short = card.short_link();
    let invite = InviteLink {
        group: GROUP,
        seed: InviteSeed::from_bytes([4; 32]),
        name: "Rowing".to_owned(),
        hosts: vec![InviteHost { peer: PeerKey([5; 32]), addresses: Vec::new() }],
    };
    let welcome = WelcomeContent {
        group: GROUP.0,
        epoch,
        welcome: scene.welcome.clone(),
        apart: None,
        inviter_card: Vec::new(),
        above: Vec::new(),
    };
    let topic = TopicSecret::from_bytes([6; 32]);
    let envelope = Envelope::seal(&topic, crate::envelope::Week::of(NOW_MS), &message).unwrap();
    let state = scene.stored.state.iter().enumerate();
    let choices = vec![crate::group::epochs::Choice { number: 2, epoch }];
    let mut ballot = Writer::new();
    Ballot { number: 1, choices }.encode(&mut ballot);
    let mut seeds = BTreeMap::from([
        ("ballot", vec![ballot.into_bytes()]),
        ("envelope", vec![envelope.bytes().to_vec()]),
        ("content", vec![message.encode_padded().unwrap().to_vec(), update.content.encode_padded().unwrap().to_vec()]),
        ("welcome", vec![welcome.encode_padded().unwrap().to_vec()]),
        ("join", vec![scene.welcome.clone()]),
        ("way_in", vec![way_in.bytes().to_vec(), opened.encode_padded().unwrap().to_vec()]),
        ("come_back", vec![opened.group_info.clone()]),
        ("policy", vec![policy.encode(), Policy::direct().encode()]),
        ("authenticated", authenticated.iter().map(Authenticated::encode).collect()),
        ("commit_frame", vec![update.content.message.clone()]),
        ("evidence", vec![evidence.encode(), revocation.encode(), proof.encode()]),
        ("invite_link", vec![invite.link().as_bytes().to_vec()]),
        ("card", vec![card.bytes().to_vec()]),
        ("card_link", vec![link.into_bytes(), short.into_bytes()]),
        ("key_package", vec![scene.package.bytes.clone(), hybrid.bytes]),
        ("key_package_secret", vec![scene.secret.encode().to_vec(), hybrid_secret.encode().to_vec()]),
        ("stored_row", scene.stored.epochs.iter().map(EpochRow::encode).collect()),
        (
            "stored_state",
            state.map(|(row, state)| [&[u8::try_from(row).unwrap()], state.value.as_slice()].concat()).collect(),
        ),
        ("receive", vec![message.message, update.content.message]),
    ]);
    seeds.extend(proof::seeds());
    seeds
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
            for part in 1..8 {
                run(&bytes[..bytes.len() * part / 8]);
                let mut damaged = bytes.clone();
                if let Some(byte) = damaged.get_mut(bytes.len() * part / 8) {
                    *byte ^= 1 << part;
                }
                run(&damaged);
            }
        }
    }
    assert!(seeds.is_empty(), "seeds of no target: {:?}", seeds.keys());
}

/// Changes, cuts, doubles and overwrites: what a fuzzer does, without its knowledge of what is reached.
fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha20Rng) {
    for _ in 0..=rng.next_u32() % 4 {
        let at = usize::try_from(rng.next_u32()).unwrap().checked_rem(bytes.len().saturating_add(1)).unwrap();
        match rng.next_u32() % 6 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.next_u32().to_be_bytes()[0]),
            2 => bytes.extend_from_within(at.min(bytes.len() / 2)..bytes.len() / 2),
            3 => bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (rng.next_u32() % 8)),
        }
    }
}

/// `TIDINGS_FUZZ_ROUNDS` says how many changed inputs each target gets.
#[test]
fn changed_inputs_give_outcomes() {
    let rounds = std::env::var("TIDINGS_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(50);
    let seeds = seeds();
    for Target { name, run } in TARGETS {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        for round in 0..rounds {
            let seeds = &seeds[name];
            let mut bytes = seeds[round % seeds.len()].clone();
            mutate(&mut bytes, &mut rng);
            run(&bytes);
        }
    }
}

#[test]
fn every_target_has_a_file_for_the_fuzzer() {
    let folder = corpus().with_file_name("fuzz_targets");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        // Those of what crosses the network between nodes stand in node/src/wire/fuzzing.rs.
        .filter(|name| !name.starts_with("wire_"))
        .collect();
    files.sort();
    let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
}

#[test]
fn the_seeds_are_valid() {
    let seeds = seeds();
    let first = |name: &str| seeds[name][0].as_slice();
    assert!(Policy::decode(first("policy")).is_ok() && Authenticated::decode(&seeds["authenticated"][1]).is_ok());
    assert!(WayIn::decode_padded(&seeds["way_in"][1]).is_ok() && SealedWayIn::decode(first("way_in")).is_ok());
    assert!(
        Content::decode_padded(first("content")).is_ok() && WelcomeContent::decode_padded(first("welcome")).is_ok()
    );
    assert!(
        KeyPackage::check(&seeds["key_package"][1], NOW_MS).is_ok() && CommitFrame::read(first("commit_frame")).is_ok()
    );
    let mut scene = Scene::new().unwrap();
    let mut receive = |number: usize| {
        let content = Content { epoch: scene.reader.head(), message: seeds["receive"][number].clone() };
        scene.reader.receive(&content, NOW_MS)
    };
    assert!(matches!(receive(0), Received::Message { .. }));
    assert!(matches!(receive(1), Received::Committed { .. }));
}
