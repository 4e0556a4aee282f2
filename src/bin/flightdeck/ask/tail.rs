//! `flightdeck tail`: the last events, and what comes.

use super::args::{Filters, Tail};
use super::follow::{self, Begun};
use super::form::form;
use super::query::{each, found};
use super::select::Selection;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::terminal::Look;

pub fn run(asked: &Tail, look: Look, output: &mut Output, messages: &Messages) -> Result<Outcome, Failure> {
    let recording = asked.named.open()?;
    let filters = Filters { kinds: asked.kinds.clone(), severity: asked.severity, ..Filters::default() };
    let selection = Selection::new(&filters, &recording)?;
    selection.tell_unknown(&recording, messages);
    let form = form(asked.output, look.is_coloured, &recording, selection.kinds());
    let limit = Some(asked.lines as usize);
    if asked.follow {
        let begun = Begun { limit, is_strict: false };
        return follow::run(begun, &recording, &selection, &form, output, messages);
    }
    let Some(answer) = found(&recording, &selection, limit)? else { return Ok(Outcome::NothingFound) };
    if let Some(head) = form.head() {
        output.line(head)?;
    }
    each(&answer, false, |event| output.line(form.event(&event)))?;
    Ok(if answer.is_empty() { Outcome::NothingFound } else { Outcome::Done })
}
