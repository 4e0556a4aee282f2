//! Metrics out, as text that Prometheus and whatever reads what it reads understand: OpenMetrics 1.0, and Prometheus' own 0.0.4.
//!
//! A [`Renderer`] writes a page of a [`Snapshot`](crate::telemetry::Snapshot), be that of a telemetry that runs here or of a file that
//! another process left ([`Recording`](crate::telemetry::Recording)). It opens no socket: a host answers `GET /metrics` by whatever
//! server it has.
//!
//! ```
//! use flightdeck::bridge::openmetrics::{Format, Own, Renderer};
//! use flightdeck::telemetry::{Description, Telemetry, Unit};
//!
//! let telemetry = Telemetry::new(); // of a deck: `deck.telemetry()`
//! telemetry.describe("busy_ns", Description::new("Time spent in requests.").unit(Unit::Nanoseconds))?;
//! telemetry.counter_with("busy_ns", &[("route", "/cart")]).increment(1_500_000_001);
//!
//! let renderer = Renderer::new();
//! // For each request, by what its `Accept` says:
//! let format = Format::negotiate("application/openmetrics-text;version=1.0.0");
//! let mut page = String::new();
//! let rendered = renderer.render(&telemetry.snapshot(), &Own::none(), format, &mut page);
//!
//! assert!(page.starts_with("# HELP busy_seconds Time spent in requests.\n# TYPE busy_seconds counter\n# UNIT busy_seconds seconds\n"));
//! assert!(page.contains("busy_seconds_total{route=\"/cart\"} 1.500000001\n"));
//! assert!(page.ends_with("# EOF\n"));
//! assert_eq!((rendered.series, rendered.left_out.all()), (1, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What becomes of what
//!
//! | here | there |
//! |---|---|
//! | counter | counter, `_total` at its end unless [`RendererBuilder::total_suffix`] says otherwise |
//! | up/down counter, gauges | gauge; a gauge called `..._total`, unless it is negative, is a counter that somebody else counts |
//! | histogram | histogram: at most 20 buckets, each of which ends below a power of two and is exact, and `_sum` and `_count` |
//! | nanoseconds, microseconds, milliseconds | seconds, as exactly as they were counted; `_ns` and the like at the name's end make room for `_seconds` |
//! | percents | a ratio, `_ratio` at the name's end |
//! | bytes, seconds, ratios, degrees | as they are, with the unit at the name's end |
//! | any other unit | told where the name ends in it |
//! | help text | help text; `Not described.` where there is none |
//! | names with what Prometheus had none of until 3.0, such as dots | `_` for it, unless the scraper [asks](Format::negotiate) for names as they are |
//! | labels called `le` (of a histogram), `__name__` and the like | `exported_le`, `key__name__` |
//! | values of labels | any text; NUL, which no scraper reads, is `U+FFFD` and counted |
//! | NaN, infinities | `NaN`, `+Inf`, `-Inf` |
//! | exemplars | with the trace's id and the time, of a [`TracedHistogram`]; in OpenMetrics |
//!
//! Undescribed metrics have no unit, so say what their name says: describe those that count time, and they are in seconds.
//!
//! # What is left out, and how it is seen
//!
//! Where two metrics would have one name there, or their samples would, the first by name has it. Where two series of a metric would
//! be one, the first is there. Never are two made one. What is left out so, or since the page is as long as it may be
//! ([`RendererBuilder::most_bytes`]), is counted in [`Rendered`] and on the page itself (`flightdeck_page_left_out_series`), and the
//! first such pair is [named](Rendered::clash).
//!
//! # Cost
//!
//! Writers pay nothing. A page of 10,000 series with two labels each takes 0.28 ms on a machine of two cores, snapshot included, and some
//! three times that where its series are not those of the page before.

mod buckets;
mod exemplars;
mod family;
mod fixed;
mod format;
mod labels;
mod name;
mod number;
mod own;
mod page;
mod rendered;
mod renderer;
mod sink;
mod text;
mod unit;

pub use exemplars::{Exemplars, TracedHistogram};
pub use format::Format;
pub use own::Own;
pub use rendered::{Clash, LeftOut, Rendered};
pub use renderer::{Renderer, RendererBuilder};
