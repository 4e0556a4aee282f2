//! Whether a host is live and ready, by what it has checked and by what its deck knows: asked, waited for and told.

use flightdeck::supervisor::{Check, Probe, Restart, WorkerContext};
use flightdeck::{Flightdeck, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let is_down = Arc::new(AtomicBool::new(false));
    let asked = is_down.clone();
    let database = move || if asked.load(Ordering::Relaxed) { Err("connection refused") } else { Ok(()) };
    let (feed, ticks) = Check::told("feed");
    let mut settings = Settings::default();
    settings.health = Duration::from_millis(20);

    let deck = Flightdeck::builder()
        .settings(settings)
        .check(Check::new("database", database).period(Duration::from_millis(20)))
        .check(feed.counts_for([Probe::Startup, Probe::Live]).failure_threshold(1))
        .worker("book", Restart::Permanent, |context: &WorkerContext| {
            while !context.should_stop() {
                let _ = context.wait(Duration::from_secs(1));
            }
        })
        .start()?;
    deck.on_health_change(|change| println!("  told: {} > {}", change.before, change.health.level()))
        .forever();

    println!("{}", deck.health());
    if let Err(error) = deck.wait_until_ready(Duration::from_millis(50)) {
        println!("{error}");
    }
    ticks.pass();
    deck.wait_until_ready(Duration::from_secs(5))?;
    println!("{}", deck.health());

    is_down.store(true, Ordering::Relaxed);
    while deck.is_ready() {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("live {}, ready {}\n{:#}", deck.is_live(), deck.is_ready(), deck.health());
    is_down.store(false, Ordering::Relaxed);
    deck.wait_until_ready(Duration::from_secs(5))?;

    deck.telemetry().attach("log", "", |_| panic!("no disk"))?;
    deck.telemetry().execute("http.stop", &[], &[]);
    println!("{}", deck.health());
    for concern in &deck.health().concerns {
        println!("  acknowledged `{concern}`: {}", deck.acknowledge(concern));
    }
    println!("{}", deck.health());
    for past in deck.health_history().concerns {
        println!("  was: {}, {} times", past.concern, past.times);
    }
    deck.shutdown(Duration::from_secs(5));
    Ok(())
}
