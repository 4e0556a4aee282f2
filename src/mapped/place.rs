//! Where a file is made: at a path, in a directory, in the first of several that will do, or nowhere by name.
//!
//! A file is made under a name that nobody looks for, held, reserved, and given its header; then it is linked to its own
//! name, which fails where that is taken. So what has the name of a deck is one, and of several that want a name one gets it.

use super::create::{fill, system};
use super::error::CreateError;
use super::header::Backing;
use super::life::{Life, clean, this_program};
use super::options::{At, Options};
use super::places;
use super::recover;
use super::safe;
use crate::os::{self, Map};
use crate::region::Region;
use crate::sync::Arc;
use std::fs::{self, File, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// A file that is there, has its header, and is nobody else's.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) region: Arc<Region>,
    pub(super) life: Life,
    /// `None` where it has no name.
    pub(super) path: Option<PathBuf>,
    /// The file of the life before, where it is kept.
    pub(super) previous: Option<PathBuf>,
    /// Which places were tried before this one, and what was the matter with each.
    pub(super) passed_over: Vec<Box<str>>,
}

/// Writes what is to lie in a file that is held and mapped before it has its name: the header, at least.
pub(super) type LayOut<'a> = &'a dyn Fn(Map, &File, &Life, Backing) -> Result<Arc<Region>, CreateError>;

/// How often a name is taken by another between two looks before it counts as in use.
const TRIES: usize = 16;
/// Of the lives before, where nobody says otherwise.
const KEPT: u32 = 3;

pub(super) struct Maker<'a> {
    pub(super) options: &'a Options,
    pub(super) bytes: u64,
    /// Whether any part of it is to lie in huge pages.
    pub(super) huge_pages: bool,
    pub(super) lay_out: LayOut<'a>,
}

impl Maker<'_> {
    pub(super) fn make(&self) -> Result<Placed, CreateError> {
        self.within_limit(self.options.path())?;
        match &self.options.at {
            At::Path(path) => {
                self.at_path(path).map_err(|error| error.with_kept(|| recover::bytes_of_lives(path)))
            }
            At::Directory(directory) => self.in_directory(directory),
            At::Anywhere => self.anywhere(),
            At::Nameless => self.nameless(),
        }
    }

    fn program(&self) -> String {
        program(self.options)
    }

    /// Before any file is touched, those of earlier lives as well: one store too far kills the process.
    fn within_limit(&self, path: &Path) -> Result<(), CreateError> {
        let (path, wanted, limit) = (path.to_owned(), self.bytes, os::longest_file());
        if wanted > limit { Err(CreateError::Limit { path, wanted, limit }) } else { Ok(()) }
    }

    /// One that follows no other.
    pub(super) fn life(&self) -> Life {
        Life::begin(self.program(), None, 0)
    }

    pub(super) fn nameless(&self) -> Result<Placed, CreateError> {
        let path = Path::new("memfd");
        self.within_limit(path)?;
        let life = self.life();
        let file = os::nameless(&life.program).map_err(|error| system(path, "memfd_create", &error))?;
        let again = os::open_again(&file).map_err(|error| system(path, "open in /proc/self/fd", &error))?;
        let map = fill(&file, again, path, self)?;
        os::seal_size(&file).map_err(|error| system(path, "seal", &error))?;
        let region = (self.lay_out)(map, &file, &life, Backing::Nameless)?;
        Ok(Placed { region, life, path: None, previous: None, passed_over: Vec::new() })
    }

    fn at_path(&self, path: &Path) -> Result<Placed, CreateError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Some(name) = name else {
            let reason = "it names no file: give the path of one".into();
            return Err(CreateError::Directory { path: path.to_owned(), reason });
        };
        safe::directory(directory, self.options.group)?;
        recover::sweep(directory, &name);
        for _ in 0..TRIES {
            let keep = self.options.keep;
            let put_aside = |found| recover::put_aside(path, found, keep);
            let newest = recover::newest_of(path);
            let begin = |previous| Life::begin(self.program(), previous, newest);
            let (made, life, before) = match recover::find(path)? {
                Some(found) if keep.is_some() && !found.goes_first(keep) => {
                    // It keeps its name until the new one is there: where there is no room for both, nothing has changed.
                    let life = begin(found.life());
                    let unseen = || self.unseen(directory, &name, path, &life);
                    let made = match unseen() {
                        // What would not be kept may be what has the space.
                        Err(CreateError::NoSpace { .. }) if recover::thin_aside(path, keep) => unseen()?,
                        made => made?,
                    };
                    let Some(before) = put_aside(found)? else { continue };
                    (made, life, before)
                }
                found => {
                    let before = match found {
                        Some(found) => {
                            let Some(before) = put_aside(found)? else { continue };
                            before
                        }
                        None => recover::last_aside(path),
                    };
                    let life = begin(before.life.as_ref());
                    (self.unseen(directory, &name, path, &life)?, life, before)
                }
            };
            if let Some(region) = made.linked(path)? {
                let (path, previous) = (Some(path.to_owned()), before.path);
                return Ok(Placed { region, life, path, previous, passed_over: Vec::new() });
            }
        }
        Err(CreateError::InUse { path: path.to_owned() })
    }

    fn in_directory(&self, directory: &Path) -> Result<Placed, CreateError> {
        let directory = safe::directory_or_own_below(directory, self.options.group)?;
        let program = self.program();
        let kept = || recover::lives_in(&directory, &program).map_or(0, |lives| lives.bytes());
        self.in_safe_directory(&directory, &program).map_err(|error| error.with_kept(kept))
    }

    fn in_safe_directory(&self, directory: &Path, program: &str) -> Result<Placed, CreateError> {
        recover::sweep(directory, program);
        let keep = self.options.keep.unwrap_or(KEPT);
        for _ in 0..TRIES {
            let mut known = recover::lives_in(directory, program)?;
            let previous = known.dead.last().filter(|_| keep > 0).and_then(|dead| dead.path.clone());
            let last = known.dead.last().and_then(|dead| dead.life.as_ref());
            let life = Life::begin(program.to_owned(), last, known.newest);
            let path = directory.join(format!("{program}.{}.{}.deck", life.process, life.number));
            let unseen = || self.unseen(directory, program, &path, &life);
            let made = match unseen() {
                // What is not kept may be what has the space.
                Err(CreateError::NoSpace { .. }) if recover::thin_out(&mut known, keep) => unseen()?,
                made => made?,
            };
            if let Some(region) = made.linked(&path)? {
                recover::thin_out(&mut known, keep);
                let path = Some(path);
                return Ok(Placed { region, life, path, previous, passed_over: Vec::new() });
            }
        }
        Err(CreateError::InUse { path: directory.to_owned() })
    }

    fn anywhere(&self) -> Result<Placed, CreateError> {
        let mut passed_over: Vec<Box<str>> = Vec::new();
        for (name, directory) in places::named() {
            let Some(directory) = directory.filter(|directory| directory.is_absolute()) else {
                passed_over.push(format!("{name} is not set to an absolute path").into());
                continue;
            };
            match self.in_directory(&directory) {
                Ok(placed) => return Ok(Placed { passed_over, ..placed }),
                Err(error) => passed_over.push(format!("{name}: {error}").into()),
            }
        }
        Err(CreateError::NoPlace { reasons: passed_over.join("; ").into() })
    }

    /// A new file that is to be `path`, which it is not yet.
    fn unseen(&self, directory: &Path, name: &str, path: &Path, life: &Life) -> Result<Made, CreateError> {
        let random = RandomState::new().hash_one(life.file);
        let unseen = Unseen(directory.join(format!(".{name}.{}.{random:016x}.new", life.process)));
        let mut open = File::options();
        open.read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
        let file = open.open(&unseen.0).map_err(|error| system(path, "open", &error))?;
        if let Some(group) = self.options.group {
            fchown(&file, None, Some(group)).map_err(|error| system(path, "chown", &error))?;
            let readable = file.set_permissions(Permissions::from_mode(0o640));
            readable.map_err(|error| system(path, "chmod", &error))?;
        }
        let again = open.create_new(false).open(&unseen.0).map_err(|error| system(path, "open", &error))?;
        let map = fill(&file, again, path, self)?;
        let region = (self.lay_out)(map, &file, life, Backing::File)?;
        Ok(Made { region, unseen })
    }
}

/// The name of the program that these options are for.
pub(super) fn program(options: &Options) -> String {
    clean(options.program.clone().unwrap_or_else(this_program))
}

/// A file that is complete but for its name.
struct Made {
    region: Arc<Region>,
    unseen: Unseen,
}

impl Made {
    /// Has its name from here on; `None` where another has it by now.
    fn linked(self, path: &Path) -> Result<Option<Arc<Region>>, CreateError> {
        match fs::hard_link(&self.unseen.0, path) {
            Ok(()) => Ok(Some(self.region)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(system(path, "link", &error)),
        }
    }
}

/// A name that is taken away again, whatever happens.
struct Unseen(PathBuf);

impl Drop for Unseen {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
