//! Config that is read for a nanosecond and changed while running.
//!
//! A [`Config`] holds one value of any `Send + Sync` type that says of itself whether it is sound
//! ([`Validate`]). Readers see whole versions, [`Snapshot`]s with a [`Revision`]; an update makes the
//! next version, validates it and puts it in place, or changes nothing and says everything that speaks
//! against it. Subscribers are told of the old and the new version, in the order of revisions.
//!
//! It will not: merge two updates that know nothing of each other (use [`Config::update`], which starts
//! from what is current, or [`Config::compare_and_update`]); tell a subscriber of every single revision when it
//! is slower than the publishers (changes that wait are merged, and counted); detect that a new
//! value equals the old one (it is a new revision all the same).
//!
//! | read | costs | for |
//! |---|---|---|
//! | [`Reader::get`] | one atomic load and a branch | hot paths: one reader a thread |
//! | [`Config::load`] | arc-swap's load: a few atomic operations on the thread's own line | a short look |
//! | [`Config::snapshot`] | a reference count | keeping a version, sending it elsewhere |
//!
//! **Freeing.** No reader ever runs a destructor of a value: what is replaced waits in a list until
//! nobody holds it, and is freed by [`Config::tick`]. Where nobody ticks, updates free whenever the
//! list has grown to twice what others held at the last freeing, and to 32 at least; so whoever holds
//! nothing keeps at most 32 replaced versions alive, each idle reader one more, or two. What history keeps
//! ([`Builder::history`]) comes on top.
//! [`Config::stats`] and [`Config::retained_revisions`] show them. Closures of ended subscriptions
//! are freed in the same way, also by unsubscribing.
//!
//! The parts:
//!
//! - `builder`: what a config is made of; `attached`: what optional parts add to it
//! - `validate`: what a value says of itself; `rules`: ready ones; `error`: why an update was refused
//! - `cause`: who made a revision, and why; `edit`: an update on certain terms
//! - `current`: the snapshot in place, guards and readers; `derived`: what is computed from a value once
//! - `history`: the last revisions; `retire`: what has been replaced and waits to be freed
//! - `list`: the lock-free list under epochs; `gate`: open, running, closed; `subscriber`: both together
//! - `delivery`: the queue of changes and the one who delivers
//! - `observe`: notices and counts; `occupant`: which thread is inside
//! - `status`: how a config is
//! - `sources`: files, the environment and what is set while running (feature `sources`)
//! - `store`: the protocol of an update
//! - `paths`: parts of a config by name (feature `serde`)

mod attached;
mod builder;
mod cause;
mod current;
mod delivery;
mod derive;
mod derived;
mod edit;
mod error;
mod gate;
mod history;
mod list;
mod local;
mod metered;
mod observe;
mod occupant;
#[cfg(feature = "serde")]
mod paths;
mod reader;
mod retire;
mod rules;
mod section;
#[cfg(feature = "sources")]
mod sources;
mod status;
mod store;
mod subscribe;
mod subscriber;
mod tally;
mod validate;
mod wake;

#[cfg(flightdeck_loom)]
pub(crate) mod parts;

pub use builder::Builder;
pub use cause::Cause;
pub use current::{Guard, Snapshot};
pub use delivery::{Change, Published};
pub use derive::{DeriveError, Derived, DerivedReader};
pub use edit::Edit;
pub use error::{Holder, Rejected, TryUpdateError, UpdateError};
pub use history::{HistoryError, RollbackError};
pub use local::release_thread;
pub use metered::Metered;
pub use observe::{Notice, Stats};
#[cfg(feature = "serde")]
pub use paths::{
    ChangeStep, Changed, Diff, DiffError, Fallbacks, Key, PatchError, Path, PathError, PathSyntaxError,
    Paths, Refused, Segment, Then,
};
pub use reader::Reader;
pub use rules::Presence;
pub use section::{Section, SectionReader};
#[cfg(feature = "sources")]
pub use sources::{
    FileStatus, LoadError, Looked, Origin, Position, Problem, Reloaded, Said, SourceFile, SourceNotice,
    SourcedConfig, Sources, SourcesStatus, UnknownKeys, WatchError, WatchStats, Watcher, Watching, Why,
};
pub use status::Status;
pub use store::Ticked;
pub use subscribe::Subscribe;
pub use subscriber::Subscription;
pub use validate::{Validate, Violation, Violations};
pub use wake::UntilChanged;

use crate::Revision;
use crate::sync::{Arc, Weak};
use std::fmt;
use std::time::Duration;
use store::Store;

/// A validated value that can be replaced while others read it. Cheap to clone; clones are the same
/// config, and the last one to go ends it. Readers may outlive it.
///
/// ```
/// use flightdeck::config::{Config, Validate, Violations};
///
/// #[derive(Clone)]
/// struct Limits { orders_per_second: u32 }
///
/// impl Validate for Limits {
///     fn validate(&self, report: &mut Violations) {
///         let rate = self.orders_per_second;
///         report.require(rate <= 1_000, "orders_per_second", &rate, "must be at most 1000");
///     }
/// }
///
/// let config = Config::new(Limits { orders_per_second: 100 })?;
/// let subscription = config.subscribe(|change| {
///     assert_eq!((change.old.orders_per_second, change.new.orders_per_second), (100, 200));
/// });
/// let published = config.update(|now| Limits { orders_per_second: now.orders_per_second * 2 }).unwrap();
/// assert_eq!(published.revision().get(), 2);
///
/// let refused = config.replace(Limits { orders_per_second: 5_000 }).unwrap_err();
/// assert_eq!(refused.to_string(),
///     "config rejected for 1 reason: orders_per_second = 5000: must be at most 1000");
/// assert_eq!(config.load().orders_per_second, 200);
/// # drop(subscription);
/// # Ok::<(), flightdeck::config::Rejected<Limits>>(())
/// ```
pub struct Config<T> {
    store: Arc<Store<T>>,
}

impl<T: Validate + Send + Sync + 'static> Config<T> {
    /// A config whose first revision is `value`.
    ///
    /// # Errors
    /// The value speaks against itself: it is handed back, with everything it reported.
    pub fn new(value: T) -> Result<Self, Rejected<T>> {
        Builder::new(value).build()
    }

    /// What a config is made of, where its first value is not all of it.
    ///
    /// ```
    /// use flightdeck::config::{Config, Validate, Violations};
    /// # struct Limits { orders: u32 }
    /// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
    /// let config = Config::builder(Limits { orders: 10 }).named("limits").history(100).build()?;
    /// assert_eq!(config.name(), "limits");
    /// # Ok::<(), flightdeck::config::Rejected<Limits>>(())
    /// ```
    pub fn builder(value: T) -> Builder<T> {
        Builder::new(value)
    }

    /// Publishes what `make` makes of the current value. Updates happen one after the other: between the
    /// value that `make` sees and the one it returns there is no other.
    ///
    /// On return readers see the new revision, and inline subscribers have been told, unless another
    /// thread was delivering or this is a callback of this config: then [`Published::delivered`] waits
    /// for it. Waits for other updates, whose closures and validation run one at a time, for five seconds at most:
    /// [`Config::update_within`] for another time. Whoever delivers also delivers what others publish meanwhile.
    ///
    /// The cause of the revision is this thread: [`Config::by`] and [`Config::because`] say more.
    ///
    /// # Errors
    /// [`UpdateError::Rejected`] if the new value speaks against itself, [`UpdateError::Busy`] if another update did not
    /// end in time, [`UpdateError::Nested`] from inside `make` or `validate` of the same config. Nothing changed then.
    ///
    /// # Panics
    /// If `make` or `validate` does. Nothing changed then, and the config stays usable.
    pub fn update(&self, make: impl FnOnce(&T) -> T) -> Result<Published, UpdateError<T>> {
        self.edit().update(make)
    }

    /// Publishes `value`, whatever is current. Otherwise as [`Config::update`].
    ///
    /// # Errors
    /// As [`Config::update`]; the value is handed back.
    ///
    /// # Panics
    /// If `validate` does. Nothing changed then.
    pub fn replace(&self, value: T) -> Result<Published, UpdateError<T>> {
        self.edit().replace(value)
    }

    /// Publishes what `make` makes of the current value, if `expected` is its revision: of two that saw
    /// the same revision, one wins. Otherwise as [`Config::update`].
    ///
    /// # Errors
    /// [`UpdateError::Conflict`] with the revision that is current, if it is another; `make` was
    /// not called. Otherwise as [`Config::update`].
    ///
    /// # Panics
    /// As [`Config::update`].
    pub fn compare_and_update(
        &self,
        expected: Revision,
        make: impl FnOnce(&T) -> T,
    ) -> Result<Published, UpdateError<T>> {
        self.edit().expecting(expected).update(make)
    }

    /// Publishes what `make` makes of the current value, unless `make` fails. Otherwise as [`Config::update`].
    ///
    /// ```
    /// use flightdeck::config::{Config, TryUpdateError, Validate, Violations};
    /// # #[derive(Debug)]
    /// # struct Limits { orders: u32 }
    /// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
    /// let config = Config::new(Limits { orders: 10 })?;
    /// let set = |text: &str| config.try_update(|_| Ok(Limits { orders: text.parse::<u32>()? }));
    /// assert!(matches!(set("ten"), Err(TryUpdateError::<_, std::num::ParseIntError>::Failed(_))));
    /// assert_eq!(set("20")?.revision().get(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TryUpdateError::Failed`] with what `make` failed with; otherwise as [`Config::update`]. Nothing changed then.
    ///
    /// # Panics
    /// As [`Config::update`].
    pub fn try_update<E>(
        &self,
        make: impl FnOnce(&T) -> Result<T, E>,
    ) -> Result<Published, TryUpdateError<T, E>> {
        self.edit().try_update(make)
    }

    /// As [`Config::update`], but waits for other updates for `timeout` at most; with none, not at all.
    ///
    /// # Errors
    /// As [`Config::update`].
    ///
    /// # Panics
    /// As [`Config::update`].
    pub fn update_within(
        &self,
        timeout: Duration,
        make: impl FnOnce(&T) -> T,
    ) -> Result<Published, UpdateError<T>> {
        self.edit().within(timeout).update(make)
    }
}

impl<T> Config<T> {
    /// An update on certain terms: see [`Edit`].
    pub fn edit(&self) -> Edit<'_, T> {
        Edit::new(self)
    }

    /// An update that is said to be this one's: see [`Edit`].
    pub fn by(&self, who: impl AsRef<str>) -> Edit<'_, T> {
        self.edit().by(who)
    }

    /// An update that says why it is made: see [`Edit`].
    pub fn because(&self, why: impl AsRef<str>) -> Edit<'_, T> {
        self.edit().because(why)
    }
}

impl<T: Send + Sync + 'static> Config<T> {
    /// What the config is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.store.name()
    }

    /// The current snapshot, borrowed: a few atomic operations, no count touched as a rule. Never waits.
    #[must_use]
    pub fn load(&self) -> Guard<T> {
        self.store.current.load()
    }

    /// The current snapshot, to keep. Costs a reference count that all threads share. Never waits.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot<T>> {
        self.store.current.load_full()
    }

    /// A view for one thread, with the cheapest read. See [`Reader`].
    #[must_use]
    pub fn reader(&self) -> Reader<T> {
        Reader::new(self.store.current.clone())
    }

    /// The revision that is current. May be outdated on return; never newer than what a read after it
    /// finds.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.store.current.load().revision()
    }

    /// Whether another revision than `seen` is current. One atomic load. May be outdated on return.
    #[inline]
    #[must_use]
    pub fn has_changed(&self, seen: Revision) -> bool {
        self.store.current.generation() > seen.get()
    }

    /// Waits, without blocking, for a newer revision than `seen`: a future for any executor. See [`UntilChanged`].
    pub fn changed(&self, seen: Revision) -> UntilChanged<T> {
        UntilChanged::new(self.store.current.clone(), seen.get())
    }

    /// Waits until `revision` or a newer one is current, for `timeout` at most; the snapshot that is
    /// current then, or `None` if it did not come in time. Blocks the thread: not for hot paths.
    #[must_use]
    pub fn wait_for(&self, revision: Revision, timeout: Duration) -> Option<Arc<Snapshot<T>>> {
        let current = &self.store.current;
        let is_there = || current.generation() >= revision.get();
        let met = is_there() || self.store.progress.signal.wait(delivery::deadline(timeout), is_there);
        met.then(|| self.snapshot())
    }

    /// Calls `callback` for every change from now on, on the thread that publishes (or on another one
    /// that is delivering just then): never two at a time, in the order of revisions, and subscribers
    /// in the order in which they subscribed.
    ///
    /// Subscribe first and read then: together they miss nothing. Of a change that was published
    /// before this call, a subscriber may still be told.
    ///
    /// The callback may do everything: publish (delivered after it returned), subscribe, unsubscribe. A
    /// slow one holds up the others and the publisher; up to 256 changes wait then, further ones are
    /// merged. One that panics is called no more: that is counted, and told to the observer. It should
    /// not own a [`Config`] of its own, which would keep both alive for ever: a [`WeakConfig`] does
    /// not.
    pub fn subscribe(&self, callback: impl Fn(&Change<T>) + Send + Sync + 'static) -> Subscription {
        self.subscriber().call(callback)
    }

    /// As [`Config::subscribe`], but called by [`Config::tick`], with all changes since the last call made
    /// one: from the old value that it was told last to the newest. For slow work; holds up nobody.
    pub fn subscribe_queued(&self, callback: impl Fn(&Change<T>) + Send + Sync + 'static) -> Subscription {
        self.subscriber().queued().call(callback)
    }

    fn link(&self, callback: subscriber::Callback<T>, terms: subscriber::Terms<T>) -> Subscription {
        let subscriber = self.store.subscribe(callback, terms);
        Subscription::new(Arc::downgrade(&self.store), subscriber)
    }

    /// Tells `observer` of publications, rejections and detached subscribers, in place of an earlier
    /// one. It is called on the thread where they happen, with no lock held. If it panics, it is told
    /// nothing more, and that is counted.
    pub fn observe(&self, observer: impl Fn(&Notice<'_, T>) + Send + Sync + 'static) {
        self.store.observer.set(observer);
    }

    /// What has to happen now and then: calls queued subscribers and frees what was replaced and nobody
    /// holds. From any thread but a hot one; two at a time share the work.
    pub fn tick(&self) -> Ticked {
        self.store.tick()
    }

    /// What can be counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.store.stats()
    }

    /// The replaced revisions that are not freed yet, oldest first.
    #[must_use]
    pub fn retained_revisions(&self) -> Vec<Revision> {
        self.store.retained()
    }

    /// A handle that does not keep the config alive: for callbacks that publish.
    #[must_use]
    pub fn downgrade(&self) -> WeakConfig<T> {
        WeakConfig { store: Arc::downgrade(&self.store) }
    }
}

impl<T> Clone for Config<T> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone() }
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for Config<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("current", &*self.load()).finish_non_exhaustive()
    }
}

/// A [`Config`] that may be gone.
pub struct WeakConfig<T> {
    store: Weak<Store<T>>,
}

impl<T> WeakConfig<T> {
    /// The config, if one of its handles is left.
    #[must_use]
    pub fn upgrade(&self) -> Option<Config<T>> {
        self.store.upgrade().map(|store| Config { store })
    }
}

impl<T> Clone for WeakConfig<T> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone() }
    }
}

impl<T> fmt::Debug for WeakConfig<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakConfig").finish_non_exhaustive()
    }
}
