//! What led to a failure is kept when it happens: triggers of a deck.

use flightdeck::events::{CapturePlace, Trigger};
use flightdeck::{Flightdeck, Severity};
use std::time::{Duration, Instant};

flightdeck::kind! {
    /// Somebody wants to buy.
    OrderPlaced("order.placed", starts) { qty: u64 }
    /// And cannot.
    OrderRejected("order.rejected", severity = Error) { reason: str }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let deck = Flightdeck::builder().panic_hook(true).start()?;
    let triggers = deck.triggers();
    // Everything that went on around an error, and the chain of the request that failed.
    let errors = || deck.events().query().severity_at_least(Severity::Error);
    triggers.add(errors().trigger("around errors").look_ahead(Duration::from_millis(20)))?;
    triggers.add(errors().trigger("failed requests").chain().at_most(10, Duration::from_secs(1)))?;
    triggers.add(deck.on_panic("panics"))?;
    triggers.add(Trigger::on_shutdown("last words"))?;

    for order in 1..=3_u64 {
        let _in = deck.scope(order);
        deck.record(OrderPlaced { qty: order });
        if order == 2 {
            deck.record(OrderRejected { reason: "no funds" });
        }
    }
    let patience = Instant::now() + Duration::from_secs(5);
    while triggers.receipts().len() < 2 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(1));
    }
    deck.shutdown(Duration::from_secs(5));

    for receipt in triggers.receipts() {
        println!("{}: {}", receipt.trigger, receipt.cause);
        match receipt.result?.place {
            CapturePlace::Incident(id) => {
                let kept = deck.events().incident(id).ok_or("made room for a later one")?;
                println!("{}\n", kept.timeline());
            }
            place => println!("{place:?}\n"),
        }
    }
    Ok(())
}
