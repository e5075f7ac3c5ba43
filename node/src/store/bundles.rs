//! What a bundle carries: rows of the outbox of all peers, and envelopes that are kept for other members.

use sqlx::Row;
use tidings_crypto::envelope::Week;
use tidings_crypto::group::GroupId;

use super::{StoreError, Tx, fixed, integer};
use crate::ids::{ConversationId, PeerKey};

/// An envelope that some node is owed.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Its row in the outbox.
    pub id: i64,
    /// Whose node is owed it.
    pub peer: PeerKey,
    /// Of which conversation it is.
    pub conversation: ConversationId,
    /// The envelope's bytes.
    pub bytes: Vec<u8>,
}

impl Tx<'_> {
    /// What is owed to anybody, after this row, in the order in which it was made. Flush first.
    pub async fn owed_after(&mut self, after_id: i64, limit: usize) -> Result<Vec<Carried>, StoreError> {
        let rows = sqlx::query(
            "SELECT outbox.id, outbox.peer, outbox.conversation, envelope.bytes FROM outbox
             JOIN envelope ON envelope.id = outbox.envelope WHERE outbox.id > ?1 ORDER BY outbox.id LIMIT ?2",
        )
        .bind(after_id)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Carried {
                    id: row.try_get(0)?,
                    peer: PeerKey(fixed("outbox", row.try_get(1)?)?),
                    conversation: ConversationId(fixed("outbox", row.try_get(2)?)?),
                    bytes: row.try_get(3)?,
                })
            })
            .collect()
    }

    /// The rows of the envelopes of a group that others wrote, after this one, from an epoch and a week on. Flush first.
    pub async fn received_rows(
        &mut self,
        group: GroupId,
        from: u64,
        week: Week,
        after_row: i64,
    ) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT rowid FROM envelope WHERE group_id = ?1 AND group_id <> x'' AND number >= ?2 AND week >= ?3
                 AND received = 1 AND bytes <> x'' AND rowid > ?4",
        )
        .bind(group.0.as_slice())
        .bind(integer(from))
        .bind(week.0)
        .bind(after_row)
        .fetch_all(self.transaction.read())
        .await?)
    }
}
