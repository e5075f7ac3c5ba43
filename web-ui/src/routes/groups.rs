//! Groups: what the members agreed on, the picture, who is in it and what they may do.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tidings_node::handle::PolicyPatch;
use tidings_node::ids::ConversationId;

use crate::convert::accounts_from;
use crate::dto;
use crate::dto::groups::{Group, GroupPatch, NewMembers, NewRole, Removals};
use crate::error::{Error, RequestError};
use crate::extract::{Body, PathAccount, PathId, PictureBody};
use crate::router::App;
use crate::session::tokens::Scope;

/// A group with everything that its members agree on; a token is told no invites, and not who asks to join.
#[utoipa::path(
    get, path = "/conversations/{conversation}/group", tag = "groups", operation_id = "group",
    params(("conversation" = String, Path, description = "The conversation's id")),
    responses((status = 200, body = Group))
)]
pub(crate) async fn show(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
    scope: Scope,
) -> Result<Json<Group>, Error> {
    let mut group = Group::from(app.handle.group(conversation).await?);
    // Whoever has a link may come in by it, and let others in.
    if !scope.is_owner() {
        group.invites.clear();
        group.requests.clear();
    }
    Ok(Json(group))
}

/// Changes what the members agree on; what is left out stays.
#[utoipa::path(
    put, path = "/conversations/{conversation}/group", tag = "groups", operation_id = "change_group",
    params(("conversation" = String, Path, description = "The conversation's id")),
    request_body = GroupPatch, responses((status = 200, body = Group))
)]
pub(crate) async fn change(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
    Body(patch): Body<GroupPatch>,
) -> Result<Json<Group>, Error> {
    Ok(Json(app.handle.set_policy(conversation, patch.into()).await?.into()))
}

/// The group's picture.
#[utoipa::path(
    get, path = "/conversations/{conversation}/picture", tag = "groups", operation_id = "group_picture",
    params(("conversation" = String, Path, description = "The conversation's id")),
    responses((status = 200, body = Vec<u8>, content_type = "image/*"))
)]
pub(crate) async fn picture(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
) -> Result<Response, Error> {
    let picture = app.handle.picture(conversation).await?.ok_or(RequestError::NotFound)?;
    Ok(([(CONTENT_TYPE, picture.media_type)], picture.bytes).into_response())
}

/// Gives the group a picture: PNG, JPEG or WebP of at most 12 KiB.
#[utoipa::path(
    put, path = "/conversations/{conversation}/picture", tag = "groups", operation_id = "set_group_picture",
    params(("conversation" = String, Path, description = "The conversation's id")),
    request_body(content = Vec<u8>, content_type = "image/*"), responses((status = 200, body = Group))
)]
pub(crate) async fn set_picture(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
    PictureBody(bytes): PictureBody,
) -> Result<Json<Group>, Error> {
    let patch = PolicyPatch { picture: Some(Some(bytes)), ..PolicyPatch::default() };
    Ok(Json(app.handle.set_policy(conversation, patch).await?.into()))
}

/// Takes the group's picture away.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/picture", tag = "groups", operation_id = "drop_group_picture",
    params(("conversation" = String, Path, description = "The conversation's id")),
    responses((status = 200, body = Group))
)]
pub(crate) async fn drop_picture(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
) -> Result<Json<Group>, Error> {
    let patch = PolicyPatch { picture: Some(None), ..PolicyPatch::default() };
    Ok(Json(app.handle.set_policy(conversation, patch).await?.into()))
}

/// Adds people, all at once.
#[utoipa::path(
    post, path = "/conversations/{conversation}/members", tag = "groups", operation_id = "add_members",
    params(("conversation" = String, Path, description = "The conversation's id")),
    request_body = NewMembers, responses((status = 200, body = Group))
)]
pub(crate) async fn add_members(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
    Body(members): Body<NewMembers>,
) -> Result<Json<Group>, Error> {
    let accounts = accounts_from(&members.accounts)?;
    Ok(Json(app.handle.add_members(conversation, accounts).await?.into()))
}

/// Removes somebody.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/members/{account}", tag = "groups", operation_id = "remove_member",
    params(
        ("conversation" = String, Path, description = "The conversation's id"),
        ("account" = String, Path, description = "The account's id")
    ),
    responses((status = 200, body = Group))
)]
pub(crate) async fn remove_member(
    State(app): State<App>,
    PathAccount(conversation, account): PathAccount,
) -> Result<Json<Group>, Error> {
    Ok(Json(app.handle.remove_members(conversation, vec![account]).await?.into()))
}

/// Removes people, all in one change.
#[utoipa::path(
    post, path = "/conversations/{conversation}/removals", tag = "groups", operation_id = "remove_members",
    params(("conversation" = String, Path, description = "The conversation's id")),
    request_body = Removals, responses((status = 200, body = Group))
)]
pub(crate) async fn remove_members(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
    Body(removals): Body<Removals>,
) -> Result<Json<Group>, Error> {
    let accounts = accounts_from(&removals.accounts)?;
    Ok(Json(app.handle.remove_members(conversation, accounts).await?.into()))
}

/// Gives somebody another role.
#[utoipa::path(
    put, path = "/conversations/{conversation}/members/{account}/role", tag = "groups", operation_id = "set_role",
    params(
        ("conversation" = String, Path, description = "The conversation's id"),
        ("account" = String, Path, description = "The account's id")
    ),
    request_body = NewRole, responses((status = 200, body = Group))
)]
pub(crate) async fn set_role(
    State(app): State<App>,
    PathAccount(conversation, account): PathAccount,
    Body(NewRole { role }): Body<NewRole>,
) -> Result<Json<Group>, Error> {
    Ok(Json(app.handle.set_role(conversation, account, role.into()).await?.into()))
}

/// Leaves the group: what was written until then stays here.
#[utoipa::path(
    post, path = "/conversations/{conversation}/leave", tag = "groups", operation_id = "leave",
    params(("conversation" = String, Path, description = "The conversation's id")),
    responses((status = 200, body = dto::Conversation))
)]
pub(crate) async fn leave(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
) -> Result<Json<dto::Conversation>, Error> {
    Ok(Json(app.handle.leave(conversation).await?.into()))
}
