//! Who people are elsewhere: proofs, the keys that this node saw itself, and the issuers whose word counts here.

use rand_chacha::ChaCha20Rng;
use sqlx::Row;
use tidings_crypto::proof::{AcceptedIssuer, CLOCK_SLACK_MS, KEY_SLACK_MS, KeyId, PROOF_VALID_MS, ProofId, SeenKey};
use zeroize::Zeroizing;

use super::{Reader, StoreError, Tx, fixed, integer, natural};
use crate::handle::IssuerClient;
use crate::ids::AccountId;

/// A proof as it is kept: it is judged when somebody looks at it.
#[derive(Clone, PartialEq, Eq)]
pub struct ProofRow {
    /// Its name.
    pub id: ProofId,
    /// Whose it is.
    pub account: AccountId,
    /// The proof.
    pub bytes: Vec<u8>,
    /// When it came to be here.
    pub added_at_ms: u64,
}

impl std::fmt::Debug for ProofRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProofRow").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Tx<'_> {
    /// Keeps a proof.
    pub async fn put_proof(&mut self, row: &ProofRow) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO proof (id, account, bytes, added_at_ms) VALUES (?1, ?2, ?3, ?4)")
            .bind(row.id.0.as_slice())
            .bind(row.account.0.as_slice())
            .bind(&row.bytes)
            .bind(integer(row.added_at_ms))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Lets go of a proof; `false` if there was none of this account.
    pub async fn drop_proof(&mut self, account: AccountId, id: ProofId) -> Result<bool, StoreError> {
        let dropped = sqlx::query("DELETE FROM proof WHERE id = ?1 AND account = ?2")
            .bind(id.0.as_slice())
            .bind(account.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(dropped.rows_affected() == 1)
    }

    /// The names of an account's proofs that are here, ascending.
    pub async fn proof_ids(&mut self, account: AccountId) -> Result<Vec<ProofId>, StoreError> {
        let rows = sqlx::query("SELECT id FROM proof WHERE account = ?1 ORDER BY id")
            .bind(account.0.as_slice())
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter().map(|row| Ok(ProofId(fixed("proof", row.try_get(0)?)?))).collect()
    }

    /// A proof of an account.
    pub async fn proof(&mut self, account: AccountId, id: ProofId) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT bytes FROM proof WHERE id = ?1 AND account = ?2")
            .bind(id.0.as_slice())
            .bind(account.0.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// The names of an account's proofs that another was not told yet, ascending.
    pub async fn untold_proofs(&mut self, of: AccountId, to: AccountId) -> Result<Vec<ProofId>, StoreError> {
        let rows = sqlx::query(
            "SELECT id FROM proof WHERE account = ?1
             AND id NOT IN (SELECT proof FROM proof_told WHERE account = ?2) ORDER BY id",
        )
        .bind(of.0.as_slice())
        .bind(to.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter().map(|row| Ok(ProofId(fixed("proof", row.try_get(0)?)?))).collect()
    }

    /// An account was told a proof.
    pub async fn told_proof(&mut self, account: AccountId, proof: ProofId) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO proof_told (account, proof) VALUES (?1, ?2)")
            .bind(account.0.as_slice())
            .bind(proof.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// Who was told a proof; that is forgotten.
    pub async fn take_told(&mut self, proof: ProofId) -> Result<Vec<AccountId>, StoreError> {
        let rows = sqlx::query("DELETE FROM proof_told WHERE proof = ?1 RETURNING account")
            .bind(proof.0.as_slice())
            .fetch_all(self.transaction.write().await?)
            .await?;
        rows.iter().map(|row| Ok(AccountId(fixed("account", row.try_get(0)?)?))).collect()
    }

    /// These keys are in use now, as those say whose they are.
    pub async fn saw_proof_keys(&mut self, keys: &[KeyId], now_ms: u64) -> Result<(), StoreError> {
        for key in keys {
            sqlx::query(
                "INSERT INTO proof_key (id, first_ms, last_ms) VALUES (?1, ?2, ?2)
                 ON CONFLICT (id) DO UPDATE SET last_ms = max(last_ms, excluded.last_ms)",
            )
            .bind(key.0.as_slice())
            .bind(integer(now_ms))
            .execute(self.transaction.write().await?)
            .await?;
        }
        // No proof that still holds can rest on a key that was last seen so long ago.
        sqlx::query("DELETE FROM proof_key WHERE last_ms < ?1")
            .bind(integer(now_ms.saturating_sub(PROOF_VALID_MS + KEY_SLACK_MS + CLOCK_SLACK_MS)))
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// The keys that this node saw itself.
    pub async fn seen_keys(&mut self) -> Result<Vec<SeenKey>, StoreError> {
        let rows = sqlx::query(SEEN_KEYS).fetch_all(self.transaction.read()).await?;
        rows.iter().map(seen_key).collect()
    }

    /// The issuers whose word counts here.
    pub async fn accepted_issuers(&mut self) -> Result<Vec<AcceptedIssuer>, StoreError> {
        let rows = sqlx::query(ISSUERS).fetch_all(self.transaction.read()).await?;
        accepted(&rows)
    }

    /// Keeps an issuer and a program there, in place of what was known of it; one that is the owner's is the only one.
    pub async fn put_issuer(
        &mut self,
        client: &IssuerClient,
        secret: Option<&Zeroizing<String>>,
        rng: &mut ChaCha20Rng,
    ) -> Result<(), StoreError> {
        if client.own {
            sqlx::query("UPDATE issuer_client SET own = 0, sealed_secret = NULL WHERE issuer = ?1")
                .bind(&client.issuer)
                .execute(self.transaction.write().await?)
                .await?;
        }
        let sealed = secret.map(|secret| self.key.seal(&secret_context(&client.issuer), secret.as_bytes(), rng));
        sqlx::query(
            "INSERT INTO issuer_client (issuer, client_id, sealed_secret, own) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (issuer, client_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, own = excluded.own",
        )
        .bind(&client.issuer)
        .bind(&client.client_id)
        .bind(sealed)
        .bind(client.own)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// How many programs at issuers are accepted.
    pub async fn count_issuers(&mut self) -> Result<u64, StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM issuer_client").fetch_one(self.transaction.read()).await?;
        Ok(natural(count))
    }

    /// Accepts a program at an issuer no longer; `false` if it was not.
    pub async fn drop_issuer(&mut self, issuer: &str, client_id: &str) -> Result<bool, StoreError> {
        let dropped = sqlx::query("DELETE FROM issuer_client WHERE issuer = ?1 AND client_id = ?2")
            .bind(issuer)
            .bind(client_id)
            .execute(self.transaction.write().await?)
            .await?;
        Ok(dropped.rows_affected() == 1)
    }

    /// As which program the owner signs in at an issuer, and its secret, where there is one.
    pub async fn own_client(
        &mut self,
        issuer: &str,
    ) -> Result<Option<(String, Option<Zeroizing<String>>)>, StoreError> {
        let row = sqlx::query("SELECT client_id, sealed_secret FROM issuer_client WHERE issuer = ?1 AND own = 1")
            .bind(issuer)
            .fetch_optional(self.transaction.read())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let damaged = || StoreError::Damaged { what: "issuer" };
        let secret = match row.try_get::<Option<&[u8]>, _>(1)? {
            None => None,
            Some(sealed) => {
                let bytes = self.unseal("issuer", &secret_context(issuer), sealed)?;
                Some(Zeroizing::new(std::str::from_utf8(&bytes).map_err(|_| damaged())?.to_owned()))
            }
        };
        Ok(Some((row.try_get(0)?, secret)))
    }
}

impl Reader {
    /// An account's proofs, the oldest first.
    pub async fn proofs(&self, account: AccountId) -> Result<Vec<ProofRow>, StoreError> {
        let rows = sqlx::query("SELECT id, bytes, added_at_ms FROM proof WHERE account = ?1 ORDER BY added_at_ms, id")
            .bind(account.0.as_slice())
            .fetch_all(&self.pool)
            .await?;
        let row = |row: &sqlx::sqlite::SqliteRow| {
            let id = ProofId(fixed("proof", row.try_get(0)?)?);
            Ok(ProofRow { id, account, bytes: row.try_get(1)?, added_at_ms: natural(row.try_get(2)?) })
        };
        rows.iter().map(row).collect()
    }

    /// The accounts of which there are proofs here.
    pub async fn accounts_with_proofs(&self) -> Result<Vec<AccountId>, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT account FROM proof ORDER BY account").fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(AccountId(fixed("account", row.try_get(0)?)?))).collect()
    }

    /// The card of a contact, as it came; empty while only a short link is known.
    pub async fn contact_card(&self, account: AccountId) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT card FROM contact WHERE account = ?1")
            .bind(account.0.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// The keys that this node saw itself.
    pub async fn seen_keys(&self) -> Result<Vec<SeenKey>, StoreError> {
        let rows = sqlx::query(SEEN_KEYS).fetch_all(&self.pool).await?;
        rows.iter().map(seen_key).collect()
    }

    /// The issuers whose word counts here.
    pub async fn accepted_issuers(&self) -> Result<Vec<AcceptedIssuer>, StoreError> {
        let rows = sqlx::query(ISSUERS).fetch_all(&self.pool).await?;
        accepted(&rows)
    }

    /// The programs at issuers that are accepted.
    pub async fn issuer_clients(&self) -> Result<Vec<IssuerClient>, StoreError> {
        let rows = sqlx::query(ISSUERS).fetch_all(&self.pool).await?;
        let client = |row: &sqlx::sqlite::SqliteRow| {
            Ok(IssuerClient { issuer: row.try_get(0)?, client_id: row.try_get(1)?, own: row.try_get(2)? })
        };
        rows.iter().map(client).collect()
    }
}

const ISSUERS: &str = "SELECT issuer, client_id, own FROM issuer_client ORDER BY issuer, own DESC, client_id";
const SEEN_KEYS: &str = "SELECT id, first_ms, last_ms FROM proof_key";

fn seen_key(row: &sqlx::sqlite::SqliteRow) -> Result<SeenKey, StoreError> {
    let id = KeyId(fixed("proof key", row.try_get(0)?)?);
    Ok(SeenKey { id, first_ms: natural(row.try_get(1)?), last_ms: natural(row.try_get(2)?) })
}

fn accepted(rows: &[sqlx::sqlite::SqliteRow]) -> Result<Vec<AcceptedIssuer>, StoreError> {
    let mut issuers: Vec<AcceptedIssuer> = Vec::new();
    for row in rows {
        let (issuer, client_id): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        match issuers.last_mut() {
            Some(last) if last.issuer == issuer => last.client_ids.push(client_id),
            _ => issuers.push(AcceptedIssuer { issuer, client_ids: vec![client_id] }),
        }
    }
    Ok(issuers)
}

fn secret_context(issuer: &str) -> Vec<u8> {
    [b"issuer secret".as_slice(), issuer.as_bytes()].concat()
}
