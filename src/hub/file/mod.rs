//! The file of a deck (feature `mapped`, Linux): one, with a section for each part.
//!
//! | file | idea |
//! |---|---|
//! | `kept` | making it, what of it is written down, and writing it back to the disk |
//! | `recording` | reading one: this or another process's, that runs or ran |
//! | `section` | what is so now, posted as a whole: the format of the deck's own sections |
//! | `words` | what is posted, as words |
//! | `configs` | revisions of configs |
//! | `workers` | how workers are |
//! | `health` | concerns in force |
//! | `dump` | a copy of it, or of a deck in memory, at any time |
//! | `dumps` | when one is made by itself |
//! | `told` | what a part told, as of some moment |
//! | `error` | why a part cannot be read |

mod configs;
mod dump;
mod dumps;
mod error;
mod health;
mod kept;
mod recording;
mod section;
mod told;
mod words;
mod workers;

pub use configs::{RecordedRevision, RecordedValue};
pub use dumps::Dumps;
pub use error::{DumpError, PartError};
pub use health::{RecordedConcern, RecordedHealth};
pub use told::Told;
pub use workers::RecordedWorker;

pub(in crate::hub) use kept::{Kept, LastPost, Making};
pub use recording::Recording;
