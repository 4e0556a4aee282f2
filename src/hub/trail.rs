//! The last events before something: of a thread, or of what it worked for.

use crate::clock::Ticks;
use crate::events::{Answer, Events, Query, Recorded, trim};
use crate::id::CorrelationId;
use std::time::Duration;

/// How many events a report keeps.
const EVENTS: usize = 16;
/// How many bytes of them one keeps that is kept in turn.
const BYTES: usize = 32 << 10;
/// How far back is looked for those of a thread: a little first, since there is no index of threads.
const BACK: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(10)];
/// How many records of a thread's shard each look goes through.
const BUDGET: u64 = 50_000;

/// The last events of the calling thread, the oldest first.
pub(super) fn of_this_thread(events: &Events) -> Answer {
    let Some((query, has_own_shard)) = events.query().of_this_thread() else {
        return Answer::empty(events.view());
    };
    let now = events.clock().now();
    let last = |from: Ticks| {
        let query = query.clone().between(from..).newest_first();
        query.limit(EVENTS).budget(BUDGET).run().ok()
    };
    let near = || near(events, now, EVENTS, last).filter(|found| found.len() == EVENTS);
    let found = if has_own_shard { None } else { near() };
    let mut found = found.or_else(|| last(Ticks(0))).unwrap_or_else(|| Answer::empty(events.view()));
    put_in_order(&mut found);
    trim(&mut found, BYTES, now);
    found.compact();
    found
}

/// The last events before an error, the oldest first: those of the id, or without one of the thread in the last ten seconds.
pub(super) fn before(
    events: &Events,
    id: CorrelationId,
    error: Option<&Recorded<'_>>,
    since: Ticks,
) -> Answer {
    let until = error.map_or(since, Recorded::ticks);
    let own = error.map(Recorded::id);
    // One more: the error's own may be among them.
    let last = |query: Query<'_>, from: Ticks| {
        query.between(from..=until).newest_first().limit(EVENTS + 1).run().ok()
    };
    let found = if id != CorrelationId::NONE {
        last(events.query().correlation(id), Ticks(0))
    } else {
        let thread = error.map(Recorded::thread).filter(|number| *number != 0);
        thread.and_then(|number| {
            near(events, until, EVENTS + 1, |from| last(events.query().thread(number), from))
        })
    };
    let mut found = found.unwrap_or_else(|| Answer::empty(events.view()));
    let mut left = EVENTS;
    found.retain(|event| {
        let keep = Some(event.id()) != own && left > 0;
        left -= usize::from(keep);
        keep
    });
    put_in_order(&mut found);
    found
}

/// What lies a little back, or further if that is not enough.
fn near(
    events: &Events,
    until: Ticks,
    enough: usize,
    look: impl Fn(Ticks) -> Option<Answer>,
) -> Option<Answer> {
    let ago = |time| Ticks(until.0.saturating_sub(events.clock().converter().ticks_in(time)));
    let [short, long] = BACK.map(ago);
    look(short).filter(|found| found.len() >= enough).or_else(|| look(long))
}

fn put_in_order(found: &mut Answer) {
    found.sort_by_key(|event| (event.ticks(), event.id()));
}
