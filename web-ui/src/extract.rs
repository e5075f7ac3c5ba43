//! What routes read from a request: ids, queries and JSON bodies, each refused as problem details.

use std::str::FromStr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tidings_node::handle::PICTURE_BYTES_MAX;
use tidings_node::ids::{AccountId, ConversationId, InviteId, MalformedId};

use crate::convert::account_from;
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

/// The two parameters in the path: a conversation, and an invite of it.
pub(crate) struct PathInvite(pub(crate) ConversationId, pub(crate) InviteId);

impl<S: Send + Sync> FromRequestParts<S> for PathInvite {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (conversation, invite) = two_texts(parts, state).await?;
        Ok(Self(conversation.parse()?, invite.parse()?))
    }
}

/// The two parameters in the path: a conversation, and an account.
pub(crate) struct PathAccount(pub(crate) ConversationId, pub(crate) AccountId);

impl<S: Send + Sync> FromRequestParts<S> for PathAccount {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (conversation, account) = two_texts(parts, state).await?;
        Ok(Self(conversation.parse()?, account_from(&account)?))
    }
}

async fn two_texts<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<(String, String), Error> {
    match extract::Path::<(String, String)>::from_request_parts(parts, state).await {
        Ok(extract::Path(texts)) => Ok(texts),
        Err(rejection) => Err(RequestError::BadRequest(rejection.body_text()).into()),
    }
}

/// The bytes of a picture, which the node looks into; a body that is no image by its own account is refused.
pub(crate) struct PictureBody(pub(crate) Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for PictureBody {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !["image/png", "image/jpeg", "image/webp"].contains(&kind) {
            return Err(RequestError::UnsupportedPicture.into());
        }
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes.to_vec())),
            Err(_) => Err(RequestError::PayloadTooLarge { limit_bytes: PICTURE_BYTES_MAX }.into()),
        }
    }
}
