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

/// Looks for what is wrong, and says what to do about it. Takes some seconds: mailboxes and relays are tried.
#[utoipa::path(
    post, path = "/doctor", tag = "node", operation_id = "doctor", responses((status = 200, body = Vec<dto::Finding>))
)]
pub(crate) async fn doctor(State(app): State<App>) -> Result<Json<Vec<dto::Finding>>, Error> {
    let findings = app.handle.doctor().await?;
    Ok(Json(findings.into_iter().map(dto::Finding::from).collect()))
}
