//! The line that says it all.

use super::super::brief::{self, cut};
use super::super::findings::Findings;
use crate::recording::Fate;
use crate::shown::{ago, count, nanos, plain, utc};
use flightdeck::mapped::DumpCause;

/// What can be pasted into a chat.
pub fn headline(findings: &Findings) -> String {
    let life = &findings.header.life;
    let moments = &findings.moments;
    let mut parts = vec![format!("{}[{}] {}", plain(&life.program), life.process, fate(findings))];
    if moments.ids > 0 {
        parts.push(format!("{} unfinished", count(moments.ids as u64, "id")));
    }
    if let Some(error) = findings.errors.iter().next() {
        let before = ago(findings.before_end(error.ticks()));
        parts.push(format!("last error {before} before the end: {}", cut(&brief::gist(&error), 120)));
    }
    let down = findings.workers.iter().filter(|worker| !worker.state.is_well()).count();
    if down > 0 {
        parts.push(format!("{} down", count(down as u64, "worker")));
    }
    parts.push(match findings.stats.lost() {
        0 => "no event lost".to_owned(),
        lost => format!("{} lost", count(lost, "event")),
    });
    parts.join("; ")
}

fn fate(findings: &Findings) -> String {
    let lived = findings.lived().map(|lived| format!(" after {}", ago(nanos(lived)))).unwrap_or_default();
    let last = match findings.newest {
        Some(newest) => format!(", last event at {}", utc(findings.time(newest))),
        None => ", without an event".to_owned(),
    };
    match findings.fate {
        Fate::Running => format!("still runs{}{last}", lived.replace(" after ", ", for ")),
        Fate::Closed => {
            let at = findings.header.ended.map(|at| format!(" at {}", utc(at))).unwrap_or_default();
            format!("closed its deck{at}{lived}")
        }
        Fate::Copied => {
            let at = findings.header.ended.map(|at| format!(" at {}", utc(at))).unwrap_or_default();
            let why = findings
                .header
                .copied
                .as_ref()
                .map_or_else(String::new, |cause| format!(" because of {}", because(cause)));
            format!("wrote this copy itself{at}{why}{lived}{last}")
        }
        Fate::Died => format!("died without closing its deck{lived}{last}"),
        Fate::WentDown => format!("went down with its machine{lived}{last}"),
        Fate::Unknown => format!("did not close its deck, or still runs{lived}{last}"),
    }
}

/// Why a deck wrote a copy of itself.
pub fn because(cause: &DumpCause) -> String {
    match cause {
        DumpCause::Asked => "a call of the host's".to_owned(),
        DumpCause::Shutdown => "shutdown".to_owned(),
        DumpCause::Escalation(name) => format!("escalation over {}", plain(name)),
        DumpCause::Trigger(name) => format!("trigger {}", plain(name)),
        other => plain(other.name()),
    }
}
