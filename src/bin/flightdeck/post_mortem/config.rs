//! The configs in force and their last changes: whole from what the file keeps of them, as far as that goes, and from what the
//! deck recorded of them.

use super::brief::{number, text};
use super::findings::newest_of;
use super::stood::Stood;
use crate::shown::unix_ns;
use flightdeck::events::{QueryError, Recorded, Recording};
use flightdeck::{RecordedRevision, RecordedValue, Ticks};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// How many changes of paths, and how many revisions, are looked at, the newest.
const PATHS: usize = 10_000;
const REVISIONS: usize = 1_000;
/// How many of the last changes are told.
const TOLD: usize = 5;

/// What is known of them.
pub struct Configs {
    /// By name.
    pub in_force: Vec<Config>,
    /// The newest first.
    pub changes: Vec<Change>,
}

/// A config, as it was last.
pub struct Config {
    pub name: String,
    pub revision: u64,
    pub since: Ticks,
    pub who: String,
    pub why: String,
    /// By path.
    pub values: BTreeMap<String, String>,
    /// Whether those are all, secrets marked; else only what has changed since the start: the others have their first values.
    pub is_whole: bool,
}

impl Config {
    /// Whether it is the deck's own, as it was built: no host's config.
    pub fn is_built_in(&self) -> bool {
        self.name == SETTINGS && self.revision == 1
    }
}

/// The name of the deck's own.
const SETTINGS: &str = "flightdeck";

/// What happened to a config.
pub struct Change {
    pub at: Ticks,
    pub config: String,
    pub what: What,
}

pub enum What {
    Published {
        revision: u64,
        who: String,
        steps: Vec<Step>,
    },
    /// A value that was refused, or a source that could not be read.
    Refused {
        why: String,
    },
}

/// One path of a change.
#[derive(Clone)]
pub struct Step {
    pub path: String,
    pub before: String,
    pub then: String,
}

/// Of one path in one revision, parts of its value by number.
type Parts = BTreeMap<u64, String>;

const PUBLISHED: &str = "flightdeck.config.published";
const CHANGED: &str = "flightdeck.config.changed";
const REFUSED: [&str; 2] = ["flightdeck.config.rejected", "flightdeck.config.sources_refused"];

impl Configs {
    pub fn gather(recording: &Recording, stood: &Stood) -> Result<Self, QueryError> {
        let revisions = stood.configs.as_ref().map_or(&[][..], |kept| &kept.what);
        let converter = recording.converter();
        let at = |revision: &RecordedRevision| converter.ticks_at_unix_ns(unix_ns(revision.since));
        let steps = steps(recording)?;
        let mut in_force: BTreeMap<String, Config> = BTreeMap::new();
        let answer = newest_of(recording, &[PUBLISHED], REVISIONS)?;
        for event in answer.iter().flat_map(|answer| answer.iter()) {
            let name = text(&event, "config");
            // The first that is met is the newest.
            in_force.entry(name.clone()).or_insert_with(|| Config {
                values: values(&steps, &name),
                is_whole: false,
                name,
                revision: number(&event, "revision"),
                since: event.ticks(),
                who: text(&event, "who"),
                why: text(&event, "why"),
            });
        }
        let answer = newest_of(recording, &[PUBLISHED, REFUSED[0], REFUSED[1]], TOLD)?;
        let mut changes: Vec<_> =
            answer.iter().flat_map(|answer| answer.iter()).map(|event| change(&event, &steps)).collect();
        for revision in revisions {
            let (name, number) = (&*revision.config, revision.number);
            if revision.is_in_force && in_force.get(name).is_none_or(|known| known.revision <= number) {
                in_force.insert(name.to_owned(), kept(revision, at(revision), &steps));
            }
            // The first was no change; what was overwritten or pruned since is told without its steps.
            if number > 1 && !changes.iter().any(|change| change.is(name, number)) {
                let (who, steps) = (revision.who.to_string(), Vec::new());
                let what = What::Published { revision: number, who, steps };
                changes.push(Change { at: at(revision), config: name.to_owned(), what });
            }
        }
        changes.sort_by_key(|change| std::cmp::Reverse(change.at));
        changes.truncate(TOLD);
        Ok(Self { changes, in_force: in_force.into_values().collect() })
    }
}

impl Change {
    fn is(&self, name: &str, number: u64) -> bool {
        matches!(self.what, What::Published { revision, .. } if revision == number && self.config == name)
    }
}

/// A config in force, as the file keeps it.
fn kept(revision: &RecordedRevision, since: Ticks, steps: &Steps) -> Config {
    let whole = match &revision.value {
        RecordedValue::Json(text) => serde_json::from_str::<Json>(text).ok().map(|value| {
            let mut values = BTreeMap::new();
            flatten(String::new(), &value, &mut values);
            values
        }),
        _ => None,
    };
    Config {
        is_whole: whole.is_some(),
        values: whole.unwrap_or_else(|| values(steps, &revision.config)),
        name: revision.config.to_string(),
        revision: revision.number,
        since,
        who: revision.who.to_string(),
        why: revision.why.as_deref().unwrap_or_default().to_owned(),
    }
}

/// Each value below by its path, written as events of changes write them. A file can nest no deeper than its parser allows.
fn flatten(path: String, value: &Json, into: &mut BTreeMap<String, String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Json::Object(parts) if !parts.is_empty() => {
            parts.iter().for_each(|(name, value)| flatten(below(name), value, into));
        }
        value => _ = into.insert(path, value.to_string()),
    }
}

/// By config and revision.
type Steps = BTreeMap<(String, u64), Vec<Step>>;

fn steps(recording: &Recording) -> Result<Steps, QueryError> {
    let mut parts: BTreeMap<(String, u64, String), (String, Parts)> = BTreeMap::new();
    let answer = newest_of(recording, &[CHANGED], PATHS)?;
    for event in answer.iter().flat_map(|answer| answer.iter()) {
        let then = match &*text(&event, "became") {
            "removed" => "(removed)".to_owned(),
            "secret" => "(secret)".to_owned(),
            _ => text(&event, "value"),
        };
        let key = (text(&event, "config"), number(&event, "revision"), text(&event, "path"));
        let (_, parts) = parts.entry(key).or_insert_with(|| (text(&event, "before"), Parts::new()));
        parts.insert(number(&event, "part"), then);
    }
    let mut steps = Steps::new();
    for ((config, revision, path), (before, parts)) in parts {
        let then = parts.into_values().collect();
        steps.entry((config, revision)).or_default().push(Step { path, before, then });
    }
    Ok(steps)
}

/// What the changes of a config, from the oldest on, come to.
fn values(steps: &Steps, config: &str) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for step in steps.iter().filter(|((of, _), _)| of == config).flat_map(|(_, steps)| steps) {
        let below = |path: &str| {
            path.strip_prefix(step.path.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        values.retain(|path, _| !below(path));
        values.insert(step.path.clone(), step.then.clone());
    }
    values
}

fn change(event: &Recorded<'_>, steps: &Steps) -> Change {
    let (at, config) = (event.ticks(), text(event, "config"));
    let what = if event.kind() == PUBLISHED {
        let revision = number(event, "revision");
        let steps = steps.get(&(config.clone(), revision)).cloned().unwrap_or_default();
        What::Published { revision, who: text(event, "who"), steps }
    } else {
        What::Refused { why: text(event, "first") }
    };
    Change { at, config, what }
}
