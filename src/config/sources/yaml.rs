//! YAML as a tree. Aliases are followed, within bounds: what they come to counts as if it were written out.

use super::position::{Lines, Position};
use super::problem::Problem;
use super::text::{DEEPEST, FINITE, Reading, Said};
use serde_core::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::{Cell, RefCell};
use std::fmt;

/// How many brackets may be open at once, whatever they stand for: for each one more, the parser needs more time for each
/// further one.
const MOST_OPEN: usize = 4 * DEEPEST;

pub(super) fn read(reading: &Reading<'_>) -> Result<Said, Vec<Problem>> {
    if let Some(at) = one_too_many(reading.text) {
        let origin = reading.at(Lines::of(reading.text).position(at));
        return Err(vec![Problem::TooDeep { origin, limit: DEEPEST }]);
    }
    let bytes = reading.longest;
    let values = (bytes / 2).max(1);
    let (stopped, left) = (RefCell::new(None), Left { values: Cell::new(values), bytes: Cell::new(bytes) });
    let seed = Bounded { left: &left, stopped: &stopped };
    let tree = seed.deserialize(serde_norway::Deserializer::from_str(reading.text)).map_err(|error| {
        let position = error.location().map(|at| Position::new(at.line(), at.column()));
        let origin = reading.origin(position);
        let remedy = "use fewer aliases, or raise `longest_file`";
        let text = reason(&error, position);
        let stop = if text.contains("repetition limit") { Some(Stop::Values) } else { stopped.take() };
        let problem = match stop {
            Some(Stop::Values) => Problem::TooMuch { origin, what: "values", limit: values, remedy },
            Some(Stop::Bytes) => Problem::TooMuch { origin, what: "bytes", limit: bytes, remedy },
            Some(Stop::Duplicate(path)) => Problem::Duplicate { origin, path },
            None => reading.syntax(position, &text),
        };
        vec![problem]
    })?;
    Ok(Said { tree, spot: None })
}

/// Where more brackets are open than may be.
fn one_too_many(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MOST_OPEN
    })
}

/// What is wrong, without where: the origin says that.
fn reason(error: &serde_norway::Error, position: Option<Position>) -> String {
    let text = error.to_string();
    match position {
        Some(Position { line, column, .. }) => text.replace(&format!(" at line {line} column {column}"), ""),
        None => text,
    }
}

/// What may still come.
struct Left {
    values: Cell<usize>,
    bytes: Cell<usize>,
}

/// Why reading ended before the text did.
enum Stop {
    Values,
    Bytes,
    Duplicate(String),
}

/// A value within bounds.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    left: &'a Left,
    stopped: &'a RefCell<Option<Stop>>,
}

impl Bounded<'_> {
    fn stop<E: Error>(self, why: Stop) -> E {
        self.stopped.replace(Some(why));
        E::custom("out of bounds")
    }

    fn count<E: Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.left.bytes.get().checked_sub(bytes).ok_or_else(|| self.stop(Stop::Bytes))?;
        self.left.bytes.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.values.get().checked_sub(1).ok_or_else(|| self.stop(Stop::Values))?;
        self.left.values.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without a tag")
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, is_true: bool) -> Result<Value, E> {
        Ok(Value::Bool(is_true))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        let none =
            || E::custom(format_args!("an infinite number, or none, which a config cannot hold: {FINITE}"));
        Number::from_f64(number).map(Value::Number).ok_or_else(none)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.count(text.len())?;
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = sequence.next_element_seed(self)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut section = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            self.count(name.len())?;
            let value = map.next_value_seed(self)?;
            if section.contains_key(&name) {
                return Err(self.stop(Stop::Duplicate(name)));
            }
            section.insert(name, value);
        }
        Ok(Value::Object(section))
    }
}
