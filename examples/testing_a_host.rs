//! How a host's own tests look: what it recorded and counted, in which order, in time that the test moves.

use flightdeck::Flightdeck;
use flightdeck::testing::{self, Ids, assert_chain, assert_counted, assert_recorded};
use std::time::Duration;

flightdeck::kind! {
    OrderAccepted("order.accepted") { qty: u64 }
    OrderFilled("order.filled") { qty: u64, price: f64, venue: str }
    OrderExpired("order.expired", severity = Warn) { waited_ns: u64 }
}

/// The host: an order is filled, unless the market takes longer than a second.
fn handle(deck: &Flightdeck, qty: u64, market: impl FnOnce()) {
    deck.record(OrderAccepted { qty });
    let began = deck.events().clock().now();
    market();
    let clock = deck.events().clock();
    let waited_ns = clock.converter().ns_between(began, clock.now());
    if waited_ns > 1_000_000_000 {
        deck.record(OrderExpired { waited_ns });
    } else {
        deck.record(OrderFilled { qty, price: 1.25, venue: "XETRA" });
        deck.telemetry().counter("orders_filled").increment(1);
    }
}

fn main() {
    let (deck, ids) = (testing::deck(), Ids::new());

    let quick = ids.correlation();
    let _in = deck.scope(quick);
    assert_counted!(deck, "orders_filled", 1, || handle(&deck, 5, || ()));
    assert_recorded!(deck, "order.filled", of quick, qty == 5, venue == "XETRA", times 1);

    let slow = ids.correlation();
    let _in = deck.scope(slow);
    let market = || testing::advance(&deck, Duration::from_secs(2));
    assert_counted!(deck, "orders_filled", 0, || handle(&deck, 7, market));
    assert_recorded!(deck, "order.filled", of slow, never);
    assert_chain!(deck, slow, ["order.accepted", "order.expired"]);

    // What a failed assertion prints.
    let expected = testing::Recording::of_kind("order.filled").field("qty", testing::Comparison::Greater, 5);
    println!("{}", expected.check(&deck).expect_err("five were filled"));
}
