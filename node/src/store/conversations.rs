//! Conversations, their members' nodes, and what was received and proved in them.

use sqlx::Row;
use tidings_crypto::identity::NodeId;

use super::{StoreError, Tx, fixed, integer, natural};
use crate::conversation::ledger::{Progress, Sequences};
use crate::handle::{Role, Standing, role_from_number, role_number};
use crate::ids::{AccountId, ConversationId, PeerKey};

/// What a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationKind {
    /// The direct conversation with one person.
    Direct,
    /// A group.
    Group,
}

/// A conversation, as kept.
#[derive(Debug, Clone)]
pub struct ConversationRow {
    /// Its id.
    pub id: ConversationId,
    /// What it is.
    pub kind: ConversationKind,
    /// Its name; empty for a direct conversation.
    pub name: String,
    /// When it began here.
    pub created_at_ms: u64,
    /// When something last happened.
    pub last_at_ms: u64,
    /// The number of this node's next message.
    pub next_sequence: u64,
    /// The newest messages, encoded.
    pub leaves: Vec<u8>,
    /// Whether the others wait for a receipt of this node.
    pub receipt_owed: bool,
    /// Its topic line.
    pub topic: String,
    /// The hash of its picture.
    pub picture: Option<[u8; 32]>,
    /// How the owner of this node stands to it.
    pub standing: Standing,
    /// Why the invite to it was refused; empty while it was not.
    pub refused: String,
}

impl ConversationRow {
    /// A conversation that begins now, with nothing in it.
    pub fn new(id: ConversationId, kind: ConversationKind, name: String, standing: Standing, now_ms: u64) -> Self {
        Self {
            id,
            kind,
            name,
            created_at_ms: now_ms,
            last_at_ms: now_ms,
            next_sequence: 1,
            leaves: Vec::new(),
            receipt_owed: false,
            topic: String::new(),
            picture: None,
            standing,
            refused: String::new(),
        }
    }
}

/// A node of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRow {
    /// The node.
    pub node: NodeId,
    /// Its account.
    pub account: AccountId,
    /// Its peer.
    pub peer: PeerKey,
    /// What its account may do.
    pub role: Role,
}

impl Tx<'_> {
    /// Keeps a conversation, in place of what was known of it.
    pub async fn put_conversation(&mut self, row: &ConversationRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO conversation (id, kind, name, created_at_ms, last_at_ms, next_sequence, leaves, receipt_owed,
                 topic, picture, standing, refused)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, last_at_ms = excluded.last_at_ms,
                 next_sequence = excluded.next_sequence, leaves = excluded.leaves, receipt_owed = excluded.receipt_owed,
                 topic = excluded.topic, picture = excluded.picture, standing = excluded.standing,
                 refused = excluded.refused",
        )
        .bind(row.id.0.as_slice())
        .bind(match row.kind {
            ConversationKind::Direct => 1,
            ConversationKind::Group => 2,
        })
        .bind(&row.name)
        .bind(integer(row.created_at_ms))
        .bind(integer(row.last_at_ms))
        .bind(integer(row.next_sequence))
        .bind(&row.leaves)
        .bind(row.receipt_owed)
        .bind(&row.topic)
        .bind(row.picture.map_or_else(Vec::new, |hash| hash.to_vec()))
        .bind(row.standing.number())
        .bind(&row.refused)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// A conversation.
    pub async fn conversation(&mut self, id: ConversationId) -> Result<Option<ConversationRow>, StoreError> {
        let row = sqlx::query(
            "SELECT kind, name, created_at_ms, last_at_ms, next_sequence, leaves, receipt_owed, topic, picture, standing,
                 refused
             FROM conversation WHERE id = ?1",
        )
        .bind(id.0.as_slice())
        .fetch_optional(self.transaction.read())
        .await?;
        row.map(|row| {
            Ok(ConversationRow {
                id,
                kind: kind(row.try_get(0)?),
                name: row.try_get(1)?,
                created_at_ms: natural(row.try_get(2)?),
                last_at_ms: natural(row.try_get(3)?),
                next_sequence: natural(row.try_get(4)?),
                leaves: row.try_get(5)?,
                receipt_owed: row.try_get(6)?,
                topic: row.try_get(7)?,
                picture: picture(row.try_get(8)?)?,
                standing: standing(row.try_get(9)?)?,
                refused: row.try_get(10)?,
            })
        })
        .transpose()
    }

    /// Conversations in which the others wait for a receipt.
    pub async fn receipts_owed(&mut self) -> Result<Vec<ConversationId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>("SELECT id FROM conversation WHERE receipt_owed = 1")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|id| Ok(ConversationId(fixed("conversation", id)?))).collect()
    }

    /// Sets the nodes of a conversation's members.
    pub async fn put_members(&mut self, conversation: ConversationId, members: &[MemberRow]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM member WHERE conversation = ?1")
            .bind(conversation.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        self.insert_rows(
            "INSERT INTO member (conversation, node, account, peer, role) ",
            "",
            members,
            |mut columns, member| {
                columns.push_bind(conversation.0.to_vec());
                columns.push_bind(member.node.0.to_vec());
                columns.push_bind(member.account.0.to_vec());
                columns.push_bind(member.peer.0.to_vec());
                columns.push_bind(role_number(member.role));
            },
        )
        .await
    }

    /// The nodes of a conversation's members.
    pub async fn members(&mut self, conversation: ConversationId) -> Result<Vec<MemberRow>, StoreError> {
        let rows = sqlx::query("SELECT node, account, peer, role FROM member WHERE conversation = ?1")
            .bind(conversation.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(MemberRow {
                    node: NodeId(fixed("member", row.try_get(0)?)?),
                    account: AccountId(fixed("member", row.try_get(1)?)?),
                    peer: PeerKey(fixed("member", row.try_get(2)?)?),
                    role: role(row.try_get(3)?)?,
                })
            })
            .collect()
    }

    /// The conversations in which an account is.
    pub async fn conversations_with(&mut self, account: AccountId) -> Result<Vec<ConversationId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>("SELECT DISTINCT conversation FROM member WHERE account = ?1")
            .bind(account.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|id| Ok(ConversationId(fixed("member", id)?))).collect()
    }

    /// The peers of all members' nodes, with their accounts.
    pub async fn member_peers(&mut self) -> Result<Vec<(AccountId, PeerKey)>, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT account, peer FROM member").fetch_all(self.transaction.read()).await?;
        rows.iter()
            .map(|row| Ok((AccountId(fixed("member", row.try_get(0)?)?), PeerKey(fixed("member", row.try_get(1)?)?))))
            .collect()
    }

    /// What this node received of each author's node.
    pub async fn received(&mut self, conversation: ConversationId) -> Result<Vec<(NodeId, Progress)>, StoreError> {
        let rows = sqlx::query("SELECT author_node, received, seen FROM received WHERE conversation = ?1")
            .bind(conversation.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(progress_row).collect()
    }

    /// The authors' nodes that wait for a receipt.
    pub async fn receipts_owed_to(&mut self, conversation: ConversationId) -> Result<Vec<NodeId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT author_node FROM received WHERE conversation = ?1 AND receipt_owed = 1",
        )
        .bind(conversation.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter().map(|id| Ok(NodeId(fixed("received", id)?))).collect()
    }

    /// Sets what this node received of an author's node, and whether that waits for a receipt.
    pub async fn put_received(
        &mut self,
        conversation: ConversationId,
        author: NodeId,
        progress: &Progress,
        receipt_owed: bool,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO received (conversation, author_node, received, seen, receipt_owed) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (conversation, author_node) DO UPDATE SET received = excluded.received, seen = excluded.seen,
                 receipt_owed = excluded.receipt_owed",
        )
        .bind(conversation.0.as_slice())
        .bind(author.0.as_slice())
        .bind(progress.delivered.to_bytes())
        .bind(progress.seen.to_bytes())
        .bind(receipt_owed)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// What each reader's node proved of my messages.
    pub async fn ledger(&mut self, conversation: ConversationId) -> Result<Vec<(NodeId, Progress)>, StoreError> {
        let rows = sqlx::query("SELECT reader_node, delivered, seen, stored FROM ledger WHERE conversation = ?1")
            .bind(conversation.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(progress_row).collect()
    }

    /// Sets what a reader's node proved.
    pub async fn put_ledger(
        &mut self,
        conversation: ConversationId,
        reader: NodeId,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO ledger (conversation, reader_node, delivered, seen) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (conversation, reader_node) DO UPDATE SET delivered = excluded.delivered, seen = excluded.seen",
        )
        .bind(conversation.0.as_slice())
        .bind(reader.0.as_slice())
        .bind(progress.delivered.to_bytes())
        .bind(progress.seen.to_bytes())
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// Remembers when a part was proved: `seen`, or else delivered.
    pub async fn put_progress(
        &mut self,
        conversation: ConversationId,
        reader: NodeId,
        seen: bool,
        range: (u64, u64),
        now_ms: u64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO progress (conversation, reader_node, state, first_sequence, last_sequence, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )
        .bind(conversation.0.as_slice())
        .bind(reader.0.as_slice())
        .bind(if seen { 2 } else { 1 })
        .bind(integer(range.0))
        .bind(integer(range.1))
        .bind(integer(now_ms))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }
}

/// A role from its number.
pub(super) fn role(number: u8) -> Result<Role, StoreError> {
    role_from_number(number).ok_or(StoreError::Damaged { what: "member" })
}

/// A standing from its number.
pub(super) fn standing(number: u8) -> Result<Standing, StoreError> {
    Standing::from_number(number).ok_or(StoreError::Damaged { what: "conversation" })
}

/// A picture's hash; empty bytes are none.
pub(super) fn picture(bytes: &[u8]) -> Result<Option<[u8; 32]>, StoreError> {
    if bytes.is_empty() { Ok(None) } else { fixed("conversation", bytes).map(Some) }
}

pub(super) fn kind(number: i64) -> ConversationKind {
    if number == 1 { ConversationKind::Direct } else { ConversationKind::Group }
}

/// A row of (node, delivered, seen) or of (node, delivered, seen, stored).
pub(super) fn progress_row(row: &sqlx::sqlite::SqliteRow) -> Result<(NodeId, Progress), StoreError> {
    let damaged = |_| StoreError::Damaged { what: "ledger" };
    let progress = Progress {
        delivered: Sequences::from_bytes(row.try_get(1)?).map_err(damaged)?,
        seen: Sequences::from_bytes(row.try_get(2)?).map_err(damaged)?,
        stored: match row.len() {
            3 => Sequences::default(),
            _ => Sequences::from_bytes(row.try_get(3)?).map_err(damaged)?,
        },
    };
    Ok((NodeId(fixed("ledger", row.try_get(0)?)?), progress))
}
