//! Codes of the supervisor.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    later(
        "supervisor.breaker.forced_open",
        "find out who called `Breaker::force_open`, and why: nothing but the host closes it again",
    )
    .warn(),
    later(
        "supervisor.breaker.half_open",
        "wait for the trials that are out; many rejections in this state mean that trials take long",
    )
    .warn(),
    never("supervisor.breaker.number", "see `BreakerSettings` for what each setting means and its default"),
    later(
        "supervisor.breaker.open",
        "look at what is called: `Breaker::stats` says by what the breaker opened, and how often it has",
    )
    .warn(),
    never("supervisor.breaker.time", "see `BreakerSettings` for what each setting means and its default"),
    later(
        "supervisor.bulkhead.full",
        "compare `BulkheadStats::inside` with how long a call takes: either calls hang, or the limit is too low",
    )
    .warn(),
    never("supervisor.bulkhead.limit", "to let nobody in, force a breaker open in front of it"),
    later(
        "supervisor.bulkhead.timed_out",
        "compare `BulkheadStats::waiting` with the limit: the longer the queue, the longer the wait",
    )
    .warn(),
    never("supervisor.check.duplicate_name", "name a check after what it looks at, such as `db-orders`"),
    never(
        "supervisor.check.no_threshold",
        "leave it out for the default: 3 failures make a check fail, 1 success makes it pass",
    ),
    never("supervisor.check.period", "some seconds suit most checks: who asks from outside seldom asks more often"),
    never("supervisor.job.abandoned", "let the job look at `JobContext::should_stop`, or give its group a longer grace"),
    never("supervisor.job.cancelled", "whoever cancelled the job, or stopped its group, wanted it to end").warn(),
    never("supervisor.job.failed", "see the source of the error, which is what the job returned"),
    later(
        "supervisor.job.full",
        "see `Jobs::running` for what runs: jobs that never end fill a group, and bursts want a larger one",
    )
    .warn(),
    later("supervisor.job.no_thread", "bound the jobs of all groups below `ulimit -u` and `pids.max` of the cgroup"),
    never("supervisor.job.panicked", "mend what panicked: with the panic hook of a deck, the report says where"),
    never("supervisor.job.stopping", "begin jobs before the shutdown, or do what is left to do in place").warn(),
    never("supervisor.job.taken", "keep the result where all who need it find it"),
    later("supervisor.job.timed_out", "see how long such a job takes as a rule, and wait for as long").warn(),
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
        "supervisor.retry.attempts",
        "look at the last failure: what fails this often in a row does not pass by itself",
    ),
    later(
        "supervisor.retry.budget",
        "see `RetryStats` for how many calls fail: what is called is down or overloaded, and more load makes it worse",
    ),
    never("supervisor.retry.cancelled", "whoever cancelled the token wanted it to end: see what was shut down").warn(),
    later(
        "supervisor.retry.deadline",
        "compare the time that one attempt takes with the deadline, which counts delays as well",
    ),
    never(
        "supervisor.retry.permanent",
        "mend what the last failure names; if it may pass after all, have the rule say so",
    ),
    never("supervisor.retry_budget.most", "take 10: enough for calls that rarely fail"),
    never("supervisor.retry_budget.ratio", "take 0.1 for one retry in ten calls, on top of what is saved up"),
    never("supervisor.retry_policy.no_attempt", "check the number of attempts in the config, in which 0 may mean no limit"),
    never("supervisor.retry_policy.not_manual", "virtual time is for tests; hosts leave it out and have real time"),
    later(
        "supervisor.thread.unavailable",
        "check `ulimit -u` and `pids.max` of the cgroup against the threads that there are",
    ),
    never(
        "supervisor.worker.duplicate_name",
        "add a number to the name of workers of one kind, such as `book-1`",
    ),
    never(
        "supervisor.worker.never_significant",
        "decide what is to happen when it ends: `auto_shutdown` of its supervisor says so",
    ),
    never(
        "supervisor.worker.no_supervisor",
        "look for who removed the supervisor, and whether the worker is still wanted",
    ),
    never(
        "supervisor.worker.permanent_significant",
        "decide whether it may end for good: only then can anything follow from that",
    ),
    never(
        "supervisor.worker.too_late",
        "look for who shut it down, and whether that was meant to happen before this",
    ),
    never(
        "supervisor.worker.unknown",
        "check whether it returned and was removed already, or is spelled otherwise",
    )
    .warn(),
];
