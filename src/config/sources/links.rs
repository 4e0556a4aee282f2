//! Where a change of what a path leads to can come from: every folder with an entry on the way there, links followed.
//!
//! A file in a mounted config map is a link to `..data/app.toml`, and `..data` a link to a folder that is replaced with every
//! version: what changes is the entry `..data`, neither the file's own entry nor the file.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// More links on one way are not followed.
const MOST_LINKS: usize = 40;

/// Folders, and the names of entries in them that matter.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) names: BTreeSet<OsString>,
}

impl Ways {
    /// Adds the way to an absolute path. Where there is nothing, it ends at the last folder that is there.
    pub(super) fn add(&mut self, path: &Path) {
        let (mut here, mut links) = (PathBuf::new(), 0);
        let mut left: Vec<OsString> = steps(path);
        left.reverse();
        while let Some(step) = left.pop() {
            if step == OsStr::new("..") {
                here.pop();
                continue;
            }
            let next = here.join(&step);
            let Ok(found) = next.symlink_metadata() else {
                // What is not there may come.
                return self.entry(here, step);
            };
            if found.is_symlink() && links < MOST_LINKS {
                links += 1;
                self.entry(here.clone(), step);
                let Ok(target) = std::fs::read_link(&next) else { return };
                if target.is_absolute() {
                    here = PathBuf::new();
                }
                left.extend(steps(&target).into_iter().rev());
            } else if left.is_empty() {
                return self.entry(here, step);
            } else {
                here = next;
            }
        }
    }

    fn entry(&mut self, folder: PathBuf, name: OsString) {
        // A folder that goes tells so by its own name.
        self.names.extend(folder.file_name().map(OsStr::to_owned));
        self.names.insert(name);
        self.folders.insert(folder);
    }
}

/// The root, if it begins there, and the names after it.
fn steps(path: &Path) -> Vec<OsString> {
    let is_step = |component: &Component<'_>| !matches!(component, Component::CurDir);
    path.components().filter(is_step).map(|component| component.as_os_str().to_owned()).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_way_leads_through_links_of_files_and_folders() {
        let root = std::env::temp_dir().join(format!("flightdeck-links-{}", std::process::id()));
        let root = {
            fs::create_dir_all(root.join("mount/..1")).unwrap();
            root.canonicalize().unwrap()
        };
        let mount = root.join("mount");
        fs::write(mount.join("..1/app.toml"), "").unwrap();
        symlink("..1", mount.join("..data")).unwrap();
        symlink("..data/app.toml", mount.join("app.toml")).unwrap();
        symlink(&mount, root.join("config")).unwrap();
        let mut ways = Ways::default();
        ways.add(&root.join("config/app.toml"));
        let folders: Vec<_> =
            ways.folders.iter().map(|folder| folder.strip_prefix(&root).unwrap().to_owned()).collect();
        assert_eq!(folders, [Path::new(""), Path::new("mount"), Path::new("mount/..1")]);
        for name in ["config", "mount", "..1", "..data", "app.toml"] {
            assert!(ways.names.contains(OsStr::new(name)), "{name} {ways:?}");
        }

        let mut ways = Ways::default();
        ways.add(&root.join("later/x/app.toml"));
        assert_eq!(ways.folders, [root.clone()].into());
        assert!(ways.names.contains(OsStr::new("later")) && !ways.names.contains(OsStr::new("app.toml")));

        symlink("loop", root.join("loop")).unwrap();
        let mut ways = Ways::default();
        ways.add(&root.join("loop"));
        assert_eq!(ways.folders, [root.clone()].into());
        fs::remove_dir_all(&root).unwrap();
    }
}
