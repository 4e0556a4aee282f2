//! What others would keep the same events in.

use super::in_runs;
use backbeat::recorder::Recorder;
use backbeat::zerocopy::{Immutable, IntoBytes};
use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Subscriber};
use tracing_flight_recorder::{FlightRecorder, FlightRecorderLayer};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, registry};

pub(super) const BACKBEAT: &str = "backbeat, a ring per core, its own clock, no index";
pub(super) const DEQUE: &str = "Mutex<VecDeque>, supplied time, no index";
pub(super) const QUEUE: &str = "ArrayQueue::force_push, supplied time, no index";
pub(super) const COPY: &str = "memcpy of the same";
pub(super) const COPY_OF_PAYLOAD: &str = "memcpy of the payload's";
pub(super) const TRACING: &str = "tracing event into a layer that formats into a ring";
pub(super) const RECORDER: &str = "tracing event into tracing-flight-recorder";

/// The same for backbeat, whose key is the nearest thing to an id.
#[derive(backbeat::Event, IntoBytes, Immutable)]
#[event(namespace = "scorecard")]
#[repr(C)]
pub(super) struct BackbeatFilled {
    /// The id.
    #[event(key)]
    a: u64,
    /// Payload.
    b: u64,
    /// Payload.
    c: u64,
    /// Payload.
    d: u64,
    /// Payload.
    e: u64,
    /// Payload.
    f: u64,
    /// Payload.
    g: u64,
    /// Payload.
    h: u64,
}

impl BackbeatFilled {
    pub(super) fn of(n: u64) -> Self {
        Self { a: in_runs(n), b: n, c: n, d: n, e: n, f: n, g: n, h: n }
    }
}

pub(super) fn recorder(bytes: usize) -> Recorder {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let recorder = Recorder::new(cores, bytes);
    recorder.set_enabled(true);
    recorder
}

/// What queues keep: time, id, payload.
pub(super) type Queued = [u64; 10];

pub(super) fn queued(n: u64) -> Queued {
    [n, in_runs(n), n, n, n, n, n, n, n, n]
}

/// The obvious store: a lock, and the oldest goes.
pub(super) struct Deque {
    events: Mutex<VecDeque<Queued>>,
    most: usize,
}

impl Deque {
    pub(super) fn of(bytes: usize) -> Self {
        let most = bytes / size_of::<Queued>();
        Self { events: Mutex::new(VecDeque::with_capacity(most)), most }
    }

    pub(super) fn push(&self, n: u64) {
        let mut events = self.events.lock().expect("nothing panics with it");
        if events.len() == self.most {
            events.pop_front();
        }
        events.push_back(queued(n));
    }
}

/// As many bytes as one of our records has: what is physically possible.
pub(super) struct Copies<const WORDS: usize> {
    ring: Vec<[u64; WORDS]>,
    source: [u64; WORDS],
    next: usize,
}

impl<const WORDS: usize> Copies<WORDS> {
    pub(super) fn of(bytes: usize) -> Self {
        Self { ring: vec![[0; WORDS]; bytes / size_of::<[u64; WORDS]>()], source: [0; WORDS], next: 0 }
    }

    pub(super) fn name(what: &str) -> String {
        format!("{what} {} bytes into a ring", size_of::<[u64; WORDS]>())
    }

    #[inline(always)]
    pub(super) fn push(&mut self) {
        self.ring[self.next].copy_from_slice(black_box(&self.source));
        self.next = if self.next + 1 == self.ring.len() { 0 } else { self.next + 1 };
        black_box(&self.ring);
    }
}

/// As many lines as are kept. Their text takes about as much memory as a ring of 256 KiB.
const LINES: usize = 2_048;

/// A layer as one writes it: the time, the level and the fields as text, in the buffer of the line that goes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<VecDeque<(SystemTime, String)>>>);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut lines = self.0.lock().expect("nothing panics with it");
        let mut line = if lines.len() < LINES { None } else { lines.pop_front() }
            .unwrap_or_else(|| (SystemTime::UNIX_EPOCH, String::new()));
        line.0 = SystemTime::now();
        line.1.clear();
        let metadata = event.metadata();
        let _ = write!(line.1, "{} {}", metadata.level(), metadata.name());
        event.record(&mut Text(&mut line.1));
        lines.push_back(line);
    }
}

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        let _ = write!(self.0, " {}={value}", field.name());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

/// One of the two subscribers; what they kept is counted when they drop.
pub(super) struct Tracing {
    dispatch: Dispatch,
    kept: Box<dyn Fn() -> usize>,
}

impl Tracing {
    /// A registry and a layer that formats into a bounded ring.
    pub(super) fn lines() -> Self {
        let lines = Lines::default();
        let subscriber = registry().with(lines.clone());
        let kept = move || lines.0.lock().expect("nothing panics with it").len();
        Self { dispatch: Dispatch::new(subscriber), kept: Box::new(kept) }
    }

    /// As its documentation sets it up.
    pub(super) fn flight_recorder() -> Self {
        let recorder = FlightRecorder::new(LINES);
        let layer = FlightRecorderLayer::new(recorder.clone());
        let subscriber = registry().with(layer.with_filter(EnvFilter::new("flightdeck_benches=debug,warn")));
        Self { dispatch: Dispatch::new(subscriber), kept: Box::new(move || recorder.snapshot().len()) }
    }

    /// Records so many events. The subscriber is entered once, so that a host with a global one has no advantage.
    pub(super) fn run(&self, numbers: impl Iterator<Item = u64>) {
        let _entered = tracing::dispatcher::set_default(&self.dispatch);
        for n in numbers {
            let n = black_box(n);
            let id = in_runs(n);
            tracing::info!(name: "order.filled", id, a = n, b = n, c = n, d = n, e = n, f = n, g = n, h = n);
        }
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        assert_eq!((self.kept)(), LINES, "the peer kept nothing, so its figure is worth nothing");
    }
}
