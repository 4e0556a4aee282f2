//! Configs from files, the environment and overrides: real files, written as editors and mounted config maps write them.

mod support;

use flightdeck::config::{
    Looked, Origin, Problem, SourceFile, SourceNotice, SourcedConfig, Sources, UnknownKeys, Validate,
    Violations, Watcher,
};
use flightdeck::{Diagnostic, Flightdeck, Retry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::until;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct App {
    listen: String,
    limits: Limits,
    venues: Vec<String>,
    ports: Vec<u16>,
    name: Option<String>,
    weights: BTreeMap<String, f64>,
    db: Db,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Limits {
    orders_per_second: u32,
    ratio: f64,
    strict: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Db {
    user: String,
    password: String,
    /// Long enough that a secret one is no part of a time or a process's number by chance.
    pin: u32,
}

impl Default for App {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:80".to_owned(),
            limits: Limits::default(),
            venues: vec!["XETRA".to_owned()],
            ports: vec![1, 2],
            name: None,
            weights: BTreeMap::new(),
            db: Db::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { orders_per_second: 100, ratio: 0.5, strict: false }
    }
}

impl Default for Db {
    fn default() -> Self {
        Self { user: "app".to_owned(), password: String::new(), pin: 0 }
    }
}

impl Validate for App {
    fn validate(&self, report: &mut Violations) {
        let rate = self.limits.orders_per_second;
        report.require(rate <= 1_000, "limits.orders_per_second", &rate, "must be at most 1000");
        report.require(self.limits.ratio <= 1.0, "limits.ratio", &self.limits.ratio, "must be at most 1");
        report.require(self.db.pin < 1_000_000_000, "db.pin", &self.db.pin, "must have nine digits");
        assert_ne!(rate, 666, "a bug in the rules");
    }
}

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, SeqCst);
        let path = std::env::temp_dir().join(format!("flightdeck-config-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn rate(app: &SourcedConfig<App>) -> u32 {
    app.config().load().limits.orders_per_second
}

fn rate_of(rate: u32) -> String {
    format!("[limits]\norders_per_second = {rate}\n")
}

fn variables<const N: usize>(variables: [(&str, &str); N]) -> Vec<(OsString, OsString)> {
    variables.map(|(name, value)| (name.into(), value.into())).into()
}

/// What is told of a config with these variables, above the defaults.
fn with_variables<const N: usize>(given: [(&str, &str); N]) -> Result<App, Vec<String>> {
    let built = Sources::new("APP").environment_of(variables(given)).build::<App>();
    let told =
        |error: flightdeck::config::LoadError| error.problems().iter().map(ToString::to_string).collect();
    built.map(|app| app.config().load().value().clone()).map_err(told)
}

#[test]
fn each_layer_is_laid_over_the_one_below() {
    let folder = Folder::new();
    let base = folder.write(
        "base.toml",
        "name = \"base\"\nvenues = [\"A\", \"B\"]\n[limits]\norders_per_second = 200\nratio = 0.25\n",
    );
    let over = folder.write(
        "over.json",
        "{\"limits\": {\"orders_per_second\": 300}, \"venues\": [\"C\"], \"weights\": {\"x\": 1}}",
    );
    let app = Sources::new("APP")
        .file(&base)
        .file(&over)
        .environment_of(variables([
            ("APP__LIMITS__STRICT", "true"),
            ("OTHER__LISTEN", "x"),
            ("APP_LISTEN", "x"),
        ]))
        .build::<App>()
        .unwrap();
    app.override_path("weights.y", 2.5).unwrap();
    let expected = App {
        name: Some("base".to_owned()),
        venues: vec!["C".to_owned()],
        limits: Limits { orders_per_second: 300, ratio: 0.25, strict: true },
        weights: [("x".to_owned(), 1.0), ("y".to_owned(), 2.5)].into(),
        ..App::default()
    };
    assert_eq!(app.config().load().value(), &expected);

    let why =
        |path: &str| app.why(path).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let shown = |path: &Path| path.display().to_string();
    assert_eq!(
        why("limits.orders_per_second"),
        format!(
            "limits.orders_per_second = 300 from {}:1:13, over {}:4:1 = 200, over defaults = 100",
            shown(&over),
            shown(&base)
        )
    );
    assert_eq!(why("limits.strict"), "limits.strict = true from APP__LIMITS__STRICT, over defaults = false");
    assert_eq!(why("weights.y"), "weights.y = 2.5 from run-time override");
    assert_eq!(why("listen"), "listen = \"127.0.0.1:80\" from defaults");
    assert_eq!(why("limits").lines().count(), 3, "{}", why("limits"));
    assert_eq!(why("nothing.there"), "");
    let origins: Vec<_> =
        app.why("").unwrap().into_iter().map(|why| why.said.last().unwrap().origin.clone()).collect();
    assert!(origins.contains(&Origin::Defaults) && origins.contains(&Origin::Override));
}

#[test]
fn null_is_a_value_and_takes_nothing_away() {
    let folder = Folder::new();
    let low = folder.write("low.toml", "name = \"low\"\n");
    let high = folder.write("high.json", "{\"name\": null}");
    let app = Sources::new("APP").file(&low).file(&high).build::<App>().unwrap();
    assert_eq!(app.config().load().name, None);
    fs::write(&high, "{\"limits\": null}").unwrap();
    let error = app.reload().unwrap_err();
    assert_eq!(
        error.problems()[0].to_string(),
        format!("limits: invalid type: null, expected struct Limits (set by {}:1:2)", high.display())
    );
}

#[test]
fn everything_wrong_is_told_at_once_with_who_said_it() {
    let folder = Folder::new();
    let file = folder.write(
        "app.toml",
        "listen = 5\nports = [1, \"x\"]\n\n[limits]\nratio = true\norders_per_second = 7\n",
    );
    let error = Sources::new("APP")
        .file(&file)
        .environment_of(variables([("APP__LIMITS__STRICT", "yes"), ("APP__NAME", "x")]))
        .build::<App>()
        .unwrap_err();
    let told: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "environment variable `APP__LIMITS__STRICT` is no `true` or `false` for `limits.strict`: correct it, or unset it"
        ]
    );

    let error = Sources::new("APP").file(&file).build::<App>().unwrap_err();
    let mut told: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    told.sort();
    let at = file.display();
    let mistyped = [
        format!("limits.ratio: invalid type: boolean `true`, expected f64 (set by {at}:5:1)"),
        format!("listen: invalid type: integer `5`, expected a string (set by {at}:1:1)"),
        format!("ports[1]: invalid type: string \"x\", expected u16 (set by {at}:2:13)"),
    ];
    assert_eq!(told, mistyped);
    assert_eq!(
        (error.code(), error.problems()[0].code()),
        ("config.source.not_loaded", "config.source.mistyped")
    );
    assert!(error.to_string().starts_with("config not loaded for 3 reasons: "), "{error}");

    fs::write(&file, "[limits]\nratio = 2.0\norders_per_second = 5000\n").unwrap();
    let error = Sources::new("APP").file(&file).build::<App>().unwrap_err();
    let told: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    let violated = [
        format!("limits.orders_per_second = 5000: must be at most 1000 (set by {at}:3:1)"),
        format!("limits.ratio = 2.0: must be at most 1 (set by {at}:2:1)"),
    ];
    assert_eq!(told, violated);
}

#[test]
fn every_file_and_the_environment_are_read_before_anything_is_told() {
    let folder = Folder::new();
    let bad = folder.write("bad.toml", "listen = \n[limits\n");
    let error = Sources::new("APP")
        .file(folder.path("absent.toml"))
        .file(&bad)
        .file(folder.write("big.json", &" ".repeat(100)))
        .longest_file(90)
        .file(folder.0.join("folder.toml"))
        .environment_of(variables([("APP__LISTEN__", "x")]))
        .build::<App>();
    fs::create_dir(folder.path("folder.toml")).unwrap();
    let codes = |error: &flightdeck::config::LoadError| {
        error.problems().iter().map(Diagnostic::code).collect::<Vec<_>>()
    };
    let error = error.unwrap_err();
    assert_eq!(
        codes(&error),
        [
            "config.source.unreadable",
            "config.source.syntax",
            "config.source.syntax",
            "config.source.too_long",
            "config.source.unreadable",
            "config.environment.variable"
        ],
        "{error}"
    );
    assert_eq!(error.retry(), Retry::Later);
    let error = Sources::new("APP").file(folder.path("folder.toml")).build::<App>().unwrap_err();
    assert_eq!(codes(&error), ["config.source.not_a_file"]);
}

#[test]
fn a_builder_says_all_that_is_wrong_with_it() {
    let error = Sources::new("app-x")
        .environment()
        .file("a.ini")
        .file("b")
        .restart("a..b")
        .build::<App>()
        .unwrap_err();
    let codes: Vec<_> = error.problems().iter().map(Diagnostic::code).collect();
    let unknown = "config.source.unknown_format";
    assert_eq!(codes, ["config.environment.prefix", "config.source.path", unknown, unknown]);
    for prefix in ["", "_", "A__B", "A_", "ä", "a"] {
        assert!(Sources::new(prefix).environment().build::<App>().is_err(), "{prefix}");
    }
    assert!(
        Sources::new("MY_APP2").environment_of(variables([("MY_APP2__LISTEN", "x")])).build::<App>().is_ok()
    );
}

#[test]
fn a_variable_is_read_as_what_it_sets() {
    let app = with_variables([
        ("APP__LISTEN", "12"),
        ("APP__limits__Orders_Per_Second", " 7"),
        ("APP__LIMITS__RATIO", "1"),
        ("APP__LIMITS__STRICT", "true"),
        ("APP__VENUES", "A, B,C"),
        ("APP__PORTS", "[7, 8]"),
        ("APP__NAME", "12"),
        ("APP__WEIGHTS__X", "2.5"),
        ("APP__DB", "{\"user\": \"u\"}"),
        ("APP__DB__PASSWORD", ""),
    ])
    .unwrap();
    let expected = App {
        listen: "12".to_owned(),
        limits: Limits { orders_per_second: 7, ratio: 1.0, strict: true },
        venues: ["A", "B", "C"].map(str::to_owned).into(),
        ports: vec![7, 8],
        // A guess at a number, and then a text after all.
        name: Some("12".to_owned()),
        weights: [("x".to_owned(), 2.5)].into(),
        db: Db { user: "u".to_owned(), ..Db::default() },
    };
    assert_eq!(app, expected);
    assert_eq!(with_variables([("APP__PORTS", "")]).unwrap().ports, [0_u16; 0]);
    assert_eq!(with_variables([("APP__NAME", "null")]).unwrap().name, None);
    assert_eq!(with_variables([("APP__NAME", "\"null\"")]).unwrap().name.as_deref(), Some("null"));
}

#[test]
fn what_a_variable_cannot_set_is_told() {
    let told = |name, value| with_variables([(name, value)]).unwrap_err().join("; ");
    for (name, value, expected) in [
        ("APP__LIMITS__ORDERS_PER_SECOND", "many", "is no number for `limits.orders_per_second`"),
        ("APP__LIMITS__STRICT", "1", "is no `true` or `false` for `limits.strict`"),
        ("APP__PORTS", "1,x", "is no list for `ports`"),
        ("APP__PORTS", "[1", "is no list for `ports`"),
        ("APP__DB", "user", "is no section in JSON for `db`"),
        ("APP__DB", "{\"user\": 1, \"user\": 2}", "is no section in JSON for `db`"),
        ("APP__", "x", "has an empty segment"),
        ("APP____LISTEN", "x", "has an empty segment"),
        ("APP__DB____USER", "x", "has an empty segment"),
        ("APP__LIMITS__ORDERS_PER_SECOND", "-1", "expected u32 (set by APP__LIMITS__ORDERS_PER_SECOND)"),
        ("APP__PORTS__0", "1", "ports: invalid type: map, expected a sequence (set by APP__PORTS__0)"),
    ] {
        let found = told(name, value);
        assert!(found.contains(expected), "{name}={value}\n{found}");
    }
    let deep = format!("APP__{}", ["A"; 65].join("__"));
    assert!(told(&deep, "1").contains("more than 64 segments"));
    let clash = with_variables([
        ("APP__NAME", "5"),
        ("APP__NAME__FIRST", "5"),
        ("APP__LISTEN", "a"),
        ("APP__listen", "b"),
    ]);
    assert_eq!(
        clash.unwrap_err(),
        [
            "environment variable `APP__listen` contradicts `APP__LISTEN` on `listen`: unset one",
            "environment variable `APP__NAME__FIRST` contradicts `APP__NAME` on `name.first`: unset one",
        ]
    );
    let clash = with_variables([("APP__DB", "{\"user\": \"a\"}"), ("APP__DB__USER", "b")]).unwrap_err();
    assert_eq!(clash, ["environment variable `APP__DB__USER` contradicts `APP__DB` on `db.user`: unset one"]);
}

#[cfg(unix)]
#[test]
fn variables_that_are_no_text_are_told() {
    use std::os::unix::ffi::OsStringExt;
    let bad = || OsString::from_vec(b"\xff".to_vec());
    let mut name = OsString::from("APP__");
    name.push(bad());
    let given = [(name, OsString::from("x")), ("APP__LISTEN".into(), bad()), ("OTHER".into(), bad())];
    let error = Sources::new("APP").environment_of(given).build::<App>().unwrap_err();
    let told: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "environment variable `APP__LISTEN` has a value that is no UTF-8: set it to text, or unset it",
            "environment variable `APP__\u{fffd}` has a name that is no UTF-8: rename it, or unset it",
        ]
    );
}

#[test]
fn unknown_keys_are_reported_or_refused_with_the_name_that_is_meant() {
    let folder = Folder::new();
    let file = folder.write("app.toml", "colour = 1\n[limits]\norder_per_second = 5\n[weights]\nany = 1.0\n");
    let sources = || Sources::new("APP").file(&file).environment_of(variables([("APP__DB__PASWORD", "x")]));
    let app = sources().build::<App>().unwrap();
    let at = file.display();
    let expected = [
        format!("{at}:1:1: unknown key `colour`"),
        format!("{at}:3:1: unknown key `limits.order_per_second`; did you mean `limits.orders_per_second`?"),
        "APP__DB__PASWORD: unknown key `db.pasword`; did you mean `db.password`?".to_owned(),
    ];
    let told = |unknown: &[Problem]| unknown.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told(&app.status().unknown), expected);
    assert_eq!(told(&app.reload().unwrap().unknown), expected);
    let refused = sources().unknown_keys(UnknownKeys::Refuse).build::<App>().unwrap_err();
    assert_eq!(told(refused.problems()), expected);
    let accepted = sources().accept("colour").accept("limits.*").accept("db.pasword").build::<App>().unwrap();
    assert!(accepted.status().unknown.is_empty());
}

#[test]
fn what_needs_a_restart_keeps_its_value_and_says_so() {
    let folder = Folder::new();
    let file = folder.write("app.toml", "listen = \"a:1\"\n");
    let app = Sources::new("APP").file(&file).restart("listen").restart("db.*").build::<App>().unwrap();
    assert_eq!(app.config().load().listen, "a:1");
    fs::write(&file, format!("listen = \"b:2\"\n{}[db]\npin = 7\n", rate_of(7))).unwrap();
    let reloaded = app.reload().unwrap();
    assert_eq!(reloaded.changed, ["limits.orders_per_second"]);
    assert_eq!(reloaded.needs_restart, ["db.pin", "listen"]);
    assert_eq!((app.config().load().listen.as_str(), rate(&app), app.config().load().db.pin), ("a:1", 7, 0));
    assert_eq!(app.status().needs_restart, ["db.pin", "listen"]);
    let why = app.why("listen").unwrap().remove(0);
    assert!(why.needs_restart);
    let said = format!(
        "listen = \"a:1\" at a restart, from {}:1:1 = \"b:2\", over defaults = \"127.0.0.1:80\"",
        file.display()
    );
    assert_eq!(why.to_string(), said);

    // What a restart would refuse is refused now.
    fs::write(&file, "[db]\npin = 1234567890\n").unwrap();
    assert!(app.reload().unwrap_err().to_string().contains("db.pin = 1234567890: must have nine digits"));
    let refused = app.override_path("listen", "c:3").unwrap_err();
    assert_eq!(refused.problems()[0].code(), "config.source.needs_restart");

    fs::write(&file, "listen = \"a:1\"\n").unwrap();
    assert_eq!(app.reload().unwrap().needs_restart, [""; 0]);
}

#[test]
fn overrides_stay_through_reloads_until_they_are_reset() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(5));
    let app = Sources::new("APP").file(&file).build::<App>().unwrap();
    assert_eq!(
        app.override_path("limits.orders_per_second", 6).unwrap().changed,
        ["limits.orders_per_second"]
    );
    // One that says what is there already holds, too.
    assert_eq!(app.override_path("limits.ratio", 0.5).unwrap().changed, [""; 0]);
    fs::write(&file, format!("{}ratio = 0.75\nstrict = true\n", rate_of(7))).unwrap();
    assert_eq!(app.reload().unwrap().changed, ["limits.strict"]);
    assert_eq!(app.status().overrides, ["limits.orders_per_second", "limits.ratio"]);
    assert_eq!((rate(&app), app.config().load().limits.ratio), (6, 0.5));

    assert_eq!(app.reset("limits.orders_per_second").unwrap().changed, ["limits.orders_per_second"]);
    assert_eq!((rate(&app), app.config().load().limits.ratio), (7, 0.5));
    assert_eq!(app.reset("limits").unwrap().changed, ["limits.ratio"]);
    assert_eq!(app.reset("limits").unwrap().changed, [""; 0]);

    app.override_path("ports[1]", 9).unwrap();
    assert_eq!(
        (app.config().load().ports.clone(), app.status().overrides),
        (vec![1, 9], vec!["ports".to_owned()])
    );
    app.override_path("db", json!({"user": "u", "password": "", "pin": 5})).unwrap();
    app.override_path("weights", json!({"a": 1.0, "b": 2.0})).unwrap();
    app.override_path("weights", json!({"b": 3.0})).unwrap();
    assert_eq!(app.config().load().weights, [("b".to_owned(), 3.0)].into());
    app.reset_all().unwrap();
    let expected =
        App { limits: Limits { orders_per_second: 7, ratio: 0.75, strict: true }, ..App::default() };
    assert_eq!(app.config().load().value(), &expected);
    assert_eq!(app.status().overrides, [""; 0]);
}

#[test]
fn overrides_that_make_no_sense_change_nothing() {
    let app = Sources::new("APP").build::<App>().unwrap();
    let refused = |path: &str, value: Value| {
        let error = app.override_path(path, value).unwrap_err();
        (error.problems()[0].code(), error.to_string())
    };
    for (path, value, code) in [
        ("limits.order_per_second", json!(1), "config.source.unknown_key"),
        ("nothing", json!(1), "config.source.unknown_key"),
        ("listen.port", json!(1), "config.source.path"),
        ("ports[3]", json!(1), "config.source.path"),
        ("", json!({}), "config.source.path"),
        ("a..b", json!(1), "config.source.path"),
        ("listen", json!(1), "config.source.mistyped"),
        ("limits.ratio", json!(2.0), "config.source.violated"),
    ] {
        let (found, text) = refused(path, value);
        assert_eq!(found, code, "{path}: {text}");
    }
    let (_, text) = refused("limits.ratio", json!(2.0));
    assert!(text.ends_with("limits.ratio = 2.0: must be at most 1 (set by run-time override)"), "{text}");
    assert_eq!(app.config().revision().get(), 1);
    assert_eq!(app.status().overrides, [""; 0]);
    assert!(app.status().last_error.is_none(), "the sources are as they should be");
}

#[test]
fn what_is_changed_through_the_config_is_an_override() {
    let folder = Folder::new();
    let file = folder.write("app.toml", "[weights]\na = 1.0\nb = 2.0\n");
    let app = Sources::new("APP").file(&file).build::<App>().unwrap();
    app.config()
        .update(|now| App {
            name: Some("by hand".to_owned()),
            weights: [("b".to_owned(), 2.0)].into(),
            ..now.clone()
        })
        .unwrap();
    assert_eq!(
        app.why("name").unwrap()[0].to_string(),
        "name = \"by hand\" from run-time override, over defaults = null"
    );
    fs::write(&file, "listen = \"c:3\"\nname = \"file\"\n[weights]\na = 5.0\nc = 3.0\n").unwrap();
    assert_eq!(app.reload().unwrap().changed, ["listen", "weights.b", "weights.c"]);
    let now = app.config().snapshot();
    assert_eq!((now.name.as_deref(), now.listen.as_str()), (Some("by hand"), "c:3"));
    assert_eq!(now.weights, [("c".to_owned(), 3.0)].into(), "what was taken away stays away");
    assert_eq!(app.status().overrides, ["name", "weights.a"]);
    app.reset_all().unwrap();
    assert_eq!(app.config().load().name.as_deref(), Some("file"));
    assert_eq!(app.config().load().weights.len(), 2);
}

#[test]
fn secrets_are_nowhere() {
    let folder = Folder::new();
    let file = folder.write("app.toml", "[db]\npassword = \"hunter2\"\npin = 47110815\n");
    let sources = || Sources::new("APP").file(&file).secret("db.password").secret("db.pin");
    let app = sources().build::<App>().unwrap();
    app.override_path("db.password", "hunter3").unwrap();
    let mut told = vec![format!("{:?}", app.why("").unwrap()), format!("{app:?} {:?}", app.status())];
    told.extend(app.why("").unwrap().iter().map(ToString::to_string));
    told.push(app.why("db.password").unwrap()[0].to_string());
    assert!(
        told.last().unwrap().starts_with("db.password = (secret) from run-time override, over "),
        "{told:?}"
    );
    app.reset_all().unwrap();
    for text in [
        "[db]\npassword = 4711081547110815\n",
        "[db]\npin = \"hunter2\"\n",
        "[db]\npin = 4047110815\n",
        "[db]\npassword = \"hunter2\nlisten=1",
        "db = \"hunter2\"\n",
        "[db]\npassword = \"hunter2\"\npassword = \"hunter3\"\n",
    ] {
        fs::write(&file, text).unwrap();
        let error = app.reload().unwrap_err();
        told.push(format!("{error} {error:?}"));
        told.push(format!("{:?}", app.status()));
    }
    for (name, text) in
        [("APP__DB__PIN", "hunter2"), ("APP__DB__PASSWORD__X", "hunter2"), ("APP__DB", "hunter2")]
    {
        fs::write(&file, "").unwrap();
        let error = sources().environment_of([(name, text)]).build::<App>().unwrap_err();
        told.push(format!("{error} {error:?}"));
    }
    for text in told {
        assert!(!["hunter", "47110815"].iter().any(|secret| text.contains(secret)), "{text}");
    }
}

#[test]
fn a_secret_is_not_quoted_by_what_is_said_of_its_section() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Inner {
        token: u64,
    }
    impl Validate for Outer {
        fn validate(&self, _: &mut Violations) {}
    }
    // Flattened, it is the whole that has the wrong type, and serde quotes what it found.
    let folder = Folder::new();
    let file = folder.write("app.toml", "token = \"hunter2\"\n");
    let build =
        |sources: Sources| sources.file(&file).build_from(&Outer { inner: Inner { token: 1 } }).unwrap_err();
    assert!(build(Sources::new("APP")).to_string().contains("hunter2"));
    assert!(!build(Sources::new("APP").secret("token")).to_string().contains("hunter2"));
}

#[test]
fn a_reload_is_all_or_nothing_and_the_error_stays_to_be_asked_for() {
    let folder = Folder::new();
    let (one, two) = (folder.write("one.toml", &rate_of(5)), folder.write("two.toml", ""));
    let app = Sources::new("APP").file(&one).file(&two).build::<App>().unwrap();
    let (sender, notices) = channel();
    app.observe(move |notice| {
        let told = match notice {
            SourceNotice::Reloaded(reloaded) => format!("{reloaded} {}", reloaded.recovered),
            SourceNotice::Refused(error) => error.to_string(),
            other => format!("{other:?}"),
        };
        sender.send(told).unwrap();
    });
    fs::write(&one, rate_of(6)).unwrap();
    fs::write(&two, "listen = \n").unwrap();
    app.reload().unwrap_err();
    fs::write(&two, "listen = 5\n").unwrap();
    let second = app.reload().unwrap_err();
    assert_eq!((rate(&app), app.config().revision().get()), (5, 1));
    let status = app.status();
    assert_eq!(status.last_error.as_deref(), Some(&second));
    assert!(status.failing_for.is_some());
    assert_eq!((status.reloads, status.refusals), (0, 2));
    assert!(app.override_path("limits.strict", true).is_ok(), "what was read last can still be changed");
    assert!(app.status().last_error.is_some());

    fs::write(&two, "").unwrap();
    let reloaded = app.reload().unwrap();
    assert!(reloaded.recovered && !app.reload().unwrap().recovered);
    assert_eq!(rate(&app), 6);
    assert!(app.status().last_error.is_none() && app.status().failing_for.is_none());
    let notices: Vec<_> = notices.try_iter().collect();
    assert_eq!(notices.len(), 4, "{notices:?}");
    assert_eq!(notices[2], "revision 3: changed limits.orders_per_second true");
    assert_eq!(notices[3], "revision 3: nothing changed false");
}

#[test]
fn a_file_that_is_optional_may_come_and_go() {
    let folder = Folder::new();
    let path = folder.path("local.toml");
    let app = Sources::new("APP").optional_file(&path).build::<App>().unwrap();
    assert!(!app.status().files[0].is_there);
    fs::write(&path, rate_of(9)).unwrap();
    app.reload().unwrap();
    assert!(rate(&app) == 9 && app.status().files[0].is_there);
    fs::remove_file(&path).unwrap();
    app.reload().unwrap();
    assert_eq!(rate(&app), 100);
}

#[test]
fn nothing_can_be_asked_from_inside_an_update_or_a_reload() {
    let app = Sources::new("APP").build::<App>().unwrap();
    let nested = |result: Result<flightdeck::config::Reloaded, flightdeck::config::LoadError>| {
        assert_eq!(result.unwrap_err().problems(), [Problem::Nested]);
    };
    app.config()
        .update(|now| {
            nested(app.reload());
            nested(app.override_path("name", "x"));
            App { name: Some("y".to_owned()), ..now.clone() }
        })
        .unwrap();
    let (sender, inside) = channel();
    let again = app.clone();
    app.config().subscribe(move |_| sender.send(again.reload()).unwrap()).forever();
    app.override_path("name", "z").unwrap();
    nested(inside.recv().unwrap());
    // A change through the config is none of the sources' own: its subscribers may reload.
    app.config().update(App::clone).unwrap();
    assert!(inside.recv().unwrap().is_ok());
}

#[test]
fn updates_of_others_meanwhile_are_not_lost() {
    let app = Sources::new("APP").build::<App>().unwrap();
    const EACH: u32 = 50;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let app = app.clone();
            scope.spawn(move || {
                for n in 0..EACH {
                    match thread {
                        0 => drop(app.reload().unwrap()),
                        1 => drop(app.override_path(&format!("weights.o{n}"), f64::from(n)).unwrap()),
                        _ => drop(app.config().update(|now| {
                            let mut next = now.clone();
                            next.weights.insert(format!("u{thread}{n}"), 0.0);
                            next
                        })),
                    }
                }
            });
        }
    });
    app.reload().unwrap();
    assert_eq!(app.config().load().weights.len(), 3 * EACH as usize);
    app.reset_all().unwrap();
    assert_eq!(app.config().load().value(), &App::default());
}

// Watching.

const SOON: Duration = Duration::from_millis(30);

/// Runs a watcher by hand until the rate is this one.
fn until_rate(watcher: &Watcher<App>, app: &SourcedConfig<App>, expected: u32) {
    until(&format!("a rate of {expected}, with {watcher:?} and {:?}", app.status()), || {
        watcher.tick();
        rate(app) == expected
    });
}

fn until_refused(watcher: &Watcher<App>, app: &SourcedConfig<App>) {
    until("a refusal", || {
        watcher.tick();
        app.status().last_error.is_some()
    });
}

fn watched(file: &Path) -> (SourcedConfig<App>, Watcher<App>) {
    let app = Sources::new("APP").file(file).build::<App>().unwrap();
    // So that only what the system tells makes it look.
    let watcher = app.watcher().unwrap().debounce(SOON).look_every(Duration::from_secs(3_600));
    assert_eq!(watcher.tick(), Looked::Unchanged, "the first look");
    (app, watcher)
}

#[test]
fn a_file_that_is_written_takes_effect() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let (app, watcher) = watched(&file);
    for n in 2..5 {
        fs::write(&file, rate_of(n)).unwrap();
        until_rate(&watcher, &app, n);
    }
    // The same bytes are no change.
    let before = watcher.stats();
    fs::write(&file, rate_of(4)).unwrap();
    until("a look", || {
        watcher.tick();
        watcher.stats().looks > before.looks
    });
    assert_eq!((watcher.stats().taken, watcher.stats().unchanged), (before.taken, before.unchanged + 1));
    assert_eq!(app.config().revision().get(), 4);
}

#[test]
fn a_file_that_an_editor_replaces_takes_effect() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let (app, watcher) = watched(&file);
    for n in 2..5 {
        // As vi does, with a copy kept, and as others do.
        if n % 2 == 0 {
            fs::rename(&file, folder.path("app.toml~")).unwrap();
        }
        let fresh = folder.write(".app.toml.swp", &rate_of(n));
        fs::rename(fresh, &file).unwrap();
        until_rate(&watcher, &app, n);
    }
}

#[cfg(unix)]
#[test]
fn a_config_map_that_is_swapped_takes_effect() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    let version = |n: u32| {
        fs::create_dir(folder.path(&format!("..{n}"))).unwrap();
        folder.write(&format!("..{n}/app.toml"), &rate_of(n));
        symlink(format!("..{n}"), folder.path("..data_tmp")).unwrap();
        fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
        if n > 1 {
            fs::remove_dir_all(folder.path(&format!("..{}", n - 1))).unwrap();
        }
    };
    version(1);
    symlink("..data/app.toml", folder.path("app.toml")).unwrap();
    let (app, watcher) = watched(&folder.path("app.toml"));
    for n in 2..6 {
        version(n);
        until_rate(&watcher, &app, n);
    }
    let folders = watcher.stats().folders;
    assert_eq!(folders, [folder.0.clone(), folder.path("..5")]);
}

#[test]
fn a_half_written_file_changes_nothing_until_it_is_whole() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let (app, watcher) = watched(&file);
    let whole = rate_of(2);
    fs::write(&file, &whole[..whole.len() - 4]).unwrap();
    until_refused(&watcher, &app);
    assert_eq!(rate(&app), 1);
    let told = app.status().last_error.unwrap().to_string();
    assert!(told.contains("app.toml:2:"), "{told}");
    // It is not tried again while the file stays as it is.
    let refused = watcher.stats().refused;
    let end = Instant::now() + SOON * 5;
    while Instant::now() < end {
        watcher.tick();
    }
    assert_eq!((watcher.stats().refused, refused), (1, 1));
    fs::write(&file, &whole).unwrap();
    until_rate(&watcher, &app, 2);
    assert!(app.status().last_error.is_none());
}

#[test]
fn a_file_that_is_deleted_leaves_the_last_good_one_in_force() {
    let folder = Folder::new();
    fs::create_dir(folder.path("sub")).unwrap();
    let file = folder.write("sub/app.toml", &rate_of(1));
    let (app, watcher) = watched(&file);
    fs::remove_file(&file).unwrap();
    until_refused(&watcher, &app);
    assert_eq!(rate(&app), 1);
    assert_eq!(app.status().last_error.unwrap().problems()[0].code(), "config.source.unreadable");
    fs::write(&file, rate_of(2)).unwrap();
    until_rate(&watcher, &app, 2);
    // Also with its whole folder, which comes back as another one.
    fs::remove_dir_all(folder.path("sub")).unwrap();
    until_refused(&watcher, &app);
    assert_eq!(watcher.stats().folders, std::slice::from_ref(&folder.0));
    fs::create_dir(folder.path("sub")).unwrap();
    fs::write(&file, rate_of(3)).unwrap();
    until_rate(&watcher, &app, 3);
    fs::rename(folder.path("sub"), folder.path("old")).unwrap();
    fs::create_dir(folder.path("sub")).unwrap();
    fs::write(&file, rate_of(4)).unwrap();
    until_rate(&watcher, &app, 4);
    fs::write(&file, rate_of(5)).unwrap();
    until_rate(&watcher, &app, 5);
}

#[test]
fn files_are_read_when_writing_has_come_to_rest() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let app = Sources::new("APP").file(&file).build::<App>().unwrap();
    let watcher =
        app.watcher().unwrap().debounce(Duration::from_millis(300)).look_every(Duration::from_secs(3_600));
    watcher.tick();
    // Each write well within the time that counts as rest.
    for n in 2..12 {
        fs::write(&file, rate_of(n)).unwrap();
        let end = Instant::now() + Duration::from_millis(20);
        while Instant::now() < end {
            watcher.tick();
            std::thread::yield_now();
        }
    }
    until_rate(&watcher, &app, 11);
    let taken = watcher.stats().taken;
    assert!(taken <= 3, "{taken} reloads of ten writes");
}

#[test]
fn a_folder_in_which_something_always_happens_is_no_reason_to_wait_for_ever() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let (app, watcher) = watched(&file);
    let start = Instant::now();
    let mut n = 1;
    until("a rate", || {
        n = n % 900 + 1;
        fs::write(&file, rate_of(n)).unwrap();
        watcher.tick();
        rate(&app) > 1
    });
    assert!(start.elapsed() >= SOON);
    // What happens to other files beside it is none of its business.
    let events = watcher.stats().events;
    (0..50).for_each(|n| drop(folder.write("app.log", &format!("{n}"))));
    fs::write(&file, rate_of(500)).unwrap();
    until_rate(&watcher, &app, 500);
    assert!(watcher.stats().events - events < 20, "{:?}", watcher.stats());
}

#[test]
fn a_watcher_does_not_hear_of_itself() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let (app, watcher) = watched(&file);
    fs::write(&file, rate_of(2)).unwrap();
    until_rate(&watcher, &app, 2);
    let end = Instant::now() + SOON * 10;
    while Instant::now() < end {
        watcher.tick();
        std::thread::yield_now();
    }
    let before = watcher.stats();
    app.reload().unwrap();
    let _ = fs::read(&file).unwrap();
    let end = Instant::now() + SOON * 10;
    while Instant::now() < end {
        watcher.tick();
        std::thread::yield_now();
    }
    assert_eq!(watcher.stats(), before);
}

#[test]
fn a_thread_of_its_own_watches_until_it_is_dropped() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let app = Sources::new("APP").file(&file).build::<App>().unwrap();
    let watching = app.watch().unwrap();
    fs::write(&file, rate_of(2)).unwrap();
    until("the change", || rate(&app) == 2);
    // A panic in the rules is a refusal, and not its end.
    fs::write(&file, rate_of(666)).unwrap();
    until("the panic", || app.status().last_error.is_some());
    let error = app.status().last_error.unwrap();
    assert_eq!(error.problems()[0].code(), "config.source.panicked", "{error}");
    fs::write(&file, rate_of(3)).unwrap();
    until("the change after it", || rate(&app) == 3);
    let stats = watching.stats();
    assert!(stats.looks < 20, "{stats:?}");
    drop(watching);
    fs::write(&file, rate_of(4)).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(rate(&app), 3);
}

#[test]
fn a_file_that_is_not_confirmed_for_too_long_is_stale() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let age = Duration::from_millis(300);
    let app = Sources::new("APP").file(SourceFile::new(&file).max_age(age)).build::<App>().unwrap();
    let (sender, stale) = channel();
    app.observe(move |notice| {
        if let SourceNotice::Stale(file) = notice {
            sender.send(file.is_stale()).unwrap();
        }
    });
    // Looked at by itself, twice as often as need be.
    let watcher = app.watcher().unwrap().debounce(SOON);
    let end = Instant::now() + age * 3;
    while Instant::now() < end {
        watcher.tick();
        std::thread::yield_now();
    }
    assert!(!app.status().files[0].is_stale() && stale.try_recv().is_err());

    fs::write(&file, "limits = 5\n").unwrap();
    until("it is stale", || {
        watcher.tick();
        app.status().files[0].is_stale()
    });
    watcher.tick();
    assert!(stale.try_recv().unwrap());
    let end = Instant::now() + age;
    while Instant::now() < end {
        watcher.tick();
    }
    assert!(stale.try_recv().is_err(), "told once");
    fs::write(&file, rate_of(1)).unwrap();
    until("it is fresh again", || {
        watcher.tick();
        !app.status().files[0].is_stale()
    });
}

#[cfg(all(feature = "signals", unix))]
#[test]
fn a_hangup_reloads() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let app = Sources::new("APP").file(&file).build::<App>().unwrap();
    let watcher = app.watcher().unwrap().reload_on_hangup().unwrap().look_every(Duration::from_secs(3_600));
    watcher.tick();
    assert_eq!(watcher.tick(), Looked::NotYet);
    // SAFETY: `raise` has no conditions; the signal has a handler.
    assert_eq!(unsafe { libc::raise(libc::SIGHUP) }, 0);
    assert!(matches!(watcher.tick(), Looked::Taken(_)), "also where nothing changed");
    assert_eq!(watcher.tick(), Looked::NotYet);
}

#[test]
fn defaults_need_not_be_valid_and_the_config_may_be_made_otherwise() {
    let defaults = App { limits: Limits { orders_per_second: 5_000, ..Limits::default() }, ..App::default() };
    let app = Sources::new("APP")
        .environment_of([("APP__LIMITS__ORDERS_PER_SECOND", "7")])
        .build_with(&defaults, |builder| builder.named("app"));
    let app = app.unwrap();
    assert_eq!((rate(&app), app.config().name()), (7, "app"));
    let error = Sources::new("APP").build_from(&defaults).unwrap_err();
    assert!(error.to_string().ends_with("must be at most 1000 (set by defaults)"), "{error}");
}

#[test]
fn a_text_of_the_program_is_a_layer_like_a_file() {
    let folder = Folder::new();
    let file = folder.write("app.json", "{\"limits\": {\"ratio\": 0.25}}");
    let built_in = SourceFile::text("built-in.toml", rate_of(7));
    let app = Sources::new("APP").file(built_in).file(&file).build::<App>().unwrap();
    assert_eq!((rate(&app), app.config().load().limits.ratio), (7, 0.25));
    let why = app.why("limits.orders_per_second").unwrap().remove(0).to_string();
    assert!(why.contains(" = 7 from built-in.toml:2:1, over"), "{why}");
    assert_eq!(app.watcher().unwrap().stats().folders, std::slice::from_ref(&folder.0));
}

#[test]
fn a_deck_watches_writes_down_and_says_what_is_not_well() {
    let folder = Folder::new();
    let file = folder.write("app.toml", &rate_of(1));
    let source = SourceFile::new(&file).max_age(Duration::from_millis(400));
    let named = |builder: flightdeck::config::Builder<App>| builder.named("app");
    let app = Sources::new("APP").file(source).build_with(&App::default(), named).unwrap();
    let deck = Flightdeck::builder().config_built(app.config().clone()).start().unwrap();
    deck.watch_sources(app.watcher().unwrap().debounce(SOON)).unwrap();
    assert!(deck.watch_sources(app.watcher().unwrap()).is_err(), "one of a name");
    let health = || deck.health().to_string();
    assert!(deck.health().is_healthy(), "{}", health());

    fs::write(&file, rate_of(5_000)).unwrap();
    until("the refusal", || {
        health().contains("sources of config `app` refused: config not loaded for 1 reason: limits.")
    });
    until("that it is stale", || health().contains("is stale"));
    // A panic in the rules is contained.
    fs::write(&file, rate_of(666)).unwrap();
    until("the panic", || health().contains("panicked"));
    fs::write(&file, rate_of(2)).unwrap();
    until("the change", || deck.config().load().limits.orders_per_second == 2);
    until("health", || deck.health().is_healthy());

    let told = deck.events().query().run().unwrap();
    let kinds: Vec<_> = told.iter().map(|event| event.kind().to_owned()).collect();
    for kind in ["reloaded", "sources_refused", "source_stale"] {
        assert!(kinds.contains(&format!("flightdeck.config.{kind}")), "{kind} {kinds:?}");
    }
    assert!(deck.shutdown(Duration::from_secs(20)).is_clean());
}

#[test]
fn elements_of_a_list_that_nothing_is_known_of_are_texts_where_the_config_wants_texts() {
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Lists {
        names: Vec<String>,
        ports: Vec<u16>,
    }
    impl Validate for Lists {
        fn validate(&self, _: &mut Violations) {}
    }
    let given = variables([("APP__NAMES", "1, b"), ("APP__PORTS", "80,443")]);
    let lists = Sources::new("APP").environment_of(given).build::<Lists>().unwrap();
    let expected = Lists { names: vec!["1".to_owned(), "b".to_owned()], ports: vec![80, 443] };
    assert_eq!(*lists.config().load().value(), expected);
}

#[test]
fn files_that_are_looked_at_ever_so_rarely_are_not_looked_at_all_the_time() {
    let folder = Folder::new();
    let app = Sources::new("APP").file(folder.write("app.toml", "")).build::<App>().unwrap();
    let watcher = app.watcher().unwrap().look_every(Duration::MAX);
    assert_eq!(watcher.tick(), Looked::Unchanged, "first");
    assert_eq!(watcher.tick(), Looked::NotYet);
}

#[test]
fn a_file_that_came_while_an_update_took_long_is_taken_later() {
    let folder = Folder::new();
    let app = Sources::new("APP").file(folder.write("app.toml", "")).build::<App>().unwrap();
    let watcher = app.watcher().unwrap().debounce(Duration::ZERO).look_every(Duration::ZERO);
    folder.write("app.toml", &rate_of(200));
    let (inside, entered) = channel();
    let (leave, left) = channel::<()>();
    let config = app.config().clone();
    let slow = std::thread::spawn(move || {
        let same = config.update(|now| {
            inside.send(()).unwrap();
            left.recv().unwrap();
            now.clone()
        });
        drop(same.unwrap());
    });
    entered.recv().unwrap();
    let Looked::Refused(error) = watcher.tick() else { panic!("the update has not ended") };
    assert_eq!(error.problems()[0].code(), "config.update.busy");
    leave.send(()).unwrap();
    slow.join().unwrap();
    until("it is taken", || matches!(watcher.tick(), Looked::Taken(_)));
    assert_eq!((rate(&app), app.status().last_error), (200, None));
}

#[test]
fn a_secret_is_one_to_the_sources_and_to_the_config_wherever_it_is_named() {
    use flightdeck::config::Paths;
    let folder = Folder::new();
    let file = folder.write("app.toml", "[db]\npassword = \"hunter2\"\npin = 47110815\n");
    // Named to the config.
    let paths = || Paths::new().writable("db").secret("db.password").secret("db.pin");
    let app = Sources::new("APP").file(&file);
    let app = app.build_with(&App::default(), |builder| builder.paths(paths()).unwrap()).unwrap();
    let why: String = app.why("").unwrap().iter().map(ToString::to_string).collect();
    assert!(!why.contains("hunter2") && !why.contains("47110815"), "{why}");
    folder.write("app.toml", "[db]\npin = 4047110815\n");
    let error = app.reload().unwrap_err().to_string();
    assert!(!error.contains("47110815"), "{error}");
    // Named to the sources.
    folder.write("app.toml", "[db]\npassword = \"hunter2\"\npin = 47110815\n");
    let sources = || Sources::new("APP").file(&file).secret("db.password").secret("db.pin");
    let plain = sources().build::<App>().unwrap();
    let open = Paths::new().writable("");
    let with_paths = sources().build_with(&App::default(), |builder| builder.paths(open).unwrap()).unwrap();
    assert!(with_paths.config().get_path("db.password").is_err());
    assert!(with_paths.config().set_path("db.pin", 4712).is_ok());
    for app in [plain, with_paths] {
        let shown = format!("{:?}", app.config().load());
        assert!(!shown.contains("hunter2"), "{shown}");
        let error =
            app.config().update(|now| App { db: Db { pin: 4_047_110_815, ..now.db.clone() }, ..now.clone() });
        let error = error.unwrap_err().to_string();
        assert!(!error.contains("47110815"), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn a_folder_that_was_made_anew_is_watched_anew() {
    let folder = Folder::new();
    let inner = folder.path("inner");
    fs::create_dir(&inner).unwrap();
    let app = Sources::new("APP").optional_file(inner.join("app.toml")).build::<App>().unwrap();
    let watcher = app.watcher().unwrap().debounce(Duration::ZERO);
    assert_eq!(watcher.tick(), Looked::Unchanged);
    for made in 1..=10 {
        fs::remove_dir_all(&inner).unwrap();
        fs::create_dir(&inner).unwrap();
        until("it is looked at", || watcher.tick() != Looked::NotYet);
        while watcher.tick() != Looked::NotYet {}
        std::thread::sleep(Duration::from_millis(20));
        while watcher.tick() != Looked::NotYet {}
        fs::write(inner.join("app.toml"), rate_of(made)).unwrap();
        until("it is taken", || matches!(watcher.tick(), Looked::Taken(_)));
        assert_eq!(rate(&app), made);
    }
}
