//! Cursors: each event once, and each gap counted.

use flightdeck::events::{
    Batch, Class, Cursor, CursorState, Delivery, Events, FollowError, Gap, GapCause, LossCause, QueryError,
    Recorded, Stamp, Start, Value,
};
use flightdeck::{Clock, Severity, Ticks};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

flightdeck::kind! {
    Rare("cursor.rare", class = Critical, severity = Error) { n: u64 }
    Usual("cursor.usual") { n: u64 }
    Detail("cursor.detail", class = Verbose, severity = Debug) { n: u64 }
    Long("cursor.long") { bytes: bytes }
    Made("cursor.made") { thread: u64, n: u64 }
    MadeRare("cursor.made_rare", class = Critical) { thread: u64, n: u64 }
}

fn number(event: &Recorded<'_>, field: &str) -> u64 {
    match event.field(field) {
        Some(Value::U64(number)) => number,
        other => panic!("{field}: {other:?}"),
    }
}

/// What a cursor delivered: the numbers of events, and gaps.
#[derive(Debug, Default)]
struct Taken {
    numbers: Vec<u64>,
    gaps: Vec<Gap>,
}

impl Taken {
    fn take(&mut self, delivery: Delivery<'_>) {
        match delivery {
            Delivery::Event(event) => self.numbers.push(number(&event, "n")),
            Delivery::Gap(gap) => self.gaps.push(gap),
            other => panic!("{other:?}"),
        }
    }

    fn counted(&self, cause: GapCause) -> u64 {
        self.gaps.iter().filter(|gap| gap.cause == cause).map(|gap| gap.count).sum()
    }
}

fn drained(cursor: &mut Cursor) -> Taken {
    let mut taken = Taken::default();
    cursor.drain(|delivery| taken.take(delivery));
    taken
}

/// On a clock that moves on by a tick a record.
fn stepping() -> Events {
    Events::builder().memory(1 << 20).clock(Clock::stepping(Duration::from_nanos(1))).build().unwrap()
}

#[test]
fn what_is_recorded_from_now_on_is_delivered_once_and_in_order_of_time() {
    let events = stepping();
    (0..5).for_each(|n| events.record(Usual { n }));
    let mut cursor = events.cursor();
    assert!(drained(&mut cursor).numbers.is_empty(), "before its start");
    for n in 0..30 {
        match n % 3 {
            0 => events.record(Rare { n }),
            1 => events.record(Usual { n }),
            _ => events.record(Detail { n }),
        }
    }
    assert_eq!(drained(&mut cursor).numbers, (0..30).collect::<Vec<_>>());
    assert!(drained(&mut cursor).numbers.is_empty(), "once");
    events.mark(Usual { n: 77 });
    assert_eq!(drained(&mut cursor).numbers, [77]);
    let stats = cursor.stats();
    assert_eq!((stats.delivered, stats.accounted(), stats.behind, stats.late), (31, 31, 0, 0));
}

#[test]
fn the_precious_come_first_if_asked_for() {
    let events = stepping();
    let mut cursor = events.cursor().precious_first(true);
    for n in 0..12 {
        match n % 3 {
            0 => events.record(Detail { n }),
            1 => events.record(Usual { n }),
            _ => events.record(Rare { n }),
        }
    }
    assert_eq!(drained(&mut cursor).numbers, [2, 5, 8, 11, 1, 4, 7, 10, 0, 3, 6, 9]);
}

#[test]
fn no_more_is_taken_than_is_asked_for() {
    let events = stepping();
    let mut cursor = events.cursor();
    (0..10).for_each(|n| events.record(Usual { n }));
    let mut taken = Taken::default();
    for (demand, given, state) in [
        (0, 0, CursorState::Idle),
        (4, 4, CursorState::More),
        (6, 6, CursorState::Idle),
        (6, 0, CursorState::Idle),
    ] {
        let progress = cursor.poll(demand, |delivery| taken.take(delivery));
        assert_eq!((progress.events, progress.gaps, progress.state), (given, 0, state));
    }
    assert_eq!(taken.numbers, (0..10).collect::<Vec<_>>());
}

#[test]
fn it_starts_where_it_is_told_to() {
    let events = stepping();
    for n in 0..20 {
        if n % 2 == 0 { events.record(Rare { n }) } else { events.record(Usual { n }) }
    }
    let answer = events.query().run().unwrap();
    let fifth = answer.iter().nth(5).unwrap();
    let follow = |start| drained(&mut events.query().follow_from(start).unwrap()).numbers;
    assert_eq!(follow(Start::Oldest), (0..20).collect::<Vec<_>>());
    assert_eq!(follow(Start::Event(fifth.id())), (5..20).collect::<Vec<_>>());
    assert_eq!(follow(Start::Time(fifth.ticks())), (5..20).collect::<Vec<_>>());
    assert_eq!(follow(Start::Time(Ticks(fifth.ticks().0 + 1))), (6..20).collect::<Vec<_>>());
    assert!(follow(Start::Now).is_empty());
    assert_eq!(events.prune_before(fifth.ticks()), 5);
    let mut cursor = events.query().follow_from(Start::Oldest).unwrap();
    let taken = drained(&mut cursor);
    assert_eq!(
        (taken.numbers, taken.gaps),
        ((5..20).collect::<Vec<_>>(), vec![]),
        "no gap of before its start"
    );
    let first = answer.iter().next().unwrap().id();
    let gone = events.query().follow_from(Start::Event(first)).unwrap_err();
    assert_eq!(gone, QueryError::NoEvent { id: first.get() });
}

#[test]
fn filters_leave_out_what_they_leave_out_of_answers() {
    let events = stepping();
    let mut of_kind = events.query().kind::<Detail>().follow().unwrap();
    let mut of_id = events.query().correlation(7_u64).follow().unwrap();
    let mut severe = events.query().severity_at_least(Severity::Error).follow().unwrap();
    for n in 0..30 {
        match n % 3 {
            0 => events.record_with(Stamp::of(n % 2 + 7), Rare { n }),
            1 => events.record_with(Stamp::of(n % 2 + 7), Usual { n }),
            _ => events.record_with(Stamp::of(n % 2 + 7), Detail { n }),
        }
    }
    let numbers = |cursor: &mut Cursor| drained(cursor).numbers;
    assert_eq!(
        numbers(&mut of_kind),
        (2..30).step_by(3).collect::<Vec<_>>(),
        "of a kind that was not met before"
    );
    assert_eq!(numbers(&mut of_id), (0..30).step_by(2).collect::<Vec<_>>());
    assert_eq!(numbers(&mut severe), (0..30).step_by(3).collect::<Vec<_>>());
    assert_eq!((of_kind.stats().filtered, of_id.stats().filtered, severe.stats().filtered), (20, 15, 20));
    // Now that the kind is known, what lies elsewhere is not looked at.
    let mut of_kind = events.query().kind::<Rare>().follow().unwrap();
    events.record(Usual { n: 1 });
    events.record(Rare { n: 2 });
    assert_eq!((numbers(&mut of_kind), of_kind.stats().filtered), (vec![2], 0));
}

#[test]
fn what_is_left_out_block_by_block_is_counted_too() {
    let events = Events::builder().memory(8 << 20).shards(1).clock(Clock::stepping(Duration::from_nanos(1)));
    let events = events.build().unwrap();
    // Rare ones that are of no class of their own, in a flood of one that is.
    let record = |from: u64, to: u64| {
        (from..to).for_each(|n| match n % 5_000 {
            7 => events.record(Made { thread: n, n }),
            _ => events.record(Usual { n }),
        });
    };
    record(0, 20_000);
    let written = || events.stats().written;
    let of_kind = || events.query().kind::<Made>();
    let (mut live, mut oldest) = (of_kind().follow().unwrap(), of_kind().follow_from(Start::Oldest).unwrap());
    assert_eq!(drained(&mut oldest).numbers, [7, 5_007, 10_007, 15_007]);
    assert_eq!(oldest.stats().accounted(), written());
    let late = events.query().run().unwrap().iter().nth(17_000).unwrap().ticks();
    let mut from = events.query().follow_from(Start::Time(late)).unwrap();
    assert_eq!(drained(&mut from).numbers, (17_000..20_000).collect::<Vec<_>>());
    assert_eq!((from.stats().filtered, from.stats().accounted()), (17_000, written()));
    // A lap and a half, in parts: what is passed as a whole, what singly and what is missed adds up.
    for part in 0..10 {
        record(20_000 + part * 7_919, 20_000 + (part + 1) * 7_919);
        drained(&mut live);
        if part == 6 {
            assert_eq!(drained(&mut oldest).gaps.len(), 1);
        }
    }
    drained(&mut oldest);
    let [of_live, of_oldest] = [live.stats(), oldest.stats()];
    assert_eq!((of_live.delivered, of_live.overwritten), (16, 0), "{of_live:?}");
    assert_eq!(of_live.accounted() + 20_000, written(), "{of_live:?}");
    assert!(of_oldest.overwritten > 0 && of_oldest.behind == 0, "{of_oldest:?}");
    assert_eq!(of_oldest.accounted(), written(), "{of_oldest:?}");
}

#[test]
fn what_only_an_answer_has_is_refused() {
    let events = stepping();
    let refused = |query: flightdeck::events::Query<'_>| query.follow().unwrap_err();
    for query in [events.query().limit(3), events.query().budget(3), events.query().newest_first()] {
        assert!(matches!(refused(query), QueryError::NotFollowed { .. }));
    }
    assert_eq!(refused(events.query().correlation(0_u64)), QueryError::NoId);
    assert!(matches!(refused(events.query().kind_named("none")), QueryError::UnknownKind { .. }));
}

#[test]
fn what_was_overwritten_is_counted_to_the_last_event() {
    let events = stepping();
    let mut cursor = events.cursor();
    (0..3).for_each(|n| events.record(Usual { n }));
    assert_eq!(drained(&mut cursor).numbers, [0, 1, 2]);
    let lap = 100_000;
    (3..lap).for_each(|n| events.record(Usual { n }));
    let taken = drained(&mut cursor);
    let first = taken.numbers[0];
    assert_eq!(taken.numbers, (first..lap).collect::<Vec<_>>());
    let [gap] = taken.gaps[..] else { panic!("{:?}", taken.gaps) };
    assert_eq!(
        (gap.cause, gap.count, gap.class, gap.shard),
        (GapCause::Overwritten, first - 3, Class::Normal, Some(0))
    );
    let from = events.query().run().unwrap().iter().next().unwrap().ticks();
    assert!(gap.from < gap.until && gap.until == from, "{gap:?}, {from:?}");
    let stats = cursor.stats();
    assert_eq!((stats.accounted(), events.stats().written), (lap, lap));
    assert_eq!((stats.overwritten, stats.behind), (first - 3, 0));
}

#[test]
fn what_was_pruned_is_a_gap_and_what_was_lost_too() {
    let events = stepping();
    let mut cursor = events.cursor();
    (0..10).for_each(|n| events.record(Usual { n }));
    let sixth = events.query().run().unwrap().iter().nth(6).unwrap().ticks();
    assert_eq!(events.prune_before(sixth), 6);
    events.record(Long { bytes: &[0; 500_000] });
    events.record(Long { bytes: &vec![0; 2 << 20] });
    let taken = drained(&mut cursor);
    assert_eq!(taken.numbers, [6, 7, 8, 9]);
    assert_eq!(taken.counted(GapCause::Pruned), 6);
    let lost = events.stats().lost();
    assert_eq!((taken.counted(GapCause::Lost(LossCause::TooLarge)), cursor.stats().lost), (lost, lost));
    assert!(lost > 0 && drained(&mut cursor).gaps.is_empty(), "told once");
    assert_eq!(cursor.stats().accounted(), events.stats().written);
}

#[test]
fn a_batch_comes_whole() {
    let events = stepping();
    let mut cursor = events.cursor();
    let mut batch = Batch::new();
    (0..5).for_each(|n| batch.push(Usual { n }));
    events.record_batch(&mut batch).unwrap();
    let mut parts = Vec::new();
    cursor.drain(|delivery| parts.extend(delivery.event().and_then(|event| event.batch())));
    assert!(parts.len() == 5 && parts.iter().all(|part| part.is_whole && part.first == parts[0].first));
}

#[test]
fn one_who_waits_gets_what_comes_and_the_end() {
    let events = Events::builder().memory(1 << 20).build().unwrap();
    let mut cursor = events.cursor();
    let patience = Duration::from_millis(50);
    assert_eq!(cursor.next(patience).unwrap_err(), FollowError::TimedOut { waited: patience });
    let parks = cursor.stats().parks;
    // 50, 100, 200, 400, 800 us, then a millisecond each: not as many as one who comes back as soon as it may.
    assert!((1..=60).contains(&parks), "{parks} parks in 50 ms");
    let follower = thread::spawn(move || {
        let mut numbers = Vec::new();
        while let Some(delivery) = cursor.recv() {
            numbers.extend(delivery.event().map(|event| number(&event, "n")));
        }
        let closed = cursor.next(Duration::from_secs(60)).map(drop);
        (numbers, closed, cursor.poll(1, |_| panic!("nothing comes any more")).state)
    });
    for n in 0..20 {
        events.record(Usual { n });
        thread::sleep(Duration::from_millis(n % 4));
    }
    events.stop();
    let (numbers, closed, state) = follower.join().unwrap();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    assert_eq!((closed, state), (Err(FollowError::Closed), CursorState::Closed));
}

#[test]
fn the_last_handle_ends_it_too() {
    let events = Events::builder().memory(1 << 20).build().unwrap();
    let mut cursor = events.cursor();
    let other = events.clone();
    events.record(Usual { n: 1 });
    drop(events);
    assert!(cursor.recv().is_some());
    assert!(matches!(cursor.next(Duration::from_millis(2)), Err(FollowError::TimedOut { .. })));
    drop(other);
    assert!(cursor.recv().is_none());
}

#[test]
fn a_cursor_that_is_dropped_in_mid_way_disturbs_nobody() {
    let events = stepping();
    let (mut first, mut second) = (events.cursor(), events.cursor());
    (0..100).for_each(|n| events.record(Usual { n }));
    first.poll(10, |_| {});
    drop(first);
    assert_eq!(drained(&mut second).numbers, (0..100).collect::<Vec<_>>());
}

/// What one cursor saw of many producers.
#[derive(Default)]
struct Seen {
    next: BTreeMap<(u64, Class), u64>,
    ids: BTreeSet<u64>,
    events: u64,
    gaps: u64,
}

impl Seen {
    fn take(&mut self, delivery: Delivery<'_>) {
        match delivery {
            Delivery::Event(event) => {
                self.events += 1;
                assert!(self.ids.insert(event.id().get()), "twice: {event:?}");
                let next = self.next.entry((number(&event, "thread"), event.class())).or_default();
                let n = number(&event, "n");
                assert!(n >= *next, "thread {}: {n} after {next}", number(&event, "thread"));
                *next = n + 1;
            }
            Delivery::Gap(gap) => self.gaps += gap.count,
            other => panic!("{other:?}"),
        }
    }
}

/// Producers as fast as they can, a cursor that pauses now and then: delivered and missed is what was written.
fn followed(events: &Events, producers: u64, each: u64, pause: Duration) -> Seen {
    let mut cursor = events.cursor();
    let (mut seen, running) = (Seen::default(), AtomicU64::new(producers));
    thread::scope(|threads| {
        for thread in 0..producers {
            let running = &running;
            threads.spawn(move || {
                for n in 0..each {
                    if n % 16 == 0 {
                        events.record(MadeRare { thread, n });
                    } else {
                        events.record(Made { thread, n });
                    }
                }
                running.fetch_sub(1, Ordering::Release);
            });
        }
        let mut turn = 0;
        while running.load(Ordering::Acquire) > 0 {
            cursor.poll(1_000, |delivery| seen.take(delivery));
            turn += 1;
            if turn % 64 == 0 {
                thread::sleep(pause);
            }
        }
    });
    cursor.drain(|delivery| seen.take(delivery));
    cursor.drain(|delivery| seen.take(delivery));
    let (of_cursor, of_store) = (cursor.stats(), events.stats());
    println!("{producers} producers: {of_cursor:?}, {} overflowed", of_store.overflowed);
    assert_eq!((of_cursor.behind, cursor.poll(1, |_| {}).state), (0, CursorState::Idle));
    assert_eq!(seen.events, of_cursor.delivered);
    assert_eq!(of_cursor.accounted(), of_store.written, "{of_cursor:?}");
    assert_eq!(seen.gaps, of_cursor.overwritten + of_cursor.pruned + of_cursor.lost);
    assert_eq!((of_cursor.lost, of_store.written + of_store.lost()), (of_store.lost(), producers * each));
    seen
}

#[test]
fn four_producers_in_tiny_rings_and_a_cursor_that_pauses() {
    let events = Events::builder().memory(1 << 20).shards(4).build().unwrap();
    let seen = followed(&events, 4, 200_000, Duration::from_millis(2));
    assert!(seen.gaps > 1_000 && seen.events > 1_000, "{} delivered, {} missed", seen.events, seen.gaps);
}

#[test]
fn a_cursor_that_keeps_up_misses_nothing() {
    let events = Events::builder().memory(64 << 20).shards(4).build().unwrap();
    let seen = followed(&events, 4, 20_000, Duration::ZERO);
    assert_eq!((seen.events, seen.gaps), (80_000, 0));
}

#[test]
fn a_hundred_producers_through_shared_shards_and_the_overflow() {
    let events =
        Events::builder().memory(2 << 20).shards(4).shared_shards(1).overflow_slots(128).build().unwrap();
    followed(&events, 100, 20_000, Duration::from_micros(200));
    assert!(events.stats().overflowed > 0, "not a case for the overflow");
}

#[test]
fn many_cursors_come_and_go_while_there_is_pruning() {
    let events = Events::builder().memory(1 << 20).shards(2).build().unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        for thread in 0..2 {
            let (events, stop) = (&events, &stop);
            threads.spawn(move || {
                let running = (0..).take_while(|_| !stop.load(Ordering::Relaxed));
                running.for_each(|n| events.record(Made { thread, n }));
            });
        }
        let end = Instant::now() + Duration::from_millis(500);
        let mut turn = 0;
        while Instant::now() < end {
            let start = if turn % 2 == 0 { Start::Oldest } else { Start::Now };
            let mut cursor = events.query().follow_from(start).unwrap();
            let mut seen = Seen::default();
            for _ in 0..turn % 5 {
                cursor.drain(|delivery| seen.take(delivery));
                events.clear();
            }
            assert_eq!(cursor.stats().delivered, seen.events);
            turn += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
}
