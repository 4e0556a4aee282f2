//! The event store without a deck: two threads work for one order, and the order's story is told afterwards.

use flightdeck::events::{Events, Scope};

flightdeck::kind! {
    /// An order came in.
    Received("order.received", starts) { client: str }
    /// Its risk is being checked.
    Checking("risk.check") { limit: u64 }
    /// The check is over.
    Checked("risk.checked") { accepted: bool }
    /// It was filled.
    Filled("order.filled") { qty: u64, price: f64, venue: str }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events = Events::builder().memory(4 << 20).build()?;
    println!("{:?}\n", events.plan());

    let order = 42_u64;
    let _in = events.scope(order);
    events.record(Received { client: "alice" });
    let check = events.start(Checking { limit: 1_000 });
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let _in = check.enter();
            events.record(Filled { qty: 5, price: 1.25, venue: "XETRA" });
            events.end(Scope::current(), Checked { accepted: true });
        });
    });

    let answer = events.query().correlation(order).run()?;
    println!("{}", answer.timeline());
    Ok(())
}
