//! From text to a condition: a parser by descent, over as many levels as a text may have.

use super::compare::Comparison;
use super::scan::Scanner;
use super::term::Test;
use super::{Predicate, PredicateError, field};
use std::str::FromStr;

const TERM: &str = "a field, `has` and a field, `*`, `!`, or an opening parenthesis";
const TEST: &str = "one of == != < <= > >= ~ !~ after the field, or `has` before it";
const MORE: &str = "`&&`, `||`, or nothing more";
const CLOSED: &str = "`&&`, `||`, or the closing parenthesis";
const CONTAINS: &str = "`~` and a text after the `*`";

/// In the order in which they are tried: the longer ones first.
const COMPARISONS: [(&str, Comparison); 7] = [
    ("==", Comparison::Equals),
    ("!=", Comparison::Differs),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("=", Comparison::Equals),
    ("<", Comparison::LessThan),
    (">", Comparison::MoreThan),
];

impl FromStr for Predicate {
    type Err = PredicateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > Self::LONGEST_TEXT {
            return Err(PredicateError::too_long(text.len()));
        }
        let mut parser = Parser { scanner: Scanner::new(text), depth: 0 };
        let predicate = parser.any()?;
        if parser.scanner.is_at_end() { Ok(predicate) } else { Err(parser.scanner.unexpected(MORE)) }
    }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    depth: usize,
}

impl Parser<'_> {
    /// Each part leaves the scanner at the next word.
    fn any(&mut self) -> Result<Predicate, PredicateError> {
        let mut predicate = self.all()?;
        while self.takes("||", "or") {
            predicate = predicate | self.all()?;
        }
        Ok(predicate)
    }

    fn all(&mut self) -> Result<Predicate, PredicateError> {
        let mut predicate = self.one()?;
        while self.takes("&&", "and") {
            predicate = predicate & self.one()?;
        }
        Ok(predicate)
    }

    fn takes(&mut self, mark: &str, word: &str) -> bool {
        self.scanner.takes(mark) || self.scanner.takes_word(word)
    }

    fn one(&mut self) -> Result<Predicate, PredicateError> {
        self.scanner.skip_blanks();
        let at = self.scanner.at();
        let mut is_negated = false;
        while self.takes("!", "not") {
            is_negated = !is_negated;
            self.scanner.skip_blanks();
        }
        let has_parentheses = self.scanner.takes("(");
        // Negation is printed with parentheses.
        self.depth += usize::from(has_parentheses || is_negated);
        if self.depth > Predicate::DEEPEST_TEXT {
            return Err(PredicateError::too_deep(at));
        }
        let predicate = if has_parentheses {
            let inner = self.any()?;
            if !self.scanner.takes(")") {
                return Err(self.scanner.unexpected(CLOSED));
            }
            inner
        } else {
            self.term()?
        };
        self.depth -= usize::from(has_parentheses || is_negated);
        self.scanner.skip_blanks();
        Ok(if is_negated { !predicate } else { predicate })
    }

    fn term(&mut self) -> Result<Predicate, PredicateError> {
        let scanner = &mut self.scanner;
        if scanner.takes("*") {
            scanner.skip_blanks();
            if !scanner.takes("~") {
                return Err(scanner.unexpected(CONTAINS));
            }
            scanner.skip_blanks();
            return Ok(Predicate::text(scanner.string()?));
        }
        if scanner.takes_word("has") {
            scanner.skip_blanks();
            return Ok(field(scanner.field_alone()?).exists());
        }
        let field = field(scanner.field(TERM)?);
        scanner.skip_blanks();
        for (mark, contains) in [("~", true), ("!~", false)] {
            if scanner.takes(mark) {
                scanner.skip_blanks();
                let text = scanner.string()?;
                return Ok(if contains { field.contains(text) } else { field.lacks(text) });
            }
        }
        for (mark, comparison) in COMPARISONS {
            if scanner.takes(mark) {
                scanner.skip_blanks();
                return Ok(field.tested(Test::Compares(comparison, scanner.literal()?)));
            }
        }
        Err(scanner.unexpected(TEST))
    }
}
