//! The nodes that keep envelopes for this one, and the link by which others use this one's mailbox.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use tidings_node::engine::MailboxOf;
use tidings_node::handle::Refused;

use crate::dto;
use crate::error::{Error, RequestError};
use crate::extract::Body;
use crate::router::App;

/// Who keeps envelopes for this node.
#[utoipa::path(
    get, path = "/mailboxes", tag = "node", operation_id = "mailboxes",
    responses((status = 200, body = Vec<dto::Mailbox>))
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<dto::Mailbox>>, Error> {
    let mailboxes = app.handle.mailboxes().await?;
    Ok(Json(mailboxes.into_iter().map(dto::Mailbox::from).collect()))
}

/// Uses a mailbox, by its link or by the contact who runs it: it is asked as soon as it is reached.
#[utoipa::path(
    post, path = "/mailboxes", tag = "node", operation_id = "use_mailbox",
    request_body = dto::NewMailbox, responses((status = 200, body = dto::Mailbox))
)]
pub(crate) async fn add(State(app): State<App>, Body(new): Body<dto::NewMailbox>) -> Result<Json<dto::Mailbox>, Error> {
    let of = match (new.link, new.contact) {
        (Some(link), None) => MailboxOf::Link(link),
        (None, Some(contact)) => MailboxOf::Contact(contact.parse()?),
        _ => {
            return Err(
                RequestError::BadRequest("give the mailbox's link, or the contact who runs it".to_owned()).into()
            );
        }
    };
    Ok(Json(app.handle.use_mailbox(of).await?.into()))
}

/// Uses a mailbox no longer.
#[utoipa::path(
    delete, path = "/mailboxes/{peer}", tag = "node", operation_id = "drop_mailbox",
    params(("peer" = String, Path, description = "The node's peer id")),
    responses((status = 204, description = "It is used no longer"))
)]
pub(crate) async fn remove(State(app): State<App>, Path(peer): Path<String>) -> Result<StatusCode, Error> {
    let mailboxes = app.handle.mailboxes().await?;
    let mailbox = mailboxes.into_iter().find(|mailbox| mailbox.peer.to_peer_id() == peer);
    app.handle.drop_mailbox(mailbox.ok_or(Refused::UnknownMailbox)?.peer).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The link by which others use this node's mailbox: whoever has it is served.
#[utoipa::path(
    get, path = "/mailbox-link", tag = "node", operation_id = "mailbox_link",
    responses((status = 200, body = dto::MailboxLink))
)]
pub(crate) async fn link(State(app): State<App>) -> Result<Json<dto::MailboxLink>, Error> {
    Ok(Json(dto::MailboxLink { link: app.handle.mailbox_link().await?.to_string() }))
}
