//! The system's allocator, counting what each thread holds. For test binaries of their own: a process has one.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// How many bytes this thread holds, how many it held at most, and how often it asked.
    pub static HELD: Cell<(usize, usize, u64)> = const { Cell::new((0, 0, 0)) };
}

struct Counting;

// SAFETY: every request goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (held, most, asked) = HELD.get();
        let held = held.wrapping_add(layout.size());
        HELD.set((held, most.max(held), asked + 1));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let (held, most, asked) = HELD.get();
        HELD.set((held.wrapping_sub(layout.size()), most, asked));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
