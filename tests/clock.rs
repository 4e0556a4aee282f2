//! Clocks as events use them: order under a coarse one, times that hosts supply, ranges of wall time.

use flightdeck::events::{
    Batch, BatchError, Class, Events, FieldType, LossCause, RecordError, Schema, Stamp, Value, ValuesError,
};
use flightdeck::{Clock, ClockSource, Diagnostic, Ticks};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

flightdeck::kind! {
    Failed("clock.failed", class = Critical) { n: u64 }
    Called("clock.called") { n: u64 }
    Looked("clock.looked", class = Verbose) { n: u64 }
}

/// A store whose threads have shared shards only, and fewer of those than threads.
fn shared_only(clock: Clock) -> (Events, flightdeck::events::Writer) {
    let events = Events::builder().memory(32 << 20).shards(1).shared_shards(3).clock(clock).build().unwrap();
    let kept = events.writer().unwrap();
    (events, kept)
}

#[test]
fn a_thread_without_a_shard_keeps_the_order_of_its_calls_however_coarse_the_clock() {
    const THREADS: u64 = 8;
    const CALLS: u64 = 2_000;
    let ticking = Clock::coarse();
    let _ticker = ticking.tick_every(Duration::from_millis(20)).unwrap();
    for clock in [Clock::manual(), Clock::coarse(), ticking, Clock::system(), Clock::precise()] {
        let source = clock.source();
        let (events, _kept) = shared_only(clock);
        std::thread::scope(|threads| {
            for _ in 0..THREADS {
                threads.spawn(|| {
                    for n in 0..CALLS {
                        match n % 3 {
                            0 => events.record(Failed { n }),
                            1 => events.record(Called { n }),
                            _ => events.record(Looked { n }),
                        }
                    }
                });
            }
        });
        let (mut found, mut equal) = (0, 0);
        // Number 1 is that of whoever took the writer.
        for thread in 2..=THREADS as u32 + 1 {
            let answer = events.query().thread(thread).run().unwrap();
            let calls: Vec<_> = answer.iter().filter_map(|event| event.field("n")).collect();
            let numbers: Vec<u64> = calls
                .iter()
                .map(|n| match n {
                    Value::U64(n) => *n,
                    other => panic!("{other:?}"),
                })
                .collect();
            let swapped = numbers.windows(2).find(|pair| pair[0] >= pair[1]);
            assert_eq!(swapped, None, "{source:?}, thread {thread}");
            let stamps: Vec<Ticks> = answer.iter().map(|event| event.ticks()).collect();
            equal += stamps.windows(2).filter(|pair| pair[0] == pair[1]).count();
            found += numbers.len() as u64;
        }
        // Where the system puts whoever holds a shard aside, the rest goes to the overflow, which is small.
        let gone = events.stats().lost() + events.stats().overwritten;
        assert_eq!(found + gone, THREADS * CALLS, "{source:?}: neither found nor lost");
        assert!(found > CALLS, "{source:?}: {found} found");
        assert_eq!(equal, 0, "{source:?}");
    }
}

/// Stamps that were moved on must not make a query pass over what was recorded before it.
#[test]
fn what_was_recorded_under_a_coarse_clock_is_found_at_once() {
    let clock = Clock::coarse();
    let _ticker = clock.tick_every(Duration::from_secs(1)).unwrap();
    let (events, mut kept) = shared_only(clock);
    for n in 0..5_000 {
        events.record(Called { n });
        kept.record(Called { n });
    }
    assert_eq!(events.query().count(), 10_000);
}

#[test]
fn stamps_are_never_ahead_of_the_time_by_more_than_the_range_allows() {
    for clock in [Clock::precise(), Clock::system(), Clock::coarse()] {
        let second = clock.converter().ticks_in(Duration::from_secs(1));
        let begin = clock.now();
        let events = Events::builder().memory(1 << 20).shards(1).clock(clock.clone()).build().unwrap();
        let at = |ticks: u64| events.try_record_with(Stamp::of(1_u64).at(Ticks(ticks)), Called { n: 1 });
        assert_eq!(at(begin.0), Ok(()));
        assert_eq!(at(clock.now().0 + second / 2), Ok(()), "half a second ahead");
        for wrong in [0, clock.now().0 + 3 * second, u64::MAX] {
            match at(wrong).unwrap_err() {
                error @ RecordError::Time { kind, ticks, earliest, latest } => {
                    assert_eq!((kind, ticks), ("clock.called", wrong));
                    assert!((earliest..=latest).contains(&begin.0) && !(earliest..=latest).contains(&wrong));
                    assert_eq!(error.code(), "events.event.time_out_of_range");
                }
                other => panic!("{other}"),
            }
            events.record_with(Stamp::of(1_u64).at(Ticks(wrong)), Called { n: 2 });
        }
        let losses = events.losses();
        let counted = |shard| losses.iter().find(|loss| loss.shard == shard).unwrap();
        assert!(losses.iter().all(|loss| loss.cause == LossCause::TimeOutOfRange), "{losses:?}");
        // Told to the caller, they meet no shard.
        assert_eq!((counted(None).count, counted(Some(0)).count, losses.len()), (3, 3, 2));
        assert_eq!(counted(Some(0)).class, Class::Normal);
        assert!(counted(Some(0)).first >= begin && counted(Some(0)).last <= clock.now());
        assert_eq!(events.stats().written, 2, "{:?}", clock.source());
    }
}

#[test]
fn values_and_batches_refuse_such_times_too() {
    let events = Events::builder().memory(1 << 20).shards(1).clock(Clock::precise()).build().unwrap();
    let kind = events.define(Schema::new("clock.defined").field("n", FieldType::U64)).unwrap();
    let wrong = Stamp::of(1_u64).at(Ticks(7));
    let refused = events.record_values(wrong, &kind, &[Value::U64(1)]).unwrap_err();
    assert!(
        matches!(&refused, ValuesError::Time { kind, ticks: 7, .. } if kind == "clock.defined"),
        "{refused}"
    );
    let mut writer = events.writer().unwrap();
    assert!(writer.try_record_with(wrong, Called { n: 1 }).is_err());
    writer.record_with(wrong, Called { n: 1 });
    let lost = events.stats().lost();
    assert_eq!(lost, 3);

    let mut batch = Batch::new();
    batch.push_with(Stamp::of(1_u64), Called { n: 1 });
    batch.push_with(wrong, Called { n: 2 });
    batch.push_values(wrong, &kind, &[Value::U64(3)]);
    let BatchError::Refused { items } = events.record_batch(&mut batch).unwrap_err() else { panic!() };
    let numbers: Vec<usize> = items.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(items.iter().all(|(_, error)| matches!(error, ValuesError::Time { .. })), "{items:?}");
    assert_eq!((events.stats().written, events.stats().lost(), batch.len()), (0, lost, 3), "the batch stays");
}

#[test]
fn a_supplied_clock_takes_any_time_from_1970_on() {
    let events = Events::builder().memory(1 << 20).shards(1).clock(Clock::supplied()).build().unwrap();
    let at = |ticks| events.try_record_with(Stamp::of(1_u64).at(Ticks(ticks)), Called { n: ticks });
    let years = [0, 1, 1_674_981_768_697_763_387, i64::MAX as u64, 5];
    years.into_iter().for_each(|ticks| at(ticks).unwrap());
    assert!(at(1 << 63).is_err() && at(u64::MAX).is_err());
    assert_eq!(events.clock().now(), Ticks(i64::MAX as u64), "a refused time moves no clock");
    assert_eq!(events.query().run().unwrap().len(), 5);
    let year_2023 =
        UNIX_EPOCH + Duration::from_secs(1_672_531_200)..UNIX_EPOCH + Duration::from_secs(1_704_067_200);
    assert_eq!(events.query().between_times(year_2023).run().unwrap().len(), 1);
    let begin = UNIX_EPOCH..=UNIX_EPOCH + Duration::from_nanos(5);
    assert_eq!(events.query().between_times(begin).run().unwrap().len(), 3);
}

#[test]
fn wall_times_go_in_and_come_out() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let times: Vec<SystemTime> = (0..20)
        .map(|n| {
            let now = SystemTime::now();
            let at = events.clock().ticks_at(now).unwrap();
            events.try_record_with(Stamp::of(1_u64).at(at), Called { n }).unwrap();
            std::thread::sleep(Duration::from_millis(1));
            now
        })
        .collect();
    let answer = events.query().run().unwrap();
    let converter = answer.converter();
    for (event, supplied) in answer.iter().zip(&times) {
        let told = converter.system_time(event.ticks());
        let apart = told.duration_since(*supplied).unwrap_or_else(|before| before.duration());
        // The rate was known less exactly when the time came in.
        assert!(apart < Duration::from_micros(200), "{apart:?}");
    }
    let margin = Duration::from_micros(400);
    let middle = times[5] - margin..=times[14] + margin;
    assert_eq!(events.query().between_times(middle).count(), 10);
    assert_eq!(events.query().between_times(..times[0] - margin).count(), 0);
    assert_eq!(events.query().between_times(UNIX_EPOCH..).count(), 20);
}

/// Stamps, conversions and comparisons, all at once, of one clock.
#[test]
fn a_clock_is_read_converted_and_compared_by_many_threads() {
    let clock = Clock::precise();
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _ = clock.recheck();
                    let (from, to) = (clock.now(), clock.now());
                    let converter = clock.converter();
                    assert!(converter.unix_ns(from) <= converter.unix_ns(to));
                    assert!(clock.status().segments >= 1);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(600));
        done.store(true, Ordering::Relaxed);
    });
    let status = clock.status();
    assert_eq!((status.rate_changes, status.backward_jumps), (0, 0), "{status}");
    assert!(matches!(status.source, ClockSource::Tsc | ClockSource::System));
    println!("{status}");
}
