//! Names that every scraper reads, and how text is escaped.

use super::text::Text;
use std::borrow::Cow;

/// Whether a metric may have this name without quotes.
pub(super) fn is_plain(name: &str) -> bool {
    is_plain_with(name, b"_:")
}

/// Whether a label may have this name without quotes.
pub(super) fn is_plain_label(name: &str) -> bool {
    is_plain_with(name, b"_")
}

fn is_plain_with(name: &str, besides: &[u8]) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || besides.contains(&byte);
    name.bytes().all(is_fit) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// `_` for what a metric's name may not have.
pub(super) fn plain(name: &str) -> Cow<'_, str> {
    if is_plain(name) { Cow::Borrowed(name) } else { Cow::Owned(replaced(name, ":")) }
}

/// A label's name as it is written: what Prometheus keeps for itself has other names.
pub(super) fn label(key: &str, is_utf8: bool, is_histogram: bool) -> Cow<'_, str> {
    if is_histogram && key == "le" {
        return Cow::Borrowed("exported_le");
    }
    let plain =
        if is_utf8 || is_plain_label(key) { Cow::Borrowed(key) } else { Cow::Owned(replaced(key, "")) };
    if plain.starts_with("__") { Cow::Owned(format!("key{plain}")) } else { plain }
}

fn replaced(name: &str, besides: &str) -> String {
    let is_fit = |char: char| char.is_ascii_alphanumeric() || char == '_' || besides.contains(char);
    let start = if name.starts_with(|first: char| first.is_ascii_digit()) { "_" } else { "" };
    let chars = name.chars().map(|char| if is_fit(char) { char } else { '_' });
    start.chars().chain(chars).collect()
}

/// Writes text between quotes, without them; how many characters no parser would take, and are replaced.
pub(super) fn quoted(out: &mut Text, text: &str) -> u64 {
    escaped(out, text, true)
}

/// Writes a help text. Only OpenMetrics escapes quotes in it.
pub(super) fn help(out: &mut Text, text: &str, is_open_metrics: bool) -> u64 {
    escaped(out, text, is_open_metrics)
}

fn escaped(out: &mut Text, text: &str, with_quotes: bool) -> u64 {
    let is_special = |byte: u8| matches!(byte, b'\\' | b'"' | b'\n' | 0);
    if !may_have_special(text.as_bytes()) {
        out.push_str(text);
        return 0;
    }
    let (mut done, mut replaced) = (0, 0);
    // All are ASCII, so each stands between whole characters.
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| is_special(*byte)) {
        let instead = match byte {
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'"' if with_quotes => "\\\"",
            b'"' => "\"",
            _ => {
                replaced += 1;
                "\u{fffd}"
            }
        };
        out.push_str(text.get(done..at).unwrap_or_default());
        out.push_str(instead);
        done = at + 1;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    replaced
}

/// Whether any of these bytes may have to be written otherwise: eight are looked at at once.
#[inline]
fn may_have_special(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    // Has the high bit of some byte set if any is this one, or now and then if one above it was.
    let is = |word: u64, byte: u8| {
        let differs = word ^ (ONES * u64::from(byte));
        differs.wrapping_sub(ONES) & !differs
    };
    let in_word = |word: u64| is(word, b'\\') | is(word, b'"') | is(word, b'\n') | is(word, 0);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut found = words.iter().fold(0, |found, word| found | in_word(u64::from_le_bytes(*word)));
    // Of what is left a word that has nothing special besides.
    let mut last = [b' '; 8];
    last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte);
    found |= in_word(u64::from_le_bytes(last));
    found & (ONES << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_keeps_what_may_stay() {
        for (name, expected) in [
            ("requests_total", "requests_total"),
            ("job:requests:rate5m", "job:requests:rate5m"),
            ("http.server.duration", "http_server_duration"),
            ("5xx", "_5xx"),
            ("gr\u{f6}\u{df}e", "gr__e"),
            ("a{b=\"c\"} 1", "a_b__c___1"),
        ] {
            assert_eq!(plain(name), expected);
        }
    }

    #[test]
    fn labels_are_none_of_those_with_a_meaning() {
        assert_eq!(label("http.method", false, false), "http_method");
        assert_eq!(label("http.method", true, false), "http.method");
        assert_eq!(label("__name__", true, false), "key__name__");
        assert_eq!(label("..a", false, false), "key__a");
        assert_eq!(
            (label("le", false, true), label("le", false, false)),
            ("exported_le".into(), "le".into())
        );
        assert_eq!(label("a:b", false, false), "a_b");
    }

    #[test]
    fn what_would_end_a_value_does_not() {
        let mut out = Text::new();
        assert_eq!(quoted(&mut out, "a\"b\\c\nd\0e\u{fc}\"\r\t"), 1);
        assert_eq!(out.clone().into_string(), "a\\\"b\\\\c\\nd\u{fffd}e\u{fc}\\\"\r\t");
        out.clear();
        assert_eq!(help(&mut out, "a \"b\"\\", false), 0);
        assert_eq!(out.into_string(), "a \"b\"\\\\");
    }

    proptest! {
        #[test]
        fn what_needs_escaping_is_seen_wherever_it_is(text in "[a-c\u{fc}]{0,20}", special in "[\\\\\"\n\0]", at: usize) {
            prop_assert!(!may_have_special(text.as_bytes()), "{:?}", text);
            let ends: Vec<_> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
            let (before, after) = text.split_at(ends[at % ends.len()]);
            let with = [before, &special, after].concat();
            prop_assert!(may_have_special(with.as_bytes()), "{:?}", with);
        }
    }
}
