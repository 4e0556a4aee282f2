//! What the system provided for a run of memory, as it says itself.

use super::Provided;
use std::fs;

/// Lines of `smaps` that count what a mapping has in huge pages: of memory without a file, of files in memory, of others.
const HUGE: [&str; 3] = ["AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:"];

/// Of the mappings that hold any of `start .. start + bytes`; neighbours may lie in the same. Takes as long as it takes the
/// system to look at every page of the process. `None` where it does not say.
pub(crate) fn provided(start: *const u8, bytes: usize) -> Option<Provided> {
    let text = fs::read_to_string("/proc/self/smaps").ok()?;
    Some(sum(&text, start as usize, start as usize + bytes))
}

fn sum(smaps: &str, start: usize, end: usize) -> Provided {
    let (mut sum, mut is_in) = (Provided { huge: 0, all: 0 }, false);
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        if let Some((low, high)) = range(first) {
            is_in = low < end && start < high;
        } else if is_in {
            let kilobytes = words.next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
            if first == "Rss:" {
                sum.all += kilobytes << 10;
            } else if HUGE.contains(&first) {
                sum.huge += kilobytes << 10;
            }
        }
    }
    let most = (end - start) as u64;
    Provided { huge: sum.huge.min(most), all: sum.all.min(most) }
}

/// `7fb752a8c000-7fb756a8c000`, with which what is said of a mapping begins.
fn range(word: &str) -> Option<(usize, usize)> {
    let (low, high) = word.split_once('-')?;
    Some((usize::from_str_radix(low, 16).ok()?, usize::from_str_radix(high, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-3000 rw-s 00000000 00:19 17 /dev/shm/a-b c
Rss:                   8 kB
ShmemPmdMapped:        4 kB
VmFlags: rd wr
3000-5000 rw-p 00000000 00:00 0
Rss:                   8 kB
AnonHugePages:         8 kB
5000-9000 rw-s 00000000 00:19 18 /srv/x
Rss:                  16 kB
FilePmdMapped:         8 kB
";

    #[test]
    fn mappings_that_hold_a_part_of_it_count_and_no_others() {
        for (start, end, huge, all) in [
            (0x1000, 0x3000, 4, 8),
            (0x1000, 0x5000, 12, 16),
            (0x3000, 0x9000, 16, 24),
            (0x4000, 0x5000, 4, 4),
            (0x9000, 0xa000, 0, 0),
        ] {
            assert_eq!(sum(SMAPS, start, end), Provided { huge: huge << 10, all: all << 10 }, "{start:x}");
        }
    }

    #[test]
    fn what_was_touched_is_provided() {
        let memory = vec![1_u8; 1 << 20];
        let there = provided(memory.as_ptr(), memory.len()).unwrap();
        assert!(there.all >= 1 << 19 && there.huge <= there.all, "{there:?}");
    }
}
