//! The stream of server-sent events (WHATWG HTML §9.2), read frame by frame.

use std::future::Future;
use std::pin::Pin;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use serde::Deserialize;

use super::Wire;
use super::answers::{Contact, Conversation, Message, State};
use crate::failure::Failure;

/// One event is at most this many bytes: the longest text, each byte escaped in JSON, and some room.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// An event, and the line it came as.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The JSON, as the node wrote it.
    pub(crate) json: String,
    /// What it says.
    pub(crate) event: Event,
}

/// What happened. Every event may come twice.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The first on every connection.
    Hello,
    Message {
        message: Box<Message>,
    },
    States {
        states: Vec<MessageState>,
    },
    Conversation {
        conversation: Box<Conversation>,
    },
    Contact {
        contact: Box<Contact>,
    },
    Peers {
        connected: u64,
    },
    Requests {
        waiting: u64,
    },
    Profile,
    /// Events were missed: what is shown must be read again.
    Lagged,
    /// Of a newer node.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MessageState {
    pub(crate) message: String,
    pub(crate) state: State,
}

/// The events of a node, from the moment of connecting on.
pub(crate) struct Events {
    body: Incoming,
    connection: Option<Pin<Box<Wire>>>,
    lines: Lines,
    when_ended: Option<Failure>,
    /// Held so that the connection is not taken for one that nobody uses.
    _sender: SendRequest<Full<Bytes>>,
}

impl Events {
    pub(super) fn new(
        body: Incoming,
        connection: Pin<Box<Wire>>,
        sender: SendRequest<Full<Bytes>>,
        when_ended: Failure,
    ) -> Self {
        Self {
            body,
            connection: Some(connection),
            lines: Lines::default(),
            when_ended: Some(when_ended),
            _sender: sender,
        }
    }

    /// The next event; fails once the node has stopped. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Frame, Failure> {
        loop {
            if let Some(json) = self.lines.next_event() {
                let event = serde_json::from_str(&json).unwrap_or(Event::Unknown);
                return Ok(Frame { json, event });
            }
            let bytes = match next_frame(&mut self.body, &mut self.connection).await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(_)) | None => {
                    return Err(self
                        .when_ended
                        .take()
                        .unwrap_or_else(|| Failure::Refused("the node has stopped".to_owned())));
                }
            };
            self.lines.push(&bytes)?;
        }
    }
}

/// Drives the connection until its next piece of the answer is there.
async fn next_frame(
    body: &mut Incoming,
    connection: &mut Option<Pin<Box<Wire>>>,
) -> Option<Result<hyper::body::Frame<Bytes>, hyper::Error>> {
    let mut frame = body.frame();
    std::future::poll_fn(|context| {
        if let Some(driven) = connection
            && driven.as_mut().poll(context).is_ready()
        {
            *connection = None;
        }
        Pin::new(&mut frame).poll(context)
    })
    .await
}

/// Collects the `data` of events out of pieces that end anywhere.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    data: Vec<String>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.bytes.len().saturating_add(bytes.len()) > 2 * EVENT_BYTES_MAX {
            return Err(Failure::Refused("the node sent an event that is too large: is it of another version?".into()));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The data of the next whole event; comments and events without data are skipped.
    fn next_event(&mut self) -> Option<String> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                if !self.data.is_empty() {
                    return Some(std::mem::take(&mut self.data).join("\n"));
                }
            } else if let Some(data) = line.strip_prefix("data:") {
                self.data.push(data.strip_prefix(' ').unwrap_or(data).to_owned());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_from_pieces_that_end_anywhere() {
        let stream = ": ping\n\nevent: peers\nid: ab-1\ndata: {\"type\":\"peers\",\"connected\":2}\n\nid: ab-2\ndata: {\"type\":\ndata: \"profile\"}\r\n\r\n";
        for size in [1, 2, 7, stream.len()] {
            let mut lines = Lines::default();
            let mut events = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                lines.push(piece).unwrap();
                while let Some(event) = lines.next_event() {
                    events.push(event);
                }
            }
            assert_eq!(events, [r#"{"type":"peers","connected":2}"#, "{\"type\":\n\"profile\"}"], "{size}");
        }
    }

    #[test]
    fn an_event_of_a_newer_node_is_let_through() {
        let event: Event = serde_json::from_str(r#"{"type":"call","id":"1-2","from":"x"}"#).unwrap();
        assert!(matches!(event, Event::Unknown));
        let event: Event = serde_json::from_str(r#"{"type":"hello","id":"1-2","account":"x"}"#).unwrap();
        assert!(matches!(event, Event::Hello));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut lines = Lines::default();
        lines.push(&vec![b'a'; 2 * EVENT_BYTES_MAX]).unwrap();
        assert!(lines.push(b"a").is_err());
    }
}
