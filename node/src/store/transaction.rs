//! The one transaction of a batch. It begins with the first write: many batches only look something up, and change
//! nothing. There is no other writer, so what was read before it began holds still.

use sqlx::SqliteConnection;

use super::StoreError;

/// What was written through it is committed together or not at all.
#[derive(Debug)]
pub(super) struct Transaction<'store> {
    connection: &'store mut SqliteConnection,
    has_begun: &'store mut bool,
}

impl<'store> Transaction<'store> {
    /// A transaction that may begin. `has_begun` lies beside the connection: a transaction that was dropped is rolled back
    /// before the next.
    pub(super) async fn new(
        connection: &'store mut SqliteConnection,
        has_begun: &'store mut bool,
    ) -> Result<Self, StoreError> {
        if *has_begun {
            // SQLite has rolled some failures back by itself. If one is open still, the next cannot begin, and says so.
            if let Err(error) = sqlx::query("ROLLBACK").execute(&mut *connection).await {
                tracing::debug!(%error, "there was nothing to roll back");
            }
            *has_begun = false;
        }
        Ok(Self { connection, has_begun })
    }

    /// What reads go through; they see what was written. Not for statements that change something and return rows.
    pub(super) fn read(&mut self) -> &mut SqliteConnection {
        self.connection
    }

    /// What writes go through.
    pub(super) async fn write(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        if !*self.has_begun {
            *self.has_begun = true;
            // As a statement of its own, which stays prepared and is not handed back and forth as `sqlx` does with its own.
            sqlx::query("BEGIN IMMEDIATE").execute(&mut *self.connection).await?;
        }
        Ok(self.connection)
    }

    /// Makes everything durable, or nothing.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        if *self.has_begun {
            sqlx::query("COMMIT").execute(&mut *self.connection).await?;
            *self.has_begun = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tidings_crypto::vault::DatabaseKey;

    use crate::store::Store;

    #[test]
    fn what_was_not_committed_is_gone_when_the_next_transaction_looks() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut store = Store::open_in_memory("not-committed", DatabaseKey::from_bytes([7; 32])).await.unwrap();
            let mut kept = store.begin().await.unwrap();
            kept.set_setting("name", b"Alice").await.unwrap();
            kept.commit().await.unwrap();
            let mut dropped = store.begin().await.unwrap();
            dropped.set_setting("name", b"Bob").await.unwrap();
            assert_eq!(dropped.setting("name").await.unwrap().unwrap(), b"Bob");
            drop(dropped);
            for _ in 0..2 {
                let mut next = store.begin().await.unwrap();
                assert_eq!(next.setting("name").await.unwrap().unwrap(), b"Alice");
                next.commit().await.unwrap();
            }
            let mut last = store.begin().await.unwrap();
            last.set_setting("name", b"Carol").await.unwrap();
            last.commit().await.unwrap();
            assert_eq!(store.begin().await.unwrap().setting("name").await.unwrap().unwrap(), b"Carol");
        });
    }
}
