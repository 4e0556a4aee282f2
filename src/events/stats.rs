//! What there is: counts of records, words and stamps, from the block tables; the lengths of the index's chains.
//!
//! How many records are kept needs no scan: a block knows the number of its first record, and the ring how many there
//! were in all.

use super::class::PerClass;
use super::count::records_between;
use super::handle::{Events, Stats};
use super::overflow::Overflow;
use super::plan::Plan;
use super::read::{BlockFilter, Chain, Step, scan_from, sweep};
use super::ring::Ring;
use super::view::View;
use crate::clock::Ticks;
use crate::sync::Relaxed;

/// What one ring holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingStats {
    /// Events written since the start.
    pub written: u64,
    /// Of those, what can be read now.
    pub kept: u64,
    /// Words of 8 bytes written since the start.
    pub words_written: u64,
    /// Of those, overwritten by newer ones.
    pub words_overwritten: u64,
    /// Of the ring's words, those that hold something that can be read now.
    pub words_occupied: u64,
    /// How many words it has.
    pub words: u64,
    /// The least stamp among what is kept.
    pub oldest: Option<Ticks>,
    /// The greatest stamp among what is kept.
    pub newest: Option<Ticks>,
}

/// What a retention class holds, over all shards and in the overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// The sum over its rings, and of the overflow; words are those of rings alone.
    pub all: RingStats,
    /// Of what was written, what went to the overflow.
    pub overflowed: u64,
    /// Of what was written, what was pruned before it was overwritten.
    pub pruned: u64,
    /// Of those, what had become older than its class may be: see [`Builder::max_age`](super::Builder::max_age).
    pub pruned_by_age: u64,
    /// Of what was written, what was overwritten by newer events: the difference, exact once nobody writes.
    pub overwritten: u64,
    /// What could not be kept.
    pub lost: u64,
    /// Bytes of its rings.
    pub ring_bytes: usize,
    /// Bytes of their indexes: from ids to events.
    pub index_bytes: usize,
    /// Bytes of their block tables.
    pub table_bytes: usize,
    /// All its bytes, control words and the overflow included: they add up to [`Plan::total`](super::Plan::total).
    pub total_bytes: usize,
}

impl ClassStats {
    /// Which part of its rings holds something that can be read now, from 0 to 1.
    #[must_use]
    pub fn occupancy(&self) -> f64 {
        self.all.words_occupied as f64 / self.all.words.max(1) as f64
    }
}

/// Whose a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardRole {
    /// One thread's or writer's at a time.
    Kept,
    /// Taken for each record by threads without one of their own.
    Shared,
    /// For threads in the middle of a record, and signal handlers.
    Emergency,
}

/// What one shard holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardStats {
    /// Its number, as in [`Loss::shard`](super::Loss::shard).
    pub number: u16,
    /// Whose it is.
    pub role: ShardRole,
    /// Whether somebody holds it now.
    pub is_claimed: bool,
    /// What was meant for it and could not be kept.
    pub lost: u64,
    /// Its rings.
    pub rings: PerClass<RingStats>,
}

/// How long the chains of the index are, as far as a sample shows: see [`Events::index_stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct IndexStats {
    /// Buckets of all indexes.
    pub buckets: u64,
    /// Of those, how many were looked at.
    pub sampled: u64,
    /// Of those, how many held nothing that can be read.
    pub empty: u64,
    /// How many records were looked at.
    pub records: u64,
    /// The mean length of a chain, empty ones left out.
    pub mean: f64,
    /// Half of the chains are no longer.
    pub p50: u64,
    /// 99 of 100 are no longer.
    pub p99: u64,
    /// The longest one.
    pub longest: u64,
}

impl Events {
    /// What each shard holds, kept ones first, then the shared ones, the emergency shard last. Costs what
    /// [`Events::stats`] does.
    #[must_use]
    pub fn shard_stats(&self) -> Vec<ShardStats> {
        of_shards(self.view())
    }

    /// How long the chains are that queries by id follow, from a sample of buckets, spread evenly over all rings: until so
    /// many records and empty buckets were looked at, a longer last chain cut short. Records that wait to be linked are
    /// in none.
    ///
    /// Costs a cache miss a record, some tens of nanoseconds each in a large store; writers nothing.
    ///
    /// ```
    /// use flightdeck::events::{Events, Stamp};
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    /// let events = Events::builder().build()?;
    /// for n in 0..1_000 {
    ///     events.record_with(Stamp::of(7_u64), OrderFilled { qty: n });
    /// }
    /// let index = events.index_stats(1_000_000);
    /// // One id, one chain; the last few events are yet to be linked.
    /// assert!(index.longest > 900 && index.sampled - index.empty == 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn index_stats(&self, budget: u64) -> IndexStats {
        of_index(self.view(), budget)
    }
}

pub(super) fn of_shards(view: &View) -> Vec<ShardStats> {
    let (kept, last) = (view.kept, view.shards.len() - 1);
    let shards = view.shards.iter().enumerate();
    shards
        .map(|(number, shard)| ShardStats {
            number: number as u16,
            role: match number {
                number if number < kept => ShardRole::Kept,
                number if number < last => ShardRole::Shared,
                _ => ShardRole::Emergency,
            },
            is_claimed: shard.is_claimed(),
            lost: shard.losses.total(),
            rings: PerClass::of(|class| of_ring(&shard.rings()[class])),
        })
        .collect()
}

pub(super) fn of_index(view: &View, budget: u64) -> IndexStats {
    let rings: Vec<_> = view.rings().map(|(_, _, ring)| (ring, ring.cut())).collect();
    let buckets = |ring: &Ring| ring.geometry().buckets as u64;
    let mut stats =
        IndexStats { buckets: rings.iter().map(|(ring, _)| buckets(ring)).sum(), ..IndexStats::default() };
    let mut lengths: Vec<u64> = Vec::new();
    let mut left = budget;
    let most = rings.iter().map(|(ring, _)| buckets(ring)).max().unwrap_or(0);
    for turn in 0..most {
        if left == 0 {
            break;
        }
        for (ring, cut) in rings.iter().filter(|(ring, _)| turn < buckets(ring)) {
            if left == 0 {
                break;
            }
            // An odd multiple: each bucket once, and no two in turn side by side.
            let bucket = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) & (buckets(ring) - 1);
            let length = Chain::new(ring, *cut, bucket as usize).take(left as usize).count() as u64;
            left -= length.max(1).min(left);
            stats.sampled += 1;
            stats.records += length;
            match length {
                0 => stats.empty += 1,
                length => lengths.push(length),
            }
        }
    }
    lengths.sort_unstable();
    let quantile = |of_100: usize| {
        let rank = (lengths.len() * of_100).div_ceil(100);
        lengths.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    };
    (stats.p50, stats.p99, stats.longest) = (quantile(50), quantile(99), quantile(100));
    stats.mean = stats.records as f64 / lengths.len().max(1) as f64;
    stats
}

impl RingStats {
    fn add(&mut self, other: &Self) {
        for (mine, more) in [
            (&mut self.written, other.written),
            (&mut self.kept, other.kept),
            (&mut self.words_written, other.words_written),
            (&mut self.words_overwritten, other.words_overwritten),
            (&mut self.words_occupied, other.words_occupied),
            (&mut self.words, other.words),
        ] {
            // In a mapped file a count may be anything.
            *mine = mine.saturating_add(more);
        }
        self.span(other.oldest, other.newest);
    }

    /// Widens its stamps.
    fn span(&mut self, oldest: Option<Ticks>, newest: Option<Ticks>) {
        self.oldest = [self.oldest, oldest].into_iter().flatten().min();
        self.newest = self.newest.max(newest);
    }
}

pub(super) fn of(events: &Events) -> Stats {
    let store = events.store();
    let mut stats = of_view(events.view(), &events.plan());
    stats.huge_pages = events.huge_pages();
    stats.values_cut = store.values.cut.load(Relaxed);
    stats.links_left_out = store.values.links_left_out.load(Relaxed);
    stats.woken = store.bell.rung();
    stats.shards_claimed = store.view.shards.iter().filter(|shard| shard.is_claimed()).count();
    stats.shards_reclaimed = store.reclaimed.load(Relaxed);
    stats
}

/// As far as a view tells.
pub(super) fn of_view(view: &View, plan: &Plan) -> Stats {
    let mut stats = Stats { losses: view.all_losses().collect(), ..Stats::default() };
    stats.classes = PerClass::of(|class| {
        // Before the rings: what is pruned meanwhile is missing from what is kept, and overwritten for once.
        let pruned = view.counters.pruned(class).load(Relaxed);
        let mut all = of_overflow(&view.overflow[class]);
        let overflowed = all.written;
        view.shards.iter().for_each(|shard| all.add(&of_ring(&shard.rings()[class])));
        let over_shards = |kept: PerClass<usize>, shared: PerClass<usize>| {
            kept[class] * plan.shards + shared[class] * plan.shared_shards
        };
        // Saturating, here and below: in a mapped file a count may be anything.
        ClassStats {
            all,
            overflowed,
            pruned,
            pruned_by_age: view.counters.pruned_by_age(class).load(Relaxed),
            overwritten: all.written.saturating_sub(all.kept.saturating_add(pruned)),
            lost: sum(stats.losses.iter().filter(|loss| loss.class == class).map(|loss| loss.count)),
            ring_bytes: over_shards(plan.ring, plan.shared_ring),
            index_bytes: over_shards(plan.index, plan.shared_index),
            table_bytes: over_shards(plan.table, plan.shared_table),
            total_bytes: plan.of_class(class),
        }
    });
    let over_classes =
        |part: fn(&ClassStats) -> u64| sum(stats.classes.iter().map(|(_, of_class)| part(of_class)));
    stats.written = over_classes(|class| class.all.written);
    stats.overflowed = over_classes(|class| class.overflowed);
    stats.kept = over_classes(|class| class.all.kept);
    stats.pruned = over_classes(|class| class.pruned);
    stats.pruned_by_age = over_classes(|class| class.pruned_by_age);
    stats.overwritten = over_classes(|class| class.overwritten);
    stats.words_written = over_classes(|class| class.all.words_written);
    stats.words_overwritten = over_classes(|class| class.all.words_overwritten);
    stats.written_by_class = PerClass::of(|class| stats.classes[class].all.written);
    stats
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

/// What a ring holds: its records are counted first, so that what is kept is of those.
///
/// Where an owner vanished between a commit and its count, the ring counts as much too few from then on, what is kept
/// until it is overwritten.
fn of_ring(ring: &Ring) -> RingStats {
    let written = ring.records();
    let cut = ring.cut();
    let (words, block) = (ring.geometry().words as u64, ring.geometry().block as u64);
    // Positions start one lap in.
    let (origin, oldest) = (words, ring.oldest_below(cut.tail));
    let mut stats = RingStats {
        written,
        // Saturating: in a mapped file a position may be anything.
        words_written: cut.tail.saturating_sub(origin),
        words_overwritten: oldest.min(cut.tail).saturating_sub(origin),
        words_occupied: cut.tail.saturating_sub(oldest.max(cut.floor)),
        words,
        ..RingStats::default()
    };
    // The number of the first record that is kept.
    let mut number = None;
    for start in (oldest..cut.tail).step_by(block as usize) {
        let at = ring.number(start);
        // Intact, so what was read before it is of this block; a first record below the cut is committed.
        let Some(summary) = ring.summary(start) else { continue };
        let Some(first) =
            summary.first().filter(|first| (start..start + block).contains(first) && *first < cut.tail)
        else {
            continue;
        };
        if cut.floor <= first {
            number = number.or(Some(at));
            stats.span(Some(Ticks(summary.least)), Some(Ticks(summary.greatest)));
        } else if cut.floor < start + block {
            // Pruned in part.
            let Some(below) = records_between(ring, first, cut.floor) else { continue };
            scan_from(ring, Some(cut.floor), cut.tail, BlockFilter::ALL, |header| {
                if header.position >= start + block {
                    return Step::Stop;
                }
                number = number.or(Some(at.saturating_add(below)));
                stats.span(Some(header.ticks), Some(header.ticks));
                Step::On
            });
        }
    }
    stats.kept = number.map_or(0, |number| written.saturating_sub(number));
    stats
}

/// What the overflow of a class holds, by looking at all of it.
fn of_overflow(overflow: &Overflow) -> RingStats {
    let mut stats = RingStats { written: overflow.records(), ..RingStats::default() };
    sweep(overflow, overflow.cut(), |_, header| {
        stats.kept += 1;
        stats.span(Some(header.ticks), Some(header.ticks));
        Step::On
    });
    stats.kept = stats.kept.min(stats.written);
    stats
}
