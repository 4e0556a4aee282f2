//! What a page tells of Flightdeck itself.

use super::family::{Family, Shown};
use super::format::Format;
use crate::events;
use crate::telemetry::{Stats, Unit};

/// What a page tells of Flightdeck itself, beside the metrics: how its telemetry is doing, its events, and the page.
///
/// ```
/// use flightdeck::bridge::openmetrics::{Format, Own, Renderer};
/// use flightdeck::telemetry::Telemetry;
/// let telemetry = Telemetry::new();
/// let own = Own::telemetry(&telemetry.stats());
/// let mut page = String::new();
/// Renderer::new().render(&telemetry.snapshot(), &own, Format::TEXT, &mut page);
/// assert!(page.contains("flightdeck_telemetry_refused_updates_total 0\n"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Own {
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// One label at most.
    pub(super) label: Option<(&'static str, &'static str)>,
    shown: Shown,
    unit: Option<Unit>,
    pub(super) help: &'static str,
    pub(super) value: u64,
}

impl Own {
    /// Nothing but the page.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// How a telemetry is doing.
    #[must_use]
    pub fn telemetry(stats: &Stats) -> Self {
        let mut own = Self::none();
        let mut gauge = |name, help, value| own.add(name, Shown::Gauge, help, value);
        gauge("flightdeck_telemetry_metrics", "Metrics there are.", stats.metrics);
        gauge("flightdeck_telemetry_series", "Series there are.", stats.series);
        gauge("flightdeck_telemetry_free_cells", "Cells that no series has.", stats.cells_left);
        gauge("flightdeck_telemetry_threads", "Threads that count in cells of their own.", stats.slabs_owned);
        let mut counter = |name, help, value| own.add(name, Shown::Counter, help, value);
        counter(
            "flightdeck_telemetry_shared_updates",
            "Updates that went to shared cells: exact, only slower.",
            stats.shared_updates,
        );
        counter(
            "flightdeck_telemetry_refused_metrics",
            "Handles of metrics that could not be registered.",
            stats.refused_metrics,
        );
        counter(
            "flightdeck_telemetry_refused_updates",
            "Uses of handles that count nothing.",
            stats.refused_updates,
        );
        counter("flightdeck_telemetry_retired_series", "Series that were idle and went.", stats.retired);
        counter(
            "flightdeck_telemetry_overflowed_label_sets",
            "How often a label set was beyond its metric's limit.",
            stats.overflowed,
        );
        counter(
            "flightdeck_telemetry_cut_label_values",
            "Values of labels of which only the beginning was kept.",
            stats.label_values_cut,
        );
        own.bytes(
            "flightdeck_telemetry_touched",
            "Memory of cells that threads have touched.",
            stats.chunk_bytes,
        );
        own
    }

    /// And how events are doing: what was recorded, and what became of it.
    #[must_use]
    pub fn with_events(mut self, status: &events::Status) -> Self {
        let stats = &status.stats;
        self.add("flightdeck_events_kept", Shown::Gauge, "Events that can be read.", stats.kept);
        let mut counter = |name, help, value| self.add(name, Shown::Counter, help, value);
        counter("flightdeck_events_written", "Events that were recorded.", stats.written);
        counter(
            "flightdeck_events_pruned",
            "Events that were pruned before they were overwritten.",
            stats.pruned,
        );
        counter(
            "flightdeck_events_suppressed",
            "Events that samples, rates and quotas held back.",
            status.suppressed,
        );
        counter("flightdeck_events_cut_values", "Values of events that were cut.", stats.values_cut);
        for cause in events::LossCause::ALL {
            let of_cause = stats.losses.iter().filter(|loss| loss.cause == cause);
            self.rows.push(Row {
                name: "flightdeck_events_lost",
                label: Some(("cause", cause.name())),
                shown: Shown::Counter,
                unit: None,
                help: "Events that could not be kept.",
                value: of_cause.fold(0, |sum, loss| loss.count.saturating_add(sum)),
            });
        }
        self.bytes("flightdeck_events_reserved", "Memory that events have.", status.bytes.reserved);
        self
    }

    /// And how the page itself is.
    pub(super) fn with_page(mut self, page: &super::Rendered) -> Self {
        for (reason, value) in
            [("labels", page.left_out.labels), ("name", page.left_out.name), ("room", page.left_out.room)]
        {
            self.rows.push(Row {
                name: "flightdeck_page_left_out_series",
                label: Some(("reason", reason)),
                shown: Shown::Gauge,
                unit: None,
                help: "Series that are not on this page, since a name is not theirs alone or there is no room.",
                value,
            });
        }
        let help = "Characters on this page that stand for others, which no scraper reads.";
        self.add("flightdeck_page_replaced_characters", Shown::Gauge, help, page.replaced_characters);
        self.add("flightdeck_page_series", Shown::Gauge, "Series on this page, these aside.", page.series);
        self
    }

    fn add(&mut self, name: &'static str, shown: Shown, help: &'static str, value: u64) {
        self.rows.push(Row { name, label: None, shown, unit: None, help, value });
    }

    fn bytes(&mut self, name: &'static str, help: &'static str, value: u64) {
        self.rows.push(Row { name, label: None, shown: Shown::Gauge, unit: Some(Unit::Bytes), help, value });
    }

    /// By family, each with its rows.
    pub(super) fn families(
        &self,
        format: Format,
        with_total: bool,
    ) -> impl Iterator<Item = (Family, &[Row])> {
        self.rows.chunk_by(|one, next| one.name == next.name).filter_map(move |rows| {
            let row = rows.first()?;
            Some((Family::named(row.name, row.shown, row.unit.as_ref(), format, with_total), rows))
        })
    }
}
