//! What my card says of me.

use axum::Json;
use axum::extract::State;

use crate::dto;
use crate::error::Error;
use crate::extract::Body;
use crate::router::App;

/// Changes the name on my card; the answer is the status after it.
#[utoipa::path(
    put, path = "/profile", tag = "node", operation_id = "change_profile",
    request_body = dto::NewProfile, responses((status = 200, body = dto::Status))
)]
pub(crate) async fn change(
    State(app): State<App>,
    Body(profile): Body<dto::NewProfile>,
) -> Result<Json<dto::Status>, Error> {
    app.handle.set_name(profile.name).await?;
    Ok(Json(app.handle.status().await?.into()))
}
