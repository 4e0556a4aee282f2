//! Rolling windows: what they say, and of what time. Nobody sleeps: ticks come when the tests say they do.

mod support;

use flightdeck::Flightdeck;
use flightdeck::telemetry::{
    Counter, FloatGauge, Gauge, Histogram, Resolution, Telemetry, Window, WindowError, WindowStats,
};
use proptest::prelude::*;
use std::time::{Duration, Instant};
use support::until;

const SECOND: Duration = Duration::from_secs(1);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A telemetry whose time a test moves on.
struct Host {
    telemetry: Telemetry,
    now: Instant,
}

impl Host {
    fn new() -> Self {
        Self { telemetry: Telemetry::new(), now: Instant::now() }
    }

    fn tick_after(&mut self, time: Duration) {
        self.now += time;
        self.telemetry.tick(self.now);
    }
}

fn counted(slots: usize) -> (Host, Counter, Window<Counter>) {
    let host = Host::new();
    let counter = host.telemetry.counter("requests_total");
    let window = host.telemetry.window(&counter, slots, SECOND).unwrap();
    host.telemetry.tick(host.now);
    (host, counter, window)
}

#[test]
fn a_rate_is_that_of_the_newest_slots() {
    let (mut host, counter, window) = counted(60);
    for amount in [5, 10, 20, 40] {
        counter.increment(amount);
        host.tick_after(SECOND);
    }
    counter.increment(1_000); // Of a slot that has not ended.
    let increase = |over| window.increase(over).map(|all| (all.value, all.lasted)).unwrap();
    assert_eq!(increase(Duration::ZERO), (40, SECOND));
    assert_eq!(increase(SECOND), (40, SECOND));
    assert_eq!(increase(3 * SECOND), (70, 3 * SECOND));
    assert_eq!(increase(seconds(2.4)), (60, 2 * SECOND));
    assert_eq!(increase(seconds(2.6)), (70, 3 * SECOND));
    assert_eq!(increase(Duration::MAX), (75, 4 * SECOND));
    let rate = window.rate(2 * SECOND).unwrap();
    assert_eq!((rate.value, rate.lasted, rate.until), (30.0, 2 * SECOND, host.now));
}

#[test]
fn there_is_no_answer_before_the_first_slot_has_ended() {
    let mut host = Host::new();
    let (counter, gauge) = (host.telemetry.counter("counter"), host.telemetry.gauge("gauge"));
    let histogram = host.telemetry.histogram("histogram");
    let of_counter = host.telemetry.window(&counter, 5, SECOND).unwrap();
    let of_gauge = host.telemetry.window(&gauge, 5, SECOND).unwrap();
    let of_histogram = host.telemetry.window(&histogram, 5, SECOND).unwrap();
    let answers = || {
        [
            of_counter.increase(SECOND).is_some(),
            of_counter.rate(SECOND).is_some(),
            of_gauge.min(SECOND).is_some(),
            of_gauge.max(SECOND).is_some(),
            of_gauge.last().is_some(),
            of_histogram.values(SECOND).is_some(),
            of_histogram.quantile(0.5, SECOND).is_some(),
            of_histogram.rate(SECOND).is_some(),
        ]
    };
    counter.increment(7); // Before the first tick: in no slot.
    histogram.record(7);
    assert_eq!(answers(), [false; 8]);
    host.tick_after(SECOND);
    assert_eq!(answers(), [false; 8]);
    counter.increment(1);
    histogram.record(9);
    host.tick_after(SECOND / 2);
    assert_eq!(answers(), [false; 8]);
    host.tick_after(SECOND / 2);
    assert_eq!(answers(), [true; 8]);
    assert_eq!(of_counter.increase(SECOND).unwrap().value, 1);
    assert_eq!(of_histogram.quantile(1.0, SECOND).unwrap().value, 9);
    host.tick_after(SECOND);
    assert_eq!(of_histogram.quantile(1.0, SECOND), None, "none were counted in that slot");
    assert_eq!(of_histogram.rate(SECOND).unwrap().value, 0.0);
}

#[test]
fn quantiles_are_those_of_what_was_counted_lately() {
    let mut host = Host::new();
    let latency = host.telemetry.histogram("latency_ns");
    let window = host.telemetry.window(&latency, 60, SECOND).unwrap();
    latency.record(1 << 30);
    host.telemetry.tick(host.now);
    (0..100).for_each(|_| latency.record(50));
    host.tick_after(SECOND);
    (0..10).for_each(|value| latency.record(value));
    latency.record(u64::MAX); // Beyond the range.
    host.tick_after(SECOND);
    let newest = window.values(SECOND).unwrap();
    assert_eq!((newest.value.count(), newest.value.overflowed(), newest.lasted), (11, 1, SECOND));
    assert_eq!(newest.value.sum(), 45_u64.wrapping_add(u64::MAX));
    assert_eq!(window.quantile(0.5, SECOND).unwrap().value, 5);
    assert_eq!(window.quantile(0.5, 2 * SECOND).unwrap().value, 50);
    assert_eq!(window.values(2 * SECOND).unwrap().value.count(), 111, "not what was there before");
    assert_eq!(window.rate(2 * SECOND).unwrap().value, 55.5);
}

#[test]
fn quantiles_are_as_exact_as_the_histogram() {
    let mut host = Host::new();
    let fine = Resolution::new(8).up_to(1 << 40);
    let sizes = host.telemetry.histogram_of("sizes", &[], fine);
    let window = host.telemetry.window(&sizes, 5, SECOND).unwrap();
    host.telemetry.tick(host.now);
    (1..=1_000).for_each(|value| sizes.record(value << 20));
    host.tick_after(SECOND);
    let values = window.values(SECOND).unwrap().value;
    assert_eq!((values.resolution(), &values), (sizes.resolution(), &sizes.values()));
    let (exact, read) = (990_u64 << 20, window.quantile(0.99, SECOND).unwrap().value);
    assert!((exact..exact + (exact >> 8)).contains(&read), "{read} for {exact}");
    assert!(window.bytes() <= window.most_bytes());
}

#[test]
fn gauges_have_the_extremes_of_all_ticks_in_a_slot() {
    let mut host = Host::new();
    let (queue, load) = (host.telemetry.gauge("queue"), host.telemetry.float_gauge("load"));
    let of_queue = host.telemetry.window(&queue, 3, SECOND).unwrap();
    let of_load = host.telemetry.window(&load, 3, SECOND).unwrap();
    let open = host.telemetry.up_down_counter("open");
    let of_open = host.telemetry.window(&open, 3, SECOND).unwrap();
    let set = |queued: i64, host: &mut Host| {
        queue.set(queued);
        open.add(queued - open.value());
        load.set(queued as f64 / 2.0);
        host.tick_after(SECOND / 2);
    };
    // The first begins the first slot.
    for queued in [1_000, -7, 3, 90, 4, 5, 6] {
        set(queued, &mut host);
    }
    let both = |over| (of_queue.min(over).unwrap().value, of_queue.max(over).unwrap().value);
    assert_eq!(both(SECOND), (5, 6));
    assert_eq!(both(2 * SECOND), (4, 90));
    assert_eq!(both(9 * SECOND), (-7, 90));
    assert_eq!(of_queue.last().unwrap().value, 6);
    let both = |over| (of_open.min(over).unwrap().value, of_open.max(over).unwrap().value);
    assert_eq!((both(2 * SECOND), both(9 * SECOND)), ((4, 90), (-7, 90)));
    assert_eq!(of_load.min(9 * SECOND).unwrap().value, -3.5);
    assert_eq!(of_load.max(9 * SECOND).unwrap().value, 45.0);
    load.set(f64::NAN);
    host.tick_after(SECOND);
    assert_eq!(of_load.min(2 * SECOND).unwrap().value, 2.5, "what is no number is passed over");
    assert!(of_load.max(SECOND).unwrap().value.is_nan(), "there is nothing else");
    assert!(of_load.last().unwrap().value.is_nan());
}

#[test]
fn a_late_tick_ends_one_longer_slot_and_is_counted() {
    let (mut host, counter, window) = counted(10);
    counter.increment(10);
    host.tick_after(SECOND);
    counter.increment(90);
    host.tick_after(seconds(4.2));
    counter.increment(20);
    host.tick_after(SECOND);
    let answer = |over| window.increase(over).map(|all| (all.value, all.lasted)).unwrap();
    assert_eq!(answer(SECOND), (20, SECOND));
    assert_eq!(answer(2 * SECOND), (110, seconds(5.2)), "as one, whatever was asked for");
    assert_eq!(answer(6 * SECOND), (120, seconds(6.2)));
    assert_eq!(window.rate(2 * SECOND).unwrap().value, 110.0 / 5.2);
    let stats = window.stats();
    assert_eq!((stats.slots, stats.ended, stats.late, stats.missed), (3, 3, 1, 3));
}

#[test]
fn ticks_that_are_a_little_early_end_slots_and_others_do_not() {
    let (mut host, counter, window) = counted(10);
    for _ in 0..4 {
        counter.increment(1);
        host.tick_after(seconds(0.96));
    }
    let answer = window.increase(10 * SECOND).unwrap();
    assert_eq!((answer.value, answer.lasted), (4, seconds(3.84)));
    for _ in 0..10 {
        counter.increment(1);
        host.tick_after(SECOND / 10);
    }
    let stats = window.stats();
    assert_eq!((stats.ended, stats.late, stats.missed), (5, 0, 0));
    assert_eq!(window.increase(SECOND).unwrap().value, 10);
    // Time that goes backwards, as another thread's may that ticks as well.
    counter.increment(3);
    host.telemetry.tick(host.now - 5 * SECOND);
    assert_eq!(window.stats(), stats);
    host.tick_after(SECOND);
    assert_eq!(window.increase(SECOND).map(|all| (all.value, all.lasted)), Some((3, SECOND)));
}

#[test]
fn old_slots_make_room_for_new_ones() {
    let (mut host, counter, window) = counted(3);
    for amount in 1..=10 {
        counter.increment(amount);
        host.tick_after(SECOND);
    }
    let all = window.increase(Duration::MAX).unwrap();
    assert_eq!((all.value, all.lasted), (8 + 9 + 10, 3 * SECOND));
    assert_eq!((window.stats().slots, window.stats().ended), (3, 10));
    let (_, _, one) = counted(1);
    assert_eq!(one.stats(), WindowStats::default());
}

#[test]
fn counts_that_wrap_are_no_jump() {
    let (mut host, counter, window) = counted(5);
    counter.increment(u64::MAX - 4);
    host.tick_after(SECOND);
    counter.increment(11);
    host.tick_after(SECOND);
    assert_eq!(counter.value(), 6);
    assert_eq!(window.increase(SECOND).unwrap().value, 11);
    assert_eq!(window.rate(SECOND).unwrap().value, 11.0);
    assert_eq!(window.increase(2 * SECOND).unwrap().value, 6, "more than fits wraps, as the counter does");
}

#[test]
fn a_window_holds_its_series_and_is_forgotten_with_its_last_clone() {
    let mut host = Host::new();
    let labels = [("method", "GET")];
    let window = {
        let counter = host.telemetry.counter_with("hits_total", &labels);
        host.telemetry.window(&counter, 5, SECOND).unwrap()
    };
    let clone = window.clone();
    drop(window);
    host.tick_after(SECOND);
    let retired = host.telemetry.retire_idle(Duration::ZERO);
    assert_eq!((retired.series, retired.held_by_handles), (0, 1));
    host.telemetry.counter_with("hits_total", &labels).increment(3);
    host.tick_after(SECOND);
    assert_eq!(clone.increase(SECOND).unwrap().value, 3);
    drop(clone);
    host.tick_after(SECOND);
    host.telemetry.retire_idle(Duration::ZERO);
    host.telemetry.retire_idle(Duration::ZERO);
    assert_eq!(host.telemetry.snapshot().series("hits_total").count(), 0);
}

#[test]
fn a_window_may_be_ticked_by_itself_and_outlives_its_telemetry() {
    let (host, counter, window) = counted(5);
    drop(host.telemetry);
    counter.increment(8);
    window.tick(host.now + SECOND);
    assert_eq!(window.increase(SECOND).map(|all| (all.value, all.until)), Some((8, host.now + SECOND)));
}

#[test]
fn a_deck_ticks_by_itself() {
    let deck = Flightdeck::builder().start().unwrap();
    let counter = deck.telemetry().counter("requests_total");
    let window = deck.telemetry().window(&counter, 60, SECOND).unwrap();
    until("a slot ends", || {
        counter.increment(1);
        window.stats().ended > 0
    });
    let served = window.increase(SECOND).unwrap();
    assert!(served.value > 0 && served.lasted >= seconds(0.9), "{served:?}");
    assert!(deck.shutdown(20 * SECOND).is_clean());
}

#[test]
fn threads_count_and_tick_at_once_and_nothing_is_lost() {
    const EACH: u64 = 50_000;
    let (mut host, counter, window) = counted(65_536);
    let start = host.now;
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| (0..EACH).for_each(|_| counter.increment(1)));
            threads.spawn(|| {
                for tick in 1..=500 {
                    host.telemetry.tick(start + tick * SECOND);
                }
            });
        }
    });
    host.now += 500 * SECOND;
    host.tick_after(SECOND);
    let all = window.increase(Duration::MAX).unwrap();
    assert_eq!((all.value, all.lasted), (2 * EACH, 501 * SECOND));
}

#[test]
fn what_can_be_no_window_is_refused() {
    let telemetry = Telemetry::new();
    let counter = telemetry.counter_with("requests_total", &[("method", "GET")]);
    // So that it is not the only one to be looked for.
    let _others = ["a", "z"].map(|name| telemetry.counter(name));
    let name = || r#"requests_total{method="GET"}"#.to_owned();
    let made = |slots, every| telemetry.window(&counter, slots, every).map(|_| ());
    assert_eq!(made(0, SECOND), Err(WindowError::Slots { metric: name(), slots: 0 }));
    assert_eq!(made(65_537, SECOND), Err(WindowError::Slots { metric: name(), slots: 65_537 }));
    assert_eq!(made(65_536, SECOND), Ok(()));
    for every in [Duration::ZERO, Duration::from_micros(999), 86_401 * SECOND, Duration::MAX] {
        assert_eq!(made(1, every), Err(WindowError::Length { metric: name(), every }));
    }
    assert_eq!(made(1, Duration::from_millis(1)), Ok(()));
    assert_eq!(made(1, 86_400 * SECOND), Ok(()));
    let other = Telemetry::new();
    assert_eq!(
        other.window(&counter, 1, SECOND).unwrap_err(),
        WindowError::OtherTelemetry { metric: name() }
    );
    let refused = telemetry.gauge("");
    assert_eq!(telemetry.window(&refused, 1, SECOND).unwrap_err(), WindowError::Refused);
}

/// What happens between two ticks.
#[derive(Clone, Debug)]
struct Step {
    after: Duration,
    amount: u64,
    values: Vec<u64>,
    level: i64,
}

fn step() -> impl Strategy<Value = Step> {
    let after = prop_oneof![
        4 => 900_u64..1_100,
        2 => 0_u64..400,
        1 => 1_000_u64..9_000,
    ];
    let amount = prop_oneof![4 => 0_u64..1_000, 1 => any::<u64>()];
    let values = prop::collection::vec((any::<u64>(), 0_u32..64).prop_map(|(n, shift)| n >> shift), 0..6);
    (after, amount, values, any::<i64>()).prop_map(|(after, amount, values, level)| Step {
        after: Duration::from_millis(after),
        amount,
        values,
        level,
    })
}

/// When it came, and what happened before.
type Tick = (Instant, Step);

/// All readings ever, and nothing clever.
struct Oracle {
    ticks: Vec<Tick>,
}

impl Oracle {
    /// The ticks that belong to an answer, and where it begins and ends.
    fn about(&self, slots: usize, over: Duration) -> Option<(&[Tick], Duration, Instant)> {
        let mut ends = vec![0];
        for (index, (now, _)) in self.ticks.iter().enumerate() {
            let last = self.ticks[ends[ends.len() - 1]].0;
            if *now - last >= Duration::from_micros(937_500) {
                ends.push(index);
            }
        }
        let kept = &ends[ends.len().saturating_sub(slots + 1)..];
        let (end, earlier) = kept.split_last()?;
        let until = self.ticks[*end].0;
        let reached = |begin: &&usize| until - self.ticks[**begin].0 + SECOND / 2 >= over;
        let begin = earlier.iter().rev().find(reached).or(earlier.first())?;
        Some((&self.ticks[begin + 1..=*end], until - self.ticks[*begin].0, until))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_say_what_all_readings_together_say(
        steps in prop::collection::vec(step(), 1..60),
        slots in 1_usize..12,
        overs in prop::collection::vec(0_u64..15_000, 4),
    ) {
        let mut host = Host::new();
        let telemetry = &host.telemetry;
        let counter: Counter = telemetry.counter("counter");
        let gauge: Gauge = telemetry.gauge("gauge");
        let float: FloatGauge = telemetry.float_gauge("float");
        let histogram: Histogram = telemetry.histogram("histogram");
        let of_counter = telemetry.window(&counter, slots, SECOND).unwrap();
        let of_gauge = telemetry.window(&gauge, slots, SECOND).unwrap();
        let of_float = telemetry.window(&float, slots, SECOND).unwrap();
        let of_histogram = telemetry.window(&histogram, slots, SECOND).unwrap();
        let mut oracle = Oracle { ticks: Vec::new() };
        for step in steps {
            counter.increment(step.amount);
            step.values.iter().for_each(|value| histogram.record(*value));
            gauge.set(step.level);
            float.set(step.level as f64);
            host.tick_after(step.after);
            oracle.ticks.push((host.now, step));
            for over in overs.iter().map(|millis| Duration::from_millis(*millis)) {
                let increase = of_counter.increase(over);
                let Some((ticks, lasted, until)) = oracle.about(slots, over) else {
                    prop_assert!(increase.is_none() && of_gauge.min(over).is_none() && of_gauge.last().is_none());
                    prop_assert!(of_float.max(over).is_none() && of_histogram.values(over).is_none());
                    continue;
                };
                let increase = increase.unwrap();
                let amount = ticks.iter().fold(0_u64, |sum, (_, step)| sum.wrapping_add(step.amount));
                prop_assert_eq!((increase.value, increase.lasted, increase.until), (amount, lasted, until));
                prop_assert_eq!(of_counter.rate(over).unwrap().value, amount as f64 / lasted.as_secs_f64());

                let levels = || ticks.iter().map(|(_, step)| step.level);
                let (least, greatest) = (levels().min().unwrap(), levels().max().unwrap());
                prop_assert_eq!(of_gauge.min(over).map(|all| (all.value, all.lasted)), Some((least, lasted)));
                prop_assert_eq!(of_gauge.max(over).map(|all| (all.value, all.until)), Some((greatest, until)));
                prop_assert_eq!(of_gauge.last().unwrap().value, levels().next_back().unwrap());
                prop_assert_eq!(of_float.min(over).unwrap().value, least as f64);
                prop_assert_eq!(of_float.max(over).unwrap().value, greatest as f64);

                let values = of_histogram.values(over).unwrap();
                let mut sorted: Vec<u64> = ticks.iter().flat_map(|(_, step)| step.values.clone()).collect();
                sorted.sort_unstable();
                prop_assert_eq!((values.lasted, values.until), (lasted, until));
                prop_assert_eq!(values.value.count(), sorted.len() as u64);
                prop_assert_eq!(values.value.sum(), sorted.iter().fold(0, |sum: u64, value| sum.wrapping_add(*value)));
                let in_buckets: u64 = values.value.buckets().map(|(low, high, count)| {
                    let there = sorted.iter().filter(|value| (low..=high).contains(*value)).count() as u64;
                    assert_eq!(there, count, "{low}..={high}");
                    count
                }).sum();
                prop_assert_eq!(in_buckets, sorted.len() as u64);
                let median = of_histogram.quantile(0.5, over);
                prop_assert_eq!(median.is_some(), !sorted.is_empty());
                if let Some(median) = median {
                    let exact = sorted[(sorted.len() - 1) / 2];
                    let bucket = values.value.buckets().find(|(low, high, _)| (low..=high).contains(&&exact));
                    prop_assert_eq!(Some(median.value), bucket.map(|(_, high, _)| high));
                }
                let (bytes, most) = (of_histogram.bytes(), of_histogram.most_bytes());
                prop_assert!(bytes <= most, "{bytes} of {most}");
            }
        }
    }
}
