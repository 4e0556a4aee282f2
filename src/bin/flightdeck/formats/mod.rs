//! The formats that replay reads: which one a file is, and its rows. Text in, rows out; nothing here
//! opens, prints or keeps anything, so a fuzz target can include this folder as it stands.
//!
//! - `row`: what every parser yields, and why a row may be broken
//! - `recognise`: which format, from a file's first bytes
//! - `csv_rows`, `dpkg`, `json_lines`, `access_log`: one parser each
//! - `names`: what a column or a key of some name stands for
//! - `time`, `level`, `ids`: the values with a form of their own

mod access_log;
mod csv_rows;
mod dpkg;
mod ids;
mod json_lines;
mod level;
mod names;
mod recognise;
mod row;
#[cfg(test)]
mod survival;
mod time;

pub use ids::meant;
pub use recognise::{Unrecognised, recognise};
pub use row::{Broken, Correlation, Kind, Row, Value, excerpt};
pub use time::{instant as time_of, shown as time_shown};

/// A format that replay reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One span a row: ids, parent, start, end.
    SpanCsv,
    /// One log record a row.
    LogCsv,
    /// What dpkg did, a line each.
    Dpkg,
    /// One JSON object a line.
    JsonLines,
    /// The common or combined log of a web server.
    AccessLog,
}

impl Format {
    /// How messages and reports call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpanCsv => "span CSV",
            Self::LogCsv => "log CSV",
            Self::Dpkg => "dpkg log",
            Self::JsonLines => "JSON lines",
            Self::AccessLog => "access log",
        }
    }
}

/// The parser of one file. It remembers a header and keeps scratch memory; rows borrow from both.
pub enum Parser {
    /// Spans or log records: the header decides, and may change in mid-stream.
    Csv(Box<csv_rows::CsvRows>),
    /// See [`Format::Dpkg`].
    Dpkg,
    /// See [`Format::JsonLines`].
    JsonLines,
    /// See [`Format::AccessLog`].
    AccessLog,
}

impl Parser {
    /// A parser at the start of a file of this format.
    pub fn new(format: Format) -> Self {
        match format {
            Format::SpanCsv | Format::LogCsv => Self::Csv(Box::default()),
            Format::Dpkg => Self::Dpkg,
            Format::JsonLines => Self::JsonLines,
            Format::AccessLog => Self::AccessLog,
        }
    }

    /// Whether a quoted field may run over several lines: the caller then joins lines until the quotes
    /// are even.
    pub const fn is_quoted(&self) -> bool {
        matches!(self, Self::Csv(_))
    }

    /// The row of a record; `None` for one that carries none (blank, a header).
    pub fn parse<'a>(&'a mut self, record: &'a str) -> Result<Option<Row<'a>>, Broken> {
        if record.as_bytes().iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        if memchr::memchr(0, record.as_bytes()).is_some() {
            return Err(Broken::Binary);
        }
        match self {
            Self::Csv(rows) => rows.parse(record),
            Self::Dpkg => dpkg::parse(record).map(Some),
            Self::JsonLines => json_lines::parse(record).map(Some),
            Self::AccessLog => access_log::parse(record).map(Some),
        }
    }
}
