//! Config by paths: a path looked up each time, and a prepared one.

use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::config::{Config, Paths, Validate, Violations};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hint::black_box;

const PLAIN: &str = "kept reader, the field itself";

/// As large as configs are, not as small as can be.
#[derive(Serialize, Deserialize)]
struct App {
    sections: BTreeMap<String, Section>,
    ai: Section,
}

#[derive(Serialize, Deserialize)]
struct Section {
    planning: Planning,
    name: String,
    password: String,
}

#[derive(Serialize, Deserialize)]
struct Planning {
    sampling_rate: f64,
    batch: u64,
    retries: u32,
    model: String,
}

impl Validate for App {
    fn validate(&self, _: &mut Violations) {}
}

fn section(batch: u64) -> Section {
    let planning = Planning { sampling_rate: 0.5, batch, retries: 3, model: "small".to_owned() };
    Section { planning, name: "section".to_owned(), password: "hunter2".to_owned() }
}

fn config() -> Config<App> {
    let sections = (0..16).map(|number| (format!("section{number}"), section(number))).collect();
    let paths = Paths::new().writable("").secret("ai.password").secret("sections.*.password");
    let builder = Config::builder(App { sections, ai: section(7) }).paths(paths).expect("paths");
    builder.build().expect("nothing speaks against it")
}

pub(super) fn run(session: &mut Session) {
    session.row("config read by path, typed", || {
        let config = config();
        Row::measure(
            Side::each("flightdeck Config::get::<u64>(\"ai.planning.batch\")", |_| {
                black_box(config.get::<u64>(black_box("ai.planning.batch")).unwrap_or_default());
            }),
            vec![],
            &[Bar::FloorAtMost(60.0)],
        )
    });
    session.row("config read by path, prepared", || {
        let config = config();
        let mut key = config.key::<u64>("ai.planning.batch").expect("it is there");
        let mut reader = config.reader();
        Row::measure(
            Side::each("flightdeck Key::get", |_| {
                black_box(black_box(&mut key).get().copied().unwrap_or_default());
            }),
            vec![Side::each(PLAIN, |_| {
                black_box(black_box(&mut reader).get().ai.planning.batch);
            })],
            &[Bar::FloorAtMost(5.0)],
        )
    });
}
