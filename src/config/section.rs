//! A part of a config: read, subscribed to, derived from as if it were one.

use super::derive::{DeriveError, Derived};
use super::subscribe::Subscribe;
use super::{Change, Config, Reader, Subscription, Validate};
use crate::Revision;
use std::fmt;
use std::marker::PhantomData;

/// A part of a config: see [`Config::section`].
pub struct Section<T, P: ?Sized, F> {
    config: Config<T>,
    part: F,
    of: PhantomData<fn(&T) -> &P>,
}

impl<T: Send + Sync + 'static> Config<T> {
    /// A part of the config, which `part` points out: it must be quick, and always point out the same.
    ///
    /// ```
    /// use flightdeck::config::{Config, Validate, Violations};
    ///
    /// struct Limits { orders: u32 }
    /// struct App { limits: Limits, venue: String }
    /// # impl Validate for App { fn validate(&self, _: &mut Violations) {} }
    ///
    /// let config = Config::new(App { limits: Limits { orders: 10 }, venue: "XETRA".into() })?;
    /// let limits = config.section(|app| &app.limits);
    /// let mut reader = limits.reader();
    /// assert_eq!(reader.get().orders, 10);
    /// assert_eq!(limits.with(|limits| limits.orders), 10);
    /// # Ok::<(), flightdeck::config::Rejected<App>>(())
    /// ```
    pub fn section<P: ?Sized, F>(&self, part: F) -> Section<T, P, F>
    where
        F: Fn(&T) -> &P + Clone + Send + Sync + 'static,
    {
        Section { config: self.clone(), part, of: PhantomData }
    }
}

impl<T: Send + Sync + 'static, P: ?Sized + 'static, F> Section<T, P, F>
where
    F: Fn(&T) -> &P + Clone + Send + Sync + 'static,
{
    /// A view of the part for one thread, with the cheapest read: see [`Reader`].
    #[must_use]
    pub fn reader(&self) -> SectionReader<T, P, F> {
        SectionReader { reader: self.config.reader(), part: self.part.clone(), of: PhantomData }
    }

    /// Reads the part through what this thread has at hand: see [`Config::with`].
    #[inline]
    pub fn with<R>(&self, read: impl FnOnce(&P) -> R) -> R {
        self.config.with(|snapshot| read((self.part)(snapshot.value())))
    }

    /// The config that it is a part of.
    #[must_use]
    pub fn config(&self) -> &Config<T> {
        &self.config
    }

    /// Calls `callback` with the old and the new part for each change of the config in which they differ. Otherwise as
    /// [`Config::subscribe`]; [`Section::subscriber`] for other terms.
    pub fn subscribe(&self, callback: impl Fn(&P, &P, &Change<T>) + Send + Sync + 'static) -> Subscription
    where
        P: PartialEq,
    {
        let part = self.part.clone();
        self.subscriber().call(move |change| {
            callback(part(change.old.value()), part(change.new.value()), change);
        })
    }

    /// A subscriber of changes in which the part differs: see [`Config::subscriber`].
    pub fn subscriber(&self) -> Subscribe<'_, T>
    where
        P: PartialEq,
    {
        let part = self.part.clone();
        self.config.subscriber().when(move |change| part(change.old.value()) != part(change.new.value()))
    }

    /// As [`Config::derive`], from the part; computed again only by a revision in which the part differs.
    ///
    /// # Errors
    /// As [`Config::derive`].
    pub fn derive<D: Send + Sync + 'static, E: fmt::Display>(
        &self,
        name: impl AsRef<str>,
        make: impl Fn(&P) -> Result<D, E> + Send + Sync + 'static,
    ) -> Result<Derived<T, D>, DeriveError>
    where
        T: Validate,
        P: PartialEq,
    {
        let (part, same) = (self.part.clone(), self.part.clone());
        let same = move |old: &T, new: &T| same(old) == same(new);
        self.config.derive_unless(name.as_ref(), same, move |value| make(part(value)))
    }
}

impl<T, P: ?Sized, F: Clone> Clone for Section<T, P, F> {
    fn clone(&self) -> Self {
        Self { config: self.config.clone(), part: self.part.clone(), of: PhantomData }
    }
}

impl<T, P: ?Sized, F> fmt::Debug for Section<T, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("of", &std::any::type_name::<P>()).finish_non_exhaustive()
    }
}

/// A thread's own view of a part of a config.
pub struct SectionReader<T, P: ?Sized, F> {
    reader: Reader<T>,
    part: F,
    of: PhantomData<fn(&T) -> &P>,
}

impl<T, P: ?Sized, F: Fn(&T) -> &P> SectionReader<T, P, F> {
    /// The current part. Costs what [`Reader::get`] does, and what pointing out does.
    #[inline]
    pub fn get(&mut self) -> &P {
        (self.part)(self.reader.get().value())
    }

    /// The revision of what [`SectionReader::get`] showed last.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.reader.seen().revision()
    }

    /// Whether there is a newer revision of the config, whatever changed in it: see [`Reader::has_changed`].
    #[inline]
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.reader.has_changed()
    }
}

impl<T, P: ?Sized, F: Clone> Clone for SectionReader<T, P, F> {
    fn clone(&self) -> Self {
        Self { reader: self.reader.clone(), part: self.part.clone(), of: PhantomData }
    }
}

impl<T, P: ?Sized, F> fmt::Debug for SectionReader<T, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = self.reader.seen().revision();
        f.debug_struct("SectionReader").field("revision", &revision).finish_non_exhaustive()
    }
}
