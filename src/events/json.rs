//! Answers and events for programs, as JSON.
//!
//! Written as it goes: nothing is built in memory but the tree of an answer.

use super::answer::{Answer, BatchPart, Recorded, Truncation, Verdict};
use super::class::{Class, PerClass};
use super::cursor::{Gap, GapCause};
use super::diff::{Change, Diff};
use super::tree::{Node, Origin, TraceTree};
use super::value::Value;
use crate::clock::{Converter, Ticks};
use crate::id::{CorrelationId, SpanId};
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::{self, Display};
use std::io;

/// The greatest integer up to which all are numbers of JavaScript, and of whatever else reads JSON into doubles.
const EXACT: u64 = 1 << 53;

/// JSON of an [answer](Answer::json), an [event](Recorded::json) or a [gap](Gap::json): shown with `{}`, or serialised by serde.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(T);

impl Answer {
    /// The answer as one JSON object, on one line:
    ///
    /// | key | holds |
    /// |---|---|
    /// | `verdict` | `complete`, `overwritten` or `truncated`; then `truncated_by` says `limit` or `budget` |
    /// | `since` | from when on nothing is missing, as `ticks` and `unix_ns`; `null`: nothing ever was |
    /// | `since_by_class` | the same of each class |
    /// | `matched`, `gone`, `visited` | as [`Answer::matched`], [`Answer::gone`], [`Answer::visited`] |
    /// | `missing` | as [`Answer::missing`]; `null` where that is not known |
    /// | `events` | the events in the order asked for, each as [`Recorded::json`] has it |
    /// | `tree` | the same by cause, as [`Answer::tree`] has it: a flat list, depth first |
    ///
    /// Of the tree, a node has `event` (the id of one of the events), `depth`, `parent` (the number of a node before it
    /// in the list; not there at roots), `origin` (`child`, `root`, `orphan`, `circular`; of the last two `under` says
    /// which span), and of spans, as far as they are known, `end` (an event), `duration_ns`, `self_ns` and `child_ns`.
    /// It is flat since most readers refuse JSON that is nested a hundred deep or so, and spans may well be.
    #[must_use]
    pub fn json(&self) -> Json<&Self> {
        Json(self)
    }
}

impl<'a> Recorded<'a> {
    /// The event as one JSON object, on one line.
    ///
    /// | key | holds |
    /// |---|---|
    /// | `id` | [`EventId::get`](super::EventId::get), in decimal |
    /// | `ticks`, `unix_ns` | when it happened, by the deck's clock, and in nanoseconds since 1970 |
    /// | `kind`, `severity`, `class` | their names |
    /// | `thread`, `thread_name` | who wrote it |
    /// | `correlation`, `span`, `parent` | 32, 16 and 16 hexadecimal digits |
    /// | `start`, `end`, `root`, `unwound` | `true`, where it is |
    /// | `duration_ns` | of an end that knows it |
    /// | `batch` | `first`, the id of its first event, and `whole` |
    /// | `links`, `links_left_out` | objects with `correlation` and `span`, and how many more there were |
    /// | `fields` | an object; of each field `type` and `value` |
    ///
    /// What an event does not have is not there. Integers that may be beyond 2^53 by their nature (`id`, `ticks`,
    /// `unix_ns`) are strings always; others, fields among them, where they are. `type` is that of the value as it was
    /// stored, `u64`, `i64`, `f64`, `bool`, `str`, `bytes`, `diff`, `secret` or `personal`:
    ///
    /// - a number that JSON cannot have is a string: `NaN`, `Infinity`, `-Infinity`
    /// - `bytes` are hexadecimal digits; what was cut when it was recorded has `cut_from`, its length in bytes
    /// - a `diff` is a list of `name`, `before` and `after`
    /// - a `secret` has no value but `bytes`, its length; a `personal` one is its pseudonym
    ///
    /// Of fields that share a name the second is called `name#2`.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64, price: f64 } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record(OrderFilled { qty: 5, price: 1.25 });
    /// let answer = events.query().run()?;
    /// let line = answer.iter().next().expect("recorded above").json().to_string();
    /// assert!(line.contains(r#""fields":{"qty":{"type":"u64","value":5},"price":{"type":"f64","value":1.25}}"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn json(&self) -> Json<Self> {
        Json(*self)
    }
}

impl Gap {
    /// The gap as one JSON object, on one line, with one key, `gap`, which no event has:
    ///
    /// | key in it | holds |
    /// |---|---|
    /// | `cause` | `overwritten`, `pruned`, or the name of a [`LossCause`](super::LossCause) |
    /// | `lost` | whether it is the latter: they were never stored |
    /// | `count` | how many events, as a string |
    /// | `class`, `shard` | of which class, and of which shard, where they were meant for one |
    /// | `from_ticks`, `until_ticks` | between which stamps, as strings |
    #[must_use]
    pub fn json(&self) -> Json<Self> {
        Json(*self)
    }
}

impl Serialize for Json<Gap> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(1))?;
        object.serialize_entry("gap", &Missing(self.0))?;
        object.end()
    }
}

struct Missing(Gap);

impl Serialize for Missing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(gap) = self;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("cause", gap.cause.name())?;
        object.serialize_entry("lost", &matches!(gap.cause, GapCause::Lost(_)))?;
        object.serialize_entry("count", &Text(gap.count))?;
        object.serialize_entry("class", gap.class.name())?;
        if let Some(shard) = gap.shard {
            object.serialize_entry("shard", &shard)?;
        }
        object.serialize_entry("from_ticks", &Text(gap.from.0))?;
        object.serialize_entry("until_ticks", &Text(gap.until.0))?;
        object.end()
    }
}

impl Serialize for Json<&Answer> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let answer = self.0;
        let converter = &answer.converter();
        let since = |at: Ticks| Some(Moment { at, converter }).filter(|_| at != Ticks(0));
        let tree = answer.tree();
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("verdict", answer.verdict().name())?;
        if let Verdict::Truncated { by } = answer.verdict() {
            let by = match by {
                Truncation::Limit => "limit",
                Truncation::Budget => "budget",
                Truncation::Nameless => "nameless",
            };
            object.serialize_entry("truncated_by", by)?;
        }
        object.serialize_entry("since", &since(answer.since()))?;
        object.serialize_entry(
            "since_by_class",
            &ByClass(PerClass::of(|class| since(answer.since_of(class)))),
        )?;
        object.serialize_entry("matched", &Integer(answer.matched() as u64))?;
        object.serialize_entry("missing", &answer.missing().map(Integer))?;
        object.serialize_entry("gone", &Integer(answer.gone()))?;
        object.serialize_entry("visited", &Integer(answer.visited()))?;
        object.serialize_entry(
            "events",
            &List(|| answer.iter().map(|event| Event { event, converter, fields: None })),
        )?;
        object.serialize_entry("tree", &Tree(&tree))?;
        object.end()
    }
}

impl Serialize for Json<Recorded<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Event { event: self.0, converter: &self.0.view.clock.converter(), fields: None }.serialize(serializer)
    }
}

impl<'a> Json<Recorded<'a>> {
    /// The same with these fields in place of the event's own.
    ///
    /// ```
    /// use flightdeck::events::{Events, Value};
    /// flightdeck::kind! { Sent("mail.sent") { to: str } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record(Sent { to: "somebody@example.org" });
    /// let answer = events.query().run()?;
    /// let event = answer.iter().next().expect("recorded above");
    /// let line = event.json().with_fields(&[("domain", Value::Str("example.org"))]).to_string();
    /// assert!(line.contains(r#""fields":{"domain":{"type":"str","value":"example.org"}}"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_fields<'f>(
        self,
        fields: &'f [(&'f str, Value<'f>)],
    ) -> Json<(Recorded<'f>, &'f [(&'f str, Value<'f>)])>
    where
        'a: 'f,
    {
        Json((self.0, fields))
    }
}

/// What is written in place of an event's own fields.
type OtherFields<'f> = &'f [(&'f str, Value<'f>)];

impl Serialize for Json<(Recorded<'_>, OtherFields<'_>)> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (event, fields) = self.0;
        Event { event, converter: &event.view.clock.converter(), fields: Some(fields) }.serialize(serializer)
    }
}

impl<T> Display for Json<T>
where
    Self: Serialize,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        serde_json::to_writer(Out(f), self).map_err(|_| fmt::Error)
    }
}

/// A formatter as something to write bytes to.
struct Out<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl io::Write for Out<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Comes in pieces that are text each.
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Event<'a> {
    event: Recorded<'a>,
    converter: &'a Converter,
    /// In place of its own.
    fields: Option<OtherFields<'a>>,
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = &self.event;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("id", &Text(event.id().get()))?;
        object.serialize_entry("ticks", &Text(event.ticks().0))?;
        object.serialize_entry("unix_ns", &Text(self.converter.unix_ns(event.ticks())))?;
        object.serialize_entry("kind", event.kind())?;
        object.serialize_entry("severity", event.severity().name())?;
        object.serialize_entry("class", event.class().name())?;
        object.serialize_entry("thread", &event.thread())?;
        if let Some(name) = event.thread_name() {
            object.serialize_entry("thread_name", &*name)?;
        }
        if !event.correlation().is_none() {
            object.serialize_entry("correlation", &Text(event.correlation()))?;
        }
        for (name, span) in [("span", Some(event.span())), ("parent", event.parent())] {
            if let Some(span) = span.filter(|span| !span.is_none()) {
                object.serialize_entry(name, &Text(span))?;
            }
        }
        let marks = [
            ("start", event.is_start()),
            ("end", event.is_end()),
            ("root", event.is_root()),
            ("unwound", event.is_unwound()),
        ];
        for (name, _) in marks.iter().filter(|(_, is_marked)| *is_marked) {
            object.serialize_entry(name, &true)?;
        }
        if let Some(started_at) = event.started_at().filter(|_| event.is_end()) {
            let duration = self.converter.ns_between(started_at, event.ticks());
            object.serialize_entry("duration_ns", &Integer(duration))?;
        }
        if let Some(batch) = event.batch() {
            object.serialize_entry("batch", &Batch(batch))?;
        }
        let links = event.links();
        if links.len() > 0 {
            let link = |scope: super::scope::Scope| Link(scope.correlation(), scope.span());
            object.serialize_entry("links", &List(|| event.links().map(link)))?;
        }
        if links.left_out() > 0 {
            object.serialize_entry("links_left_out", &Integer(links.left_out()))?;
        }
        match self.fields {
            Some(fields) => object.serialize_entry("fields", &Fields(|| fields.iter().copied()))?,
            None => object.serialize_entry("fields", &Fields(|| event.fields()))?,
        }
        object.end()
    }
}

struct Fields<F>(F);

impl<'a, F: Fn() -> I, I: Iterator<Item = (&'a str, Value<'a>)>> Serialize for Fields<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        let mut taken: HashSet<Cow<'_, str>> = HashSet::new();
        for (name, value) in self.0() {
            // A kind may have fields of one name, an object may not.
            let numbered = (2..).map(|number| Cow::Owned(format!("{name}#{number}")));
            let mut names = std::iter::once(Cow::Borrowed(name)).chain(numbered);
            let free = names.find(|name| !taken.contains(name)).unwrap_or_default();
            object.serialize_entry(&*free, &Typed(value))?;
            taken.insert(free);
        }
        object.end()
    }
}

/// A value and its type.
struct Typed<'a>(Value<'a>);

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        let name = match self.0 {
            Value::U64(_) => "u64",
            Value::I64(_) => "i64",
            Value::F64(_) => "f64",
            Value::Bool(_) => "bool",
            Value::Str(_) | Value::CutStr { .. } => "str",
            Value::Bytes(_) | Value::CutBytes { .. } => "bytes",
            Value::Secret { .. } => "secret",
            Value::Personal(_) => "personal",
            Value::Diff(_) => "diff",
        };
        object.serialize_entry("type", name)?;
        match self.0 {
            Value::U64(number) => object.serialize_entry("value", &Integer(number))?,
            Value::I64(number) if number.unsigned_abs() > EXACT => {
                object.serialize_entry("value", &Text(number))?
            }
            Value::I64(number) => object.serialize_entry("value", &number)?,
            Value::F64(number) if number.is_nan() => object.serialize_entry("value", "NaN")?,
            Value::F64(number) if number.is_infinite() => {
                object.serialize_entry("value", if number > 0.0 { "Infinity" } else { "-Infinity" })?;
            }
            Value::F64(number) => object.serialize_entry("value", &number)?,
            Value::Bool(is) => object.serialize_entry("value", &is)?,
            Value::Str(kept) | Value::CutStr { kept, .. } => object.serialize_entry("value", kept)?,
            Value::Bytes(kept) | Value::CutBytes { kept, .. } => {
                object.serialize_entry("value", &Text(Value::Bytes(kept)))?;
            }
            Value::Secret { bytes } => object.serialize_entry("bytes", &Integer(bytes))?,
            Value::Personal(pseudonym) => object.serialize_entry("value", &Text(pseudonym))?,
            Value::Diff(diff) => object.serialize_entry("value", &Changes(diff))?,
        }
        if let Some(bytes) = self.0.cut_from() {
            object.serialize_entry("cut_from", &Integer(bytes))?;
        }
        object.end()
    }
}

struct Changes<'a>(Diff<'a>);

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(OneChange))
    }
}

struct OneChange<'a>(Change<'a>);

impl Serialize for OneChange<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(3))?;
        object.serialize_entry("name", self.0.name())?;
        object.serialize_entry("before", &Typed(self.0.before()))?;
        object.serialize_entry("after", &Typed(self.0.after()))?;
        object.end()
    }
}

struct Batch(BatchPart);

impl Serialize for Batch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(2))?;
        object.serialize_entry("first", &Text(self.0.first.get()))?;
        object.serialize_entry("whole", &self.0.is_whole)?;
        object.end()
    }
}

struct Link(CorrelationId, SpanId);

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(2))?;
        object.serialize_entry("correlation", &Text(self.0))?;
        object.serialize_entry("span", &Text(self.1))?;
        object.end()
    }
}

struct Moment<'a> {
    at: Ticks,
    converter: &'a Converter,
}

impl Serialize for Moment<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(2))?;
        object.serialize_entry("ticks", &Text(self.at.0))?;
        object.serialize_entry("unix_ns", &Text(self.converter.unix_ns(self.at)))?;
        object.end()
    }
}

struct ByClass<T>(PerClass<T>);

impl<T: Serialize> Serialize for ByClass<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(class, value)| (Class::name(class), value)))
    }
}

struct Tree<'a>(&'a TraceTree<'a>);

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(OneNode))
    }
}

struct OneNode<'a>(Node<'a>);

impl Serialize for OneNode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = &self.0;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("event", &Text(node.event().id().get()))?;
        object.serialize_entry("depth", &node.depth())?;
        if let Some(parent) = node.parent() {
            object.serialize_entry("parent", &parent.number())?;
        }
        let (origin, under) = match node.origin() {
            Origin::Child => ("child", None),
            Origin::Root => ("root", None),
            Origin::Orphan { under } => ("orphan", Some(under)),
            Origin::Circular { under } => ("circular", Some(under)),
        };
        object.serialize_entry("origin", origin)?;
        if let Some(under) = under {
            object.serialize_entry("under", &Text(under))?;
        }
        if let Some(end) = node.end() {
            object.serialize_entry("end", &Text(end.id().get()))?;
        }
        let times = [
            ("duration_ns", node.duration()),
            ("self_ns", node.self_time()),
            ("child_ns", node.child_time()),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                object.serialize_entry(name, &Integer(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))?;
            }
        }
        object.end()
    }
}

/// A number, as long as every reader takes it for the same; a string beyond.
struct Integer(u64);

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= EXACT { serializer.serialize_u64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

/// A string.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A list that is made while it is written.
struct List<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
