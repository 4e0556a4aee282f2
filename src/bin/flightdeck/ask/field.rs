//! Conditions on fields as users write them.

use flightdeck::events::{Field, FieldNamed, FieldType, Predicate, PredicateError, Privacy, Value, field};

/// The longer ones first: `<=` is no `<` with a value that begins with `=`.
const COMPARISONS: [&str; 9] = ["==", "!=", "<=", ">=", "!~", "=", "<", ">", "~"];
/// What makes a text more than one comparison.
const SYNTAX: [char; 6] = ['"', '`', '(', ')', '&', '|'];

/// What must hold of the fields of an event.
#[derive(Clone, Debug)]
pub enum Condition {
    /// One comparison whose value stands there without quotes: number or text, as the field is.
    Plain { name: String, comparison: &'static str, value: String },
    /// A predicate.
    Other(Predicate),
}

/// `status=503`, `path~/buy`, or a predicate.
pub fn parse(text: &str) -> Result<Condition, PredicateError> {
    match plain(text) {
        Some(condition) => Ok(condition),
        None => text.parse().map(Condition::Other),
    }
}

fn plain(text: &str) -> Option<Condition> {
    let is_name = |c: char| c.is_alphanumeric() || "_.#-".contains(c);
    let name = text.trim_start().split(|c| !is_name(c)).next().filter(|name| !name.is_empty())?;
    let rest = text.trim_start()[name.len()..].trim_start();
    let comparison = COMPARISONS.into_iter().find(|comparison| rest.starts_with(comparison))?;
    let value = rest[comparison.len()..].trim();
    if value.is_empty() || value.contains(SYNTAX) || ["has", "not"].contains(&name) {
        return None;
    }
    Some(Condition::Plain { name: name.to_owned(), comparison, value: value.to_owned() })
}

impl Condition {
    /// Of fields that are known: a comparison with what none of them holds is a mistake, and said to be one.
    pub fn of<'f>(&self, fields: impl Iterator<Item = &'f Field>) -> Predicate {
        let Self::Plain { name, comparison, value } = self else { return self.of_any() };
        let (as_text, as_literal) = compared(name, comparison, value);
        let (mut holds_text, mut holds_other) = (false, false);
        for field in fields.filter(|field| *field.name == **name) {
            let is_text = field.field_type == FieldType::Str && field.privacy == Privacy::Open;
            holds_text |= is_text;
            holds_other |= !is_text;
        }
        match as_literal {
            Some(literal) if holds_text && holds_other => literal | as_text,
            Some(literal) if holds_other => literal,
            _ => as_text,
        }
    }

    /// Of fields of any type.
    pub fn of_any(&self) -> Predicate {
        match self {
            Self::Plain { name, comparison, value } => match compared(name, comparison, value) {
                (as_text, Some(literal)) => literal | as_text,
                (as_text, None) => as_text,
            },
            Self::Other(predicate) => predicate.clone(),
        }
    }
}

/// With a text, and with what else the value may be: a number, 5ms, true, 0xff, `<personal 01..>`.
fn compared(name: &str, comparison: &str, text: &str) -> (Predicate, Option<Predicate>) {
    let as_text = match comparison {
        "~" => field(name).contains(text),
        "!~" => field(name).lacks(text),
        _ => with(field(name), comparison, Value::Str(text)),
    };
    let as_literal = format!("`{}` {comparison} {text}", name.escape_default()).parse();
    (as_text, as_literal.ok())
}

fn with(field: FieldNamed, comparison: &str, value: Value<'_>) -> Predicate {
    match comparison {
        "!=" => field.differs(value),
        "<" => field.less_than(value),
        "<=" => field.at_most(value),
        ">" => field.more_than(value),
        ">=" => field.at_least(value),
        _ => field.equals(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comparison_needs_no_quotes() {
        for (plain, predicate) in [
            ("venue=XETRA", r#"venue == "XETRA""#),
            ("venue == New York", r#"venue == "New York""#),
            ("status=503", r#"status == 503 || status == "503""#),
            ("status!=503", r#"status != 503 || status != "503""#),
            ("took_ns>=5ms", r#"took_ns >= 5000000 || took_ns >= "5ms""#),
            ("ok=true", r#"ok == true || ok == "true""#),
            ("path~/buy?x=1", r#"path ~ "/buy?x=1""#),
            ("user-id!~x", r#"`user-id` !~ "x""#),
        ] {
            assert_eq!(parse(plain).unwrap().of_any(), predicate.parse().unwrap(), "{plain}");
        }
    }

    #[test]
    fn a_value_is_compared_as_its_field_is() {
        let known = |field_type| Field { name: "status".into(), field_type, privacy: Privacy::Open };
        let (number, text) = (known(FieldType::U64), known(FieldType::Str));
        let condition = parse("status=503").unwrap();
        for (fields, predicate) in [
            (&[&number][..], "status == 503"),
            (&[&text], r#"status == "503""#),
            (&[&text, &number], r#"status == 503 || status == "503""#),
        ] {
            assert_eq!(condition.of(fields.iter().copied()), predicate.parse().unwrap());
        }
    }

    #[test]
    fn what_is_more_is_a_predicate() {
        for text in [r#"a == "x" || b < 5"#, "!(a = 5)", "has a", "a = 5 && b = 6", "`odd name` = 5"] {
            assert_eq!(parse(text).unwrap().of_any(), text.parse().unwrap(), "{text}");
        }
        for text in ["venue", "venue=", "=5", "a = (", "a & b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
