//! Key packages: the secrets of those that this node handed out, and those of others for later.

use rand_chacha::ChaCha20Rng;
use sqlx::Row;
use tidings_crypto::group::Suite;
use tidings_crypto::identity::NodeId;
use zeroize::Zeroizing;

use super::{StoreError, Tx, fixed, integer, natural};
use crate::ids::PeerKey;

/// How often a key package may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPackageUse {
    /// Once.
    Once,
    /// Any number of times: it stands on the card.
    LastResort,
    /// Any number of times, in hybrid groups: it lies at the mailboxes.
    LastResortHybrid,
}

impl KeyPackageUse {
    fn number(self) -> i64 {
        match self {
            Self::Once => 0,
            Self::LastResort => 1,
            Self::LastResortHybrid => 2,
        }
    }

    fn of_number(number: i64) -> Self {
        match number {
            0 => Self::Once,
            1 => Self::LastResort,
            _ => Self::LastResortHybrid,
        }
    }
}

/// In place of a suite's number: a hybrid package that may be used any number of times.
const HYBRID_LAST_RESORT: i64 = 3;

/// A key package that this node handed out.
pub struct KeyPackageRow {
    /// Its reference (RFC 9420 §5.2).
    pub reference: [u8; 32],
    /// Its secret.
    pub secret: Zeroizing<Vec<u8>>,
    /// What others hold.
    pub public: Vec<u8>,
    /// How often it may be used.
    pub kind: KeyPackageUse,
}

impl std::fmt::Debug for KeyPackageRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPackageRow").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Tx<'_> {
    /// Keeps a key package (reference, secret, public, use), the secret sealed.
    pub async fn put_key_package(
        &mut self,
        (reference, secret, public, kind): (&[u8; 32], &[u8], &[u8], KeyPackageUse),
        now_ms: u64,
        rng: &mut ChaCha20Rng,
    ) -> Result<(), StoreError> {
        let sealed = self.key.seal(&key_package_context(reference), secret, rng);
        sqlx::query(
            "INSERT INTO key_package (reference, sealed_secret, public, created_at_ms, last_resort)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(reference.as_slice())
        .bind(sealed)
        .bind(public)
        .bind(integer(now_ms))
        .bind(kind.number())
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// All key packages, the newest first.
    pub async fn key_packages(&mut self) -> Result<Vec<KeyPackageRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT reference, sealed_secret, public, last_resort FROM key_package
             ORDER BY created_at_ms DESC, reference",
        )
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                let reference = fixed("key package", row.try_get(0)?)?;
                let secret = self.unseal("key package", &key_package_context(&reference), row.try_get(1)?)?;
                let kind = KeyPackageUse::of_number(row.try_get(3)?);
                Ok(KeyPackageRow { reference, secret, public: row.try_get(2)?, kind })
            })
            .collect()
    }

    /// The newest last-resort package for hybrid groups, as others hold it, and when it was made.
    pub async fn hybrid_last_resort(&mut self) -> Result<Option<(Vec<u8>, u64)>, StoreError> {
        let row = sqlx::query(
            "SELECT public, created_at_ms FROM key_package WHERE last_resort = 2
             ORDER BY created_at_ms DESC, reference LIMIT 1",
        )
        .fetch_optional(self.transaction.read())
        .await?;
        row.map(|row| Ok((row.try_get(0)?, natural(row.try_get(1)?)))).transpose()
    }

    /// When the newest last-resort package on a card was made.
    pub async fn newest_key_package_ms(&mut self) -> Result<u64, StoreError> {
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT max(created_at_ms) FROM key_package WHERE last_resort = 1")
                .fetch_one(self.transaction.read())
                .await?;
        Ok(newest.map_or(0, natural))
    }

    /// Deletes packages of a use that were made before a time, but for one: their references.
    pub async fn drop_key_packages(
        &mut self,
        kind: KeyPackageUse,
        before_ms: u64,
        keep: &[u8],
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "DELETE FROM key_package WHERE last_resort = ?3 AND created_at_ms < ?1 AND public <> ?2
             RETURNING reference",
        )
        .bind(integer(before_ms))
        .bind(keep)
        .bind(kind.number())
        .fetch_all(self.transaction.write().await?)
        .await?;
        rows.iter().map(|reference| fixed("key package", reference)).collect()
    }

    /// The packages for one use that a peer was given since a time and nobody used, as others hold them.
    pub async fn given_key_packages(&mut self, peer: PeerKey, from_ms: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows = sqlx::query_scalar(
            "SELECT public FROM key_package WHERE given_to = ?1 AND created_at_ms >= ?2 AND used_at_ms IS NULL
             ORDER BY created_at_ms, reference",
        )
        .bind(peer.0.as_slice())
        .bind(integer(from_ms))
        .fetch_all(self.transaction.read())
        .await?;
        Ok(rows)
    }

    /// A package for one use was given to a peer.
    pub async fn give_key_package(&mut self, reference: &[u8; 32], peer: PeerKey) -> Result<(), StoreError> {
        sqlx::query("UPDATE key_package SET given_to = ?2 WHERE reference = ?1")
            .bind(reference.as_slice())
            .bind(peer.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// How many packages for one use are out.
    pub async fn offered_key_packages(&mut self) -> Result<u64, StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM key_package WHERE last_resort = 0 AND used_at_ms IS NULL")
                .fetch_one(self.transaction.read())
                .await?;
        Ok(natural(count))
    }

    /// Notes when a package for one use was used first.
    pub async fn mark_key_package_used(&mut self, reference: &[u8; 32], now_ms: u64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE key_package SET used_at_ms = ?2 WHERE reference = ?1 AND last_resort = 0 AND used_at_ms IS NULL",
        )
        .bind(reference.as_slice())
        .bind(integer(now_ms))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// Deletes the packages that were used before a time: their references.
    pub async fn drop_used_key_packages(&mut self, before_ms: u64) -> Result<Vec<[u8; 32]>, StoreError> {
        let rows =
            sqlx::query_scalar::<_, Vec<u8>>("DELETE FROM key_package WHERE used_at_ms < ?1 RETURNING reference")
                .bind(integer(before_ms))
                .fetch_all(self.transaction.write().await?)
                .await?;
        rows.iter().map(|reference| fixed("key package", reference)).collect()
    }

    /// The packages of another's node that were fetched since a time and not used.
    pub async fn fetched_packages(&mut self, node: NodeId, from_ms: u64) -> Result<Vec<(Suite, Vec<u8>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT suite, bytes FROM fetched_package WHERE node = ?1 AND fetched_at_ms >= ?2 AND used = 0 AND suite <> ?3
             ORDER BY fetched_at_ms DESC, bytes",
        )
        .bind(node.0.as_slice())
        .bind(integer(from_ms))
        .bind(HYBRID_LAST_RESORT)
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                let suite = if row.try_get::<i64, _>(0)? == 2 { Suite::Hybrid } else { Suite::Classic };
                Ok((suite, row.try_get(1)?))
            })
            .collect()
    }

    /// Keeps a package of another's node; `false` if it is here, or was used.
    pub async fn put_fetched_package(
        &mut self,
        node: NodeId,
        suite: Suite,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO fetched_package (node, suite, fetched_at_ms, bytes) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )
        .bind(node.0.as_slice())
        .bind(if suite == Suite::Hybrid { 2 } else { 1 })
        .bind(integer(now_ms))
        .bind(bytes)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The last-resort package for hybrid groups of another's node that a mailbox gave since a time.
    pub async fn fetched_last_resort(&mut self, node: NodeId, from_ms: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = sqlx::query_scalar(
            "SELECT bytes FROM fetched_package WHERE node = ?1 AND suite = ?2 AND fetched_at_ms >= ?3
             ORDER BY fetched_at_ms DESC, bytes LIMIT 1",
        )
        .bind(node.0.as_slice())
        .bind(HYBRID_LAST_RESORT)
        .bind(integer(from_ms))
        .fetch_optional(self.transaction.read())
        .await?;
        Ok(bytes)
    }

    /// Keeps the last-resort package for hybrid groups of another's node, in place of the one before.
    pub async fn put_fetched_last_resort(&mut self, node: NodeId, bytes: &[u8], now_ms: u64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM fetched_package WHERE node = ?1 AND suite = ?2")
            .bind(node.0.as_slice())
            .bind(HYBRID_LAST_RESORT)
            .execute(self.transaction.write().await?)
            .await?;
        sqlx::query("INSERT INTO fetched_package (node, suite, fetched_at_ms, bytes) VALUES (?1, ?2, ?3, ?4)")
            .bind(node.0.as_slice())
            .bind(HYBRID_LAST_RESORT)
            .bind(integer(now_ms))
            .bind(bytes)
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// A fetched package is used once; that it was is remembered for as long as it would have been kept.
    pub async fn use_fetched_package(&mut self, node: NodeId, bytes: &[u8]) -> Result<(), StoreError> {
        sqlx::query("UPDATE fetched_package SET used = 1 WHERE node = ?1 AND bytes = ?2")
            .bind(node.0.as_slice())
            .bind(bytes)
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Lets go of packages that were fetched before a time.
    pub async fn drop_fetched_packages(&mut self, before_ms: u64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM fetched_package WHERE fetched_at_ms < ?1")
            .bind(integer(before_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }
}

fn key_package_context(reference: &[u8; 32]) -> Vec<u8> {
    [b"key package".as_slice(), reference].concat()
}
