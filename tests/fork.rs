//! Forks: the child of a process with a deck writes none of the parent's records, and may have a deck of its own.
//! A binary of its own, with one test: a child has no thread but the one that forked.

#![cfg(target_os = "linux")]

#[path = "support/child.rs"]
mod child;

use child::ended_well;
use flightdeck::events::{
    ClaimError, Events, FieldType, LossCause, ReserveError, Schema, Stamp, Value, WriterError,
};

flightdeck::kind! {
    Before("fork.before") { n: u64 }
    Met("fork.met_in_the_child") { n: u64 }
    Image("fork.image") { bytes: bytes }
}

/// Whether `body` says so in a child.
fn in_a_child(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs `body` on a heap that the C library keeps in order across forks, and leaves by `_exit`.
    match unsafe { libc::fork() } {
        -1 => panic!("no child: {}", std::io::Error::last_os_error()),
        0 => {
            let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!said.unwrap_or(false))) }
        }
        child => ended_well(child),
    }
}

#[test]
fn a_child_counts_as_lost_what_it_records_into_its_parents_deck() {
    let events = Events::builder().memory(1 << 20).shards(3).build().unwrap();
    let mut writer = events.writer().unwrap();
    let defined = events.define(Schema::new("fork.defined").field("n", FieldType::U64)).unwrap();
    let mut record = |events: &Events, n| {
        events.record(Before { n });
        writer.record(Before { n });
        writer.record_values(Stamp::current(), &defined, &[Value::U64(n)]).unwrap();
        events.record_in_signal(Before { n });
    };
    record(&events, 1);
    let counts = |events: &Events| {
        let stats = events.stats();
        assert!(stats.losses.iter().all(|loss| loss.cause == LossCause::Forked), "{:?}", stats.losses);
        (stats.written, stats.lost())
    };
    assert_eq!(counts(&events), (4, 0));

    assert!(in_a_child(|| {
        record(&events, 2);
        events.record(Met { n: 3 });
        assert_eq!(counts(&events), (4, 5));
        assert_eq!(
            (events.reclaim_shards(), events.stats().shards_reclaimed),
            (0, 0),
            "they are the parent's"
        );
        assert_eq!(events.query().run().unwrap().len(), 4, "what was there can be read");
        assert!(!events.register_thread());
        assert_eq!(events.writer().unwrap_err(), WriterError::Forked);
        std::thread::scope(|threads| threads.spawn(|| events.record(Before { n: 4 })).join().unwrap());
        assert_eq!(counts(&events), (4, 6));

        let own = Events::builder().memory(1 << 20).shards(3).build().unwrap();
        let mut writer = own.writer().unwrap();
        assert!(own.register_thread());
        own.record(Met { n: 5 });
        writer.record(Met { n: 6 });
        assert_eq!(counts(&own), (2, 0), "a deck of its own");
        // And a child of the child finds itself in the same place.
        in_a_child(|| {
            own.record(Met { n: 7 });
            counts(&own) == (2, 1)
        })
    }));

    record(&events, 8);
    assert_eq!(counts(&events), (8, 0), "the parent goes on as if nothing had happened");

    let mut open = events.reserve::<Image<'_>>(8).unwrap().expect("switched on");
    open.append(b"parent").unwrap();
    assert!(in_a_child(|| {
        assert!(matches!(events.reserve::<Image<'_>>(8), Err(ReserveError::Forked)));
        assert_eq!(open.append(b"x"), Err(ClaimError::Closed));
        assert_eq!(open.commit(), Err(ClaimError::Closed));
        counts(&events) == (8, 1)
    }));
    let mut open = events.reserve::<Image<'_>>(8).unwrap().expect("the parent dropped the first");
    open.append(b"parent").unwrap();
    open.commit().unwrap();
    assert_eq!(counts(&events), (9, 0));

    // What the parent would not have kept is no loss of the child's either.
    let sampled = Events::builder().memory(1 << 20).shards(3).directives("1/2").build().unwrap();
    (0..4).for_each(|n| sampled.record(Before { n }));
    assert!(in_a_child(|| {
        (0..4).for_each(|n| sampled.record(Before { n }));
        assert_eq!(counts(&sampled), (2, 2));
        sampled.suppressed()[0].count == 4
    }));
}
