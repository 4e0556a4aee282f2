//! Codes of the clock.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    never("clock.tick.interval", "take 1 ms, unless stamps are to be finer than that"),
    later(
        "clock.tick.no_thread",
        "raise the limit on threads (`ulimit -u`, `pids.max` of the cgroup), or take `Clock::system`",
    ),
    never(
        "clock.tick.not_coarse",
        "build the events with `Clock::coarse` if stamps of a millisecond are fine enough",
    ),
    never(
        "clock.time.out_of_range",
        "check where the time comes from: this one lies before 1970 or after 2262",
    ),
];
