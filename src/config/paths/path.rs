//! Where something is in a config.

use super::error::PathSyntaxError;
use super::scan::{Step, Steps, is_special, number};
use std::fmt::{self, Write};
use std::str::FromStr;

/// Where something is in a config: names joined by dots, elements of lists by number, as in `servers[2].port` or
/// `servers.2.port`. Parsed from text, or put together with [`Path::child`] and [`Path::element`].
///
/// The text is bounded, by [`Path::LONGEST_TEXT`] and [`Path::DEEPEST`]. The empty text is the root: the whole config. A
/// name with any of `.`, `[`, `]`, `"`, `*`, a backslash or a control character in it, and the empty name, stand in double
/// quotes, in which `\"`, `\\` and `\u{41}` are escapes.
///
/// ```
/// use flightdeck::config::Path;
///
/// let path: Path = r#"servers[2]."host.name""#.parse()?;
/// assert_eq!(path, Path::root().child("servers").element(2).child("host.name"));
/// assert_eq!(path.to_string(), r#"servers[2]."host.name""#);
/// assert_eq!("a..b".parse::<Path>().unwrap_err().to_string(),
///     "path has `.b` at column 3: write a name, or one in double quotes if it has any of . [ ] \" * \\");
/// # Ok::<(), flightdeck::config::PathSyntaxError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    segments: Vec<Segment>,
}

/// One level of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// The entry of this name; in a list the element of this number, if it is one.
    Name(Box<str>),
    /// The element of this number, from zero up.
    Index(usize),
}

impl Path {
    /// How many bytes the text of a path may have.
    pub const LONGEST_TEXT: usize = 1_024;
    /// How many levels below the root the text of a path may reach.
    pub const DEEPEST: usize = 64;

    /// The whole config.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The entry of this name below this.
    #[must_use]
    pub fn child(mut self, name: impl Into<Box<str>>) -> Self {
        self.segments.push(Segment::Name(name.into()));
        self
    }

    /// The element of this number below this.
    #[must_use]
    pub fn element(mut self, index: usize) -> Self {
        self.segments.push(Segment::Index(index));
        self
    }

    /// From the root on.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether it is the whole config.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// What it is directly below; the root is below nothing.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.segments.split_last()?;
        Some(Self { segments: above.to_vec() })
    }

    /// Whether this is `other` or below it. `a.3` and `a[3]` are the same in this.
    #[must_use]
    pub fn starts_with(&self, other: &Self) -> bool {
        let mut levels = other.segments.iter().zip(&self.segments);
        other.segments.len() <= self.segments.len() && levels.all(|(a, b)| a.means(b))
    }

    pub(in crate::config) fn push(&mut self, segment: Segment) {
        self.segments.push(segment);
    }

    pub(in crate::config) fn pop(&mut self) {
        self.segments.pop();
    }

    pub(super) fn first(&self, levels: usize) -> Self {
        Self { segments: self.segments.iter().take(levels).cloned().collect() }
    }
}

impl Segment {
    /// Whether both lead to the same place wherever they lead anywhere.
    pub(super) fn means(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(name), Self::Index(index)) | (Self::Index(index), Self::Name(name)) => {
                number(name) == Some(*index)
            }
            (a, b) => a == b,
        }
    }
}

impl FromStr for Path {
    type Err = PathSyntaxError;

    fn from_str(text: &str) -> Result<Self, PathSyntaxError> {
        let mut path = Self::root();
        for step in Steps::new(text) {
            match step? {
                Step::Name(name) => path.push(Segment::Name(name.into())),
                Step::Index(index) => path.push(Segment::Index(index)),
                // Only read where it may stand.
                Step::Any => {}
            }
        }
        Ok(path)
    }
}

impl TryFrom<&str> for Path {
    type Error = PathSyntaxError;

    fn try_from(text: &str) -> Result<Self, PathSyntaxError> {
        text.parse()
    }
}

/// As it is parsed; the root is the empty text.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (level, segment) in self.segments.iter().enumerate() {
            if level > 0 && matches!(segment, Segment::Name(_)) {
                f.write_char('.')?;
            }
            segment.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Name(name) if name.is_empty() || name.contains(must_be_quoted) => {
                f.write_char('"')?;
                for char in name.chars() {
                    match char {
                        '"' | '\\' => write!(f, "\\{char}")?,
                        _ if char.is_control() => write!(f, "{}", char.escape_unicode())?,
                        _ => f.write_char(char)?,
                    }
                }
                f.write_char('"')
            }
            Self::Name(name) => f.write_str(name),
        }
    }
}

fn must_be_quoted(char: char) -> bool {
    char.is_control() || u8::try_from(char).is_ok_and(|byte| byte.is_ascii() && is_special(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_means_what_it_says() {
        let root = Path::root();
        assert_eq!(path(""), root);
        assert_eq!(path("a.b"), root.clone().child("a").child("b"));
        assert_eq!(path("a[0].3"), root.clone().child("a").element(0).child("3"));
        assert_eq!(path("[1][2]"), root.clone().element(1).element(2));
        assert_eq!(path(r#""".b"#), root.clone().child("").child("b"));
        assert_eq!(path(r#"a."x.\"\\\u{41}y"[1]"#), root.child("a").child("x.\"\\Ay").element(1));
        assert_eq!(path("größe ß.x"), Path::root().child("größe ß").child("x"));
    }

    #[test]
    fn a_mistake_is_where_it_is_said_to_be() {
        for (text, at) in [
            (".a", 0),
            ("a.", 2),
            ("a..b", 2),
            ("a]", 1),
            ("a[01]", 2),
            ("a[-1]", 2),
            ("a[]", 2),
            ("a[99999999999999999999]", 2),
            ("a[0]b", 4),
            (r#""a"b"#, 3),
            (r#"a"b""#, 1),
            (r#""\n""#, 1),
            (r#""\u{d800}""#, 1),
            (r#""\u{0000041}""#, 1),
            ("a.*", 2),
            ("*", 0),
            ("a*", 1),
            ("a\nb", 1),
        ] {
            match text.parse::<Path>() {
                Err(PathSyntaxError::Unexpected { at: found, .. }) => assert_eq!(found, at, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert_eq!("a[1".parse::<Path>(), Err(PathSyntaxError::Unclosed { at: 1 }));
        assert_eq!(r#"a."b"#.parse::<Path>(), Err(PathSyntaxError::Unclosed { at: 2 }));
    }

    #[test]
    fn text_is_bounded_in_length_and_depth() {
        assert!("a".repeat(Path::LONGEST_TEXT).parse::<Path>().is_ok());
        let (bytes, limit) = (Path::LONGEST_TEXT + 1, Path::LONGEST_TEXT);
        assert_eq!("a".repeat(bytes).parse::<Path>(), Err(PathSyntaxError::TooLong { bytes, limit }));
        assert_eq!(path(&"[1]".repeat(64)).segments().len(), Path::DEEPEST);
        assert_eq!("[1]".repeat(65).parse::<Path>(), Err(PathSyntaxError::TooDeep { at: 192, limit: 64 }));
    }

    #[test]
    fn below_is_a_matter_of_levels() {
        assert!(path("a.b").starts_with(&path("a")) && path("a").starts_with(&Path::root()));
        assert!(path("a.3.b").starts_with(&path("a[3]")) && path("a[3]").starts_with(&path("a.3")));
        assert!(!path("ab").starts_with(&path("a")) && !path("a").starts_with(&path("a.b")));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_parsed_back(levels in prop::collection::vec(
            prop_oneof![any::<String>().prop_map(Ok), any::<usize>().prop_map(Err)], 0..8
        )) {
            let path = levels.into_iter().fold(Path::root(), |path, level| match level {
                Ok(name) => path.child(name),
                Err(index) => path.element(index),
            });
            let text = path.to_string();
            prop_assert!(!text.contains(char::is_control));
            if text.len() <= Path::LONGEST_TEXT {
                prop_assert_eq!(text.parse::<Path>().unwrap(), path);
            }
        }

        #[test]
        fn any_text_is_a_path_or_a_mistake(text in "[a-c.\\[\\]0-9\"*\\\\u{}ü\\n]{0,24}") {
            if let Ok(path) = text.parse::<Path>() {
                prop_assert_eq!(path.to_string().parse::<Path>().unwrap(), path);
            }
        }
    }
}
