//! A whole deck in a file: killed, closed, started again, without a file; each time asked from outside.

#![cfg(target_os = "linux")]

#[path = "support/folder.rs"]
mod folder;
mod support;

use flightdeck::config::{Config, Paths, Validate, Violations};
use flightdeck::events::{Answer, Query, Value};
use flightdeck::mapped::{Options, State};
use flightdeck::supervisor::{ChildSpec, Heartbeat, Restart, WorkerContext, WorkerState};
use flightdeck::{
    Builder, Flightdeck, HealthLevel, PartError, RecordedRevision, RecordedValue, RecordedWorker, Recording,
    Settings, StartError,
};
use folder::Folder;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! { OrderFilled("order.filled", class = Critical) { n: u64 } }

#[derive(Clone, Serialize, Deserialize)]
struct App {
    orders: u32,
    token: String,
}

impl Validate for App {
    fn validate(&self, _: &mut Violations) {}
}

fn life(file: &Path) -> Builder<App> {
    let app = App { orders: 10, token: "geheim".to_owned() };
    let config =
        Config::builder(app).named("app").paths(Paths::new().secret("token")).unwrap().build().unwrap();
    let mut settings = Settings::default();
    settings.health = Duration::from_millis(5);
    let beats = |context: &WorkerContext| {
        while !context.should_stop() {
            context.beat();
            let _ = context.wait(Duration::from_millis(1));
        }
    };
    let fails = |_: &WorkerContext| Err::<(), _>("no connection");
    Flightdeck::builder()
        .config_built(config)
        .settings(settings)
        .events(|events| events.memory(2 << 20).shards(4))
        .mapped(Options::at(file).recover(2))
        .carry_over(true)
        .worker("book", Restart::Permanent, until_stopped)
        .worker("feed", Restart::Temporary, fails)
        .supervisor(|supervisor| {
            let feed = ChildSpec::new("beats", Restart::Permanent, beats);
            supervisor.worker(feed.heartbeat(Heartbeat::within(Duration::from_secs(60))))
        })
}

fn revisions(recording: &Recording, config: &str) -> Vec<RecordedRevision> {
    let told = recording.configs().unwrap();
    assert_eq!(told.left_out, 0);
    told.what.into_iter().filter(|revision| &*revision.config == config).collect()
}

fn worker(recording: &Recording, name: &str) -> RecordedWorker {
    let told = recording.workers().unwrap();
    assert!(told.at.is_some());
    told.what.into_iter().find(|worker| &*worker.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Some(folder) = std::env::var_os("FLIGHTDECK_DECK_FOLDER") else { return };
    let folder = PathBuf::from(folder);
    let deck = life(&folder.join("deck")).start().unwrap();
    (0..100).for_each(|n| deck.record(OrderFilled { n }));
    deck.telemetry().counter("orders").increment(7);
    let more = |app: &App| App { orders: app.orders + 1, ..app.clone() };
    deck.config().by("ops").because("more load").update(more).unwrap();
    until("a failure that is posted", || {
        let recording = Recording::open(folder.join("deck")).unwrap();
        worker(&recording, "feed").has_failed && worker(&recording, "beats").last_heartbeat.is_some()
    });
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
    let live = Recording::open(folder.deck()).unwrap();
    assert_eq!((live.file().state(), live.file().has_writer().unwrap()), (Some(State::Running), true));
    assert!(orders(&live).len() >= 100);
    killed(child);

    let dead = Recording::open(folder.deck()).unwrap();
    assert_eq!((dead.file().state(), dead.file().has_writer().unwrap()), (Some(State::Running), false));
    assert_eq!(dead.file().header().life.process, process);
    let orders_before = orders(&dead);
    assert_eq!(orders_before, (0..orders_before.len() as u64).collect::<Vec<_>>());
    assert!(noted(&dead, "flightdeck.worker.started", "worker").contains(&"book".to_owned()));
    assert!(noted(&dead, "flightdeck.mapped.recovered", "file").is_empty(), "there was none before");

    let app = revisions(&dead, "app");
    let told: Vec<_> =
        app.iter().map(|of| (of.number, &*of.who, of.why.as_deref(), of.is_in_force)).collect();
    assert_eq!(told[1..], [(2, "ops", Some("more load"), true)]);
    assert_eq!((told[0].0, told[0].3), (1, false));
    let RecordedValue::Json(value) = &app[1].value else { panic!("{app:?}") };
    assert!(value.contains("\"orders\":11") && !value.contains("geheim"), "{value}");
    assert_eq!(revisions(&dead, "flightdeck").len(), 1);
    assert_eq!((worker(&dead, "book").state, worker(&dead, "book").generation), (WorkerState::Running, 1));
    let feed = worker(&dead, "feed");
    assert_eq!((feed.state, feed.last_failure.as_deref()), (WorkerState::Finished, Some("no connection")));
    let health = dead.health().unwrap().what.unwrap();
    assert_eq!((health.level, health.is_live, health.has_started), (HealthLevel::Degraded, true, true));
    assert!(health.concerns.iter().any(|concern| &*concern.code == "worker_failed"), "{health:?}");

    let second = life(&folder.deck()).start().unwrap();
    let before = second.previous().unwrap().unwrap();
    second.telemetry().counter("orders").increment(1);
    assert_eq!(second.telemetry().counter("orders").value(), 8, "it goes on from there");
    assert!(before.telemetry().unwrap().snapshot().get("orders").is_some());
    assert_eq!(orders(&before), orders_before);
    let file = second.file().unwrap();
    assert_eq!(file.life().number, before.file().header().life.number + 1);
    assert_eq!(file.previous(), Some(before.file().path()));
    let now = Recording::open(folder.deck()).unwrap();
    assert!(orders(&now).is_empty());
    assert_eq!(noted(&now, "flightdeck.mapped.recovered", "ended"), ["died"]);
    assert_eq!(noted(&now, "flightdeck.mapped.recovered", "file"), [before.file().path().to_str().unwrap()]);
    second.sync().unwrap();
    assert!(second.shutdown(PATIENCE).is_clean());
    assert_eq!((now.file().state(), now.file().has_writer().unwrap()), (Some(State::Closed), false));
    assert_eq!(worker(&now, "book").state, WorkerState::Finished);
    assert!(now.health().unwrap().what.unwrap().concerns.iter().any(|concern| &*concern.code == "stopping"));
    drop(second);

    let third = life(&folder.deck()).start().unwrap();
    let now = Recording::open(folder.deck()).unwrap();
    assert_eq!(noted(&now, "flightdeck.mapped.recovered", "ended"), ["closed"]);
    // Nobody shuts it down.
    drop(third);
    until("a file that is closed", || now.file().state() == Some(State::Closed));
    assert_eq!(worker(&now, "book").state, WorkerState::Finished);
}

#[test]
fn old_revisions_make_room_and_those_in_force_stay() {
    let folder = Folder::new("deck-revisions");
    let deck = life(&folder.deck()).start().unwrap();
    let recording = Recording::open(folder.deck()).unwrap();
    for n in 0..20 {
        let token = String::new();
        deck.config().because("x".repeat(250)).replace(App { orders: n, token }).unwrap();
    }
    assert_eq!(revisions(&recording, "app").len(), 21);
    for n in 0..300 {
        let token = String::new();
        deck.config().because("x".repeat(250)).replace(App { orders: n, token }).unwrap();
    }
    let told = recording.configs().unwrap();
    assert_eq!(told.what.len() as u64 + told.left_out, 322);
    let in_force: Vec<_> =
        told.what.iter().filter(|of| of.is_in_force).map(|of| (&*of.config, of.number)).collect();
    assert_eq!(in_force, [("flightdeck", 1), ("app", 321)]);
    let numbers = told.what.iter().filter(|of| &*of.config == "app").map(|of| of.number);
    assert!(numbers.clone().is_sorted() && numbers.count() > 100);
}

#[test]
fn a_file_of_events_alone_has_no_other_parts() {
    let folder = Folder::new("deck-of-events-alone");
    let events = flightdeck::events::Events::builder().memory(1 << 20).shards(1).mapped(folder.deck());
    let _events = events.build().unwrap();
    let recording = Recording::open(folder.deck()).unwrap();
    assert_eq!(recording.configs(), Err(PartError::Absent { part: "configs" }));
    assert_eq!(recording.workers(), Err(PartError::Absent { part: "workers" }));
    assert_eq!(recording.health(), Err(PartError::Absent { part: "health" }));
}

#[test]
fn whatever_lies_in_a_part_gives_an_answer() {
    let folder = Folder::new("deck-hostile");
    let deck = life(&folder.deck()).start().unwrap();
    assert!(deck.shutdown(PATIENCE).is_clean());
    let whole = fs::read(folder.deck()).unwrap();
    let sections = Recording::open(folder.deck()).unwrap().file().header().sections.clone();
    let mut seed = 7_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let path = folder.0.join("hostile.deck");
    for round in 0..60 {
        let mut bytes = whole.clone();
        for section in sections.iter().filter(|section| section.kind >= 3) {
            let (first, words) = (section.start * 8, section.words);
            // Some words, often those that come first.
            for _ in 0..random() % 40 {
                let at = first + 8 * (random() as usize % if round % 2 == 0 { 64 } else { words });
                let word = [0, u64::MAX, random(), 2 * random(), random() % 100][random() as usize % 5];
                bytes[at..at + 8].copy_from_slice(&word.to_ne_bytes());
            }
        }
        fs::write(&path, &bytes).unwrap();
        let recording = Recording::open(&path).unwrap();
        let (configs, workers) = (recording.configs(), recording.workers());
        assert!(configs.is_ok_and(|told| told.what.len() <= 8 << 10));
        assert!(workers.is_ok_and(|told| told.what.len() <= 4 << 10));
        assert!(recording.health().is_ok());
    }
}

#[test]
fn a_life_before_that_cannot_be_read_is_told() {
    let folder = Folder::new("deck-damaged");
    assert!(life(&folder.deck()).start().unwrap().shutdown(PATIENCE).is_clean());
    let section = Recording::open(folder.deck()).unwrap().file().header().sections[0];
    let mut bytes = fs::read(folder.deck()).unwrap();
    bytes[section.start * 8..][..64].fill(0xff);
    fs::write(folder.deck(), bytes).unwrap();

    let second = life(&folder.deck()).start().unwrap();
    assert!(second.previous().unwrap().is_err());
    let now = Recording::open(folder.deck()).unwrap();
    assert!(noted(&now, "flightdeck.mapped.recovered", "file").is_empty());
    let [why] = &noted(&now, "flightdeck.mapped.not_recovered", "why")[..] else { panic!("told once") };
    assert!(why.contains("no section of events"), "{why}");
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
    let refused = life(&folder.deck()).events(|events| events.directives("no such = directive")).start();
    assert!(matches!(refused, Err(StartError::Events(_))), "{refused:?}");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[test]
fn events_that_are_to_have_a_file_have_the_decks() {
    let folder = Folder::new("deck-of-events");
    let deck = Flightdeck::builder().events(|events| events.mapped(folder.deck())).start().unwrap();
    let of_events = deck.events().file().unwrap();
    assert_eq!(deck.file().unwrap().life(), of_events.life());
    assert_eq!(of_events.path(), Some(&*folder.deck()));
}

#[test]
fn what_changed_is_written_to_the_disk_now_and_then() {
    let folder = Folder::new("deck-synced");
    let deck = life(&folder.deck()).sync_every(Duration::from_millis(1)).start().unwrap();
    let chores = deck.supervisor().status().chores;
    until("chores", || deck.supervisor().status().chores > chores + 20);
    assert_eq!(deck.telemetry().counter("flightdeck_mapped_sync_errors_total").value(), 0);
}

/// A file system in an image in memory of 8 MiB, taken away in the end: full once somebody else fills that memory.
struct Disk(Folder);

impl Disk {
    /// `None` where this process may not.
    fn new() -> Option<Self> {
        let disk = Self(Folder::new("deck-disk"));
        let (memory, files) = (disk.memory(), disk.files());
        [&memory, &files].iter().for_each(|path| fs::create_dir(path).unwrap());
        let run = |program: &str, arguments: &[&str]| {
            Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
        };
        let (memory, files) = (memory.to_str().unwrap(), files.to_str().unwrap());
        let image = &format!("{memory}/image");
        let is_there = run("mount", &["-t", "tmpfs", "-o", "size=8m,mode=700", "flightdeck-test", memory])
            && run("truncate", &["-s", "64M", image])
            && run("mkfs.ext4", &["-q", "-O", "^has_journal", image])
            && run("mount", &["-o", "loop", image, files]);
        if !is_there {
            eprintln!("SKIPPED: a disk that is full takes root, loop devices and mkfs.ext4");
        }
        is_there.then_some(disk)
    }

    fn memory(&self) -> PathBuf {
        self.0.0.join("memory")
    }

    fn files(&self) -> PathBuf {
        self.0.0.join("files")
    }

    /// Whether all was taken away by this call.
    fn unmount(&self) -> bool {
        let unmounted =
            |path| Command::new("umount").arg(path).output().is_ok_and(|output| output.status.success());
        [self.files(), self.memory()].map(unmounted) == [true; 2]
    }

    /// To its last page: a system that takes memory for a file in larger pieces says that it is full when there is none left of those.
    fn fill(&self) {
        let mut rest = fs::File::create(self.memory().join("rest")).unwrap();
        for piece in [1 << 20, 4_096] {
            let full =
                std::iter::repeat_with(|| rest.write_all(&vec![1; piece])).find_map(Result::err).unwrap();
            assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unmount();
    }
}

#[test]
fn a_disk_that_fails_is_told_and_counted_and_the_host_goes_on() {
    let Some(disk) = Disk::new() else { return };
    // On a thread that ends: until then it has the file mapped.
    std::thread::scope(|scope| scope.spawn(|| on_a_disk_that_fails(&disk)).join()).unwrap();
    assert!(disk.unmount(), "nobody has anything of it");
}

fn on_a_disk_that_fails(disk: &Disk) {
    let path = disk.files().join("deck");
    let deck = life(&path).events(|events| events.memory(20 << 20).shards(2)).start().unwrap();
    deck.sync().unwrap();
    disk.fill();
    // In rings of some megabytes, sooner or later where nothing was before: what is next to a word that is written may be, too.
    let mut numbers = 0_u64..;
    let mut record = || {
        let newest = numbers.by_ref().take(10_000).inspect(|n| deck.record(OrderFilled { n: *n })).last();
        newest.unwrap()
    };
    let error = (0..50).find_map(|_| {
        record();
        deck.sync().err()
    });
    let error = error.unwrap();
    println!("{error}");
    let errors = || deck.telemetry().counter("flightdeck_mapped_sync_errors_total").value();
    assert_eq!(errors(), 1);
    let told = deck.events().query().kind_named("flightdeck.mapped.sync_failed").run().unwrap();
    let why = error.to_string();
    assert_eq!(
        told.iter().map(|event| event.field("why") == Some(Value::Str(&why))).collect::<Vec<_>>(),
        [true]
    );
    let last = record();
    let newest = |answer: Answer| {
        let numbers = answer.iter().map(|event| match event.field("n") {
            Some(Value::U64(n)) => n,
            other => panic!("{other:?}"),
        });
        numbers.max()
    };
    let asked = |query: Query<'_>| newest(query.kind_named("order.filled").run().unwrap());
    assert_eq!(asked(deck.events().query()), Some(last));
    assert_eq!(asked(Recording::open(&path).unwrap().events().query()), Some(last));
}
