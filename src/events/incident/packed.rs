//! An event of an answer as bytes, and back: eight words, then its payload.
//!
//! | word | content |
//! |---|---|
//! | 0, 1 | position, ticks |
//! | 2, 3, 4 | correlation id, high and low half; span |
//! | 5 | kind (32 bits), thread (32) |
//! | 6 | shard (16), class (8), severity (8), flags (8), whether its batch was whole (8) |
//! | 7 | bytes of payload |

use crate::clock::Ticks;
use crate::error::Severity;
use crate::events::answer::{Place, Row};
use crate::events::class::Class;
use crate::events::record::Flags;
use crate::id::{CorrelationId, SpanId};

/// Bytes before a payload.
const ROW: usize = 8 * 8;

/// How many bytes an event with so long a payload takes.
pub(in crate::events) fn packed_bytes(row: &Row) -> usize {
    ROW + row.payload.len()
}

/// The words of an event, and after them its payload, of an answer with these bytes.
pub(super) fn pack<'a>(row: &Row, bytes: &'a [u8]) -> ([u8; ROW], &'a [u8]) {
    let payload = bytes.get(row.payload.clone()).unwrap_or_default();
    let (high, low) = row.id.halves();
    let place = u64::from(row.place.shard)
        | (row.place.class as u64) << 16
        | (row.severity as u64) << 24
        | u64::from(row.flags.bits()) << 32
        | u64::from(row.is_whole) << 40;
    let words = [
        row.position,
        row.ticks.0,
        high,
        low,
        row.span.get(),
        u64::from(row.kind) | u64::from(row.thread) << 32,
        place,
        payload.len() as u64,
    ];
    let mut packed = [0; ROW];
    for (to, word) in packed.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *to = word.to_le_bytes();
    }
    (packed, payload)
}

/// The events that lie in `packed`, their payloads appended to `bytes`.
pub(super) fn unpack(mut packed: &[u8], bytes: &mut Vec<u8>) -> Vec<Row> {
    let mut rows = Vec::new();
    while let Some((words, rest)) = packed.split_first_chunk::<ROW>() {
        let word =
            |number: usize| words.as_chunks::<8>().0.get(number).map_or(0, |word| u64::from_le_bytes(*word));
        let Some((payload, rest)) = rest.split_at_checked(word(7) as usize) else { break };
        let start = bytes.len();
        bytes.extend_from_slice(payload);
        let place = word(6);
        rows.push(Row {
            place: Place { shard: place as u16, class: Class::from_bits((place >> 16) as u8) },
            position: word(0),
            ticks: Ticks(word(1)),
            kind: word(5) as u32,
            severity: Severity::from_bits((place >> 24) as u8),
            flags: Flags::from_bits((place >> 32) as u8),
            thread: (word(5) >> 32) as u32,
            id: CorrelationId::from_halves(word(2), word(3)),
            span: SpanId::new(word(4)),
            payload: start..bytes.len(),
            is_whole: place >> 40 & 1 == 1,
        });
        packed = rest;
    }
    rows
}
