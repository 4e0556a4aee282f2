mod lives;
mod places;

use super::directory::MOST;
use super::header::{HEADER, HEADER_BYTES, MAJOR, at};
use super::*;
use crate::sync::{Relaxed, thread};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::PathBuf;

/// A directory of its own, gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flightdeck-mapped-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("deck")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const SECTIONS: [SectionSpec; 3] = [
    SectionSpec { kind: kind::EVENTS, version: 3, instance: 0, words: 100, huge_pages: false },
    SectionSpec { kind: 77, version: 1, instance: 0, words: 1_000, huge_pages: false },
    SectionSpec { kind: kind::EVENTS, version: 4, instance: 1, words: 16, huge_pages: false },
];

fn made(folder: &Folder) -> MappedFile {
    MappedFile::create(&Options::at(folder.file()).program("test host"), &SECTIONS).unwrap()
}

fn open(folder: &Folder) -> Result<Opened, OpenError> {
    Opened::open(folder.file(), &OpenOptions::new())
}

#[test]
fn what_is_stored_in_a_section_is_read_in_it_by_another_mapping() {
    let folder = Folder::new("round-trip");
    let file = made(&folder);
    let written =
        [(kind::EVENTS, 0, 100), (77, 0, 1_000), (kind::EVENTS, 1, 16)].map(|(kind, instance, words)| {
            let section = file.section(kind, instance).unwrap();
            assert_eq!(section.words, words);
            let line = section.region.line(section.start);
            line.at::<5>().store(u64::from(kind) << 8 | u64::from(instance), Relaxed);
            (kind, instance, section.start)
        });
    assert!(file.section(kind::EVENTS, 2).is_none());
    file.run();
    let opened = open(&folder).unwrap();
    for (kind, instance, start) in written {
        let section = opened.section(kind, instance).unwrap();
        assert_eq!(section.start, start);
        assert!(!section.region.is_writable());
        let word = section.region.line(section.start).at::<5>().load(Relaxed);
        assert_eq!(word, u64::from(kind) << 8 | u64::from(instance));
    }
    let header = opened.header();
    assert_eq!(header.sections.iter().map(|entry| entry.version).collect::<Vec<_>>(), [3, 1, 4]);
    assert_eq!((&header.life, header.backing), (file.life(), Backing::File));
    assert_eq!((header.life.process, &*header.life.program), (std::process::id(), "test_host"));
    assert_eq!((header.life.number, header.life.previous.get()), (1, 0));
    assert!(header.life.file.get() != 0 && header.life.boot.get() != 0 && header.life.started > 0);
    assert!(!header.life.is_of_another_boot());
    assert_eq!(header.bytes, fs::metadata(folder.file()).unwrap().len());
    assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_reader_sees_each_state_and_whether_a_writer_lives() {
    let folder = Folder::new("states");
    let file = made(&folder);
    let unfinished = open(&folder).unwrap_err();
    assert_eq!(unfinished, OpenError::Unfinished { path: folder.file(), process: std::process::id() });
    file.run();
    let opened = open(&folder).unwrap();
    assert_eq!((opened.state(), opened.has_writer().unwrap()), (Some(State::Running), true));
    file.close();
    assert_eq!((opened.state(), opened.has_writer().unwrap()), (Some(State::Closed), false));
    let header = open(&folder).unwrap().header().clone();
    assert_eq!(header.state, State::Closed);
    assert!(header.ended.unwrap() >= header.life.created && header.rotated.is_none());
    thread::sleep(std::time::Duration::from_millis(2));
    file.close();
    assert_eq!(open(&folder).unwrap().header().ended, header.ended, "it ends once");
}

#[test]
fn a_file_without_a_name_is_found_by_its_descriptor_and_its_length_is_sealed() {
    let file = MappedFile::create(&Options::nameless(), &SECTIONS).unwrap();
    file.run();
    let opened = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        Opened::of(File::open(&path).ok()?, path, &OpenOptions::new()).ok()
    });
    let opened = opened.into_iter().find(|opened| opened.header().life == *file.life()).unwrap();
    assert_eq!((opened.header().backing, file.path()), (Backing::Nameless, None));
    assert!(opened.has_sealed_length() && opened.has_writer().unwrap());
}

/// The bytes of a file that is done.
fn bytes(folder: &Folder) -> Vec<u8> {
    let file = made(folder);
    file.run();
    drop(file);
    fs::read(folder.file()).unwrap()
}

#[test]
fn every_flipped_byte_of_the_header_is_found_but_for_two_times() {
    let folder = Folder::new("flips");
    let sound = bytes(&folder);
    let expected = Header::parse(&sound, sound.len() as u64).unwrap();
    let file = File::options().write(true).open(folder.file()).unwrap();
    let stage = at::STAGE * 8..at::DIRECTORY * 8;
    let mut passed = 0;
    for at in 0..HEADER_BYTES {
        for flip in [1_u8, 0x80, 0xff] {
            let mut bytes = sound.clone();
            bytes[at] ^= flip;
            let parsed = Header::parse(&bytes, bytes.len() as u64);
            file.write_at(&bytes[at..=at], at as u64).unwrap();
            match open(&folder) {
                Ok(opened) => assert_eq!(Ok(opened.header()), parsed.as_ref()),
                Err(OpenError::Header { error, .. }) => assert_eq!(Err(error), parsed),
                Err(other) => panic!("{at}: {other}"),
            }
            if let Ok(header) = parsed {
                assert!(stage.contains(&at) && at >= stage.start + 8, "byte {at} is not looked at");
                assert_eq!(Header { ended: None, rotated: None, ..header }, expected);
                passed += 1;
            }
        }
        file.write_at(&sound[at..=at], at as u64).unwrap();
    }
    assert_eq!(passed, 3 * (stage.len() - 8));
}

#[test]
fn every_prefix_of_a_file_is_too_short() {
    let folder = Folder::new("prefixes");
    let sound = bytes(&folder);
    let file = File::options().write(true).open(folder.file()).unwrap();
    let lengths = (0..=HEADER_BYTES).chain([sound.len() - 4_096, sound.len() - 8, sound.len() - 1]);
    for length in lengths.rev() {
        file.set_len(length as u64).unwrap();
        let error = match open(&folder).unwrap_err() {
            OpenError::Header { error, .. } => error,
            other => panic!("{other}"),
        };
        let length = length as u64;
        if length < HEADER_BYTES as u64 {
            assert_eq!(error, HeaderError::TooShort { bytes: length, least: 4_096 });
        } else {
            assert_eq!(error, HeaderError::Truncated { bytes: length, wanted: sound.len() as u64 });
        }
        assert_eq!(Err(error), Header::parse(&sound[..length as usize], length));
    }
}

fn with(sound: &[u8], changes: &[(usize, u64)]) -> Vec<u8> {
    let mut bytes = sound.to_owned();
    for (at, word) in changes {
        bytes[8 * at..8 * at + 8].copy_from_slice(&word.to_ne_bytes());
    }
    let words: Vec<u64> =
        bytes[..HEADER_BYTES].as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    let check = header::check(words.as_slice().try_into().unwrap());
    if changes.iter().all(|(at, _)| *at != at::CHECK) {
        bytes[8 * at::CHECK..8 * at::CHECK + 8].copy_from_slice(&check.to_ne_bytes());
    }
    bytes
}

#[test]
fn each_field_is_looked_at_also_where_the_check_word_holds() {
    let folder = Folder::new("fields");
    let sound = bytes(&folder);
    let total = sound.len() as u64 / 8;
    let refused = |changes: &[(usize, u64)]| {
        let bytes = with(&sound, changes);
        Header::parse(&bytes, bytes.len() as u64).unwrap_err()
    };
    let field = |changes: &[(usize, u64)]| match refused(changes) {
        HeaderError::Damaged { field, .. } => field,
        other => panic!("{other}"),
    };
    assert!(matches!(refused(&[(at::MAGIC, 7)]), HeaderError::NoDeck { .. }));
    assert_eq!(refused(&[(at::ORDER, 0x0807_0605_0403_0201)]), HeaderError::ByteOrder);
    assert_eq!(field(&[(at::ORDER, 7)]), "byte order");
    for found in [0, MAJOR + 1, u64::MAX] {
        // Whatever else is there: another version may check otherwise.
        assert_eq!(
            refused(&[(at::MAJOR, found), (at::CHECK, 0)]),
            HeaderError::Version { found, known: MAJOR }
        );
    }
    assert_eq!(field(&[(at::CHECK, 0)]), "check word");
    assert_eq!(field(&[(at::WORD, 4)]), "word size");
    assert_eq!(field(&[(at::MINOR, 1 << 32)]), "minor version");
    for words in [0, HEADER as u64 - 1, u64::MAX, 1 << 61, 1 << 60] {
        assert_eq!(field(&[(at::TOTAL, words)]), "length");
    }
    let wanted = sound.len() as u64 + 8;
    assert_eq!(refused(&[(at::TOTAL, total + 1)]), HeaderError::Truncated { bytes: wanted - 8, wanted });
    assert_eq!(field(&[(at::BACKING, 3)]), "backing");
    assert_eq!(field(&[(at::STAGE, 0)]), "state");
    assert_eq!(field(&[(at::PROCESS, 1 << 32)]), "process number");
    assert_eq!(field(&[(at::USER, u64::MAX)]), "user");
    assert_eq!(field(&[(at::PROGRAM_LENGTH, 257)]), "length of the program's name");
    for count in [MOST as u64 + 1, u64::MAX] {
        assert_eq!(field(&[(at::SECTIONS, count)]), "section count");
    }
    let entry = |number: usize, at: usize| at::DIRECTORY + number * directory::ENTRY + at;
    for (at, name) in [(0, "section kind"), (1, "section version"), (2, "section instance")] {
        assert_eq!(field(&[(entry(1, at), 1 << 32)]), name);
    }
    let first = u64::from_ne_bytes(sound[8 * entry(0, 3)..][..8].try_into().unwrap());
    for start in [0, first + 1, first - 16, u64::MAX, u64::MAX - 15, u64::MAX - 255] {
        assert_eq!(
            field(&[(entry(1, 3), start)]),
            if start > total && start.is_multiple_of(16) { "section length" } else { "section start" }
        );
    }
    for words in [total, u64::MAX, u64::MAX - first] {
        assert_eq!(field(&[(entry(2, 4), words)]), "section length");
    }
    assert_eq!(field(&[(entry(0, 4), 128)]), "section start", "the second section begins inside the first");
    assert_eq!(field(&[(entry(2, 2), 0)]), "section instance", "there are two of it");
    // A kind that nobody knows, and a minor version to come: passed over.
    let bytes = with(&sound, &[(at::MINOR, 9), (entry(1, 0), 4_000_000_000)]);
    let header = Header::parse(&bytes, bytes.len() as u64).unwrap();
    assert_eq!((header.version, header.sections[1].kind), ((1, 9), 4_000_000_000));
}

#[test]
fn links_pipes_and_directories_are_not_opened() {
    let folder = Folder::new("kinds");
    let _ = bytes(&folder);
    let link = folder.0.join("link");
    symlink(folder.file(), &link).unwrap();
    let options = OpenOptions::new();
    assert!(matches!(Opened::open(&link, &options), Err(OpenError::System { step: "open", .. })));
    assert_eq!(Opened::open(&folder.0, &options).unwrap_err(), OpenError::NoFile { path: folder.0.clone() });
    let error = MappedFile::create(&Options::at(&link), &SECTIONS).unwrap_err();
    assert!(matches!(error, CreateError::Foreign { .. }), "{error}");
}

#[test]
fn sections_that_no_file_can_hold_are_refused() {
    let one = SectionSpec { kind: 7, version: 1, instance: 0, words: 16, huge_pages: false };
    let most = vec![one; MOST];
    assert!(directory::arrange(&most, 4_096).is_some());
    let create = |sections: &[SectionSpec]| MappedFile::create(&Options::nameless(), sections).unwrap_err();
    let many = vec![one; MOST + 1];
    assert_eq!(create(&many), CreateError::Size { words: 512 + 16 * (MOST + 1), sections: MOST + 1 });
    for words in [usize::MAX, usize::MAX / 8, usize::MAX / 16] {
        let long = [one, SectionSpec { words, ..one }];
        let CreateError::Size { .. } = create(&long) else { panic!("{words}") };
    }
    let (entries, total) =
        directory::arrange(&[one, SectionSpec { words: 1 << 20, huge_pages: true, ..one }], 4_096).unwrap();
    assert_eq!((entries[1].start * 8, total * 8), (2 << 20, 10 << 20), "where a huge page can be");
}

#[test]
fn the_format_tells_of_each_word() {
    let text = include_str!("../format.md");
    let rows: Vec<(usize, usize)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
        .filter_map(|(words, _)| {
            let (first, last) =
                words.split_once(" to ").or_else(|| words.split_once(", ")).unwrap_or((words, words));
            Some((first.parse().ok()?, last.parse().ok()?))
        })
        .collect();
    let told = |word: usize| rows.iter().any(|(first, last)| (*first..=*last).contains(&word));
    let folder = Folder::new("format");
    let sound = bytes(&folder);
    for (at, word) in sound[..HEADER_BYTES].as_chunks::<8>().0.iter().enumerate() {
        assert!(*word == [0; 8] || told(at), "word {at} is not told of");
    }
}

#[test]
fn only_one_of_many_makes_a_file() {
    let folder = Folder::new("race");
    let path = folder.file();
    let made = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| MappedFile::create(&Options::at(&path), &SECTIONS))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
}
