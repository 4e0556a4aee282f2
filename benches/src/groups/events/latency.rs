//! Not the mean but the slowest of 100, 1,000 and 10,000 events.
//!
//! A pair of readings of the time-stamp counter around an event, and one around nothing, in turns of a thousand; a
//! quantile of the one minus the same quantile of the other is what the event adds. A machine that is interrupted so
//! often that even nothing takes long says nothing about events: its rounds are discarded and counted.

use super::{CACHED, LARGE, Ring, in_runs, lap, precise, set_up, store, unique};
use crate::measure::Samples;
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use std::cell::OnceCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Per 10,000, how people say it, and at most so many nanoseconds over an empty loop's: in the cache, and not.
const QUANTILES: [(u64, &str, f64, f64); 3] =
    [(9_900, "p99", 20.0, 40.0), (9_990, "p99.9", 50.0, 250.0), (9_999, "p99.99", 300.0, 500.0)];
/// Rounds in which the empty loop's p99.9 is longer are discarded.
const LOUDEST: f64 = 60.0;
const ROUNDS: usize = 20;
/// So many are tried to have as many quiet ones.
const MOST_ROUNDS: usize = 80;
/// Fewer quiet ones tell nothing.
const LEAST_ROUNDS: usize = 5;
/// Turns in a round, of so many events and so many empty pairs each.
const TURNS: usize = 300;
const EVENTS: u64 = 1_000;

pub(super) fn run(session: &mut Session) {
    rows(session, CACHED, "ids in runs of 8", in_runs);
    rows(session, LARGE, "all ids unique", unique);
}

/// Three rows of one measurement.
fn rows(session: &mut Session, ring: Ring, ids: &str, id: impl Fn(u64) -> u64 + Copy) {
    let measured = OnceCell::new();
    for (at, (_, name, cached, large)) in QUANTILES.into_iter().enumerate() {
        let bar = if ring == CACHED { cached } else { large };
        let title =
            format!("latency of an event of 64 B, precise clock, Writer, {} ring, {ids}, {name}", ring.1);
        session.row(&title, || {
            let measured = measured.get_or_init(|| measure(ring, id));
            let samples = |pick: fn(&Round) -> &[f64; 3]| {
                Samples(measured.rounds.iter().map(|round| pick(round)[at]).collect())
            };
            let (own, empty) = (samples(|round| &round.own), samples(|round| &round.empty));
            let over = Samples(own.0.iter().zip(&empty.0).map(|(own, empty)| own - empty).collect());
            let discarded = measured.discarded;
            let sides = [
                (format!("flightdeck Writer over the empty loop, {}", measured.set_up), over),
                ("the loop with the event".to_owned(), own),
                (format!("the empty loop; {discarded} rounds discarded, p99.9 over {LOUDEST} ns"), empty),
            ];
            let row = Row::of(sides.map(Measured::from), &[Bar::MedianAtMost(bar)]);
            let kept = measured.rounds.len();
            let unfit = (kept < LEAST_ROUNDS).then(|| format!("{kept} quiet rounds of {}", kept + discarded));
            Row { unfit, ..row }
        });
    }
}

struct Latencies {
    rounds: Vec<Round>,
    discarded: usize,
    set_up: String,
}

/// Quantiles in nanoseconds.
struct Round {
    own: [f64; 3],
    empty: [f64; 3],
}

fn measure((bytes, _): Ring, id: impl Fn(u64) -> u64) -> Latencies {
    let events = store(bytes, 1);
    let mut writer = events.writer().expect("a shard is free");
    let mut n = 0;
    while n < lap(bytes) {
        n += 1;
        precise(&mut writer, id(n), n);
    }
    let tick = nanoseconds_per_tick();
    let mut measured = Latencies { rounds: Vec::new(), discarded: 0, set_up: set_up(&events) };
    while measured.rounds.len() < ROUNDS && measured.rounds.len() + measured.discarded < MOST_ROUNDS {
        let (mut own, mut empty) = (Histogram::new(), Histogram::new());
        for _ in 0..TURNS {
            for number in n..n + EVENTS {
                let number = black_box(number + 1);
                let start = ticks();
                precise(&mut writer, id(number), number);
                own.count(ticks() - start);
            }
            n += EVENTS;
            for _ in 0..EVENTS {
                let start = ticks();
                empty.count(ticks() - start);
            }
        }
        let quantiles =
            |of: &Histogram| QUANTILES.map(|(per_10_000, ..)| of.quantile(per_10_000) as f64 * tick);
        let round = Round { own: quantiles(&own), empty: quantiles(&empty) };
        if round.empty[1] > LOUDEST { measured.discarded += 1 } else { measured.rounds.push(round) }
    }
    measured
}

/// How often each number of ticks was seen: exact, and hot in a few lines. Longer ones count as the longest.
pub(in crate::groups) struct Histogram(Vec<u32>);

impl Histogram {
    pub(in crate::groups) fn new() -> Self {
        Self(vec![0; 1 << 14])
    }

    #[inline(always)]
    pub(in crate::groups) fn count(&mut self, ticks: u64) {
        let last = self.0.len() - 1;
        self.0[(ticks as usize).min(last)] += 1;
    }

    pub(in crate::groups) fn quantile(&self, per_10_000: u64) -> usize {
        let all: u64 = self.0.iter().copied().map(u64::from).sum();
        let mut seen = 0;
        let reached = |count: &u32| {
            seen += u64::from(*count);
            seen * 10_000 >= all * per_10_000
        };
        self.0.iter().position(reached).unwrap_or_default()
    }
}

/// The time-stamp counter: after all that stands before, and before all that follows.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(in crate::groups) fn ticks() -> u64 {
    use std::arch::x86_64::{__rdtscp, _mm_lfence};
    use std::sync::atomic::{Ordering, compiler_fence};
    let mut core = 0;
    compiler_fence(Ordering::SeqCst);
    // SAFETY: a processor of this architecture; the core's number goes into a variable of ours.
    let ticks = unsafe {
        let ticks = __rdtscp(&raw mut core);
        _mm_lfence();
        ticks
    };
    compiler_fence(Ordering::SeqCst);
    ticks
}

#[cfg(not(target_arch = "x86_64"))]
pub(in crate::groups) fn ticks() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

pub(in crate::groups) fn nanoseconds_per_tick() -> f64 {
    let (start, first) = (Instant::now(), ticks());
    while start.elapsed() < Duration::from_millis(20) {}
    start.elapsed().as_nanos() as f64 / (ticks() - first) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_least_that_covers_its_share() {
        let mut histogram = Histogram::new();
        (1..=10_000).for_each(|ticks| histogram.count(ticks));
        assert_eq!([5_000, 9_900, 9_999].map(|share| histogram.quantile(share)), [5_000, 9_900, 9_999]);
        histogram.count(u64::MAX);
        assert_eq!(histogram.quantile(10_000), (1 << 14) - 1, "what is too long is the longest");
    }
}
