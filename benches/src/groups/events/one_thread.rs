//! An event, by ring, size, clock and way in.

use super::peers::{
    self, BACKBEAT, BackbeatFilled, COPY, COPY_OF_PAYLOAD, Copies, DEQUE, Deque, QUEUE, RECORDER, TRACING,
    Tracing,
};
use super::{
    CACHED, CLOCK, Filled, HUGE, IN_CACHE, LARGE, Ring, clock_read, in_runs, lap, precise, set_up, sizes,
    store, supplied, time, unique,
};
use crate::machine;
use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use crossbeam_queue::ArrayQueue;
use flightdeck::events::{Events, Stamp};
use std::cell::OnceCell;
use std::hint::black_box;
use std::thread;

flightdeck::kind! {
    Ticked("market.tick") { a: u64, b: u64 }
    /// 256 bytes: the length and 248 more.
    Quoted("market.quoted") { body: bytes }
}

const BODY: [u8; 248] = [7; 248];

pub(super) fn run(session: &mut Session) {
    cached(session);
    for ring in [LARGE, HUGE] {
        larger(session, ring);
    }
    between_work(session);
}

fn cached(session: &mut Session) {
    let (bytes, ring) = CACHED;
    session.row(&format!("event of 64 B, precise clock, Writer, {ring} ring"), || {
        let (events, recorder) = (store(bytes, 1), peers::recorder(bytes));
        let mut writer = events.writer().expect("a shard is free");
        Row::measure(
            Side::each(format!("flightdeck Writer, {}", set_up(&events)), move |n| {
                precise(&mut writer, in_runs(n), n);
            })
            .warmed(lap(bytes)),
            vec![
                clock_read(events.clock()),
                Side::each(BACKBEAT, move |n| recorder.record(&BackbeatFilled::of(n))).warmed(lap(bytes)),
                tracing(TRACING, Tracing::lines()),
                tracing(RECORDER, Tracing::flight_recorder()),
            ],
            &[
                Bar::AtMostTimes(1.2, CLOCK),
                Bar::TimesFaster(1.5, BACKBEAT),
                Bar::TimesFaster(15.0, TRACING),
                Bar::TimesFaster(15.0, RECORDER),
            ],
        )
    });
    session.row(&format!("event of 64 B, precise clock, record, {ring} ring"), || {
        let (events, recorder) = (store(bytes, 1), peers::recorder(bytes));
        Row::measure(
            Side::each(format!("flightdeck record, {}", set_up(&events)), |n| {
                events.record_with(Stamp::of(in_runs(n)), Filled::of(n));
            })
            .warmed(lap(bytes)),
            vec![
                clock_read(events.clock()),
                Side::each(BACKBEAT, move |n| recorder.record(&BackbeatFilled::of(n))).warmed(lap(bytes)),
            ],
            &[],
        )
    });
    session.row(&format!("event of 64 B, supplied time, Writer, {ring} ring"), || {
        let events = store(bytes, 1);
        let mut writer = events.writer().expect("a shard is free");
        let against = copies::<14>(bytes).chain(queues(bytes)).collect();
        let ours =
            Side::each(format!("flightdeck Writer, {}", set_up(&events)), move |n| supplied(&mut writer, n));
        Row::measure(ours.warmed(lap(bytes)), against, &[Bar::FloorAtMost(6.0)])
    });
    session.row(&format!("event of 64 B, supplied time, record, {ring} ring"), || {
        let events = store(bytes, 1);
        let name = format!("flightdeck record, {}", set_up(&events));
        let ours = Side::each(name, |n| events.record_with(Stamp::of(in_runs(n)).at(time(n)), Filled::of(n)));
        Row::measure(ours.warmed(lap(bytes)), copies::<14>(bytes).collect(), &[Bar::FloorAtMost(7.0)])
    });
    session.row(&format!("event of 16 B, supplied time, Writer, {ring} ring"), || {
        let events = store(bytes, 1);
        Row::measure(small(&events, bytes, ""), copies::<8>(bytes).collect(), &[Bar::FloorAtMost(5.0)])
    });
    session.row(&format!("event of 16 B, supplied time, record, {ring} ring"), || {
        let events = store(bytes, 1);
        let name = format!("flightdeck record, {}", set_up(&events));
        let ours = Side::each(name, |n| {
            events.record_with(Stamp::of(in_runs(n)).at(time(n)), Ticked { a: n, b: n })
        });
        Row::measure(ours.warmed(lap(bytes)), copies::<8>(bytes).collect(), &[Bar::FloorAtMost(6.0)])
    });
    session.row(
        &format!("event of 256 B (length and 248 bytes), supplied time, Writer, {ring} ring"),
        || {
            let events = store(bytes, 1);
            Row::measure(
                quoted(&events, bytes),
                copies::<38>(bytes).chain([copy::<32>(COPY_OF_PAYLOAD, bytes)]).collect(),
                &[Bar::AtMostTimes(2.5, COPY_OF_PAYLOAD)],
            )
        },
    );
}

/// Rings that no cache holds: against the same in one that it does.
fn larger(session: &mut Session, (bytes, ring): Ring) {
    // Its memory is touched once, in the first row that needs it.
    let kept = OnceCell::new();
    let large = || -> Result<&Events, String> {
        enough_memory(bytes)?;
        Ok(kept.get_or_init(|| store(bytes, 1)))
    };
    by_ids(session, (bytes, ring), &large, "ids in runs of 8", in_runs);
    by_ids(session, (bytes, ring), &large, "all ids unique", unique);
    session.row_if_possible(&format!("event of 64 B, precise clock, record, {ring} ring"), || {
        let events = large()?;
        // On a thread that ends, and so gives the shard back.
        let measured = thread::scope(|threads| threads.spawn(|| recorded(events, bytes)).join());
        Ok(measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    session.row_if_possible(&format!("event of 64 B, supplied time, Writer, {ring} ring"), || {
        let (events, small) = (large()?, store(CACHED.0, 1));
        let side = |name: String, events: &Events, bytes: usize| {
            let mut writer = events.writer().expect("a shard is free");
            Side::each(name, move |n| supplied(&mut writer, n)).warmed(lap(bytes))
        };
        let mut against = vec![side(format!("{IN_CACHE}, {}", set_up(&small)), &small, CACHED.0)];
        if bytes < HUGE.0 {
            against.extend(copies::<14>(bytes).chain(queues(bytes)));
        }
        let ours = side(format!("flightdeck Writer, {}", set_up(events)), events, bytes);
        Ok(Row::measure(ours, against, &[Bar::AtMostTimes(2.2, IN_CACHE)]))
    });
    session.row_if_possible(&format!("event of 16 B, supplied time, Writer, {ring} ring"), || {
        let (events, cached) = (large()?, store(CACHED.0, 1));
        let against = vec![small(&cached, CACHED.0, IN_CACHE)];
        Ok(Row::measure(small(events, bytes, ""), against, &[Bar::AtMostTimes(2.2, IN_CACHE)]))
    });
    if bytes < HUGE.0 {
        let name = format!("event of 256 B (length and 248 bytes), supplied time, Writer, {ring} ring");
        session.row_if_possible(&name, || {
            let against = copies::<38>(bytes).chain([copy::<32>(COPY_OF_PAYLOAD, bytes)]).collect();
            Ok(Row::measure(quoted(large()?, bytes), against, &[Bar::AtMostTimes(2.5, COPY_OF_PAYLOAD)]))
        });
    }
}

fn recorded(events: &Events, bytes: usize) -> Row {
    let small = store(CACHED.0, 1);
    let record = |events: &Events, n| events.record_with(Stamp::of(in_runs(n)), Filled::of(n));
    let ours = Side::each(format!("flightdeck record, {}", set_up(events)), |n| record(events, n));
    let cached = Side::each(format!("{IN_CACHE}, {}", set_up(&small)), |n| record(&small, n));
    let mut against = vec![cached.warmed(lap(CACHED.0))];
    if bytes < HUGE.0 {
        let recorder = peers::recorder(bytes);
        let theirs = Side::each(BACKBEAT, move |n| recorder.record(&BackbeatFilled::of(n)));
        against.push(theirs.warmed(lap(bytes)));
    }
    Row::measure(ours.warmed(lap(bytes)), against, &[])
}

fn by_ids<'a>(
    session: &mut Session,
    (bytes, ring): Ring,
    large: &impl Fn() -> Result<&'a Events, String>,
    ids: &str,
    id: impl Fn(u64) -> u64 + Copy,
) {
    session.row_if_possible(&format!("event of 64 B, precise clock, Writer, {ring} ring, {ids}"), || {
        let (events, small) = (large()?, store(CACHED.0, 1));
        let side = |name: String, events: &Events, bytes: usize| {
            let mut writer = events.writer().expect("a shard is free");
            Side::each(name, move |n| precise(&mut writer, id(n), n)).warmed(lap(bytes))
        };
        let cached = side(format!("{IN_CACHE}, {}", set_up(&small)), &small, CACHED.0);
        let against = vec![cached, clock_read(events.clock())];
        let ours = side(format!("flightdeck Writer, {}", set_up(events)), events, bytes);
        Ok(Row::measure(ours, against, &[Bar::AtMostTimes(1.3, IN_CACHE)]))
    });
}

/// Whether a ring of so many bytes leaves the machine enough to live on.
fn enough_memory(ring: usize) -> Result<(), String> {
    machine::enough_memory(sizes(ring, 1).plan().map_err(|error| error.to_string())?.total)
}

fn tracing(name: &str, peer: Tracing) -> Side<'static> {
    let mut done = 0;
    let side = Side::new(name, move |count| {
        peer.run(done..done + count);
        done += count;
    });
    side.warmed(10_000)
}

/// A side that copies so many words, as many as a record of ours has.
fn copies<const WORDS: usize>(bytes: usize) -> impl Iterator<Item = Side<'static>> {
    std::iter::once(copy::<WORDS>(COPY, bytes))
}

fn copy<const WORDS: usize>(what: &str, bytes: usize) -> Side<'static> {
    let mut copies = Copies::<WORDS>::of(bytes);
    Side::each(Copies::<WORDS>::name(what), move |_| copies.push()).warmed(lap(bytes))
}

fn queues(bytes: usize) -> impl Iterator<Item = Side<'static>> {
    let (deque, queue) = (Deque::of(bytes), ArrayQueue::new(bytes / size_of::<peers::Queued>()));
    let push = move |n| {
        black_box(queue.force_push(peers::queued(n)));
    };
    [Side::each(DEQUE, move |n| deque.push(n)), Side::each(QUEUE, push)]
        .map(|side| side.warmed(lap(bytes)))
        .into_iter()
}

fn small(events: &Events, bytes: usize, name: &str) -> Side<'static> {
    let mut writer = events.writer().expect("a shard is free");
    let name = if name.is_empty() { "flightdeck Writer" } else { name };
    Side::each(format!("{name}, {}", set_up(events)), move |n| {
        writer.record_with(Stamp::of(in_runs(n)).at(time(n)), Ticked { a: n, b: n });
    })
    .warmed(lap(bytes))
}

fn quoted(events: &Events, bytes: usize) -> Side<'static> {
    let mut writer = events.writer().expect("a shard is free");
    Side::each(format!("flightdeck Writer, {}", set_up(events)), move |n| {
        writer.record_with(Stamp::of(in_runs(n)).at(time(n)), Quoted { body: black_box(&BODY) });
    })
    .warmed(lap(bytes))
}

/// A host that works between events leaves them nothing in the first-level cache: the difference is what an event
/// costs there.
fn between_work(session: &mut Session) {
    session.row("event of 64 B, precise clock, record, after the host touched 32 KiB", || {
        let events = store(LARGE.0, 1);
        let (mut work, mut alone) = (Work::of(512), Work::of(512));
        let ours = move |n| {
            work.touch();
            events.record_with(Stamp::of(in_runs(n)), Filled::of(n));
        };
        Row::measure(
            Side::each("touching, and flightdeck record", ours).warmed(lap(LARGE.0)),
            vec![Side::each("the touching alone", move |_| alone.touch())],
            &[],
        )
    });
}

/// So many cache lines of a host's own.
struct Work(Vec<[u64; 8]>);

impl Work {
    fn of(lines: usize) -> Self {
        Self(vec![[0; 8]; lines])
    }

    fn touch(&mut self) {
        self.0.iter_mut().for_each(|line| line[0] = line[0].wrapping_add(1));
        black_box(&self.0);
    }
}
