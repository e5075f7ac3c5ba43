//! What members keep for each other (PROTOCOL §6.13): which envelopes belong to a group's set, how long their bytes stay,
//! and who can have use for them.

use tidings_crypto::envelope::{Content, Envelope, EpochId, Week};
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::NodeId;

use crate::engine::State;
use crate::engine::batch::Batch;
use crate::engine::topics::Topic;
use crate::store::{HeldAt, StoreError};
use crate::sync::first_week;

/// Who is in a group since its founding commit is in it from the beginning.
const FOUNDING_NUMBER: u64 = 1;

impl State {
    /// Where an envelope of a group stands among those that its members compare; none if it is of an epoch that is not
    /// here, or of weeks that nobody compares.
    pub(crate) async fn held_at(
        &mut self,
        batch: &mut Batch<'_, '_>,
        topic: &Topic,
        content: &Content,
    ) -> Result<Option<HeldAt>, StoreError> {
        if topic.week < first_week(batch.age_ms) {
            return Ok(None);
        }
        let Some(loaded) = self.group(batch, topic.group).await? else { return Ok(None) };
        let node = loaded.group.tree().node(content.epoch);
        Ok(node.map(|node| HeldAt {
            group: topic.group,
            epoch: content.epoch,
            number: node.number,
            week: topic.week,
            received: true,
        }))
    }

    /// Keeps an envelope for all members of its group.
    pub(crate) fn hold(&mut self, batch: &mut Batch<'_, '_>, envelope: &Envelope, at: HeldAt) {
        batch.hold(envelope, at);
        self.partners.came(envelope.id());
        self.sets.add(at.group, at.number, at.week, envelope.id());
    }

    /// Keeps an envelope that this node has just made for members of a group.
    pub(crate) fn hold_own(&mut self, batch: &mut Batch<'_, '_>, envelope: &Envelope) {
        if batch.is_known(envelope.id()) {
            return; // It goes to one more of them.
        }
        // It is sealed for the week that this node believes, which a clock in doubt does not follow.
        let groups = || self.group_rows.keys().copied().collect::<Vec<_>>();
        let found = self.topics.find(&envelope.tag());
        let found = found.or_else(|| self.topics.find_older(&envelope.tag(), &groups(), batch.times_ms()));
        let Some(topic) = found else { return };
        let Ok(content) = envelope.open(&topic.secret, topic.week) else { return };
        let node = self.groups.get(&topic.group).and_then(|loaded| loaded.group.tree().node(content.epoch));
        let Some(number) = node.map(|node| node.number) else { return };
        let (group, week, epoch) = (topic.group, topic.week, content.epoch);
        self.hold(batch, envelope, HeldAt { group, epoch, number, week, received: false });
    }

    /// These nodes are in a group from an epoch on, and can read nothing of before.
    pub(crate) async fn note_since(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        epoch: EpochId,
        nodes: &[NodeId],
    ) -> Result<(), StoreError> {
        let node = self.groups.get(&group).and_then(|loaded| loaded.group.tree().node(epoch));
        let Some(number) = node.map(|node| node.number).filter(|number| *number > FOUNDING_NUMBER) else {
            return Ok(());
        };
        for node in nodes {
            batch.tx.put_member_since(group, *node, number).await?;
            self.sets.came_in(group, *node, number);
        }
        Ok(())
    }

    /// This node came into a group.
    pub(crate) async fn note_own_since(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        epoch: EpochId,
    ) -> Result<(), StoreError> {
        let me = self.me.node_id();
        self.note_since(batch, group, epoch, &[me]).await
    }

    /// Reads what is compared, once in a run.
    pub(crate) async fn read_sets(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        if self.sets.is_read() {
            return Ok(());
        }
        batch.tx.flush().await?;
        let held = batch.tx.held().await?;
        let first = first_week(batch.age_ms);
        let has_old = held.iter().any(|(_, _, week, _)| *week < first);
        self.sets.read(held, batch.tx.members_since().await?);
        if has_old { self.let_go_of_held(batch).await } else { Ok(()) }
    }

    /// Lets go of what is too old, and of more if it is too much: then the oldest weeks go early. It is looked at when the
    /// topics turn, twice a week.
    pub(crate) async fn let_go_of_held(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        batch.tx.flush().await?;
        let mut first = first_week(batch.age_ms);
        let by_week = batch.tx.held_bytes().await?;
        let mut bytes: u64 = by_week.iter().filter(|(week, _)| *week >= first).map(|(_, bytes)| bytes).sum();
        for (week, of_week) in by_week.into_iter().filter(|(week, _)| *week >= first_week(batch.age_ms)) {
            if bytes > self.retention.limits.held_bytes_max {
                bytes = bytes.saturating_sub(of_week);
                first = Week(week.0.saturating_add(1));
            }
        }
        batch.tx.drop_held_before(first).await?;
        self.sets.drop_before(first);
        Ok(())
    }

    /// Whether a node has any use for an envelope: it was a member in its epoch. Of an epoch that is not here any more it
    /// is enough that the group is not known to have gone elsewhere.
    pub(crate) async fn is_of_use(
        &mut self,
        batch: &mut Batch<'_, '_>,
        at: &HeldAt,
        node: NodeId,
    ) -> Result<bool, StoreError> {
        let Some(loaded) = self.group(batch, at.group).await? else { return Ok(false) };
        let members = loaded.group.members_at(at.epoch);
        if !members.is_empty() {
            return Ok(members.iter().any(|member| member.node == node));
        }
        let tree = loaded.group.tree();
        let passed = tree.above().any(|above| above == at.epoch) || loaded.group.is_on_branch(at.epoch);
        Ok(passed || !tree.is_or_was_here(at.epoch))
    }
}
