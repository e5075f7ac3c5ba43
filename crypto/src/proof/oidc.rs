//! An OpenID issuer's word that somebody who signed in there asked for a token with a nonce that commits to an account
//! key (PROTOCOL §7.4; OpenID Connect Core §2 and §3.1.3.7, RFC 7515, RFC 8725).
//!
//! The token lives for minutes and the proof for a year: what counts is when the token was issued. The key that signed
//! it is kept with it, so that it can be checked after the issuer has gone over to others.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64URL_NOPAD;

use super::json::Json;
use super::key::{Algorithm, AuthorityKey};
use super::refused::Refused;
use super::{AcceptedIssuer, Found, Identity, ProofPolicy, commitment};
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::AccountPublic;

/// A token is at most this many bytes.
pub const ID_TOKEN_BYTES_MAX: usize = 8 * 1024;
/// An issuer's key set is at most this many bytes.
pub const KEY_SET_BYTES_MAX: usize = 64 * 1024;
/// An issuer's key set has at most this many keys.
pub const KEY_SET_KEYS_MAX: usize = 64;

/// A subject is at most this many ASCII characters (OpenID Connect Core §2).
const SUBJECT_CHARS_MAX: usize = 255;
/// An address is at most this many bytes (RFC 5321 §4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;
const AUDIENCES_MAX: usize = 8;

/// The `nonce` to sign in with, so that the token is made out to this account. The opening is random and secret until
/// the proof is shown.
pub fn oidc_nonce(account: &AccountPublic, opening: &[u8; 32]) -> String {
    BASE64URL_NOPAD.encode(&commitment("tidings v1 oidc nonce", account, opening))
}

/// An issuer's token and what is needed to check it.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcEvidence {
    /// The token: a JWS in its compact form (RFC 7515 §7.1).
    pub id_token: String,
    /// The issuer's key that signed it.
    pub key: AuthorityKey,
    /// What the nonce was made with besides the account's key.
    pub opening: [u8; 32],
}

impl fmt::Debug for OidcEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcEvidence").field("key", &self.key).finish_non_exhaustive()
    }
}

impl OidcEvidence {
    /// Whether the token says that it is this issuer's. That is not verified: it only tells whom to ask for keys.
    pub fn claims_issuer(&self, issuer: &str) -> bool {
        let claims = Token::parse(&self.id_token).ok().and_then(|token| Json::object(&token.payload).ok());
        claims.as_ref().and_then(|claims| claims.get("iss")).and_then(Json::text) == Some(issuer)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.bytes(self.id_token.as_bytes());
        self.key.write(writer);
        writer.array(&self.opening);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let id_token = reader.text("the token", ID_TOKEN_BYTES_MAX)?.to_owned();
        let key = AuthorityKey::read(reader)?;
        Ok(Self { id_token, key, opening: reader.array()? })
    }

    /// Checks all but the time.
    pub(super) fn verify(&self, account: &AccountPublic, policy: &ProofPolicy) -> Result<Found, Refused> {
        let token = Token::parse(&self.id_token)?;
        let claims = Json::object(&token.payload)?;
        let issuer = required_text(&claims, "iss")?;
        let accepted = policy.issuers.iter().find(|accepted| accepted.issuer == issuer).ok_or(Refused::Issuer)?;
        self.key.verify(token.algorithm, token.signed.as_bytes(), &token.signature)?;
        self.claimed(&claims, accepted, account)
    }

    /// What the claims say, whoever signed them.
    fn claimed(&self, claims: &Claims, accepted: &AcceptedIssuer, account: &AccountPublic) -> Result<Found, Refused> {
        check_audience(claims, accepted)?;
        if required_text(claims, "nonce")? != oidc_nonce(account, &self.opening) {
            return Err(Refused::OtherKey);
        }
        let made_at_ms = issued_at_ms(claims)?;
        let issuer = accepted.issuer.clone();
        let key = self.key.id_at_issuer(&issuer);
        let (subject, email) = (subject(claims)?.to_owned(), verified_email(claims)?.map(str::to_owned));
        Ok(Found { identity: Identity::Oidc { issuer, subject, email }, made_at_ms, key })
    }

    /// Everything of a token that is read, without the signature: for the fuzzer, which cannot make one.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn read_unverified(
        &self,
        accepted: &AcceptedIssuer,
        account: &AccountPublic,
    ) -> Result<Identity, Refused> {
        let token = Token::parse(&self.id_token)?;
        self.claimed(&Json::object(&token.payload)?, accepted, account).map(|found| found.identity)
    }
}

type Claims = BTreeMap<String, Json>;

fn required_text<'a>(claims: &'a Claims, what: &'static str) -> Result<&'a str, Refused> {
    claims.get(what).and_then(Json::text).ok_or_else(|| Malformed::Invalid { what }.into())
}

fn subject(claims: &Claims) -> Result<&str, Refused> {
    let subject = required_text(claims, "sub")?;
    let is_one =
        (1..=SUBJECT_CHARS_MAX).contains(&subject.len()) && subject.bytes().all(|byte| byte.is_ascii_graphic());
    if is_one { Ok(subject) } else { Err(Malformed::Invalid { what: "sub" }.into()) }
}

/// Every audience has to be one of ours, and so has the party that the token was issued to: a token that others may use
/// too says less than it seems to.
fn check_audience(claims: &Claims, accepted: &AcceptedIssuer) -> Result<(), Refused> {
    let is_ours = |value: &Json| value.text().is_some_and(|text| accepted.client_ids.iter().any(|ours| ours == text));
    let ours = match claims.get("aud") {
        Some(Json::List(list)) => !list.is_empty() && list.len() <= AUDIENCES_MAX && list.iter().all(is_ours),
        Some(one) => is_ours(one),
        None => false,
    };
    if ours && claims.get("azp").is_none_or(is_ours) { Ok(()) } else { Err(Refused::Audience) }
}

/// When the token was issued. It must have been one that could be used: to end after it began.
fn issued_at_ms(claims: &Claims) -> Result<u64, Refused> {
    let seconds = |what: &'static str| {
        let seconds = claims.get(what).and_then(Json::integer);
        seconds.and_then(|seconds| seconds.checked_mul(1000)).ok_or(Malformed::Invalid { what })
    };
    let issued_at_ms = seconds("iat")?;
    if seconds("exp")? <= issued_at_ms {
        return Err(Malformed::Invalid { what: "exp" }.into());
    }
    Ok(issued_at_ms)
}

/// An address counts only if the issuer says, with a `true` and not with a text, that it is verified.
fn verified_email(claims: &Claims) -> Result<Option<&str>, Refused> {
    let Some(email) = claims.get("email") else { return Ok(None) };
    let is_one =
        |text: &&str| (3..=EMAIL_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let email = email.text().filter(is_one).ok_or(Malformed::Invalid { what: "email" })?;
    match claims.get("email_verified") {
        Some(Json::Bool(true)) => Ok(Some(email)),
        _ => Err(Refused::EmailUnverified),
    }
}

/// A token, taken apart and not yet verified.
struct Token<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    /// What the signature is over: header and payload as they were sent.
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    fn parse(token: &'a str) -> Result<Self, Refused> {
        let invalid = Malformed::Invalid { what: "the token" };
        let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| invalid);
        if token.len() > ID_TOKEN_BYTES_MAX {
            return Err(Malformed::TooLong { what: "the token", limit: ID_TOKEN_BYTES_MAX }.into());
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(invalid)?;
        let (header, payload) = signed.split_once('.').ok_or(invalid)?;
        let header = Json::object(&decoded(header)?)?;
        // An extension that must be understood, and is not (RFC 7515 §4.1.11).
        if header.contains_key("crit") {
            return Err(Malformed::Invalid { what: "crit" }.into());
        }
        // Nothing else of the header matters: a key or an address of one that it brings along is never used.
        let algorithm = match header.get("alg").and_then(Json::text) {
            Some("RS256") => Algorithm::Rsa,
            Some("ES256") => Algorithm::P256,
            Some("EdDSA") => Algorithm::Ed25519,
            _ => return Err(Refused::Algorithm),
        };
        let key_id = header.get("kid").and_then(Json::text).map(str::to_owned);
        Ok(Self { algorithm, key_id, signed, payload: decoded(payload)?, signature: decoded(signature)? })
    }
}

/// The keys with which an issuer signs, as it publishes them (RFC 7517 §5).
#[derive(Clone, PartialEq, Eq)]
pub struct IssuerKeys {
    keys: Vec<(Option<String>, AuthorityKey)>,
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerKeys").field("count", &self.keys.len()).finish_non_exhaustive()
    }
}

impl IssuerKeys {
    /// Reads a key set. Keys that are for something else, or that no proof may be signed with, are passed over.
    pub fn parse(json: &[u8]) -> Result<Self, Malformed> {
        if json.len() > KEY_SET_BYTES_MAX {
            return Err(Malformed::TooLong { what: "the key set", limit: KEY_SET_BYTES_MAX });
        }
        let Some(Json::List(list)) = Json::object(json)?.remove("keys") else {
            return Err(Malformed::Invalid { what: "the key set" });
        };
        if list.len() > KEY_SET_KEYS_MAX {
            return Err(Malformed::TooLong { what: "the key set", limit: KEY_SET_KEYS_MAX });
        }
        Ok(Self { keys: list.iter().filter_map(signing_key).collect() })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &AuthorityKey> {
        self.keys.iter().map(|(_, key)| key)
    }

    /// The one that signed a token. Of keys with another name than the token's none is tried.
    pub fn signer_of(&self, id_token: &str) -> Result<&AuthorityKey, Refused> {
        let token = Token::parse(id_token)?;
        let may_be = |(name, key): &&(Option<String>, AuthorityKey)| {
            let named = name.is_none() || token.key_id.is_none() || *name == token.key_id;
            named && key.algorithm() == token.algorithm
        };
        let verifies =
            |key: &&AuthorityKey| key.verify(token.algorithm, token.signed.as_bytes(), &token.signature).is_ok();
        self.keys.iter().filter(may_be).map(|(_, key)| key).find(verifies).ok_or(Refused::Signature)
    }
}

/// A key of a key set (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2), if it may sign tokens here.
fn signing_key(key: &Json) -> Option<(Option<String>, AuthorityKey)> {
    let Json::Object(members) = key else { return None };
    let text = |name: &str| members.get(name).and_then(Json::text);
    let bytes = |name: &str| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
    let array = |name: &str| <[u8; 32]>::try_from(bytes(name)?).ok();
    let is_for = |name: &str, wanted: &str| members.get(name).is_none_or(|value| value.text() == Some(wanted));
    let (algorithm, read) = match (text("kty")?, text("crv")) {
        ("RSA", None) => ("RS256", AuthorityKey::rsa(&bytes("n")?, &bytes("e")?).ok()?),
        ("EC", Some("P-256")) => ("ES256", AuthorityKey::p256(array("x")?, array("y")?)),
        ("OKP", Some("Ed25519")) => ("EdDSA", AuthorityKey::ed25519(array("x")?)),
        _ => return None,
    };
    let is_ours = is_for("use", "sig") && is_for("alg", algorithm);
    is_ours.then(|| (text("kid").map(str::to_owned), read))
}
