//! How events are written, one after the other.

use super::args::FormName;
use super::csv::Csv;
use crate::export::FormatName;
use crate::messages::Messages;
use flightdeck::events::{Gap, Recorded, Recording};

/// How events are written.
#[derive(Debug)]
pub enum Form {
    /// As a log has them.
    Text { is_coloured: bool },
    /// A JSON object each.
    Json,
    /// A row each.
    Csv(Csv),
}

impl Form {
    /// Of events of these kinds; of any, if there are none.
    pub fn new(name: FormName, is_coloured: bool, recording: &Recording, kinds: &[String]) -> Self {
        match name {
            FormName::Text => Self::Text { is_coloured },
            FormName::Json => Self::Json,
            FormName::Csv => Self::Csv(Csv::new(recording, kinds)),
        }
    }

    /// The same for a file.
    pub fn of_file(format: FormatName, recording: &Recording, kinds: &[String]) -> Self {
        match format {
            // Traces are not written event by event.
            FormatName::Jsonl | FormatName::Perfetto | FormatName::Chrome => Self::Json,
            FormatName::Csv => Self::Csv(Csv::new(recording, kinds)),
        }
    }

    /// What stands before the first event, if anything does.
    pub fn head(&self) -> Option<String> {
        match self {
            Self::Csv(csv) => Some(csv.header()),
            _ => None,
        }
    }

    /// An event, without an end of line; of CSV a text may have some in it.
    pub fn event(&self, event: &Recorded<'_>) -> String {
        match self {
            Self::Text { is_coloured } => event.line().colour(*is_coloured).to_string(),
            Self::Json => event.json().to_string(),
            Self::Csv(csv) => csv.row(event),
        }
    }

    /// Events that are missing. Rows have no place for them, so they are told beside.
    pub fn gap(&self, gap: &Gap, messages: &Messages) -> Option<String> {
        match self {
            Self::Text { is_coloured } => Some(gap.line().colour(*is_coloured).to_string()),
            Self::Json => Some(gap.json().to_string()),
            Self::Csv(_) => {
                messages.warn(gap.line());
                None
            }
        }
    }
}
