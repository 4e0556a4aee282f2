//! Subscribers of one part of a config.

use super::error::PathError;
use super::offered::Offered;
use super::path::Path;
use crate::config::{Change, Config, Subscribe, Subscription};

impl<T: Send + Sync + 'static> Config<T> {
    /// As [`Config::subscribe`], but called only for changes of what is at `path` or below it; the root is everything. What
    /// differs is worked out once a change for all who ask. Where the value cannot be compared by paths, it is called.
    ///
    /// ```
    /// # use flightdeck::config::{Config, Paths, Validate, Violations};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct App { limits: std::collections::BTreeMap<String, u32>, name: String }
    /// # impl Validate for App { fn validate(&self, _: &mut Violations) {} }
    /// # let app = App { limits: [("rate".to_owned(), 1)].into(), name: String::new() };
    /// # let config = Config::builder(app).paths(Paths::new().writable(""))?.build()?;
    /// let subscription = config.subscribe_path("limits", |change| {
    ///     assert_eq!(change.diff().unwrap().to_string(), "limits.rate: 1 -> 2");
    /// })?;
    /// config.set_path("name", "other")?;
    /// config.set_path("limits.rate", 2)?;
    /// # drop(subscription);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If `path` is none, or the config was built without [paths](crate::config::Builder::paths).
    pub fn subscribe_path(
        &self,
        path: &str,
        callback: impl Fn(&Change<T>) + Send + Sync + 'static,
    ) -> Result<Subscription, PathError> {
        Ok(self.subscriber().path(path)?.call(callback))
    }
}

impl<T: Send + Sync + 'static> Subscribe<'_, T> {
    /// Is told of those changes only that touch what is at `path` or below it: see [`Config::subscribe_path`].
    ///
    /// # Errors
    /// As [`Config::subscribe_path`].
    pub fn path(self, path: &str) -> Result<Self, PathError> {
        let path: Path = path.parse()?;
        Offered::of(&self.config.load())?;
        Ok(self.when(move |change| change.diff().map_or(true, |diff| diff.touches(&path))))
    }
}
