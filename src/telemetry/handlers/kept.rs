//! An execution that outlives its call: what a queue holds.

use super::execution::{Execution, Measurement, MetadataValue};

/// The most that one takes, in bytes.
pub(super) const MOST_BYTES: usize = 64 << 10;

/// All text lies in one string, and the values say where theirs ends.
#[derive(Debug)]
pub(super) struct Kept {
    text: String,
    name: usize,
    measurements: Vec<(usize, Measurement)>,
    metadata: Vec<(usize, KeptValue)>,
}

#[derive(Clone, Copy, Debug)]
enum KeptValue {
    Plain(MetadataValue<'static>),
    /// Its text ends there.
    Str(usize),
}

impl Kept {
    /// A copy; `None` if it is too large. Allocates three times at most.
    pub(super) fn of(execution: &Execution<'_>) -> Option<Self> {
        let Execution { name, measurements, metadata } = execution;
        let of_value =
            |value: &MetadataValue<'_>| if let MetadataValue::Str(text) = value { text.len() } else { 0 };
        let text = name.len()
            + measurements.iter().map(|(name, _)| name.len()).sum::<usize>()
            + metadata.iter().map(|(name, value)| name.len() + of_value(value)).sum::<usize>();
        let values = measurements.len() * size_of::<(usize, Measurement)>()
            + metadata.len() * size_of::<(usize, KeptValue)>();
        if text.saturating_add(values) > MOST_BYTES {
            return None;
        }
        let mut text = String::with_capacity(text);
        let mut put = |part: &str| {
            text.push_str(part);
            text.len()
        };
        let end_of_name = put(name);
        let measurements = measurements.iter().map(|(name, value)| (put(name), *value)).collect();
        let metadata = metadata.iter().map(|(name, value)| {
            let end = put(name);
            let value = match *value {
                MetadataValue::Str(text) => KeptValue::Str(put(text)),
                MetadataValue::U64(value) => KeptValue::Plain(MetadataValue::U64(value)),
                MetadataValue::I64(value) => KeptValue::Plain(MetadataValue::I64(value)),
                MetadataValue::F64(value) => KeptValue::Plain(MetadataValue::F64(value)),
                MetadataValue::Bool(value) => KeptValue::Plain(MetadataValue::Bool(value)),
            };
            (end, value)
        });
        let metadata = metadata.collect();
        Some(Self { text, name: end_of_name, measurements, metadata })
    }

    /// Tells it as it was. Allocates.
    pub(super) fn tell<R>(&self, to: impl FnOnce(&Execution<'_>) -> R) -> R {
        let mut at = 0;
        let mut take = |end: usize| {
            let part = self.text.get(at..end).unwrap_or_default();
            at = end;
            part
        };
        let name = take(self.name);
        let measurements: Vec<_> =
            self.measurements.iter().map(|(end, value)| (take(*end), *value)).collect();
        let metadata = self.metadata.iter().map(|(end, value)| {
            let name = take(*end);
            let value = match *value {
                KeptValue::Plain(value) => value,
                KeptValue::Str(end) => MetadataValue::Str(take(end)),
            };
            (name, value)
        });
        let metadata: Vec<_> = metadata.collect();
        to(&Execution { name, measurements: &measurements, metadata: &metadata })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_kept_is_told_as_it_was(
            name in "\\PC{0,8}",
            measured in prop::collection::vec(("\\PC{0,4}", any::<u64>()), 0..4),
            known in prop::collection::vec(("\\PC{0,4}", "\\PC{0,8}", any::<i64>()), 0..4),
        ) {
            let measurements: Vec<_> = measured.iter().map(|(name, value)| (&**name, (*value).into())).collect();
            let texts = known.iter().map(|(name, text, _)| (&**name, MetadataValue::Str(text)));
            let numbers = known.iter().map(|(name, _, number)| (&**name, MetadataValue::I64(*number)));
            let metadata: Vec<_> = texts.chain(numbers).collect();
            let execution = Execution { name: &name, measurements: &measurements, metadata: &metadata };
            prop_assert!(Kept::of(&execution).unwrap().tell(|told| *told == execution));
        }
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let of = |text: &str| Kept::of(&Execution { name: text, measurements: &[], metadata: &[] }).is_some();
        assert!(of(&"x".repeat(MOST_BYTES)) && !of(&"x".repeat(MOST_BYTES + 1)));
    }
}
