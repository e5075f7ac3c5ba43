//! Other copies of this node (PROTOCOL §8.6): whoever restored a backup of it, while it still runs, has taken its place.
//!
//! Two copies would put each other out of their groups for ever. So the one that was restored last goes on, and the other
//! one stops coming back, and says so.

use tidings_crypto::envelope::{Content, EpochId};
use tidings_crypto::group::GroupId;

use crate::engine::State;
use crate::engine::batch::Batch;
use crate::event::Event;
use crate::store::{RESTORED, StoreError};

/// The setting that says since when, ms since 1970, another copy of this node is known to have taken its place.
const COPIED: &str = "copied";

/// What is known of other copies.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// When this one was restored; 0 if it never was.
    restored_ms: u64,
    is_copied: bool,
}

impl Copies {
    pub(crate) async fn load(batch: &mut Batch<'_, '_>) -> Result<Self, StoreError> {
        let restored = batch.tx.setting(RESTORED).await?.and_then(|bytes| bytes.try_into().ok());
        let is_copied = batch.tx.setting(COPIED).await?.is_some();
        Ok(Self { restored_ms: restored.map_or(0, u64::from_be_bytes), is_copied })
    }

    /// When this one was restored; 0 if it never was.
    pub(crate) fn restored_ms(&self) -> u64 {
        self.restored_ms
    }

    /// Whether another copy has taken this one's place.
    pub(crate) fn is_copied(&self) -> bool {
        self.is_copied
    }
}

impl State {
    /// A commit came of which this node has no keys. If it is one of its own, a copy of it made it: one from before this
    /// one was restored is what that came from, and gone; a later one is another node with the same keys.
    pub(crate) async fn look_for_copies(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        epoch: EpochId,
        commit: &Content,
    ) -> Result<(), StoreError> {
        let me = self.me.node_id();
        let Some(loaded) = self.groups.get(&group).map(|loaded| &loaded.group) else { return Ok(()) };
        let is_mine = loaded.tree().node(epoch).is_some_and(|node| node.committer == Some(me));
        let is_later = loaded.committed_at_ms(commit).is_some_and(|at_ms| at_ms > self.copies.restored_ms);
        if is_mine && is_later && !loaded.is_restored() { self.note_copy(batch).await } else { Ok(()) }
    }

    /// Another copy of this node has taken its place.
    pub(crate) async fn note_copy(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        if self.copies.is_copied {
            return Ok(());
        }
        tracing::error!("another copy of this node is running: this one does not come back into its groups any more");
        self.copies.is_copied = true;
        batch.tx.set_setting(COPIED, &batch.now_ms.to_be_bytes()).await?;
        batch.events.push(Event::Profile);
        Ok(())
    }
}
