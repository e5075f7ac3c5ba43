//! API tokens: only hashes of their texts are kept.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Reader, StoreError, Tx, fixed, integer, natural};
use crate::handle::{Token, TokenReach};
use crate::ids::{ConversationId, MessageId, TokenId};

const COLUMNS: &str = "id, name, may_read, may_write, all_conversations, created_at_ms, expires_at_ms, last_used_at_ms";

impl Tx<'_> {
    /// How many tokens there are, once those that expired are gone.
    pub async fn count_tokens(&mut self, now_ms: u64) -> Result<u64, StoreError> {
        sqlx::query("DELETE FROM api_token WHERE expires_at_ms <= ?1")
            .bind(integer(now_ms))
            .execute(self.transaction.write().await?)
            .await?;
        sqlx::query("DELETE FROM api_token_conversation WHERE token NOT IN (SELECT id FROM api_token)")
            .execute(self.transaction.write().await?)
            .await?;
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM api_token").fetch_one(self.transaction.read()).await?;
        Ok(natural(count))
    }

    /// Keeps a token.
    pub async fn put_token(&mut self, hash: &[u8; 32], token: &Token) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO api_token (id, token_hash, name, may_read, may_write, all_conversations, created_at_ms,
                 expires_at_ms, last_used_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL)",
        )
        .bind(token.id.0.as_slice())
        .bind(hash.as_slice())
        .bind(&token.name)
        .bind(token.may_read)
        .bind(token.may_write)
        .bind(matches!(token.reach, TokenReach::All))
        .bind(integer(token.created_at_ms))
        .bind(token.expires_at_ms.map(integer))
        .execute(self.transaction.write().await?)
        .await?;
        let TokenReach::Only(conversations) = &token.reach else { return Ok(()) };
        for conversation in conversations {
            sqlx::query("INSERT INTO api_token_conversation (token, conversation) VALUES (?1, ?2)")
                .bind(token.id.0.as_slice())
                .bind(conversation.0.as_slice())
                .execute(self.transaction.write().await?)
                .await?;
        }
        Ok(())
    }

    /// Remembers that a token was used.
    pub async fn touch_token(&mut self, id: TokenId, now_ms: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE api_token SET last_used_at_ms = ?2 WHERE id = ?1")
            .bind(id.0.as_slice())
            .bind(integer(now_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Ends a token; `false` if there was none.
    pub async fn delete_token(&mut self, id: TokenId) -> Result<bool, StoreError> {
        sqlx::query("DELETE FROM api_token_conversation WHERE token = ?1")
            .bind(id.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        let deleted = sqlx::query("DELETE FROM api_token WHERE id = ?1")
            .bind(id.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(deleted.rows_affected() == 1)
    }
}

impl Reader {
    /// The token whose text has this hash, expired or not.
    pub async fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM api_token WHERE token_hash = ?1");
        let row = sqlx::query(sqlx::AssertSqlSafe(query)).bind(hash.as_slice()).fetch_optional(&self.pool).await?;
        match row {
            Some(row) => Ok(Some(self.token_of(&row).await?)),
            None => Ok(None),
        }
    }

    /// Whether a token is there, expired or not.
    pub async fn has_token(&self, id: TokenId) -> Result<bool, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM api_token WHERE id = ?1")
            .bind(id.0.as_slice())
            .fetch_one(&self.pool)
            .await?;
        Ok(count == 1)
    }

    /// All tokens, the newest first.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM api_token ORDER BY created_at_ms DESC, id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&self.pool).await?;
        let mut tokens = Vec::with_capacity(rows.len());
        for row in &rows {
            tokens.push(self.token_of(row).await?);
        }
        Ok(tokens)
    }

    /// Messages whose id begins with these bytes' hexadecimal text and which the token reaches: at most `limit`.
    pub async fn messages_by_prefix_within(
        &self,
        prefix: &str,
        token: &Token,
        limit: u32,
    ) -> Result<Vec<MessageId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT id FROM message WHERE id >= ?1 AND id <= ?2 AND kind <> 2
                 AND (?3 OR conversation IN (SELECT conversation FROM api_token_conversation WHERE token = ?4))
             LIMIT ?5",
        )
        .bind(super::views::bound(prefix, '0'))
        .bind(super::views::bound(prefix, 'f'))
        .bind(matches!(token.reach, TokenReach::All))
        .bind(token.id.0.as_slice())
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|id| Ok(MessageId(fixed("message", id)?))).collect()
    }

    async fn token_of(&self, row: &SqliteRow) -> Result<Token, StoreError> {
        let id = TokenId(fixed("token", row.try_get(0)?)?);
        let reach = if row.try_get(4)? {
            TokenReach::All
        } else {
            let rows =
                sqlx::query_scalar::<_, Vec<u8>>("SELECT conversation FROM api_token_conversation WHERE token = ?1")
                    .bind(id.0.as_slice())
                    .fetch_all(&self.pool)
                    .await?;
            let named = rows.iter().map(|id| Ok(ConversationId(fixed("token", id)?)));
            TokenReach::Only(named.collect::<Result<BTreeSet<_>, StoreError>>()?)
        };
        let expires_at_ms: Option<i64> = row.try_get(6)?;
        let last_used_at_ms: Option<i64> = row.try_get(7)?;
        Ok(Token {
            id,
            name: row.try_get(1)?,
            may_read: row.try_get(2)?,
            may_write: row.try_get(3)?,
            reach,
            created_at_ms: natural(row.try_get(5)?),
            expires_at_ms: expires_at_ms.map(natural),
            last_used_at_ms: last_used_at_ms.map(natural),
        })
    }
}
