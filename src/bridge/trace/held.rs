//! What is written of an event, without when and where.

use crate::events::Recorded;

/// What is written of an event, in the words of the format.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    /// Where in it the name and the category end.
    pub(super) head: usize,
    /// Where in it the fields begin.
    pub(super) fields: usize,
}

impl Held {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        (self.head, self.fields) = (0, 0);
    }
}

/// What is said of an event beside what it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    None,
    BeginningMissing,
    EndAlone,
    LetGo,
}

impl Note {
    pub(super) fn text(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::BeginningMissing => {
                Some("its beginning is not there: name and fields are those of its end")
            }
            Self::EndAlone => Some("a span ended here: its beginning is not there, nor when it was"),
            Self::LetGo => Some("a span began here: too many were open to wait for its end"),
        }
    }
}

/// The spans that an event was linked to, as text.
pub(super) fn links<'a>(event: &Recorded<'a>) -> impl Iterator<Item = String> + use<'a> {
    let links = event.links();
    let left_out = Some(links.left_out()).filter(|left_out| *left_out > 0);
    let shown = links.map(|link| format!("{} {}", link.correlation(), link.span()));
    shown.chain(left_out.map(|left_out| format!("and {left_out} more")))
}
