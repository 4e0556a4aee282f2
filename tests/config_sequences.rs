//! Whatever is done to a config, in whatever order and by whichever way: it stays valid, what is refused changes nothing, and each
//! success is one revision that everybody is told of once.

use flightdeck::config::{Config, Paths, SourcedConfig, Sources, Validate, Violations};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::mpsc::channel;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct App {
    a: u32,
    b: Inner,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Inner {
    c: u32,
    fixed: u32,
}

impl App {
    fn is_valid(&self) -> bool {
        self.a + self.b.c <= 1_000
    }
}

impl Validate for App {
    fn validate(&self, report: &mut Violations) {
        report.require(self.is_valid(), "a", &self.a, "must be at most 1000 with b.c");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Update(u32),
    Patch(Value),
    Set(&'static str, Value),
    Override(&'static str, Value),
    Reset(&'static str),
    ResetAll,
    EditFile(String),
    Rollback(usize),
    Subscribe,
    Unsubscribe,
}

fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["a", "b.c", "b", "b.fixed", "b.none", "a.c"])
}

fn value() -> impl Strategy<Value = Value> {
    // Two in three are valid by themselves; some are of another type.
    prop_oneof![8 => (0_u32..1_500).prop_map(Value::from), 1 => Just(json!("text")), 1 => Just(Value::Null),
        1 => (0_u32..900).prop_map(|c| json!({ "c": c, "fixed": 0 }))]
}

fn step() -> impl Strategy<Value = Step> {
    let patch = (prop::option::of(value()), prop::option::of(value())).prop_map(|(a, c)| {
        let inner = c.map(|c| json!({ "c": c }));
        let parts = [a.map(|a| ("a".to_owned(), a)), inner.map(|inner| ("b".to_owned(), inner))];
        Value::Object(parts.into_iter().flatten().collect())
    });
    let file = prop_oneof![
        4 => (0_u32..1_200).prop_map(|a| format!("a = {a}\n")),
        2 => (0_u32..1_200).prop_map(|c| format!("[b]\nc = {c}\n")),
        1 => Just("a = \n".to_owned()),
        1 => Just("other = 1\n".to_owned()),
    ];
    prop_oneof![
        (0_u32..1_500).prop_map(Step::Update),
        patch.prop_map(Step::Patch),
        (path(), value()).prop_map(|(path, value)| Step::Set(path, value)),
        (path(), value()).prop_map(|(path, value)| Step::Override(path, value)),
        path().prop_map(Step::Reset),
        Just(Step::ResetAll),
        file.prop_map(Step::EditFile),
        (0_usize..30).prop_map(Step::Rollback),
        Just(Step::Subscribe),
        Just(Step::Unsubscribe),
    ]
}

/// A file that is there for one case.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        let name =
            format!("flightdeck-sequences-{}-{:?}.toml", std::process::id(), std::thread::current().id());
        let file = Self(std::env::temp_dir().join(name));
        file.write("a = 1\n");
        file
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What of it succeeded with a change; none if it was refused.
fn take(step: &Step, app: &SourcedConfig<App>, file: &File, revisions: &[App]) -> Option<bool> {
    let config: &Config<App> = app.config();
    match step {
        Step::Update(a) => config.update(|now| App { a: *a, ..now.clone() }).ok().map(|_| true),
        Step::Patch(patch) => config.patch(patch).ok().map(|_| true),
        Step::Set(path, value) => config.set_path(path, value.clone()).ok().map(|_| true),
        Step::Override(path, value) => {
            app.override_path(path, value.clone()).ok().map(|done| !done.changed.is_empty())
        }
        Step::Reset(path) => app.reset(path).ok().map(|done| !done.changed.is_empty()),
        Step::ResetAll => app.reset_all().ok().map(|done| !done.changed.is_empty()),
        Step::EditFile(text) => {
            file.write(text);
            app.reload().ok().map(|done| !done.changed.is_empty())
        }
        Step::Rollback(back) => {
            let to = config.history().into_iter().map(|kept| kept.revision()).rev().nth(*back)?;
            let done = config.rollback(to).ok()?;
            assert_eq!(*config.load().value(), revisions[to.get() as usize - 1]);
            assert_eq!(done.revision(), config.revision());
            Some(true)
        }
        Step::Subscribe | Step::Unsubscribe => Some(false),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_sequence_by_any_way_keeps_the_config_valid_and_tells_once_per_success(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let file = File::new();
        let paths = Paths::new().writable("a").writable("b.c").writable("b.none");
        let app: SourcedConfig<App> = Sources::new("SEQUENCES")
            .file(&file.0)
            .build_with(&App::default(), |builder| builder.history(8).paths(paths).unwrap())
            .unwrap();
        let config = app.config();
        let mut revisions = vec![config.load().value().clone()];
        let (sender, told) = channel();
        let mut subscriptions = Vec::new();
        for step in steps {
            let before = revisions.last().unwrap().clone();
            match &step {
                Step::Subscribe => {
                    let (sender, number) = (sender.clone(), subscriptions.len());
                    let tell = move |change: &flightdeck::config::Change<App>| {
                        let (old, new) = (change.old.value().clone(), change.new.value().clone());
                        sender.send((number, change.revision().get() as usize, old, new)).unwrap();
                    };
                    subscriptions.push((Some(config.subscribe(tell)), revisions.len(), usize::MAX));
                }
                Step::Unsubscribe => {
                    if let Some(last) = subscriptions.iter_mut().rev().find(|last| last.0.is_some()) {
                        drop(last.0.take());
                        last.2 = revisions.len();
                    }
                }
                _ => {}
            }
            let done = take(&step, &app, &file, &revisions);
            let now = config.load();
            prop_assert!(now.is_valid(), "{:?}", step);
            if done == Some(true) {
                revisions.push(now.value().clone());
            } else {
                prop_assert_eq!(now.value(), &before, "{:?}", &step);
            }
            prop_assert_eq!(now.revision().get() as usize, revisions.len(), "{:?}: {:?}", step, done);
            if let (Step::Patch(_) | Step::Set(..), Some(true)) = (&step, done) {
                prop_assert_eq!(now.b.fixed, before.b.fixed, "it may not change while running");
            }
        }
        let told: Vec<_> = told.try_iter().collect();
        for (number, (_, from, until)) in subscriptions.iter().enumerate() {
            let heard = told.iter().filter(|told| told.0 == number).map(|told| (told.1, &told.2, &told.3));
            let expected = (from + 1..=revisions.len().min(*until))
                .map(|revision| (revision, &revisions[revision - 2], &revisions[revision - 1]));
            prop_assert!(heard.eq(expected));
        }
    }
}
