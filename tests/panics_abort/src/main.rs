//! A deck in a program whose panics abort: it says so at the start, in health, as an event and in its counts, until
//! somebody has taken note; and a panic is the last that a deck in a file tells. To be built with the profile `abort`; a test harness always unwinds.

use flightdeck::events::Value;
use flightdeck::mapped::State;
use flightdeck::telemetry::Value as Counted;
use flightdeck::{Concern, Flightdeck, HealthLevel, Recording};
use std::error::Error;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// In the environment of the process that is to end by a panic: where its deck lies.
const DECK: &str = "FLIGHTDECK_ABORTS_AT";

flightdeck::kind! { Filled("aborts.filled") { n: u64 } }

fn main() -> Result<(), Box<dyn Error>> {
    if cfg!(panic = "unwind") {
        return Err("panics unwind here: build it with `--profile abort`".into());
    }
    match std::env::var_os(DECK) {
        Some(path) => ends(path.into()),
        None => says_so().and_then(|()| outlives()),
    }
}

/// Ends by a panic of one of its threads.
fn ends(path: PathBuf) -> Result<(), Box<dyn Error>> {
    let deck = Flightdeck::builder().panic_hook(true).mapped(path).start()?;
    deck.telemetry().counter("filled").increment(100);
    (0..100).for_each(|n| deck.record(Filled { n }));
    let failed = std::thread::Builder::new().name("matcher".to_owned()).spawn(|| panic!("no price"))?.join();
    Err(format!("the process goes on: {failed:?}").into())
}

/// What it recorded is in its file, up to the panic.
fn outlives() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("flightdeck-aborts-{}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let path = folder.join("deck");
    let ended = Command::new(std::env::current_exe()?).env(DECK, &path).current_dir(&folder).output()?;
    assert_eq!(ended.status.code(), None, "not by a signal: {}", ended.status);
    let recording = Recording::open(&path)?;
    let file = recording.file();
    assert_eq!((file.state(), file.has_writer()?), (Some(State::Running), false));
    assert_eq!(recording.events().query().kind_named("aborts.filled").run()?.len(), 100);
    assert_eq!(recording.telemetry()?.snapshot().get("filled"), Some(&Counted::Counter(100)));
    let panics = recording.events().query().kind_named("flightdeck.thread.panicked").run()?;
    let told: Vec<_> = panics.iter().map(|event| (event.field("thread"), event.field("message"))).collect();
    assert_eq!(told, [(Some(Value::Str("matcher")), Some(Value::Str("no price")))]);
    println!(
        "it outlives a panic that aborts: {} events, the panic among them",
        recording.events().query().run()?.len()
    );
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn says_so() -> Result<(), Box<dyn Error>> {
    let deck = Flightdeck::builder().start()?;
    let health = deck.health();
    println!("{health}");
    assert_eq!(health.concerns, [Concern::RestartsImpossible]);
    assert_eq!((health.level(), health.is_live(), health.is_ready()), (HealthLevel::Degraded, true, true));
    assert_eq!(deck.telemetry().counter("flightdeck_health_changes_total").value(), 1);
    let recorded =
        |kind: &str| deck.events().query().kind_named(kind).run().is_ok_and(|answer| answer.len() == 1);
    assert!(recorded("flightdeck.health.changed"));
    let end = Instant::now() + Duration::from_secs(20);
    while !recorded("flightdeck.restarts_impossible") {
        assert!(Instant::now() < end, "its supervisor says nothing");
        std::thread::yield_now();
    }
    assert!(deck.acknowledge(&Concern::RestartsImpossible));
    println!("acknowledged: {}", deck.health());
    assert!(deck.health().is_healthy());
    Ok(())
}
