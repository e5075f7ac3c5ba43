//! Backups (PROTOCOL §8.6): a node's secrets and its database in one file, sealed under a passphrase of its own.
//!
//! The file is written and read piece by piece, in flat memory. Each chunk is sealed in its place, and the last one as the
//! last (STREAM: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance", 2015): what is cut off, swapped, repeated or altered does not open.

use std::fmt;

use aead_stream::{DecryptorBE32, EncryptorBE32, Nonce, StreamBE32};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{KeyInit as _, Payload};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{COST, Cost, DatabaseKey, SALT_BYTES, Secrets, VaultError};
use crate::codec::{Malformed, Reader, Writer};

/// How every backup begins, before its version.
const BEGINNING: &[u8; 15] = b"tidings backup\n";
const VERSION: u8 = 1;
/// XChaCha20-Poly1305 has a nonce of 24 bytes; STREAM keeps 4 for the chunk's number and 1 for whether it is the last.
const NONCE_BYTES: usize = 19;
const COMMITMENT_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
/// So much is sealed at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why a file is no backup that can be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBackup {
    /// It is something else.
    #[error("this is no backup: one is made with `tidings backup FILE`")]
    Foreign,
    /// A newer program made it.
    #[error("this backup is of a newer version of Tidings: restore it with that version")]
    Newer,
    /// The passphrase is another one.
    #[error("the passphrase is wrong: it is the one that was chosen for this backup")]
    WrongPassphrase,
    /// It is not as it was made, or not all of it.
    #[error("this backup is damaged or cut off: copy the file again, or take an older one")]
    Damaged,
    /// Argon2 did not get its memory.
    #[error("there is not enough free memory to try the passphrase: {memory_kib} KiB are needed")]
    OutOfMemory {
        /// How much it needs.
        memory_kib: u32,
    },
}

impl From<Malformed> for BadBackup {
    fn from(_: Malformed) -> Self {
        Self::Damaged
    }
}

impl From<VaultError> for BadBackup {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::OutOfMemory { memory_kib } => Self::OutOfMemory { memory_kib },
            _ => Self::Damaged,
        }
    }
}

/// What stands in a backup before the database.
#[derive(Debug)]
pub struct BackupHead {
    /// When it was made, ms since 1970.
    pub made_at_ms: u64,
    /// Whether a passphrase opened the vault, rather than a key file.
    pub has_passphrase: bool,
    /// The node's secrets.
    pub secrets: Secrets,
    /// How many bytes the database has that follows.
    pub database_bytes: u64,
}

impl BackupHead {
    /// It is this many bytes long.
    pub const BYTES: usize = 8 + 1 + Secrets::BYTES + 8;

    /// The head as bytes, to be written first.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(Self::BYTES);
        writer.u64(self.made_at_ms).u8(u8::from(self.has_passphrase)).array(&self.secrets.encode());
        writer.u64(self.database_bytes);
        Zeroizing::new(writer.into_bytes())
    }

    /// Reads what [`BackupHead::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadBackup> {
        let mut reader = Reader::new(bytes);
        let made_at_ms = reader.u64()?;
        let has_passphrase = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(BadBackup::Damaged),
        };
        let secrets = Secrets::decode(reader.take(Secrets::BYTES)?).map_err(|_| BadBackup::Damaged)?;
        let database_bytes = reader.u64()?;
        reader.finish()?;
        Ok(Self { made_at_ms, has_passphrase, secrets, database_bytes })
    }
}

/// What a header says: how the passphrase becomes the key, and where the nonces begin.
struct Header {
    bytes: Vec<u8>,
    cost: Cost,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
}

/// A header without the commitment to the key.
const LOCK_BYTES: usize = BEGINNING.len() + 1 + 12 + SALT_BYTES + NONCE_BYTES;

/// Seals a backup, piece by piece.
pub struct BackupWriter {
    stream: EncryptorBE32<XChaCha20Poly1305>,
    associated: [u8; 32],
    waiting: Zeroizing<Vec<u8>>,
}

/// Opens a backup, piece by piece. What it gave was written so, but only [`BackupReader::finish`] says that it was all.
pub struct BackupReader {
    stream: DecryptorBE32<XChaCha20Poly1305>,
    associated: [u8; 32],
    waiting: Vec<u8>,
}

impl fmt::Debug for BackupWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupWriter").finish_non_exhaustive()
    }
}

impl fmt::Debug for BackupReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupReader").finish_non_exhaustive()
    }
}

impl BackupWriter {
    /// Begins a backup: the bytes with which it begins.
    pub fn begin<R: CryptoRng + ?Sized>(passphrase: &str, rng: &mut R) -> Result<(Self, Vec<u8>), VaultError> {
        Self::begin_at(COST, passphrase, rng)
    }

    fn begin_at<R: CryptoRng + ?Sized>(
        cost: Cost,
        passphrase: &str,
        rng: &mut R,
    ) -> Result<(Self, Vec<u8>), VaultError> {
        let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        let mut writer = Writer::new();
        writer.array(BEGINNING).u8(VERSION).u32(cost.memory_kib).u32(cost.passes).u32(cost.lanes);
        writer.array(&salt).array(&nonce);
        let key = cost.derive(passphrase, &salt)?;
        writer.array(&commitment(&key, writer.written()));
        let header = writer.into_bytes();
        let stream = EncryptorBE32::from_aead(cipher(&key), &stream_nonce(nonce));
        Ok((Self { stream, associated: associated(&header), waiting: Zeroizing::default() }, header))
    }

    /// Takes more of what is sealed; gives the file's next bytes.
    pub fn write(&mut self, plain: &[u8]) -> Result<Vec<u8>, BadBackup> {
        let mut sealed = Vec::new();
        let mut rest = plain;
        while !rest.is_empty() {
            // What may be the last chunk waits for more.
            if self.waiting.len() == CHUNK_BYTES {
                let payload = Payload { msg: &self.waiting, aad: &self.associated };
                sealed.extend(self.stream.encrypt_next(payload).map_err(|_| BadBackup::Damaged)?);
                self.waiting.clear();
            }
            let room = CHUNK_BYTES.saturating_sub(self.waiting.len());
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.waiting.extend_from_slice(now);
            rest = later;
        }
        Ok(sealed)
    }

    /// The file's last bytes.
    pub fn finish(self) -> Result<Vec<u8>, BadBackup> {
        let payload = Payload { msg: &self.waiting, aad: &self.associated };
        self.stream.encrypt_last(payload).map_err(|_| BadBackup::Damaged)
    }
}

impl BackupReader {
    /// A backup begins with so many bytes that say how it is opened.
    pub const HEADER_BYTES: usize = LOCK_BYTES + COMMITMENT_BYTES;

    /// Opens a backup by its first [`BackupReader::HEADER_BYTES`] bytes, or by all there are.
    pub fn open(header: &[u8], passphrase: &str) -> Result<Self, BadBackup> {
        let Header { bytes, cost, salt, nonce } = Header::read(header)?;
        let key = cost.derive(passphrase, &salt)?;
        let (lock, committed) = bytes.split_at_checked(LOCK_BYTES).ok_or(BadBackup::Damaged)?;
        if !bool::from(commitment(&key, lock).as_slice().ct_eq(committed)) {
            return Err(BadBackup::WrongPassphrase);
        }
        let stream = DecryptorBE32::from_aead(cipher(&key), &stream_nonce(nonce));
        Ok(Self { stream, associated: associated(&bytes), waiting: Vec::new() })
    }

    /// Takes more of the file; gives what it says.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, BadBackup> {
        const SEALED_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
        let mut plain = Zeroizing::new(Vec::new());
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.waiting.len() == SEALED_BYTES {
                let payload = Payload { msg: &self.waiting, aad: &self.associated };
                let chunk = Zeroizing::new(self.stream.decrypt_next(payload).map_err(|_| BadBackup::Damaged)?);
                plain.extend_from_slice(&chunk);
                self.waiting.clear();
            }
            let room = SEALED_BYTES.saturating_sub(self.waiting.len());
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.waiting.extend_from_slice(now);
            rest = later;
        }
        Ok(plain)
    }

    /// The file has ended: what its end says, if that was all.
    pub fn finish(self) -> Result<Zeroizing<Vec<u8>>, BadBackup> {
        let payload = Payload { msg: &self.waiting, aad: &self.associated };
        self.stream.decrypt_last(payload).map(Zeroizing::new).map_err(|_| BadBackup::Damaged)
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, BadBackup> {
        let beginning = bytes.get(..BEGINNING.len());
        if beginning != Some(BEGINNING.as_slice()) {
            return Err(BadBackup::Foreign);
        }
        if bytes.get(BEGINNING.len()).is_some_and(|version| *version > VERSION) {
            return Err(BadBackup::Newer);
        }
        let bytes = bytes.get(..BackupReader::HEADER_BYTES).ok_or(BadBackup::Damaged)?;
        let mut reader = Reader::new(bytes);
        let _beginning = reader.take(BEGINNING.len())?;
        reader.version(VERSION)?;
        let cost = Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        cost.check()?;
        Ok(Self { bytes: bytes.to_vec(), cost, salt: reader.array()?, nonce: reader.array()? })
    }
}

fn cipher(key: &DatabaseKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.derive("tidings v1 backup chunks").expose().into())
}

fn stream_nonce(nonce: [u8; NONCE_BYTES]) -> Nonce<XChaCha20Poly1305, StreamBE32<XChaCha20Poly1305>> {
    nonce.into()
}

/// Tells a wrong passphrase from damage, and ties the file to one key: the cipher by itself does not.
fn commitment(key: &DatabaseKey, lock: &[u8]) -> [u8; COMMITMENT_BYTES] {
    let mut committed = [0; COMMITMENT_BYTES];
    let key = key.derive("tidings v1 backup commitment");
    blake3::Hasher::new_keyed(key.expose()).update(lock).finalize_xof().fill(&mut committed);
    committed
}

/// All chunks belong to this header.
fn associated(header: &[u8]) -> [u8; 32] {
    blake3::derive_key("tidings v1 backup header", header)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    /// As cheap as Argon2 can be.
    const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    fn sealed(passphrase: &str, pieces: &[&[u8]]) -> Vec<u8> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (mut writer, mut file) = BackupWriter::begin_at(CHEAP, passphrase, &mut rng).unwrap();
        for piece in pieces {
            file.extend(writer.write(piece).unwrap());
        }
        file.extend(writer.finish().unwrap());
        file
    }

    fn opened(file: &[u8], passphrase: &str, piece: usize) -> Result<Vec<u8>, BadBackup> {
        let mut reader = BackupReader::open(file, passphrase)?;
        let mut plain = Vec::new();
        for piece in file.get(BackupReader::HEADER_BYTES..).unwrap_or_default().chunks(piece) {
            plain.extend_from_slice(&reader.read(piece)?);
        }
        plain.extend_from_slice(&reader.finish()?);
        Ok(plain)
    }

    #[test]
    fn what_was_sealed_in_any_pieces_opens_in_any_others() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_000] {
            let plain: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
            let (first, second) = plain.split_at(length / 3);
            let file = sealed("two words", &[first, second]);
            for piece in [1_000, CHUNK_BYTES, CHUNK_BYTES + TAG_BYTES, file.len()] {
                assert_eq!(opened(&file, "two words", piece).unwrap(), plain, "{length} bytes");
            }
        }
    }

    #[test]
    fn a_wrong_passphrase_a_foreign_file_and_a_newer_one_are_told_apart() {
        let file = sealed("two words", &[b"something"]);
        assert_eq!(opened(&file, "two word", 100), Err(BadBackup::WrongPassphrase));
        assert_eq!(opened(b"SQLite format 3\0", "two words", 100), Err(BadBackup::Foreign));
        assert_eq!(opened(&[], "two words", 100), Err(BadBackup::Foreign));
        let mut newer = file.clone();
        newer[BEGINNING.len()] = VERSION + 1;
        assert_eq!(opened(&newer, "two words", 100), Err(BadBackup::Newer));
        let mut greedy = file;
        greedy[BEGINNING.len() + 1] = u8::MAX;
        assert_eq!(opened(&greedy, "two words", 100), Err(BadBackup::Damaged), "before any memory is spent");
    }

    #[test]
    fn no_byte_can_be_altered_and_no_end_cut_off() {
        let plain = vec![7; 2 * CHUNK_BYTES + 100];
        let file = sealed("two words", &[&plain]);
        for at in (0..file.len()).step_by(997).chain([file.len() - 1, BackupReader::HEADER_BYTES]) {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert!(opened(&bad, "two words", 10_000).is_err(), "byte {at}");
        }
        let chunk = CHUNK_BYTES + TAG_BYTES;
        for left in [BackupReader::HEADER_BYTES - 1, BackupReader::HEADER_BYTES, file.len() - 1] {
            assert!(opened(&file[..left], "two words", 10_000).is_err(), "{left} bytes");
        }
        for chunks in 1..=2 {
            let left = BackupReader::HEADER_BYTES + chunks * chunk;
            assert_eq!(opened(&file[..left], "two words", 10_000), Err(BadBackup::Damaged), "{chunks} whole chunks");
        }
        let (header, body) = file.split_at(BackupReader::HEADER_BYTES);
        let swapped = [header, &body[chunk..2 * chunk], &body[..chunk], &body[2 * chunk..]].concat();
        assert_eq!(opened(&swapped, "two words", 10_000), Err(BadBackup::Damaged));
        let longer = [file.as_slice(), &[0]].concat();
        assert_eq!(opened(&longer, "two words", 10_000), Err(BadBackup::Damaged));
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let node = crate::identity::LocalNode::generate(1, 2, &mut rng);
        let secrets = Secrets { node, database: DatabaseKey::generate(&mut rng) };
        let head = BackupHead { made_at_ms: 3, has_passphrase: true, secrets, database_bytes: 4 };
        let bytes = head.encode();
        assert_eq!(bytes.len(), BackupHead::BYTES);
        let read = BackupHead::decode(&bytes).unwrap();
        assert_eq!((read.made_at_ms, read.has_passphrase, read.database_bytes), (3, true, 4));
        assert_eq!(read.secrets.encode(), head.secrets.encode());
        assert!(BackupHead::decode(&bytes[1..]).is_err());
    }
}
