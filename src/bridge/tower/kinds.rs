//! What is recorded of requests and calls.

crate::kind! {
    /// A request came in. `route` is empty if it has none, `path` without its query.
    pub Accepted("http.accepted", starts) { method: str, route: str, path: str }
    /// The head of the response is there; its body comes.
    pub Responding("http.responding", severity = Debug) { status: u64 }
    /// The request was answered.
    pub Replied("http.replied") { status: u64 }
    /// Nobody waited for the answer any more: the client is gone, or a time was over.
    pub Cancelled("http.cancelled", severity = Warn) {}
    /// The service, or the response's body, ended with an error.
    pub Failed("http.failed", severity = Error) {}
    /// The handler panicked.
    pub Panicked("http.panicked", severity = Error, class = Critical) {}

    /// A request is sent. `path` is without its query, `host` without user and password.
    pub Called("http.called") { method: str, host: str, path: str }
    /// The head of its response is there.
    pub Answered("http.answered") { status: u64 }
    /// Nobody waited for it any more.
    pub CallCancelled("http.call_cancelled", severity = Warn) {}
    /// There is no response.
    pub CallFailed("http.call_failed", severity = Warn) {}
}
