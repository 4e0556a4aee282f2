//! The events of a mapped deck with words changed at will, a few or many: whatever they say, every question ends, and without a
//! panic.

#![no_main]

use arbitrary::Arbitrary;
use flightdeck::Clock;
use flightdeck::events::{Class, Events, Recording, Schema, Stamp, Start, Value};
use flightdeck::mapped::{OpenOptions, Opened, Options};
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

flightdeck::kind! { Done("fuzz.done", severity = Warn, starts) { n: u64, text: str } }

#[derive(Arbitrary, Debug)]
struct Input {
    /// Where, as a part of the section in 2^16ths, how many words further, and what.
    words: Vec<(u16, u8, u64)>,
    /// The head, the clock, and the beginnings of logs: where all else follows from.
    head: Vec<(u16, u64)>,
    id: u8,
    position: u64,
}

/// A file that a deck wrote, and where its events lie in it, in words.
struct Whole {
    bytes: Vec<u8>,
    start: usize,
    words: usize,
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("flightdeck-fuzz-recording-{}-{name}", std::process::id()))
}

fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let folder = path("whole");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("deck");
        let clock = Clock::stepping(Duration::from_nanos(1));
        let builder = Events::builder().memory(300 << 10).shards(1).overflow_slots(16).clock(clock);
        let events = builder.mapped(Options::at(&file)).build().unwrap();
        let raw = events.define(Schema::raw("fuzz.raw").class_of(Class::Verbose)).unwrap();
        for n in 0..2_000 {
            events.record_with(Stamp::of(n / 9 + 1), Done { n, text: "some text" });
            events.record_values(Stamp::of(n / 9 + 1), &raw, &[Value::Bytes(&[7; 20])]).unwrap();
        }
        let opened = Opened::open(&file, &OpenOptions::new()).unwrap();
        let section = opened.header().sections[0];
        let bytes = fs::read(&file).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        Whole { bytes, start: section.start, words: section.words }
    })
}

fuzz_target!(|input: Input| {
    let Whole { bytes, start, words } = whole();
    let mut bytes = bytes.clone();
    let mut put = |at: usize, value: u64| {
        let at = (start + at % words) * 8;
        bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    };
    for (part, further, value) in &input.words {
        put(usize::from(*part) * words / (1 << 16) + usize::from(*further), *value);
    }
    for (at, value) in &input.head {
        put(usize::from(*at % 512), *value);
    }
    let file = path("changed");
    fs::write(&file, &bytes).unwrap();
    let Ok(recording) = Recording::open(&file) else { return };
    for query in [
        recording.query(),
        recording.query().newest_first().limit(10),
        recording.query().correlation(u64::from(input.id) + 1),
        recording.query().kind::<Done>().limit(10),
    ] {
        let _ = query.clone().limit(500).run().map(|answer| answer.timeline().to_string());
        let _ = (query.clone().count(), query.limit(500).each_in_order(|event| _ = event.fields().count()));
    }
    for from in [Start::Now, Start::Oldest] {
        if let Ok(mut cursor) = recording.query().follow_from(from) {
            cursor.drain(|_| {});
            let _ = cursor.stats().accounted();
        }
    }
    let _ = (recording.stats().lost(), recording.losses(), recording.shard_stats(), recording.index_stats(1_000));
    let _ = (recording.threads(), recording.kinds().count(), recording.nameless(), recording.in_flight());
    let _ = recording.event(flightdeck::events::EventId::from_bits(input.position));
});
