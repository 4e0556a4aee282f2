//! From inputs to batches of rows, in the order of the command line, in bounded memory.

use super::batch::RowBatch;
use super::names::Names;
use crate::formats::{Broken, Format, Parser};
use crate::input::{InputError, Item, LONGEST_LINE, Records, Source, Stream};
use crate::messages::Messages;
use crate::shown::count;
use std::time::{Duration, Instant};

/// How many broken rows are shown; the others are counted.
const SHOWN: u64 = 5;

/// Reads inputs one after the other.
pub struct Loader {
    waiting: std::vec::IntoIter<Source>,
    current: Option<Reading>,
    /// The names of all fields so far: batches refer to it by number.
    pub names: Names,
    /// What was found, a place for each input in its order.
    pub files: Vec<File>,
    /// Time spent in reading and parsing.
    pub spent: Duration,
    /// Whether the user stopped it before the end.
    pub is_interrupted: bool,
    /// Whether an input failed before its end.
    pub has_failed: bool,
}

/// What was found in one input.
#[derive(Clone, Debug)]
pub struct File {
    pub name: String,
    pub format: Format,
    pub bytes: u64,
    pub rows: u64,
    pub broken: u64,
    /// Rows with bytes that are no UTF-8, shown as U+FFFD.
    pub lossy: u64,
}

struct Reading {
    records: Records<Stream>,
    parser: Parser,
    number: usize,
}

impl Loader {
    pub fn new(sources: Vec<Source>) -> Self {
        Self {
            files: sources.iter().map(File::of).collect(),
            waiting: sources.into_iter(),
            current: None,
            names: Names::default(),
            spent: Duration::ZERO,
            is_interrupted: false,
            has_failed: false,
        }
    }

    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    pub fn broken(&self) -> u64 {
        self.files.iter().map(|file| file.broken).sum()
    }

    pub fn lossy(&self) -> u64 {
        self.files.iter().map(|file| file.lossy).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Fills `batch` with the next rows; whether there are any. An input that fails is said and left,
    /// the next one is read; an interrupt ends them all.
    pub fn fill(&mut self, batch: &mut RowBatch, messages: &Messages) -> bool {
        let start = Instant::now();
        batch.clear();
        while !batch.is_full() {
            let reading = match self.current.take() {
                Some(reading) => Ok(reading),
                None => match self.waiting.next() {
                    Some(source) => self.open(source),
                    None => break,
                },
            };
            match reading.and_then(|reading| self.read(reading, batch, messages)) {
                Ok(unfinished) => self.current = unfinished,
                Err(error) if error.is_interrupt() => {
                    self.is_interrupted = true;
                    self.waiting = Vec::new().into_iter();
                }
                Err(error) => {
                    self.has_failed = true;
                    messages.error(error);
                }
            }
        }
        self.spent += start.elapsed();
        messages.progress(self.bytes(), self.rows());
        batch.len() > 0
    }

    fn open(&self, source: Source) -> Result<Reading, InputError> {
        // Inputs are taken in order: what no longer waits is being read or done.
        let number = self.files.len() - self.waiting.len() - 1;
        let parser = Parser::new(source.format());
        Ok(Reading { records: source.records()?, parser, number })
    }

    /// Reads until the batch is full or the input at its end; gives back what is not at its end.
    fn read(
        &mut self,
        mut reading: Reading,
        batch: &mut RowBatch,
        messages: &Messages,
    ) -> Result<Option<Reading>, InputError> {
        let mut shown = self.broken();
        let Some(file) = self.files.get_mut(reading.number) else { return Ok(None) };
        let Reading { records, parser, number } = &mut reading;
        while !batch.is_full() {
            let item = match records.next(parser.is_quoted()) {
                Ok(Some(item)) => item,
                Ok(None) => {
                    file.bytes = records.bytes_read();
                    return Ok(None);
                }
                Err(source) => {
                    file.bytes = records.bytes_read();
                    return Err(InputError::Read { name: file.name.clone(), after: file.bytes, source });
                }
            };
            let (line, parsed) = match item {
                Item::TooLong { line, bytes } => (line, Err(Broken::TooLong { bytes, limit: LONGEST_LINE })),
                Item::Record { line, bytes } => {
                    let text = String::from_utf8_lossy(bytes);
                    let is_lossy = matches!(text, std::borrow::Cow::Owned(_));
                    let text = if line == 1 { text.strip_prefix('\u{feff}').unwrap_or(&text) } else { &text };
                    let parsed = parser.parse(text).map(|row| {
                        let Some(row) = row else { return };
                        batch.push(&row, *number as u32, line, &mut self.names);
                        file.rows += 1;
                        file.lossy += u64::from(is_lossy);
                    });
                    (line, parsed)
                }
            };
            if let Err(reason) = parsed {
                if reason.may_be_joined() {
                    records.give_back();
                }
                file.broken += 1;
                shown += 1;
                if shown <= SHOWN {
                    messages.warn(format_args!("{}:{line}: broken row skipped: {reason}", file.name));
                }
            }
        }
        file.bytes = records.bytes_read();
        Ok(Some(reading))
    }

    /// Says what was counted beyond what was shown.
    pub fn conclude(&self, messages: &Messages) {
        let more = self.broken().saturating_sub(SHOWN);
        if more > 0 {
            messages.warn(format_args!(
                "{} skipped, {} in all",
                count(more, "more broken row"),
                self.broken()
            ));
        }
        let lossy = self.lossy();
        if lossy > 0 {
            messages.warn(format_args!(
                "{} not in UTF-8: the bytes in question read as U+FFFD",
                count(lossy, "row")
            ));
        }
    }
}

impl File {
    fn of(source: &Source) -> Self {
        let (name, format) = (source.name().to_owned(), source.format());
        Self { name, format, bytes: 0, rows: 0, broken: 0, lossy: 0 }
    }
}
