//! Telemetry without a deck: what hosts execute, and who hears of it. One handler holds the request up, the other has a queue
//! and a thread of its own; a group counts both outcomes so that they always add up.

use flightdeck::telemetry::{Measurement, Telemetry};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telemetry = Telemetry::new();
    let requests = telemetry.group("requests", ["ok", "slow", "total"])?;
    let counted = requests.clone();
    telemetry.attach("count requests", "http.request", move |execution| {
        if let Some(Measurement::Duration(took)) = execution.measurement("duration") {
            counted.add(if took < Duration::from_micros(500) { [1, 0, 1] } else { [0, 1, 1] });
        }
    })?;
    let log = telemetry.attach_queued("log", &["http", "db"], 1_000, |execution| {
        println!("{} {:?} {:?}", execution.name, execution.measurements, execution.metadata);
    })?;

    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| log.run(|| done.load(Ordering::Relaxed)));
        for request in 0..4_u64 {
            let began = Instant::now();
            std::thread::sleep(Duration::from_micros(200 * request));
            let measured = [("duration", began.elapsed().into())];
            telemetry.execute("http.request.stop", &measured, &[("route", "/buy".into())]);
        }
        done.store(true, Ordering::Relaxed);
    });

    let [ok, slow, total] = requests.read().values();
    println!("{ok} in time, {slow} slow, {total} in all");
    for handler in telemetry.handlers() {
        println!("{}: {:?}, {} calls", handler.id, handler.state, handler.calls);
    }
    Ok(())
}
