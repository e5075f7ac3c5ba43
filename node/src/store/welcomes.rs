//! Welcomes that are kept until they lead somewhere.

use tidings_crypto::group::GroupId;

use super::{StoreError, Tx, fixed, integer};
use crate::ids::AccountId;

impl Tx<'_> {
    /// Keeps the sealed Welcome of an inviter in place of its earlier one; the oldest of a group go when there are more
    /// than `kept_max`.
    pub async fn keep_welcome(
        &mut self,
        group: GroupId,
        inviter: AccountId,
        bytes: &[u8],
        now_ms: u64,
        kept_max: u32,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT OR REPLACE INTO kept_welcome (group_id, inviter, kept_at_ms, bytes) VALUES (?1, ?2, ?3, ?4)",
        )
        .bind(group.0.as_slice())
        .bind(inviter.0.as_slice())
        .bind(integer(now_ms))
        .bind(bytes)
        .execute(self.transaction.write().await?)
        .await?;
        sqlx::query(
            "DELETE FROM kept_welcome WHERE group_id = ?1 AND inviter IN (SELECT inviter FROM kept_welcome
             WHERE group_id = ?1 ORDER BY kept_at_ms DESC, inviter LIMIT -1 OFFSET ?2)",
        )
        .bind(group.0.as_slice())
        .bind(i64::from(kept_max))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// The Welcomes that are kept for a group, the newest first.
    pub async fn kept_welcomes(&mut self, group: GroupId) -> Result<Vec<(AccountId, Vec<u8>)>, StoreError> {
        let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT inviter, bytes FROM kept_welcome WHERE group_id = ?1 ORDER BY kept_at_ms DESC, inviter",
        )
        .bind(group.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        rows.into_iter().map(|(inviter, bytes)| Ok((AccountId(fixed("kept welcome", &inviter)?), bytes))).collect()
    }

    /// Lets go of the Welcome of an inviter.
    pub async fn drop_welcome(&mut self, group: GroupId, inviter: AccountId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM kept_welcome WHERE group_id = ?1 AND inviter = ?2")
            .bind(group.0.as_slice())
            .bind(inviter.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Lets go of Welcomes that were kept before a time.
    pub async fn drop_welcomes_before(&mut self, before_ms: u64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM kept_welcome WHERE kept_at_ms < ?1")
            .bind(integer(before_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// The groups with Welcomes that wait.
    pub async fn groups_with_welcomes(&mut self) -> Result<Vec<GroupId>, StoreError> {
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT DISTINCT group_id FROM kept_welcome").fetch_all(self.transaction.read()).await?;
        rows.iter().map(|row| Ok(GroupId(fixed("kept welcome", row)?))).collect()
    }
}
