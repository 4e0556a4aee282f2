//! What a supervisor does with its children.

use super::spec::ChildSpec;
use std::fmt;
use std::time::Duration;

/// Who is started again along with a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Nobody.
    #[default]
    OneForOne,
    /// All of its siblings. Those that run are stopped at once, in reverse order; after the child's delay all are started in
    /// order, those too that had ended for good, but for [temporary](super::Restart::Temporary) ones.
    OneForAll,
    /// In the same way, those that come after it in the order of starts.
    RestForOne,
}

/// Whether a supervisor shuts down when [significant](ChildSpec::significant) children have ended for good by themselves:
/// transient ones that returned `Ok`, temporary ones that ended anyhow. Those that were stopped do not count. For its own
/// supervisor, it then has returned `Ok`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// It does not.
    #[default]
    Never,
    /// When one of them has.
    AnySignificant,
    /// When one of them has, and no other is left.
    AllSignificant,
}

/// What a supervisor does with its children, and which those are. The rules are OTP's.
#[derive(Clone)]
#[must_use = "rules do nothing until a supervisor has them"]
pub struct Rules {
    pub(crate) strategy: Strategy,
    pub(crate) max_restarts: usize,
    pub(crate) window: Duration,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) children: Vec<ChildSpec>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            max_restarts: 3,
            window: Duration::from_secs(60),
            auto_shutdown: AutoShutdown::default(),
            children: Vec::new(),
        }
    }
}

impl Rules {
    /// One for one, at most 3 restarts in 60 s, no children.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who is started again along with a child; nobody by default.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How many restarts a window allows, over all of its own children; 3 by default. Those that are started again along
    /// with another do not count.
    pub fn max_restarts(mut self, most: usize) -> Self {
        self.max_restarts = most;
        self
    }

    /// How long the window is; 60 s by default.
    pub fn window(mut self, length: Duration) -> Self {
        self.window = length;
        self
    }

    /// Whether it shuts down when significant children have ended; never by default.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// One more child; they start in this order.
    pub fn child(mut self, spec: ChildSpec) -> Self {
        self.children.push(spec);
        self
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("strategy", &self.strategy)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}
