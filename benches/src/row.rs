//! One comparison, what it must reach, and whether it does.

use crate::measure::{Plan, Samples, Side, in_turn};
use crate::pair::{LEAST_GAIN, PairSide, in_pairs};

/// Differences below this are ties.
const TIE_NS: f64 = 0.2;

/// What our side must reach.
#[derive(Clone, Debug)]
pub enum Bar {
    /// The fastest batch takes at most so many nanoseconds an operation.
    FloorAtMost(f64),
    /// At most so many times the side of this name, in the middle of all rounds.
    AtMostTimes(f64, &'static str),
    /// Faster than the side of this name, in the middle of all rounds.
    FasterThan(&'static str),
}

/// Whether a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// All its bars are reached, or it has none.
    Yes,
    /// One is not.
    No,
    /// The machine cannot tell.
    Unfit,
}

/// A measured side.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What it is, and how it was set up.
    pub name: String,
    /// Per operation, in the unit of the row.
    pub samples: Samples,
}

impl From<(String, Samples)> for Measured {
    fn from((name, samples): (String, Samples)) -> Self {
        Self { name, samples }
    }
}

/// A measured comparison.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it belongs; the session fills it in.
    pub group: &'static str,
    /// What is compared; the session fills it in.
    pub name: String,
    /// Our side.
    pub ours: Measured,
    /// The others.
    pub against: Vec<Measured>,
    /// What ours must reach.
    pub bars: Vec<Bar>,
    /// With two threads: how much two plain loops gained over one.
    pub gain: Option<f64>,
    /// What its figures are.
    pub unit: &'static str,
}

impl Row {
    /// Compares on one thread.
    #[must_use]
    pub fn measure(ours: Side<'_>, against: Vec<Side<'_>>, bars: &[Bar]) -> Self {
        let mut sides: Vec<_> = std::iter::once(ours).chain(against).collect();
        let samples = in_turn(&mut sides, Plan::default());
        let names = sides.into_iter().map(|side| side.name);
        Self::of(names.zip(samples).map(Measured::from), bars)
    }

    /// Compares on two threads.
    #[must_use]
    pub fn measure_pairs<'a>(ours: PairSide<'a>, against: Vec<PairSide<'a>>, bars: &[Bar]) -> Self {
        let sides: Vec<_> = std::iter::once(ours).chain(against).collect();
        let names: Vec<_> = sides.iter().map(|side| side.name.clone()).collect();
        let paired = in_pairs(sides);
        let sides = names.into_iter().zip(paired.samples).map(Measured::from);
        Self { gain: Some(paired.gain), ..Self::of(sides, bars) }
    }

    /// Of figures in nanoseconds that were measured elsewhere, ours first.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn of(sides: impl IntoIterator<Item = Measured>, bars: &[Bar]) -> Self {
        let mut sides = sides.into_iter();
        let ours = sides.next().expect("our side comes first");
        let (group, name, bars) = ("", String::new(), bars.to_vec());
        Self { group, name, ours, against: sides.collect(), bars, gain: None, unit: "ns" }
    }

    /// The same of figures in another unit.
    #[must_use]
    pub fn in_unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// Whether all bars are reached.
    ///
    /// # Panics
    /// If a bar names a side that the row does not have.
    #[must_use]
    pub fn holds(&self) -> Holds {
        if self.gain.is_some_and(|gain| gain < LEAST_GAIN) {
            Holds::Unfit
        } else if self.bars.iter().all(|bar| self.reaches(bar)) {
            Holds::Yes
        } else {
            Holds::No
        }
    }

    fn reaches(&self, bar: &Bar) -> bool {
        let times = |times: f64, name: &str| {
            let theirs = self.side(name);
            let over = self.ours.samples.median() - times * theirs.median();
            (self.ours.samples.ratio_to(theirs) <= times, over)
        };
        match bar {
            Bar::FloorAtMost(most) => self.ours.samples.floor() - most < TIE_NS,
            Bar::AtMostTimes(most, name) => {
                let (within, over) = times(*most, name);
                within || over < TIE_NS
            }
            Bar::FasterThan(name) => {
                let (within, over) = times(1.0, name);
                within || over < TIE_NS
            }
        }
    }

    fn side(&self, name: &str) -> &Samples {
        let found = self.against.iter().find(|side| side.name.starts_with(name));
        &found.unwrap_or_else(|| panic!("`{}` has no side `{name}`", self.name)).samples
    }

    /// The bars in words.
    #[must_use]
    pub fn bar(&self) -> String {
        let text = |bar: &Bar| match bar {
            Bar::FloorAtMost(most) => format!("floor at most {most} {}", self.unit),
            Bar::AtMostTimes(most, name) => format!("at most {most}x {name}"),
            Bar::FasterThan(name) => format!("faster than {name}"),
        };
        match &self.bars[..] {
            [] => "none, for comparison".to_owned(),
            bars => bars.iter().map(text).collect::<Vec<_>>().join("; "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: &[f64], theirs: &[f64], bar: Bar, gain: Option<f64>) -> Row {
        let sides =
            [("ours".to_owned(), Samples(ours.to_vec())), ("peer 1.0".to_owned(), Samples(theirs.to_vec()))];
        Row { gain, ..Row::of(sides.map(Measured::from), &[bar]) }
    }

    #[test]
    fn absolute_bars_compare_floors() {
        assert_eq!(row(&[9.0, 50.0, 50.0], &[1.0; 3], Bar::FloorAtMost(10.0), None).holds(), Holds::Yes);
        assert_eq!(row(&[10.1, 50.0], &[1.0; 2], Bar::FloorAtMost(10.0), None).holds(), Holds::Yes, "a tie");
        assert_eq!(row(&[10.3, 10.3], &[1.0; 2], Bar::FloorAtMost(10.0), None).holds(), Holds::No);
    }

    #[test]
    fn ratios_compare_within_rounds() {
        let bar = || Bar::AtMostTimes(2.0, "peer");
        // The machine slows down in the second half; every round says 1.5.
        assert_eq!(row(&[15.0, 15.0, 90.0], &[10.0, 10.0, 60.0], bar(), None).holds(), Holds::Yes);
        assert_eq!(row(&[25.0, 25.0, 10.0], &[10.0, 10.0, 60.0], bar(), None).holds(), Holds::No);
        assert_eq!(row(&[1.15; 3], &[1.0; 3], Bar::FasterThan("peer"), None).holds(), Holds::Yes, "a tie");
        assert_eq!(row(&[1.25; 3], &[1.0; 3], Bar::FasterThan("peer"), None).holds(), Holds::No);
    }

    #[test]
    fn two_threads_on_one_core_prove_nothing() {
        assert_eq!(row(&[1.0], &[9.0], Bar::FasterThan("peer"), Some(1.59)).holds(), Holds::Unfit);
        assert_eq!(row(&[1.0], &[9.0], Bar::FasterThan("peer"), Some(1.61)).holds(), Holds::Yes);
    }
}
