//! One look, for a program.

use super::sight::Sight;
use crate::metric;
use crate::shown::{nanos, unix_ns, utc};
use serde_json::{Value as Json, json};

/// One object.
pub fn object(sight: &Sight) -> Json {
    let deck = |deck: &super::sight::Deck| {
        json!({
            "file": deck.path.to_string_lossy(),
            "who": deck.who,
            "state": deck.fate.name(),
            "events": { "written": deck.recorded, "a_second": deck.rate, "lost": deck.lost },
        })
    };
    let series = sight.metrics.values().map(|of| {
        let mut told = metric::json(&of.key, &of.value);
        told["a_second"] = of.rate.into();
        told
    });
    json!({
        "time": utc(sight.time),
        "unix_ns": unix_ns(sight.time).to_string(),
        "interval_ns": sight.since.map(nanos),
        "decks": sight.decks.iter().map(deck).collect::<Vec<_>>(),
        "series": series.collect::<Vec<_>>(),
        "contradictory": sight.contradictory,
    })
}
