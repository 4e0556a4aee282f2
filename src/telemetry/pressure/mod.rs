//! How close memory is to its limits, and one number to scale by.
//!
//! | file | idea |
//! |---|---|
//! | `read` | [`Pressure`], which reads |
//! | `cgroup` | where the groups of this process are |
//! | `parse` | what stands in which file |
//! | `watch` | [`PressureWatch`], which is ticked and asked |
//! | `level` | which level holds |
//! | `load` | one number to scale by |
//! | `subscribers` | who is told of a change |
//! | `error` | what can go wrong |

mod cgroup;
mod error;
mod level;
mod load;
mod parse;
mod read;
mod subscribers;
mod watch;

pub use error::{InputError, PressureError, WatchError};
pub use level::Level;
pub use load::{LoadInput, LoadParts};
pub use read::{MemoryLimit, Pressure, PressureReading};
pub use subscribers::{LevelChange, LevelSubscription};
pub use watch::{PressureStatus, PressureWatch, PressureWatchBuilder};
