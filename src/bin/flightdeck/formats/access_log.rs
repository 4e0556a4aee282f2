//! Access logs of web servers: `HOST IDENT USER [TIME] "REQUEST" STATUS BYTES "REFERER" "AGENT"`, with
//! or without the last two, with or without a virtual host in front. What follows the agent is kept:
//! a request's id there is what the row belongs to, else the client's address is.

use super::names::{Id, Role, role};
use super::row::{Broken, Correlation, Kind, MOST_FIELDS, Row, Value, excerpt, short_name};
use super::{ids, time};
use flightdeck::Severity;
use std::borrow::Cow;
use std::net::IpAddr;

pub fn parse(line: &str) -> Result<Row<'_>, Broken> {
    let line = line.trim_ascii_end();
    let (who, rest) = line.split_once(" [").ok_or(Broken::Missing("a time in brackets"))?;
    let (stamp, rest) = rest.split_once(']').ok_or(Broken::Missing("the bracket after the time"))?;
    let time_ns = time::web(stamp).ok_or_else(|| Broken::Time(excerpt(stamp)))?;
    let mut row = Row::new(Kind::HttpRequest, time_ns);
    row.fields.reserve_exact(10);
    client(&mut row, who)?;

    let mut words = Words(rest);
    let sent = words.next().ok_or(Broken::Missing("the request"))?;
    request(&mut row, sent);
    let status = number("status", words.next().ok_or(Broken::Missing("the status"))?)?;
    row.severity = match status {
        500.. => Severity::Error,
        400.. => Severity::Warn,
        _ => Severity::Info,
    };
    row.fields.push((Cow::Borrowed("status"), Value::U64(status)));
    match words.next() {
        None | Some("-") => {}
        Some(bytes) => row.fields.push((Cow::Borrowed("bytes"), Value::U64(number("bytes", bytes)?))),
    }
    for name in ["referer", "agent"] {
        if let Some(text) = words.next().filter(|text| *text != "-") {
            row.text(name, text);
        }
    }
    for (count, word) in words.filter(|word| *word != "-").enumerate() {
        if row.fields.len() == MOST_FIELDS {
            return Err(Broken::TooManyFields);
        }
        extra(&mut row, count, word);
    }
    Ok(row)
}

/// `HOST IDENT USER`, or a virtual host before these; a user's name may hold spaces.
fn client<'a>(row: &mut Row<'a>, who: &'a str) -> Result<(), Broken> {
    let (first, rest) = who.split_once(' ').ok_or(Broken::Missing("the client"))?;
    let (second, third) = rest.split_once(' ').ok_or(Broken::Missing("the user"))?;
    let (host, user) = match third.split_once(' ') {
        Some((_, user)) if second.parse::<IpAddr>().is_ok() => {
            row.text("vhost", first);
            (second, user)
        }
        _ => (first, third),
    };
    if host.is_empty() {
        return Err(Broken::Missing("the client"));
    }
    row.correlation = ids::plain(host.into());
    row.text("client", host);
    if user != "-" {
        row.text("user", user);
    }
    Ok(())
}

fn request<'a>(row: &mut Row<'a>, sent: &'a str) {
    let mut parts = sent.splitn(3, ' ');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(method), Some(path), Some(protocol)) if protocol.starts_with("HTTP/") => {
            row.text("method", method);
            row.text("path", path);
            row.text("protocol", protocol);
        }
        // Whatever a client sent instead of a request.
        _ => row.text("request", sent),
    }
}

fn extra<'a>(row: &mut Row<'a>, count: usize, word: &'a str) {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => (Cow::Borrowed(short_name(name)), value),
        _ => (Cow::Owned(format!("extra{}", count + 1)), word),
    };
    let id = match role(&name) {
        Role::Belongs(Id::Trace) => ids::trace(value.into()),
        Role::Belongs(Id::Request) => ids::request(value.into()),
        _ if matches!(word.len(), 32 | 36) => ids::request(value.into()),
        _ => Correlation::None,
    };
    let is_id = match &id {
        Correlation::Id128(_) => true,
        Correlation::Text(_) => role(&name) != Role::Field,
        Correlation::None => false,
    };
    if is_id {
        row.correlation = id;
        return;
    }
    let decimal = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && value.contains('.');
    let value = match value.parse() {
        Ok(number) if decimal => Value::F64(number),
        _ => Value::of_text(value),
    };
    row.fields.push((name, value));
}

fn number(what: &'static str, text: &str) -> Result<u64, Broken> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or_else(|| Broken::Number { what, value: excerpt(text) })
}

/// Words between spaces; a quoted one may hold spaces, and quotes behind a backslash.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_ascii_start();
        let (word, rest) = match text.strip_prefix('"') {
            None if text.is_empty() => return None,
            None => text.split_once(' ').unwrap_or((text, "")),
            Some(quoted) => {
                let mut is_escaped = false;
                let end = quoted.bytes().position(|byte| {
                    let is_end = byte == b'"' && !is_escaped;
                    is_escaped = byte == b'\\' && !is_escaped;
                    is_end
                });
                let (word, rest) =
                    quoted.split_at_checked(end.unwrap_or(quoted.len())).unwrap_or((quoted, ""));
                (word, rest.strip_prefix('"').unwrap_or(rest))
            }
        };
        self.0 = rest;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMBINED: &str = r#"198.51.100.7 - ann [29/Feb/2024:12:00:00 +0000] "GET /a?b=\"c\" HTTP/1.1" 404 153 "https://example.org/" "Agent/1.0 (x; y)""#;

    fn field<'r>(row: &'r Row<'_>, name: &str) -> Option<&'r Value<'r>> {
        row.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    #[test]
    fn a_combined_line() {
        let row = parse(COMBINED).unwrap();
        assert_eq!((row.time_ns, row.kind), (1_709_208_000_000_000_000, Kind::HttpRequest));
        assert_eq!(row.correlation, Correlation::Text("198.51.100.7".into()));
        assert_eq!(row.severity, Severity::Warn);
        for (name, value) in [
            ("user", "ann"),
            ("method", "GET"),
            ("path", r#"/a?b=\"c\""#),
            ("protocol", "HTTP/1.1"),
            ("referer", "https://example.org/"),
            ("agent", "Agent/1.0 (x; y)"),
        ] {
            assert_eq!(field(&row, name), Some(&Value::Str(value.into())), "{name}");
        }
        assert_eq!(field(&row, "status"), Some(&Value::U64(404)));
        assert_eq!(field(&row, "bytes"), Some(&Value::U64(153)));
    }

    #[test]
    fn a_common_line_with_a_garbled_request() {
        let row = parse(r#"2001:db8::1 - - [29/Feb/2024:12:00:00 +0000] "\x16\x03" 400 -"#).unwrap();
        assert_eq!(row.correlation, Correlation::Text("2001:db8::1".into()));
        assert_eq!(field(&row, "request"), Some(&Value::Str(r"\x16\x03".into())));
        assert_eq!(field(&row, "bytes"), None);
    }

    #[test]
    fn a_virtual_host_in_front() {
        let row = parse(&format!("www.example.org:443 {COMBINED}"))
            .map(|row| row.correlation == Correlation::Text("198.51.100.7".into()));
        assert_eq!(row, Ok(true));
    }

    #[test]
    fn a_request_id_behind_the_agent_is_what_the_row_belongs_to() {
        let line = format!("{COMBINED} 0.012 \"0af7651916cd43dd8448eb211c80319c\"");
        let row = parse(&line).unwrap();
        assert_eq!(row.correlation, Correlation::Id128(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c));
        assert_eq!(field(&row, "extra1"), Some(&Value::F64(0.012)));
        assert_eq!(field(&row, "client"), Some(&Value::Str("198.51.100.7".into())));
        let line = format!("{COMBINED} request_id=r-17 upstream=3");
        let row = parse(&line).unwrap();
        assert_eq!(row.correlation, Correlation::Text("r-17".into()));
        assert_eq!(field(&row, "upstream"), Some(&Value::U64(3)));
    }

    #[test]
    fn broken_lines() {
        for (line, why) in [
            ("", Broken::Missing("a time in brackets")),
            ("a - - [29/Feb/2024:12:00:00 +0000", Broken::Missing("the bracket after the time")),
            ("a - - [today] \"GET / HTTP/1.1\" 200 1", Broken::Time("today".into())),
            ("a [29/Feb/2024:12:00:00 +0000] \"GET / HTTP/1.1\" 200 1", Broken::Missing("the client")),
            ("a - - [29/Feb/2024:12:00:00 +0000]", Broken::Missing("the request")),
            ("a - - [29/Feb/2024:12:00:00 +0000] \"GET / HTTP/1.1\"", Broken::Missing("the status")),
            (
                "a - - [29/Feb/2024:12:00:00 +0000] \"GET / HTTP/1.1\" ok 1",
                Broken::Number { what: "status", value: "ok".into() },
            ),
        ] {
            assert_eq!(parse(line), Err(why), "{line}");
        }
    }
}
