//! What the supervisor's thread is at: so that others see when it is stuck. It cannot say so itself.

use crate::sync::{Arc, AtomicU64, Mutex, Relaxed};
use std::time::{Duration, Instant};

/// Set by the supervisor's thread, read by anybody. One word, which stands for itself: Relaxed.
pub(crate) struct Watchdog {
    began: Instant,
    /// Nanoseconds since `began`, and in the lowest bit whether it sleeps: until then if it does, else at work since
    /// then.
    turn: AtomicU64,
    /// What of the host's it is in.
    doing: Mutex<Option<Arc<str>>>,
}

const ASLEEP: u64 = 1;

impl Watchdog {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), turn: AtomicU64::new(0), doing: Mutex::default() }
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Its thread begins something.
    pub(crate) fn awake(&self) {
        self.turn.store(self.nanos(Instant::now()) & !ASLEEP, Relaxed);
    }

    /// Its thread calls something of the host's.
    pub(crate) fn enter(&self, what: &Arc<str>) {
        *self.doing.lock() = Some(what.clone());
        self.awake();
    }

    /// That is over.
    pub(crate) fn leave(&self) {
        *self.doing.lock() = None;
        self.awake();
    }

    /// Its thread sleeps, until then or until it is woken.
    pub(crate) fn asleep(&self, until: Option<Instant>) {
        self.turn.store(until.map_or(u64::MAX, |until| self.nanos(until)) | ASLEEP, Relaxed);
    }

    /// For how long it has been at one thing, or asleep when it was to be up.
    pub(crate) fn late(&self) -> Duration {
        let turn = self.turn.load(Relaxed);
        Duration::from_nanos(self.nanos(Instant::now()).saturating_sub(turn))
    }

    /// What of the host's it is in, if in anything.
    pub(crate) fn doing(&self) -> Option<Arc<str>> {
        self.doing.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sleeps_is_late_only_when_its_time_is_over() {
        let dog = Watchdog::new();
        let hour = Duration::from_secs(3_600);
        dog.asleep(Some(Instant::now() + hour));
        assert_eq!(dog.late(), Duration::ZERO);
        dog.asleep(None);
        assert_eq!(dog.late(), Duration::ZERO);
        dog.asleep(Some(Instant::now()));
        std::thread::sleep(Duration::from_millis(2));
        assert!(dog.late() >= Duration::from_millis(1));
        dog.enter(&"chore `look`".into());
        assert!(dog.late() < hour && dog.doing().is_some());
        std::thread::sleep(Duration::from_millis(2));
        assert!(dog.late() >= Duration::from_millis(1));
        dog.leave();
        assert_eq!(dog.doing(), None);
    }
}
