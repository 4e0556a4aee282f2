//! Levels of the crate `log` that follow the store's, and what a record asks the allocator for. The one test of its process: the
//! greatest level is one for all.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::bridge::log::Logger;
use flightdeck::events::Events;
use log::{Level, LevelFilter, debug, info, log_enabled};
use std::cell::Cell;
use std::fmt;

/// Counts how often it is shown.
struct Shown<'a>(&'a Cell<u32>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.set(self.0.get() + 1);
        f.write_str("shown")
    }
}

#[test]
fn levels_follow_while_the_host_runs_and_a_short_record_allocates_nothing() {
    let events = Events::builder().memory(4 << 20).build().unwrap();
    let logger = Logger::new(&events);
    log::set_boxed_logger(Box::new(logger.clone())).unwrap();
    assert_eq!(log::max_level(), LevelFilter::Off, "until it is led");
    logger.lead_max_level();
    let shown = Cell::new(0);
    let speak = || {
        debug!(target: "one::part", n = 1; "{}", Shown(&shown));
        info!(target: "another", venue = "XETRA"; "said");
    };
    let mut before = 0;
    let mut told = |directives: &str| {
        events.set_directives(directives.parse().unwrap());
        speak();
        let written = events.stats().written;
        let new = written - std::mem::replace(&mut before, written);
        (log::max_level(), new, shown.get())
    };
    assert_eq!(told(""), (LevelFilter::Trace, 2, 1));
    assert_eq!(told("info"), (LevelFilter::Info, 1, 1));
    assert_eq!(told("off,one=debug"), (LevelFilter::Debug, 1, 2));
    assert_eq!(told("info,another=debug"), (LevelFilter::Debug, 1, 2), "what is off is not shown");
    assert_eq!(told("off"), (LevelFilter::Off, 0, 2));
    assert_eq!(told("debug"), (LevelFilter::Debug, 2, 3));
    assert!(log_enabled!(target: "one", Level::Debug) && !log_enabled!(target: "one", Level::Trace));
    events.switch(false);
    assert_eq!(log::max_level(), LevelFilter::Off);
    events.switch(true);
    assert_eq!(log::max_level(), LevelFilter::Debug);

    speak();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| speak())), 0);
    let long = "x".repeat(2_000);
    assert!(allocations(|| info!(target: "another", "{long}")) > 0, "so this test can fail");
    // What is off for one target while the greatest level lets it through.
    events.set_directives("info,another=debug".parse().unwrap());
    speak();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| speak())), 0);
    assert_eq!(logger.stats(), Default::default());
}
