//! Where a config's values come from: defaults, files, the environment and what is set while running, in layers.
//!
//! A [`SourcedConfig`] holds a [`Config`](super::Config) and everything that its values come from. It can say
//! [why](SourcedConfig::why) a value is what it is, read its sources [again](SourcedConfig::reload) at any time, and have its files
//! [watched](SourcedConfig::watch). A bad file never reaches a reader: what was in force stays, and the error can be asked for.
//!
//! It will not: write files; follow the environment by itself (a process cannot be told of a change there); ask a server.
//!
//! - `place`, `pattern`: paths, and those that a builder names; `layers`: trees laid over each other
//! - `position`, `origin`: where something stands, who says it; `problem`: what speaks against it
//! - `text`, `toml`, `json`, `yaml`: from a text to a tree, within bounds; `file`: what a file has to say
//! - `environment`: variables as a tree
//! - `builder`: which sources there are; `stack`: all layers as they were read last
//! - `decode`, `judge`, `unknown`, `nearest`: whether what they come to can be taken; `redact`: what may be shown of it
//! - `sourced`: reload, overrides, and why; `report`: what can be known of it
//! - `links`, `watch`: files watched; `hangup`: the signal

mod builder;
mod decode;
mod environment;
mod file;
#[cfg(all(feature = "signals", unix))]
mod hangup;
mod json;
mod judge;
mod layers;
mod links;
mod nearest;
mod origin;
mod pattern;
mod place;
mod position;
mod problem;
mod redact;
mod report;
mod sourced;
mod stack;
mod text;
mod toml;
mod unknown;
mod watch;
#[cfg(feature = "yaml")]
mod yaml;

pub use builder::{SourceFile, Sources, UnknownKeys};
pub use origin::Origin;
pub use position::Position;
pub use problem::{LoadError, Problem};
pub use report::{FileStatus, Reloaded, Said, SourceNotice, SourcesStatus, Why};
pub use sourced::SourcedConfig;
pub use watch::{Looked, WatchError, WatchStats, Watcher, Watching};

use super::validate::one_line;
