//! How and when it ended.

use super::super::brief;
use super::super::findings::Findings;
use super::headline::because;
use super::page::Page;
use crate::output::OutputError;
use crate::recording::Fate;
use crate::shown::{ago, nanos, plain, utc};
use crate::size;

pub(super) fn tell(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    let life = &findings.header.life;
    page.block("file");
    page.line(format_args!(
        "{}, {}",
        plain(&findings.path.to_string_lossy()),
        size::shown(findings.header.bytes)
    ))?;
    page.block("process");
    page.line(format_args!(
        "{} {}, user {}, life {}, since {}",
        plain(&life.program),
        life.process,
        life.user,
        life.number,
        utc(life.created)
    ))?;
    page.block("ended");
    page.line(match findings.fate {
        Fate::Running => "no: its process has the file".to_owned(),
        Fate::Closed => match findings.header.ended {
            Some(at) => format!("as it was asked to, at {}", utc(at)),
            None => "as it was asked to".to_owned(),
        },
        Fate::Copied => {
            let at = findings.header.ended.map(|at| format!(" at {}", utc(at))).unwrap_or_default();
            let why = findings.header.copied.as_ref().map_or_else(String::new, because);
            format!("not told here: the deck wrote this copy itself{at}, because of {why}")
        }
        Fate::Died => "killed or crashed: its process is gone, and had not closed the deck".to_owned(),
        Fate::WentDown => {
            "the machine has been started anew since, and the deck had not been closed".to_owned()
        }
        Fate::Unknown => "nobody can tell: the file system there knows no locks".to_owned(),
    })?;
    let since = |at| ago(nanos(findings.asked.duration_since(at).unwrap_or_default()));
    match findings.last.iter().next() {
        Some(last) => {
            let at = findings.time(last.ticks());
            page.line(format_args!("last event {} ({} ago): {}", utc(at), since(at), brief::line(&last)))
        }
        None => page.line("no event is kept"),
    }
}
