//! How often somebody may ask for events: a storm of failures shall not be one of questions.

use std::time::{Duration, Instant};

/// So many within a second.
const MOST: u32 = 32;
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    admitted: u32,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, admitted: 0 }
    }

    /// Whether one more may ask.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= SECOND {
            *self = Self::new(now);
        }
        let admitted = self.admitted < MOST;
        self.admitted += u32::from(admitted);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_ask_in_a_second_and_no_more() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut admitted =
            |ms: u64| (0..1_000).filter(|_| pace.admits(start + Duration::from_millis(ms))).count();
        assert_eq!([0, 500, 999, 1_000, 1_999, 60_000].map(&mut admitted), [32, 0, 0, 32, 0, 32]);
    }
}
