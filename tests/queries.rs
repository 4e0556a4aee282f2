//! Any combination of filters against an obvious model, also while writers go on.

use flightdeck::events::{Class, Events, Query, Recorded, Stamp, Verdict, Writer, field};
use flightdeck::{Clock, CorrelationId, Severity, Ticks};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

flightdeck::kind! {
    Failed("model.failed", severity = Error, class = Critical) { writer: u64, n: u64 }
    Stepped("model.stepped") { writer: u64, n: u64 }
    Warned("model.warned", severity = Warn) { writer: u64, n: u64 }
    Detailed("model.detailed", severity = Debug, class = Verbose) { writer: u64, n: u64 }
}

/// All that there is to know about the event that a writer records as its `n`th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    writer: u64,
    n: u64,
}

const WRITERS: u64 = 3;
const KINDS: [(&str, Severity, Class); 4] = [
    ("model.failed", Severity::Error, Class::Critical),
    ("model.stepped", Severity::Info, Class::Normal),
    ("model.warned", Severity::Warn, Class::Normal),
    ("model.detailed", Severity::Debug, Class::Verbose),
];

impl Written {
    fn ticks(self) -> u64 {
        // Each writer's go up, no two are the same, and writers keep in step as far as they keep pace.
        self.n * WRITERS + self.writer + 1
    }

    fn id(self) -> u64 {
        // One busy id, and many that several writers share.
        if self.n.is_multiple_of(5) { 1 } else { 2 + self.n / 16 }
    }

    fn kind(self) -> usize {
        match (self.n * 7 + self.writer) % 100 {
            0 => 0,
            1..60 => 1,
            60..64 => 2,
            _ => 3,
        }
    }

    fn record(self, events: &Events) {
        let Self { writer, n } = self;
        let stamp = Stamp::of(self.id()).at(Ticks(self.ticks()));
        match self.kind() {
            0 => events.record_with(stamp, Failed { writer, n }),
            1 => events.record_with(stamp, Stepped { writer, n }),
            2 => events.record_with(stamp, Warned { writer, n }),
            _ => events.record_with(stamp, Detailed { writer, n }),
        }
    }

    fn read(event: &Recorded<'_>) -> Self {
        let field = |name| event.field(name).and_then(|value| value.as_u64()).unwrap();
        let read = Self { writer: field("writer"), n: field("n") };
        let (name, severity, class) = KINDS[read.kind()];
        assert_eq!((event.kind(), event.severity(), event.class()), (name, severity, class));
        assert_eq!(event.correlation(), CorrelationId::from(read.id()));
        assert_eq!(event.ticks(), Ticks(read.ticks()));
        read
    }
}

/// What may be asked for together.
#[derive(Clone, Debug)]
struct Asked {
    id: Option<u64>,
    kinds: Vec<usize>,
    severity: Option<Severity>,
    times: Option<Range<u64>>,
    newest_first: bool,
    /// That `n` is at least so much, by the fields.
    least: Option<u64>,
    limit: Option<usize>,
    offset: usize,
}

impl Asked {
    fn query<'a>(&self, events: &'a Events) -> Query<'a> {
        let mut query = events.query().offset(self.offset);
        if let Some(id) = self.id {
            query = query.correlation(id);
        }
        for kind in &self.kinds {
            query = query.kind_named(KINDS[*kind].0);
        }
        if let Some(severity) = self.severity {
            query = query.severity_at_least(severity);
        }
        if let Some(Range { start, end }) = self.times {
            query = query.between(Ticks(start)..Ticks(end));
        }
        if self.newest_first {
            query = query.newest_first();
        }
        if let Some(least) = self.least {
            query = query.matching(field("n").at_least(least));
        }
        match self.limit {
            Some(limit) => query.limit(limit),
            None => query,
        }
    }

    fn is_contradictory(&self) -> bool {
        let severe = |kind: &usize| self.severity.is_none_or(|severity| KINDS[*kind].1 >= severity);
        !self.kinds.is_empty() && !self.kinds.iter().any(severe)
    }

    fn wants(&self, written: &Written) -> bool {
        let kind = written.kind();
        self.id.is_none_or(|id| id == written.id())
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
            && self.severity.is_none_or(|severity| KINDS[kind].1 >= severity)
            && self.times.as_ref().is_none_or(|times| times.contains(&written.ticks()))
            && self.least.is_none_or(|least| written.n >= least)
    }

    fn is_cut(&self) -> bool {
        self.limit.is_some() || self.offset > 0
    }
}

/// Of writers that have written so many.
fn asked(written: u64) -> impl Strategy<Value = Asked> {
    let id = prop::option::of(prop_oneof![Just(1), 2..3 + written / 16]);
    let kinds = prop_oneof![3 => Just(vec![]), 2 => prop::collection::vec(0..KINDS.len(), 1..4)];
    let severity = prop::option::of(prop::sample::select(vec![
        Severity::Trace,
        Severity::Debug,
        Severity::Info,
        Severity::Warn,
        Severity::Error,
    ]));
    let last = written * WRITERS + WRITERS;
    let times =
        prop::option::of((0..last, 0..last).prop_map(move |(start, length)| start..start + length / 4));
    let limit = prop::option::of(prop_oneof![0..5_usize, 0..500_usize]);
    let offset = prop_oneof![3 => Just(0), 1 => 0..100_usize];
    let least = prop::option::weighted(0.3, 0..written);
    (id, kinds, severity, times, any::<bool>(), least, limit, offset).prop_map(
        |(id, kinds, severity, times, newest_first, least, limit, offset)| Asked {
            id,
            kinds,
            severity,
            times,
            newest_first,
            least,
            limit,
            offset,
        },
    )
}

fn store() -> Events {
    // Two writers have shards of their own, the third writes through a shared one.
    Events::builder().memory(1 << 20).shards(2).clock(Clock::supplied()).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_the_model(
        written in 1..12_000_u64,
        all_asked in prop::collection::vec(asked(6_000), 12),
    ) {
        let events = store();
        let all_have_begun = Barrier::new(WRITERS as usize);
        std::thread::scope(|threads| {
            for writer in 0..WRITERS {
                let (events, all_have_begun) = (&events, &all_have_begun);
                threads.spawn(move || {
                    Written { writer, n: 0 }.record(events);
                    // So that no two have the same shard, in which times would go back.
                    all_have_begun.wait();
                    (1..written).for_each(|n| Written { writer, n }.record(events));
                });
            }
        });
        // What is still there, by a look at everything.
        let kept = events.query().run().unwrap();
        let kept: Vec<Written> = kept.iter().map(|event| Written::read(&event)).collect();
        let all = (0..WRITERS).flat_map(|writer| (0..written).map(move |n| Written { writer, n }));
        let all: Vec<Written> = all.collect();
        for asked in all_asked {
            let unknown = asked.kinds.iter().any(|kind| !all.iter().any(|written| written.kind() == *kind));
            if unknown || asked.is_contradictory() {
                prop_assert!(asked.query(&events).run().is_err(), "{asked:?}");
                continue;
            }
            let mut expected: Vec<Written> = kept.iter().copied().filter(|one| asked.wants(one)).collect();
            let matching = expected.len();
            if asked.newest_first {
                expected.reverse();
            }
            let expected: Vec<Written> =
                expected.into_iter().skip(asked.offset).take(asked.limit.unwrap_or(usize::MAX)).collect();
            let answer = asked.query(&events).run().unwrap();
            let found: Vec<Written> = answer.iter().map(|event| Written::read(&event)).collect();
            prop_assert_eq!(&found, &expected, "{:?}", asked);
            match answer.verdict() {
                Verdict::Complete => {
                    let there_were = all.iter().filter(|one| asked.wants(one)).count();
                    prop_assert_eq!(matching, there_were, "complete, and is not: {:?}", asked);
                }
                Verdict::Overwritten { since } => {
                    let of_late = |one: &&Written| one.ticks() >= since.0 && asked.wants(one);
                    prop_assert_eq!(
                        all.iter().filter(of_late).count(),
                        kept.iter().filter(of_late).count(),
                        "not all from {:?} on: {:?}", since, asked
                    );
                }
                Verdict::Truncated { .. } => {
                    prop_assert!(matching > asked.offset + asked.limit.unwrap_or(usize::MAX - 100));
                }
            }
            let whole = Asked { newest_first: false, ..asked.clone() };
            if !whole.is_cut() {
                let mut in_order = Vec::new();
                whole.query(&events).each_in_order(|event| in_order.push(Written::read(&event))).unwrap();
                let mut expected = expected.clone();
                expected.sort_unstable_by_key(|written| written.ticks());
                prop_assert_eq!(&in_order, &expected);
                let mut one_by_one = Vec::new();
                whole.query(&events).each(|event| one_by_one.push(Written::read(&event))).unwrap();
                one_by_one.sort_unstable_by_key(|written| written.ticks());
                prop_assert_eq!(&one_by_one, &expected);
                prop_assert_eq!(whole.query(&events).count(), expected.len() as u64);
                let by_kind = whole.query(&events).count_by_kind().unwrap().value;
                for (kind, (name, ..)) in KINDS.iter().enumerate() {
                    let of_kind = expected.iter().filter(|written| written.kind() == kind).count();
                    prop_assert_eq!(by_kind.of(name), of_kind as u64);
                }
            }
        }
    }
}

/// Writers never wait, and each answer holds all that was there when its query began, from its `since` on.
#[test]
fn answers_are_whole_from_their_since_on_while_writers_go_on() {
    const QUERIES: usize = 1_000;
    let events = store();
    // So that no kind is unknown.
    (0..100).for_each(|n| (0..WRITERS).for_each(|writer| Written { writer, n }.record(&events)));
    let progress: [AtomicU64; WRITERS as usize] = std::array::from_fn(|_| AtomicU64::new(100));
    let done = AtomicBool::new(false);
    let (mut whole, mut in_part, mut found_in_all) = (0, 0, 0);
    std::thread::scope(|threads| {
        for (writer, progress) in (0..).zip(&progress) {
            let (events, done) = (&events, &done);
            threads.spawn(move || {
                for n in 100.. {
                    Written { writer, n }.record(events);
                    progress.store(n + 1, Ordering::Release);
                    if n % 64 == 0 && done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for number in 0..QUERIES {
            let written: [u64; WRITERS as usize] =
                std::array::from_fn(|at| progress[at].load(Ordering::Acquire));
            let newest = written.iter().copied().max().unwrap();
            let mut asked = asked(newest).new_tree(&mut runner).unwrap().current();
            (asked.limit, asked.offset) = (None, 0);
            if number % 2 == 0 {
                // Of late.
                let last = newest * WRITERS;
                asked.times = Some(last.saturating_sub(900)..last - 300 + number as u64 % 400);
            }
            if asked.is_contradictory() {
                continue;
            }
            let answer = asked.query(&events).run().unwrap();
            let mut found: Vec<Written> = answer.iter().map(|event| Written::read(&event)).collect();
            assert!(found.iter().all(|written| asked.wants(written)), "{asked:?}");
            let in_order = found.is_sorted_by_key(|one| one.ticks());
            assert!(in_order || asked.newest_first && found.iter().rev().is_sorted_by_key(|one| one.ticks()));
            found.sort_unstable_by_key(|written| written.ticks());
            found_in_all += found.len();
            let since = match answer.verdict() {
                // Of an id it means since its root, and these have none.
                Verdict::Complete => asked.times.as_ref().map_or(0, |times| times.start),
                Verdict::Overwritten { since } => since.0,
                Verdict::Truncated { .. } => panic!("nothing was to be cut"),
            };
            if answer.verdict().is_complete() {
                whole += 1
            } else {
                in_part += 1
            }
            for (writer, written) in (0..WRITERS).zip(written) {
                let first = since.saturating_sub(WRITERS) / WRITERS;
                let expected = (first..written).map(|n| Written { writer, n });
                for one in expected.filter(|one| one.ticks() >= since && asked.wants(one)) {
                    let is_found =
                        found.binary_search_by_key(&one.ticks(), |written| written.ticks()).is_ok();
                    assert!(is_found, "{one:?} is missing, {:?}, {asked:?}", answer.verdict());
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(whole > 10 && in_part > 10 && found_in_all > 10_000, "{whole}, {in_part}, {found_in_all}");
    assert!(events.stats().overwritten > 10_000);
}

/// Looks again and again while a writer goes on, told how many events it has recorded for sure; how often.
fn look_while_writing(mut writer: Writer, count: u64, mut look: impl FnMut(&dyn Fn() -> u64)) -> u64 {
    let written = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for n in 0..count {
                writer.record(Stepped { writer: 0, n });
                written.store(n + 1, Ordering::Release);
            }
        });
        let mut looks = 0;
        while !writing.is_finished() {
            look(&|| written.load(Ordering::Acquire));
            looks += 1;
        }
        looks
    })
}

#[test]
fn a_count_while_a_writer_laps_it_is_of_what_was_there() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let mut writer = events.writer().unwrap();
    // More than once round, so that from here on it is full.
    (0..20_000).for_each(|n| writer.record(Stepped { writer: 0, n }));
    // Records of a block of 4 KiB, each of eight words.
    let (holds, block) = (events.query().count(), 4_096 / 64);
    let looks = look_while_writing(writer, 300_000, |written| {
        let before = written();
        let counted = events.query().count();
        // What was written meanwhile, and one that was on its way, may have cost as many, and a block at each end.
        let meanwhile = written() + 1 - before;
        assert!(counted + meanwhile + 2 * block >= holds, "{counted} of {holds}, {meanwhile} meanwhile");
        assert!(counted <= holds + block, "{counted} of {holds}");
    });
    assert!(looks > 0);
}

#[test]
fn how_many_are_missing_is_known_of_an_answer_to_everything() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let missing = || events.query().run().unwrap().missing();
    assert_eq!(missing(), Some(0));
    let mut writer = events.writer().unwrap();
    (0..50_000).for_each(|n| writer.record(Stepped { writer: 0, n }));
    let answer = events.query().run().unwrap();
    assert_eq!(answer.missing(), Some(50_000 - answer.len() as u64));
    // Of some it is not known what was among those that are gone.
    assert_eq!(events.query().kind::<Stepped>().run().unwrap().missing(), None);
    assert_eq!(events.query().limit(10).run().unwrap().missing(), None);
    let since = answer.since();
    assert_eq!(events.query().between(since..).run().unwrap().missing(), Some(0));
    // Somewhere in mid-block.
    let middle = answer.iter().nth(answer.len() / 3).unwrap().ticks();
    let pruned = events.prune_before(middle);
    assert_eq!(missing(), Some(50_000 - answer.len() as u64 + pruned));
    // From another thread's shard and time.
    events.record(Stepped { writer: 1, n: 0 });
    writer.record_with(Stamp::of(1_u64).at(Ticks(u64::MAX)), Stepped { writer: 0, n: 50_000 });
    assert_eq!(events.losses().iter().map(|loss| loss.count).sum::<u64>(), 1);
    let all = events.query().run().unwrap();
    assert_eq!(all.missing(), Some(50_002 - all.len() as u64));
    events.clear();
    assert_eq!(missing(), Some(50_002));
}

#[test]
fn how_many_are_missing_is_of_the_cut_while_writers_go_on() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let mut known = 0;
    look_while_writing(events.writer().unwrap(), 400_000, |written| {
        let before = written();
        let answer = events.query().run().unwrap();
        let Some(missing) = answer.missing() else { return };
        known += 1;
        let newest = answer.iter().filter_map(|event| event.field("n")?.as_u64()).max();
        let all = missing + answer.len() as u64;
        // One may be on its way.
        let possible = before.max(newest.map_or(0, |n| n + 1))..=written() + 1;
        assert!(possible.contains(&all), "{all} of {possible:?}");
    });
    assert!(known > 0);
}

/// The first of an order, and in order one by one, while writers lap and somebody prunes.
#[test]
fn the_first_of_an_order_are_the_first_while_writers_go_on() {
    const QUERIES: usize = 1_000;
    let events = store();
    (0..100).for_each(|n| (0..WRITERS).for_each(|writer| Written { writer, n }.record(&events)));
    let progress: [AtomicU64; WRITERS as usize] = std::array::from_fn(|_| AtomicU64::new(100));
    let done = AtomicBool::new(false);
    let mut truncated = 0;
    std::thread::scope(|threads| {
        for (writer, progress) in (0..).zip(&progress) {
            let (events, done) = (&events, &done);
            threads.spawn(move || {
                for n in 100.. {
                    Written { writer, n }.record(events);
                    progress.store(n + 1, Ordering::Release);
                    if n % 64 == 0 && done.load(Ordering::Relaxed) {
                        break;
                    }
                    if n % 512 == 0 {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for number in 0..QUERIES {
            let written: [u64; WRITERS as usize] =
                std::array::from_fn(|at| progress[at].load(Ordering::Acquire));
            let newest = written.iter().copied().max().unwrap();
            if number % 10 == 0 {
                events.prune_before(Ticks((newest * WRITERS).saturating_sub(2_000)));
            }
            let mut asked = asked(newest).new_tree(&mut runner).unwrap().current();
            asked.offset = 0;
            asked.limit = asked.limit.map(|limit| limit + 1);
            let last = newest * WRITERS;
            match number % 4 {
                0 => asked.times = Some(last.saturating_sub(1_500)..last + 1_000),
                1 => (asked.times, asked.kinds, asked.id) = (None, vec![], Some(1)),
                _ => {}
            }
            if asked.is_contradictory() {
                continue;
            }
            let (rows, verdict, since) = if number % 3 == 0 {
                (asked.newest_first, asked.limit) = (false, None);
                let mut rows = Vec::new();
                let verdict =
                    asked.query(&events).each_in_order(|event| rows.push(Written::read(&event))).unwrap();
                let since = match verdict {
                    Verdict::Overwritten { since } => since.0,
                    _ => asked.times.as_ref().map_or(0, |times| times.start),
                };
                (rows, verdict, since)
            } else {
                let answer = asked.query(&events).run().unwrap();
                let rows: Vec<Written> = answer.iter().map(|event| Written::read(&event)).collect();
                (rows, answer.verdict(), answer.since().0)
            };
            let ticks: Vec<u64> = rows.iter().map(|one| one.ticks()).collect();
            assert!(rows.iter().all(|one| asked.wants(one)), "{asked:?}");
            assert!(ticks.windows(2).all(|two| (two[0] < two[1]) != asked.newest_first), "{asked:?}");
            let (mut from, mut to) = (since, u64::MAX);
            if let Verdict::Truncated { .. } = verdict {
                truncated += 1;
                assert_eq!(Some(rows.len()), asked.limit);
                if asked.newest_first {
                    from = from.max(*ticks.last().unwrap());
                } else {
                    to = *ticks.last().unwrap();
                }
            }
            for (writer, written) in (0..WRITERS).zip(written) {
                let first = from.saturating_sub(WRITERS) / WRITERS;
                let expected = (first..written).map(|n| Written { writer, n });
                for one in expected.filter(|one| (from..=to).contains(&one.ticks()) && asked.wants(one)) {
                    assert!(ticks.contains(&one.ticks()), "{one:?} is missing, {verdict:?}, {asked:?}");
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(truncated > 30, "{truncated}");
}

#[test]
fn a_prepared_answer_holds_what_was_recorded_before_it_was_asked_for() {
    let events = Events::builder().memory(4 << 20).shards(3).clock(Clock::supplied()).build().unwrap();
    events.declare::<Stepped>();
    let prepared = events.query().kind::<Stepped>().newest_first().limit(3).prepare();
    let (done, progress) = (AtomicBool::new(false), [AtomicU64::new(0), AtomicU64::new(0)]);
    std::thread::scope(|threads| {
        for (number, progress) in progress.iter().enumerate() {
            let (events, done) = (&events, &done);
            threads.spawn(move || {
                for n in 1.. {
                    events.record_with(
                        Stamp::of(number as u64 + 1).at(Ticks(n * 2 + number as u64)),
                        Stepped { writer: 0, n },
                    );
                    progress.store(n, Ordering::Release);
                    for _ in 0..n % 5_000 {
                        std::hint::spin_loop();
                    }
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        let readers: Vec<_> = (0..3)
            .map(|_| {
                threads.spawn(|| {
                    let begun = std::time::Instant::now();
                    while begun.elapsed() < std::time::Duration::from_secs(5) {
                        let seen = progress.each_ref().map(|n| n.load(Ordering::Acquire));
                        let newest = (seen[0] * 2).max(seen[1] * 2 + u64::from(seen[1] > 0));
                        let answer = prepared.run().unwrap();
                        let found = answer.iter().next().map_or(0, |event| event.ticks().0);
                        assert!(found >= newest, "{found} of {newest}");
                    }
                })
            })
            .collect();
        let results: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(results.iter().all(|result| result.is_ok()));
    });
    println!("{} of {}", prepared.hits(), prepared.runs());
    assert!(prepared.hits() > 100);
}

/// A query takes the clock once it has begun, and neither earlier nor later: what its caller has heard of is in its answer.
#[test]
#[ignore = "twenty seconds, optimised: run by `.ci/run`"]
fn what_was_recorded_before_a_query_began_is_in_it() {
    #[repr(align(128))]
    struct Line(AtomicU64);
    let events = Events::builder().memory(64 << 20).build().unwrap();
    let (written, is_over) = (Line(AtomicU64::new(0)), AtomicBool::new(false));
    let mut asked = 0_u64;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1.. {
                events.record_with(Stamp::of(n), Stepped { writer: 0, n });
                written.0.store(n, Ordering::Release);
                (0..n * 7 % 64).for_each(|_| std::hint::spin_loop());
                if n % 1_024 == 0 && is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let (start, mut last, mut missing) = (std::time::Instant::now(), 0, 0);
        while start.elapsed() < std::time::Duration::from_secs(20) {
            for _ in 0..1_000 {
                let n = written.0.load(Ordering::Acquire);
                if n != last {
                    (last, asked) = (n, asked + 1);
                    missing += u64::from(events.query().correlation(n).count() == 0);
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(missing, 0, "of {asked}");
    });
    println!("{asked} asked for");
    assert!(asked > 10_000, "{asked}");
}
