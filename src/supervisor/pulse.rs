//! The heartbeat of a run: one word on a cache line of its own, which its worker counts up and others look at.
//!
//! A worker's run has its own, made with it. So a thread that outlived its run beats on where nobody looks any more.

use crate::sync::{Arc, AtomicU64, CachePadded, Relaxed};

/// Says that a thread gets on. Cheap to clone; clones are the same pulse.
///
/// A [beat](Pulse::beat) says nothing of when: no clock is read. Whoever wants to know looks from time to time whether the
/// [count](Pulse::beats) has moved, as [`Liveness`](super::Liveness) does.
///
/// Made for one thread that beats. More than one may, and then any of them is enough: it cannot be told that one of them
/// hangs. Where two beat at the same time one beat may be lost, or what the other counted up meanwhile: a look may then find the
/// count of the look before. [More than one such look](super::Heartbeat::checks) has to follow another before somebody
/// counts as hung.
///
/// ```
/// use flightdeck::supervisor::Pulse;
///
/// let pulse = Pulse::new();
/// let of_loop = pulse.clone();
/// std::thread::spawn(move || (0..3).for_each(|_| of_loop.beat())).join().unwrap();
/// assert_eq!(pulse.beats(), 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<CachePadded<AtomicU64>>);

/// Nor with the counts of its handles, which clones write to.
const _: () = assert!(align_of::<CachePadded<AtomicU64>>() >= 64, "a pulse shares no cache line");

impl Pulse {
    /// One that nobody has beaten.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One beat. Wait-free: a load, an addition and a store, on a cache line that nobody else writes to.
    #[inline(always)]
    pub fn beat(&self) {
        // Relaxed, and no exchange: the count stands for itself, and one thread writes it.
        let beats = self.0.load(Relaxed).wrapping_add(1);
        self.0.store(beats, Relaxed);
    }

    /// How often it has beaten, as far as this thread can see. Wait-free: a load.
    #[must_use]
    pub fn beats(&self) -> u64 {
        // Relaxed: it moves sooner or later, and a look says no more than that.
        self.0.load(Relaxed)
    }
}
