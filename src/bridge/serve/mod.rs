//! A small server of what a deck has to tell: metrics, probes, and, where a host wishes it, events of one id and a config.
//!
//! It is one supervised thread. It is for scrapers, orchestrators and a person or two with `curl`, not for the world: hosts that have
//! a server answer there, with [`Renderer::render`](super::openmetrics::Renderer::render) and
//! [`HealthHandle`](crate::HealthHandle).
//!
//! ```
//! use flightdeck::Flightdeck;
//! use flightdeck::bridge::serve::Server;
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! let deck = Flightdeck::builder().start()?;
//! let server = Server::builder(&deck).address(([127, 0, 0, 1], 0)).show_events().start()?;
//!
//! let mut client = TcpStream::connect(server.address())?;
//! client.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | the telemetry as OpenMetrics or text, by what the scraper [accepts](super::openmetrics::Format::negotiate), and, of a deck that runs here, how it is itself |
//! | `/livez`, `/readyz`, `/startupz` | 200 `ok` where the [probe](crate::supervisor::Probe) passes, else 503 with the reasons; for who accepts `application/json` first, [all of the report](crate::Health::to_json) |
//! | `/events?correlation=ID&limit=N` | with [`show_events`](ServerBuilder::show_events): [the answer as JSON](crate::events::Answer::json), at most 1,000 events. `ID` as [`correlation_of`](super::correlation_of) reads it |
//! | `/config` | with [`show_config`](ServerBuilder::show_config): a config as JSON, secrets aside; with [`show_recorded_configs`](ServerBuilder::show_recorded_configs) those in a file |
//!
//! # What it will not do
//!
//! **Change anything**: it answers `GET` and `HEAD`, and nothing else. **Be reached**: it listens on `127.0.0.1` unless it is told
//! otherwise, and then answers only who asks by address or as `localhost`, so that no page in a browser can read it under a name of its
//! own. Elsewhere it shows events and config only to who has the [token](ServerBuilder::token). **Wait**: whatever a
//! connection does, it ends after [10 s](ServerBuilder::most_time). A client that sends a byte a second, reads none, or does nothing at
//! all, holds one of [64 places](ServerBuilder::most_connections) for so long, and makes room for who does: if it has asked, after a second.
//!
//! A connection serves one request, so nothing can hide behind it, and a request has no body. Its head is at most 16 KiB and 64
//! lines. While answers of 128 MiB are on their way, no more are made: 503.
//!
//! Writers of metrics and events pay nothing for any of it. `flightdeck_http_requests_total` and `flightdeck_http_connections_total`
//! (`outcome`: `answered`, `broken`, `too_slow`, `made_room` for another, `refused` since all had been busy for less than a second, `failed` to be accepted) count
//! what came.

mod accept;
mod body;
mod builder;
mod connections;
#[cfg(all(feature = "mapped", target_os = "linux"))]
mod file;
mod guard;
mod limits;
mod parameters;
mod routes;
mod source;

pub use crate::hub::ServeError;
pub use builder::{Server, ServerBuilder};
