//! What this node keeps, and for how long.

use axum::Json;
use axum::extract::State;

use crate::dto;
use crate::error::Error;
use crate::extract::Body;
use crate::router::App;

/// What is kept, and what may be.
#[utoipa::path(
    get, path = "/storage", tag = "node", operation_id = "storage",
    responses((status = 200, body = dto::Storage))
)]
pub(crate) async fn show(State(app): State<App>) -> Result<Json<dto::Storage>, Error> {
    Ok(Json(app.handle.storage().await?.into()))
}

/// Changes what may be kept; the answer is how it is then. Messages that are too old by it go within minutes.
#[utoipa::path(
    put, path = "/storage", tag = "node", operation_id = "change_storage",
    request_body = dto::StorageLimits, responses((status = 200, body = dto::Storage))
)]
pub(crate) async fn change(
    State(app): State<App>,
    Body(limits): Body<dto::StorageLimits>,
) -> Result<Json<dto::Storage>, Error> {
    Ok(Json(app.handle.set_storage(limits.into()).await?.into()))
}
