//! One comparison, what it must reach, and whether it does.

use crate::measure::{Plan, Samples, Side, in_turn, median};
use crate::pair::{LEAST_GAIN, PairSide, in_pairs};

/// Differences in time below this are ties.
const TIE_NS: f64 = 0.2;

/// What our side must reach.
#[derive(Clone, Debug)]
pub enum Bar {
    /// The fastest batch takes at most so many nanoseconds an operation.
    FloorAtMost(f64),
    /// At most so many nanoseconds an operation, in the middle of all rounds.
    MedianAtMost(f64),
    /// At most so many times the side of this name, in the middle of all rounds.
    AtMostTimes(f64, &'static str),
    /// At most so many nanoseconds above the side of this name, in the middle of all rounds.
    AtMostAbove(f64, &'static str),
    /// At least so many times the side of this name, in the middle of all rounds: for what is better if it is more.
    AtLeastTimes(f64, &'static str),
    /// At least so many times as fast as the side of this name, in the middle of all rounds.
    TimesFaster(f64, &'static str),
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
    /// Why the machine cannot tell whether the row holds, if it cannot, beside too small a gain.
    pub unfit: Option<String>,
}

impl Row {
    /// Compares on one thread.
    #[must_use]
    pub fn measure(ours: Side<'_>, against: Vec<Side<'_>>, bars: &[Bar]) -> Self {
        Self::measure_as(Plan::default(), ours, against, bars)
    }

    /// The same with so many rounds: fewer where an operation takes longer than a batch should.
    #[must_use]
    pub fn measure_as(plan: Plan, ours: Side<'_>, against: Vec<Side<'_>>, bars: &[Bar]) -> Self {
        let mut sides: Vec<_> = std::iter::once(ours).chain(against).collect();
        let samples = in_turn(&mut sides, plan);
        let names = sides.into_iter().map(|side| side.name);
        Self::of(names.zip(samples).map(Measured::from), bars)
    }

    /// Compares on two threads.
    #[must_use]
    pub fn measure_pairs<'a>(ours: PairSide<'a>, against: Vec<PairSide<'a>>, bars: &[Bar]) -> Self {
        let sides: Vec<_> = std::iter::once(ours).chain(against).collect();
        let names: Vec<_> = sides.iter().map(|side| side.name.clone()).collect();
        let paired = in_pairs(sides);
        let gain = Some(paired.gain());
        let sides =
            names.into_iter().zip(paired.sides).map(|(name, times)| Measured { name, samples: times.each });
        Self { gain, ..Self::of(sides, bars) }
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
        Self { group, name, ours, against: sides.collect(), bars, gain: None, unit: "ns", unfit: None }
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
        if self.unfit.is_some() || self.gain.is_some_and(|gain| gain < LEAST_GAIN) {
            Holds::Unfit
        } else if self.bars.iter().all(|bar| self.reaches(bar)) {
            Holds::Yes
        } else {
            Holds::No
        }
    }

    fn reaches(&self, bar: &Bar) -> bool {
        let ours = &self.ours.samples;
        let tie = if self.unit == "ns" { TIE_NS } else { 0.0 };
        let at_most = |times: f64, name: &str| {
            let rounds = ours.0.iter().zip(&self.side(name).0);
            let over: Vec<_> = rounds.map(|(ours, theirs)| ours - times * theirs).collect();
            median(&over) < tie || ours.ratio_to(self.side(name)) <= times
        };
        match bar {
            Bar::FloorAtMost(most) => ours.floor() - most < tie,
            Bar::MedianAtMost(most) => ours.median() - most < tie,
            Bar::AtMostTimes(most, name) => at_most(*most, name),
            Bar::AtMostAbove(most, name) => {
                let rounds = ours.0.iter().zip(&self.side(name).0);
                median(&rounds.map(|(ours, theirs)| ours - theirs).collect::<Vec<_>>()) - most < tie
            }
            Bar::AtLeastTimes(least, name) => ours.ratio_to(self.side(name)) >= *least,
            Bar::TimesFaster(times, name) => at_most(times.recip(), name),
            Bar::FasterThan(name) => at_most(1.0, name),
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
            Bar::MedianAtMost(most) => format!("median at most {most} {}", self.unit),
            Bar::AtMostTimes(most, name) => format!("at most {most}x {name}"),
            Bar::AtMostAbove(most, name) => format!("at most {most} {} above {name}", self.unit),
            Bar::AtLeastTimes(least, name) => format!("at least {least}x {name}"),
            Bar::TimesFaster(times, name) => format!("at least {times}x as fast as {name}"),
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
        // The machine changes between rounds: over all of them ours looks faster, within most it is slower.
        let (ours, theirs) = ([15.0, 15.0, 150.0], [10.0, 100.0, 100.0]);
        assert_eq!(row(&ours, &theirs, Bar::AtMostTimes(1.2, "peer"), None).holds(), Holds::No);
        let faster = || Bar::TimesFaster(2.5, "peer");
        assert_eq!(row(&[10.0; 3], &[25.0; 3], faster(), None).holds(), Holds::Yes);
        assert_eq!(row(&[10.0; 3], &[24.0; 3], faster(), None).holds(), Holds::No);
    }

    #[test]
    fn a_margin_is_what_comes_on_top() {
        let above =
            |ours: &[f64], theirs: &[f64]| row(ours, theirs, Bar::AtMostAbove(3.0, "peer"), None).holds();
        assert_eq!(above(&[4.1, 4.1, 9.0], &[1.0, 1.0, 1.0]), Holds::Yes);
        assert_eq!(above(&[4.3, 4.3, 1.0], &[1.0, 1.0, 9.0]), Holds::No);
    }

    #[test]
    fn what_is_no_time_has_no_ties() {
        let gain = |ours: f64| {
            let bar = Bar::AtLeastTimes(0.95, "peer");
            row(&[ours; 3], &[1.8; 3], bar, None).in_unit("x").holds()
        };
        assert_eq!((gain(1.72), gain(1.70)), (Holds::Yes, Holds::No));
    }

    #[test]
    fn medians_are_bars_where_a_floor_says_nothing() {
        let row = |ours: &[f64]| row(ours, &[1.0; 3], Bar::MedianAtMost(20.0), None);
        assert_eq!(row(&[5.0, 19.0, 90.0]).holds(), Holds::Yes);
        assert_eq!(row(&[5.0, 21.0, 90.0]).holds(), Holds::No);
        assert_eq!(Row { unfit: Some("too loud".to_owned()), ..row(&[5.0]) }.holds(), Holds::Unfit);
    }

    #[test]
    fn two_threads_on_one_core_prove_nothing() {
        assert_eq!(row(&[1.0], &[9.0], Bar::FasterThan("peer"), Some(1.59)).holds(), Holds::Unfit);
        assert_eq!(row(&[1.0], &[9.0], Bar::FasterThan("peer"), Some(1.61)).holds(), Holds::Yes);
    }
}
