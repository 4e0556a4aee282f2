//! What makes an answer whole: beginnings, losses, clocks that go back, what is gone in the middle of a look.

use super::stepping;
use crate::clock::script::Script;
use crate::clock::{Clock, Ticks};
use crate::events::shard::Owner;
use crate::events::{Class, Delivery, Events, Lookup, Scope, Stamp, Start};
use crate::sync::{Arc, AtomicBool, Relaxed, thread};
use std::time::{Duration, Instant};

crate::kind! {
    Rare("whole.rare", class = Critical) { n: u64 }
    Usual("whole.usual") { n: u64 }
    Other("whole.other") { n: u64 }
    Long("whole.long") { n: u64, text: str }
}

fn flood(events: &Events) {
    (0..60_000).for_each(|n| events.record_with(Stamp::of(1_000_000 + n), Other { n }));
}

#[test]
fn an_id_that_begins_twice_is_not_complete_when_what_came_between_is_gone() {
    let events = stepping(1 << 20);
    {
        let _in = Scope::root(7_u64).enter();
        events.record(Rare { n: 0 });
        events.record(Usual { n: 1 });
    }
    flood(&events);
    {
        let _in = Scope::root(7_u64).enter();
        events.record(Usual { n: 2 });
    }
    let answer = events.query().correlation(7_u64).run().unwrap();
    assert_eq!(answer.iter().filter(|event| event.is_root()).count(), 2, "both beginnings are in the answer");
    assert_eq!(answer.len(), 2, "one of three was overwritten");
    assert!(!answer.verdict().is_complete(), "{:?}", answer.verdict());
}

#[test]
fn what_is_lost_ahead_of_the_clock_is_missing_where_it_would_be() {
    let events = Events::builder()
        .memory(1 << 20)
        .shards(1)
        .longest_value(1 << 20)
        .clock(Clock::supplied())
        .build()
        .unwrap();
    events.record_with(Stamp::of(7_u64).at(Ticks(100)), Usual { n: 0 });
    let text = "x".repeat(1 << 20);
    events.record_with(Stamp::of(7_u64).at(Ticks(1_000)), Long { n: 1, text: &text });
    events.record_with(Stamp::of(7_u64).at(Ticks(2_000)), Usual { n: 2 });
    assert_eq!((events.losses().len(), events.query().count()), (1, 2));
    let answer = events.query().between(Ticks(900)..).run().unwrap();
    assert_eq!(answer.len(), 1);
    assert!(!answer.verdict().is_complete(), "{:?}", answer.verdict());
}

#[test]
fn what_was_recorded_before_a_query_is_found_though_the_counter_went_back() {
    let script = Arc::new(Script::counter());
    let events = Events::builder().memory(1 << 20).shards(1).clock(Clock::scripted(&script)).build().unwrap();
    for n in 0..10 {
        script.pass(Duration::from_millis(1), 2.6);
        events.record_with(Stamp::of(7_u64), Usual { n });
    }
    script.jump(-1 << 30);
    for n in 10..20 {
        script.pass(Duration::from_millis(1), 2.6);
        events.record_with(Stamp::of(7_u64), Usual { n });
    }
    let mut cursor = events.query().follow_from(Start::Oldest).unwrap();
    let (mut followed, asked) = (0, events.query().correlation(7_u64).run().unwrap());
    cursor.drain(|delivery| followed += usize::from(delivery.event().is_some()));
    assert!(asked.len() == 20 || !asked.verdict().is_complete(), "{} {:?}", asked.len(), asked.verdict());
    assert_eq!(followed, 20);
}

#[test]
fn a_cursor_goes_on_though_the_counter_went_back() {
    let script = Arc::new(Script::counter());
    let events = Events::builder().memory(1 << 20).shards(1).clock(Clock::scripted(&script)).build().unwrap();
    let mut cursor = events.cursor();
    script.pass(Duration::from_millis(1), 2.6);
    events.record_with(Stamp::of(7_u64), Usual { n: 0 });
    script.jump(-1 << 40);
    script.pass(Duration::from_millis(1), 2.6);
    events.record_with(Stamp::of(7_u64), Usual { n: 1 });
    events.stop();
    let mut followed = 0;
    for _ in 0..20 {
        script.pass(Duration::from_millis(100), 2.6);
        cursor.drain(|delivery| followed += usize::from(delivery.event().is_some()));
    }
    assert_eq!(followed, 2, "{:?}", cursor.stats());
}

#[test]
fn an_event_of_the_overflow_is_found_or_gone_and_never_never_was() {
    let events = Events::builder()
        .memory(1 << 20)
        .overflow_slots(4)
        .shards(1)
        .shared_shards(1)
        .clock(Clock::stepping(Duration::from_nanos(1)))
        .build()
        .unwrap();
    assert!(events.view().shards.iter().all(|shard| shard.try_claim(Owner::UNKNOWN)));
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            let mut n = 0;
            while !done.load(Relaxed) {
                events.record(Usual { n });
                n += 1;
            }
        });
        let (mut never, mut asked) = (0, 0);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            let ids: Vec<_> = events.query().run().unwrap().iter().map(|event| event.id()).collect();
            for id in ids {
                for _ in 0..4 {
                    asked += 1;
                    never += u64::from(matches!(events.event(id), Lookup::NeverWas));
                }
            }
        }
        done.store(true, Relaxed);
        assert_eq!(never, 0, "of {asked}");
    });
}

/// A ring in which an owner vanished in its first record; then a cursor that looks late.
#[test]
fn a_cursor_counts_all_that_came_after_a_take_over_before_the_first_record() {
    for from_oldest in [false, true] {
        let events = stepping(1 << 20);
        let shard = &events.view().shards[0];
        assert!(shard.try_claim(Owner::UNKNOWN));
        // SAFETY: claimed above, and one write.
        let reserved = unsafe { shard.writing(Class::Normal) }.reserve(20);
        assert!(reserved.is_some());
        // SAFETY: this thread, which goes on with nothing of that.
        assert!(unsafe { shard.take_over(Owner::UNKNOWN, |_, _| None) });
        let start = if from_oldest { Start::Oldest } else { Start::Now };
        let mut cursor = events.query().follow_from(start).unwrap();
        let mut writer = events.writer().unwrap();
        (0..60_000).for_each(|n| writer.record(Usual { n }));
        let mut counted = 0;
        cursor.drain(|delivery| match delivery {
            Delivery::Event(_) => counted += 1,
            Delivery::Gap(gap) => counted += gap.count,
        });
        assert_eq!((counted, cursor.stats().accounted()), (60_000, 60_000), "from the oldest: {from_oldest}");
    }
}

crate::kind! {
    Unmet("rev.unmet") { n: u64 }
}

#[test]
fn what_is_lost_of_a_kind_that_was_never_met_is_missing() {
    let events = stepping(1 << 20);
    events.record(Usual { n: 0 });
    events.record_in_signal(Unmet { n: 1 });
    assert_eq!(events.losses().len(), 1);
    for query in [events.query().kind::<Unmet>(), events.query().kind::<Unmet>().kind::<Rare>()] {
        let answer = query.run().unwrap();
        assert!(answer.is_empty() && !answer.verdict().is_complete(), "{:?}", answer.verdict());
    }
}

#[test]
fn quantiles_are_by_rank() {
    let events = stepping(1 << 20);
    (1..=100).for_each(|n| events.record(Usual { n }));
    let spread = events.query().spread("n").unwrap().value;
    for rank in 1..=100 {
        assert_eq!(spread.quantile(f64::from(rank) / 100.0), Some(f64::from(rank)), "{rank} of 100");
    }
}

#[test]
fn no_more_records_are_said_to_be_looked_at_than_the_budget_allows() {
    let events = stepping(1 << 20);
    (1..=100).for_each(|n| events.record(Usual { n }));
    let answer = events.query().budget(10).run().unwrap();
    assert_eq!((answer.len(), answer.visited()), (10, 10));
}
