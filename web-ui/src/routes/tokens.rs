//! API tokens: list, make, revoke. No token comes this far (see `router.rs`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidings_node::ids::TokenId;

use crate::convert;
use crate::dto;
use crate::error::Error;
use crate::extract::{Body, PathId};
use crate::router::App;

/// All API tokens, the newest first; those that expired go when the next one is made.
#[utoipa::path(
    get, path = "/tokens", tag = "sign-in", operation_id = "tokens",
    responses((status = 200, body = Vec<dto::Token>))
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<dto::Token>>, Error> {
    Ok(Json(app.handle.tokens().await?.into_iter().map(dto::Token::from).collect()))
}

/// Makes an API token: the answer holds its text, which is told once and kept nowhere.
#[utoipa::path(
    post, path = "/tokens", tag = "sign-in", operation_id = "create_token",
    request_body = dto::NewToken, responses((status = 201, body = dto::MadeToken))
)]
pub(crate) async fn create(
    State(app): State<App>,
    Body(new): Body<dto::NewToken>,
) -> Result<(StatusCode, Json<dto::MadeToken>), Error> {
    let made = app.handle.create_token(convert::new_token(new)?).await?;
    let token = dto::Token::from(made.token);
    Ok((StatusCode::CREATED, Json(dto::MadeToken { text: made.text.to_string(), token })))
}

/// Revokes an API token: what was opened with it ends at once.
#[utoipa::path(
    delete, path = "/tokens/{token}", tag = "sign-in", operation_id = "revoke_token",
    params(("token" = String, Path, description = "The token's id, which is no part of its text")),
    responses((status = 204, description = "Revoked"))
)]
pub(crate) async fn revoke(State(app): State<App>, PathId(token): PathId<TokenId>) -> Result<StatusCode, Error> {
    app.handle.revoke_token(token).await?;
    app.streams.check_visitors();
    Ok(StatusCode::NO_CONTENT)
}
