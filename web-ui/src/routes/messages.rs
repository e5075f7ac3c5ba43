//! Messages: pages of history, sending, how far the person has looked, one message in detail.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use tidings_node::handle::{NewMessage, PAGE_MESSAGES_MAX, PageAt};
use tidings_node::ids::{ConversationId, MessageId};

use crate::dto;
use crate::error::{Error, RequestError};
use crate::extract::{Body, PathId, PathText, Query};
use crate::router::App;
use crate::session::tokens::Scope;

/// A page of history has this many messages where the request does not say.
const PAGE_MESSAGES: u32 = 50;
/// An idempotency key is at most this many bytes.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 64;
/// The beginning of a message's id that names it has at least this many characters.
const PREFIX_CHARS_MIN: usize = 6;
/// A message's id has this many characters.
const ID_CHARS: usize = 32;

/// A page of history, oldest first.
#[utoipa::path(
    get, path = "/conversations/{conversation}/messages", tag = "messages", operation_id = "history",
    params(("conversation" = String, Path, description = "The conversation's id"), dto::HistoryQuery),
    responses((status = 200, body = dto::MessagePage))
)]
pub(crate) async fn history(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
    Query(query): Query<dto::HistoryQuery>,
) -> Result<Json<dto::MessagePage>, Error> {
    let limit = query.limit.unwrap_or(PAGE_MESSAGES);
    if !(1..=PAGE_MESSAGES_MAX).contains(&limit) {
        let reason = format!("`limit` is 1 to {PAGE_MESSAGES_MAX} messages");
        return Err(RequestError::BadRequest(reason).into());
    }
    let at = match (query.before, query.after) {
        (None, None) => PageAt::Newest,
        (Some(before), None) => PageAt::Before(before.parse()?),
        (None, Some(after)) => PageAt::After(after.parse()?),
        (Some(_), Some(_)) => {
            return Err(RequestError::BadRequest("give `before` or `after`, not both".to_owned()).into());
        }
    };
    Ok(Json(app.handle.messages(conversation, at, limit).await?.into()))
}

/// Sends a message: when the answer is here the message is durable, and it will arrive.
///
/// The same `Idempotency-Key` twice is one message, and the second answer is that message. Each token has its own keys.
#[utoipa::path(
    post, path = "/conversations/{conversation}/messages", tag = "messages", operation_id = "send",
    params(
        ("conversation" = String, Path, description = "The conversation's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 64 visible ASCII characters"),
    ),
    request_body = dto::NewMessage, responses((status = 201, body = dto::Message))
)]
pub(crate) async fn send(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
    scope: Scope,
    headers: HeaderMap,
    Body(message): Body<dto::NewMessage>,
) -> Result<(StatusCode, Json<dto::Message>), Error> {
    let reply_to = message.reply_to.map(|id| id.parse()).transpose()?;
    let mut idempotency_key = idempotency_key(&headers)?;
    if let Some(token) = &scope.0 {
        idempotency_key = idempotency_key.map(|key| token.own_key(&key));
    }
    let message = NewMessage { conversation, text: message.text, reply_to, idempotency_key };
    Ok((StatusCode::CREATED, Json(app.handle.send(message).await?.into())))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, RequestError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let fits =
        |key: &&[u8]| (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    let key = Some(value.as_bytes()).filter(fits).and_then(|key| String::from_utf8(key.to_vec()).ok());
    key.map(Some).ok_or_else(|| {
        RequestError::BadRequest(format!(
            "an Idempotency-Key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters and no spaces"
        ))
    })
}

/// The person has looked at everything up to this message.
#[utoipa::path(
    post, path = "/conversations/{conversation}/seen", tag = "messages", operation_id = "seen",
    params(("conversation" = String, Path, description = "The conversation's id")),
    request_body = dto::SeenUpTo, responses((status = 204, description = "Done"))
)]
pub(crate) async fn seen(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
    Body(seen): Body<dto::SeenUpTo>,
) -> Result<StatusCode, Error> {
    let up_to: MessageId = seen.message.parse()?;
    app.handle.mark_seen(conversation, up_to).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One message, with its state for each recipient, by its id or a unique beginning of it; with a token, among what it
/// reaches.
#[utoipa::path(
    get, path = "/messages/{message}", tag = "messages", operation_id = "message",
    params(("message" = String, Path, description = "The message's id, or at least 6 characters of its beginning")),
    responses((status = 200, body = dto::MessageDetail))
)]
pub(crate) async fn show(
    State(app): State<App>,
    PathText(prefix): PathText,
    scope: Scope,
) -> Result<Json<dto::MessageDetail>, Error> {
    let prefix = message_prefix(&prefix)?;
    let found = match &scope.0 {
        None => app.handle.message(&prefix).await?,
        Some(token) => app.handle.message_within(&prefix, token).await?,
    };
    Ok(Json(found.into()))
}

fn message_prefix(text: &str) -> Result<String, RequestError> {
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hexadecimal || !(PREFIX_CHARS_MIN..=ID_CHARS).contains(&text.len()) {
        return Err(RequestError::BadRequest(format!(
            "a message is named by {PREFIX_CHARS_MIN} to {ID_CHARS} hexadecimal characters of its id"
        )));
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_named_by_six_to_thirty_two_hexadecimal_characters() {
        assert_eq!(message_prefix("ABCdef").unwrap(), "abcdef");
        assert_eq!(message_prefix(&"0".repeat(32)).unwrap(), "0".repeat(32));
        for text in ["", "abcde", "abcdeg", "abcdef ", &"0".repeat(33), "％％％％％％"] {
            assert!(message_prefix(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_idempotency_key_is_short_and_visible() {
        let key = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", value.parse().unwrap());
            idempotency_key(&headers)
        };
        assert_eq!(idempotency_key(&HeaderMap::new()), Ok(None));
        assert_eq!(key("a-1"), Ok(Some("a-1".to_owned())));
        assert_eq!(key(&"k".repeat(64)), Ok(Some("k".repeat(64))));
        for bad in ["", "a b", &"k".repeat(65)] {
            assert!(key(bad).is_err(), "{bad:?}");
        }
    }
}
