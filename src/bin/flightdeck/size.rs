//! Sizes of memory as users write them: `64m`, `256MiB`, `1g`.

use flightdeck::{Diagnostic, Retry, Severity};

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// It does not start with a whole number.
    #[error("size `{value}` does not start with a whole number: write for example 64MiB or 1g")]
    Number {
        /// What was written.
        value: String,
    },
    /// What follows the number is no unit.
    #[error("size `{value}` has the unknown unit `{unit}`: one of b, k, m, g, t, kib to tib, kb to tb")]
    Unit {
        /// What was written.
        value: String,
        /// The part that is no unit.
        unit: String,
    },
    /// Nothing can be kept in it.
    #[error("size `{value}` is zero: at least one byte is needed")]
    Zero {
        /// What was written.
        value: String,
    },
    /// More than this machine can address.
    #[error("size `{value}` is over the limit of {} bytes", usize::MAX / 2)]
    TooLarge {
        /// What was written.
        value: String,
    },
}

impl Diagnostic for SizeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Number { .. } => "cli.size.number",
            Self::Unit { .. } => "cli.size.unit",
            Self::Zero { .. } => "cli.size.zero",
            Self::TooLarge { .. } => "cli.size.too_large",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// The number of bytes that `text` means. Without a unit: bytes. `k` to `t` and `kib` to `tib` count in
/// 1024, `kb` to `tb` in 1000; case does not matter.
pub fn parse(text: &str) -> Result<usize, SizeError> {
    let value = || text.escape_debug().to_string();
    let trimmed = text.trim_ascii();
    let end = trimmed.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at_checked(end).unwrap_or((trimmed, ""));
    if digits.is_empty() {
        return Err(SizeError::Number { value: value() });
    }
    let unit = unit.trim_ascii();
    let scale: usize = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(SizeError::Unit { value: value(), unit: unit.escape_debug().to_string() }),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|count| count.checked_mul(scale));
    match bytes.filter(|bytes| *bytes <= usize::MAX / 2) {
        Some(0) => Err(SizeError::Zero { value: value() }),
        Some(bytes) => Ok(bytes),
        None => Err(SizeError::TooLarge { value: value() }),
    }
}

/// `bytes` for a person, in units of 1024.
pub fn shown(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_all_writings() {
        for (text, bytes) in [
            ("1", 1),
            ("4096b", 4_096),
            ("64m", 64 << 20),
            ("256MiB", 256 << 20),
            (" 2 GiB ", 2 << 30),
            ("1g", 1 << 30),
            ("5MB", 5_000_000),
            ("3T", 3 << 40),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        for (text, code) in [
            ("", "cli.size.number"),
            ("-1m", "cli.size.number"),
            ("much", "cli.size.number"),
            ("1.5g", "cli.size.unit"),
            ("64parsec", "cli.size.unit"),
            ("0m", "cli.size.zero"),
            ("99999999999999999999", "cli.size.too_large"),
            ("9999999t", "cli.size.too_large"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.code(), code, "{text}");
            assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(shown(1_023), "1023 bytes");
        assert_eq!(shown(1_536), "1.5 KiB");
        assert_eq!(shown(3 << 30), "3.0 GiB");
    }
}
