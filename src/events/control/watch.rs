//! Who wants to know that levels changed, such as whoever keeps what they say of each call site.

use crate::contain::contain;
use crate::error::Severity;
use crate::events::handle::Events;
use crate::events::schema::Schema;
use crate::sync::{Arc, Mutex, Weak};
use std::fmt;

type Callback = Arc<dyn Fn() + Send + Sync>;

/// Callbacks, each as long as its [`LevelWatch`] lives.
#[derive(Default)]
pub(in crate::events) struct Watchers(Mutex<Vec<Weak<dyn Fn() + Send + Sync>>>);

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchers").finish_non_exhaustive()
    }
}

impl Watchers {
    fn add(&self, callback: &Callback) {
        let mut watchers = self.0.lock();
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(Arc::downgrade(callback));
    }

    /// Tells all of them. Without the lock: a callback may ask anything.
    pub(in crate::events) fn tell(&self) {
        let watchers = self.0.lock().clone();
        for callback in watchers.iter().filter_map(Weak::upgrade) {
            // The host's panic is not that of whoever changed a level.
            let _ = contain(|| callback());
        }
    }
}

/// As long as this lives the callback is called: from [`Events::watch_levels`].
#[must_use = "the callback is called no more once this drops"]
pub struct LevelWatch {
    _callback: Callback,
}

impl fmt::Debug for LevelWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelWatch").finish_non_exhaustive()
    }
}

impl Events {
    /// Whether events of such a schema are recorded now as far as levels go, be the kind known or not: it is not switched off,
    /// and no [directive](super::Directives) says so. Samples, rates and the stop are not asked.
    ///
    /// For whoever would have to make such events first, and can tell beforehand. Takes a lock: keep the answer, and
    /// ask again when [told](Events::watch_levels) to.
    ///
    /// ```
    /// use flightdeck::Severity;
    /// use flightdeck::events::{Events, Schema};
    /// let events = Events::builder().directives("info,http=debug").build()?;
    /// let debug = |name: &'static str| Schema::new(name).severity_of(Severity::Debug);
    /// assert!(events.would_record(&debug("http.accepted")) && !events.would_record(&debug("db.queried")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn would_record(&self, schema: &Schema) -> bool {
        let kinds = &self.store().kinds;
        kinds.is_on() && kinds.directives().wish(schema).records
    }

    /// The least severity at which some kind of the host's may be recorded now, as far as levels go; `None`: nothing is. So
    /// whoever asks for less than that need not ask for each kind. As [`Events::would_record`] otherwise.
    ///
    /// ```
    /// use flightdeck::Severity;
    /// use flightdeck::events::Events;
    /// let events = Events::builder().directives("warn,http=info").build()?;
    /// assert_eq!(events.least_severity(), Some(Severity::Info));
    /// events.switch(false);
    /// assert_eq!(events.least_severity(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn least_severity(&self) -> Option<Severity> {
        let kinds = &self.store().kinds;
        if kinds.is_on() { kinds.directives().least_severity() } else { None }
    }

    /// Calls `callback` each time levels may have changed, until what is returned drops: after the
    /// [directives](Events::set_directives) were set, or recording was [switched](Events::switch). It runs on the thread that did
    /// so, which waits for it, and may be running once more when its watch drops. A panic ends in it.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    /// let events = Events::builder().build()?;
    /// let told = Arc::new(AtomicU32::new(0));
    /// let watch = events.watch_levels({
    ///     let told = told.clone();
    ///     move || _ = told.fetch_add(1, Relaxed)
    /// });
    /// events.set_directives("warn".parse()?);
    /// events.switch(false);
    /// drop(watch);
    /// events.switch(true);
    /// assert_eq!(told.load(Relaxed), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch_levels(&self, callback: impl Fn() + Send + Sync + 'static) -> LevelWatch {
        let callback: Callback = Arc::new(callback);
        self.store().control.watchers.add(&callback);
        LevelWatch { _callback: callback }
    }
}
