//! The text of a path, one step at a time. Nothing is allocated but for escapes.

use super::error::PathSyntaxError;
use std::borrow::Cow;

/// What a text says of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A name, or the number of an element after a dot.
    Name(Cow<'a, str>),
    /// The number of an element in brackets.
    Index(usize),
    /// Whatever there is.
    Any,
}

/// The steps of a text, from the root on. Ends with the first mistake.
pub(super) struct Steps<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Whether `*` may stand for any name or number.
    wildcards: bool,
    over: bool,
}

const NAME: &str = "a name, or one in double quotes if it has any of . [ ] \" * \\";
const INDEX: &str = "the number of an element, as in [3]";
const NEXT: &str = "a dot and a name, or the number of an element, as in [3]";
const ESCAPE: &str = "one of the escapes \\\\ \\\" \\u{41}";

impl<'a> Steps<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, wildcards: false, over: text.is_empty() }
    }

    /// The same, where `*` may stand for any name or number.
    pub(super) fn with_wildcards(text: &'a str) -> Self {
        Self { wildcards: true, ..Self::new(text) }
    }

    #[inline]
    fn step(&mut self) -> Result<Step<'a>, PathSyntaxError> {
        if self.depth == 0 && self.text.len() > super::Path::LONGEST_TEXT {
            return Err(PathSyntaxError::too_long(self.text.len()));
        }
        if self.depth == super::Path::DEEPEST {
            return Err(PathSyntaxError::too_deep(self.at));
        }
        let bytes = self.text.as_bytes();
        let step = match bytes.get(self.at) {
            Some(b'[') => self.index()?,
            Some(b'.') if self.depth > 0 => {
                self.at += 1;
                self.name()?
            }
            _ if self.depth > 0 => return Err(self.unexpected(NEXT)),
            _ => self.name()?,
        };
        self.depth += 1;
        self.over = self.at == bytes.len();
        Ok(step)
    }

    #[inline]
    fn name(&mut self) -> Result<Step<'a>, PathSyntaxError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.bytes().position(is_special).unwrap_or(rest.len());
        let ends = matches!(rest.as_bytes().get(end), None | Some(b'.' | b'['));
        if end > 0 && ends {
            self.at += end;
            return Ok(Step::Name(Cow::Borrowed(rest.get(..end).unwrap_or_default())));
        }
        self.odd_name(rest, end)
    }

    #[cold]
    fn odd_name(&mut self, rest: &'a str, end: usize) -> Result<Step<'a>, PathSyntaxError> {
        match rest.as_bytes() {
            [b'*', ..] if self.wildcards => {
                self.at += 1;
                Ok(Step::Any)
            }
            [b'"', ..] => self.quoted().map(|name| Step::Name(Cow::Owned(name))),
            _ => {
                self.at += end;
                Err(self.unexpected(NAME))
            }
        }
    }

    /// From a quote to the next.
    fn quoted(&mut self) -> Result<String, PathSyntaxError> {
        let opened = self.at;
        let mut name = String::new();
        let mut chars = self.text[opened + 1..].char_indices();
        while let Some((offset, char)) = chars.next() {
            let here = opened + 1 + offset;
            match char {
                '"' => {
                    self.at = here + 1;
                    return Ok(name);
                }
                '\\' => {
                    self.at = here;
                    let (char, length) = self.escape()?;
                    name.push(char);
                    // Escapes are ASCII: as many characters as bytes.
                    chars.by_ref().nth(length - 2);
                }
                char => name.push(char),
            }
        }
        Err(PathSyntaxError::Unclosed { at: opened })
    }

    /// The character that the escape here stands for, and how long the escape is.
    fn escape(&self) -> Result<(char, usize), PathSyntaxError> {
        let rest = &self.text[self.at + 1..];
        let hexadecimal = |rest: &str| {
            let (digits, _) = rest.split_once('}')?;
            let known =
                (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let char = known.then(|| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32))??;
            Some((char, digits.len() + 4))
        };
        match rest.as_bytes() {
            [b'\\', ..] => Some(('\\', 2)),
            [b'"', ..] => Some(('"', 2)),
            [b'u', b'{', ..] => hexadecimal(&rest[2..]),
            _ => None,
        }
        .ok_or_else(|| self.unexpected(ESCAPE))
    }

    /// Brackets and what is in them.
    fn index(&mut self) -> Result<Step<'a>, PathSyntaxError> {
        let opened = self.at;
        self.at += 1;
        let rest = &self.text[self.at..];
        let Some((inside, _)) = rest.split_once(']') else {
            return Err(PathSyntaxError::Unclosed { at: opened });
        };
        let step = match inside {
            "*" if self.wildcards => Some(Step::Any),
            digits => number(digits).map(Step::Index),
        };
        let step = step.ok_or_else(|| self.unexpected(INDEX))?;
        self.at += inside.len() + 1;
        Ok(step)
    }

    #[cold]
    fn unexpected(&self, expected: &'static str) -> PathSyntaxError {
        PathSyntaxError::unexpected(self.at, &self.text[self.at..], expected)
    }
}

impl<'a> Iterator for Steps<'a> {
    type Item = Result<Step<'a>, PathSyntaxError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let step = self.step();
        self.over |= step.is_err();
        Some(step)
    }
}

/// By byte.
static SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        special[byte as usize] =
            matches!(byte, b'.' | b'[' | b']' | b'"' | b'*' | b'\\') || byte.is_ascii_control();
        byte += 1;
    }
    special
};

/// Whether a name must be quoted if it has this byte.
#[inline(always)]
pub(super) fn is_special(byte: u8) -> bool {
    SPECIAL[byte as usize]
}

/// The number that digits stand for, if there is one way only to write it.
pub(super) fn number(digits: &str) -> Option<usize> {
    let canonical = matches!(digits.as_bytes(), [b'0'] | [b'1'..=b'9', ..]);
    (canonical && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}
