//! The supervisor without a deck: a small tree. A feed and the book that lives on it fail and start together; a journal
//! beside them goes on.

use flightdeck::supervisor::{Backoff, ChildSpec, Restart, Rules, Strategy, Supervisor, WorkerContext};
use std::sync::mpsc;
use std::time::Duration;

fn until_stopped(context: &WorkerContext) {
    let _ = context.wait(Duration::MAX);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sender, settled) = mpsc::channel();
    // It fails twice. The book starts once it says that it is connected.
    let feed = move |context: &WorkerContext| {
        context.ready();
        assert!(context.generation() > 2, "the feed closed");
        let _ = sender.send(());
        while !context.should_stop() {
            context.beat();
            let _ = context.wait(Duration::from_millis(100));
        }
    };
    let net = Rules::new()
        .strategy(Strategy::RestForOne)
        .child(
            ChildSpec::new("feed", Restart::Permanent, feed)
                .reports_ready(Duration::from_secs(5))
                .heartbeat(Duration::from_secs(3))
                .backoff(Backoff::between(Duration::from_millis(5), Duration::from_secs(5))),
        )
        .child(ChildSpec::new("book", Restart::Permanent, until_stopped));
    let supervisor = Supervisor::builder()
        .worker(ChildSpec::new("journal", Restart::Permanent, until_stopped).stops_last())
        .worker(ChildSpec::supervisor("net", Restart::Permanent, net))
        .on_meltdown(|worker| eprintln!("given up over {}", worker.name))
        .observer(|incident| println!("{:>8}  {incident}", incident.severity()))
        .start()?;
    settled.recv_timeout(Duration::from_secs(10))?;
    // Children come and go in any part of it.
    let net = supervisor.child("net").ok_or("no such supervisor")?;
    net.add(ChildSpec::new("risk", Restart::Permanent, until_stopped))?;
    println!("{}", supervisor.status());
    println!("{:?}", net.terminate("risk", Duration::from_secs(5))?);
    println!("{:?}", supervisor.shutdown(Duration::from_secs(5)));
    Ok(())
}
