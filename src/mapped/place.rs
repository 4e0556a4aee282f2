//! Where a file is made.

use super::create::{fill, system};
use super::error::CreateError;
use super::life::{Life, this_program};
use super::options::{At, Options};
use crate::os::{self, Held};
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that is there, and nobody else's.
pub(super) struct Placed {
    pub(super) held: Held,
    pub(super) life: Life,
    pub(super) path: Option<PathBuf>,
}

pub(super) enum Place<'a> {
    Path(&'a Path),
    Nameless,
}

impl<'a> Place<'a> {
    pub(super) fn of(options: &'a Options) -> Self {
        match &options.at {
            At::Path(path) => Self::Path(path),
            At::Nameless => Self::Nameless,
        }
    }

    pub(super) fn make(self, options: &Options, bytes: u64) -> Result<Placed, CreateError> {
        let program = options.program.clone().unwrap_or_else(this_program);
        match self {
            Self::Nameless => {
                let life = Life::begin(program, None);
                let path = Path::new("memfd");
                let file =
                    os::nameless(&life.program).map_err(|error| system(path, "memfd_create", &error))?;
                let held = fill(file, path, bytes, options)?;
                os::seal_size(held.file()).map_err(|error| system(path, "seal", &error))?;
                Ok(Placed { held, life, path: None })
            }
            Self::Path(path) => {
                let life = Life::begin(program, None);
                let file = create_new(path)?;
                let held = fill(file, path, bytes, options).inspect_err(|_| {
                    let _ = fs::remove_file(path);
                })?;
                Ok(Placed { held, life, path: Some(path.to_owned()) })
            }
        }
    }
}

fn create_new(path: &Path) -> Result<File, CreateError> {
    let mut open = File::options();
    open.read(true).write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    open.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CreateError::Exists { path: path.to_owned() },
        _ => system(path, "open", &error),
    })
}
