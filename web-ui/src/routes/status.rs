//! Who I am and how things stand.

use axum::Json;
use axum::extract::State;

use crate::dto;
use crate::error::Error;
use crate::router::App;

/// Who I am and how things stand.
#[utoipa::path(get, path = "/status", tag = "node", operation_id = "status", responses((status = 200, body = dto::Status)))]
pub(crate) async fn show(State(app): State<App>) -> Result<Json<dto::Status>, Error> {
    Ok(Json(app.handle.status().await?.into()))
}
