//! Any bytes into format recognition and into every parser of `flightdeck replay`: no panic, no endless row, and a row
//! that comes out is one that the store could take.
#![no_main]

#[path = "../../src/bin/flightdeck/formats/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tool uses all of it, this target the entry points")]
mod formats;

use formats::{Correlation, Format, Parser, Row, meant, recognise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let recognised = recognise(bytes, true);
    // What only sees the beginning must not fail either.
    let _ = recognise(bytes, false);
    let text = String::from_utf8_lossy(bytes);
    let formats = [Format::SpanCsv, Format::LogCsv, Format::Dpkg, Format::JsonLines, Format::AccessLog];
    let mut rows = 0;
    for format in formats {
        let mut parser = Parser::new(format);
        // As lines, and as one record: quoted fields may run over lines.
        for record in text.split('\n').chain([&*text]) {
            match parser.parse(record) {
                Ok(Some(row)) => {
                    check(&row, record);
                    rows += 1;
                }
                Ok(None) => {}
                Err(reason) => assert!(!reason.to_string().contains('\n'), "a message is one line: {reason}"),
            }
        }
    }
    if let Err(reason) = recognised {
        assert!(!reason.to_string().contains('\n'), "a message is one line: {reason}");
    }
    let _ = (rows, meant(&text).count());
});

fn check(row: &Row<'_>, record: &str) {
    assert!(row.end_ns.is_none_or(|end| end >= row.time_ns), "{row:?}");
    assert!(row.fields.len() <= 1_024, "{} fields", row.fields.len());
    match &row.correlation {
        Correlation::None => {}
        Correlation::Id128(id) => assert_ne!(*id, 0, "{record}"),
        Correlation::Text(text) => assert!(!text.is_empty(), "{record}"),
    }
}
