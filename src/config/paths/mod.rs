//! Paths into a config: reading, changing and comparing parts of a value by name.
//!
//! | file | idea |
//! |---|---|
//! | `path`, `scan` | a path, and its text |
//! | `tree` | the value as a tree of JSON |
//! | `merge` | two trees made one: layers, and patches |
//! | `diff` | what differs between two trees |
//! | `access` | what may change while running, and what may not be read out |
//! | `error` | why a path leads nowhere |

pub(in crate::config) mod access;
pub(in crate::config) mod diff;
mod error;
pub(in crate::config) mod merge;
mod path;
mod scan;
pub(in crate::config) mod tree;

pub use diff::{Changed, Diff};
pub use error::PathSyntaxError;
pub use path::{Path, Segment};
