//! Model of what a tracked gauge remembers. It has no edge to weaken: every word stands for itself, and what is known to be
//! earlier is earlier by coherence alone. What is shown is that no reader takes anything from another.

mod support;

use flightdeck_loom::internals::{Span, Tracker};
use loom::thread;
use support::{Model, Seen};

/// One sets twice, one reads meanwhile, and another reads after both.
#[test]
fn what_was_set_is_in_the_next_reading_of_each_reader() {
    let outcomes = [Seen::default(), Seen::default(), Seen::default()];
    let [none, one, both] = outcomes.clone();
    let model = move || {
        let tracker = Tracker::new();
        let [hasty, late] = [tracker.open(), tracker.open()];
        let setter = {
            let tracker = tracker.clone();
            thread::spawn(move || {
                tracker.widen(7);
                tracker.widen(5);
            })
        };
        let reader = {
            let tracker = tracker.clone();
            thread::spawn(move || tracker.take(hasty))
        };
        setter.join().unwrap();
        let all = Span { least: 5, greatest: 7 };
        assert_eq!(tracker.take(late), all, "another has read meanwhile");
        assert_eq!(tracker.take(late), Span::NONE, "nothing since");
        let first = reader.join().unwrap();
        let second = tracker.take(hasty);
        assert_eq!(first.and(second), all, "lost between two readings");
        if first == Span::NONE {
            none.count();
        } else if first == all {
            both.count();
        } else {
            one.count();
        }
    };
    Model::new("extremes", 3, model).holds(20);
    let [none, one, both] = outcomes;
    none.at_least_once("a reading before anything was set");
    one.at_least_once("a reading in the middle");
    both.at_least_once("a reading after all was set");
}
