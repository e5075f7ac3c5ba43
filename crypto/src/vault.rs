//! The vault (PROTOCOL §8): what a node must keep secret, wrapped by a passphrase or by a key file.
//!
//! A passphrase becomes a key with Argon2id (RFC 9106); a key file is a key. That key seals the account's key, the
//! node's keys and the random key of the database, under which the database seals what is secret or readable.
//! Changing the passphrase is wrapping the same secrets again.

mod backup;
mod database_key;
mod secrets;

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::codec::{Malformed, Reader, Writer};

pub use backup::{BackupHead, BackupReader, BackupWriter, BadBackup};
pub use database_key::{DatabaseKey, Unsealable};
pub use secrets::{MalformedSecrets, Secrets};

const VERSION: u8 = 1;
const PASSPHRASE: u8 = 1;
const KEY_FILE: u8 = 2;
const SALT_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 16;

/// What a passphrase costs to try: 64 MiB, 3 passes, 1 lane, the second choice of RFC 9106 §4 with fewer lanes.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
/// A vault that asks for more is damaged or hostile.
const COST_MAX: Cost = Cost { memory_kib: 1024 * 1024, passes: 16, lanes: 16 };

/// What opens a vault.
#[derive(Clone, Copy)]
pub enum Unlock<'a> {
    /// What the person typed; its bytes as they are.
    Passphrase(&'a str),
    /// What the key file holds.
    KeyFile(&'a [u8; 32]),
}

impl fmt::Debug for Unlock<'_> {
    /// Only which of the two it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase(..)",
            Self::KeyFile(_) => "KeyFile(..)",
        })
    }
}

/// Why a vault was not made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The passphrase is another one.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The key file is another one's.
    #[error("the key file does not belong to this vault")]
    WrongKeyFile,
    /// The vault is protected by a passphrase, and a key file was given.
    #[error("the vault is protected by a passphrase")]
    NeedsPassphrase,
    /// The vault is protected by a key file, and a passphrase was given.
    #[error("the vault is protected by a key file, not by a passphrase")]
    NeedsKeyFile,
    /// The vault's bytes are not what was written.
    #[error("the vault is damaged: {reason}")]
    Damaged {
        /// How that is known.
        reason: &'static str,
    },
    /// A newer version made the vault.
    #[error("the vault was made by a newer version of tidings")]
    Newer,
    /// Argon2 did not get its memory.
    #[error("there is not enough free memory to try the passphrase: {memory_kib} KiB are needed")]
    OutOfMemory {
        /// How much it needs.
        memory_kib: u32,
    },
}

const TOO_SHORT: VaultError = VaultError::Damaged { reason: "it is cut off" };

/// A vault's bytes: made and opened here, kept in a file elsewhere.
#[derive(Debug)]
pub enum Vault {}

impl Vault {
    /// Wraps the secrets.
    pub fn create<R: CryptoRng + ?Sized>(
        secrets: &Secrets,
        unlock: Unlock<'_>,
        rng: &mut R,
    ) -> Result<Vec<u8>, VaultError> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        let key = match unlock {
            Unlock::Passphrase(passphrase) => {
                let mut salt = [0; SALT_BYTES];
                rng.fill_bytes(&mut salt);
                writer.u8(PASSPHRASE).u32(COST.memory_kib).u32(COST.passes).u32(COST.lanes).array(&salt);
                COST.derive(passphrase, &salt)?
            }
            Unlock::KeyFile(key) => {
                writer.u8(KEY_FILE);
                key_of_file(key)
            }
        };
        let sealed = key.seal(writer.written(), &secrets.encode(), rng);
        writer.array(&sealed);
        let sum = checksum(writer.written());
        writer.array(&sum);
        Ok(writer.into_bytes())
    }

    /// Unwraps the secrets.
    pub fn open(bytes: &[u8], unlock: Unlock<'_>) -> Result<Secrets, VaultError> {
        let (content, lock) = Lock::read(bytes)?;
        let (key, wrong) = match (&lock, unlock) {
            (Lock::Passphrase { cost, salt }, Unlock::Passphrase(passphrase)) => {
                (cost.derive(passphrase, salt)?, VaultError::WrongPassphrase)
            }
            (Lock::KeyFile, Unlock::KeyFile(key)) => (key_of_file(key), VaultError::WrongKeyFile),
            (Lock::Passphrase { .. }, Unlock::KeyFile(_)) => return Err(VaultError::NeedsPassphrase),
            (Lock::KeyFile, Unlock::Passphrase(_)) => return Err(VaultError::NeedsKeyFile),
        };
        let (header, sealed) = content.split_at_checked(lock.header_bytes()).ok_or(TOO_SHORT)?;
        // The checksum was right, so what does not open was sealed under another key.
        let secrets = key.open(header, sealed).map_err(|_| wrong)?;
        Secrets::decode(&secrets).map_err(|_| VaultError::Damaged { reason: "its keys do not belong together" })
    }

    /// Whether a passphrase opens the vault, rather than a key file.
    pub fn needs_passphrase(bytes: &[u8]) -> Result<bool, VaultError> {
        let (_, lock) = Lock::read(bytes)?;
        Ok(matches!(lock, Lock::Passphrase { .. }))
    }
}

/// How a vault is locked.
enum Lock {
    Passphrase { cost: Cost, salt: [u8; SALT_BYTES] },
    KeyFile,
}

impl Lock {
    /// Reads a vault's header; returns everything before the checksum, too.
    fn read(bytes: &[u8]) -> Result<(&[u8], Self), VaultError> {
        if bytes.first().is_some_and(|version| *version > VERSION) {
            return Err(VaultError::Newer);
        }
        let (content, sum) = bytes.split_last_chunk().ok_or(TOO_SHORT)?;
        if checksum(content) != *sum {
            return Err(VaultError::Damaged { reason: "its checksum is wrong" });
        }
        let lock = Self::read_header(Reader::new(content));
        let lock = lock.map_err(|_| VaultError::Damaged { reason: "its header is malformed" })?;
        Ok((content, lock))
    }

    fn read_header(mut reader: Reader<'_>) -> Result<Self, Malformed> {
        reader.version(VERSION)?;
        match reader.u8()? {
            PASSPHRASE => {
                let cost = Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
                cost.check()?;
                Ok(Self::Passphrase { cost, salt: reader.array()? })
            }
            KEY_FILE => Ok(Self::KeyFile),
            _ => Err(Malformed::Invalid { what: "the lock" }),
        }
    }

    fn header_bytes(&self) -> usize {
        match self {
            Self::Passphrase { .. } => 14 + SALT_BYTES,
            Self::KeyFile => 2,
        }
    }
}

/// What Argon2id is told to spend.
#[derive(Clone, Copy)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    fn check(&self) -> Result<(), Malformed> {
        let within = self.memory_kib <= COST_MAX.memory_kib
            && self.passes <= COST_MAX.passes
            && (1..=COST_MAX.lanes).contains(&self.lanes)
            && self.passes > 0
            && self.memory_kib >= self.lanes.saturating_mul(8);
        if within { Ok(()) } else { Err(Malformed::Invalid { what: "the cost" }) }
    }

    fn derive(&self, passphrase: &str, salt: &[u8; SALT_BYTES]) -> Result<DatabaseKey, VaultError> {
        let out_of_memory = VaultError::OutOfMemory { memory_kib: self.memory_kib };
        let mut key = Zeroizing::new([0; 32]);
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(key.len()));
        let params = params.map_err(|_| VaultError::Damaged { reason: "its cost is refused by Argon2" })?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice()).map_err(|_| out_of_memory)?;
        Ok(DatabaseKey::from_bytes(*key))
    }
}

fn key_of_file(key: &[u8; 32]) -> DatabaseKey {
    DatabaseKey::from_bytes(*key).derive("tidings v1 vault key file")
}

/// Tells damage from a wrong passphrase; whoever alters a vault can make it right.
fn checksum(content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    blake3::Hasher::new_derive_key("tidings v1 vault checksum").update(content).finalize_xof().fill(&mut sum);
    sum
}

#[cfg(test)]
mod tests;
