//! Which names a metric may have, and which labels: bounded, and without what would end a line of text.

use crate::error::{Diagnostic, Retry, Severity};
use thiserror::Error;

/// Bytes of a metric's name.
pub const MOST_NAME: usize = 255;
/// Labels of a series.
pub const MOST_LABELS: usize = 16;
/// Bytes of a label's key.
pub const MOST_KEY: usize = 127;
/// Bytes of a label's value that are kept.
pub const MOST_VALUE: usize = 255;

/// The key of the series in which label sets beyond a metric's limit are counted. Its value is `true`.
pub const OVERFLOW_KEY: &str = "overflow";

/// Why a text is no name for a metric.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// A name without a character.
    #[error("metric name is empty: give it one, such as `requests_total`")]
    Empty,
    /// Longer than any exporter should have to carry.
    #[error(
        "metric name `{begin}...` has {bytes} bytes, of at most {MOST_NAME}: shorten it, or put what varies into labels"
    )]
    Long {
        /// How it begins.
        begin: String,
        /// How long it is.
        bytes: usize,
    },
    /// A control character would break the line it is written to.
    #[error("metric name {name:?} has a control character at byte {at}: leave it out")]
    Control {
        /// The name.
        name: String,
        /// Where.
        at: usize,
    },
}

impl Diagnostic for NameError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "telemetry.metric.empty_name",
            Self::Long { .. } => "telemetry.metric.long_name",
            Self::Control { .. } => "telemetry.metric.control_in_name",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why labels are none. What is wrong is always a key or how many there are: values may be any text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelError {
    /// A key without a character.
    #[error("metric `{metric}` has a label with an empty key: name it, such as `method`")]
    EmptyKey {
        /// The metric.
        metric: String,
    },
    /// A key that is too long.
    #[error(
        "metric `{metric}` has a label key `{begin}...` of {bytes} bytes, of at most {MOST_KEY}: shorten it"
    )]
    LongKey {
        /// The metric.
        metric: String,
        /// How it begins.
        begin: String,
        /// How long it is.
        bytes: usize,
    },
    /// A control character in a key.
    #[error("metric `{metric}` has a label key {key:?} with a control character at byte {at}: leave it out")]
    ControlInKey {
        /// The metric.
        metric: String,
        /// The key.
        key: String,
        /// Where.
        at: usize,
    },
    /// One key twice.
    #[error("metric `{metric}` has the label `{key}` twice: give each key once")]
    Twice {
        /// The metric.
        metric: String,
        /// The key.
        key: String,
    },
    /// A key with a meaning of its own.
    #[error(
        "metric `{metric}` has a label `{OVERFLOW_KEY}`, which marks label sets beyond its limit: choose another key"
    )]
    Reserved {
        /// The metric.
        metric: String,
    },
    /// More labels than a series may have.
    #[error("metric `{metric}` has {given} labels, of at most {MOST_LABELS}: leave some out")]
    TooMany {
        /// The metric.
        metric: String,
        /// How many there were.
        given: usize,
    },
}

impl Diagnostic for LabelError {
    fn code(&self) -> &'static str {
        match self {
            Self::EmptyKey { .. } => "telemetry.label.empty_key",
            Self::LongKey { .. } => "telemetry.label.long_key",
            Self::ControlInKey { .. } => "telemetry.label.control_in_key",
            Self::Twice { .. } => "telemetry.label.twice",
            Self::Reserved { .. } => "telemetry.label.reserved",
            Self::TooMany { .. } => "telemetry.label.too_many",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Whether a metric may have this name.
pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MOST_NAME {
        return Err(NameError::Long { begin: begin(name), bytes: name.len() });
    }
    match name.find(char::is_control) {
        Some(at) => Err(NameError::Control { name: name.to_owned(), at }),
        None => Ok(()),
    }
}

/// Whether a label of this metric may have this key.
pub(crate) fn check_key(metric: &str, key: &str) -> Result<(), LabelError> {
    let metric = || metric.to_owned();
    if key.is_empty() {
        Err(LabelError::EmptyKey { metric: metric() })
    } else if key.len() > MOST_KEY {
        Err(LabelError::LongKey { metric: metric(), begin: begin(key), bytes: key.len() })
    } else if let Some(at) = key.find(char::is_control) {
        Err(LabelError::ControlInKey { metric: metric(), key: key.to_owned(), at })
    } else if key == OVERFLOW_KEY {
        Err(LabelError::Reserved { metric: metric() })
    } else {
        Ok(())
    }
}

/// Enough of a text to know it by, on one line.
fn begin(text: &str) -> String {
    cut(text, 32).escape_debug().collect()
}

/// The longest start of `text` that has at most `most` bytes and ends with a whole character.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_ends_with_a_whole_character() {
        assert_eq!(
            (cut("a\u{fc}b", 2), cut("a\u{fc}b", 3), cut("a\u{fc}b", 9)),
            ("a", "a\u{fc}", "a\u{fc}b")
        );
        assert_eq!(cut("\u{1f600}", 3), "");
    }
}
