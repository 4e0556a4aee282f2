//! The supervisor, and what protects calls.
//!
//! | file | idea |
//! |---|---|
//! | `breaker` | circuit breakers: calls that succeed, from one thread and from two |
//! | `bulkhead` | in and out |
//! | `limiter` | permits given and refused, on a fine and a coarse clock |
//! | `heartbeat` | a worker's beat |
//! | `restart` | from a panic to running again |
//! | `children` | a thousand of them: started, stopped, idle |

mod breaker;
mod bulkhead;
mod children;
mod heartbeat;
mod limiter;
mod restart;

use crate::session::Session;

pub(super) fn run(session: &mut Session) {
    breaker::run(session);
    bulkhead::run(session);
    limiter::run(session);
    heartbeat::run(session);
    restart::run(session);
    children::run(session);
}
