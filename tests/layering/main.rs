//! The house keeps its shape: dependencies point one way, `unsafe` stays in a short list of files, and
//! only the seam names primitives of other crates. Reads `src/`, so a new edge fails here before a
//! reviewer has to see it.

mod paths;
mod tokens;

use paths::{Path, paths};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use tokens::{Token, tokens};

/// What each top-level module may know, itself aside. Parts: config, events, telemetry, supervisor.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("sync", &[]),
    ("contain", &[]),
    ("error", &[]),
    ("os", &["sync"]),
    ("id", &["sync"]),
    ("random", &["sync"]),
    ("status", &["error", "sync"]),
    ("clock", &["error", "os", "region", "sync"]),
    ("region", &["os", "sync"]),
    ("local", &["id", "random", "sync"]),
    ("mapped", &["error", "os", "region", "sync"]),
    ("config", BELOW_PARTS),
    ("events", BELOW_PARTS),
    ("telemetry", BELOW_PARTS),
    ("supervisor", BELOW_PARTS),
    ("hub", BELOW_HUB),
    ("global", BELOW_GLOBAL),
    ("bridge", PUBLIC),
    ("capi", PUBLIC),
    ("guide", &[]),
    ("testing", PUBLIC),
];
const BELOW_PARTS: &[&str] =
    &["clock", "contain", "error", "id", "local", "mapped", "os", "random", "region", "status", "sync"];
const BELOW_HUB: &[&str] = &[
    "clock",
    "contain",
    "error",
    "id",
    "local",
    "mapped",
    "os",
    "region",
    "status",
    "sync",
    "config",
    "events",
    "telemetry",
    "supervisor",
];
const BELOW_GLOBAL: &[&str] = &[
    "clock",
    "contain",
    "error",
    "id",
    "local",
    "region",
    "status",
    "sync",
    "config",
    "events",
    "telemetry",
    "supervisor",
    "hub",
];
/// Bridges stand on public items, and on the seam.
const PUBLIC: &[&str] = &[
    "clock",
    "error",
    "id",
    "mapped",
    "status",
    "sync",
    "config",
    "events",
    "telemetry",
    "supervisor",
    "hub",
    "global",
];

/// The files that may say `unsafe`. An entry that no longer does is a failure too.
const UNSAFE_FILES: &[&str] = &[
    "bridge/text.rs",
    "bridge/tracing/levels.rs",
    "clock/tsc.rs",
    "config/list.rs",
    "config/local.rs",
    "events/claim.rs",
    "events/control/gate.rs",
    "events/control/tally.rs",
    "events/handle.rs",
    "events/overflow.rs",
    "events/query/tests/whole.rs",
    "events/ring/mod.rs",
    "events/ring/stress.rs",
    "events/ring/summary.rs",
    "events/ring/take_over.rs",
    "events/ring/tests.rs",
    "events/ring/writing.rs",
    "events/scope.rs",
    "events/scrub.rs",
    "events/shard.rs",
    "events/span.rs",
    "events/store.rs",
    "events/writer.rs",
    "os/file.rs",
    "os/map.rs",
    "os/unix.rs",
    "os/wake.rs",
    "region.rs",
    "region/copy.rs",
    "sync/model/epoch.rs",
    "sync/real.rs",
    "telemetry/cells.rs",
    "telemetry/cells/table.rs",
    "telemetry/place.rs",
    "telemetry/seat.rs",
    "telemetry/series/cache.rs",
];

/// Crates that only the seam names.
const SEAMED: &[&str] = &["parking_lot", "arc_swap", "loom", "thread_local"];

/// All files of the library and the tool: path below `src/` and text.
type Sources = BTreeMap<String, String>;

fn read_sources() -> Sources {
    fn visit(folder: &std::path::Path, below: &str, found: &mut Sources) {
        for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                visit(&path, &format!("{name}/"), found);
            } else if name.ends_with(".rs") {
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = Sources::new();
    visit(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut found);
    found
}

/// What is wrong with these sources, one line each.
fn violations(sources: &Sources, unsafe_files: &[&str]) -> Vec<String> {
    let files: Vec<(&str, Vec<Token>)> =
        sources.iter().map(|(file, text)| (file.as_str(), tokens(text))).collect();
    let names = names_at_the_root(&files);
    let mut found = Vec::new();
    let mut unsafe_seen = BTreeSet::new();
    for (file, tokens) in &files {
        let mut say = |line: usize, what: String| found.push(format!("src/{file}:{line}: {what}"));
        let part = part_of(file);
        if !part.is_empty() && part != "bin" && !MAY_KNOW.iter().any(|(known, _)| *known == part) {
            say(1, format!("module `{part}` has no place in the house: give it one in MAY_KNOW"));
        }
        for path in paths(&module_of(file), tokens) {
            check_edge(part, &path, &names, &mut say);
            check_std(part, &path, &mut say);
        }
        for (at, token) in tokens.iter().enumerate() {
            if token.text == "unsafe" {
                unsafe_seen.insert(*file);
                if !unsafe_files.contains(file) {
                    say(token.line, "`unsafe` outside the files that may".into());
                }
            }
            let foreign = SEAMED.contains(&&*token.text) || token.text.starts_with("crossbeam");
            if foreign && part != "sync" && !token.in_test {
                say(token.line, format!("`{}` is for the seam alone", token.text));
            }
            let next = tokens.get(at + 1).map_or("", |next| &next.text);
            if (token.text == "extern" && next == "crate")
                || (["crate", "std", "core", "alloc"].contains(&&*token.text) && next == "as")
            {
                say(token.line, format!("`{} {next}` hides where paths lead", token.text));
            }
        }
    }
    let stale = unsafe_files.iter().filter(|file| !unsafe_seen.contains(*file));
    found.extend(stale.map(|file| format!("src/{file}: holds no `unsafe`: take it off the list")));
    found
}

fn check_edge(
    part: &str,
    path: &Path,
    names: &BTreeMap<String, String>,
    say: &mut impl FnMut(usize, String),
) {
    // The tool is a crate of its own: `crate` means the tool there. `lib.rs` knows all.
    let (Some(target), false) = (&path.in_crate, part == "bin" || part.is_empty()) else { return };
    let Some(target) = names.get(target) else {
        return say(path.line, format!("`crate::{target}` leads to no module, macro or re-export"));
    };
    let allowed = MAY_KNOW.iter().find(|(known, _)| *known == part).map_or(&[][..], |(_, allowed)| allowed);
    if target != part && !allowed.contains(&target.as_str()) {
        say(path.line, format!("`{part}` must not know `{target}`"));
    }
}

fn check_std(part: &str, path: &Path, say: &mut impl FnMut(usize, String)) {
    let seamed = matches!(path.in_std.as_deref(), Some("sync" | "thread" | "thread_local" | "*"));
    if seamed && !path.in_test && part != "sync" && part != "bin" {
        say(
            path.line,
            format!("`std::{}` is for the seam alone", path.in_std.as_deref().unwrap_or_default()),
        );
    }
}

/// What `crate::NAME` can mean, and the module it belongs to: modules, macros, re-exports of `lib.rs`.
fn names_at_the_root(files: &[(&str, Vec<Token>)]) -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (file, tokens) in files.iter().filter(|(file, _)| part_of(file) != "bin") {
        let part = part_of(file);
        if !part.is_empty() {
            names.insert(part.to_owned(), part.to_owned());
        }
        for window in tokens.windows(3) {
            if window[0].text == "macro_rules" && window[1].text == "!" {
                names.entry(window[2].text.clone()).or_insert_with(|| part.to_owned());
            }
        }
    }
    let root = files.iter().find(|(file, _)| *file == "lib.rs").map_or(&[][..], |(_, tokens)| tokens);
    for (name, part) in paths::re_exports(root) {
        names.entry(name).or_insert(part);
    }
    names
}

/// `events/ring.rs` is the module `events::ring`.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if stem == "lib" { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
}

/// The top-level module a file belongs to; empty for `lib.rs`.
fn part_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file).trim_end_matches(".rs");
    if first == "lib" { "" } else { first }
}

#[test]
fn the_source_keeps_the_shape_of_the_house() {
    let sources = read_sources();
    assert!(sources.contains_key("lib.rs") && sources.contains_key("sync/real.rs"), "{:?}", sources.keys());
    let found = violations(&sources, UNSAFE_FILES);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// A small house in which one file is replaced or added.
fn house_with(file: &str, text: &str) -> Sources {
    let mut sources: Sources = [
        (
            "lib.rs",
            "mod clock; mod error; pub mod events; pub use clock::{Clock, Ticks}; pub use error::Severity;",
        ),
        ("sync.rs", "pub(crate) use std::sync::Arc;"),
        ("error.rs", "pub struct Severity;"),
        ("clock.rs", "use crate::sync::Arc; pub struct Clock; pub struct Ticks;"),
        ("hub.rs", "use crate::{config, events};"),
        ("config/mod.rs", ""),
        ("events/mod.rs", "mod ring; macro_rules! kind { () => { $crate::events::Event } }"),
        ("telemetry/mod.rs", ""),
    ]
    .map(|(file, text)| (file.to_owned(), text.to_owned()))
    .into();
    sources.insert(file.to_owned(), text.to_owned());
    sources
}

#[test]
fn planted_violations_are_found() {
    let planted = [
        ("events/ring.rs", "use crate::telemetry::Counter;", "`events` must not know `telemetry`"),
        ("events/ring.rs", "use crate::{clock::Ticks, config::{self}};", "`events` must not know `config`"),
        (
            "events/ring.rs",
            "use {crate::{\n  clock::Ticks,\n  hub}};",
            "ring.rs:3: `events` must not know `hub`",
        ),
        ("events/ring.rs", "use super::super::telemetry::Counter;", "`events` must not know `telemetry`"),
        (
            "events/ring.rs",
            "mod deep { use super::super::super::config; }",
            "`events` must not know `config`",
        ),
        ("events/mod.rs", "use super::{clock, telemetry};", "`events` must not know `telemetry`"),
        ("events/ring.rs", "fn f() -> crate::telemetry::Counter { todo!() }", "must not know `telemetry`"),
        ("config/mod.rs", "fn f() { crate::kind! {} }", "`config` must not know `events`"),
        (
            "config/mod.rs",
            "macro_rules! m { () => { $crate::events::X } }",
            "`config` must not know `events`",
        ),
        ("region.rs", "use crate::Severity;", "`region` must not know `error`"),
        ("clock.rs", "use super::events::Events;", "`clock` must not know `events`"),
        ("sync/real.rs", "use crate::clock::Clock;", "`sync` must not know `clock`"),
        ("events/ring.rs", "use crate::*;", "leads to no module"),
        ("events/ring.rs", "use crate as house;", "hides where paths lead"),
        ("events/ring.rs", "extern crate std as other;", "hides where paths lead"),
        ("shelf.rs", "", "`shelf` has no place"),
        ("telemetry/slab.rs", "fn f() { unsafe { g() } }", "slab.rs:1: `unsafe` outside"),
        ("telemetry/slab.rs", "#[unsafe(no_mangle)] fn f() {}", "`unsafe` outside"),
        ("bin/flightdeck/main.rs", "unsafe fn f() {}", "`unsafe` outside"),
        ("clock.rs", "use std::sync::atomic::AtomicU64;", "`std::sync` is for the seam"),
        ("clock.rs", "use std::{fmt, thread};", "`std::thread` is for the seam"),
        ("clock.rs", "fn f() { ::core::sync::atomic::fence(o) }", "`std::sync` is for the seam"),
        ("clock.rs", "use std::{fmt::{self, Write}, sync::{Arc, Weak}};", "`std::sync` is for the seam"),
        ("clock.rs", "thread_local! { static X: u8 = 0; }", "`thread_local` is for the seam"),
        ("clock.rs", "use parking_lot::Mutex;", "`parking_lot` is for the seam"),
        ("clock.rs", "use crossbeam_epoch::pin;", "`crossbeam_epoch` is for the seam"),
        ("clock.rs", "static X: arc_swap::ArcSwap<u8>;", "`arc_swap` is for the seam"),
        ("bin/flightdeck/main.rs", "use loom::thread;", "`loom` is for the seam"),
        ("clock.rs", "#[cfg(not(test))] mod a { use std::thread; }", "`std::thread` is for the seam"),
        ("clock.rs", "#[cfg(test)] mod a {} use std::thread;", "`std::thread` is for the seam"),
    ];
    for (file, text, expected) in planted {
        let found = violations(&house_with(file, text), &[]);
        assert!(found.iter().any(|line| line.contains(expected)), "{file}: {text}\nfound {found:?}");
    }
    let stale = violations(&house_with("clock.rs", ""), &["clock.rs"]);
    assert_eq!(stale, ["src/clock.rs: holds no `unsafe`: take it off the list"]);
}

#[test]
fn what_is_allowed_is_not_found() {
    let allowed = [
        ("events/ring.rs", "use super::store::Store; use crate::{Ticks, Severity, sync::Arc};"),
        ("events/ring.rs", "mod tests { use super::*; use super::super::store; }"),
        ("events/ring.rs", "use crate::events::store; pub(crate) fn f() {} pub(in crate::events) fn g() {}"),
        ("events/ring.rs", "// use crate::telemetry;\n/* unsafe /* std::sync */ crate::config */"),
        (
            "events/ring.rs",
            r####"const A: &str = "crate::telemetry \" unsafe"; const B: &str = r#"std::sync"#;"####,
        ),
        ("events/ring.rs", "fn f<'a>(x: &'a u8) { let q = '\"'; let e = '\\''; let u = '\\u{61}'; b'\\''; }"),
        ("events/ring.rs", "#[deny(unsafe_op_in_unsafe_fn)] mod a { fn arc_swapped(crossing: u8) {} }"),
        ("clock.rs", "#[cfg(test)]\nmod tests { use std::{thread, sync::Arc}; fn f() { if a {} } }"),
        (
            "bin/flightdeck/main.rs",
            "use std::{sync::Arc, thread}; use crate::telemetry::View; mod telemetry {}",
        ),
        ("hub.rs", "use crate::{Clock, config::Config, events::Events, telemetry}; use std::time::Instant;"),
        ("sync/real.rs", "use std::sync::atomic::AtomicU64; use parking_lot::Mutex; use super::Ordering;"),
    ];
    for (file, text) in allowed {
        let found = violations(&house_with(file, text), &[]);
        assert!(found.is_empty(), "{file}: {text}\nfound {found:?}");
    }
}
