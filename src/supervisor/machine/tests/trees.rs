//! Random trees, and random things that happen to them.

use super::super::child::Plan;
use super::super::{Id, ROOT};
use crate::supervisor::backoff::{Backoff, Jitter};
use crate::supervisor::rules::{AutoShutdown, Rules, Strategy as Along};
use crate::supervisor::spec::{ChildSpec, Restart};
use proptest::prelude::*;
use std::time::Duration;

/// What a child is, in both the machine's terms and the model's.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) restart: Restart,
    /// Its worker does not stop when it is asked to.
    pub(super) is_deaf: bool,
    pub(super) reports_ready: bool,
    pub(super) is_limited: bool,
    pub(super) stops_last: bool,
    pub(super) is_significant: bool,
    pub(super) is_replaced: bool,
    pub(super) shutdown: u64,
    pub(super) delay: u64,
    pub(super) below: Option<Below>,
}

#[derive(Clone, Debug)]
pub(super) struct Below {
    pub(super) along: Along,
    pub(super) most: usize,
    pub(super) window: u64,
    pub(super) auto: AutoShutdown,
    pub(super) children: Vec<Tree>,
}

pub(super) const MIN_UPTIME: u64 = 1_000;
pub(super) const STABLE_AFTER: u64 = 10_000;
pub(super) const READY_WITHIN: u64 = 700;
/// No delay grows beyond this.
pub(super) const MOST_DELAY: u64 = 2_000;

/// Whom something happens to: taken modulo how many there are.
pub(super) type Pick = usize;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A worker's body ends: fails, or not.
    End(Pick, bool),
    /// So many of its next starts fail.
    Fails(Pick, u32),
    Add(Pick, Tree),
    Remove(Pick),
    Terminate(Pick),
    Restart(Pick),
    /// An abandoned run ends at last.
    Late(Pick),
    Pass(u64),
}

fn shape(below: impl Strategy<Value = Option<Below>> + 'static) -> BoxedStrategy<Tree> {
    let restart = prop_oneof![
        5 => Just(Restart::Permanent), 3 => Just(Restart::Transient), 2 => Just(Restart::Temporary)
    ];
    let flags = (
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.5),
        prop::bool::weighted(0.2),
    );
    let times = (prop_oneof![Just(1_u64), 1..500_u64], prop_oneof![Just(0_u64), 1..100_u64]);
    (restart, flags, times, below)
        .prop_map(|(restart, flags, (shutdown, delay), below)| Tree {
            restart,
            is_deaf: flags.0,
            reports_ready: flags.1 && below.is_none(),
            is_limited: flags.2,
            stops_last: flags.3,
            is_significant: flags.4,
            is_replaced: flags.5,
            shutdown,
            delay,
            below,
        })
        .boxed()
}

fn below(children: BoxedStrategy<Tree>, most: usize) -> BoxedStrategy<Below> {
    let along = prop_oneof![Just(Along::OneForOne), Just(Along::OneForAll), Just(Along::RestForOne)];
    let auto = prop_oneof![
        3 => Just(AutoShutdown::Never),
        1 => Just(AutoShutdown::AnySignificant),
        1 => Just(AutoShutdown::AllSignificant),
    ];
    (along, 0..4_usize, 1..60_000_u64, auto, prop::collection::vec(children, 0..=most))
        .prop_map(|(along, most, window, auto, children)| Below { along, most, window, auto, children })
        .boxed()
}

pub(super) fn worker() -> BoxedStrategy<Tree> {
    shape(Just(None))
}

/// A child with up to so many levels of supervisors.
pub(super) fn tree(depth: usize) -> BoxedStrategy<Tree> {
    if depth == 0 {
        return worker();
    }
    prop_oneof![2 => worker(), 1 => shape(below(tree(depth - 1), 4).prop_map(Some))].boxed()
}

/// The topmost supervisor.
pub(super) fn top() -> BoxedStrategy<Below> {
    below(tree(2), 5)
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pick = || 0..1_000_usize;
    let step = prop_oneof![
        8 => (pick(), prop::bool::weighted(0.7)).prop_map(|(whom, fails)| Step::End(whom, fails)),
        3 => (pick(), 1..4_u32).prop_map(|(whom, times)| Step::Fails(whom, times)),
        1 => (pick(), tree(1)).prop_map(|(whom, tree)| Step::Add(whom, tree)),
        1 => pick().prop_map(Step::Remove),
        1 => pick().prop_map(Step::Terminate),
        2 => pick().prop_map(Step::Restart),
        2 => pick().prop_map(Step::Late),
        3 => prop_oneof![0..2_000_u64, 0..60_000_u64].prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..25)
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Tree {
    /// What cannot be is left out.
    pub(super) fn may_be_significant(&self, above: AutoShutdown) -> bool {
        self.is_significant && self.restart != Restart::Permanent && above != AutoShutdown::Never
    }

    fn spec(&self, name: &str, above: AutoShutdown) -> ChildSpec {
        let mut spec = match &self.below {
            None => ChildSpec::new(name, self.restart, |_| ()).shutdown(ms(self.shutdown)),
            Some(below) => ChildSpec::supervisor(name, self.restart, below.rules()),
        };
        let backoff = Backoff::between(ms(self.delay), ms(MOST_DELAY)).jitter(Jitter::None);
        spec = spec.backoff(backoff).min_uptime(ms(MIN_UPTIME)).stable_after(ms(STABLE_AFTER));
        spec.significant = self.may_be_significant(above);
        spec.limited = self.is_limited;
        spec.stops_last = self.stops_last;
        spec.replaced = self.is_replaced && self.below.is_none();
        spec.ends_hung = !self.is_deaf;
        spec.ready_within = self.reports_ready.then_some(ms(READY_WITHIN));
        spec
    }

    /// Numbers are given from `next` on.
    pub(super) fn plan(&self, above: &str, name: &str, auto: AutoShutdown, next: &mut Id) -> Plan {
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        *next += 1;
        let id = *next;
        let mut children = Vec::new();
        if let Some(below) = &self.below {
            for (n, child) in below.children.iter().enumerate() {
                children.push(child.plan(&path, &n.to_string(), below.auto, next));
            }
        }
        Plan { id, spec: self.spec(name, auto), path: path.into(), children }
    }
}

impl Below {
    /// Without the children.
    pub(super) fn rules(&self) -> Rules {
        Rules::new()
            .strategy(self.along)
            .max_restarts(self.most)
            .window(ms(self.window))
            .auto_shutdown(self.auto)
    }

    /// As a child of nobody.
    pub(super) fn plans(&self, next: &mut Id) -> Vec<Plan> {
        *next = ROOT;
        let plan = |(n, child): (usize, &Tree)| child.plan("", &n.to_string(), self.auto, next);
        self.children.iter().enumerate().map(plan).collect()
    }
}
