//! Copies that a deck writes of itself: while threads record at full speed, at its shutdown, when a supervisor gives up, when a
//! fatal trigger captures; where there is no room and no right to; and that what is there already stays.

#![cfg(target_os = "linux")]

#[path = "support/folder.rs"]
mod folder;
mod support;

use flightdeck::config::{Validate, Violations};
use flightdeck::events::{Answer, Stamp, Trigger, Value};
use flightdeck::mapped::{CreateError, DumpCause, Options, State};
use flightdeck::supervisor::{ChildSpec, Restart, Rules, WorkerContext};
use flightdeck::telemetry::{Snapshot, Value as Counted};
use flightdeck::{Builder, DumpError, Dumps, Flightdeck, Recording};
use folder::Folder;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, SystemTime};
use support::{until, until_stopped};

flightdeck::kind! {
    Flood("dump.flood") { thread: u64, n: u64, sum: u64 }
    Kept("dump.kept", class = Critical) { thread: u64, n: u64, sum: u64 }
    Fatal("dump.fatal", severity = Critical) { n: u64 }
}

/// Threads stop, also where the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

const THREADS: u64 = 4;
const KEPT: u64 = 50;

fn sum(thread: u64, n: u64) -> u64 {
    (thread << 48 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn small() -> Builder<()> {
    Flightdeck::builder().events(|events| events.memory(2 << 20).shards(4))
}

fn number(value: Option<Value<'_>>) -> u64 {
    match value {
        Some(Value::U64(number)) => number,
        other => panic!("{other:?}"),
    }
}

/// How many there are, each of them whole.
fn whole(answer: &Answer) -> usize {
    for event in answer.iter() {
        let [thread, n, told] = ["thread", "n", "sum"].map(|field| number(event.field(field)));
        assert_eq!(told, sum(thread, n), "torn: {thread} {n}");
    }
    answer.len()
}

fn cause(recording: &Recording) -> DumpCause {
    assert_eq!(recording.file().state(), Some(State::Copied));
    assert!(!recording.file().has_writer().unwrap());
    recording.file().header().copied.clone().unwrap()
}

#[test]
fn what_was_recorded_before_is_there_whole_while_threads_record_at_full_speed() {
    let folder = Folder::new("dump-speed");
    let path = folder.deck();
    let deck = small().dump_to(&*path).start().unwrap();
    let counter = deck.telemetry().counter("counted");
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..1_000).for_each(|_| counter.increment(1)));
        }
    });
    let (from, stop) = (SystemTime::now(), AtomicBool::new(false));
    // While it is checked what a copy has, the threads leave the processors to whoever does that.
    let floods = AtomicBool::new(false);
    let ready = [const { AtomicBool::new(false) }; THREADS as usize];
    thread::scope(|scope| {
        let ready = &ready;
        for thread in 0..THREADS {
            let (deck, stop, floods) = (&deck, &stop, &floods);
            scope.spawn(move || {
                for n in 0..KEPT {
                    deck.events().record_with(Stamp::of(thread + 1), Kept { thread, n, sum: sum(thread, n) });
                }
                ready[thread as usize].store(true, Relaxed);
                let mut n = 0;
                while !stop.load(Relaxed) {
                    if floods.load(Relaxed) {
                        deck.record(Flood { thread, n, sum: sum(thread, n) });
                        n += 1;
                    } else {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            });
        }
        until("all to have recorded", || ready.iter().all(|ready| ready.load(Relaxed)));
        let _stop = Stop(&stop);
        let mut flooded = 0;
        for round in 0..5 {
            let (before, called) = (deck.events().stats().written, SystemTime::now());
            floods.store(true, Relaxed);
            until("somebody to record", || deck.events().stats().written > before);
            let dumped = deck.dump(&*path).unwrap();
            floods.store(false, Relaxed);
            assert_eq!((&*dumped.path, dumped.bytes), (&*path, fs::metadata(&path).unwrap().len()));
            let recording = Recording::open(&dumped.path).unwrap();
            assert_eq!(cause(&recording), DumpCause::Asked);
            let ended = recording.file().header().ended.unwrap();
            assert!((called..=SystemTime::now()).contains(&ended));
            let events = recording.events();
            let kept = || events.query().kind_named("dump.kept");
            assert_eq!(whole(&kept().run().unwrap()) as u64, THREADS * KEPT, "by scan, round {round}");
            assert_eq!(whole(&kept().between_times(from..=ended).run().unwrap()) as u64, THREADS * KEPT);
            for thread in 0..THREADS {
                let of_id = events.query().correlation(thread + 1).run().unwrap();
                assert_eq!(whole(&of_id) as u64, KEPT, "by id, round {round}");
            }
            flooded += whole(&events.query().kind_named("dump.flood").run().unwrap());
            let snapshot = recording.telemetry().unwrap().snapshot();
            assert_eq!(
                snapshot.get("counted"),
                Some(&Counted::Counter(3_000)),
                "of threads that have stopped"
            );
            assert!(recording.configs().unwrap().at.is_some() && recording.health().unwrap().what.is_some());
        }
        assert!(flooded > 0, "nothing of the flood is in any copy");
    });
    // All of it now that nobody records: what the deck answers, the copy does.
    deck.dump(&*path).unwrap();
    let recording = Recording::open(&path).unwrap();
    let flood = |answer: &Answer| answer.iter().map(|event| event.id()).collect::<Vec<_>>();
    let live = deck.events().query().kind_named("dump.flood").run().unwrap();
    let told = recording.events().query().kind_named("dump.flood").run().unwrap();
    assert_eq!(flood(&live), flood(&told));
    assert_eq!(deck.telemetry().snapshot().get("flightdeck_dumps_total"), Some(&Counted::Counter(6)));
    assert_eq!(folder.names(), ["deck", "deck.1", "deck.2", "deck.3"], "no more are kept");
}

#[test]
fn what_threads_count_together_is_together_in_a_copy_and_what_they_counted_before_is_there() {
    let folder = Folder::new("dump-counts");
    let path = folder.deck();
    let deck = small().dump_to(&*path).start().unwrap();
    let telemetry = deck.telemetry();
    let group = telemetry.group("requests", ["ok", "total"]).unwrap();
    let (counter, gauge, histogram) =
        (telemetry.counter("counted"), telemetry.gauge("set"), telemetry.histogram("took"));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                (1..=1_000).for_each(|n| {
                    counter.increment(1);
                    histogram.record(n);
                    group.add([1, 1]);
                });
            });
        }
    });
    gauge.set(-7);
    let took = telemetry.snapshot();
    assert!(matches!(took.get("took"), Some(Counted::Histogram(took)) if took.count() == 3_000));
    let (stop, floods) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut most = 0;
    let counts = |deck: &Flightdeck| group_of(&deck.telemetry().snapshot());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    if floods.load(Relaxed) {
                        group.add([1, 1]);
                    } else {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            });
        }
        let _stop = Stop(&stop);
        for round in 0..5 {
            // What does not hold still counts here as it was read last: so there are at least so many.
            let (before, _) = counts(&deck);
            floods.store(true, Relaxed);
            until("somebody to count", || counts(&deck).0 > before);
            deck.dump(&*path).unwrap();
            floods.store(false, Relaxed);
            let recording = Recording::open(&path).unwrap();
            let telemetry = recording.telemetry().unwrap();
            let snapshot = telemetry.snapshot();
            let (total, ok) = group_of(&snapshot);
            assert!(total >= before && ok >= before, "{total} and {ok} of {before}, round {round}");
            most = most.max(total).max(ok);
            // What changed at each of many looks is named.
            let torn = telemetry.incomplete();
            assert!(ok == total || !torn.is_empty(), "{ok} of {total}, round {round}");
            assert_eq!(snapshot.get("counted"), Some(&Counted::Counter(3_000)));
            assert_eq!(snapshot.get("set"), Some(&Counted::Gauge(-7)));
            assert_eq!(snapshot.get("took"), took.get("took"));
        }
    });
    deck.dump(&*path).unwrap();
    let recording = Recording::open(&path).unwrap();
    let telemetry = recording.telemetry().unwrap();
    assert_eq!(telemetry.incomplete(), []);
    assert_eq!(group_of(&telemetry.snapshot()), counts(&deck));
    assert!(most <= counts(&deck).0, "{most} counted before");
}

/// In all, and how many were fine.
fn group_of(snapshot: &Snapshot) -> (u64, u64) {
    let count = |name| match snapshot.get(name) {
        Some(Counted::Counter(count)) => *count,
        other => panic!("{name}: {other:?}"),
    };
    (count("requests.total"), count("requests.ok"))
}

/// Its fields are equal.
#[derive(Clone)]
struct Pair {
    one: u64,
    other: u64,
}

impl Validate for Pair {
    fn validate(&self, violations: &mut Violations) {
        if self.one != self.other {
            violations.reject("other", &self.other, "is not as `one`");
        }
    }
}

#[test]
fn revisions_that_are_replaced_all_the_time_are_whole_in_a_copy_and_the_newest() {
    let folder = Folder::new("dump-configs");
    let path = folder.deck();
    let deck = small().config(Pair { one: 0, other: 0 }).dump_to(&*path).start().unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1.. {
                if stop.load(Relaxed) {
                    return;
                }
                deck.config().update(|_| Pair { one: n, other: n }).unwrap();
            }
        });
        let _stop = Stop(&stop);
        for round in 0..5 {
            let before = deck.config().revision().get();
            deck.dump(&*path).unwrap();
            let after = deck.config().revision().get();
            let recording = Recording::open(&path).unwrap();
            let configs = recording.configs().unwrap();
            let of_host = configs.what.iter().filter(|revision| &*revision.config != "flightdeck");
            let numbers: Vec<_> = of_host.clone().map(|revision| revision.number).collect();
            assert!(numbers.is_sorted() && of_host.filter(|revision| revision.is_in_force).count() == 1);
            let newest = *numbers.last().unwrap();
            // The one before may be in force and not told of yet.
            assert!(
                before <= newest + 1 && newest <= after,
                "{before} <= {newest} <= {after}, round {round}"
            );
            assert!(recording.workers().unwrap().at.is_some() && recording.health().unwrap().what.is_some());
        }
    });
}

#[test]
fn a_shutdown_writes_one_if_asked_to_and_so_does_the_last_handle() {
    let folder = Folder::new("dump-shutdown");
    let path = folder.deck();
    let life = || small().dump_to(Dumps::to(&*path).on_shutdown(true)).start().unwrap();
    let deck = life();
    assert_eq!(deck.file().map(|file| file.path()), None, "nobody asked for a file");
    deck.record(Kept { thread: 1, n: 2, sum: sum(1, 2) });
    assert!(!path.exists());
    deck.shutdown(Duration::from_secs(5));
    deck.shutdown(Duration::from_secs(5));
    drop(deck);
    assert_eq!(folder.names(), ["deck"], "once");
    let recording = Recording::open(&path).unwrap();
    assert_eq!(cause(&recording), DumpCause::Shutdown);
    assert_eq!(whole(&recording.events().query().kind_named("dump.kept").run().unwrap()), 1);
    drop(life());
    assert_eq!(folder.names(), ["deck", "deck.1"]);
    assert_eq!(cause(&Recording::open(&path).unwrap()), DumpCause::Shutdown);
    small().dump_to(&*path).start().unwrap().shutdown(Duration::from_secs(5));
    assert_eq!(folder.names(), ["deck", "deck.1"], "nobody asked for another");
    let deck = life();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| deck.shutdown(Duration::from_secs(5)));
        }
    });
    assert_eq!(folder.names(), ["deck", "deck.1", "deck.2"], "once, whoever asks");
    // A deck that takes the name over knows what it finds.
    let deck = small().mapped(Options::at(&*path).recover(3)).start().unwrap();
    let found = deck.events().query().kind_named("flightdeck.mapped.recovered").run().unwrap();
    assert_eq!(found.iter().next().unwrap().field("ended"), Some(Value::Str("copied")));
}

#[test]
fn a_worker_that_panics_once_too_often_leaves_one() {
    let folder = Folder::new("dump-escalation");
    let fails = |_: &WorkerContext| -> () { panic!("a bug") };
    let net = Rules::new().max_restarts(0).child(ChildSpec::new("feed", Restart::Permanent, fails));
    let deck = small()
        .dump_to(Options::in_directory(&folder.0).program("host"))
        .worker("book", Restart::Permanent, until_stopped)
        .supervisor(|supervisor| {
            supervisor.max_restarts(0).worker(ChildSpec::supervisor("net", Restart::Permanent, net))
        })
        .start()
        .unwrap();
    let written = || deck.telemetry().snapshot().get("flightdeck_dumps_total").cloned();
    until("both to be written", || written() == Some(Counted::Counter(2)));
    assert!(deck.supervisor().has_melted_down());
    let this = std::process::id();
    let names = [1, 2].map(|number| format!("host-dump.{this}.{number}.deck"));
    assert_eq!(folder.names(), names);
    let causes = names.map(|name| {
        let recording = Recording::open(folder.0.join(name)).unwrap();
        let failed = recording.events().query().kind_named("flightdeck.worker.failed").run().unwrap();
        assert_eq!(failed.len(), 1);
        cause(&recording)
    });
    assert_eq!(causes, [DumpCause::Escalation("net/feed".into()), DumpCause::Escalation("net".into())]);
    let told = deck.events().query().kind_named("flightdeck.dump.written").run().unwrap();
    assert_eq!(told.len(), 2);
    let first = told.iter().next().unwrap();
    assert_eq!(first.field("cause"), Some(Value::Str("escalation")));
    assert_eq!(first.field("by"), Some(Value::Str("net/feed")));
}

#[test]
fn a_fatal_trigger_leaves_one_and_another_does_not() {
    let folder = Folder::new("dump-trigger");
    let path = folder.deck();
    let deck = small().dump_to(&*path).start().unwrap();
    deck.triggers().add(Trigger::on_call("mild")).unwrap();
    let fatal = deck.events().query().kind::<Fatal>().trigger("fatal");
    deck.triggers().add(fatal.fatal()).unwrap();
    deck.trigger("mild").unwrap();
    until("the first capture", || deck.triggers().status("mild").unwrap().captured == 1);
    assert!(!path.exists());
    deck.record(Fatal { n: 7 });
    until("the file", || path.exists());
    let recording = Recording::open(&path).unwrap();
    assert_eq!(cause(&recording), DumpCause::Trigger("fatal".into()));
    assert_eq!(recording.events().query().kind_named("dump.fatal").run().unwrap().len(), 1);
}

#[test]
fn a_deck_in_a_file_can_be_copied_and_goes_on() {
    let folder = Folder::new("dump-mapped");
    let path = folder.deck();
    let deck = small().mapped(&*path).start().unwrap();
    deck.record(Kept { thread: 1, n: 2, sum: sum(1, 2) });
    let copy = deck.dump(folder.0.join("copy")).unwrap();
    deck.record(Kept { thread: 1, n: 3, sum: sum(1, 3) });
    let kept = |path: &Path| {
        let recording = Recording::open(path).unwrap();
        let answer = recording.events().query().kind_named("dump.kept").run().unwrap();
        (recording.file().state().unwrap(), whole(&answer))
    };
    assert_eq!(kept(&path), (State::Running, 2));
    assert_eq!(kept(&copy.path), (State::Copied, 1));
    let error = deck.dump(&*path).unwrap_err();
    assert!(matches!(error, DumpError::File(CreateError::InUse { .. })), "{error}");
    assert_eq!(kept(&path), (State::Running, 2));
}

#[test]
fn a_child_of_a_fork_copies_nothing() {
    let folder = Folder::new("dump-fork");
    let path = folder.deck();
    let deck = small().dump_to(&*path).start().unwrap();
    // SAFETY: the child runs on a heap that the C library keeps in order across forks, and leaves by `_exit`.
    let child = match unsafe { libc::fork() } {
        -1 => panic!("no child: {}", std::io::Error::last_os_error()),
        0 => {
            let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| deck.dump(&*path)));
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!matches!(said, Ok(Err(DumpError::Forked))))) }
        }
        child => child,
    };
    let mut status = 0;
    // SAFETY: a child of this process, and a place for what became of it.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!((status, folder.names()), (0, vec![]));
    deck.dump(&*path).unwrap();
    assert_eq!(folder.names(), ["deck"]);
}

#[test]
fn what_cannot_be_written_is_an_error_and_an_event_and_the_host_goes_on() {
    let folder = Folder::new("dump-refused");
    let error = small().start().unwrap().dump(folder.deck()).unwrap_err();
    assert_eq!(error, DumpError::NoLayout);

    let deck = small().dump_to(Dumps::to(folder.deck()).on_shutdown(true)).start().unwrap();
    fs::write(folder.deck(), "something else").unwrap();
    let foreign = deck.dump(folder.deck()).unwrap_err();
    assert!(matches!(foreign, DumpError::File(CreateError::Foreign { .. })), "{foreign}");
    let nameless = deck.dump(Options::nameless()).unwrap_err();
    assert!(matches!(nameless, DumpError::File(CreateError::Directory { .. })), "{nameless}");
    let open = folder.0.join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let others = deck.dump(open.join("deck")).unwrap_err();
    assert!(matches!(others, DumpError::File(CreateError::Directory { .. })), "{others}");
    let failed = || deck.events().query().kind_named("flightdeck.dump.failed").run().unwrap().len();
    assert_eq!(failed(), 3);
    assert!(deck.shutdown(Duration::from_secs(5)).is_clean());
    assert_eq!(failed(), 4);
    let snapshot = deck.telemetry().snapshot();
    assert_eq!(snapshot.get("flightdeck_dump_errors_total"), Some(&Counted::Counter(4)));
    assert_eq!(fs::read_to_string(folder.deck()).unwrap(), "something else");
    assert_eq!(folder.names(), ["deck", "open"], "nothing half-made is left");
}

/// Undone when dropped.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_keeps_nothing_of_it() {
    let folder = Folder::new("dump-full");
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=1m,mode=700", "flightdeck-test"]).arg(&folder.0);
    if !mount.output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: mounting tmpfs takes root");
        return;
    }
    let _mounted = Mounted(&folder.0);
    let deck = small().dump_to(folder.deck()).start().unwrap();
    let error = deck.dump(folder.deck()).unwrap_err();
    let DumpError::File(CreateError::NoSpace { wanted, there: Some(there), .. }) = error else {
        panic!("{error}")
    };
    assert!(wanted > 2 << 20 && there <= 1 << 20, "{wanted} wanted, {there} there");
    assert_eq!(folder.names(), [""; 0]);
    deck.record(Kept { thread: 1, n: 2, sum: sum(1, 2) });
    assert_eq!(deck.events().query().kind_named("dump.kept").run().unwrap().len(), 1);
}
