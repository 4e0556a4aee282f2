//! The series of one metric, and its limit.

use super::labels::Labels;
use super::member::{Common, Hold, Series, SeriesKey};
use super::pool::{Exhausted, Pool};
use super::unit::{Description, Unit};
use crate::sync::Arc;
use crate::telemetry::buckets::Resolution;
use crate::telemetry::registry::MetricType;
use crate::telemetry::section::roll::{Number, Roll};
use ahash::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::time::Instant;

/// A series as the registry keeps it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) series: Arc<Series>,
    /// What its cells said when somebody last looked for idle ones, and since when they have said so.
    pub(crate) last: u64,
    pub(crate) since: Instant,
}

/// All series of a metric.
#[derive(Debug)]
pub(crate) struct Members<S = RandomState> {
    common: Arc<Common>,
    /// In the roll.
    number: Number,
    /// By labels, compared in full; with the empty set, which stands outside the limit.
    pub(crate) members: HashMap<Labels, Member, S>,
    pub(crate) overflow: Option<Member>,
    overflowed: u64,
    first_overflowed: Option<Labels>,
    pub(crate) retired: u64,
    pub(crate) retired_total: u64,
}

impl<S: BuildHasher> Members<S> {
    pub(crate) fn new(common: Common, hasher: S) -> Self {
        Self {
            common: Arc::new(common),
            number: None,
            members: HashMap::with_hasher(hasher),
            overflow: None,
            overflowed: 0,
            first_overflowed: None,
            retired: 0,
            retired_total: 0,
        }
    }

    pub(crate) fn metric_type(&self) -> MetricType {
        self.common.metric_type
    }

    pub(crate) fn resolution(&self) -> Resolution {
        self.common.resolution
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len() + usize::from(self.overflow.is_some())
    }

    /// Whether there is a series of these labels.
    pub(crate) fn has(&self, labels: &Labels) -> bool {
        self.members.contains_key(labels)
    }

    /// Takes a series out as if it had never been there.
    pub(crate) fn unmake(&mut self, labels: &Labels) -> Option<Arc<Series>> {
        self.members.remove(labels).map(|member| member.series)
    }

    /// In the roll.
    pub(crate) fn number(&self) -> Number {
        self.number
    }

    /// Whether there is no series, and never was one that anybody had.
    pub(crate) fn is_untouched(&self) -> bool {
        self.len() == 0 && self.retired == 0 && self.overflowed == 0
    }

    /// How often a label set was beyond the limit.
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed
    }

    pub(crate) fn description(&self) -> Option<&Description> {
        self.common.description.as_ref()
    }

    /// Series that count against the limit.
    pub(crate) fn labelled(&self) -> usize {
        self.members.len() - usize::from(self.members.contains_key(&Labels::default()))
    }

    fn limit(&self) -> usize {
        self.description().map_or(Description::MOST_SERIES, Description::limit)
    }

    pub(crate) fn describe(&mut self, description: Description, roll: &mut Roll) {
        self.common = Arc::new(Common { description: Some(description), ..Common::clone(&self.common) });
        if self.number.is_some() {
            roll.metric(&mut self.number, &self.common);
        }
    }

    /// The series of these labels, made if it is new; or that of label sets beyond the limit.
    pub(crate) fn resolve(
        &mut self,
        labels: Labels,
        pool: &mut Pool,
        roll: &mut Roll,
    ) -> Result<Hold, Exhausted> {
        if let Some(member) = self.members.get(&labels) {
            return Ok(Hold::claim(&member.series));
        }
        if labels.is_empty() || self.labelled() < self.limit() {
            match self.make(Some(&labels), pool, roll) {
                Ok(member) => {
                    let hold = Hold::claim(&member.series);
                    self.members.insert(labels, member);
                    return Ok(hold);
                }
                Err(exhausted) if labels.is_empty() => return Err(exhausted),
                // Better counted under a wrong name than not at all.
                Err(_) => {}
            }
        }
        let hold = match &self.overflow {
            Some(member) => Hold::claim(&member.series),
            None => {
                let member = self.make(None, pool, roll)?;
                let hold = Hold::claim(&member.series);
                self.overflow = Some(member);
                hold
            }
        };
        self.overflowed += 1;
        self.first_overflowed.get_or_insert(labels);
        Ok(hold)
    }

    /// Without labels, that of label sets beyond the limit.
    fn make(
        &mut self,
        labels: Option<&Labels>,
        pool: &mut Pool,
        roll: &mut Roll,
    ) -> Result<Member, Exhausted> {
        let (metric_type, resolution) = (self.metric_type(), self.resolution());
        let series = Series::new(metric_type, resolution, pool.take(metric_type.cells(resolution))?);
        // First: whoever reads the name finds all that it ever counted.
        roll.carry(&self.common, labels, &series, pool.cells());
        roll.enter(&mut self.number, &self.common, labels, &series);
        Ok(Member { series, last: 0, since: Instant::now() })
    }

    /// All series, in no order.
    pub(crate) fn list(&self) -> impl Iterator<Item = (SeriesKey, Arc<Series>)> {
        let named = self.members.iter().map(|(labels, member)| (labels.clone(), member));
        let overflow = self.overflow.iter().map(|member| (Labels::overflow(), member));
        named.chain(overflow).map(|(labels, Member { series, .. })| {
            (SeriesKey::new(self.common.clone(), labels, series), series.clone())
        })
    }

    pub(crate) fn status(&self) -> MetricStatus {
        MetricStatus {
            name: self.common.name.to_string(),
            metric_type: self.metric_type(),
            unit: self.description().and_then(Description::its_unit),
            help: self.description().map(|description| description.help().to_owned()),
            series: self.labelled(),
            most_series: self.limit(),
            overflowed: self.overflowed,
            first_overflowed: self.first_overflowed.clone(),
            retired: self.retired,
            retired_total: self.retired_total,
        }
    }
}

/// How a metric is doing: its series, and what became of those that are none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricStatus {
    /// Its name.
    pub name: String,
    /// What it is.
    pub metric_type: MetricType,
    /// The unit it was described with.
    pub unit: Option<Unit>,
    /// What it was said to be for.
    pub help: Option<String>,
    /// Label sets it has now; the one without labels and that of the overflow aside.
    pub series: usize,
    /// How many it may have.
    pub most_series: usize,
    /// How often a label set was asked for that did not fit, and got the overflow series instead. How much was counted
    /// there is the value of that series.
    pub overflowed: u64,
    /// The first label set that did not fit.
    pub first_overflowed: Option<Labels>,
    /// Series that were retired because they were idle.
    pub retired: u64,
    /// What those had counted: the sum of counters, the number of values of histograms; 0 of gauges. Together with the
    /// series in a snapshot it is all that was ever counted.
    pub retired_total: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::Region;
    use crate::region::semispace::Semispace;
    use crate::telemetry::carry::Earlier;
    use crate::telemetry::cells::{Cells, Sizes};
    use std::hash::{BuildHasherDefault, Hasher};

    /// Finds all texts alike.
    #[derive(Default)]
    struct Alike;

    impl Hasher for Alike {
        fn finish(&self) -> u64 {
            7
        }
        fn write(&mut self, _: &[u8]) {}
    }

    #[test]
    fn label_sets_of_one_hash_stay_apart() {
        let cells = Cells::new(Sizes { cells: 64, slabs: 1, chunks: 1 }).unwrap();
        let mut pool = Pool::new(cells, 64, 1);
        let region = Region::heap(Semispace::footprint(64)).unwrap();
        let mut roll = Roll::new(Semispace::at(&region, 0, 64), Earlier::default(), None);
        let common = Common {
            name: "m".into(),
            metric_type: MetricType::Counter,
            resolution: Resolution::default(),
            description: None,
        };
        let mut members = Members::new(common, BuildHasherDefault::<Alike>::default());
        let mut resolve = |value: &str| {
            let labels = Labels::new("m", &[("a", value)]).unwrap().0;
            members.resolve(labels, &mut pool, &mut roll).unwrap().cell()
        };
        let found: Vec<_> = ["x", "y", "z"].map(&mut resolve).to_vec();
        assert_eq!(found, [1, 2, 3]);
        assert_eq!(["z", "x", "y"].map(resolve), [3, 1, 2]);
    }
}
