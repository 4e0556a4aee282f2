//! Thread-locals inside storms. As in the real thing, those without a destructor can be used for as long as others' destructors
//! run; shuttle's own come to an end in the order in which they began, and would be gone by then.

use shuttle::thread::{AccessError, LocalKey};
use shuttle_engine::thread_support::DestroyedLastKey;
use std::marker::PhantomData;
use std::mem::needs_drop;

pub(crate) struct Local<T: 'static> {
    with_destructor: LocalKey<T>,
    plain: DestroyedLastKey<T>,
}

impl<T> Local<T> {
    pub(crate) const fn new(init: fn() -> T) -> Self {
        Self { with_destructor: LocalKey { init, _p: PhantomData }, plain: DestroyedLastKey::new(init) }
    }

    pub(crate) fn try_with<R>(&'static self, body: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        if needs_drop::<T>() { self.with_destructor.try_with(body) } else { self.plain.try_with(body) }
    }

    pub(crate) fn with<R>(&'static self, body: impl FnOnce(&T) -> R) -> R {
        self.try_with(body).expect("the thread still has it")
    }
}
