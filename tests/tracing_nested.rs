//! What is said while something is said. With a subscriber for all threads, which is the one that `tracing` lets be told so.

use flightdeck::bridge::tracing::Layer;
use flightdeck::events::{Answer, Events, Value};
use std::fmt;
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

struct Chatty;

impl fmt::Display for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _in = info_span!("showing").entered();
        info!("said within");
        f.write_str("chatty")
    }
}

/// Would never end being shown.
struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info!(me = %Self, "about myself");
        f.write_str("endless")
    }
}

fn count(answer: &Answer, message: &str) -> usize {
    answer.iter().filter(|event| event.field("message") == Some(Value::Str(message))).count()
}

#[test]
fn it_is_recorded_up_to_a_depth_and_counted_beyond() {
    let events = Events::builder().memory(4 << 20).build().unwrap();
    let layer = Layer::new(&events);
    tracing::subscriber::set_global_default(registry().with(layer.clone().by_levels())).unwrap();

    info_span!("outer", value = %Chatty).in_scope(|| info!(value = %Chatty, "told"));
    let answer = events.query().run().unwrap();
    assert_eq!((count(&answer, "said within"), count(&answer, "told")), (2, 1), "{}", answer.timeline());
    let told = answer.iter().find(|event| event.field("message") == Some(Value::Str("told"))).unwrap();
    assert_eq!(told.field("value"), Some(Value::Str("chatty")));
    assert_eq!(layer.stats().nested_left_out, 0);

    info!(value = %Endless, "ends even so");
    let answer = events.query().run().unwrap();
    assert_eq!((count(&answer, "about myself"), count(&answer, "ends even so")), (3, 1));
    assert_eq!(layer.stats().nested_left_out, 1);

    // And each thread for itself.
    std::thread::spawn(|| info!(value = %Chatty, "elsewhere")).join().unwrap();
    assert_eq!(count(&events.query().run().unwrap(), "elsewhere"), 1);
}
