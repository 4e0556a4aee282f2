//! Forks of a process whose deck lies in a file. A binary of its own, with one test: a child has no thread but the one that
//! forked.

#![cfg(target_os = "linux")]

#[path = "support/child.rs"]
mod child;

use child::ended_well;
use flightdeck::events::{Events, LossCause, Recording};
use flightdeck::mapped::{Options, State};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

flightdeck::kind! { Noted("mapped_fork.noted") { n: u64 } }

#[test]
fn a_child_neither_writes_its_parents_file_nor_closes_it_nor_holds_it() {
    a_child_leaves_its_parents_file_alone();
    for is_seen in [true, false] {
        a_child_that_lives_on_does_not_hold_the_file_of_a_parent_that_was_killed(is_seen);
    }
}

/// A child by the bare system call, of which no library of this process hears.
fn clone_unseen() -> libc::pid_t {
    // SAFETY: as a fork, whose handlers are not called: the child may do what a signal handler may.
    unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t }
}

/// Whether these are the same file.
fn same(one: &Path, other: &Path) -> bool {
    let id = |path| std::fs::metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
}

/// The descriptor by which this process, which opened it in no other way, holds what has this name.
fn held_by(path: &Path) -> Option<PathBuf> {
    let mut open = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    open.find(|descriptor| same(descriptor, path))
}

/// One that is not seen for a child does, by the descriptor that it was born with.
fn a_child_that_lives_on_does_not_hold_the_file_of_a_parent_that_was_killed(is_seen: bool) {
    let folder = std::env::temp_dir().join(format!("flightdeck-mapped-killed-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("deck");
    let build = || {
        let options = Options::at(&*path).recover(1);
        Events::builder().memory(1 << 20).shards(2).mapped(options).build().unwrap()
    };
    let (mut done, mut say_done) = std::io::pipe().unwrap();
    let (mut go, say_go) = std::io::pipe().unwrap();
    let mut say_go = Some(say_go);
    // SAFETY: as below. The child's child keeps all that it was born with until it is told to end.
    let middle = match unsafe { libc::fork() } {
        -1 => panic!("no child: {}", std::io::Error::last_os_error()),
        0 => {
            let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                drop(say_go);
                let events = build();
                events.record(Noted { n: 1 });
                let born = if is_seen {
                    // SAFETY: as above.
                    unsafe { libc::fork() }
                } else {
                    clone_unseen()
                };
                if born == 0 {
                    say_done.write_all(b"x").unwrap();
                }
                let _ = go.read(&mut [0]);
                if born == 0 && !is_seen {
                    // SAFETY: ends the child, which takes itself for the writer and must not act as one.
                    unsafe { libc::_exit(0) };
                }
                drop(events);
            }));
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(said.is_err())) }
        }
        child => child,
    };
    done.read_exact(&mut [0]).unwrap();
    let recording = Recording::open(&path).unwrap();
    assert!(recording.file().unwrap().has_writer().unwrap());
    // SAFETY: a child of this process, which is waited for.
    assert_eq!(unsafe { libc::kill(middle, libc::SIGKILL) }, 0);
    assert!(!ended_well(middle));
    let has_writer = || recording.file().unwrap().has_writer().unwrap();
    assert_eq!(has_writer(), !is_seen, "its child has the file mapped, and holds nothing if it was seen");
    if !is_seen {
        let held =
            Events::builder().memory(1 << 20).mapped(Options::at(&*path).recover(1)).build().unwrap_err();
        assert_eq!(flightdeck::Diagnostic::code(&held), "mapped.create.in_use");
        drop(say_go.take());
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while has_writer() {
            assert!(std::time::Instant::now() < until, "the child has ended");
            std::thread::yield_now();
        }
    }
    let events = build();
    assert_eq!(events.file().unwrap().life().number, 2);
    drop(events);
    std::fs::remove_dir_all(folder).unwrap();
}

fn a_child_leaves_its_parents_file_alone() {
    let folder = std::env::temp_dir().join(format!("flightdeck-mapped-fork-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let (path, own_path) = (folder.join("deck"), folder.join("own"));
    // The number that the child's second file takes is then that of its parent's file.
    let lower = std::fs::File::open("/dev/null").unwrap();
    let events = Events::builder().memory(1 << 20).shards(2).mapped(&*path).build().unwrap();
    events.record(Noted { n: 1 });
    let number = held_by(&path).unwrap();
    let recording = Recording::open(&path).unwrap();
    let noted = || recording.query().kind_named("mapped_fork.noted").run().unwrap().len();
    let has_writer = || recording.file().unwrap().has_writer().unwrap();
    let (mut done, mut say_done) = std::io::pipe().unwrap();
    let (mut go, mut say_go) = std::io::pipe().unwrap();
    // SAFETY: the child runs on a heap that the C library keeps in order across forks, and leaves by `_exit`.
    let child = match unsafe { libc::fork() } {
        -1 => panic!("no child: {}", std::io::Error::last_os_error()),
        0 => {
            let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                events.record(Noted { n: 2 });
                drop(lower);
                assert!(!same(&number, &path), "closed before `fork` returned");
                let own = Events::builder().memory(1 << 20).shards(1).mapped(&*own_path).build().unwrap();
                own.record(Noted { n: 3 });
                assert_eq!(own.query().run().unwrap().len(), 1);
                assert_eq!(held_by(&own_path), Some(number));
                drop(events);
                let reader = Recording::open(&own_path).unwrap();
                assert!(reader.file().unwrap().has_writer().unwrap(), "what is its own is held still");
                say_done.write_all(b"x").unwrap();
                go.read_exact(&mut [0]).unwrap();
            }));
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(said.is_err())) }
        }
        child => child,
    };
    done.read_exact(&mut [0]).unwrap();
    assert_eq!(noted(), 1);
    let losses = recording.losses();
    assert!(losses.len() == 1 && losses[0].cause == LossCause::Forked && losses[0].count == 1, "{losses:?}");
    assert_eq!((recording.file().unwrap().state(), has_writer()), (Some(State::Running), true));
    events.record(Noted { n: 4 });
    assert_eq!(noted(), 2);
    drop(events);
    assert_eq!(
        (recording.file().unwrap().state(), has_writer()),
        (Some(State::Closed), false),
        "the child lives"
    );
    say_go.write_all(b"x").unwrap();
    assert!(ended_well(child));
    std::fs::remove_dir_all(folder).unwrap();
}
