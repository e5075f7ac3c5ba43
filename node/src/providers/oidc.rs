//! An issuer: discovery, sign-in, and its keys (OIDC Core 1.0, OIDC Discovery 1.0).

use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::http::{AskError, Http, checked, host};
use super::oauth::{Answered, Begun, Program, SignInError, Wanted, begin, finish};

/// What the issuer is asked for: who it is, and their address.
const SCOPES: [&str; 2] = ["openid", "email"];
/// An id token is at most so long: many have 1 kB.
const ID_TOKEN_BYTES_MAX: usize = 8 * 1024;

/// An issuer, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its name, exactly as its tokens have it (`iss`).
    pub name: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    keys: Url,
}

/// What an issuer gave for a code.
pub struct Tokens {
    /// The id token, compact (RFC 7515 §3.1); nothing of it was looked at yet.
    pub id_token: Zeroizing<String>,
}

impl std::fmt::Debug for Tokens {
    /// Nothing of the person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

/// An issuer's keys at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    /// The JSON document (RFC 7517 §5), as it came.
    pub json: Vec<u8>,
}

#[derive(Deserialize)]
struct Described {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

impl Issuer {
    /// Asks an issuer to describe itself (Discovery 1.0 §4).
    ///
    /// # Errors
    /// Any [`AskError`]; [`AskError::Unexpected`] where it gives itself another name.
    pub async fn discover(http: &Http, name: &str) -> Result<Self, AskError> {
        let url = checked(&format!("{}/.well-known/openid-configuration", name.trim_end_matches('/')))?;
        let described: Described = http.json(&url, None).await?;
        if described.issuer != name {
            let reason = format!("it calls itself {}", described.issuer.chars().take(200).collect::<String>());
            return Err(AskError::Unexpected { host: host(&url), reason });
        }
        Ok(Self {
            name: described.issuer,
            authorization_endpoint: checked(&described.authorization_endpoint)?,
            token_endpoint: checked(&described.token_endpoint)?,
            keys: checked(&described.jwks_uri)?,
        })
    }

    /// Begins a sign-in whose id token will carry this nonce.
    pub fn begin(&self, program: &Program, nonce: &str, wanted: Wanted) -> Begun {
        let endpoints = (&self.authorization_endpoint, &self.token_endpoint);
        begin(program, endpoints, &SCOPES, &[("nonce", nonce)], wanted)
    }

    /// Changes the code for an id token.
    ///
    /// # Errors
    /// Any [`SignInError`].
    pub async fn finish(
        &self,
        http: &Http,
        program: &Program,
        begun: Begun,
        answered: &Answered,
    ) -> Result<Tokens, SignInError> {
        if answered.issuer.as_ref().is_some_and(|issuer| *issuer != self.name) {
            return Err(SignInError::AnotherIssuer);
        }
        let granted = finish(http, program, begun, answered).await?;
        let unexpected =
            |reason: &str| AskError::Unexpected { host: host(&self.token_endpoint), reason: reason.to_owned() };
        let id_token = granted.extra_fields().id_token.clone().map(Zeroizing::new);
        let id_token = id_token.ok_or_else(|| unexpected("it has no id token"))?;
        if id_token.len() > ID_TOKEN_BYTES_MAX {
            return Err(unexpected("its id token is too long").into());
        }
        Ok(Tokens { id_token })
    }

    /// The keys that the issuer signs with now.
    ///
    /// # Errors
    /// Any [`AskError`].
    pub async fn keys(&self, http: &Http) -> Result<KeySet, AskError> {
        Ok(KeySet { json: http.json_bytes(&self.keys, None).await? })
    }
}
