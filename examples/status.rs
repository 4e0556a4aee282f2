//! How a deck is, part by part: asked for while it works, while something goes wrong, and after it was shut down.

use flightdeck::config::{Validate, Violations};
use flightdeck::supervisor::{ChildSpec, Restart, WorkerContext};
use flightdeck::{Flightdeck, PartState};
use std::time::{Duration, Instant};

flightdeck::kind! { OrderFilled("order.filled") { qty: u64, venue: str } }

struct Limits {
    orders_per_second: u32,
}

impl Validate for Limits {
    fn validate(&self, report: &mut Violations) {
        let rate = self.orders_per_second;
        report.require(rate <= 1_000, "orders_per_second", &rate, "must be at most 1000");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let book = |context: &WorkerContext| {
        while !context.should_stop() {
            let _ = context.wait(Duration::from_secs(1));
        }
    };
    let deck = Flightdeck::builder()
        .config(Limits { orders_per_second: 100 })
        .events(|events| events.memory(8 << 20))
        .pipeline(|events| {
            events.cursor().pipeline("export").batch(100, Duration::from_millis(50)).sink(|_| Ok(()))
        })
        .worker("book", Restart::Permanent, book)
        .start()?;
    let filled = deck.telemetry().counter("orders_filled");
    for qty in 0..1_000 {
        deck.record(OrderFilled { qty, venue: "XETRA" });
        filled.increment(1);
    }
    println!("{}\n", deck.status());

    // What goes wrong is kept where it went wrong.
    assert!(deck.config().replace(Limits { orders_per_second: 5_000 }).is_err());
    let fails = |_: &WorkerContext| Err::<(), _>("no connection");
    deck.supervisor().add(ChildSpec::new("feed", Restart::Temporary, fails))?;
    let end = Instant::now() + Duration::from_secs(5);
    while deck.status().supervisor.failures == 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    let status = deck.status();
    for last in [&status.config.last_error, &status.supervisor.last_error].into_iter().flatten() {
        println!("{last}");
    }
    println!();

    deck.shutdown(Duration::from_secs(5));
    let status = deck.status();
    println!("{status}");
    assert_eq!(status.state, PartState::Stopped);
    Ok(())
}
