//! How a telemetry is, as one reading.

use super::handle::{Stats, Telemetry};
use super::handlers::{HandlerStats, HandlerStatus};
use super::metric::RESERVED;
use crate::status::{LastError, PartBytes, PartState, Size, error_line, heading, line};
use std::fmt;
use std::time::Duration;

/// How a telemetry is. Each number is exact at some moment of the call, not all at the same. Updates of metrics are not among them:
/// they count nothing but themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Degraded once an update went to shared cells, a metric was refused, or something of the host's panicked. It has no end:
    /// where its last handle goes, there is nobody left to ask.
    pub state: PartState,
    /// Since it was built.
    pub uptime: Duration,
    /// Reserved: cells, threads' own and shared, names as [recordings](super::Recording) read them, groups and windows. Used: cells of series, those that threads have touched,
    /// groups as far as there ever were threads, and windows. Names, labels and what waits in queues of handlers are not counted.
    pub bytes: PartBytes,
    /// Metrics and series there are, and how updates are going.
    pub stats: Stats,
    /// Cells that series have.
    pub cells_used: u64,
    /// Cells that series can have.
    pub cells: u64,
    /// Groups there are.
    pub groups: usize,
    /// Windows that are ticked.
    pub windows: usize,
    /// Bytes that they take now.
    pub window_bytes: u64,
    /// How handlers are doing, all of them together.
    pub handlers: HandlerStats,
    /// Calls of handlers that are running, of those attached.
    pub handler_calls_running: u64,
    /// What waits in queues of handlers that are attached.
    pub queued: usize,
    /// How much they hold at most.
    pub queue_capacity: usize,
    /// A metric, description, group, window or handler that was refused; or a handler, an observer or a destructor that panicked.
    pub last_error: Option<LastError>,
}

impl Telemetry {
    /// How it is. Costs writers nothing; takes locks for a moment that registering and attaching take as well.
    ///
    /// ```
    /// use flightdeck::PartState;
    /// use flightdeck::telemetry::Telemetry;
    ///
    /// let telemetry = Telemetry::builder().cells(1_024).build()?;
    /// telemetry.counter("requests_total").increment(1);
    /// assert_eq!(telemetry.status().state, PartState::Running);
    /// assert!(telemetry.try_histogram("latency_ns").is_err());
    /// let status = telemetry.status();
    /// assert_eq!((status.cells_used, status.stats.metrics), (1, 1));
    /// assert_eq!(status.last_error.unwrap().code, Some("telemetry.metric.no_room"));
    /// # Ok::<(), flightdeck::telemetry::BuildError>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> Status {
        let inner = &self.inner;
        let (stats, handlers) = (self.stats(), self.handler_stats());
        let of_windows = inner.windows.usage();
        let cells = (inner.cells.len() - RESERVED) as u64;
        let cells_used = cells - stats.cells_left;
        let used = stats.chunk_bytes + cells_used * 8;
        let attached = self.handlers();
        let queues = || attached.iter().filter_map(|handler: &HandlerStatus| handler.queue);
        let trouble = stats.shared_updates
            + stats.refused_metrics
            + stats.refused_updates
            + handlers.panics
            + handlers.other_panics;
        Status {
            state: PartState::working(trouble == 0),
            uptime: inner.started.elapsed(),
            bytes: PartBytes {
                reserved: inner.span.len as u64 * 8 + of_windows.bytes,
                used: used + of_windows.bytes,
            },
            cells_used,
            cells,
            groups: inner.groups.len(),
            windows: of_windows.windows,
            window_bytes: of_windows.bytes,
            handler_calls_running: attached.iter().map(|handler| handler.running).sum(),
            queued: queues().map(|queue| queue.waiting).sum(),
            queue_capacity: queues().map(|queue| queue.capacity).sum(),
            last_error: inner.errors.last(),
            handlers,
            stats,
        }
    }
}

/// Some lines for a person, the last without an end.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stats, handlers, .. } = self;
        heading(f, "telemetry", self.state, self.uptime)?;
        line(f, "memory", format_args!("{}", self.bytes))?;
        line(
            f,
            "metrics",
            format_args!(
                "{}, {} series, {} refused, {} retired; {} of {} cells used",
                stats.metrics,
                stats.series,
                stats.refused_metrics,
                stats.retired,
                self.cells_used,
                self.cells
            ),
        )?;
        let (own, shared) = (stats.slabs_owned, stats.shared_updates);
        line(f, "threads", format_args!("{own} with cells of their own; {shared} updates of shared cells"))?;
        let bytes = Size(self.window_bytes);
        line(f, "windows", format_args!("{}, {bytes}; {} groups", self.windows, self.groups))?;
        line(
            f,
            "handlers",
            format_args!(
                "{}, {} calls running; {} panicked",
                handlers.attached, self.handler_calls_running, handlers.panics
            ),
        )?;
        let retired = handlers.retained;
        line(
            f,
            "waiting",
            format_args!(
                "{} of {} in queues of handlers, {} dropped; to be freed {retired} lists of handlers",
                self.queued, self.queue_capacity, handlers.dropped
            ),
        )?;
        error_line(f, self.last_error.as_ref())
    }
}
