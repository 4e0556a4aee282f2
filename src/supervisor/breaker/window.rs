//! The calls that a breaker judges by: the last so many, or those of the last so much time.
//!
//! Whoever succeeds only counts, so a window learns of successes when it is looked at next: at the next failure or slow call,
//! at the next tick, or when a thread has come to [`NOTICED_EVERY`] successes. Those that it learns of at once are taken to
//! have come before the failures beside them, and to have been spread evenly over the time since the last look.

use super::cells::Sums;
use super::settings::BreakerWindow;
use super::word::Word;

/// How many successes of a thread a window may not know of.
pub(crate) const NOTICED_EVERY: u64 = 256;

/// Parts of a window of time. A call leaves it with the part it lies in.
const SLOTS: usize = 10;

/// What is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) slow: u64,
    /// Failures since the last success.
    pub(crate) in_a_row: u64,
}

/// The window of one generation.
#[derive(Debug)]
pub(crate) struct Window {
    of: Word,
    kind: BreakerWindow,
    known: Sums,
    in_a_row: u64,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Calls(Calls),
    Time(Slots),
}

impl Window {
    /// Of a generation that began at that millisecond, and has come to `known` before.
    pub(crate) fn new(of: Word, kind: BreakerWindow, since: u64, known: Sums) -> Self {
        let kept = match kind {
            BreakerWindow::Calls(calls) => Kept::Calls(Calls::new(calls as usize)),
            BreakerWindow::Time(length) => Kept::Time(Slots::new(length.as_millis() as u64, since)),
        };
        Self { of, kind, known, in_a_row: 0, kept }
    }

    /// Begins anew, in the same memory if it is of that kind.
    pub(crate) fn begin(&mut self, of: Word, kind: BreakerWindow, since: u64, known: Sums) {
        if self.kind != kind {
            *self = Self::new(of, kind, since, known);
            return;
        }
        (self.of, self.known, self.in_a_row) = (of, known, 0);
        match &mut self.kept {
            Kept::Calls(calls) => calls.clear(),
            Kept::Time(slots) => slots.clear(since),
        }
    }

    /// Whether it is of that generation and kind.
    pub(crate) fn is(&self, of: Word, kind: BreakerWindow) -> bool {
        self.is_of(of) && self.kind == kind
    }

    /// Whether it is of that generation.
    pub(crate) fn is_of(&self, of: Word) -> bool {
        self.of.generation() == of.generation()
    }

    /// Takes what the generation has come to by now, at that millisecond.
    pub(crate) fn take(&mut self, sums: Sums, now: u64) -> Seen {
        let new = sums.since(self.known);
        self.known = sums;
        let failures = new.failure + new.slow_failure;
        self.in_a_row = if new.success + new.slow_success > 0 { failures } else { self.in_a_row + failures };
        let (calls, failed, slow) = match &mut self.kept {
            Kept::Calls(calls) => calls.take(new),
            Kept::Time(slots) => slots.take(new, now),
        };
        Seen { calls, failed, slow, in_a_row: self.in_a_row }
    }
}

/// The last so many calls, two bits each.
#[derive(Debug)]
struct Calls {
    /// Bit 0: failed; bit 1: slow.
    last: Box<[u8]>,
    next: usize,
    len: usize,
    failed: u64,
    slow: u64,
}

const FAILED: u8 = 1;
const SLOW: u8 = 2;

impl Calls {
    fn new(most: usize) -> Self {
        Self { last: vec![0; most.max(1)].into(), next: 0, len: 0, failed: 0, slow: 0 }
    }

    fn clear(&mut self) {
        self.last.fill(0);
        (self.next, self.len, self.failed, self.slow) = (0, 0, 0, 0);
    }

    fn take(&mut self, new: Sums) -> (u64, u64, u64) {
        self.push(new.success, 0);
        self.push(new.slow_success, SLOW);
        self.push(new.failure, FAILED);
        self.push(new.slow_failure, FAILED | SLOW);
        (self.len as u64, self.failed, self.slow)
    }

    fn push(&mut self, times: u64, what: u8) {
        // More than fit push each other out.
        for _ in 0..times.min(self.last.len() as u64) {
            if let Some(place) = self.last.get_mut(self.next) {
                let gone = std::mem::replace(place, what);
                self.failed += u64::from(what & FAILED != 0);
                self.failed -= u64::from(gone & FAILED != 0);
                self.slow += u64::from(what & SLOW != 0);
                self.slow -= u64::from(gone & SLOW != 0);
            }
            self.next = if self.next + 1 < self.last.len() { self.next + 1 } else { 0 };
            self.len = (self.len + 1).min(self.last.len());
        }
    }
}

/// The calls of the last so much time, by the part of it in which they were noticed.
#[derive(Debug)]
struct Slots {
    /// How long one is, in milliseconds.
    width: u64,
    /// The number of the newest, counted from when the breaker began.
    newest: u64,
    /// By number, modulo how many there are.
    slots: Box<[Slot; SLOTS]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    calls: u64,
    failed: u64,
    slow: u64,
}

impl Slots {
    fn new(length: u64, since: u64) -> Self {
        let width = length.div_ceil(SLOTS as u64).max(1);
        Self { width, newest: since / width, slots: Box::default() }
    }

    fn clear(&mut self, since: u64) {
        self.newest = since / self.width;
        *self.slots = Default::default();
    }

    fn slot(&mut self, number: u64) -> &mut Slot {
        &mut self.slots[(number % SLOTS as u64) as usize]
    }

    fn take(&mut self, new: Sums, now: u64) -> (u64, u64, u64) {
        // Time does not go back.
        let newest = self.newest.max(now / self.width);
        let passed = newest - self.newest;
        let shared_by = passed + 1;
        let all = SLOTS as u64;
        for number in (newest + 1).saturating_sub(passed.min(all))..=newest {
            if number > self.newest {
                *self.slot(number) = Slot::default();
            }
        }
        let oldest = self.newest.max((newest + 1).saturating_sub(all));
        for number in oldest..=newest {
            self.slot(number).calls += new.success / shared_by;
        }
        self.newest = newest;
        let newest = self.slot(newest);
        newest.calls += new.success % shared_by + new.failure + new.slow_success + new.slow_failure;
        newest.failed += new.failure + new.slow_failure;
        newest.slow += new.slow_success + new.slow_failure;
        let add =
            |(calls, failed, slow), slot: &Slot| (calls + slot.calls, failed + slot.failed, slow + slot.slow);
        self.slots.iter().fold((0, 0, 0), add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sums(success: u64, failure: u64) -> Sums {
        Sums { success, failure, ..Sums::default() }
    }

    #[test]
    fn the_last_calls_count_and_no_others() {
        let mut window = Window::new(Word::NEW, BreakerWindow::Calls(4), 0, Sums::default());
        assert_eq!(window.take(sums(0, 3), 0), Seen { calls: 3, failed: 3, slow: 0, in_a_row: 3 });
        assert_eq!(window.take(sums(2, 4), 0), Seen { calls: 4, failed: 2, slow: 0, in_a_row: 1 });
        assert_eq!(window.take(sums(1_000_002, 5), 0).failed, 1);
        let slow = Sums { slow_success: 1, slow_failure: 1, ..sums(1_000_002, 5) };
        assert_eq!(window.take(slow, 0), Seen { calls: 4, failed: 2, slow: 2, in_a_row: 1 });
    }

    #[test]
    fn what_is_older_than_the_window_is_gone_with_its_part() {
        let kind = BreakerWindow::Time(Duration::from_millis(100));
        let mut window = Window::new(Word::NEW, kind, 0, Sums::default());
        assert_eq!(window.take(sums(1, 1), 5).calls, 2);
        assert_eq!(window.take(sums(1, 2), 99), Seen { calls: 3, failed: 2, slow: 0, in_a_row: 2 });
        assert_eq!(window.take(sums(1, 2), 100), Seen { calls: 1, failed: 1, slow: 0, in_a_row: 2 });
        assert_eq!(window.take(sums(1, 2), 190).calls, 0);
        assert_eq!(window.take(sums(1, 3), 90_000).calls, 1);
        assert_eq!(window.take(sums(1, 4), 10).calls, 2, "time goes back");
    }

    #[test]
    fn successes_that_are_noticed_late_are_spread_over_the_time_before() {
        let kind = BreakerWindow::Time(Duration::from_millis(100));
        let mut window = Window::new(Word::NEW, kind, 0, Sums::default());
        assert_eq!(window.take(sums(20, 0), 199).calls, 10, "half of them are too old");
        assert_eq!(window.take(sums(20, 0), 249).calls, 5);
        let mut window = Window::new(Word::NEW, kind, 0, Sums::default());
        assert_eq!(window.take(sums(7, 0), 19).calls, 7, "and none is lost in the division");
    }
}
