//! Where panics are thrown, how many so far, and with what.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Code of the host that panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    Worker,
    Chore,
    Update,
    Validator,
    Subscriber,
    Queued,
    Filter,
    Observer,
    Derivation,
    Handler,
    QueuedHandler,
    HandlerObserver,
    Stage,
    Sink,
    Capture,
    Receipt,
    Work,
    Field,
    Message,
}

impl Site {
    pub const ALL: [Self; 19] = [
        Self::Worker,
        Self::Chore,
        Self::Update,
        Self::Validator,
        Self::Subscriber,
        Self::Queued,
        Self::Filter,
        Self::Observer,
        Self::Derivation,
        Self::Handler,
        Self::QueuedHandler,
        Self::HandlerObserver,
        Self::Stage,
        Self::Sink,
        Self::Capture,
        Self::Receipt,
        Self::Work,
        Self::Field,
        Self::Message,
    ];
}

/// So many panics.
#[derive(Debug)]
pub struct Chaos {
    wanted: u64,
    thrown: AtomicU64,
    by_site: [AtomicU64; Site::ALL.len()],
}

/// A payload that panics when it is dropped.
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("and another thing");
        }
    }
}

impl Chaos {
    pub fn new(wanted: u64) -> Self {
        Self { wanted, thrown: AtomicU64::new(0), by_site: [const { AtomicU64::new(0) }; Site::ALL.len()] }
    }

    pub fn thrown(&self) -> u64 {
        self.thrown.load(Relaxed)
    }

    /// Whether there are still some to come.
    pub fn lasts(&self) -> bool {
        self.thrown() < self.wanted
    }

    /// How much of it is over.
    pub fn part(&self) -> f64 {
        self.thrown() as f64 / self.wanted as f64
    }

    pub fn count(&self, site: Site) -> u64 {
        self.by_site[site as usize].load(Relaxed)
    }

    /// Panics, with texts, with other things, and with what panics once more when it is dropped.
    pub fn panic(&self, site: Site) -> ! {
        self.by_site[site as usize].fetch_add(1, Relaxed);
        match self.thrown.fetch_add(1, Relaxed) % 4 {
            0 => panic!("chaos"),
            1 => panic!("chaos at {site:?}"),
            2 => panic_any(7_u64),
            _ => panic_any(Spiteful),
        }
    }

    /// While the storm lasts, and this site has not had its share of it: of some that would take them all, others are left
    /// some.
    pub fn panic_while_it_lasts(&self, site: Site) {
        let share = match site {
            Site::Worker => self.wanted / 2,
            Site::Chore => self.wanted / 10,
            Site::Stage | Site::Sink => self.wanted / 20,
            _ => self.wanted,
        };
        if self.lasts() && self.count(site) < share {
            self.panic(site);
        }
    }
}

/// Runs what is to panic all the way through.
#[track_caller]
pub fn caught<E>(run: impl FnOnce() -> Result<(), E>) {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(_) => panic!("it did not panic"),
        // Some of them panic when they are dropped.
        Err(payload) => std::mem::forget(payload),
    }
}

/// A generator of numbers that look random (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }
}
