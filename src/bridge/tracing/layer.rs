//! What a subscriber tells the layer.

use super::build::{Inner, Layer};
use super::entered;
use super::name;
use super::said::{FEW, Said, Whose};
use super::site::{MOST_FIELDS, Site};
use super::spans::Begun;
use super::stats::Counts;
use crate::CorrelationId;
use crate::bridge::inside::Inside;
use crate::events::{Kind, Scope, Stamp, Value, ValuesError};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

crate::kind! {
    FollowsFrom("tracing.follows_from", class = Verbose, severity = Debug) {}
}

impl Inner {
    fn site(&self, metadata: &'static Metadata<'static>) -> Option<&Site> {
        self.sites.site(metadata, &self.rules)
    }

    /// As a layer is known to the threads that have entered its spans.
    fn number(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    #[inline(always)]
    fn inside(&self) -> Option<Inside> {
        let inside = Inside::enter();
        if inside.is_none() {
            Counts::add(&self.counts.nested_left_out, 1);
        }
        inside
    }

    /// Where a span of this subscriber is, or the next one around it that this layer knows.
    fn scope_of<S>(&self, id: &Id, context: &Context<'_, S>) -> Option<Scope>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let around = || context.span_scope(id)?.skip(1).find_map(|span| self.spans.get(&span.id()));
        self.spans.get(id).or_else(around).map(|begun| begun.scope)
    }

    /// Where this thread is.
    #[inline(always)]
    fn current<S>(&self, context: &Context<'_, S>) -> Scope
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if self.leaves_scope {
            let span = context.lookup_current();
            span.and_then(|span| self.scope_of(&span.id(), context)).unwrap_or_else(Scope::current)
        } else {
            Scope::current()
        }
    }

    /// The stamp of what belongs to `around`, unless it says to whom it belongs.
    #[inline(always)]
    fn stamp(&self, around: Around, whose: Whose) -> Stamp {
        match whose {
            Whose::NotSaid => match around {
                // So that the first of a scope is known as such.
                Around::Here => Stamp::current(),
                Around::Scope(scope) => of(scope),
            },
            Whose::Of(id) => Stamp::of(id).span(around.scope().span()),
            Whose::Joined(scope) => of(scope),
        }
    }

    /// The same of a span, which is somebody's in any case, and with which whose it is may begin.
    #[inline(always)]
    fn stamp_of_span(&self, around: Around, whose: Whose) -> Stamp {
        let scope = around.scope();
        match whose {
            Whose::Of(id) if id != scope.correlation() => Stamp::of(id).span(scope.span()).root(),
            Whose::NotSaid if scope.correlation().is_none() => {
                let [high, low] = [(); 2].map(|()| u128::from(self.events.fresh_span().get()));
                Stamp::of(CorrelationId::new(high << 64 | low)).span(scope.span()).root()
            }
            _ => self.stamp(around, whose),
        }
    }

    /// What something belongs to that has this parent, or is a root.
    #[inline(always)]
    fn around<S>(&self, parent: Option<&Id>, is_root: bool, context: &Context<'_, S>) -> Around
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        match parent {
            Some(parent) => Around::Scope(self.scope_of(parent, context).unwrap_or_default()),
            None if is_root => Around::Scope(Scope::default()),
            None if self.leaves_scope => Around::Scope(self.current(context)),
            None => Around::Here,
        }
    }

    #[inline(always)]
    fn event<const FIELDS: usize>(&self, site: Option<&Site>, event: &Event<'_>, around: Around) {
        let mut said = Said::<FIELDS>::at(site);
        event.record(&mut said);
        let stamp = self.stamp(around, said.whose);
        let take = |kind: &Kind, values: &[Value<'_>]| self.events.record_values(stamp, kind, values);
        self.hand_over(site, event.metadata(), &said, take);
    }

    #[inline(always)]
    fn begin<const FIELDS: usize>(
        &self,
        id: &Id,
        site: Option<&Site>,
        attributes: &Attributes<'_>,
        around: Around,
    ) {
        let mut said = Said::<FIELDS>::at(site);
        attributes.record(&mut said);
        let stamp = self.stamp_of_span(around, said.whose);
        // A span goes on with what its thread is in, also in whether that is sampled.
        let _in = match (said.whose, around) {
            (Whose::Joined(scope), _) | (Whose::NotSaid, Around::Scope(scope)) => Some(scope.enter()),
            _ => None,
        };
        let (metadata, take) = (attributes.metadata(), |kind: &Kind, values: &[Value<'_>]| {
            self.events.start_values(stamp, kind, values)
        });
        let Some((scope, is_recorded)) = self.hand_over(site, metadata, &said, take) else { return };
        let begun = Begun {
            scope,
            metadata,
            is_recorded,
            #[cfg(feature = "tracing-opentelemetry")]
            knows_whose: said.whose != Whose::NotSaid,
        };
        self.spans.insert(id, begun);
    }

    /// Puts a span that is entered for the first time into the trace that somebody else keeps, if it has not said whose it is.
    #[cfg(feature = "tracing-opentelemetry")]
    fn in_trace(&self, id: &Id, begun: Begun) -> Begun {
        if begun.knows_whose {
            return begun;
        }
        let scope = match self.traces.trace_of(id) {
            Some((trace, span)) => {
                let scope = begun.scope.for_id(trace);
                self.events.record_with(of(scope), super::traces::InTrace { span_id: span.get() });
                scope
            }
            None => begun.scope,
        };
        self.spans.move_to(id, scope);
        Begun { scope, ..begun }
    }

    /// Hands over what was said: as values of the kind that they are of, or else as text.
    #[inline(always)]
    fn hand_over<R, const FIELDS: usize>(
        &self,
        site: Option<&Site>,
        metadata: &'static Metadata<'static>,
        said: &Said<FIELDS>,
        take: impl Fn(&Kind, &[Value<'_>]) -> Result<R, ValuesError>,
    ) -> Option<R> {
        if said.cut | said.left_out | said.unfit_ids != 0 {
            Counts::add(&self.counts.values_cut, said.cut);
            Counts::add(&self.counts.fields_left_out, said.left_out);
            Counts::add(&self.counts.unfit_ids, said.unfit_ids);
        }
        let taken = match site.and_then(|site| site.kind(said.shape, &self.events)) {
            Some(kind) => said.with_values(|values| take(kind, values)),
            None => self.hand_over_text(metadata, said, take)?,
        };
        match taken {
            Ok(taken) => Some(taken),
            Err(_) => {
                Counts::add(&self.counts.refused, 1);
                None
            }
        }
    }

    #[cold]
    fn hand_over_text<R, const FIELDS: usize>(
        &self,
        metadata: &'static Metadata<'static>,
        said: &Said<FIELDS>,
        take: impl Fn(&Kind, &[Value<'_>]) -> Result<R, ValuesError>,
    ) -> Option<Result<R, ValuesError>> {
        let Some(other) = self.others.get(name::severity(metadata.level())) else {
            Counts::add(&self.counts.refused, 1);
            return None;
        };
        Counts::add(&self.counts.as_text, 1);
        let (name, text) = (name::kind(metadata), said.as_text(metadata.fields()));
        Some(take(other, &[Value::Str(&name), Value::Str(&text)]))
    }
}

/// What something belongs to, unless it says otherwise itself.
#[derive(Clone, Copy)]
enum Around {
    /// The scope of this thread.
    Here,
    Scope(Scope),
}

impl Around {
    fn scope(self) -> Scope {
        match self {
            Self::Here => Scope::current(),
            Self::Scope(scope) => scope,
        }
    }
}

/// Whether a place for few fields is enough.
#[inline(always)]
fn is_small(site: Option<&Site>) -> bool {
    site.is_some_and(|site| site.metadata.fields().len() <= FEW)
}

fn of(scope: Scope) -> Stamp {
    Stamp::of(scope.correlation()).span(scope.span())
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    #[cfg(feature = "tracing-opentelemetry")]
    fn on_register_dispatch(&self, dispatch: &tracing::Dispatch) {
        self.inner.traces.are_in(dispatch);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let inner = &*self.inner;
        let Some(_inside) = inner.inside() else { return };
        let site = inner.site(attributes.metadata());
        let around = inner.around(attributes.parent(), attributes.is_root(), &context);
        match is_small(site) {
            true => inner.begin::<FEW>(id, site, attributes, around),
            false => inner.begin::<MOST_FIELDS>(id, site, attributes, around),
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let inner = &*self.inner;
        let Some(_inside) = inner.inside() else { return };
        let Some(begun) = inner.spans.get(id) else { return };
        let site = inner.site(begun.metadata);
        let mut said = Said::<MOST_FIELDS>::at(site);
        values.record(&mut said);
        let whose = match said.whose {
            Whose::NotSaid => None,
            Whose::Of(id) => Some(id),
            Whose::Joined(scope) => Some(scope.correlation()),
        };
        let scope = whose.map_or(begun.scope, |id| begun.scope.for_id(id));
        if scope != begun.scope {
            inner.spans.move_to(id, scope);
            entered::move_to(inner.number(), id.into_u64(), scope);
        }
        let stamp = of(scope);
        let stamp = if scope != begun.scope { stamp.root() } else { stamp };
        let take = |kind: &Kind, values: &[Value<'_>]| inner.events.record_values(stamp, kind, values);
        inner.hand_over(site, begun.metadata, &said, take);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let inner = &*self.inner;
        let Some(begun) = inner.spans.get(id) else { return };
        if let Some(followed) = inner.scope_of(follows, &context) {
            inner.events.record_linked_with(of(begun.scope), &[followed], FollowsFrom {});
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let inner = &*self.inner;
        let Some(_inside) = inner.inside() else { return };
        let site = inner.site(event.metadata());
        let around = inner.around(event.parent(), event.is_root(), &context);
        match is_small(site) {
            true => inner.event::<FEW>(site, event, around),
            false => inner.event::<MOST_FIELDS>(site, event, around),
        }
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let inner = &*self.inner;
        if inner.leaves_scope && !cfg!(feature = "tracing-opentelemetry") {
            return;
        }
        let Some(begun) = inner.spans.get(id) else { return };
        #[cfg(feature = "tracing-opentelemetry")]
        let begun = inner.in_trace(id, begun);
        if !inner.leaves_scope {
            entered::enter(inner.number(), id.into_u64(), begun.scope);
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let inner = &*self.inner;
        if !inner.leaves_scope {
            entered::exit(inner.number(), id.into_u64());
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let inner = &*self.inner;
        let Some(begun) = inner.spans.remove(&id).filter(|begun| begun.is_recorded) else { return };
        let end = |kind: &Kind, values: &[Value<'_>]| inner.events.end_values(begun.scope, kind, values);
        let ended = match inner.site(begun.metadata).and_then(|site| site.end(&inner.events)) {
            Some(kind) => end(kind, &[]),
            None => match inner.others.get(name::severity(begun.metadata.level())) {
                Some(other) => end(other, &[Value::Str(&name::kind(begun.metadata)), Value::Str("")]),
                None => return Counts::add(&inner.counts.refused, 1),
            },
        };
        if ended.is_err() {
            Counts::add(&inner.counts.refused, 1);
        }
    }
}
