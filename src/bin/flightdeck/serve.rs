//! `flightdeck serve`: what a deck's file has to tell, over HTTP: to Prometheus, to probes, and to a person with `curl`.

use crate::args::Serve;
use crate::demo;
use crate::interrupt;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::recording::who;
use crate::shown::grouped;
use flightdeck::bridge::serve::Server;
use flightdeck::mapped::{OpenOptions, Opened};
use flightdeck::telemetry::Value;
use flightdeck::{Flightdeck, Recording};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Between two looks for an interrupt.
const NAP: Duration = Duration::from_millis(50);
/// For what is on its way when it ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves until it is told to end.
pub fn run(asked: &Serve, output: &mut Output, messages: &Messages) -> Result<Outcome, Failure> {
    match &asked.file {
        Some(file) => serve(asked, file, output, messages),
        None => demo::under_load(messages, |file| serve(asked, file, output, messages))?,
    }
}

fn serve(asked: &Serve, file: &Path, output: &mut Output, messages: &Messages) -> Result<Outcome, Failure> {
    let opened = Opened::open(file, &OpenOptions::new().of_any_user(asked.any_user));
    let recording = Recording::of(opened.map_err(flightdeck::events::RecordingError::from)?)?;
    let whose = who(recording.file());
    // Runs the server, and counts who came.
    let deck = Flightdeck::builder()
        .events(|events| events.memory(1 << 20))
        .start()
        .map_err(|error| Failure::Deck(error.to_string()))?;
    let mut server = Server::of_recording(&deck, recording).address(asked.address);
    if asked.events {
        server = server.show_events();
    }
    if asked.configs {
        server = server.show_recorded_configs();
    }
    if let Some(token) = &asked.token {
        server = server.token(token.clone());
    }
    let server = server.start()?;
    output.line(format_args!("http://{}/metrics", server.address()))?;
    output.finish()?;
    messages.note(format_args!("serving {whose}; Ctrl-C ends it"));
    while !interrupt::came() {
        thread::sleep(NAP);
    }
    let snapshot = deck.telemetry().snapshot();
    let answered = snapshot.series("flightdeck_http_requests_total").map(|(_, value)| match value {
        Value::Counter(count) => *count,
        _ => 0,
    });
    messages.note(format_args!("answered {} requests", grouped(answered.sum())));
    deck.shutdown(PATIENCE);
    Ok(Outcome::Done)
}
