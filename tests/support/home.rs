//! What a test does to a home's database behind the node's back: it has the key from the vault beside it.

use std::path::Path;

use aes::Aes256;
use aes::cipher::{BlockDecrypt as _, KeyInit as _};
use anyhow::{Context as _, Result, ensure};
use sqlx::sqlite::SqliteConnectOptions;
use tidings_crypto::vault::{DatabaseKey, Unlock, Vault};

/// A page of the file …
const PAGE_BYTES: usize = 4_096;
/// … ends with an IV of 16 bytes and an authentication tag of 64 …
const RESERVED_BYTES: usize = 80;
/// … and the first one begins with the salt of the tags' key.
const SALT_BYTES: usize = 16;
/// What a write-ahead log begins with, and each page in it (SQLite file format, §4.1).
const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const BLOCK_BYTES: usize = 16;

/// All pages of a database and of its log as they lie there, those that are free too, decrypted as PROTOCOL §8.8 says.
pub fn pages(file: &Path, key: &DatabaseKey) -> Result<Vec<u8>> {
    let key = blake3::Hash::from_hex(key.of_file().as_str())?;
    let cipher = Aes256::new(key.as_bytes().into());
    let mut clear = Vec::new();
    for (number, page) in std::fs::read(file)?.chunks(PAGE_BYTES).enumerate() {
        decrypt(page, number == 0, &cipher, &mut clear)?;
    }
    let log = std::fs::read(file.with_extension("db-wal")).unwrap_or_default();
    for frame in log.get(LOG_HEADER_BYTES..).unwrap_or_default().chunks(FRAME_HEADER_BYTES + PAGE_BYTES) {
        let (header, page) = frame.split_at_checked(FRAME_HEADER_BYTES).context("a frame that is cut off")?;
        decrypt(page, header.starts_with(&1_u32.to_be_bytes()), &cipher, &mut clear)?;
    }
    Ok(clear)
}

fn decrypt(page: &[u8], is_first: bool, cipher: &Aes256, clear: &mut Vec<u8>) -> Result<()> {
    ensure!(page.len() == PAGE_BYTES, "a page that is cut off");
    let (content, reserved) = page.split_at(PAGE_BYTES - RESERVED_BYTES);
    let content = if is_first { content.get(SALT_BYTES..).unwrap_or_default() } else { content };
    let mut before = reserved.get(..BLOCK_BYTES).unwrap_or_default();
    for block in content.chunks(BLOCK_BYTES) {
        let mut plain = aes::Block::clone_from_slice(block);
        cipher.decrypt_block(&mut plain);
        clear.extend(plain.iter().zip(before).map(|(byte, mask)| byte ^ mask));
        before = block;
    }
    Ok(())
}

/// The key of a home's database. No passphrase protects it.
pub fn key(home: &Path) -> Result<DatabaseKey> {
    let key = std::fs::read(home.join("vault.key")).context("vault.key")?;
    let key: &[u8; 32] = key.as_slice().try_into().context("vault.key")?;
    let vault = std::fs::read(home.join("vault")).context("vault")?;
    Ok(Vault::open(&vault, Unlock::KeyFile(key))?.database)
}

/// How a home's database is opened.
pub fn database(home: &Path) -> Result<SqliteConnectOptions> {
    let options = SqliteConnectOptions::new().filename(home.join("tidings.db"));
    Ok(options.pragma("key", format!("\"x'{}'\"", *key(home)?.of_file())))
}
