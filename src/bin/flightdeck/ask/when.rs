//! Points in time as users name them, and where they lie in a recording.

use crate::quantity::{QuantityError, keep};
use crate::recording::Fate;
use crate::replay::{Moment, MomentError, moment};
use flightdeck::{Diagnostic, Retry, Severity};
use jiff::{Span, SpanRelativeTo};
use std::time::Duration;

/// A point in time, some only once the recording is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At a time, or counted from where the recording ends.
    Of(Moment),
    /// So long before now.
    Ago(Duration),
    /// So long before its process died.
    BeforeCrash(Duration),
}

/// Where a recording lies in time, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    pub now: u64,
    /// Its last event; now, while its process runs.
    pub end: u64,
    pub fate: Fate,
}

/// Why a text is no point in time, or not of this recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhenError {
    /// None of the forms.
    #[error(
        "time `{value}` is none: write RFC 3339, HH:MM:SS, -5m (before the end), '10 min ago' or crash-30s"
    )]
    Form {
        /// What was written.
        value: String,
    },
    /// No length of time where one should be.
    #[error(transparent)]
    Length(#[from] QuantityError),
    /// Nothing crashed.
    #[error("there is no crash to count from, its process {fate}: count from the end, as in -30s")]
    NoCrash {
        /// What it did instead.
        fate: Fate,
    },
}

impl Diagnostic for WhenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Form { .. } => "cli.when.form",
            Self::Length(error) => error.code(),
            Self::NoCrash { .. } => "cli.when.no_crash",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// As the help of `query` has it.
pub fn parse(text: &str) -> Result<When, WhenError> {
    let trimmed = text.trim_ascii();
    let form = || WhenError::Form { value: text.escape_debug().to_string() };
    if let Some(rest) = trimmed.strip_prefix("crash") {
        return match rest.trim_ascii().strip_prefix('-') {
            Some(before) => Ok(When::BeforeCrash(length(before)?)),
            None if rest.is_empty() => Ok(When::BeforeCrash(Duration::ZERO)),
            None => Err(form()),
        };
    }
    if trimmed == "now" {
        return Ok(When::Ago(Duration::ZERO));
    }
    if let Some(before) = trimmed.strip_suffix("ago") {
        return Ok(When::Ago(length(before)?));
    }
    if let Some(before) = trimmed.strip_prefix('-') {
        return Ok(When::Of(Moment::BeforeEnd(length(before)?)));
    }
    moment::parse(trimmed).map(When::Of).map_err(|error| match error {
        MomentError::Length(error) => error.into(),
        _ => form(),
    })
}

/// `30s`, `1.5h`, `10 min`, `1h 30m`, `2 days`. Days have 24 hours, and months no length.
fn length(text: &str) -> Result<Duration, QuantityError> {
    keep(text).or_else(|error| in_words(text.trim_ascii()).ok_or(error))
}

fn in_words(text: &str) -> Option<Duration> {
    let is_plain = text.starts_with(|first: char| first.is_ascii_digit());
    let span: Span = text.parse().ok().filter(|_| is_plain)?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(length).ok()
}

impl When {
    /// In nanoseconds since 1970.
    pub fn within(self, course: Course) -> Result<u64, WhenError> {
        let before = |end: u64, length: Duration| {
            end.saturating_sub(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
        };
        match self {
            Self::Of(moment) => Ok(moment.within(course.end)),
            Self::Ago(length) => Ok(before(course.now, length)),
            Self::BeforeCrash(length) if course.fate.is_violent() => Ok(before(course.end, length)),
            Self::BeforeCrash(_) => Err(WhenError::NoCrash { fate: course.fate }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const END: u64 = 1_709_208_000_000_000_000; // 2024-02-29T12:00:00Z
    const DEAD: Course = Course { now: END + 60_000_000_000, end: END, fate: Fate::Died };

    #[test]
    fn times_in_all_writings() {
        for (text, before_end_ms) in [
            ("-5m", 300_000),
            ("-1h30m", 5_400_000),
            (" -2 days ", 172_800_000),
            ("2 min ago", 60_000),
            ("1 minute 30 seconds ago", 30_000),
            ("crash", 0),
            ("crash-30s", 30_000),
            ("crash - 1.5 s", 1_500),
            ("2024-02-29T11:59:00Z", 60_000),
            ("11:59:59", 1_000),
        ] {
            let at = parse(text).and_then(|when| when.within(DEAD));
            assert_eq!(at, Ok(END - before_end_ms * 1_000_000), "{text}");
        }
        assert_eq!(parse("now").unwrap().within(DEAD), Ok(DEAD.now));
    }

    #[test]
    fn what_is_no_time_says_why() {
        for (text, code) in [
            ("", "cli.when.form"),
            ("soon", "cli.when.form"),
            ("crash+5s", "cli.when.form"),
            ("crashed", "cli.when.form"),
            ("5m", "cli.when.form"),
            ("-", "cli.quantity.number"),
            ("ago", "cli.quantity.number"),
            ("-5 parsecs", "cli.quantity.unit"),
            ("1 month ago", "cli.quantity.unit"),
            ("--5m", "cli.quantity.number"),
        ] {
            assert_eq!(parse(text).map_err(|error| error.code()), Err(code), "{text}");
        }
    }

    #[test]
    fn only_what_died_has_a_crash() {
        let crash = parse("crash-1s").unwrap();
        for fate in [Fate::Running, Fate::Closed, Fate::Unknown] {
            let error = crash.within(Course { fate, ..DEAD }).unwrap_err();
            assert_eq!(error, WhenError::NoCrash { fate });
        }
        assert!(crash.within(Course { fate: Fate::WentDown, ..DEAD }).is_ok());
    }

    proptest! {
        #[test]
        fn one_length_is_the_same_however_it_is_counted(number in 1_u64..10_000, unit in 0_usize..5) {
            let (short, long, ms) = [
                ("ms", "milliseconds", 1),
                ("s", "seconds", 1_000),
                ("m", "minutes", 60_000),
                ("h", "hours", 3_600_000),
                ("d", "days", 86_400_000),
            ][unit];
            let length = Duration::from_millis(number * ms);
            for text in [format!("{number}{short}"), format!("{number} {long}")] {
                prop_assert_eq!(parse(&format!("-{text}")), Ok(When::Of(Moment::BeforeEnd(length))));
                prop_assert_eq!(parse(&format!("{text} ago")), Ok(When::Ago(length)));
                prop_assert_eq!(parse(&format!("crash-{text}")), Ok(When::BeforeCrash(length)));
            }
        }

        #[test]
        fn a_stamp_is_the_instant_it_was_made_of(ns in 0_u64..4_000_000_000_000_000_000) {
            let text = crate::formats::time_shown(ns);
            prop_assert_eq!(parse(&text).and_then(|when| when.within(DEAD)), Ok(ns));
        }

        #[test]
        fn no_text_is_too_much(text in "(-|crash|crash-|)[0-9a-z .:µ+-]{0,24}( ago)?", end: u64, now: u64) {
            if let Ok(when) = parse(&text) {
                let _ = when.within(Course { now, end, fate: Fate::Died });
            }
        }
    }
}
