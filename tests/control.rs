//! Which events are recorded, as directives say, while the host runs: levels, samples, rates, quotas; and what was held
//! back, in figures that add up.

use flightdeck::config::{Config, Validate, Violations};
use flightdeck::events::{
    Batch, BatchError, BuildError, Class, Directives, Events, FieldType, QuotaError, Rate, Schema, Shares,
    Stamp, Suppressed, SuppressedBy, Value, Verdict,
};
use flightdeck::{Clock, Flightdeck, Severity};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, Instant};

flightdeck::kind! {
    Filled("order.filled") { n: u64 }
    Rejected("order.rejected", severity = Warn) { n: u64 }
    Queried("db.queried", severity = Debug, class = Verbose) { n: u64, thread: u64 }
    Slow("db.slow", severity = Debug) { n: u64, slow: bool }
    Accepted("http.accepted", starts) { n: u64 }
    Broken("disk.broken", class = Critical) { n: u64 }
}

fn store(directives: &str) -> Events {
    Events::builder().memory(8 << 20).clock(Clock::manual()).directives(directives).build().unwrap()
}

fn set(events: &Events, directives: &str) {
    events.set_directives(directives.parse().unwrap());
}

/// The numbers of the events of a kind that can be read, in order.
fn numbers(events: &Events, kind: &str) -> Vec<u64> {
    let answer = events.query().run().unwrap();
    let of_kind = answer.iter().filter(|event| event.kind() == kind);
    let mut numbers: Vec<u64> = of_kind
        .map(|event| if let Some(Value::U64(n)) = event.field("n") { n } else { panic!("no number") })
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Of one kind or quota: what was held back and let through.
fn held_back(events: &Events, name: &str, by: SuppressedBy) -> (u64, u64) {
    let found: Vec<Suppressed> =
        events.suppressed().into_iter().filter(|row| row.name == name && row.by == by).collect();
    found.iter().fold((0, 0), |sum, row| (sum.0 + row.count, sum.1 + row.passed))
}

#[test]
fn levels_hold_for_kinds_already_met_and_those_yet_to_come() {
    let events = store("warn,db=verbose");
    let defined = events.define(Schema::new("order.paid").field("n", FieldType::U64)).unwrap();
    let record = |n| {
        events.record(Filled { n });
        events.record(Rejected { n });
        events.record(Queried { n, thread: 0 });
        events.record_values(Stamp::current(), &defined, &[Value::U64(n)]).unwrap();
    };
    record(1);
    set(&events, "order=info,order.rejected=off,db=normal");
    record(2);
    let late = events.define(Schema::new("order.late").field("n", FieldType::U64)).unwrap();
    let later = events
        .define(Schema::new("order.later").severity_of(Severity::Debug).field("n", FieldType::U64))
        .unwrap();
    for kind in [&late, &later] {
        events.record_values(Stamp::current(), kind, &[Value::U64(2)]).unwrap();
    }
    events.record(Slow { n: 2, slow: true });
    set(&events, "");
    record(3);
    for (kind, expected) in [
        ("order.filled", &[2, 3][..]),
        ("order.rejected", &[1, 3]),
        ("db.queried", &[1, 3]),
        ("order.paid", &[2, 3]),
        ("order.late", &[2]),
        ("order.later", &[]),
        ("db.slow", &[2]),
    ] {
        assert_eq!(numbers(&events, kind), expected, "{kind}");
    }
    assert!(events.suppressed().is_empty() && events.losses().is_empty(), "what is off is not counted");
}

#[test]
fn the_switch_of_all_kinds_goes_before_directives() {
    let events = store("1/2");
    events.switch(false);
    (0..10).for_each(|n| events.record(Filled { n }));
    assert!(!events.is_enabled::<Filled>());
    events.switch(true);
    assert!(events.is_enabled::<Filled>());
    (10..20).for_each(|n| events.record(Filled { n }));
    assert_eq!(numbers(&events, "order.filled"), [10, 12, 14, 16, 18]);
    set(&events, "order.filled=off");
    assert!(!events.is_enabled::<Filled>() && events.is_enabled::<Rejected>());
    events.stop();
    events.record(Filled { n: 99 });
    assert_eq!(events.losses()[0].cause.name(), "stopped", "stopped is a loss, whatever was wished");
}

#[test]
fn a_sample_takes_the_first_and_each_further_one_by_kind() {
    let events = store("db[slow]=1/10,order=1/3");
    for n in 0..100 {
        events.record(Queried { n, thread: 0 });
        events.record(Slow { n, slow: n % 2 == 0 });
        events.record(Filled { n });
    }
    assert_eq!(numbers(&events, "db.queried").len(), 100, "it has no such field");
    assert_eq!(numbers(&events, "db.slow"), (0..100).step_by(10).collect::<Vec<_>>());
    assert_eq!(numbers(&events, "order.filled"), (0..100).step_by(3).collect::<Vec<_>>());
    assert_eq!(held_back(&events, "db.slow", SuppressedBy::Sample), (90, 10));
    assert_eq!(held_back(&events, "order.filled", SuppressedBy::Sample), (66, 34));
    // A smaller sample does not wait for the turn of a larger one.
    set(&events, "order=1/1000000");
    events.record(Filled { n: 100 });
    events.record(Filled { n: 101 });
    set(&events, "order=1/4");
    (200..208).for_each(|n| events.record(Filled { n }));
    let taken = numbers(&events, "order.filled").split_off(34);
    assert!(taken.iter().filter(|n| **n >= 200).count() == 2, "{taken:?}");
    assert!(events.losses().is_empty());
    let shown: Vec<_> = events.suppressed().iter().map(ToString::to_string).collect();
    assert!(shown.contains(&"db.slow: 90 of 100 suppressed (sample)".to_owned()), "{shown:?}");
}

#[test]
fn seen_is_recorded_and_suppressed_over_threads_that_came_and_went() {
    const EVERY: u64 = 7;
    const EACH: u64 = 1_000;
    let events = Events::builder().memory(64 << 20).shards(8).directives("db=1/7").build().unwrap();
    // Four at a time, so that slabs are handed on.
    let threads: Vec<u64> = (0..48).collect();
    for four in threads.chunks(4) {
        std::thread::scope(|scope| {
            for thread in four {
                let events = &events;
                scope.spawn(move || {
                    let mut writer = (thread % 2 == 0).then(|| events.writer().unwrap());
                    for n in 0..EACH {
                        let event = Queried { n, thread: *thread };
                        match &mut writer {
                            Some(writer) => writer.record(event),
                            None => events.record(event),
                        }
                    }
                });
            }
        });
    }
    let mut by_thread: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for event in events.query().run().unwrap().iter() {
        let of = |field| if let Some(Value::U64(n)) = event.field(field) { n } else { panic!("{field}") };
        by_thread.entry(of("thread")).or_default().push(of("n"));
    }
    let written = events.stats().written;
    assert_eq!(by_thread.values().map(|taken| taken.len() as u64).sum::<u64>(), written, "all are there");
    assert_eq!(events.stats().lost(), 0);
    for (thread, taken) in &mut by_thread {
        taken.sort_unstable();
        assert!(
            taken[0] < EVERY && taken.windows(2).all(|pair| pair[1] - pair[0] == EVERY),
            "{thread}: {taken:?}"
        );
        assert!(taken.last().unwrap() + EVERY >= EACH, "{thread}: {taken:?}");
    }
    assert_eq!(by_thread.len(), threads.len());
    let (suppressed, passed) = held_back(&events, "db.queried", SuppressedBy::Sample);
    assert_eq!((suppressed + passed, passed), (threads.len() as u64 * EACH, written));
}

#[test]
fn counts_add_up_while_directives_change_and_handlers_and_ninth_decks_record() {
    let events = Events::builder().memory(64 << 20).shards(8).build().unwrap();
    events.declare::<Filled>();
    let others: Vec<Events> = (0..8).map(|_| Events::builder().memory(1 << 20).build().unwrap()).collect();
    let (threads, each) = (4, 20_000);
    let done = Barrier::new(threads + 1);
    set(&events, "1/3");
    std::thread::scope(|scope| {
        for number in 0..threads {
            let (events, others, done) = (&events, &others, &done);
            scope.spawn(move || {
                // This one already remembers as many decks as a thread does.
                if number == 0 {
                    others.iter().for_each(|other| other.record(Filled { n: 0 }));
                }
                for n in 0..each {
                    if n % 16 == 0 {
                        events.record_in_signal(Filled { n })
                    } else {
                        events.record(Filled { n })
                    }
                }
                done.wait();
            });
        }
        for round in 0..200 {
            // Never without a sample, which counts all that comes.
            set(&events, ["1/3", "order=1/5,100000/s", "1/2,order=1000/s", "1/9,2/h"][round % 4]);
            std::thread::yield_now();
        }
        done.wait();
    });
    let (sampled, after_sample) = held_back(&events, "order.filled", SuppressedBy::Sample);
    let (limited, passed) = held_back(&events, "order.filled", SuppressedBy::Rate);
    assert_eq!(sampled + after_sample, threads as u64 * each);
    assert!(limited + passed <= after_sample);
    assert_eq!(events.stats().written + events.stats().lost(), after_sample - limited);
}

#[test]
fn a_rate_gives_a_burst_and_then_one_by_one() {
    let events = store("order=10/s");
    let clock = events.clock().clone();
    let record = |count| {
        let before = events.stats().written;
        (0..count).for_each(|n| events.record(Filled { n }));
        events.stats().written - before
    };
    assert_eq!(record(25), 10);
    clock.advance(Duration::from_millis(99));
    assert_eq!(record(5), 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!(record(5), 1);
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(record(25), 10, "it holds no more than it holds");
    assert_eq!(held_back(&events, "order.filled", SuppressedBy::Rate), (15 + 5 + 4 + 15, 21));
    // Each kind has a rate of its own.
    events.record(Rejected { n: 1 });
    assert_eq!(numbers(&events, "order.rejected"), [1]);
    // A rate that does not change goes on, another one begins anew.
    set(&events, "order=10/s,http=off");
    assert_eq!(record(5), 0);
    set(&events, "order=3/m");
    assert_eq!(record(5), 3);
    clock.advance(Duration::from_secs(20));
    assert_eq!(record(5), 1);
    set(&events, "order=3/m,order.filled=unlimited");
    assert_eq!(record(5), 5);
    assert!(events.losses().is_empty());
}

#[test]
fn threads_share_a_rate_to_the_event() {
    for round in 0..50 {
        let events = store("order=500/s");
        let together = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    together.wait();
                    (0..400).for_each(|n| events.record(Filled { n }));
                });
            }
        });
        assert_eq!(events.stats().written, 500, "{round}");
        assert_eq!(held_back(&events, "order.filled", SuppressedBy::Rate), (1_100, 500));
    }
}

#[test]
fn the_sample_is_asked_before_the_rate() {
    let events = store("order=1/2,order=5/s");
    (0..40).for_each(|n| events.record(Filled { n }));
    assert_eq!(numbers(&events, "order.filled"), [0, 2, 4, 6, 8]);
    assert_eq!(held_back(&events, "order.filled", SuppressedBy::Sample), (20, 20));
    assert_eq!(held_back(&events, "order.filled", SuppressedBy::Rate), (15, 5));
}

#[test]
fn a_rate_holds_whether_or_not_somebody_keeps_the_time() {
    let events = store("order=1000/s");
    let clock = events.clock().clone();
    clock.advance(Duration::from_secs(1));
    let record = |count| {
        let before = events.stats().written;
        (0..count).for_each(|n| events.record(Filled { n }));
        events.stats().written - before
    };
    assert_eq!(record(1_100), 1_000);
    // Kept: the time is that of the last beat.
    for _ in 0..5 {
        clock.advance(Duration::from_millis(1));
        events.tick();
    }
    assert_eq!(record(100), 5);
    // Kept no longer: found out within sixteen events, and exact from there on.
    clock.advance(Duration::from_millis(50));
    let late = record(100);
    assert_eq!(late, 50);
    clock.advance(Duration::from_millis(2));
    assert_eq!(record(100), 2);
    // A beat that is too slow is none.
    events.tick();
    clock.advance(Duration::from_millis(30));
    events.tick();
    clock.advance(Duration::from_millis(1));
    assert_eq!(record(100), 31);
}

#[test]
fn a_deck_finds_out_that_nobody_keeps_the_time_any_more() {
    let deck = Flightdeck::builder()
        .events(|events| events.memory(8 << 20).clock(Clock::manual()).directives("order=1000/s"))
        .start()
        .unwrap();
    let (events, clock) = (deck.events(), deck.events().clock());
    let by_key = events.quota("by tenant", Rate::per_second(1_000), 1).unwrap();
    clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        clock.advance(Duration::from_millis(1));
        events.tick();
    }
    // Used up, and refused once: it is not yet time for this thread to look itself.
    (0..1_001).for_each(|n| events.record(Filled { n }));
    assert_eq!((0..1_001).filter(|_| by_key.admits("ann")).count(), 1_000);
    assert_eq!(events.stats().written_by_class[Class::Normal], 1_000);
    clock.advance(Duration::from_millis(50));
    let until = Instant::now() + Duration::from_secs(60);
    // Asked no more often than a thread looks.
    std::thread::sleep(Duration::from_millis(600));
    for n in 0.. {
        events.record(Filled { n });
        if by_key.admits("ann") && events.stats().written_by_class[Class::Normal] > 1_000 {
            break;
        }
        assert!(n < 10 && Instant::now() < until, "refused though there are fifty tokens");
        std::thread::sleep(Duration::from_millis(600));
    }
}

#[test]
fn every_way_to_record_asks() {
    let events = store("order=1/4,http=off");
    events.declare::<Filled>();
    let mut writer = events.writer().unwrap();
    let kind = events.define(Schema::new("order.paid").field("n", FieldType::U64)).unwrap();
    let of = |kind: &str| numbers(&events, kind).len();
    for n in 0..4 {
        events.try_record(Filled { n }).unwrap();
        events.try_record_with(Stamp::of(1_u64), Filled { n }).unwrap();
        events.record_with(Stamp::of(1_u64), Filled { n });
        events.mark(Filled { n });
        writer.record(Filled { n });
        writer.record_with(Stamp::of(1_u64), Filled { n });
        writer.mark(Filled { n });
        writer.try_record_with(Stamp::of(1_u64), Filled { n }).unwrap();
    }
    assert_eq!(of("order.filled"), 8);
    for n in 0..8 {
        events.record_in_signal(Filled { n });
        events.record_values(Stamp::current(), &kind, &[Value::U64(n)]).unwrap();
        writer.record_values(Stamp::current(), &kind, &[Value::U64(n)]).unwrap();
        events.record_in_signal(Accepted { n });
    }
    assert_eq!((of("order.filled"), of("order.paid"), of("http.accepted")), (10, 4, 0));
    assert_eq!(held_back(&events, "order.filled", SuppressedBy::Sample), (30, 10));
    assert_eq!(held_back(&events, "order.paid", SuppressedBy::Sample), (12, 4));
    // A kind that no handler may meet is a loss; one that is off is none.
    assert_eq!(events.losses().iter().map(|loss| loss.cause.name()).collect::<Vec<_>>(), ["kind_not_met"]);
}

#[test]
fn a_batch_leaves_out_what_is_not_to_be_recorded() {
    let events = store("order=1/2");
    let kind = events.define(Schema::new("order.paid").field("n", FieldType::U64)).unwrap();
    let mut batch = Batch::new();
    let fill = |batch: &mut Batch| {
        for n in 0..10 {
            batch.push(Filled { n });
            batch.push_values(Stamp::current(), &kind, &[Value::U64(n)]);
            batch.push(Queried { n, thread: 0 });
        }
    };
    fill(&mut batch);
    // One that is refused uses up nothing.
    batch.push_values(Stamp::current(), &kind, &[]);
    assert!(matches!(events.record_batch(&mut batch), Err(BatchError::Refused { .. })));
    assert!(events.suppressed().is_empty());
    batch.clear();
    fill(&mut batch);
    assert_eq!(events.record_batch(&mut batch).unwrap(), 5 + 5 + 10);
    assert_eq!(numbers(&events, "order.filled"), [0, 2, 4, 6, 8]);
    assert_eq!(numbers(&events, "order.paid"), [0, 2, 4, 6, 8]);
    assert_eq!(numbers(&events, "db.queried").len(), 10);
    // One of which nothing is left is recorded all the same: as nothing.
    set(&events, "order=1/1000000");
    for n in 10..12 {
        batch.push(Filled { n });
        assert!(events.record_batch(&mut batch).unwrap() <= 1 && batch.is_empty());
    }
    assert!(events.losses().is_empty());
}

#[test]
fn both_halves_of_a_span_are_recorded_or_none() {
    let events = store("order.filled=1/4,order.rejected=1/1000,http=off");
    for n in 0..40 {
        let span = events.span(Filled { n });
        match n % 3 {
            0 => drop(span),
            1 => span.end(Rejected { n }),
            _ => events.owned_span(Accepted { n }).end(Filled { n }),
        }
    }
    let (filled, rejected) = (numbers(&events, "order.filled"), numbers(&events, "order.rejected"));
    // Every fourth begins: 0, 4, 8, ...; a third of those end as something else.
    assert_eq!(filled.len() + rejected.len(), 20, "{filled:?}, {rejected:?}");
    assert!(rejected.iter().all(|n| n % 12 == 4), "{rejected:?}");
    assert_eq!(held_back(&events, "order.filled", SuppressedBy::Sample), (30, 10));
    assert_eq!(held_back(&events, "order.rejected", SuppressedBy::Sample), (0, 0), "not asked");
}

#[test]
fn a_batch_stays_where_it_was_to_go_whatever_is_left_of_it() {
    let shares = Shares { critical: 64, normal: 1, verbose: 1 };
    let builder = Events::builder().memory(8 << 20).shares(shares).clock(Clock::manual());
    let events = builder.directives("disk=1/1000").build().unwrap();
    events.record(Broken { n: 0 });
    let mut batch = Batch::new();
    batch.push(Broken { n: 1 });
    // More than the rings of their own class would take at once.
    (0..800).for_each(|n| batch.push(Queried { n, thread: 0 }));
    assert_eq!(events.record_batch(&mut batch).unwrap(), 800);
    assert_eq!((numbers(&events, "db.queried").len(), events.losses().len()), (800, 0));
}

#[test]
fn of_a_slice_those_let_through_lie_together() {
    let events = store("order.filled=1/4,order.rejected=off");
    let slice: Vec<_> = (0..10).map(|n| Filled { n }).collect();
    assert_eq!(events.record_all(&slice).unwrap(), 3);
    let mut writer = events.writer().unwrap();
    assert_eq!(writer.record_all(&slice[..2]).unwrap(), 0);
    assert_eq!(writer.record_all(&[Rejected { n: 0 }]).unwrap(), 0);
    assert_eq!(numbers(&events, "order.filled"), [0, 4, 8]);
    let answer = events.query().run().unwrap();
    assert!(answer.iter().all(|event| event.batch().is_some_and(|part| part.is_whole)));
    assert_eq!(held_back(&events, "order.filled", SuppressedBy::Sample), (9, 3));
    let too_many: Vec<_> = (0..1_000_000).map(|n| Filled { n }).collect();
    assert!(matches!(events.record_all(&too_many), Err(BatchError::TooLarge { .. })));
    assert_eq!(held_back(&events, "order.filled", SuppressedBy::Sample), (9, 3), "not asked");
}

#[test]
fn of_a_call_both_ends_are_recorded_or_none() {
    let events = store("function=1/3");
    for _ in 0..30 {
        let call = events.enter_function("module", "function");
        events.record(Filled { n: u64::from(call.id().is_some()) });
    }
    let count = |kind: &str| events.query().kind_named(kind).run().map_or(0, |answer| answer.len());
    assert_eq!((count("function.entered"), count("function.exited")), (10, 10));
    assert_eq!(numbers(&events, "order.filled").iter().sum::<u64>(), 10);
    assert_eq!(held_back(&events, "function.entered", SuppressedBy::Sample), (20, 10));
}

#[test]
fn what_is_suppressed_is_neither_a_loss_nor_a_gap() {
    let events = store("http=off,order=1/5");
    {
        let _in = events.scope(7_u64);
        events.record(Accepted { n: 0 });
        assert!(events.try_record(Accepted { n: 1 }).is_ok());
        let mut writer = events.writer().unwrap();
        writer.record(Accepted { n: 2 });
        // The first that is recorded is the root, so the scope must not have been used up.
        (0..10).for_each(|n| events.record(Filled { n }));
    }
    let answer = events.query().correlation(7_u64).run().unwrap();
    assert_eq!((answer.verdict(), answer.len()), (Verdict::Complete, 2));
    assert_eq!((events.stats().lost(), events.stats().written), (0, 2));
}

#[test]
fn two_decks_have_each_their_own_directives() {
    let (quiet, loud) = (store("order=off"), store("order=1/2"));
    for n in 0..10 {
        quiet.record(Filled { n });
        loud.record(Filled { n });
    }
    assert_eq!((quiet.stats().written, loud.stats().written), (0, 5));
    drop(quiet);
    (10..20).for_each(|n| loud.record(Filled { n }));
    assert_eq!(held_back(&loud, "order.filled", SuppressedBy::Sample), (10, 10));
}

#[test]
fn a_quota_holds_for_each_key() {
    let events = store("");
    let clock = events.clock().clone();
    let quota = events.quota("by tenant", Rate::per_second(5), 3).unwrap();
    let ask = |key: &str| (0..20).filter(|_| quota.admits(key)).count();
    assert_eq!((ask("ann"), ask("bob"), ask("ann")), (5, 5, 0));
    assert_eq!((0..20).filter(|_| quota.admits(7_u64)).count(), 5, "a number is no text");
    clock.advance(Duration::from_millis(400));
    assert_eq!((ask("ann"), ask("bob")), (2, 2));
    // No room for more: those share what one has.
    assert_eq!((ask("cyd"), ask("dan")), (5, 0));
    let rows: Vec<(Option<String>, u64, u64)> =
        events.suppressed().into_iter().map(|row| (row.key, row.count, row.passed)).collect();
    let expected =
        [(None, 35, 5), (Some("7".into()), 15, 5), (Some("ann".into()), 53, 7), (Some("bob".into()), 33, 7)];
    assert_eq!(rows, expected);
    // The same again is the same, another one of that name is none.
    assert!(!events.quota("by tenant", Rate::per_second(5), 3).unwrap().admits("cyd"));
    let other = events.quota("by tenant", Rate::per_minute(5), 3).unwrap_err();
    assert!(matches!(other, QuotaError::Exists { .. }));
    assert!(events.quota("by route", Rate::per_second(5), 3).unwrap().admits("cyd"));
    assert!(events.losses().is_empty());
}

#[test]
fn threads_share_a_quota_to_the_event() {
    const KEYS: u64 = 200;
    for _ in 0..10 {
        let events = store("");
        let quota = events.quota("by route", Rate::per_hour(50), KEYS as usize).unwrap();
        let passed: usize = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| {
                let quota = &quota;
                scope.spawn(move || {
                    (0..KEYS * 40).filter(|n| quota.admits(&format!("/route/{}", n % KEYS))).count()
                })
            });
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!(passed as u64, KEYS * 50);
        let rows = events.suppressed();
        assert_eq!(rows.len() as u64, KEYS);
        assert!(rows.iter().all(|row| (row.passed, row.count) == (50, 110) && row.key.is_some()), "{rows:?}");
    }
}

#[test]
fn a_full_quota_finds_all_its_keys_again() {
    let events = store("");
    let quota = events.quota("by client", Rate::per_hour(1), 65_536).unwrap();
    let first = (0..65_536).filter(|n: &u64| quota.admits(*n)).count();
    let again = (0..65_536).filter(|n: &u64| quota.admits(*n)).count();
    assert_eq!((first, again), (65_536, 0));
    assert!(events.suppressed().iter().all(|row| row.key.is_some() && row.count == 1));
}

struct Wanted(&'static str);

impl Validate for Wanted {
    fn validate(&self, report: &mut Violations) {
        if let Err(error) = self.0.parse::<Directives>() {
            report.reject("record", &self.0, error.to_string());
        }
    }
}

#[test]
fn a_deck_follows_its_config() {
    let deck = Flightdeck::builder()
        .events(|events| events.memory(8 << 20).directives("warn,db=off"))
        .config(Wanted("order=info"))
        .directives(|wanted: &Wanted| wanted.0.parse().unwrap_or_default())
        .start()
        .unwrap();
    let directives = || deck.events().directives().to_string();
    assert_eq!(directives(), "warn,db=off,order=info");
    deck.record(Filled { n: 1 });
    deck.config().replace(Wanted("order=off,db=debug")).unwrap();
    deck.record(Filled { n: 2 });
    deck.record(Slow { n: 2, slow: true });
    assert_eq!(directives(), "warn,order=off,db=debug");
    let refused = deck.config().replace(Wanted("order=of")).map(drop).unwrap_err().to_string();
    assert!(refused.contains("`of` at column 7"), "{refused}");
    assert_eq!(directives(), "warn,order=off,db=debug");
    assert_eq!(numbers(deck.events(), "order.filled"), [1]);
    assert_eq!(numbers(deck.events(), "db.slow"), [2]);
}

/// The parts alone can be joined as well.
#[test]
fn events_alone_follow_a_config_alone() {
    let (events, config) = (store(""), Config::new(Wanted("order=off")).unwrap());
    let followed = events.clone();
    let follow = move |wanted: &Wanted| followed.set_directives(wanted.0.parse().unwrap_or_default());
    follow(&config.load());
    let subscription = config.subscribe(move |change| follow(&change.new));
    events.record(Filled { n: 1 });
    config.replace(Wanted("")).unwrap();
    events.record(Filled { n: 2 });
    assert_eq!(numbers(&events, "order.filled"), [2]);
    drop(subscription);
}

#[test]
fn bad_directives_are_refused_when_the_store_is_built() {
    let refused = Events::builder().directives("info").directives("order=of").build().unwrap_err();
    assert!(matches!(refused, BuildError::Directives { origin: "the builder", .. }), "{refused}");
    let both = Events::builder().directives("info,db=off").directives("db=warn").build().unwrap();
    assert_eq!(both.directives().to_string(), "info,db=warn");
}

/// What the children of the test below do.
#[test]
#[ignore = "run by `the_environment_is_read_only_if_asked`, with a variable set"]
fn in_a_child_with_the_variable() {
    let silent = Events::builder().directives("order=off").build().unwrap();
    assert_eq!(silent.directives().to_string(), "order=off", "nobody asked for the environment");
    match Events::builder().directives_from_env().directives("order=off,db=off").build() {
        Ok(events) => println!("directives: {}.", events.directives()),
        Err(error) => println!("refused: {error}."),
    }
}

#[test]
fn the_environment_is_read_only_if_asked() {
    let child = |value: Option<&std::ffi::OsStr>| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "in_a_child_with_the_variable", "--ignored", "--nocapture"]);
        match value {
            Some(value) => child.env("FLIGHTDECK_LOG", value),
            None => child.env_remove("FLIGHTDECK_LOG"),
        };
        let ran = child.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    for (value, expected) in [
        (None, "directives: order=off,db=off."),
        (Some(""), "directives: order=off,db=off."),
        (Some("order=warn"), "directives: db=off,order=warn."),
        (
            Some("order=warm"),
            "refused: from FLIGHTDECK_LOG: directives have 1 mistake: `warm` at column 7: write ",
        ),
    ] {
        let said = child(value.map(std::ffi::OsStr::new));
        assert!(said.contains(expected), "{said}");
    }
    #[cfg(unix)]
    {
        let bytes: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"order=\xff");
        let said = child(Some(bytes));
        assert!(said.contains("refused: from FLIGHTDECK_LOG: `FLIGHTDECK_LOG` is not valid UTF-8"), "{said}");
    }
}
