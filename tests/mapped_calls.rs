//! Which system calls a deck in a file makes: none but those that `mapped` lists, at each stage, and it goes without those that a
//! sandbox may refuse. Shown by letting child processes run a host under a filter of system calls (seccomp).

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "support/folder.rs"]
mod folder;

use flightdeck::events::{Batch, BuildError, Events, Recording, Stamp};
use flightdeck::mapped::{CreateError, Options, State};
use flightdeck::supervisor::{Restart, WorkerContext, WorkerState};
use flightdeck::{Concern, Flightdeck};
use folder::Folder;
use libc::c_long;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

flightdeck::kind! { Noted("calls.noted") { n: u64, text: str } }

/// For memory, by the allocator of the C library.
const MEMORY: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
];
/// By the deck's threads while they run: to wait, and to wake each other.
const RUNS: &[c_long] = &[libc::SYS_futex, libc::SYS_sched_yield];
/// To start a thread.
const THREADS: &[c_long] = &[
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_gettid,
    libc::SYS_prctl,
    libc::SYS_rseq,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
];
/// When it starts: to find out about the machine and the process, and to make the file.
const STARTS: &[c_long] = &[
    libc::SYS_close,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_geteuid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_prlimit64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_statx,
    libc::SYS_unlink,
];
/// When it ends: threads, and the file.
const ENDS: &[c_long] = &[
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
];
/// Of the host of this test alone: it sleeps, and takes the next filter.
const HOSTS: &[c_long] = &[libc::SYS_clock_nanosleep, libc::SYS_prctl, libc::SYS_seccomp];

/// What becomes of a call.
mod answer {
    pub const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;
    /// `SIGSYS`, and `tell` says which.
    pub const TOLD: u32 = libc::SECCOMP_RET_TRAP;

    pub const fn refused(error: libc::c_int) -> u32 {
        libc::SECCOMP_RET_ERRNO | error as u32
    }
}

/// From now on calls of this thread, and of those it starts, have the first answer if they are listed, else the other.
fn filter(listed: &[&[c_long]], answer: u32, otherwise: u32) {
    let numbers: Vec<c_long> = listed.iter().flat_map(|list| list.iter().copied()).collect();
    let load = |at| line(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at);
    let is = |what, yes, no| line(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, yes, no, what);
    let end = |answer| line(libc::BPF_RET | libc::BPF_K, 0, 0, answer);
    // What went wrong is said on the second descriptor, whatever else is allowed.
    let mut program =
        vec![load(0), is(libc::SYS_write as u32, 0, 3), load(16), is(2, 0, 1), end(answer::ALLOWED), load(0)];
    for number in numbers {
        program.extend([is(number as u32, 0, 1), end(answer)]);
    }
    program.push(end(otherwise));
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program is there until the call returns; what it forbids is what this test is about.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let code = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program);
        assert_eq!(code, 0, "{}", std::io::Error::last_os_error());
    }
}

fn line(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

/// Says which call was not allowed, and ends the process.
extern "C" fn tell(_: libc::c_int, info: *const libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: of a `SIGSYS` of the kernel's the number of the call lies behind the address of its instruction.
    let number = unsafe { info.cast::<u8>().add(24).cast::<u32>().read() };
    let mut said = *b"system call 000 is not on the list\n";
    for (place, divisor) in [(12, 100), (13, 10), (14, 1)] {
        said[place] += (number / divisor % 10) as u8;
    }
    // SAFETY: a text of our own; then nothing more happens here.
    unsafe {
        libc::write(2, said.as_ptr().cast(), said.len());
        libc::_exit(9);
    }
}

fn tell_of_others() {
    // SAFETY: a handler that does what handlers may; the rest of the action is zero.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(libc::c_int, *const libc::siginfo_t, *mut libc::c_void) = tell;
        (action.sa_sigaction, action.sa_flags) = (handler as usize, libc::SA_SIGINFO);
        assert_eq!(libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()), 0);
    }
}

fn note(events: &Events, range: std::ops::Range<u64>) {
    for n in range {
        events.record_with(Stamp::of(n / 10 + 1), Noted { n, text: "some text" });
    }
}

fn noted(path: &Path) -> usize {
    Recording::open(path).unwrap().query().kind_named("calls.noted").run().unwrap().len()
}

/// Each the child of a test.
mod children {
    use super::*;

    fn path() -> Option<PathBuf> {
        std::env::var_os("FLIGHTDECK_CALLS_FILE").map(PathBuf::from)
    }

    fn end() -> ! {
        // SAFETY: ends the process; what the harness would do makes calls of its own.
        unsafe { libc::_exit(0) }
    }

    #[test]
    #[ignore = "a child of a test below"]
    fn host() {
        let Some(path) = path() else { return };
        let stage = |lists: &[&[c_long]]| filter(lists, answer::ALLOWED, answer::TOLD);
        tell_of_others();
        stage(&[MEMORY, STARTS, THREADS, RUNS, ENDS, HOSTS]);
        let worker = |context: &WorkerContext| {
            while !context.should_stop() {
                let _ = context.wait(Duration::from_millis(5));
            }
        };
        let builder = Flightdeck::builder()
            .events(|events| events.memory(1 << 20).shards(2).mapped(Options::at(path).recover(1)))
            .worker("worker", Restart::Permanent, worker);
        let deck = builder.start().unwrap();
        note(deck.events(), 10_000..10_100);
        // It is started by a thread of the deck's.
        while deck.supervisor().workers()[0].state != WorkerState::Running {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(50));
        stage(&[MEMORY, RUNS, ENDS, HOSTS]);
        for n in 0..20 {
            note(deck.events(), n * 100..n * 100 + 100);
            deck.telemetry().counter("noted").increment(100);
            assert_eq!(deck.events().query().correlation(n * 10 + 1).run().unwrap().len(), 10);
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(deck.health().is_healthy());
        if std::env::var_os("FLIGHTDECK_CALLS_ONE_MORE").is_some() {
            // SAFETY: asks for the number of a process.
            unsafe { libc::getppid() };
        }
        assert!(deck.shutdown(Duration::from_secs(20)).is_clean());
        drop(deck);
        end();
    }

    #[test]
    #[ignore = "a child of a test below"]
    fn hot_paths() {
        let Some(path) = path() else { return };
        let events = Events::builder().memory(1 << 20).shards(2).mapped(path).build().unwrap();
        let mut writer = events.writer().unwrap();
        let mut batch = Batch::new();
        let mut work = |n: u64| {
            events.record(Noted { n, text: "some text" });
            writer.record_with(Stamp::of(n + 1), Noted { n, text: "" });
            events.mark(Noted { n, text: "more" });
            batch.push_with(Stamp::of(n + 1), Noted { n, text: "a" });
            batch.push_with(Stamp::of(n + 2), Noted { n, text: "b" });
            events.record_batch(&mut batch).unwrap();
            events.record_all(&[Noted { n, text: "c" }, Noted { n, text: "d" }]).unwrap();
        };
        // First touches may call: the thread's seat, the batch's memory.
        (0..1_000).for_each(&mut work);
        tell_of_others();
        filter(&[&[libc::SYS_exit_group]], answer::ALLOWED, answer::TOLD);
        (0..20_000).for_each(&mut work);
        end();
    }

    #[test]
    #[ignore = "a child of a test below"]
    fn refused() {
        let Some(path) = path() else { return };
        let error = std::env::var("FLIGHTDECK_CALLS_ERROR").unwrap().parse().unwrap();
        const REFUSED: &[c_long] = &[
            libc::SYS_membarrier,
            libc::SYS_gettid,
            libc::SYS_fallocate,
            libc::SYS_memfd_create,
            libc::SYS_mlock,
            libc::SYS_mlock2,
        ];
        filter(&[REFUSED], answer::refused(error), answer::ALLOWED);
        let build = |options: Options| Events::builder().memory(1 << 20).shards(2).mapped(options).build();
        let error = build(Options::at(&*path)).unwrap_err();
        assert_eq!(error, BuildError::Mapped(CreateError::NotReserved { path: path.clone() }));
        let zeros = Options::at(&*path).write_zeros(true);
        let deck = Flightdeck::builder()
            .events(|events| events.memory(1 << 20).shards(2).mapped(zeros))
            .start()
            .unwrap();
        note(deck.events(), 0..100);
        assert!(deck.health().is_healthy(), "{}", deck.health());
        assert_eq!(noted(&path), 100);
        assert!(deck.shutdown(Duration::from_secs(20)).is_clean());

        let nameless = build(Options::nameless()).unwrap_err();
        let is_told =
            matches!(&nameless, BuildError::Mapped(CreateError::System { step: "memfd_create", .. }));
        assert!(is_told, "{nameless}");
        // What is left is the heap, and why is told.
        let at = Options::at(path.join("below a file")).or_memory(true);
        let deck = Flightdeck::builder()
            .events(|events| events.memory(1 << 20).shards(2).mapped(at))
            .start()
            .unwrap();
        note(deck.events(), 0..100);
        assert_eq!(deck.events().query().correlation(7_u64).run().unwrap().len(), 10);
        let concerns = deck.health().concerns;
        assert!(concerns.iter().any(|concern| matches!(concern, Concern::NotInFile { .. })), "{concerns:?}");
        assert!(deck.shutdown(Duration::from_secs(20)).is_clean());
        let locked = Events::builder().memory(1 << 20).lock_memory(true).build();
        assert!(matches!(locked, Err(BuildError::NotLocked { .. })));
    }
}

fn said(output: &Output) -> String {
    format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
}

const NOTHING: (&str, &str) = ("FLIGHTDECK_CALLS", "");

fn child(folder: &Folder, name: &str, variable: (&str, &str)) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]);
    command.env("FLIGHTDECK_CALLS_FILE", folder.deck()).env(variable.0, variable.1);
    command.output().unwrap()
}

#[test]
fn a_host_makes_the_calls_that_are_listed_at_each_stage_and_no_others() {
    let folder = Folder::new("calls-host");
    // The second life puts the file of the first aside.
    for life in 1..=2 {
        let output = child(&folder, "children::host", NOTHING);
        assert!(output.status.success(), "{}", said(&output));
        let recording = Recording::open(folder.deck()).unwrap();
        let file = recording.file().unwrap();
        assert_eq!((file.state(), file.header().life.number), (Some(State::Closed), life));
        assert!(noted(&folder.deck()) >= 100);
    }
    let output = child(&folder, "children::host", ("FLIGHTDECK_CALLS_ONE_MORE", ""));
    assert_eq!(output.status.code(), Some(9), "{}", said(&output));
    assert!(said(&output).contains("system call 110 is not on the list"), "{}", said(&output));
}

#[test]
fn what_records_makes_no_call() {
    let folder = Folder::new("calls-hot");
    let output = child(&folder, "children::hot_paths", NOTHING);
    assert!(output.status.success(), "{}", said(&output));
    assert!(noted(&folder.deck()) > 100);
}

#[test]
fn a_deck_starts_where_a_sandbox_refuses_what_it_can_go_without() {
    let folder = Folder::new("calls-refused");
    for error in [libc::EPERM, libc::ENOSYS] {
        let output = child(&folder, "children::refused", ("FLIGHTDECK_CALLS_ERROR", &error.to_string()));
        assert!(output.status.success(), "{error}: {}", said(&output));
        assert_eq!(noted(&folder.deck()), 100);
        fs::remove_file(folder.deck()).unwrap();
    }
}
