//! What a search did.

use std::fmt;

/// What a query did to find its answer: which ways it took, and what each cost.
///
/// ```
/// use flightdeck::events::{Events, Stamp};
/// flightdeck::kind! { Queried("db.queried") { rows: u64 } }
/// let events = Events::builder().build()?;
/// (0..10_000).for_each(|n| events.record_with(Stamp::of(n / 10 + 1), Queried { rows: n }));
///
/// let work = events.query().correlation(7_u64).explain()?;
/// assert!(work.by_index >= 10 && work.by_blocks == 0);
/// println!("{work}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// Records looked at along the index.
    pub by_index: u64,
    /// Records looked at since the index does not reach them yet: no more than some tens a ring.
    pub unlinked: u64,
    /// Records looked at block by block.
    pub by_blocks: u64,
    /// Blocks that these lay in.
    pub blocks: u64,
    /// Blocks left out, whose summaries say that they hold no time or kind that was asked for, or none early or late enough
    /// for the limit.
    pub left_out: u64,
    /// Records looked at in slots of the overflow, which has no index.
    pub in_slots: u64,
}

impl Work {
    /// Records looked at.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.by_index + self.unlinked + self.by_blocks + self.in_slots
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |count: u64, f: &mut fmt::Formatter<'_>, what: fmt::Arguments<'_>| {
            if count == 0 {
                return Ok(());
            }
            write!(f, "{}{what}", std::mem::replace(&mut separator, ", "))
        };
        let Self { by_index, unlinked, by_blocks, blocks, left_out, in_slots } = *self;
        write!(f, "{} records looked at: ", self.records())?;
        part(by_index, f, format_args!("{by_index} by index"))?;
        part(unlinked, f, format_args!("{unlinked} not linked yet"))?;
        part(by_blocks, f, format_args!("{by_blocks} in {blocks} blocks"))?;
        part(left_out, f, format_args!("{left_out} blocks left out"))?;
        part(in_slots, f, format_args!("{in_slots} in the overflow"))?;
        part(u64::from(*self == Self::default()), f, format_args!("there was nothing"))
    }
}
