//! The file of a deck (feature `mapped`, Linux): one, with a section for each part.
//!
//! | file | idea |
//! |---|---|
//! | `kept` | making it, what of it is written down, and writing it back to the disk |
//! | `recording` | reading one: this or another process's, that runs or ran |

mod kept;
mod recording;

pub(in crate::hub) use kept::{Kept, Making};
pub use recording::Recording;
