//! A host whose warnings appear on stderr as they come, each as a line, and whose watcher is woken by what matters most.

use flightdeck::events::{Cursor, Delivery, Events};
use flightdeck::{Flightdeck, Severity};
use std::time::Duration;

flightdeck::kind! {
    /// An order was filled.
    OrderFilled("order.filled") { order: u64, qty: u64 }
    /// An order was refused: whoever waits for that is woken.
    OrderRejected("order.rejected", severity = Warn, prompt) { order: u64, reason: str }
}

/// Woken at once where the system lets it, and within a millisecond elsewhere.
fn rejections(events: &Events) -> Result<Cursor, Box<dyn std::error::Error>> {
    let follow = || events.query().kind::<OrderRejected<'_>>().follow();
    match follow()?.prompt() {
        Ok(prompt) => Ok(prompt),
        Err(error) => {
            eprintln!("{error}");
            Ok(follow()?)
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let deck = Flightdeck::builder().start()?;
    let tail = deck.tail().filter(|query| query.severity_at_least(Severity::Warn)).to_stderr()?;
    let mut rejected = rejections(deck.events())?;
    std::thread::scope(|threads| {
        threads.spawn(|| {
            if let Ok(Delivery::Event(event)) = rejected.next(Duration::from_secs(5)) {
                println!("{event:?}");
            }
        });
        for order in 1_u64..=100 {
            let _in = deck.scope(order);
            deck.record(OrderFilled { order, qty: 5 });
            if order % 25 == 0 {
                deck.record(OrderRejected { order, reason: "over the limit" });
            }
        }
    });
    assert!(deck.shutdown(Duration::from_secs(5)).is_clean());
    println!("{:?}", tail.stats());
    Ok(())
}
