//! Wall time as text.

use std::fmt::{self, Display};

/// Nanoseconds since 1970, as `2026-11-26T04:30:27.123456Z`.
pub(crate) struct Utc(pub(crate) u64);

impl Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000);
        let (year, month, day) = date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

/// The date of a day, counted from 1970-01-01. Hinnant, *chrono-Compatible Low-Level Date Algorithms*, `civil_from_days`.
fn date(days: u64) -> (u64, u64, u64) {
    // Years that begin in March, in eras of 400 of them from the year 0 on: leap days come last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_the_dates_of_the_calendar() {
        // As `date --utc` has them.
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (951_868_800, "2000-03-01T00:00:00.000000Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(Utc(seconds * 1_000_000_000).to_string(), text);
        }
        assert_eq!(Utc(1_123_456_789).to_string(), "1970-01-01T00:00:01.123456Z");
        assert_eq!(Utc(u64::MAX).to_string(), "2554-07-21T23:34:33.709551Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = date(0);
        for day in 1..200_000 {
            let (year, month, number) = date(day);
            let is_next = (year, month, number) == (last.0, last.1, last.2 + 1)
                || (number == 1 && (year, month) == (last.0, last.1 + 1))
                || (year, month, number) == (last.0 + 1, 1, 1);
            assert!(is_next && (1..=12).contains(&month) && number <= 31, "{last:?} before {:?}", date(day));
            last = (year, month, number);
        }
    }
}
