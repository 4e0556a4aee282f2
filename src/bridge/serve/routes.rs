//! What is answered to what.

use super::body::{Answer, answer, json, text};
use super::guard::{has_token, is_for_this_machine};
use super::limits::Limits;
use super::parameters::parameters;
use super::source::{Probed, Source};
use crate::bridge::correlation_of;
use crate::bridge::openmetrics::{Format, Renderer};
use crate::supervisor::Probe;
use crate::sync::{AtomicU64, Relaxed};
use crate::telemetry::Telemetry;
use hyper::body::Body;
use hyper::header::{ACCEPT, TRANSFER_ENCODING};
use hyper::{HeaderMap, Method, Request, StatusCode};
use std::fmt;

/// A config as JSON, or why there is none.
pub(super) type ShownConfig = Box<dyn Fn() -> Result<String, String> + Send + Sync>;

/// What is told, and to whom.
pub(super) struct Routes {
    /// Of the server itself.
    pub(super) telemetry: Telemetry,
    pub(super) source: Source,
    pub(super) renderer: Renderer,
    pub(super) shows_events: bool,
    pub(super) config: Option<ShownConfig>,
    pub(super) token: Option<String>,
    /// Whether only this machine is served.
    pub(super) is_loopback: bool,
    pub(super) limits: Limits,
    /// Bytes of answers on their way. Relaxed: a limit, not an account.
    pub(super) held: AtomicU64,
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What there may be, for those who ask for nothing, and by which requests are counted.
const PATHS: [&str; 6] = ["/metrics", "/livez", "/readyz", "/startupz", "/events", "/config"];

impl Routes {
    /// Answers a request, and counts it.
    pub(super) fn answer<B: Body>(&self, request: &Request<B>) -> Answer {
        let answer = self.route(request);
        let path = PATHS.iter().find(|path| **path == request.uri().path()).copied().unwrap_or("other");
        let status = answer.status();
        let labels = [("path", path), ("status", status.as_str())];
        self.telemetry.counter_with("flightdeck_http_requests_total", &labels).increment(1);
        answer
    }

    fn route<B: Body>(&self, request: &Request<B>) -> Answer {
        let (headers, uri) = (request.headers(), request.uri());
        if self.is_loopback && !is_for_this_machine(headers) {
            return text(StatusCode::FORBIDDEN, "ask by address or as localhost: other names are not served");
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here: ask with GET or HEAD");
        }
        // Two lengths, or a length that is not the body's, are how one request hides in another.
        let has_body = !request.body().is_end_stream() || headers.contains_key(TRANSFER_ENCODING);
        if has_body {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "a question has no body: leave it out");
        }
        let query = uri.query().unwrap_or_default();
        let (path, is_told) =
            (uri.path(), self.token.as_deref().is_none_or(|token| has_token(headers, token)));
        match path {
            "/livez" => self.probe(Probe::Live, headers),
            "/readyz" => self.probe(Probe::Ready, headers),
            "/startupz" => self.probe(Probe::Startup, headers),
            _ if !is_told => {
                text(StatusCode::UNAUTHORIZED, "a token is needed: `Authorization: Bearer TOKEN`")
            }
            "/metrics" | "/events" | "/config" if self.held.load(Relaxed) >= self.limits.held => {
                text(StatusCode::SERVICE_UNAVAILABLE, "too much is on its way to others: ask again later")
            }
            "/metrics" => self.metrics(headers),
            "/events" if self.shows_events => self.events(query),
            "/config" if self.config.is_some() => self.config(),
            "/events" | "/config" => {
                text(StatusCode::NOT_FOUND, format!("{path} was not switched on by the host"))
            }
            _ => text(StatusCode::NOT_FOUND, format!("there are {}", PATHS.join(", "))),
        }
    }

    fn metrics(&self, headers: &HeaderMap) -> Answer {
        let ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let format = Format::negotiate(&ranges.collect::<Vec<_>>().join(","));
        let mut page = String::new();
        match self.source.metrics(&self.renderer, format, &mut page) {
            Ok(()) => answer(StatusCode::OK, format.content_type(), page),
            Err(why) => text(StatusCode::NOT_FOUND, why),
        }
    }

    fn probe(&self, probe: Probe, headers: &HeaderMap) -> Answer {
        let Probed { passes, reasons } = self.source.probe(probe);
        let status = if passes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let wants_json =
            headers.get(ACCEPT).is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
        // Without the token a probe is told no more than it has to know.
        let is_told = self.token.as_deref().is_none_or(|token| has_token(headers, token));
        if wants_json && is_told {
            return json(status, self.source.health());
        }
        let lines = if is_told { reasons } else { Vec::new() };
        match (passes, lines.is_empty()) {
            (true, _) => text(status, "ok"),
            (false, true) => text(
                status,
                format!("not {}", if probe == Probe::Startup { "started" } else { probe.name() }),
            ),
            (false, false) => text(status, lines.join("\n")),
        }
    }

    fn events(&self, query: &str) -> Answer {
        let bad = |what: String| text(StatusCode::BAD_REQUEST, what);
        let (correlation, limit) = match parameters(query, ["correlation", "limit"]) {
            Ok([correlation, limit]) => (correlation, limit),
            Err(what) => return bad(what),
        };
        let Some(correlation) = correlation.filter(|text| !text.is_empty()) else {
            return bad("say whose events: ?correlation=b0103bb0161ad7fa352fe1828eeb643a".to_owned());
        };
        let limit = match limit.map(|limit| limit.parse::<usize>()) {
            None => self.limits.events,
            Some(Ok(limit)) => limit.min(self.limits.events),
            Some(Err(_)) => return bad("parameter limit is no number: at most so many events".to_owned()),
        };
        let found = self.source.events(|query| query.correlation(correlation_of(&correlation)).limit(limit));
        found.map_or_else(bad, |found| json(StatusCode::OK, found))
    }

    fn config(&self) -> Answer {
        match self.config.as_ref().map(|config| config()) {
            Some(Ok(shown)) => json(StatusCode::OK, shown),
            Some(Err(why)) => text(StatusCode::INTERNAL_SERVER_ERROR, why),
            None => text(StatusCode::NOT_FOUND, "/config was not switched on by the host"),
        }
    }
}
