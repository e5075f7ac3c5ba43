//! Upkeep of groups and keys (PROTOCOL §6.12): everything here is driven by deadlines, with a random part so that not
//! everybody does it at once.

use std::ops::Bound;

use rand_core::Rng;
use tidings_crypto::group::{GroupId, Suite};
use tidings_crypto::identity::NodeCertificate;

use super::intents::Intent;
use super::membership::UPDATE_RETRY_MS;
use super::wishes::Tried;
use crate::engine::State;
use crate::engine::batch::Batch;
use crate::handle::Standing;
use crate::store::{KeyPackageUse, StoreError};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// After joining with a key package that others may have used too, a node renews its keys within this time …
const UPDATE_TURN_MS: (u64, u64) = (2_000, 10_000);
/// … and this much more for each member: a founding of 300 is 300 renewals in ten minutes, which come one after the other
/// and not all on one epoch. A guess: twice what a commit takes to reach everybody.
const UPDATE_TURN_PER_MEMBER_MS: u64 = 2_000;
/// Nobody waits longer.
const UPDATE_TURN_MS_MAX: u64 = 4 * 60 * 60 * 1_000;
/// A node renews its keys in a group if it has made no commit for this long …
const UPDATE_EVERY_MS: u64 = 7 * DAY_MS;
/// … or, in large groups, for this long per member: a group of 100 makes four such commits a day.
const UPDATE_PER_MEMBER_MS: u64 = DAY_MS / 4;
/// No renewal is further away than this: beyond it the clock was wrong.
pub(crate) const UPDATE_WITHIN_MS: u64 = 400 * DAY_MS;
/// A last-resort key package, on the card or at the mailboxes, is replaced after this long …
pub(crate) const PACKAGE_EVERY_MS: u64 = 7 * DAY_MS;
/// … and what was replaced still opens Welcomes for this long: one may have been made at the last moment, and have waited
/// since then for a node that was away. A Welcome that cannot be opened any more loses all that was written after it.
const PACKAGE_KEPT_MS: u64 = 400 * DAY_MS;
/// A package for one use that nobody used opens Welcomes for this long, for the same reason.
const ONCE_KEPT_MS: u64 = 400 * DAY_MS;
/// Certificates and key packages are looked at this often.
pub(crate) const LOOK_EVERY_MS: u64 = DAY_MS;
/// So many groups are looked at in one batch, and the next after this pause: no batch takes long.
const LOOK_GROUPS_MAX: usize = 32;
const LOOK_PAUSE_MS: u64 = 5_000;
/// A certificate is renewed when less than this part of its life is left.
const RENEW_AT_PART: u64 = 4;
/// After its certificate was renewed, a node shows the new one in each group within this time.
const SHOW_WITHIN_MS: u64 = 60 * 60 * 1_000;

/// After its start a node renews nothing for this long, and up to as long again: it may have been away, and what was
/// committed meanwhile comes first (PROTOCOL §6.13). A guess.
const QUIET_MS: u64 = 15_000;

impl State {
    /// Renews this node's keys in a group.
    pub(crate) async fn update_keys(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        let Some(mut row) = self.group_rows.get(&id).copied() else { return Ok(()) };
        let quiet_until_ms = self.started_ms.saturating_add(QUIET_MS);
        if batch.now_ms < quiet_until_ms && self.started_ms <= batch.now_ms {
            row.update_due_ms = Some(quiet_until_ms.saturating_add(u64::from(batch.rng.next_u32()) % QUIET_MS));
            self.group_rows.insert(id, row);
            return Ok(());
        }
        // A clock that has leapt ahead makes nothing due (PROTOCOL §8.7): what it would commit others would take in a year.
        if let Some(look_ms) = self.clock.steady.due_ms() {
            row.update_due_ms = Some(look_ms);
            self.group_rows.insert(id, row);
            return Ok(());
        }
        let standing = self.conversation(batch, row.conversation).await?.map(|known| known.row.standing);
        // Who is in no more renews again after a Welcome; whoever comes back, or cannot now, tries again in a while.
        let over = matches!(standing, None | Some(Standing::Left | Standing::Removed));
        row.update_due_ms = (!over).then(|| batch.now_ms.saturating_add(UPDATE_RETRY_MS));
        batch.tx.put_group(row).await?;
        self.group_rows.insert(id, row);
        if standing != Some(Standing::Member) {
            return Ok(());
        }
        if let Tried::Failed(error) = self.want(batch, id, &Intent::Update).await? {
            tracing::warn!(%error, "a group's keys could not be renewed");
        }
        Ok(())
    }

    /// This node made a commit, which renewed its keys: the next renewal is due in a week or more.
    pub(crate) async fn committed_now(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        let Some(mut row) = self.group_rows.get(&id).copied() else { return Ok(()) };
        let members = self.groups.get(&id).map_or(0, |loaded| loaded.group.members().len());
        let members = u64::try_from(members).unwrap_or(0);
        let every_ms = UPDATE_EVERY_MS.max(members.saturating_mul(UPDATE_PER_MEMBER_MS));
        let spread_ms = u64::from(batch.rng.next_u32()) % (every_ms / 8);
        row.update_due_ms = Some(batch.now_ms.saturating_add(every_ms).saturating_add(spread_ms));
        batch.tx.put_group(row).await?;
        self.group_rows.insert(id, row);
        Ok(())
    }

    /// The renewal of this node's keys lost against other commits: it is made again when its turn comes, unless another
    /// own commit, which renewed them as well, stands.
    pub(crate) async fn update_later(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        let Some(loaded) = self.groups.get(&id) else { return Ok(()) };
        let stands = |epoch| loaded.group.is_on_branch(epoch);
        if self.intents.iter().any(|row| row.group == id && row.epoch.is_some_and(stands)) {
            return Ok(());
        }
        let Some(mut row) = self.group_rows.get(&id).copied() else { return Ok(()) };
        row.update_due_ms = Some(update_turn_ms(batch, loaded.group.members().len()));
        batch.tx.put_group(row).await?;
        self.group_rows.insert(id, row);
        Ok(())
    }

    /// Groups of before keys were renewed have no time for it: each is given one within the week.
    pub(crate) async fn schedule_updates(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let unscheduled = self.group_rows.values().filter(|row| row.update_due_ms.is_none());
        for mut row in unscheduled.copied().collect::<Vec<_>>() {
            let wait_ms = u64::from(batch.rng.next_u32()) % UPDATE_EVERY_MS;
            row.update_due_ms = Some(batch.now_ms.saturating_add(wait_ms));
            batch.tx.put_group(row).await?;
            self.group_rows.insert(row.id, row);
        }
        Ok(())
    }

    /// Members' nodes whose certificates have run out are taken out by whoever notices first.
    pub(crate) async fn look_for_ended(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        let me = self.me.node_id();
        let Some(loaded) = self.groups.get(&id) else { return Ok(()) };
        let ended = loaded
            .group
            .members()
            .iter()
            .filter(|member| member.node != me && member.certificate.not_after_ms() < batch.age_ms);
        let ended: Vec<_> = ended.map(|member| member.node).take(64).collect();
        if ended.is_empty() {
            return Ok(());
        }
        self.want_soon(batch, id, &Intent::Ended(ended)).await
    }

    /// What is looked at once a day: certificates, mine and others', and the key package on my card.
    pub(crate) async fn look_after_keys(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        if self.upkeep_from.is_none() {
            self.renew_certificate(batch).await?;
            self.rotate_key_package(batch).await?;
            self.forget_met(batch).await?;
            self.expire_deposits(batch).await?;
        }
        let from = self.upkeep_from.map_or(Bound::Unbounded, Bound::Excluded);
        let groups = self.group_rows.range((from, Bound::Unbounded)).map(|(id, _)| *id);
        let groups: Vec<GroupId> = groups.take(LOOK_GROUPS_MAX).collect();
        for id in &groups {
            if self.group(batch, *id).await?.is_some() {
                self.look_for_ended(batch, *id).await?;
                self.leave_again(batch, *id).await?;
                self.forget_requests(batch, *id).await?;
            }
        }
        self.upkeep_from = groups.last().copied().filter(|_| groups.len() == LOOK_GROUPS_MAX);
        let pause_ms = if self.upkeep_from.is_some() {
            LOOK_PAUSE_MS
        } else {
            LOOK_EVERY_MS.saturating_add(u64::from(batch.rng.next_u32()) % (LOOK_EVERY_MS / 8))
        };
        self.upkeep_due_ms = batch.now_ms.saturating_add(pause_ms);
        Ok(())
    }

    /// Issues this node a certificate with the next number when little of its life is left.
    async fn renew_certificate(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let old = &self.me.certificate;
        let life_ms = old.not_after_ms().saturating_sub(old.not_before_ms());
        // One that was issued by a wrong clock may not hold yet.
        let is_early = old.not_before_ms() > batch.stamp_ms;
        if !is_early && old.not_after_ms().saturating_sub(batch.age_ms) > life_ms / RENEW_AT_PART {
            return Ok(());
        }
        let from_ms = batch.age_ms.saturating_sub(DAY_MS);
        let to_ms = from_ms.saturating_add(life_ms);
        let number = old.number().saturating_add(1);
        let renewed = NodeCertificate::issue(&self.me.account, &self.me.keys, number, from_ms, to_ms);
        batch.tx.set_setting("certificate", &renewed.encode()).await?;
        self.me.certificate = renewed;
        // The package on the card shows the old certificate.
        self.new_key_package(batch).await?;
        let mut rows: Vec<_> = self.group_rows.values().copied().collect();
        for row in &mut rows {
            let due_ms = batch.now_ms.saturating_add(u64::from(batch.rng.next_u32()) % SHOW_WITHIN_MS);
            row.update_due_ms = Some(row.update_due_ms.map_or(due_ms, |known| known.min(due_ms)));
            batch.tx.put_group(*row).await?;
            self.group_rows.insert(row.id, *row);
        }
        Ok(())
    }

    async fn rotate_key_package(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let newest_ms = batch.tx.newest_key_package_ms().await?;
        if newest_ms.saturating_add(PACKAGE_EVERY_MS) <= batch.now_ms {
            self.new_key_package(batch).await?;
        }
        let last_resort_ms = batch.age_ms.saturating_sub(PACKAGE_EVERY_MS.saturating_add(PACKAGE_KEPT_MS));
        let once_ms = batch.age_ms.saturating_sub(ONCE_KEPT_MS);
        for (kind, before_ms) in [
            (KeyPackageUse::LastResort, last_resort_ms),
            (KeyPackageUse::LastResortHybrid, last_resort_ms),
            (KeyPackageUse::Once, once_ms),
        ] {
            for reference in batch.tx.drop_key_packages(kind, before_ms, self.profile.key_package()).await? {
                self.key_packages.remove(&reference);
            }
        }
        self.drop_used_key_packages(batch).await?;
        self.drop_old_welcomes(batch).await
    }

    async fn new_key_package(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let Some(package) = self.make_key_package(batch, Suite::Classic, true).await? else { return Ok(()) };
        self.profile.set_key_package(package.bytes);
        self.renew_card(batch).await
    }
}

/// When a node of a group of so many renews its keys, with everybody else who joined when it did.
pub(crate) fn update_turn_ms(batch: &mut Batch<'_, '_>, members: usize) -> u64 {
    batch.now_ms.saturating_add(turn_after_ms(members, batch.rng.next_u32()))
}

/// `chance` is any random number.
fn turn_after_ms(members: usize, chance: u32) -> u64 {
    let members = u64::try_from(members).unwrap_or(u64::MAX);
    let (least_ms, most_ms) = UPDATE_TURN_MS;
    let spread_ms = members.saturating_mul(UPDATE_TURN_PER_MEMBER_MS).saturating_add(most_ms - least_ms);
    least_ms.saturating_add(u64::from(chance) % spread_ms.min(UPDATE_TURN_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_join_together_renew_their_keys_one_after_the_other() {
        for members in [2, 10, 300, 1_000] {
            let step = u32::MAX / 1_000;
            let mut turns: Vec<u64> = (0..1_000).map(|chance| turn_after_ms(members, chance * step)).collect();
            turns.sort_unstable();
            let of_all_ms = turns[999] - turns[0];
            assert!(of_all_ms / 1_000 >= 2 * u64::try_from(members).unwrap() / 2, "{members} in {of_all_ms} ms");
            assert!(turns[0] >= UPDATE_TURN_MS.0);
        }
        assert!(turn_after_ms(usize::MAX, u32::MAX) <= UPDATE_TURN_MS.0 + UPDATE_TURN_MS_MAX);
    }
}
