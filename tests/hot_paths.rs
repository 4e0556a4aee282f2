//! What hot paths may never do: allocate. A binary of its own, because it counts every allocation.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::events::{Batch, Change, Events, Rate, Stamp};
use flightdeck::supervisor::{Breaker, BreakerSettings, Bulkhead, Pulse};
use flightdeck::telemetry::Telemetry;

flightdeck::kind! {
    Filled("order.filled") { qty: u64, venue: str }
}

#[test]
fn the_count_counts() {
    assert!(allocations(|| drop(std::hint::black_box(Box::new(1)))) > 0);
}

#[test]
fn events_allocate_at_the_first_touch_of_a_thread_only() {
    let events = Events::builder().memory(1 << 20).build().unwrap();
    let record = |n: u64| events.record_with(Stamp::of(1 + n), Filled { qty: n, venue: "XETRA" });
    record(0);
    assert_eq!(allocations(|| (0..100_000).for_each(record)), 0);
    let _in = events.scope(5_u64);
    assert_eq!(allocations(|| (0..1_000).for_each(|n| events.record(Filled { qty: n, venue: "" }))), 0);
    let mut writer = events.writer().unwrap();
    let write = |n| writer.record(Filled { qty: n, venue: "XETRA" });
    assert_eq!(allocations(|| (0..100_000).for_each(write)), 0);
    let mut batch = Batch::new();
    let mut record_batch = || {
        (0..16).for_each(|n| batch.push_with(Stamp::of(1 + n), Filled { qty: n, venue: "XETRA" }));
        writer.record_batch(&mut batch).unwrap();
    };
    record_batch();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| record_batch())), 0);
}

flightdeck::kind! {
    LoggedIn("hot.logged_in") { user: personal str, token: secret str, card: personal bytes, pin: secret u64 }
    Noted("hot.noted") { text: str, raw: bytes }
}

#[test]
fn hiding_cutting_calls_and_changes_allocate_nothing() {
    let events = Events::builder().memory(1 << 20).longest_value(100).build().unwrap();
    let long = "ü".repeat(3_000);
    let record = |n: u64| {
        let token = if n.is_multiple_of(2) { "t0p" } else { &long };
        events.record(LoggedIn { user: "ann", token, card: &[7; 40], pin: n });
        events.record(Noted { text: &long, raw: long.as_bytes() });
        let _call = events.enter_function("module", "function");
        let changes =
            [Change::of("n", n, n + 1), Change::of("text", "same", "same"), Change::of("long", "", &*long)];
        assert!(events.state_changed("subject", &changes));
        assert!(events.try_record(Filled { qty: n, venue: "XETRA" }).is_ok());
    };
    record(0);
    assert_eq!(allocations(|| (0..20_000).for_each(record)), 0);
    assert_eq!(events.stats().values_cut, 20_001 * 3);
}

flightdeck::kind! {
    Off("hot.off") { n: u64 }
    Sampled("hot.sampled") { n: u64 }
    Limited("hot.limited") { n: u64 }
}

#[test]
fn what_is_held_back_allocates_nothing() {
    let directives = "hot.off=off,hot.sampled=1/10,hot.limited=100/s";
    let events = Events::builder().memory(1 << 20).directives(directives).build().unwrap();
    let quota = events.quota("by tenant", Rate::per_second(100), 2).unwrap();
    let mut writer = events.writer().unwrap();
    let mut record = |n: u64| {
        events.record(Off { n });
        events.record(Sampled { n });
        writer.record(Sampled { n });
        events.record(Limited { n });
        events.record_in_signal(Sampled { n });
        assert!(events.is_enabled::<Sampled>());
        events.tick();
        // The last one does not fit.
        for tenant in ["ann", "bob", "cyd"] {
            let _admitted = quota.admits(tenant);
        }
    };
    record(0);
    assert_eq!(allocations(|| (1..20_000).for_each(record)), 0);
    let held_back: u64 =
        events.suppressed().iter().filter(|row| row.name == "hot.sampled").map(|row| row.count).sum();
    assert_eq!(held_back, 3 * 20_000 * 9 / 10);
}

#[test]
fn telemetry_allocates_at_the_first_touch_of_a_thread_only() {
    let telemetry = Telemetry::new();
    let (counter, gauge, histogram) =
        (telemetry.counter("count"), telemetry.gauge("level"), telemetry.histogram("spread"));
    let (open, load) = (telemetry.up_down_counter("open"), telemetry.float_gauge("load"));
    let (calls, latency) = (telemetry.counter("calls"), telemetry.histogram("latency_ns"));
    let sampled = latency.sampled(&calls, 64.try_into().unwrap());
    assert!(telemetry.register_thread());
    counter.touch();
    open.touch();
    gauge.touch();
    let tracked = gauge.track();
    load.touch();
    calls.touch();
    histogram.touch();
    latency.touch();
    let touched = telemetry.stats().chunk_bytes;
    let update = |n: u64| {
        counter.increment(n);
        open.add(-(n as i64));
        gauge.set(n as i64);
        tracked.set(n as i64);
        load.set(n as f64);
        histogram.record(n * n);
        latency.measure(|| sampled.measure(|| n));
    };
    assert_eq!(allocations(|| (0..100_000).for_each(update)), 0);
    let stats = telemetry.stats();
    assert_eq!((stats.chunk_bytes, stats.shared_updates), (touched, 0), "all had been touched");
}

#[test]
fn labels_allocate_when_a_thread_first_meets_them_only() {
    let telemetry = Telemetry::new();
    let (counters, histograms) =
        (telemetry.counter_by("requests", ["method", "status"]), telemetry.histogram_by("took", ["method"]));
    let statuses = ["200", "404", "500"];
    let long = "x".repeat(1 << 20);
    let update = |n: u64| {
        let status = statuses[n as usize % 3];
        flightdeck::counter!(telemetry, "requests_at", "method" => "GET", "status" => "200").increment(n);
        flightdeck::gauge!(telemetry, "level", "method" => "GET").set(n as i64);
        counters.with(["GET", status]).increment(n);
        counters.with(["GET", &long]).increment(n);
        histograms.with([status]).record(n);
    };
    (0..3).for_each(update);
    assert_eq!(allocations(|| (0..100_000).for_each(update)), 0);
    assert!(allocations(|| counters.with(["GET", "new"]).increment(1)) > 0, "the test sees nothing");
}

#[test]
fn groups_and_handlers_allocate_at_the_first_touch_of_a_thread_only() {
    let telemetry = Telemetry::new();
    let group = telemetry.group("requests", ["ok", "err", "total"]).unwrap();
    let calls = telemetry.counter("calls");
    let execute = |n: u64| {
        let measured = [("duration", std::time::Duration::from_nanos(n).into()), ("bytes", n.into())];
        telemetry.execute("http.request.stop", &measured, &[("route", "/buy".into())]);
        group.update(|[ok, _, total]| (*ok, *total) = (n, n));
    };
    execute(0);
    assert_eq!(allocations(|| (0..100_000).for_each(execute)), 0, "nobody is attached");
    let counted = calls.clone();
    telemetry.attach("first", "http.request", move |_| counted.increment(1)).unwrap();
    telemetry.attach("other", "db", |_| ()).unwrap();
    execute(0);
    assert_eq!(allocations(|| (0..100_000).for_each(execute)), 0);
    assert_eq!(calls.value(), 100_001);
    // A full queue takes no copy.
    telemetry.attach_queued("full", &["http"], 1, |_| ()).unwrap();
    execute(0);
    assert_eq!(allocations(|| (0..1_000).for_each(execute)), 0);
    // A handler that was detached is not dropped by whoever executes.
    telemetry.detach("full");
    assert_eq!(allocations(|| (0..1_000).for_each(execute)), 0);
}

#[test]
fn calls_through_closed_breakers_and_bulkheads_with_room_allocate_nothing() {
    let breaker = Breaker::new(BreakerSettings::new()).unwrap();
    let mut settings = BreakerSettings::new();
    settings.slow_call_duration = Some(std::time::Duration::from_secs(3_600));
    let timed = Breaker::new(settings).unwrap();
    let bulkhead = Bulkhead::new(2).unwrap();
    let call = |n: u64| {
        let _inside = bulkhead.try_enter().unwrap();
        assert_eq!(breaker.call(|| Ok::<_, ()>(n)), Ok(n));
        assert_eq!(timed.call(|| Ok::<_, ()>(n)), Ok(n));
        // One in many fails, and is ignored.
        let fail = || breaker.call(|| if n.is_multiple_of(100) { Err(()) } else { Ok(()) });
        assert_eq!(fail().is_err(), n.is_multiple_of(100));
        drop(breaker.try_acquire().unwrap());
    };
    call(0);
    assert_eq!(allocations(|| (0..100_000).for_each(call)), 0);
    assert_eq!((breaker.stats().failures, breaker.stats().abandoned), (1_001, 100_001));
    breaker.force_open();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| assert!(breaker.try_acquire().is_err()))), 0);
}

#[test]
fn a_beat_allocates_nothing() {
    let pulse = Pulse::new();
    assert_eq!(allocations(|| (0..100_000).for_each(|_| pulse.beat())), 0);
    assert_eq!(pulse.beats(), 100_000);
}
