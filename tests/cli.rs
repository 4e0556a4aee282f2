//! The command-line tool, as a user meets it: what it takes, what it refuses, and how it says so.

#[path = "support/tool.rs"]
mod tool;

use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::process::{Command, Stdio};
use tool::folder::Folder;
use tool::{command, run, start_with_pipes};
#[cfg(target_os = "linux")]
use tool::{end, peak_kib, signal};

/// Rows in the shape of each format, and their number.
fn samples() -> [(&'static str, &'static str, u64); 5] {
    [
        (
            "span CSV",
            "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n\
             0a1b,01,root,shop-1,GET /,1700000000000000000,1700000000000900000,900\n\
             0a1b,02,01,stock-1,\"SELECT a, b\",1700000000000100000,1700000000000300000,200\n",
            2,
        ),
        (
            "log CSV",
            "Timestamp,TimeUnixNano,Node,PodName,Container,TraceID,SpanID,Log\n\
             2023-11-14T22:13:20Z,1700000000000000000,n1,shop-1,app,0a1b,01,\"{\"\"log\"\":\"\"WARN two\nlines\"\"}\"\n\
             2023-11-14T22:13:21Z,1700000001000000000,n1,shop-1,app,0a1b,01,plain\n",
            2,
        ),
        (
            "dpkg log",
            "2024-02-29 12:00:00 startup archives unpack\n2024-02-29 12:00:01 install nano:amd64 <none> 7.2-1\n",
            2,
        ),
        ("JSON lines", "{\"ts\":1700000000,\"level\":\"info\",\"msg\":\"up\",\"request_id\":\"r-1\"}\n", 1),
        (
            "access log",
            "203.0.113.9 - - [14/Nov/2023:22:13:20 +0000] \"GET / HTTP/1.1\" 200 12 \"-\" \"probe/1\"\n",
            1,
        ),
    ]
}

#[test]
fn each_format_is_recognised_and_read() {
    let folder = Folder::new("formats");
    let mut all = vec!["replay".to_owned(), "--json".to_owned()];
    for (format, content, rows) in samples() {
        let file = folder.file(format, content);
        let ran = run(&["replay", "--json", &file]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{format}");
        let report = ran.json();
        assert_eq!(report["files"][0]["format"], format);
        assert_eq!((&report["rows"], &report["broken"]), (&rows.into(), &0.into()), "{format}");
        all.push(file);
    }
    let ran = run(&all.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ran.json()["rows"], 8);
}

#[test]
fn standard_input_is_read_like_a_file() {
    for (format, content, rows) in samples() {
        let mut child = start_with_pipes(&["replay", "-", "--json"]);
        child.stdin.take().unwrap().write_all(content.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["files"][0]["format"], format);
        assert_eq!(report["rows"], rows);
        assert_eq!(report["files"][0]["file"], "standard input");
    }
}

#[test]
fn shells_get_what_completes_commands_and_options() {
    for (shell, words) in [
        ("bash", ["_flightdeck()", "post-mortem", "--any-user"]),
        ("zsh", ["#compdef flightdeck", "post-mortem", "--any-user"]),
        ("fish", ["complete -c flightdeck", "post-mortem", "any-user"]),
    ] {
        let ran = run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        words.iter().for_each(|word| assert!(ran.out.contains(word), "{shell} is not told of {word}"));
    }
    assert_eq!(run(&["completions", "tcsh"]).code, Some(2));
    // What bash itself makes of it.
    let asked = "source /dev/stdin; COMP_WORDS=(flightdeck post); COMP_CWORD=1; \
        _flightdeck flightdeck post flightdeck; echo \"${COMPREPLY[@]}\"";
    let mut bash = std::process::Command::new("bash");
    let bash = bash.args(["-c", asked]).stdin(std::process::Stdio::piped());
    let Ok(mut bash) = bash.stdout(std::process::Stdio::piped()).spawn() else {
        eprintln!("skipped: there is no bash here");
        return;
    };
    let script = run(&["completions", "bash"]).out;
    std::io::Write::write_all(&mut bash.stdin.take().unwrap(), script.as_bytes()).unwrap();
    let completed = bash.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&completed.stdout), "post-mortem\n");
}

#[test]
fn a_code_is_explained_alone_or_with_all_below_it() {
    let ran = run(&["explain", "config.update.busy"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.starts_with("config.update.busy (warn, retry later)\n  keep slow work"), "{}", ran.out);
    let listed = |args: &[&str]| -> Vec<String> {
        let objects = run(args).out.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>();
        objects.unwrap().iter().map(|object| object["code"].as_str().unwrap().to_owned()).collect()
    };
    let all: Vec<_> = flightdeck::error::codes::all().map(|code| code.name).collect();
    assert_eq!(listed(&["explain", "--json"]), all);
    let below: Vec<_> = all.iter().filter(|code| code.starts_with("config.path.")).collect();
    assert_eq!(listed(&["explain", "--json", "config.path"]).iter().collect::<Vec<_>>(), below);
    let ran = run(&["explain", "config.update.bussy"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("are `config.update.busy`, "), "{}", ran.err);
}

/// Codes of the tool, as its source writes them: `Variant => "cli.what.why"`.
fn own_codes(folder: &std::path::Path, found: &mut std::collections::BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            own_codes(&path, found);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            let literals = text.split("=> \"cli.").skip(1).filter_map(|rest| rest.split('"').next());
            found.extend(literals.map(|code| format!("cli.{code}")));
        }
    }
}

#[test]
fn the_tools_own_errors_have_hints_too() {
    let mut written = std::collections::BTreeSet::new();
    own_codes(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin"), &mut written);
    let explained = run(&["explain", "--json", "cli"]);
    let objects = explained.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let hints: std::collections::BTreeMap<_, _> = objects
        .map(|object| ["code", "recovery"].map(|field| object[field].as_str().unwrap().to_owned()))
        .map(|[code, hint]| (code, hint))
        .collect();
    assert!(
        written.iter().eq(hints.keys()),
        "give each a hint in src/error/codes/cli.rs, and no others: {written:?}"
    );
    for (code, hint) in hints {
        let form = hint.starts_with(|c: char| c.is_ascii_lowercase() || c == '`') && !hint.ends_with('.');
        assert!(form && hint.len() < 160, "{code}: one line, lower case, no full stop: {hint}");
    }
}

#[test]
fn the_report_for_people_says_the_same() {
    let folder = Folder::new("people");
    let ran = run(&["replay", &folder.file("a.log", samples()[2].1)]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("2024-02-29T12:00:00Z to 2024-02-29T12:00:01Z"), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'), "no colour where nobody sees it");
}

#[test]
fn inputs_that_cannot_be_read_are_refused_in_one_line() {
    let folder = Folder::new("refused");
    run(&["replay", "/no/such/file"]).refused(2, &["error: /no/such/file: cannot be opened: no such file"]);
    run(&["replay", folder.0.to_str().unwrap()]).refused(2, &["is a folder", "name the files in it"]);
    for (name, content, words) in [
        ("diary.txt", &b"Dear diary,\n"[..], &["diary.txt: is none of span CSV", "`Dear diary,`"][..]),
        ("prices.csv", b"day,open,close\n1,2,3\n", &["header `day,open,close`"]),
        ("core", b"\x7fELF\x02\x01\x01\0\0\0\xff\xfe", &["binary data", "offset 7"]),
        ("log.gz", b"\x1f\x8b\x08\0\0\0", &["compressed by gzip", "gzip -dc"]),
        ("all.json", b"{\n \"rows\": []\n}\n", &["not one object a line", "jq"]),
        ("timeless.json", b"{\"a\": 1}\n", &["no time"]),
    ] {
        run(&["replay", &folder.file(name, content)]).refused(2, words);
    }
}

#[test]
fn random_bytes_are_refused_in_one_line() {
    let folder = Folder::new("garbage");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes: Vec<u8> = (0..200_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    run(&["replay", &folder.file("noise", bytes)]).refused(2, &["noise: is binary data"]);
}

#[test]
fn standard_input_can_be_named_once() {
    run(&["replay", "-", "-"]).refused(2, &["standard input: named 2 times, can be read once"]);
}

#[test]
fn one_bad_name_is_said_before_any_work() {
    let folder = Folder::new("one-bad");
    let good = folder.file("good.log", samples()[2].1);
    run(&["replay", &good, "/no/such/file"]).refused(2, &["/no/such/file"]);
}

#[test]
fn a_file_name_cannot_forge_messages() {
    run(&["replay", "/no/such\n\u{1b}[31mfile"]).refused(2, &["\\n\\u{1b}[31mfile"]);
}

#[test]
fn an_empty_file_says_so() {
    let folder = Folder::new("empty");
    let empty = folder.file("empty.log", "\n \n");
    let ran = run(&["replay", "--json", &empty]);
    assert_eq!((ran.code, ran.err.lines().count()), (Some(1), 1));
    assert!(ran.err.contains("empty.log: is empty"), "{}", ran.err);
    // Among others it is worth a word and nothing more.
    let ran = run(&["replay", "--json", &empty, &folder.file("good.log", samples()[2].1)]);
    assert_eq!((ran.code, ran.err.lines().count()), (Some(0), 1));
    assert_eq!(ran.json()["rows"], 2);
    let ran = run(&["replay", "--json", &folder.file("header.csv", "time,message\n")]);
    assert_eq!((ran.code, &ran.json()["rows"]), (Some(1), &0.into()));
}

#[test]
fn broken_rows_are_counted_and_the_first_five_shown() {
    let folder = Folder::new("broken");
    let mut content = String::from("time,trace_id,message\n2024-02-29T12:00:00Z,ab,first\n");
    for row in 0..8 {
        content.push_str(&format!("whenever,ab,{row}\n"));
    }
    content.push_str("2024-02-29T12:00:01Z,ab\n2024-02-29T12:00:01Z,ab,stray \" quote\n");
    content.push_str("2024-02-29T12:00:01Z,ab,good\n2024-02-29T12:00:02Z,ab,nul \0 byte\n");
    content.push_str("2024-02-29T12:00:02Z,ab,last");
    let mut content = content.into_bytes();
    content.extend_from_slice(b"\n2024-02-29T12:00:03Z,ab,\xff\n");
    let ran = run(&["replay", "--json", &folder.file("rows.csv", content)]);
    assert_eq!(ran.code, Some(0));
    let report = ran.json();
    assert_eq!((&report["rows"], &report["broken"], &report["lossy"]), (&4.into(), &11.into(), &1.into()));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines.len(), 7, "{}", ran.err);
    for (at, line) in lines.iter().take(5).enumerate() {
        assert!(
            line.contains(&format!("rows.csv:{}: broken row skipped: time `whenever`", at + 3)),
            "{line}"
        );
    }
    assert!(lines[5].contains("6 more broken rows skipped, 11 in all"), "{}", lines[5]);
    assert!(lines[6].contains("1 row not in UTF-8"), "{}", lines[6]);
}

/// 40 MB of one line, first and in the middle: skipped, said, and never held.
#[test]
#[cfg(target_os = "linux")]
fn a_long_line_is_skipped_in_bounded_memory() {
    const LONG: usize = 40_000_000;
    let row = "{\"ts\":1700000000,\"msg\":\"up\"}\n";
    let mut child = start_with_pipes(&["replay", "--json", "-"]);
    let mut input = BufWriter::new(child.stdin.take().unwrap());
    for _ in 0..2 {
        for _ in 0..LONG / 100 {
            input.write_all(&[b'x'; 100]).unwrap();
        }
        input.write_all(b"\n").unwrap();
        input.write_all(row.as_bytes()).unwrap();
    }
    input.flush().unwrap();
    // All but what a pipe holds has gone through.
    let peak = peak_kib(child.id());
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["rows"], &report["broken"]), (&2.into(), &2.into()));
    let err = String::from_utf8(output.stderr).unwrap();
    for line in [1, 3] {
        let said = format!("standard input:{line}: broken row skipped: a line of 40000000 bytes");
        assert!(err.contains(&said), "{err}");
    }
    assert!(peak < 30_000, "{peak} KiB for lines of {} KiB", LONG / 1_024);

    let folder = Folder::new("long");
    let path = folder.0.join("long.jsonl");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    for _ in 0..LONG / 100 {
        file.write_all(&[b'x'; 100]).unwrap();
    }
    file.into_inner().unwrap().sync_data().unwrap();
    run(&["replay", path.to_str().unwrap()]).refused(2, &["long.jsonl: is none of"]);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    for args in [&["replay", "--json", "-"][..], &["replay", "-"]] {
        let mut child = start_with_pipes(args);
        drop(child.stdout.take());
        child.stdin.take().unwrap().write_all(samples()[2].1.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    }
    let mut child = start_with_pipes(&["--help"]);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let folder = Folder::new("full");
    let file = folder.file("good.log", samples()[2].1);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = command(&["replay", &file]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("error: standard output cannot be written"), "{err}");
}

/// Interrupted while it waits for input: the report of what came so far is still printed.
#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_ends_the_wait_and_prints_the_report() {
    for number in [libc::SIGINT, libc::SIGTERM] {
        ends_the_wait_and_prints_the_report(number);
    }
}

#[cfg(target_os = "linux")]
fn ends_the_wait_and_prints_the_report(number: i32) {
    let mut child = start_with_pipes(&["replay", "--json", "-"]);
    let mut input = child.stdin.take().unwrap();
    // More than is looked at to find the format, so rows are being read when this has gone through.
    let row = "{\"ts\":1700000000,\"msg\":\"up\"}\n";
    input.write_all(row.repeat(20_000).as_bytes()).unwrap();
    signal(&child, number);
    let mut report = String::new();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["interrupted"], true);
    assert!(report["rows"].as_u64().unwrap() > 0, "{report}");
    drop(input);
    let said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.collect::<Vec<_>>(), ["warning: interrupted: this is what was read until then"]);
}

/// Nothing came yet, so there is nothing to report but the interrupt.
#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_before_any_input_ends_the_wait_too() {
    let mut child = start_with_pipes(&["replay", "--json", "-"]);
    let input = child.stdin.take().unwrap();
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.stdout.len(), err.as_str()), (0, "warning: interrupted before anything was read\n"));
    drop(input);
}

/// A named pipe whose writer has not come yet: the wait for it can be interrupted, and what it writes is read.
#[test]
#[cfg(target_os = "linux")]
fn a_named_pipe_is_waited_for_and_read() {
    let folder = Folder::new("pipe");
    let path = folder.0.join("rows");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let args = ["replay", "--json", path.to_str().unwrap()];
    let child = start_with_pipes(&args);
    signal(&child, libc::SIGINT);
    let output = end(child);
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(output.stderr, b"warning: interrupted before anything was read\n");
    let child = start_with_pipes(&args);
    File::options().write(true).open(&path).unwrap().write_all(samples()[2].1.as_bytes()).unwrap();
    let report: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(report["rows"], 2);
}

#[test]
fn wrong_usage_ends_with_two() {
    for (args, words) in [
        (&["replay", "--memory", "plenty", "-"][..], "does not start with a whole number"),
        (&["replay", "-m", "64parsec", "-"], "unknown unit `parsec`"),
        (&["replay", "-m", "0", "-"], "is zero"),
        (&["replay", "-c", "", "-"], "value is required"),
        (&["replay", "--threads", "0", "-"], "0 is not in 1..=128"),
        (&["replay", "--fast", "-"], "--fast"),
        (&["fly"], "fly"),
    ] {
        let ran = run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        let first = ran.err.lines().next().unwrap();
        assert!(first.starts_with("error: ") && first.contains(words), "{args:?}: {}", ran.err);
    }
    assert_eq!(run(&[]).code, Some(2));
}

#[test]
fn help_is_short_or_long() {
    let (short, long) = (run(&["replay", "-h"]), run(&["replay", "--help"]));
    assert_eq!((short.code, long.code), (Some(0), Some(0)));
    assert!(!short.out.contains("Examples:") && long.out.contains("Examples:"));
    assert!(long.out.contains("--correlation <ID>"));
    assert!(run(&["--version"]).out.starts_with("flightdeck "));
}

#[test]
fn colour_only_where_it_is_wanted() {
    let always = run(&["replay", "--color", "always", "/no/such/file"]);
    assert!(always.err.contains("\u{1b}[1;31merror:"), "{}", always.err);
    for args in [&["replay", "/no/such/file"][..], &["--color=never", "replay", "/no/such/file"]] {
        assert!(!run(args).err.contains('\u{1b}'), "{args:?}");
    }
}
