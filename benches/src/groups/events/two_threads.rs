//! Two writers against one, and against what two threads share elsewhere.

use super::peers::{self, BACKBEAT, BackbeatFilled, DEQUE, Deque, QUEUE, Queued, queued};
use super::{CACHED, Filled, LARGE, Ring, in_runs, lap, precise, store, supplied};
use crate::measure::Samples;
use crate::pair::{PairSide, Paired, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use crossbeam_queue::ArrayQueue;
use flightdeck::events::{Stamp, Writer};
use std::cell::OnceCell;
use std::hint::black_box;

const ONE: &str = "one Writer";
const LOOPS: &str = "two plain loops over one";

pub(super) fn run(session: &mut Session) {
    for ring in [CACHED, LARGE] {
        against_peers(session, ring);
        against_one(session, ring, "precise clock", |writer, n| precise(writer, in_runs(n), n));
        against_one(session, ring, "supplied time", supplied);
    }
}

fn against_peers(session: &mut Session, (bytes, ring): Ring) {
    session.row(&format!("event of 64 B, supplied time, two Writers, {ring} rings"), || {
        let events = store(bytes, 2);
        let writers = [(); 2].map(|()| events.writer().expect("a shard is free"));
        let (deque, queue) = (Deque::of(2 * bytes), ArrayQueue::new(2 * bytes / size_of::<Queued>()));
        let (deque, queue) = (&deque, &queue);
        Row::measure_pairs(
            PairSide::each(
                "flightdeck Writer, indexed",
                writers.map(|mut writer| move |n| supplied(&mut writer, n)),
            ),
            vec![
                PairSide::each(DEQUE, [move |n| deque.push(n); 2]),
                PairSide::each(
                    QUEUE,
                    [move |n| {
                        black_box(queue.force_push(queued(n)));
                    }; 2],
                ),
            ],
            &[Bar::TimesFaster(3.0, DEQUE), Bar::TimesFaster(3.0, QUEUE)],
        )
    });
    session.row(&format!("event of 64 B, precise clock, two threads record, {ring} rings"), || {
        let (events, recorder) = (store(bytes, 2), peers::recorder(bytes));
        let (events, recorder) = (&events, &recorder);
        let ours = move |n| events.record_with(Stamp::of(in_runs(n)), Filled::of(n));
        Row::measure_pairs(
            PairSide::each("flightdeck record, indexed", [ours; 2]),
            vec![PairSide::each(BACKBEAT, [move |n| recorder.record(&BackbeatFilled::of(n)); 2])],
            &[],
        )
    });
}

/// Two rows of one measurement: what an event costs, and what the second thread brings.
fn against_one(
    session: &mut Session,
    (bytes, ring): Ring,
    clock: &str,
    record: impl Fn(&mut Writer, u64) + Copy + Send,
) {
    let measured = OnceCell::new();
    let measure = || -> Paired {
        let events = store(bytes, 3);
        let [one, first, second] = [(); 3].map(|()| {
            let mut writer = events.writer().expect("a shard is free");
            (1..lap(bytes)).for_each(|n| record(&mut writer, n));
            move |n| record(&mut writer, n)
        });
        in_pairs(vec![PairSide::alone("one", one), PairSide::each("two", [first, second])])
    };
    let name = format!("event of 64 B, {clock}, two Writers against one, {ring} rings");
    session.row(&format!("{name}, a thread's processor time"), || {
        let paired = measured.get_or_init(measure);
        let [one, two] = &paired.sides[..] else { unreachable!("two sides") };
        let sides = [("two Writers, in the middle", &two.cpu), (ONE, &one.cpu)];
        let sides = sides.map(|(name, samples)| Measured { name: name.to_owned(), samples: samples.clone() });
        Row { gain: Some(paired.gain()), ..Row::of(sides, &[Bar::AtMostTimes(1.10, ONE)]) }
    });
    session.row(&format!("{name}, what the second brings"), || {
        let paired = measured.get_or_init(measure);
        let [one, two] = &paired.sides[..] else { unreachable!("two sides") };
        let gains = one.each.0.iter().zip(&two.each.0).map(|(one, two)| 2.0 * one / two).collect();
        let sides = [("two Writers over one", Samples(gains)), (LOOPS, paired.gains.clone())];
        let sides = sides.map(|(name, samples)| Measured { name: name.to_owned(), samples });
        let row = Row { gain: Some(paired.gain()), ..Row::of(sides, &[Bar::AtLeastTimes(0.95, LOOPS)]) };
        row.in_unit("x")
    });
}
