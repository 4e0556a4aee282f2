//! Tails: what is recorded is printed as it comes, and what was not is counted.

mod support;

use flightdeck::events::{Start, TailState};
use flightdeck::supervisor::Restart;
use flightdeck::{Flightdeck, Severity, Tail, TailError};
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! {
    Rejected("tail.rejected", severity = Error) { n: u64, reason: str }
    Filled("tail.filled") { n: u64 }
    Stopping("tail.stopping", severity = Warn) { n: u64 }
}

/// What a writer of the tests does with the next bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Takes,
    StandsStill,
    Fails(io::ErrorKind),
    Panics,
}

#[derive(Clone)]
struct Paper(Arc<(Mutex<Page>, Condvar)>);

struct Page {
    does: Does,
    text: Vec<u8>,
    /// The bytes of each call.
    calls: Vec<usize>,
    is_held_up: bool,
}

impl Paper {
    fn new() -> Self {
        let page = Page { does: Does::Takes, text: Vec::new(), calls: Vec::new(), is_held_up: false };
        Self(Arc::new((Mutex::new(page), Condvar::new())))
    }

    fn set(&self, does: Does) {
        self.0.0.lock().unwrap_or_else(|page| page.into_inner()).does = does;
        self.0.1.notify_all();
    }

    fn page<R>(&self, read: impl FnOnce(&Page) -> R) -> R {
        read(&self.0.0.lock().unwrap_or_else(|page| page.into_inner()))
    }

    fn text(&self) -> String {
        self.page(|page| String::from_utf8(page.text.clone()).unwrap())
    }

    fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut page = self.0.0.lock().unwrap_or_else(|page| page.into_inner());
        while page.does == Does::StandsStill {
            page.is_held_up = true;
            page = self.0.1.wait(page).unwrap();
        }
        page.is_held_up = false;
        match page.does {
            Does::Fails(kind) => return Err(kind.into()),
            Does::Panics => {
                // As most would that fail once.
                page.does = Does::Takes;
                panic!("the paper is jammed");
            }
            Does::Takes | Does::StandsStill => {}
        }
        page.text.extend_from_slice(bytes);
        page.calls.push(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn deck() -> Flightdeck {
    Flightdeck::builder().events(|events| events.memory(4 << 20)).start().unwrap()
}

/// Prints what the tests record, on paper.
fn tail(deck: &Flightdeck, paper: &Paper) -> Tail {
    deck.tail().filter(|query| query.kind::<Rejected<'_>>().kind::<Filled>()).to(paper.clone()).unwrap()
}

fn until_written(tail: &Tail, events: u64) {
    until("so many are written", || tail.stats().written == events);
}

#[test]
fn an_event_is_a_line_with_all_there_is_to_tell() {
    let (deck, paper) = (deck(), Paper::new());
    let tail = tail(&deck, &paper);
    let _in = deck.scope(42_u64);
    deck.record(Rejected { n: 7, reason: "too \u{1b}[31mlate\nby far" });
    until_written(&tail, 1);
    let text = paper.text();
    let (time, rest) = text.split_once(' ').unwrap();
    let year = time.get(..4).and_then(|year| year.parse().ok());
    assert!(year >= Some(2024) && time.len() == "2026-11-26T04:30:27.123456Z".len(), "{time}");
    let thread = thread::current().name().unwrap().to_owned();
    let id = "0".repeat(30) + "2a";
    let fields = "n=7 reason=too \\u{1b}[31mlate\\nby far";
    assert_eq!(rest, format!("error    {thread} tail.rejected {fields} id={id}\n"));
    assert_eq!(tail.name(), "tail-1");
    assert!(deck.shutdown(PATIENCE).is_clean());
}

#[test]
fn colours_are_for_whoever_asks() {
    let (deck, paper) = (deck(), Paper::new());
    let tail =
        deck.tail().colour(true).filter(|query| query.kind::<Rejected<'_>>()).to(paper.clone()).unwrap();
    deck.record(Rejected { n: 7, reason: "late" });
    until_written(&tail, 1);
    assert!(paper.text().contains("\u{1b}[1;31mtail.rejected\u{1b}[0m n=7"), "{:?}", paper.text());
}

#[test]
fn only_what_is_asked_for_is_printed_from_where_it_is_asked_for() {
    let (deck, paper) = (deck(), Paper::new());
    deck.record(Rejected { n: 1, reason: "before" });
    let severe = deck.tail().filter(|query| query.severity_at_least(Severity::Error));
    let tail = severe.start_at(Start::Oldest).to(paper.clone()).unwrap();
    deck.record(Filled { n: 2 });
    deck.record(Rejected { n: 3, reason: "after" });
    until_written(&tail, 2);
    let lines = paper.lines();
    assert!(lines[0].contains("reason=before") && lines[1].contains("reason=after"), "{lines:?}");

    let refused = deck.tail().filter(|query| query.limit(5)).to_stderr().unwrap_err();
    assert!(matches!(refused, TailError::Query(_)), "{refused}");
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert!(matches!(deck.tail().to_stderr(), Err(TailError::ShutDown)));
}

#[test]
fn many_lines_are_written_at_once() {
    let (deck, paper) = (deck(), Paper::new());
    let tail = tail(&deck, &paper);
    paper.set(Does::StandsStill);
    deck.record(Filled { n: 0 });
    until("the first is held up", || paper.page(|page| page.is_held_up));
    (1..1_000).for_each(|n| deck.record(Filled { n }));
    paper.set(Does::Takes);
    until_written(&tail, 1_000);
    let calls = paper.page(|page| page.calls.clone());
    assert!(calls.len() < 20, "{calls:?}");
    assert!(calls.iter().all(|bytes| *bytes < 20 << 10), "{calls:?}");
    let numbers = paper.lines().into_iter().map(|line| line.rsplit_once("n=").unwrap().1.parse().unwrap());
    assert_eq!(numbers.collect::<Vec<u64>>(), (0..1_000).collect::<Vec<_>>());
}

#[test]
fn a_writer_that_stands_still_holds_up_nobody_and_what_is_missing_has_a_line() {
    let (deck, paper) = (deck(), Paper::new());
    let tail = tail(&deck, &paper);
    paper.set(Does::StandsStill);
    deck.record(Filled { n: 0 });
    until("the first is held up", || paper.page(|page| page.is_held_up));
    // Laps of the ring.
    const MORE: u64 = 200_000;
    (1..=MORE).for_each(|n| deck.record(Filled { n }));
    assert!(deck.supervisor().is_healthy());
    assert_eq!(tail.stats().written, 0);
    paper.set(Does::Takes);
    until("all is accounted for", || {
        let stats = tail.stats();
        stats.written + stats.missing == MORE + 1
    });
    let stats = tail.stats();
    assert!(stats.missing > 0 && stats.unwritten == 0, "{stats:?}");
    let lines = paper.lines();
    let gaps: Vec<_> = lines.iter().filter(|line| line.starts_with('…')).collect();
    let told = |line: &&String| -> u64 {
        let (count, rest) = line.trim_start_matches("… ").split_once(' ').unwrap();
        assert_eq!(rest, "normal events overwritten before this");
        count.replace(',', "").parse().unwrap()
    };
    assert_eq!(gaps.iter().map(told).sum::<u64>(), stats.missing);
    assert!(gaps.iter().any(|line| line.contains(',')), "{gaps:?}");
    assert_eq!((lines.len() - gaps.len()) as u64, stats.written);
    assert!(lines[1].starts_with('…'), "after the one that was held up: {:?}", &lines[..3]);
}

#[test]
fn a_writer_that_panics_costs_what_it_was_writing_and_is_called_again() {
    let (deck, paper) = (deck(), Paper::new());
    let tail = tail(&deck, &paper);
    for round in 0..6 {
        deck.record(Filled { n: 2 * round });
        until_written(&tail, round + 1);
        paper.set(Does::Panics);
        deck.record(Filled { n: 2 * round + 1 });
        until("panicked", || tail.stats().panics == round + 1);
    }
    let stats = tail.stop(PATIENCE);
    assert_eq!((stats.written, stats.unwritten, stats.missing, stats.panics), (6, 6, 0, 6));
    assert!(!deck.supervisor().has_melted_down());
    let lines: Vec<_> = paper.lines().into_iter().filter(|line| !line.is_empty()).collect();
    let numbers = lines.iter().map(|line| line.rsplit_once("n=").unwrap().1.parse().unwrap());
    assert_eq!(numbers.collect::<Vec<u64>>(), [0, 2, 4, 6, 8, 10]);
}

#[test]
fn errors_are_counted_and_a_closed_writer_ends_it_quietly() {
    let (deck, paper) = (deck(), Paper::new());
    let tail = tail(&deck, &paper);
    paper.set(Does::Fails(io::ErrorKind::StorageFull));
    deck.record(Filled { n: 1 });
    until("refused", || tail.stats().unwritten == 1);
    paper.set(Does::Takes);
    deck.record(Filled { n: 2 });
    until_written(&tail, 1);
    // A line that was torn does not run into the next one.
    assert!(paper.lines()[0].is_empty() && paper.lines()[1].ends_with("n=2"), "{:?}", paper.lines());
    assert_eq!(tail.stats().state, TailState::Running);
    paper.set(Does::Fails(io::ErrorKind::BrokenPipe));
    deck.record(Filled { n: 3 });
    until("closed", || tail.stats().state == TailState::Closed);
    let stats = tail.stats();
    assert_eq!((stats.written, stats.unwritten, stats.write_errors, stats.panics), (1, 2, 2, 0));
    assert!(deck.supervisor().is_healthy());
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert_eq!(tail.stats().state, TailState::Closed);
}

#[test]
fn stopped_it_prints_what_there_was_and_nothing_more() {
    let (deck, paper) = (deck(), Paper::new());
    let tail = tail(&deck, &paper);
    (0..500).for_each(|n| deck.record(Filled { n }));
    let stats = tail.stop(PATIENCE);
    assert_eq!((stats.written, stats.state), (500, TailState::Stopped));
    assert!(deck.supervisor().workers().is_empty());
    deck.record(Filled { n: 500 });
    assert_eq!(tail.stop(PATIENCE), stats, "once more");
    let second = self::tail(&deck, &paper);
    assert_eq!(second.name(), "tail-2");
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert_eq!((tail.stats(), paper.lines().len()), (stats, 500));
}

#[test]
fn a_stop_and_a_shutdown_return_by_their_deadlines_whatever_the_writer_does() {
    let (deck, first, second) = (deck(), Paper::new(), Paper::new());
    let (held_up, other) = (tail(&deck, &first), tail(&deck, &second));
    [&first, &second].iter().for_each(|paper| paper.set(Does::StandsStill));
    deck.record(Filled { n: 0 });
    until("both are held up", || [&first, &second].iter().all(|paper| paper.page(|page| page.is_held_up)));
    let start = Instant::now();
    assert_eq!(held_up.stop(Duration::from_millis(50)).state, TailState::Running);
    let report = deck.shutdown(Duration::from_secs(3));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert!(report.abandoned.iter().any(|worker| **worker == *other.name()), "{report:?}");
    // Let go, each prints what it had and ends.
    [&first, &second].iter().for_each(|paper| paper.set(Does::Takes));
    until_written(&other, 1);
}

#[test]
fn a_shutdown_prints_what_workers_record_on_their_way_out() {
    let paper = Paper::new();
    let events = Arc::new(Mutex::new(None::<flightdeck::events::Events>));
    let of_worker = events.clone();
    let deck = Flightdeck::builder()
        .worker("slow", Restart::Permanent, move |context| {
            until_stopped(context);
            // By now the tail, which was started last, has stopped.
            thread::sleep(Duration::from_millis(100));
            if let Some(events) = &*of_worker.lock().unwrap() {
                (0..100).for_each(|n| events.record(Stopping { n }));
            }
        })
        .start()
        .unwrap();
    *events.lock().unwrap() = Some(deck.events().clone());
    let tail = deck.tail().filter(|query| query.kind::<Stopping>()).to(paper.clone()).unwrap();
    until("both run", || deck.supervisor().workers().len() == 2 && deck.supervisor().is_healthy());
    assert!(deck.shutdown(PATIENCE).is_clean());
    let stats = tail.stats();
    assert_eq!((stats.written, stats.state), (100, TailState::Finished), "{stats:?}");
    assert_eq!(paper.lines().len(), 100);
}

#[cfg(feature = "json")]
#[test]
fn as_json_each_line_is_an_object_gaps_too() {
    let (deck, paper) = (deck(), Paper::new());
    let tail = deck.tail().json().filter(|query| query.kind::<Rejected<'_>>().kind::<Filled>());
    let tail = tail.to(paper.clone()).unwrap();
    paper.set(Does::StandsStill);
    deck.record(Rejected { n: 0, reason: "a \"quoted\"\nline" });
    until("the first is held up", || paper.page(|page| page.is_held_up));
    const MORE: u64 = 200_000;
    (1..=MORE).for_each(|n| deck.record(Filled { n }));
    paper.set(Does::Takes);
    until("all is accounted for", || tail.stats().written + tail.stats().missing == MORE + 1);
    let objects: Vec<serde_json::Value> =
        paper.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects[0]["fields"]["reason"]["value"], "a \"quoted\"\nline");
    let missing = objects.iter().filter_map(|object| object["gap"]["count"].as_str());
    assert_eq!(missing.map(|count| count.parse::<u64>().unwrap()).sum::<u64>(), tail.stats().missing);
    let gap = &objects.iter().find(|object| object["gap"].is_object()).unwrap()["gap"];
    assert_eq!(
        (&gap["cause"], &gap["lost"], &gap["class"]),
        (&"overwritten".into(), &false.into(), &"normal".into())
    );
    let last = objects.last().unwrap();
    assert_eq!(last["fields"]["n"]["value"], MORE);
}

/// What the child of the tests below does: told so by the environment, one of the tests in this program is the host.
const HOST: &str = "FLIGHTDECK_TAIL_HOST";

/// In the child: prints to stderr; events of a first batch, and then, told by stdin to go on, those of a second.
#[test]
fn host() {
    if std::env::var_os(HOST).is_none() {
        return;
    }
    let deck = deck();
    let tail = deck.tail().filter(|query| query.kind::<Filled>()).to_stderr().unwrap();
    (0..10).for_each(|n| deck.record(Filled { n }));
    until("printed", || tail.stats().written == 10);
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    (0..10).for_each(|n| deck.record(Filled { n }));
    assert!(deck.shutdown(PATIENCE).is_clean());
    let stats = tail.stats();
    println!("HOST {} {} {} {}", stats.written, stats.unwritten, stats.write_errors, stats.state.name());
}

fn host_command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["host", "--exact", "--nocapture", "--test-threads=1"]).env(HOST, "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(stdout: &str) -> &str {
    stdout.lines().find_map(|line| line.split_once("HOST ")).map_or(stdout, |(_, said)| said)
}

#[test]
fn a_host_prints_to_its_stderr_without_colours_where_that_is_no_terminal() {
    let mut child = host_command().spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"on\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert_eq!(said(&stdout), "20 0 0 finished");
    let lines: Vec<_> = stderr.lines().filter(|line| line.contains("tail.filled n=")).collect();
    assert_eq!(lines.len(), 20, "{stderr}");
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
}

#[test]
fn a_closed_stderr_ends_the_tail_and_not_the_host() {
    let mut child = host_command().spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut read = Vec::new();
    let mut byte = [0];
    while read.iter().filter(|byte| **byte == b'\n').count() < 10 {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&read));
        read.push(byte[0]);
    }
    // Nobody reads any more.
    drop(stderr);
    child.stdin.take().unwrap().write_all(b"on\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    assert_eq!(said(&stdout), "10 10 1 closed");
}
