//! A thread's hold on its slab, for as long as it lives.

use super::cells::Claim;
use super::handle::Inner;
use crate::id::DeckId;
use crate::local::{self, Role, Seat, Taking};
use crate::sync::{Arc, Relaxed};
use std::ptr::NonNull;

/// What a thread holds of a telemetry.
#[derive(Debug)]
pub(crate) struct SlabSeat {
    inner: Arc<Inner>,
    claim: Claim,
}

impl SlabSeat {
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }
}

impl Seat for SlabSeat {
    fn release(&self) {
        self.claim.release();
    }

    fn is_orphaned(&self) -> bool {
        self.inner.orphaned.load(Relaxed)
    }
}

/// Calls `body` with this thread's slab; `None` if it has none. `body` takes no seat.
#[inline(always)]
pub(crate) fn with<R>(deck: DeckId, body: impl FnOnce(&Claim) -> R) -> Option<R> {
    let seat = local::held(deck, Role::Slab)?;
    // SAFETY: this thread holds the seat, and with it the `Arc` that keeps it alive; it is given back only when the
    // thread takes another seat or ends.
    Some(body(&unsafe { seat.cast::<SlabSeat>().as_ref() }.claim))
}

/// Takes a slab for this thread; `None` if there is none, or the thread may hold no more or is ending.
pub(crate) fn take(inner: &Arc<Inner>) -> Option<Arc<SlabSeat>> {
    // An allocator that counts gets no further slab for what we allocate here.
    let _taking = Taking::set()?;
    if inner.is_copied() {
        return None;
    }
    local::may_hold(inner.deck).ok()?;
    let seat = Arc::new(SlabSeat { inner: inner.clone(), claim: inner.cells.claim()? });
    let target = NonNull::from(&*seat).cast();
    match local::hold(inner.deck, Role::Slab, target, seat.clone()) {
        Ok(()) => {
            if let Some(first) = seat.claim.table().into_raw() {
                local::hold_cells(inner.deck, first);
            }
            Some(seat)
        }
        Err(_) => {
            seat.release();
            None
        }
    }
}
