//! A link as a QR code.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use crate::error::RequestError;

/// The picture's sides are at least this many pixels; it scales.
const QR_PIXELS_MIN: u32 = 256;

/// The answer that holds a link's code.
pub(crate) fn answer(link: &str) -> Result<Response, RequestError> {
    Ok(([(CONTENT_TYPE, "image/svg+xml")], draw(link)?).into_response())
}

fn draw(link: &str) -> Result<String, RequestError> {
    // The lowest level of correction makes the largest modules, which cameras like best on a screen.
    let code = QrCode::with_error_correction_level(link, EcLevel::L)
        .map_err(|_| RequestError::BadRequest("this link is too long for a QR code: copy it instead".to_owned()))?;
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
