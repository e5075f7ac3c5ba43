//! Leaving a group (PROTOCOL §6.9): a signed statement to everybody; whoever gets it first takes the leaver out.

use tidings_crypto::envelope::{Content, Envelope, Week};
use tidings_crypto::group::epochs::Standing as TreeStanding;
use tidings_crypto::group::{GroupId, Kind as GroupKind, LEAVE_STATEMENT_MS_MAX, LeaveStatement};

use super::intents::Intent;
use super::receive::Arrival;
use crate::engine::State;
use crate::engine::batch::{Batch, Halt};
use crate::handle::{Conversation, Refused, Standing};
use crate::ids::ConversationId;
use crate::outbox::Kind;
use crate::store::StoreError;

/// A leave statement stands where an MLS message would (docs: statements): two zero bytes, then its kind. It is signed
/// by itself, so that those who may only read can leave too.
const MARK: [u8; 3] = [0, 0, 3];

/// Who left, and finds itself still a member, says it again after this long at the earliest: what was said first may have been
/// lost with a branch, or may be too old. A guess: others let somebody go within minutes.
const SAY_AGAIN_AFTER_MS: u64 = 10 * 60 * 1_000;
/// … and after longer and longer pauses up to this one: the others may be away.
const SAY_AGAIN_AFTER_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// The others were told that the owner left.
#[derive(Debug)]
pub(crate) struct Said {
    /// When to say it again, if this node is a member still.
    pub(crate) again_ms: u64,
    /// How long to wait after that.
    pause_ms: u64,
}

/// Tells the statement from others in the outbox: a newer one takes the place of the one before.
const LEAVING: u64 = 1;

/// Whether a content is a leave statement.
pub(crate) fn is_leave(message: &[u8]) -> bool {
    message.starts_with(&MARK)
}

impl State {
    /// Leaves a group. From here on this node writes nothing there.
    pub(crate) async fn leave(&mut self, batch: &mut Batch<'_, '_>, id: ConversationId) -> Result<Conversation, Halt> {
        if let Some(view) = self.stop_joining(batch, id).await? {
            return Ok(view);
        }
        let (group, policy) = self.group_of(batch, id).await?;
        if policy.kind == GroupKind::Direct {
            let what = "nobody leaves a direct conversation; block the person instead".to_owned();
            return Err(Refused::NotAllowed { what }.into());
        }
        self.go(batch, id, group).await?;
        self.save_conversations(batch).await?;
        batch.tx.flush().await?;
        let view = batch.tx.conversation_view(id, &self.viewer()).await?;
        view.ok_or_else(|| Refused::UnknownConversation.into())
    }

    /// Tells the members of a group that the owner leaves.
    pub(crate) async fn go(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        group: GroupId,
    ) -> Result<(), StoreError> {
        for row in self.intents.iter().filter(|row| row.group == group) {
            batch.tx.drop_intent(row.id).await?;
        }
        self.intents.retain(|row| row.group != group);
        self.say_that_i_leave(batch, id, group).await?;
        if let Some(conversation) = self.conversation(batch, id).await? {
            conversation.change().standing = Standing::Left;
        }
        Ok(())
    }

    async fn say_that_i_leave(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        group: GroupId,
    ) -> Result<(), StoreError> {
        let Some(loaded) = self.groups.get(&group) else { return Ok(()) };
        let Some(statement) = loaded.group.leave_statement(&self.me, batch.steady_ms) else { return Ok(()) };
        let epoch = loaded.group.head();
        let Some(secret) = loaded.group.topic_secret(epoch).cloned() else { return Ok(()) };
        let first = Said { again_ms: batch.now_ms.saturating_add(SAY_AGAIN_AFTER_MS), pause_ms: SAY_AGAIN_AFTER_MS };
        self.leaves_said.entry(group).or_insert(first);
        let content = Content { epoch, message: [MARK.as_slice(), &statement.encode()].concat() };
        if let Ok(envelope) = Envelope::seal(&secret, Week::of(batch.steady_ms), &content) {
            batch.tx.flush().await?;
            batch.tx.drop_numbered(id, Kind::Statement, LEAVING).await?;
            self.spread(batch, id, &envelope, Kind::Statement, LEAVING).await?;
        }
        Ok(())
    }

    /// The owner left, and the group went on with this node as a member, or this node came back: says it again.
    pub(crate) async fn leave_again(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) -> Result<(), StoreError> {
        let is_member = self.groups.get(&group).is_some_and(|loaded| loaded.group.standing() == TreeStanding::Member);
        if !is_member || !self.has_left(batch, group).await? {
            self.leaves_said.remove(&group);
            return Ok(());
        }
        let Some(id) = self.group_rows.get(&group).map(|row| row.conversation) else { return Ok(()) };
        // Nothing else may ever happen in the group: it is said again at its time, whether the head has moved or not.
        let said = self.leaves_said.entry(group).or_insert(Said { again_ms: 0, pause_ms: SAY_AGAIN_AFTER_MS });
        if said.again_ms <= batch.now_ms {
            said.again_ms = batch.now_ms.saturating_add(said.pause_ms);
            said.pause_ms = said.pause_ms.saturating_mul(2).min(SAY_AGAIN_AFTER_MS_MAX);
            self.say_that_i_leave(batch, id, group).await?;
        }
        Ok(())
    }

    /// Looks at groups that the owner left, and where this node was a member still.
    pub(crate) async fn say_due_leaves(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let due = self.leaves_said.iter().filter(|(_, said)| said.again_ms <= batch.now_ms);
        let due: Vec<GroupId> = due.map(|(group, _)| *group).collect();
        for group in due {
            if self.group(batch, group).await?.is_none() {
                self.leaves_said.remove(&group);
            }
            self.leave_again(batch, group).await?;
        }
        Ok(())
    }

    /// Somebody leaves: they are taken out after a short random pause, unless another was faster.
    pub(crate) async fn take_leave(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        content: &Content,
    ) -> Result<Arrival, StoreError> {
        let Some(bytes) = content.message.strip_prefix(&MARK) else { return Ok(Arrival::Refused) };
        let Ok(statement) = LeaveStatement::decode(bytes) else { return Ok(Arrival::Refused) };
        let Some(loaded) = self.group(batch, group).await? else { return Ok(Arrival::Later) };
        let gone_ms = loaded.group.policy().and_then(|policy| policy.gone.get(&statement.account).copied());
        let mut members = loaded.group.members_at(content.epoch).iter().chain(loaded.group.members());
        let Some(signer) = members.find(|member| member.node == statement.node) else {
            return Ok(Arrival::Later); // The commit that added this node may still be on its way.
        };
        let genuine =
            signer.account == statement.account && statement.verify(group, &signer.certificate.signature_key()).is_ok();
        if !genuine {
            return Ok(Arrival::Refused);
        }
        if statement.account == self.me.account_id() {
            // Another node of mine left for both.
            if let Some(id) = self.group_rows.get(&group).map(|row| row.conversation)
                && let Some(conversation) = self.conversation(batch, id).await?
            {
                conversation.change().standing = Standing::Left;
            }
            return Ok(Arrival::Taken);
        }
        // One that no commit may honour any more, or an older one of the same account, would only stand in the way.
        let is_late = batch.steady_ms.abs_diff(statement.made_at_ms) > LEAVE_STATEMENT_MS_MAX;
        if !is_late && !self.lets_go(group, &statement) {
            self.stop_letting_go(batch, group, &[statement.account]).await?;
            // Who came back after this statement is not meant by it.
            if gone_ms.is_none_or(|gone_ms| gone_ms < statement.made_at_ms) {
                self.stop_adding(batch, group, statement.account).await?;
            }
            self.want_soon(batch, group, &Intent::LetGo(statement)).await?;
        }
        Ok(Arrival::Taken)
    }
}
