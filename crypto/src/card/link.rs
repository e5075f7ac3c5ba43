//! Cards as links (PROTOCOL §1.7): `tidings://card/…` is a whole signed card, `tidings://contact/…` is short
//! enough for a QR code and says where the whole card is fetched and what it must hash to.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;

use super::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, Address, BadCard, CARD_BYTES_MAX, SignedCard};
use crate::codec::{Malformed, Reader, Writer};
use crate::group::{INVITE_LINK_BYTES_MAX, InviteLink};
use crate::identity::{AccountId, PeerKey};

/// A link is at most this many characters, white space around it not counted.
pub const LINK_BYTES_MAX: usize = FULL.len() + (CARD_BYTES_MAX + CHECKSUM_BYTES).div_ceil(3) * 4;
/// A short link is at most this many characters.
pub const SHORT_LINK_BYTES_MAX: usize = 600;

const SCHEME: &str = "tidings://";
const FULL: &str = "tidings://card/";
const SHORT: &str = "tidings://contact/";
const SHORT_VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
/// What fits into a short link before its checksum.
const SHORT_BYTES_MAX: usize = (SHORT_LINK_BYTES_MAX - SHORT.len()) / 4 * 3 - CHECKSUM_BYTES;

/// A contact link, of either form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardLink {
    /// The whole card.
    Full(SignedCard),
    /// Where the card is fetched.
    Short(ShortCard),
}

/// What a short link says. It is not signed: the card that is fetched must be the account's.
#[derive(Clone, PartialEq, Eq)]
pub struct ShortCard {
    /// Whose card to fetch.
    pub account: AccountId,
    /// The card's serial when the link was made; an older card is not it.
    pub serial: u64,
    /// The node to fetch it from.
    pub peer: PeerKey,
    /// Where that node may be reached.
    pub addresses: Vec<Address>,
}

impl fmt::Debug for ShortCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ShortCard");
        shown.field("account", &self.account).field("serial", &self.serial).finish_non_exhaustive()
    }
}

/// Why text is not a contact link, in words for who pasted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// It is something else.
    #[error("this is not a tidings contact link: one begins with tidings://card/ or tidings://contact/")]
    NotALink,
    /// It is longer than any link.
    #[error("this is too long for a contact link ({bytes} characters; the limit is {LINK_BYTES_MAX})")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It invites to a group.
    #[error("this link is an invitation to a group: join the group with it")]
    Invite,
    /// It is something else than an invitation to a group.
    #[error("this is not an invitation to a group: one begins with tidings://join/")]
    NotAnInvite,
    /// It is longer than any invitation.
    #[error("this is too long for an invitation ({bytes} characters; the limit is {INVITE_LINK_BYTES_MAX})")]
    InviteTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Its checksum is wrong.
    #[error("this link is cut off or mistyped: copy it again, from its beginning to its end")]
    Damaged,
    /// Made by a version that knows more.
    #[error("this link was made by a newer version of tidings: update this one, or ask for another link")]
    Newer,
    /// The signature on the card, or on a node's certificate, is wrong.
    #[error("the signature in this link is not valid: it was forged or altered, do not use it")]
    Forged,
    /// What it holds breaks the rules of cards.
    #[error("this link cannot be used ({reason}): ask for another one")]
    Unusable {
        /// Which rule.
        reason: BadCard,
    },
}

impl From<BadCard> for BadLink {
    fn from(bad: BadCard) -> Self {
        use crate::identity::MalformedCertificate;
        match bad {
            BadCard::Newer => Self::Newer,
            BadCard::Signature | BadCard::Certificate(MalformedCertificate::Signature) => Self::Forged,
            reason => Self::Unusable { reason },
        }
    }
}

impl CardLink {
    /// Reads a link of either form. White space around and inside it is ignored: mail and terminals wrap lines.
    pub fn parse(text: &str) -> Result<Self, BadLink> {
        let text = text.trim();
        if text.len() > LINK_BYTES_MAX.saturating_mul(2) {
            return Err(BadLink::TooLong { bytes: text.len() });
        }
        let text: String = text.split_whitespace().collect();
        if text.len() > LINK_BYTES_MAX {
            return Err(BadLink::TooLong { bytes: text.len() });
        }
        if let Some(payload) = text.strip_prefix(FULL) {
            return Ok(Self::Full(SignedCard::decode(&checked_payload(payload)?)?));
        }
        if let Some(payload) = text.strip_prefix(SHORT) {
            return ShortCard::decode(&checked_payload(payload)?).map(Self::Short);
        }
        if InviteLink::is_one(&text) {
            return Err(BadLink::Invite);
        }
        // Some other kind of link with a right checksum is one that this version does not know yet.
        let other = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/'));
        match other {
            Some((_, payload)) if checked_payload(payload).is_ok() => Err(BadLink::Newer),
            _ => Err(BadLink::NotALink),
        }
    }

    /// Whose link it is.
    pub fn account_id(&self) -> AccountId {
        match self {
            Self::Full(card) => card.account_id(),
            Self::Short(short) => short.account,
        }
    }
}

impl SignedCard {
    /// The whole card as a link: at most [`LINK_BYTES_MAX`] characters.
    pub fn link(&self) -> String {
        link(FULL, self.bytes())
    }

    /// The short form for a QR code: at most [`SHORT_LINK_BYTES_MAX`] characters, with as many of the
    /// first node's addresses as fit.
    pub fn short_link(&self) -> String {
        link(SHORT, &ShortCard::of(self).encode())
    }
}

impl ShortCard {
    /// The short form of a card.
    pub fn of(card: &SignedCard) -> Self {
        let (account, serial) = (card.account_id(), card.card().serial);
        let Some(node) = card.card().nodes.first() else {
            // Every signed card has a node; without one there would be nothing to reach.
            return Self { account, serial, peer: PeerKey([0; 32]), addresses: Vec::new() };
        };
        let mut short = Self { account, serial, peer: node.certificate.peer_key(), addresses: Vec::new() };
        for address in &node.addresses {
            short.addresses.push(address.clone());
            if short.encode().len() > SHORT_BYTES_MAX {
                short.addresses.pop();
            }
        }
        short
    }

    /// Whether a card is the one that the link meant, or a later one of the same account.
    pub fn fits(&self, card: &SignedCard) -> bool {
        card.account_id() == self.account && card.card().serial >= self.serial
    }

    /// The link again, to be kept until the whole card is here.
    pub fn link(&self) -> String {
        link(SHORT, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(SHORT_VERSION).array(&self.account.0).u64(self.serial).array(&self.peer.0);
        writer.count(self.addresses.len());
        for address in &self.addresses {
            writer.bytes(&address.0);
        }
        writer.into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, BadLink> {
        if bytes.first().is_some_and(|version| *version > SHORT_VERSION) {
            return Err(BadLink::Newer);
        }
        Self::read(bytes).map_err(|malformed| BadCard::Encoding(malformed).into())
    }

    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > SHORT_BYTES_MAX {
            return Err(Malformed::TooLong { what: "the link", limit: SHORT_LINK_BYTES_MAX });
        }
        let mut reader = Reader::new(bytes);
        reader.version(SHORT_VERSION)?;
        let mut short = Self {
            account: AccountId(reader.array()?),
            serial: reader.u64()?,
            peer: PeerKey(reader.array()?),
            addresses: Vec::new(),
        };
        for _ in 0..reader.count("the list of addresses", ADDRESSES_MAX)? {
            let address = reader.bytes("an address", ADDRESS_BYTES_MAX)?;
            if address.is_empty() {
                return Err(Malformed::Invalid { what: "an address" });
            }
            short.addresses.push(Address(address.to_vec()));
        }
        reader.finish()?;
        Ok(short)
    }
}

pub(crate) fn link(prefix: &str, payload: &[u8]) -> String {
    let payload = [payload, &checksum(payload)].concat();
    format!("{prefix}{}", BASE64URL_NOPAD.encode(&payload))
}

/// The payload of a link, if its checksum is right.
pub(crate) fn checked_payload(text: &str) -> Result<Vec<u8>, BadLink> {
    let mut payload = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| BadLink::Damaged)?;
    let (content, sum) = payload.split_last_chunk().ok_or(BadLink::Damaged)?;
    if checksum(content) != *sum {
        return Err(BadLink::Damaged);
    }
    payload.truncate(content.len());
    Ok(payload)
}

/// Tells a mistake from an attack; it protects against no attack.
fn checksum(payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    let mut hasher = blake3::Hasher::new_derive_key("tidings v1 link checksum");
    hasher.update(payload).finalize_xof().fill(&mut sum);
    sum
}
