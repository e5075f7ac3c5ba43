//! Backups (PROTOCOL §8.6): a copy of the database as it is, and what of it must not go on as it was once it is restored.

use std::path::Path;

use sqlx::Row;
use tidings_crypto::group::{KeyPackage, Suite};
use tidings_crypto::identity::LocalNode;
use tidings_crypto::vault::Secrets;
use zeroize::Zeroizing;

use super::{KeyPackageUse, Reader, StoreError, Tx, integer, natural};

/// What a backup holds, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// Conversations.
    pub conversations: u64,
    /// Messages in them, with the lines that tell changes.
    pub messages: u64,
    /// Contacts that the owner added.
    pub contacts: u64,
}

impl Reader {
    /// Copies the database, as it is at one moment, into a file that is not there or empty.
    pub async fn copy_into(&self, file: &Path) -> Result<(), StoreError> {
        let file = file.to_str().ok_or_else(|| StoreError::Failed { reason: "the path is not UTF-8".to_owned() })?;
        sqlx::query("VACUUM INTO ?1").bind(file).execute(&self.pool).await?;
        Ok(())
    }

    /// What is there, counted.
    pub async fn contents(&self) -> Result<Contents, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM conversation), (SELECT count(*) FROM message),
                    (SELECT count(*) FROM contact WHERE added = 1)",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Contents {
            conversations: natural(row.try_get(0)?),
            messages: natural(row.try_get(1)?),
            contacts: natural(row.try_get(2)?),
        })
    }
}

impl Tx<'_> {
    /// The secrets of this node as bytes ([`Secrets::encode`]), with the key of this database.
    pub fn secrets(&self, me: &LocalNode) -> Zeroizing<Vec<u8>> {
        Secrets { node: me.clone(), database: (*self.key).clone() }.encode()
    }

    /// Makes of a copy what a restored node may go on with. Whoever ran on from the backup has counted further and used
    /// what is used once, and nobody knows how far: all of that begins anew, beyond what it can have reached.
    pub async fn restored(
        &mut self,
        me: &LocalNode,
        now_ms: u64,
        rng: &mut rand_chacha::ChaCha20Rng,
    ) -> Result<(), StoreError> {
        let now = integer(now_ms);
        let serial = self.setting("card serial").await?.and_then(|bytes| bytes.try_into().ok());
        let serial = serial.map_or(1, u64::from_be_bytes).saturating_add(1).max(now_ms);
        self.set_setting("card serial", &serial.to_be_bytes()).await?;
        self.set_setting("certificate", &me.certificate.encode()).await?;
        self.set_setting(RESTORED, &now_ms.to_be_bytes()).await?;
        // No row's id is used again, since others may name those that were given after the backup.
        sqlx::query("UPDATE sqlite_sequence SET seq = max(seq, ?1)")
            .bind(now)
            .execute(self.transaction.write().await?)
            .await?;
        sqlx::query("UPDATE conversation SET next_sequence = max(next_sequence, ?1)")
            .bind(now)
            .execute(self.transaction.write().await?)
            .await?;
        for statement in BEGINS_ANEW {
            sqlx::query(statement).execute(self.transaction.write().await?).await?;
        }
        // The package on the card shows the certificate, which has another number now.
        let generated = KeyPackage::generate(me, Suite::Classic, true, rng);
        let (package, secret) = generated.map_err(|_| StoreError::Damaged { what: "profile" })?;
        let row = (&package.reference, &secret.encode()[..], &package.bytes[..], KeyPackageUse::LastResort);
        self.put_key_package(row, now_ms, rng).await
    }
}

/// The setting that says when this node was restored, ms since 1970.
pub(crate) const RESTORED: &str = "restored";

const BEGINS_ANEW: [&str; 12] = [
    "UPDATE mls_group SET restored = 1, update_due_ms = NULL",
    // It is signed anew, with the next serial.
    "DELETE FROM setting WHERE name IN ('card', 'copied', 'steady time')",
    // Each was for one use.
    "DELETE FROM fetched_package",
    // What mailboxes were told and gave after the backup is not counted here: another word begins another count.
    "DELETE FROM deposited",
    "DELETE FROM deposit_count",
    "DELETE FROM deposit_tally",
    "UPDATE mailbox SET token = randomblob(32), opened_at_ms = NULL, missing = 0, missing_says = 0, unproved = ''",
    // Whoever has the backup has not the browsers that were signed in, nor the programs that were given tokens.
    "DELETE FROM session",
    "DELETE FROM sign_in",
    "DELETE FROM api_token",
    "DELETE FROM api_token_conversation",
    "UPDATE outbox SET attempts = 0, next_attempt_ms = 0",
];
