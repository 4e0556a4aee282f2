//! Tokens that ask to stop.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::supervisor::CancelToken;
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);

#[test]
fn clones_are_one_token_and_it_stays_cancelled() {
    let token = CancelToken::new();
    let clone = token.clone();
    assert!(!token.is_cancelled() && !clone.is_cancelled());
    assert!(clone.cancel(), "the first");
    assert!(!token.cancel(), "the second");
    assert!(token.is_cancelled() && clone.is_cancelled());
    assert!(token.wait(Duration::ZERO) && token.wait(Duration::MAX));
    assert_eq!(format!("{:?}", CancelToken::default()), "CancelToken { cancelled: false, .. }");
}

#[test]
fn a_wait_ends_with_its_time_or_with_the_token() {
    let token = CancelToken::new();
    let begun = Instant::now();
    assert!(!token.wait(Duration::from_millis(20)));
    assert!(begun.elapsed() >= Duration::from_millis(20));
    assert!(!token.wait(Duration::ZERO));

    let begun = Instant::now();
    let waiting: Vec<_> = (0..8)
        .map(|n| {
            let token = if n % 2 == 0 { token.clone() } else { token.child() };
            thread::spawn(move || token.wait(if n % 4 == 0 { Duration::MAX } else { LONG }))
        })
        .collect();
    thread::sleep(Duration::from_millis(20));
    token.cancel();
    assert!(waiting.into_iter().all(|waiter| waiter.join().unwrap()));
    assert!(begun.elapsed() < LONG);
}

#[test]
fn what_is_cancelled_reaches_down_and_not_up() {
    let root = CancelToken::new();
    let (one, other) = (root.child(), root.child());
    let below = one.child();
    one.cancel();
    assert!(one.is_cancelled() && below.is_cancelled());
    assert!(!root.is_cancelled() && !other.is_cancelled());
    assert!(one.child().is_cancelled(), "born cancelled");
    assert!(!one.child().cancel(), "which is not done again");
    // What lies between the two may have been let go.
    let far = other.child().child();
    drop(other);
    root.cancel();
    assert!(far.is_cancelled());
}

#[test]
fn a_long_line_of_children_is_cancelled_and_let_go() {
    let root = CancelToken::new();
    let mut last = root.child();
    for _ in 0..200_000 {
        last = last.child();
    }
    assert!(!last.is_cancelled());
    root.cancel();
    assert!(last.is_cancelled());
    // And one that was not cancelled.
    let mut last = CancelToken::new();
    for _ in 0..200_000 {
        last = last.child();
    }
    drop(last);
}

#[test]
fn children_come_and_go_while_their_parent_is_cancelled() {
    for _ in 0..200 {
        let root = CancelToken::new();
        let makers: Vec<_> = (0..3)
            .map(|_| {
                let root = root.clone();
                thread::spawn(move || {
                    while !root.child().is_cancelled() {}
                    let child = root.child();
                    assert!(child.is_cancelled() && child.wait(Duration::MAX));
                })
            })
            .collect();
        root.cancel();
        makers.into_iter().for_each(|maker| maker.join().unwrap());
    }
}

#[test]
fn looking_allocates_nothing() {
    let token = CancelToken::new();
    let look = || assert_eq!((0..1_000).filter(|_| token.is_cancelled()).count(), 0);
    assert_eq!(allocations(look), 0);
    assert!(allocations(|| drop(token.child())) > 0, "the test sees one");
    token.cancel();
    assert_eq!(allocations(|| assert!(token.is_cancelled() && token.wait(Duration::ZERO))), 0);
}
