//! Bridges: what the detour through another crate costs.
//!
//! | file | idea |
//! |---|---|
//! | `metrics` | handles and macros of the crate `metrics`, through our recorder |

mod metrics;

use crate::session::Session;

pub(super) fn run(session: &mut Session) {
    metrics::run(session);
}
