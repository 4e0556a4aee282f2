//! Severities, as logs write them.

use flightdeck::Severity;

/// Which numbers stand for which severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// 0 (the system is unusable) to 7 (debug), as in syslog and the journal.
    Syslog,
    /// 10 (trace) to 60 (fatal), as in pino and bunyan.
    Tens,
    /// 1 (trace) to 24 (fatal), as in OpenTelemetry.
    Otel,
}

/// The severity of a number; none if it is not on the scale.
pub fn of_number(number: u64, scale: Scale) -> Option<Severity> {
    Some(match (scale, number) {
        (Scale::Syslog, 0..=2) => Severity::Critical,
        (Scale::Syslog, 3) => Severity::Error,
        (Scale::Syslog, 4) => Severity::Warn,
        (Scale::Syslog, 5 | 6) => Severity::Info,
        (Scale::Syslog, 7) => Severity::Debug,
        (Scale::Tens, 10..20) | (Scale::Otel, 1..=4) => Severity::Trace,
        (Scale::Tens, 20..30) | (Scale::Otel, 5..=8) => Severity::Debug,
        (Scale::Tens, 30..40) | (Scale::Otel, 9..=12) => Severity::Info,
        (Scale::Tens, 40..50) | (Scale::Otel, 13..=16) => Severity::Warn,
        (Scale::Tens, 50..60) | (Scale::Otel, 17..=20) => Severity::Error,
        (Scale::Tens, 60..=100) | (Scale::Otel, 21..=24) => Severity::Critical,
        _ => return None,
    })
}

/// The severity of a name in any case, or of a number in text.
pub fn of_text(text: &str, scale: Scale) -> Option<Severity> {
    const NAMES: [(&str, Severity); 22] = [
        ("trace", Severity::Trace),
        ("verbose", Severity::Trace),
        ("debug", Severity::Debug),
        ("info", Severity::Info),
        ("information", Severity::Info),
        ("informational", Severity::Info),
        ("notice", Severity::Info),
        ("log", Severity::Info),
        ("warn", Severity::Warn),
        ("warning", Severity::Warn),
        ("error", Severity::Error),
        ("err", Severity::Error),
        ("severe", Severity::Error),
        ("critical", Severity::Critical),
        ("crit", Severity::Critical),
        ("fatal", Severity::Critical),
        ("panic", Severity::Critical),
        ("dpanic", Severity::Critical),
        ("alert", Severity::Critical),
        ("emerg", Severity::Critical),
        ("emergency", Severity::Critical),
        ("fine", Severity::Debug),
    ];
    if let Ok(number) = text.parse() {
        return of_number(number, scale);
    }
    NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, severity)| *severity)
}

/// The first word in capitals near the start of a log line that names a severity.
pub fn within(line: &str) -> Option<Severity> {
    const NEAR: usize = 96;
    let near = line.as_bytes().get(..NEAR).unwrap_or(line.as_bytes());
    near.split(|byte| !byte.is_ascii_uppercase()).find_map(|word| match word {
        b"TRACE" => Some(Severity::Trace),
        b"DEBUG" => Some(Severity::Debug),
        b"INFO" => Some(Severity::Info),
        b"WARN" | b"WARNING" => Some(Severity::Warn),
        b"ERROR" | b"SEVERE" => Some(Severity::Error),
        b"FATAL" | b"CRITICAL" => Some(Severity::Critical),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(of_text("Warning", Scale::Syslog), Some(Severity::Warn));
        assert_eq!(of_text("3", Scale::Syslog), Some(Severity::Error));
        assert_eq!(of_text("30", Scale::Tens), Some(Severity::Info));
        assert_eq!(of_number(21, Scale::Otel), Some(Severity::Critical));
        assert_eq!(of_number(8, Scale::Syslog), None);
        assert_eq!(of_text("loud", Scale::Tens), None);
    }

    #[test]
    fn a_severity_inside_a_line_is_a_whole_word_near_its_start() {
        assert_eq!(within("12:00:01 WARN  pool is full"), Some(Severity::Warn));
        assert_eq!(within("{\"log\":\"12:00:01.1 [ERROR] no\"}"), Some(Severity::Error));
        assert_eq!(within("INFORMATION about an error"), None);
        assert_eq!(within(&format!("{} ERROR", "x".repeat(100))), None);
        assert_eq!(within(&format!("{}é ERROR", "x".repeat(95))), None);
    }
}
