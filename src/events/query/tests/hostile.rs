//! Control words and links as a hostile file may have them: every question ends, and nothing overflows.

use super::stepping;
use crate::events::{Class, Events, Stamp};
use crate::sync::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

crate::kind! { Usual("hostile.usual") { n: u64 } }

/// Runs it aside; whether it came back within some seconds, and without a panic.
fn comes_back(run: impl FnOnce(Events) + Send + 'static, events: &Events) -> bool {
    let events = events.clone();
    let running = thread::spawn(move || catch_unwind(AssertUnwindSafe(|| run(events))).is_ok());
    let start = Instant::now();
    while !running.is_finished() && start.elapsed() < PATIENCE {
        thread::yield_now();
    }
    running.is_finished() && running.join().unwrap_or(false)
}

fn hostile(intent: u64, tail: u64, indexed: u64, head: u64, word: u64) -> Events {
    let events = stepping(1 << 20);
    (0..100).for_each(|n| events.record_with(Stamp::of(7_u64), Usual { n }));
    events.view().shards[0].rings()[Class::Normal].say(intent, tail, indexed, head, word);
    events
}

#[test]
fn a_tail_far_above_what_can_be_there_ends_by_blocks() {
    let events = hostile(0, 1 << 60, 1 << 60, 0, 0);
    assert!(comes_back(|events| drop(events.query().run()), &events));
}

#[test]
fn a_tail_far_above_what_can_be_there_ends_in_order() {
    let events = hostile(0, 1 << 60, 1 << 60, 0, 0);
    assert!(comes_back(|events| drop(events.query().each_in_order(|_| {})), &events));
}

#[test]
fn a_chain_that_goes_down_one_by_one_from_nowhere_ends() {
    let events = hostile(0, 1 << 20, 1 << 20, 1 << 60, 1 << 32 | 8);
    assert!(comes_back(|events| drop(events.query().correlation(7_u64).budget(10).run()), &events));
}

#[test]
fn positions_at_the_end_of_all_do_not_overflow() {
    for (indexed, tail) in [(u64::MAX - 2, u64::MAX), (u64::MAX, u64::MAX), (0, u64::MAX)] {
        for word in [0, 8, 1 << 32 | 8] {
            let events = hostile(u64::MAX, tail, indexed, u64::MAX - 1, word);
            assert!(
                comes_back(|events| drop(events.query().correlation(7_u64).run()), &events),
                "{indexed} {word} id"
            );
            assert!(comes_back(|events| drop(events.query().run()), &events), "{indexed} {word}");
            assert!(
                comes_back(|events| drop(events.query().each_in_order(|_| {})), &events),
                "{indexed} {word} order"
            );
            assert!(
                comes_back(|events| _ = events.cursor().drain(|_| {}), &events),
                "{indexed} {word} cursor"
            );
        }
    }
}
