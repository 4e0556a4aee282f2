//! Pipelines: what goes through, what is left out, and that nothing is lost unseen.

mod support;

use flightdeck::Flightdeck;
use flightdeck::events::{
    Class, Cursor, Events, OwnedEvent, Pipeline, PipelineStatus, SinkError, Start, Value,
};
use flightdeck::supervisor::{Restart, StartError, WorkerContext, WorkerState};
use flightdeck::telemetry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! {
    Rare("pipe.rare", class = Critical) { n: u64 }
    Usual("pipe.usual") { n: u64 }
    Detail("pipe.detail", class = Verbose) { n: u64 }
    Made("pipe.made") { thread: u64, n: u64 }
}

fn small() -> Events {
    Events::builder().memory(1 << 20).build().unwrap()
}

fn number(event: &OwnedEvent) -> u64 {
    match event.field("n") {
        Some(Value::U64(n)) => n,
        other => panic!("{other:?}"),
    }
}

/// Runs the workers of a pipeline on threads of their own, again when they panic, until it is over.
struct Run {
    pipeline: Pipeline,
    threads: Vec<thread::JoinHandle<()>>,
}

fn run(pipeline: Pipeline) -> Run {
    let threads = pipeline.workers().iter().cloned();
    let threads = threads
        .map(|worker| {
            let begin = Instant::now();
            thread::spawn(move || {
                while catch_unwind(AssertUnwindSafe(|| worker.run(|| false))).is_err() {
                    assert!(begin.elapsed() < 3 * PATIENCE);
                }
            })
        })
        .collect();
    Run { pipeline, threads }
}

impl Run {
    /// Stops it, and finds that all that was written is accounted for.
    fn stop(self, written: u64) -> PipelineStatus {
        let status = self.pipeline.stop(PATIENCE);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(status.has_ended);
        assert_accounted(&status, written);
        assert_eq!(status.left(), 0, "{status:?}");
        status
    }
}

/// Each figure has a counter of its own, so their sum proves something.
#[track_caller]
fn assert_accounted(status: &PipelineStatus, written: u64) {
    let stages = status.stages.iter();
    assert_eq!(status.accounted(), written, "{status:#?}");
    let mut out = status.cursor.delivered;
    for stage in stages {
        let waiting: usize = stage.waiting.iter().map(|(_, waiting)| waiting).sum();
        assert_eq!(out, stage.taken + waiting as u64, "{}: what came in, and what waits", stage.name);
        out = stage.passed;
    }
}

type Taken<T> = Arc<Mutex<Vec<T>>>;

/// A sink that keeps what it delivers.
fn kept<T>() -> (Taken<T>, impl FnMut(&[T]) -> Result<(), SinkError> + Send + 'static)
where
    T: Clone + Send + 'static,
{
    let taken = Arc::new(Mutex::new(Vec::new()));
    let keep = taken.clone();
    (taken, move |batch: &[T]| {
        keep.lock().unwrap().extend_from_slice(batch);
        Ok(())
    })
}

/// A gate that opens for one call at a time, or for good.
#[derive(Clone, Default)]
struct Gate {
    opened: Arc<AtomicU64>,
    passed: Arc<AtomicU64>,
    waiting: Arc<AtomicBool>,
}

impl Gate {
    fn pass(&self) {
        let number = self.passed.load(Ordering::SeqCst);
        self.waiting.store(true, Ordering::SeqCst);
        until("the gate to open", || self.opened.load(Ordering::SeqCst) > number);
        self.waiting.store(false, Ordering::SeqCst);
        self.passed.store(number + 1, Ordering::SeqCst);
    }

    fn open(&self) {
        self.opened.store(u64::MAX, Ordering::SeqCst);
    }

    fn until_somebody_waits(&self) {
        until("somebody at the gate", || self.waiting.load(Ordering::SeqCst));
    }
}

#[test]
fn each_item_goes_through_all_stages_once_and_in_order() {
    let events = small();
    let (taken, sink) = kept();
    let pipeline = events
        .cursor()
        .pipeline("export")
        .validate(|event| event.field("n").is_some())
        .enrich(|event| number(&event))
        .validate(|n| n % 10 != 0)
        .queue(8)
        .filter(|n| n % 2 == 0)
        .enrich(|n| (n, n * n))
        .batch(7, Duration::from_millis(1))
        .sink(sink);
    let names: Vec<_> = pipeline.status().stages.iter().map(|stage| stage.name.to_string()).collect();
    assert_eq!(names, ["validate", "enrich", "validate_2", "filter", "enrich_2", "sink"]);
    let workers: Vec<_> = pipeline.workers().iter().map(|worker| worker.name().to_owned()).collect();
    assert_eq!(workers, ["pipeline.export.validate", "pipeline.export.filter", "pipeline.export.sink"]);
    let running = run(pipeline);
    (0..1_000).for_each(|n| events.record(Usual { n }));
    let status = running.stop(1_000);
    let expected: Vec<_> = (0..1_000).filter(|n| n % 10 != 0 && n % 2 == 0).map(|n| (n, n * n)).collect();
    assert_eq!(*taken.lock().unwrap(), expected);
    assert_eq!((status.dropped().invalid, status.dropped().filtered), (100, 500));
    let calls: Vec<_> = status.stages.iter().map(|stage| stage.calls).collect();
    assert_eq!(calls[..5], [1_000, 1_000, 1_000, 900, 400]);
    assert!(status.stages.iter().all(|stage| stage.busy > Duration::ZERO));
}

#[test]
fn who_is_behind_serves_the_critical_first_and_keeps_the_order_within_a_class() {
    let (events, gate) = (small(), Gate::default());
    let (taken, mut keep) = kept();
    let held = gate.clone();
    let pipeline = events.cursor().pipeline("gated").enrich(|event| (event.class(), number(&event)));
    let running = run(pipeline.sink(move |batch| {
        held.pass();
        keep(batch)
    }));
    events.record(Usual { n: 0 });
    gate.until_somebody_waits();
    (1..=5).for_each(|n| events.record(Detail { n }));
    (1..=5).for_each(|n| events.record(Usual { n }));
    (1..=5).for_each(|n| events.record(Rare { n }));
    until("all to wait", || running.pipeline.status().waiting() == 15);
    gate.open();
    running.stop(16);
    let taken = taken.lock().unwrap();
    let numbers: Vec<u64> = taken.iter().map(|(_, n)| *n).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
    let classes: Vec<_> = taken.iter().map(|(class, _)| class.name()).collect();
    assert_eq!(classes[1..6], ["critical"; 5]);
    assert_eq!(classes[6..11], ["normal"; 5]);
    assert_eq!(classes[11..], ["verbose"; 5]);
}

/// A queue that is full of detail keeps nothing else from coming by, in whichever stage.
#[test]
fn a_flood_of_detail_does_not_stand_in_the_way_of_the_critical() {
    let (events, gate) = (small(), Gate::default());
    let (taken, mut keep) = kept();
    let held = gate.clone();
    let pipeline = events.cursor().pipeline("flooded").enrich(|event| (event.class(), number(&event)));
    let pipeline = pipeline.queue(2).filter(|_| true).queue(2).sink(move |batch| {
        held.pass();
        keep(batch)
    });
    let running = run(pipeline);
    (0..300).for_each(|n| events.record(Detail { n }));
    let waiting = || running.pipeline.status().waiting();
    until("queues that are full", || waiting() == 4);
    gate.until_somebody_waits();
    until("the rest to be seen in the store", || running.pipeline.status().cursor.behind > 290);
    (1..=2).for_each(|n| events.record(Rare { n }));
    let at_sink = || running.pipeline.status().stages.last().unwrap().waiting[Class::Critical];
    until("the critical ones to come by", || at_sink() == 2);
    gate.open();
    let status = running.stop(302);
    let taken = taken.lock().unwrap();
    let next: Vec<_> = taken.iter().skip(1).take(3).map(|(class, n)| (class.name(), *n)).collect();
    assert_eq!(next, [("critical", 1), ("critical", 2), ("verbose", 1)]);
    assert_eq!((taken.len() as u64, status.cursor.overwritten), (302, 0));
}

#[test]
fn nor_does_a_flood_of_the_critical_keep_the_rest_from_its_own_queue() {
    let (events, gate) = (small(), Gate::default());
    let held = gate.clone();
    let running = run(events.cursor().pipeline("flooded").queue(2).sink(move |_| {
        held.pass();
        Ok(())
    }));
    (0..100).for_each(|n| events.record(Rare { n }));
    let at_sink = |class: Class| running.pipeline.status().stages[0].waiting[class];
    until("a queue that is full", || at_sink(Class::Critical) == 2);
    events.record(Detail { n: 1 });
    until("the detail to come by", || at_sink(Class::Verbose) == 1);
    gate.open();
    running.stop(101);
}

#[test]
fn a_stop_takes_what_was_recorded_before_it_and_runs_after_nobody() {
    // Also of those that go through the overflow.
    for (shards, producers) in [(4, 2), (1, 8)] {
        let events = Events::builder().memory(1 << 20).shards(shards).shared_shards(0).build().unwrap();
        let stopped = AtomicBool::new(false);
        let (taken, sink) = kept();
        let running = run(events.cursor().pipeline("brief").enrich(|event| number(&event)).sink(sink));
        thread::scope(|threads| {
            for _ in 0..producers {
                threads.spawn(|| {
                    while !stopped.load(Ordering::Relaxed) {
                        events.record(Usual { n: 1 });
                    }
                });
            }
            until("some to be delivered", || running.pipeline.status().delivered() > 0);
            let before = events.stats().written;
            let status = running.pipeline.stop(PATIENCE);
            let after = events.stats().written;
            stopped.store(true, Ordering::Relaxed);
            assert!(status.has_ended && status.left() == 0, "{status:?}");
            assert_eq!(events.stats().overflowed > 0, shards < producers);
            assert!((before..=after).contains(&status.accounted()), "{before}, {after}: {status:?}");
            assert_eq!(status.delivered(), taken.lock().unwrap().len() as u64);
            assert_eq!(running.pipeline.status().accounted(), status.accounted(), "no more after its end");
        });
        running.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn a_sink_that_stands_still_holds_up_no_writer_and_what_it_misses_is_counted_exactly() {
    let (events, gate) = (small(), Gate::default());
    let delivered = Arc::new(AtomicU64::new(0));
    let (held, count) = (gate.clone(), delivered.clone());
    let pipeline = events.cursor().pipeline("stalled").queue(16).batch(4, Duration::ZERO);
    let running = run(pipeline.sink(move |batch| {
        held.pass();
        count.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }));
    events.record(Usual { n: 0 });
    gate.until_somebody_waits();
    // The writer comes to its end while the sink stands still.
    (1..200_000).for_each(|n| events.record(Usual { n }));
    let status = running.pipeline.status();
    assert_eq!(status.delivered(), 0);
    assert!(status.waiting() <= 16 && status.held() <= 4, "no more in memory than was said");
    gate.open();
    let status = running.stop(200_000);
    assert!(status.cursor.overwritten > 100_000, "{status:?}");
    assert_eq!(status.delivered(), delivered.load(Ordering::Relaxed));
    assert_eq!(status.delivered() + status.cursor.overwritten, 200_000);
}

#[test]
fn a_stage_that_panics_loses_the_item_in_hand_and_no_other() {
    let events = small();
    let (taken, sink) = kept();
    let bad = |n: u64| n % 100 == 13;
    let pipeline = events
        .cursor()
        .pipeline("shaky")
        .validate(move |event| {
            assert!(number(event) != 50, "a validation");
            true
        })
        .enrich(move |event| {
            let n = number(&event);
            assert!(!bad(n), "an enrichment of {n}");
            n
        })
        .filter(|n| {
            assert!(*n != 60, "a filter");
            true
        })
        .sink(sink);
    let running = run(pipeline);
    (0..1_000).for_each(|n| events.record(Usual { n }));
    let status = running.stop(1_000);
    let expected: Vec<_> = (0..1_000).filter(|n| !bad(*n) && *n != 50 && *n != 60).collect();
    assert_eq!(*taken.lock().unwrap(), expected);
    let lost: Vec<_> = status.stages.iter().map(|stage| stage.dropped.lost_in_panic).collect();
    assert_eq!(lost, [1, 10, 1, 0]);
    assert_eq!(status.stages.iter().map(|stage| stage.panics).collect::<Vec<_>>(), lost);
}

#[test]
fn a_sink_that_panics_loses_its_batch_unless_it_is_to_be_kept() {
    for (survives, lost) in [(0, 5), (1, 5), (2, 0)] {
        let events = small();
        (0..20).for_each(|n| events.record(Usual { n }));
        let (taken, mut keep) = kept();
        let mut panics_left = 2;
        let pipeline = oldest(&events).pipeline("shaky").enrich(|event| number(&event));
        let pipeline = pipeline.batch(5, PATIENCE).retry_panicked(survives).sink(move |batch| {
            // The second batch makes it panic twice; with none kept, the third one does, too.
            if batch[0] == 5 && panics_left > 0 {
                panics_left -= 1;
                panic!("a sink");
            }
            keep(batch)
        });
        let status = run(pipeline).stop(20);
        let expected: Vec<_> = (0..20).filter(|n| lost == 0 || !(5..10).contains(n)).collect();
        assert_eq!(*taken.lock().unwrap(), expected, "{survives}");
        assert_eq!(status.dropped().lost_in_panic, lost);
        let sink = status.stages.last().unwrap();
        assert_eq!((sink.panics, sink.retries), (u64::from(survives + 1).min(2), u64::from(survives)));
    }
}

fn oldest(events: &Events) -> Cursor {
    events.query().follow_from(Start::Oldest).unwrap()
}

#[test]
fn a_batch_that_may_be_delivered_later_is_kept_and_one_that_may_not_is_dropped() {
    let events = small();
    (0..20).for_each(|n| events.record(Usual { n }));
    let (taken, mut keep) = kept();
    let mut failures = 3;
    let pipeline = oldest(&events).pipeline("picky").enrich(|event| number(&event));
    let pipeline = pipeline.batch(5, PATIENCE).sink(move |batch| match batch[0] {
        5 if failures > 0 => {
            failures -= 1;
            Err(SinkError::later("busy"))
        }
        10 => Err(SinkError::never("too old")),
        _ => keep(batch),
    });
    let begun = Instant::now();
    let status = run(pipeline).stop(20);
    assert!(begun.elapsed() >= Duration::from_millis(10 + 20 + 40), "{:?}", begun.elapsed());
    assert_eq!(*taken.lock().unwrap(), (0..10).chain(15..20).collect::<Vec<_>>());
    let sink = status.stages.last().unwrap();
    assert_eq!((sink.retries, sink.dropped.refused, sink.calls), (3, 5, 4 + 3));
    assert_eq!(status.last_error.as_deref(), Some("too old"));
}

#[test]
fn a_sink_that_says_how_long_it_is_to_be_left_in_peace_is_not_called_before() {
    let events = small();
    (0..5).for_each(|n| events.record(Usual { n }));
    let asked = Duration::from_millis(300);
    let (sender, calls) = mpsc::channel();
    let mut answers = vec![Ok(()), Err(SinkError::after(asked, "too many requests"))];
    let pipeline = oldest(&events).pipeline("limited").batch(5, PATIENCE).sink(move |_| {
        sender.send(Instant::now()).unwrap();
        answers.pop().unwrap()
    });
    let status = run(pipeline).stop(5);
    let calls: Vec<Instant> = calls.iter().collect();
    assert_eq!((calls.len(), status.delivered()), (2, 5));
    let between = calls[1] - calls[0];
    assert!(between >= asked, "{between:?}");
}

#[test]
fn batch_size_and_time_out_can_be_changed_while_it_runs() {
    let events = small();
    let (sender, batches) = mpsc::channel();
    let pipeline = events
        .cursor()
        .pipeline("tuned")
        .batch(10, PATIENCE)
        .sink(move |batch| sender.send(batch.len()).map_err(SinkError::never));
    let running = run(pipeline);
    let record = |count| (0..count).for_each(|n| events.record(Usual { n }));
    let next = || batches.recv_timeout(PATIENCE / 2).unwrap();
    record(20);
    assert_eq!([next(), next()], [10, 10]);
    record(15);
    assert_eq!(next(), 10);
    until("five to be gathered", || running.pipeline.status().held() == 5);
    // A smaller batch is full at once.
    running.pipeline.set_batch(3, PATIENCE);
    assert_eq!(next(), 3);
    // A shorter time is over at once.
    running.pipeline.set_batch(100, Duration::from_millis(1));
    assert_eq!(next(), 2);
    record(1);
    assert_eq!(next(), 1, "when its time is over");
    let status = running.stop(36);
    assert_eq!((status.batch_size, status.batch_timeout), (100, Duration::from_millis(1)));
}

#[test]
fn a_stop_that_may_not_wait_says_what_is_left_and_where() {
    let (events, gate) = (small(), Gate::default());
    let held = gate.clone();
    let pipeline = events.cursor().pipeline("cut").enrich(|event| number(&event)).queue(10);
    let running = run(pipeline.batch(5, Duration::ZERO).sink(move |_| {
        held.pass();
        Ok(())
    }));
    (0..100).for_each(|n| events.record(Usual { n }));
    gate.until_somebody_waits();
    until("a full queue", || running.pipeline.status().waiting() == 10);
    let begun = Instant::now();
    let status = running.pipeline.stop(Duration::from_millis(100));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(!status.has_ended);
    let held = status.held();
    assert!((1..=5).contains(&held), "in the sink's hands: {held}");
    assert_eq!((status.delivered(), status.waiting(), status.cursor.behind), (0, 10, 90 - held));
    assert_accounted(&status, 100);
    gate.open();
    running.threads.into_iter().for_each(|thread| thread.join().unwrap());
    let status = running.pipeline.status();
    assert_eq!((status.delivered(), status.left()), (held, 100 - held), "what the sink had in hand");
    assert_accounted(&status, 100);
}

/// The central one: whatever happens, each event that was written is in one account, and in one only.
#[test]
fn of_a_hundred_producers_nothing_is_lost_unseen() {
    for (memory, slow) in [(16 << 20, false), (1 << 20, true)] {
        let events = Events::builder().memory(memory).shards(8).build().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = seen.clone();
        let mut calls = 0_u64;
        let made = |event: &OwnedEvent, field| match event.field(field) {
            Some(Value::U64(n)) => n,
            other => panic!("{other:?}"),
        };
        let pipeline = events
            .cursor()
            .pipeline("flood")
            .validate(move |event| made(event, "n") % 11 != 3)
            .enrich(move |event| {
                let (thread, n) = (made(&event, "thread"), made(&event, "n"));
                assert!(n % 101 != 7, "an enrichment");
                (thread, n)
            })
            .queue(64)
            .filter(|(_, n)| n % 7 != 2)
            .batch(50, Duration::from_millis(1))
            .sink(move |batch| {
                calls += 1;
                if slow {
                    thread::sleep(Duration::from_micros(200));
                }
                match calls % 40 {
                    0 => panic!("a sink"),
                    10 => Err(SinkError::later("busy")),
                    20 => Err(SinkError::never("too late")),
                    _ => {
                        keep.lock().unwrap().extend_from_slice(batch);
                        Ok(())
                    }
                }
            });
        let running = run(pipeline);
        const EACH: u64 = 500;
        let mut rounds = 0;
        // How much of it comes by depends on the machine: until there is something in each account. A fast one may miss what lay in
        // the overflow, which is small.
        until("losses of every sort", || {
            thread::scope(|threads| {
                for thread in 0..100 {
                    let events = &events;
                    let numbers = rounds * EACH..(rounds + 1) * EACH;
                    threads.spawn(move || numbers.for_each(|n| events.record(Made { thread, n })));
                }
            });
            rounds += 1;
            let status = running.pipeline.status();
            let dropped = status.dropped();
            let counts = [dropped.invalid, dropped.filtered, dropped.refused, dropped.lost_in_panic];
            counts.iter().all(|count| *count > 0) && (status.cursor.overwritten > 0 || !slow)
        });
        let lost: u64 = events.losses().iter().map(|loss| loss.count).sum();
        let status = running.stop(rounds * 100 * EACH - lost);
        let dropped = status.dropped();
        println!("{slow}: {} delivered, {dropped:?}, {:?}", status.delivered(), status.cursor);
        let mut seen = seen.lock().unwrap();
        assert_eq!(status.delivered(), seen.len() as u64);
        assert_eq!(status.cursor.lost, lost);
        seen.sort_unstable();
        assert!(seen.windows(2).all(|two| two[0] != two[1]), "none twice");
        assert!(seen.iter().all(|(_, n)| n % 11 != 3 && n % 101 != 7 && n % 7 != 2));
    }
}

#[test]
fn it_begins_with_what_its_cursor_had_found_and_counts_from_there() {
    let events = small();
    let mut cursor = oldest(&events);
    for n in 0..30 {
        match n % 3 {
            0 => events.record(Rare { n }),
            1 => events.record(Usual { n }),
            _ => events.record(Detail { n }),
        }
    }
    assert_eq!(cursor.poll(10, |_| ()).events, 10);
    let (taken, sink) = kept();
    let status = run(cursor.pipeline("late").enrich(|event| number(&event)).sink(sink)).stop(20);
    let mut taken = taken.lock().unwrap();
    taken.sort_unstable();
    assert_eq!((&**taken, status.delivered()), (&*(10..30).collect::<Vec<_>>(), 20));
}

#[test]
fn a_cursor_that_was_woken_before_is_counted_from_there_too() {
    flightdeck::kind! { Urgent("pipe.urgent", prompt) { n: u64 } }
    let events = small();
    // Not every system has the barrier.
    let Ok(mut cursor) = events.cursor().park_between(PATIENCE, PATIENCE).prompt() else { return };
    while cursor.stats().woken == 0 {
        thread::scope(|threads| {
            threads.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                events.record(Urgent { n: 0 });
            });
            assert!(cursor.recv().is_some());
        });
    }
    let running = run(cursor.pipeline("urgent").sink(|_| Ok(())));
    events.record(Urgent { n: 1 });
    let status = running.stop(1);
    assert_eq!((status.delivered(), status.cursor.woken, status.cursor.deaf), (1, 0, 0));
}

#[test]
fn it_ends_by_itself_when_its_store_does() {
    let events = small();
    let (taken, sink) = kept();
    let running = run(events.cursor().pipeline("left").enrich(|event| number(&event)).sink(sink));
    (0..10).for_each(|n| events.record(Usual { n }));
    drop(events);
    running.threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(running.pipeline.has_ended());
    assert_eq!(*taken.lock().unwrap(), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_worker_that_runs_is_not_run_twice() {
    let events = small();
    let running = run(events.cursor().pipeline("once").sink(|_| Ok(())));
    let sink = running.pipeline.workers()[1].clone();
    events.record(Usual { n: 1 });
    until("it to run", || running.pipeline.status().delivered() == 1);
    sink.run(|| false);
    running.stop(1);
}

/// What telemetry says of a pipeline's stage.
#[track_caller]
fn counted(deck: &Flightdeck, name: &str) -> u64 {
    match deck.telemetry().snapshot().get(&format!("pipeline.export.{name}")) {
        Some(telemetry::Value::Counter(count)) => *count,
        Some(telemetry::Value::Gauge(value)) => u64::try_from(*value).unwrap(),
        Some(telemetry::Value::Histogram(values)) => values.count(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_deck_restarts_it_says_what_was_lost_and_has_its_numbers_in_telemetry() {
    let (sender, delivered) = mpsc::channel();
    let deck = Flightdeck::builder()
        .pipeline(move |events| {
            let usual = events.query().kind::<Usual>().follow().unwrap();
            let stages = usual.pipeline("export").enrich(|event| number(&event)).queue(100);
            stages.validate(|n| *n != 4).filter(|n| *n != 5).batch(3, Duration::from_millis(1)).sink(
                move |batch: &[u64]| {
                    assert!(!batch.contains(&7), "a sink");
                    sender.send(batch.to_vec()).map_err(SinkError::never)
                },
            )
        })
        .start()
        .unwrap();
    let export = deck.pipelines().remove(0);
    assert_eq!(export.name(), "export");
    export.set_batch(1, Duration::ZERO);
    (0..10).for_each(|n| deck.record(Usual { n }));
    let numbers: Vec<u64> =
        std::iter::from_fn(|| delivered.recv_timeout(PATIENCE).ok()).flatten().take(7).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 6, 8, 9]);
    until("it to be told", || deck.events().query().kind_named("flightdeck.pipeline.lost").count() == 1);
    let told = deck.events().query().kind_named("flightdeck.pipeline.lost").run().unwrap();
    let fields: Vec<_> = told.iter().flat_map(|event| event.fields().collect::<Vec<_>>()).collect();
    let expected =
        [("pipeline", Value::Str("export")), ("stage", Value::Str("sink")), ("items", Value::U64(1))];
    assert_eq!(fields, expected);
    // A panic of an export is no reason to stop the host's workers.
    assert!(!deck.supervisor().has_melted_down());
    until("the last to be counted", || export.status().delivered() == 7);
    let status = export.status();
    for stage in &status.stages {
        let counted = |what: &str| counted(&deck, &format!("{}.{what}", stage.name));
        let dropped = stage.dropped;
        assert_eq!((counted("in"), counted("out")), (stage.taken, stage.passed), "{}", stage.name);
        assert_eq!((counted("invalid"), counted("filtered")), (dropped.invalid, dropped.filtered));
        assert_eq!((counted("refused"), counted("lost_in_panic")), (dropped.refused, dropped.lost_in_panic));
        assert_eq!(Duration::from_nanos(counted("busy_ns")), stage.busy);
        assert_eq!((counted("retries"), counted("held")), (stage.retries, stage.held()));
        if stage.room > 0 {
            assert_eq!(counted("queue.normal"), 0);
        }
    }
    assert_eq!(counted(&deck, "enrich.in"), 10);
    assert_eq!((counted(&deck, "cursor.out"), counted(&deck, "cursor.behind")), (10, status.cursor.behind));
    assert_eq!(counted(&deck, "sink.call_ns"), 7, "calls that returned");
    assert!(deck.shutdown(PATIENCE).is_clean());
}

#[test]
fn telemetry_follows_a_pipeline_that_nobody_asks() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let deck = Flightdeck::builder().start().unwrap();
    let cursor = deck.events().query().kind::<Usual>().follow().unwrap();
    let pipeline = cursor.pipeline("export").queue(5).sink(move |_| {
        at_gate.pass();
        Ok(())
    });
    let export = deck.pipeline(pipeline).unwrap();
    (0..20).for_each(|n| deck.record(Usual { n }));
    gate.until_somebody_waits();
    until("the queue's length", || counted(&deck, "sink.queue.normal") == 5);
    until("how far behind it is", || counted(&deck, "cursor.behind") >= 14);
    assert_eq!(counted(&deck, "sink.held"), 1);
    gate.open();
    until("all delivered", || counted(&deck, "sink.out") == 20);
    assert_eq!(export.stop(PATIENCE).delivered(), 20);
}

#[test]
fn a_shutdown_delivers_what_the_other_workers_leave_behind() {
    let (taken, sink) = kept();
    let slot = Arc::new(std::sync::OnceLock::<Flightdeck>::new());
    let in_worker = slot.clone();
    let deck = Flightdeck::builder()
        .worker("book", Restart::Permanent, move |context: &WorkerContext| {
            until_stopped(context);
            // Its last words.
            let deck = in_worker.get().unwrap();
            (0..1_000).for_each(|n| deck.record(Usual { n }));
        })
        .pipeline(|events| {
            let usual = events.query().kind::<Usual>().follow().unwrap();
            let pipeline = usual.pipeline("export").enrich(|event| number(&event));
            pipeline.batch(64, PATIENCE).sink(sink)
        })
        .start()
        .unwrap();
    assert!(slot.set(deck.clone()).is_ok());
    let export = deck.pipelines().remove(0);
    let begun = Instant::now();
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert!(begun.elapsed() < PATIENCE / 2, "not until the batch's time is over");
    assert_eq!(*taken.lock().unwrap(), (0..1_000).collect::<Vec<_>>());
    let status = export.status();
    assert_eq!((status.delivered(), status.left(), status.has_ended), (1_000, 0, true));
    let stopped = deck.events().query().kind_named("flightdeck.pipeline.stopped").run().unwrap();
    let said: Vec<_> = stopped.iter().map(|event| (event.field("delivered"), event.field("left"))).collect();
    assert_eq!(said, [(Some(Value::U64(1_000)), Some(Value::U64(0)))]);
}

#[test]
fn a_shutdown_with_a_sink_that_fails_for_ever_returns_in_time_and_says_what_is_left() {
    let deck = Flightdeck::builder().start().unwrap();
    let cursor = deck.events().query().kind::<Usual>().follow().unwrap();
    let pipeline = cursor.pipeline("export").sink(|_| Err(SinkError::later("nobody is there")));
    let export = deck.pipeline(pipeline).unwrap();
    (0..10).for_each(|n| deck.record(Usual { n }));
    let begun = Instant::now();
    let report = deck.shutdown(Duration::from_secs(1));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(report.is_clean(), "its workers gave up by themselves: {report:?}");
    let status = export.status();
    assert_eq!((status.delivered(), status.held() + status.waiting()), (0, 10), "{status:?}");
    assert_eq!(status.last_error.as_deref(), Some("nobody is there"));
}

#[test]
fn a_pipeline_is_stopped_alone_and_its_name_is_free_again() {
    let deck = Flightdeck::builder().worker("idle", Restart::Permanent, until_stopped).start().unwrap();
    let export = |deck: &Flightdeck| {
        let cursor = deck.events().query().kind::<Usual>().follow().unwrap();
        deck.pipeline(cursor.pipeline("export").batch(100, PATIENCE).sink(|_| Ok(())))
    };
    let first = export(&deck).unwrap();
    assert!(matches!(export(&deck), Err(StartError::DuplicateName { .. })));
    assert_eq!(deck.pipelines().len(), 1);
    (0..10).for_each(|n| deck.record(Usual { n }));
    let status = first.stop(PATIENCE);
    assert_eq!((status.delivered(), status.left()), (10, 0));
    assert!(deck.pipelines().is_empty());
    assert_eq!(deck.supervisor().workers().len(), 1, "its workers are off the list");
    assert_eq!(deck.supervisor().workers()[0].state, WorkerState::Running);
    let second = export(&deck).unwrap();
    deck.record(Usual { n: 10 });
    assert_eq!(second.stop(PATIENCE).delivered(), 1);
    assert_eq!(counted(&deck, "sink.out"), 11, "counters go on");
    assert_eq!(first.stop(PATIENCE).delivered(), 10, "twice");
}

#[test]
fn a_deck_that_is_dropped_delivers_what_is_there() {
    let (taken, sink) = kept();
    let deck = Flightdeck::builder().start().unwrap();
    let cursor = deck.events().query().kind::<Usual>().follow().unwrap();
    let export = deck.pipeline(cursor.pipeline("export").enrich(|event| number(&event)).sink(sink)).unwrap();
    (0..100).for_each(|n| deck.record(Usual { n }));
    drop(deck);
    assert_eq!(*taken.lock().unwrap(), (0..100).collect::<Vec<_>>());
    assert!(export.status().has_ended);
}
