//! How memory is divided, and what fits into it.

use super::build::longest;
use super::class::{Class, PerClass};
use super::record::HEADER_WORDS;
use super::ring::Geometry;
use super::section::Shape;
use crate::status::Size;
use std::fmt;
use std::time::Duration;

/// How memory is divided. Every size is in bytes.
///
/// The parts of the total add up: ring, index, block table and control words of each class, times the number of shards, for kept and
/// for shared ones, and the overflow are the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// All of it: no more is ever used for events.
    pub total: usize,
    /// Beside that: names of kinds, fields and threads, counters of what was lost, the clock. The system provides it at its
    /// first use, and most of it is never used.
    pub names: usize,
    /// Shards that threads and writers keep for themselves.
    pub shards: usize,
    /// Shards that further threads share, the one for emergencies included.
    pub shared_shards: usize,
    /// The rings of one kept shard.
    pub ring: PerClass<usize>,
    /// The rings of one shared shard.
    pub shared_ring: PerClass<usize>,
    /// The indexes of one kept shard: from ids to events.
    pub index: PerClass<usize>,
    /// The indexes of one shared shard.
    pub shared_index: PerClass<usize>,
    /// The block tables of one kept shard: times and kinds of each block, so that queries may skip it, and how many events
    /// came before it.
    pub table: PerClass<usize>,
    /// The block tables of one shared shard.
    pub shared_table: PerClass<usize>,
    /// The control words of one kept shard: positions, each on a line of its own.
    pub control: PerClass<usize>,
    /// The control words of one shared shard.
    pub shared_control: PerClass<usize>,
    /// What a kept ring gives up at a time: so much less than the ring can be read while it is written.
    pub block: PerClass<usize>,
    /// Slots of the overflow, for each class: where events go that find no shard free.
    pub overflow_slots: usize,
    /// The overflow of each class.
    pub overflow: PerClass<usize>,
    /// The longest event of each class, header included.
    pub longest_event: PerClass<usize>,
}

impl Plan {
    /// Of a store of this shape.
    pub(super) fn of(shape: &Shape) -> Self {
        let Shape { kept, shared, slots, .. } = *shape;
        let bytes_of = |rings: PerClass<Geometry>, part: fn(Geometry) -> usize| {
            PerClass::of(|class| part(rings[class]) * 8)
        };
        Self {
            total: (shape.words() - shape.shards_at()) * 8,
            names: shape.shards_at() * 8,
            shards: shape.kept_shards,
            shared_shards: shape.shared_shards,
            ring: bytes_of(kept, |ring| ring.words),
            shared_ring: bytes_of(shared, |ring| ring.words),
            index: bytes_of(kept, |ring| ring.buckets),
            shared_index: bytes_of(shared, |ring| ring.buckets),
            table: bytes_of(kept, Geometry::table),
            shared_table: bytes_of(shared, Geometry::table),
            control: bytes_of(kept, Geometry::control),
            shared_control: bytes_of(shared, Geometry::control),
            block: bytes_of(kept, |ring| ring.block),
            overflow_slots: slots.count,
            overflow: PerClass::of(|_| slots.footprint() * 8),
            longest_event: bytes_of(shared, longest),
        }
    }

    /// How many events of a class can be read at any time, at least, once the rings are full: over all kept shards, if
    /// each is written to. None if one such event is too long.
    ///
    /// `payload_bytes`: what the fields of one event take. A number or a boolean takes 8; text and bytes take 8 and their
    /// length, filled up to 8. The beginning of a span takes 8 more.
    #[must_use]
    pub fn events_that_fit(&self, class: Class, payload_bytes: usize) -> u64 {
        let Some(event) = payload_bytes.div_ceil(8).checked_add(HEADER_WORDS) else { return 0 };
        if event > self.longest_event[class] / 8 {
            return 0;
        }
        // Out of reach: the block being overwritten, an event cut by its end, and the gap before the ring's end.
        let reach = ((self.ring[class] - self.block[class]) / 8).saturating_sub(2 * (event - 1));
        (reach / event) as u64 * self.shards as u64
    }

    /// How far back events of a class reach, at least, once the rings are full, when so many of them are recorded each
    /// second, with so many bytes of fields: see [`Plan::events_that_fit`].
    ///
    /// **Assumes that all kept shards are written to alike**: the rate is that of all threads together. Where one of
    /// `n` does all the work it is an `n`th, since each overwrites its own ring. Shared shards are left out.
    #[must_use]
    pub fn held(&self, class: Class, events_per_second: f64, payload_bytes: usize) -> Duration {
        let seconds = self.events_that_fit(class, payload_bytes) as f64 / events_per_second.max(0.0);
        match seconds {
            seconds if seconds.is_nan() => Duration::ZERO,
            seconds => Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
        }
    }

    /// What a class takes over all shards, and in the overflow.
    #[must_use]
    pub fn of_class(&self, class: Class) -> usize {
        let kept = self.ring[class] + self.index[class] + self.table[class] + self.control[class];
        let shared = [self.shared_ring, self.shared_index, self.shared_table, self.shared_control];
        let shared: usize = shared.iter().map(|part| part[class]).sum();
        kept * self.shards + shared * self.shared_shards + self.overflow[class]
    }
}

/// A table: a line for each part, a column for each class.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.shards == 1 { "" } else { "s" };
        let (total, shards, shared) = (Size(self.total as u64), self.shards, self.shared_shards);
        let names = Size(self.names as u64);
        writeln!(
            f,
            "{total} for events: {shards} shard{s} of threads, {shared} shared; {names} for names beside"
        )?;
        write!(f, "{:<18}", "")?;
        Class::ALL.iter().try_for_each(|class| write!(f, "{class:>12}"))?;
        let mut line = |name: &str, part: PerClass<usize>| {
            write!(f, "\n{name:<18}")?;
            part.iter().try_for_each(|(_, bytes)| write!(f, "{:>12}", Size(*bytes as u64).to_string()))
        };
        line("each thread's ring", self.ring)?;
        line("  index", self.index)?;
        line("  block table", self.table)?;
        line("  control words", self.control)?;
        line("each shared ring", self.shared_ring)?;
        line("  index", self.shared_index)?;
        line("  block table", self.shared_table)?;
        line("  control words", self.shared_control)?;
        line("overflow", self.overflow)?;
        line("all of it", PerClass::of(|class| self.of_class(class)))?;
        line("longest event", self.longest_event)
    }
}
