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

    /// Opens the vault, or makes it at the first run.
    pub(crate) fn secrets(&self, config: &Config, now_ms: u64, rng: &mut ChaCha20Rng) -> Result<Secrets, StartError> {
        let file = self.path.join("vault");
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
            Err(_) => self.create(&file, config, now_ms, rng),
        }
    }

    fn create(&self, file: &Path, config: &Config, now_ms: u64, rng: &mut ChaCha20Rng) -> Result<Secrets, StartError> {
        let name = config.name.as_deref().ok_or(StartError::NameMissing)?;
        if !tidings_crypto::card::valid_name(name) {
            return Err(StartError::BadName);
        }
        let (from_ms, to_ms) =
            (now_ms.saturating_sub(CERTIFICATE_BEFORE_MS), now_ms.saturating_add(CERTIFICATE_AFTER_MS));
        let secrets = Secrets { node: LocalNode::generate(from_ms, to_ms, rng), database: DatabaseKey::generate(rng) };
        let mut key = Zeroizing::new([0; 32]);
        let unlock = if let Some(passphrase) = &config.passphrase {
            Unlock::Passphrase(passphrase)
        } else {
            rng.fill_bytes(key.as_mut_slice());
            write_whole(&self.key_file(), key.as_slice())?;
            Unlock::KeyFile(&key)
        };
        let damaged = |error: VaultError| StartError::VaultDamaged { file: file.to_owned(), reason: error.to_string() };
        let vault = Vault::create(&secrets, unlock, rng).map_err(damaged)?;
        write_whole(file, &vault)?;
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
