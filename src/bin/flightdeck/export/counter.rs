//! Fields that a trace draws as counters.

use super::row::Row;
use crate::messages::Messages;
use flightdeck::bridge::trace::TraceBuilder;
use flightdeck::events::Value;

/// A field that is drawn as a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    pub kind: String,
    pub field: String,
}

/// KIND=FIELD.
pub fn counter(text: &str) -> Result<Counter, &'static str> {
    match text.split_once('=') {
        Some((kind, field)) if !kind.is_empty() && !field.is_empty() => {
            Ok(Counter { kind: kind.to_owned(), field: field.to_owned() })
        }
        _ => Err("write KIND=FIELD, such as queue.sampled=depth"),
    }
}

/// Those of which nothing has been drawn yet.
#[derive(Clone, Debug, Default)]
pub struct Undrawn(Vec<Counter>);

impl Undrawn {
    pub fn new(counters: &[Counter]) -> Self {
        Self(counters.to_owned())
    }

    /// A trace with all of them.
    pub fn of(&self, builder: TraceBuilder) -> TraceBuilder {
        self.0.iter().fold(builder, |builder, Counter { kind, field }| builder.counter(kind, field))
    }

    /// What is drawn of this event.
    pub fn see(&mut self, row: &Row<'_>) {
        let draws = |counter: &Counter| {
            counter.kind == row.event.kind()
                && row.field(&counter.field).is_some_and(|value| is_number(&value))
        };
        self.0.retain(|counter| !draws(counter));
    }

    /// Names those that stayed empty.
    pub fn tell(&self, messages: &Messages) {
        for Counter { kind, field } in &self.0 {
            messages
                .warn(format_args!("no event there is of kind `{kind}` with a number in a field `{field}`"));
        }
    }
}

fn is_number(value: &Value<'_>) -> bool {
    matches!(value, Value::U64(_) | Value::I64(_) | Value::F64(_) | Value::Bool(_))
}
