//! Which of our addresses are known to lead here from everywhere, and which are known not to (PROTOCOL §5.2). Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Address;

/// A proof is believed this long: the client is renewed twice within it.
const PROOF_MS: u64 = 48 * 60 * 60_000;
/// At most this many addresses with a proof are given out.
pub(super) const PROVED_MAX: usize = 4;

/// What is known about our addresses. Times are milliseconds on a clock that only goes forward.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    /// Addresses at which a peer reached us when it was asked to, and until when that is believed.
    proved: BTreeMap<Address, u64>,
    /// Addresses that the router says lead here.
    mapped: BTreeSet<Address>,
    /// Addresses at which a peer did not reach us.
    refuted: BTreeSet<Address>,
}

impl Proofs {
    /// A peer reached us there; says whether that is new.
    pub(super) fn prove(&mut self, address: Address, now_ms: u64) -> bool {
        self.refuted.remove(&address);
        self.proved.insert(address, now_ms.saturating_add(PROOF_MS)).is_none()
    }

    /// A peer could not reach us there; says whether that is new.
    pub(super) fn refute(&mut self, address: Address) -> bool {
        let was_proved = self.proved.remove(&address).is_some();
        self.refuted.insert(address) || was_proved
    }

    /// The router leads there to us; says whether that is new.
    pub(super) fn map(&mut self, address: Address) -> bool {
        self.mapped.insert(address)
    }

    /// It does not any more.
    pub(super) fn unmap(&mut self, address: &Address) -> bool {
        self.mapped.remove(address)
    }

    /// We are somewhere else now: nothing that peers found out holds.
    pub(super) fn moved(&mut self) -> bool {
        self.refuted.clear();
        let had = !self.proved.is_empty();
        self.proved.clear();
        had
    }

    /// What was refuted may be tried again; what was proved stays until it is too old.
    pub(super) fn try_again(&mut self) -> bool {
        let had = !self.refuted.is_empty();
        self.refuted.clear();
        had
    }

    /// Lets time pass; says whether a proof became too old.
    pub(super) fn pass(&mut self, now_ms: u64) -> bool {
        let before = self.proved.len();
        self.proved.retain(|_, until_ms| *until_ms > now_ms);
        self.proved.len() != before
    }

    /// When a proof becomes too old.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.proved.values().min().copied()
    }

    /// The addresses that lead here, and how many.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        let proved = self.proved.keys().filter(|address| !self.mapped.contains(*address));
        self.mapped.iter().chain(proved).take(PROVED_MAX)
    }

    /// Whether anybody can reach this node without help.
    pub(super) fn is_reachable(&self) -> bool {
        !self.proved.is_empty() || !self.mapped.is_empty()
    }

    /// Whether the router leads a port here.
    pub(super) fn is_mapped(&self) -> bool {
        !self.mapped.is_empty()
    }

    /// Whether an address is known to lead here.
    pub(super) fn is_proved(&self, address: &Address) -> bool {
        self.proved.contains_key(address) || self.mapped.contains(address)
    }

    /// Whether an address is known not to lead here.
    pub(super) fn is_refuted(&self, address: &Address) -> bool {
        self.refuted.contains(address) && !self.mapped.contains(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> Address {
        Address(vec![number])
    }

    #[test]
    fn a_proof_is_believed_for_a_time_and_each_new_one_extends_it() {
        let mut proofs = Proofs::default();
        assert!(proofs.prove(address(1), 0));
        assert!(!proofs.prove(address(1), 10));
        assert_eq!(proofs.next_due_ms(), Some(10 + PROOF_MS));
        assert!(!proofs.pass(PROOF_MS));
        assert!(proofs.is_reachable());
        assert!(proofs.pass(10 + PROOF_MS));
        assert!(!proofs.is_reachable());
    }

    #[test]
    fn what_was_refuted_is_not_given_out_until_it_is_proved_or_tried_again() {
        let mut proofs = Proofs::default();
        proofs.prove(address(1), 0);
        assert!(proofs.refute(address(1)));
        assert!(!proofs.refute(address(1)));
        assert!(proofs.is_refuted(&address(1)) && !proofs.is_reachable());
        assert!(proofs.try_again());
        assert!(!proofs.is_refuted(&address(1)));
        proofs.refute(address(1));
        proofs.prove(address(1), 0);
        assert!(!proofs.is_refuted(&address(1)));
    }

    #[test]
    fn a_mapping_of_the_router_holds_until_it_ends_whatever_a_peer_found() {
        let mut proofs = Proofs::default();
        assert!(proofs.map(address(1)));
        assert!(!proofs.map(address(1)));
        proofs.refute(address(1));
        proofs.moved();
        assert!(!proofs.is_refuted(&address(1)) && proofs.is_reachable());
        assert!(proofs.unmap(&address(1)));
        assert!(!proofs.is_reachable());
    }

    #[test]
    fn after_a_move_nothing_holds_and_only_so_many_are_given_out() {
        let mut proofs = Proofs::default();
        for number in 0..10 {
            proofs.prove(address(number), 0);
        }
        proofs.map(address(3));
        assert_eq!(proofs.addresses().count(), PROVED_MAX);
        assert_eq!(proofs.addresses().next(), Some(&address(3)));
        assert!(proofs.moved());
        assert!(!proofs.moved());
        assert_eq!(proofs.addresses().collect::<Vec<_>>(), [&address(3)]);
    }
}
