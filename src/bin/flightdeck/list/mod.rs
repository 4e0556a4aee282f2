//! `flightdeck list`: the decks of this user that lie in files, whoever runs or ran them.
//!
//! - `found`: which files are decks, and what each tells of itself
//! - `table`, `json`: the same for a person and for a program

mod found;
mod json;
mod table;

use crate::args::List;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::recording::Fate;
use crate::shown::plain;
use flightdeck::mapped;
use found::Found;
use std::path::PathBuf;
use std::time::SystemTime;

/// Lists them, those that run first, then the newest.
pub fn run(asked: &List, output: &mut Output, messages: &Messages) -> Result<Outcome, Failure> {
    let is_asked = !asked.directories.is_empty();
    let directories = if is_asked { asked.directories.clone() } else { mapped::places() };
    let mut all = Vec::new();
    let mut is_unreadable = false;
    for directory in &directories {
        match found::in_directory(directory) {
            Ok(found) => all.extend(found),
            Err(error) => {
                let said =
                    format_args!("{}: cannot be looked into: {error}", directory.display()).to_string();
                if is_asked {
                    messages.error(said)
                } else {
                    messages.warn(said)
                }
                is_unreadable |= is_asked;
            }
        }
    }
    all.sort_by_cached_key(Found::order);
    if asked.json {
        all.iter().try_for_each(|found| output.json(&json::object(found)))?;
    } else {
        table::rows(&all, SystemTime::now()).iter().try_for_each(|row| output.line(row))?;
    }
    if is_unreadable {
        return Ok(Outcome::Unreadable);
    }
    if all.is_empty() {
        messages.note(format_args!(
            "no deck lies in {}: name the directories where hosts keep theirs",
            listed(&directories)
        ));
        return Ok(Outcome::NothingFound);
    }
    Ok(Outcome::Done)
}

/// The files of decks whose processes run, in the places where decks lie, of this user.
pub fn running() -> Vec<PathBuf> {
    let found = mapped::places()
        .iter()
        .filter_map(|place| found::in_directory(place).ok())
        .flatten()
        .collect::<Vec<_>>();
    let runs = |found: &Found| found.told.as_ref().is_ok_and(|told| told.fate == Fate::Running);
    found.into_iter().filter(runs).map(|found| found.path).collect()
}

fn listed(directories: &[PathBuf]) -> String {
    if directories.is_empty() {
        return "any of the usual places".to_owned();
    }
    directories.iter().map(|directory| plain(&directory.to_string_lossy())).collect::<Vec<_>>().join(", ")
}
