//! What a file cannot tell, and who may.

use super::config::Config;
use super::findings::Findings;
use crate::recording::Fate;
use crate::shown::{self, count};
use flightdeck::events::Nameless;

/// The kind of a section that holds events.
const EVENTS: u32 = 1;

/// One sentence each.
pub fn all(findings: &Findings) -> Vec<String> {
    let process = findings.header.life.process;
    let mut all = Vec::new();
    match findings.fate {
        Fate::Died => {
            all.push(format!(
                "why it ended: a signal or an exit code is known to whoever started process {process}; `journalctl -k` \
                 tells of one killed for want of memory, `coredumpctl info {process}` of a crash"
            ));
            all.push("when it ended: after its last event; it may have lived on without recording any".to_owned());
        }
        Fate::WentDown => all.push(
            "what was not written back when the machine went down: the newest events may be older than its last"
                .to_owned(),
        ),
        Fate::Unknown => {
            all.push("whether it still runs: the file system there knows no locks".to_owned());
        }
        Fate::Copied => all.push(format!(
            "what came after it was written, and whether process {process} lived on: it is a copy that the deck made of itself"
        )),
        Fate::Running | Fate::Closed => {}
    }
    if !findings.in_flight.is_empty() {
        all.push("what stands in the records that were begun: they are not part of any answer".to_owned());
    }
    let moments = &findings.moments;
    if !moments.is_all {
        all.push(format!(
            "what began earlier than {} before the end and never ended: so far back nothing was looked for",
            shown::ns(findings.before_end(moments.since)),
        ));
    }
    let stood = &findings.stood;
    match &stood.metrics {
        Err(_) if findings.header.sections.iter().all(|section| section.kind == EVENTS) => {
            all.push("counters, gauges and histograms: they are not in this file".to_owned());
        }
        Err(why) => all.push(format!("counters, gauges and histograms: {why}")),
        Ok(metrics) => {
            let strange = metrics.nameless + metrics.unreadable + metrics.incomplete as u64;
            if strange > 0 {
                all.push(format!(
                    "all of {}: they were just being written, or are damaged",
                    count(strange, "metric")
                ));
            }
        }
    }
    all.extend(stood.refused());
    let is_whole = |config: &Config| config.is_whole || config.is_built_in();
    all.push(if findings.configs.in_force.iter().all(is_whole) {
        "values of configs that are secret".to_owned()
    } else {
        "values of configs that never changed since the start, and those that are secret".to_owned()
    });
    let Nameless { kinds, threads, .. } = findings.nameless;
    if kinds + threads > 0 {
        all.push(format!(
            "the names of {} and {}: there was no room for them",
            count(kinds, "kind"),
            count(threads, "thread")
        ));
    }
    all
}
