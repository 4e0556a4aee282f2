//! Many publications against readers of every kind: whole versions only, never back, no destructor on a reader's thread, and
//! memory as flat at the end as after the first few. A file of its own, since it looks at the memory of the whole process.

use flightdeck::config::{Config, Validate, Violations};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, ThreadId};

/// What the resident memory may grow by once all is warm, in KiB: far less than a hundredth of what is published.
const FLAT: u64 = 8 << 10;

/// A value that is whole if all its words are the same, and notes when it is dropped by a thread that did not make it.
struct Value {
    words: Box<[u64; 128]>,
    publisher: ThreadId,
    dropped_elsewhere: Arc<AtomicU64>,
}

impl Value {
    fn next(&self) -> Self {
        let words = Box::new([self.words[0] + 1; 128]);
        Self { words, publisher: self.publisher, dropped_elsewhere: self.dropped_elsewhere.clone() }
    }

    /// Which one it is; fails unless it is whole.
    fn number(&self) -> u64 {
        let number = self.words[0];
        assert!(self.words.iter().all(|word| *word == number), "torn: {:?}", self.words);
        number
    }
}

impl Validate for Value {
    fn validate(&self, _: &mut Violations) {}
}

impl Drop for Value {
    fn drop(&mut self) {
        if thread::current().id() != self.publisher {
            self.dropped_elsewhere.fetch_add(1, Relaxed);
        }
    }
}

/// In KiB; none where the system does not say.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4)
}

/// Publishes so often, while eight threads read; says how much memory there was on the way.
fn storm(publications: u64) {
    let dropped_elsewhere = Arc::new(AtomicU64::new(0));
    let publisher = thread::current().id();
    let first = Value { words: Box::new([1; 128]), publisher, dropped_elsewhere: dropped_elsewhere.clone() };
    let config = Config::builder(first).history(4).build().ok().unwrap();
    let section = config.section(|value: &Value| value);
    let (done, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    // The first hundredth warms up.
    let marks = [publications / 100, publications / 10, publications];
    let mut seen = Vec::new();
    thread::scope(|threads| {
        for kind in 0..8 {
            let (config, section, done, reads) = (&config, &section, &done, &reads);
            threads.spawn(move || {
                let (mut reader, mut part) = (config.reader(), section.reader());
                let mut read = || match kind % 5 {
                    0 => reader.get().number(),
                    1 => config.with(|value| value.number()),
                    2 => config.load().number(),
                    3 => config.snapshot().number(),
                    _ => part.get().number(),
                };
                let (mut last, mut count) = (0, 0);
                while !done.load(Relaxed) {
                    let now = read();
                    assert!(now >= last, "back from {last} to {now}");
                    (last, count) = (now, count + 1);
                }
                reads.fetch_add(count, Relaxed);
            });
        }
        for published in 1..=publications {
            config.update(Value::next).ok().unwrap();
            if marks.contains(&published) {
                seen.push((published, resident(), config.stats().retained));
            }
        }
        done.store(true, Relaxed);
    });
    println!("publications  resident KiB  waiting to be freed");
    for (published, resident, retained) in &seen {
        println!("{published:>12}  {:>12}  {retained:>19}", resident.unwrap_or_default());
    }
    println!("{} reads", reads.load(Relaxed));
    assert_eq!(config.load().number(), publications + 1);
    assert_eq!(config.revision().get(), publications + 1);
    assert_eq!(dropped_elsewhere.load(Relaxed), 0, "no reader runs a destructor");
    assert!(seen.iter().all(|(_, _, retained)| *retained <= 64), "{seen:?}");
    if let [(_, Some(warm), _), .., (_, Some(end), _)] = seen[..] {
        assert!(end <= warm + FLAT, "{seen:?}");
    }
}

#[test]
fn publications_against_readers_keep_memory_flat() {
    storm(10_000);
}

#[test]
#[ignore = "takes half a minute; part of the stress job"]
fn a_million_publications_against_readers_keep_memory_flat() {
    storm(1_000_000);
}
