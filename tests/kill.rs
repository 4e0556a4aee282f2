//! Processes killed in the middle of what they record: all that they had said to be recorded is in their file, whole, and is found
//! by scan, by id and by time; and the next life takes the file over. `FLIGHTDECK_KILLS` says how often, 20 by default.

#![cfg(target_os = "linux")]

#[path = "support/folder.rs"]
mod folder;

use flightdeck::events::{Answer, Batch, Events, Recorded, Recording, Stamp, Value};
use flightdeck::mapped::{Options, State};
use flightdeck::{CorrelationId, Ticks};
use folder::Folder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

flightdeck::kind! {
    Written("kill.written") { thread: u64, n: u64, sum: u64, text: str }
    Vital("kill.vital", class = Critical) { thread: u64, n: u64, sum: u64, text: str }
}

const THREADS: u64 = 4;
const KINDS: [&str; 2] = ["kill.written", "kill.vital"];
/// Events of one id.
const OF_ONE: u64 = 8;

fn mixed(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

fn sum(thread: u64, n: u64) -> u64 {
    mixed(thread << 56 | n)
}

/// Of any length up to some words.
fn text(thread: u64, n: u64) -> String {
    let sum = sum(thread, n);
    format!("{sum:x}").repeat(sum as usize % 5)
}

fn id(thread: u64, n: u64) -> CorrelationId {
    CorrelationId::new(u128::from(thread + 1) << 64 | u128::from(n / OF_ONE + 1))
}

/// Records for ever, and says what it has recorded on the pipe that it was given as its input.
#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Some(path) = std::env::var_os("FLIGHTDECK_KILL_FILE") else { return };
    let pipe = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let options = Options::at(PathBuf::from(path)).recover(1);
    let events = Events::builder().memory(3 << 20).shards(4).mapped(options).build().unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (events, mut pipe) = (&events, &pipe);
            scope.spawn(move || {
                let mut announce = |n: u64| {
                    let words = [thread.to_ne_bytes(), n.to_ne_bytes()].concat();
                    pipe.write_all(&words).unwrap();
                };
                let mut writer = (thread == 1).then(|| events.writer().unwrap());
                let mut batch = Batch::new();
                for n in 0.. {
                    let text = text(thread, n);
                    let (sum, text, stamp) = (sum(thread, n), &*text, Stamp::of(id(thread, n)));
                    match (&mut writer, thread) {
                        (Some(writer), _) => writer.record_with(stamp, Written { thread, n, sum, text }),
                        (None, 2) => events.record_with(stamp, Vital { thread, n, sum, text }),
                        (None, 3) => {
                            batch.push_with(stamp, Written { thread, n, sum, text });
                            if n % 5 != 4 {
                                continue;
                            }
                            events.record_batch(&mut batch).unwrap();
                        }
                        (None, _) => events.record_with(stamp, Written { thread, n, sum, text }),
                    }
                    // Often at first, then now and then: a call for each would be most of what it does.
                    if n < 100 || sum.is_multiple_of(16) {
                        announce(n);
                    }
                }
            });
        }
    });
}

/// The greatest number that each thread announced, one more than that.
type Announced = [AtomicU64; THREADS as usize];

fn whole(event: &Recorded<'_>) -> (u64, u64) {
    let number = |name| match event.field(name) {
        Some(Value::U64(number)) => number,
        other => panic!("{name} is {other:?} of {event:?}"),
    };
    let (thread, n) = (number("thread"), number("n"));
    assert_eq!(number("sum"), sum(thread, n), "{event:?}");
    assert_eq!(event.field("text"), Some(Value::Str(&text(thread, n))), "{event:?}");
    assert_eq!(event.correlation(), id(thread, n), "{event:?}");
    assert_eq!(event.kind(), KINDS[usize::from(thread == 2)]);
    (thread, n)
}

fn scan(recording: &Recording) -> Vec<Answer> {
    // A kind that no thread came to record is unknown.
    KINDS.iter().filter_map(|kind| recording.query().kind_named(kind).run().ok()).collect()
}

/// All that is in the file is whole, all that was announced and not overwritten is there; how many that are.
fn judge(recording: &Recording, announced: [u64; THREADS as usize], mut random: u64) -> usize {
    let answers = scan(recording);
    let mut found: BTreeMap<u64, Vec<(u64, Ticks)>> = BTreeMap::new();
    for event in answers.iter().flat_map(Answer::iter) {
        let (thread, n) = whole(&event);
        found.entry(thread).or_default().push((n, event.ticks()));
    }
    let plan = recording.plan();
    for (thread, announced) in (0..).zip(announced) {
        let Some(found) = found.get_mut(&thread) else {
            assert_eq!(announced, 0, "nothing is left of thread {thread}");
            continue;
        };
        found.sort_unstable();
        let (first, last) = (found[0].0, found[found.len() - 1].0);
        assert!(last + 1 >= announced, "thread {thread} announced {announced}, and {last} is the last");
        assert_eq!(found.len() as u64, last - first + 1, "there is a hole in what thread {thread} wrote");
        if first > 0 {
            let class = if thread == 2 {
                flightdeck::events::Class::Critical
            } else {
                flightdeck::events::Class::Normal
            };
            let bytes: usize =
                (first..=last).map(|n| 48 + 3 * 8 + 8 + text(thread, n).len().next_multiple_of(8)).sum();
            assert!(
                bytes >= plan.ring[class] / 2,
                "{bytes} bytes of thread {thread} are left of {}",
                plan.ring[class]
            );
        }
        // By id: the last ones, which may not be linked yet, the first ones, and some in between.
        let mut between = || {
            random = mixed(random);
            first + random % (last - first + 1)
        };
        let some: Vec<u64> = (0..50).map(|_| between()).collect();
        let ends = (first..=last).take(40).chain((first..=last).rev().take(100));
        for n in ends.chain(some) {
            let answer = recording.query().correlation(id(thread, n)).run().unwrap();
            let mut by_id: Vec<u64> = answer.iter().map(|event| whole(&event).1).collect();
            by_id.sort_unstable();
            let start = n / OF_ONE * OF_ONE;
            let expected: Vec<u64> = (start.max(first)..=(start + OF_ONE - 1).min(last)).collect();
            assert_eq!(by_id, expected, "thread {thread}, by the id of {n}");
        }
        // By time.
        let kind = KINDS[usize::from(thread == 2)];
        for _ in 0..5 {
            random = mixed(random);
            let from = random as usize % found.len();
            let to = (from + 50).min(found.len() - 1);
            let (since, until) = (found[from].1, found[to].1);
            let answer = recording.query().kind_named(kind).between(since..=until).run().unwrap();
            let mut by_time: Vec<_> = answer.iter().map(|event| (whole(&event), event.ticks())).collect();
            by_time.retain(|((other, _), _)| *other == thread);
            let mut by_time: Vec<_> = by_time.into_iter().map(|((_, n), ticks)| (n, ticks)).collect();
            by_time.sort_unstable();
            let within = |(_, ticks): &&(u64, Ticks)| (since..=until).contains(ticks);
            assert!(
                by_time.iter().eq(found.iter().filter(within)),
                "thread {thread}, {since:?} to {until:?}"
            );
        }
    }
    found.values().map(Vec::len).sum()
}

fn kills() -> u64 {
    std::env::var("FLIGHTDECK_KILLS").map_or(20, |kills| kills.parse().unwrap())
}

#[test]
fn what_a_killed_process_said_to_be_recorded_is_in_its_file() {
    let folder = Folder::new("kill");
    let path = folder.deck();
    let (mut events, mut unfinished, mut in_flight, mut lives) = (0, 0, 0, 0);
    let seed =
        std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 ^ u64::from(std::process::id()) << 32;
    println!("seed {seed}");
    let kills = kills();
    for round in 0..kills {
        let random = mixed(seed ^ round);
        let announced = run(&path, random, round % 2 == 1);
        let recording = match Recording::open(&path) {
            Ok(recording) => recording,
            Err(error) => {
                assert_eq!(announced, [0; 4], "{error}");
                unfinished += 1;
                continue;
            }
        };
        let file = recording.file().unwrap();
        assert_eq!(
            (file.state(), file.has_writer().unwrap()),
            (Some(State::Running), false),
            "it was killed"
        );
        let life = file.header().life.number;
        assert!(life >= lives, "each life has a number of its own, greater than those before");
        if life == lives {
            // It is still that of the life before.
            assert_eq!(announced, [0; 4]);
            unfinished += 1;
            continue;
        }
        lives = life;
        events += judge(&recording, announced, random);
        in_flight += recording.in_flight().len();
    }
    println!(
        "{kills} kills: {events} events whole, {in_flight} in flight, {unfinished} before there was a file"
    );
    assert!(unfinished < kills, "each was killed before it began");
}

/// A child that is killed after a while; what it announced.
fn run(path: &Path, random: u64, watched: bool) -> [u64; THREADS as usize] {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]).env("FLIGHTDECK_KILL_FILE", path);
    let mut child = command.stdin(Stdio::from(writer)).stdout(Stdio::null()).spawn().unwrap();
    // The command holds the pipe open as well.
    drop(command);
    let (announced, killed) = (Announced::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut words = [0; 16];
            while reader.read_exact(&mut words).is_ok() {
                let [thread, n] = [0, 8].map(|at| u64::from_ne_bytes(words[at..at + 8].try_into().unwrap()));
                announced[thread as usize].fetch_max(n + 1, Relaxed);
            }
        });
        let begun = || announced.iter().any(|announced| announced.load(Relaxed) > 0);
        let end = Instant::now() + Duration::from_secs(20);
        // One in eight at any moment of its beginning.
        let waits = !random.is_multiple_of(8);
        while waits && !begun() {
            assert!(Instant::now() < end, "the child announces nothing");
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            thread::yield_now();
        }
        if watched && waits {
            scope.spawn(|| {
                let recording = Recording::open(path).unwrap();
                while !killed.load(Relaxed) {
                    for answer in scan(&recording) {
                        answer.iter().for_each(|event| {
                            whole(&event);
                        });
                    }
                }
            });
        }
        let micros = if waits { (random >> 8) % 60_000 } else { (random >> 8) % 20_000 };
        thread::sleep(Duration::from_micros(micros));
        child.kill().unwrap();
        child.wait().unwrap();
        killed.store(true, Relaxed);
    });
    announced.map(AtomicU64::into_inner)
}
