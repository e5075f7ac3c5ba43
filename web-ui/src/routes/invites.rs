//! Links by which people join a group.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use tidings_node::handle::Refused;
use tidings_node::ids::ConversationId;

use crate::dto::groups::{Group, Invite, NewInvite};
use crate::error::Error;
use crate::extract::{Body, PathId, PathInvite};
use crate::router::App;
use crate::routes::qr;

/// Makes a link to join by.
#[utoipa::path(
    post, path = "/conversations/{conversation}/invites", tag = "groups", operation_id = "create_invite",
    params(("conversation" = String, Path, description = "The conversation's id")),
    request_body = NewInvite, responses((status = 200, body = Invite))
)]
pub(crate) async fn create(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
    Body(invite): Body<NewInvite>,
) -> Result<Json<Invite>, Error> {
    Ok(Json(app.handle.create_invite(conversation, invite.into()).await?.into()))
}

/// Revokes a link: every node refuses whoever comes with it from then on.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/invites/{invite}", tag = "groups", operation_id = "revoke_invite",
    params(
        ("conversation" = String, Path, description = "The conversation's id"),
        ("invite" = String, Path, description = "The link's id")
    ),
    responses((status = 200, body = Group))
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    PathInvite(conversation, invite): PathInvite,
) -> Result<Json<Group>, Error> {
    Ok(Json(app.handle.revoke_invite(conversation, invite).await?.into()))
}

/// A link to join by as a QR code; only on the node that made it.
#[utoipa::path(
    get, path = "/conversations/{conversation}/invites/{invite}/qr.svg", tag = "groups", operation_id = "invite_qr",
    params(
        ("conversation" = String, Path, description = "The conversation's id"),
        ("invite" = String, Path, description = "The link's id")
    ),
    responses((status = 200, body = String, content_type = "image/svg+xml"))
)]
pub(crate) async fn qr(
    State(app): State<App>,
    PathInvite(conversation, invite): PathInvite,
) -> Result<Response, Error> {
    let group = app.handle.group(conversation).await?;
    let link = group.invites.into_iter().find(|it| it.id == invite).and_then(|it| it.link);
    Ok(qr::answer(&link.ok_or(Refused::UnknownInvite)?)?)
}
