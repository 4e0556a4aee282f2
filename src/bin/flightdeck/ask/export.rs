//! `flightdeck export`: all events of a file into another, which appears whole or not at all.

use super::args::{Export, FormatName};
use super::form::Form;
use super::select::Selection;
use crate::interrupt;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::shown::{count, plain};
use flightdeck::events::{Cursor, CursorState, Delivery, Start};
use flightdeck::{Diagnostic, Retry, Severity, Ticks};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What takes less is done before anybody wonders.
const QUIET: Duration = Duration::from_secs(2);
/// Events between two looks at the time, and at whether the user interrupted.
const BATCH: usize = 4_096;

/// Why nothing was exported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Neither its suffix nor an option says.
    #[error("the name `{out}` does not tell the format: add --format jsonl or --format csv")]
    Format {
        /// What was named.
        out: String,
    },
    /// Something is there.
    #[error("`{out}` is there already: add --force to overwrite it, or name another file")]
    Exists {
        /// The file.
        out: String,
    },
    /// The system refused.
    #[error("`{out}` cannot be written: {reason}")]
    Write {
        /// The file.
        out: String,
        /// What the system says.
        reason: String,
    },
}

impl Diagnostic for ExportError {
    fn code(&self) -> &'static str {
        match self {
            Self::Format { .. } => "cli.export.format",
            Self::Exists { .. } => "cli.export.exists",
            Self::Write { .. } => "cli.export.write",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

pub fn run(asked: &Export, output: &mut Output, messages: &mut Messages) -> Result<Outcome, Failure> {
    let format = format(asked)?;
    // Before anything is read: what cannot be written is said at once.
    let mut sink = Sink::new(&asked.out, asked.force, output)?;
    let recording = asked.named.open()?;
    let selection = Selection::new(&asked.filters, &recording)?.until_now();
    selection.tell_unknown(&recording, messages);
    let form = Form::of_file(format, &recording, selection.kinds());
    let Some(query) = selection.of(&recording) else { return Ok(Outcome::NothingFound) };
    let cursor = query.follow_from(Start::Oldest).map_err(|error| selection.explained(error, &recording))?;
    if let Some(head) = form.head() {
        sink.line(&head)?;
    }
    let mut exported = Exported::default();
    let written = write(cursor, &selection, &form, &mut sink, &mut exported, messages);
    messages.end_progress();
    if !written? {
        let is_whole_or_nothing = matches!(sink, Sink::File(_));
        let left = if is_whole_or_nothing { "nothing was exported" } else { "this is not all" };
        messages.warn(format_args!("interrupted: {left}"));
        return Ok(Outcome::Interrupted);
    }
    let place = sink.finish()?;
    let whole_from = recording.query().limit(1).run()?.since();
    let is_cut = whole_from > Ticks(0)
        && recording.converter().unix_ns(whole_from) > selection.since().unwrap_or_default();
    let is_missing = exported.missing > 0 || is_cut;
    let of_all = if is_missing { ", as far as they were still there" } else { "" };
    messages.note(format_args!("{} to {place}{of_all}", count(exported.events, "event")));
    let is_enough = exported.events > 0 && !(asked.strict && is_missing);
    Ok(if is_enough { Outcome::Done } else { Outcome::NothingFound })
}

#[derive(Debug, Default)]
struct Exported {
    events: u64,
    missing: u64,
}

/// Whether it came to the end, and was not interrupted.
fn write(
    mut cursor: Cursor,
    selection: &Selection,
    form: &Form,
    sink: &mut Sink<'_>,
    exported: &mut Exported,
    messages: &mut Messages,
) -> Result<bool, Failure> {
    let start = Instant::now();
    let (mut lines, mut bytes, mut shows) = (Vec::new(), 0, false);
    loop {
        let state = cursor
            .poll(BATCH, |delivery| match delivery {
                Delivery::Event(event) if selection.keeps(&event) => {
                    exported.events += 1;
                    lines.push(form.event(&event));
                }
                Delivery::Gap(gap) => {
                    exported.missing += gap.count;
                    lines.extend(form.gap(&gap, messages));
                }
                _ => {}
            })
            .state;
        for line in lines.drain(..) {
            bytes += line.len() as u64 + 1;
            sink.line(&line)?;
        }
        if interrupt::came() {
            return Ok(false);
        }
        if state != CursorState::More {
            return Ok(true);
        }
        if !shows && start.elapsed() > QUIET {
            shows = true;
            messages.start_progress(None);
        }
        messages.progress(bytes, exported.events);
    }
}

fn format(asked: &Export) -> Result<FormatName, ExportError> {
    let suffix = asked.out.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
    match (asked.format, suffix.to_ascii_lowercase().as_str()) {
        (Some(format), _) => Ok(format),
        (None, "jsonl" | "json" | "ndjson") => Ok(FormatName::Jsonl),
        (None, "csv") => Ok(FormatName::Csv),
        (None, _) => Err(ExportError::Format { out: shown(&asked.out) }),
    }
}

fn shown(path: &Path) -> String {
    plain(&path.to_string_lossy())
}

/// Where it goes.
enum Sink<'o> {
    Output(&'o mut Output),
    /// A pipe, a device: what is there stays what it is.
    Special(PathBuf, BufWriter<File>),
    File(Partial),
}

impl<'o> Sink<'o> {
    fn new(out: &Path, is_forced: bool, output: &'o mut Output) -> Result<Self, ExportError> {
        if out == Path::new("-") {
            return Ok(Self::Output(output));
        }
        let failed = |error: io::Error| ExportError::Write { out: shown(out), reason: error.to_string() };
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

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        let (path, file) = match self {
            Self::Output(output) => return Ok(output.line(line)?),
            Self::Special(path, file) => (&*path, file),
            Self::File(Partial { out, file, .. }) => (&*out, file),
        };
        let failed = |error: io::Error| ExportError::Write { out: shown(path), reason: error.to_string() };
        Ok(writeln!(file, "{line}").map_err(failed)?)
    }

    /// Puts it in its place, and says what that is called.
    fn finish(self) -> Result<String, Failure> {
        let failed =
            |out: &Path, error: io::Error| ExportError::Write { out: shown(out), reason: error.to_string() };
        match self {
            Self::Output(output) => {
                output.finish()?;
                Ok("standard output".to_owned())
            }
            Self::Special(path, mut file) => {
                file.flush().map_err(|error| failed(&path, error))?;
                Ok(shown(&path))
            }
            Self::File(partial) => {
                let out = partial.out.clone();
                partial.finish().map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => ExportError::Exists { out: shown(&out) },
                    _ => failed(&out, error),
                })?;
                Ok(shown(&out))
            }
        }
    }
}

/// A file that is not all there yet, under a name of its own; without `finish` it goes.
struct Partial {
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
        // For its owner alone, as the deck is.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let file = BufWriter::with_capacity(256 << 10, file);
        Ok(Self { out: out.to_owned(), is_forced, path: Some(path), file })
    }

    fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        let Some(path) = &self.path else { return Ok(()) };
        if self.is_forced {
            fs::rename(path, &self.out)?;
        } else {
            match renameat_with(CWD, path, CWD, &self.out, RenameFlags::NOREPLACE) {
                // The file system cannot: then the look at the beginning has to do.
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(path, &self.out)?,
                renamed => renamed?,
            }
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}
