//! Why a proof proves nothing: one reason each, in words for people.

use crate::codec::Malformed;

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It, or something in it, is not the encoding of what it should be.
    #[error("the proof is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// Another account says that it is its own.
    #[error("the proof is another account's")]
    OthersProof,
    /// The account's signature around it is wrong.
    #[error("the proof is not signed by its account")]
    Possession,
    /// The account took it back.
    #[error("the proof was withdrawn")]
    Withdrawn,
    /// It is older than the policy allows.
    #[error("the proof has expired")]
    Expired,
    /// It was made in the future.
    #[error("the proof is not valid yet")]
    NotYetValid,
    /// The algorithm is none of those that are allowed, or not that of the key.
    #[error("the proof is signed with an algorithm that is not allowed")]
    Algorithm,
    /// An RSA key that is too short, too long, or has another exponent than 65537.
    #[error("the key that signed the proof is too weak or unusual")]
    WeakKey,
    /// The issuer is not in the policy.
    #[error("the issuer is not one that this node accepts")]
    Issuer,
    /// The issuer's signature is wrong.
    #[error("the issuer did not sign the proof")]
    Signature,
    /// The token was issued to another program.
    #[error("the proof was issued to another program")]
    Audience,
    /// The commitment is none to this account's key.
    #[error("the proof was made for another account key")]
    OtherKey,
    /// The issuer names an address and does not say that it verified it.
    #[error("the issuer has not verified the e-mail address")]
    EmailUnverified,
}
