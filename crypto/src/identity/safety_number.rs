//! The number that two people compare to know that nobody stands between them (PROTOCOL §1.6).

use std::fmt;

use super::AccountPublic;

/// Makes each try of somebody who searches for a key with a similar number slow; Signal's count.
const ROUNDS: u32 = 5_200;
const GROUPS: usize = 6;

/// Sixty digits: the same seen from both sides.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SafetyNumber {
    groups: [[u32; GROUPS]; 2],
}

/// One account's half of all its safety numbers, worked out once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SafetyHalf([u32; GROUPS]);

impl SafetyHalf {
    /// The half of an account.
    pub fn of(account: &AccountPublic) -> Self {
        Self(digit_groups(account))
    }
}

impl fmt::Debug for SafetyHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SafetyHalf").finish_non_exhaustive()
    }
}

impl SafetyNumber {
    /// The safety number of two accounts, in either order.
    pub fn between(one: &AccountPublic, other: &AccountPublic) -> Self {
        Self::of_halves(SafetyHalf::of(one), SafetyHalf::of(other))
    }

    /// The safety number of two accounts' halves, in either order.
    pub fn of_halves(one: SafetyHalf, other: SafetyHalf) -> Self {
        let mut groups = [one.0, other.0];
        groups.sort_unstable();
        Self { groups }
    }
}

impl fmt::Display for SafetyNumber {
    /// Twelve groups of five digits with spaces between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_groups(f, self.groups.as_flattened())
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SafetyNumber").finish_non_exhaustive()
    }
}

/// One account's half of every safety number: six groups of five digits.
pub fn fingerprint(account: &AccountPublic) -> String {
    struct Half([u32; GROUPS]);
    impl fmt::Display for Half {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_groups(f, &self.0)
        }
    }
    Half(digit_groups(account)).to_string()
}

fn write_groups(f: &mut fmt::Formatter<'_>, groups: &[u32]) -> fmt::Result {
    for (index, group) in groups.iter().enumerate() {
        let separator = if index == 0 { "" } else { " " };
        write!(f, "{separator}{group:05}")?;
    }
    Ok(())
}

/// Each group is five bytes of the iterated hash, modulo 100,000.
fn digit_groups(account: &AccountPublic) -> [u32; GROUPS] {
    let mut hash = blake3::derive_key("tidings v1 safety number", &account.0);
    for _ in 0..ROUNDS {
        hash = *blake3::keyed_hash(&hash, &account.0).as_bytes();
    }
    let mut groups = [0; GROUPS];
    for (group, bytes) in groups.iter_mut().zip(hash.chunks_exact(5)) {
        let number = bytes.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        *group = u32::try_from(number % 100_000).unwrap_or_default();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_sixty_digits() {
        let (one, other) = (AccountPublic([1; 32]), AccountPublic([2; 32]));
        let number = SafetyNumber::between(&one, &other);
        assert_eq!(number, SafetyNumber::between(&other, &one));
        let text = number.to_string();
        let groups: Vec<&str> = text.split(' ').collect();
        assert_eq!(groups.len(), 12);
        assert!(groups.iter().all(|group| group.len() == 5 && group.bytes().all(|byte| byte.is_ascii_digit())));
        assert!(text.contains(&fingerprint(&one)) && text.contains(&fingerprint(&other)));
    }

    #[test]
    fn another_key_gives_another_number() {
        let one = AccountPublic([1; 32]);
        assert_ne!(fingerprint(&one), fingerprint(&AccountPublic([2; 32])));
        assert!(!format!("{:?}", SafetyNumber::between(&one, &one)).contains(&fingerprint(&one)[..5]));
    }
}
