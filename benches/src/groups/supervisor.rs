//! The supervisor, and what protects calls.
//!
//! | file | idea |
//! |---|---|
//! | `breaker` | circuit breakers: calls that succeed, from one thread and from two |
//! | `bulkhead` | in and out |

mod breaker;
mod bulkhead;

use crate::session::Session;

pub(super) fn run(session: &mut Session) {
    breaker::run(session);
    bulkhead::run(session);
}
