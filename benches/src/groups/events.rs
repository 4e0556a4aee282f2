//! Events: 64 bytes of payload, with the index where there is one.
//!
//! Each row stands once for a [`Writer`], for which the bars hold, and once for `record` through the
//! thread's own shard, shown beside it. Ids change every eight events, as those of requests do. Each side owns what
//! it works on, as a loop would, and does not find it behind one more pointer.

use crate::measure::Side;
use crate::pair::PairSide;
use crate::row::{Bar, Row};
use crate::session::Session;
use backbeat::recorder::Recorder;
use backbeat::zerocopy::{Immutable, IntoBytes};
use crossbeam_queue::ArrayQueue;
use flightdeck::events::{Batch, Class, Events, Shares, Stamp, Writer};
use flightdeck::{Clock, Ticks};
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Mutex;

flightdeck::kind! {
    Filled("order.filled") { a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64 }
}

impl Filled {
    fn of(n: u64) -> Self {
        Self { a: n, b: n, c: n, d: n, e: n, f: n, g: n, h: n }
    }
}

/// The same for backbeat, whose key is the nearest thing to an id.
#[derive(backbeat::Event, IntoBytes, Immutable)]
#[event(namespace = "scorecard")]
#[repr(C)]
struct BackbeatFilled {
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
    fn of(n: u64) -> Self {
        Self { a: id(n), b: n, c: n, d: n, e: n, f: n, g: n, h: n }
    }
}

/// What queues keep: time, id, payload.
type Queued = [u64; 10];

fn queued(n: u64) -> Queued {
    [n, id(n), n, n, n, n, n, n, n, n]
}

const CLOCK: &str = "one clock read";
const BACKBEAT: &str = "backbeat, a ring per core, its own clock, no index";
const DEQUE: &str = "Mutex<VecDeque>, supplied time, no index";
const QUEUE: &str = "ArrayQueue::force_push, supplied time, no index";
const SINGLY: &str = "the same events one by one";
const COPY: &str = "memcpy of the same 112 bytes into a ring";

/// Ring sizes: one that stays in a core's cache, one that does not.
const RINGS: [(usize, &str); 2] = [(256 << 10, "256 KiB"), (64 << 20, "64 MiB")];

/// Eight events an id. Never zero, which means none.
fn id(n: u64) -> u64 {
    n / 8 + 1
}

/// Events that are sure to touch all of a ring of so many bytes.
fn lap(bytes: usize) -> u64 {
    (bytes / size_of::<Queued>() + 1) as u64
}

/// A store whose kept shards have rings of `ring` bytes.
fn store(ring: usize, shards: usize) -> Events {
    let memories = (8..).map(|eighths| ring * shards * eighths / 8);
    let mut builders = memories
        .map(|memory| Events::builder().memory(memory).shards(shards).shares(Shares::only(Class::Normal)));
    let large_enough = |builder: &flightdeck::events::Builder| {
        builder.plan().is_ok_and(|plan| plan.ring[Class::Normal] >= ring)
    };
    let builder = builders.find(large_enough).expect("some memory suffices");
    let events = builder.build().expect("the machine has this much memory");
    assert_eq!(
        events.plan().ring[Class::Normal],
        ring,
        "the least memory has the smallest ring that is large enough"
    );
    events
}

fn recorder(bytes: usize) -> Recorder {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let recorder = Recorder::new(cores, bytes);
    recorder.set_enabled(true);
    recorder
}

fn clock_read(clock: &Clock) -> Side<'_> {
    Side::each(format!("{CLOCK} ({:?})", clock.source()), |_| {
        black_box(clock.now());
    })
}

pub(super) fn run(session: &mut Session) {
    for (bytes, ring) in RINGS {
        one_thread(session, bytes, ring);
        two_threads(session, bytes, ring);
    }
    between_work(session);
    batches(session);
}

fn one_thread(session: &mut Session, bytes: usize, ring: &str) {
    session.row(&format!("event of 64 B, precise clock, Writer, {ring} ring"), || {
        let (events, recorder) = (store(bytes, 1), recorder(bytes));
        let mut writer = events.writer().expect("a shard is free");
        Row::measure(
            Side::each("flightdeck Writer, indexed", move |n| {
                writer.record_with(Stamp::of(id(n)), Filled::of(n))
            })
            .warmed(lap(bytes)),
            vec![
                clock_read(events.clock()),
                Side::each(BACKBEAT, move |n| recorder.record(&BackbeatFilled::of(n))).warmed(lap(bytes)),
            ],
            &[Bar::AtMostTimes(1.6, CLOCK), Bar::FasterThan(BACKBEAT)],
        )
    });
    session.row(&format!("event of 64 B, supplied time, Writer, {ring} ring"), || {
        let events = store(bytes, 1);
        let mut writer = events.writer().expect("a shard is free");
        let (deque, queue) = (Deque::of(bytes), ArrayQueue::new(bytes / size_of::<Queued>()));
        let mut copies = Copies::of(bytes);
        Row::measure(
            Side::each("flightdeck Writer, indexed", move |n| supplied(&mut writer, n)).warmed(lap(bytes)),
            vec![
                Side::each(COPY, move |_| copies.push()).warmed(lap(bytes)),
                Side::each(DEQUE, move |n| deque.push(n)).warmed(lap(bytes)),
                Side::each(QUEUE, move |n| {
                    black_box(queue.force_push(queued(n)));
                })
                .warmed(lap(bytes)),
            ],
            &[Bar::FloorAtMost(10.0)],
        )
    });
    session.row(&format!("event of 64 B, precise clock, record, {ring} ring"), || {
        let (events, recorder) = (store(bytes, 1), recorder(bytes));
        Row::measure(
            Side::each("flightdeck record, indexed", |n| events.record_with(Stamp::of(id(n)), Filled::of(n)))
                .warmed(lap(bytes)),
            vec![
                clock_read(events.clock()),
                Side::each(BACKBEAT, move |n| recorder.record(&BackbeatFilled::of(n))).warmed(lap(bytes)),
            ],
            &[],
        )
    });
    session.row(&format!("event of 64 B, supplied time, record, {ring} ring"), || {
        let events = store(bytes, 1);
        let mut copies = Copies::of(bytes);
        Row::measure(
            Side::each("flightdeck record, indexed", |n| {
                events.record_with(Stamp::of(id(n)).at(Ticks(n)), Filled::of(n));
            })
            .warmed(lap(bytes)),
            vec![Side::each(COPY, move |_| copies.push()).warmed(lap(bytes))],
            &[],
        )
    });
}

/// A host that works between events leaves them nothing in the first-level cache: the difference is what an event
/// costs there.
fn between_work(session: &mut Session) {
    session.row("event of 64 B, precise clock, record, after the host touched 32 KiB", || {
        let events = store(RINGS[1].0, 1);
        let (mut work, mut alone) = (Work::of(512), Work::of(512));
        let ours = move |n| {
            work.touch();
            events.record_with(Stamp::of(id(n)), Filled::of(n));
        };
        Row::measure(
            Side::each("touching, and flightdeck record", ours).warmed(lap(RINGS[1].0)),
            vec![Side::each("the touching alone", move |_| alone.touch())],
            &[],
        )
    });
}

/// So many cache lines of a host's own.
struct Work(Vec<[u64; 8]>);

impl Work {
    fn of(lines: usize) -> Self {
        Self(vec![[0; 8]; lines])
    }

    fn touch(&mut self) {
        self.0.iter_mut().for_each(|line| line[0] = line[0].wrapping_add(1));
        black_box(&self.0);
    }
}

fn batches(session: &mut Session) {
    session.row("event of 64 B in a batch of 16, supplied time, Writer, 256 KiB ring", || {
        let bytes = RINGS[0].0;
        let (events, single) = (store(bytes, 1), store(bytes, 1));
        let (mut writer, mut singly) = (events.writer().expect("free"), single.writer().expect("free"));
        let mut batch = Batch::new();
        let ours = move |n: u64| {
            batch.push_with(Stamp::of(id(n)).at(Ticks(n)), Filled::of(n));
            if n.is_multiple_of(16) {
                writer.record_batch(&mut batch).expect("it fits");
            }
        };
        Row::measure(
            Side::each("flightdeck Batch, filled and recorded, indexed", ours).warmed(lap(bytes)),
            vec![Side::each(SINGLY, move |n| supplied(&mut singly, n)).warmed(lap(bytes))],
            &[],
        )
    });
}

fn two_threads(session: &mut Session, bytes: usize, ring: &str) {
    session.row(&format!("event of 64 B, supplied time, two Writers, {ring} rings"), || {
        let events = store(bytes, 2);
        let writers = [(); 2].map(|()| events.writer().expect("a shard is free"));
        let (deque, queue) = (Deque::of(2 * bytes), ArrayQueue::new(2 * bytes / size_of::<Queued>()));
        let (deque, queue) = (&deque, &queue);
        Row::measure_pairs(
            PairSide::each(
                "flightdeck Writer, indexed",
                writers.map(|mut writer| move |n| supplied(&mut writer, n)),
            ),
            vec![
                PairSide::each(DEQUE, [move |n| deque.push(n); 2]),
                PairSide::each(
                    QUEUE,
                    [move |n| {
                        black_box(queue.force_push(queued(n)));
                    }; 2],
                ),
            ],
            &[Bar::FasterThan(DEQUE), Bar::FasterThan(QUEUE)],
        )
    });
    session.row(&format!("event of 64 B, precise clock, two threads record, {ring} rings"), || {
        let (events, recorder) = (store(bytes, 2), recorder(bytes));
        let (events, recorder) = (&events, &recorder);
        let ours = move |n| events.record_with(Stamp::of(id(n)), Filled::of(n));
        Row::measure_pairs(
            PairSide::each("flightdeck record, indexed", [ours; 2]),
            vec![PairSide::each(BACKBEAT, [move |n| recorder.record(&BackbeatFilled::of(n)); 2])],
            &[],
        )
    });
}

#[inline(always)]
fn supplied(writer: &mut Writer, n: u64) {
    writer.record_with(Stamp::of(id(n)).at(Ticks(n)), Filled::of(n));
}

/// The obvious store: a lock, and the oldest goes.
struct Deque {
    events: Mutex<VecDeque<Queued>>,
    most: usize,
}

impl Deque {
    fn of(bytes: usize) -> Self {
        let most = bytes / size_of::<Queued>();
        Self { events: Mutex::new(VecDeque::with_capacity(most)), most }
    }

    fn push(&self, n: u64) {
        let mut events = self.events.lock().expect("nothing panics with it");
        if events.len() == self.most {
            events.pop_front();
        }
        events.push_back(queued(n));
    }
}

/// As many bytes as one of our records has: what is physically possible.
struct Copies {
    ring: Vec<[u64; 14]>,
    source: [u64; 14],
    next: usize,
}

impl Copies {
    fn of(bytes: usize) -> Self {
        Self { ring: vec![[0; 14]; bytes / size_of::<[u64; 14]>()], source: [0; 14], next: 0 }
    }

    fn push(&mut self) {
        self.ring[self.next] = *black_box(&self.source);
        self.next = if self.next + 1 == self.ring.len() { 0 } else { self.next + 1 };
        black_box(&self.ring);
    }
}
