//! What a thread remembers of its panics while a worker runs on it.
//!
//! The panic hook is called where a panic begins and the run is caught where it ends, and between the two others may begin and be
//! caught. So the few last ones are remembered, and the one that came through is known by its payload: a text by where it lies and
//! what it says, anything else by its type.
//!
//! Threads on which no worker runs remember nothing, and no backtrace is taken for them.

use super::PanicLocation;
use crate::contain::text_of;
use crate::id::CorrelationId;
use crate::local;
use crate::sync::plain_thread_local;
use std::any::{Any, TypeId};
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::ManuallyDrop;
use std::panic::PanicHookInfo;

/// How many panics of a run are remembered: the last ones.
const MOST: usize = 4;

/// A panic as its hook saw it.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) location: Option<PanicLocation>,
    /// Addresses: they get their names when somebody shows it.
    pub(super) backtrace: Backtrace,
    pub(super) correlation: CorrelationId,
    payload: Payload,
}

/// What a payload is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payload {
    Text { address: usize, length: usize, hash: u64 },
    Other(TypeId),
}

impl Payload {
    fn of(payload: &(dyn Any + Send)) -> Self {
        match text_of(payload) {
            Some(text) => {
                let mut hasher = DefaultHasher::new();
                text.hash(&mut hasher);
                Self::Text { address: text.as_ptr().addr(), length: text.len(), hash: hasher.finish() }
            }
            None => Self::Other(payload.type_id()),
        }
    }
}

/// The last panics of a run, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Note>);

plain_thread_local! {
    // Nothing is dropped with the thread, so a panic of one that ends finds it as any other does. What is in it is taken out when
    // a run ends.
    static NOTES: ManuallyDrop<RefCell<Option<Notes>>> = ManuallyDrop::new(RefCell::new(None));
}

/// What is in its place, with the thread's own; nothing if that is in use.
fn replace(notes: Option<Notes>) -> Option<Notes> {
    NOTES.with(|own| own.try_borrow_mut().ok().and_then(|mut own| std::mem::replace(&mut *own, notes)))
}

/// This thread panics. Cold: it takes a backtrace, some microseconds.
#[cold]
#[inline(never)]
pub(super) fn note(info: &PanicHookInfo<'_>) {
    // Taken out for as long: what is called here may be the host's, as an allocator is.
    let Some(mut notes) = replace(None) else { return };
    if notes.0.len() == MOST {
        notes.0.remove(0);
    }
    let location = info.location().map(|place| PanicLocation {
        file: place.file().into(),
        line: place.line(),
        column: place.column(),
    });
    let (backtrace, correlation) = (Backtrace::force_capture(), local::scope().id);
    notes.0.push(Note { location, backtrace, correlation, payload: Payload::of(info.payload()) });
    replace(Some(notes));
}

impl Notes {
    /// From now on this thread remembers its panics.
    pub(crate) fn begin() {
        replace(Some(Self::default()));
    }

    /// From now on it does not; what it remembers.
    pub(crate) fn end() -> Self {
        replace(None).unwrap_or_default()
    }

    /// The one that has this payload, if there is no doubt.
    pub(super) fn of(self, payload: &(dyn Any + Send)) -> Option<Note> {
        let payload = Payload::of(payload);
        let mut found = self.0.into_iter().rev().filter(|note| note.payload == payload);
        let last = found.next()?;
        // A text that panics again at its one place did so last when it ended the run. Of a type there are many values, and one
        // text may be written in two places.
        let is_the_same =
            |other: Note| matches!(payload, Payload::Text { .. }) && other.location == last.location;
        found.all(is_the_same).then_some(last)
    }
}
