//! Spans as their users see them: both halves, each half alone, nesting, and what carries them elsewhere.

use flightdeck::events::{
    Answer, Class, Events, OwnedSpan, Recorded, Scope, Spanned, Stamp, Timeline, Value,
};
use flightdeck::{Clock, CorrelationId, SpanId, Ticks};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

flightdeck::kind! {
    Check("risk.check", class = Verbose) { limit: u64 }
    Checked("risk.checked") { accepted: bool }
    Inner("inner.done") { n: u64 }
    Flood("flood.verbose", class = Verbose) { n: u64 }
    NormalFlood("flood.normal") { n: u64 }
}

/// Its clock stands still unless it is moved.
fn store() -> Events {
    Events::builder().memory(1 << 20).shards(4).clock(Clock::manual()).build().unwrap()
}

fn pass(events: &Events, ns: u64) {
    events.clock().advance(Duration::from_nanos(ns));
}

fn of_kind<'a>(answer: &'a Answer, kind: &str) -> Recorded<'a> {
    let mut found = answer.iter().filter(|event| event.kind() == kind);
    let event = found.next().unwrap_or_else(|| panic!("no {kind} in {answer:?}"));
    assert!(found.next().is_none(), "more than one {kind} in {answer:?}");
    event
}

fn line<'a>(text: &'a str, of: &str) -> &'a str {
    text.lines().find(|line| line.contains(of)).unwrap_or_else(|| panic!("no {of} in {text}"))
}

#[test]
fn a_span_begins_ends_and_restores_what_was_current() {
    let events = store();
    let _in = events.scope(7_u64);
    pass(&events, 100);
    let outer = events.span(Check { limit: 1 });
    assert_eq!(Scope::current(), outer.scope());
    pass(&events, 5);
    let inner = events.span(Inner { n: 1 });
    pass(&events, 20);
    let (outer_id, inner_id) = (outer.id().unwrap(), inner.id().unwrap());
    drop(inner);
    assert_eq!(Scope::current().span(), outer_id);
    pass(&events, 5);
    outer.end(Checked { accepted: true });
    assert_eq!(Scope::current().span(), SpanId::NONE);

    let answer = events.query().correlation(7_u64).run().unwrap();
    let seen: Vec<_> = answer
        .iter()
        .map(|event| (event.kind(), event.span(), event.parent(), event.started_at(), event.duration()))
        .collect();
    let ns = |ns| Some(Duration::from_nanos(ns));
    let expected = [
        ("risk.check", outer_id, Some(SpanId::NONE), Some(Ticks(100)), None),
        ("inner.done", inner_id, Some(outer_id), Some(Ticks(105)), None),
        ("inner.done", inner_id, None, Some(Ticks(105)), ns(20)),
        ("risk.checked", outer_id, None, Some(Ticks(100)), ns(30)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(of_kind(&answer, "risk.checked").field("accepted"), Some(Value::Bool(true)));
    assert_eq!(answer.iter().nth(2).unwrap().field("n"), Some(Value::U64(1)), "the event once more");
    let text = answer.timeline().to_string();
    assert!(line(&text, "risk.check ").contains(" 30 ns ███"), "{text}");
    assert_eq!(text.matches("30 ns").count(), 1, "the length stands at the beginning: {text}");
}

#[test]
fn an_end_whose_beginning_was_overwritten_tells_when_that_was_and_how_long_it_took() {
    let events = store();
    let _in = events.scope(9_u64);
    pass(&events, 40);
    let check = events.span(Check { limit: 1 });
    let id = check.id().unwrap();
    pass(&events, 60);
    check.end(Checked { accepted: false });
    // The beginning is verbose, its end is not.
    let verbose_ring = events.plan().ring[Class::Verbose];
    (0..verbose_ring as u64 / 16).for_each(|n| events.record_with(Stamp::of(1_u64), Flood { n }));

    let answer = events.query().correlation(9_u64).run().unwrap();
    assert_eq!(answer.len(), 1, "the beginning is gone: {answer:?}");
    let end = of_kind(&answer, "risk.checked");
    assert!(end.is_end() && !end.is_start());
    assert_eq!((end.span(), end.ticks(), end.started_at()), (id, Ticks(100), Some(Ticks(40))));
    assert_eq!(end.duration(), Some(Duration::from_nanos(60)));
    let text = answer.timeline().to_string();
    assert!(text.contains(" 60 ns risk.checked accepted=false"), "{text}");
}

#[test]
fn a_beginning_whose_end_was_overwritten_or_is_yet_to_come_says_so() {
    let events = store();
    let _in = events.scope(9_u64);
    let check = events.span(Check { limit: 1 });
    let open = |events: &Events| {
        let answer = events.query().correlation(9_u64).run().unwrap();
        let start = of_kind(&answer, "risk.check");
        assert_eq!((start.started_at(), start.duration()), (Some(start.ticks()), None));
        let text = answer.timeline().to_string();
        assert!(line(&text, "risk.check ").contains(" no end risk.check limit=1"), "{text}");
        assert!(!answer.timeline().without_ends().to_string().contains("no end"));
        answer.len()
    };
    assert_eq!(open(&events), 1);
    check.end(Checked { accepted: true });
    let normal_ring = events.plan().ring[Class::Normal];
    (0..normal_ring as u64 / 16).for_each(|n| events.record_with(Stamp::of(1_u64), NormalFlood { n }));
    assert_eq!(open(&events), 1, "the end is gone");
}

#[test]
fn an_end_by_scope_knows_its_beginning_wherever_the_scope_went() {
    let events = store();
    let scope = {
        let _in = events.scope(3_u64);
        events.start(Check { limit: 1 })
    };
    pass(&events, 25);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let _in = scope.enter();
            events.end(Scope::current(), Checked { accepted: true });
        });
    });
    // Began elsewhere: nobody here knows when.
    let header = scope.traceparent().to_string();
    events.end(Scope::from_traceparent(&header).unwrap(), Inner { n: 2 });
    events.record_with(Stamp::of(3_u64).span(scope.span()).ends_since(Ticks(5)).at(Ticks(4)), Inner { n: 3 });
    let answer = events.query().correlation(3_u64).run().unwrap();
    let end = of_kind(&answer, "risk.checked");
    assert_eq!((end.span(), end.duration()), (scope.span(), Some(Duration::from_nanos(25))));
    let inner = |n| answer.iter().find(|event| event.field("n") == Some(Value::U64(n))).unwrap();
    assert_eq!((inner(2).is_end(), inner(2).started_at(), inner(2).duration()), (true, None, None));
    assert_eq!((inner(3).started_at(), inner(3).duration()), (Some(Ticks(5)), Some(Duration::ZERO)));
    assert_eq!(scope.since(), Some(Ticks(0)));
    assert_eq!((scope.in_span(SpanId::new(5)).since(), Scope::root(1_u64).since()), (None, None));
}

#[test]
fn spans_that_begin_and_end_in_batches_say_the_same() {
    let events = store();
    let mut batch = flightdeck::events::Batch::new();
    let (span, parent) = (SpanId::new(5), SpanId::new(4));
    let stamp = Stamp::of(7_u64).span(span);
    batch.push_with(stamp.starts_under(parent).at(Ticks(10)), Check { limit: 2 });
    batch.push_with(stamp.ends_since(Ticks(10)).at(Ticks(17)), Checked { accepted: true });
    batch.push_with(stamp.starts_under(parent).ends_since(Ticks(3)).at(Ticks(20)), Inner { n: 5 });
    events.record_batch(&mut batch).unwrap();
    let answer = events.query().correlation(7_u64).run().unwrap();
    let end = of_kind(&answer, "risk.checked");
    assert_eq!(end.duration(), Some(Duration::from_nanos(7)));
    assert_eq!(end.field("accepted"), Some(Value::Bool(true)));
    assert!(answer.iter().all(|event| event.batch().unwrap().is_whole));
    let both = of_kind(&answer, "inner.done");
    assert_eq!((both.parent(), both.started_at()), (Some(parent), Some(Ticks(3))));
    assert_eq!(both.field("n"), Some(Value::U64(5)));
}

#[test]
fn a_panic_ends_spans_as_unwound_and_restores_the_scope() {
    struct InDestructor<'a>(&'a Events);
    impl Drop for InDestructor<'_> {
        fn drop(&mut self) {
            let span = self.0.span(Check { limit: 9 });
            pass(self.0, 1);
            span.end(Checked { accepted: true });
        }
    }
    let events = store();
    let _in = events.scope(4_u64);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _last = InDestructor(&events);
        let _span = events.span(Inner { n: 1 });
        resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicked.is_err());
    assert_eq!(Scope::current().span(), SpanId::NONE);
    let answer = events.query().correlation(4_u64).run().unwrap();
    let unwound: Vec<_> = answer.iter().map(|event| (event.kind(), event.is_unwound())).collect();
    let expected =
        [("inner.done", false), ("inner.done", true), ("risk.check", false), ("risk.checked", false)];
    assert_eq!(unwound, expected);
    assert!(answer.timeline().to_string().contains("(unwound)"));
}

#[test]
fn an_owned_span_crosses_threads_channels_and_a_pool() {
    let events = store();
    let (jobs, worker) = mpsc::channel::<(OwnedSpan<Check>, u64)>();
    let pool = std::thread::spawn({
        let events = events.clone();
        move || {
            for (span, n) in worker {
                let _in = span.scope().enter();
                let nested = events.span(Inner { n });
                assert_eq!(Scope::current(), nested.scope());
                drop(nested);
                span.end(Checked { accepted: n % 2 == 0 });
            }
            assert_eq!(Scope::current(), Scope::default());
        }
    });
    for n in 1..=20_u64 {
        let _in = events.scope(n);
        let before = Scope::current();
        let span = events.owned_span(Check { limit: n });
        assert_eq!(Scope::current(), before, "the thread stays where it was");
        jobs.send((span, n)).unwrap();
    }
    drop(jobs);
    pool.join().unwrap();
    for n in 1..=20_u64 {
        let answer = events.query().correlation(n).run().unwrap();
        let (start, end) = (of_kind(&answer, "risk.check"), of_kind(&answer, "risk.checked"));
        assert_eq!((start.span(), end.started_at()), (end.span(), Some(start.ticks())));
        assert_ne!(start.thread(), end.thread());
        let inner = answer.iter().find(|event| event.kind() == "inner.done").unwrap();
        assert_eq!((inner.parent(), answer.len()), (Some(start.span()), 4));
        assert_eq!(end.field("accepted"), Some(Value::Bool(n % 2 == 0)));
        assert!(answer.verdict().is_complete());
    }
}

#[test]
fn futures_in_spans_keep_them_on_every_thread_of_a_runtime() {
    let events = Events::builder().memory(8 << 20).shards(8).build().unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (1..=200_u64)
            .map(|n| {
                let _in = events.scope(n);
                let (events, span) = (events.clone(), events.owned_span(Check { limit: n }));
                let work = async move {
                    for step in 0..3 {
                        tokio::time::sleep(Duration::from_micros(200)).await;
                        let child = events.owned_span(Inner { n: step });
                        async { tokio::task::yield_now().await }.in_span(child).await;
                    }
                    assert_eq!(Scope::current().correlation(), CorrelationId::from(n));
                };
                tokio::spawn(work.in_span(span))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    for n in 1..=200_u64 {
        let answer = events.query().correlation(n).run().unwrap();
        assert_eq!(answer.len(), 8, "{answer:?}");
        let [start, .., end] = &answer.iter().collect::<Vec<_>>()[..] else { panic!("{answer:?}") };
        assert!(start.is_start() && end.is_end() && start.span() == end.span(), "the outermost ends last");
        assert!(answer.iter().all(|event| event.is_start() != event.is_end()));
        let children = answer.iter().filter(|event| event.is_start() && event.parent() == Some(start.span()));
        assert_eq!(children.count(), 3);
        assert!(end.duration().unwrap() >= Duration::from_micros(600));
    }
}

#[test]
fn a_future_ends_its_span_when_it_is_ready_panics_or_is_dropped() {
    let events = store();
    let mut context = Context::from_waker(Waker::noop());
    let seen = || {
        let answer = events.query().run().unwrap();
        let ends = answer.iter().filter(|event| event.is_end());
        let number = |event: &Recorded<'_>| event.field("n").and_then(|n| n.as_u64()).unwrap();
        ends.map(|event| (number(&event), event.is_unwound())).collect::<Vec<_>>()
    };
    {
        let mut ready = pin!(async { 5 }.in_span(events.owned_span(Inner { n: 1 })));
        assert_eq!(ready.as_mut().poll(&mut context), Poll::Ready(5));
        assert_eq!(seen(), [(1, false)], "not only when it is dropped");
    }
    {
        let mut dropped = Box::pin(std::future::pending::<()>().in_span(events.owned_span(Inner { n: 2 })));
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        assert_eq!((seen().len(), Scope::current()), (1, Scope::default()));
    }
    let mut panics: Pin<Box<dyn Future<Output = ()>>> =
        Box::pin(async { resume_unwind(Box::new("on purpose")) }.in_span(events.owned_span(Inner { n: 3 })));
    assert!(catch_unwind(AssertUnwindSafe(|| panics.as_mut().poll(&mut context).is_ready())).is_err());
    assert_eq!(Scope::current(), Scope::default());
    drop(panics);
    assert_eq!(seen(), [(1, false), (2, false), (3, true)]);
}

#[test]
fn links_come_back_in_order_and_those_over_the_limit_are_counted() {
    let events = store();
    let produced: Vec<Scope> = (1..=40_u64)
        .map(|n| {
            let _in = events.scope(u128::from(n) << 64 | 5);
            events.span(Check { limit: n }).scope()
        })
        .collect();
    {
        let _in = events.scope(99_u64);
        let batch = events.span_linked(&produced[..3], Inner { n: 3 });
        events.record_linked(&produced, Inner { n: 40 });
        events.record_linked(&[], Inner { n: 0 });
        batch.end(Checked { accepted: true });
    }
    let answer = events.query().correlation(99_u64).run().unwrap();
    let links = |n: u64| {
        let event = answer.iter().find(|event| event.field("n") == Some(Value::U64(n))).unwrap();
        let kept: Vec<_> = event.links().map(|link| (link.correlation(), link.span())).collect();
        assert_eq!(event.links().len(), kept.len());
        (kept, event.links().left_out())
    };
    let given: Vec<_> = produced.iter().map(|scope| (scope.correlation(), scope.span())).collect();
    assert_eq!(links(3), (given[..3].to_vec(), 0));
    assert_eq!(links(40), (given[..32].to_vec(), 8));
    assert_eq!(links(0), (Vec::new(), 0));
    assert_eq!(events.stats().links_left_out, 8);
    let start = answer.iter().next().unwrap();
    assert_eq!((start.is_start(), start.parent(), start.is_root()), (true, Some(SpanId::NONE), true));
    let text = answer.timeline().to_string();
    let (id, span) = given[0];
    assert!(line(&text, "n=3").contains(&format!("links={id}:{span} ")), "{text}");
    assert!(line(&text, "n=40").ends_with("(+8 links)"), "{text}");
    assert!(!line(&text, "n=0").contains("links"), "{text}");
    assert_eq!(of_kind(&answer, "risk.checked").links().len(), 0);
}

#[test]
fn spans_that_are_switched_off_record_nothing_and_change_no_scope() {
    let events = store();
    let _in = events.scope(1_u64);
    events.record(Inner { n: 0 });
    events.switch(false);
    let before = Scope::current();
    let span = events.span(Check { limit: 1 });
    let owned = events.owned_span(Check { limit: 2 });
    assert_eq!((span.id(), owned.id(), Scope::current()), (None, None, before));
    assert_eq!((span.scope(), owned.scope()), (before, before));
    events.switch(true);
    span.end(Checked { accepted: true });
    drop(owned);
    assert_eq!(events.stats().kept, 1, "no end without its beginning");
}

#[test]
fn the_types_move_as_they_say() {
    fn send<T: Send>(_: &T) {}
    let events = store();
    let span = events.owned_span(Check { limit: 1 });
    send(&span);
    send(&async {}.in_span(span));
    let _: fn(&Answer) -> Timeline<'_> = Answer::timeline;
}
