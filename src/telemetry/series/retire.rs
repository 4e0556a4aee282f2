//! Which series have gone idle, and go.
//!
//! A series goes when its value has not changed for as long as it was said to, and nobody holds it: no handle, no call
//! site, no thread's cache. So there is no handle that counts into nothing. What it had counted is added to what
//! its metric says was retired. If its labels come up again, they get a new series, which begins at zero.
//!
//! An up/down counter that is not at zero stays: what was added is still to be taken away, and would be taken from
//! another series.
//!
//! Threads' caches hold series, too. Where they alone stand in the way, they are asked to let go: see `cache`. The
//! series then goes when somebody looks for idle ones the next time.

use super::member::Series;
use super::members::{Member, Members};
use crate::sync::Arc;
use crate::telemetry::cells::Cells;
use crate::telemetry::registry::MetricType;
use std::time::{Duration, Instant};

/// What became of idle series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retired {
    /// Those that went.
    pub series: u64,
    /// Those that somebody holds a handle of: they stay.
    pub held_by_handles: u64,
    /// Those that only threads' caches hold, which have been asked to let go: ask again later.
    pub held_by_caches: u64,
}

impl std::ops::AddAssign for Retired {
    fn add_assign(&mut self, other: Self) {
        self.series += other.series;
        self.held_by_handles += other.held_by_handles;
        self.held_by_caches += other.held_by_caches;
    }
}

/// How a series is doing when somebody looks for idle ones.
enum Found {
    Busy,
    Held,
    Cached,
    /// And will never be written again: its cells say all.
    Idle,
}

impl Member {
    fn look(&mut self, cells: &Cells, now: Instant, age: Duration) -> Found {
        // First: if there are no claims, what is read below is final.
        let free = self.series.claims().are_gone();
        let digest = digest(cells, &self.series);
        if digest != self.last {
            (self.last, self.since) = (digest, now);
            return Found::Busy;
        }
        let open = self.series.metric_type == MetricType::UpDownCounter && digest != 0;
        if open || now.saturating_duration_since(self.since) < age {
            Found::Busy
        } else if free {
            Found::Idle
        } else if self.series.is_held_by_caches_alone() {
            Found::Cached
        } else {
            Found::Held
        }
    }
}

/// A number that changes with the value. Of a series of one cell it is the value.
fn digest(cells: &Cells, series: &Series) -> u64 {
    series.cells().fold(0, |digest: u64, cell| {
        digest.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_add(cells.sum(cell))
    })
}

/// What is to be remembered of a series that goes.
fn total(cells: &Cells, series: &Series) -> u64 {
    let counted = match series.metric_type {
        MetricType::Counter => 1,
        MetricType::Histogram => series.resolution.buckets(),
        MetricType::UpDownCounter | MetricType::Gauge | MetricType::FloatGauge => 0,
    };
    series.cells().take(counted).fold(0, |sum, cell| sum.wrapping_add(cells.sum(cell)))
}

impl<S> Members<S> {
    /// Takes out the idle ones, and passes them to `gone`.
    pub(crate) fn retire_idle(
        &mut self,
        cells: &Cells,
        now: Instant,
        age: Duration,
        mut gone: impl FnMut(Arc<Series>),
    ) -> Retired {
        let mut found = Retired::default();
        let mut total_gone = 0_u64;
        let mut stays = |member: &mut Member| {
            match member.look(cells, now, age) {
                Found::Busy => {}
                Found::Held => found.held_by_handles += 1,
                Found::Cached => found.held_by_caches += 1,
                Found::Idle => {
                    found.series += 1;
                    total_gone = total_gone.wrapping_add(total(cells, &member.series));
                    gone(member.series.clone());
                    return false;
                }
            }
            true
        };
        self.members.retain(|_, member| stays(member));
        if !self.overflow.as_mut().is_none_or(&mut stays) {
            self.overflow = None;
        }
        self.retired += found.series;
        self.retired_total = self.retired_total.wrapping_add(total_gone);
        found
    }
}
