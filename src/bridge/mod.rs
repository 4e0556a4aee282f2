//! Bridges: what hosts say through other crates flows in here, and what is kept here opens in the tools that people have.
//!
//! Each has a feature of its own, stands on public items of this crate, and takes the handle of the part that it serves. None
//! replaces what a host has: a recorder, a layer or a logger is installed the way its crate says.
//!
//! | module | feature | what it is |
//! |---|---|---|
//! | `metrics` | `metrics` | a recorder for the crate `metrics` |
//! | `tracing` | `tracing` | a layer for `tracing_subscriber` |
//! | `log` | `log` | a logger for the crate `log` |
//! | `openmetrics` | `openmetrics` | metrics as text for Prometheus |
//! | `trace` | `trace-export` | events as a trace for Perfetto, or in the format of Chrome |
//! | `tower` | `tower`, `axum` | layers for services and clients of `tower` |
//! | `serve` | `serve` | a small HTTP server of metrics, probes, events and config |

#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "openmetrics")]
pub mod openmetrics;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "trace-export")]
pub mod trace;
#[cfg(feature = "tracing")]
pub mod tracing;

#[cfg(any(feature = "log", feature = "serve", feature = "tracing"))]
mod ids;
#[cfg(any(feature = "log", feature = "tracing"))]
mod inside;
#[cfg(any(feature = "log", feature = "tracing"))]
mod name;
#[cfg(any(feature = "log", feature = "tracing"))]
mod others;
#[cfg(any(feature = "log", feature = "tracing"))]
mod secrets;
#[cfg(any(feature = "log", feature = "tracing"))]
mod text;
#[cfg(any(feature = "log", feature = "tracing"))]
mod told;

#[cfg(any(feature = "log", feature = "serve", feature = "tracing"))]
pub use ids::correlation_of;
