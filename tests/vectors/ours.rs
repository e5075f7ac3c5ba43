//! Our own vectors: secrets and randomness that are written down, and the bytes that must come of them.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use tidings_crypto::card::{Address, Card, CardMailbox, CardNode, SignedCard};
use tidings_crypto::envelope::{Content, Envelope, EpochId, TopicSecret, WayIn, Week, WelcomeContent};
use tidings_crypto::group::{GroupId, InviteHost, InviteLink, InviteSeed, Revocation};
use tidings_crypto::identity::{AccountKey, LocalNode, NodeCertificate, NodeKeys, PeerKey, SafetyNumber, fingerprint};
use tidings_crypto::proof::ProofId;
use tidings_crypto::vault::{DatabaseKey, Secrets, Unlock, Vault};
use tidings_node::ids::{AccountId, ConversationId, MessageId};
use tidings_node::wire::content::{Content as Payload, Text};

use crate::Script;

const ACCOUNT: [u8; 32] = [0x11; 32];
const SIGNATURE: [u8; 32] = [0x22; 32];
const MAILBOX: [u8; 32] = [0x33; 32];
const PEER: [u8; 32] = [0x44; 32];
const DATABASE: [u8; 32] = [0x55; 32];

fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Compares a vector with its file.
pub(crate) fn assert_is_written_down(file: &str, vector: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file);
    let written: Option<Value> = std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
    if written.as_ref() == Some(vector) {
        return;
    }
    if std::env::var_os("TIDINGS_WRITE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(vector).unwrap() + "\n").unwrap();
        return;
    }
    panic!("tests/vectors/{file} differs: the protocol changed. It would now be\n{vector:#}");
}

fn local() -> LocalNode {
    let account = AccountKey::generate(&mut Script::of(&[&ACCOUNT]));
    let keys = NodeKeys::generate(&mut Script::of(&[&SIGNATURE, &MAILBOX, &PEER]));
    let certificate = NodeCertificate::issue(&account, &keys, 3, 1_700_000_000_000, 1_800_000_000_000);
    LocalNode { account, keys, certificate }
}

fn seeds() -> Value {
    json!({
        "account_seed": encode(&ACCOUNT),
        "signature_seed": encode(&SIGNATURE),
        "mailbox_secret": encode(&MAILBOX),
        "peer_seed": encode(&PEER),
    })
}

#[test]
fn keys_ids_and_certificates_are_as_written_down() {
    let node = local();
    let public = node.account.public();
    let other = AccountKey::generate(&mut Script::of(&[&[0x66; 32]])).public();
    let vector = json!({
        "secrets": seeds(),
        "account_public": encode(&public.0),
        "account_id": node.account_id().to_string(),
        "signature_public": encode(&node.keys.signature_public().0),
        "node_id": node.node_id().to_string(),
        "mailbox_public": encode(&node.keys.mailbox_public().0),
        "mailbox_tag": node.keys.mailbox_public().tag().name(),
        "peer_key": encode(&node.keys.peer_key().0),
        "peer_id": node.keys.peer_key().to_peer_id(),
        "number": 3,
        "not_before_ms": 1_700_000_000_000_u64,
        "not_after_ms": 1_800_000_000_000_u64,
        "certificate": encode(&node.certificate.encode()),
        "context": "tidings v1 example",
        "signed": encode(b"text"),
        "signature": encode(&node.account.sign("tidings v1 example", b"text").0),
        "fingerprint": fingerprint(&public),
        "other_account_public": encode(&other.0),
        "safety_number": SafetyNumber::between(&public, &other).to_string(),
    });
    assert_is_written_down("identity.json", &vector);
}

#[test]
fn cards_and_links_are_as_written_down() {
    let node = local();
    let addresses = vec![
        Address(vec![4, 192, 0, 2, 1, 6, 0x1c, 0xcd]),
        Address(vec![4, 192, 0, 2, 1, 0x91, 2, 0x1c, 0xcd, 0xcd, 3]),
    ];
    let shown = CardNode {
        certificate: node.certificate.clone(),
        addresses,
        key_package: b"a key package".to_vec(),
        mailboxes: Vec::new(),
    };
    let card = Card {
        account: node.account.public(),
        name: "Zoë".to_owned(),
        serial: 7,
        nodes: vec![shown],
        proofs: Vec::new(),
    };
    let signed = SignedCard::sign(card.clone(), &node.account).unwrap();
    let addresses: Vec<String> = card.nodes[0].addresses.iter().map(|address| encode(&address.0)).collect();
    let vector = json!({
        "secrets": seeds(),
        "certificate": encode(&node.certificate.encode()),
        "name": card.name,
        "serial": card.serial,
        "addresses": addresses,
        "key_package": encode(&card.nodes[0].key_package),
        "card": encode(signed.bytes()),
        "link": signed.link(),
        "short_link": signed.short_link(),
    });
    assert_is_written_down("card.json", &vector);
}

#[test]
fn cards_that_name_mailboxes_and_proofs_are_as_written_down() {
    let node = local();
    let mailbox = CardMailbox {
        peer: PeerKey([0xb1; 32]),
        addresses: vec![Address(vec![4, 192, 0, 2, 9, 6, 0x1c, 0xcd])],
        token: [0xb2; 32],
    };
    let cards = [(true, false), (false, true), (true, true)].map(|(has_mailbox, has_proofs)| {
        let shown = CardNode {
            certificate: node.certificate.clone(),
            addresses: Vec::new(),
            key_package: Vec::new(),
            mailboxes: if has_mailbox { vec![mailbox.clone()] } else { Vec::new() },
        };
        let proofs = if has_proofs { vec![ProofId([0xc1; 32]), ProofId([0xc2; 32])] } else { Vec::new() };
        let card =
            Card { account: node.account.public(), name: "Zoë".to_owned(), serial: 8, nodes: vec![shown], proofs };
        let signed = SignedCard::sign(card, &node.account).unwrap();
        let proofs: Vec<String> = signed.card().proofs.iter().map(|proof| encode(&proof.0)).collect();
        let mailboxes: Vec<Value> = signed.card().nodes[0]
            .mailboxes
            .iter()
            .map(|mailbox| {
                let addresses: Vec<String> = mailbox.addresses.iter().map(|address| encode(&address.0)).collect();
                json!({ "peer": encode(&mailbox.peer.0), "addresses": addresses, "token": encode(&mailbox.token) })
            })
            .collect();
        json!({ "name": "Zoë", "serial": 8, "mailboxes": mailboxes, "proofs": proofs, "card": encode(signed.bytes()) })
    });
    let vector =
        json!({ "secrets": seeds(), "certificate": encode(&node.certificate.encode()), "cards": cards.to_vec() });
    assert_is_written_down("card_more.json", &vector);
}

#[test]
fn envelopes_are_as_written_down() {
    let secret = TopicSecret::from_bytes([0x77; 32]);
    let week = Week::of(1_767_225_600_000);
    let messages: Vec<Value> = [0, 100, 219, 220, 5_000]
        .into_iter()
        .map(|bytes| {
            let content = Content { epoch: EpochId([0x88; 32]), message: vec![0x99; bytes] };
            let envelope = Envelope::seal(&secret, week, &content).unwrap();
            json!({
                "epoch": encode(&content.epoch.0),
                "message": encode(&content.message),
                "envelope": encode(envelope.bytes()),
                "envelope_id": envelope.id().to_string(),
            })
        })
        .collect();
    let keys = local().keys;
    let content = WelcomeContent {
        group: [1; 16],
        epoch: EpochId([2; 32]),
        welcome: vec![3; 20],
        apart: None,
        inviter_card: vec![4; 30],
        above: Vec::new(),
    };
    let welcome = Envelope::seal_welcome(&keys.mailbox_public(), &content, &mut Script::of(&[&[0xaa; 32]])).unwrap();
    let way_in = WayIn {
        group: [1; 16],
        epoch: EpochId([2; 32]),
        rank_key: [5; 32].into(),
        topic: TopicSecret::from_bytes([6; 32]),
        group_info: vec![7; 300],
        above: Vec::new(),
    };
    let sealed_way_in = way_in.seal(&keys.mailbox_public(), &mut Script::of(&[&[0xab; 32]])).unwrap();
    let vector = json!({
        "topic_secret": encode(secret.as_bytes()),
        "now_ms": 1_767_225_600_000_u64,
        "week": week.0,
        "topic": secret.tag(week).name(),
        "commit": encode(b"a commit"),
        "epoch_of_commit": EpochId::of_commit(b"a commit").to_string(),
        "messages": messages,
        "welcome": {
            "mailbox_secret": encode(&MAILBOX),
            "ephemeral_key_material": encode(&[0xaa; 32]),
            "group": encode(&content.group),
            "epoch": encode(&content.epoch.0),
            "welcome": encode(&content.welcome),
            "inviter_card": encode(&content.inviter_card),
            "envelope": encode(welcome.bytes()),
            "envelope_id": welcome.id().to_string(),
        },
        "way_in": {
            "mailbox_secret": encode(&MAILBOX),
            "ephemeral_key_material": encode(&[0xab; 32]),
            "group": encode(&way_in.group),
            "epoch": encode(&way_in.epoch.0),
            "rank_key": encode(&*way_in.rank_key),
            "topic_secret": encode(way_in.topic.as_bytes()),
            "group_info": encode(&way_in.group_info),
            "sealed": encode(sealed_way_in.bytes()),
        },
    });
    assert_is_written_down("envelope.json", &vector);
}

#[test]
fn what_a_group_message_says_is_as_written_down() {
    let (author, conversation) = (AccountId([1; 32]), ConversationId([2; 16]));
    let text = Text {
        nonce: [3; 16],
        sequence: 7,
        sent_at_ms: 1_767_225_600_000,
        place: 1_767_225_600_009,
        parents: vec![MessageId([4; 16]), MessageId([5; 16])],
        reply_to: Some(MessageId([6; 16])),
        text: "Grüß dich".to_owned(),
    };
    let vector = json!({
        "author": encode(&author.0),
        "conversation": encode(&conversation.0),
        "nonce": encode(&text.nonce),
        "sequence": text.sequence,
        "sent_at_ms": text.sent_at_ms,
        "place": text.place,
        "parents": text.parents.iter().map(|parent| encode(&parent.0)).collect::<Vec<_>>(),
        "reply_to": encode(&[6; 16]),
        "text": text.text,
        "message": encode(&text.id(&author, &conversation).0),
        "payload": encode(&Payload::Text(text).encode()),
    });
    assert_is_written_down("content.json", &vector);
}

#[test]
fn vaults_and_sealed_values_are_as_written_down() {
    let database = DatabaseKey::generate(&mut Script::of(&[&DATABASE]));
    let sealed = database.seal(b"a place", b"a value", &mut Script::of(&[&[0xbb; 24]]));
    let derived = database.derive("a label").seal(b"a place", b"a value", &mut Script::of(&[&[0xbb; 24]]));
    let secrets = Secrets { node: local(), database };
    let passphrase = "correct horse battery staple";
    let mut drawn = Script::of(&[&[0xcc; 16], &[0xdd; 24]]);
    let by_passphrase = Vault::create(&secrets, Unlock::Passphrase(passphrase), &mut drawn).unwrap();
    let by_key_file = Vault::create(&secrets, Unlock::KeyFile(&[0xee; 32]), &mut Script::of(&[&[0xdd; 24]])).unwrap();
    let vector = json!({
        "secrets": seeds(),
        "database_key": encode(&DATABASE),
        "database_file_key": *secrets.database.of_file(),
        "encoded_secrets": encode(&secrets.encode()),
        "passphrase": passphrase,
        "salt": encode(&[0xcc; 16]),
        "nonce": encode(&[0xdd; 24]),
        "vault_by_passphrase": encode(&by_passphrase),
        "key_file": encode(&[0xee; 32]),
        "vault_by_key_file": encode(&by_key_file),
        "sealed_value": {
            "context": encode(b"a place"),
            "plaintext": encode(b"a value"),
            "nonce": encode(&[0xbb; 24]),
            "sealed": encode(&sealed),
            "label": "a label",
            "sealed_under_derived_key": encode(&derived),
        },
    });
    assert_is_written_down("vault.json", &vector);
}

#[test]
fn invites_and_evidence_are_as_written_down() {
    let node = local();
    let (group, seed) = (GroupId([0x77; 16]), InviteSeed::from_bytes([0x88; 32]));
    let address = Address(vec![4, 127, 0, 0, 1, 6, 0x10, 0xe1]);
    let link = InviteLink {
        group,
        seed: seed.clone(),
        name: "Rowing".to_owned(),
        hosts: vec![InviteHost { peer: node.keys.peer_key(), addresses: vec![address] }],
    };
    assert_eq!(InviteLink::parse(&link.link()), Ok(link.clone()));
    let vector = json!({
        "secrets": seeds(),
        "group": encode(&group.0),
        "account_id": node.account_id().to_string(),
        "node_id": node.node_id().to_string(),
        "invite_seed": encode(seed.as_bytes()),
        "invite_public": encode(&seed.public().0),
        "invite_id": seed.id().to_string(),
        "invite_proof": encode(&seed.prove(group, node.account_id()).encode()),
        "invite_link": *link.link(),
        "revocation": encode(&Revocation::sign(&node.account, node.node_id()).encode()),
    });
    assert_is_written_down("invite.json", &vector);
}
