//! Which life of which program wrote a file.

use super::error::HeaderError;
use super::header::{HEADER, at, damaged, time};
use crate::os;
use std::fmt;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a program's name that are kept.
const NAME: usize = (at::STAGE - at::PROGRAM) * 8;

/// One run of one program, told from all others.
///
/// What the system did not tell is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Life {
    /// Of this file alone, at random.
    pub file: FileId,
    /// Of the file that it follows; zero where it follows none.
    pub previous: FileId,
    /// One more than that of any life whose file lies there: of `path`, `path.1` and so on, or of the program in its directory. A file
    /// that was cut still tells its own; one whose first page cannot be read, as of another version, counts as one more. It begins at 1
    /// again only where no file of an earlier life is left.
    pub number: u64,
    /// When the file was made, by the wall clock.
    pub created: SystemTime,
    /// The same in nanoseconds on the system's clock that starts with the system.
    pub since_boot: u64,
    /// The run of the system: a process number means nothing in another.
    pub boot: FileId,
    /// The number of the process, as it saw it itself.
    pub process: u32,
    /// The namespace in which the process has that number.
    pub namespace: u64,
    /// When the process started, in the system's clock ticks since it booted: a number that is used again is told by it.
    pub started: u64,
    /// The user.
    pub user: u32,
    /// The name of the program, at most 256 bytes of it.
    pub program: String,
}

/// 128 bits that nothing else has.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub(super) u128);

impl FileId {
    /// The bits.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }

    fn random() -> Self {
        let random = RandomState::new();
        let [high, low] =
            [0_u64, 1].map(|half| u128::from(random.hash_one((half, std::process::id(), now()))));
        Self(high << 64 | low)
    }

    fn parse(words: &[u64; HEADER], at: usize) -> Self {
        Self(u128::from(words[at]) << 64 | u128::from(words[at + 1]))
    }

    fn write(self, words: &mut [u64; HEADER], at: usize) {
        (words[at], words[at + 1]) = ((self.0 >> 64) as u64, self.0 as u64);
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileId({self})")
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

impl Life {
    /// This process's, that begins now, after one of this number.
    pub(super) fn begin(program: String, previous: Option<&Self>, number: u64) -> Self {
        Self {
            file: FileId::random(),
            previous: previous.map_or(FileId(0), |life| life.file),
            number: previous.map_or(0, |life| life.number).max(number).saturating_add(1),
            created: time(now()),
            since_boot: os::boot_ns().unwrap_or(0),
            boot: boot().unwrap_or_default(),
            process: std::process::id(),
            namespace: fs::metadata("/proc/self/ns/pid").map_or(0, |space| space.ino()),
            started: started().unwrap_or(0),
            user: os::user(),
            program,
        }
    }

    /// Whether it began before the machine was last started: then nothing of it runs.
    #[must_use]
    pub fn is_of_another_boot(&self) -> bool {
        boot().is_some_and(|boot| self.boot != FileId(0) && self.boot != boot)
    }

    pub(super) fn parse(words: &[u64; HEADER]) -> Result<Self, HeaderError> {
        let small = |field, at: usize| {
            u32::try_from(words[at]).map_err(|_| damaged(field, words[at], "it is no number of 32 bits"))
        };
        let length = words[at::PROGRAM_LENGTH];
        if length > NAME as u64 {
            return Err(damaged("length of the program's name", length, "there is room for 256 bytes"));
        }
        let bytes: Vec<u8> =
            words[at::PROGRAM..at::STAGE].iter().flat_map(|word| word.to_ne_bytes()).collect();
        Ok(Self {
            file: FileId::parse(words, at::FILE),
            previous: FileId::parse(words, at::PREVIOUS),
            number: words[at::LIFE],
            created: time(words[at::CREATED]),
            since_boot: words[at::BOOTED],
            boot: FileId::parse(words, at::BOOT),
            process: small("process number", at::PROCESS)?,
            namespace: words[at::NAMESPACE],
            started: words[at::STARTED],
            user: small("user", at::USER)?,
            program: String::from_utf8_lossy(&bytes[..length as usize]).into_owned(),
        })
    }

    pub(super) fn write(&self, words: &mut [u64; HEADER]) {
        self.file.write(words, at::FILE);
        self.previous.write(words, at::PREVIOUS);
        self.boot.write(words, at::BOOT);
        let created = self.created.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let numbers = [
            (at::LIFE, self.number),
            (at::CREATED, created),
            (at::BOOTED, self.since_boot),
            (at::PROCESS, self.process.into()),
            (at::NAMESPACE, self.namespace),
            (at::STARTED, self.started),
            (at::USER, self.user.into()),
            (at::PROGRAM_LENGTH, self.program.len() as u64),
        ];
        for (at, number) in numbers {
            words[at] = number;
        }
        for (word, bytes) in words[at::PROGRAM..at::STAGE].iter_mut().zip(self.program.as_bytes().chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_ne_bytes(whole);
        }
    }
}

/// A name that can stand in that of a file, and has room in a header.
pub(super) fn clean(name: String) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_+".contains(c) { c } else { '_' };
    let name: String = name.chars().take(64).map(plain).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

/// The name of the file that this process runs.
pub(super) fn this_program() -> String {
    let path = std::env::current_exe().ok();
    path.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_default()
}

fn boot() -> Option<FileId> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    u128::from_str_radix(&text.trim().replace('-', ""), 16).ok().map(FileId)
}

/// The 22nd field of `stat`; the second, in parentheses, may hold anything.
fn started() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}
