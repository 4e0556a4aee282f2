//! Which groups there are. Cold: a handle is resolved once.

use super::MOST;
use super::error::GroupError;
use super::sheet::Sheet;
use crate::sync::{Arc, Mutex};
use crate::telemetry::error::RegisterError;
use crate::telemetry::series::member::Hold;
use crate::telemetry::series::{Labels, SeriesKey};
use crate::telemetry::values::Value;

/// A registered group.
#[derive(Debug)]
pub(crate) struct Known {
    name: String,
    /// `GROUP.NUMBER`, as snapshots have them.
    metrics: Vec<String>,
    /// Their series: never idle, and without the telemetry, which holds this.
    _holds: Vec<Hold>,
    pub(super) sheet: Sheet,
}

/// All groups of a telemetry.
#[derive(Debug)]
pub(crate) struct Groups {
    slabs: usize,
    known: Mutex<Vec<Arc<Known>>>,
}

/// What groups take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) groups: usize,
    pub(crate) reserved: u64,
    pub(crate) used: u64,
}

impl Groups {
    /// Where so many slabs ever had an owner.
    pub(crate) fn usage(&self, reached: usize) -> Usage {
        let known = self.known.lock();
        let bytes =
            |slabs| -> usize { known.iter().map(|group| Sheet::words(group.metrics.len(), slabs) * 8).sum() };
        Usage { groups: known.len(), reserved: bytes(self.slabs) as u64, used: bytes(reached) as u64 }
    }

    /// For so many slabs.
    pub(crate) fn new(slabs: usize) -> Self {
        Self { slabs, known: Mutex::new(Vec::new()) }
    }

    /// The group of this name, which is made if it is new; `register` takes the names of all its numbers, and registers all or none.
    pub(super) fn resolve(
        &self,
        name: &str,
        numbers: &[&str],
        register: impl Fn(&[String]) -> Result<Vec<Hold>, RegisterError>,
    ) -> Result<Arc<Known>, GroupError> {
        check(name, numbers)?;
        let metrics: Vec<String> = numbers.iter().map(|number| format!("{name}.{number}")).collect();
        let mut known = self.known.lock();
        if let Some(group) = known.iter().find(|group| group.name == name) {
            return if group.metrics == metrics {
                Ok(group.clone())
            } else {
                let (registered, asked) = (group.metrics.join(", "), metrics.join(", "));
                Err(GroupError::OtherNumbers { name: name.to_owned(), registered, asked })
            };
        }
        let bytes = Sheet::words(numbers.len(), self.slabs).saturating_mul(8);
        let sheet = Sheet::new(numbers.len(), self.slabs);
        let sheet = sheet.ok_or_else(|| GroupError::OutOfMemory { name: name.to_owned(), bytes })?;
        let holds = register(&metrics)?;
        let group = Arc::new(Known { name: name.to_owned(), metrics, _holds: holds, sheet });
        known.push(group.clone());
        Ok(group)
    }

    /// Adds what groups counted to the counters that have the names of their numbers; all numbers of one group are read
    /// together. What was registered after the list of series was made is left out. `keys` are in their order.
    pub(crate) fn add_to(&self, keys: &[SeriesKey], values: &mut [Value], reached: usize) {
        // Cloned out: reading takes its time.
        let known = self.known.lock().clone();
        let unlabelled = Labels::default();
        for group in known {
            let mut sum = vec![0; group.metrics.len()];
            group.sheet.sum(reached, &mut sum);
            for (metric, sum) in group.metrics.iter().zip(sum) {
                let place =
                    keys.binary_search_by(|key| (key.name(), key.labels()).cmp(&(metric, &unlabelled)));
                if let Some(Value::Counter(count)) = place.ok().and_then(|at| values.get_mut(at)) {
                    *count = count.wrapping_add(sum);
                }
            }
        }
    }
}

fn check(name: &str, numbers: &[&str]) -> Result<(), GroupError> {
    if !(1..=MOST).contains(&numbers.len()) {
        return Err(GroupError::Size { name: name.to_owned(), numbers: numbers.len() });
    }
    if name.is_empty() || numbers.contains(&"") {
        return Err(GroupError::EmptyName { name: name.to_owned() });
    }
    let repeated = numbers.iter().enumerate().find(|(at, number)| numbers[..*at].contains(number));
    repeated.map_or(Ok(()), |(_, number)| {
        Err(GroupError::Repeated { name: name.to_owned(), number: (*number).to_owned() })
    })
}
