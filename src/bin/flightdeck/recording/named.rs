//! The file that a command line names.

use crate::shown::plain;
use flightdeck::Recording;
use flightdeck::events::{self, RecordingError};
use flightdeck::mapped::{OpenOptions, Opened};
use std::path::PathBuf;

/// The file to read, to be flattened into the arguments of a command.
#[derive(Clone, Debug, clap::Args)]
pub struct Named {
    /// The file of a deck, whose process runs or ran: see `Builder::mapped`
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Read it also if it belongs to another user, who may change it meanwhile in any way
    #[arg(long)]
    pub any_user: bool,
}

impl Named {
    /// Opens it for its events, whether or not its process runs, which does not notice.
    pub fn open(&self) -> Result<events::Recording, RecordingError> {
        events::Recording::of(self.opened()?)
    }

    /// The same for all that is in it.
    pub fn open_whole(&self) -> Result<Recording, RecordingError> {
        Recording::of(self.opened()?)
    }

    fn opened(&self) -> Result<Opened, RecordingError> {
        Ok(Opened::open(&self.file, &OpenOptions::new().of_any_user(self.any_user))?)
    }
}

/// The process that writes the file, or wrote it, as people call it: `matching-engine (process 4711)`.
pub fn who(file: &Opened) -> String {
    let life = &file.header().life;
    let program = if life.program.is_empty() { "its program".to_owned() } else { plain(&life.program) };
    format!("{program} (process {})", life.process)
}
