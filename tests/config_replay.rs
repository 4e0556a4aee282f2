//! A config made again from the events of its changes.

use flightdeck::config::{Config, Paths, Validate, Violations};
use flightdeck::{Diagnostic, Flightdeck, ReplayError};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What has no types of its own but a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct App {
    #[serde(default)]
    free: Value,
    #[serde(default)]
    users: Vec<User>,
    password: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    #[serde(default)]
    token: String,
}

impl Validate for App {
    fn validate(&self, _: &mut Violations) {}
}

fn app() -> App {
    App { free: json!({}), users: Vec::new(), password: "hunter2".to_owned() }
}

fn deck(first: App) -> Flightdeck<App> {
    let paths = Paths::new().writable("").secret("password").secret("users.*.token");
    let config = Config::builder(first).named("app").history(1_000).paths(paths).unwrap().build().unwrap();
    Flightdeck::builder().config_built(config).events(|events| events.memory(8 << 20)).start().unwrap()
}

#[test]
fn each_revision_comes_of_the_events_before_it() {
    let deck = deck(app());
    let config = deck.config();
    config.by("ops").because("more load").patch(&json!({"free": {"a": {"b": [1, 2, 3]}, "c": 0.1}})).unwrap();
    config.set_path("free.a.b[1]", u64::MAX).unwrap();
    config.patch(&json!({"free": {"a": {"b": [7]}, "c": null}})).unwrap();
    config.set_path("free.a", "scalar").unwrap();
    config.update(|now| App { free: json!([null, {"x.y": -0.0}]), ..now.clone() }).unwrap();
    config.update(App::clone).unwrap();
    config.rollback(config.at(config.revision()).unwrap().revision()).unwrap();
    config.set_path("free", "é".repeat(5_000)).unwrap();
    let newest = config.revision().get();
    for revision in (1..=newest).rev() {
        let replayed = deck.replay_config(1, app(), Some(revision)).unwrap();
        let mut kept = config.history().into_iter().chain([config.snapshot()]);
        let kept = kept.find(|kept| kept.revision().get() == revision).unwrap();
        assert_eq!((&replayed.value, replayed.revision), (kept.value(), revision));
    }
    // And from a later one.
    let third = deck.replay_config(1, app(), Some(3)).unwrap();
    assert_eq!(deck.replay_config(3, third.value, None).unwrap().value, *config.load().value());

    let answer = deck.events().query().kind_named("flightdeck.config.published").run().unwrap();
    let event = answer.iter().next().unwrap();
    let text = |field: &str| event.field(field).unwrap().as_str().unwrap().to_owned();
    assert_eq!(
        (text("config").as_str(), text("who").as_str(), text("why").as_str()),
        ("app", "ops", "more load")
    );
    assert_eq!(event.field("changed").unwrap().as_u64(), Some(2));
    let changed = deck.events().query().kind_named("flightdeck.config.changed").run().unwrap();
    let line = changed.iter().nth(2).unwrap();
    let told: Vec<_> =
        ["path", "became", "before", "value"].map(|field| line.field(field).unwrap().to_string()).into();
    assert_eq!(told, ["free.a.b[1]", "set", "2", "18446744073709551615"]);
}

#[test]
fn secrets_are_in_no_event_and_stay_as_they_were_at_the_beginning() {
    let salt = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let secret = format!("s3cr3t{salt:x}");
    let deck = deck(app());
    let config = deck.config();
    config.set_path("password", secret.clone()).unwrap();
    let users = json!([{"name": "ann", "token": secret}, {"name": "bob", "token": secret}]);
    config.set_path("users", users).unwrap();
    config.set_path("users[0].token", format!("{secret}{secret}")).unwrap();
    config.set_path("users", json!([])).unwrap();
    config.set_path("users", json!([{"name": "eve", "token": secret}])).unwrap();
    assert!(config.set_path("users", json!([{"name": "eve", "token": [secret]}])).is_err());
    assert!(config.set_path("password", json!([secret])).is_err());
    let answer = deck.events().query().run().unwrap();
    let mut shown = format!("{answer:?} {}", answer.timeline());
    for event in answer.iter() {
        event.fields().for_each(|(name, value)| shown.push_str(&format!("{name}={value} {value:?} ")));
    }
    shown.push_str(&format!("{:?} {:?} {}", config, deck.health(), deck.status()));
    assert!(shown.contains("ann") && shown.contains("(secret)"), "it looks at what is shown: {shown}");
    assert!(!shown.contains(&secret[3..]), "{shown}");

    let replayed = deck.replay_config(1, app(), None).unwrap();
    assert_eq!(replayed.value.password, "hunter2");
    assert_eq!(replayed.value.users, [User { name: "eve".to_owned(), token: String::new() }]);
    assert_eq!(replayed.secrets, 2);
}

#[test]
fn what_is_not_all_there_is_not_replayed() {
    let deck = deck(app());
    let config = deck.config();
    config.set_path("free", 1).unwrap();
    let many = (0..300).map(|number| (format!("n{number}"), json!(number))).collect();
    config.set_path("free", Value::Object(many)).unwrap();
    // One value, as a whole: that fits.
    assert!(deck.replay_config(1, app(), None).is_ok());
    let others = (0..300).map(|number| (format!("n{number}"), json!(number + 1))).collect();
    config.set_path("free", Value::Object(others)).unwrap();
    let error = deck.replay_config(1, app(), None).unwrap_err();
    assert!(matches!(error, ReplayError::Incomplete { revision: 4, missing: 44 }), "{error}");
    assert_eq!(error.code(), "config.replay.incomplete");
    let counted = deck.telemetry().counter("flightdeck_config_changes_left_out_total").value();
    assert_eq!(counted, 44);

    // Starting from another value than it was, or later than what is asked for.
    config.set_path("free", json!({"a": {"b": 1}})).unwrap();
    config.set_path("free.a.b", 2).unwrap();
    let error = deck.replay_config(5, app(), None).unwrap_err();
    assert!(matches!(&error, ReplayError::Unfit { revision: 6, .. }), "{error}");
    assert_eq!(deck.replay_config(2, app(), Some(2)).unwrap().changed, 0);

    // What is overwritten is missed.
    let before = deck.events().stats().overwritten;
    while deck.events().stats().overwritten < before + 1_000 {
        config.set_path("free", 1).unwrap();
    }
    let error = deck.replay_config(1, app(), None).unwrap_err();
    assert!(matches!(error, ReplayError::Gap { after: 1, .. } | ReplayError::Incomplete { .. }), "{error}");
}

#[test]
fn a_config_without_paths_tells_its_revisions() {
    let deck = Flightdeck::builder().config(app()).start().unwrap();
    deck.config().update(App::clone).unwrap();
    let answer = deck.events().query().kind_named("flightdeck.config.published").run().unwrap();
    assert_eq!(answer.iter().next().unwrap().field("changed").unwrap().as_u64(), Some(0));
    let error = deck.replay_config(1, app(), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "config revision 2 cannot be replayed on this value: config has no paths: build it with `Builder::paths`"
    );
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c\"\\\\\\n]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]{1,2}|x\\.y|\"", inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_changes_are_made_again(first in tree(), patches in prop::collection::vec((tree(), any::<bool>()), 1..8)) {
        let first = App { free: first, ..app() };
        let deck = deck(first.clone());
        let mut model = vec![first.clone()];
        for (patch, replaces) in patches {
            match replaces {
                true => deck.config().set_path("free", patch).unwrap(),
                false => deck.config().patch(&json!({"free": patch})).unwrap(),
            };
            model.push(deck.config().load().value().clone());
        }
        for (value, revision) in model.iter().zip(1..) {
            let replayed = deck.replay_config(1, first.clone(), Some(revision)).unwrap();
            prop_assert_eq!((&replayed.value, replayed.revision), (value, revision));
        }
    }
}
