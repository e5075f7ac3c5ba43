use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::identity::{MailboxPublic, NodeKeys};

const WEEK: Week = Week(2_900);

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn secret(seed: u8) -> TopicSecret {
    TopicSecret::generate(&mut rng(seed))
}

fn content(message_bytes: usize) -> Content {
    Content { epoch: EpochId([3; 32]), message: vec![7; message_bytes] }
}

fn welcome() -> WelcomeContent {
    WelcomeContent {
        group: [1; 16],
        epoch: EpochId([2; 32]),
        welcome: vec![3; 900],
        apart: None,
        inviter_card: vec![4; 300],
        above: Vec::new(),
    }
}

#[test]
fn a_week_begins_where_the_last_one_ends() {
    assert_eq!(Week::of(0), Week(0));
    assert_eq!(Week::of(604_799_999), Week(0));
    assert_eq!(Week::of(604_800_000), Week(1));
    assert_eq!(Week::of(u64::MAX), Week(u32::MAX));
    assert_eq!(Week(0).previous(), Week(0));
    assert_eq!(Week(1).next().previous(), Week(1));
}

#[test]
fn a_topic_is_another_each_week_and_for_each_secret() {
    let tag = secret(1).tag(WEEK);
    assert_ne!(tag, secret(1).tag(WEEK.next()));
    assert_ne!(tag, secret(2).tag(WEEK));
    assert_eq!(tag.name().len(), 22);
    assert_eq!(TopicTag::from_name(&tag.name()), Ok(tag));
    for wrong in ["", &tag.name()[1..], &format!("{}A", tag.name()), "=====================A"] {
        assert_eq!(TopicTag::from_name(wrong), Err(MalformedTopicName));
    }
}

#[test]
fn a_message_is_opened_by_who_holds_the_secret() {
    for message_bytes in [0, 1, 200, 219, 220, 5_000, MESSAGE_BYTES_MAX] {
        let sealed = Envelope::seal(&secret(1), WEEK, &content(message_bytes)).unwrap();
        assert!(sealed.bytes().len() <= ENVELOPE_BYTES_MAX);
        let received = Envelope::decode(sealed.bytes()).unwrap();
        assert_eq!((received.id(), received.kind(), received.tag()), (sealed.id(), Kind::Message, secret(1).tag(WEEK)));
        assert_eq!(received.open(&secret(1), WEEK), Ok(content(message_bytes)));
        assert_eq!(received.open(&secret(2), WEEK), Err(Unopenable::OtherTopic));
        assert_eq!(received.open(&secret(1), WEEK.next()), Err(Unopenable::OtherTopic));
        assert_eq!(received.open_welcome(&NodeKeys::generate(&mut rng(1))), Err(Unopenable::OtherKind));
    }
}

#[test]
fn the_same_content_gives_the_same_envelope_and_another_content_another() {
    let one = Envelope::seal(&secret(1), WEEK, &content(100)).unwrap();
    assert_eq!(one, Envelope::seal(&secret(1), WEEK, &content(100)).unwrap());
    let other = Envelope::seal(&secret(1), WEEK, &content(101)).unwrap();
    assert_ne!(one.id(), other.id());
    assert_eq!(one.bytes().len(), other.bytes().len(), "both are in one size bucket");
    assert_ne!(one.bytes()[18..42], other.bytes()[18..42], "the nonces differ");
}

#[test]
fn a_message_too_long_for_an_envelope_is_refused() {
    let bytes = MESSAGE_BYTES_MAX + 1;
    assert_eq!(Envelope::seal(&secret(1), WEEK, &content(bytes)), Err(SealError::TooLong { bytes }));
}

#[test]
fn a_message_changed_in_any_byte_is_refused() {
    let bytes = Envelope::seal(&secret(1), WEEK, &content(100)).unwrap().into_bytes();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        let opened = Envelope::decode(&changed).map(|envelope| envelope.open(&secret(1), WEEK));
        assert!(!matches!(opened, Ok(Ok(_))), "byte {index} was changed");
    }
}

#[test]
fn an_envelope_cut_off_or_longer_is_refused() {
    let mailbox = NodeKeys::generate(&mut rng(1)).mailbox_public();
    for envelope in [
        Envelope::seal(&secret(1), WEEK, &content(300)).unwrap(),
        Envelope::seal_welcome(&mailbox, &welcome(), &mut rng(2)).unwrap(),
    ] {
        let mut bytes = envelope.into_bytes();
        for length in 0..bytes.len() {
            let opened = Envelope::decode(&bytes[..length]).map(|envelope| match envelope.kind() {
                Kind::Message => envelope.open(&secret(1), WEEK).map(|_| ()),
                Kind::Welcome => envelope.open_welcome(&NodeKeys::generate(&mut rng(1))).map(|_| ()),
            });
            assert!(!matches!(opened, Ok(Ok(()))), "{length} bytes are left");
        }
        bytes.push(0);
        assert!(Envelope::decode(&bytes).is_err());
        bytes.resize(ENVELOPE_BYTES_MAX + 1, 0);
        assert_eq!(Envelope::decode(&bytes), Err(MalformedEnvelope::TooLong { bytes: ENVELOPE_BYTES_MAX + 1 }));
    }
}

/// Seals bytes that no honest member would seal.
fn seal_raw(padded: &[u8], nonce: Option<[u8; NONCE_BYTES]>) -> Envelope {
    let keys = secret(1).envelope_keys(WEEK);
    let nonce = nonce.unwrap_or_else(|| keys.nonce(padded));
    let mut writer = header(Kind::Message, secret(1).tag(WEEK));
    let payload = Payload { msg: padded, aad: writer.written() };
    let sealed = XChaCha20Poly1305::new((&*keys.seal).into()).encrypt(&nonce.into(), payload).unwrap();
    writer.array(&nonce).array(&sealed);
    Envelope::decode(writer.written()).unwrap()
}

#[test]
fn a_member_cannot_give_one_content_a_second_envelope() {
    let honest = content(100).encode_padded().unwrap();
    assert_eq!(seal_raw(&honest, None).open(&secret(1), WEEK), Ok(content(100)));
    let malformed = |what| Err(Unopenable::Content(Malformed::Invalid { what }));
    assert_eq!(seal_raw(&honest, Some([9; 24])).open(&secret(1), WEEK), malformed("the nonce"));
    let mut dirty = honest.to_vec();
    *dirty.last_mut().unwrap() = 1;
    assert_eq!(seal_raw(&dirty, None).open(&secret(1), WEEK), malformed("the padding"));
    let mut longer = honest.to_vec();
    longer.resize(512, 0);
    assert_eq!(seal_raw(&longer, None).open(&secret(1), WEEK), malformed("the padding"));
    let version = Err(Unopenable::Content(Malformed::Version { found: 0, known: 1 }));
    assert_eq!(seal_raw(&[0; 256], None).open(&secret(1), WEEK), version);
}

#[test]
fn a_welcome_is_opened_by_the_node_it_is_for() {
    let keys = NodeKeys::generate(&mut rng(1));
    let sealed = Envelope::seal_welcome(&keys.mailbox_public(), &welcome(), &mut rng(2)).unwrap();
    let received = Envelope::decode(sealed.bytes()).unwrap();
    assert_eq!((received.kind(), received.tag()), (Kind::Welcome, keys.mailbox_public().tag()));
    assert_eq!(received.open_welcome(&keys), Ok(welcome()));
    assert_eq!(received.open_welcome(&NodeKeys::generate(&mut rng(3))), Err(Unopenable::OtherTopic));
    assert_eq!(received.open(&secret(1), WEEK), Err(Unopenable::OtherKind));
    assert_eq!(sealed, Envelope::seal_welcome(&keys.mailbox_public(), &welcome(), &mut rng(2)).unwrap());
}

#[test]
fn a_welcome_changed_in_any_byte_is_refused() {
    let keys = NodeKeys::generate(&mut rng(1));
    let short = WelcomeContent { welcome: vec![3; 30], inviter_card: vec![4; 30], ..welcome() };
    let bytes = Envelope::seal_welcome(&keys.mailbox_public(), &short, &mut rng(2)).unwrap().into_bytes();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        let opened = Envelope::decode(&changed).map(|envelope| envelope.open_welcome(&keys));
        assert!(!matches!(opened, Ok(Ok(_))), "byte {index} was changed");
    }
}

#[test]
fn a_mailbox_key_without_a_secret_is_refused_on_both_sides() {
    let nothing = MailboxPublic([0; 32]);
    assert_eq!(Envelope::seal_welcome(&nothing, &welcome(), &mut rng(1)), Err(SealError::BadMailboxKey));
    let keys = NodeKeys::generate(&mut rng(1));
    let mut bytes = Envelope::seal_welcome(&keys.mailbox_public(), &welcome(), &mut rng(2)).unwrap().into_bytes();
    bytes[HEADER_BYTES..][..32].fill(0);
    assert_eq!(Envelope::decode(&bytes).unwrap().open_welcome(&keys), Err(Unopenable::Forged));
}

#[test]
fn a_welcome_too_long_for_an_envelope_is_refused() {
    let mailbox = NodeKeys::generate(&mut rng(1)).mailbox_public();
    let longest = WelcomeContent { welcome: vec![0; PADDED_BYTES_MAX - 59 - 300], ..welcome() };
    assert!(Envelope::seal_welcome(&mailbox, &longest, &mut rng(2)).is_ok());
    let longer = WelcomeContent { welcome: vec![0; PADDED_BYTES_MAX - 59 - 299], ..welcome() };
    let bytes = PADDED_BYTES_MAX - 59 + 1;
    assert_eq!(Envelope::seal_welcome(&mailbox, &longer, &mut rng(2)), Err(SealError::TooLong { bytes }));
}

#[test]
fn what_a_welcome_has_in_common_with_others_travels_apart_and_is_put_behind_it() {
    let keys = NodeKeys::generate(&mut rng(1));
    for tail_bytes in [1, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX + 1, APART_BYTES_MAX] {
        let tail: Vec<u8> = (0..tail_bytes).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let (apart, mut envelopes) = Apart::seal(secret(1), welcome().epoch, &tail).unwrap();
        assert_eq!(envelopes.len(), tail_bytes.div_ceil(MESSAGE_BYTES_MAX));
        assert!(envelopes.iter().all(|envelope| Envelope::decode(envelope.bytes()).as_ref() == Ok(envelope)));
        let sent = WelcomeContent { apart: Some(apart), ..welcome() };
        let sealed = Envelope::seal_welcome(&keys.mailbox_public(), &sent, &mut rng(2)).unwrap();
        assert!(sealed.bytes().len() < 2_048, "a welcome without its tail is small");
        let mut received = sealed.open_welcome(&keys).unwrap();
        assert_eq!(received, sent);
        envelopes.reverse();
        received.complete(&envelopes).unwrap();
        assert_eq!(received, WelcomeContent { welcome: [vec![3; 900], tail].concat(), ..welcome() });
    }
    let too_long = Apart::seal(secret(1), welcome().epoch, &vec![0; APART_BYTES_MAX + 1]).err();
    assert_eq!(too_long, Some(SealError::TooLong { bytes: APART_BYTES_MAX + 1 }));
}

#[test]
fn a_tail_that_is_not_the_one_that_the_welcome_names_is_refused() {
    let tail = vec![5; MESSAGE_BYTES_MAX + 9];
    let (apart, envelopes) = Apart::seal(secret(1), welcome().epoch, &tail).unwrap();
    let sent = WelcomeContent { apart: Some(apart.clone()), ..welcome() };
    let complete = |content: &WelcomeContent, envelopes: &[Envelope]| content.clone().complete(envelopes);
    assert_eq!(complete(&sent, &envelopes), Ok(()));
    assert_eq!(complete(&sent, &envelopes[..1]), Err(Unopenable::Forged), "one is missing");
    let (_, others) = Apart::seal(secret(1), welcome().epoch, &vec![6; MESSAGE_BYTES_MAX + 9]).unwrap();
    assert_eq!(complete(&sent, &others), Err(Unopenable::Forged), "somebody else who is welcomed made these");
    let elsewhere = WelcomeContent { epoch: EpochId([9; 32]), ..sent.clone() };
    assert!(matches!(complete(&elsewhere, &envelopes), Err(Unopenable::Content(_))));
    let padded = sent.encode_padded().unwrap();
    assert_eq!(WelcomeContent::decode_padded(&padded).as_ref(), Ok(&sent));
    for names in [vec![], vec![envelopes[0].id(); 2], envelopes.iter().map(Envelope::id).cycle().take(5).collect()] {
        let apart = Some(Apart { envelopes: names, ..apart.clone() });
        let padded = WelcomeContent { apart, ..welcome() }.encode_padded().unwrap();
        assert!(matches!(WelcomeContent::decode_padded(&padded), Err(Malformed::Invalid { .. })));
    }
}
