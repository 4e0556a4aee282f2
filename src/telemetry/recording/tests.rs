//! What a copy of a telemetry's words says, and what words say that no telemetry wrote.

use super::Recording;
use crate::region::Span;
use crate::region::hostile::{self, copy_of, made, next, set, word};
use crate::sync::{Arc, AtomicBool, AtomicU64, Relaxed, thread};
use crate::telemetry::cells::CHUNK;
use crate::telemetry::section::SectionError;
use crate::telemetry::{Description, Resolution, Snapshot, Telemetry, Unit, Value};
use std::time::Duration;

/// Words of the head, of the line before a log, and the first of the first log's records.
const HEAD: usize = 32;
const LOG: usize = HEAD + 16;
const RECORDS: usize = LOG + 16;

/// A telemetry that has had everything: all types, described or not, before and after; labels, an overflow series, series that
/// were retired and others that have their cells; threads that live and that are gone, and more of them than slabs and chunks.
fn eventful() -> Telemetry {
    let telemetry = Telemetry::builder().cells(8_192).threads(4).memory(40 * CHUNK * 8).build().unwrap();
    let description = Description::new("how many orders").unit(Unit::Other("orders")).most_series(3);
    telemetry.describe("orders_total", description).unwrap();
    let gone = telemetry.counter_with("gone_total", &[("user", "ann")]);
    gone.increment(9);
    drop(gone);
    telemetry.retire_idle(Duration::ZERO);
    assert_eq!(telemetry.retire_idle(Duration::ZERO).series, 1);
    let count = || {
        for n in 0..200_u64 {
            let of = (n % 5).to_string();
            telemetry.counter_with("orders_total", &[("venue", &of), ("b", "\n\u{fc}")]).increment(n);
            telemetry.up_down_counter("open").add(n as i64 - 90);
            telemetry.histogram("latency_ns").record(n * n * n);
        }
        let fine = Resolution::new(7).up_to(1_000);
        let histogram = telemetry.try_histogram_of("fine", &[("of", "a")], fine).unwrap();
        [1, 500, 5_000_000].into_iter().for_each(|value| histogram.record(value));
    };
    // All at once, so that some have no slab.
    let arrived = AtomicU64::new(0);
    thread::scope(|threads| {
        for _ in 0..6 {
            threads.spawn(|| {
                telemetry.up_down_counter("open").add(0);
                arrived.fetch_add(1, Relaxed);
                while arrived.load(Relaxed) < 6 {
                    thread::yield_now();
                }
                count();
            });
        }
    });
    count();
    telemetry.gauge("depth").set(-7);
    telemetry.float_gauge("load").set(0.75);
    let group = telemetry.group("requests", ["ok", "err"]).unwrap();
    thread::scope(|threads| (0..2).for_each(|n| _ = threads.spawn(|| group.add([3, 1])).join().map(|()| n)));
    telemetry.describe("depth", Description::new("later").unit(Unit::Bytes)).unwrap();
    telemetry
}

/// The words of a telemetry, copied to memory of their own.
fn copied(telemetry: &Telemetry) -> Span {
    copy_of(&telemetry.inner.span)
}

/// All that a snapshot says.
fn told(snapshot: &Snapshot) -> Vec<String> {
    let line = |(key, value): (&crate::telemetry::SeriesKey, &Value)| {
        format!(
            "{key} {:?} {:?} {:?} {value:?}",
            key.metric_type(),
            key.unit().map(|unit| unit.ucum().into_owned()),
            key.help()
        )
    };
    snapshot.iter().map(line).collect()
}

#[test]
fn a_copy_of_the_words_says_what_the_telemetry_says() {
    let telemetry = eventful();
    let recording = Recording::of_span(copied(&telemetry)).unwrap();
    let (mine, theirs) = (telemetry.snapshot(), recording.snapshot());
    assert_eq!(told(&mine), told(&theirs));
    assert!(theirs.iter().count() == 11 && theirs.get("gone_total").is_none(), "{theirs:?}");
    let Some(Value::Histogram(fine)) = theirs.get_with("fine", &[("of", "a")]) else { panic!("{theirs:?}") };
    assert_eq!((fine.count(), fine.overflowed(), fine.greatest()), (21, 7, Some(5_000_000)));
    let (mine, theirs) = (telemetry.stats(), recording.stats());
    assert!(theirs.shared_updates > 0 && theirs.chunk_bytes == (40 * CHUNK * 8) as u64, "{theirs:?}");
    assert_eq!(
        (mine.slabs_reached, mine.chunk_bytes, mine.shared_updates, mine.metrics, mine.series),
        (theirs.slabs_reached, theirs.chunk_bytes, theirs.shared_updates, theirs.metrics, theirs.series)
    );
    assert_eq!((recording.nameless(), recording.unreadable(), recording.incomplete().len()), (0, 0, 0));
    // And the other way round: nothing is counted twice, nothing is missing.
    assert!(mine.series == 11 && told(&recording.snapshot().since(&recording.snapshot())).len() == 11);
}

#[test]
fn a_recording_of_a_live_telemetry_learns_what_it_learns() {
    let telemetry = Telemetry::builder().cells(64).threads(2).build().unwrap();
    let recording = telemetry.recording().unwrap();
    assert_eq!(told(&recording.snapshot()), Vec::<String>::new());
    let ann = telemetry.counter_with("hits", &[("user", "ann")]);
    ann.increment(3);
    let first = recording.snapshot();
    assert_eq!(first.get_with("hits", &[("user", "ann")]), Some(&Value::Counter(3)));
    ann.increment(1);
    assert_eq!(
        recording.snapshot().since(&first).get_with("hits", &[("user", "ann")]),
        Some(&Value::Counter(1))
    );
    drop(ann);
    telemetry.retire_idle(Duration::ZERO);
    telemetry.retire_idle(Duration::ZERO);
    assert_eq!(recording.snapshot().iter().count(), 0);
    // The same labels, in the same cell: another series all the same.
    telemetry.counter_with("hits", &[("user", "ann")]).increment(2);
    let again = recording.snapshot();
    assert_eq!(again.since(&first).get_with("hits", &[("user", "ann")]), Some(&Value::Counter(2)));
}

#[test]
fn what_finds_no_room_in_the_log_has_no_name_and_takes_nobodys() {
    let telemetry = Telemetry::builder().cells(64).build().unwrap();
    let recording = telemetry.recording().unwrap();
    let make = |n: u64| {
        let counter = telemetry.counter_with("made_total", &[("name", &format!("{n}.{}", "x".repeat(90)))]);
        counter.increment(1_000 * n);
        counter
    };
    // More than there is room for at a time; what comes later has that of what has gone.
    let mut named: Vec<_> = (1..=40).map(make).collect();
    let refused = recording.nameless();
    assert!(refused > 5, "{refused}");
    for n in 41..400 {
        let (before, snapshot) = (recording.nameless(), recording.snapshot());
        let live = telemetry.snapshot();
        for (key, value) in snapshot.iter() {
            let labels: Vec<_> = key.labels().iter().collect();
            assert_eq!(live.get_with(key.name(), &labels), Some(value), "{key}");
        }
        assert!(snapshot.iter().count() < 40 && live.iter().count() == 40);
        named.remove((n as usize * 7) % 40);
        telemetry.retire_idle(Duration::ZERO);
        telemetry.retire_idle(Duration::ZERO);
        named.push(make(n));
        assert!(recording.nameless() <= before + 1);
    }
    assert!(recording.snapshot().iter().count() > 15);
    // Once there are fewer, all that are made have a name.
    drop(named);
    telemetry.retire_idle(Duration::ZERO);
    telemetry.retire_idle(Duration::ZERO);
    let refused = recording.nameless();
    let _few: Vec<_> = (1..=20).map(make).collect();
    assert_eq!((told(&recording.snapshot()), recording.nameless()), (told(&telemetry.snapshot()), refused));
}

#[test]
fn what_groups_count_is_there_and_belongs_together() {
    let telemetry = Telemetry::builder().cells(128).threads(2).build().unwrap();
    let recording = telemetry.recording().unwrap();
    let group = telemetry.group("requests", ["ok", "err", "total"]).unwrap();
    telemetry.counter("requests.ok").increment(100);
    let count = |snapshot: &Snapshot, name: &str| match snapshot.get(name) {
        Some(Value::Counter(count)) => *count,
        other => panic!("{name}: {other:?}"),
    };
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        // One more than slabs.
        let writers = [(); 3].map(|()| {
            threads
                .spawn(|| (0..20_000).for_each(|n| group.add(if n % 3 == 0 { [0, 1, 1] } else { [1, 0, 1] })))
        });
        threads.spawn(|| {
            let (mut last, mut whole) = (0, 0);
            while !stop.load(Relaxed) {
                let snapshot = recording.snapshot();
                let [ok, err, total] =
                    ["ok", "err", "total"].map(|name| count(&snapshot, &format!("requests.{name}")));
                whole += u64::from(ok + err == total + 100);
                assert!(total >= last, "{last}, then {total}");
                last = total;
            }
            assert!(whole > 0, "never did the numbers add up");
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        stop.store(true, Relaxed);
    });
    assert_eq!(told(&recording.snapshot()), told(&telemetry.snapshot()));
    assert_eq!(count(&recording.snapshot(), "requests.total"), 60_000);
    assert_eq!((recording.incomplete().len(), recording.unreadable()), (0, 0));
    let copy = Recording::of_span(copied(&telemetry)).unwrap();
    assert_eq!(told(&copy.snapshot()), told(&telemetry.snapshot()));
}

#[test]
fn of_a_thread_that_was_killed_in_the_middle_of_a_group_each_number_is_there_and_the_group_is_named() {
    let telemetry = Telemetry::builder().cells(64).threads(1).build().unwrap();
    let others = telemetry.group("others", ["one"]).unwrap();
    others.add([7]);
    let group = telemetry.group("requests", ["ok", "err"]).unwrap();
    group.add([5, 1]);
    thread::scope(|threads| threads.spawn(|| group.add([20, 10])).join().unwrap());
    let span = copied(&telemetry);
    let recording = Recording::of_span(span.clone()).unwrap();
    let names = recording.names(&recording.log.read());
    let first = names.groups[1].first;
    let sizes = recording.shape.sizes;
    // The chunk of the only slab: as its thread left it when it had changed the first number, and not the second.
    let chunk = recording.shape.cells_at() + sizes.chunk_at(0);
    assert_eq!(word(&span, chunk + first + 1), 5);
    set(&span, chunk + first, word(&span, chunk + first) + 1);
    set(&span, chunk + first + 1, 8);
    let snapshot = recording.snapshot();
    assert_eq!(snapshot.get("requests.ok"), Some(&Value::Counter(28)));
    assert_eq!(snapshot.get("requests.err"), Some(&Value::Counter(11)));
    assert_eq!(snapshot.get("others.one"), Some(&Value::Counter(7)));
    let torn: Vec<_> = recording.incomplete().iter().map(ToString::to_string).collect();
    assert_eq!(torn, ["requests.err", "requests.ok"]);
}

#[test]
fn a_group_for_which_the_log_has_no_room_has_no_names_and_is_counted() {
    let telemetry = Telemetry::builder().cells(64).build().unwrap();
    let recording = telemetry.recording().unwrap();
    let mut n = 0;
    while recording.nameless() == 0 {
        n += 1;
        telemetry.counter_with("c", &[("n", &n.to_string()), ("text", &"x".repeat(90))]).touch();
    }
    let group = telemetry.group("g", ["a", "b"]).unwrap();
    group.add([1, 2]);
    let (before, snapshot) = (recording.nameless(), recording.snapshot());
    assert!(before > 1);
    assert!(snapshot.get("g.a").is_none() && snapshot.get("g.b").is_none(), "{snapshot:?}");
    assert_eq!(telemetry.snapshot().get("g.b"), Some(&Value::Counter(2)));
}

#[test]
fn what_an_earlier_life_counted_goes_on() {
    let before = eventful();
    let recording = Recording::of_span(copied(&before)).unwrap();
    let now = Telemetry::builder().carry_over(&recording).build().unwrap();
    assert_eq!(now.snapshot().iter().count(), 0);
    let histogram = now.histogram("latency_ns");
    histogram.record(5);
    let values = histogram.values();
    let then = before.histogram("latency_ns").values();
    assert_eq!((values.count(), values.sum()), (then.count() + 1, then.sum().wrapping_add(5)));
    let labels = [("venue", "1"), ("b", "\n\u{fc}")];
    let counter = now.counter_with("orders_total", &labels);
    assert_eq!(counter.value(), before.counter_with("orders_total", &labels).value());
    // What a group counted goes on in snapshots.
    let group = now.group("requests", ["ok", "err"]).unwrap();
    group.add([10, 0]);
    assert_eq!(
        (group.read().values(), now.snapshot().get("requests.ok")),
        ([10, 0], Some(&Value::Counter(16)))
    );
    // Not what they are any more, and not what says how things are.
    let other = Resolution::new(5).up_to(1_000);
    assert_eq!(now.try_histogram_of("fine", &[("of", "a")], other).unwrap().values().count(), 0);
    assert_eq!((now.gauge("depth").value(), now.up_down_counter("open").value()), (0, 0));
    let stats = now.stats();
    assert_eq!((stats.carried, stats.not_carried, stats.shared_updates), (4, 1, 0));
    assert!(stats.to_carry > 0, "{stats:?}");
    // Once: a series that went and came back begins anew.
    drop(counter);
    now.retire_idle(Duration::ZERO);
    assert!(now.retire_idle(Duration::ZERO).series > 0);
    assert_eq!(now.counter_with("orders_total", &labels).value(), 0);
}

/// Of each kind, what became of it in the next life.
#[test]
fn what_is_something_else_now_begins_anew_and_says_why() {
    let before = Telemetry::builder().cells(512).threads(1).build().unwrap();
    let unit = |telemetry: &Telemetry, name: &str, unit| {
        telemetry.describe(name, Description::new("what it is").unit(unit)).unwrap();
    };
    let small = |most| Resolution::new(2).up_to(most);
    for name in ["same", "unit_changed", "described_since", "not_described_any_more", "type_changed"] {
        before.counter(name).increment(5);
    }
    unit(&before, "same", Unit::Bytes);
    unit(&before, "unit_changed", Unit::Milliseconds);
    unit(&before, "not_described_any_more", Unit::Seconds);
    for name in ["sizes", "sizes_unit_changed", "sizes_resolution_changed"] {
        before.try_histogram_of(name, &[], small(100)).unwrap().record(7);
    }
    unit(&before, "sizes_unit_changed", Unit::Other("rows"));
    before.gauge("gauge").set(3);
    before.float_gauge("float").set(0.5);
    before.up_down_counter("open").add(2);

    let recording = before.recording().unwrap();
    let now = Telemetry::builder().cells(512).threads(1).carry_over(&recording).build().unwrap();
    unit(&now, "same", Unit::Bytes);
    unit(&now, "unit_changed", Unit::Microseconds);
    unit(&now, "described_since", Unit::Seconds);
    unit(&now, "sizes_unit_changed", Unit::Other("orders"));
    let last = || now.status().last_error.map(|error| error.code);
    for name in ["same", "described_since", "not_described_any_more"] {
        assert_eq!((now.counter(name).value(), last()), (5, None), "{name}");
    }
    let sizes = |name, most| now.try_histogram_of(name, &[], small(most)).unwrap().values().count();
    assert_eq!((sizes("sizes", 100), last()), (1, None));
    assert_eq!((now.counter("unit_changed").value(), last()), (0, Some(Some("telemetry.carry.unit"))));
    assert_eq!(
        (sizes("sizes_resolution_changed", 1_000), last()),
        (0, Some(Some("telemetry.carry.resolution")))
    );
    assert_eq!((sizes("sizes_unit_changed", 100), last()), (0, Some(Some("telemetry.carry.unit"))));
    assert_eq!(
        (now.up_down_counter("type_changed").value(), last()),
        (0, Some(Some("telemetry.carry.type")))
    );
    assert_eq!(now.gauge("gauge").value(), 0);
    assert_eq!((now.float_gauge("float").value(), now.up_down_counter("open").value()), (0.0, 0));
    let stats = now.stats();
    assert_eq!((stats.carried, stats.not_carried, stats.to_carry), (4, 4, 0));
}

/// One name after the other is damaged: all others go on.
#[test]
fn of_a_damaged_life_the_rest_goes_on() {
    let before = Telemetry::builder().cells(64).threads(1).build().unwrap();
    let names: Vec<String> = (0..12).map(|n| format!("metric_{n}")).collect();
    for name in &names {
        before.counter_with(name, &[("of", name)]).increment(7);
    }
    let whole = copied(&before);
    let log = Recording::of_span(whole.clone()).unwrap().log;
    let records: Vec<(usize, u64)> = log.read().records().map(|record| (record.begin, record.head)).collect();
    assert_eq!(records.len(), 2 * names.len());
    for (number, (at, _)) in records.into_iter().enumerate() {
        let span = copy_of(&whole);
        // The first name of a record: far longer than it is.
        set(&span, RECORDS + at + 4, 1 << 40);
        let recording = Recording::of_span(span).unwrap();
        let now = Telemetry::builder().cells(64).threads(1).carry_over(&recording).build().unwrap();
        let values: Vec<u64> =
            names.iter().map(|name| now.counter_with(name, &[("of", name)]).value()).collect();
        let expected: Vec<u64> = (0..names.len()).map(|n| if n == number / 2 { 0 } else { 7 }).collect();
        assert_eq!(values, expected, "record {number}");
        assert_eq!((now.stats().carried, recording.unreadable() > 0), (names.len() as u64 - 1, true));
    }
}

#[test]
fn a_section_that_is_cut_off_is_refused() {
    let span = copied(&eventful());
    for len in (0..span.len).step_by(1_009).chain([1, HEAD - 1, HEAD, span.len - 1]) {
        match Recording::of_span(Span { len, ..span.clone() }) {
            Err(SectionError::TooShort { words, needed }) => assert!(words == len as u64 && needed > words),
            other => panic!("{len} words: {other:?}"),
        }
    }
    assert!(Recording::of_span(span).is_ok());
}

/// Asks for everything, and counts what it takes.
fn interrogate(recording: &Recording) {
    let cells = recording.shape.sizes.cells;
    for _ in 0..3 {
        let snapshot = recording.snapshot();
        let taken = |value: &Value| match value {
            Value::Histogram(values) => values.counts().len(),
            _ => 1,
        };
        assert!(snapshot.iter().map(|(_, value)| taken(value)).sum::<usize>() <= cells);
        let _ = (told(&snapshot), told(&snapshot.since(&recording.snapshot())));
    }
    let _ = (recording.nameless(), recording.unreadable(), recording.incomplete(), recording.stats());
    let telemetry = Telemetry::builder().cells(64).threads(1).carry_over(recording).build().unwrap();
    telemetry.counter("open").increment(1);
}

/// Whether somebody who reads it comes back, and without a panic.
fn comes_back(span: &Span) -> bool {
    let span = span.clone();
    hostile::comes_back(move || {
        if let Ok(recording) = Recording::of_span(span) {
            interrogate(&recording);
        }
    })
}

/// Those of the head, of the log as far as it goes, of the cells' control, and of tables.
fn control_words(span: &Span) -> Vec<usize> {
    let recording = Recording::of_span(span.clone()).unwrap();
    let (sizes, cells) = (recording.shape.sizes, recording.shape.cells_at());
    let told = word(span, LOG) as usize;
    let table = cells + sizes.table_at(0);
    (0..RECORDS + told).chain(cells..cells + 32).chain(table..table + sizes.slabs * sizes.tables()).collect()
}

#[test]
fn every_control_word_may_be_anything() {
    let span = copied(&eventful());
    let (mut random, mut refused) = (0x1234_5678_9abc_def1, 0);
    for at in control_words(&span) {
        let was = word(&span, at);
        for _ in 0..if at < RECORDS { 5 } else { 1 } {
            let value = made(&mut random, was);
            set(&span, at, value);
            match Recording::of_span(span.clone()) {
                Ok(_) => assert!(comes_back(&span), "word {at} is {value:#x} and was {was:#x}"),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().starts_with("telemetry "), "{error}");
                }
            }
        }
        set(&span, at, was);
    }
    assert!(refused > 20, "{refused}");
    assert!(comes_back(&span));
}

#[test]
fn all_words_beyond_the_head_may_be_anything() {
    let whole = copied(&eventful());
    let (mut random, control) = (0xdead_beef_1234_5677, control_words(&whole));
    for round in 0..60 {
        let span = copy_of(&whole);
        let one_in = 1 << (round % 12);
        for at in HEAD..span.len {
            if next(&mut random, one_in) == 0 {
                set(&span, at, made(&mut random, word(&span, at)));
            }
        }
        for at in control.iter().filter(|at| **at >= HEAD) {
            if round % 2 == 0 && next(&mut random, one_in) == 0 {
                set(&span, *at, made(&mut random, word(&whole, *at)));
            }
        }
        assert!(comes_back(&span), "round {round}");
    }
}

/// A log of nothing but the widest histograms, all in the same cells, and tables that all lead to one chunk.
#[test]
fn words_that_ask_for_more_than_there_is_get_no_more() {
    let telemetry = Telemetry::builder().cells(1 << 18).threads(64).memory(1 << 20).build().unwrap();
    let histogram = telemetry.try_histogram_of("wide", &[], Resolution::new(12).up_to(u64::MAX)).unwrap();
    histogram.record(1);
    let span = copied(&telemetry);
    let recording = Recording::of_span(span.clone()).unwrap();
    let log = recording.shape.log(&span.region, span.start);
    let mut told = 0;
    loop {
        let mut draft = log.draft(super::super::section::roll::SERIES);
        draft.word(0);
        draft.word(1 + told % 1_000);
        draft.word(told);
        draft.text("n");
        draft.text(&told.to_string());
        if !draft.commit() {
            break;
        }
        told += 1;
    }
    let (sizes, cells) = (recording.shape.sizes, recording.shape.cells_at());
    set(&span, cells, u64::MAX);
    for slab in 0..sizes.slabs {
        for entry in 0..sizes.tables() {
            let (table, chunk) = (sizes.table_at(slab), sizes.chunk_at(3));
            set(&span, cells + table + entry, ((chunk - table) * 8) as u64);
        }
    }
    assert!(told > 10_000);
    assert!(comes_back(&span));
    assert_eq!(recording.snapshot().iter().count(), 1);
}

/// Somebody writes nonsense while somebody else reads.
#[test]
fn words_may_change_while_they_are_read() {
    let whole = copied(&eventful());
    let control = control_words(&whole);
    for round in 0..6_u64 {
        let span = copy_of(&whole);
        let stop = Arc::new(AtomicBool::new(false));
        let (writing, stopped, control) = (span.clone(), stop.clone(), control.clone());
        let writer = thread::spawn(move || {
            let mut random = round + 77;
            while !stopped.load(Relaxed) {
                let at = control[next(&mut random, control.len() as u64) as usize];
                set(&writing, at, made(&mut random, word(&writing, at)));
            }
        });
        let came_back = comes_back(&span);
        stop.store(true, Relaxed);
        writer.join().unwrap();
        assert!(came_back, "round {round}");
    }
}

/// Names and cells change while somebody reads: what is read under a name was counted under it, though the log of names, in which
/// there is room for a few dozen, is rewritten again and again; and no series goes without a name.
fn churns(rounds: u64) {
    let telemetry = Telemetry::builder().cells(64).threads(2).build().unwrap();
    let stays = telemetry.counter_with("stays_total", &[("n", "stays")]);
    stays.increment(77);
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|threads| {
        threads.spawn(|| {
            // Each series counts in steps of its number.
            for n in 1..rounds {
                let counter = telemetry.counter_with("n_total", &[("n", &n.to_string())]);
                (0..3).for_each(|_| counter.increment(n << 32));
                drop(counter);
                telemetry.retire_idle(Duration::ZERO);
                telemetry.retire_idle(Duration::ZERO);
            }
            stop.store(true, Relaxed);
        });
        let recording = telemetry.recording().unwrap();
        let mut last = recording.snapshot();
        while !stop.load(Relaxed) {
            let snapshot = recording.snapshot();
            for (key, value) in snapshot.iter().filter(|(key, _)| key.name() == "n_total") {
                let n: u64 = key.labels().get("n").unwrap().parse().unwrap();
                let Value::Counter(count) = value else { panic!("{value:?}") };
                assert!(count.is_multiple_of(n << 32) && count / (n << 32) <= 3, "{key} is {count}");
            }
            let changed = snapshot.since(&last);
            assert_eq!(snapshot.get_with("stays_total", &[("n", "stays")]), Some(&Value::Counter(77)));
            assert_eq!(changed.get_with("stays_total", &[("n", "stays")]), Some(&Value::Counter(0)));
            last = snapshot;
            reads.fetch_add(1, Relaxed);
        }
        assert_eq!((recording.nameless(), recording.given_up(), recording.unreadable()), (0, 0, 0));
    });
    println!("{} readings", reads.load(Relaxed));
    assert!(reads.load(Relaxed) > 1);
}

#[test]
fn a_live_telemetry_that_churns_is_read_under_the_right_names() {
    churns(20_000);
}

#[test]
#[ignore = "takes a minute"]
fn a_live_telemetry_that_churns_a_million_times_stays_within_its_room() {
    churns(1_000_000);
}
