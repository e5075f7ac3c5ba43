//! Restoring a backup, into a home where there is no node.

use std::fs::{self, File};
use std::path::Path;

use tidings_crypto::identity::{LocalNode, NodeCertificate};
use tidings_crypto::vault::Secrets;

use super::{BackupError, begin, examine, of, private, unseal, wipe};
use crate::home::Home;
use crate::ids::AccountId;
use crate::node::{fresh_rng, now_ms};
use crate::store::{Contents, StoreError};

/// A restored certificate holds from a day before now, like the first one.
const BEFORE_MS: u64 = 24 * 60 * 60 * 1_000;
const MINUTE_MS: u64 = 60 * 1_000;

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Whose node it is.
    pub account: AccountId,
    /// Under which name.
    pub name: String,
    /// When the backup was made, ms since 1970.
    pub made_at_ms: u64,
    /// What is in it.
    pub contents: Contents,
    /// Whether the backup's passphrase opens the home now; otherwise a key file does.
    pub has_passphrase: bool,
}

/// Restores a backup where there is no node yet. If it fails, or ends in the middle, there is none afterwards.
pub async fn restore(path: &Path, passphrase: &str, home: &Path) -> Result<Restored, BackupError> {
    // What cannot be opened makes no home.
    let mut file = File::open(path).map_err(of(path))?;
    let is_new = !home.exists();
    drop(begin(&mut file, path, passphrase)?);
    let opened = Home::open(home)?;
    if opened.is_taken() {
        return Err(BackupError::NotEmpty { home: home.to_owned() });
    }
    opened.begin_restoring()?;
    let restored = Box::pin(fill(&mut file, path, passphrase, &opened)).await;
    if restored.is_ok() {
        opened.end_restoring()?;
        return restored;
    }
    wipe(&opened.database());
    opened.clear();
    drop(opened);
    if is_new {
        // Only if nothing else came to lie there.
        drop(fs::remove_dir(home));
    }
    restored
}

async fn fill(file: &mut File, path: &Path, passphrase: &str, home: &Home) -> Result<Restored, BackupError> {
    let mut rng = fresh_rng();
    let now_ms = now_ms();
    let database = home.database();
    wipe(&database);
    let mut out = private(&database).map_err(of(&database))?;
    let head = unseal(file, path, passphrase, &mut out)?;
    out.sync_all().map_err(of(&database))?;
    drop(out);
    let Secrets { node, database: key } = head.secrets;
    let node = renewed(node, now_ms);
    let (mut store, contents) = Box::pin(examine(&database, key.clone())).await?;
    let mut tx = store.begin().await?;
    tx.restored(&node, now_ms, &mut rng).await?;
    let name = tx.setting("name").await?.and_then(|name| String::from_utf8(name).ok());
    let name = name.ok_or(StoreError::Damaged { what: "profile" })?;
    tx.commit().await?;
    store.close().await;
    let account = node.account_id();
    let lock = head.has_passphrase.then_some(passphrase);
    home.lock_away(&Secrets { node, database: key }, lock, &mut rng)?;
    Ok(Restored { account, name, made_at_ms: head.made_at_ms, contents, has_passphrase: head.has_passphrase })
}

/// The node with a certificate whose number is beyond any that it can have had since the backup: no node gets one a
/// minute.
pub fn renewed(node: LocalNode, now_ms: u64) -> LocalNode {
    let old = &node.certificate;
    let life_ms = old.not_after_ms().saturating_sub(old.not_before_ms());
    let minutes = u32::try_from(now_ms / MINUTE_MS).unwrap_or(u32::MAX);
    let number = old.number().saturating_add(1).max(minutes);
    let from_ms = now_ms.saturating_sub(BEFORE_MS);
    let certificate =
        NodeCertificate::issue(&node.account, &node.keys, number, from_ms, from_ms.saturating_add(life_ms));
    LocalNode { certificate, ..node }
}
