//! The host's process: serves, changes its config, has its worker panic, until it is killed.

use super::{NAME, settlement};
use crate::demo::faults::Faults;
use crate::demo::settings::{CHANGES, FIRST, REFUSED as REFUSED_SETTINGS, Settings};
use crate::demo::variant::Variant;
use crate::demo::{DemoError, book, feed, keep_panics_quiet, recording};
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use flightdeck::Flightdeck;
use flightdeck::config::{Config, Paths};
use flightdeck::events::Shares;
use flightdeck::mapped::Options;
use flightdeck::supervisor::{ChildSpec, Restart};
use flightdeck::telemetry::Telemetry;
use std::error::Error;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What it says once it serves, before the address; and before why it does not.
pub const READY: &str = "ready";
pub const REFUSED: &str = "refused";

/// Room for all that it records in some seconds at full speed, in the ring of the one thread that serves.
const MEMORY: usize = 512 << 20;
const SHARDS: usize = 6;
const SHARES: Shares = Shares { critical: 1, normal: 6, verbose: 1 };
/// How often a book is moved.
const STEP: Duration = Duration::from_millis(5);

/// Runs until its standard input ends, which is when its parent is gone.
pub fn run(file: &Path, length: Duration, chaos: bool, output: &mut Output) -> Result<Outcome, Failure> {
    let host = match Host::start(file, chaos) {
        Ok(host) => host,
        Err(error) => {
            output.line(format_args!("{REFUSED} {error}"))?;
            output.finish()?;
            return Ok(Outcome::Unreadable);
        }
    };
    let said = output.line(format_args!("{READY} {}", host.variant.host.address));
    if let Err(error) = said.and_then(|()| output.finish()) {
        // The parent is gone already.
        drop(host);
        leave_nothing(file);
        return Err(error.into());
    }
    // Relaxed: the flag stands for itself.
    let is_orphan = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::stdin().read_to_end(&mut Vec::new());
            is_orphan.store(true, Relaxed);
        });
        host.course(length, || is_orphan.load(Relaxed));
    });
    host.deck.shutdown(Duration::from_secs(1));
    leave_nothing(file);
    Ok(Outcome::Done)
}

/// Of a host whose parent is gone: nobody else would.
fn leave_nothing(file: &Path) {
    let _ = fs::remove_file(file);
    if let Some(directory) = file.parent() {
        let _ = fs::remove_dir(directory);
    }
}

struct Host {
    deck: Flightdeck<Settings>,
    variant: Variant,
    lines: Sender<String>,
    faults: Option<Faults>,
}

impl Host {
    fn start(file: &Path, chaos: bool) -> Result<Self, DemoError> {
        keep_panics_quiet();
        let options = Options::at(file).program(NAME);
        let refused = |error: &dyn Error| DemoError::Deck(error.to_string());
        // With paths, so that the deck writes down what of it changes.
        let config =
            Config::builder(FIRST).paths(Paths::new().writable("")).map_err(|error| refused(&error))?;
        let config = config.build().map_err(|error| refused(&error))?;
        let builder = Flightdeck::builder().panic_hook(true).config_built(config).mapped(options);
        let builder =
            builder.events(|events| events.memory(MEMORY).shards(SHARDS).shares(SHARES).prefault(true));
        let deck = builder.start().map_err(|error| refused(&error))?;
        let (lines, received) = channel();
        let variant = recording(&deck, &Telemetry::new(), Arc::new(Mutex::new(received)))?;
        let settling = deck.clone();
        let settlement = ChildSpec::new(settlement::NAME, Restart::Permanent, move |context| {
            settlement::run(context, &settling);
        });
        deck.supervisor().add(settlement).map_err(|error| refused(&error))?;
        let faults = chaos.then(|| Faults::start(&deck)).transpose()?;
        Ok(Self { deck, variant, lines, faults })
    }

    /// What happens beside the requests, at set parts of the time that it has; then only books move.
    fn course(&self, length: Duration, is_over: impl Fn() -> bool) {
        let start = Instant::now();
        let (steps, mut changes) = ((length.as_millis() / STEP.as_millis()) as usize, CHANGES.iter());
        for step in 0.. {
            if is_over() {
                return;
            }
            let number = step * 7 % book::SYMBOLS;
            let middle = 20.0 + 3.5 * number as f64 + (step % 11) as f64 * 0.01;
            let _ = self.lines.send(format!("{};{middle}", book::symbol(number)));
            if [1, 2, 3].iter().any(|quarter| steps * quarter / 4 == step) {
                changes.next().and_then(|settings| self.variant.configure(*settings));
            }
            if step == steps * 3 / 10 {
                let _ = self.deck.config().replace(REFUSED_SETTINGS);
            }
            if step == steps * 2 / 5 {
                let _ = self.lines.send(feed::MALFORMED.to_owned());
            }
            if let Some(faults) = &self.faults {
                faults.act(step as u32, steps as u32);
            }
            let next = STEP * (step as u32 + 1);
            thread::sleep(next.saturating_sub(start.elapsed()));
        }
    }
}
