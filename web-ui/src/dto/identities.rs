//! What crosses the local door about who people are elsewhere (PROTOCOL §7).

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};

/// How a proof stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityStanding {
    /// It holds, under a key that this node got from the issuer or the domain itself.
    Verified,
    /// It holds under a key that came with it, which this node never saw elsewhere.
    Carried,
    /// It proves nothing: `reason` says why.
    Refused,
    /// Their card names it, and they did not give it to this node yet.
    Missing,
}

/// What kind of identity a proof is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// An account at an OIDC issuer.
    Oidc,
    /// An e-mail address.
    Mail,
}

/// A proof of who somebody is elsewhere. What a proof says that does not hold is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Identity {
    /// The proof's name.
    pub identity: String,
    /// How it stands.
    pub standing: IdentityStanding,
    /// What it is about, where it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub kind: Option<IdentityKind>,
    /// The issuer, where it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub issuer: Option<String>,
    /// The issuer's name for them, which never becomes another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub subject: Option<String>,
    /// The address: the one that was proved, or one that the issuer verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub email: Option<String>,
    /// When the proof was made, where it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub made_at_ms: Option<u64>,
    /// From when on it holds no more, where it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub expires_at_ms: Option<u64>,
    /// Why it proves nothing: a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reason: Option<String>,
}

/// An issuer whose word counts here, said to this program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Issuer {
    /// The issuer's identifier, exactly as its tokens have it.
    pub issuer: String,
    /// The program's name there.
    pub client_id: String,
    /// Whether I sign in as it.
    pub own: bool,
}

/// Accepts what an issuer says to a program.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIssuer {
    /// The issuer's identifier, exactly as its tokens have it: an https address.
    pub issuer: String,
    /// The program's name there.
    pub client_id: String,
    /// The program's secret there, where the issuer gave it one. It is kept sealed, and is told to nobody but the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub client_secret: Option<String>,
    /// Whether I sign in as it: it is mine.
    pub own: bool,
}

impl fmt::Debug for NewIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewIssuer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Which program at which issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct IssuerQuery {
    /// The issuer's identifier.
    pub issuer: String,
    /// The program's name there.
    pub client_id: String,
}

/// Which contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ContactsQuery {
    /// What they are called elsewhere: an e-mail address, or an issuer's name for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// Begins to sign in elsewhere, to prove who I am there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    /// The issuer.
    pub issuer: String,
    /// Where the browser comes back to: an address of this machine by its number, as it is registered there.
    pub back: String,
}

/// How to prove an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct MailBegun {
    /// The subject of the mail to send from it, exactly.
    pub subject: String,
}

/// The mail as it was delivered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveredMail {
    /// All of it with its headers, up to 64 KiB, in base64 (RFC 4648 §4).
    pub message: String,
}

impl fmt::Debug for DeliveredMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveredMail").finish_non_exhaustive()
    }
}

/// Where the browser goes to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct IdentityBegun {
    /// The address.
    pub url: String,
}

/// What the browser came back with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityAnswer {
    /// `code`.
    pub code: String,
    /// `state`.
    pub state: String,
    /// `iss`, where there is one (RFC 9207).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub iss: Option<String>,
}

impl fmt::Debug for IdentityAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityAnswer").finish_non_exhaustive()
    }
}
