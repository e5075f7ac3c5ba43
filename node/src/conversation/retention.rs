//! For how long messages are kept on this node (PROTOCOL §8.5).

use crate::engine::State;
use crate::engine::batch::{Batch, Halt};
use crate::event::Event;
use crate::handle::{KEEP_DAYS_MAX, Refused, StorageLimits};
use crate::store::StoreError;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// What is too old is looked for this often: a guess.
const LOOK_EVERY_MS: u64 = 60 * 60 * 1_000;
/// So many go at once …
const EXPIRE_AT_ONCE: u32 = 256;
/// … and more so much later: commands come in between.
const EXPIRE_PAUSE_MS: u64 = 250;

/// What the owner allows this node to keep, and when what is too old goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Retention {
    pub(crate) limits: StorageLimits,
    due_ms: Option<u64>,
}

impl Retention {
    /// It is looked at soon.
    pub(crate) fn new(limits: StorageLimits, now_ms: u64) -> Self {
        Self { limits, due_ms: limits.keep_days.map(|_| now_ms) }
    }

    /// When something is due next.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    /// Nothing waits longer than it would by this clock.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        self.due_ms = self.due_ms.map(|due_ms| due_ms.min(now_ms.saturating_add(LOOK_EVERY_MS)));
    }
}

impl State {
    /// The owner says what may be kept.
    pub(crate) async fn set_storage(&mut self, batch: &mut Batch<'_, '_>, limits: StorageLimits) -> Result<(), Halt> {
        if limits.keep_days.is_some_and(|days| !(1..=KEEP_DAYS_MAX).contains(&days)) {
            let why = format!("messages are kept for ever, or for 1 to {KEEP_DAYS_MAX} days");
            return Err(Refused::BadSetting(why).into());
        }
        batch.tx.set_storage_limits(&limits).await?;
        self.retention = Retention::new(limits, batch.now_ms);
        self.let_go_of_held(batch).await?;
        Ok(())
    }

    /// What came too long ago goes.
    pub(crate) async fn expire_due(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let Some(days) = self.retention.limits.keep_days else { return Ok(()) };
        if self.retention.due_ms.is_none_or(|due_ms| due_ms > batch.now_ms) {
            return Ok(());
        }
        batch.tx.flush().await?;
        let before_ms = batch.age_ms.saturating_sub(u64::from(days).saturating_mul(DAY_MS));
        let gone = batch.tx.expire_messages(before_ms, EXPIRE_AT_ONCE).await?;
        let is_all = u32::try_from(gone.len()).is_ok_and(|gone| gone < EXPIRE_AT_ONCE);
        let pause_ms = if is_all { LOOK_EVERY_MS } else { EXPIRE_PAUSE_MS };
        self.retention.due_ms = Some(batch.now_ms.saturating_add(pause_ms));
        for (id, conversation) in gone {
            batch.events.push(Event::MessageGone { conversation, message: id });
            batch.touched.insert(conversation);
        }
        Ok(())
    }
}
