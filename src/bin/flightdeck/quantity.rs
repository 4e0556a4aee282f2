//! Rates and lengths of time as users write them: `200k`, `1.5M`; `60s`, `5m`, `2h`.

use flightdeck::{Diagnostic, Retry, Severity};
use std::time::Duration;

/// Why a text is no rate, or no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// It does not start with a number.
    #[error("{what} `{value}` does not start with a number: write for example {example}")]
    Number { what: &'static str, value: String, example: &'static str },
    /// What follows the number is no unit.
    #[error("{what} `{value}` has the unknown unit `{unit}`: one of {units}")]
    Unit { what: &'static str, value: String, unit: String, units: &'static str },
    /// A length of time without a unit.
    #[error("{what} `{value}` has no unit: add one of {units}")]
    NoUnit { what: &'static str, value: String, units: &'static str },
    /// Zero, or more than can be counted.
    #[error("{what} `{value}` is not between {least} and {most}: give one that is")]
    Range { what: &'static str, value: String, least: &'static str, most: &'static str },
}

impl Diagnostic for QuantityError {
    fn code(&self) -> &'static str {
        match self {
            Self::Number { .. } => "cli.quantity.number",
            Self::Unit { .. } => "cli.quantity.unit",
            Self::NoUnit { .. } => "cli.quantity.no_unit",
            Self::Range { .. } => "cli.quantity.range",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Events a second: `k`, `M` and `G` count in thousands, in either case.
pub fn rate(text: &str) -> Result<f64, QuantityError> {
    const UNITS: &str = "k, M, G";
    let what = "rate";
    let (number, unit, value) = split(what, text, "200k or 1.5M")?;
    // Also `200k/s`, as rates are often written.
    let scale = match unit.to_ascii_lowercase().trim_end_matches("/s").trim_end() {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        _ => return Err(QuantityError::Unit { what, value, unit, units: UNITS }),
    };
    let rate = number * scale;
    // Less than one a day is no rate to make room for.
    if (1e-5..=1e15).contains(&rate) {
        Ok(rate)
    } else {
        Err(QuantityError::Range { what, value, least: "0.00001", most: "10^15 a second" })
    }
}

/// A length of time, with a unit from `ms` to `d`.
pub fn keep(text: &str) -> Result<Duration, QuantityError> {
    const UNITS: &str = "ms, s, m, h, d";
    let what = "time";
    let (number, unit, value) = split(what, text, "60s or 5m")?;
    let scale = match unit.as_str() {
        "ms" => 1e-3,
        "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "" => return Err(QuantityError::NoUnit { what, value, units: UNITS }),
        _ => return Err(QuantityError::Unit { what, value, unit, units: UNITS }),
    };
    let seconds = number * scale;
    if (1e-3..=1e9).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(QuantityError::Range { what, value, least: "1ms", most: "10,000d" })
    }
}

/// The number in front, what follows it, and the whole for a message.
fn split(
    what: &'static str,
    text: &str,
    example: &'static str,
) -> Result<(f64, String, String), QuantityError> {
    let value = text.escape_debug().to_string();
    let trimmed = text.trim_ascii();
    let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(end);
    match digits.replace('_', "").parse() {
        Ok(number) => Ok((number, unit.trim_ascii().escape_debug().to_string(), value)),
        Err(_) => Err(QuantityError::Number { what, value, example }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_in_all_writings() {
        for (text, expected) in [
            ("5", 5.0),
            ("200k", 2e5),
            ("1.5M", 1.5e6),
            ("1.5m/s", 1.5e6),
            (" 2 G ", 2e9),
            ("0.5", 0.5),
            ("1_000", 1e3),
        ] {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn times_in_all_writings() {
        for (text, expected) in
            [("500ms", 500), ("60s", 60_000), ("1.5m", 90_000), ("2h", 7_200_000), ("1d", 86_400_000)]
        {
            assert_eq!(keep(text), Ok(Duration::from_millis(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_neither_says_why() {
        for (text, code) in [
            ("", "cli.quantity.number"),
            ("fast", "cli.quantity.number"),
            ("-5", "cli.quantity.number"),
            ("1.2.3k", "cli.quantity.number"),
            ("inf", "cli.quantity.number"),
            ("5x", "cli.quantity.unit"),
            ("5é", "cli.quantity.unit"),
            ("0", "cli.quantity.range"),
            ("99999999999999999999G", "cli.quantity.range"),
        ] {
            assert_eq!(rate(text).map_err(|error| error.code()), Err(code), "{text}");
        }
        for (text, code) in [
            ("soon", "cli.quantity.number"),
            ("60", "cli.quantity.no_unit"),
            ("60 parsec", "cli.quantity.unit"),
            ("0s", "cli.quantity.range"),
            ("99999999d", "cli.quantity.range"),
        ] {
            assert_eq!(keep(text).map_err(|error| error.code()), Err(code), "{text}");
        }
    }
}
