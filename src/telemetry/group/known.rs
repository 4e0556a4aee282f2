//! Which groups there are. Cold: a handle is resolved once.

use super::MOST;
use super::error::GroupError;
use super::sheet::Sheet;
use crate::sync::{Arc, Mutex};
use crate::telemetry::cells::Cells;
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
#[derive(Debug, Default)]
pub(crate) struct Groups {
    known: Mutex<Vec<Arc<Known>>>,
}

/// The names of a group's numbers, and cells of its own.
pub(crate) struct Registered {
    pub(crate) holds: Vec<Hold>,
    /// One more than numbers, zero, in one chunk, from here on.
    pub(crate) first: usize,
}

impl Groups {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.known.lock().len()
    }

    /// The group of this name, which is made if it is new; `register` takes the names of all its numbers, and registers all or none.
    pub(super) fn resolve(
        &self,
        name: &str,
        numbers: &[&str],
        cells: &Arc<Cells>,
        register: impl Fn(&[String]) -> Result<Registered, RegisterError>,
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
        let Registered { holds, first } = register(&metrics)?;
        let sheet = Sheet::new(cells, first, numbers.len());
        let group = Arc::new(Known { name: name.to_owned(), metrics, _holds: holds, sheet });
        known.push(group.clone());
        Ok(group)
    }

    /// Adds what groups counted to the counters that have the names of their numbers; all numbers of one group are read
    /// together. What was registered after the list of series was made is left out. `keys` are in their order.
    pub(crate) fn add_to(&self, keys: &[SeriesKey], values: &mut [Value]) {
        // Cloned out: reading takes its time.
        let known = self.known.lock().clone();
        let unlabelled = Labels::default();
        for group in known {
            let mut sum = vec![0; group.metrics.len()];
            group.sheet.sum(&mut sum);
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
