//! Rows that own what they hold, close together: parsed once, written later by any thread.
//!
//! A row takes 72 bytes and its payload. The payload is the text of a correlation that is no number,
//! then the fields one behind the other: 2 bytes for the name, 1 for the type, and nothing more for a
//! truth value, 8 bytes for a number, 4 and the text for a text. All in little endian, at any alignment,
//! so a payload can be copied elsewhere as it stands and read there by [`Fields`].

use super::names::{NameTable, Names};
use crate::formats::{Correlation, Kind, Row, Value};
use flightdeck::{Severity, SpanId};
use std::borrow::Cow;

/// Full with so many rows...
const ROWS: usize = 8 << 10;
/// ...or so many bytes of payload; the last row may go past that by what one record holds.
const PAYLOAD: usize = 2 << 20;

/// A name that is not in the table: its length and text follow.
const INLINE: u16 = u16::MAX;

/// Some thousand rows.
#[derive(Debug, Default)]
pub struct RowBatch {
    heads: Vec<Head>,
    payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    time_ns: u64,
    end_ns: u64,
    id: [u64; 2],
    span: u64,
    parent: u64,
    line: u64,
    payload_start: u32,
    /// How much of the payload is the correlation's text.
    text: u32,
    file: u32,
    kind: Kind,
    severity: Severity,
    has_end: bool,
}

const _: () = assert!(size_of::<Head>() == 72, "the documented bytes per row");

/// One row of a batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchRow<'a> {
    head: &'a Head,
    payload: &'a [u8],
}

impl RowBatch {
    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.payload.clear();
    }

    pub fn is_full(&self) -> bool {
        self.heads.len() >= ROWS || self.payload.len() >= PAYLOAD
    }

    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Adds a row of the file with this number.
    pub fn push(&mut self, row: &Row<'_>, file: u32, line: u64, names: &mut Names) {
        // Never past `u32`: a full batch takes no more rows, and one row is bounded by one record.
        let payload_start = self.payload.len() as u32;
        let (id, text) = match &row.correlation {
            Correlation::None => (0, ""),
            Correlation::Id128(id) => (*id, ""),
            Correlation::Text(text) => (0, text.as_ref()),
        };
        self.payload.extend_from_slice(text.as_bytes());
        names.start_row();
        for (name, value) in &row.fields {
            self.field(name, value, names);
        }
        self.heads.push(Head {
            time_ns: row.time_ns,
            end_ns: row.end_ns.unwrap_or_default(),
            id: [(id >> 64) as u64, id as u64],
            span: row.span.get(),
            parent: row.parent.get(),
            line,
            payload_start,
            text: text.len() as u32,
            file,
            kind: row.kind,
            severity: row.severity,
            has_end: row.end_ns.is_some(),
        });
    }

    fn field(&mut self, name: &str, value: &Value<'_>, names: &mut Names) {
        let out = &mut self.payload;
        match names.number(name) {
            Some(number) => out.extend_from_slice(&number.to_le_bytes()),
            None => {
                out.extend_from_slice(&INLINE.to_le_bytes());
                text(out, name);
            }
        }
        let (tag, word) = match value {
            Value::U64(number) => (0, *number),
            Value::I64(number) => (1, *number as u64),
            Value::F64(number) => (2, number.to_bits()),
            Value::Bool(yes) => return out.push(if *yes { 4 } else { 3 }),
            Value::Str(value) => {
                out.push(5);
                return text(out, value);
            }
        };
        out.push(tag);
        out.extend_from_slice(&word.to_le_bytes());
    }

    /// The rows, in the order of their lines.
    pub fn rows(&self) -> impl Iterator<Item = BatchRow<'_>> {
        let ends = self.heads.iter().skip(1).map(|head| head.payload_start as usize);
        let ends = ends.chain(std::iter::once(self.payload.len()));
        self.heads.iter().zip(ends).map(|(head, end)| BatchRow {
            head,
            payload: self.payload.get(head.payload_start as usize..end).unwrap_or_default(),
        })
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

impl<'a> BatchRow<'a> {
    /// The number of its file, in the order of the command line.
    pub fn file(&self) -> u32 {
        self.head.file
    }

    /// Its line, from 1.
    pub fn line(&self) -> u64 {
        self.head.line
    }

    pub fn kind(&self) -> Kind {
        self.head.kind
    }

    pub fn severity(&self) -> Severity {
        self.head.severity
    }

    pub fn span(&self) -> SpanId {
        SpanId::new(self.head.span)
    }

    pub fn parent(&self) -> SpanId {
        SpanId::new(self.head.parent)
    }

    pub fn correlation(&self) -> Correlation<'a> {
        let [high, low] = self.head.id;
        match (u128::from(high) << 64) | u128::from(low) {
            0 if self.head.text == 0 => Correlation::None,
            0 => {
                let text = self.payload.get(..self.head.text as usize).unwrap_or_default();
                Correlation::Text(String::from_utf8_lossy(text))
            }
            id => Correlation::Id128(id),
        }
    }

    /// The fields as they are stored, for [`Fields`].
    pub fn fields(&self) -> &'a [u8] {
        self.payload.get(self.head.text as usize..).unwrap_or_default()
    }

    /// Nanoseconds since the Unix epoch; the start for a span.
    pub fn time_ns(&self) -> u64 {
        self.head.time_ns
    }

    /// When it ended, for a row that says so.
    pub fn end_ns(&self) -> Option<u64> {
        self.head.has_end.then_some(self.head.end_ns)
    }
}

/// The fields in stored bytes. Bytes that are none of ours end it early, and never panic.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    names: &'a NameTable,
}

impl<'a> Fields<'a> {
    /// The fields of a payload behind its text.
    pub fn new(bytes: &'a [u8], names: &'a NameTable) -> Self {
        Self { bytes, names }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_le_bytes(self.take()?);
        let (text, rest) = self.bytes.split_at_checked(length as usize)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = match u16::from_le_bytes(self.take()?) {
            INLINE => self.text()?,
            number => self.names.get(number)?,
        };
        let value = match self.take()? {
            [0] => Value::U64(u64::from_le_bytes(self.take()?)),
            [1] => Value::I64(i64::from_le_bytes(self.take()?)),
            [2] => Value::F64(f64::from_le_bytes(self.take()?)),
            [3] => Value::Bool(false),
            [4] => Value::Bool(true),
            [5] => Value::Str(Cow::Borrowed(self.text()?)),
            _ => return None,
        };
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(correlation: Correlation<'static>) -> Row<'static> {
        Row {
            time_ns: 5,
            end_ns: Some(0),
            kind: Kind::HttpRequest,
            severity: Severity::Error,
            correlation,
            span: SpanId::new(7),
            parent: SpanId::new(8),
            fields: vec![
                ("a".into(), Value::U64(u64::MAX)),
                ("b".into(), Value::I64(-1)),
                ("c".into(), Value::F64(0.5)),
                ("d".into(), Value::Bool(true)),
                ("a".into(), Value::Bool(false)),
                ("".into(), Value::Str("é".into())),
            ],
        }
    }

    #[test]
    fn rows_come_back_as_they_went_in() {
        let (mut batch, mut names) = (RowBatch::default(), Names::default());
        let rows =
            [Correlation::None, Correlation::Id128(u128::MAX - 1), Correlation::Text("nano".into())].map(row);
        for (at, row) in rows.iter().enumerate() {
            batch.push(row, 3, at as u64, &mut names);
        }
        assert_eq!(batch.len(), 3);
        for (at, (stored, row)) in batch.rows().zip(&rows).enumerate() {
            assert_eq!((stored.file(), stored.line()), (3, at as u64));
            assert_eq!((stored.time_ns(), stored.end_ns()), (row.time_ns, row.end_ns));
            assert_eq!((stored.kind(), stored.severity()), (row.kind, row.severity));
            assert_eq!((stored.span(), stored.parent()), (row.span, row.parent));
            assert_eq!(stored.correlation(), row.correlation);
            let fields: Vec<_> = Fields::new(stored.fields(), names.table())
                .map(|(name, value)| (name.into(), value))
                .collect();
            assert_eq!(fields, row.fields);
        }
        // 3 x (2 + 1 + 8) + 2 x (2 + 1) + (2 + 1 + 4 + 2) of fields; 4 of `nano`.
        assert_eq!(batch.payload.len(), 3 * 48 + 4);
    }

    #[test]
    fn names_beyond_the_table_are_stored_in_the_row() {
        let (mut batch, mut names) = (RowBatch::default(), Names::default());
        let mut at = 0;
        while names.number(&format!("n{at}")).is_some() {
            at += 1;
        }
        batch.push(&row(Correlation::None), 0, 1, &mut names);
        let stored = batch.rows().next().unwrap();
        let found: Vec<_> = Fields::new(stored.fields(), names.table()).map(|(name, _)| name).collect();
        assert_eq!(found, ["a", "b", "c", "d", "a", ""]);
    }

    #[test]
    fn a_cleared_batch_is_empty() {
        let (mut batch, mut names) = (RowBatch::default(), Names::default());
        batch.push(&row(Correlation::None), 0, 1, &mut names);
        batch.clear();
        assert_eq!((batch.len(), batch.payload.len(), batch.rows().count()), (0, 0, 0));
    }

    proptest! {
        #[test]
        fn stored_bytes_of_any_kind_are_read_without_a_panic(bytes in proptest::collection::vec(0..8_u8, 0..80)) {
            let mut names = Names::default();
            names.number("a");
            prop_assert!(Fields::new(&bytes, names.table()).count() <= bytes.len());
        }
    }
}
