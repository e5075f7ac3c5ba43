//! What holds for the whole crate: secrets do not show, and hostile bytes are refused without a panic.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use zeroize::ZeroizeOnDrop;

use crate::card::{Address, Card, CardLink, CardNode, SignedCard, valid_name};
use crate::envelope::{Content, Envelope, EpochId, Kind, TopicSecret, Week};
use crate::identity::{AccountKey, LocalNode, NodeCertificate, NodeKeys};
use crate::vault::{DatabaseKey, Secrets, Unlock, Vault};

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn secrets() -> Secrets {
    Secrets { node: LocalNode::generate(0, u64::MAX, &mut rng(1)), database: DatabaseKey::generate(&mut rng(2)) }
}

/// Whether any four neighbouring bytes of a secret are in a text, as hexadecimal or as a list of numbers.
fn shows(text: &str, secret: &[u8]) -> bool {
    secret.windows(4).any(|window| {
        let hex = data_encoding::HEXLOWER.encode(window);
        let list = format!("{window:?}");
        let decimal = list.trim_matches(['[', ']']);
        let mut spread = format!("{window:#?}");
        spread.retain(|char| !char.is_whitespace());
        let mut squeezed = text.to_owned();
        squeezed.retain(|char| !char.is_whitespace());
        text.to_lowercase().contains(&hex)
            || text.contains(decimal)
            || squeezed.contains(spread.trim_matches(['[', ']', ',']))
    })
}

#[test]
fn the_search_for_secrets_finds_them() {
    assert!(shows("key 01020304", &[1, 2, 3, 4]));
    assert!(shows(&format!("{:?}", [0, 1, 2, 3, 4]), &[1, 2, 3, 4, 5]));
    assert!(shows(&format!("{:#?}", [1, 2, 3, 4]), &[1, 2, 3, 4]));
    assert!(!shows("key", &[1, 2, 3, 4]));
}

#[test]
fn debug_prints_no_secret() {
    let secrets = secrets();
    let (account, node) = (secrets.node.account.seed(), &secrets.node.keys);
    let mut writer = crate::codec::Writer::new();
    node.write(&mut writer);
    let topic = TopicSecret::generate(&mut rng(3));
    let key_file = [0xa7; 32];
    let content = Content { epoch: EpochId([0; 32]), message: vec![0x5a; 40] };
    let printed = [
        format!("{secrets:?} {secrets:#?}"),
        format!("{:?} {:#?}", secrets.node, secrets.node),
        format!("{:?} {:#?}", secrets.node.account, node),
        format!("{:?} {:#?}", node, secrets.node.account),
        format!("{:?} {:#?}", secrets.database, secrets.database),
        format!("{topic:?} {topic:#?} {writer:?}"),
        format!("{:?} {:?}", Unlock::KeyFile(&key_file), Unlock::Passphrase("correct horse")),
        format!("{content:?} {:?}", Envelope::seal(&topic, Week(1), &content)),
    ];
    let hidden =
        [account.as_slice(), writer.written(), secrets.database.expose(), topic.as_bytes(), &key_file, &[0x5a; 4]];
    for text in printed {
        assert!(!hidden.iter().any(|secret| shows(&text, secret)), "{text}");
        assert!(!text.contains("correct"), "{text}");
    }
}

#[test]
fn secrets_are_zeroised_when_dropped() {
    fn assert_zeroised<T: ZeroizeOnDrop>() {}
    assert_zeroised::<AccountKey>();
    assert_zeroised::<NodeKeys>();
    assert_zeroised::<TopicSecret>();
    assert_zeroised::<DatabaseKey>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_from_a_stranger_never_panic(bytes in vec(any::<u8>(), 0..600), version in 0..3_u8, kind in 0..4_u8) {
        let mut bytes = bytes;
        for chosen in [false, true] {
            if chosen {
                bytes.splice(0..bytes.len().min(2), [version, kind]);
            }
            prop_assert!(NodeCertificate::decode(&bytes).is_err());
            prop_assert!(SignedCard::decode(&bytes).is_err());
            prop_assert!(Secrets::decode(&bytes).is_err());
            prop_assert!(Vault::open(&bytes, Unlock::KeyFile(&[0; 32])).is_err());
            prop_assert!(DatabaseKey::generate(&mut rng(1)).open(b"", &bytes).is_err());
            if let Ok(envelope) = Envelope::decode(&bytes) {
                prop_assert_eq!(envelope.bytes(), bytes.as_slice());
                prop_assert!(envelope.open(&TopicSecret::generate(&mut rng(1)), Week(0)).is_err());
                prop_assert!(envelope.open_welcome(&NodeKeys::generate(&mut rng(1))).is_err());
            }
        }
    }

    #[test]
    fn text_from_a_stranger_is_no_link(text in ".{0,200}", payload in "[A-Za-z0-9_-]{0,200}") {
        for link in [text.clone(), format!("tidings://card/{payload}"), format!("tidings://contact/{text}")] {
            prop_assert!(CardLink::parse(&link).is_err(), "{}", link);
        }
    }

    #[test]
    fn every_message_comes_back_out_of_its_envelope(message in vec(any::<u8>(), 0..5_000), week in any::<u32>()) {
        let secret = TopicSecret::generate(&mut rng(1));
        let content = Content { epoch: EpochId([4; 32]), message };
        let sealed = Envelope::seal(&secret, Week(week), &content).unwrap();
        let received = Envelope::decode(sealed.bytes()).unwrap();
        prop_assert_eq!(received.kind(), Kind::Message);
        prop_assert_eq!(received.open(&secret, Week(week)), Ok(content));
    }

    #[test]
    fn every_allowed_card_comes_back_out_of_its_link(
        name in "\\PC{1,40}", serial in any::<u64>(),
        addresses in vec(vec(any::<u8>(), 1..129), 0..17), key_package in vec(any::<u8>(), 0..2_049),
    ) {
        let node = LocalNode::generate(0, 1, &mut rng(1));
        let addresses = addresses.into_iter().map(Address).collect();
        let shown = CardNode { certificate: node.certificate.clone(), addresses, key_package, mailboxes: Vec::new() };
        let name = if valid_name(&name) { name } else { "Ada".to_owned() };
        let card = Card { account: node.account.public(), name, serial, nodes: vec![shown], proofs: Vec::new() };
        let signed = SignedCard::sign(card, &node.account).unwrap();
        prop_assert_eq!(CardLink::parse(&signed.link()), Ok(CardLink::Full(signed.clone())));
        prop_assert!(signed.short_link().len() <= 600);
        prop_assert!(matches!(CardLink::parse(&signed.short_link()), Ok(CardLink::Short(short)) if short.fits(&signed)));
    }
}
