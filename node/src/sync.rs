//! Sync (PROTOCOL §6.13): two members' nodes find out which envelopes of their groups one of them lacks. Pure.
//!
//! First one short exchange tells in which groups they differ; then, for each of these, range-based set reconciliation
//! tells what is missing on which side. What is missing is wanted by who lacks it and pushed by who has it: through the
//! one door, like everything else.

mod partners;
mod reconcile;
mod sets;

use blake3::Hasher;
use tidings_crypto::envelope::EnvelopeId;
use tidings_crypto::group::GroupId;

use crate::ids::PeerKey;

pub(crate) use self::partners::{Comparing, Partners, Reconciling};
pub use self::reconcile::{Found, Item, MESSAGE_BYTES_MAX, begin, go_on, respond};
pub(crate) use self::sets::{Sets, first_week};

/// Names a group to one peer: nobody else can tell which it is.
pub type PairKey = [u8; 8];
/// What two equal sets have alike.
pub type Fingerprint = [u8; 16];

/// How two nodes name a group to each other. A group's id is known to its members; both peers are in it, so that a
/// third learns nothing from what it heard elsewhere.
pub fn pair_key(group: GroupId, one: PeerKey, other: PeerKey) -> PairKey {
    let (low, high) = if one.0 <= other.0 { (one, other) } else { (other, one) };
    let mut key = PairKey::default();
    let mut hasher = Hasher::new_derive_key("tidings v1 sync pair key");
    hasher.update(&group.0).update(&low.0).update(&high.0).finalize_xof().fill(&mut key);
    key
}

/// An envelope's id as a number to add up.
fn halves(id: EnvelopeId) -> [u128; 2] {
    let (low, high) = id.0.split_at(16);
    [low, high].map(|half| half.try_into().map_or(0, u128::from_be_bytes))
}

#[cfg(test)]
mod tests;
