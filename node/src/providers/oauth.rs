//! Signing in somewhere with a browser: OAuth 2.0, authorization code with PKCE (RFC 6749 §4.1, RFC 7636).

use std::fmt;

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::http::{AskError, Http, host};

/// What this program is to a provider: what its owner registered it as there.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// `client_id`.
    pub id: String,
    /// `client_secret`, where the provider wants one although the program cannot keep it.
    pub secret: Option<Zeroizing<String>>,
}

impl fmt::Debug for Program {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is new in each sign-in: 32 random bytes each, base64url, and where the browser comes back to.
pub struct Wanted {
    /// Comes back with the browser, so that nobody else's answer is taken for this one's.
    pub state: String,
    /// The PKCE verifier: only who has it can use the code.
    pub verifier: Zeroizing<String>,
    /// `redirect_uri`.
    pub back: Url,
}

impl fmt::Debug for Wanted {
    /// Nothing that could be used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").finish_non_exhaustive()
    }
}

/// A sign-in that has begun: what must be known when the browser comes back.
pub struct Begun {
    /// Where the browser goes.
    pub url: Url,
    pub(super) wanted: Wanted,
    pub(super) token_endpoint: Url,
}

impl fmt::Debug for Begun {
    /// Nothing that could be used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}

impl Begun {
    /// What the browser must bring back.
    pub fn state(&self) -> &str {
        &self.wanted.state
    }
}

/// What the browser came back with.
pub struct Answered {
    /// `code`, single use.
    pub code: Zeroizing<String>,
    /// `state`.
    pub state: String,
    /// `iss` (RFC 9207), where the provider says who it is.
    pub issuer: Option<String>,
}

impl Answered {
    /// What stood in the query of the address that the browser came back to.
    pub fn new(code: String, state: String, issuer: Option<String>) -> Self {
        Self { code: Zeroizing::new(code), state, issuer }
    }
}

impl fmt::Debug for Answered {
    /// Nothing that could be used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").finish_non_exhaustive()
    }
}

/// Why a sign-in came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// A server gave no answer that can be used.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The browser came back with an answer to something else.
    #[error("this answer belongs to another sign-in: begin again")]
    AnotherSignIn,
    /// The answer is another provider's.
    #[error("the answer came from another provider than was asked")]
    AnotherIssuer,
    /// The provider refused the code.
    #[error("{host} did not accept the sign-in ({reason}): begin again")]
    Refused {
        /// The server's name.
        host: String,
        /// `error` of RFC 6749 §5.2.
        reason: String,
    },
}

/// What a token endpoint answers besides.
#[derive(Deserialize, Serialize)]
pub(super) struct WithIdToken {
    pub(super) id_token: Option<String>,
}

impl fmt::Debug for WithIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithIdToken").finish_non_exhaustive()
    }
}

impl ExtraTokenFields for WithIdToken {}

pub(super) type Granted = StandardTokenResponse<WithIdToken, BasicTokenType>;

type OAuth = Client<
    BasicErrorResponse,
    Granted,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

fn client(program: &Program, authorization: &Url, token: &Url, back: &Url) -> OAuth {
    let client = Client::new(ClientId::new(program.id.clone()))
        .set_auth_uri(AuthUrl::from_url(authorization.clone()))
        .set_token_uri(TokenUrl::from_url(token.clone()))
        .set_redirect_uri(RedirectUrl::from_url(back.clone()))
        // What every provider takes, whether there is a secret or not.
        .set_auth_type(oauth2::AuthType::RequestBody);
    match &program.secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.to_string())),
        None => client,
    }
}

/// Begins: where the browser has to go.
pub(super) fn begin(
    program: &Program,
    (authorization, token): (&Url, &Url),
    scopes: &[&str],
    more: &[(&str, &str)],
    wanted: Wanted,
) -> Begun {
    let client = client(program, authorization, token, &wanted.back);
    let verifier = PkceCodeVerifier::new(wanted.verifier.to_string());
    let state = wanted.state.clone();
    let mut request = client
        .authorize_url(move || CsrfToken::new(state))
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
        .add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())));
    for (name, value) in more {
        request = request.add_extra_param((*name).to_owned(), (*value).to_owned());
    }
    let (url, _) = request.url();
    Begun { url, wanted, token_endpoint: token.clone() }
}

/// Ends: changes the code for what it stands for.
pub(super) async fn finish(
    http: &Http,
    program: &Program,
    begun: Begun,
    answered: &Answered,
) -> Result<Granted, SignInError> {
    if !is_same(&begun.wanted.state, &answered.state) {
        return Err(SignInError::AnotherSignIn);
    }
    let endpoint = &begun.token_endpoint;
    let client = client(program, &begun.url, endpoint, &begun.wanted.back);
    let ask = |request| {
        let http = http.clone();
        async move { http.exchange(request).await.map(as_the_standard_has_it) }
    };
    let granted = client
        .exchange_code(AuthorizationCode::new(answered.code.to_string()))
        .set_pkce_verifier(PkceCodeVerifier::new(begun.wanted.verifier.to_string()))
        .request_async(&ask)
        .await;
    granted.map_err(|error| match error {
        RequestTokenError::Request(error) => error.into(),
        RequestTokenError::ServerResponse(told) => {
            SignInError::Refused { host: host(endpoint), reason: told.error().to_string().chars().take(100).collect() }
        }
        // What it holds could be a token: the reason tells nothing of it.
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            AskError::Unexpected { host: host(endpoint), reason: "it is no answer of OAuth 2.0".to_owned() }.into()
        }
    })
}

/// GitHub tells errors with status 200; RFC 6749 §5.2 has them with status 400.
fn as_the_standard_has_it(mut answer: http::Response<Vec<u8>>) -> http::Response<Vec<u8>> {
    #[derive(Deserialize)]
    struct Told {
        #[expect(dead_code, reason = "only whether it is there")]
        error: String,
    }
    if answer.status() == http::StatusCode::OK && serde_json::from_slice::<Told>(answer.body()).is_ok() {
        *answer.status_mut() = http::StatusCode::BAD_REQUEST;
    }
    answer
}

/// The access token of what was granted.
pub(super) fn access_token(granted: &Granted) -> Zeroizing<String> {
    Zeroizing::new(granted.access_token().secret().clone())
}

fn is_same(one: &str, other: &str) -> bool {
    use subtle::ConstantTimeEq as _;
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
