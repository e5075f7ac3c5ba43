//! A conversation for people: a line for each day, a line for who and when, the text below it.

use std::collections::HashMap;
use std::fmt::Write as _;

use anstyle::Style;

use super::text::{columns, cut, lines, one_line, wrapped};
use super::{GOOD, LEAD, PLAIN, Page, QUIET, STRONG, WAITING, styled};
use crate::api::{Message, State};
use crate::resolve::short;

/// As wide as the time and the gap after it, so that names and texts line up.
const INDENT: &str = "       ";
/// Of a message that is answered, this much is shown again.
const QUOTE_COLUMNS_MAX: usize = 48;
/// Quotes kept; past it they are forgotten, and an answer shows the id of what it answers.
const QUOTES_MAX: usize = 10_000;

/// Remembers what was shown, so that messages can follow one by one.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    day: Option<String>,
    quotes: HashMap<String, String>,
}

impl Transcript {
    /// The next message, and its day where that is a new one.
    pub(crate) fn message(&mut self, message: &Message, page: &Page) -> String {
        let mut shown = String::new();
        let day = page.clock.day(message.sent_at_ms);
        if self.day.as_ref() != Some(&day) {
            if self.day.is_some() {
                shown.push('\n');
            }
            let rule = "─".repeat(page.text_columns().unwrap_or(40).saturating_sub(columns(&day) + 4));
            // Writing to a string cannot fail, here and below.
            let _written = writeln!(shown, "{}", styled(QUIET, format_args!("── {day} {rule}")));
            self.day = Some(day);
        }
        if message.is_system() {
            let time = page.clock.time_of_day(message.sent_at_ms);
            let line = wrapped(&lines(&message.text), INDENT, page.text_columns());
            let line = line.strip_prefix(INDENT).unwrap_or(&line);
            let _written = writeln!(shown, "{}", styled(QUIET, format_args!("{time}  {line}")));
            return shown;
        }
        shown.push_str(&heading(message, page));
        if let Some(answered) = &message.reply_to {
            let quote = self.quotes.get(answered).map_or_else(|| short(answered).to_owned(), Clone::clone);
            let room =
                page.text_columns().map_or(QUOTE_COLUMNS_MAX, |columns| columns.saturating_sub(INDENT.len() + 2));
            let _written = writeln!(shown, "{INDENT}{}", styled(QUIET, format_args!("↳ {}", cut(&quote, room))));
        }
        if let Some(sharer) = &message.shared_by_name {
            let _written = writeln!(shown, "{INDENT}{}", styled(QUIET, format_args!("shared by {}", one_line(sharer))));
        }
        if message.late {
            let arrived = format_args!(
                "arrived late, {} at {}",
                page.clock.day(message.received_at_ms),
                page.clock.time_of_day(message.received_at_ms)
            );
            let _written = writeln!(shown, "{INDENT}{}", styled(QUIET, arrived));
        }
        let text = wrapped(&lines(&message.text), INDENT, page.text_columns());
        let _written = writeln!(shown, "{text}");
        let who = if message.mine { "You".to_owned() } else { one_line(&message.sender_name) };
        let quote = cut(&format!("{who}: {}", one_line(&message.text)), QUOTE_COLUMNS_MAX);
        if self.quotes.len() >= QUOTES_MAX {
            self.quotes.clear();
        }
        self.quotes.insert(message.id.clone(), quote);
        shown
    }
}

/// When and who at the left; the state of what I wrote and the id to name it by at the right.
fn heading(message: &Message, page: &Page) -> String {
    let time = page.clock.time_of_day(message.sent_at_ms);
    let (who, style) =
        if message.mine { ("You".to_owned(), LEAD.bold()) } else { (one_line(&message.sender_name), STRONG) };
    let who = cut(&who, page.text_columns().map_or(usize::MAX, |columns| columns.saturating_sub(28)));
    let state = if message.mine { word(message.state) } else { "" };
    let id = short(&message.id);
    let taken = columns(&time) + 2 + columns(&who) + state.len() + 2 + id.len();
    let gap = page.text_columns().map_or(2, |columns| columns.saturating_sub(taken)).max(2);
    format!(
        "{}  {}{:gap$}{}  {}\n",
        styled(QUIET, time),
        styled(style, who),
        "",
        styled(state_style(message.state), state),
        styled(QUIET, id)
    )
}

/// The state as the screen says it.
pub(crate) fn word(state: State) -> &'static str {
    match state {
        State::Queued => "queued",
        State::Stored => "stored",
        State::Delivered => "delivered",
        State::Seen => "seen",
        State::Received => "received",
    }
}

/// The style of that word.
pub(crate) fn state_style(state: State) -> Style {
    match state {
        State::Queued | State::Stored => WAITING,
        State::Delivered | State::Received => PLAIN,
        State::Seen => GOOD,
    }
}

#[cfg(test)]
mod tests {
    use super::super::time::Clock;
    use super::*;

    fn message(id: &str, mine: bool, at: &str, text: &str) -> Message {
        let at: jiff::Timestamp = at.parse().unwrap();
        let at_ms = u64::try_from(at.as_millisecond()).unwrap();
        Message {
            id: id.repeat(16),
            conversation: "cc".repeat(16),
            sender: "aa".repeat(32),
            sender_name: "Bob\u{1b}[31m".to_owned(),
            mine,
            sent_at_ms: at_ms,
            received_at_ms: at_ms,
            text: text.to_owned(),
            state: if mine { State::Delivered } else { State::Received },
            kind: "text".to_owned(),
            reply_to: None,
            late: false,
            shared_by_name: None,
        }
    }

    fn shown(columns: Option<usize>) -> String {
        let page = Page { columns, clock: Clock::standing_at("2026-11-22T10:51:00+00:00[UTC]") };
        let mut transcript = Transcript::default();
        let mut answer = message("02", true, "2026-11-22T09:05:00Z", "Two words\nand a line");
        answer.reply_to = Some("01".repeat(16));
        let shown = [message("01", false, "2026-11-21T09:00:00Z", "A text that is long enough to be wrapped"), answer]
            .iter()
            .map(|message| transcript.message(message, &page))
            .collect::<String>();
        anstream::adapter::strip_str(&shown).to_string()
    }

    #[test]
    fn a_conversation_is_laid_out_for_the_terminal() {
        assert_eq!(
            shown(Some(44)),
            "\
── Yesterday, 21 November ──────────────────
09:00  Bob\u{fffd}[31m                     01010101
       A text that is long enough to be
       wrapped

── Today, 22 November ──────────────────────
09:05  You               delivered  02020202
       ↳ Bob\u{fffd}[31m: A text that is long enou…
       Two words
       and a line
"
        );
    }

    #[test]
    fn what_happened_to_the_conversation_is_one_quiet_line_and_what_came_late_says_so() {
        let page = Page { columns: Some(60), clock: Clock::standing_at("2026-11-22T10:51:00+00:00[UTC]") };
        let mut transcript = Transcript::default();
        let mut line = message("03", false, "2026-11-22T09:06:00Z", "Bob added Carol\u{1b}[2J");
        line.kind = "system".to_owned();
        let mut late = message("04", false, "2026-11-22T09:07:00Z", "hello");
        late.late = true;
        late.shared_by_name = Some("Dan".to_owned());
        late.received_at_ms += 3_600_000;
        let shown: String = [line, late].iter().map(|message| transcript.message(message, &page)).collect();
        let shown = anstream::adapter::strip_str(&shown).to_string();
        assert!(shown.contains("\n09:06  Bob added Carol\u{fffd}[2J\n09:07  Bob"), "{shown}");
        assert!(shown.contains("       shared by Dan\n       arrived late, Today, 22 November at 10:07\n"), "{shown}");
    }

    #[test]
    fn without_a_terminal_nothing_is_wrapped() {
        assert!(shown(None).contains("       A text that is long enough to be wrapped\n"));
    }
}
