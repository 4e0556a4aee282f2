//! JSON, as much of it as a trace takes: values, appended to a buffer.

use crate::events::Value;
use std::fmt::Display;
use std::io::Write;

/// The greatest integer up to which all are numbers of JavaScript.
const EXACT: u64 = 1 << 53;

/// What cannot fail into a vector.
pub(super) fn put(out: &mut Vec<u8>, value: impl Display) {
    let _ = write!(out, "{value}");
}

/// A string, in quotes.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut written = 0;
    for (at, byte) in
        text.bytes().enumerate().filter(|(_, byte)| *byte < 0x20 || matches!(byte, b'"' | b'\\'))
    {
        out.extend_from_slice(&text.as_bytes()[written..at]);
        written = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => put(out, format_args!("\\u{byte:04x}")),
        }
    }
    out.extend_from_slice(&text.as_bytes()[written..]);
    out.push(b'"');
}

/// The name of a member of an object, with what stands before it.
pub(super) fn name(out: &mut Vec<u8>, name: &str) {
    if !out.ends_with(b"{") {
        out.push(b',');
    }
    string(out, name);
    out.push(b':');
}

/// A member that is a string.
pub(super) fn member(out: &mut Vec<u8>, of: &str, value: &str) {
    name(out, of);
    string(out, value);
}

/// A value: what JSON has no numbers for as a string.
pub(super) fn value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::U64(number) if number <= EXACT => put(out, number),
        Value::I64(number) if number.unsigned_abs() <= EXACT => put(out, number),
        Value::F64(number) if number.is_finite() => put(out, number),
        Value::Bool(is) => put(out, is),
        Value::Str(text) => string(out, text),
        Value::Diff(diff) => {
            out.push(b'{');
            for change in diff.iter() {
                name(out, change.name());
                out.push(b'{');
                name(out, "before");
                self::value(out, change.before());
                name(out, "after");
                self::value(out, change.after());
                out.push(b'}');
            }
            out.push(b'}');
        }
        other => string(out, &other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut out = Vec::new();
        string(&mut out, "a\"b\\c\nd\te\0f\u{1f}\u{7f}é\u{2028}");
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c\\nd\\te\\u0000f\\u001f\u{7f}é\u{2028}\"");
    }

    #[test]
    fn what_is_no_number_of_json_is_a_string() {
        for (value, text) in [
            (Value::U64(1 << 53), "9007199254740992"),
            (Value::U64(u64::MAX), "\"18446744073709551615\""),
            (Value::I64(-5), "-5"),
            (Value::F64(f64::NAN), "\"NaN\""),
            (Value::F64(f64::NEG_INFINITY), "\"-inf\""),
            (Value::F64(1.25), "1.25"),
            (Value::Secret { bytes: 7 }, "\"<secret, 7 bytes>\""),
        ] {
            let mut out = Vec::new();
            self::value(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
