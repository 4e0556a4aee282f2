//! How long to wait before the next attempt: delays that grow, and differ between those who failed together.

use std::time::Duration;

/// Delays that grow with each attempt in a row: `least`, then `factor` times as long each, up to `most`; changed at random
/// as [`Jitter`] says.
///
/// ```
/// use flightdeck::supervisor::{Backoff, Jitter};
/// use std::time::Duration;
///
/// const PATIENT: Backoff =
///     Backoff::between(Duration::from_millis(100), Duration::from_secs(30)).factor(3.0).jitter(Jitter::Full);
/// assert_eq!(Backoff::default(), Backoff::between(Duration::from_millis(10), Duration::from_secs(10)));
/// # let _ = PATIENT;
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Backoff {
    /// The first, before jitter.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
    /// How much longer each is than the one before; 2 by default. Below 1, or no number: 1.
    pub factor: f64,
    /// What chance has a say in; half of each delay by default.
    pub jitter: Jitter,
}

/// What part of a delay is left to chance, so that those who failed together do not come back together. As in "Exponential
/// Backoff And Jitter" (M. Brooker, AWS Architecture Blog, 2015), where they are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Jitter {
    /// None: for one that fails alone.
    None,
    /// Half of it: never less than half a delay.
    #[default]
    Equal,
    /// All of it: least load by those who come back, but some of them at once.
    Full,
    /// Anything between `least` and three times the delay before. Takes no account of `factor`.
    Decorrelated,
}

impl Default for Backoff {
    /// From 10 ms to 10 s, doubled, with [`Jitter::Equal`].
    fn default() -> Self {
        Self::between(Duration::from_millis(10), Duration::from_secs(10))
    }
}

/// Two are the same if they make the same delays: of factors below 1, and of what is no number, each is 1.
impl PartialEq for Backoff {
    fn eq(&self, other: &Self) -> bool {
        let Self { least, most, factor, jitter } = *self;
        (least, most, jitter) == (other.least, other.most, other.jitter)
            && factor.max(1.0) == other.factor.max(1.0)
    }
}

impl Eq for Backoff {}

impl Backoff {
    /// From `least` on, doubled, up to `most`, with [`Jitter::Equal`].
    #[must_use]
    pub const fn between(least: Duration, most: Duration) -> Self {
        Self { least, most, factor: 2.0, jitter: Jitter::Equal }
    }

    /// How much longer each delay is than the one before.
    #[must_use]
    pub const fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// What chance has a say in.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// The delay after so many failures in a row and after the delay `before`; zero after none. `chance`, from 0 to 1, is the
    /// part of what jitter may take that it takes: none of it at 0.
    pub(crate) fn delay(&self, failures: u32, before: Duration, chance: f64) -> Duration {
        let Some(step) = failures.checked_sub(1) else { return Duration::ZERO };
        let chance = if chance.is_nan() { 0.0 } else { chance.clamp(0.0, 1.0) };
        let least = self.least.min(self.most);
        let (full, taken) = match self.jitter {
            Jitter::None => (self.grown(step), 0.0),
            Jitter::Equal => (self.grown(step), 0.5),
            Jitter::Full => (self.grown(step), 1.0),
            Jitter::Decorrelated => {
                let longest = before.max(least).saturating_mul(3).min(self.most);
                return longest - part(longest - least, chance);
            }
        };
        full - part(full, taken * chance)
    }

    /// The delay of that step, before jitter.
    fn grown(&self, step: u32) -> Duration {
        let factor = self.factor.max(1.0).powi(step.min(i32::MAX as u32) as i32);
        if factor == 1.0 {
            return self.least.min(self.most);
        }
        let ns = self.least.as_nanos() as f64 * factor;
        // Of nothing at all, infinitely much is nothing.
        let ns = if ns.is_nan() { 0 } else { ns as u64 };
        Duration::from_nanos(ns).min(self.most)
    }
}

/// So much of it, and no more than it: std's product panics where it is rounded beyond the longest.
fn part(of: Duration, fraction: f64) -> Duration {
    Duration::from_nanos((of.as_nanos() as f64 * fraction) as u64).min(of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn delays(backoff: Backoff, chance: f64) -> Vec<Duration> {
        let mut before = Duration::ZERO;
        (0..6)
            .map(|failures| {
                before = backoff.delay(failures, before, chance);
                before
            })
            .collect()
    }

    #[test]
    fn each_kind_of_jitter_is_that_of_its_definition() {
        let all = |jitter, chance| delays(Backoff::between(10 * MS, 100 * MS).jitter(jitter), chance);
        let ms = |ms: [u32; 6]| ms.map(|ms| ms * MS).to_vec();
        for chance in [0.0, 0.5, 1.0, f64::NAN] {
            assert_eq!(all(Jitter::None, chance), ms([0, 10, 20, 40, 80, 100]));
        }
        assert_eq!(all(Jitter::Equal, 0.0), ms([0, 10, 20, 40, 80, 100]));
        assert_eq!(all(Jitter::Equal, 1.0), ms([0, 5, 10, 20, 40, 50]));
        assert_eq!(all(Jitter::Full, 1.0), ms([0; 6]));
        assert_eq!(all(Jitter::Full, 0.5), ms([0, 5, 10, 20, 40, 50]));
        assert_eq!(all(Jitter::Decorrelated, 0.0), ms([0, 30, 90, 100, 100, 100]));
        assert_eq!(all(Jitter::Decorrelated, 1.0), ms([0, 10, 10, 10, 10, 10]));
        assert_eq!(all(Jitter::Decorrelated, 0.5)[..3], ms([0, 20, 35, 0, 0, 0])[..3]);
    }

    #[test]
    fn factors_are_kept_in_bounds() {
        let second = |factor| Backoff::between(10 * MS, 100 * MS).factor(factor).delay(2, MS, 0.0);
        assert_eq!([second(3.0), second(1.5)], [30 * MS, 15 * MS]);
        for strange in [1.0, 0.0, -5.0, f64::NAN] {
            assert_eq!(second(strange), 10 * MS, "{strange}");
        }
        assert_eq!(second(f64::INFINITY), 100 * MS);
        let zero = Backoff::between(Duration::ZERO, Duration::MAX).factor(f64::INFINITY);
        assert_eq!(zero.delay(u32::MAX, MS, 0.0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_delay_lies_within_its_bounds(
            least in any::<u64>(), most in any::<u64>(), before in any::<u64>(), failures in 1..=u32::MAX,
            factor in any::<f64>(), chance in 0.0..=1.0_f64, which in 0_usize..4,
        ) {
            let jitter = [Jitter::None, Jitter::Equal, Jitter::Full, Jitter::Decorrelated][which];
            let (least, most) = (Duration::from_nanos(least), Duration::from_nanos(most));
            let backoff = Backoff::between(least, most).factor(factor).jitter(jitter);
            let delay = |chance| backoff.delay(failures, Duration::from_nanos(before), chance);
            let (ours, full) = (delay(chance), delay(0.0));
            prop_assert!(ours <= full && full <= most);
            let lowest = match jitter {
                Jitter::None => full,
                Jitter::Equal => (full / 2).saturating_sub(Duration::from_micros(10)),
                Jitter::Full => Duration::ZERO,
                Jitter::Decorrelated => least.min(most),
            };
            prop_assert!(ours >= lowest, "{ours:?} of {full:?}");
            prop_assert!(jitter == Jitter::Decorrelated || failures > 1 || full == least.min(most));
        }
    }
}
