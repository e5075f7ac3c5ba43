//! Programs that come in by the browser's door with an API token (RFC 6750 §2.1) in place of the cookie.
//!
//! A request that brings a token is judged by it alone, whatever cookie it brings besides. Every group of routes says in
//! `router.rs` what a token may do there; what says nothing is closed to all of them. What lies beyond a token's
//! conversations answers as if it were not there.

use std::sync::Arc;
use std::time::Duration;

use axum::RequestPartsExt;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tidings_node::handle::{Refused, Token};
use tidings_node::ids::ConversationId;
use tokio::sync::Semaphore;

use super::SignIns;
use crate::error::{Error, RequestError};
use crate::router::App;

/// A wrong token is answered after this long. A guess: long to a program that tries many, short to one that has a typo.
const WRONG_TOKEN_DELAY: Duration = Duration::from_millis(200);
/// So many wrong tokens wait for their answer at once; more are told at once to come later. A guess.
const WRONG_TOKENS_AT_ONCE: usize = 16;

/// What a group of routes is to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    /// Closed to every token.
    ForNobody,
    /// Open to those that may read.
    Reading,
    /// Open to those that may write.
    Writing,
}

/// The token by which a request came in. Without one it came from the owner: with the cookie, or by the unix socket.
#[derive(Debug, Clone)]
pub(crate) struct Scope(pub(crate) Option<Arc<Token>>);

/// In a request's extensions, where it came with a token.
#[derive(Debug, Clone)]
struct ByToken(Arc<Token>);

impl Scope {
    /// Whether something of this conversation may be told.
    pub(crate) fn reaches(&self, conversation: ConversationId) -> bool {
        self.0.as_ref().is_none_or(|token| token.reaches(conversation))
    }

    /// Whether it is the owner who asks.
    pub(crate) fn is_owner(&self) -> bool {
        self.0.is_none()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Scope {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<ByToken>().map(|ByToken(token)| Arc::clone(token))))
    }
}

/// The token that a request brings, whatever its shape; another scheme of `Authorization` is none of ours.
pub(super) fn brought(headers: &HeaderMap) -> Result<Option<&str>, RequestError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Twice, or not text, is nobody's honest request.
    if values.next().is_some() {
        return Err(RequestError::WrongToken);
    }
    let text = value.to_str().map_err(|_| RequestError::WrongToken)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' ')))
}

/// Whether a request says that it brings a token.
pub(super) fn brings(headers: &HeaderMap) -> bool {
    !matches!(brought(headers), Ok(None))
}

/// Lets a request through that brought this text for a token, if the token may do that.
pub(super) async fn check(app: &App, opens: Opens, text: String, request: Request, next: Next) -> Response {
    let token = match app.handle.token(&text).await {
        Ok(token) => token,
        Err(Refused::UnknownToken) => return app.wrong_tokens.answer().await.into_response(),
        Err(refused) => return Error::from(refused).into_response(),
    };
    let (mut parts, body) = request.into_parts();
    if let Err(error) = judge(&token, opens, &mut parts).await {
        return error.into_response();
    }
    parts.extensions.insert(ByToken(Arc::new(token)));
    next.run(Request::from_parts(parts, body)).await
}

async fn judge(token: &Token, opens: Opens, parts: &mut Parts) -> Result<(), Error> {
    let may = match opens {
        Opens::ForNobody => false,
        Opens::Reading => token.may_read,
        Opens::Writing => token.may_write,
    };
    if !may {
        return Err(RequestError::ForbiddenToToken.into());
    }
    let Ok(params) = parts.extract::<RawPathParams>().await else { return Err(RequestError::NotFound.into()) };
    for (name, value) in &params {
        // What cannot be read as an id names nothing, and the route says so.
        if name == "conversation"
            && value.parse::<ConversationId>().is_ok_and(|conversation| !token.reaches(conversation))
        {
            return Err(Refused::UnknownConversation.into());
        }
    }
    Ok(())
}

/// Turns away whoever brings a token, good or not.
pub(crate) async fn refuse_tokens(request: Request, next: Next) -> Response {
    if brings(request.headers()) {
        return RequestError::ForbiddenToToken.into_response();
    }
    next.run(request).await
}

/// Slows down whoever tries tokens. The secret needs no such guard, with its 256 bits; the node's time does. It stands in
/// nobody else's way: a right token is let in whatever wrong ones came, and so is the cookie.
#[derive(Debug)]
pub(crate) struct WrongTokens {
    counted: SignIns,
    places: Semaphore,
}

impl Default for WrongTokens {
    fn default() -> Self {
        Self { counted: SignIns::default(), places: Semaphore::new(WRONG_TOKENS_AT_ONCE) }
    }
}

impl WrongTokens {
    /// The answer to a wrong token, when it is time for it. It is counted before that, so that going away earns nothing.
    async fn answer(&self) -> RequestError {
        let counted = match self.counted.attempt().await {
            Ok(mut attempt) => {
                attempt.failed();
                RequestError::WrongToken
            }
            Err(RequestError::TooManySignIns { wait_s }) => RequestError::TooManyTokens { wait_s },
            Err(other) => other,
        };
        if let Ok(_place) = self.places.try_acquire() {
            tokio::time::sleep(WRONG_TOKEN_DELAY).await;
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_token_comes_in_one_authorization_header_of_the_bearer_scheme() {
        for text in ["Bearer tidings_x", "bearer tidings_x", "BEARER  tidings_x "] {
            assert_eq!(brought(&headers(&[text])), Ok(Some("tidings_x")), "{text}");
        }
        for text in ["Bearer", "Bearer "] {
            assert_eq!(brought(&headers(&[text])), Ok(Some("")), "{text}");
        }
        assert_eq!(brought(&headers(&["Basic tidings_x"])), Ok(None));
        assert_eq!(brought(&headers(&["tidings_x"])), Ok(None));
        assert_eq!(brought(&headers(&[])), Ok(None));
        for twice in [["Bearer a", "Bearer a"], ["Basic a", "Bearer a"], ["Bearer a", "Basic a"]] {
            assert_eq!(brought(&headers(&twice)), Err(RequestError::WrongToken), "{twice:?}");
            assert!(brings(&headers(&twice)));
        }
    }
}
