//! Runs a storm: threads that shuttle schedules at random, many times over. Half of the schedules pick whoever runs next by lot;
//! the other half give threads priorities and change them a few times (PCT; Burckhardt et al. 2010), which finds what takes few
//! preemptions, but at the right places, among many steps.
//!
//! shuttle knows no order but that of `SeqCst`, and does not try everything: orderings and small cases are for the models in
//! `loom-tests/tests`. Storms are for what is too large for these: many threads, and when which of them ends.

#![allow(dead_code, reason = "each storm file uses the part it needs")]

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where random numbers begin, so that each run is the same; one more for each further batch.
const SEED: u64 = 5;
/// How often priorities change in a schedule.
const CHANGES: usize = 3;

/// A storm and what it is called.
pub struct Storm<F> {
    name: &'static str,
    body: F,
}

impl<F: Fn() + Send + Sync + Clone + 'static> Storm<F> {
    pub fn new(name: &'static str, body: F) -> Self {
        Self { name, body }
    }

    /// Runs it in so many schedules, in all of which it must hold.
    pub fn holds(self, schedules: usize) -> Self {
        let ran = Arc::default();
        self.run(schedules, FailurePersistence::Print, &ran);
        assert_eq!(ran.load(Ordering::Relaxed), schedules);
        println!("storm {}: {schedules} schedules", self.name);
        self
    }

    /// Runs it where the protocol does `wrong`: it must fail in one of so many schedules.
    pub fn fails(self, schedules: usize, wrong: &str) {
        let silent = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let ran = Arc::default();
        let run = || self.run(schedules, FailurePersistence::None, &ran);
        let outcome = catch_unwind(AssertUnwindSafe(run));
        std::panic::set_hook(silent);
        let ran = ran.load(Ordering::Relaxed);
        assert!(outcome.is_err(), "storm {}: holds in {ran} schedules, with {wrong}", self.name);
        println!("storm {}: fails with {wrong}, as it must, in schedule {ran}", self.name);
    }

    fn run(&self, schedules: usize, persistence: FailurePersistence, ran: &Arc<AtomicUsize>) {
        let by_lot = schedules / 2;
        let schedulers: [Box<dyn Scheduler + Send>; 2] = [
            Box::new(RandomScheduler::new_from_seed(SEED, by_lot)),
            Box::new(PctScheduler::new_from_seed(SEED + 1, CHANGES, schedules - by_lot)),
        ];
        for scheduler in schedulers {
            let mut config = Config::new();
            config.stack_size = 1 << 17;
            config.failure_persistence = persistence.clone();
            // The warning says what is said above.
            config.silence_warnings = true;
            let (ran, body) = (ran.clone(), self.body.clone());
            Runner::new(scheduler, config).run(move || {
                ran.fetch_add(1, Ordering::Relaxed);
                body();
            });
        }
    }
}

/// How often each outcome was seen over all schedules.
#[derive(Clone, Default)]
pub struct Seen(Arc<AtomicUsize>);

impl Seen {
    /// Counts one.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The outcome must have occurred.
    pub fn at_least_once(&self, what: &str) {
        assert!(self.0.load(Ordering::Relaxed) > 0, "no schedule showed: {what}");
    }
}
