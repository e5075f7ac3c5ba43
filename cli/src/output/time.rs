//! Times as people say them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

const MINUTE_MS: u64 = 60 * 1000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Now, where the reader is.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    now: Zoned,
}

impl Clock {
    /// The machine's time and time zone.
    pub(crate) fn of_this_machine() -> Self {
        Self { now: Zoned::now() }
    }

    /// The same time zone, at this moment.
    pub(crate) fn now(&self) -> Self {
        Self { now: Timestamp::now().to_zoned(self.now.time_zone().clone()) }
    }

    /// A clock that stands still.
    #[cfg(test)]
    pub(crate) fn standing_at(now: &str) -> Self {
        Self { now: now.parse().unwrap() }
    }

    /// How long ago, or which day.
    pub(crate) fn relative(&self, at_ms: u64) -> String {
        let Some(at) = self.local(at_ms) else { return "at no known time".to_owned() };
        let now_ms = u64::try_from(self.now.timestamp().as_millisecond()).unwrap_or(0);
        // Another clock may run a little ahead of ours.
        let ago_ms = now_ms.saturating_sub(at_ms);
        let days = (self.now.date() - at.date()).get_days();
        match ago_ms {
            _ if days < 0 && at_ms.saturating_sub(now_ms) > MINUTE_MS => at.strftime("%-d %b %Y").to_string(),
            0..MINUTE_MS => "just now".to_owned(),
            MINUTE_MS..HOUR_MS => format!("{} min ago", ago_ms / MINUTE_MS),
            _ if days == 0 => at.strftime("%H:%M").to_string(),
            _ if days == 1 => "yesterday".to_owned(),
            _ if (2..7).contains(&days) => at.strftime("%A").to_string(),
            _ if at.year() == self.now.year() => at.strftime("%-d %b").to_string(),
            _ => at.strftime("%-d %b %Y").to_string(),
        }
    }

    /// The time of day, to the minute.
    pub(crate) fn time_of_day(&self, at_ms: u64) -> String {
        self.local(at_ms).map_or_else(|| "--:--".to_owned(), |at| at.strftime("%H:%M").to_string())
    }

    /// The day as a heading.
    pub(crate) fn day(&self, at_ms: u64) -> String {
        let Some(at) = self.local(at_ms) else { return "no known day".to_owned() };
        match (self.now.date() - at.date()).get_days() {
            0 => at.strftime("Today, %-d %B").to_string(),
            1 => at.strftime("Yesterday, %-d %B").to_string(),
            _ => at.strftime("%A, %-d %B %Y").to_string(),
        }
    }

    /// The moment, to the second.
    pub(crate) fn moment(&self, at_ms: u64) -> String {
        self.local(at_ms)
            .map_or_else(|| "at no known time".to_owned(), |at| at.strftime("%a %-d %b %Y, %H:%M:%S").to_string())
    }

    /// The reader's time of day now, to the second.
    pub(crate) fn seconds_of_day(&self) -> String {
        self.now.strftime("%H:%M:%S").to_string()
    }

    fn local(&self, at_ms: u64) -> Option<Zoned> {
        let at = Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
        Some(at.to_zoned(self.zone()))
    }

    fn zone(&self) -> TimeZone {
        self.now.time_zone().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(at: &str) -> u64 {
        u64::try_from(at.parse::<Zoned>().unwrap().timestamp().as_millisecond()).unwrap()
    }

    #[test]
    fn times_are_told_as_people_tell_them() {
        let clock = Clock::standing_at("2026-11-22T10:51:00+01:00[Europe/Berlin]");
        for (at, told) in [
            ("2026-11-22T10:50:30+01:00[Europe/Berlin]", "just now"),
            ("2026-11-22T10:51:20+01:00[Europe/Berlin]", "just now"),
            ("2026-11-22T10:40:00+01:00[Europe/Berlin]", "11 min ago"),
            ("2026-11-22T00:10:00+01:00[Europe/Berlin]", "00:10"),
            ("2026-11-21T23:59:00+01:00[Europe/Berlin]", "yesterday"),
            ("2026-11-18T12:00:00+01:00[Europe/Berlin]", "Wednesday"),
            ("2026-11-15T12:00:00+01:00[Europe/Berlin]", "15 Nov"),
            ("2025-11-22T12:00:00+01:00[Europe/Berlin]", "22 Nov 2025"),
            ("2027-01-01T12:00:00+01:00[Europe/Berlin]", "1 Jan 2027"),
        ] {
            assert_eq!(clock.relative(ms(at)), told, "{at}");
        }
    }

    #[test]
    fn midnight_is_the_readers() {
        let clock = Clock::standing_at("2026-11-22T10:51:00+01:00[Europe/Berlin]");
        let just_after = ms("2026-11-22T00:30:00+01:00[Europe/Berlin]");
        assert_eq!(clock.day(just_after), "Today, 22 November");
        assert_eq!(clock.day(just_after - HOUR_MS), "Yesterday, 21 November");
        assert_eq!(clock.time_of_day(just_after), "00:30");
    }

    #[test]
    fn a_time_that_no_calendar_has_is_no_panic() {
        let clock = Clock::standing_at("2026-11-22T10:51:00+01:00[Europe/Berlin]");
        for at_ms in [u64::MAX, i64::MAX as u64] {
            assert_eq!(clock.relative(at_ms), "at no known time");
            assert_eq!(clock.time_of_day(at_ms), "--:--");
            assert_eq!(clock.moment(at_ms), "at no known time");
        }
        assert_eq!(clock.relative(0), "1 Jan 1970");
    }
}
