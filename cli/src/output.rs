//! What is printed: one JSON object a line for scripts, or columns and colours for people.
//!
//! Nothing that somebody else wrote reaches the terminal without [`text::one_line`] or [`text::lines`], which leave no
//! escape sequence in it. Colours appear on a terminal only; a reader that goes away ends the verb quietly.

pub(crate) mod lines;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod transcript;

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::Failure;
use time::Clock;

/// Text is not wrapped wider than this, however wide the terminal: longer lines are hard to read.
const TEXT_COLUMNS_MAX: usize = 100;
/// A terminal narrower than this is treated as this wide.
const COLUMNS_MIN: usize = 40;

/// What an error begins with.
const LABEL: &str = "tidings:";

/// Plain, for where a style is asked for and none is wanted.
pub(crate) const PLAIN: Style = Style::new();
/// Names and headings.
pub(crate) const STRONG: Style = Style::new().bold();
/// What is there to be looked up rather than read.
pub(crate) const QUIET: Style = Style::new().dimmed();
/// What is good, or mine.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What leads on: commands and links.
pub(crate) const LEAD: Style = AnsiColor::Cyan.on_default();
/// What waits or wants a look.
pub(crate) const WAITING: Style = AnsiColor::Yellow.on_default();
/// What went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> Styled<impl Display> {
    Styled { style, text }
}

/// See [`styled`].
#[derive(Debug)]
pub(crate) struct Styled<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.style, self.text, self.style.render_reset())
    }
}

/// Where and when something is read.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// The terminal's width; `None` when nobody looks at it, so that nothing is wrapped or cut.
    pub(crate) columns: Option<usize>,
    /// The reader's time and time zone.
    pub(crate) clock: Clock,
}

impl Page {
    /// How wide text is wrapped.
    pub(crate) fn text_columns(&self) -> Option<usize> {
        self.columns.map(|columns| columns.min(TEXT_COLUMNS_MAX))
    }
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    page: Page,
}

impl Output {
    /// Standard output as it is: for scripts, for a terminal, or for a file.
    pub(crate) fn new(json: bool) -> Self {
        let columns = io::stdout().is_terminal().then(terminal_columns);
        Self { json, page: Page { columns, clock: Clock::of_this_machine() } }
    }

    /// Whether lines of JSON are wanted.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// What people's output is laid out for; the time is read anew.
    pub(crate) fn page(&self) -> Page {
        Page { clock: self.page.clock.now(), ..self.page.clone() }
    }

    /// One JSON object on a line of its own, at once.
    pub(crate) fn object(&self, object: &impl Serialize) -> Result<(), Failure> {
        self.json_line(&serde_json::to_string(object).map_err(|error| Failure::Refused(error.to_string()))?)
    }

    /// JSON of the node as it wrote it, so that no field is left out that we do not know yet.
    #[expect(clippy::unused_self, reason = "only who was given the output may print")]
    pub(crate) fn json_line(&self, json: &str) -> Result<(), Failure> {
        // A line break in JSON is only ever between its parts.
        let mut line = json.replace('\n', " ");
        line.push('\n');
        write_out(line.as_bytes())
    }

    /// For people, at once; a line break is added where it is missing.
    #[expect(clippy::unused_self, reason = "only who was given the output may print")]
    pub(crate) fn text(&self, text: impl Display) -> Result<(), Failure> {
        let mut text = text.to_string();
        if text.is_empty() {
            return Ok(());
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        write_out(text.as_bytes())
    }

    /// A remark beside the result, on standard error, for people at a terminal only.
    pub(crate) fn remark(&self, remark: impl Display) {
        if !self.json && io::stderr().is_terminal() {
            write_error_line(&styled(QUIET, remark));
        }
    }
}

fn terminal_columns() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)).max(COLUMNS_MIN)
}

/// Writes to standard output without keeping anything back.
fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| Failure::of_output(&error))
}

/// The sentence that a verb ends with when it failed.
pub(crate) fn complain(failure: &Failure) {
    write_error_line(&format_args!("{} {}", styled(BAD, LABEL), wrapped_error(failure)));
}

/// Something that the person should know, on standard error.
pub(crate) fn warn(sentence: impl Display) {
    write_error_line(&format_args!("{} {}", styled(WAITING, LABEL), wrapped_error(sentence)));
}

/// Wrapped at words on a terminal; whole, for whoever searches it, in a file.
fn wrapped_error(sentence: impl Display) -> String {
    let sentence = sentence.to_string();
    if !io::stderr().is_terminal() {
        return sentence;
    }
    let columns = terminal_columns().min(TEXT_COLUMNS_MAX).saturating_sub(LABEL.len() + 1);
    let indent = " ".repeat(LABEL.len() + 1);
    text::wrapped(&sentence, "", Some(columns)).replace('\n', &format!("\n{indent}"))
}

fn write_error_line(line: &dyn Display) {
    // With standard error closed there is nobody left to tell.
    let _told = writeln!(anstream::stderr().lock(), "{line}");
}
