//! The name of an epoch: a node of a group's tree of epochs (PROTOCOL §3).

use crate::identity::id;

id!(
    /// An epoch: the hash of the commit that made it, or of what founded the group for the root.
    EpochId, 32
);

impl EpochId {
    /// The epoch that a commit makes, from the part of its message that is signed and the signature.
    pub fn of_commit(signed: &[u8]) -> Self {
        Self(blake3::derive_key("tidings v1 epoch id", signed))
    }
}

/// So many epochs above one are told and remembered, the nearest (a guess: more than pass while somebody is away for a
/// weekend).
pub const ABOVE_MAX: usize = 64;
