//! A deck in a program whose panics abort: it says so at the start, in health, as an event and in its counts, until
//! somebody has taken note. To be built with the profile `abort`; a test harness always unwinds.

use flightdeck::{Concern, Flightdeck, HealthLevel};
use std::error::Error;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    if cfg!(panic = "unwind") {
        return Err("panics unwind here: build it with `--profile abort`".into());
    }
    let deck = Flightdeck::builder().start()?;
    let health = deck.health();
    println!("{health}");
    assert_eq!(health.concerns, [Concern::RestartsImpossible]);
    assert_eq!((health.level(), health.is_live(), health.is_ready()), (HealthLevel::Degraded, true, true));
    assert_eq!(deck.telemetry().counter("flightdeck_health_changes_total").value(), 1);
    let recorded =
        |kind: &str| deck.events().query().kind_named(kind).run().is_ok_and(|answer| answer.len() == 1);
    assert!(recorded("flightdeck.health.changed"));
    let end = Instant::now() + Duration::from_secs(20);
    while !recorded("flightdeck.restarts_impossible") {
        assert!(Instant::now() < end, "its supervisor says nothing");
        std::thread::yield_now();
    }
    assert!(deck.acknowledge(&Concern::RestartsImpossible));
    println!("acknowledged: {}", deck.health());
    assert!(deck.health().is_healthy());
    Ok(())
}
