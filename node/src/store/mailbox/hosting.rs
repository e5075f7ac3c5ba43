//! What this node keeps for others: queues, and sealed deposits in them.

use rand_chacha::ChaCha20Rng;
use sqlx::Row;
use zeroize::Zeroizing;

use super::super::{StoreError, Tx, fixed, integer, natural};
const ADMISSION: &str = "mailbox admission";

impl Tx<'_> {
    /// The word that admits whoever shows it, once there is one.
    pub async fn mailbox_admission(&mut self) -> Result<Option<Zeroizing<[u8; 32]>>, StoreError> {
        let Some(sealed) = self.setting(ADMISSION).await? else { return Ok(None) };
        let admission = self.unseal(ADMISSION, ADMISSION.as_bytes(), &sealed)?;
        Ok(Some(Zeroizing::new(fixed(ADMISSION, &admission)?)))
    }

    /// Sets the word that admits whoever shows it.
    pub async fn put_mailbox_admission(
        &mut self,
        admission: &[u8; 32],
        rng: &mut ChaCha20Rng,
    ) -> Result<(), StoreError> {
        let sealed = self.key.seal(ADMISSION.as_bytes(), admission, rng);
        self.set_setting(ADMISSION, &sealed).await
    }

    /// Whose a queue is, if it is there; how many queues this owner has; how many there are.
    pub async fn mailbox_queues(
        &mut self,
        queue: [u8; 32],
        owner: [u8; 32],
    ) -> Result<(Option<[u8; 32]>, u64, u64), StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT owner FROM mailbox_queue WHERE id = ?1),
                 (SELECT count(*) FROM mailbox_queue WHERE owner = ?2), (SELECT count(*) FROM mailbox_queue)",
        )
        .bind(queue.as_slice())
        .bind(owner.as_slice())
        .fetch_one(self.transaction.read())
        .await?;
        let owner: Option<&[u8]> = row.try_get(0)?;
        let owner = owner.map(|owner| fixed("mailbox queue", owner)).transpose()?;
        Ok((owner, natural(row.try_get(1)?), natural(row.try_get(2)?)))
    }

    /// Opens a queue for an owner, unless it is there.
    pub async fn open_queue(&mut self, queue: [u8; 32], owner: [u8; 32], now_ms: u64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO mailbox_queue (id, owner, opened_at_ms, collected_at_ms) VALUES (?1, ?2, ?3, ?3)
             ON CONFLICT DO NOTHING",
        )
        .bind(queue.as_slice())
        .bind(owner.as_slice())
        .bind(integer(now_ms))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// The oldest queue of an owner goes, with what is in it.
    pub async fn drop_oldest_queue(&mut self, owner: [u8; 32]) -> Result<(), StoreError> {
        let oldest: Option<Vec<u8>> = sqlx::query_scalar(
            "DELETE FROM mailbox_queue WHERE id =
                 (SELECT id FROM mailbox_queue WHERE owner = ?1 ORDER BY opened_at_ms, id LIMIT 1) RETURNING id",
        )
        .bind(owner.as_slice())
        .fetch_optional(self.transaction.write().await?)
        .await?;
        for statement in ["DELETE FROM mailbox_item WHERE queue = ?1", "DELETE FROM mailbox_prekeys WHERE queue = ?1"] {
            sqlx::query(statement).bind(oldest.as_deref()).execute(self.transaction.write().await?).await?;
        }
        Ok(())
    }

    /// Whose a queue is, and how many deposits of how many bytes are in it.
    pub async fn queue(&mut self, queue: [u8; 32]) -> Result<Option<([u8; 32], u64, u64)>, StoreError> {
        let row = sqlx::query("SELECT owner, items, bytes FROM mailbox_queue WHERE id = ?1")
            .bind(queue.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        row.map(|row| owner_and_two(&row)).transpose()
    }

    /// The bytes in all queues.
    pub async fn deposited_bytes(&mut self) -> Result<u64, StoreError> {
        let bytes: i64 = sqlx::query_scalar("SELECT coalesce(sum(bytes + prekeys_bytes), 0) FROM mailbox_queue")
            .fetch_one(self.transaction.read())
            .await?;
        Ok(natural(bytes))
    }

    /// Whose a queue is, how many bytes its owner left there for who wants to add it, and when.
    pub async fn queue_prekeys(&mut self, queue: [u8; 32]) -> Result<Option<([u8; 32], u64, u64)>, StoreError> {
        let row = sqlx::query("SELECT owner, prekeys_bytes, prekeys_at_ms FROM mailbox_queue WHERE id = ?1")
            .bind(queue.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        row.map(|row| owner_and_two(&row)).transpose()
    }

    /// Keeps what the owner of a queue left there, in place of what was there.
    pub async fn put_prekeys(&mut self, queue: [u8; 32], bytes: &[u8], now_ms: u64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO mailbox_prekeys (queue, bytes) VALUES (?1, ?2)
             ON CONFLICT (queue) DO UPDATE SET bytes = excluded.bytes",
        )
        .bind(queue.as_slice())
        .bind(bytes)
        .execute(self.transaction.write().await?)
        .await?;
        sqlx::query("UPDATE mailbox_queue SET prekeys_bytes = ?2, prekeys_at_ms = ?3 WHERE id = ?1")
            .bind(queue.as_slice())
            .bind(i64::try_from(bytes.len()).unwrap_or(i64::MAX))
            .bind(integer(now_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// What the owner of a queue left there.
    pub async fn prekeys(&mut self, queue: [u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = sqlx::query_scalar("SELECT bytes FROM mailbox_prekeys WHERE queue = ?1")
            .bind(queue.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        Ok(bytes)
    }

    /// Keeps a deposit.
    pub async fn put_deposit(&mut self, queue: [u8; 32], bytes: &[u8], now_ms: u64) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO mailbox_item (queue, stored_at_ms, bytes) VALUES (?1, ?2, ?3)")
            .bind(queue.as_slice())
            .bind(integer(now_ms))
            .bind(bytes)
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// How many deposits of how many bytes are in a queue.
    pub async fn set_queue_usage(&mut self, queue: [u8; 32], items: u64, bytes: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE mailbox_queue SET items = ?2, bytes = ?3 WHERE id = ?1")
            .bind(queue.as_slice())
            .bind(integer(items))
            .bind(integer(bytes))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// What is kept for an owner after this number, the oldest first.
    pub async fn deposits(
        &mut self,
        owner: [u8; 32],
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, mailbox_item.bytes FROM mailbox_item
             WHERE queue IN (SELECT id FROM mailbox_queue WHERE owner = ?1) AND number > ?2 ORDER BY number LIMIT ?3",
        )
        .bind(owner.as_slice())
        .bind(integer(after))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter().map(|row| Ok((natural(row.try_get(0)?), row.try_get(1)?))).collect()
    }

    /// An owner has these: whether anything went.
    pub async fn drop_deposits(&mut self, owner: [u8; 32], numbers: &[u64]) -> Result<bool, StoreError> {
        let mut went = false;
        for number in numbers {
            let row = sqlx::query(
                "DELETE FROM mailbox_item WHERE number = ?1
                     AND queue IN (SELECT id FROM mailbox_queue WHERE owner = ?2) RETURNING queue, length(bytes)",
            )
            .bind(integer(*number))
            .bind(owner.as_slice())
            .fetch_optional(self.transaction.write().await?)
            .await?;
            let Some(row) = row else { continue };
            went = true;
            sqlx::query("UPDATE mailbox_queue SET items = max(0, items - 1), bytes = max(0, bytes - ?2) WHERE id = ?1")
                .bind(row.try_get::<Vec<u8>, _>(0)?)
                .bind(row.try_get::<i64, _>(1)?)
                .execute(self.transaction.write().await?)
                .await?;
        }
        Ok(went)
    }

    /// An owner looked into its queues.
    pub async fn collected_by(&mut self, owner: [u8; 32], now_ms: u64) -> Result<(), StoreError> {
        // To the hour: it decides only after months.
        sqlx::query(
            "UPDATE mailbox_queue SET collected_at_ms = ?2 WHERE owner = ?1 AND collected_at_ms < ?2 - 3600000",
        )
        .bind(owner.as_slice())
        .bind(integer(now_ms))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// Deposits from before one time go, and queues that nobody looked into since another.
    pub async fn expire_deposits(&mut self, before_ms: u64, queue_before_ms: u64) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM mailbox_queue WHERE collected_at_ms < ?2 AND ?1 = ?1",
            "DELETE FROM mailbox_item WHERE (stored_at_ms < ?1 AND ?2 = ?2)
                 OR queue NOT IN (SELECT id FROM mailbox_queue)",
            "DELETE FROM mailbox_prekeys WHERE queue NOT IN (SELECT id FROM mailbox_queue) AND ?1 = ?1 AND ?2 = ?2",
            "UPDATE mailbox_queue SET
                 items = (SELECT count(*) FROM mailbox_item WHERE queue = mailbox_queue.id),
                 bytes = (SELECT coalesce(sum(length(mailbox_item.bytes)), 0) FROM mailbox_item
                          WHERE queue = mailbox_queue.id)
             WHERE ?1 = ?1 AND ?2 = ?2",
        ] {
            sqlx::query(statement)
                .bind(integer(before_ms))
                .bind(integer(queue_before_ms))
                .execute(self.transaction.write().await?)
                .await?;
        }
        Ok(())
    }
}

/// An owner and two numbers.
fn owner_and_two(row: &sqlx::sqlite::SqliteRow) -> Result<([u8; 32], u64, u64), StoreError> {
    let owner = fixed("mailbox queue", row.try_get(0)?)?;
    Ok((owner, natural(row.try_get(1)?), natural(row.try_get(2)?)))
}
