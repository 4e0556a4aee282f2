//! Which events are recorded, by all who have a say in it.

use super::Settings;
use crate::config::Config;
use crate::events::{Directives, Events};
use crate::sync::Mutex;
use std::fmt;

/// What the host's config says about which events are to be recorded.
pub(in crate::hub) struct FromConfig<C>(pub(in crate::hub) Box<dyn Fn(&C) -> Directives + Send + Sync>);

impl<C> fmt::Debug for FromConfig<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromConfig")
    }
}

/// Who has a say, least of all first: the builder of the events, the settings, the host's config.
#[derive(Debug)]
pub(in crate::hub) struct Recording<C> {
    events: Events,
    /// What the events were built with.
    given: Directives,
    of_config: Option<FromConfig<C>>,
    /// What came of it last. Locked while it is worked out: two that changed both configs at once would else each go by what
    /// the other replaced.
    said: Mutex<Directives>,
}

impl<C> Recording<C> {
    pub(in crate::hub) fn new(events: &Events, of_config: Option<FromConfig<C>>) -> Self {
        let given = events.directives();
        Self { events: events.clone(), said: Mutex::new(given.clone()), given, of_config }
    }

    /// Brings into force what is said now. What the host set by hand stays as long as that is nothing new.
    pub(in crate::hub) fn follow(&self, settings: &Config<Settings>, config: &Config<C>)
    where
        C: Send + Sync + 'static,
    {
        let mut said = self.said.lock();
        let of_config = self.of_config.as_ref().map(|of| (of.0)(&config.load()));
        let now = self.given.and(&settings.load().directives).and(&of_config.unwrap_or_default());
        if *said != now {
            self.events.set_directives(now.clone());
            *said = now;
        }
    }
}
