//! The supervisor without a deck: a worker panics twice and is started again.

use flightdeck::supervisor::{ChildSpec, Restart, Supervisor, WorkerContext};
use std::sync::mpsc;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sender, settled) = mpsc::channel();
    let feed = ChildSpec::new("feed", Restart::Permanent, move |context: &WorkerContext| {
        assert!(context.generation() > 2, "the feed closed");
        let _ = sender.send(());
        while !context.should_stop() {
            let _ = context.wait(Duration::from_secs(1));
        }
    });
    let supervisor = Supervisor::builder()
        .worker(feed)
        .observer(|incident| println!("{:>8}  {incident:?}", incident.severity()))
        .start()?;
    settled.recv_timeout(Duration::from_secs(10))?;
    println!("{:?}", supervisor.shutdown(Duration::from_secs(5)));
    Ok(())
}
