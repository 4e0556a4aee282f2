//! When a cursor looks, and how long it parks. Writers neither test a flag nor wake anybody, but for those of prompt kinds, so
//! one who waits comes back by itself: soon at first, later the longer nothing comes.

use std::time::{Duration, Instant};

/// A reader costs the writer the transfer of the line that it commits on, so it comes by no more often than this.
const BETWEEN_LOOKS: Duration = Duration::from_micros(20);
/// So often a recording asks whether somebody still writes: a system call.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(100);
const LEAST: Duration = Duration::from_micros(50);
const MOST: Duration = Duration::from_millis(1);

#[derive(Clone, Debug)]
pub(super) struct Pace {
    looked: Option<Instant>,
    /// When it was asked last whether all is over.
    asked: Option<Instant>,
    least: Duration,
    most: Duration,
    /// The next stay.
    next: Duration,
    pub(super) looks: u64,
    pub(super) parks: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { looked: None, asked: None, least: LEAST, most: MOST, next: LEAST, looks: 0, parks: 0 }
    }
}

impl Pace {
    pub(super) fn set(&mut self, least: Duration, most: Duration) {
        let least = least.max(BETWEEN_LOOKS);
        (self.least, self.most, self.next) = (least, most.max(least), least);
    }

    /// Whether it is time for a look. The system's clock is asked, which takes some 25 ns, a tenth of what a look costs and
    /// no system call; the store's own may be one that is moved by hand.
    pub(super) fn may_look(&self) -> bool {
        self.looked.is_none_or(|looked| looked.elapsed() >= BETWEEN_LOOKS)
    }

    pub(super) fn look(&mut self) {
        self.looked = Some(Instant::now());
        self.looks += 1;
    }

    /// Whether it is time to ask whether all is over. To be asked after [`Pace::look`].
    pub(super) fn may_ask(&mut self) -> bool {
        let is_due = self.asked.is_none_or(|asked| asked.elapsed() >= BETWEEN_QUESTIONS);
        if is_due {
            self.asked = self.looked;
        }
        is_due
    }

    pub(super) fn since_look(&self) -> Duration {
        self.looked.map_or(Duration::ZERO, |looked| looked.elapsed())
    }

    /// How long to wait between looks: at first, and at most.
    pub(super) fn waits(&self) -> (Duration, Duration) {
        (self.least, self.most)
    }

    /// Something was delivered.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.next = self.least;
    }

    /// How long to park next, until `deadline` at the most; `None` if there is no time left.
    pub(super) fn stay(&self, deadline: Option<Instant>) -> Option<Duration> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let stay = left.map_or(self.next, |left| left.min(self.next));
        (!stay.is_zero()).then_some(stay)
    }

    /// The thread is parked: the next time for twice as long, if nothing is delivered in between.
    pub(super) fn parked(&mut self) {
        self.parks += 1;
        self.next = (self.next * 2).min(self.most);
    }
}
