//! Jobs of a supervisor: results, panics, bounds, stops, and what is done every so often.

mod support;

use flightdeck::Flightdeck;
use flightdeck::supervisor::{
    ChildSpec, Every, Incident, Job, JobError, JobStats, Jobs, Restart, SpawnError, Supervisor, WorkerContext,
};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};
use support::{PATIENCE, until};

const MS: Duration = Duration::from_millis(1);

fn supervised(most: usize, grace: Duration) -> (Jobs, Supervisor) {
    let (jobs, child) = Jobs::bounded("jobs", most, grace);
    (jobs, Supervisor::builder().worker(child).start().unwrap())
}

fn ok<T>(value: T) -> io::Result<T> {
    Ok(value)
}

/// A job that has begun, and ends when it is released.
fn deaf(jobs: &Jobs) -> (Job<(), io::Error>, Arc<AtomicBool>) {
    let begun = Arc::new(Barrier::new(2));
    let release = Arc::new(AtomicBool::new(false));
    let job = {
        let (begun, release) = (begun.clone(), release.clone());
        jobs.spawn_once("deaf", move |_| {
            begun.wait();
            until("it is released", || release.load(Relaxed));
            ok(())
        })
    };
    begun.wait();
    (job.unwrap(), release)
}

#[test]
fn results_are_handed_over_once() {
    let (jobs, supervisor) = supervised(8, PATIENCE);
    let job = jobs.spawn_once("seven", |context| ok((context.name().to_owned(), 7))).unwrap();
    assert_eq!(job.join(PATIENCE).unwrap(), ("seven".to_owned(), 7));
    assert!(matches!(job.join(PATIENCE), Err(JobError::Taken)));
    assert!(matches!(job.try_result(), Some(Err(JobError::Taken))));

    let go = Arc::new(Barrier::new(2));
    let job = jobs.spawn_once("slow", {
        let go = go.clone();
        move |_| {
            go.wait();
            ok(1)
        }
    });
    let job = job.unwrap();
    assert!(!job.is_finished() && job.try_result().is_none());
    assert!(matches!(job.join(MS), Err(JobError::TimedOut(MS))), "and it runs on");
    go.wait();
    assert_eq!(job.join(PATIENCE).unwrap(), 1);
    assert!(job.is_finished());
    until("all have left", || jobs.stats().running == 0);
    assert_eq!((jobs.stats().begun, jobs.stats().succeeded, jobs.stats().detached), (2, 2, 0));
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}

#[test]
fn one_result_goes_to_one_of_many_who_wait() {
    let (jobs, _supervisor) = supervised(8, PATIENCE);
    let job = jobs.spawn_once("one", |context| ok(context.wait(20 * MS))).unwrap();
    let results: Vec<_> = std::thread::scope(|threads| {
        let waiting: Vec<_> = (0..6).map(|_| threads.spawn(|| job.join(PATIENCE))).collect();
        waiting.into_iter().map(|waiter| waiter.join().unwrap()).collect()
    });
    let had = results.iter().filter(|result| matches!(result, Ok(false))).count();
    let told = results.iter().filter(|result| matches!(result, Err(JobError::Taken))).count();
    assert_eq!((had, told), (1, 5));
}

#[test]
fn failures_and_panics_are_results_and_nobody_melts_down() {
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("on top of it");
        }
    }
    let (jobs, supervisor) = supervised(200, PATIENCE);
    let failed = jobs.spawn_once("bad", |_| "x".parse::<u8>()).unwrap().join(PATIENCE);
    assert!(matches!(failed, Err(JobError::Failed(_))), "{failed:?}");
    let panicked: Vec<_> =
        (0..100).map(|n| jobs.spawn_once("wild", move |_| -> io::Result<()> { panic!("no {n}") })).collect();
    for (n, job) in panicked.into_iter().enumerate() {
        match job.unwrap().join(PATIENCE) {
            Err(JobError::Panicked(panic)) => {
                assert_eq!((panic.message(), panic.worker()), (&*format!("no {n}"), "wild"));
            }
            other => panic!("{other:?}"),
        }
    }
    // Payloads and bodies that panic when they are dropped leave nobody waiting.
    let nasty = jobs.spawn_once("payload", |_| -> io::Result<()> { std::panic::panic_any(Nasty) }).unwrap();
    assert!(matches!(nasty.join(PATIENCE), Err(JobError::Panicked(_))));
    let kept = Nasty;
    let nasty = jobs.spawn_once("body", move |_| {
        let _kept = &kept;
        ok(())
    });
    assert!(matches!(nasty.unwrap().join(PATIENCE), Err(JobError::Panicked(_))));
    let kept = Nasty;
    let nasty = jobs.spawn_periodic("body", Every::delay(MS), move |_| {
        let _kept = &kept;
    });
    let nasty = nasty.unwrap();
    nasty.cancel();
    assert!(nasty.join(PATIENCE));
    assert!(nasty.stats().last_error.unwrap().text.contains("on top of it"));
    until("all have left", || jobs.stats().running == 0);
    let stats = jobs.stats();
    assert_eq!((stats.begun, stats.failed, stats.panicked), (104, 1, 103));
    assert!(!supervisor.has_melted_down() && supervisor.is_healthy());
    assert_eq!(supervisor.status().failures, 0);
    assert_eq!(supervisor.workers().len(), 1, "jobs leave nothing behind");
}

#[test]
fn a_job_that_is_cancelled_says_so_unless_it_was_done() {
    let (jobs, _supervisor) = supervised(8, PATIENCE);
    let stopped = |context: &flightdeck::supervisor::JobContext| {
        if context.wait(Duration::MAX) { Err(io::Error::from(io::ErrorKind::Interrupted)) } else { Ok(()) }
    };
    let job = jobs.spawn_once("stops", stopped).unwrap();
    job.cancel();
    match job.join(PATIENCE) {
        Err(JobError::Cancelled(error)) => {
            assert!(error.is_none_or(|e| e.kind() == io::ErrorKind::Interrupted))
        }
        other => panic!("{other:?}"),
    }
    let begun = Arc::new(AtomicBool::new(false));
    let job = jobs.spawn_once("done", {
        let begun = begun.clone();
        move |context| {
            begun.store(true, Relaxed);
            let _ = context.token().wait(Duration::MAX);
            ok(context.should_stop())
        }
    });
    let job = job.unwrap();
    until("it has begun", || begun.load(Relaxed));
    job.cancel();
    assert!(job.join(PATIENCE).unwrap(), "what it did is not thrown away");
    assert_eq!((jobs.stats().cancelled, jobs.stats().succeeded), (1, 1));
}

#[test]
fn no_more_run_than_are_allowed_and_names_may_be_the_same() {
    let (jobs, _supervisor) = supervised(3, PATIENCE);
    let wait = || jobs.spawn_once("same", |context| ok(context.wait(Duration::MAX)));
    let mut running: Vec<_> = (0..3).map(|_| wait().unwrap()).collect();
    assert_eq!(jobs.running(), vec!["same".into(); 3] as Vec<Arc<str>>);
    assert!(matches!(wait(), Err(SpawnError::Full { most: 3, .. })));
    assert!(matches!(jobs.spawn_periodic("same", Every::rate(MS), |_| ()), Err(SpawnError::Full { .. })));
    // A handle that is dropped lets it run on.
    drop(running.pop());
    assert!(wait().is_err());
    assert_eq!((jobs.stats().detached, jobs.stats().refused, jobs.stats().running), (1, 3, 3));
    let last = running.pop().unwrap();
    last.cancel();
    last.join(PATIENCE).unwrap_or(true);
    until("there is room", || jobs.stats().running == 2);
    wait().unwrap().cancel();
}

#[test]
fn a_shutdown_stops_jobs_and_none_begin_after_it() {
    let (jobs, supervisor) = supervised(50, PATIENCE);
    let once: Vec<_> = (0..20)
        .map(|_| jobs.spawn_once("waits", |context| ok(context.wait(Duration::MAX))).unwrap())
        .collect();
    let often = jobs.spawn_periodic("often", Every::rate(MS), |_| ()).unwrap();
    let seldom = jobs.spawn_periodic("seldom", Every::delay(Duration::MAX), |_| ()).unwrap();
    until("it ran", || often.stats().runs > 3 && seldom.stats().runs == 1);
    assert!(supervisor.shutdown(PATIENCE).is_clean());
    assert!(often.is_finished() && seldom.is_finished());
    for job in once {
        assert!(matches!(job.try_result(), Some(Ok(true) | Err(JobError::Cancelled(None)))));
    }
    assert!(matches!(jobs.spawn_once("late", |_| ok(())), Err(SpawnError::Stopping { .. })));
    let stats = jobs.stats();
    assert_eq!((stats.running, stats.abandoned, stats.refused), (0, 0, 1));
}

#[test]
fn a_job_that_does_not_stop_is_abandoned_and_said_to_be() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (jobs, child) = Jobs::bounded("jobs", 8, 50 * MS);
    let heard = told.clone();
    let observe = move |incident: &Incident| heard.lock().unwrap().push(incident.to_string());
    let supervisor = Supervisor::builder().worker(child).observer(observe).start().unwrap();
    let ((deaf, release), begun) = (deaf(&jobs), Instant::now());
    until("the group runs", || supervisor.status().starts == 1);
    // The group waits for it, and is given up as well.
    let report = supervisor.shutdown(PATIENCE);
    assert!(begun.elapsed() < PATIENCE, "{report:?}");
    assert_eq!(report.abandoned, ["jobs".into()] as [Arc<str>; 1]);
    let told = told.lock().unwrap();
    assert!(told.iter().any(|told| told.starts_with("worker `jobs` did not stop in time")), "{told:?}");
    assert_eq!(jobs.abandoned(), ["deaf".into()] as [Arc<str>; 1]);
    assert!(matches!(deaf.join(PATIENCE), Err(JobError::Abandoned)));
    assert_eq!((jobs.stats().abandoned, jobs.stats().running, jobs.stats().ended_late), (1, 0, 0));
    release.store(true, Relaxed);
    until("it ended", || jobs.stats().ended_late == 1 && jobs.abandoned().is_empty());
    assert!(matches!(deaf.try_result(), Some(Err(JobError::Taken))));
}

#[test]
fn a_group_is_a_child_like_others() {
    let supervisor = Supervisor::builder().start().unwrap();
    let (jobs, child) = Jobs::bounded("jobs", 8, PATIENCE);
    // Before it is one, jobs run; nobody stops them.
    let early = jobs.spawn_once("early", |context| ok(context.wait(Duration::MAX))).unwrap();
    supervisor.add(child.clone()).unwrap();
    until("the group runs", || supervisor.status().starts == 1);
    assert!(supervisor.remove("jobs", PATIENCE).unwrap().is_clean());
    assert!(matches!(early.join(PATIENCE), Ok(true) | Err(JobError::Cancelled(None))));
    assert!(jobs.spawn_once("late", |_| ok(())).is_err());
    // And again.
    supervisor.add(child).unwrap();
    until("it takes jobs", || jobs.spawn_once("again", |_| ok(())).is_ok());
}

#[test]
fn a_rate_counts_what_it_misses_and_a_delay_misses_nothing() {
    let (jobs, _supervisor) = supervised(8, PATIENCE);
    let slow = |every| {
        let runs = Arc::new(AtomicU64::new(0));
        let counted = runs.clone();
        let body = move |_: &flightdeck::supervisor::JobContext| {
            counted.fetch_add(1, Relaxed);
            std::thread::sleep(25 * MS);
        };
        (runs, jobs.spawn_periodic("slow", every, body).unwrap())
    };
    let begun = Instant::now();
    let (runs, rate) = slow(Every::rate(10 * MS));
    let (_, delay) = slow(Every::delay(10 * MS));
    until("both ran", || rate.stats().runs >= 4 && delay.stats().runs >= 3);
    [&rate, &delay].into_iter().for_each(|job| job.cancel());
    assert!(rate.join(PATIENCE) && delay.join(PATIENCE));
    let (stats, took) = (rate.stats(), begun.elapsed());
    assert_eq!(stats.runs, runs.load(Relaxed));
    // Each run of 25 ms leaves out two times at the least.
    assert!(stats.missed >= 2 * (stats.runs - 1), "{stats:?}");
    assert!(stats.runs + stats.missed <= took.as_millis() as u64 / 10 + 2, "{stats:?} in {took:?}");
    assert_eq!(delay.stats().missed, 0);
    assert!(delay.stats().runs <= took.as_millis() as u64 / 35 + 1);
}

#[test]
fn a_run_that_panics_or_fails_is_counted_and_the_next_goes_on() {
    let (jobs, _supervisor) = supervised(8, PATIENCE);
    let mut n = 0;
    let job = jobs.spawn_periodic("moody", Every::rate(MS), move |_| {
        n += 1;
        match n % 3 {
            0 => panic!("run {n}"),
            1 => Err(format!("no luck in run {n}")),
            _ => Ok(()),
        }
    });
    let job = job.unwrap();
    until("it ran", || job.stats().runs >= 9);
    job.cancel();
    assert!(job.join(PATIENCE) && job.is_finished());
    let stats = job.stats();
    assert_eq!((stats.panicked, stats.failed), (stats.runs / 3, stats.runs.div_ceil(3)));
    let last = stats.last_error.unwrap().text;
    assert!(last.contains("run "), "{last}");
    assert_eq!(jobs.stats(), {
        let mut expected = JobStats::default();
        (expected.begun, expected.succeeded, expected.running) = (1, 1, jobs.stats().running);
        expected
    });
}

#[test]
fn a_job_may_shut_its_supervisor_down_or_remove_its_group() {
    // Also where the group has not begun yet.
    for _ in 0..20 {
        let (jobs, supervisor) = supervised(8, PATIENCE);
        let last = supervisor.clone();
        let job = jobs.spawn_once("last", move |context| {
            let pending = last.shutdown(PATIENCE);
            ok((pending.is_clean(), context.wait(PATIENCE)))
        });
        let (job, begun) = (job.unwrap(), Instant::now());
        assert_eq!(job.join(PATIENCE).unwrap(), (false, true), "pending, and told to stop");
        assert!(supervisor.shutdown(PATIENCE).is_clean() && begun.elapsed() < PATIENCE);
        assert_eq!(jobs.stats().abandoned, 0);
    }
    let (jobs, supervisor) = supervised(8, PATIENCE);
    let above = supervisor.clone();
    let job = jobs.spawn_once("remove", move |context| {
        let pending = above.remove("jobs", PATIENCE).unwrap();
        ok((pending.is_clean(), context.wait(PATIENCE)))
    });
    assert_eq!(job.unwrap().join(PATIENCE).unwrap(), (false, true));
    until("it is gone", || supervisor.workers().is_empty());
    assert_eq!(jobs.stats().abandoned, 0);
}

#[test]
fn what_was_abandoned_counts_among_those_that_run_at_most() {
    let (jobs, child) = Jobs::bounded("jobs", 1, MS);
    let supervisor = Supervisor::builder().worker(child.replace_abandoned()).start().unwrap();
    until("the group runs", || supervisor.status().starts == 1);
    let (deaf, release) = deaf(&jobs);
    supervisor.restart("jobs").unwrap();
    until("another run of the group", || supervisor.status().starts == 2);
    assert!(matches!(deaf.join(PATIENCE), Err(JobError::Abandoned)));
    let next = || jobs.spawn_once("next", |_| ok(()));
    until("it takes jobs again, and has no room", || matches!(next(), Err(SpawnError::Full { .. })));
    assert_eq!((jobs.abandoned().len(), jobs.stats().running), (1, 0));
    release.store(true, Relaxed);
    until("there is room", || next().is_ok());
}

#[test]
fn the_panic_hook_tells_where_a_job_panicked() {
    let (jobs, child) = Jobs::bounded("jobs", 8, PATIENCE);
    let supervisor = Supervisor::builder().panic_hook(true).worker(child).start().unwrap();
    let line = line!() + 1;
    let job = jobs.spawn_once("wild", |_| -> io::Result<()> { panic!("no rows") }).unwrap();
    let often = jobs.spawn_periodic("often", Every::rate(MS), |_| -> () { panic!("nor columns") }).unwrap();
    match job.join(PATIENCE) {
        Err(JobError::Panicked(panic)) => {
            assert_eq!((panic.message(), panic.thread()), ("no rows", "fd-job-wild"));
            assert_eq!(panic.location().unwrap().line, line);
        }
        other => panic!("{other:?}"),
    }
    until("it ran", || often.stats().panicked > 1);
    let last = often.stats().last_error.unwrap().text;
    assert!(last.contains("nor columns, at ") && last.contains("jobs.rs:"), "{last}");
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}

#[test]
fn any_name_will_do() {
    let wait = |context: &WorkerContext| _ = context.wait(Duration::MAX);
    let (jobs, child) = Jobs::bounded("a\0b", 1, PATIENCE);
    let other = ChildSpec::new("\0", Restart::Permanent, wait);
    let supervisor = Supervisor::builder().name("c\0d").worker(child).worker(other).start().unwrap();
    until("both run", || supervisor.status().starts == 2);
    let job = jobs.spawn_once("e\0f", |context| ok(context.name().to_owned())).unwrap();
    assert_eq!(job.join(PATIENCE).unwrap(), "e\0f");
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}

#[test]
fn jobs_of_a_deck_stop_with_it() {
    let deck = Flightdeck::builder().start().unwrap();
    let (jobs, child) = Jobs::bounded("jobs", 4, PATIENCE);
    deck.supervisor().add(child).unwrap();
    let job = jobs.spawn_once("waits", |context| ok(context.wait(Duration::MAX))).unwrap();
    until("the group runs", || {
        deck.supervisor().workers().iter().any(|worker| worker.generation == 1 && *worker.name == *"jobs")
    });
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert!(matches!(job.join(PATIENCE), Ok(true) | Err(JobError::Cancelled(None))));
}

#[test]
fn jobs_come_and_go_from_many_threads_and_all_are_counted() {
    let (jobs, supervisor) = supervised(16, PATIENCE);
    let (done, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for n in 0..100_u64 {
                    match jobs.spawn_once("n", move |_| ok(n)) {
                        Ok(job) if n % 10 == 0 => drop(job),
                        Ok(job) => assert_eq!(job.join(PATIENCE).unwrap(), n),
                        Err(_) => _ = refused.fetch_add(1, Relaxed),
                    }
                    done.fetch_add(1, Relaxed);
                }
            });
        }
    });
    until("all have left", || jobs.stats().running == 0);
    let stats = jobs.stats();
    assert_eq!((stats.begun + stats.refused, stats.refused), (done.into_inner(), refused.into_inner()));
    assert_eq!(stats.succeeded, stats.begun);
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}
