//! A page read back: line by line, with no more mercy than the formats ask for.

use std::collections::{BTreeMap, BTreeSet};

/// A sample: name, labels, value.
pub type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads a page whose names need no quotes. What is no page of that kind, or says a thing twice, is a panic.
pub fn samples(page: &str) -> Samples {
    assert!(page.ends_with('\n'), "the last line has no end");
    let mut samples = Samples::new();
    let mut families = BTreeSet::new();
    let mut family = String::new();
    for line in page.split_terminator('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            match (words.next(), words.next()) {
                (Some("HELP"), Some(name)) => {
                    assert!(families.insert(name.to_owned()), "{name} comes twice");
                    family = name.to_owned();
                }
                (Some("TYPE" | "UNIT"), Some(name)) => assert_eq!(name, family, "{line}"),
                (Some("EOF"), None) => family = "after the end".to_owned(),
                _ => panic!("{line:?}"),
            }
            continue;
        }
        let (name, labels, value) = sample(line).unwrap_or_else(|| panic!("{line:?}"));
        assert!(name.starts_with(&family), "{name} among {family}");
        assert!(samples.insert((name, labels), value).is_none(), "{line:?} comes twice");
    }
    samples
}

fn sample(line: &str) -> Option<(String, BTreeMap<String, String>, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let is_plain = |text: &str| {
        !text.starts_with(|first: char| first.is_ascii_digit())
            && !text.is_empty()
            && text.chars().all(|char| char.is_ascii_alphanumeric() || "_:".contains(char))
    };
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (key, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if !is_plain(key) || labels.insert(key.to_owned(), value).is_some() {
                return None;
            }
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ')?.split(" # ").next()?;
    is_plain(name).then_some((name.to_owned(), labels, value.parse().ok()?))
}

/// What stands before the closing quote, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            (_, char) => value.push(char),
        }
    }
}
