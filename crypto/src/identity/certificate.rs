//! What an account says of a node (PROTOCOL §1.4). It is the node's MLS credential, so that every
//! member of a group checks every leaf offline.

use super::{
    AccountId, AccountKey, AccountPublic, MailboxPublic, NodeId, NodeKeys, PeerKey, Signature, SignaturePublic,
};
use crate::codec::{Malformed, Reader, Writer};

/// How long the encoding of every certificate is.
pub const CERTIFICATE_BYTES: usize = 213;
const VERSION: u8 = 1;
const CONTEXT: &str = "tidings v1 node certificate";

/// A node's keys, certified by its account. A value of this type is validly signed; whether its time has
/// come is asked with [`NodeCertificate::check_time`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCertificate {
    account: AccountPublic,
    signature_key: SignaturePublic,
    mailbox_key: MailboxPublic,
    peer_key: PeerKey,
    number: u32,
    not_before_ms: u64,
    not_after_ms: u64,
    signature: Signature,
    /// Whose it is, and of which node: they follow from the keys, and are asked for all the time.
    ids: (AccountId, NodeId),
}

/// Why bytes are not a node certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedCertificate {
    /// They are not the encoding of one.
    #[error("the node certificate is malformed: {0}")]
    Encoding(#[from] Malformed),
    /// The account did not sign it.
    #[error("the node certificate is not signed by its account")]
    Signature,
}

/// A certificate outside its validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotValidNow {
    /// Its time has not come; perhaps a clock is wrong.
    #[error("the node certificate holds only from {not_before_ms} ms since 1970")]
    NotYet {
        /// When it begins to hold.
        not_before_ms: u64,
    },
    /// Its time is over.
    #[error("the node certificate held only until {not_after_ms} ms since 1970")]
    Expired {
        /// When it ceased to hold.
        not_after_ms: u64,
    },
}

impl NodeCertificate {
    /// Certifies a node's keys. `number` counts the account's certificates from 1; the two times are the first and
    /// the last millisecond since 1970 at which the certificate holds: allow for clocks that are behind.
    pub fn issue(account: &AccountKey, keys: &NodeKeys, number: u32, not_before_ms: u64, not_after_ms: u64) -> Self {
        let mut certificate = Self {
            account: account.public(),
            signature_key: keys.signature_public(),
            mailbox_key: keys.mailbox_public(),
            peer_key: keys.peer_key(),
            number,
            not_before_ms,
            not_after_ms,
            signature: Signature([0; 64]),
            ids: (account.public().id(), NodeId::of(&account.public(), &keys.signature_public())),
        };
        certificate.signature = account.sign(CONTEXT, &certificate.signed_bytes());
        certificate
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(CERTIFICATE_BYTES);
        writer.u8(VERSION).array(&self.account.0).array(&self.signature_key.0);
        writer.array(&self.mailbox_key.0).array(&self.peer_key.0);
        writer.u32(self.number).u64(self.not_before_ms).u64(self.not_after_ms);
        writer.into_bytes()
    }

    /// The certificate's bytes: [`CERTIFICATE_BYTES`] of them.
    pub fn encode(&self) -> Vec<u8> {
        [self.signed_bytes().as_slice(), &self.signature.0].concat()
    }

    /// Reads a certificate and verifies its signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedCertificate> {
        let certificate = Self::read(bytes)?;
        let verified = certificate.account.verify(CONTEXT, &certificate.signed_bytes(), &certificate.signature);
        verified.map_err(|_| MalformedCertificate::Signature)?;
        Ok(certificate)
    }

    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let (account, signature_key) = (AccountPublic(reader.array()?), SignaturePublic(reader.array()?));
        let certificate = Self {
            account,
            signature_key,
            mailbox_key: MailboxPublic(reader.array()?),
            peer_key: PeerKey(reader.array()?),
            number: reader.u32()?,
            not_before_ms: reader.u64()?,
            not_after_ms: reader.u64()?,
            signature: Signature(reader.array()?),
            ids: (account.id(), NodeId::of(&account, &signature_key)),
        };
        reader.finish()?;
        Ok(certificate)
    }

    /// Says whether the certificate holds at this time.
    pub fn check_time(&self, now_ms: u64) -> Result<(), NotValidNow> {
        let Self { not_before_ms, not_after_ms, .. } = *self;
        if now_ms < not_before_ms {
            return Err(NotValidNow::NotYet { not_before_ms });
        }
        if now_ms > not_after_ms {
            return Err(NotValidNow::Expired { not_after_ms });
        }
        Ok(())
    }

    /// The account's public key.
    pub fn account(&self) -> AccountPublic {
        self.account
    }

    /// The account.
    pub fn account_id(&self) -> AccountId {
        self.ids.0
    }

    /// The node.
    pub fn node_id(&self) -> NodeId {
        self.ids.1
    }

    /// The key of the node's MLS leaves.
    pub fn signature_key(&self) -> SignaturePublic {
        self.signature_key
    }

    /// The key to which welcomes for the node are encrypted.
    pub fn mailbox_key(&self) -> MailboxPublic {
        self.mailbox_key
    }

    /// The node's libp2p key.
    pub fn peer_key(&self) -> PeerKey {
        self.peer_key
    }

    /// Which of the account's certificates it is, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The first millisecond since 1970 at which it holds.
    pub fn not_before_ms(&self) -> u64 {
        self.not_before_ms
    }

    /// The last millisecond since 1970 at which it holds.
    pub fn not_after_ms(&self) -> u64 {
        self.not_after_ms
    }
}
