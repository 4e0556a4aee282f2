//! `explain`: what a code of an error stands for, and what to do about it.

use crate::args::Explain;
use crate::messages::Messages;
use crate::nearest;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use flightdeck::error::codes::{self, Code};
use serde_json::{Value as Json, json};

pub fn run(asked: &Explain, output: &mut Output, messages: &Messages) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::Done;
    let all = if asked.codes.is_empty() { &[String::new()][..] } else { &asked.codes };
    for name in all {
        let mut found = codes::all().filter(|code| is_meant(name, code.name)).peekable();
        if found.peek().is_none() {
            messages.error(format_args!("no error has the code `{name}`: {}", alike(name)));
            outcome = Outcome::NothingFound;
        }
        for code in found {
            if asked.json { output.json(&object(code))? } else { output.line(text(code))? }
        }
    }
    Ok(outcome)
}

/// The code itself, or one below it, such as `config.path.secret` below `config.path`.
fn is_meant(asked: &str, code: &str) -> bool {
    let below = code.strip_prefix(asked);
    below.is_some_and(|below| asked.is_empty() || below.is_empty() || below.starts_with('.'))
}

fn alike(name: &str) -> String {
    // A name that is far longer than any code is like none of them, and comparing takes long.
    let name: String = name.chars().take(80).collect();
    format!("those most like it are {}", nearest::listed(&name, codes::all().map(|code| code.name)))
}

fn text(code: &Code) -> String {
    format!("{} ({}, retry {})\n  {}", code.name, code.severity, code.retry, code.recovery)
}

fn object(code: &Code) -> Json {
    json!({
        "code": code.name,
        "severity": code.severity.name(),
        "retry": code.retry.to_string(),
        "recovery": code.recovery,
    })
}
