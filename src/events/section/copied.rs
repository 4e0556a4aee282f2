//! A copy of a section that is made while others write it.
//!
//! What records speak of is there before them: so the logs are copied after the rings.

use super::error::SectionError;
use super::open;
use super::shape::HEAD;
use crate::clock::Told;
use crate::events::class::Class;
use crate::events::loss::Losses;
use crate::events::ring::Parts;
use crate::region::Span;
use crate::region::copied::Copied;
use crate::region::log::Log;
use crate::sync::AtomicU64;
use std::io;

/// Copies a section of a store that lives to where it is to begin. What was recorded before, and not overwritten before it ends, is
/// there, whole. Waits for nobody, and nobody for it.
///
/// # Errors
/// As whoever takes the words says; and where the head was written upon.
pub(crate) fn copy(span: &Span, at: usize, to: &mut Copied<'_>) -> io::Result<()> {
    let damaged = |error: SectionError| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let (view, shape) = open(span).map_err(damaged)?;
    let Span { region, start, .. } = span;
    for (number, shard) in view.shards.iter().enumerate() {
        let (mut ring_at, geometry) = shape.shard(number);
        for (class, ring) in shard.rings().iter() {
            ring.copy(Parts::ALL, at + ring_at, to)?;
            ring_at += geometry[class].footprint();
        }
    }
    for class in Class::ALL {
        view.overflow[class].copy_all(at + shape.overflow_at(class), to)?;
    }
    for (log_at, words) in [shape.kinds_at(), shape.threads_at()] {
        Log::at(region, start + log_at, words).copy(at + log_at, to)?;
    }
    Told::copy(region, start + shape.clock_at(), at + shape.clock_at(), to)?;
    let run = |from: usize, len: usize| -> &[AtomicU64] { span.run(from, len).unwrap_or_default() };
    // Each stands for itself.
    let losses = (1 + view.shards.len()) * Losses::WORDS;
    to.load(at + shape.losses_at(), run(shape.losses_at(), losses))?;
    to.load(at, run(0, HEAD))
}
