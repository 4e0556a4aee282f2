//! Rolling windows: what a metric did in the last seconds, read now and then by one side, at no cost to writers.
//!
//! | file | idea |
//! |---|---|
//! | `answer` | what a window says, and of what time |
//! | `ring` | when slots end, and which of them a question is about |
//! | `kind` | what windows of all kinds of metrics have in common |
//! | `counter`, `gauge`, `histogram` | what a slot of each keeps, and what can be asked |
//! | `deltas` | what a histogram counted in a slot |
//! | `list` | the windows that a telemetry ticks |
//! | `error` | why there is no window |

mod answer;
mod counter;
mod deltas;
mod error;
mod gauge;
mod histogram;
mod kind;
mod list;
mod ring;

pub use answer::{WindowAnswer, WindowStats};
pub use error::WindowError;
pub(super) use list::Windows;

use crate::sync::{Arc, Mutex};
use crate::telemetry::Telemetry;
use kind::Windowed;
use list::Ticked;
use ring::Ring;
use std::mem::size_of;
use std::time::{Duration, Instant};

/// What one metric did lately: a ring of slots of about equal length, each with what the metric did in it.
/// [`Telemetry::window`] makes one. Cheap to clone; clones are the same window, and when the last of them is dropped
/// its slots go at once, and the telemetry forgets it at its next tick.
///
/// **Who reads.** Writers know nothing of windows and pay nothing for them: [`Telemetry::tick`], which a deck calls
/// every second, reads the metric. A host that has no deck, or wants slots of less than a second, calls it itself, or
/// [`Window::tick`]. The first tick begins the first slot; what was counted before it is in none.
///
/// **What a slot is.** A tick ends the slot if it has lasted for `every`, or at most 1/16 less: ticks are never quite
/// on time. A tick that comes late ends one slot that is longer: nothing is left out or made up, the slot says how
/// long it really was, and [`Window::stats`] counts it. What happened since the last slot ended is in no answer yet.
///
/// **What a question is about.** At least the newest slot, and those before it until no more than half of `every` is
/// lacking from the time asked for, or there are no more. [`WindowAnswer::lasted`] says how long they
/// really were, and rates are per second of that. There is no answer before the first slot has ended.
///
/// **What it takes.** When it is made, 24 bytes for each slot (counters), 40 (gauges, up/down counters) or 48
/// (histograms), and nothing later, save for histograms: 16 bytes for each bucket that counted something in a slot,
/// but never more than 8 for each bucket there is. [`Window::most_bytes`] is the sum. Ticking and asking take a lock of
/// this window, and a histogram's buckets are copied: not for hot paths.
///
/// **What it keeps.** It holds the metric, as a handle does: the series is not retired while there is a window.
#[derive(Clone, Debug)]
pub struct Window<M: Windowed> {
    shared: Arc<Shared<M>>,
}

#[derive(Debug)]
struct Shared<M: Windowed> {
    metric: M,
    state: Mutex<State<M>>,
}

#[derive(Debug)]
struct State<M: Windowed> {
    /// What is known of the slot that has not ended; nothing before the first tick.
    open: Option<M::Open>,
    ring: Ring<M::Slot>,
}

/// Rolling windows.
impl Telemetry {
    /// A window of so many slots over one metric of this telemetry, ticked by [`Telemetry::tick`]. Each slot lasts for
    /// `every`, from a millisecond to a day, and there are at most 65,536. See [`Window`].
    ///
    /// ```
    /// use flightdeck::telemetry::Telemetry;
    /// use std::time::{Duration, Instant};
    /// let second = Duration::from_secs(1);
    /// let telemetry = Telemetry::new();
    /// let (requests, latency) = (telemetry.counter("requests_total"), telemetry.histogram("latency_ns"));
    /// let served = telemetry.window(&requests, 60, second)?;
    /// let took = telemetry.window(&latency, 60, second)?;
    ///
    /// // A deck does this by itself.
    /// let mut now = Instant::now();
    /// telemetry.tick(now);
    /// for each in 1..=10 {
    ///     requests.increment(200);
    ///     latency.record(each * 1_000);
    ///     now += second;
    ///     telemetry.tick(now);
    /// }
    ///
    /// let lately = served.rate(5 * second).unwrap();
    /// assert_eq!((lately.value, lately.lasted), (200.0, 5 * second));
    /// assert_eq!(served.increase(60 * second).unwrap().value, 2_000);
    /// let slow = took.quantile(0.99, 10 * second).unwrap();
    /// assert!((10_000..10_320).contains(&slow.value));
    /// # Ok::<(), flightdeck::telemetry::WindowError>(())
    /// ```
    ///
    /// # Errors
    /// If there are to be no slots or too many, or too short or too long ones; or the metric belongs to another
    /// telemetry, or could not be registered.
    pub fn window<M: Windowed>(
        &self,
        metric: &M,
        slots: usize,
        every: Duration,
    ) -> Result<Window<M>, WindowError> {
        let made = self.make_window(metric, slots, every);
        made.inspect_err(|error| self.inner.errors.note_error(error))
    }

    fn make_window<M: Windowed>(
        &self,
        metric: &M,
        slots: usize,
        every: Duration,
    ) -> Result<Window<M>, WindowError> {
        if metric.cell().is_refused() {
            return Err(WindowError::Refused);
        }
        let name = || metric.cell().name();
        if !(1..=WindowError::MOST_SLOTS).contains(&slots) {
            return Err(WindowError::Slots { metric: name(), slots });
        }
        if !(WindowError::SHORTEST..=WindowError::LONGEST).contains(&every) {
            return Err(WindowError::Length { metric: name(), every });
        }
        if !metric.cell().belongs_to(&self.inner) {
            return Err(WindowError::OtherTelemetry { metric: name() });
        }
        let state = State { open: None, ring: Ring::new(slots, every) };
        let shared = Arc::new(Shared { metric: metric.clone(), state: Mutex::new(state) });
        self.inner.windows.add(shared.clone());
        Ok(Window { shared })
    }
}

impl<M: Windowed> Window<M> {
    /// Reads the metric, as it is now, and ends the slot if it is due. [`Telemetry::tick`] does so for all windows. A
    /// time before the last slot's end ends none.
    pub fn tick(&self, now: Instant) {
        self.shared.tick(now);
    }

    /// What has become of the ticks.
    #[must_use]
    pub fn stats(&self) -> WindowStats {
        self.shared.state.lock().ring.stats()
    }

    /// Bytes that the window takes now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shared.bytes()
    }

    /// Bytes that it takes at most: slots times (24 for a counter, 40 for a gauge, 48 and 8 for each bucket for a
    /// histogram), 8 for each bucket once more, and what is in it besides, which is less than 500. While a histogram's
    /// window is ticked or asked, the buckets are copied once or twice more.
    #[must_use]
    pub fn most_bytes(&self) -> usize {
        let state = self.shared.state.lock();
        self.shared.fixed_bytes(&state) + state.ring.most() * self.shared.metric.most_slot_bytes()
    }
}

impl<M: Windowed> Shared<M> {
    /// All but what slots have of their own.
    fn fixed_bytes(&self, state: &State<M>) -> usize {
        // Two counts stand before what an `Arc` holds.
        let shared = size_of::<Self>() + 2 * size_of::<usize>();
        shared + state.ring.bytes() + self.metric.open_bytes()
    }
}

impl<M: Windowed> Ticked for Shared<M> {
    fn bytes(&self) -> usize {
        let state = self.state.lock();
        let slots: usize = state.ring.all().map(M::slot_bytes).sum();
        self.fixed_bytes(&state) + slots
    }

    fn tick(&self, now: Instant) {
        // Read with the lock: of two threads that tick, none takes the other's reading for a later one.
        let mut state = self.state.lock();
        let State { open, ring } = &mut *state;
        let Some(open) = open else {
            *open = Some(self.metric.open());
            ring.begin(now);
            return;
        };
        let ends = ring.is_due(now);
        if let Some(slot) = self.metric.read(open, ends) {
            ring.end(now, slot);
        }
    }
}
