//! Queries by time over a clock with a past, and the ways that queries take.

mod hostile;
mod walk;
mod whole;

use super::Query;
use super::search::{SHORT_CHAIN, Way};
use crate::clock::script::Script;
use crate::clock::{Clock, Ticks};
use crate::error::Severity;
use crate::events::{Answer, EventId, Events, Lookup, Stamp, Truncation, Value, Verdict};
use crate::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

crate::kind! { Noted("query.noted") { second: u64 } }

/// An event a second over a change of rate, a suspension and a counter that goes back: ranges of wall time, and the
/// order of all, are those of the true time.
#[test]
fn ranges_of_wall_time_convert_at_the_rate_of_then() {
    let script = Arc::new(Script::counter());
    let clock = Clock::scripted(&script);
    let events = Events::builder().memory(1 << 20).shards(1).clock(clock.clone()).build().unwrap();
    let begin = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000);
    let (mut rate, mut second) = (2.6, 0);
    for n in 0..50 {
        script.at_once(|machine| match n {
            10 => rate = 2.9,
            20 => machine.suspend(Duration::from_secs(100)),
            30 => machine.jump(-1 << 42),
            40 => rate = 0.5,
            _ => {}
        });
        second += if n == 20 { 101 } else { 1 };
        script.pass(Duration::from_secs(1), rate);
        let _ = clock.recheck();
        events.record(Noted { second });
    }
    let status = clock.status();
    assert_eq!((status.rate_changes, status.backward_jumps, status.suspends), (2, 1, 1), "{status}");
    let all = events.query().run().unwrap();
    assert_eq!(all.len(), 50);
    for event in all.iter() {
        let Some(Value::U64(second)) = event.field("second") else { panic!("{event:?}") };
        let told = all.converter().unix_ns(event.ticks()) - 1_700_000_000_000_000_000;
        assert!(told.abs_diff(second * 1_000_000_000) < 1_000, "{second}: {told}");
    }
    let half = Duration::from_millis(500);
    // While the system was suspended.
    let night = begin + Duration::from_secs(50)..begin + Duration::from_secs(60);
    let answer = events.query().between_times(night).run().unwrap();
    assert_eq!((answer.len(), answer.verdict()), (0, Verdict::Complete));
    for (from, to) in
        [(0, 150), (0, 5), (5, 15), (15, 25), (20, 119), (20, 121), (100, 135), (139, 142), (149, 149)]
    {
        let range = begin + Duration::from_secs(from) - half..begin + Duration::from_secs(to) + half;
        let answer = events.query().between_times(range).run().unwrap();
        let found: Vec<_> = answer.iter().map(|event| event.field("second")).collect();
        let expected: Vec<_> =
            (1..=20).chain(121..=150).filter(|second| (from..=to).contains(second)).collect();
        assert_eq!(found, expected.iter().map(|second| Some(Value::U64(*second))).collect::<Vec<_>>());
    }
}

crate::kind! {
    Rare("query.rare", severity = Warn) { n: u64 }
    Usual("query.usual") { n: u64 }
    Verbose("query.verbose", class = Verbose) { n: u64 }
}

/// A store that has gone round several times, with ids of a few events, of one that is everywhere, and rare kinds.
fn filled(random: &mut u64) -> Events {
    let clock = Clock::stepping(Duration::from_nanos(1));
    let events = Events::builder().memory(4 << 20).shards(2).clock(clock).build().unwrap();
    let mut writers = [events.writer().unwrap(), events.writer().unwrap()];
    for n in 0..60_000 {
        let id = if next(random, 4) == 0 { 1 } else { 2 + n / 8 };
        let stamp = Stamp::of(id);
        let writer = &mut writers[next(random, 2) as usize];
        match next(random, 1_000) {
            0 => writer.record_with(stamp, Rare { n }),
            1..100 => writer.record_with(stamp, Verbose { n }),
            _ => writer.record_with(stamp, Usual { n }),
        }
    }
    events
}

fn stepping(bytes: usize) -> Events {
    Events::builder().memory(bytes).shards(1).clock(Clock::stepping(Duration::from_nanos(1))).build().unwrap()
}

/// An xorshift generator (Marsaglia 2003).
fn next(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// A query of random filters, the same for each way it is held to.
fn random_query<'a>(events: &'a Events, random: &mut u64) -> Query<'a> {
    let mut query = events.query();
    if next(random, 4) > 0 {
        let id = if next(random, 2) == 0 { 1 } else { 2 + next(random, 60_000 / 8) };
        query = query.correlation(id);
    }
    if next(random, 2) == 0 {
        let (from, length) = (next(random, 60_000), 1 << next(random, 16));
        query = query.between(Ticks(from)..Ticks(from + length));
    }
    query = match next(random, 5) {
        0 => query.kind::<Rare>(),
        1 => query.kind::<Verbose>(),
        2 => query.kind::<Rare>().kind::<Usual>(),
        _ => query,
    };
    if next(random, 4) == 0 {
        query = query.severity_at_least(Severity::Warn);
    }
    if next(random, 3) == 0 {
        query = query.newest_first();
    }
    if next(random, 3) == 0 {
        query = query.limit(1 + next(random, 50) as usize);
    }
    query
}

#[test]
fn no_query_looks_at_more_than_twice_what_the_better_way_takes() {
    let mut random = 0x853c_49e6_748f_ea9b;
    let events = filled(&mut random);
    let (mut asked, mut won) = (0, [0, 0]);
    while asked < 400 {
        let query = random_query(&events, &mut random);
        let held = |way| {
            let query = Query { way, ..query.clone() };
            query.run().map(|answer| {
                let numbers: Vec<_> = answer.iter().map(|event| (event.ticks(), event.id())).collect();
                (answer.visited(), numbers, answer.verdict())
            })
        };
        // Not one that asks for kinds below the severity it asks for.
        let Ok((chosen, numbers, verdict)) = held(Way::Cheaper) else { continue };
        let all = query.view.rings().map(|(_, _, ring)| ring.records()).sum::<u64>();
        let (by_index, by_blocks) = (held(Way::Index).unwrap(), held(Way::Blocks).unwrap());
        assert_eq!((&numbers, verdict), (&by_index.1, by_index.2), "{query:?}");
        assert_eq!((&numbers, verdict), (&by_blocks.1, by_blocks.2), "{query:?}");
        let best = by_index.0.min(by_blocks.0);
        // What is not linked yet, and the short chain that is followed in any case.
        let slack = 16 * 3 * 3 * 2 + SHORT_CHAIN;
        assert!(
            chosen <= 2 * best + slack && chosen <= all,
            "{query:?}: {chosen}, {} by index, {} by blocks",
            by_index.0,
            by_blocks.0
        );
        won[usize::from(by_blocks.0 < by_index.0)] += 1;
        asked += 1;
    }
    assert!(won.iter().all(|won| *won > 20), "one way is always better, so nothing is chosen: {won:?}");
}

#[test]
fn the_last_ten_of_many_are_found_in_a_few_blocks() {
    let events = filled(&mut 0x853c_49e6_748f_ea9b);
    let all = events.query().run().unwrap();
    for limit in [1, 10, 100] {
        let numbers = |answer: &Answer| {
            answer.iter().map(|event| event.field("n").unwrap()).map(|n| n.as_u64()).collect()
        };
        let newest = events.query().newest_first().limit(limit).run().unwrap();
        let oldest = events.query().limit(limit).run().unwrap();
        let in_order: Vec<_> = numbers(&all);
        let (first, last): (Vec<_>, Vec<_>) = (numbers(&oldest), numbers(&newest));
        assert_eq!(first, in_order[..limit]);
        assert_eq!(last, in_order.iter().rev().take(limit).copied().collect::<Vec<_>>());
        assert!(newest.visited() * 5 < all.visited(), "{} of {}", newest.work(), all.work());
        let pages = (0..3).flat_map(|page| {
            let page = events.query().newest_first().offset(page * limit).limit(limit).run().unwrap();
            numbers(&page) as Vec<_>
        });
        assert_eq!(
            pages.collect::<Vec<_>>(),
            in_order.iter().rev().take(3 * limit).copied().collect::<Vec<_>>()
        );
    }
}

#[test]
fn what_nothing_can_be_is_an_error_and_what_no_tick_is_in_is_empty() {
    let events = filled(&mut 0x853c_49e6_748f_ea9b);
    let query = || events.query();
    let code = |query: Query<'_>| crate::Diagnostic::code(&query.run().unwrap_err());
    assert_eq!(code(query().correlation(1_u64).correlation(2_u64)), "events.query.contradiction");
    assert_eq!(code(query().thread(1).thread(2)), "events.query.contradiction");
    assert_eq!(code(query().kind::<Usual>().severity_at_least(Severity::Warn)), "events.query.kind_severity");
    assert_eq!(code(query().between(Ticks(7)..Ticks(3))), "events.query.range");
    assert!(query().thread(1).thread(1).run().is_ok());
    for range in [Ticks(5)..Ticks(5), Ticks(0)..Ticks(0)] {
        let answer = query().between(range).run().unwrap();
        assert_eq!((answer.len(), answer.visited(), answer.verdict()), (0, 0, Verdict::Complete));
    }
    let both = query().between(Ticks(59_000)..).between(..=Ticks(59_009)).run().unwrap();
    assert_eq!(both.len(), 10);
    assert_eq!(query().limit(0).run().unwrap().verdict(), Verdict::Truncated { by: Truncation::Limit });
}

fn all_numbers(events: &Events) -> Vec<u64> {
    let answer = events.query().run().unwrap();
    answer.iter().map(|event| event.field("n").and_then(|n| n.as_u64()).unwrap()).collect()
}

#[test]
fn one_by_one_in_order_is_the_order_of_an_answer() {
    let events = filled(&mut 0x853c_49e6_748f_ea9b);
    let mut handed = Vec::new();
    let verdict =
        events.query().each_in_order(|event| handed.push(event.field("n").unwrap().as_u64().unwrap()));
    assert_eq!(handed, all_numbers(&events));
    assert_eq!(verdict.unwrap(), events.query().run().unwrap().verdict());
    for (from, to) in [(50_000, 51_000), (59_990, u64::MAX), (0, 10)] {
        let query = || events.query().between(Ticks(from)..Ticks(to)).kind::<Usual>().kind::<Rare>();
        let mut handed = Vec::new();
        query().each_in_order(|event| handed.push(event.id())).unwrap();
        let answer = query().run().unwrap();
        assert_eq!(handed, answer.iter().map(|event| event.id()).collect::<Vec<_>>());
        let mut some = Vec::new();
        let verdict = query().offset(3).limit(4).each_in_order(|event| some.push(event.id())).unwrap();
        assert_eq!(some, handed.iter().skip(3).take(4).copied().collect::<Vec<_>>());
        assert_eq!(verdict == Verdict::Truncated { by: Truncation::Limit }, handed.len() > 7);
    }
    let mut some = 0;
    let verdict = events.query().budget(100).each_in_order(|_| some += 1).unwrap();
    assert_eq!(verdict, Verdict::Truncated { by: Truncation::Budget });
    assert!((1..=100).contains(&some), "{some}");
}

#[test]
fn every_event_is_found_by_its_id_and_nothing_else_is() {
    let events = filled(&mut 0x853c_49e6_748f_ea9b);
    let all = events.query().run().unwrap();
    let first_id = events.query().kind::<Usual>().run().unwrap().iter().next().unwrap().id();
    for event in all.iter().step_by(37) {
        let found = events.event(event.id()).found().unwrap();
        let found = found.iter().next().unwrap();
        assert_eq!(
            (found.id(), found.ticks(), found.field("n")),
            (event.id(), event.ticks(), event.field("n"))
        );
        // Events are no shorter than their header.
        for within in 1..6 {
            let other = events.event(EventId::from_bits(event.id().get() + within));
            assert!(matches!(other, Lookup::NeverWas), "{within}: {other:?}");
        }
    }
    let mut random = 7;
    for _ in 0..10_000 {
        let found = events.event(EventId::from_bits(next(&mut random, u64::MAX)));
        assert!(!matches!(found, Lookup::Found(_)) || found.found().is_some_and(|answer| answer.len() == 1));
    }
    let mut writer = events.writer().unwrap();
    let mut other = events.writer().unwrap();
    for n in 0..60_000 {
        writer.record(Usual { n });
        other.record(Usual { n });
    }
    assert!(matches!(events.event(first_id), Lookup::Gone));
    let last = events.query().newest_first().limit(1).run().unwrap().iter().next().unwrap().id();
    assert!(events.event(last).found().is_some());
    events.clear();
    assert!(matches!(events.event(last), Lookup::Gone));
}

#[test]
fn counting_by_leads_alone_finds_what_whole_records_tell() {
    let mut random = 0x853c_49e6_748f_ea9b;
    let events = filled(&mut random);
    // Somewhere in mid-block.
    events.prune_before(Ticks(20_000));
    for n in 0..400 {
        let query = random_query(&events, &mut random).offset(next(&mut random, 20) as usize);
        let (Ok(answer), counted) = (query.clone().run(), query.clone().count()) else { continue };
        assert_eq!(counted, answer.len() as u64, "{n}: {:?}", query.filter);
        let by_kind = query.clone().count_by_kind().unwrap();
        assert_eq!((by_kind.value.total(), by_kind.verdict), (counted, answer.verdict()), "{n}");
        if answer.verdict().is_complete() && query.offset == 0 {
            for (kind, count) in &by_kind.value.groups {
                let expected = answer.iter().filter(|event| event.kind() == &**kind).count() as u64;
                assert_eq!(*count, expected, "{n}, {kind}");
            }
        }
    }
}

#[test]
fn folds_say_what_a_loop_over_the_answer_says() {
    let events = filled(&mut 0x853c_49e6_748f_ea9b);
    let all = events.query().run().unwrap();
    let by_kind = events.query().count_by_kind().unwrap();
    assert_eq!(by_kind.verdict, all.verdict());
    for kind in ["query.rare", "query.usual", "query.verbose"] {
        let expected = all.iter().filter(|event| event.kind() == kind).count() as u64;
        assert_eq!(by_kind.value.of(kind), expected, "{kind}");
    }
    assert_eq!((by_kind.value.total(), by_kind.value.rest), (all.len() as u64, 0));
    let by_n = events.query().count_by("n", 10).unwrap().value;
    assert_eq!((by_n.groups.len(), by_n.rest), (10, all.len() as u64 - 10));
    assert_eq!(events.query().count_by("m", 10).unwrap().value.rest, all.len() as u64);

    let mut numbers = all_numbers(&events);
    let spread = events.query().spread("n").unwrap().value;
    let mean = numbers.iter().sum::<u64>() as f64 / numbers.len() as f64;
    numbers.sort_unstable();
    assert_eq!((spread.count(), spread.without), (numbers.len(), 0));
    assert_eq!(spread.quantile(0.0), numbers.first().map(|n| *n as f64));
    assert_eq!(spread.quantile(1.0), numbers.last().map(|n| *n as f64));
    assert_eq!(spread.quantile(0.5), Some(numbers[numbers.len().div_ceil(2) - 1] as f64));
    assert!((spread.mean().unwrap() - mean).abs() < 1e-6);

    let buckets = events.query().buckets(Duration::from_nanos(1_000)).unwrap().value;
    assert_eq!(buckets.counts.iter().sum::<u64>(), all.len() as u64);
    let converter = all.converter();
    let of = |event: crate::events::Recorded<'_>| converter.unix_ns(event.ticks()) / 1_000;
    assert_eq!(buckets.start / 1_000, all.iter().map(of).min().unwrap());
    let in_third = all.iter().map(of).filter(|bucket| *bucket == buckets.start / 1_000 + 2).count() as u64;
    assert_eq!(buckets.counts[2], in_third);
    assert!(
        events.query().between(Ticks(0)..Ticks(0)).buckets(Duration::ZERO).unwrap().value.counts.is_empty()
    );
}

#[test]
fn a_prepared_query_never_answers_of_the_past() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let prepared = events.query().kind_named("query.usual").prepare();
    assert!(prepared.run().is_err(), "the kind is not known yet");
    for n in 0..20_u64 {
        events.record(Usual { n });
        let answer = prepared.run().unwrap();
        assert_eq!((answer.len() as u64, prepared.run().unwrap().len() as u64), (n + 1, n + 1));
    }
    assert!(prepared.hits() >= 10, "{prepared:?}");
    let hits = prepared.hits();
    events.clear();
    assert_eq!((prepared.run().unwrap().len(), prepared.hits()), (0, hits));
    let whole = prepared.run().unwrap().verdict();
    events.stop();
    events.record(Usual { n: 0 });
    assert_ne!(prepared.run().unwrap().verdict(), whole, "a loss shows");
}
