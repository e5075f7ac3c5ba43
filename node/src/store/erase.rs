//! What was deleted leaves the write-ahead log (PROTOCOL §8.4). A log keeps pages as they were until it is written over:
//! it is taken into the database and cut to nothing soon after an epoch was forgotten, and now and then anyway.

use sqlx::{Executor, Row};

use super::{Store, StoreError};

/// After an epoch was forgotten the log is emptied at once, but not more often than this. A guess.
const ERASE_EVERY_MS: u64 = 60_000;
/// Whatever else was written stays in the log for this long at most. A guess.
const ERASE_WITHIN_MS: u64 = 60 * 60 * 1_000;
/// So long a reader may keep the log from being emptied; then it is tried again later.
const READERS_WAIT_MS: u32 = 100;
/// What a transaction waits for another process that holds the file.
pub(super) const BUSY_MS: u32 = 5_000;

/// When the log is to be emptied.
#[derive(Debug, Default)]
pub(super) struct Erasing {
    last_ms: u64,
    due_ms: Option<u64>,
}

impl Erasing {
    /// Something was written, and maybe forgotten.
    fn written(&mut self, now_ms: u64, forgot: bool) {
        self.last_ms = self.last_ms.min(now_ms);
        let pause_ms = if forgot { ERASE_EVERY_MS } else { ERASE_WITHIN_MS };
        let due_ms = self.last_ms.saturating_add(pause_ms).max(now_ms);
        self.due_ms = Some(self.due_ms.map_or(due_ms, |known| known.min(due_ms)));
    }

    fn is_due(&self, now_ms: u64) -> bool {
        self.due_ms.is_some_and(|due_ms| due_ms <= now_ms)
    }

    fn tried(&mut self, now_ms: u64, done: bool) {
        self.last_ms = now_ms;
        self.due_ms = (!done).then(|| now_ms.saturating_add(ERASE_EVERY_MS));
    }
}

impl Store {
    /// After each commit: empties the log if that is due by now.
    pub async fn erase(&mut self, now_ms: u64, forgot: bool) {
        if !self.has_log {
            return;
        }
        self.erasing.written(now_ms, forgot);
        if self.erasing.is_due(now_ms) {
            let done = match self.empty_log().await {
                Ok(done) => done,
                Err(error) => {
                    // All is durable in the log; only what was deleted is still there.
                    tracing::warn!(%error, "the database's log could not be emptied");
                    false
                }
            };
            self.erasing.tried(now_ms, done);
        }
    }

    /// When to come again.
    pub fn erase_due_at_ms(&self) -> Option<u64> {
        self.erasing.due_ms
    }

    /// Whether all of the log went into the database, and nothing is left of it.
    async fn empty_log(&mut self) -> Result<bool, StoreError> {
        let wait = |ms: u32| sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {ms}"));
        self.writer.execute(wait(READERS_WAIT_MS)).await?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut self.writer).await;
        self.writer.execute(wait(BUSY_MS)).await?;
        Ok(row?.try_get::<i64, _>(0)? == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_emptied_at_once_then_every_minute_and_within_an_hour_at_the_latest() {
        let mut erasing = Erasing::default();
        erasing.written(10_000_000, true);
        assert!(erasing.is_due(10_000_000));
        erasing.tried(10_000_000, true);
        erasing.written(10_000_001, false);
        assert_eq!(erasing.due_ms, Some(10_000_000 + ERASE_WITHIN_MS));
        erasing.written(10_000_002, true);
        assert_eq!(erasing.due_ms, Some(10_000_000 + ERASE_EVERY_MS));
        erasing.written(10_000_003, false);
        assert_eq!(erasing.due_ms, Some(10_000_000 + ERASE_EVERY_MS), "nothing puts it off");
        erasing.tried(10_060_000, false);
        assert_eq!(erasing.due_ms, Some(10_060_000 + ERASE_EVERY_MS), "a reader was in the way");
    }

    #[test]
    fn a_clock_that_was_wrong_puts_nothing_off() {
        let mut erasing = Erasing::default();
        erasing.tried(u64::MAX, true);
        erasing.written(5, true);
        assert_eq!(erasing.due_ms, Some(5 + ERASE_EVERY_MS));
    }
}
