//! What members keep for each other (PROTOCOL §6.13): the envelopes of a group that are compared, and who keeps mine.

use sqlx::{QueryBuilder, Row, Sqlite};
use tidings_crypto::envelope::{EnvelopeId, EpochId, Week};
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::NodeId;

use super::{Reader, StoreError, Tx, fixed, integer, natural};
use crate::ids::{AccountId, ConversationId, MessageId, PeerKey};

/// So many envelopes are looked up at once.
const LOOKED_UP_A_STATEMENT: usize = 64;

/// Where an envelope stands among those that the members of a group compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldAt {
    /// The group.
    pub group: GroupId,
    /// The epoch that it names.
    pub epoch: EpochId,
    /// MLS's number of that epoch.
    pub number: u64,
    /// The week of its topic.
    pub week: Week,
    /// Whether somebody else wrote it.
    pub received: bool,
}

/// An envelope to give to a peer, with the row that says when it came in here.
#[derive(Debug, Clone)]
pub struct Gift {
    /// Its row: those that came in earlier have lower ones.
    pub row: i64,
    /// The envelope.
    pub id: EnvelopeId,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where it stands.
    pub at: HeldAt,
}

/// Somebody who keeps an envelope of mine for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeper {
    /// Whose node it is.
    pub peer: PeerKey,
    /// When it said so.
    pub at_ms: u64,
}

/// A keeper to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeeperRow {
    envelope: EnvelopeId,
    keeper: Keeper,
}

impl Tx<'_> {
    /// All that is compared, of all groups: flush first.
    pub async fn held(&mut self) -> Result<Vec<(GroupId, u64, Week, EnvelopeId)>, StoreError> {
        let rows = sqlx::query("SELECT group_id, number, week, id FROM envelope WHERE group_id <> x''")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                let group = GroupId(fixed("envelope", row.try_get(0)?)?);
                let id = EnvelopeId(fixed("envelope", row.try_get(3)?)?);
                Ok((group, natural(row.try_get(1)?), Week(row.try_get(2)?), id))
            })
            .collect()
    }

    /// What is compared of a group, from an epoch and a week on: flush first.
    pub async fn held_of(
        &mut self,
        group: GroupId,
        from: u64,
        week: Week,
    ) -> Result<Vec<(u64, EnvelopeId)>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, id FROM envelope WHERE group_id = ?1 AND group_id <> x'' AND number >= ?2 AND week >= ?3",
        )
        .bind(group.0.as_slice())
        .bind(integer(from))
        .bind(week.0)
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter().map(|row| Ok((natural(row.try_get(0)?), EnvelopeId(fixed("envelope", row.try_get(1)?)?)))).collect()
    }

    /// The rows of those of these envelopes of a group whose bytes are here.
    pub async fn held_rows(&mut self, group: GroupId, from: u64, ids: &[EnvelopeId]) -> Result<Vec<i64>, StoreError> {
        let mut found = Vec::new();
        for ids in ids.chunks(LOOKED_UP_A_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new("SELECT rowid FROM envelope WHERE group_id = ");
            query.push_bind(group.0.to_vec()).push(" AND number >= ").push_bind(integer(from)).push(" AND id IN (");
            let mut separated = query.separated(", ");
            for place in 0..LOOKED_UP_A_STATEMENT {
                separated.push_bind(ids.get(place).map(|id| id.0.to_vec())); // NULL equals nothing.
            }
            query.push(") AND bytes <> x''");
            for row in query.build().fetch_all(self.transaction.read()).await? {
                found.push(row.try_get(0)?);
            }
        }
        Ok(found)
    }

    /// The envelopes of these rows, in their order, as far as their bytes are still here.
    pub async fn gifts(&mut self, rows: &[i64]) -> Result<Vec<Gift>, StoreError> {
        let mut gifts = Vec::new();
        for rows in rows.chunks(LOOKED_UP_A_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT rowid, id, bytes, group_id, epoch, number, week, received FROM envelope
                 WHERE group_id <> x'' AND bytes <> x'' AND rowid IN (",
            );
            let mut separated = query.separated(", ");
            for place in 0..LOOKED_UP_A_STATEMENT {
                separated.push_bind(rows.get(place).copied());
            }
            query.push(") ORDER BY rowid");
            for row in query.build().fetch_all(self.transaction.read()).await? {
                gifts.push(Gift {
                    row: row.try_get(0)?,
                    id: EnvelopeId(fixed("envelope", row.try_get(1)?)?),
                    bytes: row.try_get(2)?,
                    at: HeldAt {
                        group: GroupId(fixed("envelope", row.try_get(3)?)?),
                        epoch: EpochId(fixed("envelope", row.try_get(4)?)?),
                        number: natural(row.try_get(5)?),
                        week: Week(row.try_get(6)?),
                        received: row.try_get(7)?,
                    },
                });
            }
        }
        Ok(gifts)
    }

    /// What is of a topic of before this week is compared no more, and of what others wrote only the id stays.
    pub async fn drop_held_before(&mut self, week: Week) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE envelope SET group_id = x'', bytes = CASE WHEN received THEN x'' ELSE bytes END
             WHERE group_id <> x'' AND week < ?1",
        )
        .bind(week.0)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// How many bytes are kept of what others wrote, by week.
    pub async fn held_bytes(&mut self) -> Result<Vec<(Week, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT week, sum(length(bytes)) FROM envelope WHERE group_id <> x'' AND received = 1 GROUP BY week",
        )
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter().map(|row| Ok((Week(row.try_get(0)?), natural(row.try_get(1)?)))).collect()
    }

    /// From which epoch on nodes are in groups, where that is not the beginning.
    pub async fn members_since(&mut self) -> Result<Vec<(GroupId, NodeId, u64)>, StoreError> {
        let rows =
            sqlx::query("SELECT group_id, node, number FROM member_since").fetch_all(self.transaction.read()).await?;
        rows.iter()
            .map(|row| {
                let group = GroupId(fixed("member_since", row.try_get(0)?)?);
                Ok((group, NodeId(fixed("member_since", row.try_get(1)?)?), natural(row.try_get(2)?)))
            })
            .collect()
    }

    /// A node is in a group from an epoch of this number on.
    pub async fn put_member_since(&mut self, group: GroupId, node: NodeId, number: u64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO member_since (group_id, node, number) VALUES (?1, ?2, ?3)
             ON CONFLICT (group_id, node) DO UPDATE SET number = excluded.number",
        )
        .bind(group.0.as_slice())
        .bind(node.0.as_slice())
        .bind(integer(number))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// The conversations in which a peer is a member's node and this node is one, too; with that node.
    pub async fn shared_with(
        &mut self,
        account: AccountId,
        peer: PeerKey,
    ) -> Result<Vec<(ConversationId, NodeId)>, StoreError> {
        let rows = sqlx::query(
            "SELECT member.conversation, member.node FROM member
             JOIN conversation ON conversation.id = member.conversation
             WHERE member.account = ?1 AND member.peer = ?2 AND conversation.standing IN (1, 4)",
        )
        .bind(account.0.as_slice())
        .bind(peer.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok((ConversationId(fixed("member", row.try_get(0)?)?), NodeId(fixed("member", row.try_get(1)?)?)))
            })
            .collect()
    }

    /// A member's node keeps an envelope of mine for the others.
    pub fn put_keeper(&mut self, envelope: EnvelopeId, peer: PeerKey, at_ms: u64) {
        self.pending.keepers.push(KeeperRow { envelope, keeper: Keeper { peer, at_ms } });
    }

    pub(super) async fn flush_keepers(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.pending.keepers);
        self.insert_rows(
            "INSERT INTO keeper (envelope, keeper, at_ms) ",
            " ON CONFLICT (envelope, keeper) DO NOTHING",
            &rows,
            |mut columns, row| {
                columns.push_bind(row.envelope.0.to_vec());
                columns.push_bind(row.keeper.peer.0.to_vec());
                columns.push_bind(integer(row.keeper.at_ms));
            },
        )
        .await
    }

    /// Who said that they keep an envelope of mine, the first first: flush first.
    pub async fn keepers(&mut self, envelope: EnvelopeId) -> Result<Vec<Keeper>, StoreError> {
        let rows = sqlx::query("SELECT keeper, at_ms FROM keeper WHERE envelope = ?1 ORDER BY at_ms, keeper")
            .bind(envelope.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(keeper_row).collect()
    }

    /// Everybody has a message of mine: who kept it matters no more.
    pub async fn drop_keepers_of(&mut self, conversation: ConversationId, sequence: u64) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM keeper WHERE envelope IN (
                 SELECT message.envelope FROM sent JOIN message ON message.id = sent.message
                 WHERE sent.conversation = ?1 AND sent.sequence = ?2)",
        )
        .bind(conversation.0.as_slice())
        .bind(integer(sequence))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// What was kept since before a time is kept no more.
    pub async fn drop_keepers(&mut self, before_ms: u64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM keeper WHERE at_ms < ?1")
            .bind(integer(before_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }
}

impl Reader {
    /// Who said that they keep a message of mine, as it is now, for the others: the first first.
    pub async fn keepers(&self, message: MessageId) -> Result<Vec<Keeper>, StoreError> {
        let rows = sqlx::query(
            "SELECT keeper.keeper, keeper.at_ms FROM message JOIN keeper ON keeper.envelope = message.envelope
             WHERE message.id = ?1 ORDER BY keeper.at_ms, keeper.keeper",
        )
        .bind(message.0.as_slice())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(keeper_row).collect()
    }
}

fn keeper_row(row: &sqlx::sqlite::SqliteRow) -> Result<Keeper, StoreError> {
    Ok(Keeper { peer: PeerKey(fixed("keeper", row.try_get(0)?)?), at_ms: natural(row.try_get(1)?) })
}
