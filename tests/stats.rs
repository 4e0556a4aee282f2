//! What a store says of itself: exact where nobody writes, within bounds where somebody does.

use flightdeck::events::{Batch, BuildError, Class, Events, LossCause, ShardRole, Shares, Stamp, Writer};
use flightdeck::{Clock, Ticks};
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

flightdeck::kind! {
    Failed("stats.failed", class = Critical) { n: u64, m: u64 }
    Filled("stats.filled") { n: u64, m: u64 }
    Dumped("stats.dumped") { n: u64, image: bytes }
}

/// One shard for a writer, whose rings are the smallest there are: four blocks of 256 words, 32 events of eight words
/// each.
fn smallest() -> (Events, Writer) {
    let builder = |memory| Events::builder().memory(memory).shards(1).shared_shards(0).overflow_slots(1);
    let BuildError::MemoryTooSmall { least, .. } = builder(0).plan().unwrap_err() else { panic!() };
    let events = builder(least).clock(Clock::stepping(Duration::from_nanos(1))).build().unwrap();
    let plan = events.plan();
    assert_eq!((plan.ring[Class::Critical], plan.block[Class::Critical]), (8_192, 2_048), "{plan}");
    let writer = events.writer().unwrap();
    (events, writer)
}

#[test]
fn a_small_ring_is_counted_to_the_word() {
    let (events, mut writer) = smallest();
    // Events written; kept; words occupied and overwritten.
    let expected = [(1, 1, 8, 0), (100, 100, 800, 0), (128, 128, 1_024, 0)];
    let wrapped =
        [(129, 97, 776, 256), (160, 128, 1_024, 256), (161, 97, 776, 512), (1_000, 104, 832, 7_168)];
    let (mut written, before) = (0, events.stats());
    assert_eq!((before.classes[Class::Critical].all.oldest, before.kept), (None, 0));
    for (upto, kept, occupied, overwritten) in expected.into_iter().chain(wrapped) {
        while written < upto {
            writer.record(Failed { n: written, m: 0 });
            written += 1;
        }
        let stats = events.stats();
        let of = &stats.classes[Class::Critical];
        assert_eq!((of.all.written, of.all.kept, of.overwritten), (upto, kept, upto - kept), "{upto}");
        assert_eq!((of.all.words_occupied, of.all.words_overwritten), (occupied, overwritten), "{upto}");
        assert_eq!(of.all.words_written, 8 * upto);
        // The clock moves by one tick a record, and a query reads it too.
        let answer = events.query().run().unwrap();
        let stamps = || answer.iter().map(|event| event.ticks());
        assert_eq!((of.all.oldest, of.all.newest), (stamps().min(), stamps().max()), "{upto}");
        assert_eq!((stats.kept, stats.written, stats.overwritten), (kept, upto, upto - kept));
        assert_eq!(events.query().count(), kept);
    }
    let stats = events.stats();
    // The rings of this shard, and those of the emergency shard, which are as small.
    assert_eq!(stats.classes[Class::Critical].all.words, 2 * 1_024);
    assert!((stats.classes[Class::Critical].occupancy() - 832.0 / 2_048.0).abs() < 1e-9);
    assert_eq!(stats.classes[Class::Normal].all.written, 0);
}

#[test]
fn what_is_pruned_in_mid_block_is_not_kept() {
    let (events, mut writer) = smallest();
    for n in 0..100 {
        writer.record_with(Stamp::of(1_u64).at(Ticks(1_000 + n)), Failed { n, m: 0 });
    }
    assert_eq!(events.prune_before(Ticks(1_040)), 40);
    let of = events.stats().classes[Class::Critical];
    assert_eq!((of.all.written, of.all.kept, of.pruned, of.overwritten), (100, 60, 40, 0));
    assert_eq!((of.all.oldest, of.all.newest), (Some(Ticks(1_040)), Some(Ticks(1_099))));
    assert_eq!(of.all.words_occupied, 60 * 8);
    for n in 100..129 {
        writer.record_with(Stamp::of(1_u64).at(Ticks(1_000 + n)), Failed { n, m: 0 });
    }
    let of = events.stats().classes[Class::Critical];
    assert_eq!(
        (of.all.kept, of.pruned, of.overwritten),
        (89, 40, 0),
        "the first block was pruned as a whole"
    );
    assert_eq!(events.clear(), 89);
    let of = events.stats().classes[Class::Critical];
    assert_eq!((of.all.kept, of.pruned, of.all.words_occupied, of.all.oldest), (0, 129, 0, None));
}

/// What may be done to a store.
#[derive(Clone, Debug)]
enum Step {
    Records(u64),
    Dumps { bytes: usize },
    Batches(u64),
    Prunes { percent: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u64..60).prop_map(Step::Records),
        2 => (0_usize..1_500).prop_map(|bytes| Step::Dumps { bytes }),
        2 => (1_u64..25).prop_map(Step::Batches),
        1 => (0_u64..120).prop_map(|percent| Step::Prunes { percent }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The counts are those of a scan, whatever was written: batches and long events over several blocks, stamps in any
    /// order, pruned or not.
    #[test]
    fn counts_are_those_of_a_scan(steps in prop::collection::vec(step(), 1..60), seed in any::<u64>()) {
        let builder = Events::builder().memory(300 << 10).shards(1).shared_shards(0).clock(Clock::supplied());
        let events = builder.shares(Shares::only(Class::Normal)).build().unwrap();
        let mut writer = events.writer().unwrap();
        let (mut written, mut pruned, mut random) = (0, 0, seed);
        let mut stamp = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Stamp::of(random >> 60).at(Ticks(1 + (random >> 33) % 1_000))
        };
        for step in steps {
            match step {
                Step::Records(count) => {
                    (0..count).for_each(|n| writer.record_with(stamp(), Filled { n, m: n }));
                    written += count;
                }
                Step::Dumps { bytes } => {
                    writer.record_with(stamp(), Dumped { n: 0, image: &vec![7; bytes] });
                    written += 1;
                }
                Step::Batches(count) => {
                    let mut batch = Batch::new();
                    (0..count).for_each(|n| batch.push_with(stamp(), Filled { n, m: n }));
                    writer.record_batch(&mut batch).unwrap();
                    written += count;
                }
                Step::Prunes { percent } => pruned += events.prune_before(Ticks(10 * percent)),
            }
            let stats = events.stats();
            let answer = events.query().run().unwrap();
            let all = &stats.classes[Class::Normal].all;
            prop_assert_eq!((stats.written, stats.lost(), stats.pruned), (written, 0, pruned));
            prop_assert_eq!(all.kept, answer.len() as u64);
            prop_assert_eq!(stats.kept + stats.pruned + stats.overwritten, written);
            let stamps = || answer.iter().map(|event| event.ticks());
            prop_assert_eq!((all.oldest, all.newest), (stamps().min(), stamps().max()));
        }
    }
}

#[test]
fn shards_and_classes_add_up() {
    let events = Events::builder().memory(4 << 20).shards(2).shared_shards(1).build().unwrap();
    let mut writers = [events.writer().unwrap(), events.writer().unwrap()];
    for n in 0..300 {
        writers[0].record(Filled { n, m: 0 });
        writers[1].record(Failed { n, m: 0 });
        // No shard is left to keep.
        events.record(Filled { n, m: 0 });
    }
    writers[0].record(Dumped { n: 0, image: &[] });
    let whole = Events::builder().memory(1 << 20).shards(1).longest_value(usize::MAX).build().unwrap();
    whole.record(Dumped { n: 0, image: &vec![0; 1 << 20] });
    let lost = whole.stats().classes[Class::Normal].lost;
    assert_eq!((lost, whole.stats().classes[Class::Critical].lost, whole.stats().lost()), (1, 0, 1));
    assert_eq!(whole.losses()[0].cause, LossCause::TooLarge);

    let (stats, shards) = (events.stats(), events.shard_stats());
    let roles: Vec<_> = shards.iter().map(|shard| (shard.number, shard.role, shard.is_claimed)).collect();
    let expected = [
        (0, ShardRole::Kept, true),
        (1, ShardRole::Kept, true),
        (2, ShardRole::Shared, false),
        (3, ShardRole::Emergency, false),
    ];
    assert_eq!(roles, expected);
    let kept: Vec<_> = shards
        .iter()
        .map(|shard| (shard.rings[Class::Critical].kept, shard.rings[Class::Normal].kept))
        .collect();
    assert_eq!(kept, [(0, 301), (300, 0), (0, 300), (0, 0)]);
    for class in Class::ALL {
        let of_class = &stats.classes[class];
        let of_shards = |part: fn(&flightdeck::events::RingStats) -> u64| {
            shards.iter().map(|shard| part(&shard.rings[class])).sum::<u64>()
        };
        assert_eq!(of_class.all.written, of_shards(|ring| ring.written));
        assert_eq!(of_class.all.words, of_shards(|ring| ring.words));
        assert_eq!(of_class.ring_bytes as u64, 8 * of_class.all.words);
        let parts = of_class.ring_bytes + of_class.index_bytes + of_class.table_bytes;
        assert!(parts < of_class.total_bytes);
    }
    assert_eq!(
        Class::ALL.map(|class| stats.classes[class].total_bytes).iter().sum::<usize>(),
        events.plan().total
    );
    let newest = |class| stats.classes[class].all.newest.unwrap();
    assert!(newest(Class::Normal) > newest(Class::Critical), "the dump came last");
}

#[test]
fn what_went_to_the_overflow_is_counted_with_its_class() {
    // The only shard is taken, and what is for emergencies is no one thread's: all go there.
    let events = Events::builder().memory(2 << 20).shards(1).shared_shards(0).build().unwrap();
    let _kept = events.writer().unwrap();
    const EACH: u64 = 2_000;
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| (0..EACH).for_each(|n| events.record(Filled { n, m: n })));
        }
    });
    let stats = events.stats();
    let of = &stats.classes[Class::Normal];
    assert_eq!(stats.written + stats.lost(), 8 * EACH);
    assert_eq!((of.all.written, of.overflowed), (stats.written, stats.overflowed));
    assert_eq!(of.all.kept, events.query().count());
    assert_eq!(of.all.kept + of.overwritten, of.all.written);
}

/// Bounds for what is kept in a ring of `ring` events, blocks of `block`: as of before and after the count.
fn check_bounds(kept: u64, before: u64, after: u64, ring: u64, block: u64) {
    let most = after.min(ring);
    let least = before.min(ring - block).saturating_sub(after - before);
    assert!((least..=most).contains(&kept), "{kept} kept, {before} to {after} written");
}

#[test]
fn counts_stay_within_bounds_while_others_write() {
    let (events, mut writer) = smallest();
    let (written, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut moved = 0;
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for n in 0.. {
                // Announced first, so that no count is ahead of it.
                written.store(n + 1, Ordering::SeqCst);
                writer.record(Failed { n, m: n });
                if n % 64 == 0 {
                    std::thread::yield_now();
                }
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..20_000 {
            // One may be announced and not written yet.
            let before = written.load(Ordering::SeqCst).saturating_sub(1);
            let stats = events.stats();
            let after = written.load(Ordering::SeqCst);
            let of = &stats.classes[Class::Critical];
            assert!((before..=after).contains(&of.all.written), "{of:?}, {before} to {after}");
            assert_eq!(of.all.kept + of.overwritten, of.all.written, "{of:?}");
            check_bounds(of.all.kept, before, after, 128, 32);
            assert!(of.all.words_occupied <= 1_024 && of.all.oldest <= of.all.newest, "{of:?}");
            moved += u64::from(before != after);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(moved > 100, "only {moved} counts had a writer beside them");
    assert_eq!(events.stats().kept, events.query().count());
}

#[test]
fn counting_pruning_and_writing_at_once_ends_well() {
    let events = Events::builder().memory(1 << 20).shards(3).build().unwrap();
    let done = AtomicBool::new(false);
    const EACH: u64 = 30_000;
    std::thread::scope(|threads| {
        let counting = threads.spawn(|| {
            let mut counts = 0_u64;
            while !done.load(Ordering::Relaxed) {
                let stats = events.stats();
                assert!(stats.kept <= stats.written && stats.overwritten <= stats.written, "{stats:?}");
                let index = events.index_stats(500);
                assert!(index.records <= 500 && index.longest >= index.p99 && index.p99 >= index.p50);
                let _ = events.shard_stats();
                counts += 1;
            }
            counts
        });
        let pruning = threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let now = events.clock().now();
                let _ = events.prune_before(Ticks(now.0.saturating_sub(100_000)));
            }
        });
        let writers = [1_u64, 2].map(|id| {
            let events = &events;
            threads
                .spawn(move || (0..EACH).for_each(|n| events.record_with(Stamp::of(id), Filled { n, m: n })))
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        pruning.join().unwrap();
        assert!(counting.join().unwrap() > 10);
    });
    let stats = events.stats();
    assert_eq!((stats.written, stats.lost()), (2 * EACH, 0));
    assert_eq!(stats.kept, events.query().count());
    assert_eq!(stats.kept + stats.pruned + stats.overwritten, 2 * EACH);
}

#[test]
fn chains_are_as_long_as_what_shares_a_bucket() {
    let events = Events::builder().memory(4 << 20).shards(1).build().unwrap();
    let mut writer = events.writer().unwrap();
    assert_eq!(events.index_stats(u64::MAX).empty, events.index_stats(u64::MAX).buckets);
    for n in 0..1_000 {
        writer.record_with(Stamp::of(7_u64), Filled { n, m: 0 });
    }
    let index = events.index_stats(u64::MAX);
    // The last four wait to be linked.
    assert_eq!((index.sampled, index.sampled - index.empty, index.records), (index.buckets, 1, 996));
    assert_eq!((index.mean, index.p50, index.p99, index.longest), (996.0, 996, 996, 996));
    let cut_short = events.index_stats(10);
    assert!(cut_short.records <= 10 && (1..=10).contains(&cut_short.sampled), "{cut_short:?}");
    assert_eq!(events.index_stats(0).sampled, 0);
    // As many ids as half of the buckets: short chains, but for the one of before.
    let buckets = index.buckets / 3 / 2;
    for n in 0..buckets {
        writer.record_with(Stamp::of(1_000 + n), Filled { n, m: 0 });
    }
    let index = events.index_stats(u64::MAX);
    assert!(index.p50 <= 2 && index.p99 <= 8 && index.longest >= 900, "{index:?}");
    // A sample says the same; of fewer than a hundred chains the long one, should it be among them, is the p99.
    let sample = events.index_stats(index.records / 2);
    let chains = sample.sampled - sample.empty;
    assert!(sample.p50 <= 2 && (sample.p99 <= 8 || chains < 100), "{sample:?}");
}
