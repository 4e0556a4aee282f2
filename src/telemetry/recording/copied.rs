//! A copy of a telemetry's words that is made while others count in them.
//!
//! Names are copied before the cells and looked at once more after them, as a reader does. The numbers of a group, which belong
//! together, are copied together at the end.

use super::Recording;
use super::names::NamedGroup;
use super::sums::{PATIENCE, holds_still_after, led_to};
use crate::region::copied::Copied;
use crate::sync::{AtomicU64, thread};
use crate::telemetry::cells::{CHUNK, Sizes};
use crate::telemetry::group::slot::Slot;
use std::hint::spin_loop;
use std::io;

/// How often a slot that changes is looked at one time after the other.
const QUICK_LOOKS: usize = 64;
/// Of numbers that belong together.
const WHOLE: u64 = 0;
/// Of others: as of a writer that was killed in the middle.
const TORN: u64 = 1;

impl Recording {
    /// Copies all of it to where it is to begin. What threads that have stopped have counted is there, exactly. Waits for nobody.
    ///
    /// # Errors
    /// As whoever takes the words says; and if names were rewritten twice meanwhile, at each try.
    pub(crate) fn copy(&self, at: usize, to: &mut Copied<'_>) -> io::Result<()> {
        let log_at = at + self.shape.log_at();
        let run = |from: usize, len: usize| self.span.run(from, len).unwrap_or_default();
        to.load(at, run(0, self.shape.log_at()))?;
        let cells_at = self.shape.cells_at();
        let cells = |to: &mut Copied<'_>| {
            to.load(at + cells_at, run(cells_at, self.span.len.saturating_sub(cells_at)))
        };
        // Names that were rewritten twice meanwhile may speak of other cells.
        if to.again_while(|to| self.log.read().copy(log_at, to, cells), |holds| !holds)? {
            return self.copy_groups(at, to);
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "names of metrics change all the time: try again"))
    }

    fn copy_groups(&self, at: usize, to: &mut Copied<'_>) -> io::Result<()> {
        let names = self.look(|log| self.names(log));
        let mut patience = PATIENCE;
        for group in &names.groups {
            self.copy_group(group, at, to, &mut patience)?;
        }
        Ok(())
    }

    fn copy_group(
        &self,
        group: &NamedGroup,
        at: usize,
        to: &mut Copied<'_>,
        patience: &mut usize,
    ) -> io::Result<()> {
        let sizes: Sizes = self.shape.sizes;
        let (cells_at, first, len) = (self.shape.cells_at(), group.first, group.len());
        let run = |from: usize, len: usize| -> &[AtomicU64] {
            self.span.run(cells_at + from, len).unwrap_or_default()
        };
        let chunks = (0..self.sums(0).reached()).filter_map(|slab| {
            let table = sizes.table_at(slab);
            led_to(run(table + first / CHUNK, 1).first()?, table, sizes)
        });
        let slots = chunks.map(|chunk| chunk + first % CHUNK);
        let mut numbers = vec![0; len];
        for slot in std::iter::once(sizes.shared_at() + first).chain(slots) {
            // Its writer lives, and may have been interrupted: after some looks others run in between.
            let wait = |looks| if looks < QUICK_LOOKS { spin_loop() } else { thread::yield_now() };
            let is_whole = holds_still_after(Slot::new(run(slot, len)), &mut numbers[1..], patience, wait);
            numbers[0] = if is_whole { WHOLE } else { TORN };
            to.put(at + cells_at + slot, &numbers)?;
        }
        Ok(())
    }
}
