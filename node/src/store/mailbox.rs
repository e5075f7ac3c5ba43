//! Mailboxes: those of this node, what it deposited for others, and what it keeps for others.

mod hosting;
mod tallies;

use rand_chacha::ChaCha20Rng;
use sqlx::Row;
use tidings_crypto::codec::{Reader as BytesReader, Writer};
use tidings_crypto::identity::NodeId;
use zeroize::Zeroizing;

use super::{Reader, StoreError, Tx, fixed, integer, natural};
use crate::conversation::ledger::Sequences;
use crate::ids::{Address, ConversationId, PeerKey};
use crate::outbox::Kind;

pub use self::tallies::TallyRow;

const ADDRESSES_MAX: usize = 16;
const ADDRESS_BYTES_MAX: usize = 128;

/// A mailbox of this node.
#[derive(Clone, PartialEq, Eq)]
pub struct MailboxRow {
    /// The node that keeps what is deposited.
    pub peer: PeerKey,
    /// What the owner of this node calls it.
    pub name: String,
    /// Where it may be reached.
    pub addresses: Vec<Address>,
    /// Whoever shows it may deposit.
    pub token: [u8; 32],
    /// The word that it asked for; zeros if it serves a contact.
    pub admission: Zeroizing<[u8; 32]>,
    /// Since when it is used.
    pub used_since_ms: u64,
    /// When it said first that it serves this node.
    pub opened_at_ms: Option<u64>,
    /// When all that it kept was collected last.
    pub collected_at_ms: Option<u64>,
    /// Why it does not serve this node; empty if it does, or has not answered.
    pub refused: String,
    /// How much it did not give that it had acknowledged …
    pub missing: u64,
    /// … as so many senders say.
    pub missing_says: u64,
    /// When a test envelope came back from it last.
    pub proved_at_ms: Option<u64>,
    /// Why the last one did not; empty if it did, or is under way.
    pub unproved: String,
}

/// The columns of a [`Mailbox`](crate::handle::Mailbox), in order.
const VIEWED: &str = "peer, name, used_since_ms, opened_at_ms, collected_at_ms, refused, missing, missing_says,
    proved_at_ms, unproved";

impl MailboxRow {
    /// For people.
    pub fn view(&self) -> crate::handle::Mailbox {
        crate::handle::Mailbox {
            peer: self.peer,
            name: self.name.clone(),
            used_since_ms: self.used_since_ms,
            opened_at_ms: self.opened_at_ms,
            collected_at_ms: self.collected_at_ms,
            refused: self.refused.clone(),
            online: false,
            missing: self.missing,
            missing_says: self.missing_says,
            proved_at_ms: self.proved_at_ms,
            unproved: self.unproved.clone(),
        }
    }
}

impl std::fmt::Debug for MailboxRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailboxRow").field("peer", &self.peer).field("refused", &self.refused).finish_non_exhaustive()
    }
}

/// A row of the outbox that is to be deposited.
#[derive(Debug, Clone)]
pub struct Depositable {
    /// The row.
    pub id: i64,
    /// The conversation.
    pub conversation: ConversationId,
    /// Whose node is owed it.
    pub node: NodeId,
    /// My message's number; 0 for what is no message.
    pub sequence: u64,
    /// The envelope's bytes.
    pub bytes: Vec<u8>,
}

impl Tx<'_> {
    /// The mailboxes of this node.
    pub async fn mailboxes(&mut self) -> Result<Vec<MailboxRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT peer, name, addresses, token, sealed_admission, used_since_ms, opened_at_ms, collected_at_ms, refused,
                 missing, missing_says, proved_at_ms, unproved
             FROM mailbox ORDER BY used_since_ms, peer",
        )
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                let peer = PeerKey(fixed("mailbox", row.try_get(0)?)?);
                let admission = self.unseal("mailbox", &context(peer), row.try_get(4)?)?;
                Ok(MailboxRow {
                    peer,
                    name: row.try_get(1)?,
                    addresses: addresses_from(row.try_get(2)?)?,
                    token: fixed("mailbox", row.try_get(3)?)?,
                    admission: Zeroizing::new(fixed("mailbox", &admission)?),
                    used_since_ms: natural(row.try_get(5)?),
                    opened_at_ms: row.try_get::<Option<i64>, _>(6)?.map(natural),
                    collected_at_ms: row.try_get::<Option<i64>, _>(7)?.map(natural),
                    refused: row.try_get(8)?,
                    missing: natural(row.try_get(9)?),
                    missing_says: natural(row.try_get(10)?),
                    proved_at_ms: row.try_get::<Option<i64>, _>(11)?.map(natural),
                    unproved: row.try_get(12)?,
                })
            })
            .collect()
    }

    /// Keeps a mailbox of this node.
    pub async fn put_mailbox(&mut self, row: &MailboxRow, rng: &mut ChaCha20Rng) -> Result<(), StoreError> {
        let sealed = self.key.seal(&context(row.peer), row.admission.as_slice(), rng);
        sqlx::query(
            "INSERT INTO mailbox (peer, name, addresses, token, sealed_admission, used_since_ms, opened_at_ms,
                 collected_at_ms, refused, missing, missing_says, proved_at_ms, unproved)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (peer) DO UPDATE SET name = excluded.name, addresses = excluded.addresses,
                 token = excluded.token, sealed_admission = excluded.sealed_admission,
                 opened_at_ms = excluded.opened_at_ms, collected_at_ms = excluded.collected_at_ms,
                 refused = excluded.refused, missing = excluded.missing, missing_says = excluded.missing_says,
                 proved_at_ms = excluded.proved_at_ms, unproved = excluded.unproved",
        )
        .bind(row.peer.0.as_slice())
        .bind(&row.name)
        .bind(addresses_to(&row.addresses))
        .bind(row.token.as_slice())
        .bind(sealed)
        .bind(integer(row.used_since_ms))
        .bind(row.opened_at_ms.map(integer))
        .bind(row.collected_at_ms.map(integer))
        .bind(&row.refused)
        .bind(integer(row.missing))
        .bind(integer(row.missing_says))
        .bind(row.proved_at_ms.map(integer))
        .bind(&row.unproved)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// All that a mailbox kept was collected.
    pub async fn mailbox_collected(&mut self, peer: PeerKey, now_ms: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE mailbox SET collected_at_ms = ?2 WHERE peer = ?1")
            .bind(peer.0.as_slice())
            .bind(integer(now_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// This mailbox is used no longer.
    pub async fn drop_mailbox(&mut self, peer: PeerKey) -> Result<(), StoreError> {
        for delete in ["DELETE FROM mailbox WHERE peer = ?1", "DELETE FROM deposit_tally WHERE peer = ?1"] {
            sqlx::query(delete).bind(peer.0.as_slice()).execute(self.transaction.write().await?).await?;
        }
        Ok(())
    }

    /// Who is owed something. Flush first.
    pub async fn owed_peers(&mut self) -> Result<Vec<PeerKey>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>("SELECT DISTINCT peer FROM outbox")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|peer| Ok(PeerKey(fixed("outbox", peer)?))).collect()
    }

    /// What a peer is owed that does not lie at this mailbox of theirs yet, in the order in which it was made. Flush first.
    pub async fn depositable(
        &mut self,
        peer: PeerKey,
        keeper: PeerKey,
        limit: usize,
    ) -> Result<Vec<Depositable>, StoreError> {
        let rows = sqlx::query(
            "SELECT outbox.id, outbox.conversation, outbox.node, outbox.kind, outbox.sequence, envelope.bytes FROM outbox
             JOIN envelope ON envelope.id = outbox.envelope
             WHERE outbox.peer = ?1
                 AND outbox.id > coalesce((SELECT up_to FROM deposited WHERE peer = ?1 AND keeper = ?2), 0)
             ORDER BY outbox.id LIMIT ?3",
        )
        .bind(peer.0.as_slice())
        .bind(keeper.0.as_slice())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                let is_message = row.try_get::<i64, _>(3)? == Kind::Message.number();
                Ok(Depositable {
                    id: row.try_get(0)?,
                    conversation: ConversationId(fixed("outbox", row.try_get(1)?)?),
                    node: NodeId(fixed("outbox", row.try_get(2)?)?),
                    sequence: if is_message { natural(row.try_get(4)?) } else { 0 },
                    bytes: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// When the next row that a peer is owed and that does not lie at this mailbox is due. Flush first.
    pub async fn depositable_due_ms(&mut self, peer: PeerKey, keeper: PeerKey) -> Result<Option<u64>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT min(next_attempt_ms) FROM outbox WHERE peer = ?1
                 AND id > coalesce((SELECT up_to FROM deposited WHERE peer = ?1 AND keeper = ?2), 0)",
        )
        .bind(peer.0.as_slice())
        .bind(keeper.0.as_slice())
        .fetch_one(self.transaction.read())
        .await?;
        Ok(due.map(natural))
    }

    /// All that a peer is owed up to this row lies at this mailbox of theirs.
    pub async fn set_deposited(&mut self, peer: PeerKey, keeper: PeerKey, up_to: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO deposited (peer, keeper, up_to) VALUES (?1, ?2, ?3)
             ON CONFLICT (peer, keeper) DO UPDATE SET up_to = excluded.up_to",
        )
        .bind(peer.0.as_slice())
        .bind(keeper.0.as_slice())
        .bind(up_to)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// A mailbox keeps these messages of mine for a reader's node: `stored` is all that any keeps for it.
    pub async fn put_stored(
        &mut self,
        conversation: ConversationId,
        reader: NodeId,
        keeper: PeerKey,
        range: (u64, u64),
        stored: &Sequences,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let empty = Sequences::default().to_bytes();
        sqlx::query(
            "INSERT INTO ledger (conversation, reader_node, delivered, seen, stored) VALUES (?1, ?2, ?3, ?3, ?4)
             ON CONFLICT (conversation, reader_node) DO UPDATE SET stored = excluded.stored",
        )
        .bind(conversation.0.as_slice())
        .bind(reader.0.as_slice())
        .bind(empty)
        .bind(stored.to_bytes())
        .execute(self.transaction.write().await?)
        .await?;
        sqlx::query(
            "INSERT INTO stored (conversation, reader_node, keeper, first_sequence, last_sequence, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )
        .bind(conversation.0.as_slice())
        .bind(reader.0.as_slice())
        .bind(keeper.0.as_slice())
        .bind(integer(range.0))
        .bind(integer(range.1))
        .bind(integer(now_ms))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// These messages are with the reader's node: who kept them for it does not matter any more.
    pub async fn drop_stored(
        &mut self,
        conversation: ConversationId,
        reader: NodeId,
        range: (u64, u64),
    ) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM stored WHERE conversation = ?1 AND reader_node = ?2
                 AND first_sequence >= ?3 AND last_sequence <= ?4",
        )
        .bind(conversation.0.as_slice())
        .bind(reader.0.as_slice())
        .bind(integer(range.0))
        .bind(integer(range.1))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }
}

impl Reader {
    /// How many deposits are kept for others.
    pub async fn deposits_kept(&self) -> Result<u64, StoreError> {
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM mailbox_item").fetch_one(&self.pool).await?;
        Ok(natural(kept))
    }

    /// Of how many queues there is what others need to add their owners.
    pub async fn prekeys_kept(&self) -> Result<u64, StoreError> {
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM mailbox_prekeys").fetch_one(&self.pool).await?;
        Ok(natural(kept))
    }

    /// The mailboxes of this node, for people.
    pub async fn mailboxes(&self) -> Result<Vec<crate::handle::Mailbox>, StoreError> {
        let select = format!("SELECT {VIEWED} FROM mailbox ORDER BY used_since_ms, peer");
        let rows = sqlx::query(sqlx::AssertSqlSafe(select)).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(crate::handle::Mailbox {
                    peer: PeerKey(fixed("mailbox", row.try_get(0)?)?),
                    name: row.try_get(1)?,
                    used_since_ms: natural(row.try_get(2)?),
                    opened_at_ms: row.try_get::<Option<i64>, _>(3)?.map(natural),
                    collected_at_ms: row.try_get::<Option<i64>, _>(4)?.map(natural),
                    refused: row.try_get(5)?,
                    online: false,
                    missing: natural(row.try_get(6)?),
                    missing_says: natural(row.try_get(7)?),
                    proved_at_ms: row.try_get::<Option<i64>, _>(8)?.map(natural),
                    unproved: row.try_get(9)?,
                })
            })
            .collect()
    }
}

fn context(peer: PeerKey) -> Vec<u8> {
    [b"mailbox".as_slice(), &peer.0].concat()
}

fn addresses_to(addresses: &[Address]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.count(addresses.len());
    for address in addresses {
        writer.bytes(&address.0);
    }
    writer.into_bytes()
}

fn addresses_from(bytes: &[u8]) -> Result<Vec<Address>, StoreError> {
    let damaged = |_| StoreError::Damaged { what: "mailbox" };
    let mut reader = BytesReader::new(bytes);
    let count = reader.count("the list of addresses", ADDRESSES_MAX).map_err(damaged)?;
    let mut read = || Ok(Address(reader.bytes("an address", ADDRESS_BYTES_MAX).map_err(damaged)?.to_vec()));
    (0..count).map(|_| read()).collect()
}
