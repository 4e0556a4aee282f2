//! Forks of a process whose deck lies in a file. A binary of its own, with one test: a child has no thread but the one that
//! forked.

#![cfg(target_os = "linux")]

#[path = "support/child.rs"]
mod child;

use child::ended_well;
use flightdeck::events::{Events, LossCause, Recording};
use flightdeck::mapped::{Options, State};
use std::io::{Read, Write};

flightdeck::kind! { Noted("mapped_fork.noted") { n: u64 } }

#[test]
fn a_child_neither_writes_its_parents_file_nor_closes_it_nor_holds_it() {
    let folder = std::env::temp_dir().join(format!("flightdeck-mapped-fork-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("deck");
    let events = Events::builder().memory(1 << 20).shards(2).mapped(&*path).build().unwrap();
    events.record(Noted { n: 1 });
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
                let own =
                    Events::builder().memory(1 << 20).shards(1).mapped(Options::nameless()).build().unwrap();
                own.record(Noted { n: 3 });
                assert_eq!(own.query().run().unwrap().len(), 1);
                drop(events);
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
