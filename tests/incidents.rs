//! What is pinned stays as it was, whatever becomes of the rings.

use flightdeck::events::{Answer, Batch, CaptureError, Class, Events, Pin, QueryError, Stamp, Verdict};
use flightdeck::{Clock, CorrelationId, Ticks};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

flightdeck::kind! {
    Served("incident.served") { n: u64, path: str, body: bytes }
    Failed("incident.failed", class = Critical, severity = Error) { why: str, took: f64 }
    Called("incident.called", starts) { to: str }
}

/// Everything that can be asked of the events of an answer.
fn told(answer: &Answer) -> Vec<String> {
    let of_event = |event: flightdeck::events::Recorded<'_>| {
        let fields: Vec<_> = event.fields().map(|(name, value)| format!("{name}={value:?}")).collect();
        let place =
            (event.id(), event.ticks(), event.correlation(), event.span(), event.parent(), event.thread());
        let flags = [event.is_start(), event.is_end(), event.is_root(), event.is_unwound()];
        let links: Vec<_> = event.links().map(|scope| (scope.correlation(), scope.span())).collect();
        let more = (event.severity(), event.class(), event.batch(), event.kind(), event.thread_name());
        format!("{place:?} {flags:?} {links:?} {more:?} {fields:?}")
    };
    answer.iter().map(of_event).collect()
}

fn request(events: &Events, id: u64) {
    let _in = events.scope(id);
    let outer = events.span(Called { to: "shop" });
    events.record(Served { n: 1, path: "/cart", body: &[0, 1, 2, 255] });
    drop(events.span(Called { to: "bank" }));
    let mut batch = Batch::new();
    (0..3).for_each(|n| batch.push(Served { n, path: "", body: &[] }));
    batch.push(Failed { why: "no \u{20ac}", took: 1.25 });
    events.record_batch(&mut batch).unwrap();
    drop(outer);
    events.record(Failed { why: "gave up", took: f64::INFINITY });
}

#[test]
fn an_incident_answers_byte_for_byte_after_ten_laps() {
    let events = Events::builder()
        .memory(1 << 20)
        .shards(2)
        .clock(Clock::stepping(Duration::from_micros(1)))
        .build()
        .unwrap();
    request(&events, 7);
    let answer = events.query().correlation(7_u64).run().unwrap();
    let (expected, timeline) = (told(&answer), answer.timeline().to_string());
    assert_eq!((expected.len(), answer.verdict()), (answer.len(), Verdict::Complete));
    assert!(expected.len() >= 9, "{timeline}");
    let receipt = events.pin(Pin::named("checkout").because("a test"), &answer).unwrap();
    assert_eq!((receipt.events, receipt.verdict, receipt.missing), (answer.len(), answer.verdict(), Some(0)));
    drop(answer);

    let words = events.plan().ring[Class::Normal] as u64 / 8;
    let before = events.stats().words_written;
    while events.stats().words_written - before < 10 * words {
        (0..1_000)
            .for_each(|n| events.record_with(Stamp::of(8_u64), Served { n, path: "/", body: &[7; 64] }));
        (0..1_000).for_each(|_| events.record_with(Stamp::of(8_u64), Failed { why: "flood", took: 0.0 }));
    }
    events.clear();
    assert_eq!(events.query().correlation(7_u64).count(), 0);
    let kept = events.incident(receipt.id).unwrap();
    assert_eq!(told(&kept), expected);
    assert_eq!(kept.timeline().to_string(), timeline);
    assert_eq!((kept.verdict(), kept.since(), kept.matched()), (Verdict::Complete, Ticks(0), expected.len()));

    let [listed] = &events.incidents()[..] else { panic!("one") };
    assert_eq!((&*listed.name, &*listed.cause, listed.id), ("checkout", "a test", receipt.id));
    assert_eq!(
        (listed.events, listed.bytes, listed.verdict),
        (expected.len(), receipt.bytes, receipt.verdict)
    );
    assert!(listed.at > kept.iter().map(|event| event.ticks()).max().unwrap() && !listed.is_protected);
}

#[test]
fn a_receipt_says_what_was_already_gone() {
    let clock = Clock::manual();
    let events = Events::builder().memory(1 << 20).shards(1).clock(clock.clone()).build().unwrap();
    for n in 0..10 {
        clock.advance(Duration::from_nanos(1));
        events.record_with(Stamp::of(3_u64), Served { n, path: "", body: &[] });
    }
    let few = events.query().correlation(3_u64).limit(4).run().unwrap();
    let receipt = events.pin("few", &few).unwrap();
    assert_eq!((receipt.events, receipt.missing), (4, Some(6)));
    events.prune_before(Ticks(6));
    let receipt = events.capture(3_u64).unwrap();
    assert_eq!((receipt.events, receipt.verdict), (5, Verdict::Overwritten { since: Ticks(6) }));
    assert_eq!((receipt.since, receipt.missing), (Ticks(6), None));
    let receipt = events.capture_as(Pin::named("nothing").protected(), 4_u64).unwrap();
    assert_eq!(receipt.events, 0);
    let names: Vec<_> = events.incidents().into_iter().map(|incident| incident.name).collect();
    assert_eq!(
        names,
        ["few".into(), CorrelationId::from(3_u64).to_string().into_boxed_str(), "nothing".into()]
    );
    assert_eq!(events.capture(CorrelationId::NONE).unwrap_err(), CaptureError::Query(QueryError::NoId));
}

#[test]
fn pinning_listing_asking_and_dropping_at_once_never_mix_two_incidents() {
    let events = Events::builder().memory(4 << 20).incidents(40_000, 24).build().unwrap();
    let (done, pinned) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        let pinners: Vec<_> = (1..4_u64)
            .map(|thread| {
                let (events, pinned) = (&events, &pinned);
                threads.spawn(move || {
                    for n in 0..400 {
                        let id = thread * 1_000 + n;
                        let body = vec![id as u8; 200];
                        for _ in 0..1 + n % 5 {
                            events.record_with(Stamp::of(id), Served { n: id, path: "", body: &body });
                        }
                        let _ = events.capture(id).unwrap();
                        pinned.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let reader = threads.spawn(|| {
            let mut read = 0_u64;
            let mut dropped = 0;
            while !done.load(Ordering::Relaxed) {
                for incident in events.incidents() {
                    let Some(answer) = events.incident(incident.id) else { continue };
                    assert_eq!(answer.len(), incident.events);
                    for event in answer.iter() {
                        assert_eq!(*event.correlation().to_string(), *incident.name);
                        let n = event.field("n").and_then(|n| n.to_string().parse::<u64>().ok()).unwrap();
                        assert_eq!(CorrelationId::from(n), event.correlation());
                        let body = event.field("body").unwrap();
                        assert!(body.as_bytes().unwrap().iter().all(|byte| *byte == n as u8));
                        read += 1;
                    }
                    if incident.id.get() % 5 == 0 {
                        dropped += u64::from(events.drop_incident(incident.id));
                    }
                }
            }
            (read, dropped)
        });
        pinners.into_iter().for_each(|pinner| pinner.join().unwrap());
        done.store(true, Ordering::Relaxed);
        let (read, dropped) = reader.join().unwrap();
        let stats = events.incident_stats();
        assert!(read > 0);
        assert_eq!((stats.pinned, stats.dropped, stats.refused), (1_200, dropped, 0));
        assert_eq!(stats.held as u64 + stats.evicted + stats.dropped, stats.pinned);
    });
    let ids: Vec<_> = events.incidents().iter().map(|incident| incident.id.get()).collect();
    assert!(ids.is_sorted() && ids.iter().all(|id| (1..=1_200).contains(id)));
}
