//! What is taken out before it is overwritten: by age, from any thread, and counted once.

use flightdeck::events::{Batch, Class, Events, Stamp, Verdict};
use flightdeck::{Clock, Flightdeck, Ticks};
use std::sync::Barrier;
use std::time::{Duration, Instant, SystemTime};

flightdeck::kind! {
    Failed("retention.failed", class = Critical) { n: u64 }
    Filled("retention.filled") { n: u64 }
    Traced("retention.traced", class = Verbose) { n: u64, text: str }
}

const SECOND: Duration = Duration::from_secs(1);

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn stamps(events: &Events) -> Vec<Ticks> {
    events.query().run().unwrap().iter().map(|event| event.ticks()).collect()
}

#[test]
fn each_class_keeps_what_is_young_enough() {
    let clock = Clock::manual();
    let builder = Events::builder().memory(1 << 20).shards(1).clock(clock.clone());
    let events = builder.max_age(20 * SECOND).max_age_of(Class::Critical, 80 * SECOND).build().unwrap();
    for n in 0..100 {
        clock.advance(SECOND);
        events.record(Failed { n });
        events.record(Filled { n });
        events.record(Traced { n, text: "detail" });
    }
    assert_eq!(events.prune_expired(), 19 + 2 * 79, "an event of just that age stays");
    assert_eq!(events.prune_expired(), 0, "once");
    assert_eq!(events.query().kind::<Failed>().count(), 81);
    assert_eq!(events.query().kind::<Filled>().count(), 21);
    assert_eq!(events.query().kind::<Filled>().run().unwrap().verdict(), {
        let oldest = events.query().kind::<Filled>().run().unwrap().iter().next().unwrap().ticks();
        // The stamps are a second apart: nothing says that the one before was older by so much.
        Verdict::Overwritten { since: Ticks(oldest.0 - 1_000_000_000 + 1) }
    });
    assert_eq!(events.max_age(Class::Critical), Some(80 * SECOND));

    events.set_max_age(Class::Normal, None);
    events.set_max_age(Class::Verbose, Some(10 * SECOND));
    clock.advance(5 * SECOND);
    assert_eq!(events.prune_expired(), 5 + 15, "of critical and verbose events");
    assert_eq!((events.max_age(Class::Normal), events.query().kind::<Filled>().count()), (None, 21));
    let stats = events.stats();
    assert_eq!((stats.pruned, stats.pruned_by_age), (197, 197));
    assert_eq!(stats.classes[Class::Critical].pruned_by_age, 24);
    assert_eq!(events.clear(), stats.kept);
    let stats = events.stats();
    assert_eq!((stats.kept, stats.pruned, stats.pruned_by_age, stats.overwritten), (0, 300, 197, 0));
}

#[test]
fn a_deck_prunes_by_itself() {
    let clock = Clock::manual();
    let deck = Flightdeck::builder()
        .events(|events| events.memory(1 << 20).clock(clock.clone()).max_age(60 * SECOND))
        .start()
        .unwrap();
    deck.record(Filled { n: 1 });
    clock.advance(61 * SECOND);
    deck.record(Filled { n: 2 });
    let end = Instant::now() + 20 * SECOND;
    while deck.events().query().kind::<Filled>().count() != 1 {
        assert!(Instant::now() < end, "in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(deck.events().stats().pruned_by_age, 1);
}

#[test]
fn wall_time_and_age_mean_the_same() {
    let events = Events::builder().memory(1 << 20).build().unwrap();
    (0..10).for_each(|n| events.record(Filled { n }));
    let hour = Duration::from_secs(3_600);
    assert_eq!(events.prune_older_than(hour), 0);
    assert_eq!(events.prune_before_time(SystemTime::now() - hour), 0);
    assert_eq!(events.prune_before_time(SystemTime::UNIX_EPOCH - hour), 0);
    assert_eq!(events.prune_before_time(SystemTime::now() + hour), 10);
    events.record(Filled { n: 10 });
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!((events.prune_older_than(Duration::from_millis(1)), events.query().count()), (1, 0));
}

/// Supplied times that go back and forth, long records, batches, several laps; everything against what a query found.
#[test]
fn nothing_young_goes_where_times_go_back_and_all_that_goes_is_counted() {
    for seed in 1..40_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let builder = Events::builder().memory(1 << 18).shards(1).shared_shards(0).overflow_slots(16);
        let events = builder.clock(Clock::manual()).build().unwrap();
        let mut writer = events.writer().unwrap();
        let text = "x".repeat(1_500);
        let mut batch = Batch::new();
        for round in 0..12 {
            for n in 0..random(&mut state) % 400 {
                // Mostly later and later, by up to 40 ticks too early.
                let at = Ticks(1_000 * round + n + random(&mut state) % 40);
                let text = &text[..random(&mut state) as usize % 1_500];
                match random(&mut state) % 8 {
                    0 => writer.record_with(Stamp::of(1_u64).at(at), Traced { n, text }),
                    1 => events.record_with(Stamp::of(2_u64).at(at), Filled { n }),
                    2 => {
                        (0..5).for_each(|n| batch.push_with(Stamp::of(3_u64).at(at), Filled { n }));
                        writer.record_batch(&mut batch).unwrap();
                    }
                    _ => writer.record_with(Stamp::of(4_u64).at(at), Filled { n }),
                }
            }
            let from = Ticks(1_000 * round + random(&mut state) % 500);
            let (before, stats) = (stamps(&events), events.stats());
            let pruned = if round == 11 { events.clear() } else { events.prune_before(from) };
            let after = stamps(&events);
            assert_eq!(pruned, (before.len() - after.len()) as u64, "seed {seed}, round {round}");
            assert_eq!(events.stats().pruned, stats.pruned + pruned);
            assert_eq!(events.stats().kept, after.len() as u64, "seed {seed}, round {round}");
            if round < 11 {
                let young = |stamps: &[Ticks]| stamps.iter().filter(|at| **at >= from).count();
                assert_eq!(young(&before), young(&after), "seed {seed}, round {round}");
            }
        }
        assert_eq!(events.query().count(), 0);
    }
}

/// Rings and overflow alike: whoever prunes, and however their borders lie, the counts add up to what is gone.
#[test]
fn the_counts_of_all_who_prune_add_up_to_what_is_gone() {
    for round in 0..60_u64 {
        let builder = Events::builder().memory(1 << 21).shards(1).shared_shards(1);
        let events = builder.clock(Clock::manual()).build().unwrap();
        let mut writer = events.writer().unwrap();
        for n in 0..2_000 {
            writer.record_with(Stamp::of(n + 1).at(Ticks(n + 1)), Filled { n });
            events.record_with(Stamp::of(n + 1).at(Ticks(n + 1)), Failed { n });
        }
        let written = events.query().count();
        let start = Barrier::new(4);
        let pruned: u64 = std::thread::scope(|threads| {
            let pruners: Vec<_> = (0..4)
                .map(|thread| {
                    let (events, start) = (&events, &start);
                    threads.spawn(move || {
                        let mut state = (round * 4 + thread + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        start.wait();
                        (0..20).map(|_| events.prune_before(Ticks(random(&mut state) % 1_800))).sum::<u64>()
                    })
                })
                .collect();
            pruners.into_iter().map(|pruner| pruner.join().unwrap()).sum()
        });
        assert!(pruned > 0);
        assert_eq!(pruned, written - events.query().count(), "round {round}");
        assert_eq!(events.stats().pruned, pruned);
    }
}

/// A search that is under way when its block is pruned in part goes on with what is kept.
#[test]
fn what_is_kept_is_found_while_others_prune_and_scrub() {
    for _ in 0..5 {
        let events = Events::builder().memory(1 << 20).shards(1).clock(Clock::manual()).build().unwrap();
        let mut writer = events.writer().unwrap();
        for n in 1..=2_000 {
            writer.record_with(Stamp::of(n % 3 + 1).at(Ticks(n)), Filled { n });
        }
        let last = events.query().run().unwrap().iter().next_back().unwrap().id();
        std::thread::scope(|threads| {
            let pruner = threads.spawn(|| {
                for from in 1..=1_990 {
                    assert_eq!(events.prune_before(Ticks(from)), u64::from(from > 1));
                    if from % 50 == 0 {
                        assert!(writer.scrub().is_complete());
                    }
                }
            });
            while !pruner.is_finished() {
                assert_eq!(events.query().between(Ticks(1_990)..).count(), 11);
                let by_id = events.query().correlation(2_u64).run().unwrap();
                assert!(by_id.iter().filter(|event| event.ticks() >= Ticks(1_990)).count() >= 3);
                assert!(by_id.iter().all(|event| event.kind() == "retention.filled"));
                assert!(events.query().run().unwrap().len() >= 11);
            }
            pruner.join().unwrap();
        });
        assert_eq!(events.query().count(), 11);
        assert_eq!(events.query().run().unwrap().iter().next_back().unwrap().id(), last);
    }
}
