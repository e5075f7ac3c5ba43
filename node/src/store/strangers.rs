//! What strangers began, who is blocked, and whose safety number was compared (PROTOCOL §6.16).

use sqlx::Row;

use super::conversations::kind;
use super::views::unnamed;
use super::{ConversationKind, Reader, StoreError, Tx, fixed, integer, natural};
use crate::handle::{Blocked, StrangerRequest};
use crate::ids::{AccountId, ConversationId};

/// A conversation that a stranger began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Which.
    pub conversation: ConversationId,
    /// Who began it, or brought the owner into it.
    pub account: AccountId,
    /// That account's thirty digits.
    pub fingerprint: String,
    /// When it came.
    pub at_ms: u64,
    /// Whether the owner refused it.
    pub refused: bool,
}

impl Tx<'_> {
    /// Keeps a request, in place of what was known of it.
    pub async fn put_request(&mut self, row: &RequestRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO stranger_request (conversation, account, fingerprint, at_ms, refused) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (conversation) DO UPDATE SET account = excluded.account, fingerprint = excluded.fingerprint,
                 at_ms = excluded.at_ms, refused = excluded.refused",
        )
        .bind(row.conversation.0.as_slice())
        .bind(row.account.0.as_slice())
        .bind(&row.fingerprint)
        .bind(integer(row.at_ms))
        .bind(row.refused)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// The conversation is no request any more.
    pub async fn drop_request(&mut self, conversation: ConversationId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM stranger_request WHERE conversation = ?1")
            .bind(conversation.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// All requests, the refused ones too.
    pub async fn requests(&mut self) -> Result<Vec<RequestRow>, StoreError> {
        let rows = sqlx::query("SELECT conversation, account, fingerprint, at_ms, refused FROM stranger_request")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(RequestRow {
                    conversation: ConversationId(fixed("request", row.try_get(0)?)?),
                    account: AccountId(fixed("request", row.try_get(1)?)?),
                    fingerprint: row.try_get(2)?,
                    at_ms: natural(row.try_get(3)?),
                    refused: row.try_get(4)?,
                })
            })
            .collect()
    }

    /// How many texts of others a conversation holds, and how many bytes they have: flush first.
    pub async fn texts_held(&mut self, conversation: ConversationId) -> Result<(u64, u64), StoreError> {
        let row = sqlx::query(
            "SELECT count(*), coalesce(sum(octet_length(text)), 0) FROM message WHERE conversation = ?1 AND kind = 0",
        )
        .bind(conversation.0.as_slice())
        .fetch_one(self.transaction.read())
        .await?;
        Ok((natural(row.try_get(0)?), natural(row.try_get(1)?)))
    }

    /// Forgets what was written in a conversation, and what was received of whom: each text leaves its place and its id, so
    /// that it is not taken again. Flush first.
    pub async fn forget_texts(&mut self, conversation: ConversationId) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE message SET kind = 2, text = '', body = x'', reply_to = NULL, idempotency_key = NULL, seen = 1
             WHERE conversation = ?1 AND kind = 0",
        )
        .bind(conversation.0.as_slice())
        .execute(self.transaction.write().await?)
        .await?;
        sqlx::query("DELETE FROM received WHERE conversation = ?1")
            .bind(conversation.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        self.pending.forgot = true;
        Ok(())
    }

    /// Whether somebody is in a conversation with the owner that is no request.
    pub async fn is_met(&mut self, account: AccountId) -> Result<bool, StoreError> {
        let found: i64 = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM member WHERE account = ?1
                 AND conversation NOT IN (SELECT conversation FROM stranger_request))",
        )
        .bind(account.0.as_slice())
        .fetch_one(self.transaction.read())
        .await?;
        Ok(found != 0)
    }

    /// Blocks somebody; the name is what they were called.
    pub async fn put_blocked(&mut self, account: AccountId, name: &str, now_ms: u64) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO blocked (account, name, at_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .bind(account.0.as_slice())
            .bind(name)
            .bind(integer(now_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Blocks somebody no longer.
    pub async fn drop_blocked(&mut self, account: AccountId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM blocked WHERE account = ?1")
            .bind(account.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Who is blocked.
    pub async fn blocked(&mut self) -> Result<Vec<AccountId>, StoreError> {
        let rows =
            sqlx::query_scalar::<_, Vec<u8>>("SELECT account FROM blocked").fetch_all(self.transaction.read()).await?;
        rows.iter().map(|account| Ok(AccountId(fixed("blocked", account)?))).collect()
    }

    /// The safety number with somebody was compared in person, or is taken to be not.
    pub async fn put_verified(&mut self, account: AccountId, compared: Option<(&str, u64)>) -> Result<(), StoreError> {
        let Some((safety_number, at_ms)) = compared else {
            sqlx::query("DELETE FROM verified WHERE account = ?1")
                .bind(account.0.as_slice())
                .execute(self.transaction.write().await?)
                .await?;
            return Ok(());
        };
        sqlx::query(
            "INSERT INTO verified (account, safety_number, at_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (account) DO UPDATE SET safety_number = excluded.safety_number, at_ms = excluded.at_ms",
        )
        .bind(account.0.as_slice())
        .bind(safety_number)
        .bind(integer(at_ms))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// Whose safety number was compared in person: the number, and when.
    pub async fn verified(&mut self) -> Result<Vec<(AccountId, String, u64)>, StoreError> {
        let rows = sqlx::query("SELECT account, safety_number, at_ms FROM verified")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                let account = AccountId(fixed("verified", row.try_get(0)?)?);
                Ok((account, row.try_get(1)?, natural(row.try_get(2)?)))
            })
            .collect()
    }
}

impl Reader {
    /// What waits for the owner's decision, the newest first.
    pub async fn requests(&self) -> Result<Vec<StrangerRequest>, StoreError> {
        let rows = sqlx::query(
            "SELECT request.conversation, request.account, request.fingerprint, request.at_ms,
                 coalesce(contact.name, ''), conversation.kind, conversation.name,
                 (SELECT count(DISTINCT account) FROM member WHERE member.conversation = request.conversation),
                 (SELECT count(*) FROM message WHERE message.conversation = request.conversation AND kind = 0)
             FROM stranger_request AS request
             JOIN conversation ON conversation.id = request.conversation
             LEFT JOIN contact ON contact.account = request.account
             WHERE request.refused = 0 ORDER BY request.at_ms DESC, request.conversation",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut requests = Vec::with_capacity(rows.len());
        for row in &rows {
            let account = AccountId(fixed("request", row.try_get(1)?)?);
            let name: String = row.try_get(4)?;
            requests.push(StrangerRequest {
                conversation: ConversationId(fixed("request", row.try_get(0)?)?),
                account,
                fingerprint: row.try_get(2)?,
                at_ms: natural(row.try_get(3)?),
                name: if name.is_empty() { unnamed(&account) } else { name },
                direct: kind(row.try_get(5)?) == ConversationKind::Direct,
                group_name: row.try_get(6)?,
                people: natural(row.try_get(7)?),
                messages: natural(row.try_get(8)?),
                met_in: self.met_in(account).await?,
            });
        }
        Ok(requests)
    }

    /// The names of groups in which the owner is with somebody, a few of them.
    async fn met_in(&self, account: AccountId) -> Result<Vec<String>, StoreError> {
        let names = sqlx::query_scalar::<_, String>(
            "SELECT name FROM conversation WHERE kind = 2 AND name <> ''
                 AND id IN (SELECT conversation FROM member WHERE account = ?1)
                 AND id NOT IN (SELECT conversation FROM stranger_request) ORDER BY last_at_ms DESC LIMIT 5",
        )
        .bind(account.0.as_slice())
        .fetch_all(&self.pool)
        .await?;
        Ok(names)
    }

    /// Who is blocked, the latest first.
    pub async fn blocked(&self) -> Result<Vec<Blocked>, StoreError> {
        let rows = sqlx::query("SELECT account, name, at_ms FROM blocked ORDER BY at_ms DESC, account")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Blocked {
                    account: AccountId(fixed("blocked", row.try_get(0)?)?),
                    name: row.try_get(1)?,
                    at_ms: natural(row.try_get(2)?),
                })
            })
            .collect()
    }
}
