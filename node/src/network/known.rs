//! The peers that this node knows, shared between the swarm's protocols: some are for these peers only (PROTOCOL §5.2).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libp2p::PeerId;

/// Contacts' nodes and those of fellow members: whoever the engine said is to be dialled. At most as many as the address
/// book holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<Mutex<HashSet<PeerId>>>);

impl Known {
    /// Adds a peer; says whether it is new.
    pub(super) fn add(&self, peer: PeerId) -> bool {
        self.peers().insert(peer)
    }

    /// Removes a peer; says whether it was there.
    pub(super) fn remove(&self, peer: &PeerId) -> bool {
        self.peers().remove(peer)
    }

    pub(super) fn contains(&self, peer: &PeerId) -> bool {
        self.peers().contains(peer)
    }

    /// A panic elsewhere leaves a whole set behind.
    fn peers(&self) -> MutexGuard<'_, HashSet<PeerId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
