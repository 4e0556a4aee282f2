//! What the compiler made of the hot paths, in a library built for release and loaded at run time: no panicking
//! branch, little stack, nothing on a handler's path that a handler may not do. Visibly skipped where a tool is missing.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Built once, in a folder of its own: cargo is at work in the usual one.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine_code");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--package", "flightdeck-machine-code", "--target-dir"])
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            // What is looked at is the release profile as it stands.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET")
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        target.join("release").join("libflightdeck_machine_code.so")
    })
}

type Exported = unsafe extern "C-unwind" fn(*mut c_void, u64) -> u64;

struct Loaded(*mut c_void);

// SAFETY: a handle of the loader's, which locks for itself.
unsafe impl Sync for Loaded {}
// SAFETY: as above.
unsafe impl Send for Loaded {}

impl Loaded {
    fn open() -> Self {
        let path = CString::new(library().to_str().unwrap()).unwrap();
        // SAFETY: a path of ours; the library does nothing when it is loaded.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "{} was not loaded", library().display());
        Self(handle)
    }

    fn symbol(&self, name: &str) -> *mut c_void {
        let text = CString::new(name).unwrap();
        // SAFETY: an open library.
        let found = unsafe { libc::dlsym(self.0, text.as_ptr()) };
        assert!(!found.is_null(), "`{name}` is not exported");
        found
    }

    fn exported(&self, name: &str) -> Exported {
        // SAFETY: all exported functions but two are of this type; those without a result leave a register as it is.
        unsafe { std::mem::transmute(self.symbol(name)) }
    }

    fn begin(&self) -> Deck<'_> {
        // SAFETY: the type it is exported with.
        let begin: extern "C-unwind" fn() -> *mut c_void =
            unsafe { std::mem::transmute(self.symbol("code_begin")) };
        let deck = begin();
        assert!(!deck.is_null());
        Deck { library: self, deck }
    }
}

struct Deck<'a> {
    library: &'a Loaded,
    deck: *mut c_void,
}

// SAFETY: the tests call what changes the deck from one thread at a time; the rest is as `Sync` as `Events`.
unsafe impl Sync for Deck<'_> {}

impl Deck<'_> {
    fn call(&self, name: &str, n: u64) -> u64 {
        // SAFETY: a deck of this library.
        unsafe { self.library.exported(name)(self.deck, n) }
    }
}

impl Drop for Deck<'_> {
    fn drop(&mut self) {
        // SAFETY: the type it is exported with.
        let end: extern "C-unwind" fn(*mut c_void) =
            unsafe { std::mem::transmute(self.library.symbol("code_end")) };
        end(self.deck);
    }
}

/// Hot paths, one exported function each.
const HOT: [&str; 33] = [
    "hot_record",
    "hot_prompt",
    "hot_record_text",
    "hot_write",
    "hot_off",
    "hot_sampled",
    "hot_limited",
    "hot_quota",
    "hot_quota_text",
    "hot_check",
    "hot_check_n",
    "hot_increment",
    "hot_set",
    "hot_track",
    "hot_observe",
    "hot_up_down",
    "hot_timer",
    "hot_sampled_timer",
    "hot_site",
    "hot_family",
    "hot_family_observe",
    "hot_group",
    "hot_execute_unheard",
    "hot_execute",
    "hot_read",
    "hot_read_with",
    "hot_read_metered",
    "hot_read_derived",
    "hot_key",
    "hot_breaker",
    "hot_permit",
    "hot_bulkhead",
    "hot_beat",
];

#[test]
fn a_library_loaded_at_run_time_records_and_counts() {
    let library = Loaded::open();
    let deck = library.begin();
    for round in 0..3 {
        std::thread::scope(|threads| {
            let body = || {
                (0..1_000).for_each(|n| {
                    deck.call("hot_record", n);
                    deck.call("hot_increment", 1);
                });
            };
            let running: Vec<_> = (0..4).map(|_| threads.spawn(body)).collect();
            running.into_iter().for_each(|thread| thread.join().unwrap());
        });
        let expected = (round + 1) * 4_000;
        assert_eq!((deck.call("code_written", 0), deck.call("code_counted", 0)), (expected, expected));
        assert_eq!(deck.call("code_claimed", 0), 1, "the writer's own, and none of a thread that ended");
    }
    drop(deck);
    // SAFETY: nothing of the library is in use; threads that used it have ended.
    assert_eq!(unsafe { libc::dlclose(library.0) }, 0);
    // And once more, should it have been unloaded.
    let library = Loaded::open();
    let deck = library.begin();
    deck.call("hot_record", 1);
    assert_eq!(deck.call("code_written", 0), 1);
}

#[test]
fn a_first_record_after_registration_is_quick() {
    let library = Loaded::open();
    let deck = library.begin();
    deck.call("code_time_a_record", 0);
    let time = || {
        assert_eq!(deck.call("code_register", 0), 1);
        deck.call("code_time_a_record", 1)
    };
    let mut took: Vec<u64> =
        (0..100).map(|_| std::thread::scope(|threads| threads.spawn(time).join().unwrap())).collect();
    took.sort_unstable();
    println!("first record: least {} ns, median {} ns, most {} ns", took[0], took[50], took[99]);
    // Two readings of the system's clock included. The least, since other work shares the machine.
    assert!(took[0] <= 200, "{took:?}");
}

/// Bytes of stack that a call of `name` writes to, found by painting a stack of its own.
fn stack_of(deck: &Deck<'_>, name: &str) -> usize {
    const PAINT: u64 = 0xa5a5_5a5a_a5a5_5a5a;
    let function = deck.library.exported(name);
    // SAFETY: `makecontext` calls it with the two arguments it is given below, which C passes as it does pointers here.
    let function: extern "C" fn() = unsafe { std::mem::transmute(function) };
    let mut stack = vec![PAINT; 8_192];
    // SAFETY: contexts are plain data that `getcontext` fills in; the stack outlives the call, which comes back here.
    unsafe {
        let (mut here, mut there): (libc::ucontext_t, libc::ucontext_t) =
            (std::mem::zeroed(), std::mem::zeroed());
        assert_eq!(libc::getcontext(&raw mut there), 0);
        there.uc_stack.ss_sp = stack.as_mut_ptr().cast();
        there.uc_stack.ss_size = size_of_val(&*stack);
        there.uc_link = &raw mut here;
        libc::makecontext(&raw mut there, function, 2, deck.deck, 2_u64);
        assert_eq!(libc::swapcontext(&raw mut here, &raw const there), 0);
    }
    let untouched = stack.iter().take_while(|word| **word == PAINT).count();
    assert!(untouched > 0, "{name} needs more than {} bytes", size_of_val(&*stack));
    size_of_val(&stack[untouched..])
}

#[test]
fn a_record_takes_at_most_512_bytes_of_stack() {
    let library = Loaded::open();
    let deck = library.begin();
    let paths = HOT.iter().chain(&["signal_record", "signal_prompt"]);
    // First touches are not meant: a thread's seat, a page.
    paths.clone().for_each(|name| {
        deck.call(name, 1);
    });
    let call_itself = stack_of(&deck, "hot_nothing");
    for name in paths {
        // Often enough to meet the end of a block.
        let most = (0..3_000).map(|_| stack_of(&deck, name)).max().unwrap_or_default();
        let own = most.saturating_sub(call_itself);
        println!("{name}: {own} bytes");
        // Of one that calls the host's code, that code has its part; of a breaker, looking at all calls once in so many.
        let limit = if ["hot_execute", "hot_breaker", "hot_permit"].contains(name) { 1_024 } else { 512 };
        assert!(own <= limit, "{name} takes {own} bytes of stack");
        assert!(own > 0 || !name.contains("record"), "nothing of {name} was seen");
    }
}

/// Of each function, what it calls or jumps to.
type Calls = BTreeMap<String, BTreeSet<String>>;

/// What `objdump` tells of the code; `None` where there is none.
fn dump(names: &[&str]) -> Option<String> {
    let options = ["--disassemble", "--no-show-raw-insn", "--section=.text"];
    let Ok(dump) = Command::new("objdump").args(options).args(names).arg(library()).output() else {
        println!("SKIPPED: no objdump here, so nobody looked at the machine code");
        return None;
    };
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    Some(String::from_utf8_lossy(&dump.stdout).into_owned())
}

/// `path::name#hash`: what was made of one generic function for two types has one name and two hashes.
fn told_apart(name: &str, mangled: &str) -> String {
    let hash = mangled.strip_suffix('E').and_then(|mangled| mangled.rsplit_once("17h"));
    hash.map_or_else(|| name.to_owned(), |(_, hash)| format!("{name}#{hash}"))
}

fn calls() -> Option<Calls> {
    let (names, mangled) = (dump(&["--demangle"])?, dump(&[])?);
    let mut calls = Calls::new();
    let mut function = String::new();
    for (line, mangled) in names.lines().zip(mangled.lines()) {
        let parts = |end| {
            let part = |line: &'_ str| -> Option<(String, String)> {
                let (code, name) = line.strip_suffix(end)?.split_once(" <")?;
                Some((code.to_owned(), name.rsplit_once("+0x").map_or(name, |(name, _)| name).to_owned()))
            };
            let ((code, name), (_, mangled)) = (part(line)?, part(mangled)?);
            Some((code, told_apart(&name, &mangled)))
        };
        // `0000000000001234 <name>:` begins a function.
        if let Some((_, name)) = parts(">:") {
            function = name;
            calls.entry(function.clone()).or_default();
        // `... call 1234 <name>`, `jne 1234 <name+0x12>`, `call *0x12(%rip) # 1234 <name@GLIBC>`.
        } else if let Some((code, name)) = parts(">") {
            let instruction = code.split_once(":\t").map_or("", |(_, code)| code);
            let leaves = ["call", "j", "b"].iter().any(|start| instruction.starts_with(start));
            if leaves && name != function {
                calls.entry(function.clone()).or_default().insert(name);
            }
        }
    }
    Some(calls)
}

/// All that can be reached from `roots`, short of what `leave_out` names: each with a way there.
fn reachable(calls: &Calls, roots: &[&str], leave_out: &[&str]) -> BTreeMap<String, String> {
    let mut ways = BTreeMap::new();
    let mut next: Vec<(String, String)> =
        roots.iter().map(|root| (root.to_string(), root.to_string())).collect();
    while let Some((function, way)) = next.pop() {
        if leave_out.iter().any(|name| function.contains(name)) || ways.contains_key(&function) {
            continue;
        }
        let called = calls.get(&function).into_iter().flatten();
        next.extend(called.map(|called| (called.clone(), format!("{way} -> {called}"))));
        ways.insert(function, way);
    }
    ways
}

/// Where the processor has no counter of use, std's clock is asked, which checks what the system says: not looked at.
const SYSTEM_CLOCK: &str = "Clock::slow_now";

/// Parts of the names of functions that end in a panic.
const PANICS: [&str; 6] =
    ["panic", "unwrap_failed", "expect_failed", "slice_index_fail", "handle_alloc_error", "bounds"];

fn is_panic(function: &str) -> bool {
    PANICS.iter().any(|part| function.contains(part))
}

#[test]
fn no_hot_path_has_a_panicking_branch() {
    let Some(calls) = calls() else { return };
    // Once per thread, kind, metric or change of config: these may do more.
    let first_touches = [
        "::record_first",
        "Store::with_counts",
        "::pass_otherwise",
        "Keys>::enter",
        "Keys::enter",
        "::add_otherwise",
        "::record_otherwise",
        "::first_rate",
        "::count_refused",
        // Of a handler that is being detached, and of a queued one, which takes a copy.
        "Handlers::wake",
        "Queue::keep",
        "Kinds>::meet",
        "Kinds::meet",
        ">::refresh",
        // Of a breaker that is not closed, a call that fails, a thread that counts for the first time, one success in so many.
        "breaker::handle::Core::acquire",
        "breaker::handle::Core::settle",
        "breaker::handle::Core::look",
        // A bulkhead that somebody waits for.
        "bulkhead::room::Room::wake",
        // What a thread has at hand of configs: the first time, and after a change.
        "Here>::bring",
        "Here::bring",
        "::read_apart",
        "thread_local::destructors",
        // Of a metered reader, one read in so many.
        "::get_timed",
        "Site<M>::first",
        "Core<_>::missed",
        "::cut_value",
        // Of a limiter whose clock runs otherwise than it did.
        "limiter::Inner>::tell_anew",
        "limiter::Inner::tell_anew",
    ];
    // What happens once a handler of the host has panicked, and while that unwinds.
    let after_a_panic =
        ["::detach_panicked", "catch_unwind::cleanup", "contain::message_of", "panic_in_cleanup"];
    // Of arc-swap: it asserts what holds of its own list of threads.
    let of_others = ["arc_swap::debt::list::LocalNode", SYSTEM_CLOCK];
    let left_out = [&first_touches[..], &after_a_panic, &of_others].concat();
    for root in HOT {
        assert!(
            calls.contains_key(root),
            "{root} is missing: {:?}",
            calls.keys().take(20).collect::<Vec<_>>()
        );
        let ways = reachable(&calls, &[root], &left_out);
        println!("{root}: {} functions", ways.len());
        // One line for each: what such a function calls in turn is of no interest.
        let ends = |way: &String| way.rsplit(" -> ").next().is_some_and(is_panic);
        let begins = |way: &String| way.split(" -> ").filter(|function| is_panic(function)).count() == 1;
        let found: Vec<_> = ways.values().filter(|way| ends(way) && begins(way)).collect();
        assert!(found.is_empty(), "a panic can be reached:\n{found:#?}");
    }
    // The test can see one: somebody in here panics.
    assert!(calls.values().flatten().any(|name| name.contains("panic")), "no panic at all is not believed");
}

#[test]
fn nothing_that_a_handler_may_not_do_is_on_its_path() {
    let Some(calls) = calls() else { return };
    let forbidden = ["alloc", "_lock", "lock_", "mutex", "park", "tls_get_addr", "once", "syscall", "thread"];
    // Of a prompt kind one wakes whoever waits, which is a system call that it may make.
    for (root, left_out) in
        [("signal_record", &[SYSTEM_CLOCK][..]), ("signal_prompt", &[SYSTEM_CLOCK, "syscall@"])]
    {
        let ways = reachable(&calls, &[root], left_out);
        println!("{:#?}", ways.keys());
        let is_bad = |function: &&str| {
            forbidden.iter().any(|part| function.to_lowercase().contains(part)) || is_panic(function)
        };
        let count = |way: &String| way.split(" -> ").filter(is_bad).count();
        let found: Vec<_> = ways.values().filter(|way| count(way) == 1).collect();
        assert!(found.is_empty(), "{root}: {found:#?}");
    }
}

#[test]
fn kinds_that_are_not_prompt_know_nothing_of_the_bell() {
    let Some(calls) = calls() else { return };
    let knows = |root: &str| {
        reachable(&calls, &[root], &[]).keys().any(|name| name.contains("Bell") && name.contains("ring"))
    };
    assert!(knows("hot_prompt") && knows("signal_prompt"), "the test sees nothing");
    let prompt = ["hot_prompt"];
    for root in HOT.iter().filter(|root| !prompt.contains(root)).chain(&["signal_record"]) {
        assert!(!knows(root), "{root} rings");
    }
}
