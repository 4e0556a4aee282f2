//! What is to be served, where, and starting it.

use super::accept;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use super::file::File;
use super::limits::Limits;
use super::routes::{Routes, ShownConfig};
use super::source::{Deck, Source};
use crate::bridge::openmetrics::Renderer;
use crate::config::Config;
use crate::hub::{Flightdeck, ServeError};
use crate::supervisor::{ChildSpec, Restart, Supervisor, WorkerContext};
use crate::sync::{Arc, AtomicU64};
use crate::telemetry::{Description, Telemetry};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

/// A server that runs: see [the module](super). Whoever drops this lets it go on; it ends with its deck, or with
/// [`Supervisor::remove`] of its [name](Server::name).
#[derive(Clone, Debug)]
pub struct Server {
    address: SocketAddr,
    name: Arc<str>,
}

impl Server {
    /// What is to be served of a deck.
    pub fn builder<C: Send + Sync + 'static>(deck: &Flightdeck<C>) -> ServerBuilder<'_> {
        let source = Deck {
            telemetry: deck.telemetry().clone(),
            events: deck.events().clone(),
            health: deck.health_handle(),
        };
        Self::of(deck, Source::Deck(Box::new(source)))
    }

    /// What is to be served of another deck, which lies in a file: while its process runs, which does not notice, and after it ended.
    /// `deck` runs the server, and counts what comes. Probes are those of the other process: as it posted them last, however long ago that
    /// was, and failed once it is gone. If it begins anew at the same place, so does what is told.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn of_recording<C: Send + Sync + 'static>(
        deck: &Flightdeck<C>,
        recording: crate::Recording,
    ) -> ServerBuilder<'_> {
        Self::of(deck, Source::File(Arc::new(File::new(recording))))
    }

    fn of<C: Send + Sync + 'static>(deck: &Flightdeck<C>, source: Source) -> ServerBuilder<'_> {
        ServerBuilder {
            supervisor: deck.supervisor(),
            routes: Routes {
                telemetry: deck.telemetry().clone(),
                source,
                renderer: Renderer::new(),
                shows_events: false,
                config: None,
                token: None,
                is_loopback: true,
                limits: Limits::new(),
                held: AtomicU64::new(0),
            },
            config: Ok(None),
            address: (Ipv4Addr::LOCALHOST, 9464).into(),
            name: "fd-http".to_owned(),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of its worker.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What is to be served, and where: from [`Server::builder`].
#[must_use = "nothing is served before `start`"]
pub struct ServerBuilder<'a> {
    supervisor: &'a Supervisor,
    routes: Routes,
    config: Result<Option<ShownConfig>, ServeError>,
    address: SocketAddr,
    name: String,
}

impl fmt::Debug for ServerBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ServerBuilder<'_> {
    /// Where: `127.0.0.1:9464` unless said, which this machine alone reaches. Port 0 is any that is free:
    /// [`Server::address`] tells.
    pub fn address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// How pages of metrics are made.
    pub fn renderer(mut self, renderer: &Renderer) -> Self {
        self.routes.renderer = renderer.clone();
        self
    }

    /// Tells events of one id, too: `/events?correlation=ID`.
    pub fn show_events(mut self) -> Self {
        self.routes.shows_events = true;
        self
    }

    /// Tells this config, too: `/config`, with `(secret)` in place of what its [paths](crate::config::Paths) call so. The config
    /// has to have paths.
    pub fn show_config<T: Send + Sync + 'static>(mut self, config: &Config<T>) -> Self {
        let config = config.clone();
        self.config = match config.get_path("") {
            Ok(_) => {
                let show = move || config.get_path("").map(|value| value.to_string());
                Ok(Some(Box::new(move || show().map_err(|error| error.to_string()))))
            }
            Err(error) => Err(error.into()),
        };
        self
    }

    /// Tells the configs in force of a [recording](Server::of_recording), too: `/config`, by their names, as the file keeps them, with marks in
    /// place of secrets. Of a deck that runs here nothing: it has [`show_config`](Self::show_config).
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn show_recorded_configs(mut self) -> Self {
        if let Source::File(file) = &self.routes.source {
            let file = file.clone();
            self.config = Ok(Some(Box::new(move || file.now().configs())));
        }
        self
    }

    /// Only who has this token is told anything but whether a probe passes: `Authorization: Bearer TOKEN`, at least 16 characters.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.routes.token = Some(token.into());
        self
    }

    /// How many connections may be open at once: 64 unless said. One that has not asked yet makes room
    /// for a new one, or else the oldest, after a second at the least.
    pub fn most_connections(mut self, most: usize) -> Self {
        self.routes.limits.connections = most;
        self
    }

    /// How long a connection may take, from its first byte to its last: 10 s unless said.
    pub fn most_time(mut self, most: Duration) -> Self {
        self.routes.limits.time = most;
        self
    }

    /// What the worker is called: `fd-http` unless said. A second server of a deck needs another.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Listens, and starts the worker.
    ///
    /// # Errors
    /// If nobody may listen there; if events or a config would be open to other machines without a token; if the token is short, a
    /// limit leaves nothing, the config has no paths, or there is a worker of that name.
    pub fn start(self) -> Result<Server, ServeError> {
        let Self { supervisor, mut routes, config, address, name } = self;
        routes.config = config?;
        routes.limits.check()?;
        if let Some(token) = &routes.token {
            let is_fit = token.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_fit || token.len() < ServeError::LEAST_TOKEN {
                return Err(ServeError::Token { characters: token.chars().count() });
            }
        }
        routes.is_loopback = address.ip().is_loopback();
        if !routes.is_loopback && routes.token.is_none() {
            let told = [("/events", routes.shows_events), ("/config", routes.config.is_some())];
            if let Some((what, _)) = told.into_iter().find(|(_, is_shown)| *is_shown) {
                return Err(ServeError::Open { what, address });
            }
        }
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen().map_err(|source| ServeError::Address { address, source })?;
        describe(&routes.telemetry);
        let (routes, name): (_, Arc<str>) = (Arc::new(routes), name.into());
        let serve = move |context: &WorkerContext| accept::run(&listener, &routes, context);
        let spec = ChildSpec::new(name.clone(), Restart::Permanent, serve)
            .unlimited_restarts()
            .shutdown(Duration::from_secs(1));
        supervisor.add(spec)?;
        Ok(Server { address, name })
    }
}

/// Another description than ours is the host's own.
fn describe(telemetry: &Telemetry) {
    for (name, help) in [
        ("flightdeck_http_requests_total", "Requests that were answered, by path and status."),
        ("flightdeck_http_connections_total", "Connections, by what became of them."),
    ] {
        let _ = telemetry.describe(name, Description::new(help));
    }
}
