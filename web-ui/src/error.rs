//! Every refusal of the API, as problem details (RFC 9457): a status, a stable code, and a sentence to act on.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tidings_node::handle::Refused;
use tidings_node::ids::MalformedId;

use crate::dto;

/// Why a request was not done: the node's reasons and those of the door.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The node refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The request never reached the node.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// What is wrong with a request before the node is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// Something in it cannot be read: the sentence says what.
    #[error("{0}")]
    BadRequest(String),
    /// No session, or one that was ended.
    #[error("this browser is not signed in: open a sign-in link, `tidings link` makes one")]
    NotSignedIn,
    /// A token that is not one of this node's.
    #[error("this token is unknown, revoked or expired; `tidings token create` makes another")]
    WrongToken,
    /// A token that may not do that.
    #[error("an API token may not do that, or this one may not; `tidings token list` shows what each is for")]
    ForbiddenToToken,
    /// The request comes from somebody else's page, or cannot show that it does not.
    #[error("this request does not come from this node's own page; a script that changes something sends `Origin`")]
    ForbiddenOrigin,
    /// The request is addressed to a host that is not this node's.
    #[error("this node is not at that address: use the link that `tidings link` prints")]
    WrongHost,
    /// Nothing is there.
    #[error("there is nothing at this address")]
    NotFound,
    /// Something is there, which does not do that.
    #[error("this address does not answer that method")]
    MethodNotAllowed,
    /// The body is too large.
    #[error("the request is too large: the limit is {limit_bytes} bytes")]
    PayloadTooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The body is not JSON by its own account.
    #[error("the body has to be JSON, with the header `Content-Type: application/json`")]
    UnsupportedMediaType,
    /// The body is no picture by its own account.
    #[error("a picture is sent with the header `Content-Type: image/png`, `image/jpeg` or `image/webp`")]
    UnsupportedPicture,
    /// Too many sign-ins failed.
    #[error("too many sign-ins failed: wait {wait_s} seconds, then open a fresh link (`tidings link` makes one)")]
    TooManySignIns {
        /// How long to wait.
        wait_s: u64,
    },
    /// Too many wrong tokens came.
    #[error("too many wrong tokens came: wait {wait_s} seconds, then bring one that `tidings token list` knows")]
    TooManyTokens {
        /// How long to wait.
        wait_s: u64,
    },
}

impl From<MalformedId> for Error {
    fn from(malformed: MalformedId) -> Self {
        Self::Request(RequestError::BadRequest(malformed.to_string()))
    }
}

impl Error {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Refused(refused) => match refused {
                Refused::UnknownConversation => (StatusCode::NOT_FOUND, "unknown_conversation"),
                Refused::UnknownMessage => (StatusCode::NOT_FOUND, "unknown_message"),
                Refused::Ambiguous { .. } => (StatusCode::CONFLICT, "ambiguous"),
                Refused::UnknownContact => (StatusCode::NOT_FOUND, "unknown_contact"),
                Refused::CardIncomplete => (StatusCode::CONFLICT, "card_incomplete"),
                Refused::UnknownMailbox => (StatusCode::NOT_FOUND, "unknown_mailbox"),
                Refused::BadBundle(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_bundle"),
                Refused::NoMailbox => (StatusCode::CONFLICT, "no_mailbox"),
                Refused::KeyUsed => (StatusCode::CONFLICT, "key_used"),
                Refused::EmptyText => (StatusCode::UNPROCESSABLE_ENTITY, "empty_text"),
                Refused::TextTooLong { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "text_too_long"),
                Refused::BadName => (StatusCode::UNPROCESSABLE_ENTITY, "bad_name"),
                Refused::BadLink(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_link"),
                Refused::NotBlocked => (StatusCode::NOT_FOUND, "not_blocked"),
                Refused::OtherSafetyNumber => (StatusCode::CONFLICT, "other_safety_number"),
                Refused::OwnCard => (StatusCode::UNPROCESSABLE_ENTITY, "own_card"),
                Refused::NobodyNamed => (StatusCode::UNPROCESSABLE_ENTITY, "nobody_named"),
                Refused::NotAllowed { .. } => (StatusCode::FORBIDDEN, "not_allowed"),
                Refused::NotAMember => (StatusCode::CONFLICT, "not_a_member"),
                Refused::NotJoinedYet => (StatusCode::CONFLICT, "not_joined_yet"),
                Refused::NoSuchMember => (StatusCode::NOT_FOUND, "no_such_member"),
                Refused::AlreadyMember => (StatusCode::CONFLICT, "already_member"),
                Refused::OwnRemoval => (StatusCode::UNPROCESSABLE_ENTITY, "own_removal"),
                Refused::BadTopic => (StatusCode::UNPROCESSABLE_ENTITY, "bad_topic"),
                Refused::BadPicture => (StatusCode::UNPROCESSABLE_ENTITY, "bad_picture"),
                Refused::BadSetting(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_setting"),
                Refused::UnknownInvite => (StatusCode::NOT_FOUND, "unknown_invite"),
                Refused::UnknownRequest => (StatusCode::NOT_FOUND, "unknown_request"),
                Refused::InviteRefused { .. } => (StatusCode::CONFLICT, "invite_refused"),
                Refused::NotNow { .. } => (StatusCode::CONFLICT, "not_now"),
                Refused::LimitReached { .. } => (StatusCode::TOO_MANY_REQUESTS, "limit_reached"),
                Refused::UnknownToken => (StatusCode::NOT_FOUND, "unknown_token"),
                Refused::NotSignedIn => (StatusCode::UNAUTHORIZED, "not_signed_in"),
                Refused::UnknownIssuer => (StatusCode::NOT_FOUND, "unknown_issuer"),
                Refused::UnknownIdentity => (StatusCode::NOT_FOUND, "unknown_identity"),
                Refused::UnknownSignIn => (StatusCode::CONFLICT, "unknown_sign_in"),
                Refused::BadProof(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_proof"),
                Refused::ProviderFailed(_) => (StatusCode::FAILED_DEPENDENCY, "provider_failed"),
                Refused::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
                Refused::StoreFailed => (StatusCode::INTERNAL_SERVER_ERROR, "store_failed"),
                Refused::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
            },
            Self::Request(error) => match error {
                RequestError::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
                RequestError::NotSignedIn => (StatusCode::UNAUTHORIZED, "not_signed_in"),
                RequestError::WrongToken => (StatusCode::UNAUTHORIZED, "wrong_token"),
                RequestError::ForbiddenToToken => (StatusCode::FORBIDDEN, "forbidden_to_token"),
                RequestError::ForbiddenOrigin => (StatusCode::FORBIDDEN, "forbidden_origin"),
                RequestError::WrongHost => (StatusCode::MISDIRECTED_REQUEST, "wrong_host"),
                RequestError::NotFound => (StatusCode::NOT_FOUND, "not_found"),
                RequestError::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
                RequestError::PayloadTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
                RequestError::UnsupportedMediaType | RequestError::UnsupportedPicture => {
                    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
                }
                RequestError::TooManySignIns { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_sign_ins"),
                RequestError::TooManyTokens { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_tokens"),
            },
        }
    }

    fn problem(&self) -> (StatusCode, dto::Problem) {
        let (status, code) = self.status_and_code();
        let candidates = match self {
            Self::Refused(Refused::Ambiguous { candidates }) => candidates.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        let problem = dto::Problem {
            type_uri: format!("urn:tidings:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Refused").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: sentence(&self.to_string()),
            candidates,
        };
        (status, problem)
    }
}

/// With a capital and a full stop: what the command line prints after a colon, the page shows on its own.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, problem) = self.problem();
        // A struct of strings and numbers always has a JSON form.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::Request(RequestError::TooManySignIns { wait_s } | RequestError::TooManyTokens { wait_s }) => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
            }
            Self::Request(RequestError::WrongToken) => {
                // RFC 6750 §3.
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        Error::from(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_node::ids::MessageId;

    fn every_refusal() -> Vec<Error> {
        let refused = [
            Refused::UnknownConversation,
            Refused::UnknownMessage,
            Refused::Ambiguous { candidates: vec![MessageId([7; 16])] },
            Refused::UnknownContact,
            Refused::CardIncomplete,
            Refused::EmptyText,
            Refused::TextTooLong { bytes: 70_000 },
            Refused::BadName,
            Refused::BadLink("this link was cut off".to_owned()),
            Refused::BadBundle("this is no bundle".to_owned()),
            Refused::NotBlocked,
            Refused::OtherSafetyNumber,
            Refused::OwnCard,
            Refused::NobodyNamed,
            Refused::NotAllowed { what: "only admins add people".to_owned() },
            Refused::NotAMember,
            Refused::NotJoinedYet,
            Refused::NoSuchMember,
            Refused::AlreadyMember,
            Refused::OwnRemoval,
            Refused::BadTopic,
            Refused::BadPicture,
            Refused::BadSetting("an invite lasts an hour at least".to_owned()),
            Refused::UnknownInvite,
            Refused::UnknownIssuer,
            Refused::UnknownIdentity,
            Refused::UnknownSignIn,
            Refused::BadProof("the proof has expired".to_owned()),
            Refused::ProviderFailed("accounts.example was not reached: connection refused".to_owned()),
            Refused::UnknownRequest,
            Refused::InviteRefused { reason: "it was used up".to_owned() },
            Refused::NotNow { why: "the group has changed too often".to_owned() },
            Refused::LimitReached { what: "contacts", limit: 3 },
            Refused::NotSignedIn,
            Refused::UnknownToken,
            Refused::DiskFull,
            Refused::Stopped,
        ];
        let request = [
            RequestError::BadRequest("the limit is 1 to 500".to_owned()),
            RequestError::NotSignedIn,
            RequestError::ForbiddenOrigin,
            RequestError::WrongHost,
            RequestError::NotFound,
            RequestError::MethodNotAllowed,
            RequestError::PayloadTooLarge { limit_bytes: 1 },
            RequestError::UnsupportedMediaType,
            RequestError::UnsupportedPicture,
            RequestError::TooManySignIns { wait_s: 60 },
            RequestError::TooManyTokens { wait_s: 60 },
            RequestError::WrongToken,
            RequestError::ForbiddenToToken,
        ];
        refused.into_iter().map(Error::from).chain(request.into_iter().map(Error::from)).collect()
    }

    #[test]
    fn every_refusal_is_a_sentence_with_a_code_and_an_error_status() {
        for error in every_refusal() {
            let (status, problem) = error.problem();
            assert!(status.is_client_error() || status.is_server_error(), "{problem:?}");
            assert_eq!(problem.status, status.as_u16());
            assert_eq!(problem.type_uri, format!("urn:tidings:problem:{}", problem.code));
            assert!(problem.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{problem:?}");
            assert!(problem.detail.starts_with(|first: char| !first.is_lowercase()), "{problem:?}");
            assert!(problem.detail.ends_with('.'), "{problem:?}");
        }
    }

    #[test]
    fn an_ambiguous_prefix_names_its_candidates() {
        let (_, problem) = Error::from(Refused::Ambiguous { candidates: vec![MessageId([7; 16])] }).problem();
        assert_eq!(problem.candidates, ["07".repeat(16)]);
    }

    #[test]
    fn too_many_sign_ins_say_when_to_come_back() {
        let response = RequestError::TooManySignIns { wait_s: 60 }.into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "60");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
