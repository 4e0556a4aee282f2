//! What a plan promises before anything is allocated, held against what a store does.

use flightdeck::events::{Class, Events, Plan, Shares};
use flightdeck::{Clock, testing};
use std::time::Duration;

flightdeck::kind! {
    Rare("plan.rare", class = Critical) { n: u64, text: str }
    Usual("plan.usual") { n: u64, text: str }
    Often("plan.often", class = Verbose) { n: u64, text: str }
}

fn plan(memory: usize, shards: usize) -> Plan {
    Events::builder().memory(memory).shards(shards).plan().unwrap()
}

#[test]
fn the_parts_add_up_to_the_total() {
    for memory in [300 << 10, 1 << 20, 5 << 20, 100 << 20, 3 << 30, 1 << 40] {
        for shards in [1, 3, 16] {
            let Ok(plan) = Events::builder().memory(memory).shards(shards).plan() else { continue };
            let of = |class| {
                let kept = plan.ring[class] + plan.index[class] + plan.table[class] + plan.control[class];
                let shared = plan.shared_ring[class] + plan.shared_index[class];
                let shared = shared + plan.shared_table[class] + plan.shared_control[class];
                let shared = shared * plan.shared_shards + plan.overflow[class];
                assert_eq!(plan.of_class(class), kept * shards + shared);
                plan.of_class(class)
            };
            assert_eq!(Class::ALL.map(of).iter().sum::<usize>(), plan.total, "{plan:?}");
            let built =
                (plan.total < 64 << 20).then(|| Events::builder().memory(memory).shards(shards).build());
            assert!(built.is_none_or(|events| events.unwrap().plan() == plan));
        }
    }
}

/// However full the rings are, and wherever the writer stands, so many can be read, and not many more were promised
/// than there could be.
#[test]
fn as_many_events_fit_as_promised() {
    for (text, payload) in
        [("", 16), ("x", 24), ("a text of middling length, some sixty bytes long, to be kept", 80)]
    {
        let builder = Events::builder().memory(1 << 20).shards(1).clock(Clock::manual());
        let events = builder.build().unwrap();
        let plan = events.plan();
        for n in 0..30_000 {
            events.record(Rare { n, text });
            events.record(Usual { n, text });
            events.record(Often { n, text });
            if n > 20_000 && n % 37 == 0 {
                for (class, kept) in [
                    (Class::Critical, events.query().kind::<Rare<'_>>().count()),
                    (Class::Normal, events.query().kind::<Usual<'_>>().count()),
                    (Class::Verbose, events.query().kind::<Often<'_>>().count()),
                ] {
                    let fit = plan.events_that_fit(class, payload);
                    let most = (plan.ring[class] / (48 + payload)) as u64;
                    assert!(
                        fit <= kept && kept <= most,
                        "{class}, {payload} bytes: {fit} <= {kept} <= {most}"
                    );
                    assert!(fit * 3 >= most * 2, "{class}: {fit} promised, {most} possible");
                }
            }
        }
    }
}

#[test]
fn what_is_held_follows_from_rate_and_size() {
    let one = plan(64 << 20, 4);
    let fit = one.events_that_fit(Class::Normal, 64);
    let held = one.held(Class::Normal, 1_000.0, 64);
    assert_eq!(held, Duration::from_secs_f64(fit as f64 / 1_000.0));
    assert!(one.held(Class::Normal, 2_000.0, 64) < held && one.held(Class::Normal, 1_000.0, 128) < held);
    assert_eq!(one.held(Class::Normal, 0.0, 64), Duration::MAX, "nothing comes, so nothing goes");
    assert_eq!(one.held(Class::Normal, -1.0, 64), Duration::MAX);
    assert_eq!(one.events_that_fit(Class::Normal, 2 << 20), 0, "over the longest event");
    assert_eq!(one.held(Class::Normal, 1_000.0, usize::MAX), Duration::ZERO);
    assert_eq!(one.held(Class::Normal, 0.0, usize::MAX), Duration::ZERO);
    let longest = one.longest_event[Class::Normal] - 48;
    assert!(one.events_that_fit(Class::Normal, longest) > 0);
    assert_eq!(one.events_that_fit(Class::Normal, longest + 1), 0);
    let only =
        Events::builder().memory(64 << 20).shards(4).shares(Shares::only(Class::Verbose)).plan().unwrap();
    assert!(only.events_that_fit(Class::Verbose, 64) > one.events_that_fit(Class::Verbose, 64));
}

#[test]
fn a_plan_reads_as_a_table() {
    let text = plan(8 << 20, 2).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "8.0 MiB for events: 2 shards of threads, 3 shared; 265.5 KiB for names beside");
    assert_eq!(lines[1], "                      critical      normal     verbose");
    assert_eq!(lines[2], "each thread's ring     256 KiB       2 MiB     512 KiB");
    assert!(text.ends_with("longest event           16 KiB     128 KiB      32 KiB"), "{text}");
    assert!(lines[1..].iter().all(|line| line.len() == lines[1].len()), "{text}");
    assert_eq!(testing::events().plan(), plan(8 << 20, 8), "the same on each machine");
}
