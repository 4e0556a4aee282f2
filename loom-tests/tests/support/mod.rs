//! Runs a model and shows that it has teeth: it must explore a stated number of executions, and it
//! must fail when one side of an edge it watches is weakened.
//!
//! Rules for models (loom can explore a single execution and pass): every actor is spawned, the
//! main thread only joins; executions are counted; each expected outcome is seen at least once.

#![allow(dead_code, reason = "each model file uses the part it needs")]

use flightdeck_loom::internals::{Side, with_weakened};
use std::fs::File;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fmt};

/// Whether the library stands on crossbeam-epoch itself, on loom's atomics, and not on a stand-in with its
/// contract. It takes many more steps, so its models explore fewer preemptions.
pub const REAL_EPOCH: bool = cfg!(crossbeam_loom);

/// A model and how it is explored.
pub struct Model<F> {
    name: &'static str,
    preemptions: Option<usize>,
    body: F,
}

impl<F: Fn() + Send + Sync + Clone + 'static> Model<F> {
    /// A model explored with at most `preemptions` preemptions (all of them with `None`).
    pub fn new(name: &'static str, preemptions: impl Into<Option<usize>>, body: F) -> Self {
        Self { name, preemptions: preemptions.into(), body }
    }

    /// Explores the model, which must hold, in at least `floor` executions.
    pub fn holds(self, floor: usize) -> Self {
        let count = AtomicUsize::new(0).into();
        self.explore(&count);
        let executions = count.load(Ordering::Relaxed);
        let collector = if REAL_EPOCH { ", real epochs" } else { "" };
        tell(format_args!("model {}{collector}: {executions} executions", self.name));
        assert!(executions >= floor, "{}: explored {executions} executions, expected {floor}", self.name);
        self
    }

    /// Explores the model with one side of `edge` weakened: it must fail.
    pub fn fails_without(self, edge: &'static str, side: Side) -> Self {
        match with_weakened(edge, side, || self.failure()) {
            Err(executions) => panic!(
                "{}: holds without the {side:?} side of `{edge}` ({executions} executions): it does not watch that edge",
                self.name
            ),
            Ok(executions) => tell(format_args!(
                "model {}: fails without the {side:?} side of `{edge}`, as it must, in execution {executions}",
                self.name
            )),
        }
        self
    }

    /// Explores a model of a protocol that lacks `what`: it must fail.
    pub fn fails(self, what: &str) -> Self {
        match self.failure() {
            Err(executions) => panic!("{}: holds without {what} ({executions} executions)", self.name),
            Ok(executions) => tell(format_args!(
                "model {}: fails without {what}, as it must, in execution {executions}",
                self.name
            )),
        }
        self
    }

    /// The execution in which it fails; an error if it holds in all of so many.
    fn failure(&self) -> Result<usize, usize> {
        let silent = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let count = AtomicUsize::new(0).into();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.explore(&count)));
        std::panic::set_hook(silent);
        let executions = count.load(Ordering::Relaxed);
        if outcome.is_err() { Ok(executions) } else { Err(executions) }
    }

    /// Counts as it goes: a failure ends it.
    fn explore(&self, executions: &Arc<AtomicUsize>) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = self.preemptions;
        builder.max_branches = 50_000;
        let (count, body) = (executions.clone(), self.body.clone());
        builder.check(move || {
            count.fetch_add(1, Ordering::Relaxed);
            body();
        });
    }
}

/// Says how a model went: to whoever looks on, and to the file of which `.ci/models` makes a table.
fn tell(line: fmt::Arguments<'_>) {
    println!("{line}");
    if let Some(path) = env::var_os("FLIGHTDECK_MODEL_LOG") {
        let file = File::options().create(true).append(true).open(path);
        // One write: other models tell theirs at the same time.
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).expect("the log of models");
    }
}

/// How often each outcome was seen over all executions of a model.
#[derive(Clone, Default)]
pub struct Seen(Arc<AtomicUsize>);

impl Seen {
    /// Counts one.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The outcome must have occurred.
    pub fn at_least_once(&self, what: &str) {
        assert!(self.0.load(Ordering::Relaxed) > 0, "no execution showed: {what}");
    }
}
