//! What the system is asked: files of `/proc` and of control groups.

use crate::measure::Side;
use crate::row::Row;
use crate::session::Session;
use flightdeck::telemetry::{Pressure, Process, ProcessMetrics, Telemetry};
use std::hint::black_box;

pub(super) fn run(session: &mut Session) {
    session.row_if_possible("process metrics, refreshed", || {
        let process = Process::own().map_err(|error| error.to_string())?;
        process.read().map_err(|error| error.to_string())?;
        let telemetry = Telemetry::new();
        let metrics = ProcessMetrics::register(&telemetry, process).map_err(|error| error.to_string())?;
        let refresh = Side::each("flightdeck ProcessMetrics::refresh", |_| {
            black_box(metrics.refresh()).expect("it was possible before");
        });
        Ok(Row::measure(refresh, Vec::new(), &[]))
    });
    session.row_if_possible("memory pressure, read", || {
        let pressure = Pressure::own().map_err(|error| error.to_string())?;
        pressure.read().map_err(|error| error.to_string())?;
        let read = Side::each("flightdeck Pressure::read", |_| {
            black_box(pressure.read()).expect("it was possible before");
        });
        Ok(Row::measure(read, Vec::new(), &[]))
    });
}
