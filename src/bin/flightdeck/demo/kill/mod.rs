//! `flightdeck demo --kill`: the host in a process of its own, its deck in a file, killed under load; and what is in the file.
//!
//! A request that was answered was announced: whatever the host recorded of it before it replied must be in the file.
//!
//! - `child`, `settlement`: the host's process, and a worker of it that takes long; `doomed`: the same as its parent holds it
//! - `place`: where the file lies
//! - `check`: what was announced against what is there; `report`: that, for a person and for a program

mod check;
pub mod child;
mod doomed;
mod place;
mod report;
mod settlement;

use super::load::{Done, Load};
use super::{CLIENTS, DemoError};
use crate::args::Demo;
use crate::interrupt;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::post_mortem;
use crate::shown::grouped;
use crate::terminal::Look;
use check::Checked;
use doomed::Doomed;
use flightdeck::Recording;
use flightdeck::telemetry::{Histogram, Telemetry};
use place::Place;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Of the host's process in messages, and of its file's program.
const NAME: &str = "flightdeck-demo";

/// What happens to a host that somebody watches, happens in so long; then only its books move.
const COURSE: Duration = Duration::from_secs(60);
/// Between two looks whether somebody still watches.
const TURN: Duration = Duration::from_millis(500);

/// What was done, and what is there.
pub struct Killed {
    pub ran: Duration,
    /// As far as the clients know.
    pub done: Done,
    pub opened_in: Duration,
    pub checked: Checked,
}

/// Runs the host, kills it, asks its file, and reports.
pub fn run(asked: &Demo, look: Look, output: &mut Output, messages: &Messages) -> Result<Outcome, Failure> {
    let length = Duration::from_secs(asked.seconds());
    let (place, doomed) = start(length, asked.chaos, messages)?;
    let load =
        Load::start(CLIENTS).map_err(|source| DemoError::Host { what: "its clients' threads", source })?;
    let clients = Telemetry::new();
    let latency = clients.histogram("answered");
    let start = Instant::now();
    let (killed, done) = thread::scope(|scope| {
        // Longer than it lives: it ends when nobody answers any more.
        let (address, latency) = (doomed.address, &latency);
        let driving = scope.spawn(move || load.drive_to_the_end(address, length * 2, latency));
        wait(length, start, latency, messages);
        let killed = doomed.kill();
        (killed, driving.join().unwrap_or_default())
    });
    let ran = killed.map_err(|source| DemoError::Host { what: "an end", source })?.duration_since(start);
    if done.answered.is_empty() {
        return Err(DemoError::Unanswered { requests: done.requests }.into());
    }
    messages.note(format_args!(
        "killed with SIGKILL; {} requests had been answered",
        grouped(done.requests - done.failed)
    ));
    let outcome = tell(asked, &place, ran, done, look, output, messages)?;
    if asked.keep {
        let file = place.keep();
        messages.note(format_args!("kept: flightdeck post-mortem {}", file.display()));
    }
    if interrupt::came() {
        messages.warn("interrupted: it was killed earlier than asked for");
        return Ok(Outcome::Interrupted);
    }
    Ok(outcome)
}

/// Has the host serve under load for as long as somebody watches its file, and kills it then.
pub fn under_load<R>(messages: &Messages, watch: impl FnOnce(&Path) -> R) -> Result<R, DemoError> {
    let (place, doomed) = start(COURSE, false, messages)?;
    let load =
        Load::start(CLIENTS).map_err(|source| DemoError::Host { what: "its clients' threads", source })?;
    let (clients, is_over) = (Telemetry::new(), AtomicBool::new(false));
    let latency = clients.histogram("answered");
    thread::scope(|scope| {
        let (address, is_over, latency) = (doomed.address, &is_over, &latency);
        scope.spawn(move || {
            // Relaxed: the flag stands for itself.
            while !is_over.load(Relaxed) {
                let done = load.drive(address, TURN, latency);
                if done.failed == done.requests {
                    messages.warn("nobody answers: the host is gone");
                    break;
                }
            }
        });
        // Also where it panics: this scope waits for the clients.
        let _over = Over(is_over);
        Ok(watch(&place.file()))
    })
}

/// Says so when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// In the first place where there is room for its file.
fn start(length: Duration, chaos: bool, messages: &Messages) -> Result<(Place, Doomed), DemoError> {
    let mut last = None;
    for base in place::bases() {
        let place = match Place::below(&base) {
            Ok(place) => place,
            Err(source) => {
                last = Some(DemoError::Host { what: "a directory for its file", source });
                continue;
            }
        };
        match Doomed::start(&place.file(), length, chaos) {
            Ok(doomed) => return Ok((place, doomed)),
            Err(error) => {
                messages.note(format_args!("not in {}: {error}", base.display()));
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or_else(|| DemoError::Deck("there is no place for its file".to_owned())))
}

/// Until its hour has come; says about once a second how far it is.
fn wait(length: Duration, start: Instant, latency: &Histogram, messages: &Messages) {
    let mut next = Duration::from_secs(1);
    while start.elapsed() < length && !interrupt::came() {
        thread::sleep(Duration::from_millis(20).min(length.saturating_sub(start.elapsed())));
        if start.elapsed() >= next {
            messages.note(format_args!(
                "{} of {} s: {} requests answered",
                next.as_secs(),
                length.as_secs(),
                grouped(latency.values().count())
            ));
            next += Duration::from_secs(1);
        }
    }
}

fn tell(
    asked: &Demo,
    place: &Place,
    ran: Duration,
    done: Done,
    look: Look,
    output: &mut Output,
    messages: &Messages,
) -> Result<Outcome, Failure> {
    let start = Instant::now();
    let opened = Recording::open(place.file()).map_err(|error| DemoError::Deck(error.to_string()));
    let (recording, opened_in) = (opened?, start.elapsed());
    let checked = Checked::of(recording.events(), &done, |looked_up, all| {
        messages.note(format_args!("looked up {} of {}", grouped(looked_up as u64), grouped(all as u64)));
    })?;
    let findings = post_mortem::Findings::gather(&recording)?;
    let killed = Killed { ran, done, opened_in, checked };
    if asked.json {
        output.json(&report::json(&killed, &findings))?;
    } else {
        report::text(&killed, &findings, look, output)?;
        post_mortem::report(&findings, look, output)?;
    }
    Ok(if killed.checked.missing == 0 { Outcome::Done } else { Outcome::NothingFound })
}
