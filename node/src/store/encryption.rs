//! The database's file is encrypted page by page (PROTOCOL §8.8), and so are its log and its journal.
//!
//! Versions before this one kept it in the clear. Such a file is copied into an encrypted one, which takes its place when
//! it is whole and was looked through; until then nothing of the old one is changed.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tidings_crypto::vault::DatabaseKey;
use zeroize::Zeroizing;

use super::{StoreError, integrity};

/// A file that begins with this is a database in the clear (SQLite file format, §1.3.1).
const IN_THE_CLEAR: &[u8; 16] = b"SQLite format 3\0";
/// The encrypted copy while it is written.
const COPY: &str = "encrypted";
/// The file that was in the clear, until it is written over.
const OLD: &str = "clear";
/// What SQLite keeps beside a database.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// A connection that has the key. It logs no statements: the first one names the key.
pub(super) fn with_key(options: SqliteConnectOptions, key: &DatabaseKey) -> SqliteConnectOptions {
    // SQLCipher would tell the terminal which pages it could not read; whoever asked is told by an error.
    options.pragma("key", format!("\"{}\"; PRAGMA cipher_log_level = NONE", *raw(key))).disable_statement_logging()
}

/// The key as `SQLCipher` takes one that no passphrase is behind.
fn raw(key: &DatabaseKey) -> Zeroizing<String> {
    Zeroizing::new(format!("x'{}'", *key.of_file()))
}

/// Whether a file is a database in the clear. One that is missing or empty is not.
pub(super) fn is_in_the_clear(file: &Path) -> Result<bool, StoreError> {
    let mut begins = Vec::with_capacity(IN_THE_CLEAR.len());
    match File::open(file) {
        Ok(opened) => opened.take(IN_THE_CLEAR.len() as u64).read_to_end(&mut begins)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    Ok(begins == IN_THE_CLEAR)
}

/// Encrypts a file that is in the clear, and ends what an earlier try began. Nobody else has it open.
pub(super) async fn encrypt(file: &Path, key: &DatabaseKey) -> Result<(), StoreError> {
    let (copy, old) = (named(file, COPY), named(file, OLD));
    let is_clear = is_in_the_clear(file)?;
    if old.exists() {
        // It is another name of the file until the copy took its place, and what is left of it from then on.
        if is_clear { fs::remove_file(&old)? } else { wipe(&old) }
    }
    wipe(&copy);
    if !is_clear {
        return Ok(());
    }
    tracing::info!("the database is in the clear, as earlier versions kept it; it is encrypted now");
    if let Err(error) = write_copy(file, &copy, key).await {
        wipe(&copy);
        return Err(error);
    }
    let exchange = || -> io::Result<()> {
        File::open(&copy)?.sync_all()?;
        // By this name it is written over even if this run ends first. Where a file has one name only, at once or never.
        let mut clear = OpenOptions::new().write(true).open(file)?;
        let has_name = fs::hard_link(file, &old).is_ok();
        fs::rename(&copy, file)?;
        sync_folder(file)?;
        if has_name {
            wipe(&old);
            return Ok(());
        }
        // The database is what counts, and it is in place.
        drop(zeros(&mut clear));
        Ok(())
    };
    exchange().map_err(StoreError::from)
}

/// Writes the encrypted copy, and looks through it.
async fn write_copy(file: &Path, copy: &Path, key: &DatabaseKey) -> Result<(), StoreError> {
    OpenOptions::new().write(true).create_new(true).open(copy)?;
    let permissions = fs::metadata(file)?.permissions();
    fs::set_permissions(copy, permissions)?;
    let path = copy.to_str().ok_or_else(|| StoreError::Failed { reason: "the path is not UTF-8".to_owned() })?;
    // With the log taken in: what it held would be left behind.
    let clear = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .disable_statement_logging();
    let mut clear = clear.connect().await?;
    let key_text = raw(key);
    sqlx::query("ATTACH DATABASE ?1 AS encrypted KEY ?2")
        .bind(path)
        .bind(key_text.as_str())
        .execute(&mut clear)
        .await?;
    sqlx::query("SELECT sqlcipher_export('encrypted')").execute(&mut clear).await?;
    sqlx::query("DETACH DATABASE encrypted").execute(&mut clear).await?;
    clear.close().await?;
    let mut looked = SqliteConnection::connect_with(&with_key(SqliteConnectOptions::new().filename(copy), key)).await?;
    integrity::check(&mut looked).await?;
    looked.close().await?;
    Ok(())
}

/// Removes a database and what lies beside it, and writes zeros over it first: it may have held what is to be gone.
pub(crate) fn wipe(database: &Path) {
    for end in BESIDE {
        let mut file = database.as_os_str().to_owned();
        file.push(end);
        // On a disk that is full or gone there is nothing better to do.
        drop(OpenOptions::new().write(true).open(&file).and_then(|mut out| zeros(&mut out)));
        drop(fs::remove_file(&file));
    }
}

fn zeros(file: &mut File) -> io::Result<()> {
    let bytes = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(bytes), file)?;
    file.flush()?;
    file.sync_data()
}

/// `tidings.db.encrypted` for `tidings.db`.
fn named(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(OsStr::new("."));
    name.push(end);
    PathBuf::from(name)
}

fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Failed { reason: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests;
