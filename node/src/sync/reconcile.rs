//! One reconciliation of two sets, by messages: crate `negentropy`, version 1 of its protocol (PROTOCOL §6.13).
//!
//! Neither side keeps anything between two messages. What a peer sends is bounded before it gets here, and whatever is
//! wrong with it ends the reconciliation.

use negentropy::{Id, Negentropy, NegentropyStorageVector};
use tidings_crypto::envelope::EnvelopeId;

/// A message is at most this many bytes: some 4,000 ids. What does not fit comes in the next round.
pub const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// An envelope of a set, after the number of its epoch.
pub type Item = (u64, EnvelopeId);

/// What a message told the node that began.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What to send next; none if all is known.
    pub message: Option<Vec<u8>>,
    /// What only this node has.
    pub only_here: Vec<EnvelopeId>,
    /// What only the other node has.
    pub only_there: Vec<EnvelopeId>,
}

fn storage(items: &[Item]) -> Option<NegentropyStorageVector> {
    let mut storage = NegentropyStorageVector::with_capacity(items.len());
    for (number, id) in items {
        storage.insert(*number, Id::from_byte_array(id.0)).ok()?;
    }
    storage.seal().ok()?;
    Some(storage)
}

fn reconciliation(items: &[Item]) -> Option<Negentropy<'static, NegentropyStorageVector>> {
    Negentropy::owned(storage(items)?, u64::try_from(MESSAGE_BYTES_MAX).ok()?).ok()
}

/// The first message about a set.
pub fn begin(items: &[Item]) -> Option<Vec<u8>> {
    reconciliation(items)?.initiate().ok()
}

/// The answer to a message of the node that began; none if it is malformed.
pub fn respond(items: &[Item], message: &[u8]) -> Option<Vec<u8>> {
    reconciliation(items)?.reconcile(message).ok()
}

/// What an answer tells the node that began; none if it is malformed.
pub fn go_on(items: &[Item], message: &[u8]) -> Option<Found> {
    let mut reconciliation = reconciliation(items)?;
    reconciliation.set_initiator();
    let (mut here, mut there) = (Vec::new(), Vec::new());
    let message = reconciliation.reconcile_with_ids(message, &mut here, &mut there).ok()?;
    let ids = |ids: Vec<Id>| -> Vec<EnvelopeId> {
        let mut ids: Vec<EnvelopeId> = ids.into_iter().map(|id| EnvelopeId(id.to_bytes())).collect();
        ids.sort_unstable(); // The library gives them in the order of a randomly keyed table.
        ids
    };
    Some(Found { message, only_here: ids(here), only_there: ids(there) })
}
