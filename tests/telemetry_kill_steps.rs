//! A process is stopped after each instruction of what it counts and registers, and its file is read as though it had been killed
//! there: all that it had counted before is in it, under whole names, and what it was doing is there or not, and never by half where
//! that is promised. At some of these points it is killed indeed, and the next life goes on from the file. `FLIGHTDECK_KILL_POINTS`
//! says at how many, 24 by default.
//!
//! By hand, with `ptrace`, as `kill_steps`; likewise on this processor alone.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "support/folder.rs"]
mod folder;
#[path = "support/stepped.rs"]
mod stepped;

use flightdeck::mapped::{OpenOptions, Opened, Options, State};
use flightdeck::telemetry::{
    Counter, Description, FloatGauge, Gauge, Group, Histogram, HistogramValues, Recording, Resolution,
    SeriesKey, Snapshot, Telemetry, Unit, UpDownCounter, Value,
};
use folder::Folder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use stepped::{Content, Stepped, Stop};

/// What is done between two stops.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    /// A series with labels; the first one is that of a metric as well.
    MakeCounter(u64),
    Count(u64, u64),
    MakeOthers,
    Set(i64),
    SetFloat(f64),
    Move(i64),
    Record(u64),
    /// Says what a metric is, which is there already.
    Describe,
    MakeGroup,
    Group([u64; 3]),
    /// A series goes, whose cell somebody else has next.
    Drop(u64),
    /// So many series come and go: run, not stepped through.
    Churn(u64),
}

impl Op {
    fn steps(self) -> bool {
        !matches!(self, Self::Churn(_))
    }
}

/// What the first thread does, and what the second.
fn script() -> [Vec<Op>; 2] {
    let first = vec![
        Op::MakeCounter(1),
        Op::Count(1, 5),
        Op::Count(1, 7),
        Op::MakeCounter(2),
        Op::Count(2, 1 << 40),
        Op::MakeOthers,
        Op::Set(-3),
        Op::SetFloat(0.5),
        Op::Move(9),
        Op::Move(-10),
        Op::Record(7),
        Op::Record(5_000),
        Op::Describe,
        Op::MakeGroup,
        Op::Group([1, 0, 1]),
        Op::Group([20, 300, 320]),
        Op::Drop(1),
        Op::MakeCounter(3),
        Op::Count(3, 2),
        Op::Drop(3),
        // So that there is no room for the next name, and all names move.
        Op::Churn(CHURN),
        Op::MakeCounter(4),
    ];
    let second =
        vec![Op::Count(2, 3), Op::Record(7), Op::Move(4), Op::Group([0, 5, 5]), Op::Set(8), Op::Count(4, 6)];
    [first, second]
}

/// After so many, there is no room for the next name in what is kept for names.
const CHURN: u64 = 33;

fn labels(n: u64) -> [(&'static str, String); 2] {
    [
        ("n", n.to_string()),
        ("text", format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(n as usize % 16)),
    ]
}

fn builder() -> flightdeck::telemetry::Builder {
    Telemetry::builder().cells(128).threads(2).memory(6 * 512)
}

/// Handles, resolved as a host resolves them. One in memory says what one in a file has to be like.
struct Host {
    telemetry: Telemetry,
    made: BTreeMap<u64, Counter>,
    others: Option<(Gauge, FloatGauge, UpDownCounter, Histogram)>,
    group: Option<Group<3>>,
}

impl Host {
    fn new(telemetry: Telemetry) -> Self {
        Self { telemetry, made: BTreeMap::new(), others: None, group: None }
    }

    fn does(&mut self, op: Op) {
        let others = || self.others.as_ref().unwrap();
        match op {
            Op::MakeCounter(n) => {
                let labels = labels(n);
                let labels = [0, 1].map(|at| (labels[at].0, &*labels[at].1));
                self.made.insert(n, self.telemetry.counter_with("made", &labels));
            }
            Op::Count(n, amount) => self.made[&n].increment(amount),
            Op::MakeOthers => {
                let (telemetry, resolution) = (&self.telemetry, Resolution::new(2).up_to(1_000));
                let spread = telemetry.try_histogram_of("spread", &[], resolution).unwrap();
                let (level, load) = (telemetry.gauge("level"), telemetry.float_gauge("load"));
                self.others = Some((level, load, telemetry.up_down_counter("open"), spread));
            }
            Op::Set(value) => others().0.set(value),
            Op::SetFloat(value) => others().1.set(value),
            Op::Move(by) => others().2.add(by),
            Op::Record(value) => others().3.record(value),
            Op::Describe => {
                let description = Description::new("how much is to be done").unit(Unit::Other("orders"));
                self.telemetry.describe("level", description).unwrap();
            }
            Op::MakeGroup => self.group = Some(self.telemetry.group("of", ["ok", "err", "all"]).unwrap()),
            Op::Group(amounts) => self.group.as_ref().unwrap().add(amounts),
            Op::Churn(rounds) => {
                for n in 0..rounds {
                    self.does(Op::MakeCounter(160 + n * 16));
                    self.does(Op::Drop(160 + n * 16));
                }
            }
            Op::Drop(n) => {
                self.made.remove(&n);
                // The first time it is found as it is, the second time as it was.
                (0..2).for_each(|_| _ = self.telemetry.retire_idle(Duration::ZERO));
            }
        }
    }
}

/// What a snapshot says: by name and labels, with what is said of the metric.
type Told = BTreeMap<String, (String, Value)>;

fn told(snapshot: &Snapshot) -> Told {
    let described =
        |key: &SeriesKey| format!("{:?}, {:?}", key.help(), key.unit().map(|unit| unit.ucum().into_owned()));
    snapshot.iter().map(|(key, value)| (key.to_string(), (described(key), value.clone()))).collect()
}

/// What is to be read before each of these, and after the last.
fn expected(ops: &[Op]) -> Vec<Told> {
    let mut host = Host::new(builder().build().unwrap());
    let mut all = vec![told(&host.telemetry.snapshot())];
    for op in ops {
        host.does(*op);
        all.push(told(&host.telemetry.snapshot()));
    }
    all
}

mod in_child {
    use super::*;

    /// Does as the script says. Its first word on the pipe of each thread is that thread's number, or 0 where nobody may step
    /// through it.
    #[test]
    #[ignore = "the child of the test below"]
    fn child() {
        let Some(path) = std::env::var_os("FLIGHTDECK_STEPS_FILE") else { return };
        let pipe = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
        let telemetry = builder().mapped(Options::at(PathBuf::from(path)).recover(1)).build().unwrap();
        let mut host = Host::new(telemetry);
        for ops in script() {
            let (mut pipe, host) = (pipe.try_clone().unwrap(), &mut host);
            thread::scope(|scope| {
                let thread = scope.spawn(move || {
                    pipe.write_all(&stepped::traced().to_ne_bytes()).unwrap();
                    for op in ops {
                        stepped::stop(if op.steps() { libc::SIGUSR1 } else { libc::SIGUSR2 });
                        host.does(op);
                    }
                    stepped::stop(libc::SIGURG);
                });
                thread.join().unwrap();
            });
        }
    }
}

/// Whether a histogram is on the way: the greatest value beyond its range comes first, then the bucket, and then the sum.
fn is_between(seen: &Value, before: &Value, after: &Value) -> bool {
    let (Value::Histogram(seen), Value::Histogram(before), Value::Histogram(after)) = (seen, before, after)
    else {
        return false;
    };
    let buckets = |values: &HistogramValues| -> Vec<_> {
        values.buckets().map(|(low, _, count)| (low, count)).collect()
    };
    let begun =
        buckets(seen) == buckets(before) && seen.greatest() <= before.greatest().max(after.greatest());
    seen.sum() == before.sum() && (begun || buckets(seen) == buckets(after))
}

/// What was read is what was there before `ops[at]`, or some of what that made of it. How far it came: whether it is all as before,
/// and whether it is all as after.
fn judge(path: &Path, all: &[Told], ops: &[Op], at: usize) -> (bool, bool) {
    let recording = Recording::open(path).unwrap();
    assert_eq!(recording.file().unwrap().state(), Some(State::Running));
    let seen = told(&recording.snapshot());
    assert_eq!((recording.unreadable(), recording.nameless()), (0, 0), "{seen:?}");
    let torn = recording.incomplete();
    let (before, after) = (&all[at], all.get(at + 1).unwrap_or(&all[at]));
    for (name, (described, value)) in &seen {
        let sides: Vec<_> = [before, after].into_iter().filter_map(|side| side.get(name)).collect();
        assert!(sides.iter().any(|side| side.0 == *described), "{name} is {described}, of {sides:?}");
        let is_between = matches!(sides[..], [before, after] if is_between(value, &before.1, &after.1));
        assert!(is_between || sides.iter().any(|side| side.1 == *value), "{name} is {value:?}, of {sides:?}");
    }
    let lost = before.keys().find(|name| after.contains_key(*name) && !seen.contains_key(*name));
    assert_eq!(lost, None, "in the middle of {:?}", ops.get(at));
    let (is_before, is_after) = (seen == *before, seen == *after);
    if let Some(Op::Group(_)) = ops.get(at) {
        // All or nothing, unless it is said.
        assert!(is_before || is_after || torn.len() == 3, "{seen:?}");
    } else {
        assert!(torn.is_empty(), "{torn:?}");
    }
    (is_before, is_after)
}

fn kills() -> usize {
    std::env::var("FLIGHTDECK_KILL_POINTS").map_or(24, |points| points.parse().unwrap())
}

#[test]
fn whatever_instruction_is_the_last_all_that_was_counted_is_in_the_file() {
    let folder = Folder::new("telemetry-kill-steps");
    let path = folder.deck();
    let ops = script().concat();
    let all = expected(&ops);
    let Some(steps) = looked_at_after_each(&path, &all, &ops) else {
        // Past what captures the output of tests.
        writeln!(std::io::stderr(), "skipped: this process may not step through another (ptrace)").unwrap();
        return;
    };
    let stepped: Vec<usize> = (0..ops.len()).filter(|at| steps[*at] > 0).collect();
    let mut random = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    println!("seed {random}");
    for round in 0..kills() {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        // Each in turn, in the middle of it or at its end.
        let at = stepped[round % stepped.len()];
        killed_after(&path, &all, &ops, at, (random >> 16) % (steps[at] + 1));
    }
}

fn start(path: &Path) -> Stepped {
    Stepped::start("in_child::child", "FLIGHTDECK_STEPS_FILE", path)
}

/// How often all names were moved, twice.
fn turn(path: &Path) -> u64 {
    let file = Opened::open(path, &OpenOptions::new()).unwrap();
    let section = file.header().sections[0];
    let bytes = std::fs::read(path).unwrap();
    let word = |at: usize| u64::from_ne_bytes(bytes[at * 8..][..8].try_into().unwrap());
    assert_eq!(word(section.start), u64::from_ne_bytes(*b"FDMETRIC"));
    word(section.start + 32)
}

/// How many instructions there were of each; `None` where nobody may step through another process.
fn looked_at_after_each(path: &Path, all: &[Told], ops: &[Op]) -> Option<Vec<u64>> {
    let mut child = start(path);
    let mut steps = vec![0_u64; ops.len()];
    let (mut states, mut between, mut torn, mut moved, mut at) = (0_u64, 0_u64, 0_u64, 0_u64, 0);
    for thread in script() {
        if !child.next_thread() {
            return None;
        }
        let mut stop = child.wait();
        let mut content = Content::of(&File::open(path).unwrap());
        for op in thread {
            assert_eq!(stop, Stop::Next { steps: op.steps() });
            assert!(judge(path, all, ops, at).0, "before {op:?}");
            if !op.steps() {
                stop = child.run();
                at += 1;
                assert!(judge(path, all, ops, at).0, "after {op:?}");
                continue;
            }
            let turn = turn(path);
            content.has_changed();
            let mut was_after = false;
            stop = child.step();
            while stop == Stop::Step {
                steps[at] += 1;
                if content.has_changed() {
                    states += 1;
                    let (is_before, is_after) = judge(path, all, ops, at);
                    assert!(is_after || !was_after, "what was there is gone, in the middle of {op:?}");
                    was_after = is_after;
                    between += u64::from(!is_before && !is_after);
                    torn += u64::from(!is_before && !is_after && matches!(op, Op::Group(_)));
                }
                stop = child.step();
            }
            at += 1;
            assert!(judge(path, all, ops, at).0, "after {op:?}");
            moved += u64::from(self::turn(path) != turn);
        }
        assert_eq!(stop, Stop::Done);
        child.detach();
    }
    let instructions = steps.iter().sum::<u64>();
    println!(
        "{instructions} instructions, {states} states of the file, {between} between two, {torn} of those of a group"
    );
    assert!(between > 0 && torn > 0, "{between}, {torn}");
    assert_eq!(moved, 1, "names did not move while somebody looked: `CHURN` is to be such that they do");
    child.ends_well();
    Some(steps)
}

/// A child killed after so many instructions of `ops[at]`, and the life after it, which counts on.
fn killed_after(path: &Path, all: &[Told], ops: &[Op], at: usize, steps: u64) {
    let mut child = start(path);
    let mut done = 0;
    'child: for thread in script() {
        assert!(child.next_thread());
        let mut stop = child.wait();
        for _ in thread {
            if done == at {
                break 'child;
            }
            stop = child.run();
            done += 1;
        }
        assert_eq!(stop, Stop::Done);
        child.detach();
    }
    // The last stop is that before the next thing.
    let is_done = (0..steps).any(|_| child.step() != Stop::Step);
    child.kill();
    let at = at + usize::from(is_done);
    let seen = judge(path, all, ops, at);
    let recording = Recording::open(path).unwrap();
    let before = recording.snapshot();
    let telemetry = builder().carry_over(&recording).mapped(Options::at(path).recover(1)).build().unwrap();
    let file = telemetry.file().unwrap();
    assert!(file.life().number > 1);
    assert_eq!(judge(file.previous().unwrap(), all, ops, at), seen);
    for (key, value) in before.iter() {
        let labels: Vec<_> = key.labels().iter().collect();
        match value {
            Value::Counter(count) => {
                let counter = telemetry.counter_with(key.name(), &labels);
                counter.increment(1);
                assert_eq!(counter.value(), count + 1, "{key}");
            }
            Value::Histogram(values) => {
                let histogram = telemetry.try_histogram_of(key.name(), &labels, values.resolution()).unwrap();
                histogram.record(1);
                assert_eq!(
                    (histogram.values().count(), histogram.values().sum()),
                    (values.count() + 1, values.sum() + 1)
                );
            }
            _ => {}
        }
    }
}
