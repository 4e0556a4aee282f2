//! `scorecard [FILTER] [--json FILE]`: measures the rows that FILTER wants (a group's name, or part of a
//! row's) and says which of them hold. Exit code 1 when one does not, 2 on wrong usage.

use flightdeck_benches::machine::Machine;
use flightdeck_benches::row::Holds;
use flightdeck_benches::session::Session;
use flightdeck_benches::{groups, measure, report};
use std::process::ExitCode;

const USAGE: &str = "usage: scorecard [FILTER] [--json FILE]\n  FILTER: a group's name, or part of a row's";

fn main() -> ExitCode {
    #[cfg(feature = "mapped")]
    if groups::answer_attached(&std::env::args().skip(1).collect::<Vec<_>>()) {
        return ExitCode::SUCCESS;
    }
    let (mut filter, mut file) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-h" | "--help" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            "--json" => match arguments.next() {
                Some(name) => file = Some(name),
                None => return wrong("--json needs the name of a file"),
            },
            flag if flag.starts_with('-') => return wrong(&format!("unknown option {flag}")),
            _ if filter.is_some() => return wrong("more than one FILTER"),
            _ => filter = Some(argument),
        }
    }
    if cfg!(debug_assertions) {
        eprintln!("scorecard: not optimised, so its figures mean nothing; add --release");
    }
    println!("{}", Machine::here());
    let empty = measure::empty_loop();
    println!("empty loop {:.2} ns, contained in every figure below", empty.floor());

    let mut session = Session::new(filter.clone());
    for (name, run) in groups::ALL {
        session.enter(name);
        run(&mut session);
    }
    let skipped = session.skipped().to_vec();
    let rows = session.into_rows();
    if rows.is_empty() && skipped.is_empty() {
        return wrong(&format!("no row or group matches {}", filter.unwrap_or_default()));
    }
    println!("{}", report::table(&rows));
    if let Some(file) = file {
        let text = format!("{:#}\n", report::json(&rows));
        if let Err(error) = std::fs::write(&file, text) {
            return wrong(&format!("{file} could not be written: {error}"));
        }
    }
    let failed = rows.iter().filter(|row| row.holds() == Holds::No).count();
    let unfit = rows.iter().filter(|row| row.holds() == Holds::Unfit).count();
    for row in &skipped {
        println!("skipped: {row}");
    }
    println!("{} rows, {failed} do not hold, {unfit} unfit, {} skipped", rows.len(), skipped.len());
    ExitCode::from(u8::from(failed > 0))
}

fn wrong(what: &str) -> ExitCode {
    eprintln!("scorecard: {what}\n{USAGE}");
    ExitCode::from(2)
}
