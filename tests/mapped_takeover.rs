//! A file is taken over from the life before: by one of several processes that want it at the same moment, and by one that is killed
//! at any system call on the way. No life is lost in either case.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "support/folder.rs"]
mod folder;
#[path = "support/stepped.rs"]
#[allow(dead_code, reason = "each test file uses what it needs")]
mod stepped;

use flightdeck::Diagnostic;
use flightdeck::events::{BuildError, Events, Recording, Value};
use flightdeck::mapped::{Options, State};
use folder::Folder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use stepped::{Stepped, Stop};

flightdeck::kind! { Lived("takeover.lived") { life: u64 } }

fn life(path: &Path, keep: u32) -> Result<Events, BuildError> {
    Events::builder().memory(192 << 10).shards(1).mapped(Options::at(path).recover(keep)).build()
}

fn number(events: &Events) -> u64 {
    events.file().unwrap().life().number
}

/// The life that a file is of, which its one event says as well.
fn said(path: &Path) -> Option<u64> {
    let recording = Recording::open(path).ok()?;
    let answer = recording.query().kind_named("takeover.lived").run().ok()?;
    let lives: Vec<_> =
        answer.iter().map(|event| event.field("life") == Some(Value::U64(life_of(&recording)))).collect();
    if lives.is_empty() {
        return None;
    }
    assert_eq!(lives, [true], "{}", path.display());
    Some(life_of(&recording))
}

fn life_of(recording: &Recording) -> u64 {
    recording.file().unwrap().header().life.number
}

fn aside(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

mod in_child {
    use super::*;

    fn file() -> Option<PathBuf> {
        std::env::var_os("FLIGHTDECK_TAKEOVER_FILE").map(PathBuf::from)
    }

    /// With each byte that it is given it wants the file, says what it got, and is given another to let go of it.
    #[test]
    #[ignore = "a child of a test below"]
    fn wants() {
        let Some(path) = file() else { return };
        let (mut asked, mut says) = (std::io::stdin(), std::io::stderr());
        while asked.read_exact(&mut [0]).is_ok() {
            let made = life(&path, 1_000);
            let said = match &made {
                Ok(events) => {
                    events.record(Lived { life: number(events) });
                    number(events)
                }
                Err(error) if error.code() == "mapped.create.in_use" => 0,
                Err(error) => panic!("{error}"),
            };
            says.write_all(&said.to_ne_bytes()).unwrap();
            asked.read_exact(&mut [0]).unwrap();
            drop(made);
            says.write_all(&said.to_ne_bytes()).unwrap();
        }
    }

    /// One life, made while somebody looks.
    #[test]
    #[ignore = "a child of a test below"]
    fn recovers() {
        let Some(path) = file() else { return };
        let mut pipe = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
        pipe.write_all(&stepped::traced().to_ne_bytes()).unwrap();
        stepped::stop(libc::SIGUSR1);
        let events = life(&path, 3).unwrap();
        events.record(Lived { life: number(&events) });
        stepped::stop(libc::SIGURG);
    }
}

struct Wants {
    child: Child,
}

impl Wants {
    fn start(path: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "in_child::wants", "--ignored", "--nocapture"]);
        command.env("FLIGHTDECK_TAKEOVER_FILE", path).stdin(Stdio::piped());
        Self { child: command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap() }
    }

    fn tell(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    }

    fn said(&mut self) -> u64 {
        let mut said = [0; 8];
        self.child.stderr.as_mut().unwrap().read_exact(&mut said).expect("it says what it got");
        u64::from_ne_bytes(said)
    }
}

#[test]
fn of_several_processes_that_want_a_file_one_gets_it_and_no_life_is_lost() {
    const ROUNDS: u64 = 60;
    let folder = Folder::new("takeover-race");
    let path = folder.deck();
    let mut children: Vec<Wants> = (0..4).map(|_| Wants::start(&path)).collect();
    let mut won: BTreeMap<usize, u64> = BTreeMap::new();
    for round in 1..=ROUNDS {
        // Not always the same one first.
        children.rotate_left((round % 3) as usize);
        children.iter_mut().for_each(Wants::tell);
        let got: Vec<u64> = children.iter_mut().map(Wants::said).collect();
        let writers: Vec<usize> = (0..got.len()).filter(|at| got[*at] > 0).collect();
        assert_eq!(writers.len(), 1, "round {round}: {got:?}");
        assert_eq!(got[writers[0]], round, "one life after the other");
        *won.entry(writers[0]).or_default() += 1;
        children.iter_mut().for_each(Wants::tell);
        children.iter_mut().for_each(|child| {
            child.said();
        });
    }
    println!("won, by place: {won:?}");
    for mut child in children {
        drop(child.child.stdin.take());
        assert!(child.child.wait().unwrap().success());
    }
    assert_eq!(said(&path), Some(ROUNDS));
    for number in 1..ROUNDS {
        assert_eq!(said(&aside(&path, number as usize)), Some(ROUNDS - number));
    }
    assert_eq!(folder.names().len(), ROUNDS as usize, "{:?}", folder.names());
}

#[test]
fn killed_at_any_system_call_of_a_recovery_the_lives_before_are_found_by_the_next() {
    let (mut calls, mut ways) = (0, BTreeMap::<&str, u32>::new());
    loop {
        let folder = Folder::new("takeover-killed");
        let path = folder.deck();
        let first = life(&path, 3).unwrap();
        first.record(Lived { life: 1 });
        drop(first);
        let mut child = Stepped::start("in_child::recovers", "FLIGHTDECK_TAKEOVER_FILE", &path);
        if !child.next_thread() {
            writeln!(std::io::stderr(), "SKIPPED: this process may not step through another (ptrace)")
                .unwrap();
            return;
        }
        assert_eq!(child.wait(), Stop::Next { steps: true });
        // One is where the call begins, one where it has been made.
        let is_done =
            (0..=calls).any(|call| child.call() != Stop::Step || (call > 0 && child.call() != Stop::Step));
        child.kill();
        if is_done {
            break;
        }
        calls += 1;
        let is_first = |path: &Path| said(path) == Some(1);
        let names = folder.names();
        let way = match (is_first(&path), is_first(&aside(&path, 1))) {
            (true, false) => "where it was",
            (false, true) if path.exists() => "aside, and another has its name",
            (false, true) => "aside, and nothing has its name",
            other => panic!("after {calls} calls: {other:?}, {names:?}"),
        };
        *ways.entry(way).or_default() += 1;
        let was_life = Recording::open(&path)
            .is_ok_and(|now| life_of(&now) == 2 && now.file().unwrap().state() == Some(State::Running));
        let next = life(&path, 3).unwrap();
        assert_eq!(number(&next), 2 + u64::from(was_life), "after {calls} calls: {names:?}");
        let previous = next.file().unwrap().previous().unwrap().to_owned();
        assert_eq!(previous, aside(&path, 1), "after {calls} calls");
        let kept = aside(&path, 1 + usize::from(was_life));
        assert!(is_first(&kept), "after {calls} calls: {names:?}, then {:?}", folder.names());
    }
    println!("killed after each of {calls} system calls; the life before was {ways:?}");
    assert!(calls > 20 && ways.len() == 3, "{calls} calls, {ways:?}");
}
