//! What the owner of this node wanted of its groups, and the lines that tell what commits changed.

use sqlx::Row;
use tidings_crypto::envelope::EpochId;
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::NodeId;

use super::{StoreError, Tx, fixed, integer, natural};
use crate::ids::{AccountId, ConversationId, MessageId};

/// A change that is wanted, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRow {
    /// Counts all intents of this node; 0 before it is kept.
    pub id: i64,
    /// The group.
    pub group: GroupId,
    /// When it was wanted.
    pub made_at_ms: u64,
    /// What, encoded.
    pub body: Vec<u8>,
    /// The epoch that this node's commit made, if one stands; or the head in which somebody else had done the same.
    pub epoch: Option<EpochId>,
    /// When to make it (again); none while its commit is on the way to the head, and when it was given up.
    pub due_ms: Option<u64>,
    /// Why it was given up; empty if it was not.
    pub dropped: String,
}

/// What a commit would say in the transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRow {
    /// The epoch that the commit made.
    pub epoch: EpochId,
    /// Who made it.
    pub author: AccountId,
    /// On which node.
    pub author_node: NodeId,
    /// When, by the committer's clock.
    pub committed_at_ms: u64,
    /// MLS's number of the epoch; 0 if it is not known.
    pub number: u64,
    /// Where the commit puts it.
    pub place: u64,
    /// The changes, encoded.
    pub body: Vec<u8>,
    /// Whether it is in the transcript.
    pub shown: bool,
}

impl Tx<'_> {
    /// Keeps an intent; returns its id.
    pub async fn put_intent(&mut self, row: &IntentRow) -> Result<i64, StoreError> {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO intent (group_id, made_at_ms, body, epoch, due_ms, dropped) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             RETURNING id",
        )
        .bind(row.group.0.as_slice())
        .bind(integer(row.made_at_ms))
        .bind(&row.body)
        .bind(row.epoch.map_or_else(Vec::new, |epoch| epoch.0.to_vec()))
        .bind(row.due_ms.map(integer))
        .bind(&row.dropped)
        .fetch_one(self.transaction.write().await?)
        .await?;
        Ok(id)
    }

    /// Writes an intent's fate.
    pub async fn set_intent(&mut self, row: &IntentRow) -> Result<(), StoreError> {
        sqlx::query("UPDATE intent SET epoch = ?2, due_ms = ?3, dropped = ?4, made_at_ms = ?5 WHERE id = ?1")
            .bind(row.id)
            .bind(row.epoch.map_or_else(Vec::new, |epoch| epoch.0.to_vec()))
            .bind(row.due_ms.map(integer))
            .bind(&row.dropped)
            .bind(integer(row.made_at_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// An intent has come to its end.
    pub async fn drop_intent(&mut self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM intent WHERE id = ?1").bind(id).execute(self.transaction.write().await?).await?;
        Ok(())
    }

    /// All intents, the oldest first.
    pub async fn intents(&mut self) -> Result<Vec<IntentRow>, StoreError> {
        let rows = sqlx::query("SELECT id, group_id, made_at_ms, body, epoch, due_ms, dropped FROM intent ORDER BY id")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                let epoch: &[u8] = row.try_get(4)?;
                Ok(IntentRow {
                    id: row.try_get(0)?,
                    group: GroupId(fixed("intent", row.try_get(1)?)?),
                    made_at_ms: natural(row.try_get(2)?),
                    body: row.try_get(3)?,
                    epoch: if epoch.is_empty() { None } else { Some(EpochId(fixed("intent", epoch)?)) },
                    due_ms: row.try_get::<Option<i64>, _>(5)?.map(natural),
                    dropped: row.try_get(6)?,
                })
            })
            .collect()
    }

    /// Keeps what a commit would say.
    pub async fn put_line(&mut self, group: GroupId, line: &LineRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO change_line (group_id, epoch, author, author_node, committed_at_ms, place, body, shown, number)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        )
        .bind(group.0.as_slice())
        .bind(line.epoch.0.as_slice())
        .bind(line.author.0.as_slice())
        .bind(line.author_node.0.as_slice())
        .bind(integer(line.committed_at_ms))
        .bind(integer(line.place))
        .bind(&line.body)
        .bind(line.shown)
        .bind(integer(line.number))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// What the commits of a group's tree say.
    pub async fn lines(&mut self, group: GroupId) -> Result<Vec<LineRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT epoch, author, author_node, committed_at_ms, place, body, shown, number FROM change_line
             WHERE group_id = ?1 ORDER BY place, epoch",
        )
        .bind(group.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(LineRow {
                    epoch: EpochId(fixed("line", row.try_get(0)?)?),
                    author: AccountId(fixed("line", row.try_get(1)?)?),
                    author_node: NodeId(fixed("line", row.try_get(2)?)?),
                    committed_at_ms: natural(row.try_get(3)?),
                    place: natural(row.try_get(4)?),
                    body: row.try_get(5)?,
                    shown: row.try_get(6)?,
                    number: natural(row.try_get(7)?),
                })
            })
            .collect()
    }

    /// A line came into the transcript or went.
    pub async fn show_line(&mut self, group: GroupId, epoch: EpochId, shown: bool) -> Result<(), StoreError> {
        sqlx::query("UPDATE change_line SET shown = ?3 WHERE group_id = ?1 AND epoch = ?2")
            .bind(group.0.as_slice())
            .bind(epoch.0.as_slice())
            .bind(shown)
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// The epoch of a line has left the tree.
    pub async fn drop_line(&mut self, group: GroupId, epoch: EpochId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM change_line WHERE group_id = ?1 AND epoch = ?2")
            .bind(group.0.as_slice())
            .bind(epoch.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Takes a line out of the transcript.
    pub async fn remove_message(&mut self, conversation: ConversationId, id: MessageId) -> Result<(), StoreError> {
        self.pending.messages.retain(|message| message.id != id);
        sqlx::query("DELETE FROM message WHERE id = ?1 AND conversation = ?2 AND kind = 1")
            .bind(id.0.as_slice())
            .bind(conversation.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }
}
