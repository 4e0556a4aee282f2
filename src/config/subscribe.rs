//! A subscription on certain terms.

use super::subscriber::{Filter, Terms};
use super::{Change, Config, Subscription};
use std::fmt;

/// What a subscriber is told of, when, and by whom: see [`Config::subscriber`].
#[must_use = "nobody is subscribed until `call` is"]
pub struct Subscribe<'a, T> {
    pub(super) config: &'a Config<T>,
    terms: Terms<T>,
}

impl<T: Send + Sync + 'static> Config<T> {
    /// A subscriber on certain terms. Without any it is as [`Config::subscribe`].
    ///
    /// ```
    /// use flightdeck::config::{Config, Validate, Violations};
    /// use std::sync::mpsc::channel;
    /// # struct Limits { orders: u32 }
    /// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
    /// let config = Config::new(Limits { orders: 10 })?;
    /// let (sender, told) = channel();
    /// let grows = config.subscriber().starting_now().when(|change| change.new.orders > change.old.orders);
    /// let subscription = grows.call(move |change| sender.send(change.new.orders).unwrap());
    /// [5, 20].map(|orders| config.replace(Limits { orders }).unwrap());
    /// assert_eq!(told.try_iter().collect::<Vec<_>>(), [10, 20]);
    /// # drop(subscription);
    /// # Ok::<(), flightdeck::config::Rejected<Limits>>(())
    /// ```
    pub fn subscriber(&self) -> Subscribe<'_, T> {
        Subscribe { config: self, terms: Terms::default() }
    }
}

impl<T: Send + Sync + 'static> Subscribe<'_, T> {
    /// Called by [`Config::tick`], as one of [`Config::subscribe_queued`].
    pub fn queued(mut self) -> Self {
        self.terms.queued = true;
        self
    }

    /// Is told of what is current first, whatever else it asks for ([`Change::is_start`]), and of all changes after that. It has
    /// been when [`Subscribe::call`] returns, unless it is queued, another thread delivers just then, or this is a callback.
    pub fn starting_now(mut self) -> Self {
        self.terms.starts_now = true;
        self
    }

    /// Is told of those changes only for which `holds`, and all earlier filters. Asked where the subscriber would be called: of
    /// one that is queued, of all changes since the last tick as one. If it panics, that is as if the subscriber did.
    pub fn when(mut self, holds: impl Fn(&Change<T>) -> bool + Send + Sync + 'static) -> Self {
        self.terms.filter = match self.terms.filter {
            Filter::Everything => Filter::When(Box::new(holds)),
            Filter::When(before) => Filter::When(Box::new(move |change| before(change) && holds(change))),
        };
        self
    }

    /// Subscribes `callback` on these terms.
    pub fn call(self, callback: impl Fn(&Change<T>) + Send + Sync + 'static) -> Subscription {
        self.config.link(Box::new(callback), self.terms)
    }
}

impl<T> fmt::Debug for Subscribe<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("is_filtered", &matches!(self.terms.filter, Filter::When(_)))
            .field("queued", &self.terms.queued)
            .field("starts_now", &self.terms.starts_now)
            .finish_non_exhaustive()
    }
}
