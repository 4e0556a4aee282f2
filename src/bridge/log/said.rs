//! The message and the pairs of a record, as they are told.

use crate::CorrelationId;
use crate::bridge::ids::correlation_of;
use crate::bridge::secrets::Secrets;
use crate::bridge::text::{Piece, Text};
use crate::bridge::told::Told;
use crate::events::Value;
use log::kv::{Error, Key, VisitSource, VisitValue};
use std::fmt;

/// The message and the pairs.
pub(super) const MOST: usize = 16;

/// What a logger was told of keys.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) correlation: Option<Box<str>>,
    pub(super) secrets: Secrets,
}

pub(super) struct Said<'r> {
    told: [Told; MOST],
    /// Of each its key; of the message an empty one.
    keys: [Piece; MOST],
    len: usize,
    text: Text,
    rules: &'r Rules,
    /// A bit for each that must not be stored.
    secret: u32,
    pub(super) id: Option<CorrelationId>,
    pub(super) cut: u64,
    pub(super) left_out: u64,
}

impl<'r> Said<'r> {
    pub(super) fn of(record: &log::Record<'_>, rules: &'r Rules) -> Self {
        let mut said = Self {
            told: [Told::Bool(false); MOST],
            keys: [Piece::default(); MOST],
            len: 1,
            text: Text::new(),
            rules,
            secret: 0,
            id: None,
            cut: 0,
            left_out: 0,
        };
        let message = said.text.shown(*record.args(), false);
        said.cut += u64::from(message.cut_from().is_some());
        said.told[0] = Told::Str(message);
        if record.key_values().visit(&mut said).is_err() {
            said.left_out += 1;
        }
        said
    }

    /// What there is, each with its key, the code of its type, and whether it is secret.
    pub(super) fn shape(&self) -> impl Iterator<Item = (&str, u128, bool)> {
        let key = |index: usize| if index == 0 { "message" } else { self.text.str(self.keys[index]) };
        (0..self.len).map(move |index| (key(index), self.told[index].code(), self.secret >> index & 1 == 1))
    }

    pub(super) fn with_values<R>(&self, body: impl FnOnce(&[Value<'_>]) -> R) -> R {
        let mut values = [Value::Bool(false); MOST];
        for (place, told) in values.iter_mut().zip(&self.told).take(self.len) {
            *place = told.value(&self.text);
        }
        body(values.get(..self.len).unwrap_or_default())
    }

    /// All of it as one text.
    #[cold]
    pub(super) fn as_text(&self) -> String {
        let mut all = String::new();
        for ((key, _, is_secret), told) in self.shape().zip(&self.told) {
            let gap = if all.is_empty() { "" } else { " " };
            let said = match is_secret {
                true => format!("{gap}{key}=<secret>"),
                false => format!("{gap}{key}={}", told.value(&self.text)),
            };
            all.push_str(&said);
        }
        all
    }

    fn tell_text(&mut self, piece: Piece) -> Told {
        self.cut += u64::from(piece.cut_from().is_some());
        Told::Str(piece)
    }
}

impl<'kvs> VisitSource<'kvs> for Said<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: log::kv::Value<'kvs>) -> Result<(), Error> {
        let index = self.len;
        if index == MOST {
            self.left_out += 1;
            return Ok(());
        }
        let key = key.as_str();
        let is_secret = self.rules.secrets.has(key);
        self.keys[index] = self.text.text(key, false);
        let mut one = One { said: self, is_secret, told: None };
        value.visit(&mut one)?;
        let Some(told) = one.told else { return Ok(()) };
        if self.rules.correlation.as_deref() == Some(key) {
            self.id = match told {
                Told::U64(number) => Some(number.into()),
                Told::I64(number) => Some(number.cast_unsigned().into()),
                Told::Str(piece) => Some(correlation_of(self.text.str(piece))),
                _ => None,
            };
        }
        self.told[index] = told;
        self.secret |= u32::from(is_secret) << index;
        self.len = index + 1;
        Ok(())
    }
}

/// The value of a pair.
struct One<'a, 'r> {
    said: &'a mut Said<'r>,
    is_secret: bool,
    told: Option<Told>,
}

impl One<'_, '_> {
    fn show(&mut self, shown: fmt::Arguments<'_>) -> Result<(), Error> {
        let piece = self.said.text.shown(shown, self.is_secret);
        self.told = Some(self.said.tell_text(piece));
        Ok(())
    }
}

impl<'v> VisitValue<'v> for One<'_, '_> {
    fn visit_any(&mut self, value: log::kv::Value<'_>) -> Result<(), Error> {
        self.show(format_args!("{value}"))
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.told = Some(Told::U64(value));
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.told = Some(Told::I64(value));
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.told = Some(Told::F64(value));
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.told = Some(Told::Bool(value));
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        let piece = self.said.text.text(value, self.is_secret);
        self.told = Some(self.said.tell_text(piece));
        Ok(())
    }
}
