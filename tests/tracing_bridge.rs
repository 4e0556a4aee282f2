//! Hosts that speak through the crate `tracing`, and what the store says.

use flightdeck::bridge::correlation_of;
use flightdeck::bridge::tracing::Layer;
use flightdeck::events::{Answer, Events, InScope, Recorded, Scope, Value};
use flightdeck::{CorrelationId, Severity};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use tracing::field::Empty;
use tracing::instrument::Instrument;
use tracing::{Dispatch, error, info, info_span, trace, warn};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry;

flightdeck::kind! { Native("native") { n: u64 } }

/// A store, the layer that records in it, and a subscriber of that alone.
struct Host {
    events: Events,
    layer: Layer,
    dispatch: Dispatch,
}

impl Host {
    fn new() -> Self {
        let events = Events::builder().memory(8 << 20).build().unwrap();
        let layer = Layer::builder(&events).correlation_field("request_id").secret("pin").build();
        let dispatch = Dispatch::new(registry().with(layer.clone().by_levels()));
        Self { events, layer, dispatch }
    }

    fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.dispatch, body)
    }

    fn all(&self) -> Answer {
        self.events.query().run().unwrap()
    }

    /// What belongs to no id.
    fn nobodys(&self) -> Answer {
        let mut answer = self.all();
        answer.retain(|event| event.correlation().is_none());
        answer
    }

    fn of(&self, id: impl Into<CorrelationId>) -> Answer {
        self.events.query().correlation(id).run().unwrap()
    }
}

fn message<'a>(event: &Recorded<'a>) -> &'a str {
    event.field("message").and_then(|value| value.as_str()).unwrap_or("")
}

fn messages(answer: &Answer) -> Vec<&str> {
    answer.iter().map(|event| message(&event)).collect()
}

#[test]
fn an_event_has_its_fields_by_their_types() {
    let host = Host::new();
    let line = line!() + 2;
    host.run(|| {
        warn!(small = 7_u8, signed = -3, ratio = 0.5, done = true, text = "abc", bytes = &b"\x00\xff"[..], shown = ?Some(1), huge = u128::MAX, "{} of {}", 1, 2);
        error!(name: "order.lost", "gone");
        trace!("detail");
    });
    let answer = host.all();
    let [said, lost, detail] = &answer.iter().collect::<Vec<_>>()[..] else { panic!("{answer:?}") };
    assert_eq!((said.kind(), said.severity()), (&*format!("tracing_bridge.{line}"), Severity::Warn));
    for (name, value) in [
        ("message", Value::Str("1 of 2")),
        ("small", Value::U64(7)),
        ("signed", Value::I64(-3)),
        ("ratio", Value::F64(0.5)),
        ("done", Value::Bool(true)),
        ("text", Value::Str("abc")),
        ("bytes", Value::Bytes(&[0, 255])),
        ("shown", Value::Str("Some(1)")),
        ("huge", Value::Str("340282366920938463463374607431768211455")),
    ] {
        assert_eq!(said.field(name), Some(value), "{name}");
    }
    assert_eq!(
        (lost.kind(), lost.severity(), message(lost)),
        ("tracing_bridge.order.lost", Severity::Error, "gone")
    );
    assert_eq!((detail.severity(), detail.class()), (Severity::Trace, flightdeck::events::Class::Verbose));
    assert_eq!(host.layer.stats(), Default::default());
}

#[test]
fn errors_are_told_with_what_they_come_from() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no quantity")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let host = Host::new();
    let outer = Outer("x".parse::<u8>().unwrap_err());
    host.run(|| error!(error = &outer as &(dyn std::error::Error + 'static)));
    let answer = host.all();
    let told = answer.iter().next().unwrap().field("error");
    assert_eq!(told, Some(Value::Str("no quantity: invalid digit found in string")));
}

#[test]
fn spans_are_a_tree_whose_ends_know_how_long_they_took() {
    let host = Host::new();
    host.run(|| {
        let request = info_span!("request", request_id = 77, route = "/buy").entered();
        info!("accepted");
        {
            let _check = info_span!("check").entered();
            info!("checked");
            host.events.record(Native { n: 5 });
        }
        info!("done");
        drop(request);
        info!("outside");
    });
    let answer = host.of(77_u64);
    assert!(answer.verdict().is_complete());
    assert_eq!(answer.len(), 8, "{}", answer.timeline());
    let tree = answer.tree();
    let request = tree.roots().next().unwrap();
    assert!(request.is_span() && request.event().is_root());
    assert_eq!(request.event().kind(), "tracing_bridge.request");
    assert_eq!(request.event().field("route"), Some(Value::Str("/buy")));
    let children: Vec<_> = request.children().map(|child| child.event().kind().to_owned()).collect();
    assert_eq!(children.len(), 4, "its end as well: {}", answer.timeline());
    assert_eq!(children[1], "tracing_bridge.check");
    let check = request.children().nth(1).unwrap();
    assert_eq!(check.children().count(), 3, "the host's own events stand in the span, too");
    assert!(check.duration().is_some() && check.duration() <= request.duration());
    let outside = host.nobodys();
    assert_eq!(messages(&outside), ["outside"]);
    assert_eq!(outside.iter().next().unwrap().parent(), None);
}

#[test]
fn a_span_says_whose_it_is_or_begins_something_new() {
    let host = Host::new();
    let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    host.run(|| {
        info_span!("by_text", request_id = uuid);
        info_span!("by_shown", request_id = %"order-7");
        info_span!("by_large", request_id = 1_u128 << 100);
        info_span!("by_header", traceparent = header, request_id = 5);
        info_span!("new").in_scope(|| info!("of nobody else"));
        info_span!("other_new");
        info_span!("unfit", traceparent = "00-zz", request_id = 0);
        info_span!("none", traceparent = "");
        info!(request_id = 99, "an event by itself");
        info_span!("around", request_id = 1).in_scope(|| {
            info_span!("within", request_id = 2).in_scope(|| info!("belongs to 2"));
            info!(request_id = 3, "belongs to 3");
        });
    });
    let large = host.of(1_u128 << 100);
    for (answer, span) in [
        (host.of(correlation_of(uuid)), "text"),
        (host.of(correlation_of("order-7")), "shown"),
        (large, "large"),
    ] {
        assert_eq!(answer.len(), 2, "by_{span}");
        assert!(answer.verdict().is_complete(), "it begins here");
        assert_eq!(answer.iter().next().unwrap().kind(), format!("tracing_bridge.by_{span}"));
    }
    let caller = Scope::from_traceparent(header).unwrap();
    let joined = host.of(caller.correlation());
    let began = joined.iter().next().unwrap();
    assert_eq!((joined.len(), began.parent(), began.is_root()), (2, Some(caller.span()), false));
    let all = host.all();
    let ids_of = |kind: &str| -> BTreeSet<u128> {
        all.iter().filter(|event| event.kind() == kind).map(|event| event.correlation().get()).collect()
    };
    let (new, other) = (ids_of("tracing_bridge.new"), ids_of("tracing_bridge.other_new"));
    assert_eq!((new.len(), other.len(), new.intersection(&other).count()), (1, 1, 0));
    assert_eq!(host.of(*new.first().unwrap()).len(), 3);
    let by_itself = host.of(99_u64);
    assert_eq!(messages(&by_itself), ["an event by itself"]);
    assert!(by_itself.iter().all(|event| !event.is_root()), "there may have been others before it");
    assert_eq!(host.of(2_u64).len(), 3);
    assert!(host.of(2_u64).iter().next().unwrap().parent().is_some(), "below the span around it");
    assert_eq!(messages(&host.of(3_u64)), ["belongs to 3"]);
    assert_eq!(host.layer.stats().unfit_ids, 2);
}

/// Counts what other layers see.
#[derive(Clone, Default)]
struct Seen(Arc<AtomicU64>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Seen {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn what_a_caller_does_not_sample_is_passed_on_as_such() {
    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0";
    let host = Host::new();
    host.run(|| {
        for flag in ["0", "1"] {
            let span = info_span!("request", traceparent = format!("{CALLER}{flag}"));
            let below = info_span!(parent: &span, "below, from outside");
            let passed_on = || Scope::current().traceparent().to_string();
            assert!(below.in_scope(passed_on).ends_with(flag));
            span.in_scope(|| {
                assert!(passed_on().ends_with(flag));
                assert!(info_span!("below").in_scope(passed_on).ends_with(flag));
            });
            assert_eq!(Scope::current(), Scope::default());
        }
    });
}

#[test]
fn other_layers_see_what_they_see_without_it() {
    let host = Host::new();
    let seen = Seen::default();
    let dispatch = Dispatch::new(registry().with(host.layer.clone().by_levels()).with(seen.clone()));
    host.events.set_directives("warn".parse().unwrap());
    tracing::dispatcher::with_default(&dispatch, || {
        for _ in 0..3 {
            info!("not for the store");
            warn!("for both");
        }
    });
    assert_eq!((seen.0.load(Relaxed), messages(&host.all())), (6, vec!["for both"; 3]));
    // Without levels before it the store itself drops what is off.
    let dispatch = Dispatch::new(registry().with(host.layer.clone()));
    tracing::dispatcher::with_default(&dispatch, || {
        info!("off");
        warn!("on");
    });
    assert_eq!(messages(&host.all()).last(), Some(&"on"));
    assert_eq!(host.all().len(), 4);
}

#[test]
fn a_span_that_is_off_here_is_gone_through_for_the_others_alone() {
    let host = Host::new();
    let seen = Seen::default();
    let dispatch = Dispatch::new(registry().with(host.layer.clone().by_levels()).with(seen.clone()));
    host.events
        .set_directives("off,tracing_bridge.on=info,tracing_bridge.inner=info,native=info".parse().unwrap());
    tracing::dispatcher::with_default(&dispatch, || {
        let on = info_span!("on", request_id = 7);
        let off = info_span!("off", request_id = 8, late = Empty);
        on.in_scope(|| {
            off.in_scope(|| {
                off.record("late", 1);
                info!("seen by the other");
                // Off, it is not where this thread is.
                host.events.record(Native { n: 1 });
                drop(info_span!("inner"));
            });
            host.events.record(Native { n: 2 });
        });
        drop(off);
    });
    let answer = host.of(7_u64);
    let kinds: Vec<_> =
        answer.iter().map(|event| event.kind().rsplit('.').next().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["on", "native", "inner", "inner", "native", "on"], "{}", answer.timeline());
    let on = answer.iter().next().unwrap().span();
    assert!(answer.iter().all(|event| event.span() == on || event.kind().ends_with("inner")));
    assert_eq!((host.all().len(), seen.0.load(Relaxed)), (6, 1));
}

#[test]
fn thousands_of_spans_that_live_at_once_keep_what_is_theirs() {
    let host = Host::new();
    thread::scope(|threads| {
        for thread in 0..3_u64 {
            let host = &host;
            threads.spawn(move || {
                host.run(|| {
                    let ids = thread * 2_000 + 1..=thread * 2_000 + 2_000;
                    let spans: Vec<_> =
                        ids.map(|id| (id, info_span!("one of many", request_id = id))).collect();
                    for (id, span) in spans.iter().rev() {
                        span.in_scope(|| assert_eq!(Scope::current().correlation(), (*id).into()));
                    }
                    // The middle first: those that stay are still found.
                    let (middle, rest): (Vec<_>, Vec<_>) = spans.into_iter().partition(|(id, _)| id % 3 == 0);
                    drop(middle);
                    for (id, span) in &rest {
                        span.in_scope(|| assert_eq!(Scope::current().correlation(), (*id).into()));
                    }
                });
            });
        }
    });
    let answer = host.all();
    let ends = answer
        .iter()
        .filter(Recorded::is_end)
        .map(|event| event.correlation().get())
        .collect::<BTreeSet<_>>();
    assert_eq!((answer.len(), ends.len()), (12_000, 6_000));
}

#[test]
fn what_is_secret_is_nowhere() {
    const PLANTED: &str = "hunter2-hunter2";
    // Too long to be part of an id or a time by chance.
    const SECRET_NUMBER: u64 = 3_141_592_653_589;
    let host = Host::new();
    host.run(|| {
        let span = info_span!("login", user = "ann", Password = PLANTED, late.token = Empty).entered();
        span.record("late.token", PLANTED);
        info!(authorization = %PLANTED, x_api_key = ?Some(PLANTED), PIN = SECRET_NUMBER, db_secret = &b"hunter2-hunter2"[..], "in");
        info!(session.cookie = PLANTED.repeat(1_000), "long");
    });
    let answer = host.all();
    let text = format!("{}{}{:?}", answer.timeline(), serde_json::to_string(&answer.json()).unwrap(), answer);
    assert!(text.contains("ann") && !text.contains("hunter2") && !text.contains("3141592653589"), "{text}");
    let login = answer.iter().next().unwrap();
    assert_eq!(login.field("Password"), Some(Value::Secret { bytes: 15 }));
    let fields = |name: &str| answer.iter().find_map(|event| event.field(name));
    assert_eq!(fields("late.token"), Some(Value::Secret { bytes: 15 }));
    assert_eq!(fields("PIN"), Some(Value::Secret { bytes: 8 }));
    assert_eq!(fields("x_api_key"), Some(Value::Secret { bytes: 23 }));
    assert!(
        matches!(fields("session.cookie"), Some(Value::Secret { bytes: 10_000.. })),
        "{:?}",
        fields("session.cookie")
    );
}

#[test]
fn long_values_are_cut_and_marked_and_short_ones_beside_them_stay_whole() {
    let host = Host::new();
    let long = "\u{e9}".repeat(50_000);
    host.run(|| {
        info!(long = %long, given = &*long, after = "whole", shown = ?"x".repeat(600), "said");
        info!("{long}");
    });
    let answer = host.all();
    let said = answer.iter().next().unwrap();
    for name in ["long", "given"] {
        let Some(Value::CutStr { kept, bytes: 100_000 }) = said.field(name) else {
            panic!("{:?}", said.field(name))
        };
        assert_eq!(kept.len(), 10_000);
    }
    assert_eq!(said.field("after"), Some(Value::Str("whole")));
    assert_eq!(said.field("shown").and_then(|value| value.as_str()).map(str::len), Some(602));
    assert_eq!(host.layer.stats().values_cut, 3);
}

#[test]
fn fields_that_come_late_are_told_in_the_span_and_may_say_whose_it_is() {
    let host = Host::new();
    host.run(|| {
        let span = info_span!("request", rows = Empty, request_id = Empty);
        span.in_scope(|| {
            span.record("rows", 3);
            span.record("rows", "many");
            span.record("request_id", 55);
            info!("inside");
        });
        info!("outside");
    });
    let answer = host.of(55_u64);
    let [late, inside, end] = &answer.iter().collect::<Vec<_>>()[..] else { panic!("{}", answer.timeline()) };
    assert_eq!(late.field("request_id"), Some(Value::I64(55)));
    assert_eq!((message(inside), inside.span()), ("inside", late.span()));
    assert!(end.is_end() && end.duration().is_some() && answer.verdict().is_complete());
    let in_span = host.events.query().span(end.span()).run().unwrap();
    let rows: Vec<_> = in_span.iter().filter_map(|event| event.field("rows")).collect();
    assert_eq!(rows, [Value::I64(3), Value::Str("many")]);
    assert_eq!(in_span.len(), 6);
    assert_eq!(messages(&host.nobodys()), ["outside"]);
}

#[test]
fn what_follows_from_another_span_is_linked_to_it() {
    let host = Host::new();
    host.run(|| {
        let cause = info_span!("cause", request_id = 1);
        let effect = info_span!("effect", request_id = 2);
        effect.follows_from(&cause);
    });
    let answer = host.of(2_u64);
    let link = answer.iter().find(|event| event.kind() == "tracing.follows_from").unwrap();
    let cause = host.of(1_u64).iter().next().unwrap().span();
    assert_eq!(
        link.links().map(|scope| (scope.correlation().get(), scope.span())).collect::<Vec<_>>(),
        [(1, cause)]
    );
}

#[test]
fn a_span_is_entered_many_times_by_several_threads_and_left_in_any_order() {
    let host = Host::new();
    host.run(|| {
        let span = info_span!("shared", request_id = 8);
        let both = Barrier::new(2);
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    host.run(|| {
                        for n in 0..100 {
                            let _in = span.enter();
                            let _again = span.enter();
                            both.wait();
                            info!(n, "both are in");
                        }
                        info!("out");
                    });
                });
            }
        });
    });
    let answer = host.of(8_u64);
    assert_eq!((answer.len(), answer.verdict().is_complete()), (202, true));
    assert_eq!(messages(&host.nobodys()), ["out", "out"]);

    host.run(|| {
        let [a, b, c] = [11, 12, 13].map(|id| info_span!("crossed", request_id = id));
        let (in_a, in_b, in_c) = (a.enter(), b.enter(), c.enter());
        drop(in_a);
        info!("in c");
        drop(in_c);
        info!("in b");
        drop(in_b);
        info!("in none");
    });
    assert_eq!(
        messages(&host.of(13_u64)).iter().filter(|said| !said.is_empty()).collect::<Vec<_>>(),
        [&"in c"]
    );
    assert_eq!(
        messages(&host.of(12_u64)).iter().filter(|said| !said.is_empty()).collect::<Vec<_>>(),
        [&"in b"]
    );
    assert_eq!(messages(&host.nobodys()).last(), Some(&"in none"));
}

#[test]
fn a_span_is_closed_on_another_thread_and_its_number_is_given_anew() {
    let host = Host::new();
    let (send, receive) = mpsc::channel::<tracing::Span>();
    host.run(|| {
        let closing = thread::spawn({
            let dispatch = host.dispatch.clone();
            move || tracing::dispatcher::with_default(&dispatch, || receive.into_iter().for_each(drop))
        });
        for id in 1..=2_000_u64 {
            let span = info_span!("moved", request_id = id);
            span.in_scope(|| info!("here"));
            send.send(span).unwrap();
        }
        drop(send);
        closing.join().unwrap();
    });
    // Closed at once, so that the registry gives the same numbers again and again.
    host.run(|| {
        (2_001..=4_000_u64).for_each(|id| info_span!("moved", request_id = id).in_scope(|| info!("here")))
    });
    let mut spans = BTreeSet::new();
    for id in 1..=4_000_u64 {
        let answer = host.of(id);
        let [start, here, end] = &answer.iter().collect::<Vec<_>>()[..] else {
            panic!("{}", answer.timeline())
        };
        assert!(start.is_start() && message(here) == "here" && end.is_end());
        assert!(start.span() == here.span() && start.span() == end.span());
        spans.insert(start.span().get());
    }
    assert_eq!(spans.len(), 4_000);
}

#[test]
fn a_value_that_panics_leaves_all_as_it_was() {
    struct Panics;
    impl fmt::Debug for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no way to show this")
        }
    }
    let host = Host::new();
    host.run(|| {
        for _ in 0..10 {
            let shown = std::panic::catch_unwind(|| info!(value = ?Panics, "never"));
            assert!(shown.is_err());
        }
        info!(value = %"fine", "after");
    });
    assert_eq!(messages(&host.all()), ["after"]);
    assert_eq!(host.layer.stats().nested_left_out, 0);
}

#[test]
fn values_that_are_missing_make_further_kinds_and_too_many_become_text() {
    let host = Host::new();
    host.run(|| {
        for mask in 0..64_u32 {
            let bit = |bit: u32| (mask >> bit & 1 == 1).then_some(bit);
            info!(
                a = bit(0),
                b = bit(1),
                c = bit(2),
                d = bit(3),
                e = bit(4),
                f = bit(5),
                token = "t-t-t",
                "said"
            );
        }
    });
    let answer = host.all();
    assert_eq!(answer.len(), 64);
    let as_text: Vec<_> = answer.iter().filter(|event| event.kind() == "tracing.other").collect();
    assert_eq!((as_text.len(), host.layer.stats().as_text), (48, 48));
    let last = as_text.last().unwrap();
    let text = last.field("text").and_then(|value| value.as_str()).unwrap();
    assert_eq!(text, "message=said a=0 b=1 c=2 d=3 e=4 f=5 token=<secret>");
    assert!(last.field("name").and_then(|value| value.as_str()).unwrap().starts_with("tracing_bridge."));
}

#[test]
fn two_stores_in_one_subscriber_each_have_their_tree() {
    let (one, other) = (Host::new(), Events::builder().memory(1 << 20).build().unwrap());
    let second = Layer::builder(&other).correlation_field("request_id").leave_scope().build();
    let dispatch = Dispatch::new(registry().with(one.layer.clone().by_levels()).with(second.by_levels()));
    tracing::dispatcher::with_default(&dispatch, || {
        let _outer = info_span!("outer", request_id = 4).entered();
        let _inner = info_span!("inner").entered();
        info!("both");
    });
    for events in [&one.events, &other] {
        let answer = events.query().correlation(4_u64).run().unwrap();
        let tree = answer.tree();
        let inner = tree.roots().next().unwrap().children().next().unwrap();
        assert_eq!(inner.event().kind(), "tracing_bridge.inner", "{}", answer.timeline());
        assert_eq!(message(&inner.children().next().unwrap().event()), "both");
    }
}

#[test]
fn a_thread_says_something_in_its_destructors() {
    struct AtTheEnd(Dispatch);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            tracing::dispatcher::with_default(&self.0, || {
                info_span!("late", request_id = 6).in_scope(|| info!("last words"));
            });
        }
    }
    thread_local! { static LAST: Cell<Option<AtTheEnd>> = const { Cell::new(None) }; }
    let host = Host::new();
    let dispatch = host.dispatch.clone();
    thread::spawn(move || LAST.set(Some(AtTheEnd(dispatch)))).join().unwrap();
    let answer = host.of(6_u64);
    assert!(answer.len() >= 2, "{}", answer.timeline());
}

#[tracing::instrument(skip_all, fields(request_id = id))]
async fn serve(id: u64) {
    info!("began");
    tokio::task::yield_now().await;
    async { info!("in the middle") }.instrument(info_span!("step", id)).await;
    tokio::time::sleep(std::time::Duration::from_millis(id % 3)).await;
    info!("ended");
}

#[test]
fn the_tasks_of_a_real_runtime_keep_their_ids_on_whichever_thread_they_run() {
    let host = Host::new();
    let dispatch = host.dispatch.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&dispatch)))
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (1..=500).map(|id| tokio::spawn(serve(id))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    drop(runtime);
    for id in 1..=500_u64 {
        let answer = host.of(id);
        let said: Vec<_> = messages(&answer).into_iter().filter(|said| !said.is_empty()).collect();
        assert_eq!(said, ["began", "in the middle", "ended"], "{}", answer.timeline());
        assert!(answer.verdict().is_complete());
        let tree = answer.tree();
        assert_eq!(tree.roots().count(), 1);
        assert_eq!(answer.len(), 7);
    }
    assert_eq!(host.nobodys().len(), 0);
}

#[test]
fn a_scope_of_the_host_is_where_its_spans_begin() {
    let host = Host::new();
    host.run(|| {
        {
            let _in = host.events.scope(21_u64);
            info!("in the scope");
            info_span!("in_it").in_scope(|| info!("in its span"));
        }
        let future = async { info!("in a future") }.in_scope(Scope::root(22_u64));
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future);
    });
    let answer = host.of(21_u64);
    assert_eq!(messages(&answer), ["in the scope", "", "in its span", ""]);
    assert!(answer.verdict().is_complete() && host.of(22_u64).verdict().is_complete());
    assert_eq!(messages(&host.of(22_u64)), ["in a future"]);
}
