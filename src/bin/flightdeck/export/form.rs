//! How events are written, one after the other.

use super::csv::Csv;
use super::row::Row;
use crate::messages::Messages;
use flightdeck::events::Gap;
#[cfg(target_os = "linux")]
use flightdeck::events::Recorded;

/// How events are written.
#[derive(Debug)]
pub enum Form {
    /// As a log has them.
    #[cfg(target_os = "linux")]
    Text { is_coloured: bool },
    /// A JSON object each.
    Json,
    /// A row each.
    Csv(Csv),
}

impl Form {
    /// What stands before the first event, if anything does.
    pub fn head(&self) -> Option<String> {
        match self {
            Self::Csv(csv) => Some(csv.header()),
            _ => None,
        }
    }

    /// An event as it is.
    #[cfg(target_os = "linux")]
    pub fn event(&self, event: &Recorded<'_>) -> String {
        self.row(&(*event).into())
    }

    /// An event, without an end of line; of CSV a text may have some in it.
    pub fn row(&self, row: &Row<'_>) -> String {
        match (self, row.fields) {
            #[cfg(target_os = "linux")]
            (Self::Text { is_coloured }, _) => row.event.line().colour(*is_coloured).to_string(),
            (Self::Json, Some(fields)) => row.event.json().with_fields(fields).to_string(),
            (Self::Json, None) => row.event.json().to_string(),
            (Self::Csv(csv), _) => csv.row(row),
        }
    }

    /// Events that are missing. Rows have no place for them, so they are told beside.
    pub fn gap(&self, gap: &Gap, messages: &Messages) -> Option<String> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Text { is_coloured } => Some(gap.line().colour(*is_coloured).to_string()),
            Self::Json => Some(gap.json().to_string()),
            Self::Csv(_) => {
                messages.warn(gap.line());
                None
            }
        }
    }
}
