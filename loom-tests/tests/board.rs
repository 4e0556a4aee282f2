//! Models of the board in a region: what a reader relies on while somebody posts.
//!
//! | edge | watched by |
//! |---|---|
//! | `board-whole`, `board-begun` | `what_is_read_was_posted_as_a_whole` |

mod support;

use flightdeck_loom::internals::{Board, Region, Side};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// The number of the post that was read, 0 if there was none; `None` if it was replaced meanwhile.
fn read(board: &Board) -> Option<u64> {
    let content = board.look().ok()?;
    match content[..] {
        [] => Some(0),
        [one, other] => {
            assert_eq!(other, 10 * one, "words of two posts");
            Some(one)
        }
        _ => panic!("{content:?}"),
    }
}

/// Whatever is read is of one post, and a later look finds no earlier one. Two posts come round to the page that is read.
#[test]
fn what_is_read_was_posted_as_a_whole() {
    let (seen, torn): ([Seen; 4], Seen) = Default::default();
    let (told, told_torn) = (seen.clone(), torn.clone());
    Model::new("board", 3, move || {
        let region = Region::heap(64).unwrap();
        let board = Arc::new(Board::at(&region, 0, 2));
        let (posting, reading) = (board.clone(), board);
        let (told, torn) = (told.clone(), told_torn.clone());
        let writer = thread::spawn(move || (1..=3).for_each(|n| posting.post(&[n, 10 * n])));
        let reader = thread::spawn(move || match read(&reading) {
            Some(n) => told[n as usize].count(),
            None => torn.count(),
        });
        writer.join().unwrap();
        reader.join().unwrap();
    })
    .holds(100)
    .fails_without("board-whole", Side::Publish)
    .fails_without("board-whole", Side::Observe)
    .fails_without("board-begun", Side::Publish)
    .fails_without("board-begun", Side::Observe);
    for (n, seen) in seen.iter().enumerate() {
        seen.at_least_once(&format!("a reader that found post {n}"));
    }
    torn.at_least_once("a reader whose page was written meanwhile");
}
