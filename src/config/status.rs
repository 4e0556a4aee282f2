//! How a config is, as one reading.

use super::observe::Stats;
use super::{Config, Snapshot};
use crate::status::{LastError, PartBytes, PartState, error_line, heading, line};
use std::fmt;
use std::mem::size_of;
use std::time::Duration;

/// How a config is. Each number is exact at some moment of the call, not all at the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Degraded once a subscriber was detached or another callback or destructor panicked. A config has no end: where its last
    /// handle goes, there is nobody left to ask.
    pub state: PartState,
    /// Since it was made.
    pub uptime: Duration,
    /// Of snapshots, the current one and those retained or in history: without what their values own elsewhere, which only the host knows.
    /// Nothing is reserved ahead, so both numbers are the same.
    pub bytes: PartBytes,
    /// What can be counted, queues included: [`Stats::waiting`] for inline subscribers, [`Stats::retained`] to be freed.
    pub stats: Stats,
    /// Queued subscribers for whom a change waits until the next [`Config::tick`].
    pub inboxes: usize,
    /// Ended subscriptions whose closures wait to be freed.
    pub retired_subscribers: usize,
    /// An update that was rejected, nested or in vain for want of a turn, or a panic of a subscriber, an observer or a destructor. Not a conflict between two
    /// updates, which is an answer: [`Stats::conflicts`] has those.
    pub last_error: Option<LastError>,
}

impl<T: Send + Sync + 'static> Config<T> {
    /// How it is. Costs readers nothing; takes locks for a moment that updates take as well.
    ///
    /// ```
    /// use flightdeck::PartState;
    /// use flightdeck::config::{Config, Validate, Violations};
    /// # struct Limits { orders: u32 }
    /// # impl Validate for Limits {
    /// #     fn validate(&self, report: &mut Violations) {
    /// #         report.require(self.orders > 0, "orders", &self.orders, "must be positive");
    /// #     }
    /// # }
    ///
    /// let config = Config::new(Limits { orders: 10 })?;
    /// assert!(config.replace(Limits { orders: 0 }).is_err());
    /// let status = config.status();
    /// assert_eq!((status.state, status.stats.rejections), (PartState::Running, 1));
    /// assert_eq!(status.last_error.unwrap().code, Some("config.value.rejected"));
    /// # Ok::<(), flightdeck::config::Rejected<Limits>>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> Status {
        let stats = self.stats();
        // Two counts stand before what an `Arc` holds.
        let snapshot = size_of::<Snapshot<T>>() + 2 * size_of::<usize>();
        let bytes = ((stats.retained + stats.history + 1) * snapshot) as u64;
        Status {
            state: PartState::working(stats.detached + stats.panics == 0),
            uptime: self.store.started.elapsed(),
            bytes: PartBytes { reserved: bytes, used: bytes },
            inboxes: self.store.inboxes(),
            retired_subscribers: self.store.subscribers.retired.len(),
            last_error: self.store.last_error(),
            stats,
        }
    }
}

/// Some lines for a person, the last without an end.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stats, .. } = self;
        heading(f, "config", self.state, self.uptime)?;
        line(f, "memory", format_args!("{}", self.bytes))?;
        line(
            f,
            "updates",
            format_args!(
                "{}, at revision {}; {} rejected, {} conflicts, {} gave up waiting; {} in history",
                stats.updates, stats.revision, stats.rejections, stats.conflicts, stats.busy, stats.history
            ),
        )?;
        line(
            f,
            "subscribers",
            format_args!(
                "{}, told {} times; {} detached",
                stats.subscribers, stats.deliveries, stats.detached
            ),
        )?;
        line(
            f,
            "waiting",
            format_args!(
                "{} deliveries, {} inboxes; to be freed {} snapshots, {} subscribers",
                stats.waiting, self.inboxes, stats.retained, self.retired_subscribers
            ),
        )?;
        error_line(f, self.last_error.as_ref())
    }
}
