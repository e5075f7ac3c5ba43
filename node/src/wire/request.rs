//! Requests and responses between two connected nodes (PROTOCOL §5.4).
//!
//! A message is a version byte, a kind byte and a body of fixed shape; it is preceded on its stream by its length.
//! Whatever is longer than a limit, cut off, or followed by bytes that do not belong to it, is refused whole.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use tidings_crypto::codec::{Malformed, Reader, Writer};
use tidings_crypto::envelope::{EpochId, WAY_IN_BYTES_MAX};
use tidings_crypto::group::{BALLOT_BYTES_MAX, GroupId, KEY_PACKAGE_BYTES_MAX};

use super::join::{JOIN_BYTES_MAX, REASON_BYTES_MAX};
use crate::ids::AccountId;

/// The name under which two nodes agree on this protocol.
pub const PROTOCOL_NAME: &str = "/tidings/1";
/// The version byte of every message.
pub const VERSION: u8 = 1;
/// An envelope is at most this many bytes.
pub const ENVELOPE_BYTES_MAX: usize = 256 * 1024;
/// A push carries at most this many envelopes.
pub const PUSH_ENVELOPES_MAX: usize = 256;
/// A contact card is at most this many bytes.
pub const CARD_BYTES_MAX: usize = 64 * 1024;
/// So many key packages are given at once: two of each suite.
pub const PACKAGES_MAX: usize = 4;
/// A request, without the length in front of it, is at most this many bytes.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// A response, without the length in front of it, is at most this many bytes.
pub const RESPONSE_BYTES_MAX: usize = WAY_IN_BYTES_MAX + 64 + BALLOTS_MAX * (BALLOT_BYTES_MAX + 4);
/// So many ballots go with the question for a way in, and with its answer.
pub const BALLOTS_MAX: usize = 64;

/// What one node asks of another.
#[derive(Clone, PartialEq, Eq)]
pub enum Request {
    /// "This is who I am": the first thing on a connection between people who may not know each other yet.
    Hello {
        /// The asking node's signed contact card, [`CARD_BYTES_MAX`] bytes at most.
        card: Vec<u8>,
    },
    /// "Keep these": envelopes handed over directly, each of which is answered for.
    Push {
        /// At most [`PUSH_ENVELOPES_MAX`] envelopes of at most [`ENVELOPE_BYTES_MAX`] bytes.
        envelopes: Vec<Vec<u8>>,
    },
    /// "Give me the card of this account."
    Card {
        /// Whose card.
        account: AccountId,
    },
    /// "Where is this group, and let me back into it": from a node that is a member and cannot follow (PROTOCOL §3.7).
    WayIn {
        /// Which group.
        group: GroupId,
        /// Whether a way in is needed; otherwise only what the other knows.
        needed: bool,
        /// Members' signed ballots, at most [`BALLOTS_MAX`].
        ballots: Vec<Vec<u8>>,
    },
    /// "Give me key packages of yours, for one use each."
    Packages,
    /// "Let me into this group": answered by a member.
    Join {
        /// An encoded [`super::join::JoinRequest`].
        request: Vec<u8>,
    },
}

/// What becomes of a request to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinVerdict {
    /// The Welcome is on its way.
    Coming,
    /// Somebody has to approve first.
    Waiting,
    /// The invite is not good: the reason, as part of a sentence.
    Refused(String),
    /// Not now, and not for a fault of the invite: ask somebody else, or again.
    Later,
}

/// What became of one pushed envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PushVerdict {
    /// It is durable at the other node now.
    Taken,
    /// It was there already.
    Known,
    /// It cannot be judged yet, or there is no room at the moment: offer it again later.
    Later,
    /// It is not wanted: offering it again is useless.
    Refused,
    /// It can never be read there: its epoch is forgotten. A message has to be sent anew.
    Gone,
}

/// What a node answers that is asked for a way in.
#[derive(Clone, PartialEq, Eq)]
pub enum WayInAnswer {
    /// It cannot help.
    Unable,
    /// The way in, sealed to the asking node.
    Sealed(Vec<u8>),
    /// The asking node is no member in the head of the answering one.
    NotAMember,
    /// No way in was needed: this is the head of the answering node.
    Here(EpochId),
}

impl std::fmt::Debug for WayInAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unable => f.write_str("Unable"),
            Self::Sealed(sealed) => f.debug_tuple("Sealed").field(&sealed.len()).finish(),
            Self::NotAMember => f.write_str("NotAMember"),
            Self::Here(_) => f.write_str("Here"),
        }
    }
}

/// What the other node answered.
#[derive(Clone, PartialEq, Eq)]
pub enum Response {
    /// Answers [`Request::Hello`].
    Hello {
        /// The answering node's signed contact card.
        card: Vec<u8>,
    },
    /// Answers [`Request::Push`].
    Push {
        /// One verdict an envelope, in the order of the request.
        verdicts: Vec<PushVerdict>,
    },
    /// Answers [`Request::Card`].
    Card {
        /// The card, where there is one to give.
        card: Option<Vec<u8>>,
    },
    /// Answers [`Request::WayIn`].
    WayIn {
        /// The way in, or why there is none.
        answer: WayInAnswer,
        /// Members' signed ballots, at most [`BALLOTS_MAX`].
        ballots: Vec<Vec<u8>>,
    },
    /// Answers [`Request::Packages`].
    Packages {
        /// At most [`PACKAGES_MAX`]; none if there is a shortage.
        packages: Vec<Vec<u8>>,
    },
    /// Answers [`Request::Join`].
    Join {
        /// What becomes of it.
        verdict: JoinVerdict,
    },
    /// Answers any request: too much is asked at the moment, ask again later.
    Busy,
}

const KIND_BUSY: u8 = 0;
const KIND_HELLO: u8 = 1;
const KIND_PUSH: u8 = 2;
const KIND_CARD: u8 = 3;
const KIND_WAY_IN: u8 = 5;
const KIND_PACKAGES: u8 = 4;
const KIND_JOIN: u8 = 6;

impl Request {
    /// Which limit this request breaks, if any.
    pub fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Hello { card } => within("card", card.len(), CARD_BYTES_MAX),
            Self::Push { envelopes } => {
                within("list of envelopes", envelopes.len(), PUSH_ENVELOPES_MAX)?;
                let mut total: usize = 4;
                for envelope in envelopes {
                    within("envelope", envelope.len(), ENVELOPE_BYTES_MAX)?;
                    total = total.saturating_add(4).saturating_add(envelope.len());
                }
                within("request", total, REQUEST_BYTES_MAX)
            }
            Self::WayIn { ballots, .. } => check_ballots(ballots),
            Self::Card { .. } | Self::Packages => Ok(()),
            Self::Join { request } => within("request to join", request.len(), JOIN_BYTES_MAX),
        }
    }

    /// The request's bytes, or which limit it breaks.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        self.check()?;
        let mut writer = Writer::new();
        writer.u8(VERSION);
        match self {
            Self::Hello { card } => writer.u8(KIND_HELLO).bytes(card),
            Self::Push { envelopes } => {
                writer.u8(KIND_PUSH).count(envelopes.len());
                envelopes.iter().fold(&mut writer, |writer, envelope| writer.bytes(envelope))
            }
            Self::Card { account } => writer.u8(KIND_CARD).array(&account.0),
            Self::WayIn { group, needed, ballots } => {
                writer.u8(KIND_WAY_IN).array(&group.0).u8(u8::from(*needed));
                write_ballots(&mut writer, ballots)
            }
            Self::Packages => writer.u8(KIND_PACKAGES),
            Self::Join { request } => writer.u8(KIND_JOIN).bytes(request),
        };
        Ok(writer.into_bytes())
    }

    /// Reads a whole request.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        within("request", bytes.len(), REQUEST_BYTES_MAX)?;
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let request = match reader.u8()? {
            KIND_HELLO => Self::Hello { card: reader.bytes("card", CARD_BYTES_MAX)?.to_vec() },
            KIND_PUSH => {
                let count = reader.count("list of envelopes", PUSH_ENVELOPES_MAX)?;
                let envelopes = (0..count).map(|_| Ok(reader.bytes("envelope", ENVELOPE_BYTES_MAX)?.to_vec()));
                Self::Push { envelopes: envelopes.collect::<Result<_, _>>()? }
            }
            KIND_CARD => Self::Card { account: AccountId(reader.array()?) },
            KIND_WAY_IN => {
                let group = GroupId(reader.array()?);
                let needed = match reader.u8()? {
                    0 => false,
                    1 => true,
                    _ => return Err(Malformed::Invalid { what: "mark of a need" }),
                };
                Self::WayIn { group, needed, ballots: read_ballots(&mut reader)? }
            }
            KIND_PACKAGES => Self::Packages,
            KIND_JOIN => Self::Join { request: reader.bytes("request to join", JOIN_BYTES_MAX)?.to_vec() },
            _ => return Err(Malformed::Invalid { what: "kind of request" }),
        };
        reader.finish()?;
        Ok(request)
    }
}

impl Response {
    /// Which limit this response breaks, if any.
    pub fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Hello { card } | Self::Card { card: Some(card) } => within("card", card.len(), CARD_BYTES_MAX),
            Self::Push { verdicts } => within("list of verdicts", verdicts.len(), PUSH_ENVELOPES_MAX),
            Self::WayIn { answer, ballots } => {
                let sealed = if let WayInAnswer::Sealed(sealed) = answer { sealed.len() } else { 0 };
                within("way in", sealed, WAY_IN_BYTES_MAX)?;
                check_ballots(ballots)
            }
            Self::Packages { packages } => {
                within("list of key packages", packages.len(), PACKAGES_MAX)?;
                let longest = packages.iter().map(Vec::len).max().unwrap_or(0);
                within("key package", longest, KEY_PACKAGE_BYTES_MAX)
            }
            Self::Join { verdict: JoinVerdict::Refused(reason) } => within("reason", reason.len(), REASON_BYTES_MAX),
            Self::Card { card: None } | Self::Join { .. } | Self::Busy => Ok(()),
        }
    }

    /// The response's bytes, or which limit it breaks.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        self.check()?;
        let mut writer = Writer::new();
        writer.u8(VERSION);
        match self {
            Self::Hello { card } => writer.u8(KIND_HELLO).bytes(card),
            Self::Push { verdicts } => {
                writer.u8(KIND_PUSH).count(verdicts.len());
                verdicts.iter().fold(&mut writer, |writer, verdict| writer.u8(verdict.to_byte()))
            }
            Self::Card { card: Some(card) } => writer.u8(KIND_CARD).u8(1).bytes(card),
            Self::Card { card: None } => writer.u8(KIND_CARD).u8(0),
            Self::WayIn { answer, ballots } => {
                writer.u8(KIND_WAY_IN);
                match answer {
                    WayInAnswer::Unable => writer.u8(0),
                    WayInAnswer::Sealed(sealed) => writer.u8(1).bytes(sealed),
                    WayInAnswer::NotAMember => writer.u8(2),
                    WayInAnswer::Here(head) => writer.u8(3).array(&head.0),
                };
                write_ballots(&mut writer, ballots)
            }
            Self::Packages { packages } => {
                writer.u8(KIND_PACKAGES).count(packages.len());
                packages.iter().fold(&mut writer, |writer, package| writer.bytes(package))
            }
            Self::Join { verdict } => {
                writer.u8(KIND_JOIN);
                match verdict {
                    JoinVerdict::Coming => writer.u8(0),
                    JoinVerdict::Waiting => writer.u8(1),
                    JoinVerdict::Refused(reason) => writer.u8(2).bytes(reason.as_bytes()),
                    JoinVerdict::Later => writer.u8(3),
                }
            }
            Self::Busy => writer.u8(KIND_BUSY),
        };
        Ok(writer.into_bytes())
    }

    /// Reads a whole response.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        within("response", bytes.len(), RESPONSE_BYTES_MAX)?;
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let response = match reader.u8()? {
            KIND_HELLO => Self::Hello { card: reader.bytes("card", CARD_BYTES_MAX)?.to_vec() },
            KIND_PUSH => {
                let count = reader.count("list of verdicts", PUSH_ENVELOPES_MAX)?;
                let verdicts = reader.take(count)?.iter().map(|byte| PushVerdict::from_byte(*byte));
                Self::Push { verdicts: verdicts.collect::<Result<_, _>>()? }
            }
            KIND_CARD => match reader.u8()? {
                0 => Self::Card { card: None },
                1 => Self::Card { card: Some(reader.bytes("card", CARD_BYTES_MAX)?.to_vec()) },
                _ => return Err(Malformed::Invalid { what: "mark of a card" }),
            },
            KIND_WAY_IN => {
                let answer = match reader.u8()? {
                    0 => WayInAnswer::Unable,
                    1 => WayInAnswer::Sealed(reader.bytes("way in", WAY_IN_BYTES_MAX)?.to_vec()),
                    2 => WayInAnswer::NotAMember,
                    3 => WayInAnswer::Here(EpochId(reader.array()?)),
                    _ => return Err(Malformed::Invalid { what: "mark of a way in" }),
                };
                Self::WayIn { answer, ballots: read_ballots(&mut reader)? }
            }
            KIND_PACKAGES => {
                let count = reader.count("list of key packages", PACKAGES_MAX)?;
                let packages = (0..count).map(|_| Ok(reader.bytes("key package", KEY_PACKAGE_BYTES_MAX)?.to_vec()));
                Self::Packages { packages: packages.collect::<Result<_, _>>()? }
            }
            KIND_JOIN => {
                let verdict = match reader.u8()? {
                    0 => JoinVerdict::Coming,
                    1 => JoinVerdict::Waiting,
                    2 => JoinVerdict::Refused(reader.text("reason", REASON_BYTES_MAX)?.to_owned()),
                    3 => JoinVerdict::Later,
                    _ => return Err(Malformed::Invalid { what: "verdict" }),
                };
                Self::Join { verdict }
            }
            KIND_BUSY => Self::Busy,
            _ => return Err(Malformed::Invalid { what: "kind of response" }),
        };
        reader.finish()?;
        Ok(response)
    }
}

fn check_ballots(ballots: &[Vec<u8>]) -> Result<(), Malformed> {
    within("list of ballots", ballots.len(), BALLOTS_MAX)?;
    within("ballot", ballots.iter().map(Vec::len).max().unwrap_or(0), BALLOT_BYTES_MAX)
}

fn write_ballots<'a>(writer: &'a mut Writer, ballots: &[Vec<u8>]) -> &'a mut Writer {
    writer.count(ballots.len());
    ballots.iter().fold(writer, |writer, ballot| writer.bytes(ballot))
}

fn read_ballots(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    let count = reader.count("list of ballots", BALLOTS_MAX)?;
    (0..count).map(|_| Ok(reader.bytes("ballot", BALLOT_BYTES_MAX)?.to_vec())).collect()
}

fn within(what: &'static str, found: usize, limit: usize) -> Result<(), Malformed> {
    if found <= limit { Ok(()) } else { Err(Malformed::TooLong { what, limit }) }
}

impl PushVerdict {
    fn to_byte(self) -> u8 {
        match self {
            Self::Taken => 0,
            Self::Known => 1,
            Self::Later => 2,
            Self::Refused => 3,
            Self::Gone => 4,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, Malformed> {
        match byte {
            0 => Ok(Self::Taken),
            1 => Ok(Self::Known),
            2 => Ok(Self::Later),
            3 => Ok(Self::Refused),
            4 => Ok(Self::Gone),
            _ => Err(Malformed::Invalid { what: "verdict" }),
        }
    }
}

/// Says what kind it is and how long, never what is in it.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hello { card } => f.debug_struct("Hello").field("card_bytes", &card.len()).finish(),
            Self::Push { envelopes } => f.debug_struct("Push").field("envelopes", &envelopes.len()).finish(),
            Self::Card { .. } => f.debug_struct("Card").finish_non_exhaustive(),
            Self::WayIn { needed, ballots, .. } => {
                let mut told = f.debug_struct("WayIn");
                told.field("needed", needed).field("ballots", &ballots.len()).finish_non_exhaustive()
            }
            Self::Packages => f.write_str("Packages"),
            Self::Join { request } => f.debug_struct("Join").field("bytes", &request.len()).finish(),
        }
    }
}

/// Says what kind it is and how long, never what is in it.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hello { card } => f.debug_struct("Hello").field("card_bytes", &card.len()).finish(),
            Self::Push { verdicts } => f.debug_struct("Push").field("verdicts", verdicts).finish(),
            Self::Card { card } => {
                f.debug_struct("Card").field("card_bytes", &card.as_ref().map_or(0, Vec::len)).finish()
            }
            Self::WayIn { answer, ballots } => {
                f.debug_struct("WayIn").field("answer", answer).field("ballots", &ballots.len()).finish()
            }
            Self::Packages { packages } => f.debug_struct("Packages").field("packages", &packages.len()).finish(),
            Self::Join { .. } => f.debug_struct("Join").finish_non_exhaustive(),
            Self::Busy => f.write_str("Busy"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> Vec<Request> {
        vec![
            Request::Hello { card: vec![] },
            Request::Hello { card: vec![7; CARD_BYTES_MAX] },
            Request::Push { envelopes: vec![] },
            Request::Push { envelopes: vec![vec![1], vec![], vec![2; 300]] },
            Request::Push { envelopes: vec![vec![3; 8]; PUSH_ENVELOPES_MAX] },
            Request::Card { account: AccountId([9; 32]) },
            Request::WayIn { group: GroupId([4; 16]), needed: false, ballots: vec![] },
            Request::WayIn { group: GroupId([4; 16]), needed: true, ballots: vec![vec![1], vec![], vec![2; 300]] },
            Request::WayIn {
                group: GroupId([4; 16]),
                needed: true,
                ballots: vec![vec![1; BALLOT_BYTES_MAX]; BALLOTS_MAX],
            },
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
        const KINDS: [u8; 6] = [KIND_HELLO, KIND_PUSH, KIND_CARD, KIND_PACKAGES, KIND_WAY_IN, KIND_JOIN];
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
}
