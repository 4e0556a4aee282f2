//! Config: reading what is in force, and changing it.

mod paths;
mod publishing;
mod reading;

use crate::session::Session;
use flightdeck::config::{Config, Validate, Violations};

/// Small, so that what is measured is the config and not its value.
#[derive(Clone, PartialEq)]
struct Limits {
    rate: u64,
}

impl Validate for Limits {
    fn validate(&self, _: &mut Violations) {}
}

fn config() -> Config<Limits> {
    Config::new(Limits { rate: 7 }).expect("nothing speaks against it")
}

pub(super) fn run(session: &mut Session) {
    reading::run(session);
    publishing::run(session);
    paths::run(session);
}
