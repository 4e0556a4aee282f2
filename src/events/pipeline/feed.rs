//! What a worker takes from, stage upon stage: each takes from the one below when it is asked itself.

use super::handover::Handover;
use super::stage::{Call, Stage};
use crate::events::class::Class;
use crate::sync::Arc;
use std::time::Duration;

/// The time after which a worker looks by itself. Its neighbours ring before that; a supervisor that wants it to stop may not.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// What a feed gave.
pub(super) enum Taken<T> {
    Item(T),
    /// An item went no further: ask again, the most precious class first.
    Dropped,
    Nothing,
}

/// Where items come from, by class.
pub(super) trait Feed<T>: Send {
    fn take(&mut self, class: Class) -> Taken<T>;

    /// Whether it is known to have something of the class, or to have dropped something on the way there.
    fn has(&self, class: Class) -> bool;

    /// Whether nothing more will come.
    fn is_at_end(&self) -> bool;

    /// How long a worker may wait before it asks again unrung.
    fn patience(&mut self) -> Duration {
        PATIENCE
    }

    /// Tells how far it is to those who want to know. `now`: also if it did so a moment ago.
    fn note(&mut self, now: bool) {
        let _ = now;
    }
}

/// The other end of a hand-over.
pub(super) struct FromHandover<T>(pub(super) Arc<Handover<T>>);

impl<T: Send> Feed<T> for FromHandover<T> {
    fn take(&mut self, class: Class) -> Taken<T> {
        self.0.take(class).map_or(Taken::Nothing, Taken::Item)
    }

    fn has(&self, class: Class) -> bool {
        self.0.has(class)
    }

    fn is_at_end(&self) -> bool {
        self.0.is_at_end()
    }
}

/// A stage upon a feed.
pub(super) struct Staged<In, F> {
    pub(super) below: Box<dyn Feed<In>>,
    pub(super) stage: Arc<Stage>,
    pub(super) step: F,
}

/// What becomes of an item in a stage.
pub(super) trait Step<In, Out>: Send {
    fn step(&mut self, stage: &Stage, item: In) -> Option<Out>;
}

impl<In, Out, F: Step<In, Out>> Feed<Out> for Staged<In, F> {
    fn take(&mut self, class: Class) -> Taken<Out> {
        match self.below.take(class) {
            Taken::Item(item) => self.step.step(&self.stage, item).map_or(Taken::Dropped, Taken::Item),
            Taken::Dropped => Taken::Dropped,
            Taken::Nothing => Taken::Nothing,
        }
    }

    fn has(&self, class: Class) -> bool {
        self.below.has(class)
    }

    fn is_at_end(&self) -> bool {
        self.below.is_at_end()
    }

    fn patience(&mut self) -> Duration {
        self.below.patience()
    }

    fn note(&mut self, now: bool) {
        self.below.note(now);
    }
}

pub(super) struct Validate<F>(pub(super) F);
pub(super) struct Enrich<F>(pub(super) F);
pub(super) struct Filter<F>(pub(super) F);

/// What the host says of an item; counted.
fn ask<T>(stage: &Stage, item: &T, ask: &mut impl FnMut(&T) -> bool) -> bool {
    let call = Call::begin(&stage.counts);
    let says_yes = ask(item);
    call.returned();
    if says_yes {
        stage.counts.passed.add(1);
    }
    says_yes
}

impl<T, F: FnMut(&T) -> bool + Send> Step<T, T> for Validate<F> {
    fn step(&mut self, stage: &Stage, item: T) -> Option<T> {
        if !ask(stage, &item, &mut self.0) {
            // Before it is dropped: that is the host's code, too.
            stage.counts.invalid.add(1);
            return None;
        }
        Some(item)
    }
}

impl<T, F: FnMut(&T) -> bool + Send> Step<T, T> for Filter<F> {
    fn step(&mut self, stage: &Stage, item: T) -> Option<T> {
        if !ask(stage, &item, &mut self.0) {
            stage.counts.filtered.add(1);
            return None;
        }
        Some(item)
    }
}

impl<In, Out, F: FnMut(In) -> Out + Send> Step<In, Out> for Enrich<F> {
    fn step(&mut self, stage: &Stage, item: In) -> Option<Out> {
        let call = Call::begin(&stage.counts);
        let out = (self.0)(item);
        call.returned();
        stage.counts.passed.add(1);
        Some(out)
    }
}
