//! The command-line tool.
//!
//! - `args`, `size`, `quantity`: what can be written on the command line; `shown`: numbers and texts for people
//! - `output`, `messages`, `outcome`, `interrupt`, `terminal`, `screen`: results, messages, exit codes, Ctrl-C, what can be
//!   drawn, and where
//! - `recording`, `metric`: files of decks, opened; a value of their telemetry
//! - `export`: files that are written, and their formats
//! - `nearest`: names like one that was mistaken
//! - `input`, `formats`: files and pipes, and the rows in them
//! - `ask`, `demo`, `explain`, `list`, `post_mortem`, `replay`, `serve`, `sizing`, `watch`: the commands

mod args;
#[cfg(target_os = "linux")]
mod ask;
mod demo;
mod explain;
mod export;
mod formats;
mod input;
mod interrupt;
#[cfg(target_os = "linux")]
mod list;
mod messages;
#[cfg(target_os = "linux")]
mod metric;
mod nearest;
mod outcome;
mod output;
#[cfg(target_os = "linux")]
mod post_mortem;
mod quantity;
#[cfg(target_os = "linux")]
mod recording;
mod replay;
mod screen;
#[cfg(target_os = "linux")]
mod serve;
mod shown;
mod size;
mod sizing;
mod terminal;
#[cfg(target_os = "linux")]
mod watch;

use args::{Args, Color, Command};
use clap::{CommandFactory, FromArgMatches};
use messages::Messages;
use outcome::{Failure, Outcome};
use output::{Output, OutputError};
use std::process::ExitCode;
use terminal::Look;

fn main() -> ExitCode {
    let command = Args::command().color(Color::foreseen(std::env::args_os()));
    let args = match command.try_get_matches().and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => args,
        Err(help_or_error) => {
            // Help is a result and goes to standard output, an error to standard error; whoever closed
            // either end does not want it.
            let _ = help_or_error.print();
            return ExitCode::from(u8::try_from(help_or_error.exit_code()).unwrap_or(2));
        }
    };
    let mut messages = Messages::stderr(args.color);
    match run(&args, &mut messages) {
        Ok(outcome) => outcome.into(),
        Err(Failure::Output(OutputError::Closed)) => ExitCode::SUCCESS,
        Err(failure) => {
            messages.end_progress();
            messages.error(&failure);
            if let Some(hint) = failure.hint() {
                messages.note(hint);
            }
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args, messages: &mut Messages) -> Result<Outcome, Failure> {
    interrupt::watch().map_err(Failure::Interrupt)?;
    let mut output = Output::stdout();
    let outcome = match &args.command {
        Command::Demo(asked) => demo::run(asked, args.color, &mut output, messages)?,
        #[cfg(target_os = "linux")]
        Command::Query(asked) => ask::query(asked, Look::stdout(args.color), &mut output, messages)?,
        #[cfg(target_os = "linux")]
        Command::Tail(asked) => ask::tail(asked, Look::stdout(args.color), &mut output, messages)?,
        #[cfg(target_os = "linux")]
        Command::Export(asked) => ask::export(asked, &mut output, messages)?,
        Command::Explain(asked) => explain::run(asked, &mut output, messages)?,
        Command::Completions(asked) => {
            let mut script = Vec::new();
            clap_complete::generate(asked.shell, &mut Args::command(), "flightdeck", &mut script);
            output.line(String::from_utf8_lossy(&script).trim_end())?;
            Outcome::Done
        }
        #[cfg(target_os = "linux")]
        Command::List(asked) => list::run(asked, &mut output, messages)?,
        #[cfg(target_os = "linux")]
        Command::Attach(asked) => watch::attach(asked, args.color, &mut output, messages)?,
        #[cfg(target_os = "linux")]
        Command::Top(asked) => watch::top(asked, args.color, &mut output, messages)?,
        #[cfg(target_os = "linux")]
        Command::PostMortem(asked) => post_mortem::run(asked, Look::stdout(args.color), &mut output)?,
        #[cfg(target_os = "linux")]
        Command::Serve(asked) => serve::run(asked, &mut output, messages)?,
        Command::Replay(asked) => replay::run(asked, Look::stdout(args.color), &mut output, messages)?,
        Command::Size(asked) => {
            sizing::run(asked, &mut output)?;
            Outcome::Done
        }
    };
    output.finish()?;
    Ok(outcome)
}
