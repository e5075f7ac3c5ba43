//! `card`: my contact link, and its short form as a QR code.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Color as Ansi, Style};
use qrcode::{Color, EcLevel, QrCode};

use crate::api::Api;
use crate::failure::Failure;
use crate::output::{Output, QUIET, lines, styled};

/// A reader wants this many light modules around the code (ISO/IEC 18004 §9.1 says 4; readers of screens take 2).
const QUIET_ZONE_MODULES: usize = 2;
/// Dark on light whatever the terminal's colours are: many readers do not take it the other way round.
const DARK_ON_LIGHT: Style =
    Style::new().fg_color(Some(Ansi::Ansi(AnsiColor::Black))).bg_color(Some(Ansi::Ansi(AnsiColor::BrightWhite)));

pub(super) async fn run(api: &Api, output: &Output, qr: bool) -> Result<(), Failure> {
    let card = api.card().await?;
    if output.is_json() {
        return output.object(&lines::Card { link: &card.link, account: &card.account });
    }
    if !qr {
        output.text(&card.link)?;
        output.remark("Give this link to somebody; they add you with `tidings add LINK`, and you add theirs.");
        return Ok(());
    }
    output.text(drawn_link(&card.short_link, output.page().columns)?)?;
    output.text(styled(QUIET, &card.short_link))
}

/// A link as a QR code for a terminal of this many columns.
pub(super) fn drawn_link(link: &str, terminal: Option<usize>) -> Result<String, Failure> {
    let code = QrCode::with_error_correction_level(link.as_bytes(), EcLevel::L)
        .map_err(|error| Failure::Refused(format!("the link does not fit into a QR code: {error}")))?;
    let columns = code.width() + 2 * QUIET_ZONE_MODULES;
    if terminal.is_some_and(|terminal| terminal < columns) {
        return Err(Failure::Refused(format!(
            "the QR code is {columns} columns wide and this terminal is narrower: widen it, or open the page"
        )));
    }
    Ok(drawn(&code))
}

/// Two rows of modules a line, in half blocks.
fn drawn(code: &QrCode) -> String {
    let width = code.width();
    let dark = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET_ZONE_MODULES).filter(|at| *at < width);
        matches!((inside(x), inside(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
    };
    let side = width + 2 * QUIET_ZONE_MODULES;
    let mut drawn = String::new();
    for y in (0..side).step_by(2) {
        let line: String = (0..side)
            .map(|x| match (dark(x, y), dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            })
            .collect();
        // Writing to a string cannot fail.
        let _written = writeln!(drawn, "{}", styled(DARK_ON_LIGHT, line));
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawn_code_has_its_three_corners_and_a_quiet_zone() {
        let code = QrCode::with_error_correction_level(b"tidings:c/example", EcLevel::L).unwrap();
        let drawn = drawn(&code);
        let drawn = anstream::adapter::strip_str(&drawn).to_string();
        let lines: Vec<&str> = drawn.lines().collect();
        let side = code.width() + 2 * QUIET_ZONE_MODULES;
        assert!(lines.iter().all(|line| line.chars().count() == side));
        assert_eq!(lines.len(), side.div_ceil(2));
        assert!(lines[0].chars().all(|c| c == ' '));
        assert!(lines[1].starts_with("  █▀▀▀▀▀█ ") && lines[1].ends_with(" █▀▀▀▀▀█  "), "{drawn}");
    }
}
