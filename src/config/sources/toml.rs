//! TOML as a tree. Dates and times become texts, as TOML writes them.

use super::place::{Place, Step};
use super::position::{Lines, Parts, Spot};
use super::problem::Problem;
use super::text::{FINITE, MOST_ERRORS, Reading, Said};
use ::toml::Spanned;
use ::toml::de::{DeArray, DeInteger, DeTable, DeValue};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

pub(super) fn read(reading: &Reading<'_>) -> Result<Said, Vec<Problem>> {
    let lines = Lines::of(reading.text);
    let (table, errors) = DeTable::parse_recoverable(reading.text);
    if !errors.is_empty() {
        let syntax = |error: &::toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            // Its own display would quote the line, which may hold a secret.
            reading.syntax(Some(lines.position(at)), error.message())
        };
        return Err(errors.iter().take(MOST_ERRORS).map(syntax).collect());
    }
    let mut maker = Maker { reading, lines: &lines, place: Place::root(), problems: Vec::new() };
    let (tree, parts) = maker.table(table.get_ref());
    let position = lines.position(0);
    match maker.problems {
        problems if problems.is_empty() => Ok(Said { tree, spot: Some(Spot { position, parts }) }),
        problems => Err(problems),
    }
}

struct Maker<'a> {
    reading: &'a Reading<'a>,
    lines: &'a Lines<'a>,
    place: Place,
    problems: Vec<Problem>,
}

impl Maker<'_> {
    fn table(&mut self, table: &DeTable<'_>) -> (Value, Parts) {
        let (mut section, mut names) = (Map::new(), BTreeMap::new());
        for (name, value) in table.iter() {
            let position = self.lines.position(name.span().start);
            let name = name.get_ref().to_string();
            let (value, parts) = self.inside(Step::Name(name.as_str().into()), value);
            section.insert(name.clone(), value);
            names.insert(name, Spot { position, parts });
        }
        (Value::Object(section), Parts::Names(names))
    }

    fn array(&mut self, array: &DeArray<'_>) -> (Value, Parts) {
        let (mut list, mut elements) = (Vec::new(), Vec::new());
        for (index, value) in array.iter().enumerate() {
            let position = self.lines.position(value.span().start);
            let (value, parts) = self.inside(Step::Index(index), value);
            list.push(value);
            elements.push(Spot { position, parts });
        }
        (Value::Array(list), Parts::Elements(elements))
    }

    fn inside(&mut self, step: Step, value: &Spanned<DeValue<'_>>) -> (Value, Parts) {
        self.place.push(step);
        let made = self.value(value);
        self.place.pop();
        made
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> (Value, Parts) {
        let number = match value.get_ref() {
            DeValue::Table(table) => return self.table(table),
            DeValue::Array(array) => return self.array(array),
            DeValue::String(text) => return (Value::String(text.to_string()), Parts::None),
            DeValue::Boolean(is_true) => return (Value::Bool(*is_true), Parts::None),
            DeValue::Datetime(time) => return (Value::String(time.to_string()), Parts::None),
            DeValue::Integer(number) => {
                integer(number).ok_or(("a number out of range", "write one of 64 bits"))
            }
            DeValue::Float(number) => {
                let number = number.as_str().parse().ok().and_then(Number::from_f64);
                number.ok_or(("an infinite number, or none", FINITE))
            }
        };
        let number = number.unwrap_or_else(|(what, remedy)| {
            let position = self.lines.position(value.span().start);
            self.problems.push(self.reading.unsupported(position, &self.place, what, remedy));
            Number::from(0)
        });
        (Value::Number(number), Parts::None)
    }
}

fn integer(number: &DeInteger<'_>) -> Option<Number> {
    let (digits, radix) = (number.as_str(), number.radix());
    let signed = i64::from_str_radix(digits, radix).map(Number::from);
    signed.or_else(|_| u64::from_str_radix(digits, radix).map(Number::from)).ok()
}
