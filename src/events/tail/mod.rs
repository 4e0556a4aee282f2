//! Printing what a cursor delivers, line by line, on whichever thread is given to it.
//!
//! - `line`: lines that were made and not written yet; `utc`: wall time
//!
//! Knows nothing of threads and who starts them again: what it has printed and not is kept here, so it goes on where it
//! was, whoever runs it.

mod line;
pub(crate) mod utc;

use super::cursor::{Cursor, CursorState, Delivery};
use crate::sync::{AtomicBool, AtomicU64, Mutex, Relaxed};
use line::Lines;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

/// As much is written at once, and an event more: the lock of stderr is held that long.
const BATCH_BYTES: usize = 16 << 10;
/// How many events are taken between two looks at whether to stop.
const BATCH_EVENTS: usize = 256;
/// How long it waits for events before it looks whether to stop.
const IDLE: Duration = Duration::from_millis(20);

/// How lines are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text, with colours or without.
    Text { is_coloured: bool },
    /// A JSON object a line.
    #[cfg(feature = "json")]
    Json,
}

/// What became of the events that a tail was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TailStats {
    /// Events whose lines were written whole.
    pub written: u64,
    /// Events that the cursor could not deliver, overwritten for the most part: each stretch of them is a line.
    pub missing: u64,
    /// Events whose lines, or parts of them, were lost to an error or a panic of the writer, or came after it was closed.
    pub unwritten: u64,
    /// How often the writer returned an error.
    pub write_errors: u64,
    /// How often it panicked.
    pub panics: u64,
    /// Whether it goes on.
    pub state: TailState,
}

/// Whether a tail goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TailState {
    /// It prints, or waits for something to print.
    Running,
    /// It was told to stop, and has printed what there was.
    Stopped,
    /// Whoever read what it wrote has gone.
    Closed,
    /// The store has stopped, and all of it was printed.
    Finished,
}

impl TailState {
    const ALL: [Self; 4] = [Self::Running, Self::Stopped, Self::Closed, Self::Finished];

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Closed => "closed",
            Self::Finished => "finished",
        }
    }
}

/// A cursor, and where what it delivers is printed.
pub(crate) struct Tail {
    /// Of the thread that prints, be it stuck in a write.
    printing: Mutex<Printing>,
    accounts: Accounts,
    /// Set by the host that wants no more.
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Accounts {
    written: AtomicU64,
    missing: AtomicU64,
    unwritten: AtomicU64,
    write_errors: AtomicU64,
    panics: AtomicU64,
    /// The place of a state among all.
    state: AtomicU64,
}

impl Tail {
    pub(crate) fn new(cursor: Cursor, format: Format, out: Writer) -> Self {
        let printing = Printing { cursor, page: Page::new(format, out) };
        Self { printing: Mutex::new(printing), accounts: Accounts::default(), stop: AtomicBool::new(false) }
    }

    /// What became of what it was given.
    pub(crate) fn stats(&self) -> TailStats {
        let Accounts { written, missing, unwritten, write_errors, panics, state } = &self.accounts;
        TailStats {
            written: written.load(Relaxed),
            missing: missing.load(Relaxed),
            unwritten: unwritten.load(Relaxed),
            write_errors: write_errors.load(Relaxed),
            panics: panics.load(Relaxed),
            state: TailState::ALL[state.load(Relaxed) as usize % TailState::ALL.len()],
        }
    }

    /// Ends it at its next look: see [`Tail::run`].
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Prints until it should stop, and then what was recorded before that; or until the store has stopped, or the writer is
    /// closed. Looks whether to stop some 50 times a second, unless the writer holds it up.
    ///
    /// # Panics
    /// If the writer does. Called again, it goes on after what was being written then.
    pub(crate) fn run(&self, should_stop: impl Fn() -> bool) {
        self.begin();
        let printing = &mut *self.printing.lock();
        let state = loop {
            let is_last = should_stop() || self.stop.load(Relaxed);
            if let Some(state) = printing.go_on(&self.accounts, is_last) {
                break state;
            }
        };
        self.end(state);
    }

    /// Prints what is left, unless somebody else is at it.
    pub(crate) fn finish(&self) {
        let printing = self.printing.try_lock().filter(|_| !self.is_closed());
        if let Some(state) = printing.and_then(|mut printing| printing.go_on(&self.accounts, true)) {
            self.end(state);
        }
    }

    fn is_closed(&self) -> bool {
        self.stats().state == TailState::Closed
    }

    fn begin(&self) {
        self.end(TailState::Running);
    }

    fn end(&self, state: TailState) {
        self.accounts.state.store(state as u64, Relaxed);
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

struct Printing {
    cursor: Cursor,
    page: Page,
}

impl Printing {
    /// Prints some of what there is, and waits a moment for more; all of it, if it is the last. The state in which it ends, if
    /// it does.
    fn go_on(&mut self, accounts: &Accounts, is_last: bool) -> Option<TailState> {
        let Self { cursor, page } = self;
        let state = if is_last {
            cursor.drain(|delivery| page.add(delivery, accounts)).state
        } else {
            cursor.poll(BATCH_EVENTS, |delivery| page.add(delivery, accounts)).state
        };
        page.write(accounts);
        match state {
            _ if page.out.is_none() => Some(TailState::Closed),
            CursorState::Closed => Some(TailState::Finished),
            _ if is_last => Some(TailState::Stopped),
            CursorState::Idle => {
                if let Ok(delivery) = cursor.next(IDLE) {
                    page.add(delivery, accounts);
                }
                None
            }
            CursorState::More => None,
        }
    }
}

/// Where lines go.
type Writer = Box<dyn Write + Send>;

/// Lines on their way out.
struct Page {
    lines: Lines,
    /// `None` once it is closed.
    out: Option<Writer>,
    /// Events in the lines.
    in_hand: u64,
}

impl Page {
    fn new(format: Format, out: Writer) -> Self {
        Self { lines: Lines::new(format), out: Some(out), in_hand: 0 }
    }

    fn add(&mut self, delivery: Delivery<'_>, accounts: &Accounts) {
        match &delivery {
            Delivery::Event(event) => match self.lines.event(event) {
                Ok(()) => self.in_hand += 1,
                Err(_) => {
                    accounts.unwritten.fetch_add(1, Relaxed);
                }
            },
            Delivery::Gap(gap) => {
                accounts.missing.fetch_add(gap.count, Relaxed);
                // What it counts stands in the accounts, whether or not it is told here.
                let _ = self.lines.gap(gap);
            }
        }
        if self.lines.bytes() >= BATCH_BYTES {
            self.write(accounts);
        }
    }

    /// Hands over all lines at once. Should the writer panic, they are gone.
    fn write(&mut self, accounts: &Accounts) {
        if self.lines.bytes() == 0 {
            return;
        }
        let text = self.lines.take();
        let outcome = Outcome { accounts, events: std::mem::take(&mut self.in_hand), is_known: false };
        let write = |out: &mut Writer| out.write_all(text.as_bytes()).and_then(|()| out.flush());
        let written = self.out.as_mut().map(write);
        outcome.is(written.as_ref());
        let error = written.and_then(Result::err);
        self.lines.give_back(text, error.is_some());
        if error.as_ref().is_some_and(says_closed) {
            self.out = None;
        }
    }
}

/// What becomes of the events that are being written.
struct Outcome<'a> {
    accounts: &'a Accounts,
    events: u64,
    /// It did not panic.
    is_known: bool,
}

impl Outcome<'_> {
    /// The writer returned this, if there is one left.
    fn is(mut self, written: Option<&io::Result<()>>) {
        self.is_known = true;
        match written {
            Some(Ok(())) => {
                self.accounts.written.fetch_add(std::mem::take(&mut self.events), Relaxed);
            }
            Some(Err(_)) => {
                self.accounts.write_errors.fetch_add(1, Relaxed);
            }
            None => {}
        }
    }
}

impl Drop for Outcome<'_> {
    fn drop(&mut self) {
        self.accounts.unwritten.fetch_add(self.events, Relaxed);
        self.accounts.panics.fetch_add(u64::from(!self.is_known), Relaxed);
    }
}

/// Whether nobody will ever read what is written there.
fn says_closed(error: &io::Error) -> bool {
    let closed = [
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::NotConnected,
    ];
    closed.contains(&error.kind())
}
