//! What is said through the crate `log`, beside text and nothing.

use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use env_logger::{Target, WriteStyle};
use flightdeck::bridge::log::Logger;
use flightdeck::events::Events;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::fmt::Write as _;
use std::hint::black_box;

const ENV_LOGGER: &str = "env_logger into a sink";

/// Formats into a text of its own, without a time, without a lock, and forgets it.
struct Plain;

impl Log for Plain {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = String::with_capacity(128);
        let _ = writeln!(line, "{} {}: {}", record.level(), record.target(), record.args());
        black_box(line);
    }

    fn flush(&self) {}
}

/// Looks at nothing.
struct Nothing;

impl Log for Nothing {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        black_box(record);
    }

    fn flush(&self) {}
}

/// The macro with a logger of its own: the global one is set once and for all.
fn said<'a>(name: &str, logger: impl Log + 'a) -> Side<'a> {
    Side::each(name, move |n| {
        let (order, venue) = (black_box(n), black_box("XETRA"));
        log::log!(logger: logger, Level::Info, "order {order} filled at {venue}");
    })
}

fn to_sink() -> env_logger::Logger {
    let mut builder = env_logger::Builder::new();
    let sink = Target::Pipe(Box::new(std::io::sink()));
    builder.filter_level(LevelFilter::Info).write_style(WriteStyle::Never).target(sink).build()
}

pub(super) fn run(session: &mut Session) {
    session.row("log::info! with two values in its message", || {
        log::set_max_level(LevelFilter::Trace);
        let events = Events::builder().memory(1 << 20).build().expect("as much memory");
        let row = Row::measure(
            said("flightdeck's logger", Logger::new(&events)),
            vec![
                said(ENV_LOGGER, to_sink()),
                said("a logger that formats a line and forgets it", Plain),
                said("a logger that does nothing", Nothing),
            ],
            &[Bar::FasterThan(ENV_LOGGER)],
        );
        assert!(events.stats().written > 0, "it records nothing");
        row
    });
}
