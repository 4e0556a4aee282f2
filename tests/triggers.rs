//! Triggers: what is captured when something happens, exactly, and what the receipts say was not.

#[path = "support/folder.rs"]
mod folder;
mod support;

use flightdeck::events::{
    Answer, CaptureError, CapturePlace, Captured, Directory, Events, QueryError, Stamp, Trigger,
    TriggerCause, TriggerError, TriggerReceipt, Triggers, Value, Verdict,
};
use flightdeck::supervisor::{ChildSpec, Restart, WorkerContext};
use flightdeck::{Clock, CorrelationId, Flightdeck, Severity, Ticks};
use folder::Folder;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! {
    Worked("trigger.worked") { n: u64 }
    Failed("trigger.failed", severity = Error) { n: u64 }
    Blob("trigger.blob") { n: u64, body: bytes }
    LastWord("trigger.last_word", class = Critical) { n: u64 }
    Login("trigger.login") { token: secret str, user: personal str }
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// On a clock that a test moves; ticks are nanoseconds.
fn by_hand() -> (Events, Clock) {
    let clock = Clock::manual();
    let builder = Events::builder().memory(4 << 20).clock(clock.clone()).incidents(16 << 20, 4_096);
    (builder.build().unwrap(), clock)
}

fn errors(events: &Events, name: &str) -> Trigger {
    events.query().severity_at_least(Severity::Error).trigger(name)
}

/// More than anything here asks for.
fn unlimited(trigger: Trigger) -> Trigger {
    trigger.at_most(1_000, Duration::from_nanos(1))
}

fn numbers(answer: &Answer) -> Vec<u64> {
    let number = |value| match value {
        Some(Value::U64(number)) => number,
        other => panic!("{other:?}"),
    };
    answer.iter().map(|event| number(event.field("n"))).collect()
}

fn captured(receipt: &TriggerReceipt) -> &Captured {
    receipt.result.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

fn incident(events: &Events, receipt: &TriggerReceipt) -> Answer {
    match captured(receipt).place {
        CapturePlace::Incident(id) => events.incident(id).unwrap(),
        ref place => panic!("{place:?}"),
    }
}

fn file(receipt: &TriggerReceipt) -> &Path {
    match &captured(receipt).place {
        CapturePlace::File(path) => path,
        place => panic!("{place:?}"),
    }
}

/// So that what is said of a trigger adds up.
#[track_caller]
fn adds_up(triggers: &Triggers, name: &str) {
    let status = triggers.status(name).unwrap();
    assert_eq!(status.seen, status.fired + status.coalesced + status.suppressed, "{status:?}");
    assert_eq!(status.fired, status.captured + status.failed + status.open as u64, "{status:?}");
}

/// A directory of its own for each test, removed afterwards.
/// What a trigger ought to capture of a history: windows, and the events in each.
#[derive(Debug, PartialEq)]
struct Expected {
    at: u64,
    asked: (u64, u64),
    events: Vec<u64>,
    coalesced: u64,
}

fn expected(history: &[(u64, u64, bool)], back: u64, ahead: u64) -> Vec<Expected> {
    let mut found: Vec<Expected> = Vec::new();
    for (at, ..) in history.iter().filter(|(.., is_match)| *is_match) {
        match found.last_mut().filter(|last| *at <= last.asked.1) {
            Some(last) => last.coalesced += 1,
            None => {
                let asked = (at.saturating_sub(back), at + ahead);
                let events = history.iter().filter(|(at, ..)| asked.0 <= *at && *at <= asked.1);
                found.push(Expected {
                    at: *at,
                    asked,
                    events: events.map(|(_, n, _)| *n).collect(),
                    coalesced: 0,
                });
            }
        }
    }
    found
}

#[test]
fn look_back_and_look_ahead_capture_what_an_oracle_says() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |limit: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % limit
    };
    let (mut windows, mut coalesced) = (0, 0);
    for _ in 0..60 {
        let (events, clock) = by_hand();
        let triggers = Triggers::new(&events);
        let (back, ahead) = (below(2_000), below(3) * below(1_000));
        let trigger = unlimited(errors(&events, "errors"));
        let of_ns = Duration::from_nanos;
        triggers.add(trigger.look_back(of_ns(back)).look_ahead(of_ns(ahead))).unwrap();
        let (step, mut history) = (1 + below(200), Vec::new());
        for n in 0..400 {
            clock.advance(of_ns(1 + below(step)));
            let is_match = below(12) == 0;
            let record = || if is_match { events.record(Failed { n }) } else { events.record(Worked { n }) };
            match n % 3 {
                0 => thread::scope(|scope| scope.spawn(record).join().unwrap()),
                _ => record(),
            }
            history.push((clock.now().0, n, is_match));
            if below(4) == 0 {
                triggers.poll();
                thread::sleep(Duration::from_micros(if below(8) == 0 { 30 } else { 0 }));
            }
        }
        clock.advance(SECOND);
        // A cursor looks no more than once in 20 us.
        thread::sleep(Duration::from_micros(100));
        while triggers.poll().has_more {}
        let receipts = triggers.receipts();
        let expected = expected(&history, back, ahead);
        let got: Vec<_> = receipts
            .iter()
            .map(|receipt| {
                let asked = receipt.asked.clone().unwrap();
                let answer = incident(&events, receipt);
                assert_eq!((answer.verdict(), captured(receipt).trimmed), (Verdict::Complete, 0));
                assert_eq!(receipt.got, receipt.asked, "all of it was there");
                let asked = (asked.start().0, asked.end().0);
                Expected { at: receipt.at.0, asked, events: numbers(&answer), coalesced: 0 }
            })
            .collect();
        let wanted = expected.iter().map(|of| Expected { events: of.events.clone(), coalesced: 0, ..*of });
        assert_eq!(got, wanted.collect::<Vec<_>>());
        let status = triggers.status("errors").unwrap();
        let of_expected = expected.iter().map(|of| of.coalesced).sum::<u64>();
        assert_eq!((status.coalesced, status.suppressed, status.missed), (of_expected, 0, 0));
        adds_up(&triggers, "errors");
        (windows, coalesced) = (windows + got.len(), coalesced + of_expected);
    }
    assert!(windows > 500 && coalesced > 100, "{windows} {coalesced}");
}

#[test]
fn a_chain_is_all_of_the_id_of_the_match_and_nothing_else() {
    let (events, clock) = by_hand();
    let triggers = Triggers::new(&events);
    triggers.add(unlimited(errors(&events, "now").chain())).unwrap();
    triggers.add(unlimited(errors(&events, "later").chain()).look_ahead(SECOND)).unwrap();
    let record = |id: u64, n: u64, fails: bool| {
        clock.advance(Duration::from_nanos(1));
        let stamp = Stamp::of(id);
        if fails { events.record_with(stamp, Failed { n }) } else { events.record_with(stamp, Worked { n }) }
    };
    thread::scope(|scope| {
        (0..3)
            .for_each(|_| scope.spawn(|| (0..100).for_each(|n| record(n % 10 + 1, n, false))).join().unwrap())
    });
    record(3, 1_000, true);
    record(4, 1_001, true);
    record(3, 1_002, true);
    triggers.poll();
    record(3, 1_003, false);
    record(4, 1_004, false);
    record(3, 1_005, true);
    thread::sleep(Duration::from_micros(50));
    triggers.poll();
    let status = triggers.status("later").unwrap();
    assert_eq!((status.fired, status.coalesced, status.open), (2, 2, 2));
    clock.advance(SECOND);
    thread::sleep(Duration::from_micros(50));
    triggers.poll();
    let of_ids = |id: u64, last: u64| {
        let before = (0..3).flat_map(|_| (0..100).filter(|n| n % 10 + 1 == id));
        let after = [(3, 1_000), (4, 1_001), (3, 1_002), (3, 1_003), (4, 1_004), (3, 1_005)];
        let after = after.into_iter().filter(|(of, n)| *of == id && *n <= last).map(|(_, n)| n);
        before.chain(after).collect::<Vec<u64>>()
    };
    let receipts = triggers.receipts();
    let told: Vec<_> = receipts
        .iter()
        .map(|receipt| {
            assert_eq!((&receipt.asked, &receipt.got), (&None, &None));
            let answer = incident(&events, receipt);
            assert!(answer.iter().all(|event| event.correlation() == receipt.cause.correlation()));
            (&*receipt.trigger, receipt.cause.correlation(), numbers(&answer))
        })
        .collect();
    let (three, four) = (CorrelationId::from(3_u64), CorrelationId::from(4_u64));
    assert_eq!(
        told,
        [
            ("now", three, of_ids(3, 1_002)),
            ("now", four, of_ids(4, 1_001)),
            ("now", three, of_ids(3, 1_005)),
            ("later", three, of_ids(3, 1_005)),
            ("later", four, of_ids(4, 1_004)),
        ]
    );
    ["now", "later"].iter().for_each(|name| adds_up(&triggers, name));

    events.record_with(Stamp::of(CorrelationId::NONE), Failed { n: 9 });
    thread::sleep(Duration::from_micros(50));
    triggers.poll();
    let last = triggers.receipts().pop().unwrap();
    assert_eq!(last.result, Err(CaptureError::Query(QueryError::NoId)), "it belongs to none");
    assert_eq!(triggers.status("now").unwrap().failed, 1);
}

/// The summed accounts of all receipts, which [`Triggers::receipts`] may have forgotten.
#[derive(Default)]
struct Told {
    receipts: AtomicU64,
    suppressed: AtomicU64,
    coalesced: AtomicU64,
    missed: AtomicU64,
}

impl Told {
    fn add(&self, receipt: &TriggerReceipt) {
        let add = |count: &AtomicU64, by| count.fetch_add(by, Ordering::Relaxed);
        add(&self.receipts, 1);
        add(&self.suppressed, receipt.left_out.suppressed);
        add(&self.coalesced, receipt.left_out.coalesced);
        add(&self.missed, receipt.left_out.missed);
    }

    fn of(count: &AtomicU64) -> u64 {
        count.load(Ordering::Relaxed)
    }
}

#[test]
fn a_flood_is_limited_exactly_and_every_match_is_accounted_for() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 1_000_000;
    let (times, per) = (3, Duration::from_millis(50));
    let events = Events::builder().memory(16 << 20).shards(4).incidents(8 << 20, 8).build().unwrap();
    let triggers = Triggers::new(&events);
    let told: Arc<[Told; 2]> = Arc::default();
    for (number, (name, ahead)) in
        [("now", Duration::ZERO), ("ahead", Duration::from_millis(5))].into_iter().enumerate()
    {
        let told = told.clone();
        let trigger = errors(&events, name).look_ahead(ahead).look_back(Duration::from_millis(1));
        let trigger = trigger.at_most(times, per).on_receipt(move |receipt| told[number].add(receipt));
        triggers.add(trigger.most_bytes(64 << 10)).unwrap();
    }
    let (stop, began) = (AtomicBool::new(false), Instant::now());
    thread::scope(|scope| {
        let evaluator = scope.spawn(|| triggers.run(|| stop.load(Ordering::Relaxed)));
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| scope.spawn(|| (0..EACH).for_each(|n| events.record(Failed { n }))))
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        stop.store(true, Ordering::Relaxed);
        evaluator.join().unwrap();
    });
    assert!(triggers.finish(PATIENCE).is_some());
    let took = began.elapsed();
    assert_eq!(events.stats().written, WRITERS * EACH);
    let most = (took.as_nanos() / per.as_nanos() + 1) as u64 * times as u64;
    for (name, told) in ["now", "ahead"].iter().zip(&*told) {
        let status = triggers.status(name).unwrap();
        println!("{status:?} in {took:?}");
        adds_up(&triggers, name);
        assert_eq!(status.seen + status.missed, WRITERS * EACH, "seen or missed, nothing else");
        assert!(status.fired >= times as u64 && status.fired <= most, "{} of {most}", status.fired);
        assert_eq!((status.open, status.failed, Told::of(&told.receipts)), (0, 0, status.captured));
        assert!(status.suppressed > 0);
        // What came after the last receipt is told by the next one, and there is none.
        assert!(Told::of(&told.suppressed) <= status.suppressed);
        assert!(Told::of(&told.coalesced) <= status.coalesced);
        assert!(Told::of(&told.missed) <= status.missed);
    }
    assert!(events.incident_stats().held <= 8);
}

#[test]
fn what_is_over_the_limit_is_told_by_the_next_receipt() {
    let (events, clock) = by_hand();
    let triggers = Triggers::new(&events);
    let per = SECOND;
    triggers.add(errors(&events, "errors").at_most(2, per)).unwrap();
    let began = Instant::now();
    let fail = |n| {
        clock.advance(Duration::from_nanos(1));
        events.record(Failed { n });
    };
    (0..7).for_each(fail);
    triggers.poll();
    let status = triggers.status("errors").unwrap();
    assert!(began.elapsed() < per, "a machine too slow for this test");
    assert_eq!((status.seen, status.fired, status.suppressed), (7, 2, 5));
    triggers.fire("errors").unwrap();
    triggers.poll();
    assert_eq!(triggers.status("errors").unwrap().suppressed, 6, "calls are limited, too");
    thread::sleep(per);
    fail(7);
    triggers.poll();
    let left_out: Vec<_> = triggers.receipts().iter().map(|receipt| receipt.left_out.suppressed).collect();
    assert_eq!(left_out, [5, 0, 1], "of all that came before it was made");
    let numbers: Vec<_> = triggers.receipts().iter().map(|receipt| receipt.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    adds_up(&triggers, "errors");
}

#[test]
fn after_a_wrap_the_receipt_says_what_was_gone() {
    let clock = Clock::stepping(Duration::from_nanos(1));
    let events =
        Events::builder().memory(1 << 20).shards(1).clock(clock).incidents(64 << 20, 16).build().unwrap();
    let triggers = Triggers::new(&events);
    triggers.add(unlimited(errors(&events, "errors")).look_back(HOUR).most_bytes(usize::MAX)).unwrap();
    let lap = events.plan().ring[flightdeck::events::Class::Normal] as u64 / 8 / 7;
    (0..3 * lap).for_each(|n| events.record(Worked { n }));
    events.record(Failed { n: 3 * lap });
    triggers.poll();
    let receipt = triggers.receipts().pop().unwrap();
    let Verdict::Overwritten { since } = captured(&receipt).verdict else { panic!("{receipt:?}") };
    assert_eq!((captured(&receipt).since, receipt.asked.clone().unwrap().start().0), (since, 0));
    assert_eq!(receipt.got.clone().unwrap().start(), &since, "from there on nothing is missing");
    let answer = incident(&events, &receipt);
    let kept = numbers(&answer);
    assert!(kept.windows(2).all(|two| two[1] == two[0] + 1) && kept.last() == Some(&(3 * lap)));
    assert!(answer.iter().next().unwrap().ticks() <= since, "and what is certain was captured");
    // The cursor did not come by in time for what was there before that.
    let missed = receipt.left_out.missed;
    assert!(missed > lap, "{missed}");

    let before = events.stats();
    (0..2 * lap).for_each(|n| events.record(Failed { n }));
    thread::sleep(Duration::from_micros(50));
    while triggers.poll().has_more {}
    let status = triggers.status("errors").unwrap();
    assert_eq!(status.seen + status.missed - missed - 1, events.stats().written - before.written);
    assert!(status.missed > missed, "matches, too, are overwritten before it comes by");
}

#[test]
fn of_more_than_there_is_room_for_the_nearest_is_kept() {
    let (events, clock) = by_hand();
    let triggers = Triggers::new(&events);
    let trigger = unlimited(errors(&events, "errors")).look_ahead(Duration::from_nanos(10));
    // An event has 64 bytes, and its field 8.
    triggers.add(trigger.most_bytes(9 * 72)).unwrap();
    for n in 0..41 {
        clock.advance(Duration::from_nanos(1));
        if n == 20 { events.record(Failed { n }) } else { events.record(Worked { n }) }
    }
    triggers.poll();
    let receipt = triggers.receipts().pop().unwrap();
    assert_eq!(numbers(&incident(&events, &receipt)), (16..=24).collect::<Vec<_>>());
    assert_eq!((captured(&receipt).events, captured(&receipt).trimmed), (9, 31 - 9));
    assert_eq!(captured(&receipt).missing, Some(31 - 9));
    assert_eq!(receipt.got, Some(Ticks(17)..=Ticks(25)), "n comes at n + 1");
    assert!(matches!(captured(&receipt).verdict, Verdict::Truncated { .. }));

    let events = Events::builder().memory(4 << 20).incidents(40_000, 4).build().unwrap();
    (0..500).for_each(|n| events.record(Blob { n, body: &[7; 1_000] }));
    let pinned = events.capture_window("all of it", HOUR, Duration::ZERO).unwrap();
    assert!(matches!(pinned.verdict, Verdict::Truncated { .. }) && pinned.bytes <= 10_100, "{pinned:?}");
    assert_eq!(numbers(&events.incident(pinned.id).unwrap()), (491..500).collect::<Vec<_>>());
}

#[test]
fn a_look_ahead_that_is_open_keeps_nobody_waiting() {
    let (events, clock) = by_hand();
    let triggers = Triggers::new(&events);
    triggers.add(errors(&events, "long").look_ahead(HOUR)).unwrap();
    triggers.add(unlimited(errors(&events, "short"))).unwrap();
    for n in 0..5 {
        clock.advance(SECOND);
        events.record(Failed { n });
        thread::sleep(Duration::from_micros(50));
        triggers.poll();
        assert_eq!(triggers.status("short").unwrap().captured, n + 1);
    }
    let long = triggers.status("long").unwrap();
    assert_eq!((long.open, long.captured, long.coalesced), (1, 0, 4));
    clock.advance(HOUR);
    triggers.poll();
    let receipt = triggers.receipts().pop().unwrap();
    assert_eq!((&*receipt.trigger, numbers(&incident(&events, &receipt)).len()), ("long", 5));
    assert_eq!(receipt.left_out.coalesced, 4);
}

#[test]
fn matches_of_a_look_ahead_that_are_come_by_after_its_end_open_no_other() {
    let clock = Clock::manual();
    let builder = Events::builder().memory(64 << 20).shards(2).clock(clock.clone());
    let events = builder.incidents(16 << 20, 4).build().unwrap();
    let triggers = Triggers::new(&events);
    triggers.add(unlimited(errors(&events, "errors")).look_ahead(SECOND)).unwrap();
    events.record(Failed { n: 0 });
    triggers.poll();
    // More than it looks at in a turn.
    (1..10_000).for_each(|n| events.record(Failed { n }));
    clock.advance(2 * SECOND);
    events.record(Failed { n: 10_000 });
    let mut turns = 0;
    until("all of them", || {
        turns += u64::from(triggers.poll().seen > 0);
        triggers.status("errors").unwrap().seen == 10_001
    });
    let status = triggers.status("errors").unwrap();
    assert!(turns >= 3, "{turns}");
    assert_eq!((status.fired, status.coalesced, status.suppressed), (2, 9_999, 0));
    assert_eq!(captured(&triggers.receipts()[0]).events, 10_000, "though the rest was seen later");
}

#[test]
fn times_that_hosts_supply_end_a_look_ahead_or_the_time_it_takes() {
    let events = Events::builder().memory(4 << 20).clock(Clock::supplied()).build().unwrap();
    let triggers = Triggers::new(&events);
    let trigger =
        unlimited(errors(&events, "errors")).look_back(SECOND).look_ahead(Duration::from_millis(200));
    triggers.add(trigger).unwrap();
    let at = |ms: u64| Stamp::of(1_u64).at(Ticks(1_700_000_000_000_000_000 + ms * 1_000_000));
    for ms in [0, 500, 1_000, 1_500] {
        events.record_with(at(ms), Worked { n: ms });
    }
    events.record_with(at(1_600), Failed { n: 1_600 });
    events.record_with(at(1_700), Worked { n: 1_700 });
    triggers.poll();
    assert_eq!(triggers.status("errors").unwrap().open, 1);
    events.record_with(at(1_900), Worked { n: 1_900 });
    triggers.poll();
    let receipt = triggers.receipts().pop().expect("the times that came are beyond it");
    assert_eq!(numbers(&incident(&events, &receipt)), [1_000, 1_500, 1_600, 1_700]);
    events.record_with(at(3_000), Failed { n: 3_000 });
    until("the time that passed", || {
        triggers.poll();
        triggers.receipts().len() == 2
    });
}

#[test]
fn a_call_captures_at_once_what_its_thread_works_for() {
    let deck = Flightdeck::builder().start().unwrap();
    assert_eq!(deck.supervisor().workers().len(), 0, "no trigger, no thread");
    deck.triggers().add(Trigger::on_call("request failed").chain().at_most(1_000, SECOND)).unwrap();
    deck.triggers().add(Trigger::on_call("slow")).unwrap();
    assert_eq!(deck.supervisor().workers().len(), 1, "one for all of them");
    deck.record(Worked { n: 1 });
    {
        let _in = deck.scope(7_u64);
        deck.record(Worked { n: 2 });
        deck.trigger("request failed").unwrap();
    }
    deck.triggers().fire("slow").unwrap();
    until("both", || deck.triggers().receipts().len() == 2);
    for receipt in deck.triggers().receipts() {
        let kept = incident(deck.events(), &receipt);
        assert!(matches!(receipt.cause, TriggerCause::Call { .. }));
        match &*receipt.trigger {
            "slow" => assert!(kept.len() >= 2, "of all ids"),
            _ => assert_eq!(numbers(&kept), [2]),
        }
    }
    let unknown = deck.trigger("slwo").unwrap_err();
    assert_eq!(unknown, TriggerError::Unknown { name: "slwo".into() });
    assert!(deck.health().is_healthy(), "{}", deck.health());
    let slow = deck.triggers().status("slow").unwrap();
    assert_eq!((slow.captured, slow.open), (1, 0));
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert_eq!(deck.trigger("slow").unwrap_err(), TriggerError::Ended);
    assert_eq!(deck.triggers().add(Trigger::on_call("late")).unwrap_err(), TriggerError::Ended);
}

#[test]
fn an_idle_deck_captures_within_moments() {
    let deck = Flightdeck::builder().start().unwrap();
    deck.triggers().add(errors(deck.events(), "errors").at_most(1_000, SECOND / 100)).unwrap();
    let mut took: Vec<Duration> = (1..=200)
        .map(|n| {
            thread::sleep(Duration::from_millis(2));
            deck.record(Failed { n });
            until("the capture", || deck.triggers().status("errors").unwrap().captured == n);
            let receipt = deck.triggers().receipts().pop().unwrap();
            Duration::from_nanos(
                deck.events().clock().converter().ns_between(receipt.at, receipt.captured_at),
            )
        })
        .collect();
    took.sort();
    println!("from the event to its capture: median {:?}, longest {:?}", took[100], took[199]);
    assert!(took[100] < SECOND / 4, "{took:?}");
}

#[test]
fn a_worker_that_panics_sets_off_what_waits_for_panics() {
    let run = Arc::new(AtomicBool::new(false));
    let (asked, deck) = (run.clone(), Flightdeck::builder());
    let body = move |context: &WorkerContext| {
        while !context.should_stop() {
            assert!(!asked.swap(false, Ordering::Relaxed), "the book is broken");
            let _ = context.wait(Duration::from_millis(1));
        }
    };
    let deck = deck.worker("book", Restart::Permanent, body).start().unwrap();
    deck.triggers().add(deck.on_panic("panics").look_ahead(SECOND / 2)).unwrap();
    deck.record(Worked { n: 5 });
    run.store(true, Ordering::Relaxed);
    until("the capture", || !deck.triggers().receipts().is_empty());
    let receipt = deck.triggers().receipts().pop().unwrap();
    let TriggerCause::Panic { who, message, .. } = &receipt.cause else { panic!("{receipt:?}") };
    assert_eq!((&**who, &**message), ("book", "the book is broken"));
    let kept = incident(deck.events(), &receipt);
    let kinds: Vec<_> = kept.iter().map(|event| event.kind().to_owned()).collect();
    for kind in ["trigger.worked", "flightdeck.worker.failed", "flightdeck.worker.restart_scheduled"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind} in {kinds:?}");
    }
    assert_eq!(deck.triggers().status("panics").unwrap().seen, 1, "a worker that starts sets off nothing");
}

#[test]
fn a_shutdown_captures_the_last_words_and_what_waits() {
    let deck = Flightdeck::builder().start().unwrap();
    let early = deck.events().clone();
    let first = move |context: &WorkerContext| {
        until_stopped(context);
        early.record(LastWord { n: 1 });
    };
    deck.supervisor().add(ChildSpec::new("first", Restart::Permanent, first)).unwrap();
    let events = deck.events().clone();
    let last = move |context: &WorkerContext| {
        until_stopped(context);
        events.record(LastWord { n: 815 });
    };
    deck.triggers().add(Trigger::on_shutdown("last words").look_back(HOUR)).unwrap();
    // Started after the triggers' own, so stopped before it; the other one is stopped after it.
    deck.supervisor().add(ChildSpec::new("last", Restart::Permanent, last)).unwrap();
    deck.triggers().add(errors(deck.events(), "errors").look_ahead(HOUR)).unwrap();
    deck.record(Failed { n: 1 });
    until("the look-ahead", || deck.triggers().status("errors").unwrap().open == 1);
    until("the worker", || deck.supervisor().workers().iter().all(|worker| worker.generation > 0));
    assert!(deck.shutdown(PATIENCE).is_clean());
    let receipts = deck.triggers().receipts();
    assert_eq!(receipts.len(), 2, "{receipts:?}");
    let of = |name: &str| receipts.iter().find(|receipt| &*receipt.trigger == name).unwrap();
    let (last, errors) = (of("last words"), of("errors"));
    assert_eq!(last.cause, TriggerCause::Shutdown);
    let said = incident(deck.events(), last);
    let words = said.iter().filter(|event| event.kind() == "trigger.last_word").count();
    assert_eq!(words, 2, "of workers that stop, too");
    let (asked, got) = (errors.asked.clone().unwrap(), errors.got.clone().unwrap());
    assert!(got.start() == asked.start() && got.end() < asked.end(), "cut short, and said to be");
    assert_eq!(deck.triggers().finish(PATIENCE), None, "once");
}

#[test]
fn a_worker_that_does_not_stop_takes_no_time_from_the_last_capture() {
    let release = Arc::new(AtomicBool::new(false));
    let held = release.clone();
    let stubborn = move |_: &WorkerContext| {
        while !held.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
    };
    let deck = Flightdeck::builder().worker("stubborn", Restart::Permanent, stubborn).start().unwrap();
    deck.triggers().add(Trigger::on_shutdown("last words")).unwrap();
    let (began, deadline) = (Instant::now(), Duration::from_millis(500));
    let report = deck.shutdown(deadline);
    assert_eq!(report.abandoned.len(), 1);
    assert_eq!(deck.triggers().status("last words").unwrap().captured, 1);
    assert!(began.elapsed() < deadline + SECOND, "{:?}", began.elapsed());
    release.store(true, Ordering::Relaxed);
}

#[test]
fn a_deck_that_is_dropped_captures_its_last_words_too() {
    let deck = Flightdeck::builder().start().unwrap();
    deck.triggers().add(Trigger::on_shutdown("last words")).unwrap();
    let (events, triggers) = (deck.events().clone(), deck.triggers().clone());
    deck.record(Worked { n: 1 });
    drop(deck);
    assert_eq!(triggers.status("last words").unwrap().captured, 1);
    assert_eq!(events.incidents().len(), 1);
    assert_eq!(triggers.add(Trigger::on_call("late")).unwrap_err(), TriggerError::Ended);
}

#[test]
fn a_signal_sets_off_what_waits_for_it_and_ends_nothing() {
    static BEFORE: AtomicU64 = AtomicU64::new(0);
    extern "C" fn counts(_: libc::c_int) {
        BEFORE.fetch_add(1, Ordering::Relaxed);
    }
    let send = |signal| {
        // SAFETY: to this process, which has a handler for it by then.
        assert_eq!(unsafe { libc::kill(libc::getpid(), signal) }, 0);
    };
    // SAFETY: the handler touches an atomic.
    unsafe { libc::signal(libc::SIGUSR2, counts as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    let deck = Flightdeck::builder().start().unwrap();
    let real_time = libc::SIGRTMIN() + 3;
    let often = |trigger: Trigger| trigger.at_most(1_000, SECOND);
    deck.triggers().add(often(Trigger::on_signal("usr2", libc::SIGUSR2))).unwrap();
    deck.triggers().add(often(Trigger::on_signal("usr2 as well", libc::SIGUSR2))).unwrap();
    deck.triggers().add(often(Trigger::on_signal("rt", real_time))).unwrap();
    let captured = |name: &str| deck.triggers().status(name).unwrap().captured;
    deck.record(Worked { n: 1 });
    for times in 1..=5 {
        send(libc::SIGUSR2);
        until("both captures", || captured("usr2") == times && captured("usr2 as well") == times);
    }
    assert_eq!(BEFORE.load(Ordering::Relaxed), 5, "the handler that was there before is called as before");
    assert_eq!(captured("rt"), 0);
    send(real_time);
    until("the other one", || captured("rt") == 1);
    let receipt = deck.triggers().receipts().pop().unwrap();
    assert_eq!(receipt.cause, TriggerCause::Signal { signal: real_time });
    assert!(incident(deck.events(), &receipt).iter().any(|event| event.kind() == "trigger.worked"));
    for signal in
        [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGTERM, libc::SIGINT, libc::SIGCHLD, 0, -1, 99]
    {
        let refused = deck.triggers().add(Trigger::on_signal("other", signal)).unwrap_err();
        assert_eq!(refused, TriggerError::Signal { signal });
    }
    ["usr2", "usr2 as well", "rt"].iter().for_each(|name| drop(deck.triggers().remove(name).unwrap()));
    drop(deck);
    // Whose default would end this process.
    send(real_time);
    send(libc::SIGUSR2);
    until("the handler that was there before", || BEFORE.load(Ordering::Relaxed) == 6);
}

#[test]
fn triggers_are_known_by_name_and_stay_until_they_are_removed() {
    let (events, clock) = by_hand();
    let triggers = Triggers::new(&events);
    triggers.add(unlimited(errors(&events, "errors"))).unwrap();
    triggers.add(unlimited(errors(&events, "slow")).look_ahead(HOUR)).unwrap();
    let twice = triggers.add(Trigger::on_call("errors")).unwrap_err();
    assert_eq!(twice, TriggerError::DuplicateName { name: "errors".into() });
    let other = triggers.clone();
    drop(triggers);
    clock.advance(SECOND);
    events.record(Failed { n: 1 });
    other.poll();
    assert_eq!(other.list().iter().map(|status| status.captured).collect::<Vec<_>>(), [1, 0]);
    let removed = other.remove("slow").unwrap();
    assert_eq!((removed.open, removed.seen), (1, 1), "what it had open is said to be given up");
    clock.advance(2 * HOUR);
    events.record(Failed { n: 2 });
    thread::sleep(Duration::from_micros(50));
    other.poll();
    assert_eq!(other.list().len(), 1);
    assert_eq!(other.receipts().iter().filter(|receipt| &*receipt.trigger == "slow").count(), 0);
    assert_eq!(other.remove("slow").unwrap_err(), TriggerError::Unknown { name: "slow".into() });
    other.add(Trigger::on_call("slow")).unwrap();
}

#[test]
fn a_callback_may_do_anything_and_its_panics_are_counted() {
    let (events, clock) = by_hand();
    let triggers = Triggers::new(&events);
    let (told, inside) = (Arc::new(Mutex::new(Vec::new())), triggers.clone());
    let heard = told.clone();
    let callback = move |receipt: &TriggerReceipt| {
        heard.lock().unwrap().push(receipt.number);
        assert_eq!(inside.poll(), Default::default(), "it is at it already");
        assert_eq!(inside.finish(PATIENCE), None, "as above, and no wait");
        assert_eq!(inside.receipts().last().map(|last| last.number), Some(receipt.number));
        match receipt.number {
            1 => inside.add(Trigger::on_call("added")).unwrap(),
            2 => inside.fire("added").unwrap(),
            3 => drop(inside.remove("added").unwrap()),
            _ => panic!("enough"),
        }
    };
    triggers.add(unlimited(errors(&events, "errors")).on_receipt(callback)).unwrap();
    for n in 0..5 {
        clock.advance(SECOND);
        events.record(Failed { n });
        thread::sleep(Duration::from_micros(50));
        triggers.poll();
    }
    assert_eq!(*told.lock().unwrap(), [1, 2, 4, 5, 6], "the third was that of the one it added");
    let status = triggers.status("errors").unwrap();
    assert_eq!((status.captured, status.panicked), (5, 3));
}

#[test]
fn what_is_captured_can_be_narrowed_and_a_panic_there_is_told() {
    let (events, clock) = by_hand();
    let triggers = Triggers::new(&events);
    let worked = unlimited(errors(&events, "worked")).capturing(|query| query.kind::<Worked>());
    triggers.add(worked).unwrap();
    let is_armed = Arc::new(AtomicBool::new(false));
    let armed = is_armed.clone();
    let panics = unlimited(errors(&events, "panics")).capturing(move |query| {
        assert!(!armed.load(Ordering::Relaxed), "no such luck");
        query
    });
    triggers.add(panics).unwrap();
    is_armed.store(true, Ordering::Relaxed);
    clock.advance(SECOND);
    events.record(Worked { n: 1 });
    events.record(Failed { n: 2 });
    triggers.poll();
    let receipts = triggers.receipts();
    assert_eq!(numbers(&incident(&events, &receipts[0])), [1]);
    assert_eq!(receipts[1].result, Err(CaptureError::Panicked { message: "no such luck".into() }));
    let of_nothing =
        unlimited(Trigger::on_call("of nothing")).chain().capturing(|query| query.correlation(9_u64));
    triggers.add(of_nothing).unwrap();
    {
        let _in = events.scope(8_u64);
        triggers.fire("of nothing").unwrap();
    }
    triggers.poll();
    let last = triggers.receipts().pop().unwrap();
    let Err(CaptureError::Query(QueryError::Contradiction { .. })) = last.result else { panic!("{last:?}") };
    let unknown = Trigger::on_call("unknown").capturing(|query| query.kind_named("trigger.wroked"));
    let refused = triggers.add(unknown).unwrap_err();
    assert_eq!(refused, TriggerError::Query(QueryError::UnknownKind { name: "trigger.wroked".into() }));
    let refused = triggers.add(events.query().limit(5).trigger("limited")).unwrap_err();
    assert_eq!(refused, TriggerError::Query(QueryError::NotFollowed { what: "a limit" }));
}

/// A store and triggers that write to a folder.
fn writing(folder: &Folder, set: impl FnOnce(Directory) -> Directory) -> (Events, Clock, Triggers) {
    let (events, clock) = by_hand();
    let triggers = Triggers::new(&events);
    let directory = set(Directory::at(&*folder.0));
    triggers.add(unlimited(errors(&events, "errors")).into_directory(directory)).unwrap();
    (events, clock, triggers)
}

fn fail(events: &Events, clock: &Clock, triggers: &Triggers, n: u64) -> TriggerReceipt {
    clock.advance(SECOND);
    events.record(Failed { n });
    thread::sleep(Duration::from_micros(50));
    triggers.poll();
    triggers.receipts().pop().unwrap()
}

#[test]
fn a_file_is_new_private_and_whole() {
    let folder = Folder::new("trigger-files");
    let (events, clock, triggers) = writing(&folder, Directory::json);
    let (token, user) = ("hunter2-of-ann", "ann@example.com");
    events.record(Login { token, user });
    let receipt = fail(&events, &clock, &triggers, 2);
    let path = file(&receipt);
    let metadata = fs::symlink_metadata(path).unwrap();
    assert!(metadata.is_file());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(metadata.len(), captured(&receipt).bytes);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!((&json["trigger"], &json["trimmed"]), (&"errors".into(), &0.into()));
    assert!(json["cause"].as_str().unwrap().contains("`trigger.failed` (error)"), "{json}");
    let kinds: Vec<_> =
        json["answer"]["events"].as_array().unwrap().iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["trigger.login", "trigger.failed"]);
    assert!(!json.to_string().contains(token) && !json.to_string().contains(user), "{json}");
    assert_eq!(json["answer"]["verdict"], "complete");

    let folder = Folder::new("trigger-texts");
    let (events, clock, triggers) = writing(&folder, |directory| directory);
    let receipt = fail(&events, &clock, &triggers, 3);
    let text = fs::read_to_string(file(&receipt)).unwrap();
    assert!(text.starts_with("trigger errors: event ") && text.contains("trigger.failed n=3"), "{text}");
}

#[test]
fn a_directory_holds_no_more_than_it_may_and_no_other_file_is_touched() {
    let folder = Folder::new("trigger-bounds");
    let others = ["flightdeck-errors-x-1-1.txt", "flightdeck-errors-5-17-4-2.txt", "notes.txt"];
    others.iter().for_each(|name| fs::write(folder.0.join(name), "mine").unwrap());
    symlink(folder.0.join("notes.txt"), folder.0.join("flightdeck-errors-1-1-1.txt")).unwrap();
    let own = || {
        folder.names().into_iter().filter(|name| name.len() > "flightdeck-errors-5-17-4-2.txt".len()).count()
    };
    let (events, clock, triggers) = writing(&folder, |directory| directory.files(3));
    let evicted: Vec<_> = (0..5).map(|n| captured(&fail(&events, &clock, &triggers, n)).evicted).collect();
    assert_eq!((evicted, own()), (vec![0, 0, 0, 1, 1], 3));
    drop((triggers, events));

    // What an earlier run left counts too.
    let (events, clock, triggers) = writing(&folder, |directory| directory.files(2));
    clock.advance(HOUR);
    assert_eq!((captured(&fail(&events, &clock, &triggers, 9)).evicted, own()), (2, 2));

    let small = Folder::new("trigger-bytes");
    let (events, clock, triggers) = writing(&small, |directory| directory.bytes(20_000));
    for round in 0..7 {
        (0..500).for_each(|n| {
            clock.advance(Duration::from_micros(1));
            events.record(Worked { n });
        });
        let receipt = fail(&events, &clock, &triggers, 77_777);
        let (written, text) = (captured(&receipt), fs::read_to_string(file(&receipt)).unwrap());
        assert!((2_500..=5_000).contains(&written.bytes) && written.trimmed > 0, "{receipt:?}");
        assert!(text.contains("n=77777") && text.contains("n=499"), "what is nearest: {text}");
        let held =
            small.names().iter().map(|name| fs::metadata(small.0.join(name)).unwrap().len()).sum::<u64>();
        assert!(held <= 20_000, "{held}");
        assert_eq!(written.evicted > 0, round >= 4, "{round}");
    }
    assert!(small.names().len() >= 4);
    for name in others {
        assert_eq!(fs::read_to_string(folder.0.join(name)).unwrap(), "mine");
    }
    assert!(folder.0.join("flightdeck-errors-1-1-1.txt").is_symlink(), "a link is none of ours");
}

#[test]
fn no_file_is_written_through_a_link_or_over_another() {
    let folder = Folder::new("trigger-links");
    let (events, clock, triggers) = writing(&folder, |directory| directory);
    let first = fail(&events, &clock, &triggers, 1);
    // A second later, and the second one.
    let name = file(&first).file_name().unwrap().to_str().unwrap().to_owned();
    let parts: Vec<_> = name.split(['-', '.']).collect();
    let [.., ns, process, "1", "txt"] = parts[..] else { panic!("{name}") };
    let next = |after: u64, number: u64| {
        let ns = ns.parse::<u64>().unwrap() + after * 1_000_000_000;
        folder.0.join(format!("flightdeck-errors-{ns}-{process}-{number}.txt"))
    };
    let victim = folder.0.join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, next(1, 2)).unwrap();
    symlink(folder.0.join("nowhere"), next(2, 3)).unwrap();
    fs::write(next(3, 4), "precious").unwrap();
    for (n, number) in [(1, 2), (2, 3), (3, 4)] {
        let refused = fail(&events, &clock, &triggers, n).result.unwrap_err();
        let CaptureError::File { path, reason } = refused else { panic!("{refused:?}") };
        assert_eq!(path, next(n, number));
        assert!(reason.contains("exists"), "{reason}");
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(fs::read_to_string(next(3, 4)).unwrap(), "precious");
    assert!(!folder.0.join("nowhere").exists());
    assert_eq!(triggers.status("errors").unwrap().failed, 3);
    captured(&fail(&events, &clock, &triggers, 4));

    let moved = folder.0.with_extension("moved");
    fs::rename(&folder.0, &moved).unwrap();
    symlink(&moved, &folder.0).unwrap();
    let refused = fail(&events, &clock, &triggers, 5).result.unwrap_err();
    assert!(refused.to_string().contains("it is a link"), "{refused}");
    fs::remove_file(&folder.0).unwrap();
    fs::create_dir(&folder.0).unwrap();
    let refused = fail(&events, &clock, &triggers, 6).result.unwrap_err();
    assert!(refused.to_string().contains("another directory"), "{refused}");
    assert_eq!(folder.names(), [""; 0]);
    fs::remove_dir_all(&moved).unwrap();
    fs::remove_dir(&folder.0).unwrap();
    let refused = fail(&events, &clock, &triggers, 7).result.unwrap_err();
    assert!(matches!(refused, CaptureError::File { .. }), "{refused}");
    adds_up(&triggers, "errors");
}

#[test]
fn a_meltdown_is_captured_by_the_thread_that_it_stops() {
    let panics = |_: &WorkerContext| -> () { panic!("over and over") };
    let deck = Flightdeck::builder().supervisor(|supervisor| supervisor.max_restarts(2));
    let deck = deck.start().unwrap();
    let melted = deck.events().query().severity_at_least(Severity::Critical).trigger("melted");
    deck.triggers().add(melted).unwrap();
    deck.supervisor().add(ChildSpec::new("book", Restart::Permanent, panics)).unwrap();
    until("the capture", || deck.triggers().status("melted").unwrap().captured == 1);
    assert!(deck.supervisor().has_melted_down());
    deck.triggers().add(deck.on_panic("later")).unwrap();
    let kinds = deck.triggers().receipts().pop().unwrap();
    assert!(
        incident(deck.events(), &kinds).iter().any(|event| event.kind() == "flightdeck.worker.melted_down")
    );
}

#[test]
fn an_end_in_the_middle_of_a_flood_takes_its_time_and_no_more() {
    let events = Events::builder().memory(16 << 20).build().unwrap();
    let triggers = Triggers::new(&events);
    for name in ["one", "two", "three"] {
        triggers.add(errors(&events, name).look_ahead(HOUR).most_bytes(64 << 10)).unwrap();
    }
    triggers.add(Trigger::on_shutdown("last words").most_bytes(64 << 10)).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        (0..3).for_each(|_| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    events.record(Failed { n: 1 });
                }
            });
        });
        until("matches", || triggers.poll().seen > 0);
        thread::sleep(Duration::from_millis(50));
        let (began, deadline) = (Instant::now(), PATIENCE);
        assert_eq!(triggers.finish(deadline), Some(4));
        assert!(began.elapsed() < deadline / 2, "{:?}", began.elapsed());
        stop.store(true, Ordering::Relaxed);
    });
    let failed: Vec<_> = triggers.receipts().into_iter().filter_map(|receipt| receipt.result.err()).collect();
    assert_eq!(failed, []);

    let triggers = Triggers::new(&events);
    triggers.add(Trigger::on_shutdown("too late")).unwrap();
    assert_eq!(triggers.finish(Duration::ZERO), Some(1));
    assert_eq!(triggers.receipts().pop().unwrap().result, Err(CaptureError::OutOfTime));
    adds_up(&triggers, "too late");

    let events = Events::builder().memory(64 << 20).shards(2).build().unwrap();
    let triggers = Triggers::new(&events);
    triggers.add(errors(&events, "cut short")).unwrap();
    (0..50_000).for_each(|n| events.record(Failed { n }));
    triggers.finish(Duration::ZERO);
    let status = triggers.status("cut short").unwrap();
    assert!(status.missed > 0, "{status:?}");
    assert_eq!(status.seen + status.missed, 50_000, "what nobody had the time to look at is told");
}

/// Run with a limit on the size of files, by the test below.
#[test]
#[ignore = "another test runs it"]
fn under_a_limit_on_the_size_of_files() {
    let folder = Folder::new("trigger-limit");
    let (events, clock, triggers) = writing(&folder, |directory| directory);
    captured(&fail(&events, &clock, &triggers, 1));
    (0..2_000).for_each(|n| events.record(Worked { n }));
    let receipt = fail(&events, &clock, &triggers, 2);
    let Err(CaptureError::File { path, reason }) = &receipt.result else { panic!("{receipt:?}") };
    assert!(reason.contains("File too large"), "{reason}");
    assert!(!path.exists() && folder.names().len() == 1, "half a capture is none");
    println!("left alone: {}", folder.names().len());
}

#[test]
fn a_write_that_fails_leaves_no_file_and_says_why() {
    let test = std::env::current_exe().unwrap();
    let run = "trap '' XFSZ; ulimit -f 32; exec \"$0\" --ignored --exact --nocapture under_a_limit_on_the_size_of_files";
    let ran = std::process::Command::new("sh").arg("-c").arg(run).arg(&test).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && said.contains("left alone: 1"),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
