//! What is posted, as words: records, each of so many words, so that a reader passes over what a later version adds to them.

use crate::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A record: a word that says how many follow, and those.
#[derive(Clone, Debug)]
pub(super) struct Record(Vec<u64>);

impl Record {
    pub(super) fn new() -> Self {
        Self(vec![0])
    }

    pub(super) fn word(mut self, word: u64) -> Self {
        self.0.push(word);
        self.0[0] += 1;
        self
    }

    /// The length in bytes, and the bytes, filled up to whole words.
    pub(super) fn text(mut self, text: &str) -> Self {
        self = self.word(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            self = self.word(u64::from_le_bytes(bytes));
        }
        self
    }

    /// Whether there is one, and it.
    pub(super) fn maybe_text(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.word(1).text(text),
            None => self.word(0),
        }
    }

    pub(super) fn time(self, time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.word(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Changes its first word.
    pub(super) fn set_first(&mut self, word: u64) {
        if let Some(first) = self.0.get_mut(1) {
            *first = word;
        }
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }
}

/// A page: when it was posted, how many records had no room, and the others, of a bounded number of words.
pub(super) fn page<'a>(room: usize, records: impl Iterator<Item = &'a Record>) -> Vec<u64> {
    let mut page = Record::new().time(SystemTime::now()).0.split_off(1);
    page.push(0);
    for record in records {
        if page.len() + record.words().len() <= room {
            page.extend_from_slice(record.words());
        } else {
            page[1] += 1;
        }
    }
    page
}

/// As many bytes of a text, or a few less, so that no character is cut.
pub(super) fn first(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Of a page that was read.
pub(super) struct Page<'a> {
    pub(super) at: SystemTime,
    pub(super) left_out: u64,
    rest: &'a [u64],
}

impl<'a> Page<'a> {
    /// `None` where nothing was posted.
    pub(super) fn of(words: &'a [u64]) -> Option<Self> {
        let [at, left_out, rest @ ..] = words else { return None };
        Some(Self { at: time(*at), left_out: *left_out, rest })
    }
}

impl<'a> Iterator for Page<'a> {
    type Item = Reading<'a>;

    /// The next record; none after one that leads beyond the end.
    fn next(&mut self) -> Option<Reading<'a>> {
        let (length, rest) = self.rest.split_first()?;
        let (record, rest) = rest.split_at_checked(usize::try_from(*length).ok()?)?;
        self.rest = rest;
        Some(Reading(record))
    }
}

/// What is left of a record.
pub(super) struct Reading<'a>(&'a [u64]);

impl Reading<'_> {
    pub(super) fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*word)
    }

    /// What is no UTF-8 in it is replaced.
    pub(super) fn text(&mut self) -> Option<Arc<str>> {
        let bytes = usize::try_from(self.word()?).ok()?;
        let (words, rest) = self.0.split_at_checked(bytes.div_ceil(8))?;
        self.0 = rest;
        let mut text: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        text.truncate(bytes);
        Some(String::from_utf8_lossy(&text).into())
    }

    /// `None` outside: the record ends before.
    pub(super) fn maybe_text(&mut self) -> Option<Option<Arc<str>>> {
        match self.word()? {
            0 => Some(None),
            _ => self.text().map(Some),
        }
    }

    pub(super) fn time(&mut self) -> Option<SystemTime> {
        self.word().map(time)
    }
}

fn time(ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_has_no_room_is_counted() {
        let record =
            |n: u64| Record::new().word(n).text("späte Wörter").maybe_text(None).maybe_text(Some(""));
        let records = [record(1), record(2), record(3)];
        let room = 2 + 2 * records[0].words().len();
        let words = page(room, records.iter());
        let mut page = Page::of(&words).unwrap();
        assert_eq!(page.left_out, 1);
        for n in [1, 2] {
            let mut record = page.next().unwrap();
            assert_eq!((record.word(), record.text().as_deref()), (Some(n), Some("späte Wörter")));
            assert_eq!((record.maybe_text(), record.maybe_text()), (Some(None), Some(Some("".into()))));
            assert_eq!((record.word(), record.text(), record.maybe_text()), (None, None, None));
        }
        assert!(page.next().is_none());
        assert_eq!((first("für", 2), first("für", 3), first("für", 9)), ("f", "fü", "für"));
        assert!(Page::of(&[]).is_none() && Page::of(&[1]).is_none());
    }

    #[test]
    fn any_words_come_to_an_end() {
        let mut seed = 7_u64;
        let mut random = || {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            seed >> 32
        };
        for _ in 0..2_000 {
            let words: Vec<u64> =
                (0..40).map(|_| [0, u64::MAX, random() % 50, random()][random() as usize % 4]).collect();
            let mut read = 0;
            for mut record in Page::of(&words).unwrap() {
                while let Some(text) = record.text() {
                    assert!(text.len() <= 40 * 8 * 3);
                }
                while record.time().is_some() {}
                read += 1;
            }
            assert!(read <= 40);
        }
    }
}
