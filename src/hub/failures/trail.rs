//! The last events of a thread.

use crate::clock::Ticks;
use crate::events::{Answer, Events, trim};
use std::time::Duration;

/// How many events a report keeps, and how many bytes of them.
const EVENTS: usize = 16;
const BYTES: usize = 32 << 10;
/// How far back is looked first, and then, for a thread that shares its shard: there is no index of threads. At last everywhere.
const FIRST: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(10)];
/// How many records each of these looks at.
const BUDGET: u64 = 50_000;

/// The last events of the calling thread, the oldest first.
pub(super) fn of_this_thread(events: &Events) -> Answer {
    let Some((query, has_own_shard)) = events.query().of_this_thread() else {
        return Answer::empty(events.store());
    };
    let now = events.clock().now();
    let last = |from: Ticks| {
        let query = query.clone().between(from..).newest_first();
        query.limit(EVENTS).budget(BUDGET).run().ok()
    };
    let ago = |time| Ticks(now.0.saturating_sub(events.clock().converter().ticks_in(time)));
    let [short, long] = FIRST.map(ago);
    let is_full = |found: &Answer| found.len() == EVENTS;
    let near = || last(short).filter(is_full).or_else(|| last(long).filter(is_full));
    let found = if has_own_shard { None } else { near() };
    let mut found = found.or_else(|| last(Ticks(0))).unwrap_or_else(|| Answer::empty(events.store()));
    found.sort_by_key(|event| (event.ticks(), event.id()));
    trim(&mut found, BYTES, now);
    found.compact();
    found
}
