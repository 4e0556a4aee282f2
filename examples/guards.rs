//! What protects calls to something that may fail, be slow or be asked too much: a limiter, a bulkhead and a breaker of
//! a deck, one around the other.

use flightdeck::supervisor::{Breaker, BreakerSettings, Bulkhead, Limiter, Limits, Outcome};
use flightdeck::{Flightdeck, Retry};
use std::error::Error;
use std::time::Duration;

/// Something elsewhere, which is out of order for a while.
fn price(request: u64) -> Result<u64, &'static str> {
    if (10..30).contains(&request) { Err("connection refused") } else { Ok(request * 2) }
}

/// Cheapest to ask first: whether it may be asked so often, by so many at once, and whether it works.
struct Guarded {
    rate: Limiter,
    room: Bulkhead,
    breaker: Breaker,
}

impl Guarded {
    fn price(&self, request: u64) -> Result<u64, Box<dyn Error>> {
        self.rate.check()?;
        let _inside = self.room.enter(Duration::from_millis(10))?;
        let outcome = |result: &Result<u64, &str>| match result {
            // What the caller asked for and is not there says nothing about who was asked.
            Err("no such price") => Outcome::Ignored,
            other => Outcome::of(other),
        };
        Ok(self.breaker.call_with(outcome, || price(request))?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let deck = Flightdeck::builder().start()?;
    let mut settings = BreakerSettings::new();
    settings.consecutive_failures = Some(3);
    settings.wait_duration_in_open = Duration::from_millis(20);
    settings.permitted_calls_in_half_open = 2;
    let guarded = Guarded {
        rate: deck.limiter("prices", Limits::per_second(1_000))?,
        room: deck.bulkhead("prices", 8)?,
        breaker: deck.breaker("prices", settings.clone())?,
    };

    let answered = (0..40).filter(|request| guarded.price(*request).is_ok()).count();
    println!("{answered} of 40 answered; {}", deck.health());
    println!("{:?}", guarded.breaker.stats());

    // Whoever is rejected is told when to come again.
    let rejected = guarded.breaker.try_acquire().expect_err("it is open");
    println!("{rejected}; retry {}", flightdeck::Diagnostic::retry(&rejected));
    assert!(matches!(flightdeck::Diagnostic::retry(&rejected), Retry::After(_)));
    std::thread::sleep(Duration::from_millis(25));
    let recovered = (40..50).filter(|request| guarded.price(*request).is_ok()).count();
    println!("{recovered} of 10 answered; {}", deck.health());

    // Another threshold, while it runs.
    settings.consecutive_failures = Some(1);
    deck.settings().because("prices are slow to fail").update(|now| {
        let mut told = now.clone();
        told.breakers.insert("prices".into(), settings.clone());
        told
    })?;
    assert_eq!(guarded.breaker.settings().consecutive_failures, Some(1));

    println!("{}", deck.events().query().kind_named("flightdeck.breaker.changed").run()?.timeline());
    assert!(deck.shutdown(Duration::from_secs(5)).is_clean());
    Ok(())
}
