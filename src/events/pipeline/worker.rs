//! A worker: takes an item when the next one has room for it, does its stages, hands it over, and waits when there is
//! nothing to do. It can be run again after a panic: what it holds is kept from run to run.

use super::bell::Bell;
use super::end::End;
use super::feed::{Feed, PATIENCE, Taken};
use super::handover::Handover;
use super::latch::Latch;
use crate::events::class::Class;
use crate::sync::{Arc, AtomicBool, Mutex, Relaxed};
use std::fmt;
use std::time::{Duration, Instant};

/// How a step ended.
pub(super) enum Step {
    /// It did something: on with the next.
    Moved,
    /// Nothing can be done for now.
    Idle,
    /// All is done, for good.
    Ended,
}

/// What a worker does, without the rules of when.
pub(super) trait Work: Send {
    fn step(&mut self) -> Step;

    /// Waits at the bell until a step may do something, or the worker is interrupted, or this time is over.
    fn wait(&mut self, bell: &Bell, most: Duration, is_interrupted: &dyn Fn() -> bool);

    /// As [`Feed::note`].
    fn note(&mut self, now: bool);
}

/// A run of stages upon a feed, whose items go to the next worker.
pub(super) struct Passing<T> {
    pub(super) feed: Box<dyn Feed<T>>,
    pub(super) next: Arc<Handover<T>>,
}

impl<T: Send> Work for Passing<T> {
    fn step(&mut self) -> Step {
        for class in Class::ALL {
            if !self.next.has_room(class) {
                continue;
            }
            match self.feed.take(class) {
                Taken::Item(item) => {
                    self.next.put(class, item);
                    return Step::Moved;
                }
                Taken::Dropped => return Step::Moved,
                Taken::Nothing => {}
            }
        }
        if self.feed.is_at_end() {
            self.next.close();
            return Step::Ended;
        }
        Step::Idle
    }

    fn wait(&mut self, bell: &Bell, most: Duration, is_interrupted: &dyn Fn() -> bool) {
        // Without room there is nothing to look for; who makes some rings.
        let has_room = Class::ALL.iter().any(|class| self.next.has_room(*class));
        let time = if has_room { self.feed.patience().min(most) } else { most };
        let may_move = || Class::ALL.iter().any(|class| self.next.has_room(*class) && self.feed.has(*class));
        bell.wait(time, || is_interrupted() || may_move() || self.feed.is_at_end());
    }

    fn note(&mut self, now: bool) {
        self.feed.note(now);
    }
}

/// A worker of a [`Pipeline`](super::Pipeline): to be run on a thread of its own. Clones are the same worker.
///
/// A deck runs it under its supervisor. Without one, run it again when it has panicked.
#[derive(Clone)]
pub struct PipelineWorker {
    inner: Arc<Inner>,
}

struct Inner {
    name: Arc<str>,
    work: Mutex<Box<dyn Work>>,
    /// A thread runs it, and holds its work; others leave that alone.
    is_run: AtomicBool,
    bell: Arc<Bell>,
    end: Arc<End>,
    has_ended: Latch,
}

/// Draws up the accounts when a run is over, also when it panicked.
struct Accounting<'a>(&'a mut dyn Work);

impl Drop for Accounting<'_> {
    fn drop(&mut self) {
        self.0.note(true);
    }
}

/// The mark of the one thread that runs a worker.
struct Held<'a>(&'a AtomicBool);

impl<'a> Held<'a> {
    fn take(is_run: &'a AtomicBool) -> Option<Self> {
        // Relaxed: the work's own lock orders what runs do.
        (!is_run.swap(true, Relaxed)).then_some(Self(is_run))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

impl PipelineWorker {
    pub(super) fn new(name: Arc<str>, work: Box<dyn Work>, bell: Arc<Bell>, end: Arc<End>) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                work: Mutex::new(work),
                is_run: AtomicBool::new(false),
                bell,
                end,
                has_ended: Latch::new(),
            }),
        }
    }

    /// Which one it is: that of the pipeline and of its first stage.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Does its stages until the pipeline has come to its end. Once `should_stop`, which is asked at least every 50 ms, all of
    /// the pipeline drains: the worker returns when what is there is delivered, or the time given to
    /// [`Pipeline::give_up_in`](super::Pipeline::give_up_in) is over. Returns at once where another thread runs it.
    ///
    /// # Panics
    /// If code of a stage does. Then at most the item in hand is lost, and counted; run it again to go on with the next one.
    pub fn run(&self, should_stop: impl Fn() -> bool) {
        self.run_giving_up(None, should_stop);
    }

    /// The same; so long after `should_stop` the pipeline gives up, whether or not somebody said by when.
    pub(crate) fn run_giving_up(&self, after: Option<Duration>, should_stop: impl Fn() -> bool) {
        let Inner { work, end, has_ended, .. } = &*self.inner;
        let Some(_held) = Held::take(&self.inner.is_run) else { return };
        let mut work = work.lock();
        let running = Accounting(&mut **work);
        if self.go_on(&mut *running.0, after, should_stop) {
            // The accounts come first: they stay as they are from now on.
            drop(running);
            has_ended.set();
            end.ended.notify();
        }
    }

    /// Whether it came to its end, not only to that of this run.
    fn go_on(&self, work: &mut dyn Work, after: Option<Duration>, should_stop: impl Fn() -> bool) -> bool {
        let Inner { bell, end, .. } = &*self.inner;
        let mut was_told = false;
        loop {
            if !was_told && should_stop() {
                was_told = true;
                if let Some(after) = after {
                    end.give_up_at(Instant::now() + after);
                }
                end.drain();
            }
            if end.has_given_up() {
                return false;
            }
            match work.step() {
                Step::Moved => work.note(false),
                Step::Ended => return true,
                Step::Idle => {
                    work.note(false);
                    let drained = end.drains();
                    // Nothing in here may ring: the bell is held.
                    let is_interrupted =
                        || end.has_given_up() || end.drains() != drained || !was_told && should_stop();
                    let left = end.gives_up().map(|at| at.saturating_duration_since(Instant::now()));
                    work.wait(bell, left.map_or(PATIENCE, |left| left.min(PATIENCE)), &is_interrupted);
                }
            }
        }
    }

    /// Whether it has done all there will ever be.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.inner.has_ended.is_set()
    }

    /// Whether no thread runs it now.
    pub(super) fn is_quiet(&self) -> bool {
        !self.inner.is_run.load(Relaxed)
    }

    /// Draws up the accounts, unless it runs and does so itself, or has ended: what is recorded after that is not its business.
    pub(super) fn note(&self) {
        if self.is_quiet()
            && let Some(mut work) = self.inner.work.try_lock()
            && !self.has_ended()
        {
            work.note(true);
        }
    }
}

impl fmt::Debug for PipelineWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineWorker")
            .field("name", &self.inner.name)
            .field("has_ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}
