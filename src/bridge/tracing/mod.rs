//! What is said through the crate `tracing`, events and spans, is recorded here.
//!
//! A [`Layer`] makes each event of a host, and of its libraries, an event of an [`Events`](crate::events::Events) store, and each
//! span the beginning and the end of one, with their fields. So the last moments of all that is instrumented are there, indexed
//! by the request that they belong to, at a fraction of what text costs.
//!
//! ```
//! use flightdeck::bridge::tracing::Layer;
//! use flightdeck::events::{Events, Value};
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! let events = Events::builder().build()?; // of a deck: `deck.events()`
//! let layer = Layer::builder(&events).correlation_field("request_id").build();
//! let subscriber = tracing_subscriber::registry().with(layer.by_levels());
//! tracing::subscriber::with_default(subscriber, || {
//!     // What a host has already.
//!     let _in = tracing::info_span!("handle", request_id = 42).entered();
//!     tracing::warn!(rows = 3, password = "hunter2", "slow query");
//! });
//!
//! let answer = events.query().correlation(42_u64).run()?;
//! let slow = answer.iter().nth(1).expect("after the beginning of the span");
//! assert_eq!(slow.field("rows"), Some(Value::I64(3)));
//! assert_eq!(slow.field("password"), Some(Value::Secret { bytes: 7 }));
//! assert!(answer.verdict().is_complete());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What becomes of what
//!
//! | there | here |
//! |---|---|
//! | an event at line 12 of module `shop::cart` | kind `shop.cart.12`: the target with dots, and the line |
//! | an event with a name of its own, a span | kind `shop.cart.NAME`. Of a span the end has no fields, and says how long it took |
//! | levels | severities. Class: `ERROR` critical, `WARN` and `INFO` normal, `DEBUG` and `TRACE` verbose |
//! | integers, floats, booleans, text, bytes | fields of these types; 128-bit integers beyond 64 bits are text |
//! | `?` and `%` values, the message, errors | text |
//! | the span around | the parent. An event outside of any span stands in the thread's [`Scope`](crate::events::Scope) |
//! | a span that is entered | the thread's scope: what the host records by itself in there belongs to it, too |
//! | fields recorded later | an event of the span's kind, in the span |
//! | `follows_from` | an event `tracing.follows_from`, [linked](crate::events::Recorded::links) to the other span |
//!
//! # Whose
//!
//! A span has the correlation id of the span around it, unless a field says otherwise:
//!
//! | field | the id |
//! |---|---|
//! | that which [`LayerBuilder::correlation_field`] names | the number; of text up to 32 hexadecimal digits, dashes aside (a UUID, say) as a number, and of any other text what [`correlation_of`](super::correlation_of) says |
//! | `traceparent`, as W3C trace context writes it | the trace id, and the caller's span is the parent; what is [passed on](crate::events::Scope::traceparent) is sampled if that is |
//! | neither, but there is a layer of `tracing-opentelemetry` in the subscriber (feature `tracing-opentelemetry`) | its trace id, from when the span is first entered, with an event `tracing.in_trace` that names the span there: before, the host may still set the parent |
//! | none of these, and there is nothing around it | a new one, made at random |
//!
//! # Levels
//!
//! [`Layer::by_levels`] asks the store's [directives](crate::events::Directives), by the names above: `shop.cart=debug`,
//! `shop.cart.12=off`. What is off costs a load and a branch, since `tracing` keeps the answer at the call site, unless another layer
//! or subscriber wants it; directives that change at run time are in force at once. Other layers see what they see without it. Samples
//! and rates are asked for each event.
//!
//! # Secrets
//!
//! Fields of these names, in any case, are stored as [secrets](crate::events::Privacy::Secret), of which only the length is
//! left: those that contain `password`, `passwd`, `secret`, `token`, `authorization`, `api_key`, `apikey`, `private_key`, `credential` or
//! `cookie`, and those that [`LayerBuilder::secret`] names. What is inside of a message, or of a value that is shown
//! with `?`, nobody can tell.
//!
//! # What is left out, and how it is seen
//!
//! In [`Stats`], beside the losses that the store counts itself. A text beyond 10,000 bytes is cut, and marked as such; fields beyond
//! the 32nd are left out. Where there are more kinds than a store keeps apart (4,096), or more than 16 combinations of types at one
//! call site, an event is recorded as one of kind `tracing.other`, with its name and its fields as text. What is said while a value
//! is shown is recorded, too, up to four deep.
//!
//! # What it costs
//!
//! An event takes one record, and its values a copy; up to 512 bytes of text nothing is allocated. A span takes two records, and
//! for a moment one of 1,024 locks when it begins, is entered, and ends, about twice what the registry takes for it besides; so a forked child, in which another thread's lock may be
//! held for good, should begin none. The scope of a thread is one: of two layers of two stores in one
//! subscriber, one must [leave it alone](LayerBuilder::leave_scope).

mod build;
mod entered;
mod filter;
mod layer;
mod levels;
mod name;
mod said;
mod site;
mod sites;
mod spans;
mod stats;
#[cfg(feature = "tracing-opentelemetry")]
mod traces;

pub use build::{Layer, LayerBuilder};
pub use filter::Levels;
pub use stats::Stats;
