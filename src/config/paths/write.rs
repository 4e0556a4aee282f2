//! Changing a config by paths.

use super::access::MARK;
use super::diff::{each_change, each_edit};
use super::error::{PatchError, PathError, Refused};
use super::lookup::{absent, depth_in};
use super::offered::Offered;
use super::path::Path;
use super::{codec, merge, tree};
use crate::config::{Config, Edit, Published, Snapshot, Validate, Violations};
use serde_json::Value;

/// How many changed paths are looked at one by one to say all that is wrong with them.
const LOOKED_AT: usize = 64;

/// By paths: for configs that were built with [them](crate::config::Builder::paths).
impl<T: Validate + Send + Sync + 'static> Config<T> {
    /// Publishes what the current value is with `value` at `path`: what is there is replaced as a whole. A list may grow by
    /// one, a map by one entry; whatever lies above must be there.
    ///
    /// The new value is validated as a whole, as in [`Config::update`]; one revision comes of it.
    ///
    /// # Errors
    /// [`PatchError::Refused`] with everything that speaks against it, path by path: there is no such path, what would
    /// change [may not](crate::config::Paths::writable), the value does not fit the type. [`PatchError::Update`] as
    /// [`Config::update`] fails. Nothing changed then.
    ///
    /// # Panics
    /// If `validate`, `Serialize` or `Deserialize` of the value does. Nothing changed then.
    pub fn set_path(&self, path: &str, value: impl Into<Value>) -> Result<Published, PatchError<T>> {
        self.edit().set_path(path, value)
    }

    /// Publishes what a JSON Merge Patch (RFC 7396) makes of the current value: all that it says, or nothing of it.
    ///
    /// What the patch names is set, what it does not name stays, and `null` removes: what is then missing has its default,
    /// if its type has one. Lists are replaced as a whole. What the value would not keep is refused, so a misspelt name is
    /// an error. A secret that is given as the mark that [`Config::get_path`] shows for it stays as it is, but not within
    /// lists.
    ///
    /// ```
    /// # use flightdeck::config::{Config, Paths, Validate, Violations};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct App { rate: u32, burst: u32, name: String }
    /// # impl Validate for App { fn validate(&self, _: &mut Violations) {} }
    /// # let config = Config::builder(App { rate: 10, burst: 1, name: "a".to_owned() })
    /// #     .paths(Paths::new().writable("rate").writable("burst"))?.build()?;
    /// use serde_json::json;
    /// let published = config.patch(&json!({"rate": 20, "burst": 5}))?;
    /// assert_eq!(published.revision().get(), 2);
    /// let refused = config.patch(&json!({"rate": -1, "name": "b"})).unwrap_err();
    /// assert_eq!(refused.to_string(), "config change refused for 2 reasons: \
    ///      config may not change `name` while running: allow it with `Paths::writable`, or start with it; \
    ///      config has integer `-1` at `rate`, out of the range of u32");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Config::set_path`].
    ///
    /// # Panics
    /// As [`Config::set_path`].
    pub fn patch(&self, patch: &Value) -> Result<Published, PatchError<T>> {
        self.edit().patch(patch)
    }
}

/// By paths: for configs that were built with [them](crate::config::Builder::paths).
impl<T: Validate + Send + Sync + 'static> Edit<'_, T> {
    /// As [`Config::set_path`], on these terms.
    ///
    /// # Errors
    /// As [`Config::set_path`], and a [conflict](crate::config::UpdateError::Conflict) if another revision than the expected
    /// one is current.
    ///
    /// # Panics
    /// As [`Config::set_path`].
    pub fn set_path(&self, path: &str, value: impl Into<Value>) -> Result<Published, PatchError<T>> {
        self.change(|full, open, offered| {
            let path: Path = path.parse()?;
            let value = value.into();
            codec::shallow(&value)?;
            let mut changed = full.clone();
            if !tree::put(&mut changed, &path, value) {
                let level = depth_in(full, &path);
                return Err(absent(open, path, level, offered.rules()));
            }
            Ok((changed, vec![path]))
        })
    }

    /// As [`Config::patch`], on these terms.
    ///
    /// # Errors
    /// As [`Edit::set_path`].
    ///
    /// # Panics
    /// As [`Config::set_path`].
    pub fn patch(&self, patch: &Value) -> Result<Published, PatchError<T>> {
        self.change(|full, _, _| {
            codec::shallow(patch)?;
            let mut changed = full.clone();
            merge::patch(&mut changed, patch);
            let mut named = Vec::new();
            tree::each_leaf(&mut Path::root(), patch, &mut |path, leaf| {
                if !leaf.is_null() {
                    named.push(path.clone());
                }
            });
            Ok((changed, named))
        })
    }

    /// Publishes what `make` makes of the tree, which comes with and without secrets; beside it, `make` says which paths it
    /// has put there.
    fn change(
        &self,
        make: impl FnOnce(&Value, &Value, &Offered<T>) -> Result<(Value, Vec<Path>), PathError>,
    ) -> Result<Published, PatchError<T>> {
        let turn = self.begin()?;
        match changed(turn.current(), make) {
            Ok(value) => Ok(turn.publish(value)?),
            Err(refused) => {
                let mut violations = Violations::default();
                for reason in refused.reasons() {
                    let field = reason.path().map(Path::to_string);
                    violations.reject_secret(field.as_deref().unwrap_or_default(), reason.to_string());
                }
                turn.refuse(&refused, &violations);
                Err(refused.into())
            }
        }
    }
}

/// The value that a change makes of the current one.
fn changed<T: Send + Sync + 'static>(
    current: &Snapshot<T>,
    make: impl FnOnce(&Value, &Value, &Offered<T>) -> Result<(Value, Vec<Path>), PathError>,
) -> Result<T, Refused> {
    let offered = Offered::of(current)?;
    let was = offered.tree(current)?;
    let (mut changed, named) = make(was.full(), was.open(), offered)?;
    codec::shallow(&changed)?;
    let mut reasons = kept_secrets(&mut changed, was.full(), offered);
    match offered.decode(&changed) {
        Err(error) => {
            each_forbidden(was.full(), &changed, offered, &mut reasons);
            each_unfit(was.full(), &changed, offered, error, &mut reasons);
            Err(Refused::new(reasons))
        }
        Ok(value) => {
            // What counts is what the type made of it.
            let kept = offered.encode(&value)?;
            each_ignored(was.full(), &kept, &named, offered, &mut reasons);
            each_forbidden(was.full(), &kept, offered, &mut reasons);
            if reasons.is_empty() { Ok(value) } else { Err(Refused::new(reasons)) }
        }
    }
}

/// Puts secrets back where their mark stands. In a list nobody knows which element's secret it would be.
fn kept_secrets<T: Send + Sync + 'static>(
    changed: &mut Value,
    was: &Value,
    offered: &Offered<T>,
) -> Vec<PathError> {
    let mut marked = Vec::new();
    if offered.rules().has_secrets() {
        tree::each_leaf(&mut Path::root(), changed, &mut |path, leaf| {
            if leaf == MARK && offered.rules().hides(path) {
                marked.push(path.clone());
            }
        });
    }
    let mut refused = Vec::new();
    for path in marked {
        match tree::at(was, &path) {
            Some(secret) if secret == MARK => {}
            Some(secret) if !tree::leads_through_list(was, &path) => {
                tree::put(changed, &path, secret.clone());
            }
            _ => refused.push(PathError::UnknownMark { path }),
        }
    }
    refused
}

/// What would change and may not.
fn each_forbidden<T: Send + Sync + 'static>(
    was: &Value,
    will_be: &Value,
    offered: &Offered<T>,
    reasons: &mut Vec<PathError>,
) {
    let rules = offered.rules();
    let mut refuse = |path: &Path| {
        let path = rules.secret_above(path).unwrap_or_else(|| path.clone());
        let refusal = PathError::NotWritable { path };
        if reasons.last() != Some(&refusal) {
            reasons.push(refusal);
        }
    };
    each_edit(&mut Path::root(), Some(was), Some(will_be), &mut |path, old, new| {
        if rules.allows(path) {
            return;
        }
        let mut is_named = false;
        if let (Some(whole), None) | (None, Some(whole)) = (old, new) {
            tree::each_leaf(&mut path.clone(), whole, &mut |path, _| {
                if !rules.allows(path) {
                    is_named = true;
                    refuse(path);
                }
            });
        }
        // That all of its content may change does not let the whole of it come or go.
        if !is_named {
            refuse(path);
        }
    });
}

/// What was put there and the value does not keep.
fn each_ignored<T: Send + Sync + 'static>(
    was: &Value,
    kept: &Value,
    named: &[Path],
    offered: &Offered<T>,
    reasons: &mut Vec<PathError>,
) {
    let mut asked = 0;
    for path in named {
        let level = depth_in(kept, path);
        let leads_on = |value: &Value| value.is_object() || value.is_array();
        // Below a type that shows itself as a text or a number, there is nothing to look for.
        if level < path.segments().len() && tree::at(kept, &path.first(level)).is_some_and(leads_on) {
            asked += 1;
            // What is not shown as long as it is empty was emptied.
            if asked > LOOKED_AT || !is_known(was, path, offered) {
                reasons.push(absent(kept, path.clone(), level, offered.rules()));
            }
        }
    }
}

/// Whether the type has anything at the path, although it does not show it: not everything fits there, or it is shown.
fn is_known<T: Send + Sync + 'static>(was: &Value, path: &Path, offered: &Offered<T>) -> bool {
    let probes = [Value::Bool(true), Value::Array(vec![Value::Bool(true)])];
    probes.into_iter().any(|probe| {
        let mut tree = was.clone();
        let tried = tree::put(&mut tree, path, probe).then(|| offered.decode(&tree));
        match tried {
            None => false,
            Some(Err(_)) => true,
            Some(Ok(value)) => offered.encode(&value).is_ok_and(|kept| tree::at(&kept, path).is_some()),
        }
    })
}

/// Which of the changes do not fit their types: each is tried alone. Where none is wrong alone, `overall` is what is said.
fn each_unfit<T: Send + Sync + 'static>(
    was: &Value,
    changed: &Value,
    offered: &Offered<T>,
    overall: PathError,
    reasons: &mut Vec<PathError>,
) {
    let mut alone = Vec::new();
    each_change(&mut Path::root(), Some(was), Some(changed), &mut |path, _, new| {
        if let Some(new) = new
            && alone.len() < LOOKED_AT
        {
            alone.push((path.clone(), new.clone()));
        }
    });
    let before = reasons.len();
    for (path, new) in alone {
        let mut tree = was.clone();
        if tree::put(&mut tree, &path, new)
            && let Err(error) = offered.decode(&tree)
            && !reasons.contains(&error)
        {
            reasons.push(error);
        }
    }
    if reasons.len() == before {
        reasons.push(overall);
    }
}
