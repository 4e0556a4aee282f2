//! Changes of config by path, as events; and a config made again from them.

use super::Flightdeck;
use super::journal::ConfigPublished;
use crate::config::{Change, ChangeStep, Path, PathError, Then};
use crate::error::{Diagnostic, Retry, Severity};
use crate::events::{Events, QueryError, Recorded};
use thiserror::Error;

crate::kind! {
    pub(super) ConfigChanged("flightdeck.config.changed", class = Critical) {
        config: str, revision: u64, path: str, became: str, value: str, before: str, part: u64, parts: u64,
    }
}

/// How many events a change has at most, beside the one of its revision.
const MOST: usize = 256;
/// How long a part of a value is at most, in bytes.
const PART: usize = 1_024;
/// How much is told of what was there before, in bytes.
const BEFORE: usize = 128;

/// What it is called above.
const CHANGED: &str = "flightdeck.config.changed";
const SET: &str = "set";
const REMOVED: &str = "removed";
const SECRET: &str = "secret";

/// Writes down what changed: how many paths, and how many of them were left out, being too many or too long.
pub(super) fn write<C: Send + Sync + 'static>(
    events: &Events,
    config: &str,
    change: &Change<C>,
) -> (u64, u64) {
    // Of a config without paths nothing is known.
    let Ok(steps) = change.steps() else { return (0, 0) };
    let (mut room, mut left_out) = (MOST, 0);
    for step in &steps {
        match write_step(events, config, change.revision().get(), step, room) {
            Some(written) => room -= written,
            None => left_out += 1,
        }
    }
    (steps.len() as u64, left_out)
}

/// Writes down one of them: in how many events, if there is room for as many.
fn write_step(events: &Events, config: &str, revision: u64, step: &ChangeStep, room: usize) -> Option<usize> {
    let path = step.path.to_string();
    let before = step.before.as_ref().map(ToString::to_string).unwrap_or_default();
    let before = first(&before, BEFORE);
    let (became, value) = match &step.then {
        Then::Set(value) => (SET, value.to_string()),
        Then::Removed => (REMOVED, String::new()),
        Then::Secret => (SECRET, String::new()),
    };
    let mut parts = Vec::new();
    let mut rest = value.as_str();
    while parts.is_empty() || !rest.is_empty() {
        let part = first(rest, PART);
        parts.push(part);
        rest = &rest[part.len()..];
    }
    if parts.len() > room || path.len() > Path::LONGEST_TEXT || step.path.segments().len() > Path::DEEPEST {
        return None;
    }
    for (value, part) in parts.iter().zip(1..) {
        let parts = parts.len() as u64;
        events.record(ConfigChanged { config, revision, path: &path, became, value, before, part, parts });
    }
    Some(parts.len())
}

/// As many bytes of a text, or a few less, so that no character is cut.
fn first(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A config made again from its events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed<C> {
    /// What it was.
    pub value: C,
    /// Which revision that was.
    pub revision: u64,
    /// How many paths changed until then.
    pub changed: u64,
    /// In how many of them something secret did, which is not in the events.
    pub secrets: u64,
}

/// Why a config was not made again from its events.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The events cannot be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The events of a change are not all there.
    #[error(
        "config revision {revision} cannot be replayed, {missing} of its changes are not in the events: \
         start from a later value, or keep more events of class critical"
    )]
    Incomplete {
        /// The change.
        revision: u64,
        /// How many paths that it changed are not there.
        missing: u64,
    },
    /// The events of whole revisions are not there.
    #[error(
        "config changes between revision {after} and {before} cannot be replayed, their events are gone: \
         start from a later value, or keep more events of class critical"
    )]
    Gap {
        /// The last that is known.
        after: u64,
        /// The next one that is there was made from this.
        before: u64,
    },
    /// A change does not fit the value that it is to change.
    #[error("config revision {revision} cannot be replayed on this value: {reason}")]
    Unfit {
        /// The change.
        revision: u64,
        /// Why not.
        reason: PathError,
    },
}

impl Diagnostic for ReplayError {
    fn code(&self) -> &'static str {
        match self {
            Self::Query(error) => error.code(),
            Self::Incomplete { .. } => "config.replay.incomplete",
            Self::Gap { .. } => "config.replay.gap",
            Self::Unfit { .. } => "config.replay.unfit",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// One path that changed, as far as its parts were read.
struct Step {
    path: Path,
    then: Then,
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// Makes the config again from the events of its changes: `value`, which it was at revision `from` (the first is 1),
    /// and then change by change up to revision `until`, or to the newest that is recorded.
    ///
    /// Secrets are in no event: they stay as `value` has them. Of a config without paths ([`config::Builder::paths`]) events
    /// tell revisions alone. Reads all events of changes: not for hot paths.
    ///
    /// ```
    /// # use flightdeck::config::{Validate, Violations};
    /// # #[derive(serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
    /// # struct App { rate: u32 }
    /// # impl Validate for App { fn validate(&self, _: &mut Violations) {} }
    /// use flightdeck::Flightdeck;
    /// use flightdeck::config::{Config, Paths};
    /// let first = App { rate: 10 };
    /// let config = Config::builder(first.clone()).paths(Paths::new().writable("rate"))?.build()?;
    /// let deck = Flightdeck::builder().config_built(config).start()?;
    /// deck.config().by("ops").because("more load").set_path("rate", 20)?;
    /// deck.config().set_path("rate", 30)?;
    /// assert_eq!(deck.replay_config(1, first.clone(), Some(2))?.value, App { rate: 20 });
    /// assert_eq!(deck.replay_config(1, first, None)?.value, App { rate: 30 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`config::Builder::paths`]: crate::config::Builder::paths
    ///
    /// # Errors
    /// If events are gone, or were left out when they were written; if `value` is not what the changes began with.
    pub fn replay_config(&self, from: u64, value: C, until: Option<u64>) -> Result<Replayed<C>, ReplayError> {
        let config = self.config();
        let name = config.name();
        let answer = self.events().query().kind::<ConfigPublished<'_>>().kind::<ConfigChanged<'_>>().run()?;
        let mut replayed = Replayed { value, revision: from, changed: 0, secrets: 0 };
        let (mut steps, mut text) = (Vec::new(), String::new());
        for event in answer.iter().filter(|event| text_of(event, "config") == name) {
            if event.kind() == CHANGED {
                steps.extend(read_part(&event, &mut text));
                continue;
            }
            let (revision, since) = (number(&event, "revision"), number(&event, "since"));
            if until.is_some_and(|until| revision > until) {
                break;
            }
            if revision <= from {
                steps.clear();
                continue;
            }
            if since != replayed.revision {
                return Err(ReplayError::Gap { after: replayed.revision, before: since });
            }
            let missing = number(&event, "changed").saturating_sub(steps.len() as u64);
            if missing > 0 {
                return Err(ReplayError::Incomplete { revision, missing });
            }
            let changed = steps.iter().map(|step: &Step| (&step.path, &step.then));
            replayed.value = config
                .with_steps(&replayed.value, changed)
                .map_err(|reason| ReplayError::Unfit { revision, reason })?;
            replayed.revision = revision;
            replayed.changed += steps.len() as u64;
            replayed.secrets += steps.iter().filter(|step| step.then == Then::Secret).count() as u64;
            steps.clear();
        }
        Ok(replayed)
    }
}

/// What the event tells; of a value in parts, with the last of them.
fn read_part(event: &Recorded<'_>, text: &mut String) -> Option<Step> {
    if number(event, "part") == 1 {
        text.clear();
    }
    text.push_str(text_of(event, "value"));
    if number(event, "part") != number(event, "parts") {
        return None;
    }
    let then = match text_of(event, "became") {
        REMOVED => Then::Removed,
        SECRET => Then::Secret,
        // What is not whole is no JSON, and then missing.
        _ => Then::Set(serde_json::from_str(text).ok()?),
    };
    Some(Step { path: text_of(event, "path").parse().ok()?, then })
}

fn number(event: &Recorded<'_>, field: &str) -> u64 {
    event.field(field).and_then(|value| value.as_u64()).unwrap_or_default()
}

fn text_of<'e>(event: &Recorded<'e>, field: &str) -> &'e str {
    event.field(field).and_then(|value| value.as_str()).unwrap_or_default()
}
