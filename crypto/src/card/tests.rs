use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::identity::{LocalNode, NodeKeys};

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn local(seed: u8) -> LocalNode {
    LocalNode::generate(1_000, 2_000, &mut rng(seed))
}

fn card(node: &LocalNode) -> Card {
    let addresses = vec![Address(vec![4, 127, 0, 0, 1, 6, 0x1f, 0x90]), Address(vec![4, 10, 0, 0, 1, 6, 0x1f, 0x90])];
    let shown =
        CardNode { certificate: node.certificate.clone(), addresses, key_package: vec![9; 300], mailboxes: Vec::new() };
    Card { account: node.account.public(), name: "Ada".to_owned(), serial: 5, nodes: vec![shown], proofs: Vec::new() }
}

fn signed(seed: u8) -> SignedCard {
    let node = local(seed);
    SignedCard::sign(card(&node), &node.account).unwrap()
}

/// Signs what an honest account would not.
fn signed_anyway(card: &Card, key: &AccountKey) -> Vec<u8> {
    let bytes = card.signed_bytes();
    let signature = key.sign(CONTEXT, &bytes);
    [bytes.as_slice(), &signature.0].concat()
}

/// The link of a payload with a right checksum.
fn link_of(prefix: &str, payload: &[u8]) -> String {
    link(prefix, payload)
}

#[test]
fn a_card_is_read_back() {
    let signed = signed(1);
    assert_eq!(SignedCard::decode(signed.bytes()), Ok(signed.clone()));
    assert_eq!(signed.account_id(), local(1).account_id());
}

#[test]
fn a_card_names_proofs_each_once_and_in_order_and_without_any_is_what_it_was() {
    let node = local(1);
    let named = |proofs: &[u8]| {
        let proofs = proofs.iter().map(|number| ProofId([*number; 32])).collect();
        SignedCard::sign(Card { proofs, ..card(&node) }, &node.account)
    };
    let with = named(&[1, 2, 8]).unwrap();
    assert_eq!((with.bytes()[0], signed(1).bytes()[0]), (3, 1));
    assert_eq!(SignedCard::decode(with.bytes()), Ok(with.clone()));
    assert_eq!(with.card().proofs.len(), 3);
    let most: Vec<u8> = (0..8).collect();
    assert!(named(&most).is_ok());
    for wrong in [&[2, 1][..], &[1, 1], &[0, 1, 2, 3, 4, 5, 6, 7, 8]] {
        assert_eq!(named(wrong), Err(BadCard::Proofs));
        let proofs = wrong.iter().map(|number| ProofId([*number; 32])).collect();
        assert!(SignedCard::decode(&signed_anyway(&Card { proofs, ..card(&node) }, &node.account)).is_err());
    }
    let mut empty = signed(1).bytes().to_vec();
    empty.truncate(empty.len() - SIGNATURE_BYTES);
    empty[0] = 3;
    empty.extend_from_slice(&[0, 0, 0, 0]); // No mailboxes, no proofs.
    let signature = node.account.sign(CONTEXT, &empty);
    empty.extend_from_slice(&signature.0);
    assert_eq!(SignedCard::decode(&empty), Err(BadCard::Encoding(Malformed::Invalid { what: "the version" })));
}

#[test]
fn a_card_names_the_mailboxes_of_a_node_and_without_any_is_what_it_was() {
    let node = local(1);
    let mailbox = |seed| CardMailbox {
        peer: crate::identity::PeerKey([seed; 32]),
        addresses: vec![Address(vec![4, 127, 0, 0, 1])],
        token: [seed; 32],
    };
    let mut with = card(&node);
    with.nodes[0].mailboxes = vec![mailbox(1), mailbox(2)];
    let with = SignedCard::sign(with, &node.account).unwrap();
    assert_eq!((with.bytes()[0], signed(1).bytes()[0]), (2, 1));
    assert_eq!(SignedCard::decode(with.bytes()), Ok(with.clone()));
    let mut many = card(&node);
    many.nodes[0].mailboxes = (0..5).map(mailbox).collect();
    assert_eq!(SignedCard::sign(many, &node.account), Err(BadCard::Mailboxes));
    let mut longer = card(&node);
    longer.nodes[0].mailboxes = vec![CardMailbox { addresses: vec![Address(Vec::new())], ..mailbox(1) }];
    assert_eq!(SignedCard::sign(longer, &node.account), Err(BadCard::Mailboxes));
    // A newer version with nothing newer in it would be a second encoding of the same card (below, too).
    let mut second = signed(1).bytes().to_vec();
    second.truncate(second.len() - SIGNATURE_BYTES);
    second[0] = 2;
    second.extend_from_slice(&[0, 0]);
    let signature = node.account.sign(CONTEXT, &second);
    second.extend_from_slice(&signature.0);
    assert_eq!(SignedCard::decode(&second), Err(BadCard::Encoding(Malformed::Invalid { what: "the version" })));
}

#[test]
fn a_card_changed_in_any_byte_is_refused() {
    let signed = signed(1);
    for index in 0..signed.bytes().len() {
        let mut changed = signed.bytes().to_vec();
        changed[index] ^= 1;
        assert!(SignedCard::decode(&changed).is_err(), "byte {index} was changed");
    }
}

#[test]
fn a_card_cut_off_or_longer_is_refused() {
    let mut bytes = signed(1).bytes().to_vec();
    for length in 0..bytes.len() {
        assert!(SignedCard::decode(&bytes[..length]).is_err(), "{length} bytes are left");
    }
    bytes.push(0);
    assert!(SignedCard::decode(&bytes).is_err());
    bytes.resize(CARD_BYTES_MAX + 1, 0);
    assert_eq!(SignedCard::decode(&bytes), Err(BadCard::TooLong { bytes: CARD_BYTES_MAX + 1 }));
}

#[test]
fn a_card_that_breaks_a_rule_is_refused_though_its_account_signed_it() {
    let node = local(1);
    let others = local(2);
    let second = NodeKeys::generate(&mut rng(3));
    let sound = card(&node);
    let with_nodes = |nodes: Vec<CardNode>| Card { nodes, ..card(&node) };
    let with_node = |change: fn(&mut CardNode)| {
        let mut card = card(&node);
        card.nodes.iter_mut().for_each(change);
        card
    };
    let shown = sound.nodes[0].clone();
    let broken = [
        (BadCard::Name, Card { name: "A\nB".to_owned(), ..card(&node) }),
        (BadCard::Nodes, with_nodes(Vec::new())),
        (BadCard::Nodes, with_nodes(vec![shown.clone(); 2])),
        (BadCard::Nodes, with_nodes(vec![shown.clone(); NODES_MAX + 1])),
        (BadCard::OthersNode, with_nodes(vec![shown, card(&others).nodes[0].clone()])),
        (BadCard::Addresses, with_node(|node| node.addresses.push(Address(Vec::new())))),
        (BadCard::Addresses, with_node(|node| node.addresses.push(Address(vec![0; ADDRESS_BYTES_MAX + 1])))),
        (BadCard::Addresses, with_node(|node| node.addresses = vec![Address(vec![1]); ADDRESSES_MAX + 1])),
        (BadCard::KeyPackage, with_node(|node| node.key_package = vec![0; KEY_PACKAGE_BYTES_MAX + 1])),
    ];
    for (bad, card) in broken {
        assert!(SignedCard::decode(&signed_anyway(&card, &node.account)).is_err(), "{bad}");
        assert_eq!(SignedCard::sign(card, &node.account), Err(bad));
    }
    assert_eq!(SignedCard::sign(card(&node), &others.account), Err(BadCard::Signature));
    let certificate = NodeCertificate::issue(&node.account, &second, 2, 0, 1);
    let mut two = card(&node);
    two.nodes.push(CardNode { certificate, addresses: Vec::new(), key_package: Vec::new(), mailboxes: Vec::new() });
    let two = SignedCard::sign(two, &node.account).unwrap();
    assert_eq!(SignedCard::decode(two.bytes()), Ok(two));
}

#[test]
fn a_card_at_every_limit_but_the_whole_one_is_refused_for_its_length() {
    let node = local(1);
    let mut card = card(&node);
    card.nodes[0].key_package = vec![1; KEY_PACKAGE_BYTES_MAX];
    card.nodes[0].addresses = vec![Address(vec![1; ADDRESS_BYTES_MAX]); ADDRESSES_MAX];
    for seed in 0..7 {
        let certificate = NodeCertificate::issue(&node.account, &NodeKeys::generate(&mut rng(100 + seed)), 2, 0, 1);
        card.nodes.push(CardNode { certificate, ..card.nodes[0].clone() });
    }
    assert!(matches!(SignedCard::sign(card, &node.account), Err(BadCard::TooLong { .. })));
}

#[test]
fn a_link_is_read_back_with_white_space_around_and_inside_it() {
    let signed = signed(1);
    let link = signed.link();
    assert!(link.starts_with("tidings://card/") && link.len() <= LINK_BYTES_MAX);
    let wrapped = format!("{}\r\n  {}", &link[..40], &link[40..]);
    for text in [link.clone(), format!("  {link}\n"), wrapped] {
        assert_eq!(CardLink::parse(&text), Ok(CardLink::Full(signed.clone())));
    }
}

#[test]
fn a_short_link_says_where_the_card_is() {
    let signed = signed(1);
    let link = signed.short_link();
    assert!(link.starts_with("tidings://contact/") && link.len() <= SHORT_LINK_BYTES_MAX);
    let short = ShortCard::of(&signed);
    assert_eq!(CardLink::parse(&link), Ok(CardLink::Short(short.clone())));
    assert_eq!(short.peer, local(1).keys.peer_key());
    assert_eq!(short.addresses, signed.card().nodes[0].addresses);
    assert!(short.fits(&signed));
    assert!(!short.fits(&self::signed(2)), "that is another account's card");
    let older = Card { serial: 4, ..card(&local(1)) };
    assert!(!short.fits(&SignedCard::sign(older, &local(1).account).unwrap()), "that card is older");
}

#[test]
fn a_short_link_leaves_out_addresses_that_do_not_fit() {
    let node = local(1);
    let mut card = card(&node);
    card.nodes[0].addresses = (0..ADDRESSES_MAX).map(|index| Address(vec![7; 1 + index * 8])).collect();
    let signed = SignedCard::sign(card, &node.account).unwrap();
    let link = signed.short_link();
    assert!(link.len() <= SHORT_LINK_BYTES_MAX, "{}", link.len());
    let Ok(CardLink::Short(short)) = CardLink::parse(&link) else { panic!("it is a short link") };
    assert!(short.addresses.len() > 5, "{}", short.addresses.len());
}

#[test]
fn a_link_cut_off_or_mistyped_anywhere_is_told_apart_from_a_forged_one() {
    for link in [signed(1).link(), signed(1).short_link()] {
        let start = link.rfind('/').unwrap() + 1;
        for length in start..link.len() {
            assert_eq!(CardLink::parse(&link[..length]), Err(BadLink::Damaged), "{length} characters are left");
            let typed = if link.as_bytes()[length] == b'A' { "B" } else { "A" };
            let mistyped = format!("{}{typed}{}", &link[..length], &link[length + 1..]);
            assert_eq!(CardLink::parse(&mistyped), Err(BadLink::Damaged), "character {length} was mistyped");
        }
    }
}

#[test]
fn what_is_wrong_with_a_link_has_its_own_sentence() {
    let signed = signed(1);
    let mut forged = signed.bytes().to_vec();
    forged[40] ^= 1;
    let mut newer = signed.bytes().to_vec();
    newer[0] = 4;
    let long = format!("tidings://card/{}", "A".repeat(LINK_BYTES_MAX));
    let truncated = BadLink::Unusable { reason: BadCard::Encoding(Malformed::Truncated) };
    let cases = [
        (String::new(), BadLink::NotALink),
        ("hello".to_owned(), BadLink::NotALink),
        ("https://example.org/card/AAAA".to_owned(), BadLink::NotALink),
        ("tidings://".to_owned(), BadLink::NotALink),
        ("tidings://else/AAAA".to_owned(), BadLink::NotALink),
        ("tidings://card/".to_owned(), BadLink::Damaged),
        ("tidings://card/ä".to_owned(), BadLink::Damaged),
        (link_of("tidings://card/", &forged), BadLink::Forged),
        (link_of("tidings://card/", &newer), BadLink::Newer),
        (link_of("tidings://contact/", &newer), BadLink::Newer),
        (link_of("tidings://invite/", b"later"), BadLink::Newer),
        (link_of("tidings://contact/", &[1, 2, 3]), truncated),
        (link_of("tidings://card/", &[1]), truncated),
        (long.clone(), BadLink::TooLong { bytes: long.len() }),
    ];
    for (text, bad) in cases {
        assert_eq!(CardLink::parse(&text), Err(bad), "{text}");
    }
}
