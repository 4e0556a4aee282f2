//! Processes killed in the middle of what they count: what they had said to be counted is in their file, and no more than what they
//! were counting besides; and the next life goes on from there. `FLIGHTDECK_KILLS` says how often, 20 by default.

#![cfg(target_os = "linux")]

use flightdeck::mapped::{Options, State};
use flightdeck::telemetry::{HistogramValues, Recording, Resolution, Snapshot, Telemetry, Value};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 4;
/// Of each thread, beyond what it announced: it announces each of the first hundred, and then one in so many.
const IN_FLIGHT: u64 = 64;

/// More threads than have cells of their own: the last ones share.
fn built(path: &Path) -> Telemetry {
    let mut builder = Telemetry::builder().cells(4_096).threads(2).memory(1 << 20);
    if let Ok(before) = Recording::open(path) {
        builder = builder.carry_over(&before);
    }
    builder.mapped(Options::at(path).recover(1)).build().unwrap()
}

/// Counts for ever, and says what it has counted on the pipe that it was given as its input.
#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Some(path) = std::env::var_os("FLIGHTDECK_KILL_FILE") else { return };
    let pipe = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let telemetry = built(&PathBuf::from(path));
    let (total, sizes) = (telemetry.counter("total"), telemetry.histogram("sizes"));
    let (open, outcomes) =
        (telemetry.up_down_counter("open"), telemetry.group("outcomes", OUTCOMES).unwrap());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (telemetry, mut pipe, total, sizes) = (&telemetry, &pipe, &total, &sizes);
            let (open, outcomes) = (&open, &outcomes);
            scope.spawn(move || {
                let name = thread.to_string();
                let labels = [("thread", &*name)];
                let own = telemetry.counter_with("own", &labels);
                let own_sizes = telemetry.try_histogram_of("own_sizes", &labels, small()).unwrap();
                let last = telemetry.gauge_with("last", &labels);
                for n in 1_u64.. {
                    open.add(1);
                    own.increment(1);
                    total.increment(1);
                    sizes.record(n % 1_000);
                    own_sizes.record(n % 1_000);
                    outcomes.add(outcome(n));
                    last.set(n as i64);
                    if thread == 0 && n.is_multiple_of(8) {
                        made(telemetry, n);
                    }
                    open.add(-1);
                    if n < 100 || n.is_multiple_of(IN_FLIGHT) {
                        pipe.write_all(&[(thread as u64).to_ne_bytes(), n.to_ne_bytes()].concat()).unwrap();
                    }
                }
            });
        }
    });
}

fn small() -> Resolution {
    Resolution::new(4).up_to(500)
}

const OUTCOMES: [&str; 3] = ["ok", "err", "all"];

fn outcome(n: u64) -> [u64; 3] {
    if n.is_multiple_of(3) { [0, 1, 1] } else { [1, 0, 1] }
}

/// A label that follows from another.
fn told_of(n: u64) -> String {
    format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(n as usize / 8 % 4 + 1)
}

/// A series that nobody had before, which counts once and is retired soon.
fn made(telemetry: &Telemetry, n: u64) {
    let labels = [("n", &*n.to_string()), ("of", &told_of(n))];
    telemetry.counter_with("made", &labels).increment(n);
    if n.is_multiple_of(32) {
        telemetry.retire_idle(Duration::ZERO);
    }
}

/// Whatever series are being made and retired, and at whatever step their thread was killed: each has the whole of a name.
fn names_are_whole(snapshot: &Snapshot) {
    for (key, value) in snapshot.iter() {
        let label = |name| key.labels().get(name).unwrap_or_else(|| panic!("{key}"));
        match (key.name(), key.labels().iter().count()) {
            ("total" | "sizes" | "open" | "outcomes.ok" | "outcomes.err" | "outcomes.all", 0) => {}
            ("own" | "own_sizes" | "last", 1) => {
                assert!(label("thread").parse::<usize>().is_ok_and(|thread| thread < THREADS), "{key}");
            }
            ("made", 2) => {
                let (n, of) = (label("n").parse().unwrap(), label("of"));
                assert_eq!(told_of(n), of, "{key}");
                // In earlier lives as well, perhaps.
                assert!(
                    matches!(value, Value::Counter(count) if count.is_multiple_of(n)),
                    "{key} is {value:?}"
                );
            }
            _ => panic!("nobody made {key}"),
        }
    }
}

/// What is left of one life: no value is further from what was announced than what was in flight, and no two that belong together
/// are apart.
fn judge(recording: &Recording, before: &Snapshot, announced: [u64; THREADS]) {
    let snapshot = recording.snapshot();
    names_are_whole(&snapshot);
    assert_eq!(recording.nameless(), 0);
    for (thread, announced) in announced.into_iter().enumerate() {
        let name = thread.to_string();
        let of =
            |snapshot: &Snapshot, metric: &str| snapshot.get_with(metric, &[("thread", &*name)]).cloned();
        let Some(Value::Gauge(last)) = of(&snapshot, "last") else { panic!("{snapshot:?}") };
        assert!(last >= announced as i64 && last as u64 <= announced + IN_FLIGHT, "{last}, of {announced}");
        let Some(Value::Histogram(sizes)) = of(&snapshot, "own_sizes") else { panic!("{snapshot:?}") };
        let sizes = match of(before, "own_sizes") {
            Some(Value::Histogram(before)) => sizes.since(&before),
            _ => sizes,
        };
        let count = sizes.count();
        assert!((announced..=announced + IN_FLIGHT).contains(&count), "{count}, of {announced}");
        let expected = Telemetry::builder().cells(128).threads(1).memory(1 << 12).build().unwrap();
        let expected = expected.try_histogram_of("expected", &[], small()).unwrap();
        (1..=count).for_each(|n| expected.record(n % 1_000));
        let expected = expected.values();
        let buckets = |values: &HistogramValues| -> Vec<_> {
            values.buckets().map(|(low, _, count)| (low, count)).collect()
        };
        assert_eq!(buckets(&sizes), buckets(&expected), "of thread {thread}, {count} values");
        // The bucket comes first, and then the sum.
        let without_last = expected.sum() - count % 1_000;
        let sum = sizes.sum();
        assert!([expected.sum(), without_last].contains(&sum), "{sum}, not {}", expected.sum());
    }
    match snapshot.get("open") {
        Some(Value::UpDownCounter(open)) => assert!((0..=THREADS as i64).contains(open), "{open} open"),
        other => panic!("{other:?}"),
    }
    let outcomes = |snapshot: &Snapshot| {
        OUTCOMES.map(|name| match snapshot.get(&format!("outcomes.{name}")) {
            Some(Value::Counter(count)) => *count,
            None => 0,
            other => panic!("{other:?}"),
        })
    };
    let [now, before] = [outcomes(&snapshot), outcomes(before)];
    let [ok, err, all] = std::array::from_fn(|at| now[at] - before[at]);
    let torn = recording.incomplete();
    assert!(torn.is_empty() || torn.len() == OUTCOMES.len(), "{torn:?}");
    let apart = (ok + err).abs_diff(all);
    assert!(apart <= if torn.is_empty() { 0 } else { THREADS as u64 }, "{ok} + {err} is not {all}, {torn:?}");
    let least: u64 = announced.iter().sum();
    assert!((least..=least + THREADS as u64 * IN_FLIGHT).contains(&all), "{all}, of {least}");
}

fn count(snapshot: &Snapshot, name: &str, labels: &[(&str, &str)]) -> u64 {
    match snapshot.get_with(name, labels) {
        Some(Value::Counter(count)) => *count,
        Some(Value::Histogram(values)) => values.count(),
        other => panic!("{name} is {other:?}"),
    }
}

/// What each thread, all of them together, and the histogram counted.
fn counted(recording: &Recording) -> [u64; THREADS + 2] {
    let snapshot = recording.snapshot();
    std::array::from_fn(|at| match at {
        THREADS => count(&snapshot, "total", &[]),
        at if at > THREADS => count(&snapshot, "sizes", &[]),
        thread => {
            let has_counted = snapshot
                .series("own")
                .any(|(key, _)| key.labels().get("thread") == Some(&thread.to_string()));
            if has_counted { count(&snapshot, "own", &[("thread", &thread.to_string())]) } else { 0 }
        }
    })
}

#[test]
fn what_a_killed_process_said_to_be_counted_is_in_its_file_and_goes_on_in_the_next_life() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("telemetry-kill-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("deck");
    let kills: u64 = std::env::var("FLIGHTDECK_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let mut before = [0; THREADS + 2];
    let mut most = 0;
    let mut last = Telemetry::builder().cells(64).build().unwrap().snapshot();
    for round in 0..kills {
        let announced = run(&path, round);
        let recording = Recording::open(&path).unwrap();
        let file = recording.file().unwrap();
        assert_eq!((file.state(), file.has_writer().unwrap()), (Some(State::Running), false));
        assert_eq!((file.header().life.number, recording.unreadable()), (round + 1, 0));
        judge(&recording, &last, announced);
        last = recording.snapshot();
        let now = counted(&recording);
        let since: Vec<u64> = now.iter().zip(before).map(|(now, before)| now - before).collect();
        for (thread, announced) in announced.iter().enumerate() {
            let (counted, most) = (since[thread], announced + IN_FLIGHT);
            assert!(
                (*announced..=most).contains(&counted),
                "{round}: thread {thread}: {counted}, {announced}"
            );
        }
        let (least, own) = (announced.iter().sum::<u64>(), since[..THREADS].iter().sum::<u64>());
        for counted in &since[THREADS..] {
            assert!((least..=own).contains(counted), "{round}: {counted} of {own}, announced {least}");
        }
        most = most.max(own - least);
        before = now;
    }
    println!("{kills} kills: {} counted in all lives, at most {most} in flight", before[THREADS]);
    fs::remove_dir_all(folder).unwrap();
}

/// A child that is killed after a while, while somebody reads its file; what its threads announced.
fn run(path: &Path, round: u64) -> [u64; THREADS] {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]).env("FLIGHTDECK_KILL_FILE", path);
    let mut child = command.stdin(Stdio::from(writer)).stdout(Stdio::null()).spawn().unwrap();
    // The command holds the pipe open as well.
    drop(command);
    let (announced, killed) = (<[AtomicU64; THREADS]>::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut words = [0; 16];
            while reader.read_exact(&mut words).is_ok() {
                let [thread, n] = [0, 8].map(|at| u64::from_ne_bytes(words[at..at + 8].try_into().unwrap()));
                announced[thread as usize].fetch_max(n, Relaxed);
            }
        });
        let end = Instant::now() + Duration::from_secs(20);
        while announced.iter().any(|announced| announced.load(Relaxed) == 0) {
            assert!(Instant::now() < end, "the child announces nothing");
            thread::yield_now();
        }
        scope.spawn(|| {
            let (recording, mut last) = (Recording::open(path).unwrap(), [0; THREADS + 2]);
            while !killed.load(Relaxed) {
                names_are_whole(&recording.snapshot());
                let now = counted(&recording);
                assert!(now.iter().zip(last).all(|(now, last)| *now >= last), "{now:?} after {last:?}");
                last = now;
            }
        });
        thread::sleep(Duration::from_micros(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48));
        child.kill().unwrap();
        child.wait().unwrap();
        killed.store(true, Relaxed);
    });
    announced.map(AtomicU64::into_inner)
}
