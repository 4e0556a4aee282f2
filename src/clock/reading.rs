//! What is read to take a stamp.

use super::coarse::{self, Coarse};
use super::sight::since_base;
use super::tsc;
use crate::sync::Arc;
use std::time::Instant;

/// What is read to take a stamp.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    /// The processor's counter.
    Tsc,
    /// The system's monotonic clock.
    System,
    /// A word that a thread refreshes, or the system's coarse clock.
    Coarse(Arc<Coarse>),
    /// Nothing: where it stands is what somebody said last.
    Hand,
    /// Nothing: stamps are another's.
    Recorded,
    /// A counter and system clocks that a test moves, in place of the machine's.
    #[cfg(test)]
    Script(Arc<super::script::Script>),
}

impl Reading {
    /// What it shows at its finest; nothing of a clock that is moved by hand.
    pub(super) fn raw(&self) -> u64 {
        match self {
            Self::Tsc => tsc::read(),
            Self::System => since_base(Instant::now()),
            Self::Coarse(_) => coarse::fine(),
            Self::Hand | Self::Recorded => 0,
            #[cfg(test)]
            Self::Script(script) => script.raw(),
        }
    }

    /// Whether its ticks are nanoseconds by definition, and not at a rate that has to be found.
    pub(super) fn is_nanoseconds(&self) -> bool {
        match self {
            Self::Tsc => false,
            Self::System | Self::Coarse(_) | Self::Hand | Self::Recorded => true,
            #[cfg(test)]
            Self::Script(script) => script.is_nanoseconds(),
        }
    }
}
