//! The testing kit, used as another crate uses it: what passes, and what a failed assertion prints.

use flightdeck::events::{Events, FieldType, Schema, Stamp, Value};
use flightdeck::testing::{self, Ids, assert_chain, assert_counted, assert_recorded};
use flightdeck::{Clock, Flightdeck};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};
use std::time::Duration;

flightdeck::kind! {
    Accepted("http.accepted", class = Critical) { port: u64 }
    Parsed("request.parsed") { bytes: u64, path: str }
    Filled("order.filled") { qty: u64, delta: i64, price: f64, venue: str, partial: bool, raw: bytes }
    Counted("odd.names") { times: u64, never: u64, of: u64 }
    Flood("flood", class = Verbose) { n: u64, text: str }
}

struct Any;

impl flightdeck::config::Validate for Any {
    fn validate(&self, _: &mut flightdeck::config::Violations) {}
}

fn filled(qty: u64, venue: &str) -> Filled<'_> {
    Filled { qty, delta: -3, price: 1.25, venue, partial: false, raw: b"\x00\xff" }
}

thread_local! {
    /// Where this thread panicked last.
    static PLACE: Cell<(&'static str, u32)> = const { Cell::new(("", 0)) };
}

/// What a failed assertion says.
#[track_caller]
fn said(assertion: impl FnOnce()) -> String {
    // Once for all tests, which run side by side.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_here = info.location().filter(|place| place.file() == file!());
            PLACE.set(is_here.map_or(("", 0), |place| (file!(), place.line())));
            usual(info);
        }));
    });
    let failed = catch_unwind(AssertUnwindSafe(assertion)).expect_err("the assertion passed");
    *failed.downcast::<String>().unwrap()
}

#[test]
fn fields_of_all_types_compare_by_value() {
    let deck = testing::deck();
    deck.record(filled(5, "XETRA"));
    let venue = String::from("XETRA");
    assert_recorded!(deck, "order.filled");
    assert_recorded!(deck, "order.filled",);
    assert_recorded!(
        deck,
        "order.filled",
        qty == 5,
        delta == -3,
        price == 1.25,
        venue == "XETRA",
        partial == false
    );
    assert_recorded!(deck, "order.filled", qty == 5_u8, qty == 5.0, qty != -5, delta < 0_u64, price > 1);
    assert_recorded!(deck, "order.filled", qty >= 5, qty <= 5, qty < 6, qty > 4, qty != 4, venue == &venue);
    assert_recorded!(deck, "order.filled", venue == venue, raw == b"\x00\xff", raw != b"", "qty" == 2 + 3,);
    assert_recorded!(deck, "order.filled", delta > i64::MIN, qty < u64::MAX, price < f64::INFINITY);
    assert_recorded!(deck, "order.filled", price == f64::NAN, never);
}

#[test]
fn fields_may_be_called_as_the_assertions_words() {
    let events = testing::events();
    events.record(Counted { times: 1, never: 2, of: 3 });
    assert_recorded!(events, "odd.names", times == 1, never == 2, of == 3, times 1);
}

#[test]
fn events_are_counted() {
    let deck = testing::deck();
    for qty in 1..=4 {
        deck.record(filled(qty, "XETRA"));
    }
    assert_recorded!(deck, "order.filled", times 4);
    assert_recorded!(deck, "order.filled", qty > 2, times 2);
    assert_recorded!(deck, "order.filled", at_least 4, qty > 0, at_most 4);
    assert_recorded!(deck, "order.filled", qty > 4, never);
    assert_recorded!(deck, "order.rejected", never);
    let all = 4;
    assert_recorded!(deck, "order.filled", times all);
}

#[test]
fn decks_and_events_of_any_shape_are_asked() {
    let deck = Arc::new(testing::builder().config(Any).start().unwrap());
    deck.record(filled(1, "XETRA"));
    assert_recorded!(deck, "order.filled");
    assert_recorded!(&deck, "order.filled");
    assert_recorded!(*deck, "order.filled");
    assert_recorded!(deck.events(), "order.filled");
    let kind = deck.events().define(Schema::new("made.later").field("http.status", FieldType::U64)).unwrap();
    deck.events().record_values(Stamp::current(), &kind, &[Value::U64(503)]).unwrap();
    assert_recorded!(deck, "made.later", "http.status" >= 500);
}

#[test]
fn an_event_that_differs_is_shown_with_what_differs() {
    let deck = testing::deck();
    let ids = Ids::new();
    let (first, second) = (ids.correlation(), ids.correlation());
    {
        let _in = deck.scope(first);
        deck.record(Parsed { bytes: 120, path: "/orders" });
        testing::advance(&deck, Duration::from_micros(250));
        deck.record(filled(7, "XETRA"));
    }
    let _in = deck.scope(second);
    deck.record(filled(5, "BATS"));
    assert_eq!(
        said(|| assert_recorded!(deck, "order.filled", of first, qty == 5, venue == "XETRA")),
        "`order.filled` of 1 with qty == 5 and venue == \"XETRA\" was never recorded; of that kind was recorded \
         instead:\n\
         +0.000000000s order.filled qty=7 (not == 5) delta=-3 price=1.25 venue=XETRA partial=false raw=00ff\n\
         +0.000000001s order.filled of=2 (not 1) qty=5 delta=-3 price=1.25 venue=BATS (not == \"XETRA\") \
         partial=false raw=00ff\n\
         complete: 2 events\n\
         kinds recorded: order.filled x2, request.parsed x1"
    );
}

#[test]
fn kinds_of_one_name_are_told_apart_by_their_fields() {
    let events = testing::events();
    for field in ["status", "code"] {
        let kind = events.define(Schema::new("answered").field(field, FieldType::U64)).unwrap();
        events.record_values(Stamp::current(), &kind, &[Value::U64(200)]).unwrap();
    }
    assert_recorded!(events, "answered", code == 200, times 1);
    let text = said(|| assert_recorded!(events, "answered", code == 500));
    assert!(text.contains("answered code=200 (not == 500)"), "{text}");
    assert!(text.contains("answered status=200 code=missing (not == 500)"), "{text}");
}

#[test]
fn a_long_text_leaves_room_for_what_differs() {
    let events = testing::events();
    events.record(Flood { n: 1, text: &"long ".repeat(100) });
    let text = said(|| assert_recorded!(events, "flood", text == "short"));
    assert!(text.contains("long  (not == \"short\")") && text.len() < 300, "{text}");
}

#[test]
fn a_kind_with_another_name_is_shown() {
    let deck = testing::deck();
    assert_eq!(
        said(|| assert_recorded!(deck, "order.filed")),
        "`order.filed` was never recorded; nothing was recorded at all"
    );
    deck.record(filled(5, "BATS"));
    let said = said(|| assert_recorded!(deck, "order.filed", qty == 5));
    assert!(said.contains("was recorded instead:\n+0.000000000s order.filled qty=5 delta"), "{said}");
}

#[test]
fn too_many_are_shown_and_no_more() {
    let deck = testing::deck();
    for qty in 1..=30 {
        deck.record(filled(qty, "XETRA"));
    }
    let said_of = |assertion: &dyn Fn()| said(assertion);
    let said = said_of(&|| assert_recorded!(deck, "order.filled", qty <= 2, never));
    assert!(
        said.starts_with("`order.filled` with qty <= 2 was recorded 2 times, not never:\n+0.0"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 4, "{said}");
    let said = said_of(&|| assert_recorded!(deck, "order.filled", qty == 20, times 3));
    assert!(said.contains("once, not 3 times; of that kind"), "{said}");
    assert!(said.contains("(the nearest 12 of 30)") && said.lines().count() == 16, "{said}");
}

#[test]
fn a_mistake_in_the_assertion_never_passes() {
    let deck = testing::deck();
    deck.record(filled(5, "XETRA"));
    let typo = said(|| assert_recorded!(deck, "order.filled", qtty == 5, never));
    assert_eq!(typo, "`order.filled` has no field `qtty`: it has qty, delta, price, venue, partial, raw");
    let mixed = said(|| assert_recorded!(deck, "order.filled", venue != 5));
    assert_eq!(mixed, "field `venue` of `order.filled` holds Str, which cannot be compared with 5");
    let none = said(|| assert_recorded!(deck, "order.filled", of 0_u64));
    assert!(none.contains("correlation id is zero"), "{none}");
}

#[test]
fn what_was_overwritten_or_lost_cannot_be_denied() {
    let events = Events::builder().memory(1 << 20).shards(1).clock(Clock::stepping(Duration::from_nanos(1)));
    let events = events.build().unwrap();
    events.record(filled(5, "XETRA"));
    for n in 0..50_000 {
        events.record(Flood { n, text: "a flood" });
    }
    let never = said(|| assert_recorded!(events, "flood", n == 3, never));
    assert!(never.contains("never: events were overwritten, pruned or lost"), "{never}");
    assert_recorded!(events, "flood", n == 49_999);
    assert_recorded!(events, "order.filled", qty == 6, never);

    let deck = testing::deck();
    deck.shutdown(Duration::from_secs(5));
    deck.record(filled(5, "XETRA"));
    assert!(said(|| assert_recorded!(deck, "order.filled", never)).contains("or shut down"));
}

#[test]
fn chains_are_in_the_order_of_recording_over_classes_and_threads() {
    let deck = testing::deck();
    for _ in 0..20 {
        let id = 9_u64;
        let scope = flightdeck::events::Scope::root(id);
        {
            let _in = scope.enter();
            deck.record(Parsed { bytes: 1, path: "/" });
            deck.record(Accepted { port: 80 });
        }
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let _in = flightdeck::events::Scope::joined(id, scope.span()).enter();
                deck.record(filled(1, "XETRA"));
            });
        });
        let _in = scope.enter();
        deck.record(Accepted { port: 81 });
    }
    let one = ["request.parsed", "http.accepted", "order.filled", "http.accepted"];
    assert_chain!(deck, 9_u64, ["request.parsed", "http.accepted", "order.filled", "http.accepted", ..]);
    let answer = deck.events().query().correlation(9_u64).run().unwrap();
    assert!(answer.iter().zip(one.iter().cycle()).all(|(event, kind)| event.kind() == *kind));
}

#[test]
fn a_chain_that_breaks_is_shown() {
    let deck = testing::deck();
    {
        let _in = deck.scope(0x2a_u64);
        deck.record(Accepted { port: 80 });
        testing::advance(&deck, Duration::from_millis(2));
        deck.record(filled(5, "XETRA"));
    }
    const FILLED: &str = "order.filled";
    assert_chain!(deck, 0x2a_u64, ["http.accepted", FILLED]);
    assert_chain!(deck, 0x2a_u64, ["http.accepted", ..,],);
    assert_eq!(
        said(|| assert_chain!(deck, 0x2a_u64, ["http.accepted", "request.parsed", ..])),
        "the chain of 2a breaks at event 2: `request.parsed` was expected, and `order.filled` came:\n\
         +0.000000000s http.accepted port=80\n\
         +0.002000001s order.filled expected=request.parsed qty=5 delta=-3 price=1.25 venue=XETRA partial=false \
         raw=00ff\n\
         complete: 2 events\n\
         expected: http.accepted, request.parsed, .."
    );
    let more = said(|| assert_chain!(deck, 0x2a_u64, ["http.accepted"]));
    assert!(more.contains("at event 2: nothing more was expected, and `order.filled` came"), "{more}");
    assert_eq!(
        said(|| assert_chain!(deck, 7_u64, ["http.accepted"])),
        "nothing was recorded under 7; ids with events: 2a x2"
    );
    assert_chain!(deck, 7_u64, []);
}

#[test]
fn counters_are_compared_with_before() {
    let deck = testing::deck();
    let orders = deck.telemetry().counter("orders_filled");
    let rejected = deck.telemetry().counter("orders_rejected");
    let depth = deck.telemetry().gauge("depth");
    orders.increment(7);
    let before = testing::counts(&deck);
    orders.increment(2);
    rejected.increment(1);
    depth.set(4);
    assert_counted!(before, "orders_filled", 2);
    assert_counted!(before, "nobody_asked", 0);
    assert_counted!(before, "orders_rejected", 1,);
    assert_eq!(
        assert_counted!(deck.telemetry(), "orders_filled", 1, || {
            orders.increment(1);
            5
        }),
        5
    );
    assert_eq!(
        said(|| assert_counted!(before, "orders_filled", 4)),
        "`orders_filled` counted 3, not 4; what counted: orders_filled +3, orders_rejected +1"
    );
    assert_eq!(
        said(|| assert_counted!(before, "order_filled", 3)),
        "there is no metric `order_filled`, which was to count 3; what counted: orders_filled +3, orders_rejected +1"
    );
    assert!(said(|| assert_counted!(before, "depth", 4)).contains("is a gauge"));
}

#[test]
fn each_run_gives_the_same_ids_and_times() {
    let run = || {
        let deck = testing::deck();
        let ids = Ids::new();
        let in_thread = |deck: &Flightdeck| {
            let span = deck.events().start(Accepted { port: 80 });
            deck.events().end(span, Parsed { bytes: 1, path: "/" });
        };
        let _in = deck.scope(ids.correlation());
        in_thread(&deck);
        std::thread::scope(|threads| {
            threads.spawn(|| in_thread(&deck)).join().unwrap();
        });
        testing::advance(&deck, Duration::from_secs(1));
        in_thread(&deck);
        let answer = deck.events().query().run().unwrap();
        answer.iter().map(|event| (event.ticks(), event.span(), event.correlation())).collect::<Vec<_>>()
    };
    let first = run();
    assert_eq!(first, run());
    let spans: std::collections::BTreeSet<_> = first.iter().map(|(_, span, _)| *span).collect();
    assert_eq!(spans.len(), 3, "{first:?}");
}

#[test]
fn time_that_runs_by_itself_is_not_advanced() {
    let deck = Flightdeck::builder().start().unwrap();
    let said = said(|| testing::advance(&deck, Duration::from_secs(1)));
    assert!(said.contains("runs by itself") && said.contains("Clock::manual()"), "{said}");
}

#[test]
fn a_failure_names_the_line_of_the_assertion() {
    let deck = testing::deck();
    said(|| assert_recorded!(deck, "order.filled", qty == 5));
    assert_eq!(PLACE.get(), (file!(), line!() - 1));
    said(|| assert_chain!(deck, 1_u64, ["order.filled"]));
    assert_eq!(PLACE.get(), (file!(), line!() - 1));
    said(|| assert_counted!(deck, "orders_filled", 1, || ()));
    assert_eq!(PLACE.get(), (file!(), line!() - 1));
}
