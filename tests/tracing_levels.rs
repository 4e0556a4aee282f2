//! Levels that change while a host runs, and what its call sites make of it. The one test of its process: as long as another
//! subscriber wants what this one does not, `tracing` lets a call site ask each time.

use flightdeck::bridge::tracing::Layer;
use flightdeck::events::{Events, Recorded};
use std::cell::Cell;
use tracing::{Level, debug, info, trace_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

fn message<'a>(event: &Recorded<'a>) -> &'a str {
    event.field("message").and_then(|value| value.as_str()).unwrap_or("")
}

#[test]
fn levels_are_kept_at_call_sites_and_change_at_once() {
    let events = Events::builder().memory(1 << 20).build().unwrap();
    let all = || events.query().run().unwrap();
    let subscriber = registry().with(Layer::new(&events).by_levels());
    let made = Cell::new(0);
    let make = || {
        made.set(made.get() + 1);
        made.get()
    };
    let speak = || {
        debug!(n = make(), "from one site");
        info!("from another");
        trace_span!("span").in_scope(|| ());
    };
    tracing::subscriber::with_default(subscriber, || {
        speak();
        assert_eq!((made.get(), all().len()), (1, 4));
        events.set_directives("info".parse().unwrap());
        speak();
        assert_eq!((made.get(), all().len()), (1, 5), "what is off is not even made");
        assert!(!tracing::enabled!(Level::DEBUG));
        let by_target = "off,tracing_levels=debug".parse().unwrap();
        events.set_directives(by_target);
        speak();
        assert_eq!((made.get(), all().len()), (2, 7));
        events.switch(false);
        speak();
        assert_eq!((made.get(), all().len()), (2, 7));
        events.switch(true);
        let site = all().iter().find(|event| message(event) == "from one site").unwrap().kind().to_owned();
        events.set_directives(format!("{site}=off").parse().unwrap());
        speak();
        assert_eq!((made.get(), all().len()), (2, 10), "one site alone");
        // The sample of a span's kind decides about both of its halves.
        events.set_directives("off,tracing_levels.span=trace,tracing_levels.span=1/2".parse().unwrap());
        (0..10).for_each(|_| speak());
    });
    let answer = all();
    let starts = answer.iter().filter(Recorded::is_start).count();
    assert_eq!(starts, answer.iter().filter(Recorded::is_end).count());
    assert!((5..10).contains(&starts), "{starts}");
}
