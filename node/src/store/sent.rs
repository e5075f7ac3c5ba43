//! Whom my messages were for, and which of them may have to be sent again.

use sqlx::Row;
use tidings_crypto::envelope::{EnvelopeId, EpochId};
use tidings_crypto::group::GroupId;

use super::{StoreError, Tx, fixed, integer, natural};
use crate::conversation::audience::Audience;
use crate::conversation::transcript::Placed;
use crate::ids::{ConversationId, MessageId};

/// A message of mine that may have to be sent again.
#[derive(Debug, Clone)]
pub struct SentRow {
    /// Where.
    pub conversation: ConversationId,
    /// My count.
    pub sequence: u64,
    /// The message.
    pub message: MessageId,
    /// The group in which it was encrypted last …
    pub group: GroupId,
    /// … and the epoch.
    pub epoch: EpochId,
    /// What keeps its id.
    pub nonce: [u8; 16],
    /// When it was sent first.
    pub sent_at_ms: u64,
}

/// Messages of mine that share an epoch and an audience.
#[derive(Debug, Clone, Copy)]
pub struct SentTogether {
    /// The group in which they were encrypted …
    pub group: GroupId,
    /// … and the epoch.
    pub epoch: EpochId,
    /// The number of their audience.
    pub audience: u64,
}

/// A message of mine that was sent long ago.
#[derive(Debug, Clone, Copy)]
pub struct OldSent {
    /// Where.
    pub conversation: ConversationId,
    /// My count.
    pub sequence: u64,
    /// When.
    pub sent_at_ms: u64,
    /// The number of its audience.
    pub audience: u64,
}

/// What a message of mine says, for encrypting it again.
#[derive(Clone)]
pub struct SentText {
    /// What keeps its id.
    pub nonce: [u8; 16],
    /// Its id and place.
    pub placed: Placed,
    /// My count.
    pub sequence: u64,
    /// My clock then.
    pub sent_at_ms: u64,
    /// What I had seen last.
    pub parents: Vec<MessageId>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// The text.
    pub text: String,
    /// The envelope it went in last …
    pub envelope: EnvelopeId,
    /// … in this epoch.
    pub epoch: EpochId,
    /// The number of its audience.
    pub audience: u64,
}

impl std::fmt::Debug for SentText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SentText").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl Tx<'_> {
    /// The newest audience of a conversation, with its number.
    pub async fn newest_audience(
        &mut self,
        conversation: ConversationId,
    ) -> Result<Option<(u64, Audience)>, StoreError> {
        let row =
            sqlx::query("SELECT number, nodes FROM audience WHERE conversation = ?1 ORDER BY number DESC LIMIT 1")
                .bind(conversation.0.as_slice())
                .fetch_optional(self.transaction.read())
                .await?;
        row.map(|row| Ok((natural(row.try_get(0)?), Audience::from_bytes(row.try_get(1)?)))).transpose()
    }

    /// An audience by its number.
    pub async fn audience(
        &mut self,
        conversation: ConversationId,
        number: u64,
    ) -> Result<Option<Audience>, StoreError> {
        audience(self.transaction.read(), conversation, number).await
    }

    /// Keeps an audience.
    pub async fn put_audience(
        &mut self,
        conversation: ConversationId,
        number: u64,
        audience: &Audience,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO audience (conversation, number, nodes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .bind(conversation.0.as_slice())
            .bind(integer(number))
            .bind(audience.to_bytes())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Remembers how a message of mine was sent.
    pub fn put_sent(&mut self, row: SentRow) {
        self.pending.sent.push(row);
    }

    pub(super) async fn flush_sent(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.pending.sent);
        self.insert_rows(
            "INSERT INTO sent (conversation, sequence, message, group_id, epoch, nonce, sent_at_ms) ",
            " ON CONFLICT (conversation, sequence) DO UPDATE SET group_id = excluded.group_id, epoch = excluded.epoch",
            &rows,
            |mut columns, row| {
                columns.push_bind(row.conversation.0.to_vec());
                columns.push_bind(integer(row.sequence));
                columns.push_bind(row.message.0.to_vec());
                columns.push_bind(row.group.0.to_vec());
                columns.push_bind(row.epoch.0.to_vec());
                columns.push_bind(row.nonce.to_vec());
                columns.push_bind(integer(row.sent_at_ms));
            },
        )
        .await
    }

    /// The number of my first message in an epoch, as far as it may have to be sent again: flush first.
    pub async fn first_sent_in(
        &mut self,
        conversation: ConversationId,
        epoch: EpochId,
    ) -> Result<Option<u64>, StoreError> {
        let first: Option<i64> =
            sqlx::query_scalar("SELECT min(sequence) FROM sent WHERE conversation = ?1 AND epoch = ?2")
                .bind(conversation.0.as_slice())
                .bind(epoch.0.as_slice())
                .fetch_one(self.transaction.read())
                .await?;
        Ok(first.map(natural))
    }

    /// The messages that may have to be sent again, as the sets that share an epoch and an audience: flush first.
    pub async fn sent_together(&mut self, conversation: ConversationId) -> Result<Vec<SentTogether>, StoreError> {
        let rows = sqlx::query(
            "SELECT sent.group_id, sent.epoch, message.audience FROM sent JOIN message ON message.id = sent.message
             WHERE sent.conversation = ?1 GROUP BY sent.group_id, sent.epoch, message.audience
             ORDER BY min(sent.sequence)",
        )
        .bind(conversation.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SentTogether {
                    group: GroupId(fixed("sent", row.try_get(0)?)?),
                    epoch: EpochId(fixed("sent", row.try_get(1)?)?),
                    audience: natural(row.try_get(2)?),
                })
            })
            .collect()
    }

    /// Of such a set, my numbers after one, in order: at most `limit`.
    pub async fn sent_numbers(
        &mut self,
        conversation: ConversationId,
        set: &SentTogether,
        after: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let rows: Vec<i64> = sqlx::query_scalar(
            "SELECT sent.sequence FROM sent JOIN message ON message.id = sent.message
             WHERE sent.conversation = ?1 AND sent.group_id = ?2 AND sent.epoch = ?3 AND message.audience = ?4
                 AND sent.sequence > ?5 ORDER BY sent.sequence LIMIT ?6",
        )
        .bind(conversation.0.as_slice())
        .bind(set.group.0.as_slice())
        .bind(set.epoch.0.as_slice())
        .bind(integer(set.audience))
        .bind(integer(after))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.transaction.read())
        .await?;
        Ok(rows.into_iter().map(natural).collect())
    }

    /// How a message of mine was sent, and what it says; `None` if it need not be sent again.
    pub async fn sent_text(
        &mut self,
        conversation: ConversationId,
        sequence: u64,
    ) -> Result<Option<SentText>, StoreError> {
        let row = sqlx::query(
            "SELECT sent.nonce, message.id, message.place, message.sent_at_ms, message.parents, message.reply_to,
                 message.text, message.envelope, sent.epoch, message.audience
             FROM sent JOIN message ON message.id = sent.message WHERE sent.conversation = ?1 AND sent.sequence = ?2",
        )
        .bind(conversation.0.as_slice())
        .bind(integer(sequence))
        .fetch_optional(self.transaction.read())
        .await?;
        row.map(|row| {
            let reply_to: Option<&[u8]> = row.try_get(5)?;
            Ok(SentText {
                nonce: fixed("sent", row.try_get(0)?)?,
                placed: Placed { id: MessageId(fixed("sent", row.try_get(1)?)?), place: natural(row.try_get(2)?) },
                sequence,
                sent_at_ms: natural(row.try_get(3)?),
                parents: super::messages::ids_from_bytes(row.try_get(4)?),
                reply_to: reply_to.map(|id| fixed("sent", id).map(MessageId)).transpose()?,
                text: row.try_get(6)?,
                envelope: EnvelopeId(fixed("sent", row.try_get(7)?)?),
                epoch: EpochId(fixed("sent", row.try_get(8)?)?),
                audience: natural(row.try_get(9)?),
            })
        })
        .transpose()
    }

    /// A message of mine is for others now than before, and in another envelope.
    pub async fn put_message_sent(
        &mut self,
        id: MessageId,
        audience: u64,
        envelope: EnvelopeId,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE message SET audience = ?2, envelope = ?3 WHERE id = ?1")
            .bind(id.0.as_slice())
            .bind(integer(audience))
            .bind(envelope.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// The conversations in which some message may have to be sent again.
    pub async fn sent_in(&mut self) -> Result<Vec<ConversationId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>("SELECT DISTINCT conversation FROM sent")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|id| Ok(ConversationId(fixed("sent", id)?))).collect()
    }

    /// Messages sent before a time need not be kept ready any more, with their numbers: at most `limit`.
    pub async fn sent_before(&mut self, before_ms: u64, limit: u32) -> Result<Vec<OldSent>, StoreError> {
        let rows = sqlx::query(
            "SELECT sent.conversation, sent.sequence, sent.sent_at_ms, coalesce(message.audience, 0)
             FROM sent LEFT JOIN message ON message.id = sent.message WHERE sent.sent_at_ms < ?1 LIMIT ?2",
        )
        .bind(integer(before_ms))
        .bind(limit)
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(OldSent {
                    conversation: ConversationId(fixed("sent", row.try_get(0)?)?),
                    sequence: natural(row.try_get(1)?),
                    sent_at_ms: natural(row.try_get(2)?),
                    audience: natural(row.try_get(3)?),
                })
            })
            .collect()
    }

    /// A message of mine need not be sent again.
    pub async fn delete_sent(&mut self, conversation: ConversationId, sequence: u64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sent WHERE conversation = ?1 AND sequence = ?2")
            .bind(conversation.0.as_slice())
            .bind(integer(sequence))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Whether messages of a conversation are still to be looked at for sending again.
    pub async fn put_resend_owed(&mut self, conversation: ConversationId, owed: bool) -> Result<(), StoreError> {
        sqlx::query("UPDATE conversation SET resend_owed = ?2 WHERE id = ?1")
            .bind(conversation.0.as_slice())
            .bind(owed)
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// The conversations in which messages are still to be looked at for sending again.
    pub async fn resends_owed(&mut self) -> Result<Vec<ConversationId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>("SELECT id FROM conversation WHERE resend_owed = 1")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|id| Ok(ConversationId(fixed("conversation", id)?))).collect()
    }
}

/// An audience by its number.
pub(super) async fn audience(
    connection: &mut sqlx::SqliteConnection,
    conversation: ConversationId,
    number: u64,
) -> Result<Option<Audience>, StoreError> {
    let nodes: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT nodes FROM audience WHERE conversation = ?1 AND number = ?2")
            .bind(conversation.0.as_slice())
            .bind(integer(number))
            .fetch_optional(connection)
            .await?;
    Ok(nodes.map(|nodes| Audience::from_bytes(&nodes)))
}
