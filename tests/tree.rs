//! The events of an answer by cause: where each stands, whatever their ids say.

use flightdeck::events::{Answer, EventId, Events, Node, Origin, Recorded, Scope, Stamp, TraceTree};
use flightdeck::{Clock, CorrelationId, SpanId, Ticks};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

flightdeck::kind! {
    Began("span.began") { n: u64 }
    Ended("span.ended") { n: u64 }
    Noted("noted") { n: u64 }
}

fn store() -> Events {
    Events::builder().memory(1 << 20).shards(1).clock(Clock::manual()).build().unwrap()
}

/// All that is recorded has the times it says.
fn at(events: &Events, ns: u64) {
    let now = events.clock().now().0;
    events.clock().advance(Duration::from_nanos(ns - now));
}

const ID: u64 = 7;

fn begin(events: &Events, ns: u64, span: u64, parent: u64) {
    let stamp = Stamp::of(ID).span(SpanId::new(span)).starts_under(SpanId::new(parent)).at(Ticks(ns));
    events.record_with(stamp, Began { n: span });
}

fn end(events: &Events, ns: u64, span: u64) {
    events.record_with(Stamp::of(ID).span(SpanId::new(span)).ends().at(Ticks(ns)), Ended { n: span });
}

fn note(events: &Events, ns: u64, span: u64, n: u64) {
    events.record_with(Stamp::of(ID).span(SpanId::new(span)).at(Ticks(ns)), Noted { n });
}

fn n(event: &Recorded<'_>) -> u64 {
    event.field("n").and_then(|value| value.as_u64()).unwrap()
}

/// Each node as it stands: indented by its depth.
fn shape(tree: &TraceTree<'_>) -> Vec<String> {
    tree.iter()
        .map(|node| format!("{}{} {}", "  ".repeat(node.depth()), node.event().kind(), n(&node.event())))
        .collect()
}

fn span<'t>(tree: &'t TraceTree<'_>, span: u64) -> Node<'t> {
    tree.span(SpanId::new(span)).unwrap_or_else(|| panic!("no span {span} in {tree:?}"))
}

#[test]
fn spans_stand_under_spans_and_events_under_the_span_they_happened_in() {
    let events = store();
    begin(&events, 0, 1, 0);
    note(&events, 5, 1, 10);
    begin(&events, 10, 2, 1);
    note(&events, 20, 2, 20);
    note(&events, 25, 1, 11);
    end(&events, 30, 2);
    begin(&events, 40, 3, 1);
    end(&events, 60, 3);
    end(&events, 100, 1);
    note(&events, 110, 0, 99);
    let tree = events.trace_tree(ID).unwrap();
    let expected = [
        "span.began 1",
        "  noted 10",
        "  span.began 2",
        "    noted 20",
        "    span.ended 2",
        "  noted 11",
        "  span.began 3",
        "    span.ended 3",
        "  span.ended 1",
        "noted 99",
    ];
    assert_eq!(shape(&tree), expected);
    assert_eq!((tree.len(), tree.is_empty(), tree.duration()), (10, false, Duration::from_nanos(110)));
    assert!(tree.answer().verdict().is_complete());

    let outer = span(&tree, 1);
    assert_eq!((outer.depth(), outer.origin(), outer.parent().is_none()), (0, Origin::Root, true));
    assert_eq!(outer.children().map(|node| n(&node.event())).collect::<Vec<_>>(), [10, 2, 11, 3, 1]);
    assert_eq!(outer.descendants().len(), 8);
    assert_eq!(outer.end().map(|end| end.kind()), Some("span.ended"));
    assert_eq!(tree.roots().map(|node| n(&node.event())).collect::<Vec<_>>(), [1, 99]);
    let inner = span(&tree, 3);
    assert_eq!(inner.parent().map(|node| node.event().id()), Some(outer.event().id()));
    assert_eq!((inner.is_span(), inner.origin()), (true, Origin::Child));

    let newest_first = events.query().correlation(ID).newest_first().run().unwrap();
    assert_eq!(shape(&newest_first.tree()), expected, "the order asked for is none of causes");
}

#[test]
fn a_span_tells_what_of_its_time_was_its_own() {
    let events = store();
    let ns = |ns| Some(Duration::from_nanos(ns));
    // Two that overlap, one within, one that outlasts its parent, one without an end.
    begin(&events, 100, 1, 0);
    for (span, from, to) in [(2, 110, 140), (3, 130, 150), (4, 115, 120), (5, 190, 260)] {
        begin(&events, from, span, 1);
        end(&events, to, span);
    }
    begin(&events, 155, 6, 1);
    end(&events, 200, 1);
    let tree = events.trace_tree(ID).unwrap();
    let outer = span(&tree, 1);
    assert_eq!((outer.duration(), outer.child_time(), outer.self_time()), (ns(100), ns(50), ns(50)));
    assert_eq!((span(&tree, 2).child_time(), span(&tree, 2).self_time()), (ns(0), ns(30)));
    let open = span(&tree, 6);
    assert_eq!((open.duration(), open.child_time(), open.self_time()), (None, None, None));
    let end = outer.children().last().unwrap();
    assert_eq!((end.is_span(), end.duration(), end.self_time()), (false, None, None));
    assert_eq!(tree.duration(), Duration::from_nanos(160), "to the last end");
}

#[test]
fn the_critical_path_leads_to_what_was_waited_for() {
    let path = |events: &Events| -> Vec<u64> {
        let tree = events.trace_tree(ID).unwrap();
        span(&tree, 1).critical_path().map(|node| n(&node.event())).collect()
    };
    let events = store();
    begin(&events, 0, 1, 0);
    for (id, under, from, to) in
        [(2, 1, 10, 90), (3, 1, 20, 50), (4, 2, 12, 30), (5, 2, 25, 80), (6, 5, 26, 60)]
    {
        begin(&events, from, id, under);
        end(&events, to, id);
    }
    begin(&events, 80, 7, 1);
    assert_eq!(path(&events), [1, 7], "nothing but 7 goes on where 1 has not ended");
    end(&events, 100, 1);
    assert_eq!(path(&events), [1, 2, 5, 6]);
    end(&events, 200, 7);
    assert_eq!(path(&events), [1, 2, 5, 6], "what ended later was not waited for");

    let skewed = store();
    begin(&skewed, 0, 1, 0);
    begin(&skewed, 10, 2, 1);
    end(&skewed, 90, 1);
    begin(&skewed, 95, 3, 1);
    end(&skewed, 97, 2);
    end(&skewed, 99, 3);
    assert_eq!(path(&skewed), [1, 2], "another machine's clock");
    let tree = skewed.trace_tree(ID).unwrap();
    assert_eq!(tree.iter().last().unwrap().critical_path().count(), 1, "of an event it is the event");
}

#[test]
fn a_span_of_another_process_has_a_parent_that_is_known_and_not_there() {
    let events = store();
    let caller = Scope::from_traceparent("00-00000000000000000000000000000007-00f067aa0ba902b7-01").unwrap();
    let under = SpanId::new(0x00f0_67aa_0ba9_02b7);
    {
        let _in = caller.enter();
        let _request = events.span(Began { n: 1 });
        events.record(Noted { n: 2 });
    }
    events.record_with(Stamp::of(ID).span(under), Noted { n: 3 });
    let tree = events.trace_tree(ID).unwrap();
    assert_eq!(shape(&tree), ["span.began 1", "  noted 2", "  span.began 1", "noted 3"]);
    let origins: Vec<_> = tree.roots().map(|node| node.origin()).collect();
    assert_eq!(origins, [Origin::Orphan { under }; 2]);
    let text = tree.answer().timeline().to_string();
    assert_eq!(text.matches(" parent=00f067aa0ba902b7\n").count(), 1, "{text}");
}

#[test]
fn an_end_whose_beginning_is_gone_knows_how_long_its_span_took() {
    let events = store();
    at(&events, 50);
    let stamp = Stamp::of(ID).span(SpanId::new(4)).ends_since(Ticks(20)).at(Ticks(50));
    events.record_with(stamp, Ended { n: 4 });
    let tree = events.trace_tree(ID).unwrap();
    let end = tree.roots().next().unwrap();
    assert_eq!((end.is_span(), end.duration()), (false, Some(Duration::from_nanos(30))));
    assert_eq!((end.end().is_none(), end.origin()), (true, Origin::Orphan { under: SpanId::new(4) }));
}

#[test]
fn one_event_may_be_a_whole_span() {
    let events = store();
    let whole = |span: u64, parent: u64, from: u64, to: u64| {
        let stamp = Stamp::of(ID).span(SpanId::new(span)).starts_under(SpanId::new(parent));
        events.record_with(stamp.ends_since(Ticks(from)).at(Ticks(to)), Ended { n: span });
    };
    begin(&events, 0, 1, 0);
    whole(2, 1, 10, 40);
    end(&events, 50, 1);
    let tree = events.trace_tree(ID).unwrap();
    let inner = span(&tree, 2);
    assert_eq!(inner.duration(), Some(Duration::from_nanos(30)));
    assert_eq!(inner.end().map(|end| end.id()), Some(inner.event().id()));
    assert_eq!(span(&tree, 1).child_time(), Some(Duration::from_nanos(30)));
}

#[test]
fn spans_are_told_apart_by_id_and_span() {
    let events = store();
    for (id, n) in [(1_u64, 1_u64), (2, 2)] {
        let span = SpanId::new(5);
        events.record_with(Stamp::of(id).span(span).starts_under(SpanId::NONE), Began { n });
        events.record_with(Stamp::of(id).span(span), Noted { n });
    }
    let answer = events.query().run().unwrap();
    let tree = answer.tree();
    assert_eq!(tree.roots().count(), 2);
    for root in tree.roots() {
        assert_eq!(root.children().map(|node| n(&node.event())).collect::<Vec<_>>(), [n(&root.event())]);
    }
}

#[test]
fn spans_that_are_their_own_ancestors_are_cut_where_the_circle_begins() {
    let events = store();
    begin(&events, 1, 1, 3);
    begin(&events, 2, 2, 1);
    begin(&events, 3, 3, 2);
    begin(&events, 4, 4, 4);
    begin(&events, 5, 5, 3);
    note(&events, 6, 3, 10);
    let tree = events.trace_tree(ID).unwrap();
    let expected = [
        "span.began 1",
        "  span.began 2",
        "    span.began 3",
        "      span.began 5",
        "      noted 10",
        "span.began 4",
    ];
    assert_eq!(shape(&tree), expected);
    let origins: Vec<_> = tree.roots().map(|node| node.origin()).collect();
    let circular = |under| Origin::Circular { under: SpanId::new(under) };
    assert_eq!(origins, [circular(3), circular(4)]);
    assert!(tree.answer().timeline().to_string().contains("parent=0000000000000003 (its own ancestor)"));
}

#[test]
fn a_second_beginning_is_an_event_of_the_span() {
    let events = store();
    begin(&events, 1, 1, 0);
    begin(&events, 2, 2, 1);
    begin(&events, 3, 2, 9);
    end(&events, 4, 2);
    end(&events, 6, 2);
    // A beginning that names no span stands under the one it names as parent.
    begin(&events, 7, 0, 1);
    let tree = events.trace_tree(ID).unwrap();
    let expected = [
        "span.began 1",
        "  span.began 2",
        "    span.began 2",
        "    span.ended 2",
        "    span.ended 2",
        "  span.began 0",
    ];
    assert_eq!(shape(&tree), expected);
    assert_eq!(tree.iter().filter(Node::is_span).count(), 2);
    assert_eq!(span(&tree, 2).duration(), Some(Duration::from_nanos(4)), "to the last of its ends");
}

#[test]
fn links_are_no_causes() {
    let events = store();
    let other = Scope::root(9_u64).in_span(SpanId::new(3));
    {
        let _in = events.scope(ID);
        events.record_linked(&[other], Noted { n: 1 });
    }
    events.record_with(Stamp::of(9_u64).span(SpanId::new(3)).starts_under(SpanId::NONE), Began { n: 3 });
    let answer = events.query().run().unwrap();
    assert!(answer.tree().iter().all(|node| node.depth() == 0));
}

#[test]
fn a_hundred_thousand_spans_deep_is_no_deeper_than_the_stack() {
    const DEEP: u64 = 100_000;
    let events = Events::builder().memory(64 << 20).shards(1).clock(Clock::manual()).build().unwrap();
    for depth in 1..=DEEP {
        begin(&events, depth, depth, depth - 1);
    }
    end(&events, DEEP + 1, DEEP);
    let work = move || {
        let tree = events.trace_tree(ID).unwrap();
        assert_eq!(tree.len() as u64, DEEP + 1);
        assert!(tree.iter().enumerate().all(|(place, node)| node.depth() == place));
        assert_eq!(tree.roots().next().unwrap().critical_path().count() as u64, DEEP);
        let text = tree.answer().timeline().to_string();
        assert_eq!(text.lines().count() as u64, DEEP + 2);
        assert!(text.contains("(99999 deep) span.began n=100000"), "{}", &text[text.len() - 300..]);
        assert!(text.lines().all(|line| line.chars().count() < 120));
        #[cfg(feature = "json")]
        assert!(tree.answer().json().to_string().len() > text.len());
    };
    // As little stack as the system gives.
    std::thread::Builder::new().stack_size(128 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn an_answer_of_nothing_is_a_tree_of_nothing() {
    let events = store();
    let tree = events.trace_tree(ID).unwrap();
    assert!(tree.is_empty() && tree.roots().next().is_none() && tree.duration().is_zero());
    assert_eq!(
        events.trace_tree(CorrelationId::NONE).unwrap_err().to_string().split(':').next().unwrap(),
        "correlation id is zero, which means none"
    );
}

/// What hosts may record: any ids, any times, any marks.
#[derive(Clone, Debug)]
struct Said {
    id: u64,
    span: u64,
    parent: Option<u64>,
    ends: Option<Option<u64>>,
    at: u64,
}

fn said() -> impl Strategy<Value = Said> {
    let maybe = |numbers: std::ops::Range<u64>| prop::option::of(numbers);
    (1..3_u64, 0..8_u64, maybe(0..10), prop::option::of(maybe(0..50)), 0..50_u64)
        .prop_map(|(id, span, parent, ends, at)| Said { id, span, parent, ends, at })
}

/// Where each event belongs, found the slow way: its parent, as the number of an event in the order of time.
fn belongs(events: &[Recorded<'_>]) -> Vec<Option<usize>> {
    let began = |id: CorrelationId, span: SpanId| {
        events.iter().position(|event| event.is_start() && event.correlation() == id && event.span() == span)
    };
    let parent = |(i, event): (usize, &Recorded<'_>)| {
        let is_span = !event.span().is_none() && began(event.correlation(), event.span()) == Some(i);
        let under = match event.parent() {
            Some(parent) if is_span || event.span().is_none() => parent,
            _ => event.span(),
        };
        if under.is_none() { None } else { began(event.correlation(), under) }
    };
    events.iter().enumerate().map(parent).collect()
}

fn is_circular(parents: &[Option<usize>], i: usize) -> bool {
    let mut up = parents[i];
    for _ in 0..parents.len() {
        match up {
            Some(at) if at == i => return true,
            Some(at) => up = parents[at],
            None => return false,
        }
    }
    false
}

fn holds_together(answer: &Answer) -> Result<(), TestCaseError> {
    let tree = answer.tree();
    // Of one time, as they stand; from the end of an answer that is newest first.
    let mut events: Vec<_> = answer.iter().collect();
    if events.first().map(Recorded::ticks) > events.last().map(Recorded::ticks) {
        events.reverse();
    }
    events.sort_by_key(Recorded::ticks);
    let number: HashMap<EventId, usize> =
        events.iter().enumerate().map(|(i, event)| (event.id(), i)).collect();
    let expected = belongs(&events);

    let all: HashSet<EventId> = tree.iter().map(|node| node.event().id()).collect();
    prop_assert_eq!((tree.len(), all.len()), (answer.len(), answer.len()), "every event exactly once");
    let mut seen = HashSet::new();
    for node in tree.iter() {
        let i = number[&node.event().id()];
        seen.insert(i);
        match node.parent() {
            Some(parent) => {
                let parent_number = number[&parent.event().id()];
                prop_assert!(
                    parent.is_span() && seen.contains(&parent_number),
                    "children come after their parents"
                );
                prop_assert_eq!((Some(parent_number), node.depth()), (expected[i], parent.depth() + 1));
                prop_assert_eq!(node.origin(), Origin::Child);
            }
            None => {
                prop_assert_eq!(node.depth(), 0);
                let circular = is_circular(&expected, i);
                match node.origin() {
                    Origin::Circular { under } => {
                        prop_assert!(circular && Some(under) == node.event().parent());
                        // The first of its circle.
                        let mut up = expected[i];
                        while let Some(at) = up.filter(|at| *at != i) {
                            prop_assert!(at > i);
                            up = expected[at];
                        }
                    }
                    Origin::Orphan { under } => prop_assert!(!under.is_none() && expected[i].is_none()),
                    origin => prop_assert!(origin == Origin::Root && expected[i].is_none()),
                }
            }
        }
        let children: Vec<_> = node.children().map(|child| number[&child.event().id()]).collect();
        prop_assert!(children.is_sorted(), "siblings in the order of time");
        for child in node.children() {
            prop_assert_eq!(child.parent().map(|parent| parent.event().id()), Some(node.event().id()));
        }
        prop_assert_eq!(
            node.descendants().len(),
            node.children().map(|child| 1 + child.descendants().len()).sum::<usize>()
        );
        if let (Some(duration), Some(own)) = (node.duration(), node.self_time()) {
            prop_assert!(own <= duration && node.child_time().is_some());
        }
        prop_assert!(node.critical_path().count() <= node.descendants().len() + 1);
    }
    let below: usize = tree.roots().map(|root| 1 + root.descendants().len()).sum();
    prop_assert_eq!(below, answer.len(), "all lies under the roots");
    Ok(())
}

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 8 } else { 256 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_events_say_it_is_a_tree_that_holds_each_once(all in prop::collection::vec(said(), 0..60)) {
        let events = store();
        for (n, said) in all.iter().enumerate() {
            let mut stamp = Stamp::of(said.id).span(SpanId::new(said.span)).at(Ticks(said.at));
            if let Some(parent) = said.parent {
                stamp = stamp.starts_under(SpanId::new(parent));
            }
            match said.ends {
                Some(Some(since)) => stamp = stamp.ends_since(Ticks(since)),
                Some(None) => stamp = stamp.ends(),
                None => {}
            }
            events.record_with(stamp, Noted { n: n as u64 });
        }
        let answer = events.query().run().unwrap();
        prop_assert_eq!(answer.len(), all.len());
        holds_together(&answer)?;
        holds_together(&events.query().newest_first().run().unwrap())?;
        for timeline in [answer.timeline(), answer.timeline().within(70), answer.timeline().ascii().bars(60)] {
            let text = timeline.to_string();
            for n in 0..all.len() {
                let found = text.split_whitespace().filter(|word| *word == format!("n={n}")).count();
                prop_assert_eq!(found, 1, "{}", text);
            }
        }
    }
}
