//! A whole deck in a small host: config, events, telemetry and a worker, joined.

use flightdeck::Flightdeck;
use flightdeck::config::{Validate, Violations};
use flightdeck::supervisor::{Restart, WorkerContext};
use std::time::Duration;

flightdeck::kind! {
    /// An order was filled.
    OrderFilled("order.filled") { qty: u64, price: f64, venue: str }
}

struct Limits {
    orders_per_second: u32,
}

impl Validate for Limits {
    fn validate(&self, report: &mut Violations) {
        let rate = self.orders_per_second;
        report.require(rate <= 1_000, "orders_per_second", &rate, "must be at most 1000");
    }
}

fn run_book(context: &WorkerContext) {
    while !context.should_stop() {
        let _ = context.wait(Duration::from_millis(100));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let deck = Flightdeck::builder()
        .config(Limits { orders_per_second: 100 })
        .events(|events| events.memory(64 << 20))
        .worker("book", Restart::Permanent, run_book)
        .start()?;
    let filled = deck.telemetry().counter("orders_filled");
    let mut config = deck.config().reader();

    let order = 42_u64;
    let _in = deck.scope(order);
    if config.get().orders_per_second > 0 {
        deck.record(OrderFilled { qty: 5, price: 1.25, venue: "XETRA" });
        filled.increment(1);
    }
    deck.config().update(|now| Limits { orders_per_second: now.orders_per_second * 2 })?;
    let refused = deck.config().replace(Limits { orders_per_second: 5_000 });
    println!("{}\n", refused.map_or_else(|error| error.to_string(), |_| "published".to_owned()));

    println!("{}\n", deck.events().query().correlation(order).run()?.timeline());
    println!("everything, the deck's own events included:\n{}\n", deck.events().query().run()?.timeline());
    println!("{}", deck.health());
    println!("{:?}", deck.shutdown(Duration::from_secs(5)));
    Ok(())
}
