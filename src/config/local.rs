//! What a thread has at hand of the configs that it read last, so that it needs to carry no reader.
//!
//! A thread keeps readers of a few configs. Of the one it read last, the revision and the address of the snapshot lie in
//! front: a read of the same config again is a comparison with its id and one with its generation.
//!
//! **Re-entry.** What a caller is given is a borrow of what a kept reader holds. While one is given out, no kept reader
//! moves on or goes: a read within a read that needs another snapshot takes a count of its own instead. So code within a
//! read may do everything, also publish, and sees what it published.

use super::current::Current;
use super::{Config, Reader, Snapshot};
use crate::sync::{Arc, plain_thread_local};
use std::cell::{Cell, RefCell};

/// How many configs a thread keeps a snapshot of, beyond its own readers. One more, and the one it read longest ago goes.
const KEPT: usize = 8;

/// A reader of some config.
trait Kept {
    fn id(&self) -> u64;
    fn is_stale(&self) -> bool;
    fn is_orphaned(&self) -> bool;
    /// Moves on to the current snapshot.
    fn refresh(&mut self);
    /// The revision and address of the snapshot that it holds.
    fn held(&self) -> (u64, *const ());
}

impl<T> Kept for Reader<T> {
    fn id(&self) -> u64 {
        self.config_id()
    }

    fn is_stale(&self) -> bool {
        self.has_changed()
    }

    fn is_orphaned(&self) -> bool {
        Self::is_orphaned(self)
    }

    fn refresh(&mut self) {
        let _ = self.get();
    }

    fn held(&self) -> (u64, *const ()) {
        let snapshot: &Snapshot<T> = self.seen();
        (snapshot.revision().get(), std::ptr::from_ref(snapshot).cast())
    }
}

struct Here {
    /// The config in front; 0: none.
    id: Cell<u64>,
    seen: Cell<u64>,
    snapshot: Cell<*const ()>,
    /// How many borrows are given out.
    depth: Cell<usize>,
    /// The one read last at the end.
    kept: RefCell<Vec<Box<dyn Kept>>>,
}

plain_thread_local! {
    static HERE: Here = Here {
        id: Cell::new(0),
        seen: Cell::new(0),
        snapshot: Cell::new(std::ptr::null()),
        depth: Cell::new(0),
        kept: RefCell::new(Vec::new()),
    };
}

impl Here {
    /// The address of the current snapshot, if the config lies in front and has not changed.
    #[inline(always)]
    fn front<T>(&self, current: &Current<T>) -> Option<*const Snapshot<T>> {
        let hit = self.id.get() == current.id && current.generation() <= self.seen.get();
        // An id stands for one config, so the address is that of a snapshot of this type.
        hit.then(|| self.snapshot.get().cast())
    }

    /// Gets the config in front, if that takes nothing from under a borrow.
    #[cold]
    #[inline(never)]
    fn bring<T: Send + Sync + 'static>(&self, current: &Arc<Current<T>>) -> Option<*const Snapshot<T>> {
        let mut gone = Vec::new();
        let shown = {
            // Taken where a value's destructor reads a config while a reader is made room for.
            let mut kept = self.kept.try_borrow_mut().ok()?;
            let lent = self.depth.get() > 0;
            match kept.iter().position(|reader| reader.id() == current.id) {
                Some(at) if lent && kept[at].is_stale() => return None,
                Some(at) => kept[at..].rotate_left(1),
                None if lent => return None,
                None => {
                    let (orphans, mut living): (Vec<_>, Vec<_>) =
                        kept.drain(..).partition(|reader| reader.is_orphaned());
                    gone.extend(orphans);
                    let most = KEPT - 1;
                    gone.extend(living.drain(..living.len().saturating_sub(most)));
                    kept.append(&mut living);
                    kept.push(Box::new(Reader::new(current.clone())));
                }
            }
            let reader = kept.last_mut()?;
            // Not where one is lent, also if it became stale just now.
            if !lent {
                reader.refresh();
            }
            let (seen, snapshot) = reader.held();
            self.id.set(current.id);
            self.seen.set(seen);
            self.snapshot.set(snapshot);
            snapshot.cast()
        };
        // Given out before what went is dropped: that may run the host's code, which may read.
        let _lent = self.lend();
        drop(gone);
        Some(shown)
    }

    #[inline(always)]
    fn lend(&self) -> Lent<'_> {
        self.depth.set(self.depth.get() + 1);
        Lent(self)
    }
}

/// A borrow is given out.
struct Lent<'a>(&'a Here);

impl Drop for Lent<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() - 1);
    }
}

impl<T: Send + Sync + 'static> Config<T> {
    /// Reads the current snapshot through what this thread has at hand: no reader to carry, no count touched.
    ///
    /// While nothing changed it costs one atomic load and two branches. `read` may do everything, also publish and read
    /// again: what it was given stays as it is, and what it reads within is the newest.
    ///
    /// A thread keeps the snapshots that it saw last of up to eight configs. One whose config is gone it lets go when it
    /// next reads a config that is none of those, when it [asks for that](release_thread), and when it ends; so each thread
    /// keeps at most eight old snapshots alive.
    ///
    /// ```
    /// use flightdeck::config::{Config, Validate, Violations};
    /// # struct Limits { orders: u32 }
    /// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
    /// let config = Config::new(Limits { orders: 10 })?;
    /// assert_eq!(config.with(|limits| limits.orders), 10);
    /// # Ok::<(), flightdeck::config::Rejected<Limits>>(())
    /// ```
    #[inline]
    pub fn with<R>(&self, read: impl FnOnce(&Snapshot<T>) -> R) -> R {
        let current = &self.store.current;
        // While a thread ends, it has nothing at hand.
        let Ok(here) = HERE.try_with(std::ptr::from_ref) else { return read_apart(current, read) };
        // SAFETY: the thread's own, and not dropped before this call is over: that happens when the thread ends.
        let here: &Here = unsafe { &*here };
        let Some(snapshot) = here.front(current).or_else(|| here.bring(current)) else {
            return read_apart(current, read);
        };
        let _lent = here.lend();
        // SAFETY: held by a kept reader of this config, which stays as it is while anything is lent.
        read(unsafe { &*snapshot })
    }
}

/// With a count of its own.
#[cold]
#[inline(never)]
fn read_apart<T, R>(current: &Current<T>, read: impl FnOnce(&Snapshot<T>) -> R) -> R {
    read(&current.load_full())
}

/// Lets go of the snapshots that this thread keeps for [`Config::with`]. For threads that will not read for long; does
/// nothing from inside such a read.
pub fn release_thread() {
    let _ = HERE.try_with(|here| {
        if here.depth.get() > 0 {
            return;
        }
        here.id.set(0);
        let kept = here.kept.try_borrow_mut().map(|mut kept| std::mem::take(&mut *kept));
        drop(kept);
    });
}
