//! What a writer has to bear from a reader on the other core: its own processor time for an event, with and without.
//!
//! Neither tells the other anything, since a word between them would cost what is to be measured: the id of an event is
//! its time, in steps of some eight events, so the reader knows which ids are new and which are old.

use super::{CACHED, Filled, LARGE, Ring, lap, set_up, store};
use crate::pair::{PairSide, Paired, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::events::{Events, Query, Stamp, Writer};
use flightdeck::{Clock, Ticks};
use std::cell::OnceCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ALONE: &str = "without a reader";
const PAUSE: Duration = Duration::from_micros(15);
/// Of some eight events.
const STEP: Duration = Duration::from_nanos(100);

/// What a reader asks for, in times or in ticks.
#[derive(Clone, Copy)]
enum Asked<T> {
    /// A few microseconds old: what was recorded just now is still on its way from the other core.
    Newest,
    /// Between so much and so much ago: in the ring still, and further back than the writer's caches reach.
    Between(T, T),
    /// What never was: each query looks at the tail and at the records that are not linked yet.
    Nothing,
}

pub(in crate::groups) struct Reader {
    pub(in crate::groups) name: &'static str,
    pause: Duration,
    asked: Asked<Duration>,
    pub(in crate::groups) bar: Option<f64>,
}

const NONE: Duration = Duration::ZERO;
const JUST_NOW: Duration = Duration::from_micros(3);

/// In 64 MiB, at 10 to 35 ns an event, 4 MiB are less than 1.5 ms ago, and 5 ms ago is less than a lap.
pub(in crate::groups) const OF_A_LARGE_RING: [Reader; 4] = [
    Reader { name: "a query per 15 us, newest ids", pause: PAUSE, asked: Asked::Newest, bar: Some(1.03) },
    Reader {
        name: "queries without pause, ids older than 4 MiB",
        pause: NONE,
        asked: Asked::Between(Duration::from_micros(1_500), Duration::from_micros(5_000)),
        bar: Some(1.05),
    },
    Reader { name: "queries without pause, newest ids", pause: NONE, asked: Asked::Newest, bar: Some(1.20) },
    Reader { name: "queries without pause, at the tail", pause: NONE, asked: Asked::Nothing, bar: None },
];

/// In 256 KiB a lap takes some 30 us.
const OF_A_CACHED_RING: [Reader; 4] = [
    Reader { name: "a query per 15 us, newest ids", pause: PAUSE, asked: Asked::Newest, bar: None },
    Reader {
        name: "queries without pause, ids half a lap old",
        pause: NONE,
        asked: Asked::Between(Duration::from_micros(10), Duration::from_micros(20)),
        bar: None,
    },
    Reader { name: "queries without pause, newest ids", pause: NONE, asked: Asked::Newest, bar: None },
    Reader { name: "queries without pause, at the tail", pause: NONE, asked: Asked::Nothing, bar: None },
];

pub(super) fn run(session: &mut Session) {
    rows(session, LARGE, &OF_A_LARGE_RING);
    rows(session, CACHED, &OF_A_CACHED_RING);
}

/// One measurement, a row for each reader.
fn rows(session: &mut Session, (bytes, ring): Ring, readers: &[Reader]) {
    let measured = OnceCell::new();
    for (at, reader) in readers.iter().enumerate() {
        let name =
            format!("event of 64 B, precise clock, Writer, {ring} ring, {}: its processor time", reader.name);
        session.row(&name, || {
            let Read { paired, found, set_up } = measured.get_or_init(|| measure(bytes, readers));
            let [queries, events] = &found[at];
            let (queries, events) = (queries.load(Ordering::Relaxed), events.load(Ordering::Relaxed));
            let each = events as f64 / queries as f64;
            let sides = [
                (format!("with {queries} queries that find {each:.1} events"), &paired.sides[at + 1]),
                (format!("{ALONE}, {set_up}"), &paired.sides[0]),
            ];
            let sides = sides.map(|(name, times)| Measured { name, samples: times.first_cpu.clone() });
            let bars: Vec<_> = reader.bar.map(|most| Bar::AtMostTimes(most, ALONE)).into_iter().collect();
            Row { gain: Some(paired.gain()), ..Row::of(sides, &bars) }
        });
    }
}

struct Read {
    paired: Paired,
    /// Queries, and events they found, of each reader.
    found: Vec<[AtomicU64; 2]>,
    set_up: String,
}

fn measure(bytes: usize, readers: &[Reader]) -> Read {
    let events = store(bytes, 1);
    let steps = Steps::of(&events);
    // All sides write to one ring, one after the other: with rings of their own, they would differ by where those lie.
    let writer = Mutex::new(events.writer().expect("a shard is free"));
    let write = |count: u64| {
        let mut writer = writer.lock().expect("nothing panics with it");
        (0..count).for_each(|n| steps.record(&mut writer, events.clock().now(), n));
    };
    write(lap(bytes));
    let found: Vec<_> = readers.iter().map(|_| [const { AtomicU64::new(0) }; 2]).collect();
    let alone = PairSide::of(ALONE, write, None);
    let with = readers.iter().zip(&found).map(|(reader, [queries, found])| {
        let clock = events.clock().clone();
        let mut asking = Asking::new(reader, steps, clock, |id| visited(events.query().correlation(id)));
        let ask = move |count: u64| {
            let events = asking.times(count);
            queries.fetch_add(count, Ordering::Relaxed);
            found.fetch_add(events, Ordering::Relaxed);
        };
        PairSide::of(reader.name, write, Some(Box::new(ask)))
    });
    let paired = in_pairs(std::iter::once(alone).chain(with).collect());
    Read { paired, found, set_up: set_up(&events) }
}

/// How many events it finds.
pub(in crate::groups) fn visited(query: Query<'_>) -> u64 {
    let mut found = 0;
    query.each(|_| found += 1).expect("the query contradicts nothing");
    found
}

/// Ids that are times: the shift of a step, in ticks.
#[derive(Clone, Copy)]
pub(in crate::groups) struct Steps(pub(in crate::groups) u32);

impl Steps {
    pub(in crate::groups) fn of(events: &Events) -> Self {
        Self(events.clock().converter().ticks_in(STEP).max(1).ilog2())
    }

    #[inline(always)]
    pub(in crate::groups) fn record(self, writer: &mut Writer, now: Ticks, n: u64) {
        writer.record_with(Stamp::of(self.at(now)).at(now), Filled::of(n));
    }

    #[inline(always)]
    fn at(self, time: Ticks) -> u64 {
        (time.0 >> self.0) + 1
    }
}

/// A reader at work.
pub(in crate::groups) struct Asking<F> {
    steps: Steps,
    clock: Clock,
    /// Queries for an id; how many events it found.
    find: F,
    asked: Asked<u64>,
    /// In ticks.
    pause: u64,
    /// In ticks.
    just_now: u64,
    /// When the next query is due.
    next: u64,
    random: u64,
}

impl<F: FnMut(u64) -> u64> Asking<F> {
    pub(in crate::groups) fn new(reader: &Reader, steps: Steps, clock: Clock, find: F) -> Self {
        let converter = clock.converter();
        let ticks = |span| converter.ticks_in(span);
        let asked = match reader.asked {
            Asked::Newest => Asked::Newest,
            Asked::Between(least, most) => Asked::Between(ticks(least), ticks(most)),
            Asked::Nothing => Asked::Nothing,
        };
        let (pause, just_now) = (ticks(reader.pause), ticks(JUST_NOW));
        Self { steps, clock, find, asked, pause, just_now, next: 0, random: 1 }
    }

    /// So many queries; how many events they found.
    pub(in crate::groups) fn times(&mut self, count: u64) -> u64 {
        (0..count).map(|_| self.once()).sum()
    }

    fn once(&mut self) -> u64 {
        let mut now = self.clock.now();
        while now.0 < self.next {
            now = self.clock.now();
        }
        self.next = now.0 + self.pause;
        let id = match self.asked {
            Asked::Newest => self.steps.at(Ticks(now.0 - self.just_now)),
            Asked::Between(least, most) => {
                self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                self.steps.at(Ticks(now.0.saturating_sub(least + (self.random >> 33) % (most - least))))
            }
            Asked::Nothing => u64::MAX,
        };
        (self.find)(id)
    }
}
