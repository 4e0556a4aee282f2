//! A config together with where its values come from.

use super::builder::Plan;
use super::decode::{decode, encode};
use super::environment::Variables;
use super::file::Found;
use super::judge::{Judged, judge, violations};
use super::layers::{Difference, differences, get, leaves, remove, set};
use super::origin::Origin;
use super::pattern::Patterns;
use super::place::{Place, before_lists, joined};
use super::problem::{LoadError, Problem};
use super::redact;
use super::report::{FileStatus, Reloaded, Said, SourceNotice, SourcesStatus, Why};
use super::stack::{FileLayer, Overrides, Stack};
use super::unknown::strangers;
use crate::config::occupant::Occupant;
use crate::config::paths::tree::put;
use crate::config::{Builder, Cause, Config, Rejected, UpdateError, Validate};
use crate::contain::contain;
use crate::sync::{Arc, Mutex};
use crate::{Diagnostic, Retry, Revision};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Instant;

/// A config whose values come from [`Sources`](super::Sources). Cheap to clone; clones are the same.
///
/// Whatever changes it goes through the config's own update: validated as a whole, one revision, told to subscribers. What is changed
/// through [`config`](SourcedConfig::config) is taken for a run-time override, as what [`override_path`](SourcedConfig::override_path)
/// sets: a reload leaves it in force, until it is [reset](SourcedConfig::reset).
///
/// Only what the config's value serialises can be told apart: a field that is not serialised follows the sources, but a change of
/// it alone is none. An enum with fields is a section like others, so layers that choose different variants of one
/// contradict each other, unless it is internally tagged.
pub struct SourcedConfig<T> {
    pub(super) inner: Arc<Inner<T>>,
}

type Observer = dyn Fn(&SourceNotice<'_>) + Send + Sync;

pub(super) struct Inner<T> {
    pub(super) config: Config<T>,
    pub(super) plan: Plan,
    prints: ahash::RandomState,
    /// One reload, override or reset at a time.
    turn: Mutex<()>,
    inside: Occupant,
    state: Mutex<State>,
    observer: Mutex<Option<Arc<Observer>>>,
}

struct State {
    stack: Stack,
    /// What was published last, and its revision: whatever is another one since was changed while running.
    tree: Arc<Value>,
    revision: Revision,
    /// What each file was found to be last, taken or not.
    seen: Vec<super::file::Print>,
    failed: Option<(Arc<LoadError>, Instant)>,
    needs_restart: Vec<String>,
    unknown: Vec<Problem>,
    /// Of which files it was told that they are stale.
    told_stale: Vec<bool>,
    reloads: u64,
    refusals: u64,
}

impl<T> SourcedConfig<T>
where
    T: Serialize + DeserializeOwned + Validate + Send + Sync + 'static,
{
    pub(super) fn start(
        mut plan: Plan,
        defaults: &T,
        set: impl FnOnce(Builder<T>) -> Builder<T>,
    ) -> Result<Self, LoadError> {
        let prints = ahash::RandomState::new();
        let defaults = Arc::new(encode(defaults)?);
        let found = plan.files.iter().map(|file| file.find(plan.longest, &prints)).collect();
        let (mut stack, seen) = read(&plan, &defaults, found, Overrides::new());
        let mut stack = stack.as_mut().map_err(|problems| LoadError::new(std::mem::take(problems)))?.clone();
        let Judged { value, tree, unknown, .. } = judge::<T>(&plan, &mut stack).map_err(LoadError::new)?;
        let builder = Config::builder(value).caused(Cause::this_thread().because("sources read"));
        let mut builder = set(builder);
        builder.share_secrets(plan.secrets.all_mut());
        let refused =
            |rejected: Rejected<T>| LoadError::new(violations(&plan, &stack, rejected.violations()));
        let config = builder.build().map_err(refused)?;
        let told_stale = vec![false; plan.files.len()];
        let state = State {
            stack,
            tree: Arc::new(tree),
            revision: config.revision(),
            seen,
            failed: None,
            needs_restart: Vec::new(),
            unknown,
            told_stale,
            reloads: 0,
            refusals: 0,
        };
        let (turn, inside, state) = (Mutex::new(()), Occupant::none(), Mutex::new(state));
        let inner = Inner { config, plan, prints, turn, inside, state, observer: Mutex::new(None) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The config itself.
    #[must_use]
    pub fn config(&self) -> &Config<T> {
        &self.inner.config
    }

    /// Reads all sources again, and publishes what they come to, if that is another value than the one in force. All or nothing: if
    /// one of them cannot be read, or what they come to is not valid, everything stays as it is, and
    /// [`status`](SourcedConfig::status) says why until a later reload succeeds. Reads files; not for hot paths.
    ///
    /// # Errors
    /// Everything that speaks against what the sources say.
    ///
    /// # Panics
    /// If code of the config does: the way it is deserialised, or its rules. Nothing changed then.
    pub fn reload(&self) -> Result<Reloaded, LoadError> {
        self.inner.reload_all()
    }

    /// Sets what is at a path, above all sources, and publishes it: in force through reloads, until it is reset, and gone at a restart. A
    /// section is replaced as a whole. Of a list, an element may be set, or one more: the override is that of the list then.
    /// Not bound by [`Paths::writable`](crate::config::Paths::writable), which is about the paths of the config itself; fields that
    /// need a restart are refused here.
    ///
    /// # Errors
    /// Everything that speaks against it: [`Problem::Path`] if it is none or leads through a value that is no section,
    /// [`Problem::Unknown`] if the config has no such name, [`Problem::NeedsRestart`] if it takes effect at a restart only. Nothing
    /// changed then.
    ///
    /// # Panics
    /// As [`SourcedConfig::reload`].
    pub fn override_path(&self, path: &str, value: impl Into<Value>) -> Result<Reloaded, LoadError> {
        let place = parsed(path)?;
        let value = value.into();
        self.inner.overridden(&format!("override of {place}"), |inner, overrides, tree| {
            inner.put(overrides, tree, &place, value.clone()).map(|()| Some(place.clone()))
        })
    }

    /// Takes back what was set while running at a path, and inside: what the sources say there, as they were read last, is in force
    /// again. With nothing set there nothing changes.
    ///
    /// # Errors
    /// Everything that speaks against what would be in force then. Nothing changed in that case.
    ///
    /// # Panics
    /// As [`SourcedConfig::reload`].
    pub fn reset(&self, path: &str) -> Result<Reloaded, LoadError> {
        let place = parsed(path)?;
        self.inner.overridden(&format!("reset of {place}"), |_, overrides, tree| {
            let place = before_lists(&place, tree);
            overrides.retain(|set, _| !set.starts_with(&place));
            Ok(None)
        })
    }

    /// Takes back everything that was set while running.
    ///
    /// # Errors
    /// As [`SourcedConfig::reset`].
    ///
    /// # Panics
    /// As [`SourcedConfig::reload`].
    pub fn reset_all(&self) -> Result<Reloaded, LoadError> {
        self.inner.overridden("reset of everything", |_, overrides, _| {
            overrides.clear();
            Ok(None)
        })
    }

    /// Why the values at a path, and inside, are what they are: one answer for each value, with what each layer says. Nothing if
    /// neither the config nor any layer has anything there. An empty path asks for everything.
    ///
    /// # Errors
    /// [`Problem::Path`] if the text is no path.
    pub fn why(&self, path: &str) -> Result<Vec<Why>, LoadError> {
        self.inner.why(&parsed(path)?)
    }

    /// How the sources are.
    #[must_use]
    pub fn status(&self) -> SourcesStatus {
        self.inner.status()
    }

    /// Tells `observer` of reloads, refusals and stale files, in place of an earlier one: on the thread where they happen. It must not
    /// reload. If it panics, it is told nothing more.
    pub fn observe(&self, observer: impl Fn(&SourceNotice<'_>) + Send + Sync + 'static) {
        let replaced = self.inner.observer.lock().replace(Arc::new(observer));
        drop(replaced);
    }
}

fn parsed(path: &str) -> Result<Place, LoadError> {
    path.parse().map_err(|error| Problem::no_path(path, error).into())
}

/// The layers, if all of them can be read, else everything that is wrong; and what each file was found to be.
#[allow(clippy::type_complexity, reason = "read once, by two")]
fn read(
    plan: &Plan,
    defaults: &Arc<Value>,
    found: Vec<Found>,
    overrides: Overrides,
) -> (Result<Stack, Vec<Problem>>, Vec<super::file::Print>) {
    let seen = found.iter().map(|found| found.print).collect();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for (file, found) in plan.files.iter().zip(found) {
        let shown = file.given.shown.clone();
        match found.content.parse(&shown, file.format, plan.longest) {
            Ok(None) if !file.given.is_optional => {
                problems.push(Problem::Unreadable { file: shown, reason: "there is none".to_owned() });
            }
            Ok(said) => {
                files.push(FileLayer { file: shown, said: said.map(Arc::new), known: Instant::now() })
            }
            Err(found) => problems.extend(found),
        }
    }
    let mut stack = Stack { defaults: defaults.clone(), files, variables: None, overrides };
    if let Some(environment) = &plan.environment {
        let below = stack.below_environment();
        let variables = Variables::read(&plan.prefix, environment.variables(), &below, &mut problems);
        stack.variables = Some(Arc::new(variables));
    }
    (if problems.is_empty() { Ok(stack) } else { Err(problems) }, seen)
}

impl<T> Inner<T>
where
    T: Serialize + DeserializeOwned + Validate + Send + Sync + 'static,
{
    pub(super) fn find(&self) -> Vec<Found> {
        self.plan.files.iter().map(|file| file.find(self.plan.longest, &self.prints)).collect()
    }

    /// This thread's turn to change something, unless it has it already, or is inside an update of the config.
    fn take_turn<R>(&self, body: impl FnOnce() -> Result<R, LoadError>) -> Result<R, LoadError> {
        if self.inside.is_this_thread() || self.config.store.is_inside() {
            return Err(Problem::Nested.into());
        }
        let _turn = self.turn.lock();
        let _inside = self.inside.enter();
        body()
    }

    pub(super) fn reload_all(&self) -> Result<Reloaded, LoadError> {
        self.take_turn(|| self.reload_of(self.find()))
    }

    /// Whether any file is another one than was seen last; if not, and nothing is wrong, they are known to be as they were.
    pub(super) fn reload_if_changed(&self) -> Result<Option<Reloaded>, LoadError> {
        self.take_turn(|| {
            let found = self.find();
            let mut state = self.state.lock();
            if found.iter().map(|found| found.print).eq(state.seen.iter().copied()) {
                if state.failed.is_none() {
                    state.stack.files.iter_mut().for_each(|layer| layer.known = Instant::now());
                    state.told_stale.fill(false);
                }
                return Ok(None);
            }
            drop(state);
            self.reload_of(found).map(Some)
        })
    }

    fn reload_of(&self, found: Vec<Found>) -> Result<Reloaded, LoadError> {
        let (defaults, overrides) = {
            let state = self.state.lock();
            (state.stack.defaults.clone(), state.stack.overrides.clone())
        };
        let (stack, seen) = read(&self.plan, &defaults, found, overrides);
        // Also if code of the config panics below: it is tried again when a file changes.
        let before = std::mem::replace(&mut self.state.lock().seen, seen);
        match stack
            .map_err(LoadError::new)
            .and_then(|stack| self.take(stack, "sources read again", |_, _| Ok(None)))
        {
            Ok(mut reloaded) => {
                let mut state = self.state.lock();
                reloaded.recovered = state.failed.take().is_some();
                state.told_stale.fill(false);
                state.reloads += 1;
                drop(state);
                self.tell(&SourceNotice::Reloaded(&reloaded));
                Ok(reloaded)
            }
            Err(error) => {
                // Nothing is wrong with the files: they count as not seen.
                if error
                    .problems()
                    .iter()
                    .any(|problem| matches!(problem, Problem::Refused { retry: Retry::Later, .. }))
                {
                    self.state.lock().seen = before;
                }
                self.fail(&error);
                Err(error)
            }
        }
    }

    /// What the sources say is not taken.
    pub(super) fn fail(&self, error: &LoadError) {
        let mut state = self.state.lock();
        let since = state.failed.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        state.failed = Some((Arc::new(error.clone()), since));
        state.refusals += 1;
        drop(state);
        self.tell(&SourceNotice::Refused(error));
    }

    fn overridden(
        &self,
        why: &str,
        change: impl Fn(&Self, &mut Overrides, &Value) -> Result<Option<Place>, LoadError>,
    ) -> Result<Reloaded, LoadError> {
        self.take_turn(|| {
            let stack = self.state.lock().stack.clone();
            self.take(stack, why, |overrides, tree| change(self, overrides, tree))
        })
    }

    /// Publishes what layers come to, and what was changed while running, itself changed by `change`, which may say what must be
    /// there then.
    fn take(
        &self,
        stack: Stack,
        why: &str,
        change: impl Fn(&mut Overrides, &Value) -> Result<Option<Place>, LoadError>,
    ) -> Result<Reloaded, LoadError> {
        loop {
            let current = self.config.snapshot();
            let (seen, last) = {
                let state = self.state.lock();
                (state.revision, state.tree.clone())
            };
            let mut stack = stack.clone();
            let in_force = if seen == current.revision() {
                last
            } else {
                let in_force = encode(current.value())?;
                absorb(&mut stack.overrides, differences(&last, &in_force));
                Arc::new(in_force)
            };
            let wanted = change(&mut stack.overrides, &in_force)?;
            let Judged { value, tree, merged, unknown } =
                judge::<T>(&self.plan, &mut stack).map_err(LoadError::new)?;
            if let Some(place) = wanted.filter(|place| get(&tree, place).is_none()) {
                return Err(LoadError::new(strange_override(&place, &[&stack.defaults, &tree])));
            }
            let waiting: Vec<_> = differences(&in_force, &tree)
                .into_iter()
                .filter(|changed| self.plan.restart.cover(&changed.place))
                .collect();
            let (value, tree) = match waiting.is_empty() {
                true => (value, tree),
                false => self.without(&waiting, merged, &in_force, &stack)?,
            };
            let paths = |found: &[Difference]| found.iter().map(|found| found.place.to_string()).collect();
            let changed = differences(&in_force, &tree);
            let revision = if changed.is_empty() {
                current.revision()
            } else {
                let edit = self.config.because(why).expecting(current.revision());
                match edit.update(|_| value) {
                    Ok(published) => published.revision(),
                    Err(UpdateError::Conflict { .. }) => continue,
                    Err(error) => return Err(self.refused(&stack, &error)),
                }
            };
            let mut state = self.state.lock();
            let needs_restart: Vec<String> = paths(&waiting);
            let reloaded =
                Reloaded { revision, changed: paths(&changed), needs_restart, unknown, recovered: false };
            (state.stack, state.tree, state.revision) = (stack, Arc::new(tree), revision);
            state.needs_restart.clone_from(&reloaded.needs_restart);
            state.unknown.clone_from(&reloaded.unknown);
            return Ok(reloaded);
        }
    }

    /// The value with the differences that wait for a restart taken back.
    fn without(
        &self,
        waiting: &[Difference],
        mut merged: Value,
        in_force: &Value,
        stack: &Stack,
    ) -> Result<(T, Value), LoadError> {
        for Difference { place, .. } in waiting {
            match get(in_force, place) {
                Some(old) => set(&mut merged, place, old.clone()),
                None => drop(remove(&mut merged, place)),
            }
        }
        let value: T = decode(&merged).map_err(|(place, reason)| {
            let reason = redact::said(&reason, &place, &merged, &self.plan.secrets);
            Problem::Mistyped { path: place.to_string(), reason, origin: stack.origin(&place) }
        })?;
        let tree = encode(&value)?;
        Ok((value, tree))
    }

    fn refused(&self, stack: &Stack, error: &UpdateError<T>) -> LoadError {
        match error.violations() {
            Some(found) => LoadError::new(violations(&self.plan, stack, found)),
            None => {
                let (code, message, retry) = (error.code(), error.to_string(), error.retry());
                Problem::Refused { code, message, retry }.into()
            }
        }
    }

    /// Adds an override.
    fn put(
        &self,
        overrides: &mut Overrides,
        in_force: &Value,
        place: &Place,
        value: Value,
    ) -> Result<(), LoadError> {
        let mut tree = in_force.clone();
        if place.is_root() {
            return Err(
                Problem::no_path("", "it is the whole of it, which `Config::replace` replaces").into()
            );
        }
        let outer = before_lists(place, in_force);
        let is_none = |outer: Place| get(&tree, &outer).is_some_and(Value::is_null);
        if outer == *place && place.parent().is_some_and(is_none) {
            set(&mut tree, place, value);
        } else if !put(&mut tree, place, value) {
            let reason = "it leads through something that is not there, or has nothing inside";
            return Err(Problem::no_path(&place.to_string(), reason).into());
        }
        let differing = differences(in_force, &tree);
        if let Some(found) = differing.iter().find(|found| self.plan.restart.cover(&found.place)) {
            return Err(Problem::NeedsRestart { path: found.place.to_string() }.into());
        }
        overrides.retain(|set, _| !set.starts_with(&outer));
        // Also what is equal by now: it stays when a layer below changes.
        let Some(new) = get(&tree, &outer) else { return Ok(()) };
        for (inner, value) in leaves(new) {
            overrides.insert(joined(&outer, &inner), Some(value.clone()));
        }
        for Difference { place, now } in differing {
            overrides.entry(place).or_insert(now);
        }
        Ok(())
    }

    fn why(&self, place: &Place) -> Result<Vec<Why>, LoadError> {
        let current = self.config.snapshot();
        let in_force = encode(current.value())?;
        let (mut stack, last, seen) = {
            let state = self.state.lock();
            (state.stack.clone(), state.tree.clone(), state.revision)
        };
        if seen < current.revision() {
            absorb(&mut stack.overrides, differences(&last, &in_force));
        }
        let merged = stack.merged();
        let place = &before_lists(place, &in_force);
        let secrets = &self.plan.secrets;
        let mut places: Vec<Place> = Vec::new();
        for tree in [&in_force, &merged] {
            let Some(tree) = get(tree, place) else { continue };
            let below = leaves(tree).into_iter();
            places.extend(below.map(|(inner, _)| joined(place, &inner)));
        }
        places.sort();
        places.dedup();
        let why = |place: Place| {
            let show = |value: &Value| redact::shown(value, &place, secrets);
            let said = stack.said(&place).into_iter();
            let said = said.map(|(origin, value)| Said { origin, value: value.as_ref().map(show) }).collect();
            let (now, last) = (get(&in_force, &place), get(&merged, &place));
            let needs_restart = now != last && self.plan.restart.cover(&place);
            Why { path: place.to_string(), value: now.map(show), said, needs_restart }
        };
        Ok(places.into_iter().map(why).collect())
    }

    fn status(&self) -> SourcesStatus {
        let state = self.state.lock();
        SourcesStatus {
            last_error: state.failed.as_ref().map(|(error, _)| error.clone()),
            failing_for: state.failed.as_ref().map(|(_, since)| since.elapsed()),
            files: self.files(&state),
            overrides: state.stack.overrides.keys().map(ToString::to_string).collect(),
            needs_restart: state.needs_restart.clone(),
            unknown: state.unknown.clone(),
            reloads: state.reloads,
            refusals: state.refusals,
        }
    }

    fn files(&self, state: &State) -> Vec<FileStatus> {
        let planned = self.plan.files.iter().zip(&state.stack.files);
        let status = |(planned, layer): (&super::builder::PlannedFile, &FileLayer)| FileStatus {
            file: layer.file.clone(),
            is_there: layer.said.is_some(),
            age: layer.known.elapsed(),
            max_age: planned.given.max_age,
        };
        planned.map(status).collect()
    }

    /// Tells of files that have become stale.
    pub(super) fn tell_stale(&self) {
        let stale: Vec<FileStatus> = {
            let mut state = self.state.lock();
            let files = self.files(&state);
            let fresh = |(file, told): (FileStatus, &mut bool)| {
                (file.is_stale() && !std::mem::replace(told, true)).then_some(file)
            };
            files.into_iter().zip(&mut state.told_stale).filter_map(fresh).collect()
        };
        stale.iter().for_each(|file| self.tell(&SourceNotice::Stale(file)));
    }

    fn tell(&self, notice: &SourceNotice<'_>) {
        let Some(observer) = self.observer.lock().clone() else { return };
        if contain(|| observer(notice)).is_err() {
            let failed = self.observer.lock().take_if(|kept| Arc::ptr_eq(kept, &observer));
            drop(failed);
        }
    }
}

/// The config has nothing where it was to be set.
fn strange_override(place: &Place, known: &[&Value]) -> Vec<Problem> {
    let mut layer = Value::Object(Map::new());
    set(&mut layer, place, Value::Null);
    let found = strangers(&layer, known, &Patterns::default()).pop();
    let (path, nearest) =
        found.map_or((place.to_string(), None), |found| (found.place.to_string(), found.nearest));
    vec![Problem::Unknown { path, origin: Origin::Override, nearest }]
}

/// What was changed through the config itself.
fn absorb(overrides: &mut Overrides, found: Vec<Difference>) {
    for Difference { place, now } in found {
        overrides.retain(|set, _| !set.starts_with(&place));
        overrides.insert(place, now);
    }
}

impl<T> Clone for SourcedConfig<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<T> fmt::Debug for SourcedConfig<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourcedConfig").finish_non_exhaustive()
    }
}
