//! Mailboxes (PROTOCOL §1.5, §1.7): those that a card names, and the link by which a node that keeps envelopes for others
//! lets somebody use it.

use std::fmt;

use zeroize::Zeroizing;

use super::link::{BadLink, checked_payload, link};
use super::{ADDRESS_BYTES_MAX, Address, BadCard};
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::PeerKey;

/// A node names at most this many mailboxes.
pub const MAILBOXES_MAX: usize = 4;
/// A mailbox has at most this many addresses.
pub const MAILBOX_ADDRESSES_MAX: usize = 8;

const MAILBOX: &str = "tidings://mailbox/";
const LINK_VERSION: u8 = 1;

/// A mailbox of a node, as its card names it.
#[derive(Clone, PartialEq, Eq)]
pub struct CardMailbox {
    /// The node that keeps what is deposited.
    pub peer: PeerKey,
    /// Where that node may be reached.
    pub addresses: Vec<Address>,
    /// Whoever shows it may deposit. It is known to all who have the card.
    pub token: [u8; 32],
}

impl fmt::Debug for CardMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardMailbox").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl CardMailbox {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.array(&self.peer.0);
        write_addresses(writer, &self.addresses);
        writer.array(&self.token);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (peer, addresses) = (PeerKey(reader.array()?), read_addresses(reader)?);
        Ok(Self { peer, addresses, token: reader.array()? })
    }

    pub(super) fn has_right_addresses(&self) -> bool {
        let right_length = |address: &Address| (1..=ADDRESS_BYTES_MAX).contains(&address.0.len());
        self.addresses.len() <= MAILBOX_ADDRESSES_MAX && self.addresses.iter().all(right_length)
    }
}

/// What lets somebody use a mailbox: where it is, and the word that it asks for. It is not signed.
#[derive(Clone, PartialEq, Eq)]
pub struct MailboxLink {
    /// The node that keeps what is deposited.
    pub peer: PeerKey,
    /// Where that node may be reached: at most [`MAILBOX_ADDRESSES_MAX`].
    pub addresses: Vec<Address>,
    /// Whoever shows it is served.
    pub admission: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for MailboxLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxLink").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl MailboxLink {
    /// The link as text.
    pub fn link(&self) -> String {
        let mut writer = Writer::new();
        writer.u8(LINK_VERSION).array(&self.peer.0);
        write_addresses(&mut writer, &self.addresses);
        writer.array(&*self.admission);
        link(MAILBOX, &Zeroizing::new(writer.into_bytes()))
    }

    /// Whether text begins like such a link.
    pub fn is_one(text: &str) -> bool {
        text.trim_start().starts_with(MAILBOX)
    }

    /// Reads a link; white space in it is ignored.
    pub fn parse(text: &str) -> Result<Self, BadLink> {
        const CHARS_MAX: usize = 4 * 1024;
        if text.len() > CHARS_MAX {
            return Err(BadLink::NotALink);
        }
        let text: String = text.split_whitespace().collect();
        let payload = text.strip_prefix(MAILBOX).ok_or(BadLink::NotALink)?;
        let payload = Zeroizing::new(checked_payload(payload)?);
        if payload.first().is_some_and(|version| *version > LINK_VERSION) {
            return Err(BadLink::Newer);
        }
        Self::read(&payload).map_err(|malformed| BadCard::Encoding(malformed).into())
    }

    fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        reader.version(LINK_VERSION)?;
        let (peer, addresses) = (PeerKey(reader.array()?), read_addresses(&mut reader)?);
        let admission = Zeroizing::new(reader.array()?);
        reader.finish()?;
        Ok(Self { peer, addresses, admission })
    }
}

fn write_addresses(writer: &mut Writer, addresses: &[Address]) {
    writer.count(addresses.len());
    for address in addresses {
        writer.bytes(&address.0);
    }
}

fn read_addresses(reader: &mut Reader<'_>) -> Result<Vec<Address>, Malformed> {
    let mut addresses = Vec::new();
    for _ in 0..reader.count("the list of addresses", MAILBOX_ADDRESSES_MAX)? {
        let address = reader.bytes("an address", ADDRESS_BYTES_MAX)?;
        if address.is_empty() {
            return Err(Malformed::Invalid { what: "an address" });
        }
        addresses.push(Address(address.to_vec()));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> MailboxLink {
        let addresses = vec![Address(vec![4, 10, 0, 0, 1, 6, 0x1f, 0x90])];
        MailboxLink { peer: PeerKey([3; 32]), addresses, admission: Zeroizing::new([8; 32]) }
    }

    #[test]
    fn a_mailbox_link_is_read_back_and_says_what_is_wrong_with_it() {
        let link = sample().link();
        let (first, second) = link.split_at(40);
        assert_eq!(MailboxLink::parse(&format!(" {first}\n {second} ")), Ok(sample()));
        assert_eq!(MailboxLink::parse(&link[..link.len() - 1]), Err(BadLink::Damaged));
        assert_eq!(MailboxLink::parse("tidings://card/x"), Err(BadLink::NotALink));
        assert_eq!(MailboxLink::parse(&"x".repeat(5_000)), Err(BadLink::NotALink));
        assert!(!format!("{:?}", sample()).contains("8, 8"));
    }
}
