//! Which series a log tells of: those that can be, each with cells of its own.

use crate::region::log::Record;
use crate::region::semispace::Reading;
use crate::sync::Arc;
use crate::telemetry::buckets::Resolution;
use crate::telemetry::cells::CHUNK;
use crate::telemetry::error::DescribeError;
use crate::telemetry::group::sheet::Sheet;
use crate::telemetry::metric::RESERVED;
use crate::telemetry::section::roll::{GROUP, METRIC, OVERFLOW, SERIES, resolution_of, type_of, unit_of};
use crate::telemetry::series::member::Common;
use crate::telemetry::series::name::check_name;
use crate::telemetry::series::{Description, Labels, SeriesKey};
use ahash::AHashMap;
use std::collections::BTreeMap;

/// A series that has a name.
pub(super) struct Named {
    pub(super) key: SeriesKey,
    pub(super) resolution: Resolution,
    pub(super) cell: usize,
    /// Where its record begins, and with what word.
    pub(super) at: usize,
    pub(super) head: u64,
}

impl Named {
    /// Where its cells end.
    pub(super) fn end(&self) -> usize {
        self.cell + self.key.metric_type().cells(self.resolution)
    }
}

/// A group, in cells that no other has.
pub(super) struct NamedGroup {
    /// That of the sequence.
    pub(super) first: usize,
    /// Those of the counters that its numbers are told with.
    pub(super) counters: Vec<usize>,
}

impl NamedGroup {
    /// How many cells it has of its own.
    pub(super) fn len(&self) -> usize {
        Sheet::cells(self.counters.len())
    }
}

/// All that a log tells.
#[derive(Default)]
pub(super) struct Names {
    /// By name and then by labels.
    pub(super) series: Vec<Named>,
    pub(super) groups: Vec<NamedGroup>,
    pub(super) metrics: u64,
    pub(super) unreadable: u64,
}

/// What a log tells of series in so many cells. Takes time and memory in proportion to the log, whatever it says.
pub(super) fn read(log: &Reading<'_>, cells: usize, id: u64) -> Names {
    let mut names = Names::default();
    let mut metrics: AHashMap<u32, Arc<Common>> = AHashMap::default();
    // First, since what is said last of a metric is true of all its series.
    for record in log.records().filter(|record| record.tag == METRIC) {
        match metric(record) {
            Some((number, common)) => _ = metrics.insert(number, Arc::new(common)),
            None => names.unreadable += 1,
        }
    }
    // By cell. No two have one in common, so all their values together are no more than there are cells.
    let mut found: BTreeMap<usize, Named> = BTreeMap::new();
    // Likewise.
    let mut groups: BTreeMap<usize, NamedGroup> = BTreeMap::new();
    for record in log.records() {
        match record.tag {
            SERIES => match series(record, &metrics, cells, id) {
                Some(series) => {
                    give_way(&mut found, &series);
                    found.insert(series.cell, series);
                }
                None => names.unreadable += 1,
            },
            GROUP => match group(record, cells) {
                Some(group) => {
                    let before = groups.range(..group.first + group.len()).next_back();
                    if before.is_some_and(|(first, other)| first + other.len() > group.first) {
                        names.unreadable += 1;
                    } else {
                        groups.insert(group.first, group);
                    }
                }
                None => names.unreadable += 1,
            },
            _ => {}
        }
    }
    names.metrics = metrics.len() as u64;
    names.series = found.into_values().collect();
    names.groups = groups.into_values().collect();
    let order = |a: &Named, b: &Named| {
        (a.key.name(), a.key.labels()).cmp(&(b.key.name(), b.key.labels())).then(b.at.cmp(&a.at))
    };
    names.series.sort_unstable_by(order);
    // Of two of one name the later one, which comes first.
    let name = |named: &Named| (named.key.name().to_owned(), named.key.labels().clone());
    names.series.dedup_by(|other, first| name(other) == name(first));
    names
}

/// Takes out what has a cell in common with a later series.
fn give_way(found: &mut BTreeMap<usize, Named>, series: &Named) {
    while let Some((&cell, other)) = found.range(..series.end()).next_back()
        && other.end() > series.cell
    {
        found.remove(&cell);
    }
}

fn metric(mut record: Record<'_>) -> Option<(u32, Common)> {
    let word = record.word()?;
    let metric_type = type_of((word >> 32) as u8)?;
    let resolution = resolution_of((word >> 40) as u8, (word >> 48) as u8)?;
    let most_series = record.word()?.checked_sub(1);
    let unit = record.word()?;
    let name = record.text().filter(|name| check_name(name).is_ok())?;
    let help = record.text().filter(|help| help.len() <= DescribeError::MOST_HELP)?;
    let described = |most_series: u64| {
        let description =
            Description::new(&help).most_series(usize::try_from(most_series).unwrap_or(usize::MAX));
        match unit_of(unit, || record.text()) {
            Some(unit) => description.unit(unit),
            None => description,
        }
    };
    let description = most_series.map(described);
    Some((word as u32, Common { name: name.into(), metric_type, resolution, description }))
}

fn group(mut record: Record<'_>, cells: usize) -> Option<NamedGroup> {
    let first = usize::try_from(record.word()?).ok().filter(|cell| (RESERVED..cells).contains(cell))?;
    let len = Sheet::cells(record.left());
    if len < 2 || first % CHUNK + len > CHUNK {
        return None;
    }
    let counters = std::iter::from_fn(|| record.word()).map(|cell| usize::try_from(cell).ok());
    Some(NamedGroup { first, counters: counters.collect::<Option<_>>()? })
}

fn series(
    mut record: Record<'_>,
    metrics: &AHashMap<u32, Arc<Common>>,
    cells: usize,
    id: u64,
) -> Option<Named> {
    let (at, head) = (record.begin, record.head);
    let word = record.word()?;
    let common = metrics.get(&(word as u32))?.clone();
    let cell = usize::try_from(record.word()?).ok().filter(|cell| (RESERVED..cells).contains(cell))?;
    let serial = record.word()?;
    let resolution = common.resolution;
    if cell + common.metric_type.cells(resolution) > cells {
        return None;
    }
    let mut labels = Vec::new();
    while record.left() > 0 {
        labels.push((record.text()?, record.text()?));
    }
    let labels = if word & OVERFLOW == 0 {
        let labels: Vec<(&str, &str)> = labels.iter().map(|(key, value)| (&**key, &**value)).collect();
        Labels::new(&common.name, &labels).ok()?.0
    } else {
        Labels::overflow()
    };
    // Those of a telemetry in this process are small.
    let number = 1 << 63 | (id & 0x7fff_ffff) << 32 | serial & 0xffff_ffff;
    Some(Named { key: SeriesKey::recorded(common, labels, number), resolution, cell, at, head })
}
