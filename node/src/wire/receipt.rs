//! Receipts (PROTOCOL §6): what a member's node holds and has shown of others' messages, signed by that node. Pure.
//!
//! A receipt is not an MLS message, on purpose: a newer one replaces those still unsent, and messages that are never
//! sent would leave holes in the sender's ratchet. It is sealed for the group's topic like everything else.

use tidings_crypto::codec::{Malformed, Reader, Writer};
use tidings_crypto::group::{GroupId, Member};
use tidings_crypto::identity::{LocalNode, NodeId, Signature};

use crate::conversation::ledger::{Progress, Sequences};

/// No MLS message begins like this: its first field would be the reserved protocol version 0 (RFC 9420 §6).
const MARK: [u8; 2] = [0, 0];
const VERSION: u8 = 1;
const CONTEXT: &str = "tidings v1 receipt";

/// A receipt speaks of at most this many authors' nodes.
pub const RECEIPT_AUTHORS_MAX: usize = 1_000;

/// What a node holds and has shown, of each author's node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// One entry an author's node, at most [`RECEIPT_AUTHORS_MAX`].
    pub authors: Vec<(NodeId, Progress)>,
}

/// A receipt whose signature is still to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedReceipt {
    /// The node that claims to have made it.
    pub node: NodeId,
    signed: Vec<u8>,
    signature: Signature,
    receipt: Receipt,
}

impl Receipt {
    /// The bytes that go into an envelope instead of an MLS message, signed by this node for this group alone.
    pub fn sign(&self, me: &LocalNode, group: GroupId) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(&MARK);
        writer.u8(VERSION);
        writer.array(&me.node_id().0);
        writer.u16(u16::try_from(self.authors.len()).unwrap_or(u16::MAX));
        for (author, progress) in &self.authors {
            writer.array(&author.0);
            progress.delivered.encode(&mut writer);
            progress.seen.encode(&mut writer);
        }
        let signature = me.keys.sign(CONTEXT, &bound(group, writer.written()));
        writer.array(&signature.0);
        writer.into_bytes()
    }
}

impl UnverifiedReceipt {
    /// Whether these bytes are a receipt rather than an MLS message or a ballot.
    pub fn is_receipt(bytes: &[u8]) -> bool {
        bytes.strip_prefix(&MARK).is_some_and(|rest| rest.first() == Some(&VERSION))
    }

    /// Reads a receipt; nothing in it is proved yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != MARK {
            return Err(Malformed::Invalid { what: "the receipt's mark" });
        }
        reader.version(VERSION)?;
        let node = NodeId(reader.array()?);
        let count = usize::from(reader.u16()?);
        if count > RECEIPT_AUTHORS_MAX {
            return Err(Malformed::TooLong { what: "the receipt", limit: RECEIPT_AUTHORS_MAX });
        }
        let mut authors = Vec::new();
        for _ in 0..count {
            let author = NodeId(reader.array()?);
            let progress = Progress {
                delivered: Sequences::decode(&mut reader)?,
                seen: Sequences::decode(&mut reader)?,
                stored: Sequences::default(),
            };
            authors.push((author, progress));
        }
        let signature = Signature(reader.array()?);
        reader.finish()?;
        let signed = bytes.get(..bytes.len().saturating_sub(64)).unwrap_or_default().to_vec();
        Ok(Self { node, signed, signature, receipt: Receipt { authors } })
    }

    /// The receipt, if this member of this group signed it.
    pub fn verify(self, group: GroupId, member: &Member) -> Option<Receipt> {
        let bytes = bound(group, &self.signed);
        let signed = member.certificate.signature_key().verify(CONTEXT, &bytes, &self.signature).is_ok();
        (signed && member.node == self.node).then_some(self.receipt)
    }
}

/// A receipt counts in its own group only.
fn bound(group: GroupId, bytes: &[u8]) -> Vec<u8> {
    [group.0.as_slice(), bytes].concat()
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    const GROUP: GroupId = GroupId([3; 16]);

    fn node(seed: u64) -> (LocalNode, Member) {
        let me = LocalNode::generate(0, u64::MAX, &mut ChaCha20Rng::seed_from_u64(seed));
        let certificate = me.certificate.clone();
        let member = Member { leaf: 0, account: certificate.account_id(), node: certificate.node_id(), certificate };
        (me, member)
    }

    fn receipt() -> Receipt {
        let mut progress = Progress::default();
        progress.delivered.insert_range(1, 40);
        progress.delivered.insert_range(43, 43);
        progress.seen.insert_range(1, 12);
        Receipt { authors: vec![(NodeId([4; 32]), progress)] }
    }

    #[test]
    fn a_receipt_counts_for_its_signer_in_its_group() {
        let (me, member) = node(1);
        let unverified = UnverifiedReceipt::decode(&receipt().sign(&me, GROUP)).unwrap();
        assert_eq!(unverified.verify(GROUP, &member), Some(receipt()));
    }

    #[test]
    fn a_receipt_of_another_member_or_group_proves_nothing() {
        let (me, member) = node(1);
        let (_, other) = node(2);
        let bytes = receipt().sign(&me, GROUP);
        assert_eq!(UnverifiedReceipt::decode(&bytes).unwrap().verify(GroupId([4; 16]), &member), None);
        assert_eq!(UnverifiedReceipt::decode(&bytes).unwrap().verify(GROUP, &other), None);
    }

    #[test]
    fn a_receipt_changed_in_any_byte_proves_nothing() {
        let (me, member) = node(1);
        let bytes = receipt().sign(&me, GROUP);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let proved = UnverifiedReceipt::decode(&changed).ok().and_then(|receipt| receipt.verify(GROUP, &member));
            assert_eq!(proved, None, "byte {at}");
        }
    }

    #[test]
    fn what_is_cut_or_longer_is_refused() {
        let (me, _) = node(1);
        let bytes = receipt().sign(&me, GROUP);
        assert!((0..bytes.len()).all(|length| UnverifiedReceipt::decode(&bytes[..length]).is_err()));
        assert!(UnverifiedReceipt::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}
