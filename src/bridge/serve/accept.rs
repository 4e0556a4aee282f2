//! The worker: takes connections, and ends those that take too long.

use super::connections::{Connections, Room};
use super::routes::Routes;
use crate::supervisor::WorkerContext;
use crate::sync::{Arc, OnceLock, Relaxed};
use crate::telemetry::Telemetry;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::spawn;
use tokio::time::{Instant, sleep, timeout};

/// How often the worker looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// Serves until the worker is to stop.
pub(super) fn run(
    listener: &net::TcpListener,
    routes: &Arc<Routes>,
    context: &WorkerContext,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let listener = listener.try_clone()?;
    // Connections end with the runtime.
    runtime.block_on(async { accept(&TcpListener::from_std(listener)?, routes, context).await })
}

async fn accept(listener: &TcpListener, routes: &Arc<Routes>, context: &WorkerContext) -> io::Result<()> {
    let mut connections = Connections::new(routes.limits.connections);
    while !context.should_stop() {
        context.beat();
        let socket = match timeout(LOOK, listener.accept()).await {
            Ok(Ok((socket, _))) => socket,
            // No descriptors, or gone again: neither is mended by asking at once.
            Ok(Err(_)) => {
                count(&routes.telemetry, "failed");
                sleep(LOOK).await;
                continue;
            }
            Err(_) => continue,
        };
        match connections.room() {
            Room::Yes => {}
            Room::Made => count(&routes.telemetry, "made_room"),
            Room::No => {
                count(&routes.telemetry, "refused");
                continue;
            }
        }
        let asked = Arc::new(OnceLock::new());
        let task = spawn(serve(socket, routes.clone(), asked.clone()));
        connections.add(task.abort_handle(), asked);
    }
    Ok(())
}

/// Bytes of an answer on its way; given back when its connection ends, however that is.
struct Held<'a> {
    routes: &'a Routes,
    bytes: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.routes.held.fetch_sub(self.bytes, Relaxed);
    }
}

/// One request, one answer, and an end after some time whatever becomes of them.
async fn serve(socket: TcpStream, routes: Arc<Routes>, asked: Arc<OnceLock<Instant>>) {
    // Without it the last piece of an answer may wait for an acknowledgement.
    let _ = socket.set_nodelay(true);
    let held = crate::sync::Mutex::new(Held { routes: &routes, bytes: 0 });
    let answered = service_fn(|request| {
        asked.get_or_init(Instant::now);
        let answer = routes.answer(&request);
        let bytes = answer.body().len();
        routes.held.fetch_add(bytes, Relaxed);
        held.lock().bytes += bytes;
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(routes.limits.head)
        .max_headers(routes.limits.lines)
        .serve_connection(TokioIo::new(socket), answered);
    let outcome = match timeout(routes.limits.time, served).await {
        Ok(Ok(())) if asked.get().is_some() => "answered",
        Ok(_) => "broken",
        Err(_) => "too_slow",
    };
    count(&routes.telemetry, outcome);
}

fn count(telemetry: &Telemetry, outcome: &str) {
    telemetry.counter_with("flightdeck_http_connections_total", &[("outcome", outcome)]).increment(1);
}
