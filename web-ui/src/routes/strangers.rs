//! What strangers began, who is blocked, and the safety numbers that were compared.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tidings_node::handle::Refused;
use tidings_node::ids::ConversationId;

use crate::convert::account_from;
use crate::dto;
use crate::error::Error;
use crate::extract::{Body, PathId, PathText};
use crate::router::App;
use crate::routes::qr;

/// What waits for my decision, the newest first: nothing that was written, and no picture.
#[utoipa::path(
    get, path = "/requests", tag = "strangers", operation_id = "requests",
    responses((status = 200, body = Vec<dto::StrangerRequest>))
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<dto::StrangerRequest>>, Error> {
    Ok(Json(app.handle.requests().await?.into_iter().map(dto::StrangerRequest::from).collect()))
}

/// Opens a request: who wrote directly is a contact from now on.
#[utoipa::path(
    post, path = "/requests/{conversation}/accept", tag = "strangers", operation_id = "accept_request",
    params(("conversation" = String, Path, description = "The conversation's id")),
    responses((status = 200, body = dto::Conversation))
)]
pub(crate) async fn accept(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
) -> Result<Json<dto::Conversation>, Error> {
    Ok(Json(app.handle.accept_request(conversation).await?.into()))
}

/// Refuses a request: what was written in it goes, and a group is left.
#[utoipa::path(
    delete, path = "/requests/{conversation}", tag = "strangers", operation_id = "refuse_request",
    params(("conversation" = String, Path, description = "The conversation's id")),
    responses((status = 204, description = "It is refused"))
)]
pub(crate) async fn refuse(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
) -> Result<StatusCode, Error> {
    app.handle.refuse_request(conversation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is blocked, the latest first.
#[utoipa::path(
    get, path = "/blocked", tag = "strangers", operation_id = "blocked",
    responses((status = 200, body = Vec<dto::Blocked>))
)]
pub(crate) async fn blocked(State(app): State<App>) -> Result<Json<Vec<dto::Blocked>>, Error> {
    Ok(Json(app.handle.blocked().await?.into_iter().map(dto::Blocked::from).collect()))
}

/// Wants nothing more of somebody, who is not told.
#[utoipa::path(
    put, path = "/blocked/{account}", tag = "strangers", operation_id = "block",
    params(("account" = String, Path, description = "The account's id")),
    responses((status = 204, description = "They are blocked"))
)]
pub(crate) async fn block(State(app): State<App>, PathText(account): PathText) -> Result<StatusCode, Error> {
    app.handle.block(account_from(&account)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a block back.
#[utoipa::path(
    delete, path = "/blocked/{account}", tag = "strangers", operation_id = "unblock",
    params(("account" = String, Path, description = "The account's id")),
    responses((status = 204, description = "They are blocked no longer"))
)]
pub(crate) async fn unblock(State(app): State<App>, PathText(account): PathText) -> Result<StatusCode, Error> {
    app.handle.unblock(account_from(&account)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a contact was verified in person, and the safety number to compare.
#[utoipa::path(
    get, path = "/contacts/{contact}/verification", tag = "contacts", operation_id = "verification",
    params(("contact" = String, Path, description = "The contact's account id")),
    responses((status = 200, body = dto::Verification))
)]
pub(crate) async fn verification(
    State(app): State<App>,
    PathText(contact): PathText,
) -> Result<Json<dto::Verification>, Error> {
    Ok(Json(app.handle.contact(account_from(&contact)?).await?.into()))
}

/// Marks a contact as verified in person: both compared this safety number.
#[utoipa::path(
    put, path = "/contacts/{contact}/verification", tag = "contacts", operation_id = "verify",
    params(("contact" = String, Path, description = "The contact's account id")),
    request_body = dto::NewVerification, responses((status = 200, body = dto::Verification))
)]
pub(crate) async fn verify(
    State(app): State<App>,
    PathText(contact): PathText,
    Body(new): Body<dto::NewVerification>,
) -> Result<Json<dto::Verification>, Error> {
    Ok(Json(app.handle.verify(account_from(&contact)?, Some(new.safety_number)).await?.into()))
}

/// Takes the mark away.
#[utoipa::path(
    delete, path = "/contacts/{contact}/verification", tag = "contacts", operation_id = "unverify",
    params(("contact" = String, Path, description = "The contact's account id")),
    responses((status = 200, body = dto::Verification))
)]
pub(crate) async fn unverify(
    State(app): State<App>,
    PathText(contact): PathText,
) -> Result<Json<dto::Verification>, Error> {
    Ok(Json(app.handle.verify(account_from(&contact)?, None).await?.into()))
}

/// The safety number as a QR code: its sixty digits without spaces.
#[utoipa::path(
    get, path = "/contacts/{contact}/verification/qr.svg", tag = "contacts", operation_id = "verification_qr",
    params(("contact" = String, Path, description = "The contact's account id")),
    responses((status = 200, body = String, content_type = "image/svg+xml"))
)]
pub(crate) async fn verification_qr(State(app): State<App>, PathText(contact): PathText) -> Result<Response, Error> {
    let contact = app.handle.contact(account_from(&contact)?).await?;
    let digits: String = contact.safety_number.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return Err(Refused::CardIncomplete.into());
    }
    Ok(qr::answer(&digits)?)
}
