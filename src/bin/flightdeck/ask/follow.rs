//! What is there, and then what comes, until the process that records it ends.

use super::explained::is_whole;
use super::query::{each, found};
use super::select::{Selection, last};
use crate::export::Form;
use crate::formats::time_shown;
use crate::interrupt;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::{Output, OutputError};
use crate::recording::{Fate, who};
use crate::shown::count;
use flightdeck::events::{Cursor, CursorState, Delivery, EventId, Recording};
use std::collections::HashSet;
use std::time::Duration;

/// Events that are taken before they are written.
const BATCH: usize = 1_024;
/// How often it looks whether there is something new, and whether its process still runs: a person does not see less.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
const IDLE: Duration = Duration::from_millis(50);

/// How it begins.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// So many of what is there; all of it, if `None`.
    pub limit: Option<usize>,
    /// Whether it ends with 1 where events are missing.
    pub is_strict: bool,
}

pub fn run(
    begun: Begun,
    recording: &Recording,
    selection: &Selection,
    form: &Form,
    output: &mut Output,
    messages: &Messages,
) -> Result<Outcome, Failure> {
    // First the cursor: what is recorded meanwhile is delivered as well, and known by its id.
    let coming = selection.of_coming(recording);
    let cursor = coming.follow().map_err(|error| selection.explained(error, recording))?;
    // A kind that has become known since has events that no cursor of before would bring.
    let selection = &selection.clone().of_kinds_known(recording);
    let answer = found(recording, selection, begun.limit)?;
    if let Some(head) = form.head() {
        output.line(head)?;
    }
    let mut told = HashSet::new();
    let mut is_missing = false;
    if let Some(answer) = &answer {
        is_missing = !is_whole(answer);
        told.extend(answer.iter().map(|event| event.id()));
        each(answer, false, |event| output.line(form.event(&event)))?;
    }
    drop(answer);
    output.finish()?;
    let mut page = Page {
        count: told.len() as u64,
        told,
        is_missing,
        nameless: 0,
        selection,
        form,
        messages,
        lines: Vec::new(),
    };
    let cursor = cursor.park_between(LOOKS.0, LOOKS.1);
    let is_interrupted = page.go_on(cursor, recording, output)?;
    let is_enough = page.count > 0 && !(begun.is_strict && page.is_missing);
    Ok(match (is_interrupted, is_enough) {
        (true, _) => Outcome::Interrupted,
        (false, true) => Outcome::Done,
        (false, false) => Outcome::NothingFound,
    })
}

/// What came and is not written yet, and what is known of all that came.
struct Page<'a> {
    /// What was told before the cursor came to it.
    told: HashSet<EventId>,
    count: u64,
    is_missing: bool,
    /// Of how many kinds it was told that they have no name.
    nameless: u64,
    selection: &'a Selection,
    form: &'a Form,
    messages: &'a Messages,
    lines: Vec<String>,
}

impl Page<'_> {
    /// Until its process has ended, or the user interrupts; then true.
    fn go_on(
        &mut self,
        mut cursor: Cursor,
        recording: &Recording,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        loop {
            if interrupt::came() {
                return Ok(true);
            }
            // Before the look: what it recorded until it ended is found.
            let fate = recording.file().map_or(Fate::Unknown, Fate::of);
            let state = if fate.is_over() {
                cursor.drain(|delivery| self.add(&delivery)).state
            } else {
                cursor.poll(BATCH, |delivery| self.add(&delivery)).state
            };
            self.tell_nameless(recording);
            self.write(output)?;
            if state == CursorState::More {
                continue;
            }
            if fate.is_over() {
                return self.end(fate, recording).map(|()| false);
            }
            if let Ok(delivery) = cursor.next(IDLE) {
                self.add(&delivery);
            }
        }
    }

    fn add(&mut self, delivery: &Delivery<'_>) {
        match delivery {
            Delivery::Event(event) if self.told.remove(&event.id()) => {}
            Delivery::Event(event) if self.selection.keeps_coming(event) => {
                self.count += 1;
                self.lines.push(self.form.event(event));
            }
            Delivery::Gap(gap) => {
                self.is_missing = true;
                self.lines.extend(self.form.gap(gap, self.messages));
            }
            _ => {}
        }
    }

    /// Which of their events are asked for nobody can tell.
    fn tell_nameless(&mut self, recording: &Recording) {
        let kinds = if self.selection.goes_by_names() { recording.nameless().kinds } else { 0 };
        if kinds > self.nameless {
            (self.nameless, self.is_missing) = (kinds, true);
            self.messages.warn(format_args!(
                "of {} there is no name in the file: their events are left out here",
                count(kinds, "kind")
            ));
        }
    }

    /// At once: whoever reads it waits for it.
    fn write(&mut self, output: &mut Output) -> Result<(), OutputError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.lines.drain(..).try_for_each(|line| output.line(line))?;
        output.finish()
    }

    fn end(&self, fate: Fate, recording: &Recording) -> Result<(), Failure> {
        let Some(file) = recording.file() else { return Ok(()) };
        let last = last(recording)?.map(|at| format!("; its last event was at {}", time_shown(at)));
        let message = format!("{} {fate}{}", who(file), last.unwrap_or_default());
        if fate.is_violent() {
            self.messages.warn(message)
        } else {
            self.messages.note(message)
        }
        Ok(())
    }
}
