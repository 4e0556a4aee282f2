//! Codes of the supervisor.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
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
