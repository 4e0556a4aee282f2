//! Spans and log records in CSV. The header says which column is what, by name; columns may come in
//! any order, and those without a meaning of their own are kept as fields under their header's name.
//!
//! A header in mid-stream (two files through one pipe) takes effect from there on.

use super::names::{Id, Role, role};
use super::row::{Broken, Kind, MOST_FIELDS, Row, Value, excerpt, short_name};
use super::{Format, ids, level, time};
use flightdeck::Severity;
use std::borrow::Cow;

/// The parser.
#[derive(Default)]
pub struct CsvRows {
    header: Option<Header>,
    cells: Cells,
}

/// What the columns are.
struct Header {
    text: String,
    format: Format,
    columns: Vec<(String, Role)>,
    /// The column that is the row's time; other time columns are fields.
    time: usize,
    /// Likewise for what the row belongs to.
    belongs: Option<(usize, Id)>,
}

/// The format of a file whose first line is `line`; `None` if that is no header we can use.
pub fn format_of_header(line: &str) -> Option<Format> {
    Header::of(line, &mut Cells::default()).map(|header| header.format)
}

impl CsvRows {
    pub fn parse<'a>(&'a mut self, record: &'a str) -> Result<Option<Row<'a>>, Broken> {
        let record = record.strip_suffix('\r').unwrap_or(record);
        let expected = match &self.header {
            Some(header) if header.text == record => return Ok(None),
            Some(header) => header.columns.len(),
            None => {
                let header = Header::of(record, &mut self.cells).ok_or(Broken::Missing("a header"))?;
                self.header = Some(header);
                return Ok(None);
            }
        };
        // The framing joins lines until quotes are even; what comes odd never got its closing quote.
        if memchr::memchr_iter(b'"', record.as_bytes()).count() % 2 == 1 {
            return Err(Broken::OpenQuote);
        }
        self.cells.split(record)?;
        let found = self.cells.ends.len();
        // A header has no digits where a row has its times, so a row is never taken for one.
        let may_be_header = found != expected || !record.bytes().any(|byte| byte.is_ascii_digit());
        if may_be_header && let Some(header) = Header::of(record, &mut self.cells) {
            self.header = Some(header);
            return Ok(None);
        }
        if found != expected {
            return Err(Broken::Columns { found, expected });
        }
        let header = self.header.as_ref().ok_or(Broken::Missing("a header"))?;
        header.row(&self.cells).map(Some)
    }
}

impl Header {
    fn of(line: &str, cells: &mut Cells) -> Option<Self> {
        if !line.contains(',') {
            return None;
        }
        cells.split(line).ok()?;
        let columns: Vec<(String, Role)> =
            cells.iter().map(|name| (short_name(name.trim()).to_owned(), role(name.trim()))).collect();
        let ranked = columns.iter().enumerate();
        let time = ranked
            .clone()
            .filter_map(|(at, (_, role))| matches!(role, Role::Time(_)).then_some((at, *role)))
            .min_by_key(|(at, role)| (if let Role::Time(rank) = role { *rank } else { u8::MAX }, *at))?
            .0;
        let belongs = ranked
            .filter_map(|(at, (_, role))| if let Role::Belongs(id) = role { Some((at, *id)) } else { None })
            .min_by_key(|(at, id)| (*id, *at));
        let has = |wanted: fn(&Role) -> bool| columns.iter().any(|(_, role)| wanted(role));
        let ends = has(|role| matches!(role, Role::End | Role::Length(_)));
        let format = if belongs.is_some() && has(|role| *role == Role::Span) && ends {
            Format::SpanCsv
        } else if belongs.is_some() || has(|role| *role == Role::Message) {
            Format::LogCsv
        } else {
            return None;
        };
        Some(Self { text: line.to_owned(), format, columns, time, belongs })
    }

    fn row<'a>(&'a self, cells: &'a Cells) -> Result<Row<'a>, Broken> {
        let is_span = self.format == Format::SpanCsv;
        let at = cells.get(self.time);
        let start = time::instant(at).ok_or_else(|| Broken::Time(excerpt(at)))?;
        let mut row = Row::new(if is_span { Kind::Span } else { Kind::Log }, start.ns);
        row.fields.reserve_exact(self.columns.len());
        let (mut severity, mut length) = (None, None);
        for (at, (name, role)) in self.columns.iter().enumerate() {
            let cell = cells.get(at);
            match role {
                Role::Time(_) if at == self.time => continue,
                Role::Belongs(_) if self.belongs.is_some_and(|(column, _)| column == at) => {
                    row.correlation = self.correlation(cell);
                    continue;
                }
                Role::Span => {
                    if let Some(span) = ids::span(cell) {
                        row.span = span;
                        continue;
                    }
                }
                Role::Parent => {
                    if let Some(parent) = ids::span(cell) {
                        row.parent = parent;
                        continue;
                    }
                }
                Role::End if is_span && !cell.is_empty() => {
                    let end = time::instant(cell).ok_or_else(|| Broken::End(excerpt(cell)))?;
                    row.end_ns = Some(end.ns);
                    continue;
                }
                // Kept as a field too: the column may say more than it seems to.
                Role::Length(unit) => length = time::length(cell, unit.or(start.unit)),
                Role::Level(scale) => severity = level::of_text(cell, *scale),
                Role::Message => severity = severity.or_else(|| level::within(cell)),
                _ => {}
            }
            if !cell.is_empty() {
                row.fields.push((Cow::Borrowed(name), Value::of_text(cell)));
            }
        }
        row.severity = severity.unwrap_or(Severity::Info);
        if is_span && row.end_ns.is_none() {
            row.end_ns = length.and_then(|ns| row.time_ns.checked_add(ns));
        }
        match row.end_ns {
            Some(end) if end < row.time_ns => Err(Broken::EndsBeforeStart(row.time_ns - end)),
            _ => Ok(row),
        }
    }

    fn correlation<'a>(&self, cell: &'a str) -> super::Correlation<'a> {
        match self.belongs {
            Some((_, Id::Trace)) => ids::trace(cell.into()),
            Some((_, Id::Request)) => ids::request(cell.into()),
            _ => ids::plain(cell.into()),
        }
    }
}

/// The cells of one record, quotes taken off, one behind the other.
struct Cells {
    reader: csv_core::Reader,
    bytes: Vec<u8>,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
    text: String,
}

impl Default for Cells {
    fn default() -> Self {
        Self { reader: csv_core::Reader::new(), bytes: Vec::new(), ends: Vec::new(), text: String::new() }
    }
}

impl Cells {
    fn split(&mut self, record: &str) -> Result<(), Broken> {
        self.reader.reset();
        // Taking quotes off never makes a record longer.
        self.bytes.resize(record.len() + 1, 0);
        self.ends.resize(MOST_FIELDS, 0);
        let (mut input, mut written, mut cells) = (record.as_bytes(), 0, 0);
        loop {
            let (result, read, wrote, ended) = self.reader.read_record(
                input,
                self.bytes.get_mut(written..).unwrap_or_default(),
                self.ends.get_mut(cells..).unwrap_or_default(),
            );
            input = input.get(read..).unwrap_or_default();
            written += wrote;
            cells += ended;
            match result {
                // The next call sees an empty input, which ends the record.
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::Record | csv_core::ReadRecordResult::End => break,
                csv_core::ReadRecordResult::OutputFull | csv_core::ReadRecordResult::OutputEndsFull => {
                    self.ends.clear();
                    return Err(Broken::TooManyFields);
                }
            }
        }
        self.ends.truncate(cells);
        self.text.clear();
        match std::str::from_utf8(self.bytes.get(..written).unwrap_or_default()) {
            Ok(text) => self.text.push_str(text),
            // Not reached: the input is text, and only ASCII is taken off.
            Err(_) => self.ends.clear(),
        }
        Ok(())
    }

    fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|end| self.text.get(start..*end)).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|at| self.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Correlation;
    use super::*;

    use flightdeck::SpanId;

    const SPANS: &str =
        "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration";
    const LOGS: &str = "Timestamp,TimeUnixNano,Node,PodName,Container,TraceID,SpanID,Log";

    fn under(header: &str) -> CsvRows {
        let mut rows = CsvRows::default();
        assert_eq!(rows.parse(header), Ok(None));
        rows
    }

    fn field<'r>(row: &'r Row<'_>, name: &str) -> Option<&'r Value<'r>> {
        row.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    #[test]
    fn a_span() {
        let mut rows = under(SPANS);
        let line = "00f067aa0ba902b7,1b,root,cart-1,GET /cart,1700000000000000001,1700000000000500001,500";
        let row = rows.parse(line).unwrap().unwrap();
        assert_eq!((row.time_ns, row.end_ns), (1_700_000_000_000_000_001, Some(1_700_000_000_000_500_001)));
        assert_eq!(row.kind, Kind::Span);
        assert_eq!(row.correlation, Correlation::Id128(0x00f0_67aa_0ba9_02b7));
        assert_eq!((row.span, row.parent), (SpanId::new(0x1b), SpanId::NONE));
        let names: Vec<_> = row.fields.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["PodName", "OperationName", "Duration"]);
        assert_eq!(field(&row, "Duration"), Some(&Value::U64(500)));
    }

    #[test]
    fn a_log_record_with_quotes_commas_and_line_breaks() {
        let mut rows = under(LOGS);
        let line = "2023-11-14T22:13:20Z,1700000000000000007,10.0.0.1,cart-1,server,ab,cd,\"{\"\"log\"\":\"\"22:13 WARN a, b\nc\"\"}\"";
        let row = rows.parse(line).unwrap().unwrap();
        assert_eq!((row.time_ns, row.end_ns, row.kind), (1_700_000_000_000_000_007, None, Kind::Log));
        assert_eq!(row.severity, Severity::Warn);
        assert_eq!((row.correlation.clone(), row.span), (Correlation::Id128(0xab), SpanId::new(0xcd)));
        assert_eq!(field(&row, "Log"), Some(&Value::Str("{\"log\":\"22:13 WARN a, b\nc\"}".into())));
        // The time column that was not needed is kept.
        assert_eq!(field(&row, "Timestamp"), Some(&Value::Str("2023-11-14T22:13:20Z".into())));
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let mut rows = under("duration_ms,parent_span_id,span_id,start_time,trace_id,region");
        let row = rows.parse("1.5,aa,bb,2023-11-14 22:13:20,cc,eu").unwrap().unwrap();
        assert_eq!((row.time_ns, row.end_ns), (1_700_000_000_000_000_000, Some(1_700_000_000_001_500_000)));
        assert_eq!((row.span, row.parent), (SpanId::new(0xbb), SpanId::new(0xaa)));
        assert_eq!(field(&row, "region"), Some(&Value::Str("eu".into())));
    }

    #[test]
    fn broken_rows_say_why_and_the_next_one_is_read() {
        let mut rows = under(SPANS);
        let good = "ab,1b,root,p,o,1700000000000000001,1700000000000500001,500";
        for (line, why) in [
            ("ab,1b,root", Broken::Columns { found: 3, expected: 8 }),
            ("ab,1b,root,p,o,yesterday,1700000000000500001,5", Broken::Time("yesterday".into())),
            ("ab,1b,root,p,o,1700000000000000001,later,5", Broken::End("later".into())),
            ("ab,1b,root,p,o,1700000000000000001,1700000000000000000,5", Broken::EndsBeforeStart(1)),
            ("ab,1b,root,p,\"o,1700000000000000001,1700000000000500001,500", Broken::OpenQuote),
        ] {
            assert_eq!(rows.parse(line), Err(why), "{line}");
            assert!(rows.parse(good).unwrap().is_some());
        }
        let commas = ",".repeat(MOST_FIELDS + 5);
        assert_eq!(rows.parse(&commas), Err(Broken::TooManyFields));
        assert!(rows.parse(good).unwrap().is_some());
    }

    #[test]
    fn an_id_of_another_form_is_kept_rather_than_refused() {
        let mut rows = under(SPANS);
        let row =
            rows.parse("order-7,span-1,?,p,o,1700000000000000001,1700000000000500001,5").unwrap().unwrap();
        assert_eq!(row.correlation, Correlation::Text("order-7".into()));
        assert_eq!(field(&row, "SpanID"), Some(&Value::Str("span-1".into())));
        assert_eq!(field(&row, "ParentID"), Some(&Value::Str("?".into())));
    }

    #[test]
    fn a_second_span_column_does_not_take_the_span_away() {
        let mut rows = under("trace_id,span_id,context.span_id,start,end");
        let row = rows.parse("ab,1b,none,1700000000000000001,1700000000000000009").unwrap().unwrap();
        assert_eq!(row.span, SpanId::new(0x1b));
        assert_eq!(field(&row, "context.span_id"), Some(&Value::Str("none".into())));
    }

    #[test]
    fn headers_in_mid_stream() {
        let mut rows = under(SPANS);
        assert_eq!(rows.parse(SPANS), Ok(None));
        assert_eq!(rows.parse(LOGS), Ok(None));
        let row = rows.parse("2023-11-14T22:13:20Z,1700000000000000007,n,p,c,ab,cd,hello").unwrap().unwrap();
        assert_eq!(row.kind, Kind::Log);
    }

    #[test]
    fn headers_that_are_none() {
        assert_eq!(format_of_header(SPANS), Some(Format::SpanCsv));
        assert_eq!(format_of_header(LOGS), Some(Format::LogCsv));
        assert_eq!(format_of_header("time,message\r"), Some(Format::LogCsv));
        for line in ["", "time", "a,b,c", "time,price", "message,trace_id"] {
            assert_eq!(format_of_header(line), None, "{line}");
        }
    }
}
