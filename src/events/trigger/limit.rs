//! How often a trigger may capture: no more than so many times in any stretch of so long.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many captures a limit may allow.
pub(super) const MOST: usize = 1_000;

/// When it captured last, as far as that still counts. By the system's clock: what it guards is the host's time and memory,
/// whatever stamps events bring.
#[derive(Debug)]
pub(super) struct Limit {
    times: usize,
    per: Duration,
    taken: VecDeque<Instant>,
}

impl Limit {
    pub(super) fn new(times: usize, per: Duration) -> Self {
        Self { times, per, taken: VecDeque::with_capacity(times) }
    }

    /// Whether one more is within the limit; then it counts.
    pub(super) fn takes(&mut self, now: Instant) -> bool {
        while self.taken.front().is_some_and(|first| now.saturating_duration_since(*first) >= self.per) {
            self.taken.pop_front();
        }
        let is_within = self.taken.len() < self.times;
        if is_within {
            self.taken.push_back(now);
        }
        is_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stretch_of_time_has_more_than_the_limit() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut limit = Limit::new(3, ms(10));
        let taken: Vec<u32> = (0..1_000).filter(|at| limit.takes(start + ms(1) * *at)).collect();
        assert_eq!(taken[..7], [0, 1, 2, 10, 11, 12, 20]);
        assert_eq!(taken.len(), 300);
        assert!(taken.windows(4).all(|four| four[3] - four[0] >= 10));
    }
}
