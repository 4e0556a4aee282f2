//! Pages for Prometheus, read back.

#[path = "support/exposition.rs"]
mod exposition;

use exposition::samples;
use flightdeck::bridge::openmetrics::{Format, Own, Rendered, Renderer};
use flightdeck::events::Events;
use flightdeck::telemetry::{Description, Resolution, Telemetry, Unit, Value};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

const ALL: [Format; 2] = [Format::OPEN_METRICS, Format::TEXT];

fn page(telemetry: &Telemetry, format: Format) -> (String, Rendered) {
    rendered(&Renderer::new(), telemetry, format)
}

fn rendered(renderer: &Renderer, telemetry: &Telemetry, format: Format) -> (String, Rendered) {
    let mut page = String::new();
    let rendered = renderer.render(&telemetry.snapshot(), &Own::none(), format, &mut page);
    assert_eq!(rendered.bytes, page.len() as u64);
    (page, rendered)
}

fn labels<const N: usize>(labels: [(&str, &str); N]) -> BTreeMap<String, String> {
    labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// One of everything.
fn host() -> Telemetry {
    let telemetry = Telemetry::new();
    let describe = |name, help, unit| {
        telemetry.describe(name, Description::new(help).unit(unit)).unwrap();
    };
    describe("http.requests", "Requests, by \"method\".\nAll of them: C:\\requests", Unit::Count);
    telemetry
        .counter_with("http.requests", &[("method", "GET"), ("http.path", "/a\"b\\c\n\u{fc}")])
        .increment(5);
    telemetry.counter_with("http.requests", &[("method", "PUT"), ("http.path", "")]).increment(u64::MAX);
    describe("busy_ns", "Time spent.", Unit::Nanoseconds);
    telemetry.counter("busy_ns").increment(1_500_000_001);
    describe("answer_ns", "From request to answer.", Unit::Nanoseconds);
    let answer = Resolution::new(5).up_to(1 << 34);
    let answer = telemetry.try_histogram_of("answer_ns", &[("route", "/")], answer).unwrap();
    for value in [0, 1, 800, 1_023, 1_024, 2_000_000, 1 << 40] {
        answer.record(value);
    }
    telemetry.histogram("batch_sizes").record(100);
    telemetry.gauge("heap").set(-3);
    describe("heap", "What is in use.", Unit::Bytes);
    telemetry.float_gauge("temperature").set(f64::NAN);
    telemetry.float_gauge("limit").set(f64::INFINITY);
    telemetry.float_gauge("share").set(12.5);
    describe("share", "Of the processor.", Unit::Percent);
    telemetry.float_gauge("process_cpu_seconds_total").set(0.25);
    telemetry.up_down_counter("in_flight").add(7);
    describe("open_orders", "Orders that are open.", Unit::Other("orders"));
    telemetry.gauge("open_orders").set(2);
    telemetry
}

/// After a change on purpose: `FLIGHTDECK_BLESS=1 cargo test --test openmetrics`, and read the diff.
#[test]
fn pages_are_as_they_were() {
    let telemetry = host();
    let own = Own::telemetry(&telemetry.stats());
    for (format, name) in [
        (Format::OPEN_METRICS, "openmetrics.txt"),
        (Format::TEXT, "prometheus.txt"),
        (Format::OPEN_METRICS.with_utf8_names(), "openmetrics_utf8.txt"),
        (Format::TEXT.with_utf8_names(), "prometheus_utf8.txt"),
    ] {
        let mut page = String::new();
        Renderer::new().render(&telemetry.snapshot(), &own, format, &mut page);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        if std::env::var_os("FLIGHTDECK_BLESS").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        assert!(page == golden, "{name} is now:\n{page}");
    }
}

#[test]
fn the_same_is_told_of_a_recording() {
    let telemetry = host();
    let recorded = telemetry.recording().unwrap().snapshot();
    for format in ALL {
        let mut of_recording = String::new();
        Renderer::new().render(&recorded, &Own::none(), format, &mut of_recording);
        assert_eq!(of_recording, page(&telemetry, format).0);
    }
}

#[test]
fn a_histogram_is_cumulative_and_exact_where_its_buckets_end() {
    let telemetry = host();
    for format in ALL {
        let told = samples(&page(&telemetry, format).0);
        let bucket =
            |le: &str| told[&("answer_seconds_bucket".to_owned(), labels([("route", "/"), ("le", le)]))];
        // Every second power of two, down from the greatest.
        assert_eq!((bucket("0.000000007"), bucket("0.000000511")), (2.0, 2.0));
        assert_eq!((bucket("0.000002047"), bucket("+Inf")), (5.0, 7.0));
        let of = |name: &str| told[&(name.to_owned(), labels([("route", "/")]))];
        assert_eq!(of("answer_seconds_count"), 7.0);
        assert_eq!(
            of("answer_seconds_sum"),
            (1 + 800 + 1_023 + 1_024 + 2_000_000_u64 + (1 << 40)) as f64 / 1e9
        );
    }
    let fine = Renderer::builder().most_buckets(64).build();
    let told = samples(&rendered(&fine, &telemetry, Format::TEXT).0);
    let bucket = |le: &str| told[&("answer_seconds_bucket".to_owned(), labels([("route", "/"), ("le", le)]))];
    assert_eq!((bucket("0.000001023"), bucket("0.000002047"), bucket("34.359738367")), (4.0, 5.0, 6.0));
}

#[test]
fn names_that_would_be_one_are_told_and_never_made_one() {
    let telemetry = Telemetry::new();
    telemetry.counter("a.b").increment(1);
    telemetry.counter("a_b").increment(2);
    // In text a counter's own name is free, in OpenMetrics it is not.
    telemetry.gauge("c").set(3);
    telemetry.counter("c_total").increment(4);
    telemetry.histogram("d").record(5);
    telemetry.gauge("d_sum").set(6);
    telemetry.counter_with("e", &[("x.y", "1")]).increment(7);
    telemetry.counter_with("e", &[("x_y", "1")]).increment(8);
    telemetry.counter_with("e", &[("x.y", "1"), ("x_y", "2")]).increment(9);
    let (open, rendered) = page(&telemetry, Format::OPEN_METRICS);
    let told = samples(&open);
    assert_eq!(told[&("a_b_total".to_owned(), labels([]))], 1.0);
    assert_eq!(told[&("e_total".to_owned(), labels([("x_y", "1")]))], 7.0);
    assert!(!told.contains_key(&("c_total".to_owned(), labels([]))));
    assert_eq!((rendered.left_out.name, rendered.left_out.labels), (3, 2));
    let clash = rendered.clash.unwrap();
    assert_eq!((&*clash.shown, &*clash.left_out), ("a_b", "a_b"));
    assert!(open.contains("flightdeck_page_left_out_series{reason=\"name\"} 3\n"), "{open}");
    let (text, rendered) = page(&telemetry, Format::TEXT);
    assert_eq!(samples(&text)[&("c_total".to_owned(), labels([]))], 4.0);
    assert_eq!((rendered.left_out.name, rendered.left_out.labels), (2, 2));
    // Asked for as they are, nothing clashes but what OpenMetrics itself has one name for.
    let (_, rendered) = page(&telemetry, Format::TEXT.with_utf8_names());
    assert_eq!((rendered.left_out.name, rendered.left_out.labels), (1, 0));
}

#[test]
fn a_host_cannot_take_the_names_of_what_a_page_says_of_itself() {
    let telemetry = Telemetry::new();
    telemetry.gauge("flightdeck_page_series").set(99);
    let (text, rendered) = page(&telemetry, Format::TEXT);
    assert_eq!(samples(&text)[&("flightdeck_page_series".to_owned(), labels([]))], 99.0);
    assert_eq!(rendered.left_out.name, 1);
}

#[test]
fn events_are_told_by_what_became_of_them() {
    let (telemetry, events) = (Telemetry::new(), Events::builder().memory(1 << 20).build().unwrap());
    let own = Own::telemetry(&telemetry.stats()).with_events(&events.status());
    let mut page = String::new();
    Renderer::new().render(&telemetry.snapshot(), &own, Format::OPEN_METRICS, &mut page);
    let told = samples(&page);
    assert_eq!(told[&("flightdeck_events_lost_total".to_owned(), labels([("cause", "no_shard")]))], 0.0);
    assert!(told[&("flightdeck_events_reserved_bytes".to_owned(), labels([]))] >= (1 << 20) as f64);
}

#[test]
fn a_page_that_is_made_again_is_that_of_a_renderer_that_never_made_one() {
    let (telemetry, other) = (host(), Telemetry::new());
    other.counter("other").increment(1);
    let kept = Renderer::new();
    let elsewhere = telemetry.gauge("elsewhere_total");
    elsewhere.set(5);
    let answer = Resolution::new(5).up_to(1 << 34);
    let answers = telemetry.try_histogram_of("answer_ns", &[("route", "/")], answer).unwrap();
    let check = |what: &str| {
        for format in ALL {
            assert_eq!(rendered(&kept, &telemetry, format), page(&telemetry, format), "{what}");
        }
    };
    check("made");
    answers.record(700);
    check("other numbers");
    assert!(page(&telemetry, Format::TEXT).0.contains("# TYPE elsewhere_total counter\n"));
    elsewhere.set(-5);
    check("no counter any more");
    assert!(page(&telemetry, Format::TEXT).0.contains("# TYPE elsewhere_total gauge\n"));
    elsewhere.set(7);
    telemetry.counter_with("more", &[("a", "b")]).increment(1);
    check("one more series");
    telemetry.describe("more", Description::new("What else there is.")).unwrap();
    check("described");
    for format in ALL {
        assert_eq!(rendered(&kept, &other, format), page(&other, format), "another telemetry");
    }
    check("the first again");
}

#[test]
fn of_a_name_with_two_types_the_first_is_told_and_nothing_has_anothers_numbers() {
    let [one, other] = [Telemetry::new(), Telemetry::new()];
    one.gauge_with("x", &[("a", "1")]).set(3);
    other.histogram_with("x", &[("a", "2")]).record(100);
    one.counter("y").increment(7);
    let sums =
        [one.snapshot().plus(&other.snapshot()).unwrap(), other.snapshot().plus(&one.snapshot()).unwrap()];
    for format in ALL {
        for sum in &sums {
            let mut page = String::new();
            let rendered = Renderer::new().render(sum, &Own::none(), format, &mut page);
            let told = samples(&page);
            let value = |name: &str, labels: BTreeMap<_, _>| told.get(&(name.to_owned(), labels)).copied();
            assert_eq!(value("x", labels([("a", "1")])), Some(3.0), "{page}");
            assert_eq!(value("y_total", labels([])), Some(7.0), "{page}");
            assert!(!page.contains("a=\"2\""), "{page}");
            assert_eq!((rendered.series, rendered.left_out.name), (2, 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever labels and names hold: each series is on the page once, with its value and its labels, or counted as left out.
    #[test]
    fn hostile_text_is_read_back(
        series in proptest::collection::btree_map(
            ("[a-c.\"{}\u{fc} ]{1,4}", proptest::collection::btree_map("[a_.\"=\u{fc}]{1,3}", "[\\PC\0\n\r\"\\\\]{0,6}", 0..4)),
            any::<u32>(),
            0..24,
        ),
    ) {
        let telemetry = Telemetry::new();
        for ((name, labels), count) in &series {
            let labels: Vec<_> = labels.iter().map(|(key, value)| (&**key, &**value)).collect();
            telemetry.counter_with(name, &labels).increment((*count).into());
        }
        let snapshot = telemetry.snapshot();
        for format in ALL {
            let (text, rendered) = page(&telemetry, format);
            let told = samples(&text);
            let ours = || told.iter().filter(|((name, _), _)| !name.starts_with("flightdeck_"));
            prop_assert_eq!(rendered.series, ours().count() as u64);
            prop_assert_eq!(rendered.series + rendered.left_out.all(), snapshot.iter().count() as u64);
            for ((_, labels), value) in ours() {
                let is_it = |(key, of): (&flightdeck::telemetry::SeriesKey, &Value)| {
                    let mut values: Vec<_> = key.labels().iter().map(|(_, value)| value.replace('\0', "\u{fffd}")).collect();
                    let mut read: Vec<_> = labels.values().cloned().collect();
                    values.sort();
                    read.sort();
                    values == read && *of == Value::Counter(*value as u64)
                };
                prop_assert!(snapshot.iter().any(is_it), "{labels:?} {value} of nobody");
            }
        }
    }
}

#[test]
fn text_of_a_megabyte_stays_out() {
    let telemetry = Telemetry::new();
    let long = "x\"\n".repeat(350_000);
    assert!(telemetry.try_counter(&long).is_err());
    assert!(telemetry.try_counter_with("a", &[(&long, "b")]).is_err());
    assert!(telemetry.describe("a", Description::new(&long)).is_err());
    telemetry.counter_with("a", &[("b", &long)]).increment(1);
    let (text, rendered) = page(&telemetry, Format::OPEN_METRICS);
    assert_eq!(samples(&text)[&("a_total".to_owned(), labels([("b", &long[..255])]))], 1.0);
    assert_eq!(rendered.series, 1);
    assert!(text.len() < 4_000, "{}", text.len());
}

#[test]
fn a_hundred_thousand_series_are_a_page_and_one_that_is_too_long_ends_with_a_count() {
    const SERIES: u64 = 100_000;
    let telemetry = Telemetry::builder().cells(1 << 17).build().unwrap();
    telemetry.describe("users", Description::new("By user.").most_series(SERIES as usize)).unwrap();
    for user in 0..SERIES {
        telemetry.counter_with("users", &[("user", &format!("\"{user}\""))]).increment(user);
    }
    let began = Instant::now();
    let (text, rendered) = page(&telemetry, Format::OPEN_METRICS);
    let took = began.elapsed();
    assert_eq!((rendered.series, rendered.left_out.all()), (SERIES, 0));
    let told = samples(&text);
    let users = told.iter().filter(|((name, _), _)| name == "users_total");
    assert_eq!(users.map(|(_, value)| value).sum::<f64>(), (SERIES * (SERIES - 1) / 2) as f64);
    println!("{SERIES} series, {} bytes, in {took:?}", text.len());

    let short = Renderer::builder().most_bytes(1 << 20).build();
    let (text, rendered) = self::rendered(&short, &telemetry, Format::OPEN_METRICS);
    assert!((1 << 20..(1 << 20) + 4_096).contains(&text.len()), "{}", text.len());
    assert_eq!(rendered.series + rendered.left_out.room, SERIES);
    let told = samples(&text);
    let left_out = told[&("flightdeck_page_left_out_series".to_owned(), labels([("reason", "room")]))];
    assert_eq!(left_out, rendered.left_out.room as f64);
    assert!(text.ends_with("# EOF\n"));
    let none = Renderer::builder().most_bytes(0).build();
    let (text, rendered) = self::rendered(&none, &telemetry, Format::TEXT);
    assert_eq!((rendered.series, rendered.metrics, rendered.left_out.room), (0, 0, SERIES));
    assert!(samples(&text).keys().all(|(name, _)| name.starts_with("flightdeck_page_")), "{text}");
}

/// Takes so much, and keeps the greatest piece that it was given.
struct Narrow {
    room: usize,
    taken: Vec<u8>,
    greatest: usize,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.taken.len() >= self.room {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        }
        self.greatest = self.greatest.max(bytes.len());
        self.taken.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_page_goes_to_a_writer_piece_by_piece_and_stops_where_that_does() {
    let telemetry = Telemetry::builder().cells(1 << 15).build().unwrap();
    telemetry.describe("users", Description::new("By user.").most_series(20_000)).unwrap();
    for user in 0..20_000 {
        telemetry.counter_with("users", &[("user", &user.to_string())]).increment(1);
    }
    let (text, of_text) = page(&telemetry, Format::OPEN_METRICS);
    let write = |room: usize| {
        let mut to = Narrow { room, taken: Vec::new(), greatest: 0 };
        let snapshot = telemetry.snapshot();
        let written = Renderer::new().write(&snapshot, &Own::none(), Format::OPEN_METRICS, &mut to);
        (written, to)
    };
    let (written, to) = write(usize::MAX);
    assert_eq!(written.unwrap(), of_text);
    assert!(to.taken == text.as_bytes());
    assert!(to.greatest < 70_000, "{}", to.greatest);
    let (written, to) = write(100_000);
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert!(to.taken.len() < 200_000, "{}: it went on", to.taken.len());
}

#[test]
fn counters_keep_their_names_where_that_is_wanted() {
    let telemetry = Telemetry::new();
    telemetry.counter("requests").increment(1);
    let bare = Renderer::builder().total_suffix(false).build();
    let (open, _) = rendered(&bare, &telemetry, Format::OPEN_METRICS);
    assert!(open.contains("# TYPE requests unknown\nrequests 1\n"), "{open}");
    let (text, _) = rendered(&bare, &telemetry, Format::TEXT);
    assert!(text.contains("# TYPE requests counter\nrequests 1\n"), "{text}");
}
