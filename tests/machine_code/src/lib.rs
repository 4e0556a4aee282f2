//! A library loaded at run time that records. Built for release by `tests/machine_code.rs`, which loads it, and
//! reads the machine code of what it exports. One function each, so that a hot path is one symbol.

use flightdeck::config::{Config, DerivedReader, Key, Metered, Paths, Reader};
use flightdeck::events::{Events, Quota, Rate, Stamp, Writer};
use flightdeck::supervisor::{Breaker, BreakerSettings, Bulkhead, Limiter, Limits, Pulse};
use flightdeck::telemetry::{
    Counter, Family, Gauge, Group, Histogram, SampledTimer, Telemetry, Tracked, UpDownCounter, Value,
};
use std::time::Instant;

flightdeck::kind! {
    Numbered("code.numbered") { n: u64 }
    Prompt("code.prompt", prompt) { n: u64 }
    Filled("code.filled") { qty: u64, price: f64, venue: str }
    Interrupted("code.interrupted") { n: u64 }
    PromptInterrupted("code.prompt_interrupted", prompt) { n: u64 }
    Off("off") { n: u64 }
    Sampled("sampled") { n: u64 }
    Limited("limited") { n: u64 }
}

/// All that is recorded with.
#[allow(missing_debug_implementations, reason = "opaque to whoever loads this")]
pub struct Deck {
    events: Events,
    writer: Writer,
    quota: Quota,
    counter: Counter,
    gauge: Gauge,
    tracked: Tracked<Gauge>,
    histogram: Histogram,
    open: UpDownCounter,
    sampled: SampledTimer,
    counters: Family<Counter, 2>,
    histograms: Family<Histogram, 1>,
    config: Config<()>,
    reader: Reader<()>,
    metered: Metered<()>,
    derived: DerivedReader<(), u64>,
    key: Key<(), Option<u64>>,
    telemetry: Telemetry,
    group: Group<3>,
    /// One that has a handler.
    handled: Telemetry,
    limiter: Limiter,
    breaker: Breaker,
    bulkhead: Bulkhead,
    pulse: Pulse,
}

/// A deck for the caller to give back with [`code_end`]; null if there is none.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn code_begin() -> *mut Deck {
    let begin = || {
        let events =
            Events::builder().memory(8 << 20).shards(8).directives("off=off,sampled=1/100,limited=1/h");
        let events = events.build().ok()?;
        let quota = events.quota("code.quota", Rate::per_hour(1), 100).ok()?;
        events.declare::<Interrupted>();
        events.declare::<PromptInterrupted>();
        // Waits until the clock's rate is known: until then it is found out each time.
        let _rate = events.clock().converter();
        let telemetry = Telemetry::builder().clock(events.clock().clone()).build().ok()?;
        let (counter, gauge) = (telemetry.counter("count"), telemetry.gauge("level"));
        let (histogram, open) = (telemetry.histogram("spread"), telemetry.up_down_counter("open"));
        let sampled = histogram.sampled(&telemetry.counter("calls"), 64.try_into().ok()?);
        let counters = telemetry.counter_by("requests", ["method", "status"]);
        let histograms = telemetry.histogram_by("took", ["status"]);
        let config = Config::builder(()).paths(Paths::new()).ok()?.build().ok()?;
        let (reader, metered) = (config.reader(), config.reader().metered());
        let derived = config.derive("one", |()| Ok::<_, &str>(1)).ok()?.reader();
        let key = config.key("").ok()?;
        let writer = events.writer().ok()?;
        let group = telemetry.group("requests", ["ok", "err", "total"]).ok()?;
        let handled = Telemetry::new();
        let called = handled.counter("called");
        handled.attach("code", "http.request", move |_| called.increment(1)).ok()?;
        let limiter = Limiter::on(events.clock(), Limits::per_second(1_000)).ok()?;
        let breaker = Breaker::new(BreakerSettings::new()).ok()?;
        let bulkhead = Bulkhead::new(8).ok()?;
        Some(Deck {
            events,
            writer,
            quota,
            counter,
            tracked: gauge.track(),
            gauge,
            histogram,
            open,
            sampled,
            counters,
            histograms,
            config,
            reader,
            metered,
            derived,
            key,
            telemetry,
            group,
            handled,
            limiter,
            breaker,
            bulkhead,
            pulse: Pulse::new(),
        })
    };
    begin().map_or(std::ptr::null_mut(), |deck| Box::into_raw(Box::new(deck)))
}

/// Ends a deck.
///
/// # Safety
/// It is one of [`code_begin`], and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn code_end(deck: *mut Deck) {
    // SAFETY: made by `Box::into_raw` (contract).
    drop(unsafe { Box::from_raw(deck) });
}

macro_rules! exported {
    ($($(#[$meta:meta])* $name:ident($deck:ident, $n:ident) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$meta])*
        ///
        /// # Safety
        /// The deck is one of [`code_begin`]; a function that changes it has it alone.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(deck: *mut Deck, $n: u64) $(-> $result)? {
            // SAFETY: alive (contract).
            let $deck = unsafe { &mut *deck };
            $body
        }
    )*};
}

exported! {
    /// Nothing: what a call costs.
    hot_nothing(_deck, _n) {}
    /// Records through the handle.
    hot_record(deck, n) { deck.events.record(Numbered { n }) }
    /// Records an event of a prompt kind through the handle.
    hot_prompt(deck, n) { deck.events.record(Prompt { n }) }
    /// Records text through the handle, under an id.
    hot_record_text(deck, n) {
        let venue = ["", "XETRA", "a longer name of a venue"][n as usize % 3];
        deck.events.record_with(Stamp::of(n), Filled { qty: n, price: 1.25, venue })
    }
    /// Records by hand.
    hot_write(deck, n) { deck.writer.record_with(Stamp::of(n), Filled { qty: n, price: 1.25, venue: "XETRA" }) }
    /// Records an event of a kind that is off.
    hot_off(deck, n) { deck.events.record(Off { n }) }
    /// Records an event of a kind that is sampled.
    hot_sampled(deck, n) { deck.events.record(Sampled { n }) }
    /// Records an event of a kind that is over its rate.
    hot_limited(deck, n) { deck.events.record(Limited { n }) }
    /// Asks a limiter for a permit.
    hot_check(deck, _n) -> u64 { u64::from(deck.limiter.check().is_ok()) }
    /// Asks a limiter for some permits.
    hot_check_n(deck, n) -> u64 { u64::from(deck.limiter.check_n(n as u32).is_ok()) }
    /// Asks whether a key is over its rate.
    hot_quota(deck, n) -> u64 { u64::from(deck.quota.admits(n % 8)) }
    /// Asks whether a name is over its rate.
    hot_quota_text(deck, n) -> u64 { u64::from(deck.quota.admits(["ann", "bob", "cyd"][n as usize % 3])) }
    /// Counts.
    hot_increment(deck, n) { deck.counter.increment(n) }
    /// Sets a level.
    hot_set(deck, n) { deck.gauge.set(n as i64) }
    /// Sets a level whose extremes are told.
    hot_track(deck, n) { deck.tracked.set(n as i64) }
    /// Notes a value.
    hot_observe(deck, n) { deck.histogram.record(n) }
    /// Counts at a call site with labels.
    hot_site(deck, n) { flightdeck::counter!(deck.telemetry, "sites", "method" => "GET", "way" => "site").increment(n) }
    /// Counts by values of labels.
    hot_family(deck, n) {
        deck.counters.with(["GET", ["200", "404", "a longer status"][(n / 4) as usize % 3]]).increment(n)
    }
    /// Notes a value by values of labels.
    hot_family_observe(deck, n) { deck.histograms.with([["200", "404"][(n / 4) as usize % 2]]).record(n) }
    /// Adds to what goes up and down.
    hot_up_down(deck, n) { deck.open.add(-(n as i64)) }
    /// Measures a span.
    hot_timer(deck, _n) { deck.histogram.start().stop() }
    /// Measures a span now and then.
    hot_sampled_timer(deck, _n) { deck.sampled.start().stop() }
    /// Counts in three places at once.
    hot_group(deck, n) { deck.group.add([n, 0, n]) }
    /// Executes, and nobody is attached.
    hot_execute_unheard(deck, n) { deck.telemetry.execute("http.request.stop", &[("bytes", n.into())], &[]) }
    /// Executes, and a handler is called.
    hot_execute(deck, n) { deck.handled.execute("http.request.stop", &[("bytes", n.into())], &[]) }
    /// Reads config.
    hot_read(deck, _n) -> u64 { deck.reader.get().revision().get() }
    /// Reads the config through what the thread has at hand.
    hot_read_with(deck, _n) -> u64 { deck.config.with(|config| config.revision().get()) }
    /// Reads the config through a reader that counts.
    hot_read_metered(deck, _n) -> u64 { deck.metered.get().revision().get() }
    /// Reads what is derived from the config.
    hot_read_derived(deck, _n) -> u64 { *deck.derived.get() }
    /// Reads the config by a prepared path.
    hot_key(deck, n) -> u64 { deck.key.get().map_or(0, |found| found.unwrap_or(n)) }
    /// Calls through a closed breaker.
    hot_breaker(deck, n) -> u64 { deck.breaker.call(|| if n < u64::MAX { Ok(n) } else { Err(n) }).unwrap_or(0) }
    /// Takes a closed breaker's permit, and succeeds.
    hot_permit(deck, _n) {
        if let Ok(permit) = deck.breaker.try_acquire() {
            permit.success();
        }
    }
    /// Enters a bulkhead and leaves it.
    hot_bulkhead(deck, _n) { drop(deck.bulkhead.try_enter()) }
    /// Says that a thread gets on.
    hot_beat(deck, _n) { deck.pulse.beat() }
    /// Records as a signal handler does.
    signal_record(deck, n) { deck.events.record_in_signal(Interrupted { n }) }
    /// Records an event of a prompt kind as a signal handler does.
    signal_prompt(deck, n) { deck.events.record_in_signal(PromptInterrupted { n }) }
    /// Takes a shard for this thread.
    code_register(deck, _n) -> u64 { u64::from(deck.events.register_thread()) }
    /// How many nanoseconds one record of this thread takes.
    code_time_a_record(deck, n) -> u64 {
        let start = Instant::now();
        deck.events.record(Numbered { n });
        start.elapsed().as_nanos() as u64
    }
    /// How many events were written.
    code_written(deck, _n) -> u64 { deck.events.stats().written }
    /// How many shards are claimed.
    code_claimed(deck, _n) -> u64 { deck.events.stats().shards_claimed as u64 }
    /// How often was counted.
    code_counted(deck, _n) -> u64 {
        match deck.telemetry.snapshot().get("count") {
            Some(Value::Counter(count)) => *count,
            _ => 0,
        }
    }
}
