//! A Welcome taken apart (RFC 9420 §12.4.3.1, PROTOCOL §2.6): for each node that comes in its own secrets and nobody
//! else's, and what is the same for all of them.
//!
//! MLS makes one Welcome for everybody whom a commit adds. Here each gets its own: a founding of hundreds would carry the
//! secrets of all to all, and each would see how many others there are before it is a member.

use std::collections::BTreeMap;

use super::framing::vector;
use crate::{
    codec::{Malformed, Reader, Writer},
    identity::NodeId,
};

/// What a commit made for the nodes that it added.
#[derive(Clone, PartialEq, Eq)]
pub struct Welcomes {
    heads: BTreeMap<NodeId, Vec<u8>>,
    tail: Vec<u8>,
}

impl std::fmt::Debug for Welcomes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Welcomes").field("nodes", &self.heads.len()).field("tail_bytes", &self.tail.len()).finish()
    }
}

impl Welcomes {
    /// Takes an encoded `MLSMessage` with a Welcome apart; the nodes are named with the references of their packages.
    pub(super) fn read(message: &[u8], nodes: &BTreeMap<[u8; 32], NodeId>) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let prefix = reader.take(PREFIX_BYTES)?;
        let mut secrets = Reader::new(vector(&mut reader)?);
        let tail = reader.rest().to_vec();
        let mut heads = BTreeMap::new();
        while !secrets.clone().rest().is_empty() {
            let all = secrets.clone().rest();
            let reference = vector(&mut secrets)?;
            let _kem_output = vector(&mut secrets)?;
            let _ciphertext = vector(&mut secrets)?;
            let (own, _) =
                all.split_at_checked(all.len().saturating_sub(secrets.clone().rest().len())).ok_or(CUT_OFF)?;
            let node = reference.try_into().ok().and_then(|reference: [u8; 32]| nodes.get(&reference));
            let mut head = Writer::with_capacity(PREFIX_BYTES.saturating_add(own.len()).saturating_add(4));
            head.array(prefix);
            write_length(&mut head, own.len())?;
            head.array(own);
            heads.insert(*node.ok_or(UNKNOWN)?, head.into_bytes());
        }
        Ok(Self { heads, tail })
    }

    /// The whole Welcome of a node, an `MLSMessage` with the secrets of nobody else.
    pub fn of(&self, node: &NodeId) -> Option<Vec<u8>> {
        self.heads.get(node).map(|head| [head.as_slice(), &self.tail].concat())
    }

    /// The beginning of a node's Welcome; with the [`Self::tail`] behind it it is whole.
    pub fn head(&self, node: &NodeId) -> Option<&[u8]> {
        self.heads.get(node).map(Vec::as_slice)
    }

    /// What is the same for all: the group info with the whole tree, encrypted for those who have the secrets.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }
}

/// MLS's version, the wire format and the cipher suite.
const PREFIX_BYTES: usize = 6;
const CUT_OFF: Malformed = Malformed::Truncated;
const UNKNOWN: Malformed = Malformed::Invalid { what: "a package in the Welcome" };

/// A vector's length (RFC 9420 §2.1.2).
fn write_length(writer: &mut Writer, length: usize) -> Result<(), Malformed> {
    let too_long = |_| Malformed::TooLong { what: "a vector", limit: 1 << 14 };
    match length {
        0..0x40 => writer.u8(u8::try_from(length).map_err(too_long)?),
        0x40..0x4000 => writer.u16(u16::try_from(length).map_err(too_long)? | 0x4000),
        _ => return Err(Malformed::TooLong { what: "a vector", limit: 1 << 14 }),
    };
    Ok(())
}
