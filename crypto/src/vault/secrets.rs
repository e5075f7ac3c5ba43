//! What a vault holds (PROTOCOL §8.2).

use zeroize::Zeroizing;

use super::DatabaseKey;
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::{
    AccountKey, CERTIFICATE_BYTES, LocalNode, MalformedCertificate, NODE_KEYS_BYTES, NodeCertificate, NodeKeys,
};

const VERSION: u8 = 1;
const SECRETS_BYTES: usize = 1 + 32 + NODE_KEYS_BYTES + CERTIFICATE_BYTES + 32;

/// Who I am, and the key of my database.
#[derive(Debug)]
pub struct Secrets {
    /// My account and this node of it.
    pub node: LocalNode,
    /// The key of the database.
    pub database: DatabaseKey,
}

/// Why bytes are not the secrets of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedSecrets {
    /// They are not the encoding of them.
    #[error("the secrets are malformed: {0}")]
    Encoding(#[from] Malformed),
    /// The certificate is not valid.
    #[error("{0}")]
    Certificate(#[from] MalformedCertificate),
    /// The certificate is for other keys.
    #[error("the node certificate is for other keys")]
    OtherKeys,
}

impl Secrets {
    /// Their encoding is this many bytes long.
    pub const BYTES: usize = SECRETS_BYTES;

    /// The secrets as bytes, for where only the node itself reads.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(SECRETS_BYTES);
        writer.u8(VERSION).array(self.node.account.seed());
        self.node.keys.write(&mut writer);
        writer.array(&self.node.certificate.encode()).array(self.database.expose());
        Zeroizing::new(writer.into_bytes())
    }

    /// Reads the secrets back, and checks that they belong together.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedSecrets> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let account = AccountKey::from_seed(&Zeroizing::new(reader.array()?));
        let keys = NodeKeys::read(&mut reader)?;
        let certificate = NodeCertificate::decode(reader.take(CERTIFICATE_BYTES)?)?;
        let database = DatabaseKey::from_bytes(*Zeroizing::new(reader.array()?));
        reader.finish()?;
        let belongs = certificate.account() == account.public()
            && certificate.signature_key() == keys.signature_public()
            && certificate.mailbox_key() == keys.mailbox_public()
            && certificate.peer_key() == keys.peer_key();
        if !belongs {
            return Err(MalformedSecrets::OtherKeys);
        }
        Ok(Self { node: LocalNode { account, keys, certificate }, database })
    }
}
