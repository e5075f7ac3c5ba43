//! Backups (PROTOCOL §8.6): all of a node in one file, sealed under a passphrase of its own.
//!
//! A backup that was made is restored once, for a test, before anybody is given it. It never goes on where it was: what
//! comes back from one reads what it can, and takes its place in each group anew.

mod making;
mod restoring;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha20Rng;
use tidings_crypto::group::Group;
use tidings_crypto::vault::{BackupHead, BackupReader, BackupWriter, BadBackup, DatabaseKey};

pub use self::making::BackupFile;
pub(crate) use self::making::clear_away;
pub use self::restoring::{Restored, renewed, restore};
use crate::node::StartError;
use crate::store::{Contents, Store, StoreError, wipe};

/// So much of a file is read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Why no backup was made, or none restored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file cannot be restored from.
    #[error(transparent)]
    Bad(#[from] BadBackup),
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// There is a node here already.
    #[error(
        "{home} holds a node already, and a backup is only restored where there is none: name another folder with --home"
    )]
    NotEmpty {
        /// The home.
        home: PathBuf,
    },
    /// The home cannot be opened.
    #[error(transparent)]
    Home(#[from] StartError),
    /// The database in the backup cannot be opened.
    #[error("the database in the backup cannot be used: {0}")]
    Database(#[from] StoreError),
    /// No passphrase.
    #[error("a backup is sealed under a passphrase, and the one that was given is empty")]
    NoPassphrase,
}

impl BackupError {
    /// Whether there was no room on the disk.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::File { error, .. } => error.kind() == io::ErrorKind::StorageFull,
            Self::Database(error) => matches!(error, StoreError::DiskFull),
            _ => false,
        }
    }
}

/// What a failure is of which file.
fn of(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::File { path: path.clone(), error }
}

/// Reads a backup to its end and says when it was made: that it opens, all of it, with this passphrase.
pub fn read_through(path: &Path, passphrase: &str) -> Result<u64, BackupError> {
    let mut file = File::open(path).map_err(of(path))?;
    unseal(&mut file, path, passphrase, &mut io::sink()).map(|head| head.made_at_ms)
}

/// Seals a head and the database in a file.
fn seal(
    head: &BackupHead,
    database: &Path,
    passphrase: &str,
    (out, path): (&mut File, &Path),
    rng: &mut ChaCha20Rng,
) -> Result<(), BackupError> {
    let (mut writer, header) = BackupWriter::begin(passphrase, rng).map_err(BadBackup::from)?;
    out.write_all(&header).map_err(of(path))?;
    out.write_all(&writer.write(&head.encode())?).map_err(of(path))?;
    let mut from = File::open(database).map_err(of(database))?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = from.read(&mut piece).map_err(of(database))?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        out.write_all(&writer.write(read)?).map_err(of(path))?;
    }
    out.write_all(&writer.finish()?).map_err(of(path))
}

/// Opens a backup by how it begins.
fn begin(file: &mut File, path: &Path, passphrase: &str) -> Result<BackupReader, BackupError> {
    file.seek(SeekFrom::Start(0)).map_err(of(path))?;
    let mut header = Vec::with_capacity(BackupReader::HEADER_BYTES);
    Read::by_ref(file).take(BackupReader::HEADER_BYTES as u64).read_to_end(&mut header).map_err(of(path))?;
    Ok(BackupReader::open(&header, passphrase)?)
}

/// Opens a backup and writes its database where that goes. Until this returns well, nothing of it is to be trusted.
fn unseal(
    file: &mut File,
    path: &Path,
    passphrase: &str,
    database: &mut impl Write,
) -> Result<BackupHead, BackupError> {
    let mut reader = begin(file, path, passphrase)?;
    let mut opened = Opened { waiting: Vec::new(), head: None, written: 0, database };
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = file.read(&mut piece).map_err(of(path))?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        opened.take(&reader.read(read)?).map_err(|problem| problem.of(path))?;
    }
    opened.take(&reader.finish()?).map_err(|problem| problem.of(path))?;
    let head = opened.head.ok_or(BadBackup::Damaged)?;
    if opened.written != head.database_bytes {
        return Err(BadBackup::Damaged.into());
    }
    Ok(head)
}

/// What came out of a backup so far.
struct Opened<'out, W> {
    waiting: Vec<u8>,
    head: Option<BackupHead>,
    written: u64,
    database: &'out mut W,
}

enum Problem {
    Bad(BadBackup),
    Disk(io::Error),
}

impl Problem {
    fn of(self, path: &Path) -> BackupError {
        match self {
            Self::Bad(bad) => bad.into(),
            Self::Disk(error) => BackupError::File { path: path.to_owned(), error },
        }
    }
}

impl<W: Write> Opened<'_, W> {
    fn take(&mut self, plain: &[u8]) -> Result<(), Problem> {
        let mut rest = plain;
        if self.head.is_none() {
            let missing = BackupHead::BYTES.saturating_sub(self.waiting.len());
            let (now, later) = rest.split_at(missing.min(rest.len()));
            self.waiting.extend_from_slice(now);
            rest = later;
            if self.waiting.len() < BackupHead::BYTES {
                return Ok(());
            }
            self.head = Some(BackupHead::decode(&self.waiting).map_err(Problem::Bad)?);
            zeroize::Zeroize::zeroize(&mut self.waiting);
        }
        self.written = self.written.saturating_add(rest.len() as u64);
        self.database.write_all(rest).map_err(Problem::Disk)
    }
}

/// Looks through a database that a backup held: every page of it, and every group.
async fn examine(database: &Path, key: DatabaseKey) -> Result<(Store, Contents), BackupError> {
    Store::look_at(database, &key, true).await?;
    let mut store = Store::open(database, key).await?;
    let contents = store.reader().contents().await?;
    let mut tx = store.begin().await?;
    for row in tx.groups().await? {
        if let Some((stored, _)) = tx.load_group(row.id).await? {
            Group::load(stored).map_err(|_| StoreError::Damaged { what: "group" })?;
        }
    }
    drop(tx);
    Ok((store, contents))
}

/// A new file that only its owner can read.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}
