//! A process is stopped after each instruction of what it records, and its file is read as though it had been killed there: all
//! that it had recorded before is in it, whole, found by scan, by id and by time, and what it was recording is there whole or not at
//! all. At some of these points it is killed indeed, and the next life takes the file over. `FLIGHTDECK_KILL_POINTS` says at how
//! many, 24 by default.
//!
//! By hand, with `ptrace`, so what is stepped through is the code that hosts run. Where that is refused the test says so and proves
//! nothing. Not on other processors: where an atomic operation is a loop that an interruption starts anew, a stepped one never ends.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "support/folder.rs"]
mod folder;
#[path = "support/stepped.rs"]
mod stepped;

use flightdeck::events::{Answer, Batch, Class, Events, Recorded, Recording, Stamp, Value};
use flightdeck::mapped::{Options, State};
use flightdeck::{CorrelationId, Ticks};
use folder::Folder;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;
use stepped::{Content, Stepped, Stop};

flightdeck::kind! {
    Written("steps.written") { n: u64, sum: u64, text: str }
    First("steps.first") { n: u64, sum: u64, text: str }
    Vital("steps.vital", class = Critical) { n: u64, sum: u64, text: str }
}

const KINDS: [&str; 3] = ["steps.written", "steps.first", "steps.vital"];
const MEMORY: usize = 192 << 10;

/// What is done between two stops; all but a batch record one event.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// With an id.
    WithId,
    /// Without one.
    WithoutId,
    /// Without one, and with a shorter header.
    Mark,
    /// Three events, with ids.
    Batch,
    /// Of a kind that nobody recorded before.
    Unmet,
    /// To another ring.
    Vital,
    /// Through a writer of its own.
    Writer,
}

#[derive(Clone, Copy, Debug)]
struct Op {
    kind: Kind,
    /// The number of its first event.
    n: u64,
    /// Whether it is stepped through, or run.
    steps: bool,
}

impl Op {
    fn events(self) -> Range<u64> {
        self.n..self.n + if self.kind == Kind::Batch { 3 } else { 1 }
    }

    /// What it takes.
    fn bytes(self) -> u64 {
        let header = match self.kind {
            Kind::Mark => 16,
            Kind::Batch => 56,
            _ => 48,
        };
        self.events().map(|n| header + body(n)).sum()
    }

    fn id(self) -> CorrelationId {
        let has_none = matches!(self.kind, Kind::WithoutId | Kind::Mark);
        if has_none { CorrelationId::NONE } else { CorrelationId::new(u128::from(self.n / 4 + 1) << 60) }
    }
}

/// What the first thread does, and what the second: a ring is filled almost to its end, wraps, and crosses blocks.
fn script() -> [Vec<Op>; 2] {
    let mut next = 0;
    let mut some = |kinds: &[Kind], steps| -> Vec<Op> {
        let op = |kind: &Kind| {
            let op = Op { kind: *kind, n: next, steps };
            next = op.events().end;
            op
        };
        kinds.iter().map(op).collect()
    };
    let (id, batch) = (Kind::WithId, Kind::Batch);
    let mut first = some(&[id, Kind::WithoutId, Kind::Mark, batch, Kind::Unmet], true);
    let mut filled: u64 = first.iter().map(|op| op.bytes()).sum();
    first.extend(some(&[Kind::Vital, Kind::Vital], true));
    let ring = builder().plan().unwrap().ring[Class::Normal] as u64;
    while filled + 250 < ring {
        let one = some(&[if filled.is_multiple_of(3) { Kind::WithoutId } else { id }], false);
        filled += one[0].bytes();
        first.extend(one);
    }
    first.extend(some(&[id, id, batch, Kind::WithoutId, Kind::Mark, id], true));
    let second = some(&[Kind::WithoutId, id, Kind::Writer, batch], true);
    [first, second]
}

fn sum(n: u64) -> u64 {
    (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn text(n: u64) -> String {
    format!("{:x}", sum(n)).repeat(n as usize % 4)
}

/// What fields take.
fn body(n: u64) -> u64 {
    16 + 8 + text(n).len().next_multiple_of(8) as u64
}

fn builder() -> flightdeck::events::Builder {
    Events::builder().memory(MEMORY).shards(2)
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
        let options = Options::at(PathBuf::from(path)).recover(1);
        let events = builder().mapped(options).build().unwrap();
        let events = &events;
        for ops in script() {
            let mut pipe = pipe.try_clone().unwrap();
            thread::scope(|scope| {
                let thread = scope.spawn(move || {
                    pipe.write_all(&stepped::traced().to_ne_bytes()).unwrap();
                    let mut writer = None;
                    for op in ops {
                        // Ready before the stop: what is stepped through is what a host does.
                        let texts: Vec<String> = op.events().map(text).collect();
                        if op.kind == Kind::Writer {
                            writer.get_or_insert_with(|| events.writer().unwrap());
                        }
                        let mut batch = Batch::new();
                        if op.kind == Kind::Batch {
                            for (n, text) in op.events().zip(&texts) {
                                batch.push_with(Stamp::of(op.id()), Written { n, sum: sum(n), text });
                            }
                        }
                        let (n, sum, text) = (op.n, sum(op.n), &*texts[0]);
                        stepped::stop(if op.steps { libc::SIGUSR1 } else { libc::SIGUSR2 });
                        match op.kind {
                            Kind::WithId => {
                                events.record_with(Stamp::of(op.id()), Written { n, sum, text });
                            }
                            Kind::WithoutId => events.record(Written { n, sum, text }),
                            Kind::Mark => events.mark(Written { n, sum, text }),
                            Kind::Batch => {
                                events.record_batch(&mut batch).unwrap();
                            }
                            Kind::Unmet => {
                                events.record_with(Stamp::of(op.id()), First { n, sum, text });
                            }
                            Kind::Vital => events.record_with(Stamp::of(op.id()), Vital { n, sum, text }),
                            Kind::Writer => {
                                let writer = writer.as_mut().unwrap();
                                writer.record_with(Stamp::of(op.id()), Written { n, sum, text });
                            }
                        }
                    }
                    stepped::stop(libc::SIGURG);
                });
                thread.join().unwrap();
            });
        }
    }
}

fn whole(event: &Recorded<'_>) -> u64 {
    let Some(Value::U64(n)) = event.field("n") else { panic!("{event:?}") };
    assert_eq!(event.field("sum"), Some(Value::U64(sum(n))), "{event:?}");
    assert_eq!(event.field("text"), Some(Value::Str(&text(n))), "{event:?}");
    n
}

/// What was read.
struct Seen {
    /// The oldest event.
    first: u64,
    /// One more than the newest.
    end: u64,
    in_flight: bool,
}

/// All that is in the file is whole and is what was recorded before `ops[at]`, and all or nothing of that. With the thread between
/// two of them nothing is in flight.
fn judge(path: &Path, ops: &[Op], at: usize, is_between: bool) -> Seen {
    let recording = Recording::open(path).unwrap();
    assert_eq!(recording.file().unwrap().state(), Some(State::Running));
    let answers: Vec<Answer> =
        KINDS.iter().filter_map(|kind| recording.query().kind_named(kind).run().ok()).collect();
    let of = |n: u64| ops[ops.partition_point(|op| op.events().end <= n)];
    let mut found: Vec<(u64, Ticks)> = Vec::new();
    for event in answers.iter().flat_map(Answer::iter) {
        let n = whole(&event);
        assert_eq!(event.correlation(), of(n).id(), "{event:?}");
        found.push((n, event.ticks()));
    }
    found.sort_unstable();
    let begun = ops.get(at).map_or_else(|| ops[at - 1].events().end, |op| op.n);
    let all = ops.get(at).map_or(begun, |op| op.events().end);
    let end = found.last().map_or(0, |(n, _)| n + 1);
    assert!(end == begun || end == all, "{end} events, and between {begun} and {all} in {:?}", ops.get(at));
    assert!(!is_between || end == begun);
    // Other classes and shards keep theirs longer: without a hole from the oldest one of the ring that wrapped on.
    let holes = found.windows(2).filter(|pair| pair[0].0 + 1 != pair[1].0).count();
    let first = found.iter().rev().zip((0..end).rev()).take_while(|((n, _), next)| n == next).last();
    let first = first.map_or(0, |((n, _), _)| *n);
    assert!(holes <= 2, "{holes} holes in {found:?}");
    let plan = recording.plan();
    let left: u64 = (first..end).map(body).sum();
    assert!(first == 0 || left >= plan.ring[Class::Normal] as u64 / 4, "{left} bytes are left");
    // By id, of the newest ones and some before.
    let is_found = |n: &u64| found.binary_search_by_key(n, |(n, _)| *n).is_ok();
    for n in (first..end).rev().take(12).chain((first..end).take(2)) {
        let id = of(n).id();
        if id.is_none() {
            continue;
        }
        let answer = recording.query().correlation(id).run().unwrap();
        let mut by_id: Vec<u64> = answer.iter().map(|event| whole(&event)).collect();
        by_id.sort_unstable();
        let expected: Vec<u64> = (0..end).filter(|other| of(*other).id() == id).filter(is_found).collect();
        assert_eq!(by_id, expected, "by the id of {n}");
    }
    // By time.
    if let [.., (_, since), _, _, _, (_, until)] = found[..] {
        let mut by_time = Vec::new();
        for kind in KINDS {
            if let Ok(answer) = recording.query().kind_named(kind).between(since..=until).run() {
                by_time.extend(answer.iter().map(|event| whole(&event)));
            }
        }
        by_time.sort_unstable();
        // Those of a batch have one time.
        let within = found.iter().filter(|(_, ticks)| (since..=until).contains(ticks)).map(|(n, _)| *n);
        assert!(by_time.iter().copied().eq(within), "{by_time:?} from {since:?} to {until:?}");
    }
    let in_flight = recording.in_flight();
    if let Some(flight) = in_flight.first() {
        assert!(in_flight.len() == 1 && !is_between && end == begun, "{in_flight:?} of {:?}", ops.get(at));
        let op = ops[at];
        let class = if op.kind == Kind::Vital { Class::Critical } else { Class::Normal };
        assert_eq!((flight.class, flight.correlation), (class, op.id()), "{flight:?} of {op:?}");
    }
    Seen { first, end, in_flight: !in_flight.is_empty() }
}

fn kills() -> usize {
    std::env::var("FLIGHTDECK_KILL_POINTS").map_or(24, |points| points.parse().unwrap())
}

#[test]
fn whatever_instruction_is_the_last_all_that_was_recorded_is_in_the_file() {
    let folder = Folder::new("kill-steps");
    let path = folder.deck();
    let Some(steps) = looked_at_after_each(&path) else {
        // Past what captures the output of tests.
        writeln!(std::io::stderr(), "skipped: this process may not step through another (ptrace)").unwrap();
        return;
    };
    let stepped: Vec<usize> = (0..steps.len()).filter(|at| steps[*at] > 0).collect();
    let mut random = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    println!("seed {random}");
    for round in 0..kills() {
        random = sum(random);
        // Each in turn, in the middle of it or at its end.
        let at = stepped[round % stepped.len()];
        killed_after(&path, at, (random >> 16) % (steps[at] + 1));
    }
}

/// How many instructions there were of each; `None` where nobody may step through another process.
fn looked_at_after_each(path: &Path) -> Option<Vec<u64>> {
    let threads = script();
    let ops = threads.concat();
    let mut child = Stepped::start("in_child::child", "FLIGHTDECK_STEPS_FILE", path);
    let mut steps = vec![0_u64; ops.len()];
    let mut flights = vec![0_u64; ops.len()];
    let (mut states, mut gone, mut at) = (0_u64, 0, 0);
    for thread in &threads {
        if !child.next_thread() {
            return None;
        }
        let mut stop = child.wait();
        let mut content = Content::of(&File::open(path).unwrap());
        for op in thread {
            assert_eq!(stop, Stop::Next { steps: op.steps });
            if op.steps {
                let mut last = judge(path, &ops, at, true);
                content.has_changed();
                stop = child.step();
                while stop == Stop::Step {
                    steps[at] += 1;
                    if content.has_changed() {
                        states += 1;
                        let seen = judge(path, &ops, at, false);
                        assert!(seen.end >= last.end && seen.first >= last.first, "what was there is gone");
                        gone += seen.first - last.first;
                        flights[at] += u64::from(seen.in_flight);
                        last = seen;
                    }
                    stop = child.step();
                }
                assert_eq!(last.end, op.events().end, "{op:?}");
            } else {
                stop = child.run();
            }
            at += 1;
        }
        judge(path, &ops, at, true);
        assert_eq!(stop, Stop::Done);
        child.detach();
    }
    let (instructions, in_flight) = (steps.iter().sum::<u64>(), flights.iter().sum::<u64>());
    println!("{instructions} instructions, {states} states of the file, {in_flight} with one in flight");
    println!("{gone} events overwritten meanwhile");
    assert!(gone > 0, "nothing was overwritten: the ring did not wrap");
    // After the first of a ring nobody can tell, nor where a gap comes before it.
    let unseen: Vec<&Op> = ops
        .iter()
        .zip(&flights)
        .filter(|(op, flights)| op.steps && **flights == 0)
        .map(|(op, _)| op)
        .collect();
    assert!(unseen.len() <= 4, "never in flight: {unseen:?}");
    child.ends_well();
    Some(steps)
}

/// A child killed after so many instructions of `ops[at]`, and the life after it.
fn killed_after(path: &Path, at: usize, steps: u64) {
    let threads = script();
    let ops = threads.concat();
    let mut child = Stepped::start("in_child::child", "FLIGHTDECK_STEPS_FILE", path);
    let mut done = 0;
    'child: for thread in &threads {
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
    let mut is_done = false;
    for _ in 0..steps {
        // The last stop is that before the next thing.
        if child.step() != Stop::Step {
            is_done = true;
            break;
        }
    }
    child.kill();
    let at = at + usize::from(is_done);
    let seen = judge(path, &ops, at, is_done);
    let events = builder().mapped(Options::at(path).recover(1)).build().unwrap();
    let file = events.file().unwrap();
    assert!(file.life().number > 1);
    let before = file.previous().unwrap();
    let again = judge(before, &ops, at, is_done);
    assert_eq!((again.first, again.end, again.in_flight), (seen.first, seen.end, seen.in_flight));
    events.record(Written { n: 0, sum: sum(0), text: &text(0) });
    assert_eq!(Recording::open(path).unwrap().query().run().unwrap().len(), 1);
    drop(events);
}
