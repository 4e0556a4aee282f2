//! The configs in force and their last changes, from what the deck recorded of them.

use super::brief::{number, text};
use super::findings::newest_of;
use flightdeck::Ticks;
use flightdeck::events::{QueryError, Recorded, Recording};
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
    /// What has changed since the start, by path: the others have their first values.
    pub values: BTreeMap<String, String>,
}

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
    pub fn gather(recording: &Recording) -> Result<Self, QueryError> {
        let steps = steps(recording)?;
        let mut in_force: BTreeMap<String, Config> = BTreeMap::new();
        let answer = newest_of(recording, &[PUBLISHED], REVISIONS)?;
        for event in answer.iter().flat_map(|answer| answer.iter()) {
            let name = text(&event, "config");
            // The first that is met is the newest.
            in_force.entry(name.clone()).or_insert_with(|| Config {
                values: values(&steps, &name),
                name,
                revision: number(&event, "revision"),
                since: event.ticks(),
                who: text(&event, "who"),
                why: text(&event, "why"),
            });
        }
        let answer = newest_of(recording, &[PUBLISHED, REFUSED[0], REFUSED[1]], TOLD)?;
        let changes = answer.iter().flat_map(|answer| answer.iter()).map(|event| change(&event, &steps));
        Ok(Self { changes: changes.collect(), in_force: in_force.into_values().collect() })
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
