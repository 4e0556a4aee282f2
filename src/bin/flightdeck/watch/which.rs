//! Which deck is meant: that of a file, of a process, or the only one that runs.

use super::watched::Watched;
use crate::args::List;
use crate::list;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::shown::{count, plain};
use flightdeck::events::RecordingError;
use flightdeck::mapped::{FileId, HeaderError, OpenError, OpenOptions, Opened};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Those that were named; without a name the only one that runs. The outcome where that is nothing to look at, which was said.
pub fn open(
    named: &[PathBuf],
    any_user: bool,
    output: &mut Output,
    messages: &Messages,
) -> Result<Result<Vec<Watched>, Outcome>, Failure> {
    let options = OpenOptions::new().of_any_user(any_user);
    if named.is_empty() {
        return only(&options, output, messages);
    }
    let mut decks = Vec::with_capacity(named.len());
    let mut known = BTreeSet::new();
    for name in named {
        let process = name.to_str().and_then(|name| name.parse::<u32>().ok()).filter(|_| !name.exists());
        let Some(process) = process else {
            add(file(name, &options)?, &mut decks, &mut known, messages);
            continue;
        };
        match of_process(process, &options) {
            Some(deck) => add(deck?, &mut decks, &mut known, messages),
            None => {
                messages.error(format_args!(
                    "process {process} has no deck in a file that this user may read: see `flightdeck list`, and name the file"
                ));
                return Ok(Err(Outcome::Unreadable));
            }
        }
    }
    Ok(Ok(decks))
}

/// A deck that is named twice, by its file and its process for example, counts once.
fn add(deck: Watched, decks: &mut Vec<Watched>, known: &mut BTreeSet<FileId>, messages: &Messages) {
    if known.insert(deck.file().header().life.file) {
        decks.push(deck);
    } else {
        messages.warn(format_args!("{} is named twice: it counts once", deck.file().path().display()));
    }
}

fn file(path: &Path, options: &OpenOptions) -> Result<Watched, RecordingError> {
    Watched::of(|| Opened::open(path, options))
}

fn only(
    options: &OpenOptions,
    output: &mut Output,
    messages: &Messages,
) -> Result<Result<Vec<Watched>, Outcome>, Failure> {
    let running = list::running();
    if let [path] = running.as_slice() {
        return Ok(Ok(vec![file(path, options)?]));
    }
    list::run(&List { directories: Vec::new(), json: false }, output, messages)?;
    if !running.is_empty() {
        messages.error(format_args!("{} run: name the file of one", count(running.len() as u64, "deck")));
    }
    Ok(Err(Outcome::NothingFound))
}

/// The newest deck that a process has mapped, by what the system says of it. `None` if it has none, or this user may not know.
fn of_process(process: u32, options: &OpenOptions) -> Option<Result<Watched, RecordingError>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let inodes = shared(&maps);
    let mut decks: Vec<_> = candidates(process, &maps)
        .filter_map(|(file, path)| {
            let inode = file.metadata().ok()?.ino();
            // A name may stand for another file by now.
            inodes.contains(&inode).then_some(())?;
            let refused = |error: std::io::Error| OpenError::System {
                path: path.clone(),
                step: "dup",
                reason: error.to_string().into(),
            };
            let open = || Opened::of(file.try_clone().map_err(refused)?, &path, options);
            match Watched::of(open) {
                Err(RecordingError::Open(OpenError::Header {
                    error: HeaderError::NoDeck { .. } | HeaderError::TooShort { .. },
                    ..
                })) => None,
                watched => Some(watched),
            }
        })
        .collect();
    // One that cannot be read is only told of where there is no other.
    decks.sort_by_key(|deck| deck.as_ref().ok().map(|deck| deck.file().header().life.created));
    decks.pop()
}

/// Inodes of the files that are mapped for everybody to see, and to be written: who only reads a deck, as one that follows an
/// earlier life or looks into another's, is not its host.
fn shared(maps: &str) -> BTreeSet<u64> {
    let inode = |line: &str| {
        let mut words = line.split_whitespace();
        let is_written =
            words.nth(1).is_some_and(|rights| rights.ends_with('s') && rights.get(1..2) == Some("w"));
        words.nth(2).and_then(|inode| inode.parse().ok()).filter(|inode| is_written && *inode != 0)
    };
    maps.lines().filter_map(inode).collect()
}

/// Files that it may be, opened: by their names, and by the descriptors of those that have none.
fn candidates(process: u32, maps: &str) -> impl Iterator<Item = (File, PathBuf)> {
    let named: BTreeSet<PathBuf> = maps
        .lines()
        .filter_map(|line| line.find('/').and_then(|at| line.get(at..)))
        .map(PathBuf::from)
        .collect();
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
    let nameless = descriptors.filter_map(|entry| {
        let path = entry.ok()?.path();
        let target = fs::read_link(&path).ok()?;
        target.to_str().is_some_and(|target| target.ends_with(GONE)).then_some((path, target))
    });
    let named = named.into_iter().map(|path| (path.clone(), path));
    named.chain(nameless).filter_map(|(path, name)| {
        // No pipe is waited for: only regular files are opened.
        fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let file = File::open(&path).ok()?;
        let name = now_called(&file, &name).unwrap_or(name);
        Some((file, PathBuf::from(plain(&name.to_string_lossy()))))
    })
}

/// What the system puts behind a name that a file does not have any more.
const GONE: &str = " (deleted)";

/// A deck is made under a name that nobody sees, and given its own when it is whole.
fn now_called(file: &File, name: &Path) -> Option<PathBuf> {
    let before = Path::new(name.to_str()?.strip_suffix(GONE)?);
    let is_it =
        |found: &fs::Metadata, file: &fs::Metadata| (found.dev(), found.ino()) == (file.dev(), file.ino());
    let metadata = file.metadata().ok()?;
    let entries = fs::read_dir(before.parent()?).ok()?.flatten();
    entries
        .filter(|entry| entry.metadata().is_ok_and(|found| is_it(&found, &metadata)))
        .map(|entry| entry.path())
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_is_shared_and_written_counts() {
        let maps = "\
7f00-7f01 rw-s 00000000 00:19 42                         /dev/shm/host deck.deck
7f01-7f02 r--p 00000000 fe:00 43                         /usr/lib/libc.so.6
7f02-7f03 rw-s 00000000 00:01 44                         /memfd:flightdeck (deleted)
7f03-7f04 rw-p 00000000 00:00 0                          [heap]
7f04-7f05 r--s 00000000 00:19 45                         /dev/shm/another.deck
";
        assert_eq!(shared(maps), BTreeSet::from([42, 44]));
        assert_eq!(shared("garbage\n\n"), BTreeSet::new());
    }
}
