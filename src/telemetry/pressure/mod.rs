//! How close memory is to its limits, and one number to scale by.
//!
//! | file | idea |
//! |---|---|
//! | `read` | [`Pressure`], which reads |
//! | `cgroup` | where the groups of this process are |
//! | `parse` | what stands in which file |
//! | `error` | what can go wrong |

mod cgroup;
mod error;
mod parse;
mod read;

pub use error::{InputError, PressureError, WatchError};
pub use read::{MemoryLimit, Pressure, PressureReading};
