//! Answers as text for a person.

use flightdeck::events::{Class, Events, FieldType, Recorded, Schema, Shares, Stamp, Timeline, Value};
use flightdeck::{Clock, CorrelationId, SpanId, Ticks};
use std::path::Path;
use std::time::Duration;

flightdeck::kind! {
    Placed("order.placed", starts) { qty: u64, venue: str }
    Asked("cache.asked", severity = Debug) { hit: bool }
    Walk("book.walk") { symbol: str }
    Walked("book.walked") { levels: u64 }
    Slow("venue.slow", severity = Warn) { after_ms: u64 }
    Refused("order.refused", severity = Error) { reason: str }
    Flood("flood.normal") { n: u64 }
    Large("too.large") { image: bytes }
}

const WHY: &str = "no answer from a venue that was asked twice and had all the time there was to give one";

fn store() -> Events {
    Events::builder().memory(1 << 20).shards(4).clock(Clock::manual()).build().unwrap()
}

fn pass(events: &Events, us: u64) {
    events.clock().advance(Duration::from_micros(us));
}

/// One order: two threads, a span in a span, one of another process, one that never ends, a pause, text that bites.
fn order(events: &Events) {
    std::thread::scope(|threads| {
        let order = std::thread::Builder::new().name("gateway".into());
        order
            .spawn_scoped(threads, || {
                let _in = events.scope(7_u64);
                let placed = events.span(Placed { qty: 5, venue: "XETRA" });
                pass(events, 20);
                events.record(Asked { hit: false });
                let scope = placed.scope();
                let book = std::thread::Builder::new().name("the order book of \u{1b}[31mFDK".into());
                std::thread::scope(|threads| {
                    book.spawn_scoped(threads, || {
                        let _in = scope.enter();
                        let walk = events.span(Walk { symbol: "FD021" });
                        pass(events, 450);
                        walk.end(Walked { levels: 9 });
                        pass(events, 10);
                        events.start(Walk { symbol: "FD\n+0.000000000s forged\u{1b}[2J" });
                    })
                    .unwrap();
                });
                pass(events, 1_200);
                events.record(Slow { after_ms: 1 });
                pass(events, 20);
                placed.end(Refused { reason: WHY });
                let remote = Stamp::of(7_u64).span(SpanId::new(9)).starts_under(SpanId::new(0xfeed));
                events.record_with(remote, Walk { symbol: "FD022" });
            })
            .unwrap();
    });
}

#[test]
fn a_trace_reads_as_it_did() {
    let events = store();
    order(&events);
    // Spans have ids of their own each time, times are moved by hand.
    let answer = events.query().correlation(7_u64).run().unwrap();
    let shown = |what: &str, timeline: Timeline<'_>| format!("## {what}\n\n{timeline}\n\n");
    let text = [
        shown("as it is", answer.timeline()),
        shown("ASCII, 100 columns", answer.timeline().ascii().within(100)),
        shown("60 columns, small bars, no threads", answer.timeline().bars(8).within(60).without_threads()),
        shown("no bars, no marks", answer.timeline().bars(0).without_ends()),
        shown("colours, escaped", answer.timeline().colour(true)).replace('\u{1b}', "\\e"),
    ]
    .concat();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/timeline.txt");
    if std::env::var_os("FLIGHTDECK_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        text == golden,
        "{} differs; `FLIGHTDECK_BLESS=1 cargo test --test timeline` takes this:\n{text}",
        path.display()
    );
}

/// Columns that the terminal would take, escape sequences left out.
fn columns(line: &str) -> usize {
    let mut columns = 0;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => chars.by_ref().take_while(|char| *char != 'm').for_each(drop),
            _ => columns += 1,
        }
    }
    columns
}

#[test]
fn lines_are_no_longer_than_asked_and_colours_change_nothing_else() {
    let events = store();
    order(&events);
    let answer = events.query().correlation(7_u64).run().unwrap();
    for within in [100, 120, 200] {
        let text = answer.timeline().within(within).to_string();
        assert!(text.lines().all(|line| columns(line) <= within.into()), "{within}: {text}");
        let coloured = answer.timeline().within(within).colour(true).to_string();
        assert!(coloured.lines().all(|line| columns(line) <= within.into()), "{within}: {coloured}");
        let sequences = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[36m", "\u{1b}[1;31m", "\u{1b}[1;33m"];
        let plain = sequences.iter().fold(coloured, |text, sequence| text.replace(sequence, ""));
        assert_eq!(plain, text);
    }
}

#[test]
fn values_that_bite_do_no_harm() {
    let events = Events::builder()
        .memory(64 << 20)
        .shards(1)
        .longest_value(usize::MAX)
        .shares(Shares::only(Class::Normal))
        .clock(Clock::manual())
        .build()
        .unwrap();
    let hostile = "\u{1b}[2J\u{1b}]0;title\u{7}\r\n\u{9b}31m\u{202e}desrever\u{2066}\u{2028}\u{0}\u{8}";
    events.record_with(Stamp::of(1_u64), Walk { symbol: hostile });
    let long = format!("{hostile}{}", "x".repeat(900_000));
    events.record_with(Stamp::of(1_u64), Walk { symbol: &long });
    let kind = events.define(Schema::new(format!("kind{hostile}")).field(hostile, FieldType::U64)).unwrap();
    events.record_values(Stamp::of(1_u64), &kind, &[Value::U64(1)]).unwrap();
    assert_eq!(events.stats().lost(), 0);
    let answer = events.query().run().unwrap();
    let name = |_: &Recorded<'_>| Some(hostile.to_owned());
    for timeline in [answer.timeline(), answer.timeline().within(80), answer.timeline().with_names(&name)] {
        let text = timeline.to_string();
        assert!(text.len() < 4_000, "{}", text.len());
        let harmless =
            |char: char| char == '\n' || !(char.is_control() || "\u{202e}\u{2066}\u{2028}".contains(char));
        assert!(text.chars().all(harmless), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("desrever")), "{text}");
    }
    assert_eq!(answer.timeline().to_string().lines().count(), 4);
}

#[test]
fn a_pause_is_shown_where_it_is_much_longer_than_usual() {
    let events = store();
    for n in 0..50 {
        pass(&events, if n == 30 { 5_000 } else { 10 });
        events.record_with(Stamp::of(1_u64), Flood { n });
    }
    let text = events.query().run().unwrap().timeline().to_string();
    let lines: Vec<_> = text.lines().collect();
    let pauses: Vec<_> = lines.iter().enumerate().filter(|(_, line)| line.contains('⋮')).collect();
    assert_eq!(pauses.len(), 1, "{text}");
    assert_eq!((pauses[0].0, pauses[0].1.trim()), (30, "⋮ 5.0 ms without an event"));
    assert!(lines[31].ends_with("flood.normal n=30"), "{text}");

    let even = store();
    for n in 0..50 {
        pass(&even, 1_000);
        even.record_with(Stamp::of(1_u64), Flood { n });
    }
    assert!(!even.query().run().unwrap().timeline().to_string().contains('⋮'));
}

#[test]
fn a_span_that_only_begins_and_ends_is_no_pause() {
    let events = store();
    for n in 0..20 {
        pass(&events, 10);
        events.record_with(Stamp::of(1_u64), Flood { n });
    }
    let _in = events.scope(1_u64);
    let walk = events.span(Walk { symbol: "FDK" });
    pass(&events, 10_000);
    walk.end(Walked { levels: 1 });
    let text = events.query().run().unwrap().timeline().to_string();
    assert!(!text.contains('⋮'), "its bar says so: {text}");
}

#[test]
fn it_says_from_when_on_nothing_is_missing() {
    let events = Events::builder().memory(1 << 18).shards(1).clock(Clock::manual()).build().unwrap();
    let _in = events.scope(9_u64);
    events.record(Placed { qty: 1, venue: "" });
    let ring = events.plan().ring[Class::Normal] as u64;
    for n in 0..ring / 32 {
        pass(&events, 1);
        events.record_with(Stamp::of(1_u64), Flood { n });
    }
    let text = events.query().correlation(1_u64).run().unwrap().timeline().to_string();
    assert_eq!(
        text.lines().next().map(str::trim),
        Some("⋮ older events may have been overwritten"),
        "{text}"
    );

    // An event with an earlier time than it was written at.
    events.record_with(Stamp::of(2_u64).at(Ticks(5)), Flood { n: 0 });
    events.record_with(Stamp::of(2_u64), Flood { n: 1 });
    let answer = events.query().correlation(2_u64).run().unwrap();
    let text = answer.timeline().to_string();
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[1].contains("⋮ before +") && lines[1].ends_with("s events may have been overwritten"),
        "{text}"
    );
    assert!(lines[0].ends_with("n=0") && lines[2].ends_with("n=1") && lines.len() == 4, "{text}");
}

#[test]
fn it_says_what_was_lost_in_its_time() {
    let events = store();
    events.record_with(Stamp::of(1_u64), Flood { n: 0 });
    pass(&events, 3);
    let image = vec![0; 1 << 20];
    for _ in 0..2 {
        events.record_with(Stamp::of(1_u64), Large { image: &image });
        pass(&events, 4);
    }
    events.record_with(Stamp::of(1_u64), Flood { n: 1 });
    let answer = events.query().correlation(1_u64).run().unwrap();
    let text = answer.timeline().to_string();
    let lost = "lost: 2 events of class normal, too_large, +0.000003000s to +0.000007000s";
    assert!(text.lines().any(|line| line == lost), "{text}");
    // After the answer was made.
    events.record_with(Stamp::of(1_u64), Flood { n: 2 });
    let later = events.query().correlation(1_u64).between(Ticks(11_000)..).run().unwrap();
    assert!(!later.timeline().to_string().contains("lost"), "{}", later.timeline());
}

#[test]
fn nothing_is_said_in_one_line() {
    let events = Events::builder().memory(1 << 20).shares(Shares::only(Class::Normal)).build().unwrap();
    let answer = events.query().correlation(CorrelationId::from(3_u64)).run().unwrap();
    assert_eq!(answer.timeline().to_string(), "(no events)");
    let answer = events.query().limit(0).run().unwrap();
    assert_eq!(answer.timeline().to_string(), "(no events)", "of none there are");
    events.record(Flood { n: 1 });
    let answer = events.query().limit(0).run().unwrap();
    assert_eq!(answer.timeline().to_string(), "(no events, and some may be missing)");
}
