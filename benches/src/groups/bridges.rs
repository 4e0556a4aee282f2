//! Bridges: what the detour through another crate costs.
//!
//! | file | idea |
//! |---|---|
//! | `metrics` | handles and macros of the crate `metrics`, through our recorder |
//! | `openmetrics` | a page for Prometheus |
//! | `tracing` | events and spans of the crate `tracing`, through our layer |

mod metrics;
mod openmetrics;
mod tracing;

use crate::session::Session;

pub(super) fn run(session: &mut Session) {
    metrics::run(session);
    openmetrics::run(session);
    tracing::run(session);
}
