//! `flightdeck attach` and `flightdeck top` as a user meets them: of decks whose hosts run, and die while they are watched.

#![cfg(target_os = "linux")]

#[path = "support/tool.rs"]
mod tool;

use flightdeck::Flightdeck;
use flightdeck::config::{Config, Paths, Validate, Violations};
use flightdeck::mapped::Options;
use flightdeck::supervisor::{ChildSpec, Restart};
use flightdeck::telemetry::{Description, Unit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use tool::folder::Folder;
use tool::{command, run};

flightdeck::kind! {
    Routed("order.routed") { venue: str }
}

#[derive(Serialize, Deserialize)]
struct Limits {
    orders: u64,
}

impl Validate for Limits {
    fn validate(&self, _: &mut Violations) {}
}

const UP: &str = "<<<up>>>";

/// A host that goes on working until it is killed.
#[test]
#[ignore = "the child of the tests below"]
fn child() {
    let Some(path) = std::env::var_os("FLIGHTDECK_WATCHED_FILE").map(PathBuf::from) else { return };
    let config =
        Config::builder(Limits { orders: 10 }).paths(Paths::new().writable("")).unwrap().build().unwrap();
    let deck = Flightdeck::builder()
        .config_built(config)
        .mapped(Options::at(path).program("order-gateway"))
        .events(|events| events.memory(4 << 20).shards(4))
        .start()
        .unwrap();
    let feed = ChildSpec::new("feed", Restart::Permanent, |context| _ = context.wait(Duration::MAX));
    deck.supervisor().add(feed).unwrap();
    let took = Description::new("how long an order took").unit(Unit::Nanoseconds);
    deck.telemetry().describe("order_ns", took).unwrap();
    let (orders, idle) = (deck.telemetry().counter("orders_total"), deck.telemetry().counter("idle_total"));
    let took = deck.telemetry().histogram("order_ns");
    deck.telemetry().gauge("queue_depth").set(-3);
    idle.increment(7);
    println!("{UP}");
    loop {
        orders.increment(1);
        took.record(5_000);
        deck.record(Routed { venue: "EUREX" });
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A child that is up, until it drops.
struct Host(Child);

impl Host {
    fn start(file: &str) -> Self {
        let mut host = Command::new(std::env::current_exe().unwrap());
        host.args(["--exact", "child", "--ignored", "--nocapture"]).env("FLIGHTDECK_WATCHED_FILE", file);
        let mut child = host.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains(UP)), "the child came up");
        Self(child)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn deck(folder: &Folder, name: &str) -> String {
    folder.0.join(name).to_str().unwrap().to_owned()
}

fn series<'a>(told: &'a Value, name: &str) -> &'a Value {
    let found = told["series"].as_array().unwrap().iter().find(|series| series["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {told}"))
}

#[test]
fn what_happened_between_two_looks_is_one_table() {
    let folder = Folder::new("top-once");
    let file = deck(&folder, "deck");
    let host = Host::start(&file);
    let ran = run(&["top", &file, "--interval", "300ms"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    for words in ["order-gateway (process ", ") runs, ", "A SECOND", "5.1 us", "-3  queue_depth"] {
        assert!(ran.out.contains(words), "`{words}` is not in: {}", ran.out);
    }
    // No less than it was told to wait; how much longer it slept is the machine's business, and is told.
    let of = ran.out.lines().find_map(|line| line.strip_prefix("rates are of ")).expect(&ran.out);
    let (number, unit) = of.split_once(' ').unwrap();
    let ms = number.parse::<f64>().unwrap() * if unit == "s" { 1e3 } else { 1.0 };
    assert!((300.0..20_000.0).contains(&ms) && ["ms", "s"].contains(&unit), "{of}");
    let place = |name: &str| ran.out.lines().position(|line| line.ends_with(name)).unwrap();
    assert!(place("  orders_total") < place("  idle_total"), "the fastest first: {}", ran.out);
    // By the number of its process, which has nothing but the file mapped.
    let ran = run(&["top", &host.0.id().to_string(), "--interval", "300ms", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let told = ran.json();
    assert_eq!((&told["decks"][0]["state"], &told["decks"][0]["file"]), (&"running".into(), &file.into()));
    let orders = series(&told, "orders_total");
    assert!(orders["a_second"].as_f64().unwrap() > 10.0 && orders["value"].as_u64() > Some(10), "{orders}");
    let idle = series(&told, "idle_total");
    assert_eq!((idle["a_second"].as_f64(), idle["value"].as_u64()), (Some(0.0), Some(7)));
    assert_eq!(series(&told, "queue_depth")["a_second"], Value::Null);
}

#[test]
fn metrics_of_several_decks_are_added_up() {
    let folder = Folder::new("top-several");
    let files = ["one", "two"].map(|name| deck(&folder, name));
    drop(files.each_ref().map(|file| Host::start(file)));
    let alone = files.each_ref().map(|file| run(&["top", file, "--json", "--interval", "60ms"]).json());
    let both = run(&["top", &files[0], &files[1], "--json", "--interval", "60ms"]).json();
    let value = |told: &Value, name: &str| series(told, name)["value"].as_u64().unwrap();
    let sum = alone.iter().map(|told| value(told, "orders_total")).sum::<u64>();
    assert_eq!((value(&both, "orders_total"), value(&both, "idle_total")), (sum, 14));
    assert_eq!(series(&both, "queue_depth")["value"], -6);
    assert_eq!(series(&both, "order_ns")["value"]["count"], sum, "one value an order");
    assert_eq!(both["decks"].as_array().unwrap().len(), 2);
    let ran = run(&["top", &files[0], &files[1], "-n", "1", "--interval", "60ms"]);
    let has = |name: &str| usize::from(ran.out.contains(name));
    assert_eq!((has("idle_total") + has("orders_total"), has(" more\n")), (1, 1), "{}", ran.out);
}

#[test]
fn metrics_that_have_a_file_of_their_own_are_watched_too() {
    let folder = Folder::new("top-metrics");
    let file = deck(&folder, "metrics");
    let telemetry = flightdeck::telemetry::Telemetry::builder().mapped(&*file).build().unwrap();
    telemetry.counter("orders_total").increment(3);
    let told = run(&["top", &file, "--interval", "60ms", "--json"]).json();
    assert_eq!(series(&told, "orders_total")["value"], 3);
    assert_eq!(told["decks"][0]["state"], "running");
    let Some(mut view) = OnTerminal::start(&format!("attach {file}"), (24, 100)) else { return };
    view.shows(&["1 rates", "3 histograms", "orders_total", "runs, for"]);
    let screen = view.screen.screen().contents();
    assert!(!screen.contains("workers") && !screen.contains("events recorded"), "{screen}");
    view.press("q");
    assert_eq!(view.end(), Some(0));
}

#[test]
fn what_is_no_deck_is_refused() {
    let folder = Folder::new("top-refused");
    let text = folder.file("diary.txt", "Dear diary, ".repeat(1_000));
    for command in ["top", "attach"] {
        if command == "attach" {
            // Nothing to draw on comes first.
            run(&[command, &text]).refused(2, &["there is no terminal", "flightdeck top"]);
            continue;
        }
        let ran = run(&[command, &text]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
        assert!(ran.err.contains("it begins with \"Dear dia\""), "{}", ran.err);
        // This process has no deck; the other is none.
        for process in [std::process::id().to_string(), "4294967295".to_owned()] {
            run(&[command, &process]).refused(2, &["has no deck in a file"]);
        }
    }
}

#[test]
fn without_a_name_it_is_the_only_one_that_runs() {
    let folder = Folder::new("top-only");
    let mut env =
        [("FLIGHTDECK_DIR", "own"), ("XDG_RUNTIME_DIR", "none"), ("TMPDIR", "none")].map(|(name, place)| {
            let place = folder.0.join(place);
            fs::create_dir_all(&place).unwrap();
            (name, place)
        });
    env[1].1 = folder.0.join("own");
    // What others have in memory cannot be taken away: where there is something, there is not only one.
    let others = run(&["list", "--json"]).out.lines().filter(|line| line.contains("\"running\"")).count();
    let top = || {
        let mut top = command(&["top", "--json", "--interval", "60ms"]);
        let output = top.envs(env.iter().cloned()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, _) = top();
    assert_eq!(code, if others == 1 { Some(0) } else { Some(1) });
    let _host = Host::start(env[0].1.join("host.deck").to_str().unwrap());
    let (code, out) = top();
    if others == 0 {
        assert_eq!(code, Some(0), "{out}");
        assert!(out.contains("host.deck"), "{out}");
    } else {
        assert_eq!(code, Some(1), "{out}");
        assert!(out.contains("host.deck"), "the list has it: {out}");
    }
}

/// The tool on a terminal of its own.
struct OnTerminal {
    child: Child,
    seen: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // Its terminal ends, and so does whoever sits at it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl OnTerminal {
    /// `None` where there is no `script` to make a terminal.
    fn start(args: &str, size: (u16, u16)) -> Option<Self> {
        let (rows, columns) = size;
        let tool = env!("CARGO_BIN_EXE_flightdeck");
        let inner = format!("stty rows {rows} cols {columns}; exec {tool} {args}");
        let mut script = Command::new("script");
        script.args(["-qefc", &inner, "/dev/null"]).env("TERM", "xterm-256color").env_remove("NO_COLOR");
        let child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: there is no `script` here to make a terminal");
            return None;
        };
        let mut out = child.stdout.take().unwrap();
        let (send, seen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(read @ 1..) = out.read(&mut bytes) {
                if send.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Some(Self { child, seen, screen: vt100::Parser::new(rows, columns, 0), bytes: Vec::new() })
    }

    /// To the tool, which took the place of the shell that `script` started.
    fn signal(&self, number: i32) {
        let script = self.child.id();
        let children = fs::read_to_string(format!("/proc/{script}/task/{script}/children")).unwrap();
        let tool = children.split_whitespace().next().unwrap().parse().unwrap();
        // SAFETY: a signal to a child of a child that runs, both started by this test.
        assert_eq!(unsafe { libc::kill(tool, number) }, 0);
    }

    fn press(&mut self, keys: &str) {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until all of `words` stand on the screen at once.
    #[track_caller]
    fn shows(&mut self, words: &[&str]) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let screen = self.screen.screen();
            let seen = screen.contents();
            let missing = words.iter().find(|word| !seen.contains(**word));
            let missing = if screen.alternate_screen() { missing } else { Some(&"the view") };
            let Some(missing) = missing else { return };
            let left = end.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.seen.recv_timeout(left) else { panic!("`{missing}` is not in:\n{seen}") };
            self.take(&bytes);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.screen.process(bytes);
        self.bytes.extend_from_slice(bytes);
    }

    /// Its exit code, once it has ended and put the terminal back as it was.
    #[track_caller]
    fn end(self) -> Option<i32> {
        self.end_saying().0
    }

    /// The same, and what stands on the screen that is put back.
    #[track_caller]
    fn end_saying(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it does not end:\n{}", self.screen.screen().contents());
            std::thread::sleep(Duration::from_millis(5));
        }
        while let Ok(bytes) = self.seen.recv_timeout(Duration::from_secs(1)) {
            self.take(&bytes);
        }
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "the terminal is put back");
        assert!(String::from_utf8_lossy(&self.bytes).contains("\u{1b}[?1049h"), "it was taken over");
        let said = screen.contents();
        (self.child.wait().unwrap().code(), said)
    }
}

#[test]
fn a_deck_is_watched_page_by_page_and_its_end_is_seen() {
    let folder = Folder::new("attach");
    let file = deck(&folder, "deck");
    let host = Host::start(&file);
    let args = format!("attach {} --interval 100ms", host.0.id());
    let Some(mut view) = OnTerminal::start(&args, (24, 100)) else { return };
    view.shows(&[
        "order-gateway (process ",
        "runs, for",
        "1 rates",
        "6 events",
        "orders_total",
        "events recorded",
    ]);
    view.press("2");
    view.shows(&["-3", "queue_depth"]);
    view.press("3");
    view.shows(&["MEDIAN", "HISTOGRAM, OVER ", "5.1 us", "order_ns"]);
    view.press("4");
    view.shows(&["workers as they were", "feed: running, run 1, 0 restarts"]);
    view.press("5");
    view.shows(&["revision 1", "\"orders\": 10"]);
    view.press("6");
    view.shows(&["order.routed venue=EUREX"]);
    view.press("h");
    view.shows(&["any key closes this"]);
    view.press("x1/IDLE\r");
    view.shows(&["idle_total", "lines with `IDLE`"]);
    view.press("p");
    view.shows(&["HOLDING STILL"]);
    drop(host);
    view.shows(&["died", "flightdeck post-mortem", "HOLDING STILL"]);
    view.press("p");
    view.press("\u{1b}");
    view.shows(&["orders_total"]);
    // Its last moments stay.
    std::thread::sleep(Duration::from_millis(500));
    view.press("/orders\r");
    view.shows(&["lines with `orders`"]);
    let screen = view.screen.screen().contents();
    let line = screen.lines().map(str::trim).find(|line| line.ends_with("  orders_total")).expect(&screen);
    assert!(!line.starts_with("0.0 "), "{screen}");
    view.press("q");
    let (code, said) = view.end_saying();
    assert_eq!(code, Some(0));
    assert!(said.contains("warning: order-gateway (process ") && said.contains(" tells more"), "{said}");
}

#[test]
fn a_deck_that_is_named_twice_counts_once_and_readers_of_one_are_not_its_host() {
    let folder = Folder::new("top-twice");
    let file = deck(&folder, "deck");
    let host = Host::start(&file);
    let ran = run(&["top", &file, &host.0.id().to_string(), "--json", "--interval", "60ms"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("is named twice: it counts once"), "{}", ran.err);
    let told = ran.json();
    assert_eq!(
        (told["decks"].as_array().unwrap().len(), &series(&told, "idle_total")["value"]),
        (1, &7.into())
    );
    // This process looks into it, too.
    let recording = flightdeck::Recording::open(&file).unwrap();
    run(&["top", &std::process::id().to_string()]).refused(2, &["has no deck in a file"]);
    drop(recording);
}

#[test]
fn what_is_cut_or_garbled_is_never_believed() {
    let folder = Folder::new("top-hostile");
    let file = deck(&folder, "deck");
    drop(Host::start(&file));
    let whole = fs::read(&file).unwrap();
    let cut = folder.file("cut", &whole[..whole.len() / 2]);
    let ran = run(&["top", &cut]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.starts_with("error: "), "{}", ran.err);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..12 {
        let mut bytes = whole.clone();
        for _ in 0..2_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let at = 4_096 + random as usize % (bytes.len() - 4_096);
            bytes[at] = (random >> 32) as u8;
        }
        let file = folder.file("garbled", bytes);
        let ran = run(&["top", &file, "--json", "--interval", "60ms"]);
        assert!(matches!(ran.code, Some(0 | 2)) && !ran.err.contains("panicked"), "{round}: {}", ran.err);
        let Some(mut view) = OnTerminal::start(&format!("attach {file}"), (24, 80)) else { continue };
        if round == 0 && ran.code == Some(0) {
            view.shows(&["q quit"]);
            (1..=6).for_each(|page| view.press(&page.to_string()));
            view.press("q");
            assert_eq!(view.end(), Some(0));
        }
    }
}

#[test]
fn a_small_terminal_is_drawn_on_and_a_signal_puts_it_back() {
    let folder = Folder::new("attach-small");
    let file = deck(&folder, "deck");
    let _host = Host::start(&file);
    for (keys, size, words) in
        [("\u{3}", (10, 40), "1 rates  2  3  4  5  6"), ("q", (3, 20), "rates"), ("q", (1, 1), "")]
    {
        let args = format!("attach {file} --interval 50ms");
        let Some(mut view) = OnTerminal::start(&args, size) else { return };
        view.shows(&[words]);
        (1..=6).for_each(|page| view.press(&page.to_string()));
        view.press("h");
        view.press("h");
        view.press(keys);
        // Ctrl-C is what it is everywhere else.
        assert_eq!(view.end(), Some(if keys == "q" { 0 } else { 130 }));
    }
    // Of a signal, what goes on is not asked.
    let Some(mut view) = OnTerminal::start(&format!("top {file}"), (24, 100)) else { return };
    view.shows(&["3 histograms", "orders_total"]);
    view.signal(libc::SIGINT);
    assert_eq!(view.end(), Some(130));
}
