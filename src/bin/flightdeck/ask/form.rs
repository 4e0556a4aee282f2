//! From what was asked for to how events are written.

use super::args::FormName;
use crate::export::{Csv, Form};
use flightdeck::events::Recording;

/// Of events of these kinds; of any, if there are none.
pub fn form(name: FormName, is_coloured: bool, recording: &Recording, kinds: &[String]) -> Form {
    match name {
        FormName::Text => Form::Text { is_coloured },
        FormName::Json => Form::Json,
        FormName::Csv => Form::Csv(Csv::new(recording.converter(), columns(recording, kinds))),
    }
}

/// The fields of these kinds, for a column each; without kinds there is one column, for the fields of any.
pub fn columns(recording: &Recording, kinds: &[String]) -> Option<Vec<String>> {
    if kinds.is_empty() {
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    for kind in recording.kinds().filter(|kind| kinds.iter().any(|name| name == kind.name())) {
        for field in kind.fields() {
            if !names.iter().any(|name| **name == *field.name) {
                names.push(field.name.to_string());
            }
        }
    }
    Some(names)
}
