//! Questions to a store that nobody writes to meanwhile: what writers bear from readers stands with the events.
//!
//! Events have 16 bytes of payload, so 64 with their header. Eight belong to each id, and many ids are under way at once, as
//! requests are: the events of one lie some 80 KB apart, each in a page of its own.
//!
//! | file | idea |
//! |---|---|
//! | `stores` | what is asked: one ring, a deck, ten million events |
//! | `peers` | what others would ask, and what memory can do |
//! | `warm` | the same few ids again and again; a question asked again |
//! | `at_random` | ids that no cache holds, and how little the number of stored events says |
//! | `in_time` | a range of time |
//! | `scans` | one kind, or all that is there |
//! | `duckdb` | the same rows in an analytical database |

mod at_random;
mod duckdb;
mod in_time;
mod peers;
mod scans;
mod stores;
mod warm;

use crate::measure::Plan;
use crate::session::Session;
use flightdeck::events::{Events, Query};
use std::cell::OnceCell;
use std::hint::black_box;
use std::time::Duration;

/// For operations of a tenth of a second: a round is one each.
const SLOW: Plan = Plan { rounds: 15, batch: Duration::from_millis(4) };

pub(super) fn run(session: &mut Session) {
    warm::run(session);
    at_random::run(session);
    // Written once, in the first row that needs it.
    let kept = OnceCell::new();
    let many = || -> Result<&stores::Many, String> {
        if kept.get().is_none() {
            let _was_empty = kept.set(stores::Many::new(MANY)?);
        }
        Ok(kept.get().expect("set above"))
    };
    in_time::run(session, &many);
    scans::run(session, &many);
}

/// So many events are many.
const MANY: u64 = 10_000_000;

/// Visits what is found, whose payload is copied, and looks at time and id; how many there are.
#[inline]
pub(super) fn visit(query: Query<'_>) -> u64 {
    // What is seen is used, and not stored one by one: to read it back at once would take longer than to find it.
    let (mut found, mut seen) = (0, 0);
    query
        .each(|event| {
            seen ^= event.ticks().0 ^ event.correlation().get() as u64;
            found += 1;
        })
        .expect("the query contradicts nothing");
    black_box(seen);
    found
}

/// Collects what is found; how many there are.
#[inline]
pub(super) fn collect(query: Query<'_>) -> u64 {
    black_box(query.run().expect("the query contradicts nothing")).len() as u64
}

/// A number that nobody foresees, the same in each run.
#[inline(always)]
pub(super) fn random(n: u64) -> u64 {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 16
}

/// Large numbers as people write them.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many events a query finds must be known before it is timed: an empty answer is fast.
fn assert_finds(events: &Events, ids: impl Iterator<Item = u64>) {
    for id in ids {
        assert_eq!(visit(events.query().correlation(id)), stores::OF_AN_ID, "id {id}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([7, 1_000, 12_345_678].map(grouped), ["7", "1,000", "12,345,678"]);
    }

    #[test]
    fn random_numbers_reach_every_part() {
        let mut parts = [0_u32; 16];
        (0..16_000).for_each(|n| parts[(random(n) % 16) as usize] += 1);
        assert!(parts.iter().all(|count| (800..1_200).contains(count)), "{parts:?}");
    }
}
