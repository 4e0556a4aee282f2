//! Codes of the supervisor.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    never(
        "supervisor.limiter.burst",
        "a burst of what comes in a tenth of a second keeps a limiter smooth and forgives a late thread",
    ),
    never("supervisor.limiter.cancelled", "whoever cancelled the token wanted it to end: see what was shut down").warn(),
    later(
        "supervisor.limiter.limited",
        "compare `Limiter::stats` with its limits: either callers ask for more than was planned, or more can be allowed",
    )
    .warn(),
    never(
        "supervisor.limiter.rate",
        "check the unit of the limit in the config: `Limits::new` takes a count and in how much time",
    ),
    never(
        "supervisor.limiter.refill",
        "such a limit is a quota of weeks, to be kept where it outlives the process",
    ),
    later(
        "supervisor.limiter.timed_out",
        "the work that waits exceeds the limit: shed some of it, wait for longer, or allow more",
    )
    .warn(),
    never(
        "supervisor.limiter.too_many",
        "split the work into parts of a burst each, and take permits for one part at a time",
    ),
    later(
        "supervisor.thread.unavailable",
        "check `ulimit -u` and `pids.max` of the cgroup against the threads that there are",
    ),
    never(
        "supervisor.worker.duplicate_name",
        "add a number to the name of workers of one kind, such as `book-1`",
    ),
    never(
        "supervisor.worker.unknown",
        "check whether it returned and was removed already, or is spelled otherwise",
    )
    .warn(),
];
