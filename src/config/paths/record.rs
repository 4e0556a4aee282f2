//! A change as it is written down elsewhere, so that it can be made again there.

use super::access::MARK;
use super::diff::each_edit;
use super::error::PathError;
use super::offered::Offered;
use super::path::Path;
use super::tree;
use crate::config::{Change, Config};
use serde_json::Value;

/// What happened at one path of a config: one step of a [`Change::steps`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChangeStep {
    /// Where.
    pub path: Path,
    /// What was there, if anything was, with marks in place of secrets.
    pub before: Option<Value>,
    /// What became of it.
    pub then: Then,
    /// Whether something secret is left out.
    pub secret: bool,
}

/// What became of what was at a path.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Then {
    /// This is there, as a whole, without what is secret in it.
    Set(Value),
    /// Nothing is there; of a list, nothing that follows either.
    Removed,
    /// It is secret, and only that it changed may be told.
    Secret,
}

impl<T: Send + Sync + 'static> Change<T> {
    /// What [`Config::with_steps`] needs to make `new` of `old`, but for secrets: what was added or is gone as a whole, and
    /// else each path whose value differs. Made anew by each call.
    ///
    /// # Errors
    /// As [`Change::diff`].
    pub fn steps(&self) -> Result<Vec<ChangeStep>, PathError> {
        let offered = Offered::of(&self.new)?;
        let (old, new) = (offered.tree(&self.old)?.full(), offered.tree(&self.new)?.full());
        let rules = offered.rules();
        let mut steps: Vec<ChangeStep> = Vec::new();
        each_edit(&mut Path::root(), Some(old), Some(new), &mut |path, old, new| {
            if rules.hides(path) {
                // Neither how often nor where below it.
                let path = rules.secret_above(path).unwrap_or_else(|| path.clone());
                if steps.last().is_none_or(|last| last.path != path) {
                    let before = Some(MARK.into());
                    steps.push(ChangeStep { path, before, then: Then::Secret, secret: true });
                }
                return;
            }
            let mut secret = false;
            let then = match new {
                Some(new) => Then::Set(rules.without_secrets(&mut path.clone(), new, &mut secret)),
                None => Then::Removed,
            };
            let before = old.map(|old| rules.redacted(path, old));
            steps.push(ChangeStep { path: path.clone(), before, then, secret });
        });
        Ok(steps)
    }
}

impl<T: Send + Sync + 'static> Config<T> {
    /// The value that steps of [changes](Change::steps) make of `value`, one after the other. Nothing is validated or
    /// published. Secrets stay as they are in `value`, and what was added with a secret inside lacks that one.
    ///
    /// # Errors
    /// If a step leads nowhere in `value`, which then is not what the changes began with; if what comes of it is no value of
    /// the type; if the config was built without paths.
    pub fn with_steps<'s>(
        &self,
        value: &T,
        steps: impl IntoIterator<Item = (&'s Path, &'s Then)>,
    ) -> Result<T, PathError> {
        let current = self.load();
        let offered = Offered::of(&current)?;
        let mut made = offered.encode(value)?;
        for (path, then) in steps {
            let leads_there = match then {
                Then::Set(value) => tree::put(&mut made, path, value.clone()),
                Then::Removed => tree::take(&mut made, path),
                Then::Secret => true,
            };
            if !leads_there {
                let open = offered.rules().redacted(&Path::root(), &made);
                let level = super::lookup::depth_in(&made, path);
                return Err(super::lookup::absent(&open, path.clone(), level, offered.rules()));
            }
        }
        offered.decode(&made)
    }
}
