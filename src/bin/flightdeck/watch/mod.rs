//! `flightdeck attach` and `flightdeck top`: decks of other processes, watched while they run.
//!
//! - `which`: the decks that are meant; `watched`: one of them
//! - `sight`: what is seen of them at one look, and what happened since the look before
//! - `page`: the same as lines, page by page; `state`: what the keys have made of it; `picture`: how it is drawn
//! - `table`, `json`: one look, for whoever is no terminal

mod json;
mod page;
mod picture;
mod sight;
mod state;
mod table;
mod watched;
mod which;

use crate::args::{Attach, Color, Top};
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::recording::{Fate, who};
use crate::shown::plain;
use crate::{interrupt, screen};
use page::Page;
use picture::Picture;
use ratatui::crossterm::event::{self, Event};
use sight::Sight;
use state::{State, Step};
use std::thread;
use std::time::{Duration, Instant};
use watched::Watched;

/// Looks no more often than this: a person sees no more, and whoever is watched pays for lines that are read.
const SHORTEST: Duration = Duration::from_millis(50);
/// Between two looks for an interrupt.
const NAP: Duration = Duration::from_millis(20);

/// Shows a deck until the user has seen enough.
pub fn attach(
    asked: &Attach,
    color: Color,
    output: &mut Output,
    messages: &Messages,
) -> Result<Outcome, Failure> {
    if !screen::is_possible() {
        messages.error(
            "there is no terminal to draw on: use `flightdeck top`, `flightdeck tail` or `flightdeck post-mortem`",
        );
        return Ok(Outcome::Misused);
    }
    match which::open(asked.deck.as_slice(), asked.any_user, output, messages)? {
        Ok(decks) => {
            let pages: &[Page] =
                if decks.iter().all(|deck| deck.deck().is_some()) { &Page::ALL } else { &Page::OF_METRICS };
            let outcome = show(&decks, pages, color, asked.interval)?;
            decks.iter().for_each(|deck| tell_end(deck, messages));
            Ok(outcome)
        }
        Err(outcome) => Ok(outcome),
    }
}

/// Shows metrics of decks: again and again on a terminal, else once.
pub fn top(asked: &Top, color: Color, output: &mut Output, messages: &Messages) -> Result<Outcome, Failure> {
    let decks = match which::open(&asked.decks, asked.any_user, output, messages)? {
        Ok(decks) => decks,
        Err(outcome) => return Ok(outcome),
    };
    let is_watched = std::io::IsTerminal::is_terminal(&std::io::stdout());
    if is_watched && !asked.json && asked.limit.is_none() && screen::is_possible() {
        return show(&decks, &Page::OF_METRICS, color, asked.interval);
    }
    let before = Sight::of(&decks, None);
    if !wait(asked.interval.max(SHORTEST)) {
        return Ok(Outcome::Interrupted);
    }
    let sight = Sight::of(&decks, Some(&before));
    if asked.json {
        output.json(&json::object(&sight))?;
    } else {
        table::lines(&sight, asked.limit).iter().try_for_each(|line| output.line(line))?;
    }
    Ok(Outcome::Done)
}

/// The view is gone, and how its deck ended should not be.
fn tell_end(deck: &Watched, messages: &Messages) {
    let (file, fate) = (deck.file(), Fate::of(deck.file()));
    let path = plain(&file.path().to_string_lossy());
    let message = format!("{} {fate}; `flightdeck post-mortem {path}` tells more", who(file));
    if fate.is_violent() {
        messages.warn(message);
    } else if fate.is_over() {
        messages.note(message);
    }
}

/// False if the user interrupts.
fn wait(length: Duration) -> bool {
    let end = Instant::now() + length;
    while !interrupt::came() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(NAP));
    }
    false
}

/// The view, with the terminal put back however it ends.
fn show(
    decks: &[Watched],
    pages: &'static [Page],
    color: Color,
    interval: Duration,
) -> Result<Outcome, Failure> {
    restore_on_panic();
    let canvas = screen::take().map_err(Failure::Screen)?;
    let _back = Back;
    let picture = Picture { is_coloured: color.applies(true), pages };
    look_on(canvas, decks, &picture, interval.max(SHORTEST)).map_err(Failure::Screen)
}

/// What a panic says would be gone with the screen that it was written on. Nothing else runs in this process that may panic and
/// go on.
fn restore_on_panic() {
    let next = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        screen::restore();
        next(panic);
    }));
}

/// Puts the terminal back, also when a panic unwinds.
struct Back;

impl Drop for Back {
    fn drop(&mut self) {
        screen::restore();
    }
}

fn look_on(
    mut canvas: screen::Canvas,
    decks: &[Watched],
    picture: &Picture,
    interval: Duration,
) -> std::io::Result<Outcome> {
    let mut state = State::new(picture.pages);
    let mut sight = Sight::of(decks, None);
    // The second look comes soon: before it there are no rates.
    let mut next = Instant::now() + SHORTEST.max(interval / 4);
    loop {
        canvas.draw(|frame| picture.draw(frame, &sight, &mut state))?;
        loop {
            if interrupt::came() {
                return Ok(Outcome::Interrupted);
            }
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // A signal may not wake the wait for a key.
            if !event::poll(left.min(NAP * 5))? {
                continue;
            }
            match event::read()? {
                Event::Key(key) => match state.press(key) {
                    Step::Draw => break,
                    Step::Quit => return Ok(Outcome::Done),
                    Step::Interrupt => return Ok(Outcome::Interrupted),
                },
                // Another size.
                _ => break,
            }
        }
        if Instant::now() >= next {
            next = Instant::now() + interval;
            // What has ended is looked at once more, and then no longer: rates stay those of its last moments.
            if state.is_still {
                sight.see_fates(decks);
            } else if !sight.is_over() {
                sight = Sight::of(decks, Some(&sight));
            }
        }
    }
}
