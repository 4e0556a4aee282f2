//! Where rows come from: files, pipes and standard input, opened and judged before any work is done.
//!
//! - `stream`: bytes that stop coming when the user interrupts
//! - `records`: lines and quoted records out of bytes, in bounded memory

mod records;
mod stream;

pub use records::{Item, LONGEST_LINE, Records};
pub use stream::Stream;

use crate::formats::{Format, Unrecognised, recognise};
use flightdeck::{Diagnostic, Retry, Severity};
use std::io;
use std::path::{Path, PathBuf};

/// One input, known to be of a format we read.
pub struct Source {
    name: String,
    format: Format,
    bytes: Option<u64>,
    held: Held,
}

/// Files are opened again when their turn comes: a thousand of them need one descriptor. What cannot be
/// read twice stays open, with what was read to recognise it.
enum Held {
    Path(PathBuf),
    Open(Records<Stream>),
}

/// Why an input is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It cannot be opened.
    #[error("{name}: cannot be opened: {}", reason(.source))]
    Open {
        /// As the user named it.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is a folder.
    #[error("{name}: is a folder: name the files in it, for example {name}/*.log")]
    Folder {
        /// As the user named it.
        name: String,
    },
    /// It cannot be read to its end.
    #[error("{name}: cannot be read after byte {after}: {}", reason(.source))]
    Read {
        /// As the user named it.
        name: String,
        /// How many bytes were read.
        after: u64,
        /// What the system says.
        source: io::Error,
    },
    /// Standard input is named more than once.
    #[error("standard input: named {times} times, can be read once")]
    Twice {
        /// How often.
        times: usize,
    },
    /// It is of no format that we read.
    #[error("{name}: {reason}")]
    Format {
        /// As the user named it.
        name: String,
        /// What it is instead.
        reason: Unrecognised,
    },
}

/// The system's words without its number, in our case.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

impl InputError {
    /// Whether there was nothing in it: worth saying, and no reason to refuse the others.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Format { reason: Unrecognised::Empty, .. })
    }

    /// Whether it is the user who stopped us.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::Interrupted)
    }
}

impl Diagnostic for InputError {
    fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "cli.input.open",
            Self::Folder { .. } => "cli.input.folder",
            Self::Read { .. } => "cli.input.read",
            Self::Twice { .. } => "cli.input.twice",
            Self::Format { reason: Unrecognised::Empty, .. } => "cli.input.empty",
            Self::Format { .. } => "cli.input.format",
        }
    }

    fn severity(&self) -> Severity {
        if self.is_empty() { Severity::Warn } else { Severity::Error }
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl Source {
    /// Refuses names that cannot all be read.
    pub fn check_names(paths: &[PathBuf]) -> Result<(), InputError> {
        let times = paths.iter().filter(|path| path.as_os_str() == "-").count();
        if times > 1 { Err(InputError::Twice { times }) } else { Ok(()) }
    }

    /// Opens `path` (`-` is standard input) and finds its format.
    pub fn judge(path: &Path) -> Result<Self, InputError> {
        let is_stdin = path.as_os_str() == "-";
        let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let (stream, regular) = if is_stdin {
            (Stream::stdin().map_err(|source| InputError::Open { name: name.clone(), source })?, None)
        } else {
            open(path, &name)?
        };
        let mut records = Records::new(stream, LONGEST_LINE);
        let format = recognised(&mut records, &name)?;
        let held = if regular.is_some() { Held::Path(path.to_owned()) } else { Held::Open(records) };
        Ok(Self { name, format, bytes: regular, held })
    }

    /// As the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// Its length, where it has one.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Its records, from the first on.
    pub fn records(self) -> Result<Records<Stream>, InputError> {
        match self.held {
            Held::Open(records) => Ok(records),
            Held::Path(path) => Ok(Records::new(open(&path, &self.name)?.0, LONGEST_LINE)),
        }
    }
}

/// The format of what comes next. A line too long to hold will be skipped as broken, so this looks
/// behind it.
fn recognised(records: &mut Records<Stream>, name: &str) -> Result<Format, InputError> {
    let failed = |source| InputError::Read { name: name.to_owned(), after: 0, source };
    let mut about_long_line = None;
    loop {
        let (head, is_whole) = records.head().map_err(failed)?;
        let reason = match recognise(head, is_whole) {
            Ok(format) => return Ok(format),
            Err(Unrecognised::Empty) => about_long_line.unwrap_or(Unrecognised::Empty),
            Err(reason) => {
                let is_long = !is_whole && !head.contains(&b'\n') && reason.is_about_text();
                if is_long && records.skip_long_line().map_err(failed)? {
                    about_long_line.get_or_insert(reason);
                    continue;
                }
                reason
            }
        };
        return Err(InputError::Format { name: name.to_owned(), reason });
    }
}

/// The stream of a file, and its length if it can be opened twice.
fn open(path: &Path, name: &str) -> Result<(Stream, Option<u64>), InputError> {
    let failed = |source| InputError::Open { name: name.to_owned(), source };
    let stream = Stream::open(path).map_err(failed)?;
    let metadata = stream.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(InputError::Folder { name: name.to_owned() });
    }
    Ok((stream, metadata.is_file().then_some(metadata.len())))
}
