//! Requests and responses from bytes that anybody may have sent.

use proptest::collection::vec;
use proptest::prelude::*;
use tidings_crypto::envelope::EpochId;
use tidings_crypto::group::GroupId;
use tidings_node::ids::AccountId;
use tidings_node::wire::request::{CARD_BYTES_MAX, PUSH_ENVELOPES_MAX, PushVerdict, Request, Response, WayInAnswer};

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        vec(any::<u8>(), 0..2_000).prop_map(|card| Request::Hello { card }),
        vec(vec(any::<u8>(), 0..200), 0..=PUSH_ENVELOPES_MAX).prop_map(|envelopes| Request::Push { envelopes }),
        any::<[u8; 32]>().prop_map(|account| Request::Card { account: AccountId(account) }),
        (any::<[u8; 16]>(), any::<bool>(), vec(vec(any::<u8>(), 0..700), 0..8))
            .prop_map(|(group, needed, ballots)| { Request::WayIn { group: GroupId(group), needed, ballots } }),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    let verdict = prop_oneof![
        Just(PushVerdict::Taken),
        Just(PushVerdict::Known),
        Just(PushVerdict::Later),
        Just(PushVerdict::Refused),
        Just(PushVerdict::Gone)
    ];
    prop_oneof![
        vec(any::<u8>(), 0..2_000).prop_map(|card| Response::Hello { card }),
        vec(verdict, 0..=PUSH_ENVELOPES_MAX).prop_map(|verdicts| Response::Push { verdicts }),
        proptest::option::of(vec(any::<u8>(), 0..2_000)).prop_map(|card| Response::Card { card }),
        (vec(any::<u8>(), 0..2_000), vec(vec(any::<u8>(), 0..700), 0..8))
            .prop_map(|(sealed, ballots)| Response::WayIn { answer: WayInAnswer::Sealed(sealed), ballots }),
        any::<[u8; 32]>()
            .prop_map(|head| Response::WayIn { answer: WayInAnswer::Here(EpochId(head)), ballots: vec![vec![1]] }),
        Just(Response::WayIn { answer: WayInAnswer::Unable, ballots: vec![vec![2; 9]] }),
        Just(Response::WayIn { answer: WayInAnswer::NotAMember, ballots: vec![] }),
        Just(Response::Busy),
    ]
}

/// Bytes that begin like a message, so that more than the version check is tried.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    (0..3_u8, 0..7_u8, vec(prop_oneof![3 => 0..4_u8, 1 => any::<u8>()], 0..600))
        .prop_map(|(version, kind, rest)| [vec![version, kind], rest].concat())
}

proptest! {
    #[test]
    fn every_request_survives_the_way_there_and_nothing_shorter_or_longer_is_one(request in request(), extra in 1..9_usize) {
        let bytes = request.encode().unwrap();
        prop_assert_eq!(Request::decode(&bytes), Ok(request));
        for length in 0..bytes.len().min(600) {
            prop_assert!(Request::decode(&bytes[..length]).is_err());
            prop_assert!(Request::decode(&bytes[..bytes.len() - 1 - length]).is_err());
        }
        prop_assert!(Request::decode(&[bytes, vec![0; extra]].concat()).is_err());
    }

    #[test]
    fn every_response_survives_the_way_back_and_nothing_shorter_or_longer_is_one(response in response(), extra in 1..9_usize) {
        let bytes = response.encode().unwrap();
        prop_assert_eq!(Response::decode(&bytes), Ok(response));
        for length in 0..bytes.len().min(600) {
            prop_assert!(Response::decode(&bytes[..length]).is_err());
        }
        prop_assert!(Response::decode(&[bytes, vec![0; extra]].concat()).is_err());
    }

    #[test]
    fn any_bytes_are_refused_or_are_the_one_encoding_of_a_message(bytes in prop_oneof![vec(any::<u8>(), 0..300), nearly()]) {
        if let Ok(request) = Request::decode(&bytes) {
            prop_assert_eq!(request.encode().unwrap(), bytes.clone());
        }
        if let Ok(response) = Response::decode(&bytes) {
            prop_assert_eq!(response.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn a_message_with_some_bytes_changed_never_panics(
        request in request(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = request.encode().unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(changed) = Request::decode(&bytes) {
            prop_assert_eq!(changed.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn a_card_over_the_limit_is_never_encoded(extra in 1..1_000_usize) {
        let card = vec![0; CARD_BYTES_MAX + extra];
        let (request, response) = (Request::Hello { card: card.clone() }, Response::Hello { card });
        prop_assert!(request.encode().is_err());
        prop_assert!(response.encode().is_err());
    }
}
