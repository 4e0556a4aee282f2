//! What the host tells of its work. That of requests as such a layer tells: `flightdeck::bridge::tower`.

flightdeck::kind! {
    /// Its path says what is wanted.
    pub Parsed("request.parsed") { symbol: str, quantity: u64 }
    /// The cache was asked.
    pub CacheAsked("cache.asked", severity = Debug) { hit: bool, entries: u64 }
    /// The order book is walked, by a task of its own.
    pub WalkStarted("book.walk") { symbol: str, revision: u64 }
    /// The walk is done.
    pub WalkEnded("book.walked") { levels: u64, average: f64 }
    /// The price was made.
    pub Priced("quote.priced") { price: f64, margin_bps: u64 }
    /// The reply has its form.
    pub Encoded("reply.encoded", severity = Debug) { bytes: u64, depth: u64 }
    /// The request makes no sense.
    pub Refused("request.refused", severity = Warn) { reason: str }
    /// The price feed moved a book.
    pub BookMoved("feed.book_moved", severity = Debug) { symbol: str, middle: f64 }
    /// The cache follows the config.
    pub CacheResized("cache.resized") { entries: u64, dropped: u64 }
}
