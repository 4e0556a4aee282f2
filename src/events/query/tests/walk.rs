//! All ways of asking against all that a plain walk finds: times that go back, long records, marks, batches, pruning.

use super::next;
use crate::clock::{Clock, Ticks};
use crate::events::query::Query;
use crate::events::query::search::Way;
use crate::events::{Answer, Batch, Delivery, Events, Stamp, Start, Truncation, Verdict, field};
use std::collections::HashMap;

crate::kind! {
    Rare("walk.rare", class = Critical) { n: u64 }
    Usual("walk.usual") { n: u64 }
    Other("walk.other") { n: u64 }
    Long("walk.long") { n: u64, text: str }
    Verbose("walk.verbose", class = Verbose) { n: u64 }
}

/// Times that go back, long records, marks, batches, pruning: all ways against all that a plain walk finds.
fn against_a_walk(seed: u64) {
    let mut random = seed;
    let events = Events::builder().memory(1 << 20).shards(2).clock(Clock::supplied()).build().unwrap();
    let prepared = [
        events.query().kind_named("walk.long").newest_first().limit(7).prepare(),
        events.query().correlation(1_u64).limit(5).prepare(),
        events.query().between(Ticks(3_000)..Ticks(9_000)).prepare(),
    ];
    let mut writers = [events.writer().unwrap(), events.writer().unwrap()];
    let mut cursors = [events.cursor(), events.query().kind::<Usual>().follow().unwrap_or(events.cursor())];
    let mut oldest = events.query().follow_from(Start::Oldest).unwrap();
    let mut written = 0;
    let text = "z".repeat(3_000);
    let disorder = 1 + next(&mut random, 500);
    for n in 0..12_000_u64 {
        let writer = &mut writers[next(&mut random, 2) as usize];
        let id = if next(&mut random, 4) == 0 { 1 } else { 2 + n / 8 };
        let at = Ticks(1 + n + next(&mut random, disorder));
        let stamp = Stamp::of(id).at(at);
        match next(&mut random, 1_000) {
            0..5 => {
                let length = next(&mut random, 3_000) as usize;
                let _ =
                    writer.try_record_with(stamp, Long { n, text: &text[..length] }).map(|()| written += 1);
            }
            5..10 => (writer.record_with(stamp, Rare { n }), written += 1).1,
            10..100 => (writer.record_with(stamp, Verbose { n }), written += 1).1,
            100..105 => {
                let mut batch = Batch::new();
                for m in 0..1 + next(&mut random, 20) {
                    batch.push_with(Stamp::of(id).at(Ticks(at.0 + m)), Other { n });
                }
                written += writer.record_batch(&mut batch).unwrap_or(0) as u64;
            }
            105..110 => (writer.mark(Other { n }), written += 1).1,
            110 if n > 6_000 => drop(events.prune_before(Ticks(n - next(&mut random, 3_000)))),
            111 => {
                for cursor in cursors.iter_mut().chain([&mut oldest]) {
                    let demand = next(&mut random, 300) as usize;
                    cursor.poll(demand, |_| {});
                }
            }
            112..120 => {
                for query in &prepared {
                    let Ok(kept) = query.run() else { continue };
                    let now = query.run_anew();
                    let rows = |answer: &Answer| answer.iter().map(|event| event.id()).collect::<Vec<_>>();
                    assert_eq!(
                        (rows(&kept), kept.verdict(), kept.since()),
                        (rows(&now), now.verdict(), now.since())
                    );
                }
            }
            _ => (writer.record_with(stamp, Usual { n }), written += 1).1,
        }
    }
    for cursor in cursors.iter_mut().chain([&mut oldest]) {
        let mut gaps = 0;
        cursor.drain(|delivery| {
            if let Delivery::Gap(gap) = delivery {
                gaps += gap.count;
            }
        });
        let _ = gaps;
        let stats = cursor.stats();
        assert_eq!((stats.accounted(), stats.behind), (written, 0), "{seed}: {stats:?}");
    }
    let mut all: Vec<_> = Vec::new();
    events
        .query()
        .each(|event| {
            all.push((
                event.ticks(),
                event.id(),
                event.correlation(),
                event.kind().to_owned(),
                event.field("n").and_then(|n| n.as_u64()).unwrap(),
            ))
        })
        .unwrap();
    {
        let walked = events.query().run().unwrap();
        let mut ids: Vec<_> = all.iter().map(|event| event.1).collect();
        let mut of_answer: Vec<_> = walked.iter().map(|event| event.id()).collect();
        assert!(walked.iter().is_sorted_by_key(|event| event.ticks()));
        let places: HashMap<_, _> = of_answer.iter().copied().zip(0..).collect();
        all.sort_by_key(|event| places.get(&event.1));
        ids.sort();
        of_answer.sort();
        assert_eq!(ids, of_answer);
        ids.dedup();
        assert_eq!(ids.len(), all.len());
    }
    for _ in 0..300 {
        let mut wanted: Vec<_> = all.clone();
        let mut query = events.query();
        if next(&mut random, 3) > 0 {
            let id = if next(&mut random, 2) == 0 { 1 } else { 2 + next(&mut random, 12_000 / 8) };
            query = query.correlation(id);
            wanted.retain(|event| event.2 == crate::CorrelationId::from(id));
        }
        if next(&mut random, 2) == 0 {
            let (from, length) = (next(&mut random, 12_500), 1 << next(&mut random, 14));
            query = query.between(Ticks(from)..Ticks(from + length));
            wanted.retain(|event| (from..from + length).contains(&event.0.0));
        }
        match next(&mut random, 5) {
            0 => (query = query.kind::<Long<'_>>(), wanted.retain(|event| event.3 == "walk.long")).1,
            1 => (query = query.kind::<Verbose>(), wanted.retain(|event| event.3 == "walk.verbose")).1,
            2 => {
                query = query.kind::<Rare>().kind::<Other>();
                wanted.retain(|event| event.3 == "walk.rare" || event.3 == "walk.other");
            }
            _ => {}
        }
        if next(&mut random, 4) == 0 {
            let least = next(&mut random, 12_000);
            query = query.matching(field("n").at_least(least));
            wanted.retain(|event| event.4 >= least);
        }
        let (in_order, count) = (wanted.clone(), query.clone().count());
        assert_eq!(count, in_order.len() as u64, "{seed}: {query:?}");
        let mut handed: Vec<_> = Vec::new();
        query.clone().each_in_order(|event| handed.push(event.id())).unwrap();
        handed.sort();
        let mut ids: Vec<_> = in_order.iter().map(|event| event.1).collect();
        ids.sort();
        assert_eq!(handed, ids, "{seed}: in order {query:?}");
        if next(&mut random, 2) == 0 {
            query = query.newest_first();
            wanted.reverse();
        }
        let (mut limit, mut offset) = (usize::MAX, 0);
        if next(&mut random, 2) == 0 {
            limit = next(&mut random, 60) as usize;
            query = query.limit(limit);
        }
        if next(&mut random, 3) == 0 {
            offset = next(&mut random, 40) as usize;
            query = query.offset(offset);
        }
        for way in [Way::Cheaper, Way::Index, Way::Blocks] {
            let answer = Query { way, ..query.clone() }.run().unwrap();
            let found: Vec<_> = answer.iter().map(|event| event.id()).collect();
            let expected: Vec<_> = wanted.iter().skip(offset).take(limit).map(|event| event.1).collect();
            assert_eq!(found, expected, "{seed}: {way:?} {query:?}");
            let is_cut = wanted.len() > offset.saturating_add(limit);
            let truncated = matches!(answer.verdict(), Verdict::Truncated { .. });
            assert_eq!(truncated, is_cut, "{seed}: {way:?} {query:?} {:?}", answer.verdict());
        }
        let budget = next(&mut random, 400);
        let answer = query.clone().budget(budget).run().unwrap();
        assert!(answer.visited() <= budget, "{seed}: {} of {budget} {query:?}", answer.visited());
        let whole = query.run().unwrap();
        if answer.verdict() != (Verdict::Truncated { by: Truncation::Budget }) {
            assert_eq!(answer.len(), whole.len());
        }
    }
}

#[test]
fn every_way_finds_what_a_walk_finds() {
    for seed in 1..=6 {
        against_a_walk(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
    }
}
