//! Who a leaf of the group is: the certificate in its credential, checked against the leaf's own key (PROTOCOL §2).

use openmls::prelude::{Credential, CredentialType, LeafNode};

use crate::identity::{AccountId, MalformedCertificate, NodeCertificate, NodeId};

/// A node in a group. A value of this type has a certificate that its account signed, and whose key the leaf has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where the node's leaf is in MLS's tree.
    pub leaf: u32,
    /// The account that the node belongs to.
    pub account: AccountId,
    /// The node.
    pub node: NodeId,
    /// What the account says of the node.
    pub certificate: NodeCertificate,
}

/// Why a leaf does not say who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLeaf {
    /// Its credential is of a kind that Tidings does not use.
    #[error("the leaf's credential is not a node certificate")]
    NotACertificate,
    /// Its credential is no certificate.
    #[error(transparent)]
    Certificate(#[from] MalformedCertificate),
    /// The certificate is for another key than the leaf's: somebody uses a certificate that is not theirs.
    #[error("the node certificate belongs to another key than the leaf's")]
    OtherKey,
}

impl Member {
    pub(super) fn of_leaf(leaf: u32, node: &LeafNode) -> Result<Self, BadLeaf> {
        Self::of_credential(leaf, node.credential(), node.signature_key().as_slice())
    }

    pub(super) fn of_credential(leaf: u32, credential: &Credential, signature_key: &[u8]) -> Result<Self, BadLeaf> {
        Self::of_known(leaf, credential, signature_key, None)
    }

    /// The same; `known` is a certificate that was verified before, and is not verified again if it is this one.
    pub(super) fn of_known(
        leaf: u32,
        credential: &Credential,
        signature_key: &[u8],
        known: Option<&NodeCertificate>,
    ) -> Result<Self, BadLeaf> {
        if credential.credential_type() != CredentialType::Basic {
            return Err(BadLeaf::NotACertificate);
        }
        let bytes = credential.serialized_content();
        let certificate = match known.filter(|known| known.encode() == bytes) {
            Some(known) => known.clone(),
            None => NodeCertificate::decode(bytes)?,
        };
        if certificate.signature_key().0 != signature_key {
            return Err(BadLeaf::OtherKey);
        }
        Ok(Self { leaf, account: certificate.account_id(), node: certificate.node_id(), certificate })
    }
}
