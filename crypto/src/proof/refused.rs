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
    /// The mail has no DKIM signature.
    #[error("the mail is not signed by any domain")]
    Unsigned,
    /// No signature is by the domain of the sender's address.
    #[error("the mail is not signed by the domain of its sender")]
    NotAligned,
    /// The sender's domain signed with another of its keys than the one that came with the mail.
    #[error("the mail is signed with another key of its domain")]
    Selector,
    /// A header that matters is missing, or there more than once.
    #[error("the mail does not have its {header} exactly once")]
    NotOnce {
        /// Its name.
        header: &'static str,
    },
    /// A header that matters is not signed.
    #[error("the mail's signature does not cover its {header}")]
    Uncovered {
        /// Its name.
        header: &'static str,
    },
    /// The signature covers the beginning of the body only (`l=`).
    #[error("the mail's signature covers only a part of its text")]
    BodyLength,
    /// The body is another than the one that was signed.
    #[error("the text of the mail is not what its domain signed")]
    MailBody,
    /// The domain's signature is wrong.
    #[error("the domain did not sign the mail")]
    MailSignature,
    /// The signature was not made when the mail was written.
    #[error("the mail was not signed when it was written")]
    MailDate,
    /// The domain says that the key is for something else.
    #[error("the domain's key is not for mail like this")]
    KeyUse,
    /// The domain says that it is trying the key out (`t=y`).
    #[error("the domain's key is for tests")]
    TestingKey,
    /// The domain has taken the key back (an empty `p=`).
    #[error("the domain's key was revoked")]
    RevokedKey,
    /// The mail answers another, or was sent by a program, a list, or for somebody else.
    #[error("the mail is an answer, or was not sent by a person")]
    Automatic,
    /// The subject is anything but a commitment.
    #[error("the mail's subject is not that of a proof")]
    Subject,
}
