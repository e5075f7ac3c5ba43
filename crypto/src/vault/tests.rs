use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::identity::{LocalNode, NodeKeys};

const KEY: [u8; 32] = [7; 32];

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn secrets() -> Secrets {
    Secrets { node: LocalNode::generate(1, 2, &mut rng(1)), database: DatabaseKey::generate(&mut rng(2)) }
}

#[track_caller]
fn refused<T>(result: Result<T, VaultError>) -> VaultError {
    result.err().expect("it is refused")
}

#[test]
fn a_sealed_value_is_opened_in_its_place_with_its_key() {
    let key = secrets().database;
    let sealed = key.seal(b"messages 1", b"text", &mut rng(3));
    assert_eq!(sealed.len(), 4 + DatabaseKey::OVERHEAD_BYTES);
    assert_eq!(key.open(b"messages 1", &sealed).unwrap().as_slice(), b"text");
    assert_eq!(key.open(b"messages 2", &sealed), Err(Unsealable));
    assert_eq!(key.derive("other").open(b"messages 1", &sealed), Err(Unsealable));
    assert_ne!(sealed, key.seal(b"messages 1", b"text", &mut rng(4)));
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        assert_eq!(key.open(b"messages 1", &changed), Err(Unsealable), "byte {index} was changed");
        assert_eq!(key.open(b"messages 1", &sealed[..index]), Err(Unsealable), "{index} bytes are left");
    }
}

#[test]
fn secrets_are_read_back() {
    let bytes = secrets().encode();
    assert_eq!(Secrets::decode(&bytes).unwrap().encode(), bytes);
    for length in 0..bytes.len() {
        assert!(Secrets::decode(&bytes[..length]).is_err(), "{length} bytes are left");
    }
}

#[test]
fn secrets_that_do_not_belong_together_are_refused() {
    let mut other = secrets();
    other.node.keys = NodeKeys::generate(&mut rng(9));
    assert_eq!(Secrets::decode(&other.encode()).err(), Some(MalformedSecrets::OtherKeys));
}

#[test]
fn a_passphrase_opens_what_it_locked() {
    let vault = Vault::create(&secrets(), Unlock::Passphrase("correct horse"), &mut rng(3)).unwrap();
    assert_eq!(Vault::needs_passphrase(&vault), Ok(true));
    let opened = Vault::open(&vault, Unlock::Passphrase("correct horse")).unwrap();
    assert_eq!(opened.encode(), secrets().encode());
    assert_eq!(refused(Vault::open(&vault, Unlock::Passphrase("correct horsf"))), VaultError::WrongPassphrase);
    assert_eq!(refused(Vault::open(&vault, Unlock::KeyFile(&KEY))), VaultError::NeedsPassphrase);
}

#[test]
fn a_key_file_opens_what_it_locked() {
    let vault = Vault::create(&secrets(), Unlock::KeyFile(&KEY), &mut rng(3)).unwrap();
    assert_eq!(Vault::needs_passphrase(&vault), Ok(false));
    assert_eq!(Vault::open(&vault, Unlock::KeyFile(&KEY)).unwrap().encode(), secrets().encode());
    assert_eq!(refused(Vault::open(&vault, Unlock::KeyFile(&[8; 32]))), VaultError::WrongKeyFile);
    assert_eq!(refused(Vault::open(&vault, Unlock::Passphrase("any"))), VaultError::NeedsKeyFile);
}

#[test]
fn a_vault_damaged_anywhere_is_told_apart_from_a_wrong_key() {
    let vault = Vault::create(&secrets(), Unlock::KeyFile(&KEY), &mut rng(3)).unwrap();
    for index in 0..vault.len() {
        let mut changed = vault.clone();
        changed[index] ^= 1;
        let opened = refused(Vault::open(&changed, Unlock::KeyFile(&KEY)));
        assert!(matches!(opened, VaultError::Damaged { .. }), "byte {index} was changed: {opened}");
        let opened = refused(Vault::open(&vault[..index], Unlock::KeyFile(&KEY)));
        assert!(matches!(opened, VaultError::Damaged { .. }), "{index} bytes are left: {opened}");
    }
    let mut newer = vault;
    newer[0] = 2;
    assert_eq!(refused(Vault::open(&newer, Unlock::KeyFile(&KEY))), VaultError::Newer);
    assert_eq!(Vault::needs_passphrase(&newer), Err(VaultError::Newer));
}

#[test]
fn a_vault_that_asks_for_an_absurd_cost_is_refused_before_it_is_spent() {
    for (memory_kib, passes, lanes) in
        [(u32::MAX, 1, 1), (64, u32::MAX, 1), (64, 1, u32::MAX), (0, 1, 1), (64, 0, 1), (64, 1, 0), (64, 1, 9)]
    {
        let mut writer = Writer::new();
        writer.u8(VERSION).u8(PASSPHRASE).u32(memory_kib).u32(passes).u32(lanes).array(&[0; 100]);
        let sum = checksum(writer.written());
        writer.array(&sum);
        let opened = refused(Vault::open(writer.written(), Unlock::Passphrase("any")));
        assert_eq!(opened, VaultError::Damaged { reason: "its header is malformed" });
    }
}
