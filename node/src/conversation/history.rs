//! What those who join are given of what was written before (PROTOCOL §6.11), and how it is taken.

use tidings_crypto::group::{GroupId, Kind as GroupKind, Member};
use tidings_crypto::identity::NodeId;

use super::transcript::Placed;
use crate::engine::State;
use crate::engine::batch::Batch;
use crate::handle::History;
use crate::ids::ConversationId;
use crate::outbox::Kind;
use crate::store::{MessageRow, RowKind, StoreError};
use crate::wire::content::Content;
use crate::wire::history::{CHUNK_BYTES_MAX, Shared};

/// So many messages are given, the newest.
const SHARED_MESSAGES_MAX: u32 = 5_000;
/// And so many bytes of them.
const SHARED_BYTES_MAX: usize = 4 * 1024 * 1024;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Two clocks may be this far apart when what is allowed is judged.
const SLACK_MS: u64 = DAY_MS;

impl State {
    /// Gives new members what the policy allows, for their nodes alone.
    pub(crate) async fn share_history(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        added: &[Member],
    ) -> Result<(), StoreError> {
        let Some(conversation) = self.group_rows.get(&id).map(|row| row.conversation) else { return Ok(()) };
        let policy = self.groups.get(&id).and_then(|loaded| loaded.group.policy());
        let Some(policy) = policy.filter(|policy| policy.kind == GroupKind::Group && !added.is_empty()) else {
            return Ok(());
        };
        let from_ms = match policy.history {
            History::Nothing => return Ok(()),
            History::Days(days) => batch.steady_ms.saturating_sub(u64::from(days).saturating_mul(DAY_MS)),
            History::Everything => 0,
        };
        batch.tx.flush().await?;
        let messages = batch.tx.messages_since(conversation, from_ms, SHARED_MESSAGES_MAX).await?;
        let mut chunk = Vec::new();
        let (mut bytes, mut total) = (0_usize, 0_usize);
        let mut chunks = Vec::new();
        for message in messages {
            let length = message.encoded_bytes();
            total = total.saturating_add(length);
            if total > SHARED_BYTES_MAX {
                break;
            }
            if bytes.saturating_add(length) > CHUNK_BYTES_MAX {
                chunks.push(std::mem::take(&mut chunk));
                bytes = 0;
            }
            bytes = bytes.saturating_add(length);
            chunk.push(message);
        }
        chunks.push(chunk);
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            let Some(envelope) = self.encrypt(batch, id, &Content::History(chunk)).await? else { return Ok(()) };
            for member in added {
                self.owe_to_node(batch, conversation, member, &envelope, Kind::Statement);
            }
        }
        Ok(())
    }

    /// Takes what a member shares from before this node's time, as far as the policy allows it.
    pub(crate) async fn take_history(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        group: GroupId,
        sender: &Member,
        shared: Vec<Shared>,
    ) -> Result<(), StoreError> {
        let policy = self.groups.get(&group).and_then(|loaded| loaded.group.policy());
        let Some(history) = policy.map(|policy| policy.history) else { return Ok(()) };
        let Some(conversation) = self.conversations.get(&id) else { return Ok(()) };
        let began_ms = conversation.row.created_at_ms;
        let from_ms = match history {
            History::Nothing => return Ok(()),
            History::Days(days) => {
                began_ms.saturating_sub(u64::from(days).saturating_mul(DAY_MS)).saturating_sub(SLACK_MS)
            }
            History::Everything => 0,
        };
        // What is said to have been written after this node came in, nobody needs to share.
        let until_ms = began_ms.saturating_add(SLACK_MS);
        let is_old = |message: &Shared| message.sent_at_ms <= until_ms && message.place <= until_ms;
        for message in shared
            .into_iter()
            .filter(|message| message.sent_at_ms >= from_ms && is_old(message) && !message.text.is_empty())
        {
            if batch.tx.message_home(message.id).await?.is_some() {
                continue;
            }
            let placed = Placed { place: super::transcript::place(message.place, []), id: message.id };
            batch.tx.put_message(MessageRow {
                id: message.id,
                conversation: id,
                author: message.author,
                author_node: NodeId([0; 32]),
                sequence: 0,
                mine: false,
                seen: true,
                sent_at_ms: message.sent_at_ms,
                received_at_ms: batch.stamp_ms,
                place: placed.place,
                parents: Vec::new(),
                reply_to: message.reply_to,
                text: message.text,
                envelope: tidings_crypto::envelope::EnvelopeId([0; 32]),
                idempotency_key: None,
                kind: RowKind::Text,
                late: false,
                shared_by: Some(sender.account),
                audience: 0,
            });
            batch.moved.insert(message.id);
            if let Some(conversation) = self.conversations.get_mut(&id) {
                conversation.hold_place(placed);
                conversation.change();
            }
        }
        Ok(())
    }
}
