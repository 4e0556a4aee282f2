//! What is said through the crate `log`, with its key-value pairs, is recorded here.
//!
//! A [`Logger`] makes each record of a host, and of its libraries, an event of an [`Events`](crate::events::Events) store, in the
//! [`Scope`](crate::events::Scope) that the thread is in.
//!
//! ```
//! use flightdeck::bridge::log::Logger;
//! use flightdeck::events::{Events, Value};
//!
//! let events = Events::builder().directives("info").build()?; // of a deck: `deck.events()`
//! let logger = Logger::new(&events);
//! log::set_boxed_logger(Box::new(logger.clone()))?;
//! logger.lead_max_level();
//!
//! // What a host has already.
//! let _in = events.scope(42_u64);
//! log::warn!(rows = 3, password = "hunter2"; "slow query");
//! log::debug!("off, as the directives say");
//!
//! let answer = events.query().correlation(42_u64).run()?;
//! let [slow] = &answer.iter().collect::<Vec<_>>()[..] else { panic!("{}", answer.timeline()) };
//! assert_eq!(slow.field("message"), Some(Value::Str("slow query")));
//! assert_eq!(slow.field("rows"), Some(Value::I64(3)));
//! assert_eq!(slow.field("password"), Some(Value::Secret { bytes: 7 }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What becomes of what
//!
//! | there | here |
//! |---|---|
//! | a record at line 12 with the target `shop::cart` | kind `shop.cart.12` |
//! | levels | severities. Class: `Error` critical, `Warn` and `Info` normal, `Debug` and `Trace` verbose |
//! | the message | field `message` |
//! | a pair whose value is a number, a boolean or text | a field of that type; of anything else its text |
//! | the pair that [`LoggerBuilder::correlation_key`] names | whose event it is, besides: a number, or what [`correlation_of`](super::correlation_of) says of its text |
//!
//! **Levels** are the store's [directives](crate::events::Directives), by these names: `shop.cart=debug`, `shop.cart.12=off`. What a call site may do
//! is asked once, and anew when they change; what is off is not even shown. [`Logger::lead_max_level`] also has `log`'s own greatest
//! level follow them, so that what is off everywhere costs a load and a branch. `log_enabled!` knows no line, and answers for
//! the target.
//!
//! **Secrets**: pairs of names such as `password`, `token` and `authorization`, as in the bridge from `tracing`, and those that
//! [`LoggerBuilder::secret`] names. What is inside of a message nobody can tell.
//!
//! **Left out**, and counted in [`Stats`]: text beyond 10,000 bytes, which is marked; pairs beyond the 15th. A call site with more
//! than 16 combinations of keys and types, or one too many for the store, has its records as text, of kind `log.other`.
//!
//! **Cost**: a look-up by target and line without a lock, a record, and a copy of the values; up to 512 bytes of text, keys included,
//! nothing is allocated.

mod logger;
mod said;
mod site;
mod sites;
mod stats;

pub use logger::{Logger, LoggerBuilder};
pub use stats::Stats;
