//! `flightdeck demo`: a real host under load, with and without a deck, and what the deck tells of it.
//!
//! - `host`, `book`: an HTTP server that quotes prices, and its work
//! - `flight`, `kinds`, `settings`, `source`, `feed`: what it records, its config and where that comes from, its supervised worker
//! - `faults`, `incidents`: workers that go wrong beside it, and what became of them
//! - `load`: the client; `variant`, `course`: what is compared, and how in turn
//! - `kill`: the host in a process of its own that is killed
//! - `live`, `view`: the live view; `findings`, `report`, `json`: what came out

mod book;
mod course;
mod faults;
mod feed;
mod findings;
mod flight;
mod host;
mod incidents;
mod json;
#[cfg(target_os = "linux")]
mod kill;
mod kinds;
mod live;
mod load;
mod report;
mod settings;
mod source;
mod variant;
mod view;

use crate::args::{Color, Demo};
use crate::export::{Place, Saving};
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::screen;
use crate::terminal::Look;
use course::Course;
use faults::Faults;
use findings::{AskError, Findings};
use flight::Flight;
use flightdeck::supervisor::{ChildSpec, Restart};
use flightdeck::telemetry::Telemetry;
use flightdeck::{Builder, Diagnostic, Flightdeck, Retry, Severity};
use host::Shared;
#[cfg(target_os = "linux")]
pub use kill::under_load;
use live::Live;
use load::Load;
use settings::{FIRST, Settings};
use source::Source;
use std::io;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use variant::{Equipment, Variant};
use view::View;

/// What each deck takes for its events.
const MEMORY: usize = 64 << 20;
/// Enough to keep the host busy: one that waits pays for sleeping and waking, which differs by more than a deck costs.
const CLIENTS: usize = 4;

/// Why the demo cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The host has not what it needs.
    #[error("the demo's host cannot have {what}: {source}")]
    Host {
        /// What it needs.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A deck does not start.
    #[error("the demo's deck cannot start: {0}")]
    Deck(String),
    /// The file of `--config` cannot be used.
    #[error("the demo's {0}")]
    Config(#[from] flightdeck::config::LoadError),
    /// A deck cannot be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// Nothing was answered: what stands in between is not ours.
    #[error(
        "all {requests} requests to the demo's host failed: is a firewall or a proxy between 127.0.0.1 and itself?"
    )]
    Unanswered {
        /// How many were tried.
        requests: u64,
    },
}

impl Diagnostic for DemoError {
    fn code(&self) -> &'static str {
        match self {
            Self::Host { .. } => "cli.demo.host",
            Self::Deck(_) => "cli.demo.deck",
            Self::Config(_) => "cli.demo.config",
            Self::Ask(_) => "cli.demo.ask",
            Self::Unanswered { .. } => "cli.demo.unanswered",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Later
    }
}

/// Runs the demo and reports.
pub fn run(
    asked: &Demo,
    color: Color,
    output: &mut Output,
    messages: &mut Messages,
) -> Result<Outcome, Failure> {
    let length = Duration::from_secs(asked.seconds());
    #[cfg(target_os = "linux")]
    match &asked.as_host {
        Some(file) => return kill::child::run(file, length, asked.chaos, output),
        None if asked.kill => return kill::run(asked, Look::stdout(color), output, messages),
        None => {}
    }
    keep_panics_quiet();
    let to = asked.to.open()?;
    let clients = Telemetry::new();
    let (lines, received) = channel();
    let source = asked.config.as_deref().map(Source::open).transpose().map_err(DemoError::from)?;
    let first = source.as_ref().map_or(FIRST, Source::settings);
    let deck = recording_deck(first, source.as_ref(), asked.chaos)?;
    let mut variants = vec![
        Variant::bare(Equipment::Bare, first, &clients)?,
        Variant::bare(Equipment::BareAgain, first, &clients)?,
        switched_off(first, &clients)?,
        recording(&deck, &clients, Arc::new(Mutex::new(received)))?,
    ];
    let faults = asked.chaos.then(|| Faults::start(&deck)).transpose()?;
    let load =
        Load::start(CLIENTS).map_err(|source| DemoError::Host { what: "its clients' threads", source })?;
    let live = Arc::new(Live::new(&deck, &clients, length));
    let has_view = !asked.json && screen::is_possible();
    // A terminal that cannot be taken over shows the lines.
    let view = has_view.then(|| View::open(live.clone(), color).ok()).flatten();
    let log = with_progress(view.is_none(), &live, messages, || {
        Course { variants: &mut variants, load, lines: &lines, live: &live, source, faults }.run(length)
    });
    drop(view);
    let (requests, failed) = variants
        .iter()
        .fold((0, 0), |(requests, failed), variant| (requests + variant.requests(), failed + variant.failed));
    if requests > 0 && failed == requests {
        return Err(DemoError::Unanswered { requests }.into());
    }
    let findings = Findings::gather(variants, log, &deck).map_err(DemoError::from)?;
    if asked.json {
        output.json(&json::object(&findings))?
    } else {
        report::text(&findings, Look::stdout(color), output)?
    }
    if let Some(place) = to {
        save(place, &deck, messages)?;
    }
    deck.shutdown(Duration::from_secs(5));
    if findings.log.is_interrupted {
        messages.warn("interrupted: this is what was measured until then");
        return Ok(Outcome::Interrupted);
    }
    Ok(Outcome::Done)
}

/// Writes what the deck still holds, while the deck runs.
fn save(place: Place<'_>, deck: &Flightdeck<Settings>, messages: &mut Messages) -> Result<(), Failure> {
    let events = deck.events();
    let (how, sink) = place.how(events.clock().converter());
    let mut saving = Saving::new(how, sink);
    let mut goes_on = true;
    events.query().each_in_order(|event| {
        if goes_on {
            saving.write(event);
            goes_on = saving.goes_on_after(messages);
        }
    })?;
    if let Some(written) = saving.finish(messages)? {
        messages.note(format_args!("{} to {}", written.told(), written.place));
    }
    Ok(())
}

fn start(builder: Builder<Settings>) -> Result<Flightdeck<Settings>, DemoError> {
    let builder = builder.events(|events| events.memory(MEMORY).prefault(true));
    builder.start().map_err(|error| DemoError::Deck(error.to_string()))
}

/// The deck that records everything; it watches the source of the config, if there is one, and notes where panics begin, if
/// there are to be more.
fn recording_deck(
    first: Settings,
    source: Option<&Source>,
    has_faults: bool,
) -> Result<Flightdeck<Settings>, DemoError> {
    let builder = Flightdeck::builder().panic_hook(has_faults);
    let Some(source) = source else { return start(builder.config(first)) };
    let deck = start(builder.config_built(source.config().clone()))?;
    source.watch_by(&deck).map_err(DemoError::Deck)?;
    Ok(deck)
}

/// A host whose deck records nothing.
fn switched_off(first: Settings, clients: &Telemetry) -> Result<Variant, DemoError> {
    let deck = start(Flightdeck::builder().config(first))?;
    deck.events().switch(false);
    let shared = Shared::new(Flight::with(&deck), first);
    follow(&deck, &shared);
    Variant::start(Equipment::SwitchedOff, shared, Some(deck), clients)
}

/// A host whose deck records everything, and whose books a supervised worker moves.
fn recording(
    deck: &Flightdeck<Settings>,
    clients: &Telemetry,
    lines: feed::Lines,
) -> Result<Variant, DemoError> {
    let shared = Shared::new(Flight::with(deck), **deck.config().load());
    follow(deck, &shared);
    let fed = shared.clone();
    let worker =
        ChildSpec::new(feed::NAME, Restart::Permanent, move |context| feed::run(context, &fed, &lines));
    deck.supervisor().add(worker).map_err(|error| DemoError::Deck(error.to_string()))?;
    Variant::start(Equipment::Recording, shared, Some(deck.clone()), clients)
}

/// The host follows the config for as long as there is one.
fn follow(deck: &Flightdeck<Settings>, shared: &Arc<Shared>) {
    let shared = Arc::downgrade(shared);
    let apply = move |change: &flightdeck::config::Change<Settings>| {
        if let Some(shared) = shared.upgrade() {
            shared.apply(**change.new);
        }
    };
    deck.config().subscribe(apply).forever();
}

/// Panics of workers are part of the demo: they are in the report, and need not be on standard error too.
fn keep_panics_quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().name().is_none_or(|name| !name.ends_with(feed::NAME) && !faults::is_one(name)) {
            screen::restore();
            usual(panic);
        }
    }));
}

/// Runs `work`, and says about once a second how far it is.
fn with_progress<R: Send>(
    is_wanted: bool,
    live: &Live,
    messages: &mut Messages,
    work: impl FnOnce() -> R + Send,
) -> R {
    if !is_wanted {
        return work();
    }
    thread::scope(|scope| {
        let working = scope.spawn(work);
        let mut next = Instant::now() + Duration::from_secs(1);
        while !working.is_finished() {
            thread::park_timeout(Duration::from_millis(20));
            if Instant::now() >= next {
                next += Duration::from_secs(1);
                let now = live.now();
                let rate =
                    |equipment| now.rate(equipment).map_or_else(|| "-".to_owned(), crate::shown::grouped);
                let said = now.said.last().map(|said| format!("; {said}")).unwrap_or_default();
                messages.note(format_args!(
                    "{:.0} of {:.0} s: {} requests/s recording, {} without a deck{said}",
                    now.elapsed.as_secs_f64(),
                    live.length.as_secs_f64(),
                    rate(Equipment::Recording),
                    rate(Equipment::Bare),
                ));
            }
        }
        working.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
