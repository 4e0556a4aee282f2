//! The log of dpkg: `2024-03-01 10:00:00 status installed nano:amd64 7.2-1`. Its times are local and
//! say no offset, so they are taken as UTC. A row belongs to its package, whatever the architecture.

use super::row::{Broken, Kind, Row, excerpt};
use super::{ids, time};

pub fn parse(line: &str) -> Result<Row<'_>, Broken> {
    let line = line.trim_ascii_end();
    let (stamp, rest) = line.split_at_checked(19).ok_or(Broken::Missing("a date and a time"))?;
    let time_ns = time::date_time(stamp).ok_or_else(|| Broken::Time(excerpt(stamp)))?;
    let mut words = rest.strip_prefix(' ').ok_or(Broken::Missing("a space after the time"))?.split(' ');
    let verb = words.next().unwrap_or_default();
    let kind = match verb {
        "startup" => Kind::DpkgStartup,
        "status" => Kind::DpkgStatus,
        "install" => Kind::DpkgInstall,
        "upgrade" => Kind::DpkgUpgrade,
        "configure" => Kind::DpkgConfigure,
        "trigproc" => Kind::DpkgTriggers,
        "remove" => Kind::DpkgRemove,
        "purge" => Kind::DpkgPurge,
        "disappear" => Kind::DpkgDisappear,
        "conffile" => Kind::DpkgConffile,
        _ => return Err(Broken::DpkgAction(excerpt(verb))),
    };
    let mut row = Row::new(kind, time_ns);
    let mut word = |what| words.next().filter(|word| !word.is_empty()).ok_or(Broken::Missing(what));
    match kind {
        Kind::DpkgStartup => {
            row.text("what", word("what starts")?);
            row.text("command", word("the command")?);
        }
        Kind::DpkgConffile => {
            row.text("path", word("the file")?);
            row.text("decision", word("the decision")?);
        }
        Kind::DpkgStatus => {
            row.text("state", word("the state")?);
            package(&mut row, word("the package")?);
            row.text("version", word("the version")?);
        }
        _ => {
            package(&mut row, word("the package")?);
            row.text("from", word("the version before")?);
            row.text("to", word("the version after")?);
        }
    }
    Ok(row)
}

fn package<'a>(row: &mut Row<'a>, word: &'a str) {
    let (name, architecture) = word.split_once(':').unwrap_or((word, ""));
    row.correlation = ids::plain(name.into());
    if !architecture.is_empty() {
        row.text("architecture", architecture);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Correlation, Value};
    use super::*;

    fn fields<'r>(row: &'r Row<'_>) -> Vec<(&'r str, &'r str)> {
        let text = |value: &'r Value<'_>| if let Value::Str(text) = value { text.as_ref() } else { "" };
        row.fields.iter().map(|(name, value)| (name.as_ref(), text(value))).collect()
    }

    #[test]
    fn a_status() {
        let row = parse("2024-02-29 12:00:00 status half-installed nano:amd64 7.2-1").unwrap();
        assert_eq!((row.time_ns, row.kind), (1_709_208_000_000_000_000, Kind::DpkgStatus));
        assert_eq!(row.correlation, Correlation::Text("nano".into()));
        assert_eq!(
            fields(&row),
            [("state", "half-installed"), ("architecture", "amd64"), ("version", "7.2-1")]
        );
    }

    #[test]
    fn an_action() {
        let row = parse("2024-02-29 12:00:00 upgrade bc:all 1.0 1.1\r").unwrap();
        assert_eq!(row.kind, Kind::DpkgUpgrade);
        // A package whose name happens to be hexadecimal is a package all the same.
        assert_eq!(row.correlation, Correlation::Text("bc".into()));
        assert_eq!(fields(&row), [("architecture", "all"), ("from", "1.0"), ("to", "1.1")]);
    }

    #[test]
    fn lines_without_a_package() {
        let row = parse("2024-02-29 12:00:00 startup archives unpack").unwrap();
        assert_eq!((row.kind, row.correlation), (Kind::DpkgStartup, Correlation::None));
        let row = parse("2024-02-29 12:00:00 conffile /etc/nanorc keep").unwrap();
        assert_eq!(fields(&row), [("path", "/etc/nanorc"), ("decision", "keep")]);
    }

    #[test]
    fn broken_lines() {
        for (line, why) in [
            ("", Broken::Missing("a date and a time")),
            ("2024-02-29 12:00:00", Broken::Missing("a space after the time")),
            ("2024-02-30 12:00:00 status installed a b", Broken::Time("2024-02-30 12:00:00".into())),
            ("2024-02-29 12:00:00 dance", Broken::DpkgAction("dance".into())),
            ("2024-02-29 12:00:00 status installed nano:amd64", Broken::Missing("the version")),
            ("2024-02-29 12:00:00 install  1 2", Broken::Missing("the package")),
        ] {
            assert_eq!(parse(line), Err(why), "{line}");
        }
        assert!(parse("éééééééééé2024-02-29").is_err());
    }
}
