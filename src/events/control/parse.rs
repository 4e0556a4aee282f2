//! The text of directives: from bytes to rules, or to all mistakes in it, each with its place.

use super::directives::{Asks, Level, Rule};
use super::error::{Expected, Mistake};
use super::rate::{Rate, Unit};
use crate::error::Severity;
use crate::events::class::Class;
use std::ops::RangeInclusive;

pub(super) const UNLIMITED: &str = "unlimited";
const SAMPLES: RangeInclusive<u32> = 1..=1_000_000_000;

/// A piece of the text, and where it begins.
#[derive(Clone, Copy)]
struct Piece<'a> {
    at: usize,
    text: &'a str,
}

impl<'a> Piece<'a> {
    /// The text without blanks at its ends.
    fn trimmed(self) -> Self {
        let begun = self.text.trim_start();
        Self { at: self.at + self.text.len() - begun.len(), text: begun.trim_end() }
    }

    /// What stands before and after the first `mark`, which is one byte long.
    fn split(self, mark: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(mark)?;
        let after = Self { at: self.at + before.len() + mark.len_utf8(), text: after };
        Some((Self { text: before, ..self }, after))
    }

    fn is_not(self, expected: Expected) -> Mistake {
        Mistake::new(self.at, self.text, expected)
    }
}

/// All directives of a text, from the left to the right.
pub(super) fn rules(text: &str) -> Result<Vec<Rule>, Vec<Mistake>> {
    let (mut rules, mut mistakes) = (Vec::new(), Vec::new());
    let mut rest = Some(Piece { at: 0, text });
    while let Some(left) = rest {
        let (first, further) =
            left.split(',').map_or((left, None), |(first, further)| (first, Some(further)));
        rest = further;
        let piece = first.trimmed();
        if !piece.text.is_empty() {
            match rule(piece) {
                Ok(rule) => rules.push(rule),
                Err(mistake) => mistakes.push(mistake),
            }
        }
    }
    if mistakes.is_empty() { Ok(rules) } else { Err(mistakes) }
}

fn rule(piece: Piece<'_>) -> Result<Rule, Mistake> {
    match piece.split('=') {
        Some((target, setting)) => {
            let (name, field) = target_of(target.trimmed())?;
            Ok(Rule { name, field, asks: asks(setting.trimmed())? })
        }
        None if piece.text.contains(['[', ']']) => Err(piece.is_not(Expected::Equals)),
        None => Ok(Rule { name: String::new(), field: None, asks: asks(piece)? }),
    }
}

/// `name`, `name[field]` or `[field]`.
fn target_of(piece: Piece<'_>) -> Result<(String, Option<String>), Mistake> {
    let Some((name, rest)) = piece.split('[') else {
        return if is_name(piece.text) {
            Ok((piece.text.to_owned(), None))
        } else {
            Err(piece.is_not(Expected::Name))
        };
    };
    let name = name.trimmed();
    if !name.text.is_empty() && !is_name(name.text) {
        return Err(name.is_not(Expected::Name));
    }
    let Some((field, after)) = rest.split(']') else {
        let bracket = Piece { at: rest.at - 1, text: &piece.text[rest.at - 1 - piece.at..] };
        return Err(bracket.is_not(Expected::Field));
    };
    let (field, after) = (field.trimmed(), after.trimmed());
    if !field.text.chars().all(is_of_name) || field.text.is_empty() {
        return Err(field.is_not(Expected::Field));
    }
    if !after.text.is_empty() {
        return Err(after.is_not(Expected::Equals));
    }
    Ok((name.text.to_owned(), Some(field.text.to_owned())))
}

fn is_name(text: &str) -> bool {
    text.split('.').all(|segment| !segment.is_empty() && segment.chars().all(is_of_name))
}

fn is_of_name(character: char) -> bool {
    !character.is_whitespace() && !character.is_control() && !"[]=,*\"'`".contains(character)
}

fn asks(piece: Piece<'_>) -> Result<Asks, Mistake> {
    if let Some((count, of)) = piece.split('/') {
        return share(piece, count.trimmed().text, of.trimmed().text);
    }
    let is = |name: &str| piece.text.eq_ignore_ascii_case(name);
    // `critical` is among both: the severity.
    let severity = Severity::ALL.into_iter().find(|severity| is(severity.name())).map(Level::Severity);
    let level = severity.or_else(|| Class::ALL.into_iter().find(|class| is(class.name())).map(Level::Class));
    match level {
        Some(level) => Ok(Asks::Level(level)),
        None if is("off") => Ok(Asks::Level(Level::Off)),
        None if is(UNLIMITED) => Ok(Asks::Limit(None)),
        None => Err(piece.is_not(Expected::Setting)),
    }
}

/// `1/100` or `100/s`.
fn share(piece: Piece<'_>, count: &str, of: &str) -> Result<Asks, Mistake> {
    if let Some(unit) = Unit::ALL.into_iter().find(|unit| of.eq_ignore_ascii_case(unit.letter())) {
        let rate = number(count).map(|events| Rate::of(events, unit)).filter(|rate| rate.is_in_range());
        return rate.map(|rate| Asks::Limit(Some(rate))).ok_or_else(|| piece.is_not(Expected::Rate));
    }
    if of.starts_with(|digit: char| digit.is_ascii_digit()) {
        let every = number(of).filter(|every| SAMPLES.contains(every) && count == "1");
        return every.map(Asks::Sample).ok_or_else(|| piece.is_not(Expected::Sample));
    }
    Err(piece.is_not(Expected::Setting))
}

/// Digits alone: no sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::{Directives, DirectivesError};
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn mistakes(text: &str) -> Vec<Mistake> {
        match text.parse::<Directives>() {
            Err(DirectivesError::Refused { mistakes }) => mistakes,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn each_mistake_has_its_place() {
        for (text, at, found, expected) in [
            ("inof", 0, "inof", Expected::Setting),
            ("info, http = verbos ,error", 13, "verbos", Expected::Setting),
            ("http=", 5, "", Expected::Setting),
            ("=info", 0, "", Expected::Name),
            ("a..b=info", 0, "a..b", Expected::Name),
            (" http.* = info", 1, "http.*", Expected::Name),
            ("a b=info", 0, "a b", Expected::Name),
            ("ü\u{7}x[y]=info", 0, "ü\u{7}x", Expected::Name),
            ("db[slow=info", 2, "[slow", Expected::Field),
            ("db[]=info", 3, "", Expected::Field),
            ("db[a b]=info", 3, "a b", Expected::Field),
            ("db[slow]x=info", 8, "x", Expected::Equals),
            ("info,db[slow]", 5, "db[slow]", Expected::Equals),
            ("http=2/100", 5, "2/100", Expected::Sample),
            ("http=1/0", 5, "1/0", Expected::Sample),
            ("http=1/99999999999", 5, "1/99999999999", Expected::Sample),
            ("http=0/s", 5, "0/s", Expected::Rate),
            ("http=1000001/s", 5, "1000001/s", Expected::Rate),
            ("http=+1/s", 5, "+1/s", Expected::Rate),
            ("http=/s", 5, "/s", Expected::Rate),
            ("http=100/day", 5, "100/day", Expected::Setting),
            ("http=info=warn", 5, "info=warn", Expected::Setting),
        ] {
            assert_eq!(mistakes(text), [Mistake::new(at, found, expected)], "{text}");
        }
        let all = mistakes("inof,http=off,x=1/0,ü=?");
        assert_eq!(all.iter().map(|mistake| mistake.at).collect::<Vec<_>>(), [0, 16, 23]);
    }

    /// Texts near the language: most are wrong in one place.
    fn near() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "info",
            "OFF",
            "http",
            "db",
            ".",
            ".",
            "[",
            "]",
            "=",
            "=",
            ",",
            ",",
            "1/100",
            "100/s",
            "/",
            "0",
            "7",
            " ",
            "verbose",
            "slow",
            "unlimited",
            "ü",
            "\n",
            "*",
            "s",
        ]);
        prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
    }

    proptest! {
        /// Any text is either directives, and then it comes back, or has mistakes that are where they are said to be.
        #[test]
        fn no_text_does_harm(text in prop_oneof![any::<String>(), near()]) {
            match text.parse::<Directives>() {
                Ok(directives) => {
                    let canonical = directives.to_string();
                    prop_assert_eq!(&canonical.parse::<Directives>().unwrap(), &directives);
                    prop_assert!(!canonical.contains(char::is_whitespace));
                }
                Err(DirectivesError::Refused { mistakes }) => {
                    prop_assert!(!mistakes.is_empty());
                    for (number, mistake) in mistakes.iter().enumerate() {
                        prop_assert!(text[mistake.at..].starts_with(&*mistake.found), "{mistake:?} in {text:?}");
                        prop_assert!(number == 0 || mistakes[number - 1].at < mistake.at);
                    }
                    let message = DirectivesError::Refused { mistakes }.to_string();
                    prop_assert!(!message.contains('\n'));
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }

        /// What is meant comes back as it is meant, whatever the case and the blanks.
        #[test]
        fn what_is_written_is_what_is_read(
            rules in prop::collection::vec((
                prop::option::of("[a-z][a-z0-9_]{0,6}(\\.[a-z_-]{1,5}){0,3}"), prop::option::of("[a-z_]{1,6}"),
                prop_oneof![
                    prop::sample::select(vec!["off", "trace", "debug", "info", "warn", "error", "critical", "normal", "verbose", "unlimited"])
                        .prop_map(str::to_owned),
                    (1_u32..=1_000_000_000).prop_map(|every| format!("1/{every}")),
                    (1_u32..=1_000_000, prop::sample::select(vec!["s", "m", "h"])).prop_map(|(n, unit)| format!("{n}/{unit}")),
                ],
                " {0,2}",
            ), 0..8),
        ) {
            let text: Vec<String> = rules.iter().map(|(name, field, setting, blank)| {
                let field = field.as_ref().map_or(String::new(), |field| format!("[{field}]"));
                let target = format!("{}{field}", name.as_deref().unwrap_or_default());
                let setting = setting.to_uppercase();
                if target.is_empty() { format!("{blank}{setting}{blank}") } else { format!("{blank}{target}{blank}={setting}{blank}") }
            }).collect();
            let directives: Directives = text.join(",").parse().unwrap();
            // Of two that say the same of the same kinds only the later one is left, so the last one always is.
            if let Some(last) = text.last() {
                let last: Directives = last.parse().unwrap();
                prop_assert!(directives.to_string().ends_with(&last.to_string()));
            }
            prop_assert_eq!(directives.and(&directives), directives);
        }
    }
}
