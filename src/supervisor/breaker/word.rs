//! The state of a breaker, in one word.
//!
//! | bits | what |
//! |---|---|
//! | 3 | the [`BreakerState`]; closed is zero |
//! | 1 | calls are timed |
//! | 22 | the generation: one more with each change of state |
//! | 38 | open: when trials may begin, in milliseconds; half-open: permits out, calls that succeeded, calls that failed |
//!
//! All that a decision needs is in the word, so a decision is one exchange, and no access needs an order with
//! another. A result finds out by the generation whether it still matters; one that comes back after exactly
//! four million changes of state is taken for a new one.

use std::fmt;

/// What a breaker does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerState {
    /// Lets them through, and judges by their outcomes.
    Closed,
    /// Rejects them until it is time for trials.
    Open,
    /// Lets a few through as trials, and rejects the others.
    HalfOpen,
    /// Rejects them until told otherwise.
    ForcedOpen,
    /// Lets them through and counts them, slow ones too, and judges by none of them: it never opens by itself, and is no
    /// concern of a deck's health. Until told otherwise; closed again, it judges by the calls from then on.
    Disabled,
}

impl BreakerState {
    const ALL: [Self; 5] = [Self::Closed, Self::Open, Self::HalfOpen, Self::ForcedOpen, Self::Disabled];

    /// Its name, as in events: `closed`, `open`, `half_open`, `forced_open` or `disabled`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// So many bits from a place on.
#[derive(Clone, Copy)]
struct Field {
    shift: u32,
    bits: u32,
}

impl Field {
    const fn first(bits: u32) -> Self {
        Self { shift: 0, bits }
    }

    const fn then(self, bits: u32) -> Self {
        Self { shift: self.shift + self.bits, bits }
    }

    const fn most(self) -> u64 {
        (1 << self.bits) - 1
    }

    const fn get(self, word: u64) -> u64 {
        (word >> self.shift) & self.most()
    }

    /// What does not fit becomes the most that does.
    const fn with(self, word: u64, value: u64) -> u64 {
        let value = if value > self.most() { self.most() } else { value };
        (word & !(self.most() << self.shift)) | (value << self.shift)
    }
}

const STATE: Field = Field::first(3);
const TIMED: Field = STATE.then(1);
const GENERATION: Field = TIMED.then(22);
const UNTIL: Field = GENERATION.then(38);
const ISSUED: Field = GENERATION.then(10);
const SUCCEEDED: Field = ISSUED.then(10);
const FAILED: Field = SUCCEEDED.then(10);

/// Neither of these is set while calls go through untimed.
const PLAIN: u64 = (1 << GENERATION.shift) - 1;

/// The most trials at once.
pub(crate) const MOST_PERMITS: u32 = 1_000;

/// A state of a breaker, as it was at some moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Word(u64);

impl Word {
    /// Closed, untimed, generation zero.
    pub(crate) const NEW: Self = Self(0);

    pub(crate) const fn of(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Calls go through, and nobody asks how long they take.
    #[inline(always)]
    pub(crate) const fn is_plainly_closed(self) -> bool {
        self.0 & PLAIN == 0
    }

    /// What it does with calls.
    #[must_use]
    pub const fn state(self) -> BreakerState {
        let all = BreakerState::ALL;
        let state = STATE.get(self.0) as usize;
        if state < all.len() { all[state] } else { BreakerState::Closed }
    }

    pub(crate) const fn is_timed(self) -> bool {
        TIMED.get(self.0) == 1
    }

    pub(crate) const fn timed(self, timed: bool) -> Self {
        Self(TIMED.with(self.0, timed as u64))
    }

    /// How often the state changed before, modulo 2^22.
    #[must_use]
    pub const fn generation(self) -> u32 {
        GENERATION.get(self.0) as u32
    }

    /// How many bits a generation has.
    pub(crate) const GENERATION_BITS: u32 = GENERATION.bits;

    /// Whether it is of a later generation: of the half before which this one lies.
    pub(crate) const fn is_after(self, generation: u32) -> bool {
        let ahead = self.generation().wrapping_sub(generation) as u64 & GENERATION.most();
        ahead != 0 && ahead <= GENERATION.most() / 2
    }

    /// The next generation, in this state, and nothing known of it.
    const fn next(self, state: BreakerState) -> Self {
        let generation = (self.generation() as u64 + 1) & GENERATION.most();
        let word = GENERATION.with(STATE.with(0, state as u64), generation);
        Self(word).timed(self.is_timed())
    }

    pub(crate) const fn to(self, state: BreakerState) -> Self {
        self.next(state)
    }

    /// Open until that millisecond.
    pub(crate) const fn to_open(self, until: u64) -> Self {
        Self(UNTIL.with(self.next(BreakerState::Open).0, until))
    }

    /// Half-open, with one permit out.
    pub(crate) const fn to_half_open(self) -> Self {
        self.next(BreakerState::HalfOpen).with_issued(1)
    }

    /// Of an open one.
    pub(crate) const fn until(self) -> u64 {
        UNTIL.get(self.0)
    }

    /// Permits that were given out and not given back.
    pub(crate) const fn issued(self) -> u32 {
        ISSUED.get(self.0) as u32
    }

    pub(crate) const fn with_issued(self, issued: u32) -> Self {
        Self(ISSUED.with(self.0, issued as u64))
    }

    pub(crate) const fn succeeded(self) -> u32 {
        SUCCEEDED.get(self.0) as u32
    }

    pub(crate) const fn failed(self) -> u32 {
        FAILED.get(self.0) as u32
    }

    /// One more trial is over.
    pub(crate) const fn with_trial(self, succeeded: bool) -> Self {
        if succeeded {
            Self(SUCCEEDED.with(self.0, self.succeeded() as u64 + 1))
        } else {
            Self(FAILED.with(self.0, self.failed() as u64 + 1))
        }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut word = f.debug_struct("Word");
        word.field("state", &self.state()).field("generation", &self.generation());
        match self.state() {
            BreakerState::Open => word.field("until", &self.until()),
            BreakerState::HalfOpen => word
                .field("issued", &self.issued())
                .field("succeeded", &self.succeeded())
                .field("failed", &self.failed()),
            _ => &mut word,
        };
        word.field("timed", &self.is_timed()).finish()
    }
}

/// When a generation began, in milliseconds. It says of which it speaks, so it may lag behind the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since(u64);

impl Since {
    pub(crate) const fn of(word: Word, ms: u64) -> Self {
        Self(UNTIL.with(GENERATION.with(0, word.generation() as u64), ms))
    }

    pub(crate) const fn in_word(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// If it speaks of that generation.
    pub(crate) const fn ms(self, word: Word) -> Option<u64> {
        if GENERATION.get(self.0) as u32 == word.generation() { Some(UNTIL.get(self.0)) } else { None }
    }
}

/// How often a breaker had opened in a row when it opened the last time, that time included, and for how long. It says of
/// which generation it speaks, as [`Since`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row(u64);

const TIMES: Field = GENERATION.then(10);
const WAIT: Field = TIMES.then(28);

impl Row {
    /// Of an open one.
    pub(crate) const fn of(open: Word, times: u32, wait_ms: u64) -> Self {
        Self(WAIT.with(TIMES.with(GENERATION.with(0, open.generation() as u64), times as u64), wait_ms))
    }

    pub(crate) const fn in_word(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// How often and for how long, if it speaks of the one that became this one, which is half-open.
    pub(crate) const fn before(self, half_open: Word) -> Option<(u32, u64)> {
        let next = (GENERATION.get(self.0) + 1) & GENERATION.most();
        if next == half_open.generation() as u64 {
            Some((TIMES.get(self.0) as u32, WAIT.get(self.0)))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_bits_are_used_and_none_twice() {
        assert_eq!((UNTIL.shift + UNTIL.bits, WAIT.shift + WAIT.bits), (64, 64));
        assert!(WAIT.most() > 24 * 3_600 * 1_000, "the longest wait");
        assert!(FAILED.shift + FAILED.bits <= 64 && u64::from(MOST_PERMITS) <= ISSUED.most());
        assert!(Word::NEW.is_plainly_closed() && Word::NEW.state() == BreakerState::Closed);
    }

    #[test]
    fn only_what_is_closed_and_untimed_is_plainly_closed() {
        for state in BreakerState::ALL {
            let word = Word::NEW.to(state);
            assert_eq!((word.state(), word.generation()), (state, 1));
            assert_eq!(word.is_plainly_closed(), state == BreakerState::Closed);
            assert!(!word.timed(true).is_plainly_closed());
            assert_eq!(word.timed(true).to(BreakerState::Closed).timed(false), word.to(BreakerState::Closed));
        }
    }

    #[test]
    fn generations_come_round_and_keep_their_order() {
        let mut word = Word::NEW;
        for _ in 0..3 {
            let later = (0..1_500_000).fold(word, |word, _| word.to(BreakerState::Open));
            let [before, after] = [word, later].map(Word::generation);
            assert!(later.is_after(before) && !word.is_after(after) && !word.is_after(before));
            word = later;
        }
        assert_eq!(word.generation(), 4_500_000 % (1 << 22));
    }

    proptest! {
        #[test]
        fn each_field_keeps_what_it_was_given(
            until in 0_u64..1 << 38, issued in 0_u32..1_000, ok in 0_u32..100, failed in 0_u32..100, timed: bool,
        ) {
            let open = Word::NEW.timed(timed).to_open(until);
            prop_assert_eq!((open.state(), open.until(), open.is_timed()), (BreakerState::Open, until, timed));
            let mut trial = open.to_half_open();
            prop_assert_eq!((trial.issued(), trial.succeeded(), trial.failed()), (1, 0, 0));
            trial = trial.with_issued(issued);
            for _ in 0..ok { trial = trial.with_trial(true); }
            for _ in 0..failed { trial = trial.with_trial(false); }
            prop_assert_eq!((trial.issued(), trial.succeeded(), trial.failed()), (issued, ok, failed));
            prop_assert_eq!((trial.generation(), trial.state(), trial.is_timed()), (2, BreakerState::HalfOpen, timed));
            prop_assert_eq!(Since::of(trial, until).ms(trial), Some(until));
            prop_assert_eq!(Since::of(open, until).ms(trial), None);
            let row = Row::of(open, issued, until);
            prop_assert_eq!(row.before(trial), Some((issued, until.min(WAIT.most()))));
            prop_assert_eq!((row.before(open), row.before(trial.to_open(0).to_half_open())), (None, None));
        }
    }
}
