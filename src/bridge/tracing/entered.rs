//! The spans that a thread is in, and where it was before each.
//!
//! Guards of scopes drop in reverse order; spans are left in any. So the guards are forgotten, and what they would
//! restore is kept here.

use crate::events::Scope;
use crate::sync::plain_thread_local;
use std::cell::RefCell;
use std::mem;

struct Entered {
    layer: usize,
    span: u64,
    before: Scope,
}

plain_thread_local! {
    static ENTERED: RefCell<Vec<Entered>> = RefCell::new(Vec::new());
}

/// Puts this thread there until somebody puts it elsewhere.
fn stay(scope: Scope) {
    mem::forget(scope.enter());
}

/// The thread enters a span. In its destructors, when nobody keeps book any more, it stays where it is.
#[inline]
pub(super) fn enter(layer: usize, span: u64, scope: Scope) {
    let entered = Entered { layer, span, before: Scope::current() };
    if ENTERED.try_with(|all| all.borrow_mut().push(entered)).is_ok() {
        stay(scope);
    }
}

/// The thread leaves a span, the one that it entered last or another one.
#[inline]
pub(super) fn exit(layer: usize, span: u64) {
    let _ = ENTERED.try_with(|all| {
        let mut all = all.borrow_mut();
        let Some(at) = all.iter().rposition(|one| (one.layer, one.span) == (layer, span)) else { return };
        let left = all.remove(at);
        match all.get_mut(at) {
            // Whoever leaves that one comes to where this one was entered.
            Some(above) => above.before = left.before,
            None => stay(left.before),
        }
    });
}

/// A span that the thread is in goes on under another scope, where it is the one that was entered last.
pub(super) fn move_to(layer: usize, span: u64, scope: Scope) {
    let _ = ENTERED.try_with(|all| {
        let is_last = |one: &Entered| (one.layer, one.span) == (layer, span);
        if all.borrow().last().is_some_and(is_last) {
            stay(scope);
        }
    });
}
