//! The host: an HTTP server that quotes prices, with or without a deck.

use super::DemoError;
use super::book::{self, Book, Cache, SYMBOLS, Walk};
use super::flight::Flight;
use super::kinds::{CacheAsked, CacheResized, Encoded, Parsed, Priced, Refused, WalkEnded, WalkStarted};
use super::settings::Settings;
use axum::Router;
use axum::extract::{Path, State};
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::routing::get;
use axum::serve::ListenerExt;
use flightdeck::events::InScope;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;

/// What the host's tasks and its worker share.
#[derive(Debug)]
pub struct Shared {
    pub flight: Flight,
    settings: RwLock<Settings>,
    books: Vec<Mutex<Book>>,
    cache: Mutex<Cache>,
}

/// The lock of state that is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(flight: Flight, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            flight,
            settings: RwLock::new(settings),
            books: (0..SYMBOLS).map(|number| Mutex::new(Book::new(number))).collect(),
            cache: Mutex::new(Cache::new(settings.cache_entries)),
        })
    }

    /// What the subscriber to the config does, and what a host without a deck is told by hand.
    pub fn apply(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        let dropped = lock(&self.cache).resize(settings.cache_entries);
        let (entries, dropped) = (settings.cache_entries as u64, dropped as u64);
        self.flight.record(CacheResized { entries, dropped });
    }

    fn settings(&self) -> Settings {
        *self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn move_book(&self, number: usize, middle: f64) {
        if let Some(book) = self.books.get(number) {
            lock(book).move_to(middle);
        }
    }

    fn walk_book(&self, number: usize, quantity: u64) -> Option<Walk> {
        lock(self.books.get(number)?).walk(quantity)
    }

    fn book_revision(&self, number: usize) -> u64 {
        self.books.get(number).map_or(0, |book| lock(book).revision)
    }
}

/// A running server.
#[derive(Debug)]
pub struct Host {
    pub address: SocketAddr,
    pub shared: Arc<Shared>,
    runtime: Handle,
    stop: Arc<Notify>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Host {
    /// Starts the server on a free port of this machine, on one thread of its own.
    pub fn start(name: &str, shared: Arc<Shared>) -> Result<Self, DemoError> {
        let failed = |what| move |source| DemoError::Host { what, source };
        let runtime = Builder::new_current_thread().enable_io().build().map_err(failed("its runtime"))?;
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .map_err(failed("a port on 127.0.0.1"))?;
        let address = listener.local_addr().map_err(failed("its address"))?;
        let quotes = match shared.flight.layer() {
            // Around the handler: for what is around a router axum makes boxes for each request.
            Some(layer) => get(quote.layer(layer)),
            None => get(quote),
        };
        let router = Router::new().route("/quote/{symbol}/{quantity}", quotes).with_state(shared.clone());
        let stop = Arc::new(Notify::new());
        let (handle, stopped) = (runtime.handle().clone(), stop.clone());
        let serve = move || {
            runtime.block_on(async {
                let listener = listener.tap_io(|connection| {
                    // Without it a reply waits for the acknowledgement of the one before.
                    let _ = connection.set_nodelay(true);
                });
                let serving = async { axum::serve(listener, router).await };
                tokio::select! {
                    _ = serving => {}
                    () = stopped.notified() => {}
                }
            });
        };
        let thread =
            thread::Builder::new().name(format!("host {name}")).spawn(serve).map_err(failed("its thread"))?;
        Ok(Self { address, shared, runtime: handle, stop, thread: Some(thread) })
    }

    /// What the host's thread has used of a processor so far.
    pub fn cpu(&self) -> Option<Duration> {
        let (answer, answered) = channel();
        self.runtime.spawn(async move {
            let now = clock_gettime(ClockId::ThreadCPUTime);
            let _ = answer
                .send(Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0)));
        });
        answered.recv_timeout(Duration::from_secs(5)).ok()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One request. Its scope is in force on whatever thread this runs.
async fn quote(
    State(shared): State<Arc<Shared>>,
    Path((symbol, quantity)): Path<(String, u64)>,
) -> (StatusCode, String) {
    match price(&shared, &symbol, quantity).await {
        Ok(body) => (StatusCode::OK, body),
        Err(reason) => {
            shared.flight.record(Refused { reason });
            (StatusCode::BAD_REQUEST, reason.to_owned())
        }
    }
}

async fn price(shared: &Arc<Shared>, symbol: &str, quantity: u64) -> Result<String, &'static str> {
    let number = book::number(symbol).ok_or("no such symbol")?;
    shared.flight.record(Parsed { symbol, quantity });
    let revision = shared.book_revision(number);
    let (cached, entries) = {
        let cache = lock(&shared.cache);
        (cache.get(number, quantity, revision), cache.len() as u64)
    };
    shared.flight.record(CacheAsked { hit: cached.is_some(), entries });
    shared.flight.count_cache(cached.is_some());
    let walk = match cached {
        Some(walk) => walk,
        None => {
            let walk = walk(shared, symbol.to_owned(), number, quantity, revision).await?;
            lock(&shared.cache).put(number, quantity, revision, walk);
            walk
        }
    };
    let settings = shared.settings();
    let price = walk.average * (1.0 + settings.margin_bps as f64 / 10_000.0);
    shared.flight.record(Priced { price, margin_bps: settings.margin_bps });
    let top = shared.books.get(number).map(|book| lock(book).top(settings.depth).to_vec());
    let reply =
        json!({ "symbol": symbol, "quantity": quantity, "price": price, "levels": walk.levels, "book": top })
            .to_string();
    shared.flight.record(Encoded { bytes: reply.len() as u64, depth: settings.depth as u64 });
    Ok(reply)
}

/// Walks the book in a task of its own, as a host does with what may take long.
async fn walk(
    shared: &Arc<Shared>,
    symbol: String,
    number: usize,
    quantity: u64,
    revision: u64,
) -> Result<Walk, &'static str> {
    let scope = shared.flight.start(WalkStarted { symbol: &symbol, revision });
    let walker = shared.clone();
    let walking = async move {
        let walk = walker.walk_book(number, quantity);
        let (levels, average) = walk.map_or((0, 0.0), |walk| (walk.levels as u64, walk.average));
        walker.flight.end(WalkEnded { levels, average });
        walk
    };
    let walked = match scope {
        Some(scope) => tokio::spawn(walking.in_scope(scope)).await,
        None => tokio::spawn(walking).await,
    };
    walked.map_err(|_| "the walk failed")?.ok_or("more than the book holds")
}
