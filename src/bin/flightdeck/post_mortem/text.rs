//! The report for a person.

use super::brief::{self, cut};
use super::config::{Config, What};
use super::findings::Findings;
use super::moments::{Thread, Unfinished};
use super::unknown;
use super::workers::{State, Worker};
use crate::output::{Output, OutputError};
use crate::recording::Fate;
use crate::shown::{self, ago, count, grouped, nanos, plain, utc};
use crate::size;
use crate::terminal::Look;
use flightdeck::Ticks;
use flightdeck::events::{Answer, Recorded};
use std::fmt::Display;
use std::path::Path;

/// Columns of a label.
const LABEL: usize = 14;
/// Letters of a value of a config, of a reason.
const VALUE: usize = 40;
const REASON: usize = 160;

/// Writes it: first one line that says it all, then a block for each thing that was asked.
pub fn report(findings: &Findings, look: Look, output: &mut Output) -> Result<(), OutputError> {
    let mut page = Page { output, look, label: "" };
    page.headline(&headline(findings))?;
    page.output.line("")?;
    ending(findings, &mut page)?;
    errors(findings, &mut page)?;
    threads(findings, &mut page)?;
    unfinished(findings, &mut page)?;
    in_flight(findings, &mut page)?;
    config(findings, &mut page)?;
    workers(findings, &mut page)?;
    health(findings, &mut page)?;
    kept(findings, &mut page)?;
    page.block("not known");
    unknown::all(findings).iter().try_for_each(|line| page.line(line))?;
    page.output.line("")?;
    page.output.line(format_args!(
        "Times are counted back from the last event. Asked in {}, of {}.",
        shown::ns(nanos(findings.took)),
        size::shown(findings.header.bytes)
    ))
}

/// Lines in blocks, each with its label in front of the first.
struct Page<'a> {
    output: &'a mut Output,
    look: Look,
    label: &'static str,
}

impl Page<'_> {
    fn bold(&self, text: &str) -> String {
        if self.look.is_coloured { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn headline(&mut self, text: &str) -> Result<(), OutputError> {
        let text = self.bold(text);
        self.output.line(text)
    }

    fn block(&mut self, label: &'static str) {
        self.label = label;
    }

    fn line(&mut self, text: impl Display) -> Result<(), OutputError> {
        // Padded before it is painted: escapes take no columns.
        let label = format!("{:<LABEL$}", std::mem::take(&mut self.label));
        let label = self.bold(&label);
        let text = text.to_string();
        let mut lines =
            wrapped(text.trim_end(), self.look.columns().map(|columns| columns - LABEL)).into_iter();
        let first = lines.next().unwrap_or_default();
        self.output.line(format!("{label}{first}").trim_end())?;
        lines.try_for_each(|line| self.output.line(format_args!("{:LABEL$}    {line}", "")))
    }
}

/// Broken at blanks, after so many letters at most; what follows the first line is to be indented by four more.
fn wrapped(text: &str, columns: Option<usize>) -> Vec<String> {
    let columns = columns.unwrap_or(usize::MAX);
    let mut lines = vec![];
    let mut rest = text;
    loop {
        let room = if lines.is_empty() { columns } else { columns - 4 };
        let Some((end, letter)) = rest.char_indices().nth(room) else {
            lines.push(rest.to_owned());
            return lines;
        };
        // A word that is longer than a line is left to the terminal.
        let whole =
            rest.get(..end + letter.len_utf8()).and_then(|line| line.rfind(' ')).filter(|at| *at > room / 3);
        let cut = whole.or_else(|| rest.get(end..)?.find(' ').map(|at| end + at));
        let Some((line, after)) = cut.and_then(|at| rest.split_at_checked(at)) else {
            lines.push(rest.to_owned());
            return lines;
        };
        lines.push(line.trim_end().to_owned());
        rest = after.trim_start();
    }
}

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
    let down = findings.workers.iter().filter(|worker| worker.state != State::Running).count();
    if down > 0 {
        parts.push(format!("{} not running", count(down as u64, "worker")));
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
        Fate::Died => format!("died without closing its deck{lived}{last}"),
        Fate::WentDown => format!("went down with its machine{lived}{last}"),
        Fate::Unknown => format!("did not close its deck, or still runs{lived}{last}"),
    }
}

fn ending(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    let life = &findings.header.life;
    page.block("file");
    page.line(format_args!("{}, {}", path(&findings.path), size::shown(findings.header.bytes)))?;
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

fn errors(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    page.block("last errors");
    if findings.errors.is_empty() {
        return page.line("none is kept");
    }
    events(findings, &findings.errors, page)
}

fn events(findings: &Findings, answer: &Answer, page: &mut Page<'_>) -> Result<(), OutputError> {
    let mut events: Vec<_> = answer.iter().collect();
    events.sort_by_key(Recorded::ticks);
    events.iter().try_for_each(|event| {
        let at = before(findings, event.ticks());
        page.line(format_args!("{at}  {} {}", event.severity().name(), brief::line(event)))
    })
}

fn threads(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    let moments = &findings.moments;
    page.block("threads");
    let width = moments.threads.iter().map(|thread| name(thread).chars().count()).max().unwrap_or(0);
    for thread in &moments.threads {
        let Some(last) = thread.last.iter().next() else { continue };
        let (at, name) = (before(findings, last.ticks()), name(thread));
        page.line(format_args!("{at}  {name:<width$}  {}", brief::line(&last)))?;
    }
    let reach = reach(findings);
    if moments.threads.is_empty() {
        return page.line("none recorded anything that is kept");
    }
    match (moments.more_threads, moments.silent_threads) {
        (0, 0) => Ok(()),
        (0, silent) => page.line(format_args!("{} recorded nothing {reach}", count(silent as u64, "other"))),
        (more, silent) => page.line(format_args!(
            "{} recorded something {reach}, {} nothing",
            count(more as u64, "other"),
            grouped(silent as u64)
        )),
    }
}

fn name(thread: &Thread) -> String {
    let known = thread.known.as_ref();
    let name = known.and_then(|known| known.name.as_deref()).map(plain);
    let name = match (name, thread.number) {
        (Some(name), _) => name,
        (None, 0) => "not known".to_owned(),
        (None, number) => format!("#{number}"),
    };
    match known.and_then(|known| known.system) {
        Some(system) => format!("{name} ({system})"),
        None => name,
    }
}

/// How far back the last moments go.
fn reach(findings: &Findings) -> String {
    let moments = &findings.moments;
    if moments.is_all {
        return "of what is kept".to_owned();
    }
    format!("in the last {}", shown::ns(findings.before_end(moments.since)))
}

fn unfinished(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    let moments = &findings.moments;
    let looked = format!("{} looked at", count(moments.events, "event"));
    page.block("unfinished");
    if moments.ids == 0 {
        return page.line(format_args!("no span without an end {}, {looked}", reach(findings)));
    }
    page.line(format_args!(
        "{} with {} that did not end, {}, {looked}",
        count(moments.ids as u64, "id"),
        count(moments.spans as u64, "span"),
        reach(findings),
    ))?;
    for Unfinished { id, spans, first, last } in &moments.unfinished {
        let (Some(first), Some(last)) = (first.iter().next(), last.iter().next()) else { continue };
        let more = if *spans > 1 { format!(", {spans} spans open") } else { String::new() };
        page.line(format_args!("{}  {id}  {}{more}", before(findings, first.ticks()), brief::line(&first)))?;
        if last.id() != first.id() {
            page.line(format_args!(
                "{}  {:<32}  then {}",
                before(findings, last.ticks()),
                "",
                brief::line(&last)
            ))?;
        }
    }
    match moments.ids - moments.unfinished.len() {
        0 => Ok(()),
        more => page.line(format_args!("and {} that began earlier", count(more as u64, "id"))),
    }
}

fn in_flight(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    page.block("in flight");
    if findings.in_flight.is_empty() {
        return page.line("no record was begun and not finished");
    }
    for record in &findings.in_flight {
        let of =
            if record.correlation.is_none() { String::new() } else { format!(" of {}", record.correlation) };
        page.line(format_args!(
            "a record of {}{of}, thread {}, shard {}, {}: begun and not finished, so not in any answer",
            size::shown(record.words * 8),
            record.thread,
            record.shard,
            record.class.name()
        ))?;
    }
    Ok(())
}

fn config(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    page.block("config");
    let configs = &findings.configs;
    if configs.in_force.is_empty() && configs.changes.is_empty() {
        return page.line("no change is kept");
    }
    for Config { name, revision, since, who, why, values } in &configs.in_force {
        let why = if why.is_empty() { String::new() } else { format!(", {}", cut(&plain(why), VALUE)) };
        page.line(format_args!(
            "{}revision {revision} in force since {}, by {}{why}",
            of_config(name),
            before(findings, *since),
            plain(who)
        ))?;
        for (path, value) in values.iter().take(20) {
            page.line(format_args!("  {} = {}", plain(path), cut(&plain(value), VALUE)))?;
        }
        if values.len() > 20 {
            page.line(format_args!("  and {} more that changed; --json has them", values.len() - 20))?;
        }
    }
    for change in configs.changes.iter().rev() {
        let (at, of) = (before(findings, change.at), of_config(&change.config));
        match &change.what {
            What::Published { revision, who, steps } => {
                let step = |path: &str, was: &str, then: &str| {
                    format!("{} {} -> {}", plain(path), cut(&plain(was), VALUE), cut(&plain(then), VALUE))
                };
                let mut said: Vec<_> =
                    steps.iter().take(3).map(|of| step(&of.path, &of.before, &of.then)).collect();
                if steps.len() > 3 {
                    said.push(format!("{} more", steps.len() - 3));
                }
                let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) };
                page.line(format_args!("{at}  {of}revision {revision} by {}{said}", plain(who)))?;
            }
            What::Refused { why } => {
                page.line(format_args!("{at}  {of}refused: {}", cut(&plain(why), REASON)))?
            }
        }
    }
    Ok(())
}

fn of_config(name: &str) -> String {
    // The deck's own, unless it was given another name.
    if name.is_empty() || name == "config" { String::new() } else { format!("{} ", plain(name)) }
}

fn workers(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    page.block("workers");
    if findings.workers.is_empty() {
        return page.line("none that the deck recorded anything of");
    }
    for Worker { name, state, since, generation, failures, last_failure } in &findings.workers {
        let state = match state {
            State::Running => "running".to_owned(),
            State::Hung { silent } => {
                format!("HUNG, silent for {} when that was found", shown::ns(nanos(*silent)))
            }
            State::Failed => "FAILED".to_owned(),
            State::Waiting { delay } => format!("to be started again after {}", shown::ns(nanos(*delay))),
            State::Returned => "returned".to_owned(),
            State::Abandoned => "ABANDONED, its thread was given up".to_owned(),
            State::MeltedDown => "MELTED DOWN, not started again".to_owned(),
        };
        let failed = last_failure.as_ref().map(|failure| {
            let how = if failure.panicked { "panicked" } else { "failed" };
            let why = cut(&plain(&failure.why), REASON);
            format!(
                "; {} so far, {how} {}: {why}",
                count(*failures as u64, "failure"),
                before(findings, failure.at)
            )
        });
        let (at, failed) = (before(findings, *since), failed.unwrap_or_default());
        page.line(format_args!("{}: {state} since {at}, run {generation}{failed}", plain(name)))?;
    }
    Ok(())
}

fn health(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    for (label, answer) in [("health", &findings.health), ("pressure", &findings.pressure)] {
        page.block(label);
        if let Some(answer) = answer.as_ref().filter(|answer| !answer.is_empty()) {
            events(findings, answer, page)?;
        }
    }
    page.block("");
    Ok(())
}

fn kept(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    let stats = &findings.stats;
    page.block("kept");
    for (class, of) in stats.classes.iter() {
        let Some(oldest) = of.all.oldest else { continue };
        page.line(format_args!(
            "{:<8}  {} of {}, back to {}",
            class.name(),
            grouped(of.all.kept),
            grouped(of.all.written),
            before(findings, oldest)
        ))?;
    }
    page.block("lost");
    if stats.losses.is_empty() {
        return page.line(format_args!(
            "none; {} overwritten as time went on, {} pruned",
            grouped(stats.overwritten),
            grouped(stats.pruned)
        ));
    }
    for loss in &stats.losses {
        page.line(format_args!(
            "{} {} of class {}, {} to {}",
            grouped(loss.count),
            loss.cause.name(),
            loss.class.name(),
            before(findings, loss.first),
            before(findings, loss.last)
        ))?;
    }
    Ok(())
}

/// When something was, counted back from the last event.
fn before(findings: &Findings, at: Ticks) -> String {
    let micros = findings.before_end(at) / 1_000;
    format!("-{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
}

fn path(path: &Path) -> String {
    plain(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks() {
        assert_eq!(wrapped("a bc def", None), ["a bc def"]);
        assert_eq!(wrapped("one two three four", Some(9)), ["one two", "three", "four"]);
        assert_eq!(wrapped("exactly nine", Some(12)), ["exactly nine"]);
        assert_eq!(wrapped("supercalifragilistic is long", Some(8)), ["supercalifragilistic", "is", "long"]);
        assert_eq!(wrapped("ä ö ü ß é è", Some(7)), ["ä ö ü ß", "é è"]);
    }
}
