//! Events as a trace that others draw: for Perfetto, and in the format of Chrome.
//!
//! A [`Trace`] takes events in the order of time, from an [`Answer`](crate::events::Answer), a live store or a
//! [`Recording`](crate::events::Recording), and writes them to any [`io::Write`](std::io::Write) as it goes. It needs no library of either.
//!
//! ```
//! use flightdeck::bridge::trace::{Format, Trace};
//! use flightdeck::events::Events;
//! flightdeck::kind! {
//!     Handle("order.handle") { order: u64 }
//!     Priced("order.priced") { price: f64 }
//! }
//! let events = Events::builder().build()?; // of a deck: `deck.events()`
//! let _in = events.scope(42_u64);
//! let span = events.span(Handle { order: 7 });
//! events.record(Priced { price: 1.25 });
//! drop(span);
//!
//! let mut trace = Trace::builder(Format::Perfetto).counter("order.priced", "price").start(Vec::new(), events.clock().converter());
//! let mut written = Ok(());
//! events.query().each_in_order(|event| {
//!     if written.is_ok() {
//!         written = trace.write(event);
//!     }
//! })?;
//! written?;
//! let (bytes, stats) = trace.finish()?; // to a file `order.pftrace`, and that to ui.perfetto.dev
//! assert_eq!((stats.spans, stats.instants, stats.samples), (1, 1, 1));
//! # assert_eq!(bytes.len() as u64, stats.bytes);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What becomes of what
//!
//! | here | there |
//! |---|---|
//! | a process, a thread | a track, under its name |
//! | a span | a slice from its beginning to its end, under the kind of its beginning; what its end adds is under `end` |
//! | a beginning with a field `duration_ns` | the whole span, should no end come before it is over |
//! | any other event | an instant on the track of its thread |
//! | severity | the category |
//! | fields, ids, links | annotations (`args`). Diffs are nested, bytes are hexadecimal digits, secrets stay what they are: a length |
//! | a correlation id | a flow: an arrow from slice to slice. Perfetto's flows go through instants, too, and through what is beside a thread |
//! | a field that [`TraceBuilder::counter`] names, [`Trace::sample`] | a counter |
//! | a [`Gap`](crate::events::Gap) | an instant `events are missing` of the process, with how many |
//!
//! **Slices of one track nest**, or viewers would end the wrong one. So spans that cross others of their thread, as those of tasks that
//! take turns there do, go to tracks `interleaved` beside it, and those that end in another thread to tracks `across threads`. Whether a
//! span nests is known when it ends: so it is written then, whole, and viewers put it in its place. Of spans that begin at the same
//! nanosecond on one thread it is not known which is the inner one: one of them is `interleaved`.
//!
//! **Halves.** An end knows when its span began, so a span whose beginning was overwritten is there in full, under the kind and with the
//! fields of its end. One whose end is not there is unfinished: it reaches to the end of the trace. [`Stats`] counts both.
//!
//! # What it costs
//!
//! Per event some hundreds of nanoseconds, and as many bytes. Times are those of the wall clock, as the deck knows it: in
//! Perfetto to the nanosecond, in Chrome's format since a midnight, which `otherData` names.

mod builder;
mod chrome;
mod entry;
mod flows;
mod held;
mod lanes;
mod page;
mod perfetto;
mod process;
mod spans;
mod stats;
mod text;
mod track;
mod tracks;
mod wire;
mod writer;

pub use builder::{Format, TraceBuilder};
pub use entry::Entry;
pub use stats::Stats;
pub use writer::Trace;
