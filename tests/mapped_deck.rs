//! A whole deck in a file: killed, closed, started again, without a file; each time asked from outside.

#![cfg(target_os = "linux")]

mod support;

use flightdeck::events::Value;
use flightdeck::mapped::{Options, State};
use flightdeck::supervisor::Restart;
use flightdeck::{Builder, Flightdeck, Recording, StartError};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! { OrderFilled("order.filled", class = Critical) { n: u64 } }

/// A folder of its own, gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("host.deck")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn life(file: &Path) -> Builder<()> {
    Flightdeck::builder()
        .events(|events| events.memory(2 << 20).shards(4))
        .mapped(Options::at(file).recover(2))
        .worker("book", Restart::Permanent, until_stopped)
}

#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Some(folder) = std::env::var_os("FLIGHTDECK_DECK_FOLDER") else { return };
    let folder = PathBuf::from(folder);
    let deck = life(&folder.join("host.deck")).start().unwrap();
    (0..100).for_each(|n| deck.record(OrderFilled { n }));
    fs::write(folder.join("ready"), "").unwrap();
    for n in 100.. {
        deck.record(OrderFilled { n });
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs the child until it says that it is ready.
fn born(folder: &Folder) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "child"]).env("FLIGHTDECK_DECK_FOLDER", &folder.0);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("a child that runs", || {
        assert!(child.try_wait().unwrap().is_none(), "the child ended");
        folder.0.join("ready").exists()
    });
    child
}

fn killed(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
    // The kernel lets go of the lock as the process goes.
}

/// The numbers of all orders.
fn orders(recording: &Recording) -> Vec<u64> {
    // A kind that nobody recorded is unknown.
    let Ok(answer) = recording.events().query().kind_named("order.filled").run() else { return Vec::new() };
    let number = |value| match value {
        Some(Value::U64(n)) => n,
        other => panic!("{other:?}"),
    };
    answer.iter().map(|event| number(event.field("n"))).collect()
}

fn noted(recording: &Recording, kind: &str, field: &str) -> Vec<String> {
    let Ok(answer) = recording.events().query().kind_named(kind).run() else { return Vec::new() };
    answer.iter().filter_map(|event| Some(event.field(field)?.to_string())).collect()
}

#[test]
fn a_killed_deck_answers_and_the_next_life_goes_on_and_knows_the_one_before() {
    let folder = Folder::new("deck-killed");
    let child = born(&folder);
    let process = child.id();
    let live = Recording::open(folder.file()).unwrap();
    assert_eq!((live.file().state(), live.file().has_writer().unwrap()), (Some(State::Running), true));
    assert!(orders(&live).len() >= 100);
    killed(child);

    let dead = Recording::open(folder.file()).unwrap();
    assert_eq!((dead.file().state(), dead.file().has_writer().unwrap()), (Some(State::Running), false));
    assert_eq!(dead.file().header().life.process, process);
    let orders_before = orders(&dead);
    assert_eq!(orders_before, (0..orders_before.len() as u64).collect::<Vec<_>>());
    assert!(noted(&dead, "flightdeck.worker.started", "worker").contains(&"book".to_owned()));
    assert!(noted(&dead, "flightdeck.mapped.recovered", "file").is_empty(), "there was none before");

    let second = life(&folder.file()).start().unwrap();
    let before = second.previous().unwrap().unwrap();
    assert_eq!(orders(&before), orders_before);
    let file = second.file().unwrap();
    assert_eq!(file.life().number, before.file().header().life.number + 1);
    assert_eq!(file.previous(), Some(before.file().path()));
    let now = Recording::open(folder.file()).unwrap();
    assert!(orders(&now).is_empty());
    assert_eq!(noted(&now, "flightdeck.mapped.recovered", "ended"), ["died"]);
    assert_eq!(noted(&now, "flightdeck.mapped.recovered", "file"), [before.file().path().to_str().unwrap()]);
    second.sync().unwrap();
    assert!(second.shutdown(PATIENCE).is_clean());
    assert_eq!((now.file().state(), now.file().has_writer().unwrap()), (Some(State::Closed), false));
    drop(second);

    let third = life(&folder.file()).start().unwrap();
    let now = Recording::open(folder.file()).unwrap();
    assert_eq!(noted(&now, "flightdeck.mapped.recovered", "ended"), ["closed"]);
    // Nobody shuts it down.
    drop(third);
    until("a file that is closed", || now.file().state() == Some(State::Closed));
}

#[test]
fn a_deck_whose_file_cannot_be_made_is_not_started_or_goes_on_in_memory() {
    let nowhere = || Options::at("/nowhere/host.deck");
    let refused = Flightdeck::builder().mapped(nowhere()).start();
    assert!(matches!(refused, Err(StartError::Mapped(_))), "{refused:?}");

    let deck = Flightdeck::builder().mapped(nowhere().or_memory(true)).start().unwrap();
    let file = deck.file().unwrap();
    assert!(file.path().is_none() && file.instead_of().is_some());
    assert_eq!(deck.events().query().kind_named("flightdeck.mapped.fell_back").count(), 1);
    deck.sync().unwrap();
    assert!(deck.previous().is_none());
}

#[test]
fn a_deck_that_did_not_start_leaves_no_file_behind() {
    let folder = Folder::new("deck-unborn");
    let refused = life(&folder.file()).events(|events| events.directives("no such = directive")).start();
    assert!(matches!(refused, Err(StartError::Events(_))), "{refused:?}");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[test]
fn events_that_are_to_have_a_file_have_the_decks() {
    let folder = Folder::new("deck-of-events");
    let deck = Flightdeck::builder().events(|events| events.mapped(folder.file())).start().unwrap();
    let of_events = deck.events().file().unwrap();
    assert_eq!(deck.file().unwrap().life(), of_events.life());
    assert_eq!(of_events.path(), Some(&*folder.file()));
}

#[test]
fn what_changed_is_written_to_the_disk_now_and_then() {
    let folder = Folder::new("deck-synced");
    let deck = life(&folder.file()).sync_every(Duration::from_millis(1)).start().unwrap();
    let chores = deck.supervisor().status().chores;
    until("chores", || deck.supervisor().status().chores > chores + 20);
    assert_eq!(deck.telemetry().counter("flightdeck_mapped_sync_errors_total").value(), 0);
}
