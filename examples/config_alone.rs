//! Config without anything else of Flightdeck: a worker reads limits while the main thread changes them.

use flightdeck::config::{Config, Notice, Validate, Violations};
use std::error::Error;
use std::sync::mpsc::channel;
use std::thread;

#[derive(Clone, Debug)]
struct Limits {
    orders_per_second: u32,
    venue: String,
}

impl Validate for Limits {
    fn validate(&self, report: &mut Violations) {
        let rate = self.orders_per_second;
        report.require((1..=1_000).contains(&rate), "orders_per_second", &rate, "must be 1 to 1000");
        report.require(!self.venue.is_empty(), "venue", &self.venue, "must name a venue");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::new(Limits { orders_per_second: 100, venue: "XETRA".to_owned() })?;

    config.observe(|notice| {
        if let Notice::Rejected { current, violations, .. } = notice {
            println!("observer: stays at revision {current}, {violations}");
        }
    });
    let _subscription = config.subscribe(|change| {
        let (old, new) = (change.old.orders_per_second, change.new.orders_per_second);
        println!("subscriber: revision {}, {old} -> {new} orders a second", change.revision());
    });

    // A reader is a thread's own: one atomic load a read while nothing changes.
    let mut limits = config.reader();
    let (orders, inbox) = channel::<u32>();
    let worker = thread::spawn(move || {
        inbox.into_iter().filter(|rate| *rate <= limits.get().orders_per_second).count()
    });

    orders.send(150)?;
    config.update(|now| Limits { orders_per_second: now.orders_per_second * 2, ..now.clone() })?;
    orders.send(150)?;

    // Two things are wrong with it; both are said, and nothing changes.
    let refused = config.replace(Limits { orders_per_second: 0, venue: String::new() });
    println!("refused: {}", refused.expect_err("a rate of zero"));

    // Whoever decided on an outdated revision learns which one is current.
    let seen = config.revision();
    config.update(Limits::clone)?;
    println!(
        "conflict: {}",
        config.compare_and_update(seen, Limits::clone).expect_err("an outdated revision")
    );

    drop(orders);
    let accepted = worker.join().map_err(|_| "the worker panicked")?;
    println!("worker: accepted {accepted} of 2");
    println!("tick: {:?}", config.tick());
    println!("stats: {}", config.stats());
    Ok(())
}
