//! How far a life has come: the line of the header that changes.
//!
//! | edge | published by | observed by | then sees |
//! |---|---|---|---|
//! | `mapped-stage` | [`Stage::enter`] | [`Stage::read`] | all that was written before: header, directory, what parts laid out |
//!
//! Words are loaded relaxed, with a fence after them: they may lie in a mapping that allows no more.

use super::{Line, Region};
use crate::sync::{Arc, Relaxed, acquire_fence, release};

/// How far the life that wrote a file had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It was laying out the file, and nothing in it counts yet.
    Making,
    /// It was running. It still is if a writer lives; if none does it was killed, or the machine went down.
    Running,
    /// It ended as it was asked to.
    Closed,
    /// It is a copy that a deck made of itself, and may have lived on: a [dump](crate::Flightdeck::dump).
    Copied,
}

impl State {
    const ALL: [Self; 4] = [Self::Making, Self::Running, Self::Closed, Self::Copied];

    /// Texts, so that they are seen in a dump, and so that no flipped bit makes one of another.
    pub(crate) const fn word(self) -> u64 {
        u64::from_ne_bytes(match self {
            Self::Making => *b"making..",
            Self::Running => *b"running.",
            Self::Closed => *b"closed..",
            Self::Copied => *b"copied..",
        })
    }

    pub(crate) fn of_word(word: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Making => "making",
            Self::Running => "running",
            Self::Closed => "closed",
            Self::Copied => "copied",
        }
    }
}

/// Words of the line.
const STATE: usize = 0;
const ENDED: usize = 1;
const ROTATED: usize = 2;

/// What the line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `None` where the word is no state.
    pub state: Option<State>,
    /// When it closed, or was begun to be copied, in nanoseconds since 1970; 0 where it did not.
    pub ended: u64,
    /// When a later life put it aside, likewise.
    pub rotated: u64,
}

/// The line.
#[derive(Clone, Debug)]
pub struct Stage(Line);

impl Stage {
    /// # Panics
    /// Where the line leaves the region.
    #[must_use]
    pub fn new(region: &Arc<Region>, start: usize) -> Self {
        Self(region.line(start))
    }

    /// By the writer alone, the one that holds the file.
    pub fn enter(&self, state: State) {
        // Release, edge `mapped-stage` (partner: `Stage::read`): whoever sees this state sees what was written before.
        self.0.at::<STATE>().store(state.word(), release("mapped-stage"));
    }

    /// As it was asked to, at this time.
    pub fn close(&self, at: u64) {
        self.0.at::<ENDED>().store(at, Relaxed);
        self.enter(State::Closed);
    }

    /// What is read after this is no older than the state.
    #[must_use]
    pub fn read(&self) -> Seen {
        let state = self.0.at::<STATE>().load(Relaxed);
        // Acquire, edge `mapped-stage` (partner: `Stage::enter`).
        acquire_fence("mapped-stage");
        let [ended, rotated] = [self.0.at::<ENDED>(), self.0.at::<ROTATED>()].map(|word| word.load(Relaxed));
        Seen { state: State::of_word(state), ended, rotated }
    }
}
