//! Signed-in browsers and one-time links: only hashes of their tokens are kept.

use sqlx::Row;

use super::{Reader, StoreError, Tx, fixed, integer, natural};
use crate::handle::Session;
use crate::ids::SessionId;

impl Tx<'_> {
    /// Keeps a one-time sign-in token, and forgets those made before `oldest_ms`.
    pub async fn put_sign_in(&mut self, token: &[u8; 32], now_ms: u64, oldest_ms: u64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sign_in WHERE created_at_ms < ?1")
            .bind(integer(oldest_ms))
            .execute(self.transaction.write().await?)
            .await?;
        sqlx::query("INSERT INTO sign_in (token_hash, created_at_ms) VALUES (?1, ?2)")
            .bind(token.as_slice())
            .bind(integer(now_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Uses up a one-time token; `false` if it is unknown, used, or older than `oldest_ms`.
    pub async fn take_sign_in(&mut self, token: &[u8; 32], oldest_ms: u64) -> Result<bool, StoreError> {
        let used = sqlx::query("DELETE FROM sign_in WHERE token_hash = ?1 AND created_at_ms >= ?2")
            .bind(token.as_slice())
            .bind(integer(oldest_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(used.rows_affected() == 1)
    }

    /// Keeps a session; beyond `sessions_max` the least recently used go.
    pub async fn put_session(
        &mut self,
        token: &[u8; 32],
        session: &Session,
        sessions_max: u32,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM session WHERE id IN (SELECT id FROM session ORDER BY last_used_at_ms DESC LIMIT -1 OFFSET ?1)",
        )
        .bind(i64::from(sessions_max.saturating_sub(1)))
        .execute(self.transaction.write().await?)
        .await?;
        sqlx::query(
            "INSERT INTO session (id, token_hash, user_agent, created_at_ms, last_used_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(session.id.0.as_slice())
        .bind(token.as_slice())
        .bind(&session.user_agent)
        .bind(integer(session.created_at_ms))
        .bind(integer(session.last_used_at_ms))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// Remembers that a session was used.
    pub async fn touch_session(&mut self, id: SessionId, now_ms: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE session SET last_used_at_ms = ?2 WHERE id = ?1")
            .bind(id.0.as_slice())
            .bind(integer(now_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Ends a session; `false` if there was none.
    pub async fn delete_session(&mut self, id: SessionId) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM session WHERE id = ?1")
            .bind(id.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(deleted.rows_affected() == 1)
    }
}

impl Reader {
    /// The session of a token.
    pub async fn session(&self, token: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        let row =
            sqlx::query("SELECT id, user_agent, created_at_ms, last_used_at_ms FROM session WHERE token_hash = ?1")
                .bind(token.as_slice())
                .fetch_optional(&self.pool)
                .await?;
        row.map(|row| session(&row)).transpose()
    }

    /// All sessions, the last used first.
    pub async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, user_agent, created_at_ms, last_used_at_ms FROM session ORDER BY last_used_at_ms DESC",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(session).collect()
    }
}

fn session(row: &sqlx::sqlite::SqliteRow) -> Result<Session, StoreError> {
    Ok(Session {
        id: SessionId(fixed("session", row.try_get(0)?)?),
        user_agent: row.try_get(1)?,
        created_at_ms: natural(row.try_get(2)?),
        last_used_at_ms: natural(row.try_get(3)?),
    })
}
