//! Every envelope that went through this node, and those that wait for their epoch.

use sqlx::{QueryBuilder, Row, Sqlite};
use tidings_crypto::envelope::{EnvelopeId, EpochId};
use tidings_crypto::group::GroupId;

use super::{HeldAt, StoreError, Tx, fixed, integer, natural};
use crate::ids::PeerKey;

/// An envelope to keep.
#[derive(Debug, Clone)]
pub(super) struct EnvelopeRow {
    id: EnvelopeId,
    stored_at_ms: u64,
    bytes: Vec<u8>,
    held: Option<HeldAt>,
}

/// Who brought an envelope that is parked, when, and how many may be.
#[derive(Debug, Clone, Copy)]
pub struct ParkedBy {
    /// Who brought it.
    pub peer: PeerKey,
    /// When.
    pub at_ms: u64,
    /// So many of one group may be parked.
    pub parked_max: u32,
    /// So many of one group that one peer brought.
    pub parked_by_peer_max: u32,
}

/// An envelope that waited.
#[derive(Debug, Clone)]
pub struct Parked {
    /// The envelope.
    pub id: EnvelopeId,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Who brought it.
    pub peer: PeerKey,
    /// When.
    pub at_ms: u64,
}

impl Tx<'_> {
    /// Which of these went through this node before.
    pub async fn known_envelopes(&mut self, ids: &[EnvelopeId]) -> Result<Vec<EnvelopeId>, StoreError> {
        let mut known = Vec::new();
        for ids in ids.chunks(64) {
            // Of few lengths, so that few statements are prepared; most often it is one envelope.
            let length = [1, 8].into_iter().find(|length| ids.len() <= *length).unwrap_or(64);
            let mut query = QueryBuilder::<Sqlite>::new("SELECT id FROM envelope WHERE id IN (");
            let mut separated = query.separated(", ");
            for place in 0..length {
                // NULL equals nothing.
                separated.push_bind(ids.get(place).map(|id| id.0.to_vec()));
            }
            query.push(")");
            for row in query.build().fetch_all(self.transaction.read()).await? {
                known.push(EnvelopeId(fixed("envelope", row.try_get(0)?)?));
            }
        }
        Ok(known)
    }

    /// The bytes of an envelope; none if they are not here.
    pub async fn envelope_bytes(&mut self, id: EnvelopeId) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes: Option<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM envelope WHERE id = ?1")
            .bind(id.0.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        Ok(bytes.filter(|bytes| !bytes.is_empty()))
    }

    /// Remembers an envelope; `bytes` may be empty for one that need not be sent on.
    pub fn put_envelope(&mut self, id: EnvelopeId, bytes: Vec<u8>, now_ms: u64) {
        self.pending.envelopes.push(EnvelopeRow { id, stored_at_ms: now_ms, bytes, held: None });
    }

    /// Keeps an envelope for all members of its group. It may be remembered already.
    pub fn hold_envelope(&mut self, id: EnvelopeId, bytes: Vec<u8>, at: HeldAt, now_ms: u64) {
        self.pending.envelopes.push(EnvelopeRow { id, stored_at_ms: now_ms, bytes, held: Some(at) });
    }

    pub(super) async fn flush_envelopes(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.pending.envelopes);
        self.insert_rows(
            "INSERT INTO envelope (id, stored_at_ms, bytes, group_id, epoch, number, week, received) ",
            " ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes, group_id = excluded.group_id,
                 epoch = excluded.epoch, number = excluded.number, week = excluded.week, received = excluded.received
              WHERE excluded.group_id <> x'' AND envelope.group_id = x''",
            &rows,
            |mut row, envelope| {
                row.push_bind(envelope.id.0.to_vec());
                row.push_bind(integer(envelope.stored_at_ms));
                row.push_bind(envelope.bytes.clone());
                row.push_bind(envelope.held.map_or_else(Vec::new, |held| held.group.0.to_vec()));
                row.push_bind(envelope.held.map_or_else(Vec::new, |held| held.epoch.0.to_vec()));
                row.push_bind(integer(envelope.held.map_or(0, |held| held.number)));
                row.push_bind(envelope.held.map_or(0, |held| held.week.0));
                row.push_bind(envelope.held.is_some_and(|held| held.received));
            },
        )
        .await
    }

    /// Keeps an envelope until its epoch is known; `false` if as many as may be are kept already.
    pub async fn park(
        &mut self,
        group: GroupId,
        epoch: EpochId,
        id: EnvelopeId,
        bytes: &[u8],
        by: ParkedBy,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT count(*), coalesce(sum(peer = ?2), 0) FROM parked WHERE group_id = ?1")
            .bind(group.0.as_slice())
            .bind(by.peer.0.as_slice())
            .fetch_one(self.transaction.read())
            .await?;
        let (parked, of_peer): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if parked >= i64::from(by.parked_max) || of_peer >= i64::from(by.parked_by_peer_max) {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO parked (envelope, group_id, epoch, parked_at_ms, bytes, peer) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (envelope) DO NOTHING",
        )
        .bind(id.0.as_slice())
        .bind(group.0.as_slice())
        .bind(epoch.0.as_slice())
        .bind(integer(by.at_ms))
        .bind(bytes)
        .bind(by.peer.0.as_slice())
        .execute(self.transaction.write().await?)
        .await?;
        Ok(true)
    }

    /// Takes out what waits in a group, for an epoch or for any, in the order in which it came.
    pub async fn unpark(&mut self, group: GroupId, epoch: Option<EpochId>) -> Result<Vec<Parked>, StoreError> {
        let epoch = epoch.map(|epoch| epoch.0.to_vec());
        let rows = sqlx::query(
            "SELECT envelope, bytes, peer, parked_at_ms FROM parked
             WHERE group_id = ?1 AND (?2 IS NULL OR epoch = ?2) ORDER BY rowid",
        )
        .bind(group.0.as_slice())
        .bind(&epoch)
        .fetch_all(self.transaction.read())
        .await?;
        sqlx::query("DELETE FROM parked WHERE group_id = ?1 AND (?2 IS NULL OR epoch = ?2)")
            .bind(group.0.as_slice())
            .bind(&epoch)
            .execute(self.transaction.write().await?)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Parked {
                    id: EnvelopeId(fixed("parked", row.try_get(0)?)?),
                    bytes: row.try_get(1)?,
                    // What was parked before this was kept was brought by nobody who is known.
                    peer: PeerKey(fixed("parked", row.try_get(2)?).unwrap_or_default()),
                    at_ms: natural(row.try_get(3)?),
                })
            })
            .collect()
    }

    /// Since when the oldest of what is parked in a group has waited.
    pub async fn oldest_parked_ms(&mut self, group: GroupId) -> Result<Option<u64>, StoreError> {
        let oldest: Option<i64> = sqlx::query_scalar("SELECT min(parked_at_ms) FROM parked WHERE group_id = ?1")
            .bind(group.0.as_slice())
            .fetch_one(self.transaction.read())
            .await?;
        Ok(oldest.map(natural))
    }

    /// The groups in which something is parked, and since when.
    pub async fn parked_since(&mut self) -> Result<Vec<(GroupId, u64)>, StoreError> {
        let rows = sqlx::query("SELECT group_id, min(parked_at_ms) FROM parked GROUP BY group_id")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|row| Ok((GroupId(fixed("parked", row.try_get(0)?)?), natural(row.try_get(1)?)))).collect()
    }

    /// Who brought what is parked in a group, the longest ago first.
    pub async fn parked_by(&mut self, group: GroupId) -> Result<Vec<PeerKey>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT peer FROM parked WHERE group_id = ?1 GROUP BY peer ORDER BY min(parked_at_ms), peer LIMIT 64",
        )
        .bind(group.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        Ok(rows.iter().filter_map(|peer| Some(PeerKey(fixed("parked", peer).ok()?))).collect())
    }

    /// Forgets what a peer brought until one time, and everybody until another: it waits for nothing. Whoever offers it
    /// again is heard again.
    pub async fn forget_parked(
        &mut self,
        group: GroupId,
        peer: PeerKey,
        of_peer_until_ms: u64,
        until_ms: u64,
    ) -> Result<(), StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "DELETE FROM parked WHERE group_id = ?1 AND (parked_at_ms <= ?4 OR (peer = ?2 AND parked_at_ms <= ?3))
             RETURNING envelope",
        )
        .bind(group.0.as_slice())
        .bind(peer.0.as_slice())
        .bind(integer(of_peer_until_ms))
        .bind(integer(until_ms))
        .fetch_all(self.transaction.write().await?)
        .await?;
        for id in rows {
            self.forget_envelope(EnvelopeId(fixed("parked", &id)?)).await?;
        }
        Ok(())
    }

    /// An envelope that was taken and can never be read: whoever offers it again is told so.
    pub async fn forget_envelope(&mut self, id: EnvelopeId) -> Result<(), StoreError> {
        self.pending.envelopes.retain(|envelope| envelope.id != id);
        sqlx::query("DELETE FROM envelope WHERE id = ?1")
            .bind(id.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }
}
