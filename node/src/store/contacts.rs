//! People: contacts, and fellow members of groups.

use sqlx::Row;

use super::{StoreError, Tx, fixed, integer};
use crate::ids::AccountId;

/// A person, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRow {
    /// Their account.
    pub account: AccountId,
    /// Their name.
    pub name: String,
    /// Whether the owner of this node added them.
    pub added: bool,
    /// Their newest signed card; empty while only a short link is known.
    pub card: Vec<u8>,
    /// The text of the short link; empty once the card is here.
    pub short: String,
    /// What both people compare; empty while only a short link is known.
    pub safety_number: String,
    /// Whether they are no contact, only a fellow member of some group.
    pub met: bool,
}

impl Tx<'_> {
    /// Keeps a contact, in place of what was known of them.
    pub async fn put_contact(&mut self, contact: &ContactRow, now_ms: u64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO contact (account, name, added, card, short, safety_number, known_at_ms, met)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (account) DO UPDATE SET name = excluded.name, added = excluded.added, card = excluded.card,
                 short = excluded.short, safety_number = excluded.safety_number, met = excluded.met",
        )
        .bind(contact.account.0.as_slice())
        .bind(&contact.name)
        .bind(contact.added)
        .bind(&contact.card)
        .bind(&contact.short)
        .bind(&contact.safety_number)
        .bind(integer(now_ms))
        .bind(contact.met)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// Everybody.
    pub async fn contacts(&mut self) -> Result<Vec<ContactRow>, StoreError> {
        let rows = sqlx::query("SELECT account, name, added, card, short, safety_number, met FROM contact")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(ContactRow {
                    account: AccountId(fixed("contact", row.try_get(0)?)?),
                    name: row.try_get(1)?,
                    added: row.try_get(2)?,
                    card: row.try_get(3)?,
                    short: row.try_get(4)?,
                    safety_number: row.try_get(5)?,
                    met: row.try_get(6)?,
                })
            })
            .collect()
    }

    /// The accounts that share a group with an account and whose cards are not here: at most `limit`.
    pub async fn unknown_fellows(&mut self, account: AccountId, limit: u32) -> Result<Vec<AccountId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT DISTINCT fellow.account FROM member AS mine
             JOIN member AS fellow ON fellow.conversation = mine.conversation
             WHERE mine.account = ?1 AND fellow.account <> ?1
                 AND NOT EXISTS (SELECT 1 FROM contact WHERE contact.account = fellow.account) LIMIT ?2",
        )
        .bind(account.0.as_slice())
        .bind(limit)
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter().map(|account| Ok(AccountId(fixed("member", account)?))).collect()
    }

    /// Deletes who was met in a group, is in none now, asks for nothing and wrote nothing that is here.
    pub async fn drop_met_contacts(&mut self) -> Result<Vec<AccountId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "DELETE FROM contact WHERE met = 1
                 AND account NOT IN (SELECT account FROM member)
                 AND account NOT IN (SELECT account FROM join_request)
                 AND account NOT IN (SELECT author FROM message) RETURNING account",
        )
        .fetch_all(self.transaction.write().await?)
        .await?;
        rows.iter().map(|account| Ok(AccountId(fixed("contact", account)?))).collect()
    }

    /// Whether two accounts share a conversation.
    pub async fn are_fellows(&mut self, one: AccountId, other: AccountId) -> Result<bool, StoreError> {
        let found: i64 = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM member AS one JOIN member AS other ON other.conversation = one.conversation
                 WHERE one.account = ?1 AND other.account = ?2)",
        )
        .bind(one.0.as_slice())
        .bind(other.0.as_slice())
        .fetch_one(self.transaction.read())
        .await?;
        Ok(found != 0)
    }
}
