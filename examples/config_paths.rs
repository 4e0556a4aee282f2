//! Config by paths: an operator's console reads and changes parts by name, within what the host allows. Secrets stay where
//! they are.

use flightdeck::config::{Config, Paths, Validate, Violations};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::error::Error;

#[derive(Serialize, Deserialize)]
struct App {
    ai: Ai,
    limits: BTreeMap<String, u64>,
    db: Database,
}

#[derive(Serialize, Deserialize)]
struct Ai {
    sampling_rate: f64,
    model: String,
}

#[derive(Serialize, Deserialize)]
struct Database {
    host: String,
    password: String,
}

impl Validate for App {
    fn validate(&self, report: &mut Violations) {
        let rate = self.ai.sampling_rate;
        report.require((0.0..=1.0).contains(&rate), "ai.sampling_rate", &rate, "must be 0 to 1");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let app = App {
        ai: Ai { sampling_rate: 0.5, model: "small".to_owned() },
        limits: BTreeMap::from([("rate".to_owned(), 100), ("burst".to_owned(), 5)]),
        db: Database { host: "db1".to_owned(), password: "hunter2".to_owned() },
    };
    let paths = Paths::new().writable("ai").writable("limits.*").secret("db.password");
    let config = Config::builder(app).paths(paths)?.build()?;

    // What there is, without secrets.
    println!("all: {}", config.get_path("")?);

    let subscription = config.subscribe_path("limits", |change| {
        println!("limits at revision {}: {}", change.revision(), change.diff().expect("it has paths"));
    })?;
    // A worker looks a path up once and reads it for a nanosecond.
    let mut rate = config.key::<u64>("limits.rate")?;
    println!("rate: {:?}", rate.get());

    // Several paths at once: one revision, or none.
    config
        .by("ops")
        .because("more load")
        .patch(&json!({"limits": {"rate": 200}, "ai": {"model": "large"}}))?;
    println!("rate: {:?}", rate.get());
    let refused = config.patch(&json!({"limits": {"rate": "many"}, "db": {"host": "db2"}}));
    println!("refused: {}", refused.expect_err("two reasons"));
    let refused = config.set_path("ai.sampling_rate", 2.0);
    println!("refused: {}", refused.expect_err("out of its range"));
    println!("not there: {}", config.get::<u64>("limits.rat").expect_err("misspelt"));

    // A default never fails, and says how often it was needed.
    println!("retries: {}", config.get_or("limits.retries", 3_u64));
    println!("{}", config.fallbacks());
    drop(subscription);
    Ok(())
}
