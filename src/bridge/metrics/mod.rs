//! What is counted through the crate `metrics` is counted here.
//!
//! A [`Recorder`] makes each metric that a host or one of its libraries asks for a metric of a
//! [`Telemetry`](crate::telemetry::Telemetry), with its labels, its unit and its help text. A handle that is kept costs a call
//! through a pointer more than our own. A macro without one (`counter!("x").increment(1)`) looks its metric up each time, behind a
//! lock that is held for a look into a table.
//!
//! ```
//! use flightdeck::bridge::metrics::Recorder;
//! use flightdeck::telemetry::{Telemetry, Value};
//!
//! let telemetry = Telemetry::new(); // of a deck: `deck.telemetry()`
//! metrics::set_global_recorder(Recorder::new(&telemetry))?;
//!
//! // What a host has already.
//! metrics::describe_histogram!("request_seconds", metrics::Unit::Seconds, "from request to answer");
//! metrics::counter!("requests_total", "method" => "GET").increment(1);
//! metrics::histogram!("request_seconds").record(std::time::Duration::from_millis(12));
//!
//! let snapshot = telemetry.snapshot();
//! let Some(Value::Histogram(latency)) = snapshot.get("request_seconds") else { panic!("counted above") };
//! assert_eq!(latency.sum(), 12_000_000); // In nanoseconds.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What becomes of what
//!
//! | there | here |
//! |---|---|
//! | counter | [`Counter`](crate::telemetry::Counter). `absolute` raises it to the value, if it says less |
//! | gauge | [`FloatGauge`](crate::telemetry::FloatGauge); increments from several threads add up |
//! | histogram | [`Histogram`](crate::telemetry::Histogram), of integers: see below |
//! | labels | labels; beyond the metric's limit they share one series, so totals stay exact |
//! | unit, help text | a [`Description`](crate::telemetry::Description) |
//! | level, target, module | nothing: all metrics are counted |
//!
//! # Values of histograms
//!
//! There they are floating-point numbers, here integers. What they are multiplied with is decided when the metric is first asked
//! for, and stays:
//!
//! | the metric was | a value is recorded as |
//! |---|---|
//! | given a [scale](RecorderBuilder::scale) | itself times the scale; the metric has no unit then |
//! | described in seconds, milliseconds, microseconds | nanoseconds |
//! | described in kibibytes and so on, kilobits per second and so on | bytes, bits per second |
//! | not described in a unit, and is called `..._seconds`, `..._milliseconds`, `..._microseconds`, `..._ms`, `..._us` | nanoseconds |
//! | not described in a unit, and is called `..._nanoseconds`, `..._ns`, `..._bytes` | that |
//! | anything else | the nearest integer |
//!
//! So describe before use, as the crate advises: a metric whose unit was taken from its name keeps the unit, and a description
//! that comes later is refused.
//!
//! # What is refused, and how it is seen
//!
//! | what | becomes | is counted |
//! |---|---|---|
//! | a name that belongs to another type; labels or names that are none; no room | a handle that counts nothing | [`Stats::refused_metrics`](crate::telemetry::Stats::refused_metrics), its uses in [`refused_updates`](crate::telemetry::Stats::refused_updates); the reason is the [last error](crate::telemetry::Status) |
//! | a histogram's value that is negative, no number, or beyond 64 bits | nothing | in `flightdeck_metrics_unfit_values_total`, by metric |
//! | a gauge's change that is no finite number | nothing | there, too |
//! | a histogram's value that is rounded by more than the histogram tells apart | what it is rounded to | also in `flightdeck_metrics_rounded_values_total`, by metric |
//! | a description that says otherwise than the first, or is unfit | nothing | in `flightdeck_metrics_refused_descriptions_total` |

mod cache;
mod handle;
mod recorder;
mod scale;

pub use recorder::{Recorder, RecorderBuilder};
