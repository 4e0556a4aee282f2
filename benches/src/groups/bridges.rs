//! Bridges: what the detour through another crate costs.
//!
//! | file | idea |
//! |---|---|
//! | `log` | what is said through the crate `log`, through our logger |
//! | `metrics` | handles and macros of the crate `metrics`, through our recorder |
//! | `openmetrics` | a page for Prometheus |
//! | `tower` | a request, through our layer |
//! | `trace` | events as a trace for Perfetto |
//! | `tracing` | events and spans of the crate `tracing`, through our layer |

mod log;
mod metrics;
mod openmetrics;
mod tower;
mod trace;
mod tracing;

use crate::session::Session;

pub(super) fn run(session: &mut Session) {
    log::run(session);
    metrics::run(session);
    openmetrics::run(session);
    tower::run(session);
    trace::run(session);
    tracing::run(session);
}
