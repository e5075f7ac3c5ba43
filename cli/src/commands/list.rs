//! `list`: the conversations, the latest first.

use crate::api::{Api, Conversation};
use crate::failure::Failure;
use crate::output::table::{Cell, table};
use crate::output::text::{cut, one_line};
use crate::output::{Output, PLAIN, Page, QUIET, STRONG, WAITING, lines};
use crate::resolve::short;

/// A name longer than this is cut in a terminal, so that the last message has room.
const NAME_COLUMNS_MAX: usize = 24;
/// The columns that give way where the terminal is narrow: the last message, then the name.
const GIVE_WAY: [usize; 2] = [3, 0];

pub(super) async fn run(api: &Api, output: &Output) -> Result<(), Failure> {
    let conversations = api.conversations().await?;
    if output.is_json() {
        return conversations.iter().try_for_each(|conversation| output.object(&lines::Listed::from(conversation)));
    }
    if conversations.is_empty() {
        return output.text("There are no conversations yet. `tidings add LINK` adds a person, `tidings send NAME TEXT` writes to them.");
    }
    output.text(shown(&conversations, &output.page()))
}

fn shown(conversations: &[Conversation], page: &Page) -> String {
    let rows: Vec<_> = conversations
        .iter()
        .map(|conversation| {
            let (unread, style) = match conversation.unread {
                0 => (String::new(), PLAIN),
                some => (some.to_string(), WAITING.bold()),
            };
            [
                Cell::new(STRONG, name(conversation, page)),
                Cell::new(QUIET, short(&conversation.id)),
                Cell::new(style, unread),
                Cell::new(PLAIN, last_line(conversation)),
                Cell::new(QUIET, page.clock.relative(conversation.last_at_ms)),
            ]
        })
        .collect();
    table(["NAME", "ID", "NEW", "LAST MESSAGE", "WHEN"], &rows, &GIVE_WAY, page)
}

fn name(conversation: &Conversation, page: &Page) -> String {
    let name = one_line(&conversation.name);
    if page.columns.is_some() { cut(&name, NAME_COLUMNS_MAX) } else { name }
}

fn last_line(conversation: &Conversation) -> String {
    if let Some(refused) = &conversation.refused {
        return one_line(refused);
    }
    match &conversation.last_message {
        None => String::new(),
        Some(message) if message.is_system() => one_line(&message.text),
        Some(message) if message.mine => format!("You: {}", one_line(&message.text)),
        Some(message) if conversation.members.len() > 2 => {
            format!("{}: {}", one_line(&message.sender_name), one_line(&message.text))
        }
        Some(message) => one_line(&message.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::columns;
    use crate::output::time::Clock;

    #[test]
    fn the_list_fits_a_terminal_of_eighty_columns() {
        let json = r#"{"conversation":"cccccccccccccccccccccccccccccccc","name":"Bob","direct":true,"members":[],"unread":3,"last_at_ms":1795344600000,"last_message":{"message":"mm","conversation":"cc","sender":"bb","sender_name":"Bob","mine":true,"sent_at_ms":1,"received_at_ms":1,"place":1,"text":"A long line that somebody wrote, and that goes on\nand on for a while","state":"delivered","kind":"text"}}"#;
        let page = Page { columns: Some(80), clock: Clock::standing_at("2026-11-22T10:51:00+00:00[UTC]") };
        let shown = shown(&[serde_json::from_str(json).unwrap()], &page);
        let shown = anstream::adapter::strip_str(&shown).to_string();
        assert!(shown.lines().all(|line| columns(line) <= 80), "{shown}");
        assert!(shown.contains("Bob   cccccccc  3    You: A long line that somebody wrote"), "{shown}");
    }
}
