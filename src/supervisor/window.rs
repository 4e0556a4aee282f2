//! How often the children of one supervisor may be started again.

use std::collections::VecDeque;
use std::time::Duration;

/// The restarts of the last while, in virtual time.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    most: usize,
    length: Duration,
    restarts: VecDeque<Duration>,
}

impl Window {
    pub(crate) fn new(most: usize, length: Duration) -> Self {
        Self { most, length, restarts: VecDeque::new() }
    }

    /// Notes a restart at `now`; `false` if it is one too many.
    pub(crate) fn admit(&mut self, now: Duration) -> bool {
        while self.restarts.front().is_some_and(|first| now.saturating_sub(*first) >= self.length) {
            self.restarts.pop_front();
        }
        let admitted = self.restarts.len() < self.most;
        if admitted {
            self.restarts.push_back(now);
        }
        admitted
    }

    /// None so far.
    pub(crate) fn clear(&mut self) {
        self.restarts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// OTP's rule: a restart is one too many if `most` others lie less than a window before it.
        #[test]
        fn the_window_is_that_of_otp(steps in prop::collection::vec(0_u64..30, 1..60), most in 0_usize..5) {
            let mut window = Window::new(most, Duration::from_secs(60));
            let (mut now, mut admitted) = (0, Vec::<u64>::new());
            for step in steps {
                now += step;
                let within = admitted.iter().filter(|then| now - **then < 60).count();
                let expected = within < most;
                prop_assert_eq!(window.admit(Duration::from_secs(now)), expected);
                if expected {
                    admitted.push(now);
                }
            }
        }
    }
}
