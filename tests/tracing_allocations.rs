//! A layer that is warm asks the allocator for nothing: for events of numbers and short texts, whether recorded or off.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::bridge::tracing::Layer;
use flightdeck::events::Events;
use tracing::{debug, info, info_span, warn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

#[test]
fn an_event_of_short_values_allocates_nothing_and_a_long_one_does() {
    let events = Events::builder().memory(4 << 20).build().unwrap();
    let layer = Layer::builder(&events).correlation_field("request_id").build();
    let subscriber = registry().with(layer.clone().by_levels());
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!("around", request_id = 9);
        let venue = String::from("XETRA");
        let long = "x".repeat(2_000);
        let speak = || {
            let _in = span.enter();
            info!(n = 3, ratio = 0.5, ok = true, venue = &*venue, shown = ?Some(2), "filled {} of {}", 3, 5);
            warn!(request_id = "7f", token = "secret", "told by id");
            debug!("is off in the second half");
        };
        let speak_at_length = || info!(long = &*long, "long");
        (0..3).for_each(|_| speak());
        speak_at_length();
        assert_eq!(allocations(|| (0..1_000).for_each(|_| speak())), 0);
        assert!(allocations(speak_at_length) > 0, "so this test can fail");
        events.set_directives("info".parse().unwrap());
        speak();
        assert_eq!(allocations(|| (0..1_000).for_each(|_| speak())), 0);
    });
    assert_eq!(events.stats().written, 1 + 3 * 3 + 1 + 3_000 + 1 + 2 + 2_000 + 1);
    assert_eq!(layer.stats(), Default::default());
}
