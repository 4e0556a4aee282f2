//! What the lives before left behind: found, kept in a bounded number, never taken from whoever still writes it.

use super::create::system;
use super::error::{CreateError, HeaderError};
use super::header::{HEADER_BYTES, Header, at};
use super::life::{Life, now};
use super::open::read_some;
use crate::os::{self, Held};
use crate::region::stage::State;
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file whose writer is gone, and that nobody else takes while this lives.
pub(super) struct Found {
    held: Held,
    /// As far as it can be read; it may have been cut.
    header: Option<Header>,
}

/// The life before.
#[derive(Default)]
pub(super) struct Before {
    pub(super) life: Option<Life>,
    /// Where its file is now; `None` where it is gone.
    pub(super) path: Option<PathBuf>,
    /// Nobody takes it before the new one is there. What is removed is not held: it would keep the space.
    held: Option<Held>,
}

/// What has this name; `None` where nothing has.
///
/// # Errors
/// If it is no deck of this user, or somebody writes it.
pub(super) fn find(path: &Path) -> Result<Option<Found>, CreateError> {
    // First whether it is a deck at all: what is not is not even locked.
    let Some((file, _)) = read(path)? else { return Ok(None) };
    let held = Held::try_hold(file).map_err(|error| system(path, "lock", &error))?;
    let held = held.ok_or_else(|| CreateError::InUse { path: path.to_owned() })?;
    // What is believed is read again now that nobody writes it: it may have begun to run meanwhile, and been killed.
    let header = header_of(path, held.file())?;
    Ok(Some(Found { held, header }))
}

/// A deck of this user's, open for writing, and its header.
fn read(path: &Path) -> Result<Option<(File, Option<Header>)>, CreateError> {
    let foreign = |reason: String| CreateError::Foreign { path: path.to_owned(), reason: reason.into() };
    let mut open = File::options();
    open.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC);
    let file = match open.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        // A link, a directory, a pipe.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EISDIR | libc::ENXIO)) => {
            return Err(foreign(error.to_string()));
        }
        Err(error) => {
            // Of another user's it is no use to say that it may not be opened.
            let there = fs::symlink_metadata(path).ok().filter(|there| there.uid() != os::user());
            return Err(there.map_or_else(
                || system(path, "open", &error),
                |there| foreign(format!("it belongs to user {}", there.uid())),
            ));
        }
    };
    let metadata = file.metadata().map_err(|error| system(path, "fstat", &error))?;
    if !metadata.is_file() {
        return Err(foreign("it is no regular file".to_owned()));
    }
    if metadata.uid() != os::user() {
        return Err(foreign(format!("it belongs to user {}", metadata.uid())));
    }
    let header = header_of(path, &file)?;
    Ok(Some((file, header)))
}

/// `None` of a deck that is damaged, or of another version.
///
/// # Errors
/// Where it is none.
fn header_of(path: &Path, file: &File) -> Result<Option<Header>, CreateError> {
    let metadata = file.metadata().map_err(|error| system(path, "fstat", &error))?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    read_some(file, &mut bytes).map_err(|error| system(path, "read", &error))?;
    match Header::parse(&bytes, metadata.len()) {
        Ok(header) => Ok(Some(header)),
        Err(error @ (HeaderError::NoDeck { .. } | HeaderError::TooShort { .. })) => {
            Err(CreateError::Foreign { path: path.to_owned(), reason: error.to_string().into() })
        }
        Err(_) => Ok(None),
    }
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether the name still leads to this file, which is held: then nobody but its holder takes the name away.
fn still_has(path: &Path, held: &Held) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(there) => Ok(same(&there, &held.file().metadata()?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Of a name that nothing has, the life before: the last one put aside. Another may have done so a moment ago, or have
/// been killed before its own file had the name.
pub(super) fn last_aside(path: &Path) -> Before {
    let aside = numbered(path, 1);
    match read(&aside) {
        Ok(Some((_, header))) => {
            Before { life: header.map(|header| header.life), path: Some(aside), held: None }
        }
        _ => Before::default(),
    }
}

/// How many there are, without a gap.
fn count_aside(path: &Path) -> Result<u32, CreateError> {
    let mut kept = 0;
    while read(&numbered(path, kept + 1))?.is_some() {
        kept += 1;
    }
    Ok(kept)
}

/// The greatest number of any life that left a file here, so that none has it again: as each tells that can be read so far, also
/// if it was cut, and one more for each that lies before it.
pub(super) fn newest_of(path: &Path) -> u64 {
    let numbers = std::iter::once(path.to_owned()).chain((1..).map(|number| numbered(path, number)));
    let (mut newest, mut there) = (0, 0);
    // While another puts one aside, all move to the next name, and the one that was met last is met again.
    let mut met = HashSet::new();
    for (at, path) in numbers.enumerate() {
        match read(&path) {
            Ok(Some((_, Some(header)))) if header.state == State::Making => {}
            Ok(Some((file, _))) if file.metadata().is_ok_and(|of| !met.insert((of.dev(), of.ino()))) => {}
            Ok(Some((file, header))) => {
                let number = header.map_or_else(|| number_of_cut(&file), |header| header.life.number);
                // Each of those before it here was a later life.
                newest = newest.max(number.saturating_add(there));
                there += 1;
            }
            // It may have just been put aside.
            _ if at == 0 => {}
            _ => break,
        }
    }
    newest.max(there)
}

/// What the first page says, whatever became of the rest; 0 where that cannot be read either.
fn number_of_cut(file: &File) -> u64 {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    let read = read_some(file, &mut bytes);
    read.ok().and_then(|()| Header::parse(&bytes, u64::MAX).ok()).map_or(0, |header| header.life.number)
}

/// What those of a path take, the one that has its name among them, whose writers are gone.
pub(super) fn bytes_of_lives(path: &Path) -> u64 {
    let taken = |path: &Path| find(path).ok().flatten().map_or(0, |found| taken(&found.held));
    let aside = (1..=count_aside(path).unwrap_or(0)).map(|number| taken(&numbered(path, number)));
    taken(path) + aside.sum::<u64>()
}

fn taken(held: &Held) -> u64 {
    held.file().metadata().map_or(0, |metadata| metadata.blocks() * 512)
}

/// Takes away what will not be kept once one more is put aside; whether there was any. By whoever holds the path's file.
pub(super) fn thin_aside(path: &Path, keep: Option<u32>) -> bool {
    let kept = count_aside(path).unwrap_or(0);
    let gone = keep.map_or(kept + 1, |keep| keep.max(1))..=kept;
    gone.filter(|number| fs::remove_file(numbered(path, *number)).is_ok()).count() > 0
}

impl Found {
    /// Whether its maker died before anything in it counted.
    fn is_unfinished(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.state == State::Making)
    }

    /// Whether it goes before the new file is there, which may need the space.
    pub(super) fn goes_first(&self, keep: Option<u32>) -> bool {
        self.is_unfinished() || keep == Some(0)
    }

    /// Which life it is of; unknown of a damaged one.
    pub(super) fn life(&self) -> Option<&Life> {
        self.header.as_ref().map(|header| &header.life)
    }
}

/// Makes the name free. `None` where another was quicker.
///
/// # Errors
/// If nobody said that it may go, or a file in the way is no deck.
pub(super) fn put_aside(path: &Path, found: Found, keep: Option<u32>) -> Result<Option<Before>, CreateError> {
    let failed = |error: io::Error| system(path, "rename", &error);
    let is_unfinished = found.is_unfinished();
    let Found { held, header } = found;
    if !still_has(path, &held).map_err(failed)? {
        return Ok(None);
    }
    let life = header.as_ref().map(|header| header.life.clone());
    if is_unfinished {
        // Nothing in it counts.
        fs::remove_file(path).map_err(failed)?;
        return Ok(Some(last_aside(path)));
    }
    let Some(keep) = keep else { return Err(CreateError::Exists { path: path.to_owned() }) };
    // Before any is moved: each is a deck, or not there.
    let kept = count_aside(path)?;
    for gone in keep.max(1)..=kept {
        fs::remove_file(numbered(path, gone)).map_err(failed)?;
    }
    if keep == 0 {
        fs::remove_file(path).map_err(failed)?;
        return Ok(Some(Before { life, path: None, held: None }));
    }
    for number in (1..keep.min(kept + 1)).rev() {
        fs::rename(numbered(path, number), numbered(path, number + 1)).map_err(failed)?;
    }
    if header.is_some() {
        // It lies on the line that may change. Not worth an error: it is told by the name as well.
        let _ = held.file().write_at(&now().to_ne_bytes(), 8 * (at::STAGE as u64 + 2));
    }
    let aside = numbered(path, 1);
    fs::rename(path, &aside).map_err(failed)?;
    Ok(Some(Before { life, path: Some(aside), held: Some(held) }))
}

/// The lives of a program that left files in a directory.
pub(super) struct Lives {
    /// The greatest number of any, also of those that run.
    pub(super) newest: u64,
    /// Those that do not run, oldest first.
    pub(super) dead: Vec<Before>,
}

impl Lives {
    /// What those take that do not run.
    pub(super) fn bytes(&self) -> u64 {
        let paths = self.dead.iter().filter_map(|dead| dead.path.as_ref());
        paths.filter_map(|path| fs::symlink_metadata(path).ok()).map(|there| there.blocks() * 512).sum()
    }
}

pub(super) fn lives_in(directory: &Path, program: &str) -> Result<Lives, CreateError> {
    let failed = |error: io::Error| system(directory, "readdir", &error);
    let (mut newest, mut dead) = (0, Vec::new());
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(number) = path.file_name().and_then(|name| number_of(name.to_str()?, program)) else {
            continue;
        };
        newest = newest.max(number);
        // Whatever is the matter with one, it is no reason to have no deck.
        let Ok(Some(found)) = find(&path) else { continue };
        if found.is_unfinished() {
            // It is no life, and pushes none out.
            if still_has(&path, &found.held).unwrap_or(false) {
                let _ = fs::remove_file(&path);
            }
            continue;
        }
        dead.push((number, Before { life: found.life().cloned(), path: Some(path), held: None }));
    }
    dead.sort_by_key(|(number, _)| *number);
    // The last alone, so that it is there when the new one is: they may be many. What another took meanwhile is not.
    while let Some((_, last)) = dead.last_mut() {
        last.held = last.path.as_ref().and_then(|path| Some(find(path).ok()??.held));
        if last.held.is_some() {
            break;
        }
        dead.pop();
    }
    Ok(Lives { newest, dead: dead.into_iter().map(|(_, dead)| dead).collect() })
}

/// Of `program.process.life.deck` the life.
fn number_of(name: &str, program: &str) -> Option<u64> {
    let numbers = name.strip_prefix(program)?.strip_prefix('.')?.strip_suffix(".deck")?;
    let (process, life) = numbers.split_once('.')?;
    process.parse::<u32>().ok()?;
    life.parse().ok()
}

/// Leaves the newest dead ones, so many; whether any is gone.
pub(super) fn thin_out(lives: &mut Lives, keep: u32) -> bool {
    let gone = lives.dead.len().saturating_sub(keep as usize);
    let mut any = false;
    for Before { path, held, .. } in lives.dead.drain(..gone) {
        let Some(path) = path else { continue };
        if let Some(held) = held.or_else(|| Some(find(&path).ok()??.held))
            && still_has(&path, &held).unwrap_or(false)
        {
            any |= fs::remove_file(path).is_ok();
        }
    }
    any
}

/// Files that were never given their name, since their process died meanwhile.
pub(super) fn sweep(directory: &Path, name: &str) {
    const OLD: Duration = Duration::from_secs(60);
    let prefix = format!(".{name}.");
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let ours = file.to_str().is_some_and(|file| file.starts_with(&prefix) && file.ends_with(".new"));
        // One that was made just now may not be held yet.
        let is_old = |metadata: Metadata| {
            let age = SystemTime::now().duration_since(metadata.modified()?);
            io::Result::Ok(
                metadata.is_file() && metadata.uid() == os::user() && age.is_ok_and(|age| age > OLD),
            )
        };
        if !ours || !entry.metadata().and_then(is_old).unwrap_or(false) {
            continue;
        }
        let mut open = File::options();
        open.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC);
        if open.open(entry.path()).and_then(Held::try_hold).is_ok_and(|held| held.is_some()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_program_are_told_from_those_of_others() {
        assert_eq!(number_of("host.17.4.deck", "host"), Some(4));
        for other in [
            "host.17.deck",
            "host.17.4",
            "host.x.4.deck",
            "hosts.17.4.deck",
            "host.1.2.3.deck",
            "host17.4.deck",
        ] {
            assert_eq!(number_of(other, "host"), None, "{other}");
        }
    }
}
