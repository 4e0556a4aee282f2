//! Where an export goes: a file that appears whole or not at all, a pipe, standard output.

use super::ExportError;
use crate::outcome::Failure;
use crate::output::Output;
use crate::shown::plain;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

pub fn shown(path: &Path) -> String {
    plain(&path.to_string_lossy())
}

/// Where it goes.
pub enum Sink<'o> {
    Output(&'o mut Output),
    /// A pipe, a device: what is there stays what it is.
    Special(PathBuf, BufWriter<File>),
    File(Partial),
}

impl<'o> Sink<'o> {
    /// What `out` names; `-` is standard output.
    pub fn new(out: &Path, is_forced: bool, output: &'o mut Output) -> Result<Self, ExportError> {
        if out == Path::new("-") { Ok(Self::Output(output)) } else { Self::named(out, is_forced) }
    }

    /// The same, where standard output is taken.
    pub fn named(out: &Path, is_forced: bool) -> Result<Self, ExportError> {
        let failed = |error| ExportError::write(out, &error);
        match fs::metadata(out) {
            Ok(there) if there.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(there) if !there.is_file() => {
                let file = OpenOptions::new().write(true).open(out).map_err(failed)?;
                Ok(Self::Special(out.to_owned(), BufWriter::new(file)))
            }
            Ok(_) if !is_forced => Err(ExportError::Exists { out: shown(out) }),
            _ => Partial::new(out, is_forced).map(Self::File).map_err(failed),
        }
    }

    /// What standard output is called.
    pub const STANDARD: &'static str = "standard output";

    /// What it is called.
    pub fn place(&self) -> String {
        match self {
            Self::Output(_) => Self::STANDARD.to_owned(),
            Self::Special(out, _) | Self::File(Partial { out, .. }) => shown(out),
        }
    }

    /// Whether nothing is left of it unless it is finished.
    pub fn is_whole_or_nothing(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Puts it in its place, and says what that is called.
    pub fn finish(self) -> Result<String, Failure> {
        match self {
            Self::Output(output) => {
                output.finish()?;
                Ok(Self::STANDARD.to_owned())
            }
            Self::Special(path, mut file) => {
                file.flush().map_err(|error| ExportError::write(&path, &error))?;
                Ok(shown(&path))
            }
            Self::File(partial) => {
                let out = partial.out.clone();
                partial.finish().map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => ExportError::Exists { out: shown(&out) },
                    _ => ExportError::write(&out, &error),
                })?;
                Ok(shown(&out))
            }
        }
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Output(output) => output.write(bytes),
            Self::Special(_, file) | Self::File(Partial { file, .. }) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Output(output) => output.flush(),
            Self::Special(_, file) | Self::File(Partial { file, .. }) => file.flush(),
        }
    }
}

/// A file that is not all there yet, under a name of its own; without `finish` it goes.
pub struct Partial {
    out: PathBuf,
    is_forced: bool,
    path: Option<PathBuf>,
    file: BufWriter<File>,
}

impl Partial {
    fn new(out: &Path, is_forced: bool) -> io::Result<Self> {
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let path = out.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // For its owner alone, as the deck is.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = BufWriter::with_capacity(256 << 10, options.open(&path)?);
        Ok(Self { out: out.to_owned(), is_forced, path: Some(path), file })
    }

    fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        let Some(path) = &self.path else { return Ok(()) };
        if self.is_forced {
            fs::rename(path, &self.out)?
        } else {
            rename_to_free(path, &self.out)?
        }
        self.path = None;
        Ok(())
    }
}

/// Renames, if nothing has that name.
#[cfg(target_os = "linux")]
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system cannot: then the look at the beginning has to do.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

#[cfg(not(target_os = "linux"))]
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}
