//! People, and the secrets of the key packages that this node handed to them.

use rand_chacha::ChaCha20Rng;
use sqlx::Row;
use zeroize::Zeroizing;

use super::{StoreError, Tx, fixed, integer, natural};
use crate::ids::AccountId;

/// A person, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRow {
    /// Their account.
    pub account: AccountId,
    /// Their name.
    pub name: String,
    /// Whether the owner of this node added them.
    pub added: bool,
    /// Their newest signed card; empty while only a short link is known.
    pub card: Vec<u8>,
    /// The text of the short link; empty once the card is here.
    pub short: String,
    /// What both people compare; empty while only a short link is known.
    pub safety_number: String,
    /// Whether they are no contact, only a fellow member of some group.
    pub met: bool,
}

impl Tx<'_> {
    /// Keeps a contact, in place of what was known of them.
    pub async fn put_contact(&mut self, contact: &ContactRow, now_ms: u64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO contact (account, name, added, card, short, safety_number, known_at_ms, met)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (account) DO UPDATE SET name = excluded.name, added = excluded.added, card = excluded.card,
                 short = excluded.short, safety_number = excluded.safety_number, met = excluded.met",
        )
        .bind(contact.account.0.as_slice())
        .bind(&contact.name)
        .bind(contact.added)
        .bind(&contact.card)
        .bind(&contact.short)
        .bind(&contact.safety_number)
        .bind(integer(now_ms))
        .bind(contact.met)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Everybody.
    pub async fn contacts(&mut self) -> Result<Vec<ContactRow>, StoreError> {
        let rows = sqlx::query("SELECT account, name, added, card, short, safety_number, met FROM contact")
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(ContactRow {
                    account: AccountId(fixed("contact", row.try_get(0)?)?),
                    name: row.try_get(1)?,
                    added: row.try_get(2)?,
                    card: row.try_get(3)?,
                    short: row.try_get(4)?,
                    safety_number: row.try_get(5)?,
                    met: row.try_get(6)?,
                })
            })
            .collect()
    }

    /// Keeps the secret of a key package, sealed.
    pub async fn put_key_package(
        &mut self,
        reference: &[u8; 32],
        secret: &[u8],
        public: &[u8],
        now_ms: u64,
        rng: &mut ChaCha20Rng,
    ) -> Result<(), StoreError> {
        let sealed = self.key.seal(&key_package_context(reference), secret, rng);
        sqlx::query(
            "INSERT INTO key_package (reference, sealed_secret, public, created_at_ms) VALUES (?1, ?2, ?3, ?4)",
        )
        .bind(reference.as_slice())
        .bind(sealed)
        .bind(public)
        .bind(integer(now_ms))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// All key packages, the newest first.
    pub async fn key_packages(&mut self) -> Result<Vec<KeyPackageRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT reference, sealed_secret, public, created_at_ms FROM key_package ORDER BY created_at_ms DESC, reference",
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        rows.iter()
            .map(|row| {
                let reference = fixed("key package", row.try_get(0)?)?;
                let sealed: &[u8] = row.try_get(1)?;
                let secret = self
                    .key
                    .open(&key_package_context(&reference), sealed)
                    .map_err(|_| StoreError::Damaged { what: "key package" })?;
                Ok(KeyPackageRow {
                    reference,
                    secret,
                    public: row.try_get(2)?,
                    created_at_ms: natural(row.try_get(3)?),
                })
            })
            .collect()
    }
}

/// A key package that this node handed out.
pub struct KeyPackageRow {
    /// Its reference (RFC 9420 §5.2).
    pub reference: [u8; 32],
    /// Its secret.
    pub secret: Zeroizing<Vec<u8>>,
    /// What others hold.
    pub public: Vec<u8>,
    /// When it was made.
    pub created_at_ms: u64,
}

impl std::fmt::Debug for KeyPackageRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPackageRow").field("created_at_ms", &self.created_at_ms).finish_non_exhaustive()
    }
}

fn key_package_context(reference: &[u8; 32]) -> Vec<u8> {
    [b"key package".as_slice(), reference].concat()
}
