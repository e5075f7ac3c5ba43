//! What somebody shows to a member to join by an invite (PROTOCOL §6.10). Pure.

use tidings_crypto::card::SignedCard;
use tidings_crypto::codec::{Malformed, Reader, Writer};
use tidings_crypto::group::{GroupId, InviteProof, KeyPackage, Suite};

/// A request to join is at most this many bytes.
pub const JOIN_BYTES_MAX: usize = 48 * 1024;
/// It brings at most this many key packages: one of each suite for each node of a card.
const PACKAGES_MAX: usize = 2 * tidings_crypto::card::NODES_MAX;
/// A reason is at most this many bytes.
pub const REASON_BYTES_MAX: usize = 256;

const VERSION: u8 = 1;

/// A request to join, checked as far as it says it itself: the card is signed and fits the proof.
#[derive(Debug, Clone)]
pub struct JoinRequest {
    /// Which group.
    pub group: GroupId,
    /// Proof of the link, for the account on the card.
    pub proof: InviteProof,
    /// Who wants to come in.
    pub card: SignedCard,
    /// Key packages of the nodes on the card.
    pub packages: Vec<Vec<u8>>,
}

impl JoinRequest {
    /// The request's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(VERSION).array(&self.group.0).bytes(&self.proof.encode()).bytes(self.card.bytes());
        writer.count(self.packages.len());
        for package in &self.packages {
            writer.bytes(package);
        }
        writer.into_bytes()
    }

    /// Reads what [`JoinRequest::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > JOIN_BYTES_MAX {
            return Err(Malformed::TooLong { what: "request to join", limit: JOIN_BYTES_MAX });
        }
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let group = GroupId(reader.array()?);
        let proof = InviteProof::decode(reader.bytes("proof", JOIN_BYTES_MAX)?)?;
        let card = SignedCard::decode(reader.bytes("card", JOIN_BYTES_MAX)?)
            .map_err(|_| Malformed::Invalid { what: "card" })?;
        let count = reader.count("key packages", PACKAGES_MAX)?;
        let packages = (0..count)
            .map(|_| Ok(reader.bytes("key package", JOIN_BYTES_MAX)?.to_vec()))
            .collect::<Result<_, Malformed>>()?;
        reader.finish()?;
        if proof.account != card.card().account.id() {
            return Err(Malformed::Invalid { what: "request to join" });
        }
        Ok(Self { group, proof, card, packages })
    }

    /// The key packages for a suite that are valid now and belong to nodes on the card, one for each node.
    pub fn usable_packages(&self, suite: Suite, now_ms: u64) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        let usable = self.packages.iter().filter(|package| {
            let Ok(checked) = KeyPackage::check(package, now_ms) else { return false };
            let on_card = self.card.card().nodes.iter().any(|node| node.certificate.node_id() == checked.member.node);
            let fresh = on_card && checked.suite == suite && !seen.contains(&checked.member.node);
            seen.extend(fresh.then_some(checked.member.node));
            fresh
        });
        usable.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use tidings_crypto::card::{Card, CardNode};
    use tidings_crypto::group::InviteSeed;
    use tidings_crypto::identity::LocalNode;

    use super::*;

    fn request(card_of: &LocalNode, rng: &mut ChaCha20Rng) -> JoinRequest {
        let node = CardNode {
            certificate: card_of.certificate.clone(),
            addresses: Vec::new(),
            key_package: Vec::new(),
            mailboxes: Vec::new(),
        };
        let card = Card {
            account: card_of.account.public(),
            name: "Ada".to_owned(),
            serial: 1,
            nodes: vec![node],
            proofs: Vec::new(),
        };
        let group = GroupId([1; 16]);
        JoinRequest {
            group,
            proof: InviteSeed::generate(rng).prove(group, card_of.account_id()),
            card: SignedCard::sign(card, &card_of.account).unwrap(),
            packages: Vec::new(),
        }
    }

    #[test]
    fn only_packages_of_nodes_on_the_card_are_used_one_each_and_of_the_suite() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (ada, eve) = (LocalNode::generate(0, u64::MAX, &mut rng), LocalNode::generate(0, u64::MAX, &mut rng));
        let mut package = |of: &LocalNode, suite| KeyPackage::generate(of, suite, false, &mut rng).unwrap().0.bytes;
        let classic = package(&ada, Suite::Classic);
        let packages = vec![
            package(&eve, Suite::Classic),
            package(&ada, Suite::Hybrid),
            classic.clone(),
            package(&ada, Suite::Classic),
        ];
        let request = JoinRequest { packages, ..request(&ada, &mut rng) };
        let read = JoinRequest::decode(&request.encode()).unwrap();
        assert_eq!(read.usable_packages(Suite::Classic, 5), [classic]);
        assert_eq!(read.usable_packages(Suite::Hybrid, 5).len(), 1);
    }

    #[test]
    fn a_request_with_the_proof_of_another_account_or_cut_off_is_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let (ada, eve) = (LocalNode::generate(0, u64::MAX, &mut rng), LocalNode::generate(0, u64::MAX, &mut rng));
        let mine = request(&ada, &mut rng);
        let stolen = JoinRequest { card: request(&eve, &mut rng).card, ..mine.clone() };
        assert!(JoinRequest::decode(&stolen.encode()).is_err());
        let bytes = mine.encode();
        assert!((0..bytes.len()).all(|length| JoinRequest::decode(&bytes[..length]).is_err()));
    }
}
