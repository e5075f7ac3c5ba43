//! What is written is read, what breaks a limit is neither, and the layout is the documented one.

use tidings_crypto::codec::Malformed;
use tidings_crypto::envelope::{DEPOSIT_BYTES_MAX, PREKEYS_BYTES_MAX};

use super::encoding::{
    KIND_CARD, KIND_COLLECT, KIND_COMPARE, KIND_DEPOSIT, KIND_GROUPS, KIND_HELLO, KIND_JOIN, KIND_LEAVE_PREKEYS,
    KIND_MAIL, KIND_OPEN_MAILBOX, KIND_PACKAGES, KIND_PREKEYS, KIND_PROOF, KIND_PUSH, KIND_RECONCILE, KIND_TIME,
    KIND_WAY_IN,
};
use super::*;
use tidings_crypto::proof::PROOF_BYTES_MAX;

fn requests() -> Vec<Request> {
    vec![
        Request::Hello { card: vec![] },
        Request::Hello { card: vec![7; CARD_BYTES_MAX] },
        Request::Push { envelopes: vec![] },
        Request::Push { envelopes: vec![vec![1], vec![], vec![2; 300]] },
        Request::Push { envelopes: vec![vec![3; 8]; PUSH_ENVELOPES_MAX] },
        Request::Card { account: AccountId([9; 32]) },
        Request::OpenMailbox { admission: Zeroizing::new([1; 32]), queue: [2; 32] },
        Request::Deposit { token: [3; 32], deposits: vec![] },
        Request::Deposit { token: [3; 32], deposits: vec![vec![1], vec![], vec![2; DEPOSIT_BYTES_MAX]] },
        Request::Collect { after: u64::MAX, done: vec![] },
        Request::Collect { after: 0, done: vec![7; COLLECTED_MAX] },
        Request::Mail,
        Request::LeavePrekeys { queue: [2; 32], prekeys: vec![] },
        Request::LeavePrekeys { queue: [2; 32], prekeys: vec![8; PREKEYS_BYTES_MAX] },
        Request::Prekeys { token: [3; 32] },
        Request::Time,
        Request::Groups,
        Request::Proof { id: ProofId([6; 32]) },
        Request::WayIn { group: GroupId([4; 16]), needed: false, ballots: vec![] },
        Request::WayIn { group: GroupId([4; 16]), needed: true, ballots: vec![vec![1], vec![], vec![2; 300]] },
        Request::WayIn { group: GroupId([4; 16]), needed: true, ballots: vec![vec![1; BALLOT_BYTES_MAX]; BALLOTS_MAX] },
        Request::Packages,
        Request::Join { request: vec![5; 40] },
    ]
}

fn responses() -> Vec<Response> {
    use PushVerdict::{Gone, Known, Later, Refused, Taken};
    vec![
        Response::Hello { card: vec![7; CARD_BYTES_MAX] },
        Response::Push { verdicts: vec![Taken, Known, Later, Refused, Gone] },
        Response::Push { verdicts: vec![Later; PUSH_ENVELOPES_MAX] },
        Response::Card { card: None },
        Response::Card { card: Some(vec![]) },
        Response::Card { card: Some(vec![1; 99]) },
        Response::WayIn { answer: WayInAnswer::Unable, ballots: vec![vec![7; 9]] },
        Response::WayIn { answer: WayInAnswer::NotAMember, ballots: vec![] },
        Response::WayIn { answer: WayInAnswer::Here(EpochId([6; 32])), ballots: vec![vec![], vec![1]] },
        Response::WayIn { answer: WayInAnswer::Sealed(vec![5; 99]), ballots: vec![vec![3; 200]] },
        Response::WayIn {
            answer: WayInAnswer::Sealed(vec![5; WAY_IN_BYTES_MAX]),
            ballots: vec![vec![1; BALLOT_BYTES_MAX]; BALLOTS_MAX],
        },
        Response::Packages { packages: vec![vec![4; 9], vec![]] },
        Response::Join { verdict: JoinVerdict::Coming },
        Response::Join { verdict: JoinVerdict::Waiting },
        Response::Join { verdict: JoinVerdict::Refused("the invite has expired".to_owned()) },
        Response::Join { verdict: JoinVerdict::Later },
        Response::LeavePrekeys { verdict: DepositVerdict::Kept },
        Response::LeavePrekeys { verdict: DepositVerdict::Full },
        Response::LeavePrekeys { verdict: DepositVerdict::Refused },
        Response::Prekeys { prekeys: None },
        Response::Prekeys { prekeys: Some(vec![8; 90]) },
        Response::Prekeys { prekeys: Some(vec![8; PREKEYS_BYTES_MAX]) },
        Response::Time { at_ms: 1_800_000_000_000 },
        Response::Groups { groups: vec![GroupId([3; 16]), GroupId([4; 16])] },
        Response::Proof { proof: None },
        Response::Proof { proof: Some(vec![7; PROOF_BYTES_MAX]) },
        Response::Busy,
    ]
}

#[test]
fn what_is_encoded_is_decoded() {
    for request in requests() {
        assert_eq!(Request::decode(&request.encode().unwrap()), Ok(request));
    }
    for response in responses() {
        assert_eq!(Response::decode(&response.encode().unwrap()), Ok(response));
    }
}

#[test]
fn the_layout_is_the_documented_one() {
    let hello = Request::Hello { card: b"card".to_vec() };
    assert_eq!(hello.encode().unwrap(), b"\x01\x01\x00\x00\x00\x04card");
    let push = Request::Push { envelopes: vec![b"a".to_vec(), b"bc".to_vec()] };
    assert_eq!(push.encode().unwrap(), b"\x01\x02\x00\x02\x00\x00\x00\x01a\x00\x00\x00\x02bc");
    let card = Request::Card { account: AccountId([5; 32]) };
    assert_eq!(card.encode().unwrap(), [[1, 3].as_slice(), &[5; 32]].concat());
    let verdicts = vec![PushVerdict::Taken, PushVerdict::Known, PushVerdict::Later, PushVerdict::Refused];
    assert_eq!(Response::Push { verdicts }.encode().unwrap(), [1, 2, 0, 4, 0, 1, 2, 3]);
    assert_eq!(Response::Card { card: None }.encode().unwrap(), [1, 3, 0]);
    assert_eq!(Response::Card { card: Some(vec![8]) }.encode().unwrap(), [1, 3, 1, 0, 0, 0, 1, 8]);
    let asked = Request::WayIn { group: GroupId([4; 16]), needed: true, ballots: vec![vec![9]] };
    let list = [0, 1, 0, 0, 0, 1, 9];
    assert_eq!(asked.encode().unwrap(), [[1, 5].as_slice(), &[4; 16], &[1], &list].concat());
    let way_in = Response::WayIn { answer: WayInAnswer::Sealed(vec![8]), ballots: vec![vec![9]] };
    assert_eq!(way_in.encode().unwrap(), [[1, 5, 1, 0, 0, 0, 1, 8].as_slice(), &list].concat());
    let here = Response::WayIn { answer: WayInAnswer::Here(EpochId([6; 32])), ballots: vec![] };
    assert_eq!(here.encode().unwrap(), [[1, 5, 3].as_slice(), &[6; 32], &[0, 0]].concat());
    let left = Request::LeavePrekeys { queue: [2; 32], prekeys: vec![9] };
    assert_eq!(left.encode().unwrap(), [[1, 13].as_slice(), &[2; 32], &[0, 0, 0, 1, 9]].concat());
    assert_eq!(Response::LeavePrekeys { verdict: DepositVerdict::Full }.encode().unwrap(), [1, 13, 1]);
    assert_eq!(Request::Prekeys { token: [3; 32] }.encode().unwrap(), [[1, 14].as_slice(), &[3; 32]].concat());
    assert_eq!(Response::Prekeys { prekeys: None }.encode().unwrap(), [1, 14, 0]);
    assert_eq!(Response::Prekeys { prekeys: Some(vec![9]) }.encode().unwrap(), [1, 14, 1, 0, 0, 0, 1, 9]);
    assert_eq!(Request::Time.encode().unwrap(), [1, 15]);
    assert_eq!(Response::Time { at_ms: 513 }.encode().unwrap(), [1, 15, 0, 0, 0, 0, 0, 0, 2, 1]);
    assert_eq!(Request::Proof { id: ProofId([6; 32]) }.encode().unwrap(), [vec![1, 17], vec![6; 32]].concat());
    assert_eq!(Response::Proof { proof: None }.encode().unwrap(), [1, 17, 0]);
    assert_eq!(Request::Groups.encode().unwrap(), [1, 16]);
    let groups = Response::Groups { groups: vec![GroupId([3; 16])] };
    assert_eq!(groups.encode().unwrap(), [[1, 16, 0, 1].as_slice(), &[3; 16]].concat());
    assert_eq!(Response::Busy.encode().unwrap(), [1, 0]);
}

#[test]
fn a_message_cut_off_anywhere_or_with_a_byte_too_many_is_refused() {
    let short = |bytes: &[u8]| bytes.len() < 2_000;
    for bytes in requests().iter().map(|request| request.encode().unwrap()).filter(|bytes| short(bytes)) {
        for length in 0..bytes.len() {
            assert_eq!(Request::decode(&bytes[..length]), Err(Malformed::Truncated));
        }
        assert_eq!(Request::decode(&[bytes, vec![0]].concat()), Err(Malformed::Trailing { bytes: 1 }));
    }
    for bytes in responses().iter().map(|response| response.encode().unwrap()).filter(|bytes| short(bytes)) {
        for length in 0..bytes.len() {
            assert_eq!(Response::decode(&bytes[..length]), Err(Malformed::Truncated));
        }
        assert_eq!(Response::decode(&[bytes, vec![0]].concat()), Err(Malformed::Trailing { bytes: 1 }));
    }
}

#[test]
fn every_limit_is_held_when_writing_and_when_reading() {
    let too_long = |what, limit| Err(Malformed::TooLong { what, limit });
    let hello = Request::Hello { card: vec![0; CARD_BYTES_MAX + 1] };
    assert_eq!(hello.encode(), too_long("card", CARD_BYTES_MAX));
    let push = |count, bytes| Request::Push { envelopes: vec![vec![0; bytes]; count] }.encode().map(drop);
    assert_eq!(push(1, ENVELOPE_BYTES_MAX), Ok(()));
    assert_eq!(push(1, ENVELOPE_BYTES_MAX + 1), too_long("envelope", ENVELOPE_BYTES_MAX).map(drop));
    assert_eq!(push(4, ENVELOPE_BYTES_MAX), too_long("request", REQUEST_BYTES_MAX).map(drop));
    let ballots = |count, bytes| {
        let ballots = vec![vec![0; bytes]; count];
        Request::WayIn { group: GroupId([4; 16]), needed: true, ballots }.encode().map(drop)
    };
    assert_eq!(ballots(65, 0), too_long("list of ballots", BALLOTS_MAX).map(drop));
    assert_eq!(ballots(1, BALLOT_BYTES_MAX + 1), too_long("ballot", BALLOT_BYTES_MAX).map(drop));
    assert_eq!(push(257, 0), too_long("list of envelopes", PUSH_ENVELOPES_MAX).map(drop));
    assert_eq!(
        Request::decode(&vec![1; REQUEST_BYTES_MAX + 1]),
        Err(Malformed::TooLong { what: "request", limit: REQUEST_BYTES_MAX })
    );
    assert_eq!(
        Response::decode(&vec![1; RESPONSE_BYTES_MAX + 1]),
        Err(Malformed::TooLong { what: "response", limit: RESPONSE_BYTES_MAX })
    );
    let prekeys = vec![0; PREKEYS_BYTES_MAX + 1];
    let left = Request::LeavePrekeys { queue: [2; 32], prekeys: prekeys.clone() };
    assert_eq!(left.encode(), too_long("prekeys", PREKEYS_BYTES_MAX));
    assert_eq!(Response::Prekeys { prekeys: Some(prekeys) }.encode(), too_long("prekeys", PREKEYS_BYTES_MAX));
    // Lengths that promise more than there is, up to the highest.
    for length in [u32::MAX, 70_000, 65_537] {
        let bytes = [[1, 1].as_slice(), &length.to_be_bytes()].concat();
        assert_eq!(Request::decode(&bytes), Err(Malformed::TooLong { what: "card", limit: CARD_BYTES_MAX }));
    }
    assert_eq!(
        Request::decode(&[1, 2, 0xff, 0xff]),
        Err(Malformed::TooLong { what: "list of envelopes", limit: PUSH_ENVELOPES_MAX })
    );
}

#[test]
fn versions_kinds_and_marks_that_nobody_gave_are_refused() {
    const KINDS: [u8; 17] = [
        KIND_HELLO,
        KIND_PUSH,
        KIND_CARD,
        KIND_PACKAGES,
        KIND_WAY_IN,
        KIND_JOIN,
        KIND_COMPARE,
        KIND_RECONCILE,
        KIND_OPEN_MAILBOX,
        KIND_DEPOSIT,
        KIND_COLLECT,
        KIND_MAIL,
        KIND_LEAVE_PREKEYS,
        KIND_PREKEYS,
        KIND_TIME,
        KIND_GROUPS,
        KIND_PROOF,
    ];
    assert_eq!(Request::decode(&[2, 1]), Err(Malformed::Version { found: 2, known: 1 }));
    for kind in (0..=255).filter(|kind| !KINDS.contains(kind)) {
        assert_eq!(Request::decode(&[1, kind]), Err(Malformed::Invalid { what: "kind of request" }));
    }
    for kind in (1..=255).filter(|kind| !KINDS.contains(kind)) {
        assert_eq!(Response::decode(&[1, kind]), Err(Malformed::Invalid { what: "kind of response" }));
    }
    let need = [[1, 5].as_slice(), &[4; 16], &[2, 0, 0]].concat();
    assert_eq!(Request::decode(&need), Err(Malformed::Invalid { what: "mark of a need" }));
    assert_eq!(Response::decode(&[1, 5, 4]), Err(Malformed::Invalid { what: "mark of a way in" }));
    assert_eq!(Response::decode(&[1, 3, 2]), Err(Malformed::Invalid { what: "mark of a card" }));
    assert_eq!(Response::decode(&[1, 8, 2]), Err(Malformed::Invalid { what: "mark of an answer" }));
    assert_eq!(Response::decode(&[1, 14, 2]), Err(Malformed::Invalid { what: "mark of prekeys" }));
    assert_eq!(Response::decode(&[1, 13, 3]), Err(Malformed::Invalid { what: "verdict" }));
    assert_eq!(Response::decode(&[1, 2, 0, 1, 5]), Err(Malformed::Invalid { what: "verdict" }));
}

#[test]
fn debug_says_how_much_and_never_what() {
    for text in [
        format!("{:?}", Request::Hello { card: b"secret".to_vec() }),
        format!("{:?}", Request::Push { envelopes: vec![b"secret".to_vec()] }),
        format!("{:?}", Response::Card { card: Some(b"secret".to_vec()) }),
    ] {
        assert!(!text.contains("115") && !text.contains("secret"), "{text}");
    }
}
