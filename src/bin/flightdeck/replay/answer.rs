//! What is said of one id.

use super::chain::{Chain, shown};
use super::deck::Deck;
use super::listing::{Listing, Rows};
use super::load::Loader;
use super::tree::{self, Spans};
use super::wanted::Wanted;
use super::work;
use crate::args::Replay;
use crate::formats::{Correlation, meant};
use crate::outcome::Failure;
use crate::output::{Output, OutputError};
use crate::shown::{self, count, nanos, plain};
use crate::terminal::Look;
use flightdeck::events::{Recorded, Verdict, Work};
use serde_json::json;
use std::time::Duration;

/// Says which wanted events belong to the id that `text` means; whether anything does.
pub fn answer(
    text: &str,
    asked: &Replay,
    wanted: &Wanted,
    deck: &Deck,
    loader: &Loader,
    look: Look,
    output: &mut Output,
) -> Result<bool, Failure> {
    // Digits may be a number or a name: whichever of the two some format made of them.
    let (mut chains, mut wholes) = (Vec::new(), Vec::new());
    for correlation in meant(text) {
        let chain = Chain::find(deck, &correlation, wanted)?;
        // How much of a span was its own is told by all below it, wanted or not.
        if asked.tree {
            wholes.push(Chain::find(deck, &correlation, &Wanted::default())?);
        }
        chains.push((correlation, chain));
    }
    if asked.json {
        json(text, asked, &chains, &wholes, deck, loader, output)?;
    } else {
        for (at, (_, chain)) in chains.iter().enumerate().filter(|(_, (_, chain))| !chain.answer.is_empty()) {
            if let Some(whole) = wholes.get(at) {
                tree::text(whole, chain, loader, output)?;
                continue;
            }
            let mut said = Ok(());
            chain.timeline(&loader.names, look, |timeline| said = output.line(timeline));
            said?;
        }
        let found: usize = chains.iter().map(|(_, chain)| chain.answer.len()).sum();
        let took = chains.iter().map(|(_, chain)| chain.look_up).sum::<Duration>();
        output.line(format_args!(
            "{} of {}, looked up in {}",
            count(found as u64, "event"),
            plain(text),
            shown::ns(nanos(took))
        ))?;
        if asked.explain {
            output.line(explained(&chains))?;
        }
    }
    Ok(chains.iter().any(|(_, chain)| !chain.answer.is_empty()))
}

/// What it took, whichever the meaning.
fn explained(chains: &[(Correlation<'_>, Chain)]) -> Work {
    work::sum(chains.iter().map(|(_, chain)| chain.answer.work()))
}

fn json(
    text: &str,
    asked: &Replay,
    chains: &[(Correlation<'_>, Chain)],
    wholes: &[Chain],
    deck: &Deck,
    loader: &Loader,
    output: &mut Output,
) -> Result<(), OutputError> {
    let mut rows: Vec<_> = chains.iter().flat_map(|(_, chain)| chain.answer.iter()).collect();
    rows.sort_by_key(Recorded::ticks);
    let answered = chains.iter().find(|(_, chain)| !chain.answer.is_empty()).or(chains.first());
    let correlation = answered.map(|(correlation, _)| match correlation {
        Correlation::Text(text) => text.to_string(),
        _ => shown(deck.id(correlation), "").into_owned(),
    });
    // What one of the meanings misses, the answer misses.
    let verdict =
        chains.iter().map(|(_, chain)| chain.answer.verdict()).max_by_key(|verdict| match verdict {
            Verdict::Complete => 0,
            Verdict::Overwritten { .. } => 1,
            Verdict::Truncated { .. } => 2,
        });
    let verdict = verdict.unwrap_or(Verdict::Complete);
    let since = match verdict {
        Verdict::Overwritten { since } => Some(since.0),
        _ => None,
    };
    let sum = |count: fn(&Chain) -> u64| chains.iter().map(|(_, chain)| count(chain)).sum::<u64>();
    let stats = deck.events.stats();
    let mut head = json!({
        "correlation": correlation.as_deref().unwrap_or(text),
        "verdict": verdict.name(),
        "counts": {
            "found": rows.len(),
            "visited": sum(|chain| chain.answer.visited()),
            "gone": sum(|chain| chain.answer.gone()),
            "overwritten": stats.overwritten,
            "lost": stats.lost(),
            "nothing_missing_since_ns": since,
        },
        "look_up_ns": sum(|chain| nanos(chain.look_up)),
    });
    if asked.explain {
        head["work"] = work::json(&explained(chains));
    }
    if asked.tree {
        let trees = wholes.iter().map(|whole| whole.answer.tree()).collect();
        let wanted = rows.iter().map(Recorded::id).collect();
        output.json(&Listing { head, name: "spans", list: Spans { trees, wanted, loader } })
    } else {
        output.json(&Listing { head, name: "rows", list: Rows::of(rows, loader) })
    }
}
