//! The order of events under one id.

use super::HasEvents;
use super::instead::{Mismatch, doubt, listed, timeline};
use super::recorded::{short, unasked};
use crate::events::{Answer, Events};
use crate::id::CorrelationId;
use std::collections::BTreeMap;
use std::fmt;

/// Asserts which events were recorded under one correlation id, in which order: `assert_chain!(deck, id, ["a", "b"])`.
///
/// The list is the whole chain, from first to last; `..` in it stands for any number of other events, so `["a", "b", ..]`
/// is how it begins, `[.., "z"]` how it ends, and `["a", .., "z"]` leaves open what lies between. Equal stamps have no
/// order across threads and classes: a deck of [`testing`](crate::testing) gives none twice.
///
/// ```
/// use flightdeck::testing::{self, assert_chain};
/// flightdeck::kind! {
///     Accepted("http.accepted", class = Critical) {}
///     Parsed("request.parsed") {}
///     Answered("http.answered") { status: u64 }
/// }
///
/// let deck = testing::deck();
/// let _in = deck.scope(7_u64);
/// deck.record(Parsed {});
/// deck.record(Accepted {});
/// deck.record(Answered { status: 200 });
/// assert_chain!(deck, 7_u64, ["request.parsed", "http.accepted", "http.answered"]);
/// assert_chain!(deck, 7_u64, ["request.parsed", ..]);
/// assert_chain!(deck, 7_u64, [.., "http.accepted", ..]);
/// ```
///
/// # Panics
/// If the chain is another one, with what it is; and if it cannot be told, because events were overwritten, pruned or
/// lost.
#[macro_export]
macro_rules! assert_chain {
    ($deck:expr, $id:expr, [$($step:tt),* $(,)?] $(,)?) => {
        $crate::testing::Chain::of($id)$(.step($crate::__step!($step)))*.assert_in(&$deck)
    };
}

/// The kind of a step, none for `..`.
#[doc(hidden)]
#[macro_export]
macro_rules! __step {
    (..) => {
        None
    };
    ($kind:tt) => {
        Some($kind)
    };
}

/// A chain of events that is expected under one id: what [`assert_chain!`](crate::assert_chain) makes of its list.
///
/// ```
/// use flightdeck::testing::{self, Chain};
/// flightdeck::kind! { Accepted("http.accepted") {} Answered("http.answered") {} }
///
/// let deck = testing::deck();
/// let chain = Chain::of(7_u64).then("http.accepted").anything().then("http.answered");
/// deck.events().record_with(flightdeck::events::Stamp::of(7_u64).root(), Accepted {});
/// assert!(chain.check(&deck).is_err(), "not yet");
/// deck.events().record_with(flightdeck::events::Stamp::of(7_u64), Answered {});
/// chain.check(&deck)?;
/// # Ok::<(), flightdeck::testing::Mismatch>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is asserted until `assert_in` or `check`"]
pub struct Chain<'a> {
    id: CorrelationId,
    steps: Vec<Step<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'a> {
    Kind(&'a str),
    Anything,
}

impl<'a> Chain<'a> {
    /// Of this id, with no events yet.
    pub fn of(id: impl Into<CorrelationId>) -> Self {
        Self { id: id.into(), steps: Vec::new() }
    }

    /// Then an event of this kind.
    pub fn then(mut self, kind: &'a str) -> Self {
        self.steps.push(Step::Kind(kind));
        self
    }

    /// Then any number of events of any kind.
    pub fn anything(mut self) -> Self {
        self.steps.push(Step::Anything);
        self
    }

    #[doc(hidden)]
    pub fn step(self, kind: Option<&'a str>) -> Self {
        match kind {
            Some(kind) => self.then(kind),
            None => self.anything(),
        }
    }

    /// Whether that is the chain.
    ///
    /// # Errors
    /// If not, or if that cannot be told: with what the chain is.
    pub fn check(&self, deck: &impl HasEvents) -> Result<(), Mismatch> {
        let events = deck.recorder();
        let answer = events.query().correlation(self.id).run().map_err(unasked)?;
        let kinds: Vec<&str> = answer.iter().map(|event| event.kind()).collect();
        let (broken, doubt) = (self.breaks(&kinds), doubt(answer.verdict()));
        let id = short(self.id);
        match (broken, doubt) {
            (None, None) => Ok(()),
            (None, Some(doubt)) => {
                Err(Mismatch::new(format!("the chain of {id} may be another one: {doubt}")))
            }
            (Some(_), _) if answer.is_empty() => {
                Err(Mismatch::new(format!("nothing was recorded under {id}; {}", others(events)?)))
            }
            (Some(at), doubt) => {
                let doubt = doubt.map(|doubt| format!("\n{doubt}")).unwrap_or_default();
                let lines = self.lines(answer.clone(), at);
                Err(Mismatch::new(format!(
                    "the chain of {id} breaks {}:\n{lines}\nexpected: {self}{doubt}",
                    self.why(at, &kinds)
                )))
            }
        }
    }

    /// Panics unless that is the chain: see [`Chain::check`].
    ///
    /// # Panics
    /// As said.
    #[track_caller]
    pub fn assert_in(&self, deck: &impl HasEvents) {
        if let Err(mismatch) = self.check(deck) {
            panic!("{mismatch}");
        }
    }

    /// Where these kinds leave the chain: how many steps were taken at most, and the events that took.
    fn breaks(&self, kinds: &[&str]) -> Option<(usize, usize)> {
        let steps = self.steps.len();
        // Whether so many steps can have been taken by the events so far; a row per event.
        let mut reached = vec![false; steps + 1];
        reached[0] = true;
        let mut furthest = (0, 0);
        for (seen, kind) in kinds.iter().map(Some).chain([None]).enumerate() {
            // `..` may stand for none.
            for (i, step) in self.steps.iter().enumerate() {
                reached[i + 1] |= reached[i] && *step == Step::Anything;
            }
            if let Some(taken) = reached.iter().rposition(|reached| *reached) {
                furthest = furthest.max((taken, seen));
            }
            let Some(kind) = kind else { break };
            // From the last step down: each event is taken once.
            for i in (0..=steps).rev() {
                let stays = i < steps && self.steps[i] == Step::Anything
                    || i > 0 && self.steps[i - 1] == Step::Anything;
                let comes = i > 0 && reached[i - 1] && self.steps[i - 1] == Step::Kind(kind);
                reached[i] = reached[i] && stays || comes;
            }
        }
        (!reached[steps]).then_some(furthest)
    }

    fn why(&self, (taken, seen): (usize, usize), kinds: &[&str]) -> String {
        let came = kinds.get(seen).map_or("nothing more".to_owned(), |kind| format!("`{kind}`"));
        match self.steps.get(taken) {
            Some(Step::Kind(kind)) => {
                format!("at event {}: `{kind}` was expected, and {came} came", seen + 1)
            }
            _ => format!("at event {}: nothing more was expected, and {came} came", seen + 1),
        }
    }

    /// The chain as it is, the event at which it breaks marked.
    fn lines(&self, answer: Answer, (taken, seen): (usize, usize)) -> String {
        let order: Vec<_> = answer.iter().map(|event| event.id()).collect();
        let broken = order.get(seen).copied();
        let expected = match self.steps.get(taken) {
            Some(Step::Kind(kind)) => *kind,
            _ => "nothing",
        };
        let far = |event: &crate::events::Recorded<'_>| {
            order.iter().position(|id| *id == event.id()).map_or(0, |at| at.abs_diff(seen))
        };
        timeline(answer, far, &|event, show| {
            if Some(event.id()) == broken {
                show("expected", crate::events::Value::Str(expected));
            }
            event.fields().for_each(|(name, value)| show(name, value));
        })
    }
}

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("nothing");
        }
        for (i, step) in self.steps.iter().enumerate() {
            let kind = match step {
                Step::Kind(kind) => *kind,
                Step::Anything => "..",
            };
            write!(f, "{}{kind}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// The ids under which something was recorded.
fn others(events: &Events) -> Result<String, Mismatch> {
    let all = events.query().run().map_err(unasked)?;
    let mut ids = BTreeMap::<CorrelationId, usize>::new();
    all.iter().for_each(|event| *ids.entry(event.correlation()).or_default() += 1);
    let ids = ids.iter().map(|(id, count)| format!("{} x{count}", short(*id)));
    Ok(format!("ids with events: {}", listed(ids)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain<'a>(steps: &'a str) -> Chain<'a> {
        let mut chain = Chain::of(1_u64);
        for step in steps.split_terminator(' ') {
            chain = chain.step((step != "..").then_some(step));
        }
        chain
    }

    fn breaks(steps: &str, kinds: &str) -> Option<(usize, usize)> {
        chain(steps).breaks(&kinds.split_terminator(' ').collect::<Vec<_>>())
    }

    #[test]
    fn chains_hold() {
        for (steps, kinds) in [
            ("", ""),
            ("a b", "a b"),
            ("a ..", "a"),
            ("a ..", "a b c"),
            (".. c", "a b c"),
            (".. c", "c"),
            ("a .. c", "a c c"),
            (".. b ..", "a b c"),
            ("..", ""),
            (".. ..", "a b"),
            ("a .. b .. c", "a x b b y c c"),
        ] {
            assert_eq!(breaks(steps, kinds), None, "{steps} against {kinds}");
        }
    }

    #[test]
    fn chains_break_where_they_leave_the_list() {
        for (steps, kinds, at) in [
            ("a b", "a", (1, 1)),
            ("a b", "a c", (1, 1)),
            ("a", "a b", (1, 1)),
            ("", "a", (0, 0)),
            ("b", "a b", (0, 0)),
            ("a .. c", "a b", (2, 2)),
            ("a .. c", "a c b", (3, 2)),
            (".. b", "", (1, 0)),
        ] {
            assert_eq!(breaks(steps, kinds), Some(at), "{steps} against {kinds}");
        }
        assert_eq!(
            chain("a .. c").why((2, 2), &["a", "b"]),
            "at event 3: `c` was expected, and nothing more came"
        );
    }
}
