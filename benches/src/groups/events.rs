//! Events: 64 bytes of payload as a rule, with the index where there is one.
//!
//! Each row stands once for a [`Writer`], for which the bars hold, and once for `record` through the
//! thread's own shard, shown beside it. Ids change every eight events, as those of requests do, unless the row says that
//! all are unique. Each side owns what it works on, as a loop would, and does not find it behind one more pointer.
//!
//! | file | idea |
//! |---|---|
//! | `peers` | what others would keep the same events in |
//! | `one_thread` | an event, by ring, size, clock and way in |
//! | `batches` | several events at once |
//! | `spans` | two events that belong together |
//! | `held_back` | events that are not recorded |
//! | `two_threads` | two writers against one, and against what two threads share elsewhere |
//! | `latency` | not the mean but the slowest of 100, 1,000 and 10,000 |
//! | `readers` | what a writer has to bear from a reader on the other core |
//! | `following` | the same from a cursor, and up to which rate that loses nothing |
//! | `listeners` | what prompt kinds, triggers and pipelines cost |

mod batches;
mod following;
mod held_back;
pub(super) mod latency;
mod listeners;
mod one_thread;
mod peers;
pub(super) mod readers;
mod spans;
mod two_threads;

use crate::measure::Side;
use crate::session::Session;
use flightdeck::events::{Builder, Class, Events, HugePages, Shares, Stamp, Writer};
use flightdeck::{Clock, Ticks};
use std::hint::black_box;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

flightdeck::kind! {
    Filled("order.filled") { a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64 }
}

impl Filled {
    #[inline(always)]
    pub(super) fn of(n: u64) -> Self {
        Self { a: n, b: n, c: n, d: n, e: n, f: n, g: n, h: n }
    }
}

/// A size in bytes, and how people say it.
pub(super) type Ring = (usize, &'static str);

/// It stays in a core's cache.
pub(super) const CACHED: Ring = (256 << 10, "256 KiB");
/// It does not.
pub(super) const LARGE: Ring = (64 << 20, "64 MiB");
pub(super) const HUGE: Ring = (1 << 30, "1 GiB");

const CLOCK: &str = "one clock read";
/// Of a side that is the row's own with a ring in the cache.
const IN_CACHE: &str = "the same in a ring of 256 KiB";

/// Eight events an id. Never zero, which means none.
#[inline(always)]
pub(super) fn in_runs(n: u64) -> u64 {
    n / 8 + 1
}

/// An id of its own for each event, never zero.
#[inline(always)]
pub(super) fn unique(n: u64) -> u64 {
    n + 1
}

/// Events that are sure to touch all of a ring of so many bytes.
pub(super) fn lap(bytes: usize) -> u64 {
    // The shortest record has eight words.
    (bytes / 64 + 1) as u64
}

/// The sizes of a store whose kept shards have rings of `ring` bytes.
pub(super) fn sizes(ring: usize, shards: usize) -> Builder {
    let memories = (8..).map(|eighths| ring * shards * eighths / 8);
    let mut builders = memories.map(|memory| {
        let builder = Events::builder().memory(memory).shards(shards).shares(Shares::only(Class::Normal));
        // Nothing here shares a shard, and a quarter of a large ring is much.
        if ring < HUGE.0 { builder } else { builder.shared_shards(0).huge_pages(true) }
    });
    let large_enough = |builder: &Builder| builder.plan().is_ok_and(|plan| plan.ring[Class::Normal] >= ring);
    builders.find(large_enough).expect("some memory suffices")
}

/// An event store that must not lose anything: a row that measures how fast events are lost says nothing.
pub(super) struct Lossless(pub(super) Events);

impl Deref for Lossless {
    type Target = Events;

    fn deref(&self) -> &Events {
        &self.0
    }
}

impl Drop for Lossless {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_eq!(self.0.losses(), [], "not kept");
        }
    }
}

pub(super) fn store(ring: usize, shards: usize) -> Lossless {
    built(ring, sizes(ring, shards))
}

/// As [`store`], in a file.
#[cfg(feature = "mapped")]
pub(super) fn store_in(ring: usize, shards: usize, file: std::path::PathBuf) -> Lossless {
    built(ring, sizes(ring, shards).mapped(file))
}

/// As [`store_in`], and never on huge pages.
#[cfg(feature = "mapped")]
pub(super) fn store_on_small_pages_in(ring: usize, shards: usize, file: std::path::PathBuf) -> Lossless {
    built(ring, sizes(ring, shards).huge_pages(false).mapped(file))
}

fn built(ring: usize, builder: Builder) -> Lossless {
    let events = builder.build().expect("the machine has this much memory");
    assert_eq!(
        events.plan().ring[Class::Normal],
        ring,
        "the least memory has the smallest ring that is large enough"
    );
    START.store(events.clock().now().0, Relaxed);
    Lossless(events)
}

/// When the last store was built: times before are not taken.
static START: AtomicU64 = AtomicU64::new(0);

/// A time for event `n`, as a host supplies it.
#[inline(always)]
fn time(n: u64) -> Ticks {
    Ticks(START.load(Relaxed) + n)
}

/// What else a side's name must say of a store.
pub(super) fn set_up(events: &Events) -> String {
    let pages = match events.huge_pages() {
        HugePages::Advised | HugePages::Provided { .. } => ", huge pages",
        _ => "",
    };
    format!("index of {} bytes{pages}", events.plan().index[Class::Normal])
}

fn clock_read(clock: &Clock) -> Side<'_> {
    Side::each(format!("{CLOCK} ({:?})", clock.source()), |_| {
        black_box(clock.now());
    })
}

pub(super) fn run(session: &mut Session) {
    one_thread::run(session);
    batches::run(session);
    two_threads::run(session);
    latency::run(session);
    readers::run(session);
    following::run(session);
    listeners::run(session);
    held_back::run(session);
    // Last: its peer keeps a thread.
    spans::run(session);
}

#[inline(always)]
pub(super) fn precise(writer: &mut Writer, id: u64, n: u64) {
    writer.record_with(Stamp::of(id), Filled::of(n));
}

#[inline(always)]
fn supplied(writer: &mut Writer, n: u64) {
    writer.record_with(Stamp::of(in_runs(n)).at(time(n)), Filled::of(n));
}
