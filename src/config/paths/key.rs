//! A path prepared for reading: the cheapest read by path.

use super::error::PathError;
use super::offered::typed;
use super::path::Path;
use crate::config::Reader;
use serde_core::de::DeserializeOwned;
use std::fmt;

/// What a config has at one path, as a value of type `U`, for one thread: made by
/// [`Config::key`](crate::config::Config::key).
///
/// [`Key::get`] costs one atomic load and a branch or two while nothing changed. On the first call after a change it looks
/// the path up again, and makes and drops a `U` of its own; that is no hot path. Like a [`Reader`], a key that is not asked
/// keeps one old snapshot alive, and it may outlive the config.
///
/// ```
/// # use flightdeck::config::{Config, Paths, Validate, Violations};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct App { rate: u32 }
/// # impl Validate for App { fn validate(&self, _: &mut Violations) {} }
/// # let config = Config::builder(App { rate: 10 }).paths(Paths::new().writable("rate"))?.build()?;
/// let mut rate = config.key::<u32>("rate")?;
/// assert_eq!(rate.get(), Ok(&10));
/// config.set_path("rate", 20)?;
/// assert_eq!(rate.get(), Ok(&20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Key<T, U> {
    reader: Reader<T>,
    cached: Result<U, PathError>,
    /// As text: that is what is looked up.
    path: Box<str>,
}

impl<T: Send + Sync + 'static, U: DeserializeOwned> Key<T, U> {
    pub(super) fn new(mut reader: Reader<T>, path: &str) -> Result<Self, PathError> {
        let cached = Ok(typed(reader.get(), path)?);
        Ok(Self { reader, cached, path: path.into() })
    }

    /// What is there in the current revision.
    ///
    /// # Errors
    /// If nothing is there since a change, or something of another type.
    #[inline]
    pub fn get(&mut self) -> Result<&U, &PathError> {
        if self.reader.has_changed() {
            self.refresh();
        }
        self.cached.as_ref()
    }

    #[cold]
    #[inline(never)]
    fn refresh(&mut self) {
        self.cached = typed(self.reader.get(), &self.path);
    }
}

impl<T, U> Key<T, U> {
    /// Where it looks.
    #[must_use]
    pub fn path(&self) -> Path {
        // It was parsed before.
        self.path.parse().unwrap_or_default()
    }
}

impl<T, U> fmt::Debug for Key<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("path", &self.path)
            .field("is_ok", &self.cached.is_ok())
            .finish_non_exhaustive()
    }
}
