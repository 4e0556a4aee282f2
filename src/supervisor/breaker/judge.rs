//! A breaker without clock and observers: what models explore.
//!
//! Changes of state are exchanges of one [`Word`], each by whoever finds a reason for it: the thread whose failure is
//! the one too many, the first to come after the wait, the trial that decides. Times are passed in, in
//! nanoseconds since the breaker began.

use super::cells::{Cells, Count};
use super::settings::{BreakerSettings, BreakerWhy};
use super::turn::Turn;
use super::window::{NOTICED_EVERY, Window};
use super::word::{BreakerState, Row, Since, Word};
use crate::random::Chance;
use crate::sync::{Arc, ArcSwap, AtomicU64, CachePadded, Mutex, Relaxed};

/// A change of state that this thread brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Before.
    pub from: Word,
    /// After.
    pub to: Word,
    /// Why.
    pub why: BreakerWhy,
}

/// Whether a call is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is, in that state: to be settled with it.
    Passed(Word),
    /// It is not: open for so many milliseconds more.
    Open(u64),
    /// It is not: as many trials are out as may be.
    HalfOpen(u32),
    /// It is not: forced open.
    ForcedOpen,
}

/// The changes that a call brought about: hardly ever one, and two only if a thread was held up for long.
pub type Moves = Vec<Moved>;

const NS_PER_MS: u64 = 1_000_000;

/// Decides what a breaker does with calls; for `N` threads with cells of their own.
#[derive(Debug)]
pub struct Judge<const N: usize> {
    word: AtomicU64,
    cells: Cells<N>,
    settings: ArcSwap<BreakerSettings>,
    /// Of the settings, at hand: how many nanoseconds are slow.
    slow_ns: AtomicU64,
    /// [`Since`] when the generation lasts. Relaxed: it says of which it speaks.
    since: CachePadded<AtomicU64>,
    /// [`Row`] of the last time that it opened. Relaxed: it says of which that is.
    row: AtomicU64,
    trips: AtomicU64,
    chance: Chance,
    turn: Turn,
    /// When a trial was permitted last, in milliseconds.
    last_trial: AtomicU64,
    /// One change of settings at a time.
    reconfiguring: Mutex<()>,
    /// Locked by whoever has the turn, so nobody ever waits.
    window: Mutex<Window>,
}

impl<const N: usize> Judge<N> {
    /// Closed. The settings make sense; `seed` is that of the jitter.
    pub fn new(settings: BreakerSettings, seed: u64) -> Self {
        let word = Word::NEW.timed(settings.slow_call_duration.is_some());
        Self {
            word: AtomicU64::new(word.bits()),
            cells: Cells::new(),
            slow_ns: AtomicU64::new(slow_ns(&settings)),
            since: CachePadded::new(AtomicU64::new(Since::of(word, 0).bits())),
            row: AtomicU64::new(Row::of(word, 0, 0).bits()),
            trips: AtomicU64::new(0),
            chance: Chance::new(seed),
            turn: Turn::new(),
            last_trial: AtomicU64::new(0),
            reconfiguring: Mutex::new(()),
            window: Mutex::new(Window::new(word, settings.window, 0, Default::default())),
            settings: ArcSwap::new(Arc::new(settings)),
        }
    }

    /// Its state. Relaxed: all that a decision needs is in the word.
    #[inline(always)]
    pub fn word(&self) -> Word {
        Word::of(self.word.load(Relaxed))
    }

    /// What was counted.
    pub fn cells(&self) -> &Cells<N> {
        &self.cells
    }

    /// By what it judges.
    pub(crate) fn settings(&self) -> Arc<BreakerSettings> {
        self.settings.load_full()
    }

    /// From how many nanoseconds on a call is slow.
    pub(crate) fn slow_ns(&self) -> u64 {
        self.slow_ns.load(Relaxed)
    }

    /// How often it opened by itself.
    pub(crate) fn trips(&self) -> u64 {
        self.trips.load(Relaxed)
    }

    /// When the state of now began, in milliseconds, if that is known yet.
    pub(crate) fn since(&self, word: Word) -> Option<u64> {
        Since::in_word(self.since.load(Relaxed)).ms(word)
    }

    fn exchange(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.bits(), to.bits(), Relaxed, Relaxed).is_ok()
    }

    fn change(&self, from: Word, to: Word, why: BreakerWhy, now: u64, moves: &mut Moves) -> bool {
        let (times, _) = self.row(from);
        let changed = self.exchange(from, to);
        if changed {
            // What follows may come late, and others may have gone on by then: each word says of which generation it speaks.
            self.since.store(Since::of(to, now / NS_PER_MS).bits(), Relaxed);
            if to.state() == BreakerState::Open {
                let wait = to.until().saturating_sub(now.div_ceil(NS_PER_MS));
                self.row.store(Row::of(to, times.saturating_add(1), wait).bits(), Relaxed);
                self.trips.fetch_add(1, Relaxed);
            }
            moves.push(Moved { from, to, why });
        }
        changed
    }

    /// Counts a success of a call that was let through closed and untimed; whether the window is to be told of it. `None`:
    /// it was not counted.
    #[inline(always)]
    pub fn succeed_at_hand(&self, number: usize, permit: Word) -> Option<bool> {
        if !permit.is_plainly_closed() || self.word() != permit {
            return None;
        }
        let successes = self.cells.add_success_at_hand(number, permit)?;
        Some(successes % NOTICED_EVERY == 0)
    }

    /// Whether a call is let through. `now` is asked at most once. Lock-free.
    pub fn enter(&self, number: usize, now: impl FnOnce() -> u64, moves: &mut Moves) -> Verdict {
        let verdict = self.decide(now, moves);
        if !matches!(verdict, Verdict::Passed(_)) {
            self.cells.add(number, Count::Rejected);
        }
        verdict
    }

    fn decide(&self, now: impl FnOnce() -> u64, moves: &mut Moves) -> Verdict {
        let word = self.word();
        match word.state() {
            BreakerState::Closed | BreakerState::Disabled => return Verdict::Passed(word),
            BreakerState::ForcedOpen => return Verdict::ForcedOpen,
            BreakerState::Open | BreakerState::HalfOpen => {}
        }
        let now = now();
        let settings = self.settings.load();
        loop {
            let word = self.word();
            match word.state() {
                BreakerState::Closed | BreakerState::Disabled => return Verdict::Passed(word),
                BreakerState::ForcedOpen => return Verdict::ForcedOpen,
                BreakerState::Open => {
                    let left = word.until().saturating_sub(now / NS_PER_MS);
                    if left > 0 {
                        return Verdict::Open(left);
                    }
                    let trial = word.to_half_open();
                    if self.change(word, trial, BreakerWhy::WaitIsOver, now, moves) {
                        return Verdict::Passed(trial);
                    }
                }
                BreakerState::HalfOpen if word.issued() < settings.permitted_calls_in_half_open => {
                    // Before the permit is there: who finds all of them given out knows when.
                    self.last_trial.fetch_max(now / NS_PER_MS, Relaxed);
                    if self.exchange(word, word.with_issued(word.issued() + 1)) {
                        return Verdict::Passed(word);
                    }
                }
                BreakerState::HalfOpen => {
                    // Fewer may be permitted than when they were given out, so the last may have been over by then.
                    let next = self
                        .after_trials(word, now, &settings)
                        .or_else(|| self.overdue(word, now, &settings));
                    match next {
                        Some((to, why)) => drop(self.change(word, to, why, now, moves)),
                        None => return Verdict::HalfOpen(settings.permitted_calls_in_half_open),
                    }
                }
            }
        }
    }

    /// Settles a call that was let through in the state `permit`. Lock-free.
    pub fn settle(
        &self,
        number: usize,
        permit: Word,
        count: Count,
        now: impl Fn() -> u64,
        moves: &mut Moves,
    ) {
        let word = self.word();
        match word.state() {
            _ if word.generation() != permit.generation() => self.cells.add(number, Count::Stale),
            BreakerState::HalfOpen => self.settle_trial(number, permit, count, now, moves),
            state => match count {
                Count::Success => self.cells.add_judged(number, word, count),
                Count::Failure | Count::SlowSuccess | Count::SlowFailure => {
                    self.cells.add_judged(number, word, count);
                    if state == BreakerState::Closed {
                        self.look(now, moves);
                    }
                }
                _ => self.cells.add(number, count),
            },
        }
    }

    fn settle_trial(
        &self,
        number: usize,
        permit: Word,
        count: Count,
        now: impl Fn() -> u64,
        moves: &mut Moves,
    ) {
        let settings = self.settings.load();
        loop {
            let word = self.word();
            if word.generation() != permit.generation() {
                return self.cells.add(number, Count::Stale);
            }
            let settled = match count {
                Count::Success => word.with_trial(true),
                // However many are slow.
                Count::SlowSuccess if settings.slow_call_rate_threshold.is_none() => word.with_trial(true),
                Count::Failure | Count::SlowSuccess | Count::SlowFailure => word.with_trial(false),
                // Given back: somebody else may try.
                _ => word.with_issued(word.issued().saturating_sub(1)),
            };
            let now = now();
            let done = match self.after_trials(settled, now, &settings) {
                Some((to, why)) => self.change(word, to, why, now, moves),
                None => self.exchange(word, settled),
            };
            if done {
                return self.cells.add(number, count);
            }
        }
    }

    /// What follows from the trials that are over.
    fn after_trials(&self, word: Word, now: u64, settings: &BreakerSettings) -> Option<(Word, BreakerWhy)> {
        let over = word.failed() + word.succeeded();
        let failed = if settings.any_failure_reopens && word.failed() > 0 {
            true
        } else if over >= settings.permitted_calls_in_half_open {
            settings.fails_trials(word.failed(), over)
        } else {
            return None;
        };
        Some(if failed {
            (self.opened(word, now, settings), BreakerWhy::TrialFailed)
        } else {
            (word.to(BreakerState::Closed), BreakerWhy::TrialsSucceeded)
        })
    }

    /// Permits have been out for too long.
    fn overdue(&self, word: Word, now: u64, settings: &BreakerSettings) -> Option<(Word, BreakerWhy)> {
        let Some(since) = self.since(word) else {
            // Whoever made it half-open is held up between two stores, or will never go on: from now, then.
            let known = self.since.load(Relaxed);
            let from_now = Since::of(word, now / NS_PER_MS).bits();
            let _another_did = self.since.compare_exchange(known, from_now, Relaxed, Relaxed);
            return None;
        };
        let passed = (now / NS_PER_MS).saturating_sub(since.max(self.last_trial.load(Relaxed)));
        let is_over = u128::from(passed) >= settings.longest_half_open.as_millis();
        is_over.then(|| (self.opened(word, now, settings), BreakerWhy::TrialsOverdue))
    }

    fn opened(&self, from: Word, now: u64, settings: &BreakerSettings) -> Word {
        let (times, last_wait) = self.row(from);
        let wait = settings.wait_ms(times, last_wait, self.chance.draw());
        from.to_open(now.div_ceil(NS_PER_MS) + wait)
    }

    /// How often it has opened in a row when it is in that state, and for how long the last time, in milliseconds.
    fn row(&self, word: Word) -> (u32, u64) {
        match word.state() {
            // If nobody says so, whoever opened it is held up before it could, or was so long that it said so over a newer one.
            BreakerState::HalfOpen => Row::in_word(self.row.load(Relaxed)).before(word).unwrap_or((1, 0)),
            // Whatever there was before it was closed.
            _ => (0, 0),
        }
    }

    /// Judges by all that has been counted, unless another thread is at it, which then does. Lock-free.
    pub fn look(&self, now: impl Fn() -> u64, moves: &mut Moves) {
        self.turn.take(|| self.look_once(now(), moves));
    }

    fn look_once(&self, now: u64, moves: &mut Moves) {
        let word = self.word();
        if word.state() != BreakerState::Closed {
            return;
        }
        let settings = self.settings.load();
        let sums = self.cells.sums(word);
        let seen = {
            let mut window = self.window.lock();
            if !window.is(word, settings.window) {
                let began = self.since(word).unwrap_or(now / NS_PER_MS);
                // Of another kind: what came before, it was not told of.
                let known = if window.is_of(word) { sums } else { Default::default() };
                window.begin(word, settings.window, began, known);
            }
            window.take(sums, now / NS_PER_MS)
        };
        let Some(why) = settings.judge(&seen) else { return };
        let mut from = word;
        // It may be timed from now on, or no longer.
        while from.state() == BreakerState::Closed && from.generation() == word.generation() {
            if self.change(from, self.opened(from, now, &settings), why, now, moves) {
                return;
            }
            from = self.word();
        }
    }

    /// Judges by other settings from now on, which make sense. A window of another kind begins anew.
    pub fn reconfigure(&self, settings: BreakerSettings, now: impl Fn() -> u64, moves: &mut Moves) {
        // Else what is timed might be that of one change, and what is slow that of another.
        let one_at_a_time = self.reconfiguring.lock();
        let timed = settings.slow_call_duration.is_some();
        self.slow_ns.store(slow_ns(&settings), Relaxed);
        drop(self.settings.swap(Arc::new(settings)));
        loop {
            let word = self.word();
            if self.exchange(word, word.timed(timed)) {
                break;
            }
        }
        drop(one_at_a_time);
        self.look(now, moves);
    }

    /// Goes to a state whatever it was in, and begins it anew if it was in that one.
    pub fn force(&self, state: BreakerState, now: u64, moves: &mut Moves) {
        loop {
            let word = self.word();
            if self.change(word, word.to(state), BreakerWhy::Forced, now, moves) {
                return;
            }
        }
    }
}

fn slow_ns(settings: &BreakerSettings) -> u64 {
    settings.slow_call_duration.map_or(u64::MAX, |slow| u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX))
}
