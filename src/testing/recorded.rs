//! An event of a kind, with fields: whether it was recorded, and how often.

use super::HasEvents;
use super::expected::{Comparison, Expected};
use super::instead::{Mismatch, distance, doubt, kinds, timeline};
use crate::events::{Answer, Events, QueryError, Recorded, Value, Verdict};
use crate::id::CorrelationId;
use std::fmt;

/// How much of a value that differs is shown, in characters.
const LONGEST_VALUE: usize = 60;

/// Asserts that an event of a kind was recorded, with fields as said: `assert_recorded!(deck, "kind", ..)`.
///
/// After the kind come, in any order and number: conditions on fields (`qty == 5`, with `==`, `!=`, `<`, `<=`, `>`, `>=`; a
/// name that is no Rust name in quotes), `of id` for events of one correlation id, and how often: `times 3`,
/// `at_least 2`, `at_most 1`, `never`; otherwise at least once. A deck or [`Events`] alone may be asked.
///
/// ```
/// use flightdeck::testing::{self, assert_recorded};
/// flightdeck::kind! { OrderFilled("order.filled") { qty: u64, price: f64, venue: str, partial: bool } }
///
/// let deck = testing::deck();
/// for qty in [3, 5] {
///     let _in = deck.scope(qty);
///     deck.record(OrderFilled { qty, price: 1.25, venue: "XETRA", partial: qty < 5 });
/// }
/// assert_recorded!(deck, "order.filled");
/// assert_recorded!(deck, "order.filled", qty == 5, price <= 1.25, venue == "XETRA", partial == false);
/// assert_recorded!(deck, "order.filled", of 3_u64, qty != 5, times 1);
/// assert_recorded!(deck.events(), "order.filled", qty > 5, never);
/// ```
///
/// # Panics
/// If it was not, with what was recorded instead; if the kind has no such field, or of another type; and if it cannot be
/// told, because events were overwritten, pruned or lost.
#[macro_export]
macro_rules! assert_recorded {
    ($deck:expr, $kind:expr $(,)?) => {
        $crate::testing::Recording::of_kind($kind).assert_in(&$deck)
    };
    ($deck:expr, $kind:expr, $($rest:tt)+) => {
        $crate::__recording!([$crate::testing::Recording::of_kind($kind)] $($rest)+).assert_in(&$deck)
    };
}

/// Conditions as they are written, one after the other. Those on fields come first: a field may be called `times`.
#[doc(hidden)]
#[macro_export]
macro_rules! __recording {
    ([$($made:tt)+]) => { $($made)+ };
    ([$($made:tt)+] $field:tt == $value:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.field($crate::__field!($field), $crate::testing::Comparison::Equal, $value)] $($($rest)*)?)
    };
    ([$($made:tt)+] $field:tt != $value:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.field($crate::__field!($field), $crate::testing::Comparison::NotEqual, $value)] $($($rest)*)?)
    };
    ([$($made:tt)+] $field:tt <= $value:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.field($crate::__field!($field), $crate::testing::Comparison::AtMost, $value)] $($($rest)*)?)
    };
    ([$($made:tt)+] $field:tt >= $value:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.field($crate::__field!($field), $crate::testing::Comparison::AtLeast, $value)] $($($rest)*)?)
    };
    ([$($made:tt)+] $field:tt < $value:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.field($crate::__field!($field), $crate::testing::Comparison::Less, $value)] $($($rest)*)?)
    };
    ([$($made:tt)+] $field:tt > $value:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.field($crate::__field!($field), $crate::testing::Comparison::Greater, $value)] $($($rest)*)?)
    };
    ([$($made:tt)+] of $id:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.of($id)] $($($rest)*)?)
    };
    ([$($made:tt)+] times $times:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.times($times)] $($($rest)*)?)
    };
    ([$($made:tt)+] at_least $times:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.at_least($times)] $($($rest)*)?)
    };
    ([$($made:tt)+] at_most $times:expr $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.at_most($times)] $($($rest)*)?)
    };
    ([$($made:tt)+] never $(, $($rest:tt)*)?) => {
        $crate::__recording!([$($made)+.times(0)] $($($rest)*)?)
    };
}

/// The name of a field, written as a name or in quotes.
#[doc(hidden)]
#[macro_export]
macro_rules! __field {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:literal) => {
        $name
    };
}

/// An event that is expected to have been recorded: what [`assert_recorded!`](crate::assert_recorded) makes of its
/// words. For tests that want to poll, or to say it themselves.
///
/// ```
/// use flightdeck::testing::{self, Comparison, Recording};
/// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
///
/// let deck = testing::deck();
/// let expected = Recording::of_kind("order.filled").field("qty", Comparison::AtLeast, 5).times(1);
/// assert!(expected.check(&deck).is_err(), "not yet");
/// deck.record(OrderFilled { qty: 5 });
/// expected.check(&deck)?;
/// # Ok::<(), flightdeck::testing::Mismatch>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is asserted until `assert_in` or `check`"]
pub struct Recording<'a> {
    kind: &'a str,
    id: Option<CorrelationId>,
    conditions: Vec<Condition<'a>>,
    times: Times,
}

#[derive(Clone, Debug)]
struct Condition<'a> {
    field: &'a str,
    comparison: Comparison,
    expected: Expected<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    AtLeast(usize),
    AtMost(usize),
    Exactly(usize),
}

impl<'a> Recording<'a> {
    /// Of a kind, at least once.
    pub fn of_kind(kind: &'a str) -> Self {
        Self { kind, id: None, conditions: Vec::new(), times: Times::AtLeast(1) }
    }

    /// With a field as said.
    pub fn field(mut self, field: &'a str, comparison: Comparison, value: impl Into<Expected<'a>>) -> Self {
        self.conditions.push(Condition { field, comparison, expected: value.into() });
        self
    }

    /// Under this correlation id.
    pub fn of(mut self, id: impl Into<CorrelationId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Exactly so often; zero: never.
    pub fn times(mut self, times: usize) -> Self {
        self.times = Times::Exactly(times);
        self
    }

    /// So often or more.
    pub fn at_least(mut self, times: usize) -> Self {
        self.times = Times::AtLeast(times);
        self
    }

    /// So often or less.
    pub fn at_most(mut self, times: usize) -> Self {
        self.times = Times::AtMost(times);
        self
    }

    /// Whether it was recorded.
    ///
    /// # Errors
    /// If not, or if that cannot be told: with what was recorded instead.
    pub fn check(&self, deck: &impl HasEvents) -> Result<(), Mismatch> {
        let events = deck.recorder();
        let all = events.query().run().map_err(unasked)?;
        // Judged after it was read, so that what was overwritten meanwhile counts.
        let verdict = self.verdict(events).map_err(unasked)?;
        self.check_fields(&all)?;
        let found = all.iter().filter(|event| self.differences(event) == 0).count();
        let (enough, few_enough) = match self.times {
            Times::AtLeast(times) => (found >= times, true),
            Times::AtMost(times) => (true, found <= times),
            Times::Exactly(times) => (found >= times, found <= times),
        };
        let bounded = !matches!(self.times, Times::AtLeast(_));
        match (enough, few_enough, doubt(verdict)) {
            (true, true, Some(doubt)) if bounded => {
                Err(Mismatch::new(format!("{self} was recorded {}: {doubt}", Often(found))))
            }
            (true, true, _) => Ok(()),
            (_, few_enough, doubt) => {
                let doubt = doubt.map(|doubt| format!("\n{doubt}")).unwrap_or_default();
                let instead = if few_enough { self.instead(all) } else { self.matching(all) };
                Err(Mismatch::new(format!("{}{instead}{doubt}", self.headline(found))))
            }
        }
    }

    /// Panics unless it was recorded: see [`Recording::check`].
    ///
    /// # Panics
    /// As said.
    #[track_caller]
    pub fn assert_in(&self, deck: &impl HasEvents) {
        if let Err(mismatch) = self.check(deck) {
            panic!("{mismatch}");
        }
    }

    fn verdict(&self, events: &Events) -> Result<Verdict, QueryError> {
        let query = events.query().kind_named(self.kind);
        let query = match self.id {
            Some(id) => query.correlation(id),
            None => query,
        };
        match query.run() {
            // What is overwritten was known once: of an unknown kind there was never an event.
            Err(QueryError::UnknownKind { .. }) => Ok(Verdict::Complete),
            asked => Ok(asked?.verdict()),
        }
    }

    /// A condition that no event of the kind can meet, or all fail, is a mistake in the test.
    fn check_fields(&self, all: &Answer) -> Result<(), Mismatch> {
        let of_kind: Vec<_> =
            all.iter().filter(|e| e.kind() == self.kind).filter_map(|e| e.schema()).collect();
        for Condition { field, expected, .. } in &self.conditions {
            let fields =
                of_kind.iter().flat_map(|schema| schema.fields()).filter(|known| known.name == *field);
            let types: Vec<_> = fields.map(|field| field.field_type).collect();
            let (kind, first) = (self.kind, of_kind.first());
            if let Some(schema) = first.filter(|_| types.is_empty()) {
                let fields: Vec<_> = schema.fields().iter().map(|field| &*field.name).collect();
                let fields = if fields.is_empty() { "no fields".to_owned() } else { fields.join(", ") };
                return Err(Mismatch::new(format!("`{kind}` has no field `{field}`: it has {fields}")));
            }
            if !types.is_empty() && !types.iter().any(|field_type| expected.fits(*field_type)) {
                return Err(Mismatch::new(format!(
                    "field `{field}` of `{kind}` holds {:?}, which cannot be compared with {expected}",
                    types[0]
                )));
            }
        }
        Ok(())
    }

    /// How far an event is from what is expected: the name of its kind counts most.
    fn differences(&self, event: &Recorded<'_>) -> usize {
        let fields = self.conditions.iter().filter(|condition| !condition.is_met(event)).count();
        let id = usize::from(self.id.is_some_and(|id| id != event.correlation()));
        let kind = if event.kind() == self.kind { 0 } else { 1 + distance(event.kind(), self.kind) };
        kind * (self.conditions.len() + 2) + fields + id
    }

    fn headline(&self, found: usize) -> String {
        match self.times {
            Times::AtLeast(1) => format!("{self} was never recorded"),
            Times::AtLeast(times) => {
                format!("{self} was recorded {}, not at least {}", Often(found), Often(times))
            }
            Times::AtMost(times) => {
                format!("{self} was recorded {}, not at most {}", Often(found), Often(times))
            }
            Times::Exactly(times) => format!("{self} was recorded {}, not {}", Often(found), Often(times)),
        }
    }

    fn matching(&self, mut all: Answer) -> String {
        all.retain(|event| self.differences(event) == 0);
        format!(":\n{}", timeline(all, |_| 0, &|event, show| event.fields().for_each(|(n, v)| show(n, v))))
    }

    fn instead(&self, mut all: Answer) -> String {
        if all.is_empty() {
            return "; nothing was recorded at all".to_owned();
        }
        let recorded = kinds(&all);
        let is_known = all.iter().any(|event| event.kind() == self.kind);
        // Of the kind itself what differs tells most; without any, kinds with a name like it.
        if is_known {
            all.retain(|event| event.kind() == self.kind);
        }
        let lines = timeline(all, |event| self.differences(event), &|event, show| self.mark(event, show));
        let what = if is_known { "of that kind was recorded instead" } else { "was recorded instead" };
        format!("; {what}:\n{lines}\nkinds recorded: {recorded}")
    }

    /// Shows an event's fields, each that differs with what was expected of it.
    fn mark(&self, event: &Recorded<'_>, show: &mut dyn FnMut(&str, Value<'_>)) {
        let is_of_kind = event.kind() == self.kind;
        if let Some(id) = self.id.filter(|id| is_of_kind && *id != event.correlation()) {
            show("of", Value::Str(&format!("{} (not {})", short(event.correlation()), short(id))));
        }
        for (name, value) in event.fields() {
            let mut unmet = self.conditions.iter().filter(|c| c.field == name && !c.is_met(event));
            match unmet.next().filter(|_| is_of_kind) {
                Some(Condition { comparison, expected, .. }) => {
                    // Timelines cut long text at its end, where the difference stands.
                    let value: String = value.to_string().chars().take(LONGEST_VALUE).collect();
                    show(name, Value::Str(&format!("{value} (not {} {expected})", comparison.symbol())));
                }
                None => show(name, value),
            }
        }
        // Kinds of one name may have other fields each.
        for Condition { field, comparison, expected } in self.conditions.iter().filter(|_| is_of_kind) {
            if event.field(field).is_none() {
                show(field, Value::Str(&format!("missing (not {} {expected})", comparison.symbol())));
            }
        }
    }
}

impl Condition<'_> {
    fn is_met(&self, event: &Recorded<'_>) -> bool {
        event.field(self.field).is_some_and(|value| self.comparison.holds(&value, &self.expected))
    }
}

/// `order.filled` with qty == 5 and venue == "XETRA"
impl fmt::Display for Recording<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.kind)?;
        if let Some(id) = self.id {
            write!(f, " of {}", short(id))?;
        }
        for (i, Condition { field, comparison, expected }) in self.conditions.iter().enumerate() {
            let joint = if i == 0 { "with" } else { "and" };
            write!(f, " {joint} {field} {} {expected}", comparison.symbol())?;
        }
        Ok(())
    }
}

/// An id without the zeros in front.
pub(super) fn short(id: CorrelationId) -> String {
    if id.is_none() { "no id".to_owned() } else { format!("{:x}", id.get()) }
}

/// A query that the store refuses.
pub(super) fn unasked(error: QueryError) -> Mismatch {
    Mismatch::new(error.to_string())
}

/// So often.
struct Often(usize);

impl fmt::Display for Often {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("never"),
            1 => f.write_str("once"),
            times => write!(f, "{times} times"),
        }
    }
}
