//! Clocks that jump, and lids that close.

use anyhow::Result;
use tidings_node::engine::Input;

use super::site::Happening;
use super::{Place, World};

const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600 * SECOND_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// A clock that is wrong for longer than this is believed, and may make things old (PROTOCOL §8.7).
const WRONG_MS_MAX: u64 = 2 * DAY_MS;
const YEAR_MS: u64 = 365 * DAY_MS;
/// The loop looks at its clock so often at least.
const LOOK_MS_MAX: u64 = 60_000;
/// A clock that steps back by more than this is believed, as the loop believes it.
const STEP_BACK_MS: u64 = 10_000;
/// A lid is closed for so long at most.
const ASLEEP_MS_MAX: u64 = 40_000;

impl World {
    /// In a while the clock of a node is so far off, besides what it is off by anyway.
    pub fn set_clock_at(&mut self, at_ms: u64, at: Place, jump_ms: i64) {
        self.schedule(at_ms, Happening::Clock { at, jump_ms });
    }

    /// In a while the lid of a node is closed, for so long: it does nothing, and nobody is told.
    pub fn close_lid_at(&mut self, at_ms: u64, at: Place, for_ms: u64) {
        self.schedule(at_ms, Happening::Lid { at, open_ms: at_ms + for_ms });
        for other in (0..self.nodes()).filter(|other| *other != at) {
            self.set_link_at(at_ms, at, other, false);
            self.set_link_at(at_ms + for_ms, at, other, true);
        }
    }

    /// In `span_ms` from here clocks jump, each node's in its own way: by seconds, hours, days or a year, forward or back, to
    /// the beginning of all clocks, all of it for a while or for good; and some sleep.
    pub fn let_clocks_jump(&mut self, span_ms: u64) {
        for at in 0..self.nodes() {
            let mut at_ms = self.now_ms;
            loop {
                at_ms += 1 + self.below(span_ms);
                if at_ms >= self.now_ms + span_ms {
                    break;
                }
                let far_ms = match self.below(5) {
                    0 => 1 + self.below(60 * SECOND_MS),
                    1 => 1 + self.below(12 * HOUR_MS),
                    2 => 1 + self.below(30 * DAY_MS),
                    3 => YEAR_MS + self.below(YEAR_MS),
                    _ => {
                        // It is open before it closes again, and when people are done: what waited comes in its order.
                        let for_ms = (1 + self.below(ASLEEP_MS_MAX)).min(self.now_ms + span_ms - at_ms);
                        self.close_lid_at(at_ms, at, for_ms);
                        at_ms += for_ms;
                        continue;
                    }
                };
                let jump_ms = match self.below(5) {
                    // As a machine without a battery begins.
                    0 => -i64::try_from(at_ms - self.below(DAY_MS)).unwrap_or(i64::MAX),
                    1 | 2 => -i64::try_from(far_ms).unwrap_or(i64::MAX),
                    _ => i64::try_from(far_ms).unwrap_or(i64::MAX),
                };
                self.set_clock_at(at_ms, at, jump_ms);
                if self.below(2) == 0 || span_ms > WRONG_MS_MAX {
                    let right_ms = at_ms + self.below(span_ms.min(WRONG_MS_MAX));
                    self.set_clock_at(right_ms, at, 0);
                }
            }
        }
    }

    /// From here on all clocks are as they were.
    pub(super) fn set_clocks_right(&mut self) {
        for at in 0..self.nodes() {
            self.set_clock_at(self.now_ms, at, 0);
        }
    }

    pub(super) fn jump(&mut self, at: Place, jump_ms: i64) -> Result<()> {
        let look_ms = self.now_ms + 1 + self.below(LOOK_MS_MAX);
        let site = self.site(at)?;
        if site.clock_jump_ms != jump_ms {
            site.clock_jump_ms = jump_ms;
            let start = site.start;
            self.jumps += 1;
            self.schedule(look_ms, Happening::Look { at, start });
        }
        Ok(())
    }

    /// Until when a node sleeps, if it does.
    pub(super) fn sleeps_until(&self, at: Place) -> Option<u64> {
        self.sites.get(at).and_then(|site| site.asleep_until_ms).filter(|until_ms| *until_ms > self.now_ms)
    }

    pub(super) fn clock_of(&self, at: Place) -> u64 {
        let off_ms = self.sites.get(at).map_or(0, |site| site.clock_offset_ms.saturating_add(site.clock_jump_ms));
        self.now_ms.saturating_add_signed(off_ms)
    }

    /// The time that the loop of a node goes by: it only goes forward, but for large steps back, of which the engine is told.
    pub(super) fn loop_clock(&mut self, at: Place, input: Input) -> Result<(u64, Vec<Input>)> {
        let clock_ms = self.clock_of(at);
        let site = self.site(at)?;
        let mut inputs = vec![input];
        if clock_ms.saturating_add(STEP_BACK_MS) < site.loop_ms {
            site.loop_ms = clock_ms;
            inputs.insert(0, Input::ClockSetBack);
        }
        site.loop_ms = site.loop_ms.max(clock_ms);
        Ok((site.loop_ms, inputs))
    }
}
