//! Which format a file is, from its first bytes.

use super::row::excerpt;
use super::{Broken, Format, access_log, csv_rows, dpkg, json_lines};

/// Lines looked at: the first may be broken, and more than a few broken ones are another format.
const LINES: usize = 16;

/// Why a file is none of the formats we read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrecognised {
    /// Nothing but blanks.
    #[error("is empty: nothing to replay")]
    Empty,
    /// Compressed.
    #[error("is compressed by {0}: pipe it through `{0} -dc` and name `-`")]
    Compressed(&'static str),
    /// UTF-16.
    #[error("is text in UTF-16: pipe it through `iconv -f UTF-16 -t UTF-8` and name `-`")]
    Utf16,
    /// A NUL byte.
    #[error("is binary data (a NUL byte at offset {0}), not a log")]
    Binary(usize),
    /// JSON that runs over lines.
    #[error("is JSON, but not one object a line: pipe it through `jq -c '.[]'` or `jq -c .` and name `-`")]
    NotOneALine,
    /// JSON lines without a time.
    #[error("is JSON lines, but its objects have no time: {0}")]
    JsonTime(Broken),
    /// CSV without the columns we need.
    #[error("is CSV, but its header `{0}` names no time column with a trace, request or message column")]
    Header(String),
    /// Nothing we know.
    #[error("is none of span CSV, log CSV, dpkg log, JSON lines, access log; it starts with `{0}`")]
    Unknown(String),
}

impl Unrecognised {
    /// Whether it is at least text of some kind: another line might tell more.
    pub fn is_about_text(&self) -> bool {
        !matches!(self, Self::Compressed(_) | Self::Utf16 | Self::Binary(_))
    }
}

/// The format of a file that starts with `head`. `is_whole` says that the file ends there; otherwise a
/// last line that is not complete is not looked at.
pub fn recognise(head: &[u8], is_whole: bool) -> Result<Format, Unrecognised> {
    if let Some(refused) = by_magic(head) {
        return Err(refused);
    }
    let text = String::from_utf8_lossy(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head));
    let complete = if is_whole { &*text } else { text.rsplit_once('\n').map_or("", |(lines, _)| lines) };
    let mut lines = complete.lines().filter(|line| !line.trim_ascii().is_empty()).take(LINES);
    let Some(first) = lines.next() else {
        return Err(if is_whole { Unrecognised::Empty } else { unknown(head, &text) });
    };
    if let Some(format) = csv_rows::format_of_header(first) {
        return Ok(format);
    }
    let format = std::iter::once(first).chain(lines).find_map(|line| {
        if line.trim_ascii_start().starts_with('{') {
            return json_lines::parse(line).is_ok().then_some(Format::JsonLines);
        }
        if dpkg::parse(line).is_ok() {
            return Some(Format::Dpkg);
        }
        access_log::parse(line).is_ok().then_some(Format::AccessLog)
    });
    format.ok_or_else(|| unknown(head, first))
}

fn by_magic(head: &[u8]) -> Option<Unrecognised> {
    Some(match head {
        [0x1f, 0x8b, ..] => Unrecognised::Compressed("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Unrecognised::Compressed("zstd"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Unrecognised::Compressed("xz"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => Unrecognised::Compressed("bzip2"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Unrecognised::Utf16,
        _ => return None,
    })
}

fn unknown(head: &[u8], first: &str) -> Unrecognised {
    if let Some(at) = memchr::memchr(0, head) {
        return Unrecognised::Binary(at);
    }
    let start = first.trim_ascii();
    if start.starts_with(['{', '[']) {
        return match json_lines::parse(start) {
            Err(reason @ (Broken::NoTime | Broken::Time(_))) => Unrecognised::JsonTime(reason),
            _ => Unrecognised::NotOneALine,
        };
    }
    let cells = start.split(',').count();
    if cells > 2 && start.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Unrecognised::Header(excerpt(start));
    }
    Unrecognised::Unknown(excerpt(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_by_its_first_line() {
        for (line, format) in [
            ("trace_id,span_id,start,end,name", Format::SpanCsv),
            ("time,level,message", Format::LogCsv),
            ("2024-02-29 12:00:00 startup archives unpack", Format::Dpkg),
            ("{\"time\":1}", Format::JsonLines),
            ("  {\"time\":1}", Format::JsonLines),
            ("::1 - - [29/Feb/2024:12:00:00 +0000] \"GET / HTTP/1.1\" 200 5", Format::AccessLog),
        ] {
            assert_eq!(recognise(line.as_bytes(), true), Ok(format), "{line}");
            let marked = format!("\u{feff}\n{line}\r\nand so on");
            assert_eq!(recognise(marked.as_bytes(), false), Ok(format), "{line}");
        }
    }

    #[test]
    fn a_broken_first_line_does_not_hide_the_format() {
        let head = "-- cut --\n2024-02-29 12:00:00 startup archives unpack\n";
        assert_eq!(recognise(head.as_bytes(), true), Ok(Format::Dpkg));
    }

    #[test]
    fn what_is_no_log_is_called_by_its_name() {
        for (head, refused) in [
            (&b""[..], Unrecognised::Empty),
            (b" \n\t\n", Unrecognised::Empty),
            (b"\x1f\x8b\x08\0", Unrecognised::Compressed("gzip")),
            (b"\xff\xfe{\0", Unrecognised::Utf16),
            (b"\x7fELF\x02\0\0", Unrecognised::Binary(5)),
            (b"{\n  \"a\": 1\n}\n", Unrecognised::NotOneALine),
            (b"[{\"time\":1}]", Unrecognised::NotOneALine),
            (b"{\"a\":1}\n", Unrecognised::JsonTime(Broken::NoTime)),
            (b"a,b,c\n1,2,3\n", Unrecognised::Header("a,b,c".into())),
            (b"Dear diary\n", Unrecognised::Unknown("Dear diary".into())),
        ] {
            assert_eq!(recognise(head, true), Err(refused));
        }
        assert_eq!(recognise(b"{\"time\":1", false), Err(Unrecognised::NotOneALine));
    }
}
