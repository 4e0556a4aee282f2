//! What a writer has to bear from a reader on the other core: its own processor time for an event, with and without.
//!
//! Neither tells the other anything, since a word between them would cost what is to be measured: the id of an event is
//! its time, in steps of some eight events, so the reader knows which ids are new and which are old.

use super::{CACHED, Filled, LARGE, Ring, lap, set_up, store};
use crate::pair::{PairSide, Paired, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::Ticks;
use flightdeck::events::{Events, Stamp, Writer};
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

struct Reader {
    name: &'static str,
    pause: Duration,
    asked: Asked<Duration>,
    bar: Option<f64>,
}

const NONE: Duration = Duration::ZERO;
const JUST_NOW: Duration = Duration::from_micros(3);

/// In 64 MiB, at 10 to 35 ns an event, 4 MiB are less than 1.5 ms ago, and 5 ms ago is less than a lap.
const OF_A_LARGE_RING: [Reader; 4] = [
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
    let converter = events.clock().converter();
    let ticks = |span| converter.ticks_in(span);
    let steps = Steps { events: &events, shift: ticks(STEP).max(1).ilog2() };
    // All sides write to one ring, one after the other: with rings of their own, they would differ by where those lie.
    let writer = Mutex::new(events.writer().expect("a shard is free"));
    let write = |count: u64| {
        let mut writer = writer.lock().expect("nothing panics with it");
        (0..count).for_each(|n| steps.record(&mut writer, n));
    };
    write(lap(bytes));
    let found: Vec<_> = readers.iter().map(|_| [const { AtomicU64::new(0) }; 2]).collect();
    let alone = PairSide::of(ALONE, write, None);
    let with = readers.iter().zip(&found).map(|(reader, [queries, events])| {
        let asked = match reader.asked {
            Asked::Newest => Asked::Newest,
            Asked::Between(least, most) => Asked::Between(ticks(least), ticks(most)),
            Asked::Nothing => Asked::Nothing,
        };
        let (pause, just_now) = (ticks(reader.pause), ticks(JUST_NOW));
        let mut asking = Asking { steps, asked, pause, just_now, next: 0, random: 1 };
        let ask = move |count: u64| {
            let found = (0..count).map(|_| asking.once()).sum();
            queries.fetch_add(count, Ordering::Relaxed);
            events.fetch_add(found, Ordering::Relaxed);
        };
        PairSide::of(reader.name, write, Some(Box::new(ask)))
    });
    let paired = in_pairs(std::iter::once(alone).chain(with).collect());
    Read { paired, found, set_up: set_up(&events) }
}

/// Ids that are times.
#[derive(Clone, Copy)]
struct Steps<'a> {
    events: &'a Events,
    /// Of a step, in ticks.
    shift: u32,
}

impl Steps<'_> {
    #[inline(always)]
    fn record(self, writer: &mut Writer, n: u64) {
        let now = self.events.clock().now();
        writer.record_with(Stamp::of(self.at(now)).at(now), Filled::of(n));
    }

    #[inline(always)]
    fn at(self, time: Ticks) -> u64 {
        (time.0 >> self.shift) + 1
    }
}

/// A reader at work.
struct Asking<'a> {
    steps: Steps<'a>,
    asked: Asked<u64>,
    /// In ticks.
    pause: u64,
    /// In ticks.
    just_now: u64,
    /// When the next query is due.
    next: u64,
    random: u64,
}

impl Asking<'_> {
    /// One query; how many events it found.
    fn once(&mut self) -> u64 {
        let clock = self.steps.events.clock();
        let mut now = clock.now();
        while now.0 < self.next {
            now = clock.now();
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
        let mut found = 0;
        let query = self.steps.events.query().correlation(id);
        query.each(|_| found += 1).expect("the query contradicts nothing");
        found
    }
}
