//! How an event store is, as one reading.

use super::handle::{Events, Stats};
use super::incident::IncidentStats;
use super::loss::Loss;
use crate::status::{LastError, PartBytes, PartState, Size, error_line, heading, line};
use std::fmt;
use std::time::Duration;

/// How an event store is. What is read while others record may be off by what they record meanwhile.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Degraded once an event was lost. Stopped after [`Events::stop`]: what comes since is lost, and what is there can be
    /// read.
    pub state: PartState,
    /// Since it was built.
    pub uptime: Duration,
    /// Reserved: the [plan](Events::plan)'s total, and the store of incidents. Used: of the rings, what holds something that can
    /// be read now, and the incidents; indexes and what lies in the overflow are not counted.
    pub bytes: PartBytes,
    /// What was recorded, what is kept, and what was lost.
    pub stats: Stats,
    /// What samples, rates and quotas held back: the sum of [`Events::suppressed`].
    pub suppressed: u64,
    /// What was pinned.
    pub incidents: IncidentStats,
    /// An event that was lost, or a kind or a writer that was refused. Of losses of one cause, class and shard it is the last
    /// that has a time; `count` is of all.
    pub last_error: Option<LastError>,
}

impl Events {
    /// How it is. Costs what [`Events::stats`] does, and nothing to who records.
    ///
    /// ```
    /// use flightdeck::PartState;
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let events = Events::builder().memory(4 << 20).build()?;
    /// events.record(OrderFilled { qty: 5 });
    /// let status = events.status();
    /// assert_eq!((status.state, status.stats.written), (PartState::Running, 1));
    /// assert_eq!(status.bytes.used, status.stats.words_written * 8);
    /// println!("{status}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> Status {
        let (stats, incidents) = (self.stats(), self.incident_stats());
        let occupied: u64 = stats.classes.iter().map(|(_, class)| class.all.words_occupied * 8).sum();
        let bytes = PartBytes {
            reserved: (self.plan().total + incidents.bytes_capacity) as u64,
            used: occupied + incidents.bytes as u64,
        };
        let store = self.store();
        let state = match store.kinds.is_stopped() {
            true => PartState::Stopped,
            false => PartState::working(stats.losses.is_empty()),
        };
        Status {
            state,
            uptime: store.started.elapsed(),
            bytes,
            suppressed: self.suppressed().iter().map(|row| row.count).sum(),
            incidents,
            last_error: self.last_error(&stats),
            stats,
        }
    }

    /// Losses note nothing but their time, so the last one is found here; who loses pays nothing for it.
    fn last_error(&self, stats: &Stats) -> Option<LastError> {
        let refused = self.store().errors.last();
        let lost = stats.losses.iter().max_by_key(|loss| loss.last).map(|loss| self.error_of(loss));
        let count = stats.lost() + refused.as_ref().map_or(0, |error| error.count);
        let last = match (lost, refused) {
            (Some(lost), Some(refused)) => Some(if lost.ago <= refused.ago { lost } else { refused }),
            (lost, refused) => lost.or(refused),
        };
        last.map(|last| LastError { count, ..last })
    }

    fn error_of(&self, loss: &Loss) -> LastError {
        let (now, converter) = (self.clock().now(), self.clock().converter());
        let place = loss.shard.map_or(String::new(), |shard| format!(", meant for shard {shard}"));
        LastError {
            text: format!("event of class {} lost{place}: {}", loss.class, loss.cause.name()),
            code: None,
            at: converter.system_time(loss.last),
            ago: Duration::from_nanos(converter.ns_between(loss.last, now.max(loss.last))),
            count: loss.count,
        }
    }
}

/// Some lines for a person, the last without an end.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stats, incidents, .. } = self;
        heading(f, "events", self.state, self.uptime)?;
        line(f, "memory", format_args!("{}", self.bytes))?;
        line(
            f,
            "recorded",
            format_args!(
                "{}, {} kept, {} overwritten, {} pruned",
                stats.written, stats.kept, stats.overwritten, stats.pruned
            ),
        )?;
        let (lost, suppressed) = (stats.lost(), self.suppressed);
        line(f, "left out", format_args!("{lost} lost, {suppressed} suppressed"))?;
        let (claimed, overflowed) = (stats.shards_claimed, stats.overflowed);
        line(f, "shards", format_args!("{claimed} taken; {overflowed} events went to the overflow"))?;
        if incidents.capacity > 0 {
            let bytes = Size(incidents.bytes as u64);
            line(f, "incidents", format_args!("{} of {}, {bytes}", incidents.held, incidents.capacity))?;
        }
        error_line(f, self.last_error.as_ref())
    }
}
