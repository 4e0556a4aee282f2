//! The telemetry of a mapped deck with words changed at will, a few or many: whatever they say, every question ends, without a
//! panic, and none asks for more memory at a time than the file is long; and the next life goes on from it, or not.

#![no_main]

use arbitrary::Arbitrary;
use flightdeck::mapped::{OpenOptions, Opened, Options};
use flightdeck::telemetry::{Description, Recording, Resolution, Telemetry, Unit, Value};
use libfuzzer_sys::fuzz_target;
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Words before the records of the first log of names: the head, the turn, and the log's own line.
const RECORDS: usize = 32 + 16 + 16;
/// As many words of it as are written.
const NAMES: usize = 512;

/// The system's, which remembers what was the most that it was asked for.
struct Measured;

static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's own, asked for the same.
unsafe impl GlobalAlloc for Measured {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(layout.size(), Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(layout.size(), Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        MOST.fetch_max(size, Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Measured = Measured;

/// What a word becomes.
#[derive(Arbitrary, Debug)]
enum Change {
    Any(u64),
    Small(u8),
    /// Of what it was.
    By(i8),
    Bit(u8),
    /// The beginning of a record.
    Record { tag: u8, words: u8 },
}

impl Change {
    fn of(&self, was: u64) -> u64 {
        match *self {
            Self::Any(value) => value,
            Self::Small(value) => value.into(),
            Self::By(by) => was.wrapping_add_signed(by.into()),
            Self::Bit(bit) => was ^ 1 << (bit % 64),
            Self::Record { tag, words } => u64::from(tag % 5) << 32 | u64::from(words),
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Input {
    /// The head, the turn and what is told of names.
    names: Vec<(u16, Change)>,
    /// Where, as a part of the section in 2^16ths, how many words further, and what.
    words: Vec<(u16, u8, Change)>,
    cut: Option<u16>,
}

/// A file that a telemetry wrote, and where it lies in it, in words.
struct Whole {
    bytes: Vec<u8>,
    start: usize,
    words: usize,
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("flightdeck-fuzz-telemetry-{}-{name}", std::process::id()))
}

/// All kinds of metrics, described or not; a group; series that were retired.
fn count(telemetry: &Telemetry) {
    let orders = Description::new("how many orders").unit(Unit::Other("orders")).most_series(2);
    telemetry.describe("orders_total", orders).unwrap();
    for n in 0..40_u64 {
        telemetry.counter_with("orders_total", &[("venue", &(n % 4).to_string())]).increment(n);
        telemetry.counter_with("gone_total", &[("n", &n.to_string())]).increment(n);
        telemetry.retire_idle(Duration::ZERO);
    }
    let small = Resolution::new(3).up_to(10_000);
    let sizes = telemetry.try_histogram_of("sizes", &[("of", "orders")], small).unwrap();
    (0..1_000).for_each(|n| sizes.record(n * 20));
    telemetry.gauge("depth").set(-7);
    telemetry.float_gauge("load").set(0.5);
    telemetry.up_down_counter("open").add(3);
    telemetry.group("requests", ["ok", "err", "all"]).unwrap().add([1, 2, 3]);
}

fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let folder = path("whole");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("deck");
        let builder = Telemetry::builder().cells(1 << 10).threads(2).memory(64 << 10);
        let telemetry = builder.mapped(Options::at(&file)).build().unwrap();
        count(&telemetry);
        std::thread::scope(|threads| threads.spawn(|| count(&telemetry)).join().unwrap());
        let opened = Opened::open(&file, &OpenOptions::new()).unwrap();
        let section = opened.header().sections[0];
        let bytes = fs::read(&file).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        Whole { bytes, start: section.start, words: section.words }
    })
}

fn ask(recording: &Recording, cells: usize) {
    let first = recording.snapshot();
    let taken = |value: &Value| match value {
        Value::Histogram(values) => values.buckets().count(),
        _ => 1,
    };
    assert!(first.iter().map(|(_, value)| taken(value)).sum::<usize>() <= cells);
    for (key, value) in recording.snapshot().since(&first).iter() {
        let _ = (key.to_string(), key.unit().map(|unit| unit.ucum().len()), key.help().map(str::len));
        if let Value::Histogram(values) = value {
            let _ = (values.quantile(0.5), values.least(), values.greatest(), values.mean(), values.sum());
        }
    }
    let _ = (recording.nameless(), recording.unreadable(), recording.incomplete(), recording.stats());
    assert_eq!(recording.given_up(), 0, "nobody writes");
}

fuzz_target!(|input: Input| {
    let Whole { bytes, start, words } = whole();
    let mut bytes = bytes.clone();
    let mut change = |at: usize, change: &Change| {
        let at = (start + at % words) * 8;
        let word: [u8; 8] = bytes[at..at + 8].try_into().unwrap();
        bytes[at..at + 8].copy_from_slice(&change.of(u64::from_ne_bytes(word)).to_ne_bytes());
    };
    for (part, further, to) in &input.words {
        change(usize::from(*part) * words / (1 << 16) + usize::from(*further), to);
    }
    for (at, to) in &input.names {
        change(usize::from(*at) % (RECORDS + NAMES), to);
    }
    if let Some(cut) = input.cut {
        bytes.truncate(bytes.len() * usize::from(cut) / (1 << 16));
    }
    let file = path("changed");
    fs::write(&file, &bytes).unwrap();
    MOST.store(0, Relaxed);
    let Ok(recording) = Recording::open(&file) else { return };
    ask(&recording, 1 << 10);
    let most = MOST.load(Relaxed);
    assert!(most <= bytes.len(), "{most} bytes at a time, of a file of {}", bytes.len());
    let next = Telemetry::builder().cells(1 << 10).threads(2).memory(64 << 10).carry_over(&recording).build().unwrap();
    count(&next);
    let _ = (next.snapshot(), next.stats());
});
