//! Key packages (RFC 9420 §10): what somebody needs to add this node to a group while it is away (PROTOCOL §2).
//!
//! A last-resort package goes into the contact card and is used again and again; the others are handed out one by one,
//! and whoever stores their secrets deletes each with its use, so that what it opened stays closed. Without a server
//! nobody can enforce that one is used once, only that it works once. Their MLS lifetime is unlimited, because MLS would check it against the machine's clock and so differently on every node; what limits
//! them is the node certificate inside.

use openmls::prelude::{
    BasicCredential, Capabilities, CredentialType, CredentialWithKey, ExtensionType, KeyPackage as MlsKeyPackage,
    KeyPackageIn, Lifetime, MlsMessageBodyIn, MlsMessageIn, ProtocolVersion,
    tls_codec::{DeserializeBytes, Serialize},
};
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    Member,
    member::BadLeaf,
    policy::POLICY_EXTENSION,
    provider::{Crypto, Provider},
    storage::{Overlay, RowKey, RowValue, Rows, Slot},
    suite::Suite,
};
use crate::{
    codec::{Malformed, Reader, Writer},
    identity::{LocalNode, NodeCertificate, NodeKeys, NotValidNow},
};

/// A key package has at most this many bytes: a hybrid one about 3,100. In a contact card there is room for less.
pub const KEY_PACKAGE_BYTES_MAX: usize = 4 * 1024;
const SECRET_BYTES_MAX: usize = 16 * 1024;
const SECRET_VERSION: u8 = 1;

/// The public part: it goes into the contact card, or to somebody who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPackage {
    /// The encoded MLS message.
    pub bytes: Vec<u8>,
    /// Its name in Welcomes (RFC 9420 §5.2).
    pub reference: [u8; 32],
    /// The suite of the groups that its node can be added to with it.
    pub suite: Suite,
    /// Whether its secret stays after its use.
    pub last_resort: bool,
}

/// What a key package that somebody shows says, once it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedKeyPackage {
    /// Whose it is. The `leaf` means nothing yet.
    pub member: Member,
    /// The suite of the groups that it is for.
    pub suite: Suite,
    /// Whether its owner means to use it more than once.
    pub last_resort: bool,
}

/// The private part: it opens the Welcomes made for the key package, and goes into the database.
#[derive(Clone)]
pub struct KeyPackageSecret {
    key: RowKey,
    value: RowValue,
}

impl std::fmt::Debug for KeyPackageSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPackageSecret").finish_non_exhaustive()
    }
}

/// Why a key package cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyPackage {
    /// It has more than [`KEY_PACKAGE_BYTES_MAX`] bytes.
    #[error("the key package has {bytes} bytes; at most {KEY_PACKAGE_BYTES_MAX} are allowed")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// It is no key package, or a signature in it is wrong.
    #[error("the key package is damaged or forged")]
    Damaged,
    /// It is for a cipher suite, a lifetime or extensions that Tidings does not use.
    #[error("the key package is of a kind that this version does not use")]
    Unsupported,
    /// It is for another suite than the group's.
    #[error("the key package is for groups with another kind of encryption")]
    OtherSuite,
    /// It does not say who its node is.
    #[error(transparent)]
    Leaf(#[from] BadLeaf),
    /// Its node's certificate is not valid now.
    #[error(transparent)]
    NotValidNow(#[from] NotValidNow),
    /// No Welcome could be sealed to its node: it would be a member that never hears of it.
    #[error("the node's mailbox key is not one that anything can be sealed to")]
    Mailbox,
}

/// The library failed on input of our own making: a bug, or a damaged database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the group library failed")]
pub struct LibraryFailure;

impl KeyPackage {
    /// A new key package of this node, with its secret.
    pub fn generate<R: CryptoRng + ?Sized>(
        me: &LocalNode,
        suite: Suite,
        last_resort: bool,
        rng: &mut R,
    ) -> Result<(Self, KeyPackageSecret), LibraryFailure> {
        let mut rows = Rows::default();
        let provider = Provider::seeded(Overlay::writing(&mut rows), rng);
        let builder = MlsKeyPackage::builder().key_package_lifetime(unlimited()).leaf_node_capabilities(capabilities());
        let builder = if last_resort { builder.mark_as_last_resort() } else { builder };
        let bundle = builder
            .build(suite.to_mls(), &provider, &NodeSigner(&me.keys), credential(me))
            .map_err(|_| LibraryFailure)?;
        let package = bundle.key_package();
        let reference = reference(package)?;
        let message = openmls::prelude::MlsMessageOut::from(package.clone());
        let bytes = message.tls_serialize_detached().map_err(|_| LibraryFailure)?;
        drop(provider);
        let (key, value) = rows.take_changes().put.into_iter().next().ok_or(LibraryFailure)?;
        Ok((Self { bytes, reference, suite, last_resort }, KeyPackageSecret { key, value }))
    }

    /// Checks a key package that somebody shows, and says whose it is and what it is for.
    pub fn check(bytes: &[u8], now_ms: u64) -> Result<CheckedKeyPackage, BadKeyPackage> {
        Self::check_knowing(bytes, None, now_ms)
    }

    /// The same. `known` is a certificate that was verified before: it is not verified again if it is the one inside.
    pub fn check_knowing(
        bytes: &[u8],
        known: Option<&NodeCertificate>,
        now_ms: u64,
    ) -> Result<CheckedKeyPackage, BadKeyPackage> {
        let (package, member) = parse_knowing(bytes, known)?;
        member.certificate.check_time(now_ms)?;
        let suite = Suite::of_mls(package.ciphersuite()).ok_or(BadKeyPackage::Unsupported)?;
        Ok(CheckedKeyPackage { member, suite, last_resort: package.last_resort() })
    }
}

impl KeyPackageSecret {
    /// The secret's bytes, to be sealed before they are stored.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let capacity = self.key.len().saturating_add(self.value.len()).saturating_add(16);
        let mut writer = Writer::with_capacity(capacity);
        writer.u8(SECRET_VERSION).bytes(&self.key).bytes(&self.value);
        Zeroizing::new(writer.into_bytes())
    }

    /// Reads what [`KeyPackageSecret::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(SECRET_VERSION)?;
        let key = reader.bytes("the key package's name", SECRET_BYTES_MAX)?.to_vec();
        let value = Zeroizing::new(reader.bytes("the key package's secret", SECRET_BYTES_MAX)?.to_vec());
        reader.finish()?;
        if !key.starts_with(&Slot::KeyPackage.key()) {
            return Err(Malformed::Invalid { what: "the key package's name" });
        }
        Ok(Self { key, value })
    }

    /// Rows in which OpenMLS finds this secret.
    pub(super) fn into_rows(self) -> Rows {
        let mut rows = Rows::default();
        rows.put(self.key, self.value);
        rows
    }
}

/// Decodes and verifies a key package: signatures, suite, lifetime, and who its leaf is. Not the time.
pub(super) fn parse(bytes: &[u8]) -> Result<(MlsKeyPackage, Member), BadKeyPackage> {
    parse_knowing(bytes, None)
}

fn parse_knowing(bytes: &[u8], known: Option<&NodeCertificate>) -> Result<(MlsKeyPackage, Member), BadKeyPackage> {
    if bytes.len() > KEY_PACKAGE_BYTES_MAX {
        return Err(BadKeyPackage::TooLong { bytes: bytes.len() });
    }
    let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).map_err(|_| BadKeyPackage::Damaged)?;
    let MlsMessageBodyIn::KeyPackage(package) = message.extract() else { return Err(BadKeyPackage::Damaged) };
    let package = verify(package)?;
    let leaf = package.leaf_node();
    let member = Member::of_known(0, leaf.credential(), leaf.signature_key().as_slice(), known)?;
    if !member.certificate.mailbox_key().is_usable() {
        return Err(BadKeyPackage::Mailbox);
    }
    Ok((package, member))
}

/// The same, of a key package that somebody is to be added with.
pub(super) fn parse_for(suite: Suite, bytes: &[u8]) -> Result<(MlsKeyPackage, Member), BadKeyPackage> {
    let (package, member) = parse(bytes)?;
    if package.ciphersuite() == suite.to_mls() { Ok((package, member)) } else { Err(BadKeyPackage::OtherSuite) }
}

fn verify(package: KeyPackageIn) -> Result<MlsKeyPackage, BadKeyPackage> {
    let package = package.validate(&Crypto::default(), ProtocolVersion::Mls10).map_err(|_| BadKeyPackage::Damaged)?;
    if Suite::of_mls(package.ciphersuite()).is_none() || !is_usable(&package) {
        return Err(BadKeyPackage::Unsupported);
    }
    Ok(package)
}

/// Whether every node will judge this key package alike, whatever its clock says.
pub(super) fn is_usable(package: &MlsKeyPackage) -> bool {
    *package.life_time() == unlimited()
}

/// A key package's name in Welcomes (RFC 9420 §5.2).
pub(super) fn reference(package: &MlsKeyPackage) -> Result<[u8; 32], LibraryFailure> {
    let reference = package.hash_ref(&Crypto::default()).map_err(|_| LibraryFailure)?;
    reference.as_slice().try_into().map_err(|_| LibraryFailure)
}

/// The lifetime of every leaf: OpenMLS would otherwise take one from the machine's clock.
pub(super) fn unlimited() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

/// What our leaves say they understand.
pub(super) fn capabilities() -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&Suite::ALL.map(Suite::to_mls)),
        Some(&[ExtensionType::LastResort, ExtensionType::Unknown(POLICY_EXTENSION)]),
        None,
        Some(&[CredentialType::Basic]),
    )
}

pub(super) fn credential(me: &LocalNode) -> CredentialWithKey {
    CredentialWithKey {
        credential: BasicCredential::new(me.certificate.encode()).into(),
        signature_key: me.keys.signature_public().0.as_slice().into(),
    }
}

/// Signs for OpenMLS with the node's key.
pub(super) struct NodeSigner<'a>(pub(super) &'a NodeKeys);

impl Signer for NodeSigner<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign_mls(payload).0.to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
