//! What writes pages, and how it is told to.

use super::exemplars::Exemplars;
use super::fixed::Fixed;
use super::format::Format;
use super::own::Own;
use super::page::Page;
use super::rendered::Rendered;
use super::sink::Sink;
use crate::sync::{Arc, Mutex, OnceLock};
use crate::telemetry::Snapshot;
use std::io;

/// Texts of pages that are kept are no longer than this.
const MOST_KEPT: usize = 16 << 20;

/// Writes pages for Prometheus and whatever reads what it reads: see [the module](super). Cheap to clone.
///
/// Of the last page in each format it keeps all but the numbers, if that is at most 16 MiB: as long as a telemetry's series are the same, a
/// page is little more than a copy. Keep the renderer, and one for each telemetry.
#[derive(Clone, Debug)]
pub struct Renderer {
    pub(super) with_total: bool,
    pub(super) most_buckets: u32,
    pub(super) most_bytes: u64,
    pub(super) exemplars: Option<Exemplars>,
    /// Of each format the last.
    kept: OnceLock<Arc<Mutex<Vec<Arc<Fixed>>>>>,
}

/// How pages are to be: see [`Renderer::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct RendererBuilder(Renderer);

impl RendererBuilder {
    /// Whether names of counters end in `_total`: they do, unless this is said. Without it they are of unknown type in OpenMetrics,
    /// which has no others.
    pub fn total_suffix(self, with_total: bool) -> Self {
        Self(Renderer { with_total, ..self.0 })
    }

    /// How many buckets a histogram has on a page, besides the one for all: at most 20, unless this is said. Each ends
    /// below a power of two: of a histogram of the default range every second, with 36 each.
    pub fn most_buckets(self, most_buckets: u32) -> Self {
        Self(Renderer { most_buckets, ..self.0 })
    }

    /// How long a page may become before the rest is left out, which is counted: 64 MiB unless this is said. What the page tells of
    /// Flightdeck itself comes on top of it.
    pub fn most_bytes(self, most_bytes: u64) -> Self {
        Self(Renderer { most_bytes, ..self.0 })
    }

    /// Pages in OpenMetrics have these.
    pub fn exemplars(self, exemplars: &Exemplars) -> Self {
        Self(Renderer { exemplars: Some(exemplars.clone()), ..self.0 })
    }

    /// The renderer.
    #[must_use]
    pub fn build(self) -> Renderer {
        self.0
    }
}

impl Default for Renderer {
    fn default() -> Self {
        Self::new()
    }
}

impl Renderer {
    /// One that does as the builder would without being told anything.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            with_total: true,
            most_buckets: 20,
            most_bytes: 64 << 20,
            exemplars: None,
            kept: OnceLock::new(),
        }
    }

    /// How pages are to be.
    pub const fn builder() -> RendererBuilder {
        RendererBuilder(Self::new())
    }

    /// Appends a page to a text.
    ///
    /// Waits for no lock but those of exemplars. Takes memory for the page, and as much again where the series are others than last time.
    pub fn render(&self, snapshot: &Snapshot, own: &Own, format: Format, page: &mut String) -> Rendered {
        // Nothing is written that could fail.
        self.page(snapshot, own, format, Sink::text(page)).unwrap_or_default()
    }

    /// Writes a page in pieces of at least 64 KiB. All of it but the numbers is in memory meanwhile.
    ///
    /// # Errors
    /// If it cannot be written; then it ends somewhere.
    pub fn write(
        &self,
        snapshot: &Snapshot,
        own: &Own,
        format: Format,
        to: &mut dyn io::Write,
    ) -> io::Result<Rendered> {
        self.page(snapshot, own, format, Sink::writer(to))
    }

    fn page<'a>(
        &'a self,
        snapshot: &Snapshot,
        own: &Own,
        format: Format,
        sink: Sink<'a>,
    ) -> io::Result<Rendered> {
        let fixed = self.fixed(snapshot, format);
        let mut page = Page::new(self, format, sink);
        page.metrics(&fixed, snapshot);
        page.own(&fixed, own);
        page.end()
    }

    /// What of a page is no number, as it is kept, or made anew. Waits for nobody: who renders at the same time may make it, too.
    fn fixed(&self, snapshot: &Snapshot, format: Format) -> Arc<Fixed> {
        let all = self.kept.get_or_init(Arc::default);
        let is_it = |fixed: &&Arc<Fixed>| fixed.is_of(snapshot, format);
        let known = all.try_lock().and_then(|kept| kept.iter().find(is_it).cloned());
        known.unwrap_or_else(|| {
            let fixed = Arc::new(Fixed::of(self, format, snapshot));
            if let Some(mut kept) = all.try_lock().filter(|_| fixed.bytes() <= MOST_KEPT) {
                kept.retain(|other| other.format() != format);
                kept.push(fixed.clone());
            }
            fixed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    /// Whether both pages have the same text, not only an equal one.
    fn is_kept(renderer: &Renderer, one: &Snapshot, other: &Snapshot) -> bool {
        let of = |snapshot| renderer.fixed(snapshot, Format::TEXT);
        Arc::ptr_eq(&of(one), &of(other))
    }

    #[test]
    fn what_is_no_number_is_made_once_for_a_list_of_series() {
        let (telemetry, renderer) = (Telemetry::new(), Renderer::new());
        let recording = telemetry.recording().unwrap();
        let counter = telemetry.counter("one");
        let (before, read_before) = (telemetry.snapshot(), recording.snapshot());
        counter.increment(1);
        assert!(is_kept(&renderer, &before, &telemetry.snapshot()));
        assert!(is_kept(&renderer, &read_before, &recording.snapshot()));
        telemetry.counter("two").increment(1);
        assert!(!is_kept(&renderer, &before, &telemetry.snapshot()));
        assert!(!is_kept(&renderer, &read_before, &recording.snapshot()));
    }
}
