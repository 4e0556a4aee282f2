//! A lock-free list, newest first, whose nodes epochs reclaim (Harris and Michael's, with insertion at
//! the head only).
//!
//! An entry leaves in three steps: it says of itself that it is dead ([`Entry::is_dead`], for good);
//! whoever walks past marks its `next` pointer, so that nothing can be unlinked behind it any more;
//! whoever then swings the predecessor's pointer past it hands it to the collector.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `config-list` | the exchange of the head in `insert` | the load of the head in `walk` |
//!
//! Loads of `next` need no edge: it only ever points to nodes inserted earlier, and since every
//! change of the head is a read-modify-write, who acquires a head acquires all earlier insertions.
//! All other steps agree by the order of changes of one word, so they are relaxed.

use crate::sync::epoch::{Atomic, Collector, Guard, LocalHandle, Owned, Shared, unprotected};
use crate::sync::{Relaxed, acquire, release};

/// What a list holds.
pub(crate) trait Entry: Clone {
    /// Whether this entry is to leave the list. Once true, always true.
    fn is_dead(&self) -> bool;
}

struct Node<V> {
    value: V,
    /// Tag 1: this node is dead and about to be unlinked.
    next: Atomic<Node<V>>,
}

pub(crate) struct List<V> {
    head: Atomic<Node<V>>,
    collector: Collector,
}

/// What a walk found.
pub(crate) struct Walk<V> {
    /// Every entry that was in the list from start to end, oldest first; of those that came or died
    /// meanwhile some.
    pub(crate) values: Vec<V>,
    /// How many dead ones this walk unlinked.
    pub(crate) unlinked: usize,
}

/// Another walk changed the list where this one stood.
struct Disturbed;

impl<V: Entry + Send + Sync + 'static> List<V> {
    pub(crate) fn new() -> Self {
        Self { head: Atomic::null(), collector: Collector::new() }
    }

    /// Puts an entry in front. Lock-free.
    pub(crate) fn insert(&self, value: V) {
        let local = self.collector.register();
        let guard = local.pin();
        let node = Owned::new(Node { value, next: Atomic::null() }).into_shared(&guard);
        let mut head = self.head.load(Relaxed, &guard);
        loop {
            // SAFETY: not null, and nobody can unlink it before it is in the list; the guard is held.
            if let Some(node) = unsafe { node.as_ref() } {
                node.next.store(head, Relaxed);
            }
            // Release, edge `config-list` (partner: `walk`): the node's content.
            match self.head.compare_exchange(head, node, release("config-list"), Relaxed, &guard) {
                Ok(_) => return,
                Err(lost) => head = lost.current,
            }
        }
    }

    /// Collects the living and unlinks the dead. No guard is held on return, so whatever the caller
    /// does with the entries holds up no reclamation. Lock-free.
    pub(crate) fn walk(&self) -> Walk<V> {
        let local = self.collector.register();
        let mut walk = Walk { values: Vec::new(), unlinked: 0 };
        {
            let guard = local.pin();
            while self.walk_once(&guard, &mut walk).is_err() {
                walk.values.clear();
            }
        }
        if walk.unlinked > 0 {
            move_on(&local);
        }
        walk.values.reverse();
        walk
    }

    /// Frees what was unlinked, as far as nobody walks the list just now: a walk that met another may have left it.
    pub(crate) fn flush(&self) {
        move_on(&self.collector.register());
    }

    fn walk_once(&self, guard: &Guard, walk: &mut Walk<V>) -> Result<(), Disturbed> {
        let mut from = &self.head;
        // Acquire, edge `config-list` (partner: `insert`): the content of every node reached from here.
        let mut at = from.load(acquire("config-list"), guard);
        loop {
            // SAFETY: reached from the head under this guard; a node is handed to the collector only
            // after it was unlinked, so it stays as long as the guard does.
            let Some(node) = (unsafe { at.as_ref() }) else { return Ok(()) };
            let mut next = node.next.load(Relaxed, guard);
            // Asked once: an entry that dies after the question must not be unlinked unmarked.
            if next.tag() == 1 || node.value.is_dead() {
                next = node.next.fetch_or(1, Relaxed, guard);
                at = self.unlink(from, at, next.with_tag(0), guard)?;
                walk.unlinked += 1;
            } else {
                walk.values.push(node.value.clone());
                from = &node.next;
                at = next;
            }
        }
    }

    /// Swings `from` from `dead` to `next`. Fails if `from` changed meanwhile or is itself dead.
    fn unlink<'g>(
        &self,
        from: &Atomic<Node<V>>,
        dead: Shared<'g, Node<V>>,
        next: Shared<'g, Node<V>>,
        guard: &'g Guard,
    ) -> Result<Shared<'g, Node<V>>, Disturbed> {
        from.compare_exchange(dead, next, Relaxed, Relaxed, guard).map_err(|_| Disturbed)?;
        // SAFETY: unlinked by this very exchange, which only one thread can win, so it is handed over
        // once; who pins from now on cannot reach it.
        unsafe { guard.defer_destroy(dead) };
        Ok(next)
    }
}

/// Nodes become free when the epoch has moved on twice; nobody else may come to move it.
fn move_on(local: &LocalHandle) {
    for _ in 0..3 {
        local.pin().flush();
    }
}

impl<V> Drop for List<V> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: nobody walks this list any more.
        let guard = unsafe { unprotected() };
        let mut at = self.head.load(Relaxed, guard);
        // SAFETY: every node still linked is owned by the list.
        while let Some(node) = unsafe { at.as_ref() } {
            let next = node.next.load(Relaxed, guard).with_tag(0);
            // SAFETY: reached once, never again.
            unsafe { guard.defer_destroy(at) };
            at = next;
        }
    }
}
