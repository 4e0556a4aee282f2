//! A counter and system clocks that a test moves: what the machine's clocks do in a suspension, a migration, a change of
//! rate. All behind them is the real thing.

use super::sight::Sight;
use crate::sync::Mutex;
use std::time::Duration;

/// A counter and system clocks that a test moves.
#[derive(Debug)]
pub(crate) struct Script {
    machine: Mutex<Machine>,
    is_nanoseconds: bool,
}

/// All clocks of a machine.
#[derive(Debug)]
pub(crate) struct Machine(Sight);

impl Machine {
    /// Time passes, and the counter runs at so many ticks a nanosecond.
    pub(crate) fn pass(&mut self, time: Duration, ticks_per_ns: f64) {
        let ticks = (time.as_nanos() as f64 * ticks_per_ns).round() as u64;
        self.0.ticks = self.0.ticks.wrapping_add(ticks);
        self.0.awake_ns += time.as_nanos() as u64;
        self.suspend(time);
    }

    /// Time passes while the system is suspended and the counter stands still.
    pub(crate) fn suspend(&mut self, time: Duration) {
        self.0.total_ns += time.as_nanos() as u64;
        self.0.unix_ns += time.as_nanos() as u64;
    }

    /// The counter jumps, as when a guest moves to another machine.
    pub(crate) fn jump(&mut self, ticks: i64) {
        self.0.ticks = self.0.ticks.wrapping_add_signed(ticks);
    }
}

impl Script {
    /// As of a machine that has run for a while.
    pub(crate) fn counter() -> Self {
        let machine = Machine(Sight {
            ticks: 7_000_000_000_000,
            awake_ns: 1_000_000_000_000,
            total_ns: 1_500_000_000_000,
            unix_ns: 1_700_000_000_000_000_000,
            // As wide as a reading of the system's clocks on a common machine.
            width: 200,
        });
        Self { machine: Mutex::new(machine), is_nanoseconds: false }
    }

    /// The same with a clock whose ticks are nanoseconds.
    pub(crate) fn system() -> Self {
        Self { is_nanoseconds: true, ..Self::counter() }
    }

    /// Several things happen before anybody looks.
    pub(crate) fn at_once(&self, happen: impl FnOnce(&mut Machine)) {
        happen(&mut self.machine.lock());
    }

    /// See [`Machine::pass`].
    pub(crate) fn pass(&self, time: Duration, ticks_per_ns: f64) {
        self.at_once(|machine| machine.pass(time, ticks_per_ns));
    }

    /// See [`Machine::suspend`].
    pub(crate) fn suspend(&self, time: Duration) {
        self.at_once(|machine| machine.suspend(time));
    }

    /// See [`Machine::jump`].
    pub(crate) fn jump(&self, ticks: i64) {
        self.at_once(|machine| machine.jump(ticks));
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_wall(&self, unix_ns: u64) {
        self.at_once(|machine| machine.0.unix_ns = unix_ns);
    }

    pub(super) fn raw(&self) -> u64 {
        self.sight().ticks
    }

    pub(super) fn is_nanoseconds(&self) -> bool {
        self.is_nanoseconds
    }

    pub(super) fn sight(&self) -> Sight {
        self.machine.lock().0
    }
}
