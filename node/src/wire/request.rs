//! Requests and responses between two connected nodes (PROTOCOL §5.4).
//!
//! A message is a version byte, a kind byte and a body of fixed shape; it is preceded on its stream by its length.
//! Whatever is longer than a limit, cut off, or followed by bytes that do not belong to it, is refused whole.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

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
/// A request, without the length in front of it, is at most this many bytes.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// A response, without the length in front of it, is at most this many bytes.
pub const RESPONSE_BYTES_MAX: usize = CARD_BYTES_MAX + 64;

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
    /// Answers any request: too much is asked at the moment, ask again later.
    Busy,
}

/// Why bytes are not a request or a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end before the message does.
    #[error("it is cut off")]
    Truncated,
    /// Bytes follow the message.
    #[error("{bytes} bytes too many follow it")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A version that this node does not know.
    #[error("it has version {found}, and this node knows {VERSION}")]
    Version {
        /// The version found.
        found: u8,
    },
    /// A kind that this node does not know.
    #[error("its kind {found} is unknown")]
    Kind {
        /// The kind found.
        found: u8,
    },
    /// A field with a value that it cannot have.
    #[error("its {field} is not valid")]
    Invalid {
        /// Which field.
        field: &'static str,
    },
    /// A field is longer than its limit.
    #[error("its {field} has {found}, and the limit is {limit}")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// How long it is, in bytes or in items.
        found: usize,
        /// The limit, in the same unit.
        limit: usize,
    },
}

const KIND_BUSY: u8 = 0;
const KIND_HELLO: u8 = 1;
const KIND_PUSH: u8 = 2;
const KIND_CARD: u8 = 3;

impl Request {
    /// The message's bytes, or which limit it breaks.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut writer = Writer::new(REQUEST_BYTES_MAX);
        match self {
            Self::Hello { card } => {
                writer.kind(KIND_HELLO);
                writer.bytes("card", card, CARD_BYTES_MAX)?;
            }
            Self::Push { envelopes } => {
                writer.kind(KIND_PUSH);
                writer.count("list of envelopes", envelopes.len(), PUSH_ENVELOPES_MAX)?;
                for envelope in envelopes {
                    writer.bytes("envelope", envelope, ENVELOPE_BYTES_MAX)?;
                }
            }
            Self::Card { account } => {
                writer.kind(KIND_CARD);
                writer.0.extend_from_slice(&account.0);
            }
        }
        writer.finish()
    }

    /// Which limit this request breaks, if any, without making its bytes.
    pub fn check(&self) -> Result<(), Malformed> {
        let too_long = |field, found, limit| {
            if found > limit { Err(Malformed::TooLong { field, found, limit }) } else { Ok(()) }
        };
        match self {
            Self::Hello { card } => too_long("card", card.len(), CARD_BYTES_MAX),
            Self::Push { envelopes } => {
                too_long("list of envelopes", envelopes.len(), PUSH_ENVELOPES_MAX)?;
                let mut total: usize = 4;
                for envelope in envelopes {
                    too_long("envelope", envelope.len(), ENVELOPE_BYTES_MAX)?;
                    total = total.saturating_add(4).saturating_add(envelope.len());
                }
                too_long("message", total, REQUEST_BYTES_MAX)
            }
            Self::Card { .. } => Ok(()),
        }
    }

    /// Reads a whole request.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut reader) = Reader::open(bytes, REQUEST_BYTES_MAX)?;
        let request = match kind {
            KIND_HELLO => Self::Hello { card: reader.bytes("card", CARD_BYTES_MAX)?.to_vec() },
            KIND_PUSH => {
                let count = reader.count("list of envelopes", PUSH_ENVELOPES_MAX)?;
                let envelopes = (0..count).map(|_| Ok(reader.bytes("envelope", ENVELOPE_BYTES_MAX)?.to_vec()));
                Self::Push { envelopes: envelopes.collect::<Result<_, _>>()? }
            }
            KIND_CARD => Self::Card { account: AccountId(reader.array()?) },
            found => return Err(Malformed::Kind { found }),
        };
        reader.finish()?;
        Ok(request)
    }
}

impl Response {
    /// The message's bytes, or which limit it breaks.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut writer = Writer::new(RESPONSE_BYTES_MAX);
        match self {
            Self::Hello { card } => {
                writer.kind(KIND_HELLO);
                writer.bytes("card", card, CARD_BYTES_MAX)?;
            }
            Self::Push { verdicts } => {
                writer.kind(KIND_PUSH);
                writer.count("list of verdicts", verdicts.len(), PUSH_ENVELOPES_MAX)?;
                writer.0.extend(verdicts.iter().map(|verdict| verdict.to_byte()));
            }
            Self::Card { card } => {
                writer.kind(KIND_CARD);
                writer.0.push(u8::from(card.is_some()));
                if let Some(card) = card {
                    writer.bytes("card", card, CARD_BYTES_MAX)?;
                }
            }
            Self::Busy => writer.kind(KIND_BUSY),
        }
        writer.finish()
    }

    /// Reads a whole response.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut reader) = Reader::open(bytes, RESPONSE_BYTES_MAX)?;
        let response = match kind {
            KIND_HELLO => Self::Hello { card: reader.bytes("card", CARD_BYTES_MAX)?.to_vec() },
            KIND_PUSH => {
                let count = reader.count("list of verdicts", PUSH_ENVELOPES_MAX)?;
                let verdicts = reader.take(count)?.iter().map(|byte| PushVerdict::from_byte(*byte));
                Self::Push { verdicts: verdicts.collect::<Result<_, _>>()? }
            }
            KIND_CARD => match reader.array()? {
                [0] => Self::Card { card: None },
                [1] => Self::Card { card: Some(reader.bytes("card", CARD_BYTES_MAX)?.to_vec()) },
                [_] => return Err(Malformed::Invalid { field: "mark of a card" }),
            },
            KIND_BUSY => Self::Busy,
            found => return Err(Malformed::Kind { found }),
        };
        reader.finish()?;
        Ok(response)
    }
}

impl PushVerdict {
    fn to_byte(self) -> u8 {
        match self {
            Self::Taken => 0,
            Self::Known => 1,
            Self::Later => 2,
            Self::Refused => 3,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, Malformed> {
        match byte {
            0 => Ok(Self::Taken),
            1 => Ok(Self::Known),
            2 => Ok(Self::Later),
            3 => Ok(Self::Refused),
            _ => Err(Malformed::Invalid { field: "verdict" }),
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
            Self::Busy => f.write_str("Busy"),
        }
    }
}

struct Writer(Vec<u8>, usize);

impl Writer {
    fn new(limit: usize) -> Self {
        Self(vec![VERSION], limit)
    }

    fn kind(&mut self, kind: u8) {
        self.0.push(kind);
    }

    fn count(&mut self, field: &'static str, count: usize, limit: usize) -> Result<(), Malformed> {
        let short = u16::try_from(count).ok().filter(|_| count <= limit);
        self.0.extend_from_slice(&short.ok_or(Malformed::TooLong { field, found: count, limit })?.to_be_bytes());
        Ok(())
    }

    fn bytes(&mut self, field: &'static str, bytes: &[u8], limit: usize) -> Result<(), Malformed> {
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= limit);
        let length = length.ok_or(Malformed::TooLong { field, found: bytes.len(), limit })?;
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, Malformed> {
        let Self(bytes, limit) = self;
        if bytes.len() <= limit {
            Ok(bytes)
        } else {
            Err(Malformed::TooLong { field: "message", found: bytes.len(), limit })
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Refuses what is too long, checks the version, and gives the kind with a reader of the body.
    fn open(bytes: &'a [u8], limit: usize) -> Result<(u8, Self), Malformed> {
        if bytes.len() > limit {
            return Err(Malformed::TooLong { field: "message", found: bytes.len(), limit });
        }
        let mut reader = Self(bytes);
        let [version] = reader.array()?;
        if version != VERSION {
            return Err(Malformed::Version { found: version });
        }
        let [kind] = reader.array()?;
        Ok((kind, reader))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(*array)
    }

    fn count(&mut self, field: &'static str, limit: usize) -> Result<usize, Malformed> {
        let count = usize::from(u16::from_be_bytes(self.array()?));
        if count <= limit { Ok(count) } else { Err(Malformed::TooLong { field, found: count, limit }) }
    }

    fn bytes(&mut self, field: &'static str, limit: usize) -> Result<&'a [u8], Malformed> {
        let length = u32::from_be_bytes(self.array()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > limit {
            return Err(Malformed::TooLong { field, found: length, limit });
        }
        self.take(length)
    }

    fn finish(self) -> Result<(), Malformed> {
        match self.0.len() {
            0 => Ok(()),
            bytes => Err(Malformed::Trailing { bytes }),
        }
    }
}
