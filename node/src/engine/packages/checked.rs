//! Key packages that were checked not long ago: three signatures are verified once, not each time that a package is given
//! again, given on, or used. Pure.

use std::collections::{BTreeMap, VecDeque};

use tidings_crypto::group::{CheckedKeyPackage, KeyPackage, Member};
use tidings_crypto::identity::{LocalNode, NodeCertificate};

/// So many are remembered, each in about half a KiB. A guess.
const CHECKED_MAX: usize = 512;

/// What key packages say, by their hashes. Only those that are right are here.
#[derive(Debug, Default)]
pub(crate) struct CheckedPackages {
    by_hash: BTreeMap<[u8; 32], CheckedKeyPackage>,
    oldest: VecDeque<[u8; 32]>,
}

impl CheckedPackages {
    /// What a key package says, if it is right and its node's certificate holds now. `known` is a certificate that was
    /// verified before: it is not verified again if it is the one inside.
    pub(crate) fn check(
        &mut self,
        bytes: &[u8],
        known: Option<&NodeCertificate>,
        now_ms: u64,
    ) -> Option<CheckedKeyPackage> {
        let hash = *blake3::hash(bytes).as_bytes();
        if let Some(checked) = self.by_hash.get(&hash) {
            return checked.member.certificate.check_time(now_ms).is_ok().then(|| checked.clone());
        }
        let checked = KeyPackage::check_knowing(bytes, known, now_ms).ok()?;
        self.hold(hash, checked.clone());
        Some(checked)
    }

    /// This node made one itself.
    pub(crate) fn made(&mut self, me: &LocalNode, package: &KeyPackage) {
        let certificate = me.certificate.clone();
        let member = Member { leaf: 0, account: certificate.account_id(), node: certificate.node_id(), certificate };
        let checked = CheckedKeyPackage { member, suite: package.suite, last_resort: package.last_resort };
        self.hold(*blake3::hash(&package.bytes).as_bytes(), checked);
    }

    fn hold(&mut self, hash: [u8; 32], checked: CheckedKeyPackage) {
        if self.by_hash.insert(hash, checked).is_none() {
            self.oldest.push_back(hash);
        }
        if self.oldest.len() > CHECKED_MAX
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.by_hash.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use tidings_crypto::group::Suite;

    use super::*;

    const NOW_MS: u64 = 1_000;

    fn node(seed: u8) -> LocalNode {
        LocalNode::generate(0, NOW_MS, &mut ChaCha20Rng::from_seed([seed; 32]))
    }

    fn package(me: &LocalNode, seed: u64) -> KeyPackage {
        KeyPackage::generate(me, Suite::Classic, false, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap().0
    }

    #[test]
    fn what_is_remembered_of_a_key_package_is_what_a_check_says() {
        let (me, other) = (node(1), node(2));
        let package = package(&me, 1);
        let said = KeyPackage::check(&package.bytes, NOW_MS).unwrap();
        for known in [None, Some(&me.certificate), Some(&other.certificate)] {
            let mut checked = CheckedPackages::default();
            assert_eq!(checked.check(&package.bytes, known, NOW_MS), Some(said.clone()));
            assert_eq!(checked.check(&package.bytes, known, NOW_MS), Some(said.clone()), "again");
        }
        let mut checked = CheckedPackages::default();
        checked.made(&me, &package);
        assert_eq!(checked.check(&package.bytes, None, NOW_MS), Some(said));
    }

    #[test]
    fn a_key_package_that_was_right_is_refused_when_its_certificate_has_run_out_or_a_byte_is_another() {
        let me = node(1);
        let package = package(&me, 1);
        let mut checked = CheckedPackages::default();
        assert!(checked.check(&package.bytes, Some(&me.certificate), NOW_MS).is_some());
        assert_eq!(checked.check(&package.bytes, Some(&me.certificate), NOW_MS + 1), None);
        for place in (0..package.bytes.len()).step_by(7) {
            let mut forged = package.bytes.clone();
            forged[place] ^= 1;
            assert_eq!(checked.check(&forged, Some(&me.certificate), NOW_MS), None, "byte {place}");
        }
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let me = node(1);
        let said = KeyPackage::check(&package(&me, 1).bytes, NOW_MS).unwrap();
        let mut checked = CheckedPackages::default();
        for number in 0..=u16::try_from(CHECKED_MAX).unwrap() {
            let mut hash = [0; 32];
            hash[..2].copy_from_slice(&number.to_be_bytes());
            checked.hold(hash, said.clone());
        }
        assert_eq!((checked.by_hash.len(), checked.oldest.len()), (CHECKED_MAX, CHECKED_MAX));
        assert!(!checked.by_hash.contains_key(&[0; 32]));
    }
}
