//! Directories in which nobody else can put anything in a file's place.

use super::create::system;
use super::error::CreateError;
use super::places;
use crate::os;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Component, Path, PathBuf};

/// Group and others may write.
pub(super) const WRITABLE: u32 = 0o022;
pub(super) const STICKY: u32 = 0o1000;

/// Its owner, this user or root, is the only one who can write in it, and nobody else can put another in its place.
pub(super) fn directory(path: &Path, group: Option<u32>) -> Result<(), CreateError> {
    way_to(path)?;
    let metadata = look(path)?;
    if metadata.mode() & WRITABLE != 0 {
        let helps = if metadata.mode() & STICKY != 0 {
            "others can write in it: give the directory itself, in which one of this user's is made"
        } else {
            "others can write in it: take that away with `chmod go-w`"
        };
        return Err(refused(path, helps));
    }
    if let Some(group) = group
        && !may_enter(&metadata, group)
    {
        let helps = format!(
            "group {group} is to read the deck and cannot enter it: `chgrp {group}` and `chmod g+x` it"
        );
        return Err(refused(path, &helps));
    }
    Ok(())
}

/// From the root to it: each directory and link on the way belongs to this user or root, and lies where others cannot put
/// something else in its place. Others can where all may write, unless the directory is sticky, as `/tmp` is. A group that may
/// write on the way is trusted.
///
/// Each step is looked at once nobody else can change what leads there any more, so what was found stays so.
fn way_to(path: &Path) -> Result<(), CreateError> {
    let all = |path: &Path| -> Vec<OsString> {
        let parts =
            path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
        parts.map(|part| part.as_os_str().to_owned()).rev().collect()
    };
    let absolute = std::path::absolute(path).map_err(|error| system(path, "getcwd", &error))?;
    let (mut here, mut left, mut links) = (PathBuf::from("/"), all(&absolute), 0);
    while let Some(next) = left.pop() {
        if next == ".." {
            here.pop();
            continue;
        }
        let there = here.join(&next);
        let parent = fs::symlink_metadata(&here).map_err(|error| system(&here, "lstat", &error))?;
        if parent.mode() & 0o002 != 0 && parent.mode() & STICKY == 0 {
            let helps = format!(
                "everybody can write in it, and put another in the place of {}: take that away with `chmod o-w`, or make it sticky",
                next.to_string_lossy().escape_debug()
            );
            return Err(refused(&here, &helps));
        }
        let metadata = fs::symlink_metadata(&there).map_err(|error| system(&there, "lstat", &error))?;
        if metadata.uid() != os::user() && metadata.uid() != 0 {
            let helps = format!(
                "it belongs to another user ({}): give one below those of this user or root",
                metadata.uid()
            );
            return Err(refused(&there, &helps));
        }
        if !metadata.is_symlink() {
            here = there;
            continue;
        }
        links += 1;
        if links > LINKS {
            return Err(refused(&there, "too many links lead from one to the other: give where they lead"));
        }
        let to = fs::read_link(&there).map_err(|error| system(&there, "readlink", &error))?;
        if to.is_absolute() {
            here = PathBuf::from("/");
        }
        left.extend(all(&to));
    }
    Ok(())
}

/// As many as the system follows.
const LINKS: u32 = 40;

fn may_enter(directory: &Metadata, group: u32) -> bool {
    directory.mode() & 0o001 != 0 || directory.mode() & 0o010 != 0 && directory.gid() == group
}

/// The same, or one of this user's own in it where everybody has files, as in `/tmp`.
pub(super) fn directory_or_own_below(path: &Path, group: Option<u32>) -> Result<PathBuf, CreateError> {
    way_to(path)?;
    let metadata = look(path)?;
    if !places::is_shared(metadata.mode()) {
        return directory(path, group).map(|()| path.to_owned());
    }
    let own = places::own_below(path);
    match DirBuilder::new().mode(0o700).create(&own) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(system(&own, "mkdir", &error)),
    }
    // Whoever was first in a place where everybody can be: not a link, and this user's alone.
    let metadata = fs::symlink_metadata(&own).map_err(|error| system(&own, "lstat", &error))?;
    if !metadata.is_dir() {
        return Err(refused(&own, "it is no directory: remove it, or give another place"));
    }
    if metadata.uid() != os::user() {
        return Err(refused(&own, "it belongs to another user: have it removed, or give another place"));
    }
    if metadata.mode() & WRITABLE != 0 {
        return Err(refused(&own, "others can write in it: take that away with `chmod go-w`"));
    }
    if let Some(group) = group
        && !may_enter(&metadata, group)
    {
        if metadata.mode() & 0o070 != 0 && metadata.gid() != group {
            let helps = format!("group {} reads decks in it: give {group} another place", metadata.gid());
            return Err(refused(&own, &helps));
        }
        chown(&own, None, Some(group)).map_err(|error| system(&own, "chown", &error))?;
        let opened = fs::set_permissions(&own, Permissions::from_mode(0o750));
        opened.map_err(|error| system(&own, "chmod", &error))?;
    }
    Ok(own)
}

fn look(path: &Path) -> Result<Metadata, CreateError> {
    let metadata = fs::metadata(path).map_err(|error| system(path, "stat", &error))?;
    if !metadata.is_dir() {
        return Err(refused(path, "it is no directory: give one"));
    }
    if metadata.uid() != os::user() && metadata.uid() != 0 {
        return Err(refused(path, "it belongs to another user: give one of this user's"));
    }
    Ok(metadata)
}

fn refused(path: &Path, reason: &str) -> CreateError {
    CreateError::Directory { path: path.to_owned(), reason: reason.into() }
}
