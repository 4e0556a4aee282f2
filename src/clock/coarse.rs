//! The coarse clock: a word that a thread refreshes while somebody asks for it, else the system's own coarse clock.

use super::error::TickError;
use super::sight::{saturating_ns, since_base};
use crate::os;
use crate::sync::{Arc, AtomicU64, CachePadded, Mutex, Relaxed, thread};
use std::fmt;
use std::time::{Duration, Instant};

/// In the word: a thread refreshes it.
const TICKING: u64 = 1 << 63;
/// How often it may be refreshed.
const LEAST: Duration = Duration::from_micros(100);
const MOST: Duration = Duration::from_secs(1);

/// The time to the nanosecond, on the axis of the coarse clock.
pub(super) fn fine() -> u64 {
    os::monotonic_ns().unwrap_or_else(|| since_base(Instant::now()))
}

/// What the handles and readings of one coarse clock share.
#[derive(Debug, Default)]
pub(super) struct Coarse {
    /// The time that was written last. Relaxed: it stands for itself. On a line of its own, since all read it.
    word: CachePadded<AtomicU64>,
    /// In nanoseconds, for the thread; 0: end. Relaxed: the thread is woken to look.
    every: AtomicU64,
    users: Mutex<Users>,
}

/// Who asked for the thread.
#[derive(Debug, Default)]
struct Users {
    intervals: Vec<(u64, Duration)>,
    asked: u64,
    thread: Option<thread::JoinHandle<()>>,
    /// [`os::forks`] when the thread was started.
    born: u32,
}

impl Coarse {
    /// Where it stands, while a thread refreshes it.
    #[inline(always)]
    pub(super) fn ticked(&self) -> Option<u64> {
        let word = self.word.load(Relaxed);
        (word & TICKING != 0).then_some(word & !TICKING)
    }

    /// Where it stands. One load while a thread refreshes it, else a call of the system's coarse clock.
    pub(super) fn now(&self) -> u64 {
        if let Some(ticked) = self.ticked() {
            return ticked;
        }
        let word = self.word.load(Relaxed);
        // The system's clock may lag behind what a thread wrote last.
        os::coarse_ns().unwrap_or_else(fine).max(word)
    }

    /// How far it may lag behind.
    pub(super) fn resolution(&self) -> Duration {
        match self.every.load(Relaxed) {
            0 => Duration::from_nanos(os::coarse_resolution_ns().unwrap_or(0)),
            every => Duration::from_nanos(every),
        }
    }

    pub(super) fn ask(self: &Arc<Self>, every: Duration) -> Result<Ticker, TickError> {
        if !(LEAST..=MOST).contains(&every) {
            return Err(TickError::Interval { every, least: LEAST, most: MOST });
        }
        let mut users = self.users.lock();
        users.asked += 1;
        let number = users.asked;
        users.intervals.push((number, every));
        self.every.store(users.shortest(), Relaxed);
        match &users.thread {
            Some(running) => running.thread().unpark(),
            None => match self.start() {
                Ok(started) => (users.thread, users.born) = (Some(started), os::forks()),
                Err(source) => {
                    users.intervals.clear();
                    self.every.store(0, Relaxed);
                    return Err(TickError::NoThread { source });
                }
            },
        }
        Ok(Ticker { clock: self.clone(), number })
    }

    fn start(self: &Arc<Self>) -> std::io::Result<thread::JoinHandle<()>> {
        let clock = self.clone();
        let builder = thread::Builder::new().name("fd-clock".to_owned());
        os::without_signals(|| builder.spawn(move || clock.run()))
    }

    /// The thread.
    fn run(&self) {
        loop {
            let every = self.every.load(Relaxed);
            if every == 0 {
                break;
            }
            self.word.store(fine() | TICKING, Relaxed);
            thread::park_timeout(Duration::from_nanos(every));
        }
        self.word.store(self.word.load(Relaxed) & !TICKING, Relaxed);
    }

    fn leave(&self, number: u64) {
        let mut users = self.users.lock();
        users.intervals.retain(|(other, _)| *other != number);
        self.every.store(users.shortest(), Relaxed);
        if !users.intervals.is_empty() {
            return;
        }
        let Some(thread) = users.thread.take() else { return };
        if os::SEES_FORKS && os::forks() != users.born {
            // It runs in the parent. Here nothing refreshes the word any more.
            self.word.store(self.word.load(Relaxed) & !TICKING, Relaxed);
            std::mem::forget(thread);
            return;
        }
        thread.thread().unpark();
        // Within the lock, which it never takes: whoever asks next finds it gone. A panic in it has nowhere to come from.
        let _ = thread.join();
    }
}

impl Users {
    /// In nanoseconds; 0 if there is none.
    fn shortest(&self) -> u64 {
        self.intervals.iter().map(|(_, every)| saturating_ns(*every)).min().unwrap_or(0)
    }
}

/// Keeps a thread that refreshes a coarse clock: see [`Clock::tick_every`](super::Clock::tick_every). The thread ends
/// with the last of them, before its drop returns.
#[must_use = "the thread ends when this is dropped"]
pub struct Ticker {
    clock: Arc<Coarse>,
    number: u64,
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").field("resolution", &self.clock.resolution()).finish_non_exhaustive()
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.clock.leave(self.number);
    }
}
