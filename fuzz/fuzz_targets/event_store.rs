//! Operation lists on the event store, every answer compared with an obvious model: a vector of all that was written.
//!
//! What the store still holds must be what the model has from some point on, and a verdict must not claim more.

#![no_main]

use arbitrary::Arbitrary;
use flightdeck::events::{
    Answer, Class, EventId, Events, FieldType, Lookup, Query, Recorded, Schema, Stamp, Value, Verdict,
};
use flightdeck::{Clock, CorrelationId, Ticks};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

#[derive(Arbitrary, Debug)]
enum Op {
    /// Writes an event with this id, text and wait before it.
    Record { id: u8, text: Vec<u8>, wait: u8, supplied: Option<u16>, root: bool },
    /// Many small ones, to lap the ring.
    Flood { id: u8, count: u8 },
    /// Asks for an id.
    ById { id: u8, limit: Option<u8> },
    /// Asks for a range of time.
    ByTime { from: u16, length: u16 },
    /// Asks for the last ones.
    Newest { limit: u8, offset: u8 },
    /// Asks for an event by the bits of an id, those of one that is there if there are so many.
    ByBits { bits: u64, nth: Option<u16> },
    /// Asks for everything.
    All,
}

/// An event as the model has it.
struct Written {
    id: u8,
    number: u64,
    ticks: u64,
    text: Vec<u8>,
    root: bool,
}

struct Model {
    events: Events,
    written: Vec<Written>,
}

fuzz_target!(|ops: Vec<Op>| {
    // As the model does, it keeps values whole.
    let builder = Events::builder().memory(144 << 10).shards(1).longest_value(usize::MAX);
    let events = builder.clock(Clock::manual()).build().unwrap();
    let schema = Schema::new("written").field("number", FieldType::U64).field("text", FieldType::Bytes);
    let kind = events.define(schema).unwrap();
    let longest = events.plan().longest_event[Class::Normal];
    let mut writer = events.writer().unwrap();
    let mut model = Model { events: events.clone(), written: Vec::new() };
    let mut record = |model: &mut Model, id: u8, text: &[u8], supplied: Option<u16>, root: bool| {
        let number = model.written.len() as u64;
        let ticks = supplied.map_or(events.clock().now().0, u64::from);
        let mut stamp = Stamp::of(u64::from(id));
        if root {
            stamp = stamp.root();
        }
        if supplied.is_some() {
            stamp = stamp.at(Ticks(ticks));
        }
        let fits = 6 * 8 + 2 * 8 + text.len().next_multiple_of(8) <= longest;
        let recorded = writer.record_values(stamp, &kind, &[Value::U64(number), Value::Bytes(text)]);
        assert_eq!(recorded.is_ok(), fits, "{recorded:?}");
        if fits {
            model.written.push(Written { id, number, ticks, text: text.to_vec(), root });
        }
    };
    for op in ops.into_iter().take(200) {
        match op {
            Op::Record { id, text, wait, supplied, root } => {
                model.events.clock().advance(Duration::from_nanos(wait.into()));
                record(&mut model, id, &text, supplied, root);
            }
            Op::Flood { id, count } => {
                for _ in 0..count {
                    model.events.clock().advance(Duration::from_nanos(1));
                    record(&mut model, id, b"", None, false);
                }
            }
            Op::ById { id, limit } => model.by_id(id, limit),
            Op::ByTime { from, length } => model.by_time(from.into(), u64::from(from) + u64::from(length)),
            Op::Newest { limit, offset } => model.newest(limit.into(), offset.into()),
            Op::ByBits { bits, nth } => model.by_bits(bits, nth.map(usize::from)),
            Op::All => model.all(),
        }
    }
    model.all();
});

impl Model {
    fn by_id(&self, id: u8, limit: Option<u8>) {
        if id == 0 {
            assert!(self.events.query().correlation(CorrelationId::NONE).run().is_err());
            return;
        }
        let query = self.events.query().correlation(u64::from(id));
        match limit {
            None => self.compare(query, |written| written.id == id, None),
            Some(limit) => {
                let answer = query.limit(limit.into()).run().unwrap();
                assert!(answer.len() <= limit.into() && answer.matched() >= answer.len());
            }
        }
    }

    fn by_time(&self, from: u64, to: u64) {
        let query = self.events.query().between(Ticks(from)..=Ticks(to));
        self.compare(query, |written| (from..=to).contains(&written.ticks), Some(from));
    }

    /// The last ones are the end of all of them, one by one in order too.
    fn newest(&self, limit: usize, offset: usize) {
        let ids = |answer: &Answer| answer.iter().map(|event| event.id()).collect::<Vec<_>>();
        let all = ids(&self.events.query().run().unwrap());
        let newest = self.events.query().newest_first().offset(offset).limit(limit).run().unwrap();
        assert_eq!(ids(&newest), all.iter().rev().skip(offset).take(limit).copied().collect::<Vec<_>>());
        let mut one_by_one = Vec::new();
        self.events.query().each_in_order(|event| one_by_one.push(event.id())).unwrap();
        // Where supplied times go back, in the order of what lies in the ring.
        one_by_one.sort_unstable();
        let mut sorted = all;
        sorted.sort_unstable();
        assert_eq!(one_by_one, sorted);
    }

    fn by_bits(&self, bits: u64, nth: Option<usize>) {
        let all = self.events.query().run().unwrap();
        let there = nth.and_then(|nth| all.iter().nth(nth)).map(|event| event.id());
        let id = there.unwrap_or(EventId::from_bits(bits));
        match self.events.event(id) {
            Lookup::Found(found) => {
                let found: Vec<EventId> = found.iter().map(|event| event.id()).collect();
                assert!(found == [id] && all.iter().any(|event| event.id() == id), "{id:?}: {found:?}");
            }
            other => assert!(there.is_none(), "{id:?}: {other:?}"),
        }
    }

    fn all(&self) {
        self.compare(self.events.query(), |_| true, None);
    }

    /// What matches must be there from some event on, in order of time, and nothing else.
    fn compare(&self, query: Query<'_>, matches: impl Fn(&Written) -> bool, from: Option<u64>) {
        let answer = query.run().unwrap();
        let number = |event: &Recorded<'_>| match event.field("number") {
            Some(Value::U64(number)) => number,
            other => panic!("{other:?}"),
        };
        let mut found: Vec<u64> = answer.iter().map(|event| number(&event)).collect();
        assert!(answer.iter().is_sorted_by_key(|event| event.ticks()), "out of order");
        for event in answer.iter() {
            let written = &self.written[number(&event) as usize];
            assert_eq!(event.correlation(), CorrelationId::from(u64::from(written.id)));
            assert_eq!(event.field("text"), Some(Value::Bytes(&written.text)));
            assert_eq!((event.ticks().0, event.is_root()), (written.ticks, written.root));
        }
        found.sort_unstable();
        // One shard, so what is gone is all that was written before some event.
        let oldest = self.events.query().run().unwrap().iter().map(|event| number(&event)).min();
        let oldest = oldest.unwrap_or(self.written.len() as u64);
        let kept = |written: &&Written| written.number >= oldest && matches(written);
        let expected: Vec<u64> = self.written.iter().filter(kept).map(|written| written.number).collect();
        assert_eq!(found, expected);
        let gone = |written: &&Written| written.number < oldest && matches(written);
        let missing: Vec<&Written> = self.written.iter().filter(gone).collect();
        match answer.verdict() {
            // A root that is there vouches for what came at or after it.
            Verdict::Complete => {
                let root = answer.iter().filter(Recorded::is_root).map(|event| event.ticks().0).max();
                let vouched = |written: &&&Written| root.is_none_or(|root| written.ticks >= root);
                assert!(
                    from.is_some() || missing.iter().filter(vouched).count() == 0,
                    "complete, and is not"
                );
                assert!(from.is_none() || missing.is_empty(), "complete, and is not");
            }
            Verdict::Overwritten { since } => {
                assert!(missing.iter().all(|written| written.ticks < since.0), "missing after {since:?}");
            }
            Verdict::Truncated { .. } => panic!("nothing was to be cut"),
        }
    }
}
