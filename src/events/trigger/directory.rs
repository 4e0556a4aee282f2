//! Captures as files: one each, created new, in a directory that holds a bounded number of them.

use super::capture::{Trimmed, trim};
use super::cause::TriggerCause;
use super::error::TriggerError;
use crate::clock::Ticks;
use crate::events::answer::Answer;
use crate::events::incident::{CaptureError, packed_bytes};
use std::collections::VecDeque;
#[cfg(feature = "json")]
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What every name of a file begins with.
const PREFIX: &str = "flightdeck-";

/// Where captures go as files: one each, named after trigger, time and process.
///
/// A file is created new, for its owner alone to read (mode 0600), never over another one and never through a link. Once
/// there are as many as there may be, or they have as many bytes, the oldest **of this trigger** make room; those that an
/// earlier run of the host left count too. Of other files none is touched: two processes that run at a time take a directory each.
/// Files are not synced: they outlive the process, whatever ends it, and may not outlive the machine.
///
/// ```
/// use flightdeck::events::Directory;
/// let directory = Directory::at("/var/crash/shop").files(4).bytes(8 << 20);
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is written before a trigger is armed with it"]
pub struct Directory {
    path: PathBuf,
    files: usize,
    bytes: u64,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    #[cfg(feature = "json")]
    Json,
}

impl Directory {
    /// This one, which is there, and is no link. Up to 16 files of 64 MiB in all, as text, unless told otherwise.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), files: 16, bytes: 64 << 20, form: Form::Text }
    }

    /// At most so many files; at least one.
    pub fn files(mut self, most: usize) -> Self {
        self.files = most.max(1);
        self
    }

    /// At most so many bytes, over all files, and a quarter of them for each, unless there may be fewer than four. A capture
    /// that would have more is cut down to what is nearest in time to what set the trigger off.
    pub fn bytes(mut self, most: u64) -> Self {
        self.bytes = most;
        self
    }

    /// As JSON, one object a file: `trigger`, `cause`, `at`, `trimmed`, and `answer` as [`Answer::json`] has it. Without, as
    /// [`Answer::timeline`] after a line that says the same.
    #[cfg(feature = "json")]
    pub fn json(mut self) -> Self {
        self.form = Form::Json;
        self
    }
}

impl From<PathBuf> for Directory {
    fn from(path: PathBuf) -> Self {
        Self::at(path)
    }
}

impl From<&Path> for Directory {
    fn from(path: &Path) -> Self {
        Self::at(path)
    }
}

impl From<&str> for Directory {
    fn from(path: &str) -> Self {
        Self::at(path)
    }
}

/// The files of one trigger.
#[derive(Debug)]
pub(super) struct Files {
    directory: Directory,
    /// The directory as it was when the trigger was armed.
    identity: Identity,
    trigger: Box<str>,
    written: u64,
    /// Oldest first.
    files: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    bytes: u64,
}

/// What was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) evicted: u64,
    pub(super) trimmed: Trimmed,
}

/// What is told of a capture in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) cause: &'a TriggerCause,
    pub(super) at: Ticks,
    pub(super) trimmed: Trimmed,
}

impl Files {
    /// Looks for the files that an earlier trigger of this name left.
    pub(super) fn open(directory: Directory, trigger: &str) -> Result<Self, TriggerError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        // Half of what file systems take.
        if trigger.len() > 128 || !trigger.chars().all(fits) {
            return Err(TriggerError::FileName { name: trigger.into() });
        }
        let refused = |error: io::Error| TriggerError::Directory {
            path: directory.path.clone(),
            reason: error.to_string().into(),
        };
        let identity = Identity::of(&directory.path).map_err(refused)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&directory.path).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let name = entry.file_name();
            let Some(made) = name.to_str().and_then(|name| made(name, trigger)) else { continue };
            // Of the entry itself: a link is not followed, and none of ours.
            if let Some(metadata) = entry.metadata().ok().filter(Metadata::is_file) {
                found.push((made, Kept { path: entry.path(), bytes: metadata.len() }));
            }
        }
        found.sort_by_key(|(made, _)| *made);
        let files = found.into_iter().map(|(_, kept)| kept).collect();
        Ok(Self { directory, identity, trigger: trigger.into(), written: 0, files })
    }

    /// Writes a file, older ones making room.
    pub(super) fn write(&mut self, answer: &mut Answer, told: Told<'_>) -> Result<Written, CaptureError> {
        let mut told = told;
        let path = self.next_path(answer, told.at);
        let failed =
            |error: io::Error| CaptureError::File { path: path.clone(), reason: error.to_string().into() };
        if Identity::of(&self.directory.path).map_err(failed)? != self.identity {
            return Err(failed(io::Error::other(
                "another directory has taken the place of the one it was armed with",
            )));
        }
        let bytes = self.fit(answer, &mut told, &path)?;
        let mut evicted = self.make_room(bytes, 1).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        for_owner_alone(&mut options);
        let file = options.open(&path).map_err(failed)?;
        match self.write_to(file, answer, told) {
            Ok(bytes) => {
                self.files.push_back(Kept { path: path.clone(), bytes });
                // What was lost since it was measured is told in it, too.
                evicted += self.make_room(0, 0).map_err(failed)?;
                Ok(Written { path, bytes, evicted, trimmed: told.trimmed })
            }
            Err(error) => {
                // Half a capture is none, and what fills the disk goes first.
                let _ = fs::remove_file(&path);
                Err(failed(error))
            }
        }
    }

    fn write_to(&self, file: File, answer: &Answer, told: Told<'_>) -> io::Result<u64> {
        let mut out = Counted { to: io::BufWriter::new(file), bytes: 0 };
        self.render(&mut out, answer, told)?;
        out.to.flush()?;
        Ok(out.bytes)
    }

    /// Trims the answer until its file fits; how long that is.
    fn fit(&self, answer: &mut Answer, told: &mut Told<'_>, path: &Path) -> Result<u64, CaptureError> {
        // Others shall have room beside it.
        let limit = self.directory.bytes / self.directory.files.min(4) as u64;
        loop {
            let mut out = Counted { to: io::sink(), bytes: 0 };
            // It counts, and cannot fail.
            let _ = self.render(&mut out, answer, *told);
            if out.bytes <= limit {
                return Ok(out.bytes);
            }
            let packed: usize = answer.rows.iter().map(packed_bytes).sum();
            // By what it is too long, and a bit more: lines differ.
            let share = packed as f64 * 0.95 * limit as f64 / out.bytes as f64;
            let more = trim(answer, (share as usize).min(packed.saturating_sub(1)), told.at);
            told.trimmed = told.trimmed.and(more);
            if answer.rows.is_empty() {
                let (path, needed) = (path.to_owned(), out.bytes);
                return Err(CaptureError::FileTooLarge { path, needed, limit });
            }
        }
    }

    /// Removes the oldest files until there is room for so many more bytes in so many more files; how many those were.
    fn make_room(&mut self, needed: u64, more: usize) -> io::Result<u64> {
        let mut evicted = 0;
        let held = |files: &VecDeque<Kept>| files.iter().map(|kept| kept.bytes).sum::<u64>();
        while self.files.len() + more > self.directory.files
            || held(&self.files) + needed > self.directory.bytes
        {
            let Some(oldest) = self.files.front() else { break };
            match fs::remove_file(&oldest.path) {
                Ok(()) => evicted += 1,
                // Somebody has taken it away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            self.files.pop_front();
        }
        Ok(evicted)
    }

    fn next_path(&mut self, answer: &Answer, at: Ticks) -> PathBuf {
        self.written += 1;
        let (ns, process, number) = (answer.converter().unix_ns(at), std::process::id(), self.written);
        let extension = match self.directory.form {
            Form::Text => "txt",
            #[cfg(feature = "json")]
            Form::Json => "json",
        };
        self.directory.path.join(format!("{PREFIX}{}-{ns}-{process}-{number}.{extension}", self.trigger))
    }

    fn render(&self, out: &mut impl io::Write, answer: &Answer, told: Told<'_>) -> io::Result<()> {
        let Told { cause, at, trimmed } = told;
        let (ns, trimmed) = (answer.converter().unix_ns(at), trimmed.events);
        match self.directory.form {
            Form::Text => {
                let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
                writeln!(out, "trigger {}: {cause}, at {seconds}.{rest:09} s since 1970", self.trigger)?;
                if trimmed > 0 {
                    writeln!(out, "{trimmed} events further away were left out for want of room")?;
                }
                writeln!(out, "\n{}", answer.timeline())
            }
            #[cfg(feature = "json")]
            Form::Json => {
                let text = |text: &dyn fmt::Display| serde_json::to_string(&text.to_string());
                let (trigger, cause) = (text(&self.trigger)?, text(cause)?);
                write!(out, "{{\"trigger\":{trigger},\"cause\":{cause},")?;
                write!(out, "\"at\":{{\"ticks\":\"{}\",\"unix_ns\":\"{ns}\"}},", at.0)?;
                writeln!(out, "\"trimmed\":{trimmed},\"answer\":{}}}", answer.json())
            }
        }
    }
}

/// When a file of this name was made, by which process and as which of its files; `None` if it is not this trigger's.
fn made(file: &str, trigger: &str) -> Option<(u64, u64, u64)> {
    let rest = file.strip_prefix(PREFIX)?.strip_prefix(trigger)?.strip_prefix('-')?;
    let stem = rest.strip_suffix(".txt").or_else(|| rest.strip_suffix(".json"))?;
    let mut numbers = stem.split('-').map(|number| number.parse().ok());
    let made = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(made)
}

/// Counts what goes through.
struct Counted<W> {
    to: W,
    bytes: u64,
}

impl<W: io::Write> io::Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Which directory it is, so that one which takes its place, or a link, is told from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        if metadata.is_symlink() {
            return Err(io::Error::other("it is a link: name what it leads to"));
        }
        if !metadata.is_dir() {
            return Err(io::Error::other("it is no directory"));
        }
        Ok(Self::numbers(&metadata))
    }

    #[cfg(unix)]
    fn numbers(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    #[cfg(not(unix))]
    fn numbers(_: &Metadata) -> Self {
        Self(0, 0)
    }
}

#[cfg(unix)]
fn for_owner_alone(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn for_owner_alone(_: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triggers_files_are_told_from_all_others() {
        assert_eq!(made("flightdeck-errors-17-4-2.txt", "errors"), Some((17, 4, 2)));
        assert_eq!(made("flightdeck-errors-17-4-2.json", "errors"), Some((17, 4, 2)));
        for other in [
            "flightdeck-errors-5-17-4-2.txt",
            "flightdeck-errors-17-4.txt",
            "flightdeck-errors-17-4-x.txt",
            "flightdeck-errors-17-4-2.log",
            "flightdeck-errors17-4-2.txt",
            "errors-17-4-2.txt",
        ] {
            assert_eq!(made(other, "errors"), None, "{other}");
        }
        assert_eq!(made("flightdeck-errors-5-17-4-2.txt", "errors-5"), Some((17, 4, 2)));
    }
}
