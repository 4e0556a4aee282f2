//! A deck in a file: the same answers from another mapping and another process, while it runs and after it ended.

#![cfg(target_os = "linux")]

#[path = "support/folder.rs"]
mod folder;

use flightdeck::events::{BuildError, Events, Recording, RecordingError, Stamp, Start};
use flightdeck::mapped::{CreateError, HeaderError, OpenError, OpenOptions, Opened, Options, State};
use flightdeck::{Diagnostic, Flightdeck};
use folder::Folder;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

flightdeck::kind! {
    Filled("mapped.filled") { qty: u64, venue: str }
    Refused("mapped.refused", severity = Error) { reason: str }
}

fn built(options: impl Into<Options>) -> Events {
    Events::builder().memory(1 << 20).shards(2).mapped(options).build().unwrap()
}

fn record(events: &Events, from: u64) {
    for qty in from..from + 100 {
        events.record_with(Stamp::of(qty / 10 + 1), Filled { qty, venue: "XETRA" });
    }
    events.record(Refused { reason: "no such order" });
}

/// The questions, and what is answered.
fn asked(recording: &Recording) -> String {
    let all = recording.query().run().unwrap();
    let of_id = recording.query().correlation(7_u64).run().unwrap();
    let errors =
        recording.query().severity_at_least(flightdeck::Severity::Error).newest_first().run().unwrap();
    [all, of_id, errors]
        .map(|answer| format!("{:?} {}\n{}", answer.verdict(), answer.len(), answer.timeline()))
        .join("\n")
}

#[test]
fn the_file_answers_as_the_deck_does_here_and_in_another_process() {
    let folder = Folder::new("mapped-answers");
    let events = built(folder.deck());
    record(&events, 0);
    let here = asked(&events.recording().unwrap());
    assert_eq!(asked(&Recording::open(folder.deck()).unwrap()), here);
    let there = || {
        let mut reader = Command::new(std::env::current_exe().unwrap());
        reader.args(["--exact", "reader", "--ignored", "--nocapture"]).env("FLIGHTDECK_READ", folder.deck());
        let output = reader.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        said.split("<<<")
            .nth(1)
            .and_then(|rest| rest.split(">>>").next())
            .unwrap_or_else(|| panic!("{said}"))
            .to_owned()
    };
    assert_eq!(there(), here);
    record(&events, 1_000);
    let more = asked(&events.recording().unwrap());
    assert_ne!(more, here);
    assert_eq!(there(), more);
    events.stop();
    drop(events);
    assert_eq!(there(), more, "also when it is gone");
}

#[test]
#[ignore = "another process, for the test above"]
fn reader() {
    let Some(path) = std::env::var_os("FLIGHTDECK_READ") else { return };
    print!("<<<{}>>>", asked(&Recording::open(PathBuf::from(path)).unwrap()));
}

#[test]
fn a_deck_says_in_its_file_that_it_was_shut_down_and_the_next_life_finds_it() {
    let folder = Folder::new("mapped-lives");
    let start = || {
        let options = Options::at(folder.deck()).recover(2);
        Flightdeck::builder().events(|events| events.memory(1 << 20).mapped(options)).start().unwrap()
    };
    let deck = start();
    record(deck.events(), 0);
    let recording = Recording::open(folder.deck()).unwrap();
    let life = recording.file().unwrap().header().life.clone();
    assert_eq!(Some(&life), deck.events().file().map(|file| file.life()));
    assert_eq!((life.number, life.process), (1, std::process::id()));
    assert_eq!(recording.file().unwrap().state(), Some(State::Running));
    deck.events().file().unwrap().sync().unwrap();
    assert!(deck.shutdown(Duration::from_secs(20)).is_clean());
    assert_eq!(recording.file().unwrap().state(), Some(State::Closed));
    drop(deck);
    let deck = start();
    let file = deck.events().file().unwrap();
    assert_eq!((file.life().number, file.life().previous), (2, life.file));
    let before = Recording::open(file.previous().unwrap()).unwrap();
    assert_eq!(before.query().kind_named("mapped.filled").run().unwrap().len(), 100);
    assert!(before.file().unwrap().header().ended.is_some());
    assert!(deck.shutdown(Duration::from_secs(20)).is_clean());
}

#[test]
fn a_recording_knows_the_rate_of_a_store_that_ended_at_once() {
    let folder = Folder::new("mapped-rate");
    let events = built(folder.deck());
    let recording = Recording::open(folder.deck()).unwrap();
    assert!(recording.knows_rate());
    record(&events, 0);
    let at = recording.query().run().unwrap().iter().next().unwrap().ticks();
    let (here, there) = (events.clock().converter(), recording.converter());
    assert!(here.unix_ns(at).abs_diff(there.unix_ns(at)) < 1_000_000, "a millisecond");
    drop(events);
    let in_memory = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert!(in_memory.recording().unwrap().knows_rate());
}

#[test]
fn whoever_follows_a_file_learns_that_its_writer_is_gone() {
    let folder = Folder::new("mapped-over");
    let events = built(folder.deck());
    record(&events, 0);
    let followed = |path: PathBuf| {
        let recording = Recording::open(path).unwrap();
        let mut cursor = recording.query().follow_from(Start::Oldest).unwrap();
        std::iter::from_fn(|| cursor.recv().map(|delivery| delivery.event().is_some())).count()
    };
    // Of a copy nobody is the writer, as of a deck that was killed.
    let copy = folder.0.join("copy");
    fs::copy(folder.deck(), &copy).unwrap();
    assert_eq!(followed(copy), 101);
    let path = folder.deck();
    let following = std::thread::spawn(move || followed(path));
    std::thread::sleep(Duration::from_millis(50));
    assert!(!following.is_finished(), "it is not over");
    record(&events, 1_000);
    drop(events);
    assert_eq!(following.join().unwrap(), 202);
}

#[test]
fn what_was_recorded_outlives_an_abort_and_an_overflowed_stack() {
    for how in ["abort", "overflow"] {
        let folder = Folder::new(&format!("mapped-{how}"));
        let mut host = Command::new(std::env::current_exe().unwrap());
        host.args(["--exact", "ends", "--ignored"])
            .env("FLIGHTDECK_ENDS", how)
            .env("FLIGHTDECK_AT", folder.deck());
        let ended = host.current_dir(&folder.0).output().unwrap();
        assert!(ended.status.signal().is_some(), "{how}: {}", ended.status);
        let recording = Recording::open(folder.deck()).unwrap();
        let file = recording.file().unwrap();
        assert_eq!((file.state(), file.has_writer().unwrap()), (Some(State::Running), false), "{how}");
        assert_eq!(recording.query().kind_named("mapped.filled").run().unwrap().len(), 100, "{how}");
        assert_eq!(recording.query().kind_named("mapped.refused").run().unwrap().len(), 1, "{how}");
    }
}

/// A group of processes that have so much memory; taken away in the end.
struct Limited(PathBuf);

impl Limited {
    /// `None` where this process may not.
    fn to(bytes: u64) -> Option<Self> {
        let of_kind = |root: &str, limit: &str| {
            if !PathBuf::from(root).join("cgroup.procs").exists() {
                return None;
            }
            let group = Self(PathBuf::from(root).join(format!("flightdeck-{}", std::process::id())));
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join(limit), bytes.to_string()).ok()?;
            Some(group)
        };
        let old = of_kind("/sys/fs/cgroup/memory", "memory.limit_in_bytes");
        old.or_else(|| of_kind("/sys/fs/cgroup", "memory.max"))
    }

    /// How many of them were killed for want of memory.
    fn killed(&self) -> u64 {
        let told = ["memory.oom_control", "memory.events"].map(|file| fs::read_to_string(self.0.join(file)));
        let lines = told.iter().flatten().flat_map(|told| told.lines());
        lines.filter_map(|line| line.strip_prefix("oom_kill ")?.parse::<u64>().ok()).sum()
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn what_was_recorded_outlives_that_the_system_kills_for_want_of_memory() {
    let Some(group) = Limited::to(48 << 20) else {
        eprintln!("SKIPPED: a group of processes with a limit on memory takes root");
        return;
    };
    let folder = Folder::new("mapped-oom");
    let mut host = Command::new(std::env::current_exe().unwrap());
    host.args(["--exact", "ends", "--ignored"])
        .env("FLIGHTDECK_ENDS", "memory")
        .env("FLIGHTDECK_GROUP", group.0.join("cgroup.procs"))
        .env("FLIGHTDECK_AT", folder.deck());
    let ended = host.output().unwrap();
    assert_eq!((ended.status.signal(), group.killed()), (Some(libc::SIGKILL), 1), "{}", ended.status);
    let recording = Recording::open(folder.deck()).unwrap();
    let file = recording.file().unwrap();
    assert_eq!((file.state(), file.has_writer().unwrap()), (Some(State::Running), false));
    assert_eq!(recording.query().kind_named("mapped.filled").run().unwrap().len(), 100);
    assert_eq!(recording.query().kind_named("mapped.refused").run().unwrap().len(), 1);
}

#[test]
#[ignore = "another process, for the tests above"]
fn ends() {
    fn deeper(n: u64) -> u64 {
        let frame = std::hint::black_box([n; 64]);
        if n == u64::MAX { 0 } else { deeper(n + 1) + frame[63] }
    }
    let Some(path) = std::env::var_os("FLIGHTDECK_AT") else { return };
    let events = built(PathBuf::from(path));
    record(&events, 0);
    let how = std::env::var("FLIGHTDECK_ENDS").unwrap();
    if how == "abort" {
        std::process::abort();
    }
    if how == "memory" {
        let group = std::env::var_os("FLIGHTDECK_GROUP").unwrap();
        fs::write(group, std::process::id().to_string()).unwrap();
        let taken: Vec<Vec<u8>> = (0..256).map(|_| vec![std::hint::black_box(1); 1 << 20]).collect();
        println!("{} MiB are there", taken.len());
        return;
    }
    unreachable!("{}", deeper(0));
}

#[test]
fn two_decks_do_not_share_a_file_and_one_without_a_place_says_so() {
    let folder = Folder::new("mapped-errors");
    let _events = built(folder.deck());
    let again = || Events::builder().memory(1 << 20).shards(1);
    let error = again().mapped(folder.deck()).build().unwrap_err();
    assert_eq!(error, BuildError::Mapped(CreateError::InUse { path: folder.deck() }));
    assert_eq!((error.code(), error.retry()), ("mapped.create.in_use", flightdeck::Retry::Later));
    let events = again().mapped(Options::at(folder.deck()).or_memory(true)).build().unwrap();
    record(&events, 0);
    let file = events.file().unwrap();
    assert_eq!((file.path(), file.instead_of()), (None, Some(&CreateError::InUse { path: folder.deck() })));
    assert_eq!(events.query().correlation(7_u64).run().unwrap().len(), 10);

    let copied = OpenOptions::new().copied(true);
    let error = Opened::open(folder.deck(), &copied).unwrap_err();
    assert_eq!(error, OpenError::Written { path: folder.deck(), process: std::process::id() });
    assert_eq!((error.code(), error.retry()), ("mapped.open.written", flightdeck::Retry::Later));

    fs::write(folder.0.join("text"), "text").unwrap();
    let error = Recording::open(folder.0.join("text")).unwrap_err();
    assert!(matches!(&error, RecordingError::Open(OpenError::Header { .. })), "{error}");
    assert_eq!(error.code(), "mapped.header.too_short");
}

/// Whether this process has anything mapped that was made in this folder: under its first name, which it has no more.
fn is_mapped(path: &std::path::Path) -> bool {
    fs::read_to_string("/proc/self/maps").unwrap().contains(path.to_str().unwrap())
}

#[test]
fn a_thread_lets_go_of_a_dropped_decks_file_once_it_goes_on_to_another() {
    for builds in [true, false] {
        let folder = Folder::new("mapped-let-go");
        let other = (!builds).then(|| Events::builder().memory(1 << 20).build().unwrap());
        let events = built(folder.deck());
        record(&events, 0);
        drop(events);
        assert!(
            is_mapped(&folder.0),
            "it may be in the middle of a record, for all that the last handle knows"
        );
        match other {
            Some(other) => other.record(Refused { reason: "the first here" }),
            None => drop(Events::builder().memory(1 << 20).build().unwrap()),
        }
        assert!(!is_mapped(&folder.0), "{builds}");
    }
}

#[test]
fn what_became_of_a_wish_for_huge_pages_is_what_the_system_counts() {
    use flightdeck::events::HugePages;
    let builder = || Events::builder().memory(8 << 20).huge_pages(true);
    let events = builder().mapped(Options::nameless()).build().unwrap();
    match events.huge_pages() {
        HugePages::Provided { huge, all } => assert!(0 < huge && huge <= all, "{huge} of {all}"),
        HugePages::Refused { reason } => assert!(reason.contains("shmem_enabled"), "{reason}"),
        other => panic!("all of it is provided, so that can be told: {other:?}"),
    }
    // On a disk little is there yet.
    let folder = Folder::new("mapped-huge");
    let events = builder().mapped(folder.deck()).build().unwrap();
    assert!(!matches!(events.huge_pages(), HugePages::NotAsked));
}

#[test]
fn a_reader_of_a_copy_outlives_that_the_file_is_cut() {
    let folder = Folder::new("mapped-cut");
    // In a thread that ends: as long as one has it mapped that wrote to it, a cut is the end of that process. Joined, since a
    // scope waits for no destructor of the thread's.
    let path = folder.deck();
    thread::spawn(move || record(&built(path), 0)).join().unwrap();
    let options = OpenOptions::new().copied(true);
    let copy = Recording::of(Opened::open(folder.deck(), &options).unwrap()).unwrap();
    assert!(copy.file().unwrap().has_sealed_length());
    let said = asked(&copy);
    let length = fs::metadata(folder.deck()).unwrap().len();
    let cut = |to: u64| File::options().write(true).open(folder.deck()).unwrap().set_len(to).unwrap();
    cut(8_192);
    assert_eq!(asked(&copy), said);
    for options in [&options, &OpenOptions::new()] {
        let error = Opened::open(folder.deck(), options).unwrap_err();
        let cut = HeaderError::Truncated { bytes: 8_192, wanted: length };
        assert_eq!(error, OpenError::Header { path: folder.deck(), error: cut });
    }
    // And what the copy is for.
    cut(length);
    assert_eq!(read_while_it_is_cut(&folder, false), Some(libc::SIGBUS));
    cut(length);
    assert_eq!(read_while_it_is_cut(&folder, true), None);
}

/// The signal by which another process ended that opens the file, cuts it, and asks for what was in it.
fn read_while_it_is_cut(folder: &Folder, copied: bool) -> Option<i32> {
    let mut reader = Command::new(std::env::current_exe().unwrap());
    reader.args(["--exact", "reader_of_what_is_cut", "--ignored", "--nocapture"]);
    reader.env("FLIGHTDECK_CUT", folder.deck()).env("FLIGHTDECK_COPIED", u8::from(copied).to_string());
    reader.output().unwrap().status.signal()
}

#[test]
#[ignore = "another process, for the test above"]
fn reader_of_what_is_cut() {
    let Some(path) = std::env::var_os("FLIGHTDECK_CUT").map(PathBuf::from) else { return };
    let copied = std::env::var("FLIGHTDECK_COPIED").unwrap() == "1";
    let opened = Opened::open(&path, &OpenOptions::new().copied(copied)).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(4_096).unwrap();
    drop(Recording::of(opened));
}
