//! Config by paths, as a host uses it: reading, changing and comparing parts by name, within what is allowed.

use flightdeck::config::{
    Cause, Config, Fallbacks, Notice, PatchError, Path, PathError, Paths, Refused, UpdateError, Validate,
    Violations,
};
use flightdeck::{Diagnostic, Revision};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct App {
    ai: Ai,
    limits: BTreeMap<String, u64>,
    servers: Vec<Server>,
    db: Database,
    mode: Mode,
    exact: (u64, i64, f64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Ai {
    planning: Planning,
    #[serde(default)]
    provider: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Planning {
    sampling_rate: f64,
    batch: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Server {
    host: String,
    port: u16,
    #[serde(default)]
    token: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Database {
    host: String,
    password: String,
    pin: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Quiet,
    Loud { volume: u8 },
}

impl Validate for App {
    fn validate(&self, report: &mut Violations) {
        let rate = self.ai.planning.sampling_rate;
        report.require((0.0..=1.0).contains(&rate), "ai.planning.sampling_rate", &rate, "must be 0 to 1");
        // As somebody writes it who does not think of it.
        let password = &self.db.password;
        report.require(password.len() >= 4, "db.password", password, "must have 4 characters");
        report.require(self.db.pin != 66, "db", &self.db, "must have another pin");
    }
}

fn app() -> App {
    let server = |host: &str, port| Server { host: host.to_owned(), port, token: format!("token of {host}") };
    App {
        ai: Ai { planning: Planning { sampling_rate: 0.5, batch: 10 }, provider: None },
        limits: [("burst", 5), ("rate", 100)].map(|(name, limit)| (name.to_owned(), limit)).into(),
        servers: vec![server("alpha", 80), server("beta", 81)],
        db: Database { host: "db1".to_owned(), password: "hunter2".to_owned(), pin: 4_711 },
        mode: Mode::Quiet,
        exact: (u64::MAX, i64::MIN, 0.1 + 0.2),
    }
}

fn paths() -> Paths {
    Paths::new()
        .writable("ai.planning")
        .writable("limits.*")
        .writable("servers")
        .writable("mode")
        .writable("db.password")
        .writable("exact")
        .secret("db.password")
        .secret("db.pin")
        .secret("servers.*.token")
}

fn offering(paths: Paths) -> Config<App> {
    Config::builder(app()).paths(paths).unwrap().build().unwrap()
}

fn config() -> Config<App> {
    offering(paths())
}

fn refused(error: PatchError<App>) -> Refused {
    match error {
        PatchError::Refused(refused) => refused,
        other => panic!("{other}"),
    }
}

fn codes(refused: &Refused) -> Vec<(String, &'static str)> {
    let of = |reason: &PathError| (reason.path().map(Path::to_string).unwrap_or_default(), reason.code());
    refused.reasons().iter().map(of).collect()
}

#[test]
fn what_is_there_is_read_by_its_path() {
    let config = config();
    assert_eq!(config.get::<u32>("ai.planning.batch"), Ok(10));
    assert_eq!(config.get::<String>("servers[1].host").unwrap(), "beta");
    assert_eq!(config.get::<String>("servers.1.host").unwrap(), "beta");
    assert_eq!(config.get::<BTreeMap<String, u64>>("limits").unwrap(), app().limits);
    assert_eq!(config.get::<Mode>("mode"), Ok(Mode::Quiet));
    assert_eq!(config.get::<Option<String>>("ai.provider"), Ok(None));
    assert_eq!(config.get::<(u64, i64, f64)>("exact"), Ok(app().exact));
    assert_eq!(config.get_path("exact"), Ok(json!([u64::MAX, i64::MIN, 0.1 + 0.2])));
    assert_eq!(config.get_path("limits"), Ok(json!({"burst": 5, "rate": 100})));
    assert_eq!(config.snapshot().get::<u64>("limits.rate"), Ok(100));
}

#[test]
fn an_error_says_how_far_a_path_leads() {
    let config = config();
    let said = |path: &str| config.get_path(path).unwrap_err().to_string();
    assert_eq!(
        said("ai.plannin.batch"),
        "config has no `ai.plannin.batch`: in `ai` there are planning, provider"
    );
    assert_eq!(
        said("nope"),
        "config has no `nope`: in the root there are ai, db, exact, limits, mode, servers"
    );
    assert_eq!(
        said("ai.planning.batch.size"),
        "config has no `ai.planning.batch.size`: `ai.planning.batch` is a number and has no parts, so name it alone"
    );
    assert_eq!(
        said("servers[7].host"),
        "config has no `servers[7].host`: `servers` has 2 elements, counted from 0"
    );
    assert_eq!(said("servers.x"), "config has no `servers.x`: `servers` has 2 elements, counted from 0");
    assert_eq!(said("ai[0]"), "config has no `ai[0]`: in `ai` there are planning, provider");
    assert_eq!(
        said("a..b"),
        "path has `.b` at column 3: write a name, or one in double quotes if it has any of . [ ] \" * \\"
    );

    let typed = |path: &str| config.get::<u8>(path).unwrap_err();
    assert_eq!(typed("exact[0]").code(), "config.path.out_of_range");
    assert_eq!(
        typed("exact[0]").to_string(),
        "config has integer `18446744073709551615` at `exact[0]`, out of the range of u8"
    );
    assert_eq!(
        config.get::<Vec<Planning>>("ai.planning").unwrap_err().to_string(),
        "config has map at `ai.planning`, where a sequence is expected"
    );
    let below = config.get::<BTreeMap<String, u8>>("limits").map(|limits| limits.len());
    assert_eq!(below, Ok(2));
    let error = config.get::<BTreeMap<String, bool>>("limits").unwrap_err();
    assert_eq!(error.to_string(), "config has integer `5` at `limits.burst`, where a boolean is expected");
}

#[test]
fn names_are_counted_where_there_are_many() {
    let mut many = app();
    many.limits = (0..100).map(|number| (format!("limit{number:02}"), number)).collect();
    let config = Config::builder(many).paths(Paths::new()).unwrap().build().unwrap();
    let error = config.get_path("limits.rate").unwrap_err().to_string();
    assert!(error.ends_with("limit14, limit15 and 84 more") && error.len() < 300, "{error}");
}

#[test]
fn secrets_are_not_read_out() {
    let config = config();
    for secret in ["db.password", "db.pin", "servers[0].token", "servers.1.token"] {
        assert_eq!(config.get_path(secret).unwrap_err(), PathError::Secret { path: secret.parse().unwrap() });
        assert!(matches!(config.get::<Value>(secret), Err(PathError::Secret { .. })), "{secret}");
        assert!(matches!(config.key::<String>(secret), Err(PathError::Secret { .. })), "{secret}");
    }
    assert!(matches!(config.get_path("db.password.x"), Err(PathError::Secret { .. })));
    // A part that holds some has marks in their place, which is no value of its type.
    assert_eq!(config.get_path("db"), Ok(json!({"host": "db1", "password": "(secret)", "pin": "(secret)"})));
    assert!(matches!(config.get::<Database>("db"), Err(PathError::Secret { .. })));
    assert!(matches!(config.get::<Vec<Server>>("servers"), Err(PathError::Secret { .. })));
    let whole = config.get_path("").unwrap().to_string();
    assert!(!whole.contains("hunter2") && !whole.contains("4711") && !whole.contains("token of"), "{whole}");
    // A text that looks like a mark is none.
    let mut named = app();
    named.db.host = "(secret)".to_owned();
    config.replace(named).unwrap();
    assert_eq!(config.get::<String>("db.host").unwrap(), "(secret)");
}

#[test]
fn a_default_is_taken_and_counted_by_reason() {
    let config = config();
    assert_eq!(config.get_or("ai.planning.batch", 1_u32), 10);
    assert_eq!(config.fallbacks(), Fallbacks::default());
    for (path, times) in
        [("a..b", 1), ("nope", 1), ("servers[9]", 1), ("mode.x", 1), ("db.pin", 2), ("mode", 3)]
    {
        (0..times).for_each(|_| assert_eq!(config.get_or(path, 7_u8), 7));
    }
    let fallbacks = config.fallbacks();
    assert_eq!(
        (fallbacks.malformed, fallbacks.absent, fallbacks.secret, fallbacks.unfit, fallbacks.no_tree),
        (1, 3, 2, 3, 0)
    );
    assert_eq!(
        fallbacks.to_string(),
        "9 fallbacks: 0 without a tree, 1 malformed, 3 absent, 2 secret, 3 unfit"
    );

    let without = Config::new(app()).unwrap();
    assert_eq!(without.get_or("ai.planning.batch", 3), 3);
    assert_eq!((without.fallbacks().no_tree, without.fallbacks().total()), (1, 1));
    assert_eq!(without.get_path("ai"), Err(PathError::NotOffered));
    assert_eq!(codes(&refused(without.set_path("ai", 1).unwrap_err()))[0].1, "config.path.not_offered");
}

#[test]
fn a_prepared_path_follows_the_config() {
    let config = config();
    let mut batch = config.key::<u32>("ai.planning.batch").unwrap();
    assert_eq!(batch.get(), Ok(&10));
    assert_eq!(batch.path().to_string(), "ai.planning.batch");
    config.set_path("ai.planning.batch", 11).unwrap();
    assert_eq!(batch.get(), Ok(&11));
    let mut second = config.key::<String>("servers[1].host").unwrap();
    config.update(|now| App { servers: now.servers[..1].to_vec(), ..now.clone() }).unwrap();
    assert!(matches!(second.get(), Err(PathError::NoSuchElement { length: 1, .. })));
    config.replace(app()).unwrap();
    assert_eq!(second.get().unwrap(), "beta");
    assert!(matches!(config.key::<u8>("servers[1].host"), Err(PathError::WrongType { .. })));
    drop(config);
    assert_eq!(batch.get(), Ok(&10));
}

#[test]
fn a_path_that_is_set_makes_one_revision_of_the_whole_value() {
    let config = config();
    let published = config.by("ops").because("more load").set_path("limits.rate", 200).unwrap();
    assert_eq!(published.revision().get(), 2);
    assert_eq!(config.load().cause(), &Cause::by("ops").because("more load"));
    assert_eq!(config.load().limits["rate"], 200);
    // A map may have one entry more, a list one element.
    config.set_path("limits.\"a.b\"", 1).unwrap();
    config.set_path("servers[2]", json!({"host": "gamma", "port": 82})).unwrap();
    config.set_path("mode", json!({"loud": {"volume": 3}})).unwrap();
    config.set_path("exact[0]", u64::MAX - 1).unwrap();
    let now = config.load();
    assert_eq!((now.limits["a.b"], now.servers[2].port, now.exact.0), (1, 82, u64::MAX - 1));
    assert_eq!(now.mode, Mode::Loud { volume: 3 });
    assert_eq!(now.revision().get(), 6);
    // The value that is there already is no change, also where none is allowed.
    drop(now);
    assert_eq!(config.set_path("db.host", "db1").unwrap().revision().get(), 7);
}

#[test]
fn what_may_not_change_is_refused_with_all_reasons_and_nothing_changes() {
    let config = config();
    let refusals = Arc::new(Mutex::new(Vec::new()));
    let told = refusals.clone();
    config.observe(move |notice| {
        if let Notice::Rejected { violations, cause, .. } = notice {
            let fields: Vec<_> = violations.iter().map(|violation| violation.field.clone()).collect();
            told.lock().unwrap().push((cause.who().to_owned(), fields));
        }
    });
    let patch = json!({
        "ai": {"planning": {"batch": "ten", "sampling_rate": true}, "provider": "x"},
        "limits": {"rate": 5},
        "db": {"host": "db2"},
        "servers": [{"host": "alpha", "port": 65_536}],
    });
    let error = refused(config.by("ops").patch(&patch).unwrap_err());
    let expected = [
        ("ai.planning.batch", "config.path.wrong_type"),
        ("ai.planning.sampling_rate", "config.path.wrong_type"),
        ("ai.provider", "config.path.not_writable"),
        ("db.host", "config.path.not_writable"),
        ("servers[0].port", "config.path.out_of_range"),
    ];
    let mut found = codes(&error);
    found.sort();
    assert_eq!(found, expected.map(|(path, code)| (path.to_owned(), code)));
    assert_eq!((config.revision(), config.stats().rejections), (Revision::FIRST, 1));
    assert_eq!(*config.load().value(), app());
    let told = refusals.lock().unwrap();
    assert_eq!((told[0].0.as_str(), told[0].1.len()), ("ops", 5));
}

#[test]
fn a_misspelt_name_is_an_error() {
    let config = config();
    // Refused by its type, which denies what it does not know; ignored by its type; no place to put it.
    for (patch, path, code) in [
        (json!({"ai": {"planning": {"bacth": 5}}}), "ai.planning.bacth", "config.path.unfit"),
        (json!({"servers": [{"host": "a", "port": 1, "prot": 2}]}), "servers[0].prot", "config.path.unknown"),
        (json!({"lmits": {"rate": 5}}), "lmits.rate", "config.path.unknown"),
    ] {
        let refused = refused(config.patch(&patch).unwrap_err());
        assert_eq!(codes(&refused), [(path.to_owned(), code)], "{refused}");
    }
    let refused = refused(config.set_path("ai.plannin.batch", 5).unwrap_err());
    assert_eq!(
        refused.to_string(),
        "config change refused for 1 reason: \
         config has no `ai.plannin.batch`: in `ai` there are planning, provider"
    );
    assert_eq!((config.revision(), config.stats().rejections), (Revision::FIRST, 4));
}

#[test]
fn a_value_that_speaks_against_itself_is_refused_as_a_whole() {
    let config = config();
    let patch = json!({"ai": {"planning": {"sampling_rate": 2.0}}, "db": {"password": "abc"}});
    let error = config.patch(&patch).unwrap_err();
    assert_eq!(error.code(), "config.value.rejected");
    assert_eq!(
        error.to_string(),
        "config rejected for 2 reasons: ai.planning.sampling_rate = 2.0: must be 0 to 1; \
         db.password (not shown): must have 4 characters"
    );
    let PatchError::Update(error) = error else { panic!("{error}") };
    assert_eq!(error.into_value().unwrap().ai.planning.sampling_rate, 2.0);
    assert_eq!(config.revision(), Revision::FIRST);
}

#[test]
fn null_takes_away_what_a_default_replaces() {
    let config = offering(Paths::new().writable(""));
    config.set_path("ai.provider", "acme").unwrap();
    config.patch(&json!({"ai": {"provider": null}, "limits": {"burst": null}})).unwrap();
    assert_eq!((config.load().ai.provider.as_ref(), config.load().limits.len()), (None, 1));
    let refused = refused(config.patch(&json!({"db": {"host": null}})).unwrap_err());
    assert_eq!(
        refused.to_string(),
        "config change refused for 1 reason: config does not take what is at `db`: missing field `host`"
    );
}

#[test]
fn a_mark_in_place_of_a_secret_leaves_it_as_it_is_but_not_in_lists() {
    let config = config();
    let mut edited = config.get_path("db").unwrap();
    assert!(config.patch(&json!({"db": edited})).is_ok());
    edited["password"] = json!("another");
    config.patch(&json!({"db": edited})).unwrap();
    assert_eq!((config.load().db.password.as_str(), config.load().db.pin), ("another", 4_711));
    assert!(config.set_path("db.password", "(secret)").is_ok());
    assert_eq!(config.load().db.password, "another");

    // Which element's secret would it be?
    let mut servers = config.get_path("servers").unwrap();
    servers.as_array_mut().unwrap().swap(0, 1);
    let refused = refused(config.set_path("servers", servers).unwrap_err());
    assert_eq!(codes(&refused)[0], ("servers[0].token".to_owned(), "config.path.unknown_mark"));
    assert_eq!(config.load().servers, app().servers);
}

#[test]
fn a_change_says_which_paths_it_changed_and_how() {
    let config = config();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let subscription = config.subscribe(move |change| {
        let paths: Vec<_> = change.paths().unwrap().map(Path::to_string).collect();
        sink.lock().unwrap().push((paths.join(" "), change.diff().unwrap().to_string()));
    });
    config.patch(&json!({"limits": {"rate": 7, "new": 1}, "db": {"password": "12345"}})).unwrap();
    config.update(App::clone).unwrap();
    drop(subscription);
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].0, "db.password limits.new limits.rate");
    assert_eq!(
        seen[0].1,
        "db.password: \"(secret)\" -> \"(secret)\"; limits.new: 1 added; limits.rate: 100 -> 7"
    );
    assert_eq!(seen[1], (String::new(), String::new()));
    let (first, newest) = (config.at(Revision::FIRST).unwrap(), config.snapshot());
    assert_eq!(first.diff(&newest).unwrap().len(), 3);
    assert!(newest.diff(&newest).unwrap().is_empty());
}

#[test]
fn who_subscribes_to_a_path_hears_of_nothing_else() {
    let config = config();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let subscribe = |path: &'static str| {
        let seen = seen.clone();
        config.subscribe_path(path, move |change| {
            seen.lock().unwrap().push((path, change.revision().get()));
        })
    };
    let paths = ["", "limits", "limits.rate", "servers[1]", "db.password", "not.there"];
    let subscriptions: Vec<_> = paths.map(|path| subscribe(path).unwrap()).into();
    config.set_path("limits.rate", 1).unwrap();
    config.set_path("limits.burst", 1).unwrap();
    config.set_path("servers[0].port", 1).unwrap();
    config.update(|now| App { servers: now.servers[..1].to_vec(), ..now.clone() }).unwrap();
    config.set_path("db.password", "other").unwrap();
    config.update(App::clone).unwrap();
    drop(subscriptions);
    let expected = [
        ("", 2),
        ("limits", 2),
        ("limits.rate", 2),
        ("", 3),
        ("limits", 3),
        ("", 4),
        ("", 5),
        ("servers[1]", 5),
        ("", 6),
        ("db.password", 6),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert!(matches!(subscribe("a..b"), Err(PathError::Syntax(_))));
    let without = Config::new(app()).unwrap();
    assert_eq!(without.subscribe_path("limits", |_| ()).unwrap_err(), PathError::NotOffered);
}

#[test]
fn revisions_are_compared_as_long_as_they_are_kept() {
    let config = Config::builder(app()).history(2).paths(paths()).unwrap().build().unwrap();
    let revisions: Vec<_> =
        [1, 2, 3].map(|rate| config.set_path("limits.rate", rate).unwrap().revision()).into();
    assert_eq!(config.diff(revisions[0], revisions[2]).unwrap().to_string(), "limits.rate: 1 -> 3");
    assert_eq!(config.diff(revisions[2], revisions[0]).unwrap().to_string(), "limits.rate: 3 -> 1");
    let error = config.diff(Revision::FIRST, revisions[2]).unwrap_err();
    assert_eq!(error.code(), "config.history.forgotten");
    let without = Config::new(app()).unwrap();
    assert_eq!(without.diff(Revision::FIRST, Revision::FIRST).unwrap_err().code(), "config.path.not_offered");
}

/// Serialises, but not to a tree.
#[derive(Serialize, Deserialize)]
struct Odd {
    by_pair: BTreeMap<(u8, u8), u8>,
}

impl Validate for Odd {
    fn validate(&self, _: &mut Violations) {}
}

/// What is empty is not shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sparse {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    users: Option<BTreeMap<String, u8>>,
}

impl Validate for Sparse {
    fn validate(&self, _: &mut Violations) {}
}

fn sparse(paths: Paths) -> Config<Sparse> {
    let users = Some([("ann".to_owned(), 1)].into());
    let value = Sparse { tags: vec!["a".to_owned()], note: Some("b".to_owned()), users };
    Config::builder(value).paths(paths).unwrap().build().unwrap()
}

#[test]
fn what_is_not_shown_when_it_is_empty_can_be_emptied() {
    let config = sparse(Paths::new().writable("tags").writable("note"));
    config.set_path("tags", json!([])).unwrap();
    config.set_path("note", Value::Null).unwrap();
    // Once more: it is so already.
    config.set_path("note", Value::Null).unwrap();
    assert_eq!((config.load().tags.len(), config.load().note.clone()), (0, None));
    let config = sparse(Paths::new().writable("tags"));
    config.patch(&json!({"tags": []})).unwrap();
    assert!(config.load().tags.is_empty());
    assert!(config.set_path("tag", json!([])).is_err(), "a misspelt name");
}

#[test]
fn what_is_around_what_may_change_does_not_come_or_go() {
    let config = sparse(Paths::new().writable("users.*"));
    config.patch(&json!({"users": {"ann": null, "bob": 2}})).unwrap();
    let refused = config.patch(&json!({"users": null})).unwrap_err();
    assert!(refused.to_string().contains("may not change `users`"), "{refused}");
    assert!(config.load().users.is_some());
    let config = Config::builder(Sparse { tags: vec![], note: None, users: None });
    let config = config.paths(Paths::new().writable("users.*")).unwrap().build().unwrap();
    assert!(config.patch(&json!({"users": {"bob": 2}})).is_err());
}

#[test]
fn a_value_that_is_no_tree_says_so() {
    let odd = Odd { by_pair: [((1, 2), 3)].into() };
    let config = Config::builder(odd).paths(Paths::new()).unwrap().build().unwrap();
    let error = config.get_path("by_pair").unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("config.path.no_tree", "config cannot be read by paths: key must be a string")
    );
    assert!(Config::builder(app()).paths(Paths::new().secret("db..x")).is_err());

    let config = offering(Paths::new().writable(""));
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(
        codes(&refused(config.set_path("limits.x", deep.clone()).unwrap_err()))[0].1,
        "config.path.no_tree"
    );
    assert_eq!(
        codes(&refused(config.patch(&json!({"limits": deep})).unwrap_err()))[0].1,
        "config.path.no_tree"
    );
}

#[test]
fn changes_by_path_are_on_the_same_terms_as_others() {
    let config = config();
    let first = config.revision();
    config.set_path("limits.rate", 1).unwrap();
    let error = config.edit().expecting(first).set_path("limits.rate", 2).unwrap_err();
    assert!(matches!(error, PatchError::Update(UpdateError::Conflict { .. })), "{error}");
    let mut nested = None;
    config
        .update(|now| {
            nested = config.set_path("limits.rate", 3).err();
            now.clone()
        })
        .unwrap();
    assert!(matches!(nested, Some(PatchError::Update(UpdateError::Nested { .. }))));
    assert!(config.wait_for(Revision::FIRST, Duration::ZERO).is_some());
    assert_eq!(config.load().limits["rate"], 1);
}

#[test]
fn a_planted_secret_is_found_nowhere() {
    let salt = u64::from(std::process::id());
    let text = format!("s3cr3t-{}", salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let pin = salt << 40 | 0x1234_5671;
    let mut planted = app();
    planted.db = Database { host: "open".to_owned(), password: text.clone(), pin };
    planted.servers[0].token.clone_from(&text);
    let said = Arc::new(Mutex::new(Vec::new()));
    let say = |shown: &dyn std::fmt::Debug| said.lock().unwrap().push(format!("{shown:?} {shown:#?}"));

    // Also where the first value is refused.
    let mut bad = planted.clone();
    bad.db.pin = 66;
    let error = Config::builder(bad).paths(paths()).unwrap().build().unwrap_err();
    say(&error);
    said.lock().unwrap().push(error.to_string());

    let config = Config::builder(planted).paths(paths().writable("")).unwrap().history(4).build().unwrap();
    let sink = said.clone();
    config.observe(move |notice| {
        let mut said = sink.lock().unwrap();
        said.push(format!("{notice:?}"));
        if let Notice::Published(change) = notice {
            said.push(format!("{:?} {}", change.diff().unwrap(), change.diff().unwrap()));
        }
    });
    let quoted = format!("{text} \"quoted\"");
    let list = || json!([{"host": "a", "port": 1, "token": text}]);
    for (path, value) in [
        ("db.password", json!(text)),
        ("db.password", json!({"x": text})),
        ("db.password", json!([text])),
        ("db.password", json!(pin)),
        ("db.pin", json!(text)),
        ("db.pin", json!(quoted)),
        ("db.pin", json!(-1)),
        ("db", json!(text)),
        ("db", json!({"host": text, "password": pin, "pin": text})),
        ("db", json!({"host": "h", "password": text})),
        ("servers", list()),
        ("servers", json!({"token": text})),
        ("servers[0].token", json!([text])),
        ("servers[1]", json!({"host": "a", "port": "x", "token": text})),
        ("servers[5].token", json!(text)),
        ("db.password.x", json!(text)),
    ] {
        if let Err(error) = config.set_path(path, value.clone()) {
            said.lock().unwrap().push(error.to_string());
            say(&error);
        }
        let nested: Value = path
            .parse::<Path>()
            .unwrap()
            .segments()
            .iter()
            .rev()
            .fold(value, |inner, name| json!({name.to_string(): inner}));
        if let Err(error) = config.patch(&nested) {
            said.lock().unwrap().push(error.to_string());
            say(&error);
        }
    }
    for path in ["db", "db.password", "db.pin", "servers", "servers[0]", "servers[0].token", ""] {
        say(&config.get_path(path));
        say(&config.get::<bool>(path));
        say(&config.get::<Value>(path));
        say(&config.get::<String>(path));
        say(&config.key::<Value>(path));
    }
    say(&config);
    say(&config.load());
    say(&config.snapshot());
    say(&config.reader());
    say(&config.status());
    say(&config.at(Revision::FIRST));
    let (first, newest) = (config.at(config.revision()), config.snapshot());
    say(&first.map(|first| first.diff(&newest)));

    let said = said.lock().unwrap();
    assert!(said.len() > 60 && said.iter().any(|line| line.contains("open")), "it looks at what is shown");
    for line in said.iter() {
        assert!(!line.contains(&text) && !line.contains(&pin.to_string()), "{line}");
    }
}

/// What has no types of its own, so that a plain tree is its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Free(Value);

impl Validate for Free {
    fn validate(&self, _: &mut Violations) {}
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]{1,2}|x\\.y|\"", inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// RFC 7396, section 2, as it is written there.
fn merge_patch(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = match target {
        Value::Object(target) => target,
        _ => serde_json::Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            let there = target.remove(name).unwrap_or(Value::Null);
            target.insert(name.clone(), merge_patch(there, value));
        }
    }
    Value::Object(target)
}

/// All places in a tree, and the leaves among them.
fn places(path: &Path, value: &Value, found: &mut Vec<(Path, Value)>) {
    found.push((path.clone(), value.clone()));
    match value {
        Value::Object(entries) => {
            entries.iter().for_each(|(name, value)| places(&path.clone().child(name.as_str()), value, found));
        }
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(index, value)| places(&path.clone().element(index), value, found));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn patches_do_what_the_rfc_says(first in tree(), patches in prop::collection::vec(tree(), 1..6)) {
        let config = Config::builder(Free(first.clone())).paths(Paths::new().writable("")).unwrap().build().unwrap();
        let mut model = first;
        for (patch, revision) in patches.iter().zip(2..) {
            prop_assert_eq!(config.patch(patch).unwrap().revision().get(), revision);
            model = merge_patch(model, patch);
            prop_assert_eq!(&config.load().0, &model);
        }
    }

    #[test]
    fn what_is_set_is_read_back_and_nothing_else_changes(
        first in tree(), which in any::<prop::sample::Index>(), value in tree()
    ) {
        let config = Config::builder(Free(first.clone())).paths(Paths::new().writable("")).unwrap().build().unwrap();
        let mut all = Vec::new();
        places(&Path::root(), &first, &mut all);
        for (path, there) in &all {
            prop_assert_eq!(&config.get_path(&path.to_string()).unwrap(), there);
            prop_assert_eq!(&config.get::<Value>(&path.to_string()).unwrap(), there);
        }
        let (path, _) = which.get(&all);
        config.set_path(&path.to_string(), value.clone()).unwrap();
        prop_assert_eq!(config.get_path(&path.to_string()).unwrap(), value);
        for (other, there) in &all {
            if !other.starts_with(path) && !path.starts_with(other) {
                prop_assert_eq!(&config.get_path(&other.to_string()).unwrap(), there);
            }
        }
        let (old, new) = (config.at(Revision::FIRST).unwrap(), config.snapshot());
        for changed in &old.diff(&new).unwrap() {
            prop_assert!(changed.path.starts_with(path), "{} is not in {}", changed.path, path);
            let read = |snapshot: &flightdeck::config::Snapshot<Free>| {
                snapshot.get_path(&changed.path.to_string()).ok()
            };
            prop_assert_eq!((read(&old), read(&new)), (changed.old.clone(), changed.new.clone()));
        }
    }

    #[test]
    fn only_what_is_writable_changes(first in tree(), patch in tree()) {
        let config = Config::builder(Free(first.clone())).paths(Paths::new().writable("a")).unwrap().build().unwrap();
        let strip = |tree: &Value| {
            let mut tree = tree.clone();
            if let Value::Object(entries) = &mut tree { entries.remove("a"); }
            tree
        };
        let result = config.patch(&patch);
        let changed = &config.load().0;
        match result {
            // The root itself is not writable; what is below `a` is.
            Ok(_) => prop_assert_eq!(strip(changed), strip(&first)),
            Err(error) => {
                prop_assert_eq!(changed, &first);
                prop_assert!(!matches!(error, PatchError::Update(_)), "{}", error);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z.\\[\\]0-9\"\\\\]{0,20}") {
        let config = config();
        if let Err(error) = config.get_path(&text) {
            prop_assert!(!error.to_string().contains('\n'));
        }
        let _ = config.set_path(&text, 1);
    }
}
