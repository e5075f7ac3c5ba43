//! Proofs that an identity elsewhere is an account's (PROTOCOL §7): an account at an OpenID issuer, an e-mail address, a
//! user of GitHub. Each is bytes that anybody can check without asking anybody.
//!
//! A [`Proof`] is evidence by somebody else, made out to the account's key, and the account's own signature around it.
//! What is known besides (which keys an issuer was seen with, what GitHub answered, what was withdrawn) and the time are
//! arguments: the same arguments give the same [`Verdict`]. A verdict says how it was reached: see [`Basis`].

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod json;
mod key;
mod mail;
mod oidc;
mod refused;

use std::fmt;

use crate::codec::{Malformed, Reader, Writer};
use crate::id::id;
use crate::identity::{AccountKey, AccountPublic, Signature};

pub use key::{AuthorityKey, KeyId};
pub use mail::{
    DOMAIN_RECORD_BYTES_MAX, DomainKey, DomainKeyName, MAIL_BYTES_MAX, MAIL_SIGNATURES_MAX, MailEvidence, mail_subject,
};
pub use oidc::{ID_TOKEN_BYTES_MAX, IssuerKeys, KEY_SET_BYTES_MAX, KEY_SET_KEYS_MAX, OidcEvidence, oidc_nonce};
pub use refused::Refused;

/// A proof is at most this many bytes.
pub const PROOF_BYTES_MAX: usize = 72 * 1024;
/// How long a proof holds unless the policy says otherwise: a year.
pub const PROOF_VALID_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// How far in the future the time of a proof may lie, for clocks that differ: five minutes.
pub const CLOCK_SLACK_MS: u64 = 5 * 60 * 1000;
/// How long after a key was last seen in use a proof under it may have been made: 30 days.
pub const KEY_SLACK_MS: u64 = 30 * 24 * 60 * 60 * 1000;

const VERSION: u8 = 1;
const CONTEXT: &str = "tidings v1 identity proof";
const SIGNATURE_BYTES: usize = 64;

id!(
    /// A proof: the hash of its bytes.
    ProofId, 32
);

/// What kind of identity a proof is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProofKind {
    /// An account at an OpenID issuer.
    Oidc,
    /// An e-mail address.
    Mail,
}

/// What somebody else says, made out to the account's key.
#[derive(Clone, PartialEq, Eq)]
pub enum Evidence {
    /// An OpenID issuer's token.
    Oidc(OidcEvidence),
    /// A mail that its domain signed.
    Mail(MailEvidence),
}

impl fmt::Debug for Evidence {
    /// Without what it says of whom.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Evidence").field(&self.kind()).finish()
    }
}

/// Evidence that keeps to the limits, and the signature of an account around it. Nothing in it is verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    account: AccountPublic,
    evidence: Evidence,
    bytes: Vec<u8>,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("id", &self.id()).field("evidence", &self.evidence).finish_non_exhaustive()
    }
}

/// Who somebody is elsewhere, as a proof says it. Two identities are one if their [`Identity::key`]s are equal.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// An account at an OpenID issuer.
    Oidc {
        /// The issuer's identifier, an URL.
        issuer: String,
        /// The issuer's name for the account. It never becomes another's; the address below may.
        subject: String,
        /// An address that the issuer says it has verified.
        email: Option<String>,
    },
    /// An e-mail address.
    Mail {
        /// The address, in lower case.
        address: String,
    },
}

impl fmt::Debug for Identity {
    /// Without names and addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.kind()).finish()
    }
}

/// What a verdict rests on, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// On what the verifier saw itself: the key that signed is one that it got from the issuer or the domain.
    Verified,
    /// On what came with the proof: the signature is right under a key that the verifier never saw elsewhere.
    Carried,
}

/// A proof that holds, for whom, since when, until when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Who the account is elsewhere.
    pub identity: Identity,
    /// What that rests on.
    pub basis: Basis,
    /// The key of the issuer or the domain that signed.
    pub key: Option<KeyId>,
    /// When the proof was made, as who signed it says, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// The first millisecond in which it holds no more.
    pub expires_at_ms: u64,
}

/// A key that the verifier got from its issuer or domain itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenKey {
    /// Which key of whom.
    pub id: KeyId,
    /// When it was first seen, in milliseconds since 1970.
    pub first_ms: u64,
    /// When it was last seen, in milliseconds since 1970.
    pub last_ms: u64,
}

/// What the verifier knows besides the proof.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The keys that it saw itself.
    pub keys: &'a [SeenKey],
    /// What was withdrawn.
    pub withdrawn: &'a [ProofId],
}

/// An issuer that a node accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedIssuer {
    /// Its identifier, an URL, compared byte by byte (OpenID Connect Core §3.1.3.7).
    pub issuer: String,
    /// The programs to which it may have issued the token.
    pub client_ids: Vec<String>,
}

/// What a node accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofPolicy {
    /// The OpenID issuers.
    pub issuers: Vec<AcceptedIssuer>,
    /// How long a proof holds from when it was made.
    pub valid_ms: u64,
    /// How far in the future its time may lie.
    pub clock_slack_ms: u64,
    /// How long after a key was last seen a proof under it may have been made.
    pub key_slack_ms: u64,
}

impl Default for ProofPolicy {
    /// No issuers, a year, five minutes, 30 days.
    fn default() -> Self {
        let issuers = Vec::new();
        Self { issuers, valid_ms: PROOF_VALID_MS, clock_slack_ms: CLOCK_SLACK_MS, key_slack_ms: KEY_SLACK_MS }
    }
}

impl Proof {
    /// Puts the account's signature around evidence, which must keep to the limits of its kind. It is not verified.
    pub fn sign(evidence: &Evidence, key: &AccountKey) -> Result<Self, Malformed> {
        let mut writer = Writer::new();
        let account = key.public();
        writer.u8(VERSION).u8(evidence.kind().code()).array(&account.0);
        evidence.write(&mut writer);
        let mut bytes = writer.into_bytes();
        let signature = key.sign(CONTEXT, &bytes);
        bytes.extend_from_slice(&signature.0);
        // What could not be read back is not sent out.
        Self::decode(&bytes)
    }

    /// Reads a proof and checks the limits, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(Malformed::TooLong { what: "the proof", limit: PROOF_BYTES_MAX });
        }
        let (signed, _) = bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(Malformed::Truncated)?;
        let mut reader = Reader::new(signed);
        reader.version(VERSION)?;
        let kind = ProofKind::of(reader.u8()?)?;
        let account = AccountPublic(reader.array()?);
        let evidence = Evidence::read(kind, &mut reader)?;
        reader.finish()?;
        Ok(Self { account, evidence, bytes: bytes.to_vec() })
    }

    /// The proof's bytes, as they travel.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The proof's name.
    pub fn id(&self) -> ProofId {
        ProofId(blake3::derive_key("tidings v1 proof id", &self.bytes))
    }

    /// Which account says that the proof is its own.
    pub fn account(&self) -> AccountPublic {
        self.account
    }

    /// What it rests on.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// What the proof proves of this account at this time, in milliseconds since 1970, or why nothing.
    pub fn verify(
        &self,
        account: &AccountPublic,
        now_ms: u64,
        known: &Known<'_>,
        policy: &ProofPolicy,
    ) -> Result<Verdict, Refused> {
        if self.account != *account {
            return Err(Refused::OthersProof);
        }
        let (signed, signature) = self.bytes.split_last_chunk().ok_or(Malformed::Truncated)?;
        account.verify(CONTEXT, signed, &Signature(*signature)).map_err(|_| Refused::Possession)?;
        if known.withdrawn.contains(&self.id()) {
            return Err(Refused::Withdrawn);
        }
        let found = match &self.evidence {
            Evidence::Oidc(evidence) => evidence.verify(account, policy)?,
            Evidence::Mail(evidence) => evidence.verify(account)?,
        };
        let expires_at_ms = found.made_at_ms.saturating_add(policy.valid_ms);
        if found.made_at_ms > now_ms.saturating_add(policy.clock_slack_ms) {
            return Err(Refused::NotYetValid);
        }
        if now_ms >= expires_at_ms {
            return Err(Refused::Expired);
        }
        let Found { identity, made_at_ms, .. } = found;
        let basis = known.basis(found.key, made_at_ms, policy);
        Ok(Verdict { identity, basis, key: Some(found.key), made_at_ms, expires_at_ms })
    }
}

/// What evidence says, before its time is looked at.
struct Found {
    identity: Identity,
    made_at_ms: u64,
    key: KeyId,
}

impl Known<'_> {
    /// A key that was last seen long before the proof was made may be out of use, and in anybody's hands.
    fn basis(&self, key: KeyId, made_at_ms: u64, policy: &ProofPolicy) -> Basis {
        let in_use = |seen: &SeenKey| made_at_ms <= seen.last_ms.saturating_add(policy.key_slack_ms);
        let is_seen = self.keys.iter().filter(|seen| seen.id == key).any(in_use);
        if is_seen { Basis::Verified } else { Basis::Carried }
    }
}

impl ProofKind {
    /// Its number in an encoding.
    fn code(self) -> u8 {
        match self {
            Self::Oidc => 1,
            Self::Mail => 2,
        }
    }

    fn of(code: u8) -> Result<Self, Malformed> {
        match code {
            1 => Ok(Self::Oidc),
            2 => Ok(Self::Mail),
            _ => Err(Malformed::Invalid { what: "the kind of proof" }),
        }
    }
}

impl Evidence {
    /// What kind of identity it is about.
    pub fn kind(&self) -> ProofKind {
        match self {
            Self::Oidc(_) => ProofKind::Oidc,
            Self::Mail(_) => ProofKind::Mail,
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Oidc(evidence) => evidence.write(writer),
            Self::Mail(evidence) => evidence.write(writer),
        }
    }

    fn read(kind: ProofKind, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match kind {
            ProofKind::Oidc => OidcEvidence::read(reader).map(Self::Oidc),
            ProofKind::Mail => MailEvidence::read(reader).map(Self::Mail),
        }
    }
}

impl Identity {
    /// What kind it is.
    pub fn kind(&self) -> ProofKind {
        match self {
            Self::Oidc { .. } => ProofKind::Oidc,
            Self::Mail { .. } => ProofKind::Mail,
        }
    }

    /// What makes it the same identity in another proof: neither addresses at an issuer nor names that may change.
    pub fn key(&self) -> [u8; 32] {
        let mut writer = Writer::new();
        writer.u8(self.kind().code());
        match self {
            Self::Oidc { issuer, subject, .. } => writer.bytes(issuer.as_bytes()).bytes(subject.as_bytes()),
            Self::Mail { address } => writer.bytes(address.as_bytes()),
        };
        blake3::derive_key("tidings v1 identity", writer.written())
    }
}

/// The hash that evidence is made out to: of the account's key, and of 32 random bytes so that whoever sees it learns
/// nothing of the account.
fn commitment(context: &'static str, account: &AccountPublic, opening: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key(context, &[account.0, *opening].concat())
}

#[cfg(test)]
mod tests;
