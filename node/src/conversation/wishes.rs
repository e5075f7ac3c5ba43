//! What the owner of this node wants of a group, until it is certain (PROTOCOL §6.9).
//!
//! A change is committed at once on the head; there is nobody to ask. If the commit's branch loses, the change is made
//! again on the new head after a short random pause, unless the winner did it already or contradicts it. Everything
//! stands in the database with the commit that it made, so a crash loses no wish and makes none twice.

use rand_core::Rng;
use tidings_crypto::envelope::EpochId;
use tidings_crypto::group::epochs::Standing as TreeStanding;
use tidings_crypto::group::{CommitError, Evidence, GroupId, LeaveStatement, Suite};

use super::commits::Wanted;
use super::intents::{GAVE_WAY, Intent, Plan};
use crate::engine::State;
use crate::engine::batch::Batch;
use crate::ids::AccountId;
use crate::store::{IntentRow, StoreError};
use crate::wire::join::JoinRequest;

/// A change that could not be made (again) for this long is given up, and its author is told. One that is on the way to
/// the head is kept until the tree makes it certain, however long that takes.
const TRIED_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// What was given up is told for this long.
const TOLD_MS: u64 = 24 * 60 * 60 * 1_000;
/// After a lost fork a change is made again within this time, so that not everybody commits at once. A guess …
const PAUSE_MS: (u64, u64) = (300, 2_000);
/// … and this much longer for each member.
const PAUSE_PER_MEMBER_MS: u64 = 10;
/// A change that cannot be made now, though nothing forbids it, is tried again after this long.
const RETRY_MS: u64 = 60_000;
/// So many changes of one group may be under way: the owner's, and as many that nobody asked for.
const INTENTS_MAX: usize = 256;

/// What became of the try to make an intent.
#[derive(Debug)]
pub(crate) enum Tried {
    /// It was so already.
    Done,
    /// It is committed, and the commit made this epoch.
    Committed(EpochId),
    /// The head contradicts it.
    Dropped(String),
    /// Somebody has to do something first.
    Later,
    /// MLS or the policy does not allow it.
    Failed(CommitError),
}

impl State {
    /// Wants something: it is committed at once on the head, and kept until it is certain.
    pub(crate) async fn want(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        intent: &Intent,
    ) -> Result<Tried, StoreError> {
        let tried = self.try_intent(batch, group, intent).await?;
        if let Tried::Committed(epoch) = &tried {
            let mut row = IntentRow {
                id: 0,
                group,
                made_at_ms: batch.steady_ms,
                body: intent.encode(),
                epoch: Some(*epoch),
                due_ms: None,
                dropped: String::new(),
            };
            row.id = batch.tx.put_intent(&row).await?;
            self.intents.push(row);
            self.note_walk(group);
        }
        Ok(tried)
    }

    /// Wants something after a short random pause, if it is still needed then: others may want the same.
    pub(crate) async fn want_soon(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        intent: &Intent,
    ) -> Result<(), StoreError> {
        let body = intent.encode();
        let is_there = self.intents.iter().any(|row| row.group == group && row.body == body);
        if is_there || self.has_room_for(group, intent).is_err() {
            return Ok(());
        }
        let due_ms = Some(self.pause_until_ms(batch, group));
        let made_at_ms = batch.steady_ms;
        let mut row = IntentRow { id: 0, group, made_at_ms, body, epoch: None, due_ms, dropped: String::new() };
        row.id = batch.tx.put_intent(&row).await?;
        self.intents.push(row);
        Ok(())
    }

    /// Whether one more change may be under way in a group; otherwise how many may. What nobody asked for takes no place of
    /// what somebody did, and what was given up takes none.
    pub(crate) fn has_room_for(&self, group: GroupId, intent: &Intent) -> Result<(), usize> {
        let alike = |row: &&IntentRow| {
            let of_group = row.group == group && row.dropped.is_empty();
            of_group && Intent::decode(&row.body).is_ok_and(|other| other.is_wish() == intent.is_wish())
        };
        if self.intents.iter().filter(alike).count() < INTENTS_MAX { Ok(()) } else { Err(INTENTS_MAX) }
    }

    /// Whether it is wanted already that somebody who left is no member, with this statement or a newer one.
    pub(crate) fn lets_go(&self, group: GroupId, statement: &LeaveStatement) -> bool {
        let is_as_new = |of: &LeaveStatement| of.account == statement.account && of.made_at_ms >= statement.made_at_ms;
        let is_wanted = |row: &&IntentRow| matches!(Intent::decode(&row.body), Ok(Intent::LetGo(of)) if is_as_new(&of));
        self.intents.iter().filter(|row| row.group == group).any(|row| is_wanted(&row))
    }

    /// What these accounts said when they left is over: they were added again since, or said it again.
    pub(crate) async fn stop_letting_go(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        accounts: &[AccountId],
    ) -> Result<(), StoreError> {
        let is_over = |row: &IntentRow| {
            let lets_go =
                |body: &[u8]| matches!(Intent::decode(body), Ok(Intent::LetGo(of)) if accounts.contains(&of.account));
            row.group == group && lets_go(&row.body)
        };
        for row in self.intents.iter().filter(|row| is_over(row)) {
            batch.tx.drop_intent(row.id).await?;
        }
        self.intents.retain(|row| !is_over(row));
        Ok(())
    }

    /// An account left: what was wanted before is not to bring it in again, though the commit with it may have lost.
    pub(crate) async fn stop_adding(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        account: AccountId,
    ) -> Result<(), StoreError> {
        for mut row in std::mem::take(&mut self.intents) {
            let left = match Intent::decode(&row.body) {
                _ if row.group != group || !row.dropped.is_empty() => None,
                Ok(Intent::Add(accounts)) if accounts.contains(&account) => {
                    Some(accounts.into_iter().filter(|other| *other != account).collect())
                }
                Ok(Intent::LetIn(request)) => {
                    let request = JoinRequest::decode(&request).ok();
                    request.is_none_or(|request| request.proof.account == account).then(Vec::new)
                }
                _ => None,
            };
            if let Some(others) = left {
                batch.tx.drop_intent(row.id).await?;
                self.mailboxes.asking.awaiting.remove(&row.id);
                if others.is_empty() {
                    continue;
                }
                row.body = Intent::Add(others).encode();
                row.id = batch.tx.put_intent(&row).await?;
            }
            self.intents.push(row);
        }
        Ok(())
    }

    fn pause_until_ms(&self, batch: &mut Batch<'_, '_>, group: GroupId) -> u64 {
        let members = self.groups.get(&group).map_or(0, |loaded| loaded.group.members().len());
        let members = u64::try_from(members).unwrap_or(0);
        let most_ms = PAUSE_MS.1.saturating_add(members.saturating_mul(PAUSE_PER_MEMBER_MS));
        let wait_ms = PAUSE_MS.0.saturating_add(u64::from(batch.rng.next_u32()) % (most_ms - PAUSE_MS.0));
        batch.now_ms.saturating_add(wait_ms)
    }

    /// Remembers the way to the head while something is wanted of a group: an epoch that leaves the tree is certain if it
    /// was on that way, above the new root, and lost otherwise.
    pub(crate) fn note_walk(&mut self, id: GroupId) {
        let walk = self.groups.get(&id).filter(|_| self.intents.iter().any(|row| row.group == id)).map(|loaded| {
            let tree = loaded.group.tree();
            tree.path(tree.head())
        });
        match walk {
            Some(walk) => self.walks.insert(id, walk),
            None => self.walks.remove(&id),
        };
    }

    /// The tree of a group changed: what is not on the way to the head is to be made again, and what the tree has let go of
    /// on that way is certain.
    pub(crate) async fn review_intents(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        if !self.intents.iter().any(|row| row.group == id) {
            self.walks.remove(&id);
            return Ok(());
        }
        let due_ms = self.pause_until_ms(batch, id);
        let Some(loaded) = self.groups.get(&id) else { return Ok(()) };
        let (tree, walked) = (loaded.group.tree(), self.walks.get(&id).map(Vec::as_slice).unwrap_or_default());
        let mut kept = Vec::with_capacity(self.intents.len());
        let mut lost_updates = false;
        for mut row in std::mem::take(&mut self.intents) {
            if row.group == id
                && let Some(epoch) = row.epoch
                && row.due_ms.is_none()
                && (!loaded.group.is_on_branch(epoch) || epoch == tree.root())
            {
                if is_certain(walked, epoch, tree.root()) {
                    batch.tx.drop_intent(row.id).await?;
                    continue;
                }
                if row.body == Intent::Update.encode() {
                    batch.tx.drop_intent(row.id).await?;
                    lost_updates = true;
                    continue;
                }
                // The time in which it may be made again begins now, however long ago it was made first.
                (row.due_ms, row.epoch, row.made_at_ms) = (Some(due_ms), None, batch.steady_ms);
                batch.tx.set_intent(&row).await?;
            }
            kept.push(row);
        }
        self.intents = kept;
        self.note_walk(id);
        // Everybody who joined at once renews keys, and all but one lose: made again at once they would lose again.
        if lost_updates { self.update_later(batch, id).await } else { Ok(()) }
    }

    /// This node goes on elsewhere in the group, by a Welcome or a way in: nothing says whether the commits that it made
    /// are on the way to where it is now, so what was wanted is looked at again.
    pub(crate) async fn reopen_intents(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        let due_ms = self.pause_until_ms(batch, id);
        // What brought this node in set a time for its keys.
        let is_update = |row: &IntentRow| row.group == id && row.body == Intent::Update.encode();
        for row in self.intents.iter().filter(|row| is_update(row)) {
            batch.tx.drop_intent(row.id).await?;
        }
        self.intents.retain(|row| !is_update(row));
        for row in self.intents.iter_mut().filter(|row| row.group == id && row.epoch.is_some()) {
            (row.due_ms, row.epoch, row.made_at_ms) = (Some(due_ms), None, batch.steady_ms);
            batch.tx.set_intent(row).await?;
        }
        Ok(())
    }

    /// Makes what is due, and lets go of what was told long enough.
    pub(crate) async fn make_due_intents(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let (now_ms, steady_ms) = (batch.now_ms, batch.steady_ms);
        let is_told = |row: &IntentRow| !row.dropped.is_empty() && row.made_at_ms.saturating_add(TOLD_MS) <= steady_ms;
        for row in self.intents.iter().filter(|row| is_told(row)) {
            batch.tx.drop_intent(row.id).await?;
        }
        self.intents.retain(|row| !is_told(row));
        let due = self.intents.iter().filter(|row| row.due_ms.is_some_and(|due_ms| due_ms <= now_ms));
        let due: Vec<i64> = due.map(|row| row.id).collect();
        for id in due {
            let Some(row) = self.intents.iter().find(|row| row.id == id).cloned() else { continue };
            let Ok(intent) = Intent::decode(&row.body) else {
                self.settle_intent(batch, row, None, Tried::Done).await?;
                continue;
            };
            let tried = match self.try_intent(batch, row.group, &intent).await? {
                Tried::Later if row.made_at_ms.saturating_add(TRIED_MS) <= steady_ms => {
                    Tried::Dropped("it could not be made again within a week".to_owned())
                }
                tried => tried,
            };
            self.settle_intent(batch, row, Some(&intent), tried).await?;
        }
        Ok(())
    }

    /// Keys of somebody came: adding them is tried again now.
    pub(crate) fn hasten_adding(&mut self, now_ms: u64, account: &AccountId) {
        let adds = |row: &IntentRow| matches!(Intent::decode(&row.body), Ok(Intent::Add(accounts)) if accounts.contains(account));
        for row in self.intents.iter_mut().filter(|row| row.due_ms.is_some() && adds(row)) {
            row.due_ms = row.due_ms.map(|due_ms| due_ms.min(now_ms));
        }
    }

    /// Adding people waits until their keys are here, and is tried again until then.
    pub(crate) async fn want_once_keys_come(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        intent: &Intent,
    ) -> Result<(), StoreError> {
        self.want_soon(batch, group, intent).await?;
        let body = intent.encode();
        let waiting = self.intents.iter().filter(|row| row.group == group && row.body == body).map(|row| row.id);
        self.mailboxes.asking.awaiting.extend(waiting);
        Ok(())
    }

    /// Writes what became of a try. Whoever asked for a change reads it if it was given up.
    async fn settle_intent(
        &mut self,
        batch: &mut Batch<'_, '_>,
        mut row: IntentRow,
        intent: Option<&Intent>,
        tried: Tried,
    ) -> Result<(), StoreError> {
        if matches!((&tried, intent), (Tried::Later, Some(Intent::Add(_)))) {
            self.mailboxes.asking.awaiting.insert(row.id);
        } else {
            self.mailboxes.asking.awaiting.remove(&row.id);
        }
        let why = match tried {
            // By somebody else's commit, whose branch may lose while its author has gone.
            Tried::Done
                if let Some(head) = self.uncertain_head(row.group)
                    && intent.is_some() =>
            {
                (row.epoch, row.due_ms) = (Some(head), None);
                return self.keep_intent(batch, row).await;
            }
            Tried::Done => None,
            Tried::Committed(epoch) => {
                (row.epoch, row.due_ms) = (Some(epoch), None);
                return self.keep_intent(batch, row).await;
            }
            Tried::Later => {
                row.due_ms = Some(batch.now_ms.saturating_add(RETRY_MS));
                return self.keep_intent(batch, row).await;
            }
            Tried::Dropped(why) => Some(why),
            Tried::Failed(error) => Some(error.to_string()),
        };
        match why.zip(intent.and_then(|intent| self.wish(intent))) {
            None => {
                self.intents.retain(|other| other.id != row.id);
                batch.tx.drop_intent(row.id).await
            }
            Some((why, wish)) => {
                let told = format!("{wish} was given up: {why}.");
                (row.dropped, row.due_ms, row.epoch, row.made_at_ms) = (told, None, None, batch.steady_ms);
                self.keep_intent(batch, row).await
            }
        }
    }

    /// The head of a group in which this node is a member, if it could still be left for another branch.
    fn uncertain_head(&self, group: GroupId) -> Option<EpochId> {
        let tree = self.groups.get(&group)?.group.tree();
        (tree.standing() == TreeStanding::Member && tree.head() != tree.root()).then(|| tree.head())
    }

    async fn keep_intent(&mut self, batch: &mut Batch<'_, '_>, row: IntentRow) -> Result<(), StoreError> {
        if let Some(conversation) = self.group_rows.get(&row.group).map(|group| group.conversation) {
            batch.touched.insert(conversation);
        }
        batch.tx.set_intent(&row).await?;
        let group = row.group;
        // What the commit itself reviewed is newer than this copy in nothing but its own fate.
        if let Some(known) = self.intents.iter_mut().find(|known| known.id == row.id) {
            *known = row;
        }
        self.note_walk(group);
        Ok(())
    }

    /// A wish in words, to say what becomes of it; none for what nobody asked for.
    pub(crate) fn wish(&self, intent: &Intent) -> Option<String> {
        let names = |accounts: &[AccountId]| {
            accounts.iter().map(|account| self.name_of(account)).collect::<Vec<_>>().join(", ")
        };
        Some(match intent {
            Intent::Add(accounts) => format!("Adding {}", names(accounts)),
            Intent::Remove(accounts) => format!("Removing {}", names(accounts)),
            Intent::Role(account, _, _) => format!("Changing the role of {}", self.name_of(account)),
            Intent::Patch(fields) => match fields.as_slice() {
                [field] => format!("Changing {}", field.what()),
                _ => "Changing the group's settings".to_owned(),
            },
            Intent::MakeInvite(_) => "Making an invite".to_owned(),
            Intent::RevokeInvite(_) => "Revoking an invite".to_owned(),
            Intent::LetIn(_) => "Letting somebody in".to_owned(),
            Intent::LetGo(_) | Intent::Ended(_) | Intent::Update => return None,
        })
    }

    async fn try_intent(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        intent: &Intent,
    ) -> Result<Tried, StoreError> {
        match self.plan(batch, group, intent).await? {
            Plan::Done => Ok(Tried::Done),
            Plan::Dropped(why) => Ok(Tried::Dropped(why)),
            Plan::Later => Ok(Tried::Later),
            Plan::Commit(wanted) => Ok(match self.commit(batch, group, *wanted).await? {
                Ok(epoch) => Tried::Committed(epoch),
                Err(CommitError::Restored) => Tried::Later,
                Err(error) => Tried::Failed(error),
            }),
        }
    }

    /// What an intent asks for on the head as it is.
    async fn plan(&mut self, batch: &mut Batch<'_, '_>, id: GroupId, intent: &Intent) -> Result<Plan, StoreError> {
        let Some(loaded) = self.group(batch, id).await? else { return Ok(Plan::Done) };
        let Some(policy) = loaded.group.policy().cloned() else {
            return Ok(Plan::Dropped("you are not a member any more".to_owned()));
        };
        let members = loaded.group.members().to_vec();
        let suite = loaded.group.suite().unwrap_or(Suite::Classic);
        let is_member = |account: &AccountId| members.iter().any(|member| member.account == *account);
        let nodes_of = |account: &AccountId| {
            members.iter().filter(|member| member.account == *account).map(|member| member.node).collect::<Vec<_>>()
        };
        let mut wanted = Wanted::default();
        match intent {
            Intent::Add(accounts) => {
                let missing: Vec<AccountId> = accounts.iter().filter(|account| !is_member(account)).copied().collect();
                let mut lacks_some = false;
                for account in &missing {
                    if let Some(packages) = self.packages_for(batch, suite, account).await? {
                        wanted.add.extend(packages);
                    } else {
                        Box::pin(self.ask_for_prekeys(batch, *account)).await?;
                        lacks_some = true;
                    }
                }
                if lacks_some {
                    return Ok(Plan::Later);
                }
            }
            Intent::Remove(accounts) => wanted.remove = accounts.iter().flat_map(nodes_of).collect(),
            Intent::Role(account, from, to) => {
                let now = policy.role(account);
                if !is_member(account) || now == *to {
                    return Ok(Plan::Done);
                }
                if now != *from {
                    return Ok(Plan::Dropped(GAVE_WAY.to_owned()));
                }
                let mut after = policy.clone();
                after.roles.insert(*account, *to);
                wanted.policy = Some(after);
            }
            Intent::Patch(fields) => {
                let mut after = policy.clone();
                for field in fields {
                    if let Err(why) = field.apply(&mut after) {
                        return Ok(Plan::Dropped(why));
                    }
                }
                wanted.policy = Some(after).filter(|after| *after != policy);
            }
            Intent::MakeInvite(invite) => {
                if policy.invite(invite.id()).is_some() || invite.expires_at_ms <= batch.steady_ms {
                    return Ok(Plan::Done);
                }
                let mut after = policy.clone();
                after.invites.retain(|invite| invite.expires_at_ms >= batch.steady_ms);
                after.invites.push(invite.clone());
                wanted.policy = Some(after);
            }
            Intent::RevokeInvite(invite) => {
                let mut after = policy.clone();
                after.invites.retain(|other| other.id() != *invite);
                wanted.policy = Some(after).filter(|after| *after != policy);
            }
            Intent::LetGo(statement) => {
                wanted.remove = nodes_of(&statement.account);
                wanted.evidence.push(Evidence::Leave(*statement));
            }
            Intent::Ended(nodes) => {
                let ended = members.iter().filter(|member| {
                    nodes.contains(&member.node) && member.certificate.not_after_ms() < batch.steady_ms
                });
                wanted.remove = ended.map(|member| member.node).collect();
            }
            Intent::LetIn(request) => return self.plan_to_let_in(batch, id, request).await,
            Intent::Update => return Ok(Plan::Commit(Box::new(wanted))),
        }
        let nothing = wanted.add.is_empty() && wanted.remove.is_empty() && wanted.policy.is_none();
        Ok(if nothing { Plan::Done } else { Plan::Commit(Box::new(wanted)) })
    }
}

/// Whether an epoch is the tree's root, or lies above it on the way that led to the head before.
fn is_certain(walked: &[EpochId], epoch: EpochId, root: EpochId) -> bool {
    let at = |wanted: EpochId| walked.iter().position(|known| *known == wanted);
    epoch == root || at(epoch).zip(at(root)).is_some_and(|(epoch, root)| epoch < root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_certain_at_the_root_and_above_it_and_nowhere_else() {
        let [first, second, third, elsewhere] = [1, 2, 3, 4].map(|number| EpochId([number; 32]));
        let walked = [first, second, third];
        assert!(is_certain(&walked, first, second) && is_certain(&walked, second, third));
        assert!(is_certain(&walked, third, third) && is_certain(&[], third, third));
        assert!(!is_certain(&walked, third, second), "it was below the root, and lost");
        assert!(!is_certain(&walked, second, elsewhere), "the root is on another branch");
        assert!(!is_certain(&[], second, third), "nothing is known");
    }
}
