//! What all kinds of metrics have in common, where code is written once for all of them.

use super::site::{Sites, Table};
use crate::telemetry::metric::Cell;
use crate::telemetry::registry::MetricType;
use crate::telemetry::{Counter, FloatGauge, Gauge, Histogram, UpDownCounter};

/// A handle of some kind. Closed: nothing outside implements it.
pub trait Kind: Clone + Sized {
    /// What the registry knows the kind as.
    const TYPE: MetricType;
    /// The handle of these cells.
    fn of(cell: Cell) -> Self;
    /// The handles of this kind that call sites have resolved.
    fn table(sites: &Sites) -> &Table<Self>;
    /// The handle as a thread's cache keeps it.
    fn kept(self) -> Kept;
    /// The handle that a thread's cache has kept.
    fn in_kept(kept: &Kept) -> Option<&Self>;
    /// Its cells.
    fn cell(&self) -> &Cell;
}

macro_rules! kinds {
    ($($kind:ident, $field:ident, |$cell:ident| $of:expr, $its_cell:tt;)*) => {
        /// A handle of any kind.
        #[derive(Debug)]
        #[allow(missing_docs, reason = "named as the kinds")]
        pub enum Kept {
            $($kind($kind)),*
        }

        $(impl Kind for $kind {
            const TYPE: MetricType = MetricType::$kind;

            fn of($cell: Cell) -> Self {
                $of
            }

            #[inline(always)]
            fn table(sites: &Sites) -> &Table<Self> {
                &sites.$field
            }

            fn kept(self) -> Kept {
                Kept::$kind(self)
            }

            #[inline(always)]
            fn in_kept(kept: &Kept) -> Option<&Self> {
                match kept {
                    Kept::$kind(handle) => Some(handle),
                    _ => None,
                }
            }

            fn cell(&self) -> &Cell {
                &self.$its_cell
            }
        })*
    };
}

kinds! {
    Counter, counters, |cell| Self(cell), 0;
    UpDownCounter, up_down_counters, |cell| Self(cell), 0;
    Gauge, gauges, |cell| Self(cell), 0;
    FloatGauge, float_gauges, |cell| Self(cell), 0;
    Histogram, histograms, |cell| Self::of(cell), cell;
}
