//! The list for a person: one line a deck.

use super::found::{Found, Told};
use crate::recording::Fate;
use crate::shown::{self, nanos, plain};
use crate::size;
use std::time::SystemTime;

const HEADINGS: [&str; 7] = ["STATE", "PROGRAM", "PID", "LIFE", "AGE", "SIZE", "FILE"];
/// Numbers, which end where their column does.
const IS_NUMBER: [bool; 7] = [false, false, true, true, true, true, false];

/// Headings and rows, in columns; why a file cannot be read, below it.
pub fn rows(all: &[Found], now: SystemTime) -> Vec<String> {
    if all.is_empty() {
        return Vec::new();
    }
    let cells: Vec<_> = all.iter().map(|found| cells(found, now)).collect();
    let mut widths = HEADINGS.map(str::len);
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: [&str; 7]| {
        let mut line = String::new();
        for ((cell, width), is_number) in row.iter().zip(widths).zip(IS_NUMBER) {
            let cell = if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
            line.push_str(&cell);
            line.push_str("  ");
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![line(HEADINGS)];
    for (row, found) in cells.iter().zip(all) {
        lines.push(line(row.each_ref().map(String::as_str)));
        if let Err(error) = &found.told {
            lines.push(format!("  {}", plain(&error.to_string())));
        }
    }
    lines
}

fn cells(found: &Found, now: SystemTime) -> [String; 7] {
    let (size, path) = (size::shown(found.bytes), plain(&found.path.to_string_lossy()));
    match &found.told {
        Ok(told) => {
            let life = &told.header.life;
            let age = since(life.created, now);
            let (process, number) = (life.process.to_string(), life.number.to_string());
            [state(told, now), plain(&life.program), process, number, age, size, path]
        }
        Err(_) => {
            let none = || "-".to_owned();
            ["unreadable".to_owned(), none(), none(), none(), none(), size, path]
        }
    }
}

fn state(told: &Told, now: SystemTime) -> String {
    let ago = |at: Option<SystemTime>| at.map(|at| format!(" {} ago", since(at, now))).unwrap_or_default();
    match told.fate {
        Fate::Running => "running".to_owned(),
        Fate::Closed => format!("closed{}", ago(told.header.ended)),
        Fate::Copied => format!("copied{}", ago(told.header.ended)),
        Fate::Died => format!("died{}", ago(told.last)),
        Fate::WentDown => format!("died{}, with the machine", ago(told.last)),
        Fate::Unknown => "not known".to_owned(),
    }
}

/// How long ago; nothing for what the clock of the wall has not reached.
fn since(at: SystemTime, now: SystemTime) -> String {
    shown::ago(nanos(now.duration_since(at).unwrap_or_default()))
}
