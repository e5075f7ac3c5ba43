//! Which names a person or a conversation may have: what a list can show on one line without being deceived.

/// A name is at most this many bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 128;

/// Whether a name may be shown: 1 to [`NAME_BYTES_MAX`] bytes, something visible in it, no white space around it,
/// no control characters, no line breaks, and nothing that turns the direction of the text beside it.
pub fn valid_name(name: &str) -> bool {
    valid_line(name, NAME_BYTES_MAX)
}

/// The same for a line of another length: 1 to `bytes_max` bytes.
pub fn valid_line(line: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&line.len())
        && line.trim() == line
        && !line.chars().any(|char| char.is_control() || breaks_line_or_direction(char))
        && !line.chars().all(|char| char.is_whitespace() || is_invisible(char))
}

/// Line and paragraph separators; bidirectional embeddings, overrides and isolates (UAX #9).
fn breaks_line_or_direction(char: char) -> bool {
    matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that draw nothing by themselves. Between others they have a meaning, as in joined emoji.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_are_allowed() {
        for name in ["A", "Zoë van der Berg", "山田 太郎", "محمد", "👩‍🚀", "O'Neil (home)", &"x".repeat(128)]
        {
            assert!(valid_name(name), "{name:?}");
        }
    }

    #[test]
    fn names_that_deceive_or_show_nothing_are_refused() {
        let long = "x".repeat(129);
        for name in [
            "",
            " ",
            " A",
            "A ",
            "A\n",
            "A\nB",
            "A\tB",
            "A\u{0}",
            "A\u{7f}B",
            "A\u{202e}B",
            "A\u{2066}B",
            "A\u{2028}B",
            "\u{200d}",
            "\u{feff}",
            "\u{3164}",
            "\u{200b} \u{200b}",
            &long,
        ] {
            assert!(!valid_name(name), "{name:?}");
        }
    }
}
