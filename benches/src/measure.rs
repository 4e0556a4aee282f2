//! Sides of a comparison, and how they take turns.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// One way to do something.
pub struct Side<'a> {
    pub(crate) name: String,
    batch: Box<dyn FnMut(u64) + 'a>,
}

impl<'a> Side<'a> {
    /// A side that runs `batch` for a number of operations.
    pub fn new(name: impl Into<String>, batch: impl FnMut(u64) + 'a) -> Self {
        Self { name: name.into(), batch: Box::new(batch) }
    }

    /// A side of one operation. It is given a running number that the compiler does not know.
    pub fn each(name: impl Into<String>, mut operation: impl FnMut(u64) + 'a) -> Self {
        let mut done = 0_u64;
        Self::new(name, move |count| {
            // Counted in a register, so that the loop itself stores nothing.
            for number in done..done + count {
                operation(black_box(number + 1));
            }
            done += count;
        })
    }

    fn time(&mut self, count: u64) -> Duration {
        let start = Instant::now();
        (self.batch)(count);
        start.elapsed()
    }

    /// The same after so many operations: enough to have touched all memory, so that no sample holds the
    /// system's work of handing out pages.
    #[must_use]
    pub fn warmed(mut self, count: u64) -> Self {
        (self.batch)(count);
        self
    }
}

/// How many operations take about as long as `batch`, where `time` says how long so many of them took.
fn operations_in(batch: Duration, mut time: impl FnMut(u64) -> Duration) -> u64 {
    let mut count = 1;
    loop {
        // The least of three: one interruption would make a batch of a single operation.
        let took = (0..3).map(|_| time(count)).min().unwrap_or_default();
        if took * 2 >= batch {
            let share = batch.as_secs_f64() / took.as_secs_f64();
            return ((count as f64 * share) as u64).max(1);
        }
        count *= 2;
    }
}

/// What a side took in each round, in the unit of its row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples(pub Vec<f64>);

impl Samples {
    /// The least.
    #[must_use]
    pub fn floor(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The middle.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(&self.0)
    }

    /// The middle of the ratios to another side, each taken within its round.
    #[must_use]
    pub fn ratio_to(&self, other: &Self) -> f64 {
        median(&self.ratios_to(other))
    }

    /// Between which two of those ratios the middle one of all there could be lies, at 95 % at least, whatever their distribution: by
    /// their ranks. None of fewer than six.
    #[must_use]
    pub fn ratio_interval(&self, other: &Self) -> Option<(f64, f64)> {
        let mut ratios = self.ratios_to(other);
        ratios.sort_unstable_by(f64::total_cmp);
        // How likely fewer than so many of them are below the middle: tosses of a coin.
        let (mut left_out, mut term, mut below) = (0, 0.5_f64.powi(ratios.len() as i32), 0.0);
        while below + term <= 0.025 && left_out < ratios.len() {
            below += term;
            left_out += 1;
            term *= (ratios.len() - left_out + 1) as f64 / left_out as f64;
        }
        let last = left_out.checked_sub(1)?;
        Some((*ratios.get(last)?, *ratios.get(ratios.len() - 1 - last)?))
    }

    fn ratios_to(&self, other: &Self) -> Vec<f64> {
        self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect()
    }

    /// So many samples, each the middle of as many that followed each other; what is left over at the end is left out.
    #[must_use]
    pub fn merged(&self, samples: usize) -> Self {
        let each = (self.0.len() / samples).max(1);
        Self(self.0.chunks_exact(each).take(samples).map(median).collect())
    }
}

/// The middle of some numbers; not a number if there are none.
#[must_use]
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

/// How long and how often sides are run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often each side has its turn.
    pub rounds: usize,
    /// How long a turn lasts, about.
    pub batch: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self { rounds: 101, batch: Duration::from_millis(4) }
    }
}

/// Runs the sides in turn. Returns nanoseconds per operation, one sample a round.
pub fn in_turn(sides: &mut [Side<'_>], plan: Plan) -> Vec<Samples> {
    let counts: Vec<u64> =
        sides.iter_mut().map(|side| operations_in(plan.batch, |count| side.time(count))).collect();
    let mut samples = vec![Samples(Vec::with_capacity(plan.rounds)); sides.len()];
    for _ in 0..plan.rounds {
        for ((side, count), samples) in sides.iter_mut().zip(&counts).zip(&mut samples) {
            samples.0.push(side.time(*count).as_nanos() as f64 / *count as f64);
        }
    }
    samples
}

/// The loop around an operation, with no operation in it.
#[must_use]
pub fn empty_loop() -> Samples {
    let plan = Plan { rounds: 25, ..Plan::default() };
    in_turn(&mut [Side::each("empty loop", |_| ())], plan).remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_ratio_cancels_a_machine_that_drifts() {
        let slow_down = |base: f64| Samples((1..=9).map(|round| base * f64::from(round)).collect());
        let (ours, theirs) = (slow_down(2.0), slow_down(1.0));
        assert_eq!(ours.ratio_to(&theirs), 2.0);
        assert_eq!((ours.floor(), ours.median()), (2.0, 10.0));
    }

    #[test]
    fn the_interval_is_that_of_tables_of_the_sign_test() {
        let ratios = |len: u32| {
            let ours = Samples((1..=len).rev().map(f64::from).collect());
            ours.ratio_interval(&Samples(vec![1.0; len as usize]))
        };
        assert_eq!([ratios(0), ratios(5)], [None, None]);
        assert_eq!([ratios(6), ratios(20)], [Some((1.0, 6.0)), Some((6.0, 15.0))]);
        assert_eq!(ratios(100), Some((40.0, 61.0)));
    }

    #[test]
    fn merged_samples_are_middles_of_neighbours() {
        let samples = Samples(vec![1.0, 9.0, 2.0, 5.0, 4.0, 60.0, 7.0]);
        assert_eq!(samples.merged(2), Samples(vec![2.0, 5.0]));
        assert_eq!(samples.merged(20).0.len(), 7);
    }

    #[test]
    fn one_slow_call_does_not_make_batches_small() {
        let batch = Duration::from_millis(8);
        let operations = |slow_call| {
            let mut calls = 0;
            operations_in(batch, |count| {
                calls += 1;
                let slow = if calls == slow_call { 3 * batch } else { Duration::ZERO };
                slow + Duration::from_micros(count)
            })
        };
        // One of a count of 1, of a greater one, and none.
        assert_eq!([1, 20, u64::MAX].map(operations), [operations(u64::MAX); 3]);
        assert!((7_999..=8_000).contains(&operations(1)), "{}", operations(1));
    }

    #[test]
    fn sides_take_turns_and_are_all_sampled() {
        let turns = RefCell::new(Vec::new());
        let side = |name: &'static str| {
            let turns = &turns;
            Side::new(name, move |count| {
                turns.borrow_mut().push(name);
                std::thread::sleep(Duration::from_micros(count.min(200)));
            })
        };
        let plan = Plan { rounds: 3, batch: Duration::from_micros(50) };
        let samples = in_turn(&mut [side("a"), side("b")], plan);
        assert_eq!(turns.borrow()[turns.borrow().len() - 6..], ["a", "b", "a", "b", "a", "b"]);
        assert!(samples.iter().all(|samples| samples.0.len() == 3 && samples.floor() > 0.0));
    }
}
