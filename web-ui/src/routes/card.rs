//! My contact card, as links and as a QR code.

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::dto;
use crate::error::Error;
use crate::router::App;
use crate::routes::qr;

/// My contact links.
#[utoipa::path(get, path = "/card", tag = "node", operation_id = "card", responses((status = 200, body = dto::CardLinks)))]
pub(crate) async fn show(State(app): State<App>) -> Result<Json<dto::CardLinks>, Error> {
    let links = app.handle.card().await?;
    Ok(Json(dto::CardLinks { link: links.link, short_link: links.short_link, account: app.account.to_string() }))
}

/// My short contact link as a QR code: black on white with a quiet zone, because readers expect that in the dark too.
#[utoipa::path(
    get, path = "/card/qr.svg", tag = "node", operation_id = "card_qr",
    responses((status = 200, body = String, content_type = "image/svg+xml"))
)]
pub(crate) async fn qr(State(app): State<App>) -> Result<Response, Error> {
    let links = app.handle.card().await?;
    Ok(qr::answer(&links.short_link)?)
}
