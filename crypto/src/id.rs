//! Identifiers: a fixed number of bytes that print as lower-case hexadecimal. Other crates define theirs with [`id!`] too.

use std::fmt;

use data_encoding::HEXLOWER;

/// Text that is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is {expected_chars} hexadecimal characters")]
pub struct MalformedId {
    /// How many characters this kind of id has.
    pub expected_chars: usize,
}

/// Defines an identifier: bytes that print as lower-case hexadecimal, and in `Debug` as its first eight characters.
#[doc(hidden)]
#[macro_export]
macro_rules! __id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::id::to_text(&self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::id::write_shortened(f, stringify!($name), &self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::MalformedId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::id::from_text(text).map(Self)
            }
        }
    };
}
pub use __id as id;

/// What an identifier prints: lower-case hexadecimal.
pub fn to_text(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// An identifier's bytes from what it prints.
pub fn from_text<const BYTES: usize>(text: &str) -> Result<[u8; BYTES], MalformedId> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(MalformedId { expected_chars: BYTES.saturating_mul(2) })
}

/// What `Debug` shows of an identifier or a public key: `Name(01234567…)`.
pub fn write_shortened(f: &mut fmt::Formatter<'_>, name: &str, bytes: &[u8]) -> fmt::Result {
    let shown = bytes.get(..4).unwrap_or(bytes);
    write!(f, "{name}({}…)", HEXLOWER.encode(shown))
}
