//! Conditions on the fields of events.
//!
//! | file | idea |
//! |---|---|
//! | `build` | from a field to a condition, and conditions joined |
//! | `tree` | the nodes of a condition in one row, so that none is too deep |
//! | `term` | what is asked of one field, or of all texts |
//! | `compare` | values and literals, by value |
//! | `check` | whether kinds have such fields, and whether anything can ever match |
//! | `parse`, `scan` | from text to conditions; its words |
//! | `display` | and back to text |
//! | `error` | what can be wrong with the text |

mod build;
mod check;
mod compare;
mod display;
mod error;
mod parse;
mod scan;
mod term;
#[cfg(all(test, not(flightdeck_loom)))]
mod tests;
mod tree;

pub use build::{FieldNamed, field};
pub use error::PredicateError;

use super::answer::Recorded;
use tree::Tree;

/// A condition on the fields of an event: put together from [`field`] and [`Predicate::text`] with `&`, `|` and `!`, or
/// parsed from text.
///
/// It is asked of events that were found; it does not find them, and no index helps it. Nothing is asked of what stands
/// beside the fields: kind, severity, id and time are asked by the [`Query`](super::Query).
///
/// ```
/// use flightdeck::events::{Events, Predicate, field};
/// flightdeck::kind! { Loaded("table.loaded") { table: str, rows: u64, took_ns: u64 } }
/// let events = Events::builder().build()?;
/// for (table, rows, took_ns) in [("orders", 99, 5_000), ("orders", 100, 9_000_000), ("users", 100, 7_000)] {
///     events.record(Loaded { table, rows, took_ns });
/// }
///
/// let large = field("rows").at_least(100) & !field("table").contains("user");
/// let mut answer = events.query().run()?;
/// answer.retain(|event| large.holds(event));
/// assert_eq!(answer.len(), 1);
///
/// let slow: Predicate = "took_ns > 5ms && (table == \"orders\" || !has rows)".parse()?;
/// assert!(answer.iter().all(|event| slow.holds(&event)));
/// assert_eq!(slow.to_string(), "took_ns > 5000000 && (table == \"orders\" || !has rows)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What holds
///
/// | the field holds | and is compared with | by |
/// |---|---|---|
/// | `u64`, `i64`, `f64` | any number | value, exactly: 2^53 + 1 is more than the `f64` 2^53, and `-0.0` equals `0`; not-a-number compares with nothing |
/// | `bool` | a `bool` | `false` is less than `true` |
/// | text | text | bytes, as `str` is ordered |
/// | bytes | bytes | bytes |
/// | text or bytes that were cut | the same | what their beginning decides; where the literal begins with all of it and goes on, nothing is decided |
/// | a `personal` value | a [`Pseudonym`](super::Pseudonym) | equality alone: ask [`Events::pseudonym`](super::Events::pseudonym) for it |
/// | a `secret` value, a `diff` | anything | nothing |
///
/// A comparison that this does not decide **does not hold**, whichever it is. So neither `rows == 5` nor `rows != 5`
/// holds of an event without that field, nor of one in which it is text, but `!(rows == 5)` does: `!` turns round what
/// holds. The same is true of `contains` and `lacks`, which look for a text in a text: a beginning that lacks it
/// decides nothing. `exists` holds of any event that has the field, whatever it is. Of two fields of one name the first
/// counts.
///
/// A literal that only stands in place of a value, a cut text out of an answer or a secret, compares with nothing.
///
/// # Text
///
/// ```text
/// predicate = all { ( "||" | "or" ) all }
/// all       = one { ( "&&" | "and" ) one }
/// one       = ( "!" | "not" ) one | "(" predicate ")" | "has" field | field test | "*" "~" string
/// test      = ( "==" | "=" | "!=" | "<" | "<=" | ">" | ">=" ) literal
///           | "~" string                    ; contains
///           | "!~" string                   ; lacks
/// field     = a letter or "_", then letters, digits, "_" and "."; or any text in backticks, with escapes as a string
/// literal   = number | duration | "true" | "false" | string | bytes | pseudonym
/// number    = decimal digits, also with "_" between them; a float such as 1.5 or 1e9; "inf"
///           | "-" and one of these | "NaN"
/// duration  = whole number and "ns", "us", "ms", "s" or "m"    ; as many nanoseconds
/// string    = text in double quotes, with the escapes \" \' \` \\ \n \r \t \0 \x41 \u{41}
/// bytes     = "0x" and two hexadecimal digits for each byte
/// pseudonym = "<personal 0123456789abcdef>"      ; as a timeline shows it
/// ```
///
/// `* ~ "x"` asks every text field. Blanks between words are skipped. The words `and`, `or`, `not` and `has` are no
/// fields unless in backticks. A text has at most [`Predicate::LONGEST_TEXT`] bytes and [`Predicate::DEEPEST_TEXT`]
/// levels of parentheses and negation.
///
/// Its `Display` is such a text, and parses to an equal predicate as long as it keeps to these limits: what was parsed
/// keeps to the second. Conditions are equal if they are built alike, but for how a row of `&`, or of `|`, is grouped,
/// for a double `!`, and for the type of a whole number.
///
/// # Cost
///
/// The parts of a condition lie in one row. [`Predicate::holds`] takes time by the length of what it looks at: each
/// comparison decodes the event up to its field, and what cannot change the outcome is left out. Joining two costs the
/// length of the right one, so a long row is built from the left; `!` costs the same for any. None of them, nor
/// dropping, cloning, comparing or printing one, uses more stack the deeper it is.
#[derive(Clone, PartialEq)]
#[must_use = "a predicate does nothing until it is asked"]
pub struct Predicate {
    tree: Tree,
}

impl Predicate {
    /// Bytes of the longest text that is parsed.
    pub const LONGEST_TEXT: usize = 64 << 10;
    /// Levels of parentheses and negation of the deepest text that is parsed.
    pub const DEEPEST_TEXT: usize = 64;

    /// Whether it holds of an event. It takes no memory from the heap, waits for nothing and does not panic.
    ///
    /// ```
    /// use flightdeck::events::{Events, field};
    /// flightdeck::kind! { Filled("order.filled") { qty: u64 } }
    /// let events = Events::builder().build()?;
    /// events.record(Filled { qty: 5 });
    /// let answer = events.query().run()?;
    /// let event = answer.iter().next().expect("recorded above");
    /// assert!(field("qty").equals(5.0).holds(&event));
    /// assert!(!field("price").differs(5).holds(&event) && (!field("price").equals(5)).holds(&event));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn holds(&self, event: &Recorded<'_>) -> bool {
        self.tree.decide(|term| term.holds(event))
    }
}
