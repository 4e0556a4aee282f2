//! What a value has to say for itself before it may be published.

use std::borrow::Cow;
use std::fmt;

/// How much of a refused value a message shows, in characters.
const SHOWN: usize = 80;
/// How many violations a message spells out; it counts the others.
const SPELLED: usize = 16;

/// A value that can be asked whether it may be published.
///
/// Called by whoever makes or updates a config, never by a reader, and while no other update
/// proceeds: it should look at the value and at nothing else. Report every violation, not the first.
///
/// ```
/// use flightdeck::config::{Config, Validate, Violations};
///
/// #[derive(Debug)]
/// struct Pool { size: u32, name: String }
///
/// impl Validate for Pool {
///     fn validate(&self, report: &mut Violations) {
///         report.require(self.size > 0, "size", &self.size, "must be at least 1");
///         report.require(!self.name.is_empty(), "name", &self.name, "must not be empty; it labels metrics");
///     }
/// }
///
/// let refused = Config::new(Pool { size: 0, name: String::new() }).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "config rejected for 2 reasons: size = 0: must be at least 1; \
///      name = \"\": must not be empty; it labels metrics",
/// );
/// assert_eq!(refused.into_value().size, 0);
/// ```
pub trait Validate {
    /// Reports everything that speaks against this value; nothing reported means it is accepted.
    fn validate(&self, report: &mut Violations);
}

/// Nothing to object to: for decks without a config of their own.
impl Validate for () {
    fn validate(&self, _: &mut Violations) {}
}

/// One thing that speaks against a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Where it lies: names joined by dots, as in `pool.size`.
    pub field: String,
    /// What was found there, as it may be shown: shortened, in one line; none if it is secret.
    pub value: Option<String>,
    /// What is wrong and what would be right.
    pub reason: String,
    /// Which rule it breaks: `range`, `one_of`, `positive`, `required`, a name of yours, or `custom`.
    pub rule: &'static str,
    /// The nearest thing that would do, if the rule knows one.
    pub remedy: Option<String>,
}

impl Violation {
    /// The rule of those that name none.
    pub(super) const CUSTOM: &'static str = "custom";
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, reason, remedy, .. } = self;
        match value {
            Some(value) => write!(f, "{field} = {value}: {reason}")?,
            None => write!(f, "{field} (not shown): {reason}")?,
        }
        match remedy {
            Some(remedy) => write!(f, " ({remedy})"),
            None => Ok(()),
        }
    }
}

/// Everything that speaks against a value, in the order in which it was reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    found: Vec<Violation>,
    /// The fields around the one being looked at, each followed by a dot.
    prefix: String,
}

impl Violations {
    /// Reports `field` unless `accepted`. The value is shown through `Debug`, so texts are quoted.
    pub fn require(
        &mut self,
        accepted: bool,
        field: &str,
        value: &dyn fmt::Debug,
        reason: impl Into<Cow<'static, str>>,
    ) {
        if !accepted {
            self.reject(field, value, reason);
        }
    }

    /// Reports `field`, showing its value.
    pub fn reject(&mut self, field: &str, value: &dyn fmt::Debug, reason: impl Into<Cow<'static, str>>) {
        self.reject_by(Violation::CUSTOM, field, value, reason, None);
    }

    /// Reports `field`, showing its value, for breaking a rule of this name; with what would do, if that is known.
    pub fn reject_by(
        &mut self,
        rule: &'static str,
        field: &str,
        value: &dyn fmt::Debug,
        reason: impl Into<Cow<'static, str>>,
        remedy: Option<String>,
    ) {
        let remedy = remedy.as_deref().map(one_line);
        self.push(field, Some(shortened(value)), reason.into(), rule, remedy);
    }

    /// Reports `field` without its value: for passwords, tokens and keys.
    pub fn reject_secret(&mut self, field: &str, reason: impl Into<Cow<'static, str>>) {
        self.push(field, None, reason.into(), Violation::CUSTOM, None);
    }

    /// Reports that something cannot be derived from the value as a whole.
    pub(super) fn reject_derived(&mut self, name: &str, reason: &str) {
        self.push(name, None, reason.to_owned().into(), "derived", None);
    }

    /// Looks at a part: what `part` reports lies below `field`.
    ///
    /// ```
    /// # use flightdeck::config::Violations;
    /// let mut report = Violations::default();
    /// report.within("pool", |report| report.reject("size", &0, "must be at least 1"));
    /// assert_eq!(report.iter().next().unwrap().field, "pool.size");
    /// ```
    pub fn within(&mut self, field: &str, part: impl FnOnce(&mut Self)) {
        let outer = self.prefix.len();
        self.prefix.push_str(&one_line(field));
        self.prefix.push('.');
        part(self);
        self.prefix.truncate(outer);
    }

    /// Whether nothing was reported.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How much was reported.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// What was reported, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.found.iter()
    }

    /// Takes out the values of fields that are secret.
    #[cfg(feature = "serde")]
    pub(super) fn hide(&mut self, is_secret: impl Fn(&str) -> bool) {
        let secret = self.found.iter_mut().filter(|violation| is_secret(&violation.field));
        secret.for_each(|violation| (violation.value, violation.remedy) = (None, None));
    }

    fn push(
        &mut self,
        field: &str,
        value: Option<String>,
        reason: Cow<'static, str>,
        rule: &'static str,
        remedy: Option<String>,
    ) {
        let field = format!("{}{}", self.prefix, one_line(field));
        self.found.push(Violation { field, value, reason: one_line(&reason), rule, remedy });
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// All of them in one line; beyond sixteen the others are counted.
impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            1 => f.write_str("1 reason: ")?,
            count => write!(f, "{count} reasons: ")?,
        }
        for (index, violation) in self.iter().take(SPELLED).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        match self.len().saturating_sub(SPELLED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// The value as `Debug` shows it, in one line, cut at [`SHOWN`] characters.
pub(super) fn shortened(value: &dyn fmt::Debug) -> String {
    /// Takes what fits and then ends the formatting: a large value is not rendered in full.
    struct Short {
        text: String,
        left: usize,
    }

    impl fmt::Write for Short {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for char in text.chars() {
                self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
                self.text.push(char);
            }
            Ok(())
        }
    }

    let mut short = Short { text: String::new(), left: SHOWN };
    let cut = fmt::write(&mut short, format_args!("{value:?}")).is_err();
    let mut line = one_line(&short.text);
    if cut {
        line.push_str("...");
    }
    line
}

/// Control characters escaped, so that a message stays in its line.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() { line.extend(char.escape_default()) } else { line.push(char) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_in_one_line_and_within_bounds() {
        let mut report = Violations::default();
        report.reject("text", &"a\nb", "must not\nspan lines");
        report.reject("long", &vec![1_u8; 1_000_000], "too long");
        report.reject_secret("token", "too short");
        for index in 0..20 {
            report.reject(&format!("list[{index}]"), &index, "odd");
        }
        let text = report.to_string();
        assert!(!text.contains('\n') && text.len() < 1_000, "{text}");
        assert!(
            text.starts_with(r#"23 reasons: text = "a\nb": must not\nspan lines; long = [1, 1"#),
            "{text}"
        );
        assert!(text.contains("token (not shown): too short"), "{text}");
        assert!(text.ends_with("list[12] = 12: odd; and 7 more"), "{text}");
    }

    #[test]
    fn a_field_knows_the_fields_around_it() {
        let mut report = Violations::default();
        report.within("ai", |report| {
            report.within("planning", |report| report.reject("rate", &2.0, "at most 1"));
            report.reject("key", &1, "odd");
        });
        report.reject("top", &1, "odd");
        let fields: Vec<_> = report.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["ai.planning.rate", "ai.key", "top"]);
    }
}
