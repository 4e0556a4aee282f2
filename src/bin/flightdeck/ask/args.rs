//! What can be written on the command line.

use super::field::{self, Condition};
use super::select::{id, regex};
use super::when::{self, When};
use crate::export::{Counter, FormatName, counter};
use crate::recording::Named;
use clap::builder::NonEmptyStringValueParser;
use clap::{ValueEnum, value_parser};
use flightdeck::{CorrelationId, Severity};
use regex::Regex;
use std::path::PathBuf;

/// `flightdeck query`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
TIME is RFC 3339 (2026-02-28T12:00:00Z), a time of day such as 12:00:00 on the day in UTC on which the
recording ends, or relative:
  -5m             before the recording ends, which is now while its process runs
  '10 min ago'    before now, by the clock on the wall
  crash-30s       before the last event of a process that died
Both ends belong to it.

CONDITION is FIELD=VALUE, where VALUE is a number, true, false or text as it stands; also with != < <= > >=
and ~ (contains). What has quotes or parentheses, && or || is a predicate as in `flightdeck replay --help`:
  -w status=503   -w 'duration_ns>5000000'   -w 'path~/buy'   -w 'status >= 500 && !(path ~ \"/health\")'

What is found is held in memory before it is written: `flightdeck export` writes any number of events.

An exit code of 0 says that something was found, 1 that nothing was (with --strict: or not all), 2 that the
command line is wrong or the file cannot be read.

Examples:
  flightdeck query engine.deck                                 all there is, the oldest first
  flightdeck query engine.deck -c 7f3a... --tree               what happened to one request, and where its time went
  flightdeck query engine.deck -p warn -S crash-30s            the last half minute of a process that died
  flightdeck query engine.deck -k 'order.*' -w venue=XETRA -n 20
  flightdeck query engine.deck -k order.rejected -f -o json | jq .fields.reason.value
  flightdeck query engine.deck -g 'timeout|refused' -r -n 5 --explain")]
pub struct Query {
    #[command(flatten)]
    pub named: Named,
    #[command(flatten)]
    pub filters: Filters,
    /// Only the newest N of them
    #[arg(short = 'n', long, value_name = "N", value_parser = value_parser!(u32).range(0..=1_000_000_000))]
    pub limit: Option<u32>,
    /// The newest first
    #[arg(short, long, conflicts_with_all = ["follow", "tree"])]
    pub reverse: bool,
    /// Go on with what is recorded from now on, until its process ends
    #[arg(short, long, conflicts_with_all = ["tree", "until", "explain"])]
    pub follow: bool,
    /// As a timeline, indented by cause, with how long each span took
    #[arg(long)]
    pub tree: bool,
    /// Say what was looked at, from when on nothing is missing, what was lost and what was in flight
    #[arg(long)]
    pub explain: bool,
    /// End with 1 also if events that were asked for are missing
    #[arg(long)]
    pub strict: bool,
    /// How events are written
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = FormName::Text, conflicts_with = "tree")]
    pub output: FormName,
}

/// `flightdeck tail`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  flightdeck tail engine.deck                     the last ten events
  flightdeck tail engine.deck -n 100 -p warn      the last hundred that are at least warnings
  flightdeck tail engine.deck -f                  the last ten, and what comes, until the process ends
  flightdeck tail engine.deck -f -n 0 -k 'order.*' -o json")]
pub struct Tail {
    #[command(flatten)]
    pub named: Named,
    /// How many
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(0..=1_000_000_000))]
    pub lines: u32,
    /// Go on with what is recorded from now on, until its process ends
    #[arg(short, long)]
    pub follow: bool,
    /// Only events of this kind, or of kinds that begin like order.*; again for more
    #[arg(short = 'k', long = "kind", value_name = "KIND", value_parser = NonEmptyStringValueParser::new())]
    pub kinds: Vec<String>,
    /// Only events at least this severe
    #[arg(short = 'p', long = "severity", value_enum, value_name = "SEVERITY")]
    pub severity: Option<SeverityName>,
    /// How events are written
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = FormName::Text)]
    pub output: FormName,
}

/// `flightdeck export`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The format is that of the suffix of OUT unless --format says another: .jsonl, .json, .ndjson; .csv; .pftrace,
.perfetto; .trace.json, .chrome.json. A JSON line has all of an event. A row of CSV has its time, severity, class, kind,
thread, ids, and its fields: in columns of their own with -k, else in one as JSON. A trace is for ui.perfetto.dev, or
for chrome://tracing and all that read its JSON: threads are tracks, spans slices, ids arrows.

OUT appears whole or not at all, for its owner alone to read, and is not overwritten without --force. Of a
process that runs, what it has recorded until now is written, in memory that does not grow with it. TIME and
CONDITION are those of `flightdeck query --help`.

Examples:
  flightdeck export engine.deck -o engine.jsonl
  flightdeck export engine.deck -o - --format jsonl | gzip > engine.jsonl.gz
  flightdeck export engine.deck -k order.filled -S -5m -o filled.csv --force
  flightdeck export engine.deck -S crash-30s -o crash.pftrace
  flightdeck export engine.deck --counter queue.sampled=depth -o engine.trace.json")]
pub struct Export {
    #[command(flatten)]
    pub named: Named,
    /// Where to write, `-` for standard output
    #[arg(short, long = "out", value_name = "OUT", default_value = "-")]
    pub out: PathBuf,
    /// In which format
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<FormatName>,
    /// Overwrite OUT if it is there
    #[arg(long)]
    pub force: bool,
    /// In a trace draw this field of events of this kind as a counter; again for more
    #[arg(long = "counter", value_name = "KIND=FIELD", value_parser = counter)]
    pub counters: Vec<Counter>,
    #[command(flatten)]
    pub filters: Filters,
    /// End with 1 also if events that were asked for are missing
    #[arg(long)]
    pub strict: bool,
}

/// Which events.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Filters {
    /// Only what belongs to this id: up to 32 hexadecimal digits, or a UUID
    #[arg(short, long, value_name = "ID", value_parser = id)]
    pub correlation: Option<CorrelationId>,
    /// Only events of this kind, or of kinds that begin like order.*; again for more
    #[arg(short = 'k', long = "kind", value_name = "KIND", value_parser = NonEmptyStringValueParser::new())]
    pub kinds: Vec<String>,
    /// Only events at least this severe
    #[arg(short = 'p', long = "severity", value_enum, value_name = "SEVERITY")]
    pub severity: Option<SeverityName>,
    /// Only events from this time on
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::parse)]
    pub since: Option<When>,
    /// Only events up to this time
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::parse)]
    pub until: Option<When>,
    /// Only events whose fields are so, such as status=503; again for more, all of which must hold
    #[arg(short = 'w', long = "where", value_name = "CONDITION", value_parser = field::parse)]
    pub conditions: Vec<Condition>,
    /// Only events in whose kind, thread or fields (as name=value) this regular expression is found
    #[arg(short = 'g', long = "grep", value_name = "REGEX", value_parser = regex)]
    pub regex: Option<Regex>,
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormName {
    /// A line each.
    Text,
    /// A JSON object on a line each.
    Json,
    /// Comma-separated values, the first row their names.
    Csv,
}

/// A severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeverityName {
    /// Of interest to nobody but who wrote it.
    Trace,
    /// For finding mistakes.
    Debug,
    /// As it should be.
    Info,
    /// Not as it should be.
    #[value(alias = "warning")]
    Warn,
    /// Something failed.
    #[value(alias = "err")]
    Error,
    /// Everything may.
    #[value(alias = "crit")]
    Critical,
}

impl From<SeverityName> for Severity {
    fn from(name: SeverityName) -> Self {
        match name {
            SeverityName::Trace => Self::Trace,
            SeverityName::Debug => Self::Debug,
            SeverityName::Info => Self::Info,
            SeverityName::Warn => Self::Warn,
            SeverityName::Error => Self::Error,
            SeverityName::Critical => Self::Critical,
        }
    }
}
