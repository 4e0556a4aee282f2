//! Texts of config files: what the formats have in common, what is refused, and hostile ones.

use flightdeck::Diagnostic;
use flightdeck::config::{LoadError, Problem, Sources, Validate, Violations};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Takes whatever it is given.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Any(Value);

impl Validate for Any {
    fn validate(&self, _: &mut Violations) {}
}

fn read_within(extension: &str, text: impl AsRef<[u8]>, longest: usize) -> Result<Value, LoadError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, SeqCst);
    let name = format!("flightdeck-formats-{}-{number}.{extension}", std::process::id());
    let path: PathBuf = std::env::temp_dir().join(name);
    std::fs::write(&path, text).unwrap();
    let built = Sources::new("APP").file(&path).longest_file(longest).build_from(&Any(json!({})));
    std::fs::remove_file(&path).unwrap();
    built.map(|config| config.config().load().0.clone())
}

fn read(extension: &str, text: impl AsRef<[u8]>) -> Result<Value, LoadError> {
    read_within(extension, text, 1 << 20)
}

/// The code and where, without the path of the file.
fn refused(extension: &str, text: impl AsRef<[u8]>) -> (&'static str, String) {
    let error = read(extension, text).unwrap_err();
    let problem = &error.problems()[0];
    let text = problem.to_string();
    assert!(!text.contains('\n'), "{text}");
    let after = text.split_once(&format!(".{extension}")).map_or(text.clone(), |(_, after)| after.to_owned());
    (problem.code(), after)
}

#[test]
fn formats_say_the_same() {
    let expected = json!({"a": {"b": [1, -2, 2.5, true, "x"], "c.d": "ü"}, "e": {}, "t": "2026-11-26"});
    let toml = "t = 2026-11-26\n[a]\nb = [1, -2, 2.5, true, \"x\"]\n\"c.d\" = \"ü\"\n[e]\n";
    let json = "\u{feff}{\"a\": {\"b\": [1, -2, 2.5, true, \"x\"], \"c.d\": \"\\u00fc\"}, \"e\": {}, \"t\": \"2026-11-26\"}";
    assert_eq!(read("toml", toml).unwrap(), expected);
    assert_eq!(read("JSON", json).unwrap(), expected);
    let yaml = "a:\n  b: [1, -2, 2.5, true, x]\n  c.d: ü\ne: {}\nt: 2026-11-26\n";
    assert_eq!(read("yaml", yaml).unwrap(), expected);
    assert_eq!(read("yml", yaml).unwrap(), expected);
    for (extension, nothing) in
        [("toml", ""), ("toml", "# nothing\n"), ("yaml", ""), ("yaml", "# nothing\n"), ("json", "{}")]
    {
        assert_eq!(read(extension, nothing).unwrap(), json!({}), "{extension} {nothing}");
    }
    assert_eq!(
        read("toml", "a = 0xff\nb = 0o17\nc = 0b11\nd = 18_446\n").unwrap(),
        json!({"a": 255, "b": 15, "c": 3, "d": 18446})
    );
    assert_eq!(
        read("yaml", "a: &x {b: 1}\nc: *x\nno: no\n").unwrap(),
        json!({"a": {"b": 1}, "c": {"b": 1}, "no": "no"})
    );
}

#[test]
fn what_is_wrong_is_told_with_where() {
    for (extension, text, code, told) in [
        ("toml", "a = 1\nb = \n", "config.source.syntax", ":2:"),
        ("toml", "a = 1\na = 2\n", "config.source.syntax", ":2:1: duplicate key"),
        ("toml", "a = 1\nb = [1, inf]\n", "config.source.unsupported", ":2:9: `b[1]` is an infinite number"),
        ("toml", "ü = 1\n", "config.source.syntax", ":1:1: "),
        (
            "toml",
            "a = 99999999999999999999\n",
            "config.source.unsupported",
            ":1:5: `a` is a number out of range",
        ),
        ("json", "{\"a\": 1,\n \"b\" 2}", "config.source.syntax", ":2:6: expected `:`"),
        ("json", "{\"a\": 1", "config.source.syntax", ":1:7: EOF while parsing an object"),
        (
            "json",
            "{\"a\": {\"b\": 1,\n \"c\": 2, \"b\": 3}}",
            "config.source.duplicate",
            ":2:10: `a.b` is there twice",
        ),
        ("json", "[1]", "config.source.syntax", ":1:1: the whole must be a section"),
        ("json", "", "config.source.syntax", ":1:"),
        ("yaml", "a: [1\nb: 2\n", "config.source.syntax", ":2:"),
        ("yaml", "a: 1\na: 2\n", "config.source.duplicate", "`a` is there twice"),
        ("yaml", "- 1\n", "config.source.syntax", ":1:1: the whole must be a section"),
        ("yaml", "a: *nowhere\n", "config.source.syntax", "unknown anchor"),
        ("yaml", "a: .inf\n", "config.source.syntax", "an infinite number"),
        ("yaml", "a: !tag 1\n", "config.source.syntax", "expected a value without a tag"),
        ("yaml", "a: 1\n---\nb: 1\n", "config.source.syntax", "more than one document"),
    ] {
        let (found, text_of) = refused(extension, text);
        assert!(found == code && text_of.contains(told), "{extension} {text:?}\nfound {found} {text_of}");
    }
    let (code, text) = refused("toml", b"a = 1\nb = \"\xff\"\n");
    assert_eq!(
        (code, text.as_str()),
        ("config.source.not_text", ":2:6: the text is no UTF-8: save it as UTF-8")
    );
    let error = read_within("toml", "a = 1\nb = 2\n", 11).unwrap_err();
    assert!(matches!(error.problems(), [Problem::TooLong { limit: 11, .. }]));
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let start = Instant::now();
    let list = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for depth in [65, 100, 1_000, 100_000] {
        for (extension, text) in [
            ("toml", format!("a = {}", list(depth))),
            ("json", format!("{{\"a\": {}}}", list(depth))),
            ("yaml", format!("a: {}", list(depth))),
        ] {
            assert_eq!(refused(extension, &text).0, "config.source.too_deep", "{extension} {depth}");
        }
    }
    for (extension, text) in [
        ("toml", format!("a = {}", list(64))),
        ("json", format!("{{\"a\": {}}}", list(64))),
        ("yaml", format!("a: {}", list(64))),
    ] {
        assert!(read(extension, &text).is_ok(), "{extension}");
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let dotted = format!("{} = 1", ["a"; 70].join("."));
    assert_eq!(refused("toml", dotted).0, "config.source.too_deep");
    let long = "a".repeat(1_025);
    let (code, text) = refused("json", format!("{{\"b\": 1,\n \"{long}\": 1}}"));
    assert_eq!(code, "config.source.too_much");
    assert!(text.starts_with(":2:2: comes to more than 1024 bytes of names in one path"), "{text}");
}

#[test]
fn a_text_that_comes_to_more_than_it_says_is_refused() {
    // A billion laughs.
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let below = vec![format!("*a{}", n - 1); 9].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{below}]\n"));
    }
    // A long text, and a long list, many times: few aliases, and much that they come to.
    let texts = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 1_000].join(", "));
    let lists = format!("a: &a [{}]\nb: [{}]\n", vec!["1"; 10_000].join(", "), vec!["*a"; 10_000].join(", "));
    let itself = "a: &a [*a]\n".to_owned();
    let start = Instant::now();
    for (text, codes) in [
        (laughs, ["config.source.too_much"]),
        (texts, ["config.source.too_much"]),
        (lists, ["config.source.too_much"]),
        (itself, ["config.source.too_deep"]),
    ] {
        let found = refused("yaml", &text);
        assert!(codes.contains(&found.0), "{found:?} of {}", &text[..40.min(text.len())]);
    }
    assert!(start.elapsed() < Duration::from_secs(20));
}
