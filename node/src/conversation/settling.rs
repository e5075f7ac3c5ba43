//! Groups settle and forget (PROTOCOL §3.4, §3.6): this node casts its ballots when they are due, and destroys what it
//! may forget. Both are looked at after each change of a group, and when their time has come.

use std::collections::BTreeMap;

use tidings_crypto::envelope::{Content, Envelope, Week};
use tidings_crypto::group::GroupId;

use crate::engine::State;
use crate::engine::batch::Batch;
use crate::outbox::Kind;
use crate::store::StoreError;

/// So many groups are looked at in one batch: after a start all of them are due.
const GROUPS_A_BATCH_MAX: usize = 16;

/// When each group has something to settle or to forget.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    due_ms: BTreeMap<GroupId, u64>,
}

impl Settling {
    /// When the first is due.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.due_ms.values().copied().min()
    }

    /// A group is due at this time and no other.
    pub(crate) fn set(&mut self, group: GroupId, due_ms: Option<u64>) {
        match due_ms {
            Some(due_ms) => self.due_ms.insert(group, due_ms),
            None => self.due_ms.remove(&group),
        };
    }

    /// Nothing waits for a time that was wrong.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        for due_ms in self.due_ms.values_mut() {
            *due_ms = (*due_ms).min(now_ms);
        }
    }

    fn due(&self, now_ms: u64) -> Vec<GroupId> {
        let due = self.due_ms.iter().filter(|(_, due_ms)| **due_ms <= now_ms);
        due.map(|(group, _)| *group).take(GROUPS_A_BATCH_MAX).collect()
    }
}

impl State {
    /// Settles and forgets what is due.
    pub(crate) async fn settle_groups(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let me = self.me.node_id();
        for id in self.settling.due(batch.now_ms) {
            self.settling.set(id, None);
            let Some(conversation) = self.group_rows.get(&id).map(|row| row.conversation) else { continue };
            let Some(loaded) = self.groups_loaded(batch, id).await? else { continue };
            let before = (loaded.head(), loaded.standing());
            let forgot = loaded.forget(batch.steady_ms);
            loaded.look_around(me, batch.steady_ms);
            let has_left = self.has_left(batch, id).await?;
            // Who left has no say in where the group goes, and tells nobody.
            let ballot = self.cast_ballot(batch, id).filter(|_| !has_left);
            self.save_group(batch, id).await?;
            let after = self.groups.get(&id).map(|loaded| (loaded.group.head(), loaded.group.standing()));
            if after != Some(before) {
                // As after a commit: what the head says, what is wanted there, and whom to ask may be others.
                self.after_commit(batch, id).await?;
            } else if forgot {
                self.follow_topics(batch, id).await?;
            }
            if let Some(envelope) = ballot {
                batch.tx.flush().await?;
                // A direct conversation may have two groups, and each its ballots.
                let number = ballot_number(id);
                batch.tx.drop_numbered(conversation, Kind::Ballot, number).await?;
                self.spread(batch, conversation, &envelope, Kind::Ballot, number).await?;
            }
        }
        Ok(())
    }

    async fn groups_loaded(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
    ) -> Result<Option<&mut tidings_crypto::group::Group>, StoreError> {
        Ok(self.group(batch, id).await?.map(|loaded| &mut loaded.group))
    }

    /// This node's ballot, sealed for the topic of the head.
    fn cast_ballot(&mut self, batch: &Batch<'_, '_>, id: GroupId) -> Option<Envelope> {
        let group = &mut self.groups.get_mut(&id)?.group;
        let ballot = group.ballot(&self.me, batch.steady_ms)?;
        let secret = group.topic_secret(group.head())?;
        let content = Content { epoch: group.head(), message: ballot.bytes };
        Envelope::seal(secret, Week::of(batch.steady_ms), &content).ok()
    }
}

/// Tells the ballots of one group from those of another in the outbox.
fn ballot_number(group: GroupId) -> u64 {
    group.0.iter().take(7).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_of_one_conversation_do_not_drop_each_others_ballots() {
        let (one, other) = (GroupId([1; 16]), GroupId([2; 16]));
        assert_ne!(ballot_number(one), ballot_number(other));
        assert!(i64::try_from(ballot_number(GroupId([255; 16]))).is_ok(), "the database holds it");
    }
}
