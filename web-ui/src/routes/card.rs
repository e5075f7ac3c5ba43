//! My contact card, as links and as a QR code.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use crate::dto;
use crate::error::{Error, RequestError};
use crate::router::App;

/// The picture's sides are at least this many pixels; it scales.
const QR_PIXELS_MIN: u32 = 256;

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
    let picture = draw(&links.short_link)?;
    Ok(([(CONTENT_TYPE, "image/svg+xml")], picture).into_response())
}

fn draw(link: &str) -> Result<String, RequestError> {
    // The lowest level of correction makes the largest modules, which cameras like best on a screen.
    let code = QrCode::with_error_correction_level(link, EcLevel::L)
        .map_err(|_| RequestError::BadRequest("this card is too long for a QR code: use the link".to_owned()))?;
    let mut drawing = code.render::<svg::Color<'_>>();
    Ok(drawing
        .min_dimensions(QR_PIXELS_MIN, QR_PIXELS_MIN)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_short_link_still_fits_a_code() {
        let picture = draw(&format!("tidings://contact/{}", "A".repeat(582))).unwrap();
        assert!(picture.contains("<svg"), "{picture:.80}");
        assert!(!picture.contains("<script"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(draw(&"a".repeat(3_000)).is_err());
    }
}
