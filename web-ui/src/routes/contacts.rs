//! The people known to this node.

use axum::Json;
use axum::extract::State;

use crate::dto;
use crate::error::Error;
use crate::extract::{Body, Query};
use crate::router::App;

/// Everybody known here, by name; or those of whom it is verified here that they are called so elsewhere.
#[utoipa::path(
    get, path = "/contacts", tag = "contacts", operation_id = "contacts", params(dto::ContactsQuery),
    responses((status = 200, body = Vec<dto::Contact>))
)]
pub(crate) async fn list(
    State(app): State<App>,
    Query(query): Query<dto::ContactsQuery>,
) -> Result<Json<Vec<dto::Contact>>, Error> {
    let contacts = match &query.identity {
        Some(identity) => app.handle.contacts_called(identity).await?,
        None => app.handle.contacts().await?,
    };
    Ok(Json(contacts.into_iter().map(dto::Contact::from).collect()))
}

/// Adds a person by either form of their card link; doing it again refreshes what is known.
#[utoipa::path(
    post, path = "/contacts", tag = "contacts", operation_id = "add_contact",
    request_body = dto::NewContact, responses((status = 200, body = dto::Contact))
)]
pub(crate) async fn add(
    State(app): State<App>,
    Body(contact): Body<dto::NewContact>,
) -> Result<Json<dto::Contact>, Error> {
    Ok(Json(app.handle.add_contact(contact.link).await?.into()))
}
