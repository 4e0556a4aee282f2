//! Who made a revision, and why.

use super::validate::one_line;
use crate::sync::{Arc, thread};
use std::fmt;

/// How much of a name is kept, in characters.
const WHO: usize = 64;
/// How much of a reason is kept, in characters.
const WHY: usize = 256;

/// Who made a revision, and why. Cheap to clone.
///
/// Unless said otherwise it was the thread that published, by its name, for no reason given. Both texts are kept in
/// one line, the name up to 64 characters and the reason up to 256: what is longer ends in `...`.
///
/// ```
/// use flightdeck::config::Cause;
///
/// let cause = Cause::by("ops").because("more load");
/// assert_eq!((cause.who(), cause.why()), ("ops", Some("more load")));
/// assert_eq!(cause.to_string(), "ops: more load");
/// ```
#[derive(Clone)]
pub struct Cause {
    who: Who,
    why: Option<Arc<str>>,
}

#[derive(Clone)]
enum Who {
    /// Not its name: that would be copied for each update, and hardly anybody asks.
    Thread(thread::Thread),
    Named(Arc<str>),
}

impl Cause {
    /// The thread that calls this, by its name.
    #[must_use]
    pub fn this_thread() -> Self {
        Self { who: Who::Thread(thread::current()), why: None }
    }

    /// Somebody or something by a name of yours.
    #[must_use]
    pub fn by(who: impl AsRef<str>) -> Self {
        Self { who: Who::Named(bounded(who.as_ref(), WHO)), why: None }
    }

    /// The same for this reason.
    #[must_use]
    pub fn because(mut self, why: impl AsRef<str>) -> Self {
        self.why = Some(bounded(why.as_ref(), WHY));
        self
    }

    /// The same by another name, for the same reason.
    pub(super) fn renamed(mut self, who: &str) -> Self {
        self.who = Who::Named(bounded(who, WHO));
        self
    }

    /// Who: the name given, or that of the thread; `unnamed thread` if it has none.
    #[must_use]
    pub fn who(&self) -> &str {
        match &self.who {
            Who::Thread(thread) => thread.name().unwrap_or("unnamed thread"),
            Who::Named(name) => name,
        }
    }

    /// Why, if that was said.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }
}

/// By their texts.
impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        (self.who(), self.why()) == (other.who(), other.why())
    }
}

impl Eq for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why() {
            Some(why) => write!(f, "{}: {why}", self.who()),
            None => f.write_str(self.who()),
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cause").field("who", &self.who()).field("why", &self.why()).finish()
    }
}

fn bounded(text: &str, limit: usize) -> Arc<str> {
    let cut = text.char_indices().nth(limit).map_or(text, |(end, _)| &text[..end]);
    let mut line = one_line(cut);
    if cut.len() < text.len() {
        line.push_str("...");
    }
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_are_bounded_and_stay_in_their_line() {
        let cause = Cause::by("o\nps").because("ü".repeat(300));
        assert_eq!(cause.who(), r"o\nps");
        let why = cause.why().unwrap();
        assert_eq!((why.chars().count(), why.ends_with("...")), (259, true));
    }

    #[test]
    fn a_cause_is_this_thread_unless_said_otherwise() {
        let name = thread::current().name().unwrap().to_owned();
        let cause = Cause::this_thread();
        assert_eq!((cause.who(), cause.why()), (name.as_str(), None));
        assert_eq!(cause.clone().because("x").renamed("ops"), Cause::by("ops").because("x"));
        assert_ne!(cause.clone().because("x"), cause);
    }
}
