//! Prekeys (PROTOCOL §4.9): what a node leaves at its mailboxes, so that whoever has its card can add it while it is away.
//!
//! They are sealed under a key that follows from the account's id and the word on the card. The mailbox is shown the word,
//! and not whose it is: it sees a size bucket and no more. What is inside proves itself: a signed card, and signed key
//! packages. The seal only hides them.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{AEAD_TAG_BYTES, NONCE_BYTES, SealError, Unopenable};
use crate::card::CARD_BYTES_MAX;
use crate::codec::{Malformed, Reader, Writer};
use crate::group::KEY_PACKAGE_BYTES_MAX;
use crate::identity::AccountId;

/// Sealed prekeys are at most this many bytes.
pub const PREKEYS_BYTES_MAX: usize = OVERHEAD_BYTES + STEPS_MAX * STEP_BYTES;
/// So many key packages go along, besides the one on the card.
pub const PREKEYS_PACKAGES_MAX: usize = 2;

const CONTEXT: &str = "tidings v1 prekeys";
const VERSION: u8 = 1;
const OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + AEAD_TAG_BYTES;
/// What is sealed is a multiple of this long: a card with few addresses and a hybrid key package fit the first step.
const STEP_BYTES: usize = 5 * 1024;
const STEPS_MAX: usize = 5;
/// The time, and what stands in front of the card and the packages.
const FIXED_BYTES: usize = 8 + 4 + 2 + PREKEYS_PACKAGES_MAX * 4;
const _: () = assert!(
    FIXED_BYTES + CARD_BYTES_MAX + PREKEYS_PACKAGES_MAX * KEY_PACKAGE_BYTES_MAX <= STEPS_MAX * STEP_BYTES,
    "the longest card and the longest packages fit"
);

/// What a node leaves at its mailboxes.
#[derive(Clone, PartialEq, Eq)]
pub struct Prekeys {
    /// When they were left, by its clock.
    pub left_at_ms: u64,
    /// Its newest signed card.
    pub card: Vec<u8>,
    /// Last-resort key packages for which a card has no room, at most [`PREKEYS_PACKAGES_MAX`].
    pub packages: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Prekeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prekeys").field("packages", &self.packages.len()).finish_non_exhaustive()
    }
}

impl Prekeys {
    /// Seals them for whoever has this account's card, which holds this word.
    pub fn seal<R: CryptoRng + ?Sized>(
        &self,
        account: &AccountId,
        word: &[u8; 32],
        rng: &mut R,
    ) -> Result<Vec<u8>, SealError> {
        let content = self.encode_padded()?;
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload { msg: &content, aad: &[VERSION] };
        let sealed = cipher(account, word).encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| SealError::TooLong { bytes: content.len() })?;
        Ok([[VERSION].as_slice(), &nonce, &sealed].concat())
    }

    /// Opens what a mailbox gave. What was left by somebody else cannot be told from what was touched.
    pub fn open(sealed: &[u8], account: &AccountId, word: &[u8; 32]) -> Result<Self, Unopenable> {
        if !is_sealed_length(sealed.len()) {
            return Err(Unopenable::Forged);
        }
        let (version, body) = sealed.split_at_checked(1).ok_or(Unopenable::Forged)?;
        let (nonce, body) = body.split_first_chunk::<NONCE_BYTES>().ok_or(Unopenable::Forged)?;
        if version != [VERSION] {
            return Err(Unopenable::Forged);
        }
        let payload = Payload { msg: body, aad: version };
        let content = cipher(account, word).decrypt(&XNonce::from(*nonce), payload);
        let content = Zeroizing::new(content.map_err(|_| Unopenable::Forged)?);
        Self::decode_padded(&content).map_err(Unopenable::Content)
    }

    fn encode_padded(&self) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let longest = self.packages.iter().map(Vec::len).max().unwrap_or(0);
        let too_long = |bytes| Err(SealError::TooLong { bytes });
        if self.card.len() > CARD_BYTES_MAX {
            return too_long(self.card.len());
        }
        if self.packages.len() > PREKEYS_PACKAGES_MAX || longest > KEY_PACKAGE_BYTES_MAX {
            return too_long(longest);
        }
        let mut writer = Writer::with_capacity(STEP_BYTES);
        writer.u64(self.left_at_ms).bytes(&self.card).count(self.packages.len());
        for package in &self.packages {
            writer.bytes(package);
        }
        let mut content = Zeroizing::new(writer.into_bytes());
        let padded = content.len().next_multiple_of(STEP_BYTES);
        content.resize(padded, 0);
        Ok(content)
    }

    fn decode_padded(content: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(content);
        let left_at_ms = reader.u64()?;
        let card = reader.bytes("card", CARD_BYTES_MAX)?.to_vec();
        let count = reader.count("list of key packages", PREKEYS_PACKAGES_MAX)?;
        let packages = (0..count).map(|_| Ok(reader.bytes("key package", KEY_PACKAGE_BYTES_MAX)?.to_vec()));
        let packages = packages.collect::<Result<_, _>>()?;
        let padding = reader.rest();
        if padding.len() >= STEP_BYTES || padding.iter().any(|byte| *byte != 0) {
            return Err(Malformed::Invalid { what: "the padding" });
        }
        Ok(Self { left_at_ms, card, packages })
    }
}

/// Whether sealed prekeys can be this long: all that a mailbox can tell of what it is given.
pub fn is_sealed_length(bytes: usize) -> bool {
    let inside = bytes.saturating_sub(OVERHEAD_BYTES);
    inside != 0 && bytes <= PREKEYS_BYTES_MAX && inside.is_multiple_of(STEP_BYTES)
}

fn cipher(account: &AccountId, word: &[u8; 32]) -> XChaCha20Poly1305 {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    let key = Zeroizing::new(*hasher.update(&account.0).update(word).finalize().as_bytes());
    XChaCha20Poly1305::new((&*key).into())
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    const ACCOUNT: AccountId = AccountId([3; 32]);
    const WORD: [u8; 32] = [4; 32];

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([1; 32])
    }

    fn prekeys(card: usize, packages: &[usize]) -> Prekeys {
        let packages = packages.iter().map(|bytes| vec![8; *bytes]).collect();
        Prekeys { left_at_ms: 1_800_000_000_000, card: vec![7; card], packages }
    }

    #[test]
    fn who_has_the_card_opens_them_and_nobody_else() {
        let mut rng = rng();
        for given in [
            prekeys(0, &[]),
            prekeys(1_500, &[3_150]),
            prekeys(CARD_BYTES_MAX, &[KEY_PACKAGE_BYTES_MAX, KEY_PACKAGE_BYTES_MAX]),
        ] {
            let sealed = given.seal(&ACCOUNT, &WORD, &mut rng).unwrap();
            assert_eq!(Prekeys::open(&sealed, &ACCOUNT, &WORD), Ok(given.clone()));
            assert_eq!(Prekeys::open(&sealed, &AccountId([5; 32]), &WORD), Err(Unopenable::Forged));
            assert_eq!(Prekeys::open(&sealed, &ACCOUNT, &[5; 32]), Err(Unopenable::Forged));
            assert_ne!(given.seal(&ACCOUNT, &WORD, &mut rng).unwrap(), sealed, "twice the same looks different");
        }
    }

    #[test]
    fn a_mailbox_sees_a_size_bucket_and_nothing_of_what_is_inside() {
        let mut rng = rng();
        let length = |given: Prekeys, rng: &mut _| given.seal(&ACCOUNT, &WORD, rng).unwrap().len();
        assert_eq!(length(prekeys(0, &[]), &mut rng), OVERHEAD_BYTES + STEP_BYTES);
        assert_eq!(length(prekeys(1_500, &[3_150]), &mut rng), OVERHEAD_BYTES + STEP_BYTES);
        assert_eq!(length(prekeys(2_500, &[3_150]), &mut rng), OVERHEAD_BYTES + 2 * STEP_BYTES);
        let most = prekeys(CARD_BYTES_MAX, &[KEY_PACKAGE_BYTES_MAX; PREKEYS_PACKAGES_MAX]);
        assert_eq!(length(most, &mut rng), PREKEYS_BYTES_MAX);
        for bytes in [0, 1, OVERHEAD_BYTES, STEP_BYTES, OVERHEAD_BYTES + STEP_BYTES + 1, PREKEYS_BYTES_MAX + STEP_BYTES]
        {
            assert!(!is_sealed_length(bytes), "{bytes}");
        }
        let sealed = prekeys(300, &[300]).seal(&ACCOUNT, &WORD, &mut rng).unwrap();
        assert!(!sealed.windows(16).any(|part| part == [7; 16] || part == [8; 16] || part == [3; 16]));
    }

    #[test]
    fn what_is_too_long_is_not_sealed() {
        let mut rng = rng();
        for given in [
            prekeys(CARD_BYTES_MAX + 1, &[]),
            prekeys(0, &[KEY_PACKAGE_BYTES_MAX + 1]),
            prekeys(0, &[1; PREKEYS_PACKAGES_MAX + 1]),
        ] {
            assert!(given.seal(&ACCOUNT, &WORD, &mut rng).is_err());
        }
    }

    #[test]
    fn what_was_touched_or_cut_off_does_not_open() {
        let sealed = prekeys(200, &[300]).seal(&ACCOUNT, &WORD, &mut rng()).unwrap();
        for at in (0..sealed.len()).filter(|at| *at < 64 || at % 97 == 0) {
            let mut touched = sealed.clone();
            touched[at] ^= 1;
            assert_eq!(Prekeys::open(&touched, &ACCOUNT, &WORD), Err(Unopenable::Forged), "{at}");
            assert_eq!(Prekeys::open(&sealed[..at], &ACCOUNT, &WORD), Err(Unopenable::Forged), "{at}");
        }
    }

    #[test]
    fn content_that_is_not_as_it_must_be_is_refused_though_the_seal_is_right() {
        let sealed = |content: &[u8]| {
            let payload = Payload { msg: content, aad: &[VERSION] };
            let body = cipher(&ACCOUNT, &WORD).encrypt(&XNonce::from([9; NONCE_BYTES]), payload).unwrap();
            [[VERSION].as_slice(), &[9; NONCE_BYTES], &body].concat()
        };
        let right = prekeys(200, &[300]).encode_padded().unwrap();
        assert!(Prekeys::open(&sealed(&right), &ACCOUNT, &WORD).is_ok());
        let mut filled = right.to_vec();
        *filled.last_mut().unwrap() = 1;
        let twice = [right.as_slice(), &vec![0; STEP_BYTES]].concat();
        for content in [filled, twice, vec![0xff; STEP_BYTES]] {
            assert!(matches!(Prekeys::open(&sealed(&content), &ACCOUNT, &WORD), Err(Unopenable::Content(_))));
        }
    }

    #[test]
    fn debug_shows_nothing_of_what_is_inside() {
        assert_eq!(format!("{:?}", prekeys(3, &[5])), "Prekeys { packages: 1, .. }");
    }
}
