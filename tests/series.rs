//! Series as users see them: descriptions, labels, limits, call sites, families, and what goes when it is idle.

use flightdeck::telemetry::{
    Counter, DescribeError, Description, Labels, MetricStatus, RegisterError, Snapshot, Telemetry, Unit,
    Value,
};
use flightdeck::{Diagnostic, counter, float_gauge, gauge, histogram};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The sum over all series of a counter.
fn total(telemetry: &Telemetry, name: &str) -> u64 {
    let count = |value: &Value| match value {
        Value::Counter(count) => *count,
        Value::Histogram(values) => values.count(),
        other => panic!("{other:?}"),
    };
    telemetry.snapshot().series(name).map(|(_, value)| count(value)).sum()
}

fn status(telemetry: &Telemetry, name: &str) -> MetricStatus {
    telemetry.metrics().into_iter().find(|metric| metric.name == name).unwrap()
}

#[test]
fn a_description_is_said_before_or_after_and_once() {
    let telemetry = Telemetry::new();
    let description = Description::new("bytes that went out").unit(Unit::Bytes);
    telemetry.describe("sent", description.clone()).unwrap();
    telemetry.counter("sent").increment(1);
    telemetry.counter("received").increment(1);
    telemetry.describe("received", Description::new("bytes that came in").unit(Unit::Bytes)).unwrap();
    telemetry.describe("sent", description.clone()).unwrap();
    let otherwise = telemetry.describe("sent", description.clone().unit(Unit::Count)).unwrap_err();
    assert!(
        matches!(&otherwise, DescribeError::Otherwise { before, .. } if **before == description),
        "{otherwise}"
    );
    let snapshot = telemetry.snapshot();
    let said: Vec<_> = snapshot.iter().map(|(key, _)| (key.name(), key.unit(), key.help())).collect();
    assert_eq!(
        said,
        [
            ("received", Some(Unit::Bytes), Some("bytes that came in")),
            ("sent", Some(Unit::Bytes), Some("bytes that went out"))
        ]
    );
    assert_eq!(status(&telemetry, "sent").unit, Some(Unit::Bytes));
}

#[test]
fn names_that_no_exporter_can_carry_are_refused() {
    let telemetry = Telemetry::new();
    let code = |name: &str| telemetry.try_counter(name).unwrap_err().code();
    assert_eq!(code(""), "telemetry.metric.empty_name");
    assert_eq!(code("a\nb"), "telemetry.metric.control_in_name");
    assert_eq!(code(&"n".repeat(256)), "telemetry.metric.long_name");
    assert!(telemetry.try_counter(&"n".repeat(255)).is_ok());
    assert!(telemetry.try_counter("anfragen.gesamt-\u{fc}").is_ok(), "any other text is a name");
    let code = |labels: &[(&str, &str)]| telemetry.try_counter_with("m", labels).unwrap_err().code();
    assert_eq!(code(&[("", "x")]), "telemetry.label.empty_key");
    assert_eq!(code(&[("a", "x"), ("a", "y")]), "telemetry.label.twice");
    assert_eq!(code(&[("overflow", "true")]), "telemetry.label.reserved");
    assert_eq!(code(&[("a\0", "x")]), "telemetry.label.control_in_key");
    assert_eq!(code(&[(&"k".repeat(128), "x")]), "telemetry.label.long_key");
    let keys: Vec<String> = (0..17).map(|n| format!("k{n}")).collect();
    assert_eq!(code(&keys.iter().map(|key| (&**key, "")).collect::<Vec<_>>()), "telemetry.label.too_many");
    assert_eq!(telemetry.stats().metrics, 2, "none of the refused is there");
    assert!(telemetry.try_counter_by("m", ["a", "a"]).is_err());
    telemetry.counter_by("m", ["a", "a"]).with(["1", "2"]).increment(1);
    assert_eq!(telemetry.stats().refused_updates, 1);
}

#[test]
fn series_are_told_apart_by_labels_and_listed_in_order() {
    let telemetry = Telemetry::new();
    telemetry.counter("requests").increment(1);
    telemetry.counter_with("requests", &[("path", "/"), ("method", "PUT")]).increment(2);
    telemetry.counter_with("requests", &[("method", "GET"), ("path", "/")]).increment(3);
    telemetry.counter_with("requests", &[("method", "PUT"), ("path", "/")]).increment(4);
    telemetry.gauge_with("depth", &[("queue", "in")]).set(-5);
    telemetry.float_gauge_with("load", &[("core", "0")]).set(0.5);
    telemetry.histogram_with("took", &[("method", "GET")]).record(9);
    let snapshot = telemetry.snapshot();
    let keys: Vec<String> = snapshot.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(
        keys,
        [
            "depth{queue=\"in\"}",
            "load{core=\"0\"}",
            "requests",
            "requests{method=\"GET\",path=\"/\"}",
            "requests{method=\"PUT\",path=\"/\"}",
            "took{method=\"GET\"}",
        ]
    );
    assert_eq!(snapshot.get("requests"), Some(&Value::Counter(1)));
    assert_eq!(snapshot.get_with("requests", &[("path", "/"), ("method", "PUT")]), Some(&Value::Counter(6)));
    assert_eq!(snapshot.get_with("requests", &[("method", "PUT")]), None);
    assert_eq!(
        (snapshot.get("depth"), snapshot.get_with("depth", &[("queue", "in")])),
        (None, Some(&Value::Gauge(-5)))
    );
    assert_eq!(total(&telemetry, "requests"), 10);
    let other = telemetry.try_gauge_with("requests", &[("path", "/")]).unwrap_err();
    assert!(matches!(other, RegisterError::OtherType { .. }), "{other}");
    assert!(telemetry.try_gauge_by("requests", ["path"]).is_err());
}

#[test]
fn ten_thousand_label_sets_against_a_limit_of_a_thousand_lose_nothing() {
    const SETS: u64 = 10_000;
    let telemetry = Telemetry::new();
    let by_user = telemetry.counter_by("logins", ["user"]);
    let hits = AtomicU64::new(0);
    let names: Vec<String> = (0..SETS).map(|n| format!("user-{n}")).collect();
    // The first thousand and one by this thread alone, so that it is known who comes too late first.
    for name in &names[..1_001] {
        by_user.with([name]).increment(1);
        hits.fetch_add(1, Ordering::Relaxed);
    }
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for name in &names {
                    by_user.with([name]).increment(1);
                    hits.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(total(&telemetry, "logins"), hits.load(Ordering::Relaxed));
    let snapshot = telemetry.snapshot();
    assert_eq!(snapshot.series("logins").count(), 1_001);
    let (key, _) = snapshot.series("logins").find(|(key, _)| key.labels().is_overflow()).unwrap();
    assert_eq!(key.to_string(), "logins{overflow=\"true\"}");
    assert_eq!(
        snapshot.get_with("logins", &[("overflow", "true")]),
        Some(&Value::Counter(1 + 4 * (SETS - 1_000)))
    );
    assert_eq!(snapshot.get_with("logins", &[("user", "user-999")]), Some(&Value::Counter(5)));
    let status = status(&telemetry, "logins");
    assert_eq!((status.series, status.most_series), (1_000, 1_000));
    assert_eq!(
        status.first_overflowed.as_ref().map(Labels::to_string).as_deref(),
        Some("{user=\"user-1000\"}")
    );
    assert!(status.overflowed >= SETS - 1_000 && telemetry.stats().overflowed == status.overflowed);
    // Without labels a metric has one series more, whatever the limit.
    telemetry.counter("logins").increment(1);
    assert_eq!(telemetry.snapshot().get("logins"), Some(&Value::Counter(1)));
}

#[test]
fn a_limit_is_a_metrics_own_and_static_handles_keep_to_it() {
    let telemetry = Telemetry::new();
    telemetry.describe("few", Description::new("").most_series(2)).unwrap();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|user| telemetry.histogram_with("few", &[("user", user)]));
    for handle in [&a, &b, &c, &d] {
        handle.record(1);
    }
    assert_eq!((a.values().count(), c.values().count(), d.values().count()), (1, 2, 2));
    assert_eq!(total(&telemetry, "few"), 4);
    telemetry.describe("none", Description::new("").most_series(0)).unwrap();
    telemetry.gauge_with("none", &[("user", "a")]).set(7);
    assert_eq!(telemetry.snapshot().get_with("none", &[("overflow", "true")]), Some(&Value::Gauge(7)));
}

#[test]
fn label_sets_that_find_no_cells_are_counted_together_or_refused() {
    let telemetry = Telemetry::builder().cells(64).build().unwrap();
    let by_n = telemetry.counter_by("n", ["n"]);
    (0..200).for_each(|n: u64| by_n.with([&n.to_string()]).increment(1));
    // 63 cells: all of them are taken before the overflow has one.
    let refused = telemetry.stats().refused_updates;
    assert_eq!((total(&telemetry, "n"), refused), (63, 137));
    let telemetry = Telemetry::builder().cells(64).build().unwrap();
    telemetry.describe("n", Description::new("").most_series(62)).unwrap();
    let by_n = telemetry.counter_by("n", ["n"]);
    (0..200).for_each(|n: u64| by_n.with([&n.to_string()]).increment(1));
    assert_eq!((total(&telemetry, "n"), telemetry.stats().refused_updates), (200, 0));
}

#[test]
fn hostile_values_are_kept_apart_and_bounded() {
    let telemetry = Telemetry::new();
    let by_value = telemetry.counter_by("hostile", ["value", "other"]);
    let large = "\u{fc}".repeat(1 << 19);
    let larger = format!("{large}!");
    let hostile = [
        "",
        "\n",
        "\"",
        "\\",
        "\\n",
        "a\",b=\"c",
        "\u{0}",
        "{overflow=\"true\"}",
        "true",
        &large,
        "\u{202e}\u{200b}",
    ];
    for (n, value) in (1..).zip(hostile) {
        by_value.with([value, ""]).increment(n);
        by_value.with(["", value]).increment(n);
        telemetry.counter_with("hostile", &[("other", "x"), ("value", value)]).increment(n);
    }
    by_value.with([&larger, ""]).increment(1);
    let snapshot = telemetry.snapshot();
    assert_eq!(snapshot.series("hostile").count(), 3 * hostile.len() - 1, "the empty pair is one");
    let cut = "\u{fc}".repeat(127);
    assert_eq!(
        snapshot.get_with("hostile", &[("value", &cut), ("other", "")]),
        Some(&Value::Counter(10 + 1)),
        "what begins with the same 255 bytes is the same"
    );
    assert_eq!(
        snapshot.get_with("hostile", &[("value", &large), ("other", "")]),
        Some(&Value::Counter(10 + 1)),
        "and is found as it was given"
    );
    assert_eq!(telemetry.stats().label_values_cut, 4);
    for (key, _) in snapshot.iter() {
        assert!(!key.to_string().contains(char::is_control), "{key}");
    }
}

#[test]
fn two_telemetries_through_one_call_site_are_both_exact_and_neither_is_kept_alive() {
    const EACH: u64 = 10_000;
    let decks = [Telemetry::new(), Telemetry::new(), Telemetry::new()];
    let count = |telemetry: &Telemetry| {
        counter!(telemetry, "hits", "kind" => "a", "way" => "site").increment(1);
        gauge!(telemetry, "level", "kind" => "a").set(3);
        float_gauge!(telemetry, "share").set(0.5);
        histogram!(telemetry, "took", "kind" => "a").record(5);
    };
    std::thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| (0..EACH).for_each(|_| decks.iter().for_each(count)));
        }
    });
    for telemetry in &decks {
        let snapshot = telemetry.snapshot();
        assert_eq!(
            snapshot.get_with("hits", &[("way", "site"), ("kind", "a")]),
            Some(&Value::Counter(3 * EACH))
        );
        assert_eq!(snapshot.get_with("level", &[("kind", "a")]), Some(&Value::Gauge(3)));
        assert_eq!(snapshot.get("share"), Some(&Value::FloatGauge(0.5)));
        assert_eq!(total(telemetry, "took"), 3 * EACH);
    }
    let [first, second, third] = decks;
    let kept = counter!(second, "hits", "kind" => "a", "way" => "site").clone();
    drop((first, second));
    // One is dropped while threads count in another through the same site.
    std::thread::scope(|threads| {
        threads.spawn(|| (0..EACH).for_each(|_| count(&third)));
        threads.spawn(|| drop(std::hint::black_box(Telemetry::new())));
    });
    assert_eq!(total(&third, "hits"), 4 * EACH);
    kept.increment(1);
    assert_eq!(kept.value(), 3 * EACH + 1, "a handle outlives its telemetry");
}

#[test]
fn a_site_takes_a_telemetry_made_on_the_spot_and_says_when_it_was_refused() {
    counter!(Telemetry::new(), "once").increment(1);
    let telemetry = Telemetry::new();
    let _gauge = telemetry.gauge("taken");
    let count = || counter!(&telemetry, "taken").increment(1);
    (0..3).for_each(|_| count());
    let stats = telemetry.stats();
    assert_eq!((stats.refused_metrics, stats.refused_updates), (1, 3));
}

#[test]
fn a_family_is_the_same_metric_as_handles_with_the_same_labels() {
    let telemetry = Telemetry::new();
    let family = telemetry.histogram_by("took", ["way", "method"]);
    family.with(["a", "GET"]).record(1);
    telemetry.histogram_with("took", &[("method", "GET"), ("way", "a")]).record(2);
    family.clone().with(["a", "GET"]).handle().record(3);
    histogram!(telemetry, "took", "way" => "a", "method" => "GET").record(4);
    let snapshot = telemetry.snapshot();
    let Some(Value::Histogram(values)) = snapshot.get_with("took", &[("way", "a"), ("method", "GET")]) else {
        panic!("{snapshot:?}");
    };
    assert_eq!((values.count(), values.sum()), (4, 10));
    telemetry.gauge_by("depth", ["queue"]).with(["in"]).set(-2);
    telemetry.float_gauge_by("load", ["core"]).with(["0"]).set(0.25);
    let snapshot = telemetry.snapshot();
    assert_eq!(snapshot.get_with("depth", &[("queue", "in")]), Some(&Value::Gauge(-2)));
    assert_eq!(snapshot.get_with("load", &[("core", "0")]), Some(&Value::FloatGauge(0.25)));
}

#[test]
fn a_thread_that_is_ending_or_has_too_many_decks_counts_by_values_as_well() {
    struct Last(flightdeck::telemetry::Family<Counter, 1>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.with(["end"]).increment(1);
        }
    }
    thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
    let decks: Vec<Telemetry> = (0..12).map(|_| Telemetry::new()).collect();
    let families: Vec<_> = decks.iter().map(|deck| deck.counter_by("n", ["n"])).collect();
    std::thread::scope(|threads| {
        threads
            .spawn(|| {
                LAST.set(Some(Last(families[0].clone())));
                families.iter().for_each(|family| (0..100).for_each(|_| family.with(["x"]).increment(1)));
            })
            .join()
            .unwrap();
    });
    assert_eq!(total(&decks[0], "n"), 101);
    assert!(decks[1..].iter().all(|deck| total(deck, "n") == 100));
}

#[test]
fn what_is_held_or_changes_stays_and_the_rest_goes() {
    let telemetry = Telemetry::new();
    let held = telemetry.counter_with("n", &[("who", "held")]);
    telemetry.counter_with("n", &[("who", "idle")]).increment(7);
    telemetry.counter_with("n", &[("who", "never")]).increment(0);
    telemetry.histogram_with("h", &[("who", "idle")]).record(0);
    telemetry.gauge("g").set(5);
    counter!(telemetry, "n", "who" => "site").increment(1);
    let short = Duration::from_millis(30);
    let early = telemetry.retire_idle(Duration::from_secs(3_600));
    assert_eq!(early.series, 0, "nothing is an hour old");
    std::thread::sleep(short);
    telemetry.counter_with("n", &[("who", "busy")]).increment(1);
    let retired = telemetry.retire_idle(short);
    assert_eq!((retired.series, retired.held_by_handles, retired.held_by_caches), (4, 2, 0));
    let snapshot = telemetry.snapshot();
    let keys: Vec<String> = snapshot.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, ["n{who=\"busy\"}", "n{who=\"held\"}", "n{who=\"site\"}"]);
    let n = status(&telemetry, "n");
    assert_eq!((n.retired, n.retired_total, total(&telemetry, "n")), (2, 7, 2), "nothing has vanished");
    let h = status(&telemetry, "h");
    assert_eq!((h.retired, h.retired_total, telemetry.stats().retired), (1, 1, 4));
    // A handle that was kept still counts into what is read.
    held.increment(3);
    counter!(telemetry, "n", "who" => "site").increment(0);
    assert_eq!(telemetry.snapshot().get_with("n", &[("who", "held")]), Some(&Value::Counter(3)));
    // A series that comes back begins anew, and its metric is what it was.
    assert_eq!(telemetry.counter_with("n", &[("who", "idle")]).value(), 0);
    assert!(telemetry.try_counter("g").is_err());
    drop(held);
    telemetry.retire_idle(Duration::ZERO);
    telemetry.retire_idle(Duration::ZERO);
    assert_eq!(telemetry.snapshot().iter().count(), 1, "the call site's");
}

#[test]
fn an_up_down_counter_goes_only_from_zero() {
    let telemetry = Telemetry::new();
    let open = telemetry.up_down_counter_by("open", ["tenant"]);
    let look = || telemetry.retire_idle(Duration::ZERO);
    // One that stays open for longer than anybody looks. The other set empties this thread's cache.
    let next_look = || {
        look();
        look();
        open.with(["other"]).add(0);
        look()
    };
    open.with(["ann"]).add(1);
    let waiting = next_look();
    assert_eq!((waiting.series, waiting.held_by_handles, waiting.held_by_caches), (0, 0, 1), "{waiting:?}");
    open.with(["ann"]).add(-1);
    let value = || telemetry.snapshot().get_with("open", &[("tenant", "ann")]).cloned();
    assert_eq!(value(), Some(Value::UpDownCounter(0)), "what was added was there to be taken away");
    assert_eq!(next_look().series, 1);
    assert_eq!(value(), None);
}

#[test]
fn what_a_series_counted_that_comes_back_is_all_new() {
    let telemetry = Telemetry::new();
    let retire = || (0..2).map(|_| telemetry.retire_idle(Duration::ZERO).series).sum::<u64>();
    let labels = [("who", "ann")];
    let count = |amount: u64| {
        telemetry.counter_with("n", &labels).increment(amount);
        telemetry.histogram_with("h", &labels).record_many(3, amount);
        telemetry.up_down_counter_with("u", &labels).add(amount as i64);
        telemetry.snapshot()
    };
    let first = count(5);
    telemetry.up_down_counter_with("u", &labels).add(-5);
    assert_eq!(retire(), 3);
    let between = telemetry.snapshot();
    let last = count(7);
    let counted = |since: &Snapshot| {
        let Some(Value::Counter(n)) = since.get_with("n", &labels) else { panic!("{since:?}") };
        let Some(Value::Histogram(h)) = since.get_with("h", &labels) else { panic!("{since:?}") };
        let Some(Value::UpDownCounter(u)) = since.get_with("u", &labels) else { panic!("{since:?}") };
        (*n, h.count(), h.sum(), *u)
    };
    assert_eq!(counted(&last.since(&between)), (7, 7, 21, 7));
    assert_eq!(counted(&last.since(&first)), (7, 7, 21, 2), "an up/down counter was at zero when it went");
    let further = count(1);
    assert_eq!(counted(&further.since(&last)), (1, 1, 3, 1));
    // Sums know no series, only values: what two processes have may come and go in one of them.
    let other = Telemetry::new();
    other.counter_with("n", &labels).increment(100);
    let (then, now) = (between.plus(&other.snapshot()).unwrap(), further.plus(&other.snapshot()).unwrap());
    assert_eq!(now.since(&then).get_with("n", &labels), Some(&Value::Counter(8)));
}

#[test]
fn a_limit_that_is_raised_holds_for_what_threads_have_at_hand() {
    let telemetry = Telemetry::builder().cells(4_096).build().unwrap();
    let family = telemetry.counter_by("n", ["n"]);
    let count = || (0..1_001).for_each(|n| family.with([&n.to_string()]).increment(1));
    count();
    assert_eq!(status(&telemetry, "n").overflowed, 1);
    telemetry.describe("n", Description::new("").most_series(2_000)).unwrap();
    count();
    assert_eq!(telemetry.snapshot().get_with("n", &[("n", "1000")]), Some(&Value::Counter(1)));
    assert_eq!(total(&telemetry, "n"), 2 * 1_001);
}

#[test]
fn cells_are_given_out_again_as_zeros_and_not_while_somebody_reads_them() {
    let telemetry = Telemetry::builder().cells(64).build().unwrap();
    let left = telemetry.stats().cells_left;
    for round in 1..1_000_u64 {
        let name = format!("round-{round}");
        let counter = telemetry.counter_with("n", &[("round", &name)]);
        assert_eq!(counter.value(), 0, "{round}");
        counter.increment(round);
        std::thread::scope(|threads| {
            threads.spawn(|| counter.increment(round));
        });
        assert_eq!(counter.value(), 2 * round);
        let kept = telemetry.snapshot();
        drop(counter);
        telemetry.retire_idle(Duration::ZERO);
        assert_eq!(telemetry.retire_idle(Duration::ZERO).series, 1);
        assert_eq!(kept.get_with("n", &[("round", &name)]), Some(&Value::Counter(2 * round)));
    }
    assert_eq!(telemetry.stats().cells_left, left);
    assert_eq!(status(&telemetry, "n").retired_total, 999 * 1_000);
}

#[test]
fn room_that_a_retired_series_leaves_is_used() {
    let telemetry = Telemetry::new();
    telemetry.describe("n", Description::new("").most_series(1)).unwrap();
    let family = telemetry.counter_by("n", ["n"]);
    family.with(["first"]).increment(1);
    family.with(["second"]).increment(1);
    assert_eq!(status(&telemetry, "n").overflowed, 1);
    // Caches hold both: they are asked to let go, and have when they are next used.
    telemetry.retire_idle(Duration::ZERO);
    assert_eq!(telemetry.retire_idle(Duration::ZERO).held_by_caches, 2);
    family.with(["second"]).increment(1);
    let retired = telemetry.retire_idle(Duration::ZERO);
    assert_eq!((retired.series, retired.held_by_caches), (1, 0), "the first; the overflow has changed");
    family.with(["second"]).increment(1);
    assert_eq!(telemetry.snapshot().get_with("n", &[("n", "second")]), Some(&Value::Counter(1)));
    assert_eq!(total(&telemetry, "n") + status(&telemetry, "n").retired_total, 4);
}

#[test]
fn a_thread_that_ends_lets_go_of_what_it_had_at_hand() {
    let telemetry = Telemetry::new();
    let family = telemetry.counter_by("n", ["n"]);
    std::thread::scope(|threads| {
        threads.spawn(|| family.with(["x"]).increment(1)).join().unwrap();
    });
    telemetry.retire_idle(Duration::ZERO);
    let until = Instant::now() + Duration::from_secs(20);
    // A thread that was joined has run its destructors; that of a scope may take a moment more.
    while telemetry.retire_idle(Duration::ZERO).series == 0 {
        assert!(Instant::now() < until, "it holds on");
        std::thread::yield_now();
    }
}

#[test]
fn a_tick_retires_what_the_builder_said() {
    let telemetry = Telemetry::builder().retire_after(Duration::from_secs(60)).build().unwrap();
    let start = Instant::now();
    let seconds = |n| start + Duration::from_secs(n);
    telemetry.counter_with("n", &[("n", "x")]).increment(1);
    assert_eq!(telemetry.tick(seconds(0)).series, 0);
    assert_eq!(telemetry.tick(seconds(29)).series + telemetry.tick(seconds(59)).series, 0);
    assert_eq!(telemetry.tick(seconds(80)).series, 0, "looked at half a minute ago");
    assert_eq!(telemetry.tick(seconds(90)).series, 1);
    let never = Telemetry::new();
    never.counter_with("n", &[("n", "x")]).increment(1);
    assert_eq!((never.tick(seconds(0)).series, never.tick(seconds(1 << 20)).series), (0, 0));
}

#[test]
fn retired_and_used_again_under_threads_nothing_is_lost_or_counted_twice() {
    const WORKERS: u64 = 3;
    let telemetry = Telemetry::builder().cells(256).build().unwrap();
    telemetry.describe("n", Description::new("").most_series(40)).unwrap();
    let family = telemetry.counter_by("n", ["n"]);
    let (done, counted, retired) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let until = Instant::now() + Duration::from_secs(30);
    let enough = || retired.load(Ordering::Relaxed) >= 3_000 || Instant::now() > until;
    let names: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    std::thread::scope(|threads| {
        let retiring = threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                retired.fetch_add(telemetry.retire_idle(Duration::ZERO).series, Ordering::Relaxed);
                // Readers hold on to cells meanwhile.
                assert!(telemetry.snapshot().iter().count() <= 42);
            }
        });
        let work = |worker: u64| {
            let mut own = 0_u64;
            let mut state = worker + 1;
            for round in (0..).take_while(|_| !enough()) {
                // Most are seen for a while and then no more.
                for _ in 0..200 {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    let name = &names[(round * 7 + (state >> 60) as usize) % names.len()];
                    if state & (1 << 40) == 0 {
                        family.with([name]).increment(1);
                    } else {
                        let handle = telemetry.counter_with("n", &[("n", name)]);
                        handle.increment(1);
                    }
                    own += 1;
                }
            }
            counted.fetch_add(own, Ordering::Relaxed);
        };
        let workers: Vec<_> = (0..WORKERS).map(|worker| threads.spawn(move || work(worker))).collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        done.store(true, Ordering::Relaxed);
        retiring.join().unwrap();
    });
    let status = status(&telemetry, "n");
    // Each place several times over, also where other processes leave little time for it.
    assert!(status.retired >= 200, "little was retired: {status:?}");
    assert_eq!(total(&telemetry, "n") + status.retired_total, counted.load(Ordering::Relaxed));
    assert_eq!(telemetry.stats().refused_updates, 0);
    assert!(telemetry.stats().cells_left >= 200, "{:?}", telemetry.stats());
}
