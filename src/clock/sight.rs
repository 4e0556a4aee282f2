//! One instant, read on all clocks there are: what anchors ticks in time.

use super::reading::Reading;
use crate::os;
use crate::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One instant on all clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sight {
    /// On the clock that stamps events.
    pub(super) ticks: u64,
    /// On the system's monotonic clock, which stands still while the system is suspended.
    pub(super) awake_ns: u64,
    /// On the system's clock that does not, where there is one; else on the monotonic one.
    pub(super) total_ns: u64,
    /// On the wall.
    pub(super) unix_ns: u64,
    /// How many ticks passed while the others were read.
    pub(super) width: u64,
}

/// Of so many readings the quickest is taken: a thread that lost its core between two clocks says nothing about them.
const ATTEMPTS: usize = 4;

impl Sight {
    /// Of now: `ticks` reads the clock that stamps events.
    pub(super) fn take(ticks: impl Fn() -> u64) -> Self {
        let one = || {
            let before = ticks();
            let awake_ns = since_base(Instant::now());
            let total_ns = os::boot_ns().unwrap_or(awake_ns);
            let width = ticks().saturating_sub(before);
            let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, saturating_ns);
            Self { ticks: before.saturating_add(width / 2), awake_ns, total_ns, unix_ns, width }
        };
        let first = one();
        (1..ATTEMPTS)
            .map(|_| one())
            .fold(first, |best, next| if next.width < best.width { next } else { best })
    }
}

impl Reading {
    /// Now, on this clock and all others.
    pub(super) fn sight(&self) -> Sight {
        match self {
            #[cfg(test)]
            Self::Script(script) => script.sight(),
            // Their time is what somebody says it is.
            Self::Hand | Self::Recorded => Sight::default(),
            other => Sight::take(|| other.raw()),
        }
    }
}

/// `Instant` has no number of its own; all system clocks of a process count from one base.
pub(super) fn since_base(instant: Instant) -> u64 {
    static BASE: OnceLock<Instant> = OnceLock::new();
    // Never zero: tick 0 is "never" wherever a stamp may be absent.
    saturating_ns(instant.saturating_duration_since(*BASE.get_or_init(Instant::now))).saturating_add(1)
}

pub(super) fn saturating_ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
