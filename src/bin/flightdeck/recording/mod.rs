//! Files of decks, as commands that read them see one.
//!
//! - `named`: the file that a command line names, opened
//! - `fate`: what became of the process that writes it, or wrote it

mod fate;
mod named;

pub use fate::Fate;
pub use named::{Named, who};
