//! Identifiers of the node: fixed-size bytes, written as lower-case hexadecimal.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

pub use tidings_crypto::card::Address;
pub use tidings_crypto::envelope::TopicTag;
pub use tidings_crypto::identity::{AccountId, PeerKey};

/// Text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is {expected_chars} hexadecimal characters")]
pub struct MalformedId {
    /// How many characters this kind of id has.
    pub expected_chars: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}…)"), HEXLOWER.encode(&self.0[..4]))
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let malformed = MalformedId { expected_chars: 2 * $bytes };
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| malformed.clone())?;
                Ok(Self(bytes.try_into().map_err(|_| malformed)?))
            }
        }
    };
}

id!(
    /// A conversation: for a direct one it derives from the two account ids.
    ConversationId, 16
);
id!(
    /// A message: the hash of its author's account id, its conversation's id and the random number that the author gave
    /// it, so that nobody can claim another author's message id.
    MessageId, 16
);
id!(
    /// A signed-in browser: the hash of its secret token.
    SessionId, 16
);
id!(
    /// An invite to a group.
    InviteId, 16
);
