//! A read through a reader allocates nothing, shown by counting what the allocator is asked for.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::config::{Config, Validate, Violations};

struct Text(String);

impl Validate for Text {
    fn validate(&self, _: &mut Violations) {}
}

#[test]
fn a_reader_asks_the_allocator_for_nothing() {
    let config = Config::new(Text("one".to_owned())).unwrap();
    let mut reader = config.reader();
    assert!(allocations(|| drop(std::hint::black_box(vec![1_u8]))) >= 2, "the counter counts");
    let unchanged = allocations(|| {
        for _ in 0..10_000 {
            assert_eq!(std::hint::black_box(reader.get()).0, "one");
        }
    });
    assert_eq!(unchanged, 0);
    // A refresh neither allocates nor frees: the replaced text waits for a tick.
    for round in 0..100 {
        config.replace(Text(round.to_string())).unwrap();
        assert_eq!(
            allocations(|| {
                let _ = std::hint::black_box(reader.get()).revision();
            }),
            0,
            "round {round}"
        );
    }
    assert_eq!(allocations(|| drop(config.load())), 0);
    assert_eq!(allocations(|| drop(config.snapshot())), 0);
}
