//! What every error of the crate can be asked. The errors themselves live beside the operations that
//! return them: one enum each, a stable `code`, a message in one line that names the field, the
//! value, the limit and the remedy.

pub mod codes;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// How much an event or an error matters. Ordered: `Trace < Debug < Info < Warn < Error < Critical`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// Finest detail.
    Trace = 0,
    /// For whoever works on the host.
    Debug = 1,
    /// Normal work.
    #[default]
    Info = 2,
    /// Unexpected, and dealt with.
    Warn = 3,
    /// Something was not done.
    Error = 4,
    /// The host cannot go on as it is.
    Critical = 5,
}

impl Severity {
    /// All, least first.
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical];

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The severity of a stored number; what is out of range counts as the greatest.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            _ => Self::Critical,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether it makes sense to try the same call again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// The same call fails again: change it first.
    Never,
    /// It may pass later, unchanged.
    Later,
    /// It may pass once this much time is over, not before.
    After(Duration),
}

impl Retry {
    /// Whether the same call may pass at some time.
    #[must_use]
    pub const fn is_worthwhile(self) -> bool {
        !matches!(self, Self::Never)
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.pad("never"),
            Self::Later => f.pad("later"),
            Self::After(time) => write!(f, "after {time:?}"),
        }
    }
}

/// What every error of this crate answers beside its message.
pub trait Diagnostic: std::error::Error + Send + Sync + 'static {
    /// Stable text such as `config.value.rejected`: for alerts and tests, never reworded.
    fn code(&self) -> &'static str;
    /// How much it matters.
    fn severity(&self) -> Severity;
    /// Whether to try again.
    fn retry(&self) -> Retry;
    /// What a person can do about it, in one line, beyond what the message says: where to look, what to raise, what to mend.
    /// By default what [`codes`] has for the code, and nothing for a code that is not of this crate.
    fn recovery(&self) -> Cow<'static, str> {
        Cow::Borrowed(codes::find(self.code()).map_or("", |code| code.recovery))
    }
}
