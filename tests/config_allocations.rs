//! A read through a reader allocates nothing, shown by counting what the allocator is asked for.

use flightdeck::config::{Config, Validate, Violations};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every request goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Text(String);

impl Validate for Text {
    fn validate(&self, _: &mut Violations) {}
}

fn asked(run: impl FnOnce()) -> u64 {
    let before = ASKED.get();
    run();
    ASKED.get() - before
}

#[test]
fn a_reader_asks_the_allocator_for_nothing() {
    let config = Config::new(Text("one".to_owned())).unwrap();
    let mut reader = config.reader();
    assert!(asked(|| drop(std::hint::black_box(vec![1_u8]))) >= 2, "the counter counts");
    let unchanged = asked(|| {
        for _ in 0..10_000 {
            assert_eq!(std::hint::black_box(reader.get()).0, "one");
        }
    });
    assert_eq!(unchanged, 0);
    // A refresh neither allocates nor frees: the replaced text waits for a tick.
    for round in 0..100 {
        config.replace(Text(round.to_string())).unwrap();
        assert_eq!(
            asked(|| {
                let _ = std::hint::black_box(reader.get()).revision();
            }),
            0,
            "round {round}"
        );
    }
    assert_eq!(asked(|| drop(config.load())), 0);
    assert_eq!(asked(|| drop(config.snapshot())), 0);
}
