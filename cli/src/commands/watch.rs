//! `watch`: every event as it happens.

use crate::api::{Api, Event};
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::transcript::word;
use crate::output::{Output, QUIET, STRONG, WAITING, styled};
use crate::resolve::short;

/// The kinds of events take this many columns.
const KIND: usize = 13;

pub(super) async fn run(api: &Api, output: &Output) -> Result<(), Failure> {
    let mut events = api.events().await?;
    loop {
        let frame = events.next().await?;
        if output.is_json() {
            output.json_line(&frame.json)?;
        } else {
            let page = output.page();
            let moment = page.clock.seconds_of_day();
            for (kind, sentence) in told(&frame.event) {
                output.text(format_args!("{}  {kind:<KIND$}{sentence}", styled(QUIET, &moment)))?;
            }
        }
    }
}

/// The kind of the event and what it says, a line each.
fn told(event: &Event) -> Vec<(&'static str, String)> {
    match event {
        Event::Hello => vec![("watching", "until Ctrl-C".to_owned())],
        Event::Message { message } => {
            let who = if message.mine { "you".to_owned() } else { one_line(&message.sender_name) };
            let text = one_line(&message.text);
            vec![("message", format!("{} {} {text}", short(&message.id), styled(STRONG, format_args!("{who}:"))))]
        }
        Event::States { states, .. } => states
            .iter()
            .map(|changed| ("state", format!("{} is {}", short(&changed.message), word(changed.state))))
            .collect(),
        Event::Conversation { conversation } => {
            let unread = match conversation.unread {
                0 => "nothing new".to_owned(),
                some => format!("{some} new"),
            };
            vec![("conversation", format!("{} {}, {unread}", short(&conversation.id), one_line(&conversation.name)))]
        }
        Event::Contact { contact } => {
            let online = if contact.online { "online" } else { "away" };
            vec![("contact", format!("{} {}, {online}", short(&contact.account), one_line(&contact.name)))]
        }
        Event::Peers { connected: 1 } => vec![("peers", "1 connected".to_owned())],
        Event::Peers { connected } => vec![("peers", format!("{connected} connected"))],
        Event::Requests { waiting } => vec![("requests", format!("{waiting} from people you do not know"))],
        Event::Profile => vec![("profile", "your own card changed".to_owned())],
        Event::Lagged => vec![("missed", styled(WAITING, "some events were missed").to_string())],
        Event::Unknown => vec![("unknown", "an event of a newer node".to_owned())],
    }
}
