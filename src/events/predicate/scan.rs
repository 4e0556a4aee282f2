//! The words of a condition's text.

use super::PredicateError;
use super::compare::Literal;
use crate::events::privacy::Pseudonym;
use crate::events::value::Value;

/// The text, and how far it was read. A word is read as what is expected in its place: `<` begins a comparison after a
/// field, and a pseudonym after that.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

const FIELD: &str = "a field";
const LITERAL: &str =
    "a number, a duration such as 5ms, true, false, a text in double quotes, or bytes such as 0x7f02";
const STRING: &str = "a text in double quotes";
const NUMBER: &str = "a whole number, a float such as 1.5, or a whole number and ns, us, ms, s or m";
const BYTES: &str = "0x and two hexadecimal digits for each byte";
const PSEUDONYM: &str = "<personal > with 16 hexadecimal digits, as a timeline shows it";
const ESCAPE: &str = "\\\\ for a backslash, or one of the escapes \\\" \\' \\` \\n \\r \\t \\0 \\x41 \\u{41}";

pub(super) const UNKNOWN: &str = "<unknown>";

/// Units of time, in nanoseconds; the longer names first.
const UNITS: [(&str, u64); 5] =
    [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000)];

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// Passes over this mark, if it is next.
    pub(super) fn takes(&mut self, mark: &str) -> bool {
        let is_next = self.rest().starts_with(mark);
        self.at += if is_next { mark.len() } else { 0 };
        is_next
    }

    /// The same of a whole word.
    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let is_next = begins(self.rest(), is_of_field) == word;
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    /// Something else than `expected` comes next.
    #[cold]
    pub(super) fn unexpected(&self, expected: &'static str) -> PredicateError {
        let rest = self.rest();
        let word = begins(rest, is_of_field);
        let one = rest.chars().next().map_or(0, char::len_utf8);
        let found = if word.is_empty() { rest.get(..one).unwrap_or_default() } else { word };
        PredicateError::unexpected(self.at, found, expected)
    }

    /// The name of a field.
    pub(super) fn field(&mut self, expected: &'static str) -> Result<String, PredicateError> {
        if self.rest().starts_with('`') {
            return self.quoted('`');
        }
        let word = begins(self.rest(), is_of_field);
        if word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && !is_keyword(word) {
            self.at += word.len();
            return Ok(word.to_owned());
        }
        Err(self.unexpected(expected))
    }

    pub(super) fn field_alone(&mut self) -> Result<String, PredicateError> {
        self.field(FIELD)
    }

    pub(super) fn string(&mut self) -> Result<String, PredicateError> {
        if self.rest().starts_with('"') { self.quoted('"') } else { Err(self.unexpected(STRING)) }
    }

    /// What stands between two quotes, the first of which is next.
    fn quoted(&mut self, quote: char) -> Result<String, PredicateError> {
        let opened = self.at;
        self.at += quote.len_utf8();
        let mut text = String::new();
        while let Some(next) = self.rest().chars().next() {
            let at = self.at;
            self.at += next.len_utf8();
            match next {
                '\\' => text.push(self.escaped(at)?),
                _ if next == quote => return Ok(text),
                _ => text.push(next),
            }
        }
        Err(PredicateError::Unclosed { at: opened, quote })
    }

    /// What an escape stands for, whose backslash was at `at`.
    fn escaped(&mut self, at: usize) -> Result<char, PredicateError> {
        let next = self.rest().chars().next();
        self.at += next.map_or(0, char::len_utf8);
        let character = match next {
            Some(itself @ ('"' | '\'' | '`' | '\\')) => Some(itself),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('0') => Some('\0'),
            Some('x') => {
                let digits = self.rest().get(..2).unwrap_or_default();
                self.at += digits.len();
                hexadecimal(digits).filter(|code| *code < 0x80).and_then(char::from_u32)
            }
            Some('u') => {
                let braced = self.rest().strip_prefix('{').and_then(|rest| rest.split_once('}'));
                let digits = braced.map_or("", |(digits, _)| digits);
                self.at += braced.map_or(0, |(digits, _)| digits.len() + 2);
                Some(digits).filter(|digits| digits.len() <= 6).and_then(hexadecimal).and_then(char::from_u32)
            }
            _ => None,
        };
        let found = self.text.get(at..self.at).unwrap_or_default();
        character.ok_or_else(|| PredicateError::unexpected(at, found, ESCAPE))
    }

    pub(super) fn literal(&mut self) -> Result<Literal, PredicateError> {
        let rest = self.rest();
        if rest.starts_with('"') {
            return Ok(Literal::Str(self.quoted('"')?.into()));
        }
        if self.takes(UNKNOWN) {
            return Ok(Literal::Unknown);
        }
        if rest.starts_with('<') {
            return self.pseudonym();
        }
        let word = number_word(rest);
        let literal = match word {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            "inf" => Literal::F64(f64::INFINITY),
            "-inf" => Literal::F64(f64::NEG_INFINITY),
            "NaN" => Literal::F64(f64::NAN),
            _ if word.starts_with("0x") => bytes(&word[2..])
                .map(|bytes| Literal::Bytes(bytes.into()))
                .ok_or_else(|| PredicateError::unexpected(self.at, word, BYTES))?,
            _ if word.trim_start_matches('-').starts_with(|digit: char| digit.is_ascii_digit()) => {
                self.number(word)?
            }
            _ => return Err(self.unexpected(LITERAL)),
        };
        self.at += word.len();
        Ok(literal)
    }

    /// `<personal 0123456789abcdef>`, of which the beginning is next.
    fn pseudonym(&mut self) -> Result<Literal, PredicateError> {
        const OPENED: &str = "<personal ";
        let digits = self.rest().strip_prefix(OPENED).and_then(|rest| rest.get(..16));
        let word = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let word = word.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let mut after = *self;
        after.at += OPENED.len() + 16;
        match word {
            Some(word) if after.takes(">") => {
                *self = after;
                Ok(Literal::Personal(Pseudonym::from_word(word)))
            }
            _ => Err(self.unexpected(PSEUDONYM)),
        }
    }

    fn number(&self, word: &str) -> Result<Literal, PredicateError> {
        let is_malformed = || PredicateError::unexpected(self.at, word, NUMBER);
        let is_out_of_range = || PredicateError::out_of_range(self.at, word);
        let unsigned = word.strip_prefix('-').unwrap_or(word);
        let (whole, unit) = unsigned.split_at(begins(unsigned, |c| c.is_ascii_digit() || c == '_').len());
        let digits: String = whole.chars().filter(|digit| *digit != '_').collect();
        let sign = if unsigned.len() < word.len() { -1 } else { 1 };
        let times = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, times)) => *times,
            None if unit.is_empty() => 1,
            None => {
                let digits: String = word.chars().filter(|digit| *digit != '_').collect();
                let is_float = unit.starts_with(['.', 'e', 'E']);
                let float = digits.parse::<f64>().ok().filter(|_| is_float).ok_or_else(is_malformed)?;
                return if float.is_finite() { Ok(Literal::F64(float)) } else { Err(is_out_of_range()) };
            }
        };
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(times));
        let number = number.map(|number| i128::from(number) * sign).ok_or_else(is_out_of_range)?;
        let unsigned = u64::try_from(number).map(Value::U64);
        let value = unsigned.or_else(|_| i64::try_from(number).map(Value::I64));
        value.map(Literal::of).map_err(|_| is_out_of_range())
    }
}

pub(super) fn is_of_field(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '.'
}

/// Words that are no fields, unless in backticks.
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "has")
}

/// The characters of this sort that a text begins with.
fn begins(text: &str, is_of_it: impl Fn(char) -> bool) -> &str {
    let end = text.find(|character| !is_of_it(character)).unwrap_or(text.len());
    &text[..end]
}

/// A number or another word, with a sign before it or before its exponent.
fn number_word(text: &str) -> &str {
    let is_hexadecimal = text.starts_with("0x");
    let mut before = 'e';
    let end = text.find(|character| {
        let is_sign = matches!(character, '-' | '+') && matches!(before, 'e' | 'E') && !is_hexadecimal;
        before = character;
        !is_sign && !is_of_field(character)
    });
    &text[..end.unwrap_or(text.len())]
}

/// Digits alone: no sign.
fn hexadecimal(digits: &str) -> Option<u32> {
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}
