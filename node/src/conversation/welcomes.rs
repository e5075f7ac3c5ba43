//! Welcomes that lead nowhere yet (PROTOCOL §3.7): somebody may be removed and added again, and the Welcome can
//! overtake the removal that it answers. It is kept, and tried again when the group is somewhere else.

use std::collections::BTreeSet;

use tidings_crypto::envelope::WelcomeContent;
use tidings_crypto::group::epochs::Standing as TreeStanding;
use tidings_crypto::group::{Group, GroupId, Invitation, JoinError, Joined};

use super::coming::open_kept;
use super::receive::Arrival;
use crate::engine::State;
use crate::engine::batch::Batch;
use crate::store::StoreError;

/// So many inviters' Welcomes are kept for one group: one who floods pushes out only what it could have pushed out as
/// a member of the group.
const KEPT_A_GROUP_MAX: u32 = 4;
/// A Welcome is kept for as long as an epoch that nobody writes in is held (§3.6).
const KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Which groups have Welcomes that wait.
#[derive(Debug, Default)]
pub(crate) struct Welcomes {
    kept: BTreeSet<GroupId>,
    due: BTreeSet<GroupId>,
}

impl Welcomes {
    /// After a start: all are tried.
    pub(crate) fn of_kept(groups: Vec<GroupId>) -> Self {
        let kept: BTreeSet<GroupId> = groups.into_iter().collect();
        Self { due: kept.clone(), kept }
    }

    /// The group may be somewhere else.
    pub(crate) fn look_at(&mut self, group: GroupId) {
        if self.kept.contains(&group) {
            self.due.insert(group);
        }
    }
}

impl State {
    /// Opens a Welcome with the key packages that are here, used ones too.
    pub(crate) fn open_welcome(&self, welcome: &WelcomeContent, now_ms: u64) -> Result<Joined, JoinError> {
        Group::join(&self.me, welcome, |reference| self.key_packages.get(reference).cloned(), now_ms)
    }

    /// Keeps a Welcome into a group that is here, if it can lead somewhere once the group has moved.
    pub(crate) async fn keep_welcome(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        joined: &Joined,
        kept: &[u8],
        invitation: Invitation,
    ) -> Result<Arrival, StoreError> {
        let Some(loaded) = self.groups.get(&id).map(|loaded| &loaded.group) else { return Ok(Arrival::Later) };
        if !loaded.may_keep(joined, invitation) {
            // Where this node is not well, a stranger may turn out to be a member, or become a contact.
            let may_matter = loaded.standing() != TreeStanding::Member && may_lead_somewhere(loaded, joined);
            return Ok(if may_matter { Arrival::Later } else { Arrival::Taken });
        }
        let inviter = joined.inviter.account;
        batch.tx.keep_welcome(id, inviter, kept, batch.stamp_ms, KEPT_A_GROUP_MAX).await?;
        self.welcomes.kept.insert(id);
        Ok(Arrival::Taken)
    }

    /// Tries the kept Welcomes of groups that have moved: they lead back who is not a member where the group is.
    pub(crate) async fn try_kept_welcomes(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for id in std::mem::take(&mut self.welcomes.due) {
            let kept = batch.tx.kept_welcomes(id).await?;
            let mut left = kept.len();
            for (inviter, bytes) in kept {
                if !self.try_kept_welcome(batch, id, &bytes).await? {
                    batch.tx.drop_welcome(id, inviter).await?;
                    left = left.saturating_sub(1);
                }
            }
            if left == 0 {
                self.welcomes.kept.remove(&id);
            }
        }
        Ok(())
    }

    /// Whether the Welcome is to be kept further.
    async fn try_kept_welcome(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        bytes: &[u8],
    ) -> Result<bool, StoreError> {
        if self.group(batch, id).await?.is_none() {
            return Ok(false);
        }
        let Some(welcome) = open_kept(bytes, &self.me.keys) else { return Ok(false) };
        let joined = match self.open_welcome(&welcome, batch.stamp_ms) {
            Ok(joined) => joined,
            Err(error) => return Ok(matches!(error, JoinError::NotValidNow(_))),
        };
        let Some(known) = self.groups.get(&id) else { return Ok(false) };
        if !may_lead_somewhere(&known.group, &joined) {
            return Ok(false);
        }
        if !known.group.may_enter_kept(&joined) {
            return Ok(true);
        }
        if self.invitation(id, joined.inviter.account) == Invitation::Unasked && self.has_left(batch, id).await? {
            return Ok(false);
        }
        self.enter(batch, id, joined).await?;
        Ok(false)
    }

    /// Lets go of what waited for too long.
    pub(crate) async fn drop_old_welcomes(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        batch.tx.drop_welcomes_before(batch.age_ms.saturating_sub(KEPT_MS)).await
    }
}

/// Whether a Welcome can be of use later: not if its epoch is or was here, nor into another suite.
fn may_lead_somewhere(group: &Group, joined: &Joined) -> bool {
    let is_same_suite = group.suite().is_none_or(|suite| joined.group.suite() == Some(suite));
    is_same_suite && !group.tree().is_or_was_here(joined.group.head())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_groups_with_welcomes_are_looked_at() {
        let (kept, other) = (GroupId([1; 16]), GroupId([2; 16]));
        let mut welcomes = Welcomes::of_kept(vec![kept]);
        assert_eq!(std::mem::take(&mut welcomes.due).len(), 1, "after a start all are tried");
        welcomes.look_at(other);
        assert!(welcomes.due.is_empty());
        welcomes.look_at(kept);
        assert!(welcomes.due.contains(&kept));
    }
}
