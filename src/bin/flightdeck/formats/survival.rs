//! No parser panics, whatever it is given: random bytes, and lines of each format with random damage.

use super::{Format, Parser, recognise};
use proptest::prelude::*;

const FORMATS: [Format; 5] =
    [Format::SpanCsv, Format::LogCsv, Format::Dpkg, Format::JsonLines, Format::AccessLog];

/// A header where the format has one, and a line that parses.
const SAMPLES: [(Format, &str, &str); 7] = [
    (
        Format::SpanCsv,
        "trace_id,span_id,parent_id,start,end,op",
        "ab,cd,root,1700000000000000000,1700000000000000009,\"x,\"\"y\"\"\"",
    ),
    (Format::LogCsv, "time,trace_id,span_id,message", "2024-02-29T12:00:00Z,ab,cd,\"a\nb\""),
    (Format::Dpkg, "", "2024-02-29 12:00:00 status half-configured nano:amd64 7.2-1"),
    (Format::Dpkg, "", "2024-02-29 12:00:00 upgrade nano:amd64 7.1 7.2-1"),
    (
        Format::JsonLines,
        "",
        r#"{"ts":1709208000.5,"level":30,"msg":"\u00e9\n","trace_id":"ab","span_id":"cd","duration":1.5,"a":{"b":[1,{"c":null}]}}"#,
    ),
    (
        Format::JsonLines,
        "",
        r#"{"__REALTIME_TIMESTAMP":"1709208000000001","PRIORITY":"3","_SYSTEMD_UNIT":"a.service"}"#,
    ),
    (
        Format::AccessLog,
        "",
        r#"h:80 ::1 - u [29/Feb/2024:12:00:00 +0100] "GET /\" HTTP/1.1" 200 5 "-" "a b" 0.5 request_id=0af7651916cd43dd8448eb211c80319c"#,
    ),
];

fn parse_all(parser: &mut Parser, text: &str) -> usize {
    text.lines().filter(|line| matches!(parser.parse(line), Ok(Some(_)))).count()
}

#[test]
fn the_samples_parse() {
    for (format, header, line) in SAMPLES {
        let mut parser = Parser::new(format);
        if !header.is_empty() {
            assert_eq!(parser.parse(header), Ok(None));
        }
        assert!(matches!(parser.parse(line), Ok(Some(_))), "{line}: {:?}", parser.parse(line));
    }
}

proptest! {
    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600), is_whole: bool) {
        let _ = recognise(&bytes, is_whole);
        let text = String::from_utf8_lossy(&bytes);
        for format in FORMATS {
            parse_all(&mut Parser::new(format), &text);
        }
    }

    #[test]
    fn random_text(text in "[ -~é\n\"{},:\\[\\]0-9]{0,300}") {
        let _ = recognise(text.as_bytes(), true);
        for (format, header, _) in SAMPLES {
            let mut parser = Parser::new(format);
            let _ = parser.parse(header);
            parse_all(&mut parser, &text);
        }
    }

    /// Bytes of a good line replaced, inserted or taken out; then the good line again, which must parse:
    /// damage never sticks.
    #[test]
    fn damaged_lines(
        sample in 0..SAMPLES.len(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let (format, header, line) = SAMPLES[sample];
        let mut bytes = line.as_bytes().to_vec();
        for (at, byte, what) in damage {
            let at = at.index(bytes.len().max(1));
            match what {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => { bytes.remove(at); }
                _ => bytes.insert(at.min(bytes.len()), byte),
            }
        }
        let mut parser = Parser::new(format);
        let _ = parser.parse(header);
        let _ = recognise(&bytes, true);
        let _ = parser.parse(&String::from_utf8_lossy(&bytes));
        prop_assert!(matches!(parser.parse(line), Ok(Some(_))));
    }
}
