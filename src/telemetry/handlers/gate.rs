//! Whether a handler may be called, and whether it is being called, by any number of threads.
//!
//! One word would have all of them wait for its line. So there are a few, each on lines of its own; a thread always uses the
//! same one, and whoever closes closes all.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `handler-call` | `Gate::end` | `Gate::is_idle`, `Gate::close` |
//! | `executions-over` | `Ending::end` | `Ending::is_over` |
//!
//! That no call starts after `close` needs no edge: opening a call and closing the word are read-modify-writes of one word,
//! so one of them is first, and a call sees a close that was. So is ending one: either whoever closes finds what the call
//! did, or the call finds the gate closed.

use super::here::Stripe;
use crate::sync::{AtomicBool, AtomicU64, CachePadded, Relaxed, acquire, release};

/// The lowest bit of a word: closed. Then calls that run, 16 bits; then calls that are over.
const CLOSED: u64 = 1;
const RUNNING: u64 = 1 << 1;
const RUNNING_BITS: u32 = 16;
/// As many run as can be counted, half of it left for who tries meanwhile.
const CROWDED: u64 = 1 << RUNNING_BITS;
const OVER: u64 = 1 << (1 + RUNNING_BITS);

/// Words of a gate.
pub(crate) const STRIPES: usize = 8;

/// The gate of a handler.
#[derive(Debug)]
pub struct Gate([CachePadded<AtomicU64>; STRIPES]);

/// What closing a gate found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Closed {
    /// It was open: the caller has to account for it.
    Now,
    /// Somebody else closed it before, or is at it.
    Before,
}

/// What ending a call found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ended {
    /// Nobody waits.
    Open,
    /// The gate was closed meanwhile: whoever waits for this call is to be woken.
    Closed,
}

/// Why a call may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Refused {
    /// The gate is closed. Whoever waits may have taken this for a call, and is to be woken.
    Closed,
    /// 32,768 calls run by this word.
    Crowded,
}

impl Gate {
    /// An open one.
    #[allow(clippy::new_without_default, reason = "its owner makes it by name")]
    pub fn new() -> Self {
        Self(std::array::from_fn(|_| CachePadded::new(AtomicU64::new(0))))
    }

    fn word(&self, stripe: Stripe) -> &AtomicU64 {
        &self.0[stripe.index()]
    }

    /// Makes the call that follows count as running.
    ///
    /// # Errors
    /// If it may not begin.
    pub fn begin(&self, stripe: Stripe) -> Result<(), Refused> {
        let word = self.word(stripe);
        // Relaxed: nothing is read here that a closer wrote, but the word itself.
        let before = word.fetch_add(RUNNING, Relaxed);
        if before & (CLOSED | CROWDED) == 0 { Ok(()) } else { Err(self.leave(stripe)) }
    }

    #[cold]
    fn leave(&self, stripe: Stripe) -> Refused {
        let before = self.word(stripe).fetch_sub(RUNNING, Relaxed);
        if before & CLOSED == 0 { Refused::Crowded } else { Refused::Closed }
    }

    /// The call that `begin` let in is over.
    pub fn end(&self, stripe: Stripe) -> Ended {
        // Release, edge `handler-call` (partners: `is_idle`, `close`): everything the call did.
        let before = self.word(stripe).fetch_add(OVER - RUNNING, release("handler-call"));
        if before & CLOSED == 0 { Ended::Open } else { Ended::Closed }
    }

    /// Lets no further call in.
    pub fn close(&self) -> Closed {
        // Acquire, edge `handler-call` (partner: `end`): what those calls did that are over.
        let before = self.0.each_ref().map(|word| word.fetch_or(CLOSED, acquire("handler-call")));
        // The first word says who was first.
        if before[0] & CLOSED == 0 { Closed::Now } else { Closed::Before }
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        // Relaxed: it never opens again, and nothing else is read through it.
        self.0[0].load(Relaxed) & CLOSED != 0
    }

    /// Whether no call is running. Once it is closed, that stays so.
    pub fn is_idle(&self) -> bool {
        // Acquire, edge `handler-call` (partner: `end`): everything the calls did.
        self.0.iter().all(|word| running(word.load(acquire("handler-call"))) == 0)
    }

    /// How many calls are running.
    pub fn running(&self) -> u64 {
        self.0.iter().map(|word| running(word.load(Relaxed))).sum()
    }

    /// How many calls are over.
    pub fn over(&self) -> u64 {
        self.0.iter().map(|word| word.load(Relaxed) / OVER).sum()
    }
}

/// Whether all executions are over for good: nobody is left who could.
#[derive(Debug)]
pub struct Ending(AtomicBool);

impl Ending {
    /// Not yet.
    #[allow(clippy::new_without_default, reason = "its owner makes it by name")]
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// They are over.
    pub fn end(&self) {
        // Release, edge `executions-over` (partner: `is_over`): what all of them left in queues.
        self.0.store(true, release("executions-over"));
    }

    /// Whether they are.
    pub fn is_over(&self) -> bool {
        // Acquire, edge `executions-over` (partner: `end`): who takes one more turn through a queue leaves nothing there.
        self.0.load(acquire("executions-over"))
    }
}

fn running(word: u64) -> u64 {
    word % OVER / RUNNING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_what_runs_and_what_is_over_and_refuses_before_it_overflows() {
        let (gate, stripe) = (Gate::new(), Stripe::of(3));
        for _ in 0..1 << 15 {
            gate.begin(stripe).unwrap();
        }
        assert_eq!(gate.begin(stripe), Err(Refused::Crowded));
        gate.begin(Stripe::of(4)).unwrap();
        assert_eq!((gate.running(), gate.over()), ((1 << 15) + 1, 0));
        for _ in 0..1 << 15 {
            assert_eq!(gate.end(stripe), Ended::Open);
        }
        assert_eq!((gate.running(), gate.over(), gate.is_idle()), (1, 1 << 15, false));
        assert_eq!((gate.close(), gate.close()), (Closed::Now, Closed::Before));
        assert!((0..STRIPES).all(|at| gate.begin(Stripe::of(at)) == Err(Refused::Closed)));
        assert!(gate.is_closed() && !gate.is_idle());
        assert_eq!(
            (gate.end(Stripe::of(4)), gate.is_idle(), gate.over()),
            (Ended::Closed, true, (1 << 15) + 1)
        );
    }
}
