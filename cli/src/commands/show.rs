//! `show`: one message, with its state for each recipient.

use std::fmt::Write as _;

use crate::api::{Api, MessageDetail, Recipient};
use crate::failure::Failure;
use crate::output::table::{Cell, table};
use crate::output::text::{lines as text_lines, one_line, wrapped};
use crate::output::transcript::{state_style, word};
use crate::output::{Output, Page, QUIET, STRONG, lines, styled};
use crate::resolve;

/// The labels take this many columns.
const LABEL: usize = 12;

pub(super) async fn run(api: &Api, output: &Output, typed: &str) -> Result<(), Failure> {
    let detail = resolve::message(api, typed).await?;
    if output.is_json() {
        return output.object(&lines::MessageDetail::from(&detail));
    }
    output.text(shown(&detail, &output.page()))
}

/// Who keeps it meanwhile.
fn kept_by(recipient: &Recipient) -> String {
    let mailboxes = recipient.kept_by.iter().filter(|keeper| keeper.mailbox.is_some()).count();
    let mailboxes = match mailboxes {
        0 => None,
        1 => Some("a mailbox".to_owned()),
        count => Some(format!("{count} mailboxes")),
    };
    let members = recipient.kept_by.iter().filter_map(|keeper| keeper.name.as_deref()).map(one_line);
    let all: Vec<String> = mailboxes.into_iter().chain(members).collect();
    if all.is_empty() { String::new() } else { format!(" with {}", all.join(", ")) }
}

fn shown(detail: &MessageDetail, page: &Page) -> String {
    let message = &detail.message;
    let mut shown = String::new();
    let mut row = |label: &str, text: &dyn std::fmt::Display| {
        // Writing to a string cannot fail, here and below.
        let _written = writeln!(shown, "  {} {text}", styled(QUIET, format_args!("{label:<LABEL$}")));
    };
    row("message", &message.id);
    row("in", &message.conversation);
    let from = if message.mine { "you".to_owned() } else { one_line(&message.sender_name) };
    row("from", &styled(STRONG, from));
    row("sent", &page.clock.moment(message.sent_at_ms));
    if !message.mine {
        row("arrived", &page.clock.moment(message.received_at_ms));
    }
    if let Some(answered) = &message.reply_to {
        row("answers", answered);
    }
    row("state", &styled(state_style(message.state), word(message.state)));
    let text = wrapped(&text_lines(&message.text), "  ", page.text_columns());
    let _written = writeln!(shown, "\n{text}");
    if !detail.recipients.is_empty() {
        let rows: Vec<_> = detail
            .recipients
            .iter()
            .map(|recipient| {
                [
                    Cell::new(STRONG, format!("  {}", one_line(&recipient.name))),
                    if recipient.removed {
                        Cell::new(QUIET, format!("{}, no longer in it", word(recipient.state)))
                    } else {
                        Cell::new(
                            state_style(recipient.state),
                            format!("{}{}", word(recipient.state), kept_by(recipient)),
                        )
                    },
                    Cell::new(QUIET, page.clock.moment(recipient.at_ms)),
                ]
            })
            .collect();
        let _written = write!(shown, "\n{}", table(["  FOR", "STATE", "SINCE"], &rows, &[0], page));
    }
    shown
}
