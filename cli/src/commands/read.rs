//! `read`: a conversation's history, and what follows.

use std::collections::HashSet;

use crate::api::{Api, Event, Events, Message, PAGE_MESSAGES, PageAt};
use crate::args::Read;
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::transcript::Transcript;
use crate::output::{Output, lines};
use crate::resolve;

pub(super) async fn run(api: &Api, output: &Output, typed: &Read) -> Result<(), Failure> {
    let conversation = resolve::conversation(api, &typed.conversation).await?;
    let mut reader = Reader {
        api,
        output,
        conversation: conversation.id,
        marks_seen: !typed.no_seen,
        transcript: Transcript::default(),
        shown: HashSet::new(),
        last: None,
    };
    let before = match &typed.before {
        Some(before) => Some(resolve::message(api, before).await?.message.id),
        None => None,
    };
    // Before the history, so that nothing comes between the two.
    let events = if typed.follow { Some(api.events().await?) } else { None };
    let history = reader.history(before, typed.limit).await?;
    if history.is_empty() && !typed.follow && typed.limit > 0 {
        output.remark(format_args!("There is nothing to read with {} here yet.", one_line(&conversation.name)));
    }
    reader.last = history.last().map(|message| message.id.clone());
    reader.show(&history).await?;
    match events {
        Some(events) => reader.follow(events).await,
        None => Ok(()),
    }
}

struct Reader<'a> {
    api: &'a Api,
    output: &'a Output,
    conversation: String,
    marks_seen: bool,
    transcript: Transcript,
    /// Events come again when a message changes; each message is shown once.
    shown: HashSet<String>,
    /// Where to go on reading when events were missed.
    last: Option<String>,
}

impl Reader<'_> {
    /// The last `limit` messages before `before`, oldest first.
    async fn history(&self, mut before: Option<String>, limit: u32) -> Result<Vec<Message>, Failure> {
        let mut pages = Vec::new();
        let mut left = limit;
        while left > 0 {
            let at = before.as_deref().map_or(PageAt::Newest, PageAt::Before);
            let page = self.api.messages(&self.conversation, at, left.min(PAGE_MESSAGES)).await?;
            let Some(oldest) = page.messages.first() else { break };
            before = Some(oldest.id.clone());
            left = left.saturating_sub(u32::try_from(page.messages.len()).unwrap_or(u32::MAX));
            let more = page.more_before;
            pages.push(page.messages);
            if !more {
                break;
            }
        }
        Ok(pages.into_iter().rev().flatten().collect())
    }

    /// Prints messages and then, once they are really out, marks them as seen.
    async fn show(&mut self, messages: &[Message]) -> Result<(), Failure> {
        let mut seen = None;
        for message in messages {
            if !self.shown.insert(message.id.clone()) {
                continue;
            }
            if self.output.is_json() {
                self.output.object(&lines::Message::from(message))?;
            } else {
                self.output.text(self.transcript.message(message, &self.output.page()))?;
            }
            if !message.mine {
                seen = Some(&message.id);
            }
        }
        match seen {
            Some(message) if self.marks_seen => self.api.mark_seen(&self.conversation, message).await,
            _ => Ok(()),
        }
    }

    /// Prints what comes, until the node stops.
    async fn follow(&mut self, mut events: Events) -> Result<(), Failure> {
        loop {
            match events.next().await?.event {
                Event::Message { message } if message.conversation == self.conversation => {
                    let is_new = !self.shown.contains(&message.id);
                    self.show(std::slice::from_ref(&message)).await?;
                    if is_new {
                        self.last = Some(message.id.clone());
                    }
                }
                Event::Lagged => self.catch_up().await?,
                _ => {}
            }
        }
    }

    /// Reads what came while events were missed.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        loop {
            let page = match self.last.clone() {
                Some(last) => self.api.messages(&self.conversation, PageAt::After(&last), PAGE_MESSAGES).await?,
                None => self.api.messages(&self.conversation, PageAt::Newest, PAGE_MESSAGES).await?,
            };
            self.show(&page.messages).await?;
            match page.messages.last() {
                Some(last) => self.last = Some(last.id.clone()),
                None => return Ok(()),
            }
            if !page.more_after {
                return Ok(());
            }
        }
    }
}
