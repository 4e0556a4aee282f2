//! Levels, as the store's directives say, for this layer alone.

use super::build::Inner;
use super::site::{Rules, Site};
use crate::sync::{Arc, Relaxed};
use tracing::Metadata;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::{Context, Filter};

/// Lets through what the store would record, as far as levels go. What [`Layer::by_levels`](super::Layer::by_levels) puts
/// before a layer; a host that has filters of its own may combine it with them
/// (`tracing_subscriber::filter::FilterExt`).
#[derive(Clone, Debug)]
pub struct Levels(pub(super) Arc<Inner>);

impl<S> Filter<S> for Levels {
    /// Kept from when the call site was registered, or levels changed.
    #[inline]
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        // Relaxed: it stands for itself. Whoever is not met is recorded, as far as it is admitted.
        self.0.sites.get(metadata).is_none_or(|site| site.is_wanted.load(Relaxed))
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let Inner { events, sites, rules, asking, .. } = &*self.0;
        let _one_at_a_time = asking.lock();
        let is_wanted = match sites.site(metadata, rules) {
            Some(site) => site.ask(events),
            None => Site::new(metadata, &Rules::default()).ask(events),
        };
        if is_wanted { Interest::always() } else { Interest::never() }
    }
}
