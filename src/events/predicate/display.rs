//! And back to text.

use super::Predicate;
use super::compare::Literal;
use super::scan::{UNKNOWN, is_keyword, is_of_field};
use super::term::{Term, Test};
use super::tree::{Joint, Node, Step};
use std::fmt::{self, Write};

/// The text that parses to an equal one.
impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.tree.nodes();
        let mut opened = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            if let Step::Term(term) = &node.step {
                // All that begins here, the outermost first.
                opened.extend(beginning_at(nodes, at));
                for part in opened.drain(..).rev() {
                    let is_negation = nodes.get(part).is_some_and(|part| part.step == Step::Not);
                    f.write_str(if is_negation { "!" } else { "" })?;
                    f.write_str(if has_parentheses(nodes, part) { "(" } else { "" })?;
                }
                write!(f, "{term}")?;
            }
            f.write_str(if has_parentheses(nodes, at) { ")" } else { "" })?;
            f.write_str(match above(nodes, at) {
                // After the first operand.
                Some((_, Step::Join(joint))) if node.up > 1 => match joint {
                    Joint::And => " && ",
                    Joint::Or => " || ",
                },
                _ => "",
            })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Predicate({self})")
    }
}

fn above(nodes: &[Node], at: usize) -> Option<(usize, &Step)> {
    let up = nodes.get(at).map(|node| node.up).filter(|up| *up > 0)?;
    nodes.get(at + up).map(|above| (at + up, &above.step))
}

/// The term at this place and the parts that begin with it, the innermost first.
fn beginning_at(nodes: &[Node], term: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(term), |at| {
        let (above, step) = above(nodes, *at)?;
        let is_second = matches!(step, Step::Join(_)) && above == at + 1;
        (!is_second).then_some(above)
    })
}

/// Whether a part stands in parentheses, below what is above it.
fn has_parentheses(nodes: &[Node], at: usize) -> bool {
    let (Some(node), Some((_, above))) = (nodes.get(at), above(nodes, at)) else { return false };
    match (above, &node.step) {
        (Step::Not, Step::Term(Term::Field { test: Test::Exists, .. })) => false,
        (Step::Not, _) => true,
        (Step::Join(Joint::And), step) => *step == Step::Join(Joint::Or),
        _ => false,
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyText(text) => {
                f.write_str("* ~ ")?;
                quoted(f, '"', text)
            }
            Self::Field { name, test: Test::Exists } => {
                f.write_str("has ")?;
                field(f, name)
            }
            Self::Field { name, test } => {
                field(f, name)?;
                write!(f, " {test}")
            }
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compares(comparison, literal) => write!(f, "{} {literal}", comparison.symbol()),
            Self::Contains(text) => {
                f.write_str("~ ")?;
                quoted(f, '"', text)
            }
            Self::Lacks(text) => {
                f.write_str("!~ ")?;
                quoted(f, '"', text)
            }
            Self::Exists => Ok(()),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => quoted(f, '"', text),
            // With a point or an exponent: so it stays one.
            Self::F64(number) => write!(f, "{number:?}"),
            Self::Bytes(_) => write!(f, "0x{}", self.value()),
            Self::Unknown => f.write_str(UNKNOWN),
            _ => write!(f, "{}", self.value()),
        }
    }
}

fn field(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(is_of_field)
        && !is_keyword(name);
    if is_plain { f.write_str(name) } else { quoted(f, '`', name) }
}

/// In quotes, in one line.
fn quoted(f: &mut fmt::Formatter<'_>, quote: char, text: &str) -> fmt::Result {
    f.write_char(quote)?;
    for character in text.chars() {
        match character {
            '`' | '"' | '\'' if character != quote => f.write_char(character)?,
            '`' => f.write_str("\\`")?,
            _ => write!(f, "{}", character.escape_debug())?,
        }
    }
    f.write_char(quote)
}
