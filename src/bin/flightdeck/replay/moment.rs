//! Points in time as users name them, and where they lie in the data.

use crate::formats::time_of;
use crate::quantity::{QuantityError, keep};
use flightdeck::{Diagnostic, Retry, Severity};
use jiff::civil::Time;
use std::time::Duration;

const DAY: u64 = 86_400_000_000_000;

/// A point in time, some only once the data is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nanoseconds since the Unix epoch.
    At(u64),
    /// Nanoseconds since midnight UTC, on the day on which the data ends.
    OfDay(u64),
    /// So long before the data ends.
    BeforeEnd(Duration),
}

/// Why a text is no point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MomentError {
    /// None of the forms.
    #[error(
        "time `{value}` is neither RFC 3339, nor HH:MM:SS, nor a length such as -5m: write it in one of these forms"
    )]
    Form {
        /// What was written.
        value: String,
    },
    /// No length of time after the minus.
    #[error(transparent)]
    Length(#[from] QuantityError),
}

impl Diagnostic for MomentError {
    fn code(&self) -> &'static str {
        match self {
            Self::Form { .. } => "cli.moment.form",
            Self::Length(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// RFC 3339, a time of day, or a length before the end.
pub fn parse(text: &str) -> Result<Moment, MomentError> {
    let trimmed = text.trim_ascii();
    if let Some(length) = trimmed.strip_prefix('-') {
        return Ok(Moment::BeforeEnd(keep(length)?));
    }
    if trimmed.as_bytes().get(2) == Some(&b':')
        && let Ok(time) = trimmed.parse::<Time>()
    {
        let since_midnight = time.duration_since(Time::midnight()).as_nanos();
        return Ok(Moment::OfDay(u64::try_from(since_midnight).unwrap_or_default()));
    }
    let at = time_of(trimmed).ok_or_else(|| MomentError::Form { value: text.escape_debug().to_string() })?;
    Ok(Moment::At(at.ns))
}

impl Moment {
    /// In nanoseconds since 1970, where the data ends at `end`.
    pub fn within(self, end: u64) -> u64 {
        match self {
            Self::At(ns) => ns,
            Self::OfDay(ns) => end - end % DAY + ns,
            Self::BeforeEnd(length) => {
                end.saturating_sub(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_all_writings() {
        let end = 1_709_208_000_000_000_000; // 2024-02-29T12:00:00Z
        for (text, before_end) in [
            ("2024-02-29T11:59:00Z", 60_000),
            ("2024-02-29 12:58:00+01:00", 120_000),
            ("2024-02-29T11:00:00", 3_600_000),
            ("11:59:59.5", 500),
            ("00:00", 12 * 3_600_000),
            ("-5m", 300_000),
            (" -1.5s ", 1_500),
            ("1709207999", 1_000),
        ] {
            let moment = parse(text).map(|moment| moment.within(end));
            assert_eq!(moment, Ok(end - before_end * 1_000_000), "{text}");
        }
        assert_eq!(
            parse("18:00:00").unwrap().within(end),
            end + DAY / 4,
            "that day, though it ended at noon"
        );
        assert_eq!(parse("-9999d").unwrap().within(5), 0);
    }

    #[test]
    fn what_is_no_moment_says_why() {
        for (text, code) in [
            ("", "cli.moment.form"),
            ("soon", "cli.moment.form"),
            ("5m", "cli.moment.form"),
            ("25:00:00", "cli.moment.form"),
            ("2024-02-30T00:00:00Z", "cli.moment.form"),
            ("-", "cli.quantity.number"),
            ("-5", "cli.quantity.no_unit"),
            ("-5parsec", "cli.quantity.unit"),
        ] {
            assert_eq!(parse(text).map_err(|error| error.code()), Err(code), "{text}");
        }
    }
}
