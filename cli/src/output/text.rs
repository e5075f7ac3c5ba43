//! Text that others wrote, made safe to show in a terminal and as wide as it looks.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A tab becomes this many spaces, since columns after it would not line up.
const TAB: &str = "    ";

/// On one line, without anything that a terminal would obey.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => line.push(' '),
            _ if reorders(c) => {}
            _ if c.is_control() => line.push(char::REPLACEMENT_CHARACTER),
            _ => line.push(c),
        }
    }
    line
}

/// With its line breaks, without anything else that a terminal would obey.
pub(crate) fn lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => lines.push('\n'),
            '\t' => lines.push_str(TAB),
            _ if reorders(c) => {}
            _ if c.is_control() => lines.push(char::REPLACEMENT_CHARACTER),
            _ => lines.push(c),
        }
    }
    lines
}

/// Characters that change the direction of the text after them, and with that what it seems to say.
fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many columns text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The text, or as much of its beginning as fits, with an ellipsis.
pub(crate) fn cut(text: &str, columns_max: usize) -> String {
    if columns(text) <= columns_max {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if taken + width + 1 > columns_max {
            break;
        }
        taken += width;
        kept.push(c);
    }
    let mut kept = kept.trim_end().to_owned();
    if columns_max > 0 {
        kept.push('…');
    }
    kept
}

/// Each line wrapped at words and indented.
pub(crate) fn wrapped(text: &str, indent: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else {
        return text
            .split('\n')
            .map(|line| format!("{indent}{line}").trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n");
    };
    let options = textwrap::Options::new(columns)
        .initial_indent(indent)
        .subsequent_indent(indent)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_and_no_change_of_direction_reaches_the_terminal() {
        let hostile = "a\u{1b}[2Jb\u{9b}c\u{7}\u{202e}d\u{2066}e\u{200f}\u{7f}";
        for made_safe in [one_line(hostile), lines(hostile)] {
            assert_eq!(made_safe, "a\u{fffd}[2Jb\u{fffd}c\u{fffd}de\u{fffd}");
        }
    }

    #[test]
    fn line_breaks_stay_in_a_text_and_not_in_a_line() {
        assert_eq!(one_line("a\r\nb\u{2028}c\td"), "a  b c d");
        assert_eq!(lines("a\r\nb\u{2028}c\td"), "a\nb\nc    d");
    }

    #[test]
    fn text_is_cut_by_the_columns_it_takes() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("too long", 5), "too…");
        assert_eq!(cut("日本語です", 5), "日本…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn text_is_wrapped_at_words_and_indented() {
        assert_eq!(wrapped("one two three\n\nfour", "  ", Some(9)), "  one two\n  three\n\n  four");
        assert_eq!(wrapped("one two three\n\nfour", "  ", None), "  one two three\n\n  four");
    }
}
