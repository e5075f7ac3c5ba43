//! `send`: a message, its id once it is durable, and if wanted a wait until it has come further.

use std::io::{IsTerminal, Read};
use std::time::Duration;

use tidings_node::handle::TEXT_BYTES_MAX;

use crate::api::{Api, Event, Events, Message, Outgoing, State};
use crate::args::{Send, WaitFor};
use crate::failure::Failure;
use crate::output::transcript::word;
use crate::output::{Output, lines};
use crate::resolve;

pub(super) async fn run(api: &Api, output: &Output, typed: Send) -> Result<(), Failure> {
    // Before standard input is read: who types a long text should not learn only then that there is nobody to read it.
    let conversation = resolve::conversation_to_write_to(api, &typed.conversation).await?;
    let reply_to = match &typed.reply {
        Some(reply) => Some(resolve::message(api, reply).await?.message.id),
        None => None,
    };
    let text = match typed.text {
        Some(text) => text,
        None => text_of_standard_input(output).await?,
    };
    let outgoing = Outgoing { text: &text, reply_to: reply_to.as_deref() };
    let message = api.send(&conversation, &outgoing, typed.key.as_deref()).await?;
    if output.is_json() {
        output.object(&lines::Sent {
            message: &message.id,
            conversation: &message.conversation,
            state: message.state,
        })?;
    } else {
        output.text(&message.id)?;
    }
    let Some(wanted) = typed.wait.map(State::from) else { return Ok(()) };
    let reached = wait(api, &message, wanted, typed.timeout).await?;
    output.remark(word(reached));
    Ok(())
}

impl From<WaitFor> for State {
    fn from(wait: WaitFor) -> Self {
        match wait {
            WaitFor::Stored => Self::Stored,
            WaitFor::Delivered => Self::Delivered,
            WaitFor::Seen => Self::Seen,
        }
    }
}

/// Standard input to its end, without the line break that ends its last line.
async fn text_of_standard_input(output: &Output) -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        output.remark("Type the message; Ctrl-D on an empty line sends it, Ctrl-C does not.");
    }
    let read = tokio::task::spawn_blocking(|| read_text(std::io::stdin().lock()));
    read.await.map_err(|error| Failure::Refused(format!("standard input cannot be read: {error}")))?
}

fn read_text(input: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    // Two more bytes than the longest text, for the line break at its end.
    input
        .take(TEXT_BYTES_MAX as u64 + 3)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Refused(format!("standard input cannot be read: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Refused("standard input is not text in UTF-8, so it was not sent".to_owned()))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.len() > TEXT_BYTES_MAX {
        return Err(Failure::Refused(format!(
            "the text has more than {TEXT_BYTES_MAX} bytes, which is the limit. Send it in parts"
        )));
    }
    Ok(text.to_owned())
}

/// Returns when the message has come as far as was wanted.
async fn wait(api: &Api, message: &Message, wanted: State, timeout: Option<Duration>) -> Result<State, Failure> {
    let reached = async {
        // Events first, so that nothing happens between the look and the listening.
        let mut events = api.events().await?;
        let mut state = api.message(&message.id).await?.message.state;
        while state < wanted {
            state = next_state(api, &mut events, message, state).await?;
        }
        Ok(state)
    };
    match timeout {
        None => reached.await,
        Some(timeout) => tokio::time::timeout(timeout, reached).await.unwrap_or_else(|_| {
            Err(Failure::TimedOut(format!(
                "the message is safe here but was not {} within {} seconds; it goes on by itself, `tidings show {}` tells how far it is",
                word(wanted),
                timeout.as_secs_f64(),
                resolve::short(&message.id)
            )))
        }),
    }
}

async fn next_state(api: &Api, events: &mut Events, message: &Message, state: State) -> Result<State, Failure> {
    Ok(match events.next().await?.event {
        Event::States { states, .. } => {
            states.iter().find(|changed| changed.message == message.id).map_or(state, |changed| changed.state)
        }
        Event::Message { message: changed } if changed.id == message.id => changed.state,
        Event::Lagged => api.message(&message.id).await?.message.state,
        _ => state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_is_a_text_without_its_last_line_break() {
        assert_eq!(read_text(b"one\ntwo\n".as_slice()).unwrap(), "one\ntwo");
        assert_eq!(read_text(b"one\r\n".as_slice()).unwrap(), "one");
        assert_eq!(read_text(b"".as_slice()).unwrap(), "");
    }

    #[test]
    fn the_longest_text_is_taken_and_one_byte_more_is_refused() {
        let longest = "a".repeat(TEXT_BYTES_MAX);
        assert_eq!(read_text(format!("{longest}\r\n").as_bytes()).unwrap(), longest);
        assert_eq!(read_text(format!("{longest}a").as_bytes()).unwrap_err().exit_code(), 1);
        assert_eq!(read_text(std::io::repeat(b'a')).unwrap_err().exit_code(), 1);
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert!(read_text(b"\xff\xfe".as_slice()).unwrap_err().to_string().contains("not text"));
        // A character cut in two by the limit is still about the limit being passed or not being text: never a panic.
        assert!(read_text("é".repeat(TEXT_BYTES_MAX).as_bytes()).is_err());
    }
}
