//! Every envelope that went through this node, and those that wait for their epoch.

use sqlx::{QueryBuilder, Row, Sqlite};
use tidings_crypto::envelope::{EnvelopeId, EpochId};
use tidings_crypto::group::GroupId;

use super::{StoreError, Tx, fixed, integer};

/// An envelope to keep.
#[derive(Debug, Clone)]
pub(super) struct EnvelopeRow {
    id: EnvelopeId,
    stored_at_ms: u64,
    bytes: Vec<u8>,
}

impl Tx<'_> {
    /// Which of these went through this node before.
    pub async fn known_envelopes(&mut self, ids: &[EnvelopeId]) -> Result<Vec<EnvelopeId>, StoreError> {
        let mut known = Vec::new();
        for ids in ids.chunks(64) {
            let mut query = QueryBuilder::<Sqlite>::new("SELECT id FROM envelope WHERE id IN (");
            let mut separated = query.separated(", ");
            for place in 0..64 {
                // A full list every time keeps this one prepared statement; NULL equals nothing.
                separated.push_bind(ids.get(place).map(|id| id.0.to_vec()));
            }
            query.push(")");
            for row in query.build().fetch_all(&mut *self.transaction).await? {
                known.push(EnvelopeId(fixed("envelope", row.try_get(0)?)?));
            }
        }
        Ok(known)
    }

    /// Remembers an envelope; `bytes` may be empty for one that need not be sent on.
    pub fn put_envelope(&mut self, id: EnvelopeId, bytes: Vec<u8>, now_ms: u64) {
        self.pending.envelopes.push(EnvelopeRow { id, stored_at_ms: now_ms, bytes });
    }

    pub(super) async fn flush_envelopes(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.pending.envelopes);
        self.insert_rows(
            "INSERT INTO envelope (id, stored_at_ms, bytes) ",
            " ON CONFLICT (id) DO NOTHING",
            &rows,
            |mut row, envelope| {
                row.push_bind(envelope.id.0.to_vec());
                row.push_bind(integer(envelope.stored_at_ms));
                row.push_bind(envelope.bytes.clone());
            },
        )
        .await
    }

    /// Keeps an envelope until its epoch is known; `false` if `parked_max` of this group are kept already.
    pub async fn park(
        &mut self,
        group: GroupId,
        epoch: EpochId,
        id: EnvelopeId,
        bytes: &[u8],
        now_ms: u64,
        parked_max: u32,
    ) -> Result<bool, StoreError> {
        let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked WHERE group_id = ?1")
            .bind(group.0.as_slice())
            .fetch_one(&mut *self.transaction)
            .await?;
        if parked >= i64::from(parked_max) {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO parked (envelope, group_id, epoch, parked_at_ms, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (envelope) DO NOTHING",
        )
        .bind(id.0.as_slice())
        .bind(group.0.as_slice())
        .bind(epoch.0.as_slice())
        .bind(integer(now_ms))
        .bind(bytes)
        .execute(&mut *self.transaction)
        .await?;
        Ok(true)
    }

    /// Takes out what waits in this group, in the order in which it came.
    pub async fn unpark(&mut self, group: GroupId) -> Result<Vec<Vec<u8>>, StoreError> {
        let bytes = sqlx::query_scalar("SELECT bytes FROM parked WHERE group_id = ?1 ORDER BY rowid")
            .bind(group.0.as_slice())
            .fetch_all(&mut *self.transaction)
            .await?;
        sqlx::query("DELETE FROM parked WHERE group_id = ?1")
            .bind(group.0.as_slice())
            .execute(&mut *self.transaction)
            .await?;
        Ok(bytes)
    }
}
