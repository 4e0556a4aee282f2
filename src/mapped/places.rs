//! Where decks are put that name no place.

use super::safe::{STICKY, WRITABLE};
use crate::os;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What each is called, and where it is, if it is set, in the order in which they are tried.
pub(super) fn named() -> [(&'static str, Option<PathBuf>); 4] {
    let of_variable = |name: &'static str| (name, std::env::var_os(name).map(PathBuf::from));
    [
        of_variable("FLIGHTDECK_DIR"),
        of_variable("XDG_RUNTIME_DIR"),
        ("memory", Some("/dev/shm".into())),
        ("temporary directory", Some(std::env::temp_dir())),
    ]
}

/// Whether everybody has files of their own there, as in `/tmp`.
pub(super) fn is_shared(mode: u32) -> bool {
    mode & WRITABLE != 0 && mode & STICKY != 0
}

/// This user's own in a directory that is shared.
pub(super) fn own_below(directory: &Path) -> PathBuf {
    directory.join(format!("flightdeck-{}", os::user()))
}

/// The directories in which decks of this user lie that were made [anywhere](super::Options::anywhere), or by
/// [`Options::in_directory`](super::Options::in_directory) in one of these: those that are there now, in the order in
/// which they are tried. Makes none, and looks into none.
///
/// ```
/// for directory in flightdeck::mapped::places() {
///     println!("{}", directory.display());
/// }
/// ```
#[must_use]
pub fn places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    for directory in named().into_iter().filter_map(|(_, directory)| directory) {
        let Ok(metadata) = fs::metadata(&directory) else { continue };
        let directory = if is_shared(metadata.mode()) { own_below(&directory) } else { directory };
        if directory.is_absolute() && directory.is_dir() && !places.contains(&directory) {
            places.push(directory);
        }
    }
    places
}
