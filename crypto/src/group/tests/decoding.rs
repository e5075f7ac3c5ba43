//! The decoders of policy, evidence and invites: what was written is read back, what is damaged is refused or is
//! something else, and nothing has two encodings.

use std::collections::BTreeMap;

use proptest::{collection::btree_map, collection::vec, prelude::*};

use super::world::*;
use crate::{
    card::{Address, BadCard, BadLink, CardLink},
    epoch_id::EpochId,
    group::{
        authenticated::{Authenticated, Claims},
        *,
    },
    identity::{AccountId, NodeId, PeerKey, Signature, SignaturePublic},
};

fn account() -> impl Strategy<Value = AccountId> {
    any::<[u8; 32]>().prop_map(AccountId)
}

fn line(bytes_max: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-zäß][a-z ]{0,60}[a-z]".prop_map(move |line| line
            .chars()
            .take(bytes_max / 2)
            .collect::<String>()
            .trim()
            .to_owned())
    ]
}

fn an_invite() -> impl Strategy<Value = Invite> {
    let role = prop_oneof![Just(Role::Member), Just(Role::ReadOnly)];
    let uses = proptest::option::of(1..=u16::MAX);
    (any::<[u8; 32]>(), account(), any::<u64>(), uses, role, any::<bool>()).prop_map(
        |(key, creator, expires_at_ms, uses, role, approval)| Invite {
            key: SignaturePublic(key),
            creator,
            expires_at_ms,
            uses,
            role,
            approval,
        },
    )
}

fn a_policy() -> impl Strategy<Value = Policy> {
    let who = || prop_oneof![Just(Who::Everybody), Just(Who::Admins)];
    let history =
        prop_oneof![Just(History::Nothing), (1..=u16::MAX).prop_map(History::Days), Just(History::Everything)];
    let role = prop_oneof![Just(Role::Owner), Just(Role::Admin), Just(Role::ReadOnly)];
    let picture = prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 0..100).prop_map(|rest| [b"\xff\xd8\xff".as_slice(), &rest].concat())
    ];
    (
        (line(GROUP_NAME_BYTES_MAX), line(GROUP_TOPIC_BYTES_MAX), picture, history, 0..=DISAPPEARING_S_MAX),
        (who(), who(), btree_map(account(), role, 0..8), vec(an_invite(), 0..5)),
        btree_map(account(), any::<u64>(), 0..5),
    )
        .prop_map(
            |((name, topic, picture, history, disappearing_s), (may_invite, may_edit, roles, mut invites), gone)| {
                invites.sort_by_key(Invite::id);
                let kind = Kind::Group;
                Policy {
                    kind,
                    name,
                    topic,
                    picture,
                    history,
                    disappearing_s,
                    may_invite,
                    may_edit,
                    roles,
                    invites,
                    gone,
                }
            },
        )
}

fn signature() -> impl Strategy<Value = Signature> {
    any::<([u8; 32], [u8; 32])>().prop_map(|halves| Signature([halves.0, halves.1].concat().try_into().unwrap()))
}

fn evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![
        (account(), any::<[u8; 32]>(), any::<u64>(), signature()).prop_map(|(account, node, made_at_ms, signature)| {
            Evidence::Leave(LeaveStatement { account, node: NodeId(node), made_at_ms, signature })
        }),
        (any::<[u8; 32]>(), signature())
            .prop_map(|(node, signature)| Evidence::Revocation(Revocation { node: NodeId(node), signature })),
        (any::<[u8; 16]>(), account(), signature()).prop_map(|(invite, account, signature)| {
            Evidence::Invitation(InviteProof { invite: InviteId(invite), account, signature })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_policy_is_read_back_and_has_one_encoding(policy in a_policy(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bytes = policy.encode();
        prop_assert_eq!(policy.check(), Ok(()));
        prop_assert!(Policy::decode(&bytes).as_ref() == Ok(&policy));
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] = byte;
        if let Ok(other) = Policy::decode(&damaged) {
            prop_assert!(other.encode() == damaged || damaged[0] == 1);
        }
        damaged.truncate(at.index(bytes.len()));
        prop_assert!(Policy::decode(&damaged).is_err() || damaged.first() == Some(&1));
        prop_assert!(Policy::decode(&[bytes.as_slice(), &[byte]].concat()).is_err());
    }

    #[test]
    fn what_a_commit_claims_is_read_back_and_has_one_encoding(
        evidence in vec(evidence(), 0..6),
        now_ms in any::<u64>(),
        place in any::<u64>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let claims = Claims { moment: Moment { now_ms, place }, evidence };
        let authenticated = Authenticated::Commit { parent: EpochId([7; 32]), claims };
        let bytes = authenticated.encode();
        prop_assert_eq!(Authenticated::decode(&bytes), Ok(authenticated));
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] = byte;
        if let Ok(other) = Authenticated::decode(&damaged) {
            prop_assert_eq!(other.encode(), damaged);
        }
        prop_assert!(Authenticated::decode(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn rubbish_is_no_policy_no_evidence_and_no_invite(bytes in vec(any::<u8>(), 0..300), version in 0..3_u8) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        if let Ok(policy) = Policy::decode(&bytes) {
            prop_assert!(version == 1 || policy.encode() == bytes);
        }
        for encoded in [
            LeaveStatement::decode(&bytes).map(|statement| statement.encode()),
            Revocation::decode(&bytes).map(|revocation| revocation.encode()),
            InviteProof::decode(&bytes).map(|proof| proof.encode()),
        ].into_iter().flatten() {
            prop_assert_eq!(&encoded, &bytes);
        }
        let link = crate::card::link("tidings://join/", &bytes);
        if let Ok(link) = InviteLink::parse(&link) {
            prop_assert!(link.hosts.len() <= INVITE_HOSTS_MAX);
        }
    }
}

#[test]
fn the_policy_of_a_group_from_before_there_were_roles_is_read() {
    let old = |kind: u8, name: &str| {
        let mut writer = crate::codec::Writer::new();
        writer.u8(1).u8(kind).bytes(name.as_bytes());
        Policy::decode(&writer.into_bytes())
    };
    assert!(old(1, "") == Ok(Policy::direct()));
    assert!(old(2, "Rowing") == Ok(group_policy()));
    assert!(old(2, "") == Ok(Policy { name: String::new(), ..group_policy() }));
    // A name that is not allowed any more would keep the group from ever changing again.
    assert!(old(2, " \u{202e}x").is_ok_and(|policy| policy.name.is_empty() && policy.check().is_ok()));
    assert!(old(2, "a\nb").is_err() && old(3, "").is_err());
}

#[test]
fn a_policy_keeps_to_its_limits() {
    let good = Policy { picture: [b"\xff\xd8\xff".as_slice(), &[0; 12 * 1024 - 3]].concat(), ..group_policy() };
    assert_eq!(good.check(), Ok(()));
    let account = AccountId([1; 32]);
    let invite = |uses, role| Invite {
        key: SignaturePublic([1; 32]),
        creator: account,
        expires_at_ms: 0,
        uses,
        role,
        approval: false,
    };
    let many = |count: u16| -> Vec<AccountId> {
        (0..count).map(|number| AccountId([number.to_be_bytes(); 16].concat().try_into().unwrap())).collect()
    };
    for bad in [
        Policy { name: "x".repeat(129), ..good.clone() },
        Policy { topic: "x".repeat(513), ..good.clone() },
        Policy { topic: "two\nlines".to_owned(), ..good.clone() },
        Policy { picture: [good.picture.as_slice(), &[0]].concat(), ..good.clone() },
        Policy { picture: b"GIF89a".to_vec(), ..good.clone() },
        Policy { history: History::Days(0), ..good.clone() },
        Policy { disappearing_s: DISAPPEARING_S_MAX + 1, ..good.clone() },
        Policy { invites: vec![invite(Some(0), Role::Member)], ..good.clone() },
        Policy { invites: vec![invite(None, Role::Admin)], ..good.clone() },
        Policy { invites: vec![invite(None, Role::Member); 2], ..good.clone() },
        Policy { roles: many(1001).into_iter().map(|account| (account, Role::Admin)).collect(), ..good.clone() },
        Policy { gone: many(257).into_iter().map(|account| (account, 0)).collect(), ..good.clone() },
        Policy { name: "Us".to_owned(), ..Policy::direct() },
        Policy { may_edit: Who::Everybody, ..Policy::direct() },
    ] {
        assert!(bad.check().is_err());
    }
    let largest = Policy {
        name: "x".repeat(128),
        topic: "x".repeat(512),
        roles: many(1000).into_iter().map(|account| (account, Role::Admin)).collect(),
        gone: many(256).into_iter().map(|account| (account, 0)).collect::<BTreeMap<_, _>>(),
        ..good
    };
    assert!(largest.check().is_ok() && largest.encode().len() < 64 * 1024);
}

fn a_link(hosts: u8, addresses: u8, address_bytes: usize) -> InviteLink {
    let addresses = |host: u8| (0..addresses).map(|index| Address([host, index].repeat(address_bytes / 2))).collect();
    let host = |host: u8| InviteHost { peer: PeerKey([host; 32]), addresses: addresses(host) };
    InviteLink {
        group: GROUP,
        seed: InviteSeed::from_bytes([9; 32]),
        name: "Rowing".to_owned(),
        hosts: (0..hosts).map(host).collect(),
    }
}

#[test]
fn an_invite_link_is_read_back_however_it_was_wrapped() {
    let link = a_link(2, 2, 10);
    let text = link.link();
    assert!(InviteLink::is_one(&text));
    assert_eq!(InviteLink::parse(&text), Ok(link.clone()));
    let (front, back) = text.split_at(70);
    assert_eq!(InviteLink::parse(&format!("  {front}\n {back}\t")), Ok(link.clone()));
    assert_eq!(format!("{link:?} {:?}", link.seed).matches("09").count(), 0, "the seed is not shown");
}

#[test]
fn an_invite_link_has_its_length_and_drops_what_does_not_fit() {
    let full = InviteLink { name: "x".repeat(128), ..a_link(9, 16, 128) };
    let text = full.link();
    assert!(text.len() <= INVITE_LINK_BYTES_MAX);
    let read = InviteLink::parse(&text).unwrap();
    assert!(!read.hosts.is_empty() && read.hosts.iter().all(|host| host.addresses.len() == 1));
    let many = a_link(9, 4, 12);
    let read = InviteLink::parse(&many.link()).unwrap();
    assert_eq!(read.hosts.len(), INVITE_HOSTS_MAX);
    assert!(read.hosts.iter().all(|host| host.addresses.len() == 4));
}

#[test]
fn what_is_no_invite_link_is_refused_with_advice() {
    let link = a_link(1, 1, 10).link();
    assert_eq!(InviteLink::parse("https://example.org"), Err(BadLink::NotAnInvite));
    assert_eq!(InviteLink::parse("tidings://card/AAAA"), Err(BadLink::NotAnInvite));
    assert_eq!(CardLink::parse(&link), Err(BadLink::Invite));
    for at in 15..link.len() {
        assert_eq!(InviteLink::parse(&link[..at]), Err(BadLink::Damaged));
        let mut mistyped = link.as_bytes().to_vec();
        mistyped[at] = if mistyped[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(InviteLink::parse(str::from_utf8(&mistyped).unwrap()), Err(BadLink::Damaged));
    }
    let long = format!("tidings://join/{}", "A".repeat(INVITE_LINK_BYTES_MAX));
    assert_eq!(InviteLink::parse(&long), Err(BadLink::InviteTooLong { bytes: long.len() }));
    assert_eq!(InviteLink::parse(&crate::card::link("tidings://join/", &[2, 0])), Err(BadLink::Newer));
    let short = InviteLink::parse(&crate::card::link("tidings://join/", &[1, 0]));
    assert!(matches!(short, Err(BadLink::Unusable { reason: BadCard::Encoding(_) })));
}

#[test]
fn a_seed_makes_one_key_and_one_name() {
    let (one, two) = (InviteSeed::from_bytes([1; 32]), InviteSeed::generate(&mut rng(600)));
    assert_eq!(one.id(), InviteId::of(&one.public()));
    assert_ne!(one.id(), two.id());
    assert_ne!(one.public().0, *one.as_bytes());
    let proof = one.prove(GROUP, AccountId([3; 32]));
    assert!(proof.verify(GROUP, &one.public()).is_ok() && proof.verify(GROUP, &two.public()).is_err());
    assert_eq!(InviteProof::decode(&proof.encode()), Ok(proof));
}
