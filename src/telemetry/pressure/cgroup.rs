//! Where the control groups of this process are.

use std::path::{Component, Path, PathBuf};

/// The hierarchies that limit memory or processors, and where they are mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mounts {
    unified: Option<Mount>,
    memory: Option<Mount>,
    cpu: Option<Mount>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    /// Which part of the hierarchy is mounted.
    part: PathBuf,
    place: PathBuf,
}

/// The directories of this process' groups, innermost first. Empty where there is no such hierarchy.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Groups {
    /// Of version 2.
    pub(super) unified: Vec<PathBuf>,
    /// Of version 1.
    pub(super) memory: Vec<PathBuf>,
    /// Of version 1.
    pub(super) cpu: Vec<PathBuf>,
}

impl Mounts {
    /// From `self/mountinfo`, as seen from `root`. Of several mounts of a hierarchy the first counts.
    pub(super) fn parse(root: &Path, text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines() {
            // Behind the dash, as optional fields stand before it: type, source, options.
            let Some((before, behind)) = line.split_once(" - ") else { continue };
            let mut before = before.split(' ').skip(3);
            let mut behind = behind.split(' ');
            let (Some(part), Some(place)) = (before.next(), before.next()) else { continue };
            let (kind, options) = (behind.next(), behind.nth(1).unwrap_or(""));
            let has = |controller| options.split(',').any(|option| option == controller);
            let mount = || Mount { part: unescaped(part).into(), place: below(root, &unescaped(place)) };
            match kind {
                Some("cgroup2") => _ = found.unified.get_or_insert_with(mount),
                Some("cgroup") => {
                    if has("memory") {
                        found.memory.get_or_insert_with(mount);
                    }
                    if has("cpu") {
                        found.cpu.get_or_insert_with(mount);
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The groups that `self/cgroup` names.
    pub(super) fn groups(&self, text: &str) -> Groups {
        let mut found = Groups::default();
        for line in text.lines() {
            // A path may hold colons.
            let mut fields = line.splitn(3, ':');
            let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let has = |controller| controllers.split(',').any(|named| named == controller);
            if number == "0" && controllers.is_empty() {
                found.unified = up_from(self.unified.as_ref(), path);
            }
            if has("memory") {
                found.memory = up_from(self.memory.as_ref(), path);
            }
            if has("cpu") {
                found.cpu = up_from(self.cpu.as_ref(), path);
            }
        }
        found
    }
}

/// The group at `path` and all above it that are to be seen, innermost first.
fn up_from(mount: Option<&Mount>, path: &str) -> Vec<PathBuf> {
    let Some(mount) = mount else { return Vec::new() };
    // What lies outside the mounted part cannot be seen; its root is then the closest.
    let inside = Path::new(path).strip_prefix(&mount.part).unwrap_or(Path::new(""));
    let plain = inside.components().all(|component| matches!(component, Component::Normal(_)));
    let inside = if plain { inside } else { Path::new("") };
    inside.ancestors().map(|group| mount.place.join(group)).collect()
}

/// An absolute path, seen from `root`.
fn below(root: &Path, path: &str) -> PathBuf {
    let inside = Path::new(path).components().filter(|part| matches!(part, Component::Normal(_)));
    root.join(inside.collect::<PathBuf>())
}

/// Spaces, tabs, line ends and backslashes stand in mountinfo as three octal digits.
fn unescaped(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if byte.is_ascii() => {
                plain.push(char::from(byte));
                plain.push_str(&part[3..]);
            }
            _ => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}
