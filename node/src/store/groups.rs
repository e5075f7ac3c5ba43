//! MLS groups: the tree of epochs, each epoch's state sealed under a key of its own.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use sqlx::Row;
use tidings_crypto::envelope::{EpochId, TopicSecret};
use tidings_crypto::group::epochs::{REMOVED_EPOCHS_MAX, RemovedEpoch};
use tidings_crypto::group::{EpochRow, GroupChanges, GroupId, StateRow, StoredGroup};
use tidings_crypto::identity::NodeId;
use tidings_crypto::vault::DatabaseKey;
use zeroize::Zeroizing;

use super::{Reader, StoreError, Tx, fixed, integer, natural};
use crate::ids::ConversationId;

/// The keys under which the epochs of one group are sealed.
#[derive(Debug, Default)]
pub struct EpochKeys {
    keys: BTreeMap<EpochId, DatabaseKey>,
}

/// A group, as listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRow {
    /// Its id.
    pub id: GroupId,
    /// The conversation it carries.
    pub conversation: ConversationId,
    /// When this node owes it a self-update.
    pub update_due_ms: Option<u64>,
    /// Whether its state comes from a backup ([`tidings_crypto::group::Group::restore`]).
    pub restored: bool,
}

/// State that waits for [`Tx::flush`]: only the last value of each name is written.
#[derive(Debug, Default)]
pub(super) struct PendingState {
    values: BTreeMap<(GroupId, EpochId, Vec<u8>), SealedValue>,
}

#[derive(Debug)]
struct SealedValue(Vec<u8>);

impl Tx<'_> {
    /// Adds a group.
    pub async fn put_group(&mut self, row: GroupRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO mls_group (id, conversation, update_due_ms, restored) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET update_due_ms = excluded.update_due_ms, restored = excluded.restored",
        )
        .bind(row.id.0.as_slice())
        .bind(row.conversation.0.as_slice())
        .bind(row.update_due_ms.map(integer))
        .bind(row.restored)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// All groups.
    pub async fn groups(&mut self) -> Result<Vec<GroupRow>, StoreError> {
        let rows = sqlx::query("SELECT id, conversation, update_due_ms, restored FROM mls_group")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(GroupRow {
                    id: GroupId(fixed("group", row.try_get(0)?)?),
                    conversation: ConversationId(fixed("group", row.try_get(1)?)?),
                    update_due_ms: row.try_get::<Option<i64>, _>(2)?.map(natural),
                    restored: row.try_get(3)?,
                })
            })
            .collect()
    }

    /// Sets the topic secrets of a group's live epochs.
    pub async fn put_topics(
        &mut self,
        group: GroupId,
        secrets: &[TopicSecret],
        rng: &mut ChaCha20Rng,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM topic WHERE group_id = ?1")
            .bind(group.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        let rows: Vec<(i64, Vec<u8>)> = (0..)
            .zip(secrets)
            .map(|(position, secret)| (position, self.key.seal(&topic_context(group), secret.as_bytes(), rng)))
            .collect();
        self.insert_rows("INSERT INTO topic (group_id, position, sealed_secret) ", "", &rows, |mut columns, row| {
            columns.push_bind(group.0.to_vec());
            columns.push_bind(row.0);
            columns.push_bind(row.1.clone());
        })
        .await
    }

    /// The topic secrets of all groups.
    pub async fn topics(&mut self) -> Result<Vec<(GroupId, TopicSecret)>, StoreError> {
        let rows = sqlx::query("SELECT group_id, sealed_secret FROM topic ORDER BY group_id, position")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                let group = GroupId(fixed("topic", row.try_get(0)?)?);
                let secret = self.unseal("topic", &topic_context(group), row.try_get(1)?)?;
                Ok((group, TopicSecret::from_bytes(fixed("topic", &secret)?)))
            })
            .collect()
    }

    /// A group with all its live epochs.
    pub async fn load_group(&mut self, id: GroupId) -> Result<Option<(StoredGroup, EpochKeys)>, StoreError> {
        let rows = sqlx::query(
            "SELECT epoch.id, epoch_key.sealed_key, epoch.sealed_row FROM epoch
             JOIN epoch_key ON epoch_key.slot = epoch.key_slot WHERE epoch.group_id = ?1",
        )
        .bind(id.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut keys = EpochKeys::default();
        let mut epochs = Vec::with_capacity(rows.len());
        for row in &rows {
            let epoch = EpochId(fixed("epoch", row.try_get(0)?)?);
            let key = self.unseal("epoch", &epoch_context(id, epoch), row.try_get(1)?)?;
            let key = DatabaseKey::from_bytes(fixed("epoch", &key)?);
            let plain = key
                .open(&epoch_context(id, epoch), row.try_get(2)?)
                .map_err(|_| StoreError::Damaged { what: "epoch" })?;
            epochs.push(EpochRow::decode(&plain).map_err(|_| StoreError::Damaged { what: "epoch" })?);
            keys.keys.insert(epoch, key);
        }
        let rows = sqlx::query("SELECT epoch, name, sealed_value FROM epoch_state WHERE group_id = ?1")
            .bind(id.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        let mut state = Vec::with_capacity(rows.len());
        for row in &rows {
            let epoch = EpochId(fixed("epoch state", row.try_get(0)?)?);
            let name: Vec<u8> = row.try_get(1)?;
            let key = keys.keys.get(&epoch).ok_or(StoreError::Damaged { what: "epoch state" })?;
            let value = key.open(&name, row.try_get(2)?).map_err(|_| StoreError::Damaged { what: "epoch state" })?;
            state.push(StateRow { epoch, key: name, value });
        }
        let ballots = self.ballots(id).await?;
        let removed = self.removed(id).await?;
        Ok(Some((StoredGroup { id, epochs, state, ballots, removed }, keys)))
    }

    /// Writes what changed in a group since the last call.
    pub async fn save_group(
        &mut self,
        id: GroupId,
        changes: GroupChanges,
        keys: &mut EpochKeys,
        rng: &mut ChaCha20Rng,
    ) -> Result<(), StoreError> {
        // What is put again after that is sealed under a new key: the old one is forgotten with all that it sealed.
        for epoch in changes.epochs_deleted {
            keys.keys.remove(&epoch);
            self.pending.groups.values.retain(|(group, of, _), _| (*group, *of) != (id, epoch));
            self.forget_epoch(id, epoch).await?;
        }
        for row in &changes.epochs_put {
            let context = epoch_context(id, row.id);
            if let Some(key) = keys.keys.get(&row.id) {
                let sealed_row = key.seal(&context, &row.encode(), rng);
                sqlx::query("UPDATE epoch SET sealed_row = ?3 WHERE group_id = ?1 AND id = ?2")
                    .bind(id.0.as_slice())
                    .bind(row.id.0.as_slice())
                    .bind(sealed_row)
                    .execute(self.transaction.write().await?)
                    .await?;
                continue;
            }
            let key = DatabaseKey::generate(rng);
            let sealed_row = key.seal(&context, &row.encode(), rng);
            let slot = self.put_epoch_key(self.key.seal(&context, key.expose().as_slice(), rng)).await?;
            keys.keys.insert(row.id, key);
            sqlx::query("INSERT INTO epoch (group_id, id, key_slot, sealed_row) VALUES (?1, ?2, ?3, ?4)")
                .bind(id.0.as_slice())
                .bind(row.id.0.as_slice())
                .bind(slot)
                .bind(sealed_row)
                .execute(self.transaction.write().await?)
                .await?;
        }
        for row in changes.state_put {
            let key = keys.keys.get(&row.epoch).ok_or(StoreError::Damaged { what: "epoch" })?;
            let sealed = SealedValue(key.seal(&row.key, &row.value, rng));
            self.pending.groups.values.insert((id, row.epoch, row.key), sealed);
        }
        for (epoch, name) in changes.state_deleted {
            self.pending.groups.values.remove(&(id, epoch, name.clone()));
            sqlx::query("DELETE FROM epoch_state WHERE group_id = ?1 AND epoch = ?2 AND name = ?3")
                .bind(id.0.as_slice())
                .bind(epoch.0.as_slice())
                .bind(name)
                .execute(self.transaction.write().await?)
                .await?;
        }
        self.save_ballots(id, &changes.ballots_put, &changes.ballots_deleted).await?;
        self.save_removed(id, &changes.epochs_removed).await
    }

    /// Writes zeros over an epoch's key where it lies, and deletes what it sealed.
    async fn forget_epoch(&mut self, group: GroupId, epoch: EpochId) -> Result<(), StoreError> {
        self.pending.forgot = true;
        sqlx::query("DELETE FROM epoch_state WHERE group_id = ?1 AND epoch = ?2")
            .bind(group.0.as_slice())
            .bind(epoch.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        let slot: Option<i64> =
            sqlx::query_scalar("DELETE FROM epoch WHERE group_id = ?1 AND id = ?2 RETURNING key_slot")
                .bind(group.0.as_slice())
                .bind(epoch.0.as_slice())
                .fetch_optional(self.transaction.write().await?)
                .await?;
        if let Some(slot) = slot {
            sqlx::query("UPDATE epoch_key SET used = 0, sealed_key = zeroblob(length(sealed_key)) WHERE slot = ?1")
                .bind(slot)
                .execute(self.transaction.write().await?)
                .await?;
        }
        Ok(())
    }

    /// Writes a sealed key into a free place, or a new one. All are of one size: a row that is written over never moves.
    async fn put_epoch_key(&mut self, sealed: Vec<u8>) -> Result<i64, StoreError> {
        let free: Option<i64> = sqlx::query_scalar("SELECT slot FROM epoch_key WHERE used = 0 LIMIT 1")
            .fetch_optional(self.transaction.read())
            .await?;
        let Some(slot) = free else {
            let slot = sqlx::query_scalar("INSERT INTO epoch_key (used, sealed_key) VALUES (1, ?1) RETURNING slot")
                .bind(sealed)
                .fetch_one(self.transaction.write().await?)
                .await?;
            return Ok(slot);
        };
        sqlx::query("UPDATE epoch_key SET used = 1, sealed_key = ?2 WHERE slot = ?1")
            .bind(slot)
            .bind(sealed)
            .execute(self.transaction.write().await?)
            .await?;
        Ok(slot)
    }

    async fn save_ballots(
        &mut self,
        group: GroupId,
        put: &[(NodeId, Vec<u8>)],
        deleted: &[NodeId],
    ) -> Result<(), StoreError> {
        for node in deleted {
            sqlx::query("DELETE FROM ballot WHERE group_id = ?1 AND node = ?2")
                .bind(group.0.as_slice())
                .bind(node.0.as_slice())
                .execute(self.transaction.write().await?)
                .await?;
        }
        for (node, bytes) in put {
            sqlx::query(
                "INSERT INTO ballot (group_id, node, bytes) VALUES (?1, ?2, ?3)
                 ON CONFLICT (group_id, node) DO UPDATE SET bytes = excluded.bytes",
            )
            .bind(group.0.as_slice())
            .bind(node.0.as_slice())
            .bind(bytes.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        }
        Ok(())
    }

    /// Remembers removed epochs, and no more of them than are of use.
    async fn save_removed(&mut self, group: GroupId, removed: &[RemovedEpoch]) -> Result<(), StoreError> {
        for removed in removed {
            sqlx::query("INSERT INTO removed_epoch (group_id, epoch, lies_elsewhere) VALUES (?1, ?2, ?3)")
                .bind(group.0.as_slice())
                .bind(removed.epoch.0.as_slice())
                .bind(removed.lies_elsewhere)
                .execute(self.transaction.write().await?)
                .await?;
        }
        if !removed.is_empty() {
            sqlx::query(
                "DELETE FROM removed_epoch WHERE group_id = ?1 AND position NOT IN
                 (SELECT position FROM removed_epoch WHERE group_id = ?1 ORDER BY position DESC LIMIT ?2)",
            )
            .bind(group.0.as_slice())
            .bind(i64::try_from(REMOVED_EPOCHS_MAX).unwrap_or(i64::MAX))
            .execute(self.transaction.write().await?)
            .await?;
        }
        Ok(())
    }

    async fn ballots(&mut self, group: GroupId) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows = sqlx::query("SELECT bytes FROM ballot WHERE group_id = ?1")
            .bind(group.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn removed(&mut self, group: GroupId) -> Result<Vec<RemovedEpoch>, StoreError> {
        let rows = sqlx::query("SELECT epoch, lies_elsewhere FROM removed_epoch WHERE group_id = ?1 ORDER BY position")
            .bind(group.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                let epoch = EpochId(fixed("removed epoch", row.try_get(0)?)?);
                Ok(RemovedEpoch { epoch, lies_elsewhere: row.try_get(1)? })
            })
            .collect()
    }

    pub(super) async fn flush_group_state(&mut self) -> Result<(), StoreError> {
        let rows: Vec<_> = std::mem::take(&mut self.pending.groups.values).into_iter().collect();
        self.insert_rows(
            "INSERT INTO epoch_state (group_id, epoch, name, sealed_value) ",
            " ON CONFLICT (group_id, epoch, name) DO UPDATE SET sealed_value = excluded.sealed_value",
            &rows,
            |mut columns, ((group, epoch, name), value)| {
                columns.push_bind(group.0.to_vec());
                columns.push_bind(epoch.0.to_vec());
                columns.push_bind(name.clone());
                columns.push_bind(value.0.clone());
            },
        )
        .await
    }

    pub(super) fn unseal(
        &self,
        what: &'static str,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.key.open(context, sealed).map_err(|_| StoreError::Damaged { what })
    }
}

impl Reader {
    /// The sealed keys of all epochs that are here, and what lies sealed under them. For the tests that look for them in
    /// the file.
    pub async fn sealed_epochs(&self) -> Result<BTreeMap<EpochId, (Vec<u8>, Vec<Vec<u8>>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT epoch.id, epoch_key.sealed_key, epoch.sealed_row FROM epoch
             JOIN epoch_key ON epoch_key.slot = epoch.key_slot",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut sealed = BTreeMap::new();
        for row in &rows {
            let epoch = EpochId(fixed("epoch", row.try_get(0)?)?);
            sealed.insert(epoch, (row.try_get(1)?, vec![row.try_get::<Vec<u8>, _>(2)?]));
        }
        let rows = sqlx::query("SELECT epoch, sealed_value FROM epoch_state").fetch_all(&self.pool).await?;
        for row in &rows {
            let epoch = EpochId(fixed("epoch state", row.try_get(0)?)?);
            if let Some((_, values)) = sealed.get_mut(&epoch) {
                values.push(row.try_get(1)?);
            }
        }
        Ok(sealed)
    }
}

fn topic_context(group: GroupId) -> Vec<u8> {
    [b"topic".as_slice(), &group.0].concat()
}

fn epoch_context(group: GroupId, epoch: EpochId) -> Vec<u8> {
    [b"epoch".as_slice(), &group.0, &epoch.0].concat()
}
