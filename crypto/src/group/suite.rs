//! With which cryptography a group works (PROTOCOL §2.1). It is fixed when the group is founded, and all of its members
//! agree on it: it stands in MLS's group context.

use openmls_traits::types::Ciphersuite;

use super::policy::{Forbidden, MEMBERS_MAX};

/// How many nodes a hybrid group may have. Each of them costs 1.2 KB in the tree and in every cold commit.
pub const HYBRID_MEMBERS_MAX: usize = 64;

/// A group's cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suite {
    /// X25519, ChaCha20-Poly1305, SHA-256, Ed25519 (RFC 9420 §17.1: 0x0003).
    Classic,
    /// The same with X-Wing (X25519 and ML-KEM-768 together) for agreeing on keys: 0x004D. Who records it today and has
    /// a quantum computer later reads nothing. Signatures stay Ed25519.
    Hybrid,
}

impl Suite {
    /// Every suite that this version knows, the one that all groups can have first.
    pub const ALL: [Self; 2] = [Self::Classic, Self::Hybrid];

    /// The suite's number in MLS.
    pub const fn number(self) -> u16 {
        match self {
            Self::Classic => 0x0003,
            Self::Hybrid => 0x004d,
        }
    }

    /// How many nodes a group of this suite may have.
    pub const fn members_max(self) -> usize {
        match self {
            Self::Classic => MEMBERS_MAX,
            Self::Hybrid => HYBRID_MEMBERS_MAX,
        }
    }

    /// Whether a group of this suite may have so many nodes.
    pub(super) fn permits_members(self, count: usize) -> Result<(), Forbidden> {
        match self {
            Self::Classic if count > MEMBERS_MAX => Err(Forbidden::TooManyMembers),
            Self::Hybrid if count > HYBRID_MEMBERS_MAX => Err(Forbidden::TooManyForHybrid),
            Self::Classic | Self::Hybrid => Ok(()),
        }
    }

    pub(super) const fn to_mls(self) -> Ciphersuite {
        match self {
            Self::Classic => Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519,
            Self::Hybrid => Ciphersuite::MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519,
        }
    }

    /// None for a suite that Tidings does not use.
    pub(super) fn of_mls(suite: Ciphersuite) -> Option<Self> {
        Self::ALL.into_iter().find(|ours| ours.to_mls() == suite)
    }
}
