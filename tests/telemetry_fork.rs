//! Forks of a process whose telemetry lies in a file. A binary of its own, with one test: a child has no thread but the one that
//! forked.

#![cfg(target_os = "linux")]

#[path = "support/child.rs"]
mod child;

use child::ended_well;
use flightdeck::mapped::{Options, State};
use flightdeck::telemetry::{Recording, RegisterError, Telemetry, Value};
use std::time::Duration;

#[test]
fn a_child_counts_nothing_into_its_parents_file() {
    let folder = std::env::temp_dir().join(format!("flightdeck-telemetry-fork-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("deck");
    let telemetry = Telemetry::builder().cells(4_096).threads(2).mapped(&*path).build().unwrap();
    let (hits, sizes) = (telemetry.counter("hits"), telemetry.histogram("sizes"));
    hits.increment(1);
    sizes.record(5);
    telemetry.counter_with("idle", &[("a", "b")]).increment(1);
    telemetry.retire_idle(Duration::ZERO);
    let recording = Recording::open(&path).unwrap();
    let before = recording.snapshot();
    // SAFETY: the child runs on a heap that the C library keeps in order across forks, and leaves by `_exit`.
    let child = match unsafe { libc::fork() } {
        -1 => panic!("no child: {}", std::io::Error::last_os_error()),
        0 => {
            let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                hits.increment(100);
                sizes.record(5);
                sizes.record(u64::MAX);
                let made = telemetry.try_counter("made");
                assert!(matches!(made, Err(RegisterError::Forked { name }) if name == "made"));
                telemetry.counter("hits").increment(100);
                assert_eq!(telemetry.retire_idle(Duration::ZERO).series, 0);
                let own = Telemetry::builder().mapped(Options::nameless()).build().unwrap();
                own.counter("hits").increment(7);
                assert_eq!(own.recording().unwrap().snapshot().get("hits"), Some(&Value::Counter(7)));
                drop(telemetry);
            }));
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(said.is_err())) }
        }
        child => child,
    };
    assert!(ended_well(child));
    let after = recording.snapshot();
    assert!(before.iter().eq(after.iter()), "{before:?}, {after:?}");
    assert_eq!(recording.stats().refused_updates, 4);
    assert_eq!(recording.file().unwrap().state(), Some(State::Running));
    hits.increment(1);
    assert_eq!(recording.snapshot().get("hits"), Some(&Value::Counter(2)));
    drop(telemetry);
    assert_eq!(recording.file().unwrap().state(), Some(State::Closed));
    assert_eq!(recording.snapshot().get("hits"), Some(&Value::Counter(2)));
    std::fs::remove_dir_all(folder).unwrap();
}
