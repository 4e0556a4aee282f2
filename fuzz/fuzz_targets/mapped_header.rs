//! Any bytes as the first page of a mapped deck, and as a whole file: an error, or a header whose sections lie inside the file,
//! in order and apart. Half of the inputs are given the check word that makes the rest of them count.

#![no_main]

use flightdeck::mapped::{Header, HeaderError, OpenError, OpenOptions, Opened};
use libfuzzer_sys::fuzz_target;
use std::fs;

const HEADER: usize = 4_096;

/// As `format.md` tells it.
fn check(bytes: &[u8]) -> u64 {
    let words = bytes[..HEADER].chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap()));
    let counted = words.enumerate().filter(|(at, _)| *at != 8 && !(64..80).contains(at));
    counted.fold(0xcbf2_9ce4_8422_2325, |sum, (_, word)| (sum ^ word).wrapping_mul(0x0100_0000_01b3))
}

fn sound(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().max(HEADER), 0);
    let mut put = |at: usize, word: [u8; 8]| bytes[8 * at..8 * at + 8].copy_from_slice(&word);
    put(0, *b"flightdk");
    put(1, 0x0102_0304_0506_0708_u64.to_ne_bytes());
    put(2, 1_u64.to_ne_bytes());
    put(4, 8_u64.to_ne_bytes());
    put(64, *b"running.");
    let sum = check(&bytes);
    bytes[64..72].copy_from_slice(&sum.to_ne_bytes());
    bytes
}

fuzz_target!(|input: (bool, Option<u32>, Vec<u8>)| {
    let (mend, length, bytes) = input;
    let bytes = if mend { sound(bytes) } else { bytes };
    // What a file would say: its own length, or any.
    let parsed = Header::parse(&bytes, length.map_or(bytes.len() as u64, u64::from));
    if let Ok(header) = &parsed {
        let mut end = HEADER / 8;
        for section in &header.sections {
            assert!(section.start >= end && section.start % 16 == 0);
            end = section.start + section.words;
        }
        assert!(end as u64 * 8 <= header.bytes);
        assert!(header.bytes <= length.map_or(bytes.len() as u64, u64::from));
    }
    let path = std::env::temp_dir().join(format!("flightdeck-fuzz-header-{}", std::process::id()));
    fs::write(&path, &bytes).unwrap();
    match (Opened::open(&path, &OpenOptions::new()), Header::parse(&bytes, bytes.len() as u64)) {
        (Ok(opened), parsed) => assert_eq!(Ok(opened.header()), parsed.as_ref()),
        (Err(OpenError::Header { error, .. }), parsed) => assert_eq!(Err(error), parsed),
        (Err(OpenError::Unfinished { .. }), Ok(_)) => {}
        // Of no bytes nothing is mapped.
        (Err(error), parsed) => panic!("{error}: {:?}", parsed.map_err(|error: HeaderError| error)),
    }
});
