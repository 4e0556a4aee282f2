//! The numbers of a group: a slot in each slab, and one in the shared cells, for all threads that have none.

use super::slot::{Nested, Slot};
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed, thread};
use crate::telemetry::cells::{Cells, Claim};
use std::hint::spin_loop;

/// How often a reader looks at a slot that changes, and for how many of those it only waits a moment. After that it lets
/// other threads run in between: the writer may have been interrupted.
const LOOKS: usize = 128;
const QUICK_LOOKS: usize = 64;

/// All numbers of a group.
#[derive(Debug)]
pub struct Sheet {
    numbers: usize,
    cells: Arc<Cells>,
    /// That of the sequence; the numbers come after it.
    first: usize,
    /// Held by whoever writes the shared slot. Readers do without.
    sharing: Mutex<()>,
    shared_updates: AtomicU64,
    /// How often something that was read before stood in.
    outdated: AtomicU64,
    /// What was last read of each slot, shared one first: in place of one that does not hold still. Who reads has it.
    last: Mutex<Vec<u64>>,
}

impl Sheet {
    /// So many numbers, in cells that are nobody else's and zero: one more than numbers, in one chunk, from `first` on.
    pub fn new(cells: &Arc<Cells>, first: usize, numbers: usize) -> Self {
        Self {
            numbers,
            cells: cells.clone(),
            first,
            sharing: Mutex::new(()),
            shared_updates: AtomicU64::new(0),
            outdated: AtomicU64::new(0),
            last: Mutex::new(Vec::new()),
        }
    }

    pub(super) const fn first(&self) -> usize {
        self.first
    }

    /// How many cells so many numbers take.
    pub(in crate::telemetry) const fn cells(numbers: usize) -> usize {
        numbers + 1
    }

    /// Adds to the slot of the caller's slab, for whose cells there is perhaps no room. `N` is how many numbers there are.
    ///
    /// # Errors
    /// If the caller is in the middle of an update of the same slot, or has no slot.
    pub fn add<const N: usize>(&self, claim: &Claim, amounts: &[u64; N]) -> Result<(), Nested> {
        claim.run(self.first, Self::cells(N)).ok_or(Nested).and_then(|cells| Slot::new(cells).add(amounts))
    }

    /// Adds to the slot of all who have none.
    #[cold]
    #[inline(never)]
    pub fn add_shared<const N: usize>(&self, amounts: &[u64; N]) {
        let _alone = self.sharing.lock();
        if let Some(cells) = self.cells.shared_run(self.first, Self::cells(N)) {
            // Never nested: nothing of the user runs under the lock.
            let (Ok(()) | Err(Nested)) = Slot::new(cells).add(amounts);
        }
        self.shared_updates.fetch_add(1, Relaxed);
    }

    pub(super) fn shared_updates(&self) -> u64 {
        self.shared_updates.load(Relaxed)
    }

    pub(super) fn outdated(&self) -> u64 {
        self.outdated.load(Relaxed)
    }

    /// One look at the slot of a slab: whether the numbers belong together.
    pub fn look(&self, slab: usize, numbers: &mut [u64]) -> bool {
        match self.cells.run_of(slab, self.first, Self::cells(self.numbers)) {
            Some(cells) => Slot::new(cells).read(numbers),
            // Nobody has counted there yet.
            None => {
                numbers.fill(0);
                true
            }
        }
    }

    /// One look at the shared slot.
    pub fn look_at_shared(&self, numbers: &mut [u64]) -> bool {
        let cells = self.cells.shared_run(self.first, Self::cells(self.numbers));
        cells.is_some_and(|cells| Slot::new(cells).read(numbers))
    }

    /// The sum over the shared slot and those of all slabs; and for how many of them what was read before
    /// stands in, because they did not hold still.
    pub(super) fn sum(&self, sum: &mut [u64]) -> usize {
        let reached = self.cells.reached();
        let mut last = self.last.lock();
        let known = last.len();
        last.resize(known.max((reached + 1) * self.numbers), 0);
        let mut now = vec![0; self.numbers];
        let mut outdated = 0;
        for (slot, last) in last.chunks_exact_mut(self.numbers).enumerate() {
            let look = |now: &mut [u64]| match slot.checked_sub(1) {
                None => self.look_at_shared(now),
                Some(slab) => self.look(slab, now),
            };
            if holds_still(|| look(&mut now)) {
                last.copy_from_slice(&now);
            } else {
                outdated += 1;
            }
            sum.iter_mut().zip(&*last).for_each(|(sum, number)| *sum = sum.wrapping_add(*number));
        }
        self.outdated.fetch_add(outdated as u64, Relaxed);
        outdated
    }
}

fn holds_still(mut look: impl FnMut() -> bool) -> bool {
    (0..LOOKS).any(|at| {
        let is_whole = look();
        if !is_whole && at < QUICK_LOOKS {
            spin_loop();
        } else if !is_whole {
            thread::yield_now();
        }
        is_whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::fuse::vanishes_before;
    use crate::telemetry::cells::Sizes;

    #[test]
    fn a_writer_gone_in_the_middle_leaves_what_was_read_before() {
        let cells = Cells::new(Sizes { cells: 64, slabs: 2, chunks: 2 }).unwrap();
        let sheet = Sheet::new(&cells, 7, 2);
        let claims = [cells.claim().unwrap(), cells.claim().unwrap()];
        sheet.add(&claims[0], &[1, 2]).unwrap();
        sheet.add(&claims[1], &[10, 20]).unwrap();
        let sum = || {
            let mut sum = [0; 2];
            let outdated = sheet.sum(&mut sum);
            (sum, outdated)
        };
        assert_eq!(sum(), ([11, 22], 0));
        // The fence is its first publication, the even sequence its second.
        assert!(vanishes_before(1, || sheet.add(&claims[1], &[100, 200]).unwrap()));
        assert_eq!(sum(), ([11, 22], 1), "neither torn nor lost without a word");
        assert_eq!(sheet.add(&claims[1], &[1_000, 2_000]), Err(Nested));
        sheet.add_shared(&[1_000, 2_000]);
        sheet.add(&claims[0], &[1, 2]).unwrap();
        assert_eq!((sum(), sheet.shared_updates()), (([1_012, 2_024], 1), 1));
    }

    #[test]
    fn a_slab_for_which_there_is_no_chunk_has_no_slot() {
        let cells = Cells::new(Sizes { cells: 64, slabs: 1, chunks: 0 }).unwrap();
        let (sheet, claim) = (Sheet::new(&cells, 1, 1), cells.claim().unwrap());
        assert_eq!(sheet.add(&claim, &[5]), Err(Nested));
        sheet.add_shared(&[5]);
        let mut sum = [0];
        assert_eq!((sheet.sum(&mut sum), sum), (0, [5]));
    }
}
