//! Whether the clock can be believed (PROTOCOL §8.7). Pure.
//!
//! Clocks lie: one is set a year ahead by hand for a minute, another begins in 1970 until the network has told the time.
//! What is destroyed for its age goes by a time that takes no leap of the clock at its word: *steady* time goes on as this
//! node lives, and takes the clock's after days, or when somebody else's message says the same time.

use crate::store::StoreError;

use super::batch::Batch;

const HOUR_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// A leap by no more than this is taken at once: half of what a commit's time may be ahead (PROTOCOL §3.9).
const LEAP_MS_MAX: u64 = DAY_MS;
/// A node to which nothing happens looks at its clock this often: less than a leap.
const LOOK_EVERY_MS: u64 = DAY_MS / 2;
/// Between two looks at the clock so much counts as lived at most; a node that runs looks far more often.
const LIVED_MS_MAX: u64 = HOUR_MS;
/// A clock that goes on from its leap for so long, while this node runs, is believed. A guess: longer than anybody leaves a
/// clock wrong that matters to them.
const DOUBTED_MS: u64 = 3 * DAY_MS;
/// Somebody else's clock agrees with this one up to here.
const AGREES_MS: u64 = HOUR_MS;
/// Before this nothing of this was: a clock that once said so is believed no longer when it says something later.
const FIRST_MS: u64 = 1_780_000_000_000;
/// Under which name it is kept.
const STEADY: &str = "steady time";

/// What time it is, whatever the clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit of each is part of its name")]
pub(crate) struct Steady {
    believed_ms: u64,
    looked_ms: u64,
    /// For how long this node has lived with a clock that says otherwise.
    doubted_ms: Option<u64>,
    /// What it believed before it believed a clock because it went on like that, and nobody else said the same.
    before_ms: Option<u64>,
}

impl Steady {
    fn new(now_ms: u64) -> Self {
        Self { believed_ms: now_ms, looked_ms: now_ms, doubted_ms: None, before_ms: None }
    }

    /// Looks at the clock.
    fn look(&mut self, now_ms: u64) {
        let went_ms = now_ms.saturating_sub(self.looked_ms);
        // Nobody knows how long a leap took.
        let lived_ms = if went_ms > LEAP_MS_MAX { 0 } else { went_ms.min(LIVED_MS_MAX) };
        self.looked_ms = now_ms;
        self.believed_ms = self.believed_ms.saturating_add(lived_ms);
        self.before_ms = self.before_ms.map(|before_ms| before_ms.saturating_add(lived_ms));
        let had_no_idea = self.believed_ms < FIRST_MS && now_ms > self.believed_ms;
        if !had_no_idea && now_ms.abs_diff(self.believed_ms) <= LEAP_MS_MAX {
            (self.believed_ms, self.doubted_ms) = (now_ms, None);
            return;
        }
        if had_no_idea || self.is_mended(now_ms) {
            *self = Self::new(now_ms);
            return;
        }
        let doubted_ms = self.doubted_ms.map_or(0, |doubted_ms| doubted_ms.saturating_add(lived_ms));
        self.doubted_ms = Some(doubted_ms);
        if doubted_ms >= DOUBTED_MS {
            *self = Self { before_ms: Some(self.before_ms.unwrap_or(self.believed_ms)), ..Self::new(now_ms) };
        }
    }

    /// Whether the clock is back from where it leapt to for days: what it says is what was believed before, or later by
    /// what this node slept since.
    fn is_mended(&self, now_ms: u64) -> bool {
        let earliest_ms = self.before_ms.map(|before_ms| before_ms.saturating_sub(LEAP_MS_MAX));
        earliest_ms.is_some_and(|earliest_ms| {
            let latest_ms = self.believed_ms.max(earliest_ms.saturating_add(2 * LEAP_MS_MAX));
            (earliest_ms..=latest_ms).contains(&now_ms)
        })
    }

    /// Somebody else wrote something at this time by their clock.
    pub(crate) fn vouch(&mut self, said_ms: u64) {
        let is_open = self.doubted_ms.is_some() || self.before_ms.is_some();
        if is_open && said_ms.abs_diff(self.looked_ms) <= AGREES_MS {
            *self = Self::new(self.looked_ms);
        }
    }

    /// Somebody's certificate begins at this time: it is later than that.
    pub(crate) fn begun(&mut self, not_before_ms: u64) {
        let is_proof = self.believed_ms < not_before_ms && not_before_ms <= self.looked_ms;
        if self.doubted_ms.is_some() && is_proof {
            *self = Self::new(self.looked_ms);
        }
    }

    /// The time by which things get old: never later than the clock says, nor than this node believes.
    fn age_ms(self) -> u64 {
        self.believed_ms.min(self.looked_ms)
    }

    /// When something came that is to get old: never earlier than the clock says, nor than this node believes.
    fn stamp_ms(self) -> u64 {
        self.believed_ms.max(self.looked_ms)
    }

    /// When to look at the clock again.
    pub(crate) fn look_again_ms(self) -> u64 {
        self.due_ms().unwrap_or_else(|| self.looked_ms.saturating_add(LOOK_EVERY_MS))
    }

    /// While the clock is doubted, it is looked at again by then.
    pub(crate) fn due_ms(self) -> Option<u64> {
        self.doubted_ms.map(|_| self.looked_ms.saturating_add(LIVED_MS_MAX))
    }

    /// What the clock will say when it is then, unless it is looked at before.
    pub(crate) fn by_the_clock_ms(self, at_ms: u64) -> u64 {
        let in_ms = at_ms.saturating_sub(self.believed_ms);
        self.due_ms().map_or(at_ms, |look_ms| self.looked_ms.saturating_add(in_ms).min(look_ms))
    }

    fn encode(self) -> Vec<u8> {
        let more =
            [self.doubted_ms, self.before_ms].map(|time_ms| time_ms.map_or(0, |time_ms| time_ms.saturating_add(1)));
        let parts = [[self.believed_ms, self.looked_ms], more].concat();
        parts.iter().flat_map(|part| part.to_be_bytes()).collect()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (parts, rest) = bytes.as_chunks::<8>();
        let &[steady, looked, doubted, before] = parts else { return None };
        let [doubted_ms, before_ms] = [doubted, before].map(|time| u64::from_be_bytes(time).checked_sub(1));
        let (believed_ms, looked_ms) = (u64::from_be_bytes(steady), u64::from_be_bytes(looked));
        rest.is_empty().then_some(Self { believed_ms, looked_ms, doubted_ms, before_ms })
    }

    /// Whether so much is new that it is worth writing down.
    fn is_news_after(self, kept: Self) -> bool {
        let has_moved = self.believed_ms.abs_diff(kept.believed_ms) >= HOUR_MS;
        has_moved || self.doubted_ms.is_some() != kept.doubted_ms.is_some()
    }
}

/// Steady time, and what of it is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keeper {
    pub(crate) steady: Steady,
    kept: Option<Steady>,
}

impl Keeper {
    /// As it was written down; a node that has nothing to go by believes its clock.
    pub(crate) async fn load(batch: &mut Batch<'_, '_>) -> Result<Self, StoreError> {
        let kept = batch.tx.setting(STEADY).await?.as_deref().and_then(Steady::decode);
        Ok(Self { steady: kept.unwrap_or_else(|| Steady::new(batch.now_ms)), kept })
    }

    /// Looks at the clock at the beginning of a batch.
    pub(crate) fn look(&mut self, batch: &mut Batch<'_, '_>) {
        self.steady.look(batch.now_ms);
        (batch.age_ms, batch.stamp_ms) = (self.steady.age_ms(), self.steady.stamp_ms());
        batch.steady_ms = self.steady.believed_ms;
    }

    /// Writes down what is new, at the end of one.
    pub(crate) async fn keep(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        if self.kept.is_none_or(|kept| self.steady.is_news_after(kept)) {
            batch.tx.set_setting(STEADY, &self.steady.encode()).await?;
            self.kept = Some(self.steady);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const YEAR_MS: u64 = 365 * DAY_MS;
    const MINUTE_MS: u64 = 60_000;

    #[test]
    fn a_year_ahead_for_a_day_makes_nothing_old() {
        let mut steady = Steady::new(NOW_MS);
        for minute in 0..24 * 60 {
            steady.look(NOW_MS + YEAR_MS + minute * MINUTE_MS);
            assert!(steady.age_ms() <= NOW_MS + minute * MINUTE_MS);
        }
        let back_ms = NOW_MS + DAY_MS;
        steady.look(back_ms);
        assert_eq!((steady.age_ms(), steady.stamp_ms(), steady.due_ms()), (back_ms, back_ms, None));
    }

    #[test]
    fn what_comes_while_the_clock_says_1970_does_not_come_in_1970() {
        let mut steady = Steady::new(NOW_MS);
        steady.look(5 * MINUTE_MS);
        assert_eq!((steady.age_ms(), steady.stamp_ms()), (5 * MINUTE_MS, NOW_MS));
        steady.look(NOW_MS + 10 * MINUTE_MS);
        assert_eq!((steady.age_ms(), steady.doubted_ms), (NOW_MS + 10 * MINUTE_MS, None));
    }

    #[test]
    fn a_long_sleep_is_believed_after_days_or_when_somebody_says_the_same() {
        let mut alone = Steady::new(NOW_MS);
        let awake_ms = NOW_MS + YEAR_MS;
        for hour in 0..=72 {
            alone.look(awake_ms + hour * HOUR_MS);
            assert_eq!(alone.age_ms() < awake_ms, hour < 72, "{hour}");
        }
        let mut vouched = Steady::new(NOW_MS);
        vouched.look(awake_ms);
        vouched.vouch(NOW_MS);
        assert!(vouched.age_ms() < awake_ms);
        vouched.vouch(awake_ms - 10 * MINUTE_MS);
        assert_eq!((vouched.age_ms(), vouched.due_ms()), (awake_ms, None));
    }

    #[test]
    fn a_clock_that_is_mended_after_it_was_wrong_for_days_is_believed_at_once() {
        for (wrong_ms, slept_ms) in [(NOW_MS + YEAR_MS, 0), (NOW_MS + YEAR_MS, 20 * DAY_MS), (NOW_MS - YEAR_MS, 0)] {
            let mut steady = Steady::new(NOW_MS);
            for hour in 0..=80 {
                steady.look(wrong_ms + hour * HOUR_MS);
            }
            assert_eq!((steady.believed_ms, steady.doubted_ms), (wrong_ms + 80 * HOUR_MS, None));
            let right_ms = NOW_MS + slept_ms + 80 * HOUR_MS;
            steady.look(right_ms);
            assert_eq!(steady, Steady::new(right_ms));
        }
    }

    #[test]
    fn a_first_run_in_1970_is_not_held_to_it_nor_one_in_the_past_once_somebody_newer_is_met() {
        let mut steady = Steady::new(5 * MINUTE_MS);
        steady.look(NOW_MS);
        assert_eq!((steady.age_ms(), steady.due_ms()), (NOW_MS, None));
        let mut steady = Steady::new(NOW_MS);
        steady.look(NOW_MS + YEAR_MS);
        steady.begun(NOW_MS + 2 * YEAR_MS);
        steady.begun(NOW_MS - DAY_MS);
        assert!(steady.due_ms().is_some());
        steady.begun(NOW_MS + DAY_MS);
        assert_eq!((steady.age_ms(), steady.due_ms()), (NOW_MS + YEAR_MS, None));
    }

    #[test]
    fn a_days_sleep_is_no_leap_and_what_is_kept_is_read_back() {
        let mut steady = Steady::new(NOW_MS);
        steady.look(NOW_MS + 23 * HOUR_MS);
        assert_eq!(steady, Steady::new(NOW_MS + 23 * HOUR_MS));
        assert_eq!(Steady::decode(&steady.encode()), Some(steady));
        steady.look(0);
        assert_eq!(Steady::decode(&steady.encode()), Some(steady));
        assert!(steady.doubted_ms.is_some());
        assert_eq!(Steady::decode(&steady.encode()[1..]), None);
    }
}
