//! Windows over what goes up and down: each slot has the extremes of what ticks read in it.

use super::answer::WindowAnswer;
use super::{Window, Windowed};
use crate::telemetry::{FloatGauge, Gauge, UpDownCounter};
use std::time::Duration;

/// What ticks read.
#[derive(Clone, Copy, Debug)]
pub struct Extremes<T> {
    least: T,
    greatest: T,
    last: T,
}

macro_rules! gauges {
    ($($kind:ident: $number:ty, $also:literal;)*) => {$(
        impl Windowed for $kind {
            type Open = Option<Extremes<$number>>;
            type Slot = Extremes<$number>;

            fn open(&self) -> Self::Open {
                // The reading that begins a slot is not in it: it is that of the one before.
                None
            }

            fn read(&self, open: &mut Self::Open, ends: bool) -> Option<Self::Slot> {
                let last = self.value();
                let (least, greatest) = open.map_or((last, last), |seen| {
                    (seen.least.min(last), seen.greatest.max(last))
                });
                *open = Some(Extremes { least, greatest, last });
                if ends { open.take() } else { None }
            }
        }

        /// What ticks saw: what it was between two of them is not known.
        impl Window<$kind> {
            #[doc = concat!("The least value that a tick read lately", $also, ".")]
            /// `None` before the first slot has ended.
            #[must_use]
            pub fn min(&self, over: Duration) -> Option<WindowAnswer<$number>> {
                let least = |least: Option<$number>, slot: &Extremes<$number>| {
                    Some(least.map_or(slot.least, |least| least.min(slot.least)))
                };
                self.of_slots(over, least)
            }

            #[doc = concat!("The greatest value that a tick read lately", $also, ".")]
            /// `None` before the first slot has ended.
            #[must_use]
            pub fn max(&self, over: Duration) -> Option<WindowAnswer<$number>> {
                let greatest = |greatest: Option<$number>, slot: &Extremes<$number>| {
                    Some(greatest.map_or(slot.greatest, |greatest| greatest.max(slot.greatest)))
                };
                self.of_slots(over, greatest)
            }

            /// What the tick read that ended the newest slot; `None` before the first has ended.
            #[must_use]
            pub fn last(&self) -> Option<WindowAnswer<$number>> {
                self.of_slots(Duration::ZERO, |_, slot| Some(slot.last))
            }

            fn of_slots(
                &self,
                over: Duration,
                add: impl FnMut(Option<$number>, &Extremes<$number>) -> Option<$number>,
            ) -> Option<WindowAnswer<$number>> {
                let all = self.shared.state.lock().ring.fold(over, None, add)?;
                all.value.map(|value| all.map(|_| value))
            }
        }
    )*};
}

gauges! {
    Gauge: i64, "";
    UpDownCounter: i64, "";
    FloatGauge: f64, ", other than what is no number, unless there is nothing else";
}
