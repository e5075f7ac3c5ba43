//! Joining a group by a link, and letting in who asks.

use axum::Json;
use axum::extract::State;

use crate::dto;
use crate::dto::groups::{Decision, Group, Join};
use crate::error::Error;
use crate::extract::{Body, PathAccount};
use crate::router::App;

/// Joins a group by a link: its standing is `joining` until a member's node lets this one in.
#[utoipa::path(
    post, path = "/join", tag = "groups", operation_id = "join",
    request_body = Join, responses((status = 200, body = dto::Conversation))
)]
pub(crate) async fn join(
    State(app): State<App>,
    Body(Join { link }): Body<Join>,
) -> Result<Json<dto::Conversation>, Error> {
    Ok(Json(app.handle.join(link).await?.into()))
}

/// Lets somebody in who asks to join, or turns them away.
#[utoipa::path(
    post, path = "/conversations/{conversation}/requests/{account}", tag = "groups", operation_id = "decide",
    params(
        ("conversation" = String, Path, description = "The conversation's id"),
        ("account" = String, Path, description = "The account that asks")
    ),
    request_body = Decision, responses((status = 200, body = Group))
)]
pub(crate) async fn decide(
    State(app): State<App>,
    PathAccount(conversation, account): PathAccount,
    Body(Decision { accept }): Body<Decision>,
) -> Result<Json<Group>, Error> {
    Ok(Json(app.handle.decide(conversation, account, accept).await?.into()))
}
