//! Making a backup: a copy of the database at one moment, sealed with the secrets; and the test that it can be restored.

use std::fs::{self, DirBuilder};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tidings_crypto::vault::{BackupHead, Secrets};
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use super::{BackupError, PIECE_BYTES, examine, of, private, seal, unseal, wipe};
use crate::engine::{Command, Reply};
use crate::handle::{Handle, Refused};
use crate::node::fresh_rng;
use crate::store::{Contents, StoreError};

/// What is made on the way lies here, in the home, and is gone at the end.
const FOLDER: &str = ".backup";
/// The copy of the database …
const COPY: &str = "copy.db";
/// … the database that the test restored …
const TEST: &str = "test.db";
/// … and the backup, under a name that is gone at once.
const SEALED: &str = "sealed";

/// A backup that was made, and restored for a test.
#[derive(Debug)]
pub struct BackupFile {
    file: tokio::fs::File,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it holds.
    pub contents: Contents,
}

impl BackupFile {
    /// The file's next bytes; none after its last.
    pub async fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut piece = vec![0; PIECE_BYTES];
        let count = self.file.read(&mut piece).await?;
        piece.truncate(count);
        Ok((count > 0).then_some(piece))
    }
}

/// The folder of a backup that is being made; it goes with this value.
struct Workshop(PathBuf);

impl Workshop {
    fn open(home: &Path) -> Result<Self, Refused> {
        let folder = home.join(FOLDER);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => Ok(Self(folder)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Refused::NotNow { why: "a backup is being made already; wait until it is done".to_owned() })
            }
            Err(error) => Err(refused(&BackupError::File { path: folder, error })),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        for name in [COPY, TEST] {
            wipe(&self.file(name));
        }
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Clears away what a run left behind that ended in the middle of a backup.
pub(crate) fn clear_away(home: &Path) {
    let folder = home.join(FOLDER);
    if folder.exists() {
        drop(Workshop(folder));
    }
}

impl Handle {
    /// Makes a backup of this node, as it is at one moment, and restores it for a test.
    pub async fn backup(&self, passphrase: String) -> Result<BackupFile, Refused> {
        let passphrase = Zeroizing::new(passphrase);
        if passphrase.is_empty() {
            return Err(Refused::BadSetting(BackupError::NoPassphrase.to_string()));
        }
        let (home, has_passphrase, made_at_ms) = self.where_and_when();
        let Reply::Secrets(secrets) = self.ask(Command::Secrets).await? else { return Err(Refused::Stopped) };
        let workshop = Workshop::open(&home)?;
        let copy = workshop.file(COPY);
        drop(private(&copy).map_err(|error| refused(&of(&copy)(error)))?);
        self.reader().copy_into(&copy).await.map_err(|error| refused(&error.into()))?;
        let sealing = move || -> Result<_, BackupError> {
            let database_bytes = copy.metadata().map_err(of(&copy))?.len();
            let decoded = |secrets: &[u8]| {
                Secrets::decode(secrets).map_err(|_| BackupError::from(StoreError::Damaged { what: "vault" }))
            };
            let head = BackupHead { made_at_ms, has_passphrase, secrets: decoded(&secrets)?, database_bytes };
            let path = workshop.file(SEALED);
            let mut file = private(&path).map_err(of(&path))?;
            fs::remove_file(&path).map_err(of(&path))?;
            seal(&head, &copy, &passphrase, (&mut file, &path), &mut fresh_rng())?;
            wipe(&copy);
            let test = workshop.file(TEST);
            let mut restored = private(&test).map_err(of(&test))?;
            let read = unseal(&mut file, &path, &passphrase, &mut restored)?;
            if *read.secrets.encode() != *secrets {
                return Err(StoreError::Damaged { what: "backup" }.into());
            }
            Ok((file, workshop, read.secrets.database))
        };
        let sealed = tokio::task::spawn_blocking(sealing).await.map_err(|_| Refused::Stopped)?;
        let (mut file, workshop, key) = sealed.map_err(|error| refused(&error))?;
        let examined = Box::pin(examine(&workshop.file(TEST), key)).await;
        let (store, contents) = examined.map_err(|error| refused(&error))?;
        store.close().await;
        // Writing zeros over two databases is work for a thread that may wait.
        tokio::task::spawn_blocking(move || drop(workshop)).await.map_err(|_| Refused::Stopped)?;
        let bytes = file.seek(SeekFrom::End(0)).and_then(|bytes| file.seek(SeekFrom::Start(0)).map(|_| bytes));
        let bytes = bytes.map_err(|error| refused(&of(&home)(error)))?;
        Ok(BackupFile { file: tokio::fs::File::from_std(file), bytes, contents })
    }
}

fn refused(error: &BackupError) -> Refused {
    if error.is_full() {
        return Refused::NotNow {
            why: "the disk has no room for a backup: on the way, three times the database has to fit".to_owned(),
        };
    }
    tracing::error!(%error, "no backup was made");
    match error {
        BackupError::Database(StoreError::Corrupt { .. } | StoreError::Damaged { .. }) => Refused::NotNow {
            why:
                "the backup could not be restored for a test, so there is none: `tidings doctor` looks at the database"
                    .to_owned(),
        },
        _ => Refused::StoreFailed,
    }
}
