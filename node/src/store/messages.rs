//! The transcript.

use sqlx::Row;
use tidings_crypto::envelope::EnvelopeId;
use tidings_crypto::identity::NodeId;

use super::{StoreError, Tx, fixed, integer, natural};
use crate::conversation::transcript::Placed;
use crate::ids::{AccountId, ConversationId, MessageId};
use crate::wire::history::Shared;

/// A message, as kept.
#[derive(Clone)]
pub struct MessageRow {
    /// Its id.
    pub id: MessageId,
    /// The conversation it is in.
    pub conversation: ConversationId,
    /// Who wrote it.
    pub author: AccountId,
    /// On which node.
    pub author_node: NodeId,
    /// The author's node's count.
    pub sequence: u64,
    /// Whether this account wrote it.
    pub mine: bool,
    /// Whether the owner of this node has looked at it (always true for own messages).
    pub seen: bool,
    /// The author's clock.
    pub sent_at_ms: u64,
    /// This node's clock when it was stored.
    pub received_at_ms: u64,
    /// Its place in the transcript.
    pub place: u64,
    /// What its author had seen last.
    pub parents: Vec<MessageId>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// The text.
    pub text: String,
    /// The envelope it came or went in.
    pub envelope: EnvelopeId,
    /// The number of its audience; 0 for others' messages.
    pub audience: u64,
    /// The sender's key against sending twice.
    pub idempotency_key: Option<String>,
    /// What it is.
    pub kind: RowKind,
    /// Whether it arrived long after it was written.
    pub late: bool,
    /// Who gave it to this node from before its time.
    pub shared_by: Option<AccountId>,
}

/// What a row of the transcript is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind {
    /// A person's text.
    Text,
    /// A line that tells a change: the encoded changes.
    Line(Vec<u8>),
}

impl RowKind {
    pub(super) fn from_columns(kind: i64, body: Vec<u8>) -> Self {
        if kind == 1 { Self::Line(body) } else { Self::Text }
    }

    fn columns(&self) -> (i64, Vec<u8>) {
        match self {
            Self::Text => (0, Vec::new()),
            Self::Line(body) => (1, body.clone()),
        }
    }
}

impl std::fmt::Debug for MessageRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageRow").field("id", &self.id).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Tx<'_> {
    /// Adds a message.
    pub fn put_message(&mut self, message: MessageRow) {
        self.pending.messages.push(message);
    }

    pub(super) async fn flush_messages(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.pending.messages);
        self.insert_rows(
            "INSERT INTO message (id, conversation, author, author_node, sequence, mine, seen, sent_at_ms,
                 received_at_ms, place, parents, reply_to, text, envelope, audience, idempotency_key, kind, body, late,
                 shared_by) ",
            " ON CONFLICT (id) DO NOTHING",
            &rows,
            |mut row, message| {
                row.push_bind(message.id.0.to_vec());
                row.push_bind(message.conversation.0.to_vec());
                row.push_bind(message.author.0.to_vec());
                row.push_bind(message.author_node.0.to_vec());
                row.push_bind(integer(message.sequence));
                row.push_bind(message.mine);
                row.push_bind(message.seen);
                row.push_bind(integer(message.sent_at_ms));
                row.push_bind(integer(message.received_at_ms));
                row.push_bind(integer(message.place));
                row.push_bind(ids_to_bytes(&message.parents));
                row.push_bind(message.reply_to.map(|id| id.0.to_vec()));
                row.push_bind(message.text.clone());
                row.push_bind(message.envelope.0.to_vec());
                row.push_bind(integer(message.audience));
                row.push_bind(message.idempotency_key.clone());
                let (kind, body) = message.kind.columns();
                row.push_bind(kind);
                row.push_bind(body);
                row.push_bind(message.late);
                row.push_bind(message.shared_by.map_or_else(Vec::new, |account| account.0.to_vec()));
            },
        )
        .await
    }

    /// The place of a message of a conversation, if it is here.
    pub async fn message_place(
        &mut self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<u64>, StoreError> {
        let mut pending = self.pending.messages.iter().rev();
        if let Some(message) = pending.find(|message| message.id == id && message.conversation == conversation) {
            return Ok(Some(message.place));
        }
        let place: Option<i64> = sqlx::query_scalar("SELECT place FROM message WHERE id = ?1 AND conversation = ?2")
            .bind(id.0.as_slice())
            .bind(conversation.0.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        Ok(place.map(natural))
    }

    /// In which conversation a message is, if it is here: a member may share one under the id of another conversation's.
    pub async fn message_home(&mut self, id: MessageId) -> Result<Option<ConversationId>, StoreError> {
        if let Some(message) = self.pending.messages.iter().find(|message| message.id == id) {
            return Ok(Some(message.conversation));
        }
        let home: Option<Vec<u8>> = sqlx::query_scalar("SELECT conversation FROM message WHERE id = ?1")
            .bind(id.0.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        home.map(|home| Ok(ConversationId(fixed("message", &home)?))).transpose()
    }

    /// Whether a conversation has had a message of somebody other than `author`, placed after `place`, since before a time.
    pub async fn holds_newer(
        &mut self,
        conversation: ConversationId,
        place: u64,
        author: AccountId,
        before_ms: u64,
    ) -> Result<bool, StoreError> {
        // What this batch has not written yet is new anyway. Lines that tell changes are no messages.
        let found: i64 = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM message
                 WHERE conversation = ?1 AND place > ?2 AND author <> ?3 AND received_at_ms < ?4 AND kind = 0)",
        )
        .bind(conversation.0.as_slice())
        .bind(integer(place))
        .bind(author.0.as_slice())
        .bind(integer(before_ms))
        .fetch_one(self.transaction.read())
        .await?;
        Ok(found != 0)
    }

    /// The texts of a conversation that were sent since a time, newest first: at most `limit`.
    pub async fn messages_since(
        &mut self,
        conversation: ConversationId,
        from_ms: u64,
        limit: u32,
    ) -> Result<Vec<Shared>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, author, sent_at_ms, place, reply_to, text FROM message
             WHERE conversation = ?1 AND kind = 0 AND sent_at_ms >= ?2 ORDER BY place DESC, id DESC LIMIT ?3",
        )
        .bind(conversation.0.as_slice())
        .bind(integer(from_ms))
        .bind(limit)
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                let reply_to: Option<&[u8]> = row.try_get(4)?;
                Ok(Shared {
                    id: MessageId(fixed("message", row.try_get(0)?)?),
                    author: AccountId(fixed("message", row.try_get(1)?)?),
                    sent_at_ms: natural(row.try_get(2)?),
                    place: natural(row.try_get(3)?),
                    reply_to: reply_to.map(|id| fixed("message", id).map(MessageId)).transpose()?,
                    text: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// Takes a message out that a member shared, and its author did not send; whether it was such a one.
    pub async fn drop_shared(&mut self, id: MessageId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM message WHERE id = ?1 AND shared_by <> x''")
            .bind(id.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The newest messages of a conversation, by the transcript's order: newest first.
    pub async fn newest_places(&mut self, conversation: ConversationId, limit: u32) -> Result<Vec<Placed>, StoreError> {
        let rows =
            sqlx::query("SELECT id, place FROM message WHERE conversation = ?1 ORDER BY place DESC, id DESC LIMIT ?2")
                .bind(conversation.0.as_slice())
                .bind(limit)
                .fetch_all(self.transaction.read())
                .await?;
        rows.iter()
            .map(|row| {
                Ok(Placed { place: natural(row.try_get(1)?), id: MessageId(fixed("message", row.try_get(0)?)?) })
            })
            .collect()
    }

    /// The message that this idempotency key made.
    pub async fn message_by_key(&mut self, key: &str) -> Result<Option<MessageId>, StoreError> {
        if let Some(message) = self.pending.messages.iter().find(|row| row.idempotency_key.as_deref() == Some(key)) {
            return Ok(Some(message.id));
        }
        let id: Option<Vec<u8>> = sqlx::query_scalar("SELECT id FROM message WHERE idempotency_key = ?1")
            .bind(key)
            .fetch_optional(self.transaction.read())
            .await?;
        id.map(|id| Ok(MessageId(fixed("message", &id)?))).transpose()
    }

    /// Messages after `from` and placed up to `to`, in order, each with what it stands behind (its parents, and what it
    /// answers): at most `limit`.
    pub async fn placed_between(
        &mut self,
        conversation: ConversationId,
        from: Placed,
        to: u64,
        limit: usize,
    ) -> Result<Vec<(Placed, Vec<MessageId>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, place, parents, reply_to FROM message
             WHERE conversation = ?1 AND (place, id) > (?2, ?3) AND place <= ?4 ORDER BY place, id LIMIT ?5",
        )
        .bind(conversation.0.as_slice())
        .bind(integer(from.place))
        .bind(from.id.0.as_slice())
        .bind(integer(to))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                let placed =
                    Placed { place: natural(row.try_get(1)?), id: MessageId(fixed("message", row.try_get(0)?)?) };
                let mut behind = ids_from_bytes(row.try_get(2)?);
                behind.extend(ids_from_bytes(row.try_get::<Option<&[u8]>, _>(3)?.unwrap_or_default()));
                Ok((placed, behind))
            })
            .collect()
    }

    /// Moves a message to its right place.
    pub async fn move_message(&mut self, message: Placed) -> Result<(), StoreError> {
        sqlx::query("UPDATE message SET place = ?2 WHERE id = ?1")
            .bind(message.id.0.as_slice())
            .bind(integer(message.place))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Remembers that a message waits for a parent.
    pub async fn put_missing_parent(&mut self, parent: MessageId, child: MessageId) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO missing_parent (parent, child) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
            .bind(parent.0.as_slice())
            .bind(child.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// All parents that some message waits for: at most `limit`.
    pub async fn missing_parents(&mut self, limit: u32) -> Result<Vec<MessageId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>("SELECT DISTINCT parent FROM missing_parent LIMIT ?1")
            .bind(limit)
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|id| Ok(MessageId(fixed("message", id)?))).collect()
    }

    /// A parent came: which messages waited for it?
    pub async fn take_waiting(&mut self, parent: MessageId) -> Result<Vec<MessageId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>("DELETE FROM missing_parent WHERE parent = ?1 RETURNING child")
            .bind(parent.0.as_slice())
            .fetch_all(self.transaction.write().await?)
            .await?;
        rows.iter().map(|id| Ok(MessageId(fixed("message", id)?))).collect()
    }

    /// The owner looked at everything up to `up_to`: what that makes seen, as authors' nodes with their numbers.
    pub async fn mark_seen(
        &mut self,
        conversation: ConversationId,
        up_to: Placed,
    ) -> Result<Vec<(NodeId, u64)>, StoreError> {
        let rows = sqlx::query(
            "UPDATE message SET seen = 1 WHERE conversation = ?1 AND seen = 0 AND (place, id) <= (?2, ?3)
             RETURNING author_node, sequence",
        )
        .bind(conversation.0.as_slice())
        .bind(integer(up_to.place))
        .bind(up_to.id.0.as_slice())
        .fetch_all(self.transaction.write().await?)
        .await?;
        rows.iter().map(|row| Ok((NodeId(fixed("message", row.try_get(0)?)?), natural(row.try_get(1)?)))).collect()
    }

    /// The ids of this node's messages `first..=last` in a conversation, with their numbers and their audiences'.
    pub async fn my_messages(
        &mut self,
        conversation: ConversationId,
        node: NodeId,
        first: u64,
        last: u64,
    ) -> Result<Vec<(MessageId, u64, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, sequence, audience FROM message
             WHERE conversation = ?1 AND mine = 1 AND sequence BETWEEN ?2 AND ?3 AND author_node = ?4 AND kind = 0",
        )
        .bind(conversation.0.as_slice())
        .bind(integer(first))
        .bind(integer(last))
        .bind(node.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok((MessageId(fixed("message", row.try_get(0)?)?), natural(row.try_get(1)?), natural(row.try_get(2)?)))
            })
            .collect()
    }
}

fn ids_to_bytes(ids: &[MessageId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.0).collect()
}

pub(super) fn ids_from_bytes(bytes: &[u8]) -> Vec<MessageId> {
    let (ids, _) = bytes.as_chunks::<16>();
    ids.iter().map(|id| MessageId(*id)).collect()
}
