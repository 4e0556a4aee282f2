//! A system that gives no thread: a process of its own, since the limit holds for all of it.
#![cfg(target_os = "linux")]

mod support;

use flightdeck::supervisor::{Backoff, ChildSpec, Exit, Incident, Restart, Supervisor, WorkerState};
use std::sync::mpsc;
use std::time::Duration;
use support::{PATIENCE, until, until_stopped};

/// Lets this process have so many bytes of addresses, or as many as it had.
fn limit_addresses(bytes: Option<u64>) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a structure of the kind that the call asks for.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
    limit.rlim_cur = bytes.unwrap_or(limit.rlim_max);
    // SAFETY: the same.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

#[test]
fn a_worker_without_a_thread_is_tried_again_and_runs_once_there_is_one() {
    let (sender, incidents) = mpsc::channel();
    let supervisor = Supervisor::builder()
        .max_restarts(1_000_000)
        .observer(move |incident| drop(sender.send(incident.clone())))
        .start()
        .unwrap();
    let backoff = Backoff::between(Duration::from_millis(1), Duration::from_millis(5));
    // A stack for which there is no room.
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    limit_addresses(Some(pages * 4096 + (1 << 30)));
    let spec = ChildSpec::new("big", Restart::Transient, until_stopped).backoff(backoff);
    supervisor.add(spec.stack_size(16 << 30)).unwrap();
    // One that needs less is not held up.
    let small = ChildSpec::new("small", Restart::Permanent, until_stopped).stack_size(64 << 10);
    supervisor.add(small).unwrap();
    let mut failures = 0;
    while failures < 5 {
        match incidents.recv_timeout(PATIENCE).unwrap() {
            Incident::Ended { exit: Exit::NotSpawned(why), generation, .. } => {
                failures += 1;
                assert!(!why.is_empty() && generation == failures);
            }
            Incident::Started { worker, .. } => assert_eq!(&*worker, "small"),
            Incident::RestartScheduled { worker, .. } => assert_eq!(&*worker, "big"),
            other => panic!("{other}"),
        }
    }
    assert!(!supervisor.is_healthy() && !supervisor.has_melted_down());
    limit_addresses(None);
    until("it to run", || supervisor.status().starts == 2);
    let status = supervisor.status();
    assert!(status.failures >= 5 && status.workers[0].state == WorkerState::Running);
    assert_eq!(status.workers[0].generation, status.failures + 1);
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}
