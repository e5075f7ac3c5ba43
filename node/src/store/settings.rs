//! Small facts about this node, by name.

use super::{Reader, StoreError, Tx};

impl Tx<'_> {
    /// The value of a setting.
    pub async fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let value = sqlx::query_scalar("SELECT value FROM setting WHERE name = ?1").bind(name);
        Ok(value.fetch_optional(self.transaction.read()).await?)
    }

    /// Sets a setting.
    pub async fn set_setting(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }
}

impl Reader {
    /// The value of a setting.
    pub async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(sqlx::query_scalar("SELECT value FROM setting WHERE name = ?1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?)
    }
}
