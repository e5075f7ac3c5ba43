use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::codec::Malformed;

fn local(seed: u8) -> LocalNode {
    LocalNode::generate(1_000, 2_000, &mut ChaCha20Rng::from_seed([seed; 32]))
}

#[test]
fn an_id_is_read_back_from_what_it_prints() {
    let id = AccountPublic([7; 32]).id();
    assert_eq!(id.to_string().len(), 64);
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(format!("{id:?}").len(), "AccountId(01234567…)".len());
    for wrong in ["", "ab", &id.to_string().to_uppercase(), &format!("{id}00"), &id.to_string()[1..]] {
        assert_eq!(wrong.parse::<AccountId>(), Err(MalformedId { expected_chars: 64 }));
    }
}

#[test]
fn a_peer_id_names_its_key() {
    let key = PeerKey([9; 32]);
    let text = key.to_peer_id();
    assert!(text.starts_with("12D3Koo") && text.len() == 52, "{text}");
    assert_eq!(PeerKey::from_peer_id(&text), Ok(key));
    for wrong in ["", "12D3Koo", &text[1..], &format!("{text}1"), "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"] {
        assert_eq!(PeerKey::from_peer_id(wrong), Err(MalformedPeerId), "{wrong}");
    }
}

#[test]
fn accounts_and_nodes_of_the_same_bytes_have_different_ids() {
    let account = AccountPublic([1; 32]);
    assert_ne!(account.id().0, NodeId::of(&account, &SignaturePublic([1; 32])).0);
}
#[test]
fn a_signature_holds_for_one_context_and_one_text() {
    let key = local(1).account;
    let signature = key.sign("tidings v1 one", b"text");
    let public = key.public();
    assert_eq!(public.verify("tidings v1 one", b"text", &signature), Ok(()));
    assert_eq!(public.verify("tidings v1 two", b"text", &signature), Err(BadSignature));
    assert_eq!(public.verify("tidings v1 one", b"texT", &signature), Err(BadSignature));
    assert_eq!(local(2).account.public().verify("tidings v1 one", b"text", &signature), Err(BadSignature));
}

#[test]
fn a_key_of_small_order_verifies_nothing() {
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert_eq!(SignaturePublic(identity_point).verify_mls(b"anything", &Signature(signature)), Err(BadSignature));
}

#[test]
fn one_seed_gives_one_node() {
    assert_eq!(local(1).certificate, local(1).certificate);
    assert_ne!(local(1).node_id(), local(2).node_id());
}

#[test]
fn a_certificate_is_read_back() {
    let node = local(1);
    let bytes = node.certificate.encode();
    assert_eq!(bytes.len(), CERTIFICATE_BYTES);
    let read = NodeCertificate::decode(&bytes).unwrap();
    assert_eq!(read, node.certificate);
    assert_eq!(read.account_id(), node.account.id());
    assert_eq!(read.signature_key(), node.keys.signature_public());
    assert_eq!(read.mailbox_key(), node.keys.mailbox_public());
    assert_eq!(read.peer_key(), node.keys.peer_key());
}

#[test]
fn a_certificate_changed_in_any_byte_is_refused() {
    let bytes = local(1).certificate.encode();
    for index in 0..bytes.len() {
        for flip in [0x01, 0x80] {
            let mut changed = bytes.clone();
            changed[index] ^= flip;
            assert!(NodeCertificate::decode(&changed).is_err(), "byte {index} was changed");
        }
    }
}

#[test]
fn a_certificate_cut_off_or_longer_is_refused() {
    let mut bytes = local(1).certificate.encode();
    for length in 0..bytes.len() {
        assert_eq!(
            NodeCertificate::decode(&bytes[..length]),
            Err(MalformedCertificate::Encoding(Malformed::Truncated)),
        );
    }
    bytes.push(0);
    let trailing = Malformed::Trailing { bytes: 1 };
    assert_eq!(NodeCertificate::decode(&bytes), Err(MalformedCertificate::Encoding(trailing)));
}

#[test]
fn a_certificate_holds_between_its_times_both_included() {
    let certificate = local(1).certificate;
    assert_eq!(certificate.check_time(999), Err(NotValidNow::NotYet { not_before_ms: 1_000 }));
    assert_eq!(certificate.check_time(1_000), Ok(()));
    assert_eq!(certificate.check_time(2_000), Ok(()));
    assert_eq!(certificate.check_time(2_001), Err(NotValidNow::Expired { not_after_ms: 2_000 }));
}

#[test]
fn a_mailbox_key_is_usable_if_a_secret_can_be_agreed_on_with_it() {
    let agrees = |key: [u8; 32]| {
        let any = x25519_dalek::StaticSecret::from([1; 32]);
        any.diffie_hellman(&x25519_dalek::PublicKey::from(key)).was_contributory()
    };
    let mut unusable = 0;
    // Each key that is listed, with the bit that says nothing, and all its neighbours.
    for listed in SMALL_ORDER {
        for first in 0..=255 {
            for highest in [0, 0x80] {
                let mut key = listed;
                key[0] = first;
                key[31] |= highest;
                assert_eq!(MailboxPublic(key).is_usable(), agrees(key), "{key:?}");
                unusable += u32::from(first == listed[0] && !agrees(key));
            }
        }
    }
    assert_eq!(unusable, 14);
    assert!((1..100).all(|seed| local(seed).keys.mailbox_public().is_usable()));
}
