//! The last moments: as far back as so many events reach.

use flightdeck::events::{Answer, EventId, Lookup, QueryError, RecordedThread, Recording};
use flightdeck::{CorrelationId, SpanId, Ticks};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Events that are looked at, at most: enough for what hung in the end, and a fraction of a second.
const MOST: u64 = 1_000_000;
/// The first look, and how much further back each next one reaches.
const FIRST: Duration = Duration::from_millis(1);
const FURTHER: u64 = 4;
/// How many ids that were not finished, and how many threads, are told.
const TOLD: usize = 10;
const THREADS: usize = 16;

/// What was seen.
pub struct Moments {
    /// From when on all was looked at.
    pub since: Ticks,
    /// Whether that is all there is.
    pub is_all: bool,
    pub events: u64,
    /// The threads that recorded last, the last one first.
    pub threads: Vec<Thread>,
    /// Further ones that recorded in that time, and those that did not.
    pub more_threads: usize,
    pub silent_threads: usize,
    /// Ids that began a span in that time and did not end it, the newest first.
    pub unfinished: Vec<Unfinished>,
    /// How many there are in all, and spans of them.
    pub ids: usize,
    pub spans: usize,
}

/// A thread, and the last that it did.
pub struct Thread {
    pub number: u32,
    pub known: Option<RecordedThread>,
    pub events: u64,
    /// One event.
    pub last: Answer,
}

/// An id whose work did not end.
pub struct Unfinished {
    pub id: CorrelationId,
    /// How many of its spans did not end.
    pub spans: usize,
    /// The beginning of the first of them.
    pub first: Answer,
    /// The last that it did.
    pub last: Answer,
}

#[derive(Default)]
struct Seen {
    events: u64,
    threads: HashMap<u32, (Ticks, EventId, u64)>,
    begun: HashMap<SpanId, (CorrelationId, Ticks, EventId)>,
    ended: HashSet<SpanId>,
}

impl Moments {
    pub fn look(
        recording: &Recording,
        oldest: Option<Ticks>,
        newest: Option<Ticks>,
    ) -> Result<Self, QueryError> {
        let (since, is_all) = match (oldest, newest) {
            (Some(oldest), Some(newest)) => reach(recording, oldest, newest, MOST),
            _ => (Ticks(0), true),
        };
        let mut seen = Seen::default();
        recording.query().between(since..).each(|event| {
            seen.events += 1;
            let at = event.ticks();
            let thread = seen.threads.entry(event.thread()).or_insert((at, event.id(), 0));
            thread.2 += 1;
            if at >= thread.0 {
                (thread.0, thread.1) = (at, event.id());
            }
            if event.span().is_none() {
                return;
            }
            if event.is_start() {
                seen.begun.insert(event.span(), (event.correlation(), at, event.id()));
            }
            if event.is_end() {
                seen.ended.insert(event.span());
            }
        })?;
        seen.begun.retain(|span, _| !seen.ended.contains(span));
        let (threads, more_threads, silent_threads) = threads(recording, &seen);
        let (unfinished, ids) = unfinished(recording, &seen)?;
        Ok(Self {
            since,
            is_all,
            events: seen.events,
            threads,
            more_threads,
            silent_threads,
            unfinished,
            ids,
            spans: seen.begun.len(),
        })
    }
}

/// How far back that many events go, and whether there are no others.
fn reach(recording: &Recording, oldest: Ticks, newest: Ticks, most: u64) -> (Ticks, bool) {
    let mut span = recording.converter().ticks_in(FIRST).max(1);
    let mut since = newest;
    loop {
        let next = Ticks(newest.0.saturating_sub(span)).max(oldest);
        if recording.query().between(next..).count() > most {
            return (since, false);
        }
        if next == oldest {
            return (oldest, true);
        }
        (since, span) = (next, span.saturating_mul(FURTHER));
    }
}

fn found(recording: &Recording, id: EventId) -> Option<Answer> {
    match recording.event(id) {
        Lookup::Found(answer) => Some(answer),
        _ => None,
    }
}

fn threads(recording: &Recording, seen: &Seen) -> (Vec<Thread>, usize, usize) {
    let mut last: Vec<_> = seen.threads.iter().collect();
    last.sort_by_key(|(number, (at, ..))| (std::cmp::Reverse(*at), **number));
    let more = last.len().saturating_sub(THREADS);
    last.truncate(THREADS);
    let known = recording.threads();
    let silent = known.iter().filter(|thread| !seen.threads.contains_key(&thread.number)).count();
    let of = |number: u32| known.iter().find(|thread| thread.number == number).cloned();
    let threads = last.into_iter().filter_map(|(number, (_, id, events))| {
        Some(Thread { number: *number, known: of(*number), events: *events, last: found(recording, *id)? })
    });
    (threads.collect(), more, silent)
}

fn unfinished(recording: &Recording, seen: &Seen) -> Result<(Vec<Unfinished>, usize), QueryError> {
    let mut by_id: HashMap<CorrelationId, (Ticks, EventId, usize)> = HashMap::new();
    for (id, at, event) in seen.begun.values() {
        let first = by_id.entry(*id).or_insert((*at, *event, 0));
        first.2 += 1;
        if *at < first.0 {
            (first.0, first.1) = (*at, *event);
        }
    }
    let ids = by_id.len();
    let mut newest: Vec<_> = by_id.into_iter().collect();
    newest.sort_by_key(|(id, (at, ..))| (std::cmp::Reverse(*at), *id));
    newest.truncate(TOLD);
    let mut told = Vec::new();
    for (id, (_, event, spans)) in newest {
        let last = recording.query().correlation(id).newest_first().limit(1).run()?;
        told.extend(found(recording, event).map(|first| Unfinished { id, spans, first, last }));
    }
    Ok((told, ids))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flightdeck::Clock;
    use flightdeck::events::Events;

    flightdeck::kind! {
        Begun("work.begun") { n: u64 }
        Step("work.step") { n: u64 }
        Done("work.done") { n: u64 }
    }

    /// Each event comes a microsecond after the one before.
    fn deck() -> Events {
        let clock = Clock::stepping(Duration::from_micros(1));
        Events::builder().memory(8 << 20).shards(1).clock(clock).build().unwrap()
    }

    fn ends(recording: &Recording) -> (Option<Ticks>, Option<Ticks>) {
        let stats = recording.stats();
        let all = || stats.classes.iter().map(|(_, class)| class.all);
        (all().filter_map(|all| all.oldest).min(), all().filter_map(|all| all.newest).max())
    }

    #[test]
    fn what_began_and_did_not_end_is_found_with_the_last_that_it_did() {
        let events = deck();
        for n in 1..=5 {
            let _in = events.scope(n);
            let scope = events.start(Begun { n });
            let _within = scope.enter();
            events.record(Step { n });
            if n % 2 == 0 {
                events.end(scope, Done { n });
            }
        }
        let recording = events.recording().unwrap();
        let (oldest, newest) = ends(&recording);
        let moments = Moments::look(&recording, oldest, newest).unwrap();
        assert_eq!((moments.is_all, moments.events, moments.ids, moments.spans), (true, 12, 3, 3));
        let told: Vec<_> = moments
            .unfinished
            .iter()
            .map(|of| {
                (of.id.get(), of.first.iter().next().unwrap().kind(), of.last.iter().next().unwrap().kind())
            })
            .collect();
        assert_eq!(told, [5, 3, 1].map(|id| (id, "work.begun", "work.step")));
        let [thread] = &moments.threads[..] else { panic!("one thread wrote") };
        assert_eq!((thread.events, thread.last.iter().next().unwrap().kind()), (12, "work.step"));
        assert_eq!((moments.more_threads, moments.silent_threads), (0, 0));
    }

    #[test]
    fn an_empty_deck_has_no_moments() {
        let recording = deck().recording().unwrap();
        let moments = Moments::look(&recording, None, None).unwrap();
        assert_eq!((moments.events, moments.ids, moments.threads.len()), (0, 0, 0));
    }

    #[test]
    fn a_look_reaches_no_further_back_than_so_many_events() {
        let events = deck();
        (0..20_000).for_each(|n| events.record(Step { n }));
        let recording = events.recording().unwrap();
        let (Some(oldest), Some(newest)) = ends(&recording) else { panic!("there are events") };
        let looked = |most| {
            let (since, is_all) = reach(&recording, oldest, newest, most);
            (recording.query().between(since..).count(), is_all)
        };
        assert_eq!(looked(20_000), (20_000, true));
        let (few, is_all) = looked(5_000);
        assert!((1_000..=5_000).contains(&few) && !is_all, "{few}");
        assert_eq!(looked(10), (1, false), "the last one at least");
    }
}
