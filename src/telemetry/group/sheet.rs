//! The numbers of a group: a slot for each thread that has a slab, and one that all others share.

use super::slot::{Nested, Slot};
use crate::region::{LINE, Region, Words};
use crate::sync::{AtomicU64, Mutex, Relaxed, thread};
use std::hint::spin_loop;

/// How often a reader looks at a slot that changes, and for how many of those it only waits a moment. After that it lets
/// other threads run in between: the writer may have been interrupted.
const LOOKS: usize = 128;
const QUICK_LOOKS: usize = 64;

/// All numbers of a group.
#[derive(Debug)]
pub struct Sheet {
    numbers: usize,
    /// Words from one slot to the next: whole lines.
    stride: usize,
    /// By number of the slab.
    own: Words,
    /// Of all threads without one.
    shared: Words,
    /// Held by whoever writes the shared slot. Readers do without.
    sharing: Mutex<()>,
    shared_updates: AtomicU64,
    /// How often something that was read before stood in.
    outdated: AtomicU64,
    /// What was last read of each slot, shared one first: in place of one that does not hold still. Who reads has it.
    last: Mutex<Vec<u64>>,
}

impl Sheet {
    /// So many numbers, for so many slabs, a power of two; `None` where the system has not as much memory.
    pub fn new(numbers: usize, slabs: usize) -> Option<Self> {
        let stride = Self::stride(numbers);
        let region = Region::heap(Self::words(numbers, slabs))?;
        Some(Self {
            numbers,
            stride,
            own: region.words(0, slabs * stride),
            shared: region.words(slabs * stride, stride),
            sharing: Mutex::new(()),
            shared_updates: AtomicU64::new(0),
            outdated: AtomicU64::new(0),
            last: Mutex::new(Vec::new()),
        })
    }

    fn stride(numbers: usize) -> usize {
        (numbers + 1).next_power_of_two().max(LINE)
    }

    /// Words of memory that so many numbers take.
    pub(super) fn words(numbers: usize, slabs: usize) -> usize {
        (slabs + 1) * Self::stride(numbers)
    }

    /// Adds to the slot of this slab, which is the caller's. `N` is how many numbers there are.
    ///
    /// # Errors
    /// If the caller is in the middle of an update of the same slot.
    #[inline(always)]
    pub fn add<const N: usize>(&self, slab: usize, amounts: &[u64; N]) -> Result<(), Nested> {
        Slot::new(&self.own, slab * self.stride).add(amounts)
    }

    /// Adds to the slot of all who have none.
    #[cold]
    #[inline(never)]
    pub fn add_shared<const N: usize>(&self, amounts: &[u64; N]) {
        let _alone = self.sharing.lock();
        // Never nested: nothing of the user runs under the lock.
        let (Ok(()) | Err(Nested)) = Slot::new(&self.shared, 0).add(amounts);
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
        Slot::new(&self.own, slab * self.stride).read(numbers)
    }

    /// One look at the shared slot.
    pub fn look_at_shared(&self, numbers: &mut [u64]) -> bool {
        Slot::new(&self.shared, 0).read(numbers)
    }

    /// The sum over the shared slot and those of the first `reached` slabs; and for how many of them what was read before
    /// stands in, because they did not hold still.
    pub(super) fn sum(&self, reached: usize, sum: &mut [u64]) -> usize {
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

    #[test]
    fn a_writer_gone_in_the_middle_leaves_what_was_read_before() {
        let sheet = Sheet::new(2, 2).unwrap();
        sheet.add(0, &[1, 2]).unwrap();
        sheet.add(1, &[10, 20]).unwrap();
        let sum = || {
            let mut sum = [0; 2];
            let outdated = sheet.sum(2, &mut sum);
            (sum, outdated)
        };
        assert_eq!(sum(), ([11, 22], 0));
        // The fence is its first publication, the even sequence its second.
        assert!(vanishes_before(1, || sheet.add(1, &[100, 200]).unwrap()));
        assert_eq!(sum(), ([11, 22], 1), "neither torn nor lost without a word");
        assert_eq!(sheet.add(1, &[1_000, 2_000]), Err(Nested));
        sheet.add_shared(&[1_000, 2_000]);
        sheet.add(0, &[1, 2]).unwrap();
        assert_eq!((sum(), sheet.shared_updates()), (([1_012, 2_024], 1), 1));
    }
}
