//! `flightdeck demo` as a user meets it: a real host, real requests, and what it says of them.

#[path = "support/tool.rs"]
mod tool;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use tool::{command, run};
#[cfg(target_os = "linux")]
use tool::{signal, start_with_pipes};

#[test]
fn one_object_tells_what_the_demo_found() {
    let ran = run(&["demo", "--seconds", "2", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let report = ran.json();
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("no number: {value} in {report}"));
    assert!(number(&report["requests"]) > 500.0);
    assert_eq!(report["failed"], 0);
    for variant in ["no_deck", "no_deck_again", "switched_off", "recording"] {
        assert!(number(&report["rates"][variant]) > 100.0, "{variant}");
        assert!(number(&report["cost"][variant]["against_no_deck"]) > 0.1, "{variant}");
    }
    for with in ["with", "without"] {
        let latency = &report["latency"][with];
        assert!(
            number(&latency["p50_ns"]) > 1_000.0 && number(&latency["p50_ns"]) <= number(&latency["p999_ns"])
        );
    }
    let events = &report["events"];
    assert_eq!(number(&events["kept"]) + number(&events["overwritten"]), number(&events["written"]));
    assert_eq!(events["lost"], serde_json::json!({}));

    let slowest = &report["slowest"];
    assert_eq!(slowest["verdict"], "complete");
    let chain = slowest["events"].as_array().unwrap();
    let kinds: Vec<_> = chain.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.len() >= 6, "{kinds:?}");
    assert_eq!((kinds.first(), kinds.last()), (Some(&"http.accepted"), Some(&"http.replied")));
    // Every event lies in the span of the request, or in one that began in it.
    let request = &chain[0]["span"];
    for event in chain {
        let is_walk = event["kind"].as_str().unwrap().starts_with("book.");
        assert_eq!(event["span"] == *request, !is_walk, "{event}");
        assert!(event["kind"] != "book.walk" || event["parent"] == *request, "{event}");
    }

    let revisions: Vec<_> =
        report["config"]["revisions"].as_array().unwrap().iter().map(|r| &r["revision"]).collect();
    assert_eq!(revisions, [1, 2, 3, 4], "the first, and three changes");
    assert!(report["config"]["refused"].as_str().unwrap().contains("cache_entries = 0"));
    let worker = &report["restarts"][0];
    assert_eq!((&worker["worker"], &worker["restarts"]), (&"price-feed".into(), &1.into()));
    assert!(worker["last_failure"].as_str().unwrap().contains("not-a-price"));
    assert!(number(&worker["back_after_ns"]) > 0.0);
    assert_eq!(report["incidents"], serde_json::json!([]));
}

#[test]
fn the_report_for_people_says_the_same() {
    let ran = run(&["demo", "--seconds", "1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for words in [
        "requests/s",
        "no deck, again",
        "Recording costs",
        "revision 4 at",
        "refused: config rejected for 2 reasons",
        "price-feed: 1 restart, back after",
        "http.accepted",
        "complete: ",
    ] {
        assert!(ran.out.contains(words), "`{words}` is not in: {}", ran.out);
    }
    assert!(
        !ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'),
        "nothing is drawn where nobody looks"
    );
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn what_workers_beside_the_host_come_to_is_told_and_the_host_serves_on() {
    let ran = run(&["demo", "--seconds", "3", "--chaos", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let report = ran.json();
    assert_eq!(report["failed"], 0);
    assert_eq!(report["restarts"][0]["worker"], "price-feed");
    assert_eq!(report["restarts"].as_array().unwrap().len(), 1, "the host's own");
    let incidents = report["incidents"].as_array().unwrap();
    let at: Vec<_> = incidents.iter().map(|incident| incident["at_ns"].as_u64().unwrap()).collect();
    assert!(at.is_sorted() && *at.last().unwrap() < 60_000_000_000, "{at:?}");
    let of = |worker: &str, what: &str| -> Vec<&Value> {
        incidents.iter().filter(|of| of["worker"] == worker && of["what"] == what).collect()
    };
    let panics = of("faults/flaky", "panicked");
    assert_eq!(panics.len(), 3, "{report}");
    for panic in &panics {
        assert_eq!(panic["why"], "no slot for connection 1025 of 1024");
        assert!(panic["place"].as_str().unwrap().contains("faults.rs:"), "{panic}");
    }
    assert!(panics[0]["back_after_ns"].as_u64() > Some(0));

    let hung = of("faults/stuck", "hung");
    let hung = hung.iter().find(|hung| hung["abandoned_after_ns"].is_u64()).expect("one that did not stop");
    assert!(hung["silent_ns"].as_u64() >= Some(300_000_000));
    assert!(hung["abandoned_after_ns"].as_u64() >= Some(100_000_000), "{hung}");
    assert!(hung["ended_after_ns"].as_u64() > hung["abandoned_after_ns"].as_u64(), "{hung}");
    assert!(hung["back_after_ns"].as_u64() >= hung["ended_after_ns"].as_u64(), "never two at once: {hung}");

    let failed = of("faults/broken", "failed");
    let is_back: Vec<_> = failed.iter().map(|failed| failed["back_after_ns"].is_u64()).collect();
    assert_eq!(is_back, [true, true, true, false], "{report}");
    let melted = of("faults", "melted_down");
    assert_eq!((melted.len(), &melted[0]["over"]), (1, &"faults/broken".into()));
    assert_eq!(melted[0]["failures"], 4);
    assert!(melted[0]["back_after_ns"].as_u64() > Some(0), "{report}");
}

#[test]
fn the_report_for_people_tells_what_went_wrong_beside_the_host() {
    let ran = run(&["demo", "--seconds", "3", "--chaos"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for words in [
        "faults/flaky: panicked ",
        " (no slot for connection 1025 of 1024, src",
        "faults/stuck: no beat for ",
        ", asked to stop, abandoned after ",
        "faults/broken: failed 4 times, first at +",
        "faults: melted down at +",
        "stopped its children and escalated, back after ",
        "beside them the host answered ",
        "price-feed: 1 restart, back after",
    ] {
        assert!(ran.out.contains(words), "`{words}` is not in: {}", ran.out);
    }
    assert!(ran.out.contains(" requests, 0 failed") && !ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn an_interrupt_ends_it_early_and_the_report_is_given() {
    let mut child =
        command(&["demo", "--seconds", "60"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Its first line of progress: it runs.
    let mut said = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("of 60 s"), "{said}");
    // SAFETY: a signal to a child that has not been waited for, so its number is still its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGINT) }, 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("Recording costs"), "{out}");
}

/// The file is edited badly, and then well; the malformed line may be told of in between.
#[test]
#[cfg(target_os = "linux")]
fn a_config_file_is_followed_while_the_demo_runs_and_never_into_nonsense() {
    let folder = tool::folder::Folder::new("demo-config");
    let write = |text: &str| folder.file("host.toml", text);
    let file = write("cache_entries = 600\ndepth = 10\n");
    let args = ["demo", "--seconds", "60", "--json", "--config", &file];
    let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut until = |words: &str| {
        let said: Vec<_> = lines.by_ref().take(50).take_while(|line| !line.contains(words)).collect();
        assert!(said.len() < 50, "`{words}` is not in: {said:#?}");
    };
    until("1 of 60 s");
    write("cache_entries = 0\nmargin = 3\n");
    until("refused: config not loaded for 2 reasons: cache_entries = 0: must be 1 to 1048576");
    write("cache_entries = 700\nmargin_bps = 30\ndepth = 5\n");
    until("changed: cache_entries=700 margin_bps=30 depth=5");
    signal(&child, libc::SIGINT);
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let report: Value = serde_json::from_str(&out).unwrap();
    let revisions = report["config"]["revisions"].as_array().unwrap();
    let entries: Vec<_> = revisions.iter().map(|revised| revised["cache_entries"].as_u64()).collect();
    assert_eq!(entries, [Some(600), Some(700)], "{report}");
    assert!(report["config"]["refused"].as_str().unwrap().contains("unknown key `margin`"), "{report}");
}

#[test]
fn a_config_file_that_cannot_be_used_ends_it_before_it_begins() {
    run(&["demo", "--config", "no-such-file.toml"]).refused(2, &["no-such-file.toml", "there is none"]);
}

/// Before any host was driven: there is nothing to compare, and no reason is made up for that.
#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_at_once_is_reported_as_such() {
    let child = start_with_pipes(&["demo", "--seconds", "60"]);
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("nothing to compare") && !out.contains("does not tell"), "{out}");
}

/// The environment's proxy is for other machines than this one.
#[test]
fn a_proxy_does_not_stand_between_the_demo_and_its_host() {
    let mut command = command(&["demo", "--seconds", "1", "--json"]);
    let nowhere = "http://127.0.0.1:9";
    let output = command.env("http_proxy", nowhere).env("ALL_PROXY", nowhere).env_remove("no_proxy").output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A terminal of a kind, and what the demo draws on it from its start until it is told to terminate: once what it drew tells of a
/// round, so that there is something to report.
#[cfg(target_os = "linux")]
fn drawn(kind: &str, tells_of_a_round: impl Fn(&str) -> bool) -> String {
    use std::os::fd::{FromRawFd, OwnedFd};
    let (mut near, mut far) = (0, 0);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: all pointers are to live variables or null, which asks for no name and the usual settings.
    let opened = unsafe { libc::openpty(&mut near, &mut far, std::ptr::null_mut(), std::ptr::null(), &size) };
    assert_eq!(opened, 0);
    // SAFETY: both were opened just now and belong to nobody else.
    let (near, far) = unsafe { (OwnedFd::from_raw_fd(near), OwnedFd::from_raw_fd(far)) };
    let mut command = command(&["demo", "--seconds", "60"]);
    command.env("TERM", kind).stdin(far.try_clone().unwrap()).stderr(far).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    // The far ends are the child's alone, so that reading the near one ends with it.
    drop(command);
    let (drawn, draws) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        let (mut near, mut seen) = (std::fs::File::from(near), Vec::new());
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = near.read(&mut piece) {
            seen.extend_from_slice(&piece[..count]);
            let _ = drawn.send(String::from_utf8_lossy(&seen).into_owned());
        }
        String::from_utf8_lossy(&seen).into_owned()
    });
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut so_far = String::new();
    while !tells_of_a_round(&so_far) {
        let left = end.saturating_duration_since(std::time::Instant::now());
        so_far = draws.recv_timeout(left).unwrap_or_else(|_| panic!("no round in: {so_far}"));
    }
    signal(&child, libc::SIGTERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Recording costs"));
    reading.join().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_that_was_taken_over_is_put_back() {
    let seen = drawn("xterm", |so_far| {
        let mut terminal = vt100::Parser::new(24, 80, 0);
        terminal.process(so_far.as_bytes());
        let screen = terminal.screen().contents();
        let round = screen.split_once("round ").and_then(|(_, round)| round.split(' ').next()?.parse().ok());
        // Some are over, each with a turn of every host.
        round >= Some(5_u32)
    });
    let (taken, put_back) = (seen.find("\u{1b}[?1049h"), seen.rfind("\u{1b}[?1049l"));
    assert!(taken.is_some() && put_back > taken, "{seen}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_that_cannot_draw_gets_lines() {
    let seen = drawn("dumb", |so_far| so_far.contains("note: 1 of 60 s"));
    assert!(seen.contains("note: 1 of 60 s") && !seen.contains('\u{1b}'), "{seen}");
}

#[test]
fn wrong_usage_ends_with_two() {
    for args in [&["demo", "--seconds", "0"][..], &["demo", "--seconds", "soon"], &["demo", "file"]] {
        assert_eq!(run(args).code, Some(2), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn all_that_a_killed_host_announced_is_in_its_file() {
    let folder = tool::folder::Folder::new("demo-kill");
    let demo = |more: &[&str]| {
        let ran = command(&["demo", "--kill", "--seconds", "2"])
            .args(more)
            .env("TMPDIR", &folder.0)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        tool::Ran { code: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
    };
    let ran = demo(&["--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let told = ran.json();
    let number = |name: &str| told[name].as_u64().unwrap_or_else(|| panic!("{name}: {told}"));
    assert!(number("announced") > 100 && number("found") > 100, "{told}");
    assert_eq!(number("found") + number("overwritten"), number("announced"));
    assert_eq!((number("missing"), number("under_way")), (0, 4));
    assert!(number("found_events") >= 6 * number("found"));
    let dead = &told["post_mortem"];
    assert_eq!((&dead["state"], &dead["program"]), (&"died".into(), &"flightdeck-demo".into()));
    assert!(dead["unfinished"]["ids"].as_u64() >= Some(1), "it settles without a pause: {dead}");
    let workers: Vec<_> =
        dead["workers"].as_array().unwrap().iter().map(|worker| &worker["worker"]).collect();
    assert_eq!(workers, ["price-feed", "settlement"]);
    assert_eq!((&dead["workers"][0]["failures"], &dead["workers"][0]["run"]), (&1.into(), &2.into()));
    assert_eq!(dead["config"]["in_force"][0]["revision"], 4);
    assert!(ran.err.contains("note: 1 of 2 s: "), "{}", ran.err);
    let file = std::path::Path::new(dead["file"].as_str().unwrap());
    assert!(!file.exists() && !file.parent().unwrap().exists(), "nothing is left behind");

    let ran = demo(&["--keep"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for words in [
        "killed with SIGKILL after ",
        "0 missing: nothing that was announced is lost",
        "4 requests when it was killed; ",
        "] died without closing its deck after ",
        "settlement.started batch=",
        "revision 4 in force since ",
        "margin_bps = 30",
    ] {
        assert!(ran.out.contains(words), "`{words}` is not in: {}", ran.out);
    }
    let kept =
        ran.err.lines().find_map(|line| line.strip_prefix("note: kept: flightdeck post-mortem ")).unwrap();
    assert_eq!(run(&["post-mortem", kept]).code, Some(1));
    std::fs::remove_dir_all(std::path::Path::new(kept).parent().unwrap()).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_demo_that_is_killed_itself_takes_its_host_along() {
    use std::path::Path;
    let mut child = command(&["demo", "--kill", "--seconds", "60"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("1 of 60 s: "), "{said}");
    let places = [Path::new("/dev/shm"), &std::env::temp_dir()];
    let place = places.map(|base| base.join(format!("flightdeck-demo-{}", child.id())));
    assert!(place.iter().any(|place| place.join("host.deck").exists()));
    child.kill().unwrap();
    child.wait().unwrap();
    let start = std::time::Instant::now();
    while place.iter().any(|place| place.exists()) {
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "its host runs on");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
