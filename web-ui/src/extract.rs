//! What routes read from a request: ids, queries and JSON bodies, each refused as problem details.

use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tidings_node::ids::MalformedId;

use crate::error::{Error, RequestError};

/// A request's body is at most this many bytes: a text of 64 KiB, with room for JSON's escapes.
pub(crate) const BODY_BYTES_MAX: usize = 256 * 1024;

/// A JSON body; anything but `application/json` is refused, and so is a body over [`BODY_BYTES_MAX`].
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(body_error(&rejection).into()),
        }
    }
}

fn body_error(rejection: &JsonRejection) -> RequestError {
    match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => RequestError::UnsupportedMediaType,
        StatusCode::PAYLOAD_TOO_LARGE => RequestError::PayloadTooLarge { limit_bytes: BODY_BYTES_MAX },
        _ => RequestError::BadRequest(rejection.body_text()),
    }
}

/// The query of the address.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(RequestError::BadRequest(rejection.body_text()).into()),
        }
    }
}

/// The one parameter in the path, as text.
pub(crate) struct PathText(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match extract::Path::<String>::from_request_parts(parts, state).await {
            Ok(extract::Path(text)) => Ok(Self(text)),
            Err(rejection) => Err(RequestError::BadRequest(rejection.body_text()).into()),
        }
    }
}

/// The one parameter in the path, as an id.
pub(crate) struct PathId<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr<Err = MalformedId>> FromRequestParts<S> for PathId<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let PathText(text) = PathText::from_request_parts(parts, state).await?;
        Ok(Self(text.parse()?))
    }
}
