//! The file of a deck that outlives its process (feature `mapped`, Linux).
//!
//! All of a deck's state lies in one file, mapped and shared: the system keeps what was stored, whatever becomes of the
//! process. It survives `kill -9`, an abort, the system's killer for want of memory, an overflowed stack. It does not survive
//! the machine going down, unless it lies on a disk and was written back before.
//!
//! This part knows files, not what lies in their sections. It makes them ([`Options`], [`MappedFile`]), opens them ([`Opened`]), and tells
//! whose they are ([`Life`]). Every byte that is read is taken for hostile: any content gives an error, or a header whose offsets
//! lie inside the file.
//!
//! - `header`, `directory`, `life`: the first page
//! - `options`, `create`, `place`, `places`, `safe`, `recover`: making a file, where, and what becomes of those of earlier lives
//! - `open`: reading one
//! - `dump`: a copy of one, or of a deck in memory
//!
#![doc = include_str!("calls.md")]
//!
#![doc = include_str!("format.md")]
mod create;
mod directory;
mod dump;
mod error;
mod header;
mod life;
mod open;
mod options;
mod place;
mod places;
mod recover;
mod safe;

pub use crate::region::stage::State;
pub use create::MappedFile;
pub(crate) use create::Section;
pub use directory::Entry;
pub(crate) use directory::{SectionSpec, kind};
pub use dump::{DumpCause, Dumped};
pub use error::{CreateError, HeaderError, OpenError};
pub use header::{Backing, Header};
pub use life::{FileId, Life};
pub use open::{OpenOptions, Opened};
pub use options::Options;
pub use places::places;

#[cfg(test)]
mod tests;
