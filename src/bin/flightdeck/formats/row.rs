//! What every parser yields.

use flightdeck::{Severity, SpanId};
use std::borrow::Cow;

/// How many fields a row may have; more are no row but an attack on memory.
pub const MOST_FIELDS: usize = 1_024;

/// How long a field's name may get; nested names grow with every level and are cut here.
pub const LONGEST_NAME: usize = 256;

/// One row of input.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    /// Nanoseconds since the Unix epoch; the start for a span.
    pub time_ns: u64,
    /// When it ended, for a row that says so.
    pub end_ns: Option<u64>,
    /// What kind of row it is.
    pub kind: Kind,
    /// How much it matters; `Info` where the format does not say.
    pub severity: Severity,
    /// What it belongs to.
    pub correlation: Correlation<'a>,
    /// The own span of a span row, the enclosing span of any other.
    pub span: SpanId,
    /// The span above; none for a root.
    pub parent: SpanId,
    /// Everything else the row carries, in its order.
    pub fields: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Row<'a> {
    /// A row with nothing but a time and a kind.
    pub(super) fn new(kind: Kind, time_ns: u64) -> Self {
        Self {
            time_ns,
            end_ns: None,
            kind,
            severity: Severity::Info,
            correlation: Correlation::None,
            span: SpanId::NONE,
            parent: SpanId::NONE,
            fields: Vec::new(),
        }
    }

    pub(super) fn text(&mut self, name: &'static str, value: &'a str) {
        self.fields.push((Cow::Borrowed(name), Value::Str(Cow::Borrowed(value))));
    }
}

/// What a row belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correlation<'a> {
    /// Nothing.
    None,
    /// A request or trace with an id of up to 128 bits; never zero.
    Id128(u128),
    /// A package, a unit, an address: compared in full, as written.
    Text(Cow<'a, str>),
}

/// What kind of row it is. The numbers are stored in batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A span with its end.
    Span,
    /// A log record.
    Log,
    /// A request to a web server.
    HttpRequest,
    /// dpkg begins with archives or packages.
    DpkgStartup,
    /// A package reached a state.
    DpkgStatus,
    /// A package is installed for the first time.
    DpkgInstall,
    /// A package is replaced by another version.
    DpkgUpgrade,
    /// A package is configured.
    DpkgConfigure,
    /// A package's triggers run.
    DpkgTriggers,
    /// A package is removed.
    DpkgRemove,
    /// A package is removed with its configuration.
    DpkgPurge,
    /// A package is gone because others replaced its files.
    DpkgDisappear,
    /// What became of a configuration file.
    DpkgConffile,
}

impl Kind {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Span,
        Self::Log,
        Self::HttpRequest,
        Self::DpkgStartup,
        Self::DpkgStatus,
        Self::DpkgInstall,
        Self::DpkgUpgrade,
        Self::DpkgConfigure,
        Self::DpkgTriggers,
        Self::DpkgRemove,
        Self::DpkgPurge,
        Self::DpkgDisappear,
        Self::DpkgConffile,
    ];

    /// The name that reports and queries use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Log => "log",
            Self::HttpRequest => "http.request",
            Self::DpkgStartup => "dpkg.startup",
            Self::DpkgStatus => "dpkg.status",
            Self::DpkgInstall => "dpkg.install",
            Self::DpkgUpgrade => "dpkg.upgrade",
            Self::DpkgConfigure => "dpkg.configure",
            Self::DpkgTriggers => "dpkg.trigproc",
            Self::DpkgRemove => "dpkg.remove",
            Self::DpkgPurge => "dpkg.purge",
            Self::DpkgDisappear => "dpkg.disappear",
            Self::DpkgConffile => "dpkg.conffile",
        }
    }
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A whole number.
    U64(u64),
    /// A whole number below zero.
    I64(i64),
    /// Any other number.
    F64(f64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Str(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// The value of a bare text: a number where writing that number gives the same text again (so
    /// `007` and `1e3` stay text), else the text.
    pub(super) fn of_text(text: &'a str) -> Self {
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        let is_whole = matches!(digits, [b'0'] | [b'1'..=b'9', ..])
            && digits.len() <= 20
            && digits.iter().all(u8::is_ascii_digit);
        if is_whole && text != "-0" {
            if let Ok(number) = text.parse() {
                return Self::U64(number);
            }
            if let Ok(number) = text.parse() {
                return Self::I64(number);
            }
        }
        Self::Str(Cow::Borrowed(text))
    }
}

/// Why a row could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The record holds a NUL byte.
    #[error("binary data: a NUL byte in the row")]
    Binary,
    /// A physical line is longer than the reader holds.
    #[error("a line of {bytes} bytes, the limit is {limit} bytes")]
    TooLong {
        /// Its length.
        bytes: u64,
        /// The most that is held.
        limit: usize,
    },
    /// A quote was opened and not closed.
    #[error("a quote is opened and not closed")]
    OpenQuote,
    /// The row has not as many columns as the header.
    #[error("{found} columns, the header has {expected}")]
    Columns {
        /// In the row.
        found: usize,
        /// In the header.
        expected: usize,
    },
    /// The row does not say when.
    #[error("no time: none of the fields time, timestamp, ts, @timestamp or their like")]
    NoTime,
    /// The time is none that we read.
    #[error("time `{0}` is neither RFC 3339 nor seconds to nanoseconds since 1970")]
    Time(String),
    /// The end of a span is none that we read.
    #[error("end `{0}` is neither RFC 3339 nor seconds to nanoseconds since 1970")]
    End(String),
    /// The end lies before the start.
    #[error("the end lies {0} ns before the start")]
    EndsBeforeStart(u64),
    /// The line is no JSON object.
    #[error("no JSON object: {0}")]
    Json(String),
    /// More fields than a row may have.
    #[error("more than {MOST_FIELDS} fields")]
    TooManyFields,
    /// A dpkg line with a verb that dpkg does not write.
    #[error("`{0}` is no dpkg action")]
    DpkgAction(String),
    /// Something that every line of the format has is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A number field holds something else.
    #[error("{what} `{value}` is no number")]
    Number {
        /// Which field.
        what: &'static str,
        /// What it holds.
        value: String,
    },
}

impl Broken {
    /// Whether the record may be several, joined by a stray quote.
    pub fn may_be_joined(&self) -> bool {
        matches!(self, Self::OpenQuote | Self::Columns { .. } | Self::TooManyFields)
    }
}

/// A piece of input as a message may show it: short, on one line, no control characters.
pub fn excerpt(text: &str) -> String {
    // A SHA-256 in hexadecimal, the longest id in common use.
    const LONGEST: usize = 64;
    let mut shown = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push_str("...");
            break;
        }
        if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown
}

/// `text` up to [`LONGEST_NAME`] bytes.
pub(super) fn short_name(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_whole_numbers_become_numbers() {
        for (text, value) in [("0", 0), ("318316", 318_316), ("18446744073709551615", u64::MAX)] {
            assert_eq!(Value::of_text(text), Value::U64(value));
        }
        assert_eq!(Value::of_text("-12"), Value::I64(-12));
        for text in ["", "-", "-0", "007", "+1", "1e3", "1.5", "18446744073709551616", "12 "] {
            assert_eq!(Value::of_text(text), Value::Str(Cow::Borrowed(text)), "{text}");
        }
    }

    #[test]
    fn kinds_are_numbered_in_their_order() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number, "{}", kind.name());
        }
    }

    #[test]
    fn excerpts_are_short_and_plain() {
        assert_eq!(excerpt("a\tb\u{1b}[31m"), "a\\tb\\u{1b}[31m");
        assert_eq!(excerpt(&"ä".repeat(70)), format!("{}...", "ä".repeat(64)));
        assert_eq!(short_name(&"ä".repeat(200)).len(), LONGEST_NAME);
        assert_eq!(short_name(&format!("x{}", "ä".repeat(200))).len(), LONGEST_NAME - 1);
    }
}
