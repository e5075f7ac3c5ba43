//! The data directory: one node at a time, the vault that holds its secrets, the file of the database.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use tidings_crypto::identity::LocalNode;
use tidings_crypto::vault::{DatabaseKey, Secrets, Unlock, Vault, VaultError};
use zeroize::Zeroizing;

use crate::node::{Config, StartError};

/// A node's first certificate is valid from a day before now, for clocks that lag …
const CERTIFICATE_BEFORE_MS: u64 = 24 * 60 * 60 * 1_000;
/// … to ten years after: renewing it comes with the removal of expired ones.
const CERTIFICATE_AFTER_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1_000;
/// A vault is less than a kilobyte; whatever is longer is not one.
const VAULT_BYTES_MAX: u64 = 64 * 1024;

/// An open home: held until this value goes.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    /// The lock is the open file's: the system lets go of it however the process ends.
    _lock: File,
}

impl Home {
    /// Makes the directory where it is missing, and takes it for this process.
    pub(crate) fn open(path: &Path) -> Result<Self, StartError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| StartError::Home { path, reason: error.to_string() }
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail(path))?;
        let file = path.join("lock");
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&file).map_err(fail(&file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::HomeInUse { home: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(fail(&file)(error)),
        }
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("tidings.db")
    }

    /// Makes the database's file where it is missing, readable by its owner only; SQLite gives its other files the
    /// same mode.
    pub(crate) fn make_database_private(&self) -> Result<(), StartError> {
        let file = self.database();
        let made = OpenOptions::new().create(true).append(true).mode(0o600).open(&file);
        made.map(drop).map_err(|error| StartError::Home { path: file, reason: error.to_string() })
    }

    /// Whether the last run stopped cleanly and nobody has put another database there since: then it need not be looked
    /// through.
    pub(crate) fn ended_cleanly(&self) -> bool {
        let noted = fs::read_to_string(self.clean()).ok().and_then(|text| text.trim().parse::<u64>().ok());
        noted.is_some() && noted == self.database_bytes()
    }

    /// A run begins. That is durable before it writes anything, and needs no room on the disk.
    pub(crate) fn begin(&self) -> Result<(), StartError> {
        let file = self.clean();
        let begun = match fs::remove_file(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => File::open(&self.path).and_then(|home| home.sync_all()),
        };
        begun.map_err(|error| StartError::Home { path: file, reason: error.to_string() })
    }

    /// The run ended cleanly, and its database is closed. If that cannot be noted, the next run looks through it.
    pub(crate) fn end(&self) {
        let noted = self.database_bytes().map(|bytes| write_whole(&self.clean(), format!("{bytes}\n").as_bytes()));
        if let Some(Err(error)) = noted {
            tracing::warn!(%error, "that the node stopped cleanly could not be noted");
        }
    }

    /// Whether a node lives here. One whose restoring did not end does not.
    pub(crate) fn is_taken(&self) -> bool {
        let is_there = self.database().exists() || self.vault().exists() || self.key_file().exists();
        is_there && !self.restoring().exists()
    }

    /// A backup is being restored here: until that ends, no node starts.
    pub(crate) fn begin_restoring(&self) -> Result<(), StartError> {
        write_whole(&self.restoring(), b"A backup is being restored here.\n")
    }

    /// It is restored.
    pub(crate) fn end_restoring(&self) -> Result<(), StartError> {
        let file = self.restoring();
        let ended = fs::remove_file(&file).and_then(|()| File::open(&self.path)?.sync_all());
        ended.map_err(|error| StartError::Home { path: file, reason: error.to_string() })
    }

    /// Restoring failed: nothing of it stays.
    pub(crate) fn clear(&self) {
        for file in [self.vault(), self.key_file(), self.clean(), self.path.join("lock"), self.restoring()] {
            // What cannot be removed is said again by whoever tries next.
            drop(fs::remove_file(file));
        }
    }

    /// Makes a vault for secrets that were restored: under a passphrase, or a new key file.
    pub(crate) fn lock_away(
        &self,
        secrets: &Secrets,
        passphrase: Option<&str>,
        rng: &mut ChaCha20Rng,
    ) -> Result<(), StartError> {
        let file = self.vault();
        let mut key = Zeroizing::new([0; 32]);
        let unlock = if let Some(passphrase) = passphrase {
            Unlock::Passphrase(passphrase)
        } else {
            rng.fill_bytes(key.as_mut_slice());
            write_whole(&self.key_file(), key.as_slice())?;
            Unlock::KeyFile(&key)
        };
        let damaged = |error: VaultError| StartError::VaultDamaged { file: file.clone(), reason: error.to_string() };
        let vault = Vault::create(secrets, unlock, rng).map_err(damaged)?;
        write_whole(&file, &vault)
    }

    fn vault(&self) -> PathBuf {
        self.path.join("vault")
    }

    fn restoring(&self) -> PathBuf {
        self.path.join("restoring")
    }

    fn clean(&self) -> PathBuf {
        self.path.join("stopped")
    }

    fn database_bytes(&self) -> Option<u64> {
        fs::metadata(self.database()).ok().map(|found| found.len())
    }

    /// Opens the vault, or makes it at the first run.
    pub(crate) fn secrets(&self, config: &Config, now_ms: u64, rng: &mut ChaCha20Rng) -> Result<Secrets, StartError> {
        if self.restoring().exists() {
            return Err(StartError::Home {
                path: self.path.clone(),
                reason: "restoring a backup into this home was not finished: run `tidings restore` once more"
                    .to_owned(),
            });
        }
        let file = self.vault();
        match fs::metadata(&file) {
            Ok(found) if found.len() > VAULT_BYTES_MAX => {
                Err(StartError::VaultDamaged { file, reason: "it is far too long".to_owned() })
            }
            Ok(_) => {
                let bytes = fs::read(&file)
                    .map_err(|error| StartError::Home { path: file.clone(), reason: error.to_string() })?;
                self.unlock(&file, &bytes, config)
            }
            Err(_) if self.database().exists() => Err(StartError::VaultDamaged {
                file,
                reason: "it is missing, and without it the database cannot be opened; put it back from a backup"
                    .to_owned(),
            }),
            Err(_) => self.create(config, now_ms, rng),
        }
    }

    fn create(&self, config: &Config, now_ms: u64, rng: &mut ChaCha20Rng) -> Result<Secrets, StartError> {
        let name = config.name.as_deref().ok_or(StartError::NameMissing)?;
        if !tidings_crypto::card::valid_name(name) {
            return Err(StartError::BadName);
        }
        let (from_ms, to_ms) =
            (now_ms.saturating_sub(CERTIFICATE_BEFORE_MS), now_ms.saturating_add(CERTIFICATE_AFTER_MS));
        let secrets = Secrets { node: LocalNode::generate(from_ms, to_ms, rng), database: DatabaseKey::generate(rng) };
        self.lock_away(&secrets, config.passphrase.as_ref().map(|passphrase| passphrase.as_str()), rng)?;
        Ok(secrets)
    }

    fn unlock(&self, file: &Path, bytes: &[u8], config: &Config) -> Result<Secrets, StartError> {
        let explain = |error: VaultError| match error {
            VaultError::WrongPassphrase => StartError::PassphraseWrong,
            VaultError::NeedsPassphrase => StartError::PassphraseMissing,
            VaultError::WrongKeyFile => {
                StartError::KeyFile { file: self.key_file(), reason: "it is another home's".to_owned() }
            }
            other => StartError::VaultDamaged { file: file.to_owned(), reason: other.to_string() },
        };
        if Vault::needs_passphrase(bytes).map_err(explain)? {
            let passphrase = config.passphrase.as_ref().ok_or(StartError::PassphraseMissing)?;
            return Vault::open(bytes, Unlock::Passphrase(passphrase)).map_err(explain);
        }
        let key_file = self.key_file();
        let key = Zeroizing::new(
            fs::read(&key_file)
                .map_err(|error| StartError::KeyFile { file: key_file.clone(), reason: error.to_string() })?,
        );
        let key: &[u8; 32] = key.as_slice().try_into().map_err(|_| StartError::KeyFile {
            file: key_file.clone(),
            reason: "it does not have 32 bytes".to_owned(),
        })?;
        Vault::open(bytes, Unlock::KeyFile(key)).map_err(explain)
    }

    fn key_file(&self) -> PathBuf {
        self.path.join("vault.key")
    }
}

/// Writes a file that is there whole or not at all, readable by its owner only.
fn write_whole(file: &Path, bytes: &[u8]) -> Result<(), StartError> {
    let part = file.with_extension("part");
    let write = || -> std::io::Result<()> {
        let mut out = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&part)?;
        out.set_permissions(Permissions::from_mode(0o600))?;
        out.write_all(bytes)?;
        out.sync_all()?;
        fs::rename(&part, file)?;
        match file.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|error| StartError::Home { path: file.to_owned(), reason: error.to_string() })
}
