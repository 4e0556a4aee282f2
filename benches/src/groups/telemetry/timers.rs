//! Timers.

use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::telemetry::Telemetry;

pub(super) fn run(session: &mut Session) {
    session.row("timer, one call in 64 is measured", || {
        let telemetry = Telemetry::new();
        let latency = telemetry.histogram("latency");
        let sampled = latency.sampled(&telemetry.counter("calls"), 64.try_into().expect("not zero"));
        Row::measure(
            Side::each("flightdeck SampledTimer", |_| sampled.start().stop()),
            vec![Side::each("every call is measured", |_| latency.start().stop())],
            &[Bar::FloorAtMost(3.0)],
        )
    });
}
