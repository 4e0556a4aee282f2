//! The host's config from a file that is edited while the demo runs.

use super::settings::{FIRST, Settings};
use flightdeck::Flightdeck;
use flightdeck::config::{Config, LoadError, SourcedConfig, Sources, UnknownKeys};
use std::path::Path;

/// A file, and what was last heard of it.
pub struct Source {
    sources: SourcedConfig<Settings>,
    refused: Option<String>,
}

impl Source {
    pub fn open(file: &Path) -> Result<Self, LoadError> {
        let sources = Sources::new("DEMO").file(file).unknown_keys(UnknownKeys::Refuse).build_from(&FIRST)?;
        Ok(Self { sources, refused: None })
    }

    pub fn config(&self) -> &Config<Settings> {
        self.sources.config()
    }

    pub fn settings(&self) -> Settings {
        **self.config().load()
    }

    /// From now on the deck follows the file.
    pub fn watch_by(&self, deck: &Flightdeck<Settings>) -> Result<(), String> {
        let watcher = self.sources.watcher().map_err(|error| error.to_string())?;
        deck.watch_sources(watcher).map_err(|error| error.to_string())
    }

    /// Why the file is refused, or that it no longer is, if that is news.
    pub fn news(&mut self) -> Option<Result<(), String>> {
        let refused = self.sources.status().last_error.map(|error| error.to_string());
        if refused == self.refused {
            return None;
        }
        self.refused.clone_from(&refused);
        Some(refused.map_or(Ok(()), Err))
    }
}
