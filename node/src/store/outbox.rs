//! What is owed to whom.

use sqlx::Row;
use tidings_crypto::envelope::EnvelopeId;
use tidings_crypto::identity::NodeId;

use super::{StoreError, Tx, fixed, integer, natural};
use crate::engine::Unsettled;
use crate::ids::{ConversationId, PeerKey};
use crate::outbox::{Kind, LATER_ATTEMPTS_MAX, STATEMENT_ATTEMPTS_MAX};

/// What is owed to a node from before it was added again is offered this often more.
const ATTEMPTS_AFTER_COMING_IN: u32 = 2;

/// An envelope that one node is owed.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    /// The node's peer.
    pub peer: PeerKey,
    /// The node.
    pub node: NodeId,
    /// What it is.
    pub kind: Kind,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// My message's number; 0 for what is not a message.
    pub sequence: u64,
    /// The envelope.
    pub envelope: EnvelopeId,
    /// When to push it.
    pub next_attempt_ms: u64,
}

/// A row that is due, with the envelope's bytes.
#[derive(Debug, Clone)]
pub struct Due {
    /// The row.
    pub id: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// The envelope's bytes.
    pub bytes: Vec<u8>,
    /// The envelope, if it is a message, and of which conversation.
    pub message: Option<(ConversationId, EnvelopeId)>,
}

/// A row that was taken out.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The conversation.
    pub conversation: ConversationId,
    /// Whose node was owed it.
    pub node: NodeId,
    /// That node's peer.
    pub peer: PeerKey,
    /// Whether it is a message of mine.
    pub is_message: bool,
    /// Whether it is a welcome.
    pub is_welcome: bool,
    /// Whether it is what a node says for its owner, and no message.
    pub is_statement: bool,
    /// My message's number.
    pub sequence: u64,
    /// The envelope.
    pub envelope: EnvelopeId,
}

/// So many rows are settled at once.
const SETTLED_A_STATEMENT: usize = 8;

impl Tx<'_> {
    /// Who is owed messages of mine: how many, and since when the oldest waits. Flush first.
    pub async fn owed_messages(&mut self) -> Result<Vec<(PeerKey, u64, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT outbox.peer, count(*), min(sent.sent_at_ms) FROM outbox
             JOIN sent ON sent.conversation = outbox.conversation AND sent.sequence = outbox.sequence
             WHERE outbox.kind = ?1 GROUP BY outbox.peer ORDER BY min(sent.sent_at_ms)",
        )
        .bind(Kind::Message.number())
        .fetch_all(self.transaction.read())
        .await?;
        let owed = |row: &sqlx::sqlite::SqliteRow| {
            Ok((PeerKey(fixed("outbox", row.try_get(0)?)?), natural(row.try_get(1)?), natural(row.try_get(2)?)))
        };
        rows.iter().map(owed).collect()
    }

    /// Owes an envelope to a node.
    pub fn put_outbox(&mut self, row: OutboxRow) {
        self.pending.outbox.push(row);
    }

    pub(super) async fn flush_outbox(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.pending.outbox);
        self.insert_rows(
            "INSERT INTO outbox (peer, node, kind, conversation, sequence, envelope, next_attempt_ms) ",
            "",
            &rows,
            |mut columns, row| {
                columns.push_bind(row.peer.0.to_vec());
                columns.push_bind(row.node.0.to_vec());
                columns.push_bind(row.kind.number());
                columns.push_bind(row.conversation.0.to_vec());
                columns.push_bind(integer(row.sequence));
                columns.push_bind(row.envelope.0.to_vec());
                columns.push_bind(integer(row.next_attempt_ms));
            },
        )
        .await
    }

    /// What a peer is owed: rows after `after_id` (in the order they were made) that are due by `due_ms`, each with all
    /// earlier rows of its conversation, due or not. A message must not overtake those before it further than the
    /// ratchet reaches, or they could never be read.
    pub async fn due(
        &mut self,
        peer: PeerKey,
        after_id: i64,
        due_ms: u64,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        let rows = sqlx::query(
            "WITH last AS MATERIALIZED (
                 SELECT conversation, max(id) AS id FROM outbox
                 WHERE peer = ?1 AND kind NOT IN (?5, ?6) AND next_attempt_ms <= ?3 GROUP BY conversation)
             SELECT outbox.id, outbox.attempts, envelope.bytes, outbox.kind, outbox.conversation, outbox.envelope FROM outbox
             JOIN envelope ON envelope.id = outbox.envelope
             LEFT JOIN last ON last.conversation = outbox.conversation
             WHERE outbox.peer = ?1 AND outbox.id > ?2
                 AND (outbox.next_attempt_ms <= ?3 OR (outbox.kind NOT IN (?5, ?6) AND outbox.id < last.id))
             ORDER BY outbox.id LIMIT ?4",
        )
        .bind(peer.0.as_slice())
        .bind(after_id)
        .bind(integer(due_ms))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(Kind::Receipt.number())
        .bind(Kind::Ballot.number())
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                let is_message = row.try_get::<i64, _>(3)? == Kind::Message.number();
                let conversation = ConversationId(fixed("outbox", row.try_get(4)?)?);
                let envelope = EnvelopeId(fixed("outbox", row.try_get(5)?)?);
                Ok(Due {
                    id: row.try_get(0)?,
                    attempts: row.try_get(1)?,
                    bytes: row.try_get(2)?,
                    message: is_message.then_some((conversation, envelope)),
                })
            })
            .collect()
    }

    /// The clock was set back: nothing waits longer than it would have by the new time.
    pub async fn hasten_all(&mut self, latest_ms: u64, latest_update_ms: u64) -> Result<(), StoreError> {
        for (statement, at_ms) in [
            ("UPDATE outbox SET next_attempt_ms = ?1 WHERE next_attempt_ms > ?1", latest_ms),
            ("UPDATE mls_group SET update_due_ms = ?1 WHERE update_due_ms > ?1", latest_update_ms),
            ("UPDATE intent SET due_ms = ?1 WHERE due_ms > ?1", latest_ms),
        ] {
            sqlx::query(statement).bind(integer(at_ms)).execute(self.transaction.write().await?).await?;
        }
        Ok(())
    }

    /// When the next row of a peer is due.
    pub async fn next_due_ms(&mut self, peer: PeerKey) -> Result<Option<u64>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar("SELECT min(next_attempt_ms) FROM outbox WHERE peer = ?1")
            .bind(peer.0.as_slice())
            .fetch_one(self.transaction.read())
            .await?;
        Ok(due.map(natural))
    }

    /// These rows were tried.
    pub async fn attempted(&mut self, ids: &[i64], next_attempt_ms: u64) -> Result<(), StoreError> {
        for id in ids {
            sqlx::query("UPDATE outbox SET attempts = attempts + 1, next_attempt_ms = ?2 WHERE id = ?1")
                .bind(id)
                .bind(integer(next_attempt_ms))
                .execute(self.transaction.write().await?)
                .await?;
        }
        Ok(())
    }

    /// The recipient's node keeps these.
    pub async fn settle(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        if let [id] = ids {
            sqlx::query("DELETE FROM outbox WHERE id = ?1").bind(id).execute(self.transaction.write().await?).await?;
            return Ok(());
        }
        for ids in ids.chunks(SETTLED_A_STATEMENT) {
            let mut query = sqlx::query("DELETE FROM outbox WHERE id IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
            for place in 0..SETTLED_A_STATEMENT {
                query = query.bind(ids.get(place)); // NULL equals nothing.
            }
            query.execute(self.transaction.write().await?).await?;
        }
        Ok(())
    }

    /// A receipt of this node proves that it holds my messages `first..=last`.
    pub async fn settle_messages(
        &mut self,
        conversation: ConversationId,
        node: NodeId,
        first: u64,
        last: u64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM outbox WHERE conversation = ?1 AND node = ?2 AND kind = ?3 AND sequence BETWEEN ?4 AND ?5",
        )
        .bind(conversation.0.as_slice())
        .bind(node.0.as_slice())
        .bind(Kind::Message.number())
        .bind(integer(first))
        .bind(integer(last))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// A newer receipt says all that the older ones to this node said.
    pub async fn drop_receipts(&mut self, conversation: ConversationId, node: NodeId) -> Result<(), StoreError> {
        let older = |row: &OutboxRow| row.conversation == conversation && row.node == node && row.kind == Kind::Receipt;
        self.pending.outbox.retain(|row| !older(row));
        sqlx::query("DELETE FROM outbox WHERE conversation = ?1 AND kind = ?2 AND sequence = 0 AND node = ?3")
            .bind(conversation.0.as_slice())
            .bind(Kind::Receipt.number())
            .bind(node.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// A newer ballot or statement says all that the one before of this number said, and a message goes in another envelope
    /// now: the one before is owed to nobody. Flush first.
    pub async fn drop_numbered(
        &mut self,
        conversation: ConversationId,
        kind: Kind,
        number: u64,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE conversation = ?1 AND kind = ?2 AND sequence = ?3")
            .bind(conversation.0.as_slice())
            .bind(kind.number())
            .bind(integer(number))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Lets go of the Welcomes into a conversation that are owed to a node.
    pub async fn drop_owed_welcomes(&mut self, conversation: ConversationId, node: NodeId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE conversation = ?1 AND kind = ?2 AND node = ?3")
            .bind(conversation.0.as_slice())
            .bind(Kind::Welcome.number())
            .bind(node.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Takes out a row, and says what it was.
    pub async fn take_owed(&mut self, id: i64) -> Result<Option<Taken>, StoreError> {
        let row = sqlx::query(
            "DELETE FROM outbox WHERE id = ?1 RETURNING conversation, node, peer, kind, sequence, envelope",
        )
        .bind(id)
        .fetch_optional(self.transaction.write().await?)
        .await?;
        row.map(|row| owed_row(&row)).transpose()
    }

    /// What a row is.
    pub async fn owed(&mut self, id: i64) -> Result<Option<Taken>, StoreError> {
        let row = sqlx::query("SELECT conversation, node, peer, kind, sequence, envelope FROM outbox WHERE id = ?1")
            .bind(id)
            .fetch_optional(self.transaction.read())
            .await?;
        row.map(|row| owed_row(&row)).transpose()
    }

    /// A node came back into a group and forgot all from before: commits, receipts and ballots of then say nothing to
    /// it, and a message of then is said again as soon as it answers *later*. Flush first.
    pub async fn node_came_back(&mut self, conversation: ConversationId, node: NodeId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE conversation = ?1 AND node = ?2 AND kind NOT IN (?3, ?4)")
            .bind(conversation.0.as_slice())
            .bind(node.0.as_slice())
            .bind(Kind::Welcome.number())
            .bind(Kind::Message.number())
            .execute(self.transaction.write().await?)
            .await?;
        sqlx::query(
            "UPDATE outbox SET attempts = max(attempts, ?3) WHERE conversation = ?1 AND node = ?2 AND kind = ?4",
        )
        .bind(conversation.0.as_slice())
        .bind(node.0.as_slice())
        .bind(LATER_ATTEMPTS_MAX)
        .bind(Kind::Message.number())
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// A node was added again. What is on its way since it was removed may be of a branch that it never sees: if it cannot
    /// place that it is given up soon, and a message is said again. Flush first.
    pub async fn node_came_in(&mut self, conversation: ConversationId, node: NodeId) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outbox SET attempts = max(attempts, CASE WHEN kind = ?3 THEN ?4 ELSE ?5 END)
             WHERE conversation = ?1 AND node = ?2 AND kind != ?6",
        )
        .bind(conversation.0.as_slice())
        .bind(node.0.as_slice())
        .bind(Kind::Message.number())
        .bind(LATER_ATTEMPTS_MAX)
        .bind(STATEMENT_ATTEMPTS_MAX.saturating_sub(ATTEMPTS_AFTER_COMING_IN))
        .bind(Kind::Welcome.number())
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// This node is no member any more: what it holds and votes for is nothing to the others. Flush first.
    pub async fn drop_own_statements(&mut self, conversation: ConversationId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE conversation = ?1 AND kind IN (?2, ?3)")
            .bind(conversation.0.as_slice())
            .bind(Kind::Receipt.number())
            .bind(Kind::Ballot.number())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// The nodes that are owed something of a conversation: flush first.
    pub async fn owed_nodes(&mut self, conversation: ConversationId) -> Result<Vec<NodeId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>("SELECT DISTINCT node FROM outbox WHERE conversation = ?1")
            .bind(conversation.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|node| Ok(NodeId(fixed("outbox", node)?))).collect()
    }

    /// A node is no member any more: of this conversation it is owed commits and welcomes and nothing else.
    pub async fn drop_owed_to(&mut self, conversation: ConversationId, node: NodeId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE conversation = ?1 AND node = ?2 AND kind NOT IN (?3, ?4)")
            .bind(conversation.0.as_slice())
            .bind(node.0.as_slice())
            .bind(Kind::Welcome.number())
            .bind(Kind::Commit.number())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// The nodes that are owed a message of mine: flush first.
    pub async fn message_owed_to(
        &mut self,
        conversation: ConversationId,
        sequence: u64,
    ) -> Result<Vec<NodeId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT node FROM outbox WHERE conversation = ?1 AND kind = ?2 AND sequence = ?3",
        )
        .bind(conversation.0.as_slice())
        .bind(Kind::Message.number())
        .bind(integer(sequence))
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter().map(|node| Ok(NodeId(fixed("outbox", node)?))).collect()
    }

    /// What is parked and what is owed.
    pub async fn unsettled(&mut self) -> Result<Unsettled, StoreError> {
        let row = sqlx::query("SELECT (SELECT count(*) FROM parked), (SELECT count(*) FROM outbox)")
            .fetch_one(self.transaction.read())
            .await?;
        Ok(Unsettled { parked: natural(row.try_get(0)?), owed: natural(row.try_get(1)?) })
    }

    /// Gossip did not carry this message or commit: push it now. Returns whose turn it is.
    pub async fn hasten(
        &mut self,
        conversation: ConversationId,
        kind: Kind,
        sequence: u64,
        now_ms: u64,
    ) -> Result<Vec<PeerKey>, StoreError> {
        let peers = sqlx::query_scalar::<_, Vec<u8>>(
            "UPDATE outbox SET next_attempt_ms = ?4 WHERE conversation = ?1 AND kind = ?2 AND sequence = ?3 RETURNING peer",
        )
        .bind(conversation.0.as_slice())
        .bind(kind.number())
        .bind(integer(sequence))
        .bind(integer(now_ms))
        .fetch_all(self.transaction.write().await?)
        .await?;
        peers.iter().map(|peer| Ok(PeerKey(fixed("outbox", peer)?))).collect()
    }
}

fn owed_row(row: &sqlx::sqlite::SqliteRow) -> Result<Taken, StoreError> {
    let kind: i64 = row.try_get(3)?;
    Ok(Taken {
        conversation: ConversationId(fixed("outbox", row.try_get(0)?)?),
        node: NodeId(fixed("outbox", row.try_get(1)?)?),
        peer: PeerKey(fixed("outbox", row.try_get(2)?)?),
        is_message: kind == Kind::Message.number(),
        is_welcome: kind == Kind::Welcome.number(),
        is_statement: kind == Kind::Statement.number(),
        sequence: natural(row.try_get(4)?),
        envelope: EnvelopeId(fixed("outbox", row.try_get(5)?)?),
    })
}
