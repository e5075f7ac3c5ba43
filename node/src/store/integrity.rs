//! Whether a database can be opened, before anything is changed: it is not from a newer version, and after a run that did
//! not end cleanly it is whole. That takes a look at every page.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};
use tidings_crypto::vault::DatabaseKey;

use super::{Store, StoreError, encryption, refuse_newer};

/// So many things that are wrong are looked for; one is told.
const FINDINGS_MAX: u32 = 8;

impl Store {
    /// Looks at a file that nobody has open, all through if `whole` says so, and changes nothing in it. One that is not
    /// there, or is empty, is fine, and so is one in the clear.
    pub async fn look_at(file: &Path, key: &DatabaseKey, whole: bool) -> Result<(), StoreError> {
        let bytes = |path: &Path| path.metadata().map_or(0, |found| found.len());
        if bytes(file) == 0 {
            return Ok(());
        }
        // Whoever closes a database last takes its log into it, unless they may only read; but then they leave the log's
        // files behind, so that is for a log that has something in it.
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        let mut options = SqliteConnectOptions::new().filename(file).read_only(bytes(Path::new(&log)) > 0);
        if !encryption::is_in_the_clear(file)? {
            options = encryption::with_key(options, key);
        }
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let mut looked = refuse_newer(&mut connection).await;
        if whole && looked.is_ok() {
            looked = check(&mut connection).await;
        }
        connection.close().await?;
        looked
    }

    /// Looks through the open database.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        check(&mut self.writer).await
    }
}

pub(super) async fn check(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let statement = AssertSqlSafe(format!("PRAGMA integrity_check({FINDINGS_MAX})"));
    let findings: Vec<String> = sqlx::query_scalar(statement).fetch_all(connection).await?;
    match findings.into_iter().find(|finding| finding != "ok") {
        Some(found) => Err(StoreError::Corrupt { found: found.replace('\n', " ") }),
        None => Ok(()),
    }
}
