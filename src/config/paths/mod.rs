//! Paths into a config: reading, changing and comparing parts of a value by name.
//!
//! | file | idea |
//! |---|---|
//! | `path`, `scan` | a path, and its text |
//! | `tree` | the value as a tree of JSON |
//! | `merge` | two trees made one: layers, and patches |
//! | `diff` | what differs between two trees |
//! | `access` | what may change while running, and what may not be read out |
//! | `codec`, `lookup` | between value and tree; from a path's text to what is there |
//! | `offered` | what is attached to a config that has paths |
//! | `read`, `key`, `fallback` | reading; a prepared path; defaults and how often they were needed |
//! | `write` | changing |
//! | `subscribe`, `record` | being told of changes of one part; changes as they are written down |
//! | `error` | why a path leads nowhere, and why something must not be put there |

pub(in crate::config) mod access;
mod codec;
mod diff;
mod error;
mod fallback;
mod key;
mod lookup;
pub(in crate::config) mod merge;
mod offered;
mod path;
mod read;
mod record;
mod scan;
mod subscribe;
pub(in crate::config) mod tree;
mod write;

pub use diff::{Changed, Diff};
pub use error::{PatchError, PathError, PathSyntaxError, Refused};
pub use fallback::Fallbacks;
pub use key::Key;
pub use offered::Paths;
pub use path::{Path, Segment};
pub use read::DiffError;
pub use record::{ChangeStep, Then};

pub(in crate::config) use access::Rules;
pub(in crate::config) use fallback::FallbackCounts;
pub(in crate::config) use offered::hide_secrets;
