//! `flightdeck size`, as a user meets it: what it prints is what a store then does.

#[path = "support/tool.rs"]
mod tool;

use flightdeck::events::{Class, Events, Plan};
use std::time::Duration;
use tool::run;

#[test]
fn the_setting_keeps_what_was_asked_for_and_no_smaller_one_does() {
    for (class, name) in Class::ALL.map(|class| (class, class.name())) {
        for (rate, keep, bytes, threads) in [
            ("200k", 60, 64, 16),
            ("50", 172_800, 8, 4),
            ("1.5M", 5, 24, 1),
            ("3", 1, 0, 2),
            ("1k", 60, 100_000, 3),
        ] {
            let time = format!("{keep}s");
            let (bytes, threads) = (bytes as usize, threads as usize);
            let (size, count) = (bytes.to_string(), threads.to_string());
            let args =
                ["--rate", rate, "--keep", &time, "--bytes", &size, "--threads", &count, "--class", name];
            let ran = run(&[&["size", "--json"], &args[..]].concat());
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
            let json = ran.json();
            let memory = json["memory"].as_u64().unwrap() as usize;
            let (plan_of, per_second) = (
                |memory| Events::builder().memory(memory).shards(threads).plan(),
                json["rate"].as_f64().unwrap(),
            );
            let plan = plan_of(memory).unwrap();
            assert_eq!(json["plan"]["total"], plan.total, "{args:?}");
            assert_eq!(json["events_that_fit"], plan.events_that_fit(class, bytes), "{args:?}");
            let holds = |plan: &Plan| plan.held(class, per_second, bytes) >= Duration::from_secs(keep);
            assert!(holds(&plan), "{args:?}: {plan}");
            // What is beyond the rings is the overflow's, which takes what is left.
            let overflow: usize = plan.overflow.iter().map(|(_, bytes)| bytes).sum();
            for less in (1..=400).map(|step| plan.total - overflow - plan.total / 500 * step) {
                let holds = plan_of(less).is_ok_and(|other| holds(&other));
                assert!(!holds, "{args:?}: {less} would do instead of {memory}");
            }
        }
    }
}

#[test]
fn people_get_a_line_to_paste_and_the_plan() {
    let ran = run(&["size", "--rate", "200k", "--bytes", "64", "--keep", "60s", "--threads", "16"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(
        lines[0],
        "To keep normal events for 60 s, at 200,000 a second from 16 threads, 64 bytes of fields each:"
    );
    assert!(lines[2].starts_with("    Flightdeck::builder().events(|events| events.memory("), "{}", ran.out);
    assert!(lines[2].ends_with(" << 20).shards(16))"), "{}", ran.out);
    assert!(
        lines[4].contains(" normal events fit: ") && lines[5].contains("where one of them records it all")
    );
    assert!(
        ran.out.contains("each thread's ring") && lines.iter().all(|line| line.len() <= 100),
        "{}",
        ran.out
    );
    let one = run(&["size", "--rate", "5", "--keep", "1m", "--threads", "1"]);
    assert!(!one.out.contains("records it all") && one.out.contains("from 1 thread,"), "{}", one.out);
    assert_eq!(run(&["size", "--rate", "5", "--keep", "1m"]).code, Some(0), "threads: the cores");
}

#[test]
fn wishes_that_cannot_be_met_are_refused_with_the_remedy() {
    for (args, words) in [
        (
            &["--rate", "1M", "--keep", "30d", "--threads", "16"][..],
            &["30 days", "16 threads can hold", "lower --keep"][..],
        ),
        (
            &["--rate", "50G", "--keep", "1s", "--threads", "4"],
            &["50,000,000,000 a second", "at most 400,000,000"],
        ),
        (
            &["--rate", "5", "--keep", "1s", "--bytes", "5000000"],
            &["5,000,000 bytes", "1,048,528", "elsewhere"],
        ),
        (&["--rate", "5", "--keep", "1s", "--threads", "5000"], &["shards is 5000, outside 1 to "]),
        (&["--rate", "5", "--keep", "1s", "--threads", "0"], &["shards is 0, outside 1 to "]),
    ] {
        run(&[&["size"], args].concat()).refused(2, words);
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    for (args, words) in [
        (&["--rate", "fast", "--keep", "1s"][..], "rate `fast` does not start with a number"),
        (&["--rate", "5x", "--keep", "1s"], "unknown unit `x`: one of k, M, G"),
        (&["--rate", "0", "--keep", "1s"], "is not between"),
        (&["--rate", "-5", "--keep", "1s"], "-5"),
        (&["--rate", "5", "--keep", "60"], "has no unit: add one of ms, s, m, h, d"),
        (&["--rate", "5", "--keep", "0s"], "is not between"),
        (&["--rate", "5", "--keep", "1s", "--bytes", "-1"], "-1"),
        (&["--rate", "5", "--keep", "1s", "--class", "vital"], "vital"),
        (&["--keep", "1s"], "required"),
    ] {
        let ran = run(&[&["size"], args].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(words), "{args:?}: {}", ran.err);
    }
}
