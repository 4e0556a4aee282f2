//! Testing a host that has a deck: assertions on what it recorded and counted, virtual time, ids that are the same in
//! each run. Feature `testing`; it only adds.
//!
//! | file | idea |
//! |---|---|
//! | `recorded` | [`assert_recorded!`]: an event of a kind, with fields |
//! | `chain` | [`assert_chain!`]: the order of events under one id |
//! | `counted` | [`assert_counted!`]: how far a counter went |
//! | `expected` | what a field is compared with |
//! | `instead` | what was recorded in place of what was asked for |
//!
//! A failed assertion prints what was recorded instead: the nearest events, each field that differs marked. Where events
//! were overwritten, pruned or lost, *never* and *exactly three times* cannot be told: such an assertion fails and
//! says so.
//!
//! **What it will not do.** Virtual time is that of events alone: a supervisor's backoff and a worker's `wait` go by
//! the system's clock. Nothing is waited for: join the threads first, or poll [`Recording::check`]. Span ids are the
//! same in each run as long as threads begin their first spans in the same order.
//!
//! ```
//! use flightdeck::testing::{self, assert_chain, assert_counted, assert_recorded};
//! use std::time::Duration;
//!
//! flightdeck::kind! {
//!     OrderAccepted("order.accepted") { qty: u64 }
//!     OrderFilled("order.filled") { qty: u64, price: f64, venue: str }
//! }
//!
//! let deck = testing::deck();
//! let order = testing::Ids::new().correlation();
//! let before = testing::counts(&deck);
//! {
//!     let _in = deck.scope(order);
//!     deck.record(OrderAccepted { qty: 5 });
//!     testing::advance(&deck, Duration::from_millis(3));
//!     deck.record(OrderFilled { qty: 5, price: 1.25, venue: "XETRA" });
//!     deck.telemetry().counter("orders_filled").increment(1);
//! }
//! assert_recorded!(deck, "order.filled", qty == 5, price < 2.0, venue == "XETRA");
//! assert_recorded!(deck, "order.filled", of order, times 1);
//! assert_recorded!(deck, "order.rejected", never);
//! assert_chain!(deck, order, ["order.accepted", "order.filled"]);
//! assert_counted!(before, "orders_filled", 1);
//! ```

mod chain;
mod counted;
mod expected;
mod instead;
mod recorded;

pub use crate::{assert_chain, assert_counted, assert_recorded};
pub use chain::Chain;
pub use counted::{Counts, HasTelemetry, counts};
pub use expected::{Comparison, Expected};
pub use instead::Mismatch;
pub use recorded::Recording;

use crate::clock::{Clock, ClockSource};
use crate::events::Events;
use crate::hub::{Builder, Flightdeck};
use crate::id::{CorrelationId, SpanId};
use crate::sync::{Arc, AtomicU64, Relaxed};
use std::time::Duration;

/// Enough for a test, and the same on each machine.
const MEMORY: usize = 8 << 20;
const SHARDS: usize = 8;
/// Of the clock, at each reading.
const STEP: Duration = Duration::from_nanos(1);

/// A deck for a test: without config and workers, its clock moved by [`advance`], its span ids the same in each run.
///
/// # Panics
/// If the system has not the memory for it, some 26 MiB of address space.
#[must_use]
pub fn deck() -> Flightdeck {
    builder().start().unwrap_or_else(|error| panic!("{error}"))
}

/// The same, with more to be said: a config, workers, sizes.
///
/// The clock moves on by a nanosecond at each reading, so that events of any thread and class have an order, and by
/// [`advance`]. The memory is 8 MiB in 8 shards on each machine.
///
/// ```
/// use flightdeck::supervisor::{Restart, WorkerContext};
/// use flightdeck::testing::{self, assert_recorded};
/// use std::time::Duration;
///
/// let deck = testing::builder()
///     .worker("book", Restart::Temporary, |_: &WorkerContext| ())
///     .start()?;
/// assert!(deck.shutdown(Duration::from_secs(5)).is_clean());
/// assert_recorded!(deck, "flightdeck.worker.started", worker == "book", generation == 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn builder() -> Builder<()> {
    Flightdeck::builder().events(prepared)
}

/// An event store alone, of the same kind.
///
/// ```
/// use flightdeck::testing::{self, assert_recorded};
/// flightdeck::kind! { Worked("work.done") { units: u64 } }
///
/// let events = testing::events();
/// let span = events.start(Worked { units: 1 });
/// assert_recorded!(events, "work.done", units >= 1);
/// assert_eq!(testing::events().start(Worked { units: 1 }).span(), span.span(), "the same in each run");
/// ```
///
/// # Panics
/// If the system has not the memory for it, 8 MiB.
#[must_use]
pub fn events() -> Events {
    prepared(Events::builder()).build().unwrap_or_else(|error| panic!("{error}"))
}

fn prepared(events: crate::events::Builder) -> crate::events::Builder {
    events.memory(MEMORY).shards(SHARDS).clock(Clock::stepping(STEP)).span_seed(0)
}

/// Lets time pass for a deck, or for events alone.
///
/// # Panics
/// If its clock is not one that is moved by hand: time would not pass, and the test would not say so.
#[track_caller]
pub fn advance(deck: &impl HasEvents, by: Duration) {
    let clock = deck.recorder().clock();
    assert!(
        clock.source() == ClockSource::Manual,
        "the deck's clock is {:?}, which runs by itself: build the deck with `flightdeck::testing`, or give its \
         events `Clock::manual()`",
        clock.source()
    );
    clock.advance(by);
}

/// Where events are recorded: a deck, or events alone. What the assertions take.
pub trait HasEvents {
    /// Its events.
    fn recorder(&self) -> &Events;
}

impl HasEvents for Events {
    fn recorder(&self) -> &Events {
        self
    }
}

impl<C: Send + Sync + 'static> HasEvents for Flightdeck<C> {
    fn recorder(&self) -> &Events {
        self.events()
    }
}

impl<T: HasEvents + ?Sized> HasEvents for &T {
    fn recorder(&self) -> &Events {
        (**self).recorder()
    }
}

impl<T: HasEvents + ?Sized> HasEvents for Arc<T> {
    fn recorder(&self) -> &Events {
        (**self).recorder()
    }
}

/// Ids for a test, counted from 1: the same in each run, and easy to read in its output.
///
/// ```
/// use flightdeck::testing::Ids;
/// let ids = Ids::new();
/// assert_eq!(ids.correlation().get(), 1);
/// assert_eq!(ids.correlation().get(), 2);
/// assert_eq!(ids.span().get(), 1);
/// ```
#[derive(Debug, Default)]
pub struct Ids {
    correlations: AtomicU64,
    spans: AtomicU64,
}

impl Ids {
    /// From 1 on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next correlation id.
    pub fn correlation(&self) -> CorrelationId {
        CorrelationId::from(self.correlations.fetch_add(1, Relaxed) + 1)
    }

    /// The next span id, for hosts that keep their own.
    pub fn span(&self) -> SpanId {
        SpanId::new(self.spans.fetch_add(1, Relaxed) + 1)
    }
}
