//! How much is kept, and what goes when its time is over.

use sqlx::Row;

use super::{Reader, StoreError, Tx, fixed, integer, natural};
use crate::handle::{Storage, StorageLimits};
use crate::ids::{ConversationId, MessageId};

/// Under which name the limits are kept.
const LIMITS: &str = "storage limits";

impl Tx<'_> {
    /// What the owner allows.
    pub async fn storage_limits(&mut self) -> Result<StorageLimits, StoreError> {
        Ok(StorageLimits::decode(self.setting(LIMITS).await?.as_deref()))
    }

    /// What the owner allows from now on.
    pub async fn set_storage_limits(&mut self, limits: &StorageLimits) -> Result<(), StoreError> {
        self.set_setting(LIMITS, &limits.encode()).await
    }

    /// Forgets what messages said that came before a time, at most `limit` of them: each leaves its place and its id, so
    /// that it is not taken again and what stands behind it stays there. What may still have to be sent again stays whole.
    pub async fn expire_messages(
        &mut self,
        before_ms: u64,
        limit: u32,
    ) -> Result<Vec<(MessageId, ConversationId)>, StoreError> {
        let rows = sqlx::query(
            "UPDATE message SET kind = 2, text = '', body = x'', reply_to = NULL, idempotency_key = NULL, seen = 1
             WHERE id IN (SELECT id FROM message WHERE kind = 0 AND received_at_ms < ?1
                 AND NOT EXISTS (SELECT 1 FROM sent WHERE message.mine = 1
                     AND sent.conversation = message.conversation AND sent.sequence = message.sequence)
                 ORDER BY received_at_ms LIMIT ?2)
             RETURNING id, conversation",
        )
        .bind(integer(before_ms))
        .bind(limit)
        .fetch_all(self.transaction.write().await?)
        .await?;
        self.pending.forgot |= !rows.is_empty();
        rows.iter()
            .map(|row| {
                let id = MessageId(fixed("message", row.try_get(0)?)?);
                Ok((id, ConversationId(fixed("message", row.try_get(1)?)?)))
            })
            .collect()
    }
}

impl Reader {
    /// What is kept, and what may be.
    pub async fn storage(&self) -> Result<Storage, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size()),
                 (SELECT freelist_count FROM pragma_freelist_count()) * (SELECT page_size FROM pragma_page_size()),
                 (SELECT count(*) FROM message WHERE kind = 0),
                 (SELECT coalesce(sum(length(bytes)), 0) FROM envelope WHERE group_id <> x'' AND received = 1),
                 (SELECT coalesce(sum(bytes), 0) FROM mailbox_queue)",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Storage {
            database_bytes: natural(row.try_get(0)?),
            free_bytes: natural(row.try_get(1)?),
            messages: natural(row.try_get(2)?),
            held_bytes: natural(row.try_get(3)?),
            mailbox_bytes: natural(row.try_get(4)?),
            limits: StorageLimits::decode(self.setting(LIMITS).await?.as_deref()),
        })
    }
}
