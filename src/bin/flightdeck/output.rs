//! Where results go: standard output, through one buffer, with an end that readers may close.

use serde_core::Serialize;
use std::io::{self, BufWriter, StdoutLock, Write};

/// Standard output. Write results here and nowhere else.
pub struct Output(BufWriter<StdoutLock<'static>>);

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The reader has seen enough (`| head`). Nothing to report: the command ends, and well.
    #[error("standard output is closed")]
    Closed,
    /// Anything else: a full disk, for example.
    #[error("standard output cannot be written: {0}")]
    Failed(io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(error),
        }
    }
}

impl Output {
    pub fn stdout() -> Self {
        Self(BufWriter::with_capacity(64 << 10, io::stdout().lock()))
    }

    /// One line.
    pub fn line(&mut self, line: impl std::fmt::Display) -> Result<(), OutputError> {
        writeln!(self.0, "{line}").map_err(OutputError::from)
    }

    /// One object, on one line.
    pub fn json(&mut self, object: &impl Serialize) -> Result<(), OutputError> {
        serde_json::to_writer(&mut self.0, object).map_err(io::Error::from)?;
        self.line("")
    }

    /// Writes what is buffered: call it when done, or a failure goes unseen.
    pub fn finish(&mut self) -> Result<(), OutputError> {
        self.0.flush().map_err(OutputError::from)
    }
}

/// For what is no line.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
