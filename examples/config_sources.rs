//! A config from a file and the environment: edited badly and then well while it runs, with why its values are what they are.

use flightdeck::config::{Sources, UnknownKeys, Validate, Violations};
use flightdeck::{Flightdeck, Severity};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug, Serialize, Deserialize)]
struct App {
    listen: String,
    password: String,
    limits: Limits,
}

#[derive(Debug, Serialize, Deserialize)]
struct Limits {
    orders_per_second: u32,
}

impl Default for App {
    fn default() -> Self {
        let (listen, password) = ("127.0.0.1:80".to_owned(), String::new());
        Self { listen, password, limits: Limits { orders_per_second: 100 } }
    }
}

impl Validate for App {
    fn validate(&self, report: &mut Violations) {
        let rate = self.limits.orders_per_second;
        report.require(rate <= 1_000, "limits.orders_per_second", &rate, "must be at most 1000");
    }
}

fn until(met: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !met() && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("flightdeck-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("app.toml");
    std::fs::write(&file, "listen = \"0.0.0.0:80\"\n\n[limits]\norders_per_second = 200\n")?;

    let app = Sources::new("APP")
        .file(&file)
        .environment_of([("APP__PASSWORD", "hunter2")])
        .secret("password")
        .restart("listen")
        .unknown_keys(UnknownKeys::Refuse)
        .build::<App>()?;
    let deck = Flightdeck::builder().config_built(app.config().clone()).start()?;
    deck.watch_sources(app.watcher()?.debounce(Duration::from_millis(50)))?;
    let rate = || deck.config().load().limits.orders_per_second;
    app.why("")?.iter().for_each(|why| println!("{why}"));

    // A slip, and a value that is out of range: what was in force stays, and everything that is wrong is told.
    std::fs::write(
        &file,
        "listen = \"0.0.0.0:81\"\n\n[limits]\norder_per_second = 1\norders_per_second = 5000\n",
    )?;
    until(|| !deck.health().is_healthy());
    println!("\nedited badly, {} a second: {}", rate(), deck.health());

    std::fs::write(&file, "listen = \"0.0.0.0:81\"\n\n[limits]\norders_per_second = 300\n")?;
    until(|| rate() == 300);
    println!("\nedited well, {} a second: {}", rate(), deck.health());
    println!("waiting for a restart: {:?}", app.status().needs_restart);

    app.override_path("limits.orders_per_second", 10)?;
    println!("\n{}", app.why("limits.orders_per_second")?[0]);
    println!("{}", app.reset_all()?);

    println!();
    println!("{}", deck.events().query().severity_at_least(Severity::Warn).run()?.timeline());
    deck.shutdown(Duration::from_secs(5));
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
