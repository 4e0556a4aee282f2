//! What queries did to find an answer.

use flightdeck::events::Work;
use serde_json::{Value as Json, json};

/// The work of all of them together.
pub fn sum<'a>(works: impl IntoIterator<Item = &'a Work>) -> Work {
    let mut sum = Work::default();
    for work in works {
        sum.by_index += work.by_index;
        sum.unlinked += work.unlinked;
        sum.by_blocks += work.by_blocks;
        sum.blocks += work.blocks;
        sum.left_out += work.left_out;
        sum.in_slots += work.in_slots;
    }
    sum
}

/// For a program.
pub fn json(work: &Work) -> Json {
    json!({
        "records": work.records(),
        "by_index": work.by_index,
        "unlinked": work.unlinked,
        "by_blocks": work.by_blocks,
        "blocks": work.blocks,
        "left_out": work.left_out,
        "in_slots": work.in_slots,
    })
}
