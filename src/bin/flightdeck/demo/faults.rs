//! Workers that go wrong, below a supervisor of their own beside the host's: one panics, one hangs, and one does not
//! start until its supervisor gives up.

use super::DemoError;
use super::settings::Settings;
use flightdeck::Flightdeck;
use flightdeck::supervisor::{Backoff, ChildSpec, Restart, Rules, WorkerContext};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Their supervisor's name, and where their paths begin.
pub const NAME: &str = "faults";

/// Starts again what goes wrong so often in a minute.
const MOST_RESTARTS: usize = 3;
/// Silent for so long is hung.
const SILENT: Duration = Duration::from_millis(300);
/// How long one that is hung may take to stop.
const STOPPING: Duration = Duration::from_millis(100);
/// How long it hangs: until after it was given up.
const HANGING: Duration = Duration::from_millis(800);
/// How often they look whether something is to go wrong.
const LOOK: Duration = Duration::from_millis(10);

/// What is to go wrong at their next look. Relaxed: each flag stands for itself.
#[derive(Default)]
struct Orders {
    panic: AtomicBool,
    hang: AtomicBool,
}

/// Has them go wrong.
pub struct Faults {
    deck: Flightdeck<Settings>,
    orders: Arc<Orders>,
}

/// Whether a worker's path, or its thread's name, is that of one of them.
pub fn is_one(name: &str) -> bool {
    let path = name.strip_prefix("fd-").unwrap_or(name);
    path.strip_prefix(NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Faults {
    /// The deck's supervisor takes them on; the host could do without them.
    pub fn start(deck: &Flightdeck<Settings>) -> Result<Self, DemoError> {
        let orders = Arc::new(Orders::default());
        let (panicking, hanging) = (orders.clone(), orders.clone());
        let flaky =
            ChildSpec::new("flaky", Restart::Permanent, move |context| flaky(context, &panicking.panic))
                .unlimited_restarts();
        let stuck = ChildSpec::new("stuck", Restart::Permanent, move |context| stuck(context, &hanging.hang))
            .unlimited_restarts()
            .heartbeat(SILENT)
            .restart_hung()
            .shutdown(STOPPING);
        let rules = Rules::new().max_restarts(MOST_RESTARTS).child(flaky).child(stuck);
        let faults = ChildSpec::supervisor(NAME, Restart::Permanent, rules)
            .unlimited_restarts()
            .backoff(Backoff::between(Duration::from_millis(50), Duration::from_secs(1)));
        deck.supervisor().add(faults).map_err(|error| DemoError::Deck(error.to_string()))?;
        Ok(Self { deck: deck.clone(), orders })
    }

    /// Has go wrong what is due in this round, and says what that is.
    pub fn act(&self, round: u32, rounds: u32) -> Option<&'static str> {
        let tenth = (0..10).find(|tenth| rounds * tenth / 10 == round)?;
        match tenth {
            1 => {
                self.orders.hang.store(true, Relaxed);
                Some("worker faults/stuck is to hang")
            }
            2 | 5 | 9 => {
                self.orders.panic.store(true, Relaxed);
                Some("worker faults/flaky is to panic")
            }
            7 => {
                let broken = ChildSpec::new("broken", Restart::Permanent, broken);
                let faults = self.deck.supervisor().child(NAME)?;
                faults.add(broken).is_ok().then_some("worker faults/broken added, which does not start")
            }
            _ => None,
        }
    }
}

fn flaky(context: &WorkerContext, is_to_panic: &AtomicBool) {
    const SLOTS: usize = 1_024;
    while !context.should_stop() {
        let connection = SLOTS + usize::from(is_to_panic.swap(false, Relaxed));
        assert!(connection <= SLOTS, "no slot for connection {connection} of {SLOTS}");
        let _ = context.wait(LOOK);
    }
}

/// Sleeps where it neither beats nor sees that it should stop, as in a call that does not return.
fn stuck(context: &WorkerContext, is_to_hang: &AtomicBool) {
    while !context.should_stop() {
        context.beat();
        if is_to_hang.swap(false, Relaxed) {
            thread::sleep(HANGING);
        }
        let _ = context.wait(LOOK);
    }
}

/// Fails at each start that its supervisor allows, and runs once that itself was started again.
fn broken(context: &WorkerContext) -> Result<(), &'static str> {
    if context.generation() <= MOST_RESTARTS as u64 + 1 {
        return Err("the exchange refuses the session");
    }
    let _ = context.wait(Duration::MAX);
    Ok(())
}
