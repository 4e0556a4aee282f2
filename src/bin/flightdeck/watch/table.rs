//! One look as a table.

use super::page::{self, Page};
use super::sight::Sight;
use crate::metric;
use crate::shown::{self, grouped, nanos, plain};

/// Lines without an end: a heading for each sort of which there is something.
pub fn lines(sight: &Sight, limit: Option<usize>) -> Vec<String> {
    let since = sight.since.map(nanos).unwrap_or_default();
    let mut lines: Vec<_> = sight
        .decks
        .iter()
        .map(|deck| format!("{} {}, {}", deck.who, deck.fate, plain(&deck.path.to_string_lossy())))
        .collect();
    lines.push(format!("rates are of {}", shown::ns(since)));
    if sight.contradictory > 0 {
        let series = grouped(sight.contradictory);
        lines.push(format!("{series} series are of another type in another deck: left out there"));
    }
    let counters = page::counters(sight, false).into_iter();
    let counters = counters
        .map(|(name, of)| page::columns(&page::rate(of.rate), &metric::shown(&of.value, of.unit()), name));
    block(Page::Rates, sight, counters.collect(), limit, &mut lines);
    let gauges = page::gauges_of(sight).into_iter();
    let gauges = gauges.map(|(name, of)| page::columns("", &metric::shown(&of.value, of.unit()), name));
    block(Page::Gauges, sight, gauges.collect(), limit, &mut lines);
    let histograms = page::histograms_of(sight, false).into_iter();
    block(
        Page::Histograms,
        sight,
        histograms.map(|(name, of)| page::histogram(name, of, sight)).collect(),
        limit,
        &mut lines,
    );
    lines
}

fn block(page: Page, sight: &Sight, rows: Vec<String>, limit: Option<usize>, lines: &mut Vec<String>) {
    if rows.is_empty() {
        return;
    }
    let most = limit.unwrap_or(usize::MAX);
    let more = rows.len().saturating_sub(most);
    lines.push(String::new());
    lines.extend(page.head(sight));
    lines.extend(rows.into_iter().take(most));
    if more > 0 {
        lines.push(format!("{:>14}  {} more", "", grouped(more as u64)));
    }
}
