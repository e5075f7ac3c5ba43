//! Deposits are counted on both sides: what was acknowledged to this node, and what came of what others were told is kept.

use sqlx::Row;

use super::super::{StoreError, Tx, fixed, integer, natural};
use crate::conversation::ledger::Sequences;
use crate::ids::PeerKey;
use crate::mailbox::tally::{MailboxTag, Stream};

/// A mailbox is judged by so many senders; of more nothing is written down.
const STREAMS_MAX: i64 = 10_000;

/// What came of one sender's stream from one mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TallyRow {
    /// Which numbers came.
    pub seen: Sequences,
    /// How many its sender says were acknowledged.
    pub claimed: u64,
    /// The same, when the present round of collecting began.
    pub judged: u64,
}

impl Tx<'_> {
    /// This node's stream with a reader, and how many deposits each of these mailboxes acknowledged.
    pub async fn deposit_counts(
        &mut self,
        peer: PeerKey,
        mailboxes: &[MailboxTag],
    ) -> Result<(Option<Stream>, Vec<u64>), StoreError> {
        let rows = sqlx::query("SELECT mailbox, stream, kept FROM deposit_count WHERE peer = ?1")
            .bind(peer.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        let (mut stream, mut counts) = (None, vec![0; mailboxes.len()]);
        for row in &rows {
            let mailbox: MailboxTag = fixed("deposit count", row.try_get(0)?)?;
            stream = Some(fixed("deposit count", row.try_get(1)?)?);
            for (_, count) in mailboxes.iter().zip(&mut counts).filter(|(one, _)| **one == mailbox) {
                *count = natural(row.try_get(2)?);
            }
        }
        Ok((stream, counts))
    }

    /// Deposits for a reader at this mailbox are counted from here on.
    pub async fn begin_deposits(
        &mut self,
        peer: PeerKey,
        mailbox: MailboxTag,
        stream: Stream,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO deposit_count (peer, mailbox, stream) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .bind(peer.0.as_slice())
            .bind(mailbox.as_slice())
            .bind(stream.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// So many more were acknowledged.
    pub async fn count_deposits(&mut self, peer: PeerKey, mailbox: MailboxTag, more: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE deposit_count SET kept = kept + ?3 WHERE peer = ?1 AND mailbox = ?2")
            .bind(peer.0.as_slice())
            .bind(mailbox.as_slice())
            .bind(integer(more))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// What came of a stream from a mailbox of this node.
    pub async fn tally(&mut self, mailbox: PeerKey, stream: Stream) -> Result<TallyRow, StoreError> {
        let row = sqlx::query("SELECT seen, claimed, judged FROM deposit_tally WHERE peer = ?1 AND stream = ?2")
            .bind(mailbox.0.as_slice())
            .bind(stream.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        row.as_ref().map(tally_row).transpose().map(Option::unwrap_or_default)
    }

    /// Writes down what came of a stream, unless there are too many.
    pub async fn put_tally(&mut self, mailbox: PeerKey, stream: Stream, row: &TallyRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO deposit_tally (peer, stream, seen, claimed, judged) SELECT ?1, ?2, ?3, ?4, ?5
                 WHERE (SELECT count(*) FROM deposit_tally WHERE peer = ?1 AND stream <> ?2) < ?6
             ON CONFLICT (peer, stream) DO UPDATE SET seen = excluded.seen, claimed = excluded.claimed,
                 judged = excluded.judged",
        )
        .bind(mailbox.0.as_slice())
        .bind(stream.as_slice())
        .bind(row.seen.to_bytes())
        .bind(integer(row.claimed))
        .bind(integer(row.judged))
        .bind(STREAMS_MAX)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// A round of collecting begins: what is claimed until now must have come when it is over.
    pub async fn judge_tallies(&mut self, mailbox: PeerKey) -> Result<(), StoreError> {
        let unjudged: i64 =
            sqlx::query_scalar("SELECT count(*) FROM deposit_tally WHERE peer = ?1 AND judged < claimed")
                .bind(mailbox.0.as_slice())
                .fetch_one(self.transaction.read())
                .await?;
        if unjudged > 0 {
            sqlx::query("UPDATE deposit_tally SET judged = claimed WHERE peer = ?1 AND judged < claimed")
                .bind(mailbox.0.as_slice())
                .execute(self.transaction.write().await?)
                .await?;
        }
        Ok(())
    }

    /// What came of all streams from a mailbox of this node.
    pub async fn tallies(&mut self, mailbox: PeerKey) -> Result<Vec<(Stream, TallyRow)>, StoreError> {
        let rows = sqlx::query("SELECT seen, claimed, judged, stream FROM deposit_tally WHERE peer = ?1")
            .bind(mailbox.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|row| Ok((fixed("deposit tally", row.try_get(3)?)?, tally_row(row)?))).collect()
    }
}

fn tally_row(row: &sqlx::sqlite::SqliteRow) -> Result<TallyRow, StoreError> {
    let damaged = |_| StoreError::Damaged { what: "deposit tally" };
    Ok(TallyRow {
        seen: Sequences::from_bytes(row.try_get(0)?).map_err(damaged)?,
        claimed: natural(row.try_get(1)?),
        judged: natural(row.try_get(2)?),
    })
}
