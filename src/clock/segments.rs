//! The stretches of time in which a clock kept one rate: a table of a fixed size that grows at its end, and is read
//! while it does.
//!
//! Segments are numbered from 0 and never change, but for the rate of the last one, which grows more exact while it
//! lasts. Number `n` lies in place `n % capacity`, so a full table gives up its oldest segment for a new one: `reused` says
//! first how far. A reader copies, fences and asks `reused`, and passes over what may have been written upon. It never
//! retries, and neither side waits.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `clock-segment` | store of `count` in [`Segments::append`] | first fences in [`Segments::read`], `Segments::copy` |
//! | `clock-reuse` | fence in [`Segments::append`], before the words it covers | second fences in [`Segments::read`], `Segments::copy` |

#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
use crate::region::copied::Copied;
use crate::region::{LINE, Line, Region, Words};
use crate::sync::{Arc, AtomicU64, Relaxed, acquire_fence, release, release_fence};
#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
use std::io;

/// A stretch of time with one rate, from its beginning to that of the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Where it begins, in ticks of its clock.
    pub ticks: u64,
    /// And in nanoseconds since the clock began.
    pub ns: u64,
    /// Nanoseconds per tick; zero where it is not known yet.
    pub rate: f64,
}

impl Segment {
    /// The same at the mean rate from its beginning to that of a later one.
    pub(super) fn until(self, next: &Self) -> Self {
        let (ticks, ns) = (next.ticks.saturating_sub(self.ticks), next.ns.saturating_sub(self.ns));
        Self { rate: ns as f64 / ticks.max(1) as f64, ..self }
    }
}

/// Words of one segment: its ticks, its nanoseconds, the bits of its rate.
const PLACE: usize = 3;
/// On the line of control: how many were ever appended.
const COUNT: usize = 0;
/// On the line of control: those below this number have been given up, or are about to be.
const REUSED: usize = 1;

/// The segments of one clock, in words of a region. Reading is for everybody, and wait-free; one thread at a time appends or
/// refines.
#[derive(Debug)]
pub struct Segments {
    control: Line,
    places: Words,
    capacity: usize,
}

impl Segments {
    /// An empty table for so many, at least one, in memory of its own.
    ///
    /// # Panics
    /// If the system has not even a few hundred words.
    pub fn new(capacity: usize) -> Self {
        // Few words, as any small allocation of the standard library's, which ends the process where there are none.
        let region =
            Region::heap(Self::footprint(capacity)).expect("a clock needs a few hundred words of memory");
        Self::at(&region, 0, capacity)
    }

    /// Words of memory that a table for so many takes.
    pub(super) const fn footprint(capacity: usize) -> usize {
        LINE + (capacity * PLACE).next_power_of_two()
    }

    /// The table for so many at `start`; empty where the memory is zero.
    pub fn at(region: &Arc<Region>, start: usize, capacity: usize) -> Self {
        let capacity = capacity.max(1);
        let places = region.words(start + LINE, (capacity * PLACE).next_power_of_two());
        Self { control: region.line(start), places, capacity }
    }

    fn place(&self, number: u64) -> [&AtomicU64; PLACE] {
        let first = (number % self.capacity as u64) as usize * PLACE;
        std::array::from_fn(|at| self.places.at(first + at))
    }

    fn count_word(&self) -> &AtomicU64 {
        self.control.at::<COUNT>()
    }

    /// Adds one after the last. By one thread at a time.
    pub fn append(&self, segment: Segment) {
        // Relaxed: our own.
        let number = self.count_word().load(Relaxed);
        if let Some(given_up) = (number + 1).checked_sub(self.capacity as u64) {
            self.control.at::<REUSED>().store(given_up, Relaxed);
            // Release, edge `clock-reuse` (partner: the second fence in `read`): orders the store above before the
            // words below. A reader that copied one of them then sees that `reused`, and passes over the place.
            release_fence("clock-reuse");
        }
        let [ticks, ns, rate] = self.place(number);
        ticks.store(segment.ticks, Relaxed);
        ns.store(segment.ns, Relaxed);
        rate.store(segment.rate.to_bits(), Relaxed);
        // Release, edge `clock-segment` (partner: the first fence in `read`): whoever counts this segment sees its
        // words, and the last rate of the one before.
        self.count_word().store(number + 1, release("clock-segment"));
    }

    /// Gives the last one a more exact rate. By one thread at a time.
    pub fn refine(&self, rate: f64) {
        let [_, _, word] = self.place(self.count_word().load(Relaxed).saturating_sub(1));
        // Relaxed: it stands for itself.
        word.store(rate.to_bits(), Relaxed);
    }

    /// Those still there, oldest first, each with its number; the last one may be outdated on return. None at all if a
    /// whole table of them was appended meanwhile.
    pub fn read(&self) -> Vec<(u64, Segment)> {
        let count = self.count_word().load(Relaxed);
        // Acquire, edge `clock-segment` (partner: `append`): the words of all below `count` are visible.
        acquire_fence("clock-segment");
        let oldest = count.saturating_sub(self.capacity as u64);
        let mut found: Vec<_> = (oldest..count)
            .map(|number| {
                let [ticks, ns, rate] = self.place(number).map(|word| word.load(Relaxed));
                (number, Segment { ticks, ns, rate: f64::from_bits(rate) })
            })
            .collect();
        // Acquire, edge `clock-reuse` (partner: the fence in `append`): if a word copied above is one of a later
        // segment, the load below sees that its place was given up.
        acquire_fence("clock-reuse");
        let reused = self.control.at::<REUSED>().load(Relaxed);
        found.retain(|(number, _)| *number >= reused);
        found
    }

    /// Copies all of it to where a table of this size begins, so that a reader of the copy finds what one finds here.
    ///
    /// # Errors
    /// As whoever takes the words says.
    #[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
    pub fn copy(&self, at: usize, to: &mut Copied<'_>) -> io::Result<()> {
        let count = self.count_word().load(Relaxed);
        // Acquire, edge `clock-segment` (partner: `append`), as in `read`.
        acquire_fence("clock-segment");
        to.load(at + LINE, self.places.all())?;
        // Acquire, edge `clock-reuse` (partner: the fence in `append`), as in `read`.
        acquire_fence("clock-reuse");
        to.put(at, &[count, self.given_up()])
    }

    /// How many were ever appended.
    pub(super) fn count(&self) -> u64 {
        self.count_word().load(Relaxed)
    }

    /// How many were given up.
    pub(super) fn given_up(&self) -> u64 {
        self.control.at::<REUSED>().load(Relaxed)
    }
}
