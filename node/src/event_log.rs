//! The latest events of this run, for any number of listeners: one that falls behind is told so and slows nobody.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::event::{Event, EventId, Notice};

/// A listener may fall behind by this many events before it must read everything again.
const EVENTS_KEPT: usize = 4_096;

/// The latest events. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct EventLog {
    run: u64,
    kept: Arc<Mutex<Kept>>,
    latest: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Event>,
    /// The number of the newest event; numbers count from 1.
    latest: u64,
}

impl EventLog {
    /// A log for one run of the node; `run` tells it from others.
    pub(crate) fn new(run: u64) -> Self {
        Self { run, kept: Arc::default(), latest: Arc::new(watch::Sender::new(0)) }
    }

    /// Adds events, in order.
    pub(crate) fn extend(&self, events: impl IntoIterator<Item = Event>) {
        let mut kept = self.kept();
        for event in events {
            kept.latest += 1;
            kept.events.push_back(event);
            if kept.events.len() > EVENTS_KEPT {
                kept.events.pop_front();
            }
        }
        let latest = kept.latest;
        drop(kept);
        self.latest.send_replace(latest);
    }

    /// Listens from just after `after`, or from now on.
    pub(crate) fn listen(&self, after: Option<EventId>) -> Listener {
        let latest = self.kept().latest;
        let (next, lagged) = match after {
            None => (latest + 1, false),
            Some(id) if id.run == self.run && id.number <= latest => (id.number + 1, false),
            Some(_) => (latest + 1, true),
        };
        Listener { log: self.clone(), changes: self.latest.subscribe(), next, lagged }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self, number: u64) -> EventId {
        EventId { run: self.run, number }
    }
}

/// One listener.
#[derive(Debug)]
pub(crate) struct Listener {
    log: EventLog,
    changes: watch::Receiver<u64>,
    next: u64,
    lagged: bool,
}

impl Listener {
    /// The place just before the next notice.
    pub(crate) fn position(&self) -> EventId {
        self.log.id(self.next - 1)
    }

    /// The next notice; `None` once the node has stopped. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Notice> {
        loop {
            if let Some(notice) = self.ready() {
                return Some(notice);
            }
            self.changes.changed().await.ok()?;
        }
    }

    fn ready(&mut self) -> Option<Notice> {
        let kept = self.log.kept();
        let oldest = kept.latest + 1 - kept.events.len() as u64;
        if self.lagged || self.next < oldest {
            self.lagged = false;
            self.next = kept.latest + 1;
            return Some(Notice::Lagged(self.log.id(kept.latest)));
        }
        let at = usize::try_from(self.next - oldest).ok()?;
        let event = kept.events.get(at)?.clone();
        drop(kept);
        let id = self.log.id(self.next);
        self.next += 1;
        Some(Notice::Event(id, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(connected: u32) -> Event {
        Event::Peers { connected }
    }

    #[tokio::test]
    async fn a_listener_hears_what_follows_in_order() {
        let log = EventLog::new(7);
        log.extend([peers(1)]);
        let mut listener = log.listen(None);
        log.extend([peers(2), peers(3)]);
        assert_eq!(listener.next().await, Some(Notice::Event(EventId { run: 7, number: 2 }, peers(2))));
        assert_eq!(listener.next().await, Some(Notice::Event(EventId { run: 7, number: 3 }, peers(3))));
    }

    #[tokio::test]
    async fn a_listener_that_comes_back_misses_nothing() {
        let log = EventLog::new(7);
        log.extend([peers(1), peers(2)]);
        let mut listener = log.listen(Some(EventId { run: 7, number: 1 }));
        assert_eq!(listener.next().await, Some(Notice::Event(EventId { run: 7, number: 2 }, peers(2))));
    }

    #[tokio::test]
    async fn another_run_or_too_far_behind_is_told_to_read_again() {
        let log = EventLog::new(7);
        log.extend((0..10).map(peers));
        let mut other = log.listen(Some(EventId { run: 6, number: 3 }));
        assert_eq!(other.next().await, Some(Notice::Lagged(EventId { run: 7, number: 10 })));
        let mut slow = log.listen(Some(EventId { run: 7, number: 1 }));
        log.extend((0..5_000).map(peers));
        assert_eq!(slow.next().await, Some(Notice::Lagged(EventId { run: 7, number: 5_010 })));
        log.extend([peers(9)]);
        assert_eq!(slow.next().await, Some(Notice::Event(EventId { run: 7, number: 5_011 }, peers(9))));
    }
}
