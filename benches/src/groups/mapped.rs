//! A deck in a file against one on the heap, and what a reader in another process costs and takes.
//!
//! Files lie in memory (`/dev/shm`): what a disk adds is told by `on_disk` alone. Build with feature `mapped`; without it these
//! rows are skipped, since a deck that may be mapped also asks whether it was forked, and the other groups are measured without.
//!
//! | file | idea |
//! |---|---|
//! | `writing` | an event, in a file and on the heap |
//! | `attached` | a writer while another process asks |
//! | `opening` | from a path to an answer |
//! | `on_disk` | the slowest events while the system writes back |

#[cfg(feature = "mapped")]
mod attached;
#[cfg(feature = "mapped")]
mod on_disk;
#[cfg(feature = "mapped")]
mod opening;
#[cfg(feature = "mapped")]
mod writing;

use crate::session::Session;

#[cfg(feature = "mapped")]
pub(super) fn run(session: &mut Session) {
    writing::run(session);
    attached::run(session);
    opening::run(session);
    on_disk::run(session);
}

#[cfg(not(feature = "mapped"))]
pub(super) fn run(session: &mut Session) {
    session.row_if_possible("a deck in a file", || Err("built without feature `mapped`".to_owned()));
}

#[cfg(feature = "mapped")]
pub use attached::answer_from as answer_attached;

#[cfg(feature = "mapped")]
mod scratch {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    /// A folder of its own for one file, gone in the end.
    pub(super) struct Folder(PathBuf);

    impl Folder {
        /// In memory.
        pub(super) fn in_memory() -> Self {
            Self::below(Path::new("/dev/shm"))
        }

        /// Where temporary files go, which may be a disk.
        pub(super) fn on_disk() -> Self {
            Self::below(&std::env::temp_dir())
        }

        fn below(parent: &Path) -> Self {
            use std::os::unix::fs::DirBuilderExt;
            static MADE: AtomicU32 = AtomicU32::new(0);
            let number = MADE.fetch_add(1, Relaxed);
            let path = parent.join(format!("flightdeck-scorecard-{}-{number}", std::process::id()));
            std::fs::DirBuilder::new().mode(0o700).create(&path).expect("a folder for the file of a deck");
            Self(path)
        }

        pub(super) fn file(&self) -> PathBuf {
            self.0.join("deck")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
