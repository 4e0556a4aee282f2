//! What a config that was built with paths knows of its type: attached to it, and found again in each snapshot.

use super::access::{Pattern, Rules};
use super::diff::Diff;
use super::error::{PathError, PathSyntaxError};
use super::path::Path;
use super::{codec, lookup};
use crate::config::attached::Attached;
use crate::config::builder::Builder;
use crate::config::derived::Slot;
use crate::config::{Change, Snapshot, Validate, Violations};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;

/// What may be done with a config by paths: see [`Builder::paths`].
///
/// Everything may be read but secrets, nothing may change but what is [writable](Paths::writable). Both are named by paths
/// in which `*` stands for any one name or number, and mean all that lies below them; the empty text means everything.
///
/// This is about paths only: closures given to [`Config::update`](crate::config::Config::update) see and change the value
/// itself.
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until it is given to `Builder::paths`"]
pub struct Paths {
    writable: Vec<String>,
    secret: Vec<String>,
}

impl Paths {
    /// All may be read, and nothing may change.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, where this may change while running, with all that lies below it.
    pub fn writable(mut self, pattern: impl Into<String>) -> Self {
        self.writable.push(pattern.into());
        self
    }

    /// The same, where this is a secret, with all that lies below it: never read out, and a mark in its place in errors,
    /// diffs, history and events. A secret that is writable can be set.
    pub fn secret(mut self, pattern: impl Into<String>) -> Self {
        self.secret.push(pattern.into());
        self
    }

    fn rules(&self) -> Result<Rules, PathSyntaxError> {
        let parsed = |texts: &[String]| -> Result<Vec<_>, _> {
            texts.iter().map(|text| Pattern::parse(text)).collect()
        };
        Ok(Rules::new(parsed(&self.writable)?, parsed(&self.secret)?))
    }
}

/// Takes the values of secrets out of what speaks against a value.
pub(in crate::config) fn hide_secrets(attached: &Attached, violations: &mut Violations) {
    if let Some(rules) = attached.get::<Rules>() {
        violations.hide(|field| field.parse().map_or(rules.has_secrets(), |path| rules.hides_any_of(&path)));
    }
}

/// Attached to a config with paths.
pub(in crate::config) struct Offered<T> {
    rules: Rules,
    encode: fn(&T, &Rules) -> Result<Value, PathError>,
    decode: fn(&Path, &Value, &Rules) -> Result<T, PathError>,
    tree: Slot<Result<Tree, PathError>>,
    diff: Slot<Result<Diff, PathError>>,
}

/// The tree of a snapshot.
pub(in crate::config) struct Tree {
    full: Value,
    /// With a mark in place of each secret, where there may be some.
    open: Option<Value>,
}

impl Tree {
    /// With secrets.
    pub(in crate::config) fn full(&self) -> &Value {
        &self.full
    }

    /// With marks in place of secrets.
    pub(in crate::config) fn open(&self) -> &Value {
        self.open.as_ref().unwrap_or(&self.full)
    }
}

/// Asked for from inside of its own computation.
#[cold]
fn asked_within() -> PathError {
    PathError::NoTree { reason: Some("its own serialisation asks for it".to_owned()) }
}

impl<T: Send + Sync + 'static> Offered<T> {
    /// What the snapshot's config was built with.
    #[inline]
    pub(in crate::config) fn of(snapshot: &Snapshot<T>) -> Result<&Self, PathError> {
        snapshot.attached::<Self>().ok_or(PathError::NotOffered)
    }

    pub(in crate::config) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The tree of a snapshot, made when it is first asked for.
    #[inline]
    pub(in crate::config) fn tree<'s>(&self, snapshot: &'s Snapshot<T>) -> Result<&'s Tree, PathError> {
        let tree = snapshot.derived(self.tree, |value| {
            let full = self.encode(value)?;
            let open = self.rules.has_secrets().then(|| self.rules.redacted(&Path::root(), &full));
            Ok(Tree { full, open })
        });
        tree.map_err(|_| asked_within())?.as_ref().map_err(Clone::clone)
    }

    pub(in crate::config) fn encode(&self, value: &T) -> Result<Value, PathError> {
        (self.encode)(value, &self.rules)
    }

    /// The value of a tree.
    pub(in crate::config) fn decode(&self, tree: &Value) -> Result<T, PathError> {
        (self.decode)(&Path::root(), tree, &self.rules)
    }

    /// What differs between two snapshots.
    pub(super) fn diff(&self, old: &Snapshot<T>, new: &Snapshot<T>) -> Result<Diff, PathError> {
        Ok(Diff::of(self.tree(old)?.full(), self.tree(new)?.full(), &self.rules))
    }

    /// What a snapshot has at a path, but no secret.
    #[inline]
    pub(super) fn find<'s>(&self, snapshot: &'s Snapshot<T>, path: &str) -> Result<&'s Value, PathError> {
        lookup::find(self.tree(snapshot)?.open(), path, &self.rules)
    }
}

/// What a snapshot has at a path, as another type.
#[inline]
pub(super) fn typed<T: Send + Sync + 'static, U: DeserializeOwned>(
    snapshot: &Snapshot<T>,
    path: &str,
) -> Result<U, PathError> {
    let offered = Offered::of(snapshot)?;
    let found = offered.find(snapshot, path)?;
    if lookup::is_marked(found, path, &offered.rules) {
        return Err(PathError::Secret { path: path.parse()? });
    }
    U::deserialize(found).or_else(|_| why(offered, found, path))
}

/// Once more, to learn where it fails.
#[cold]
fn why<T: Send + Sync + 'static, U: DeserializeOwned>(
    offered: &Offered<T>,
    found: &Value,
    path: &str,
) -> Result<U, PathError> {
    codec::decode(&path.parse()?, found, &offered.rules)
}

impl<T: Validate + Send + Sync + 'static> Builder<T> {
    /// Offers paths into the config: [`Config::get`](crate::config::Config::get),
    /// [`Config::set_path`](crate::config::Config::set_path), [`Change::diff`] and others, as `paths` allows.
    ///
    /// They work on the value as serde shows it, as JSON. That tree is made once a revision, when it is first asked for, and
    /// shared. It can hold no `NaN` and no infinity (they are shown as `null`), and 128 levels at most; sets should be
    /// ordered ones, for others come back in another order and are then taken for changed.
    ///
    /// ```
    /// use flightdeck::config::{Config, Paths, Validate, Violations};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct App { limits: Limits, db: Database }
    /// #[derive(Serialize, Deserialize)]
    /// struct Limits { rate: u32 }
    /// #[derive(Serialize, Deserialize)]
    /// struct Database { host: String, password: String }
    ///
    /// impl Validate for App {
    ///     fn validate(&self, report: &mut Violations) {
    ///         report.require(self.limits.rate <= 1_000, "limits.rate", &self.limits.rate, "must be at most 1000");
    ///     }
    /// }
    ///
    /// let database = Database { host: "db1".to_owned(), password: "hunter2".to_owned() };
    /// let config = Config::builder(App { limits: Limits { rate: 10 }, db: database })
    ///     .paths(Paths::new().writable("limits.*").secret("db.password"))?
    ///     .build()?;
    ///
    /// assert_eq!(config.get::<u32>("limits.rate")?, 10);
    /// config.set_path("limits.rate", 20)?;
    /// assert_eq!(config.load().limits.rate, 20);
    /// assert_eq!(config.set_path("db.host", "db2").unwrap_err().to_string(),
    ///     "config change refused for 1 reason: config may not change `db.host` while running: \
    ///      allow it with `Paths::writable`, or start with it");
    /// assert_eq!(config.get_path("db")?.to_string(), r#"{"host":"db1","password":"(secret)"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If one of the paths is none.
    pub fn paths(self, paths: Paths) -> Result<Self, PathSyntaxError>
    where
        T: Serialize + DeserializeOwned,
    {
        let rules = paths.rules()?;
        // By themselves as well, for what does not know the type.
        Ok(self.attach(rules.clone()).attach(Offered::<T> {
            rules,
            encode: codec::encode::<T>,
            decode: codec::decode::<T>,
            tree: Slot::new(),
            diff: Slot::new(),
        }))
    }
}

#[cfg(feature = "sources")]
impl<T: Validate + Send + Sync + 'static> Builder<T> {
    /// What the config hides, these hide, and the other way around; also where it offers no paths.
    pub(in crate::config) fn share_secrets(&mut self, others: &mut Vec<Pattern>) {
        let mut rules = Rules::default();
        if let Some(of_config) = self.attached_mut::<Rules>() {
            of_config.share_secrets(others);
            rules.clone_from(of_config);
        } else if !others.is_empty() {
            rules.share_secrets(others);
            self.attach_more(rules.clone());
        }
        if let Some(offered) = self.attached_mut::<Offered<T>>() {
            offered.rules = rules;
        }
    }
}

impl<T: Send + Sync + 'static> Change<T> {
    /// What differs between `old` and `new`, with marks in place of secrets. Computed by the first who asks, shared by all
    /// others who are told of this change.
    ///
    /// # Errors
    /// If the config was built without [paths](Builder::paths), or one of the values cannot be shown as a tree.
    pub fn diff(&self) -> Result<&Diff, PathError> {
        let offered = Offered::of(&self.new)?;
        let diff = self.derived(offered.diff, |old, new| offered.diff(old, new));
        diff.map_err(|_| asked_within())?.as_ref().map_err(Clone::clone)
    }

    /// The paths whose values differ between `old` and `new`.
    ///
    /// # Errors
    /// As [`Change::diff`].
    pub fn paths(&self) -> Result<impl Iterator<Item = &Path>, PathError> {
        Ok(self.diff()?.iter().map(|changed| &changed.path))
    }
}

impl<T> fmt::Debug for Offered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offered").field("rules", &self.rules).finish_non_exhaustive()
    }
}
