//! Conversations: the list, one of them, a new one.

use axum::Json;
use axum::extract::State;
use tidings_node::ids::ConversationId;

use crate::convert::accounts_from;
use crate::dto;
use crate::error::Error;
use crate::extract::{Body, PathId};
use crate::router::App;
use crate::session::tokens::Scope;

/// All conversations, the latest activity first; with a token, those it reaches.
#[utoipa::path(
    get, path = "/conversations", tag = "conversations", operation_id = "conversations",
    responses((status = 200, body = Vec<dto::Conversation>))
)]
pub(crate) async fn list(State(app): State<App>, scope: Scope) -> Result<Json<Vec<dto::Conversation>>, Error> {
    let conversations = app.handle.conversations().await?;
    Ok(Json(conversations.into_iter().filter(|it| scope.reaches(it.id)).map(dto::Conversation::from).collect()))
}

/// Starts a conversation; with one contact and no name it is the direct conversation with them, old or new.
#[utoipa::path(
    post, path = "/conversations", tag = "conversations", operation_id = "create_conversation",
    request_body = dto::NewConversation, responses((status = 200, body = dto::Conversation))
)]
pub(crate) async fn create(
    State(app): State<App>,
    Body(conversation): Body<dto::NewConversation>,
) -> Result<Json<dto::Conversation>, Error> {
    let contacts = accounts_from(&conversation.contacts)?;
    Ok(Json(app.handle.create_conversation(contacts, conversation.name).await?.into()))
}

/// One conversation.
#[utoipa::path(
    get, path = "/conversations/{conversation}", tag = "conversations", operation_id = "conversation",
    params(("conversation" = String, Path, description = "The conversation's id")),
    responses((status = 200, body = dto::Conversation))
)]
pub(crate) async fn show(
    State(app): State<App>,
    PathId(conversation): PathId<ConversationId>,
) -> Result<Json<dto::Conversation>, Error> {
    Ok(Json(app.handle.conversation(conversation).await?.into()))
}
