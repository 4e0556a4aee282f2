//! What the statuses of all parts have in common: a state, bytes, and the last thing that went wrong.

use crate::error::Diagnostic;
use crate::sync::{Arc, Mutex};
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// What a part of a deck is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartState {
    /// It works, and all is as it should be.
    Running,
    /// It works, and something is not as it should be, or was not at some time: the numbers beside it say what.
    Degraded,
    /// It was asked to stop, and goes on with what is left to do.
    Stopping,
    /// It takes nothing more. It can still be asked.
    Stopped,
}

impl PartState {
    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Of one that works.
    pub(crate) fn working(is_well: bool) -> Self {
        if is_well { Self::Running } else { Self::Degraded }
    }
}

impl fmt::Display for PartState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Bytes of a part, as far as it knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartBytes {
    /// What it has taken from the system's address space.
    pub reserved: u64,
    /// Of that, what holds something.
    pub used: u64,
}

impl fmt::Display for PartBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} used of {}", Size(self.used), Size(self.reserved))
    }
}

/// The last thing that went wrong in a part. Each overwrites the one before; all are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastError {
    /// What went wrong, in one line, unless the host's own code said it in more: it panicked, or its error did.
    pub text: String,
    /// As [`Diagnostic::code`]; `None` where there is none, as of a panic.
    pub code: Option<&'static str>,
    /// When, by the system's clock.
    pub at: SystemTime,
    /// How long before it was asked for.
    pub ago: Duration,
    /// How often something went wrong so far, this time included.
    pub count: u64,
}

impl fmt::Display for LastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1?} ago, {} so far: {}", self.ago, self.count, self.text)?;
        self.code.map_or(Ok(()), |code| write!(f, " ({code})"))
    }
}

/// Keeps the last error of a part. Clones are one slot. Cold: it allocates and takes a lock.
#[derive(Clone, Debug)]
pub(crate) struct ErrorSlot(Arc<Mutex<Noted>>);

#[derive(Debug)]
struct Noted {
    count: u64,
    last: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    text: String,
    code: Option<&'static str>,
    at: SystemTime,
    noted: Instant,
}

impl ErrorSlot {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Noted { count: 0, last: None })))
    }

    /// Something went wrong that has no code.
    #[cold]
    #[inline(never)]
    pub(crate) fn note(&self, text: String) {
        self.put(text, None);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn note_error(&self, error: &dyn Diagnostic) {
        self.put(error.to_string(), Some(error.code()));
    }

    fn put(&self, text: String, code: Option<&'static str>) {
        let kept = Kept { text, code, at: SystemTime::now(), noted: Instant::now() };
        let mut noted = self.0.lock();
        noted.count += 1;
        let before = noted.last.replace(kept);
        drop(noted);
        drop(before);
    }

    pub(crate) fn last(&self) -> Option<LastError> {
        let noted = self.0.lock();
        let Kept { text, code, at, noted: then } = noted.last.as_ref()?;
        let (text, ago) = (text.clone(), then.elapsed());
        Some(LastError { text, code: *code, at: *at, ago, count: noted.count })
    }
}

/// The first line of a status.
pub(crate) fn heading(
    f: &mut fmt::Formatter<'_>,
    part: &str,
    state: PartState,
    uptime: Duration,
) -> fmt::Result {
    write!(f, "{part:<LABEL$}{state}, up {uptime:.1?}")
}

/// One of those below it.
pub(crate) fn line(f: &mut fmt::Formatter<'_>, label: &str, says: fmt::Arguments<'_>) -> fmt::Result {
    write!(f, "\n  {label:<width$}{says}", width = LABEL - 2)
}

/// The line of the last error, if there is one.
pub(crate) fn error_line(f: &mut fmt::Formatter<'_>, last: Option<&LastError>) -> fmt::Result {
    last.map_or(Ok(()), |last| line(f, "last error", format_args!("{last}")))
}

/// Where what is said begins, in columns.
const LABEL: usize = 14;

/// A size for a person: units of 1024, a decimal where it is not whole.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        match UNITS.iter().find(|(power, _)| self.0 >> power > 0) {
            None => write!(f, "{} B", self.0),
            Some((power, unit)) if self.0.is_multiple_of(1 << power) => {
                write!(f, "{} {unit}", self.0 >> power)
            }
            Some((power, unit)) => write!(f, "{:.1} {unit}", self.0 as f64 / (1_u64 << power) as f64),
        }
    }
}
