//! Panics of any thread, through the process's one hook. In a binary of its own: each panic in here is an event.

mod support;

use flightdeck::events::{CapturePlace, TriggerCause};
use flightdeck::{CorrelationId, Diagnostic, Flightdeck, PanicHookError, StartError};
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use support::until;

flightdeck::kind! {
    Worked("panic_hook.worked") { n: u64 }
}

/// Panics that came to the hook of the host, which was there first.
static OF_HOST: AtomicU64 = AtomicU64::new(0);
/// And to one that the host put on top later.
static ON_TOP: AtomicU64 = AtomicU64::new(0);

fn count(hook: &AtomicU64) -> u64 {
    hook.load(Ordering::Relaxed)
}

fn address_of(hook: &(dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync)) -> usize {
    std::ptr::from_ref(hook).cast::<()>() as usize
}

fn panics(message: &'static str) {
    let thread = thread::Builder::new().name("broken".to_owned()).spawn(move || panic!("{message}")).unwrap();
    assert!(thread.join().is_err());
}

/// One test: there is one hook.
#[test]
fn a_panic_of_any_thread_is_an_event_and_sets_off_a_capture_and_the_hook_is_given_back() {
    let by = 1_u64;
    let of_host: Box<dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync> = Box::new(move |_| {
        OF_HOST.fetch_add(by, Ordering::Relaxed);
    });
    let address = address_of(&*of_host);
    panic::set_hook(of_host);
    let deck = Flightdeck::builder().panic_hook(true).start().unwrap();
    let triggers = deck.triggers();
    let often = |name: &str| deck.on_panic(name).at_most(1_000, Duration::from_secs(1));
    triggers.add(often("chain").chain()).unwrap();
    triggers.add(often("all").look_ahead(Duration::from_millis(20))).unwrap();
    deck.record(Worked { n: 1 });
    let request = deck.clone();
    let broken = thread::Builder::new().name("request".to_owned()).spawn(move || {
        let _in = request.scope(7_u64);
        request.record(Worked { n: 2 });
        panic!("no such order: {}", 5);
    });
    assert!(broken.unwrap().join().is_err());
    until("both captures", || triggers.receipts().len() == 2);
    for receipt in triggers.receipts() {
        let TriggerCause::Panic { who, message, correlation, .. } = &receipt.cause else {
            panic!("{receipt:?}")
        };
        assert_eq!((&**who, &**message), ("request", "no such order: 5"));
        assert_eq!(*correlation, CorrelationId::from(7_u64), "what the thread worked for");
        let CapturePlace::Incident(id) = receipt.result.as_ref().unwrap().place else {
            panic!("{receipt:?}")
        };
        let kept = deck.events().incident(id).unwrap();
        let kinds: Vec<_> = kept.iter().map(|event| event.kind().to_owned()).collect();
        match &*receipt.trigger {
            "chain" => assert_eq!(kinds, ["panic_hook.worked", "flightdeck.thread.panicked"]),
            _ => assert!(kinds.len() > 2, "{kinds:?}"),
        }
    }
    assert_eq!(count(&OF_HOST), 1, "what was there before is called as before");
    let answer = deck.events().query().kind_named("flightdeck.thread.panicked").run().unwrap();
    let event = answer.iter().next().unwrap();
    assert!(event.field("file").unwrap().to_string().contains("panic_hook.rs"), "{event:?}");

    let Err(error) = Flightdeck::builder().panic_hook(true).start() else { panic!("there is one hook") };
    assert_eq!(error.code(), "deck.panic_hook.taken");
    assert!(matches!(error, StartError::PanicHook(PanicHookError::Taken)));
    let other = Flightdeck::builder().start().unwrap();
    panics("once more");
    assert_eq!(count(&OF_HOST), 2);
    assert_eq!(other.events().query().kind_named("flightdeck.thread.panicked").count(), 0);
    drop(other);

    // What triggers call may panic, which sets off none: else one that panics would do so for ever.
    let bad = often("bad")
        .capturing(|query| if query.clone().count() == 0 { query } else { panic!("in a trigger") });
    triggers.add(bad).unwrap();
    until("what came before it", || triggers.status("all").is_some_and(|status| status.seen == 2));
    panics("for the bad one");
    until("the capture that fails", || triggers.status("bad").is_some_and(|status| status.failed == 1));
    thread::sleep(Duration::from_millis(50));
    let status = triggers.status("bad").unwrap();
    assert_eq!((status.seen, status.failed), (1, 1));
    assert_eq!(count(&OF_HOST), 4, "but the host hears of it");

    // The last handle: the hook of the host is the hook again.
    let events = deck.events().clone();
    drop(deck);
    let before = events.query().kind_named("flightdeck.thread.panicked").count();
    panics("for nobody");
    assert_eq!(
        (count(&OF_HOST), events.query().kind_named("flightdeck.thread.panicked").count()),
        (5, before)
    );

    let current = panic::take_hook();
    assert_eq!(address_of(&*current), address, "the very same");
    panic::set_hook(current);

    // With another one on top ours stays underneath, and passes on.
    let deck = Flightdeck::builder().panic_hook(true).start().unwrap();
    let ours = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        ON_TOP.fetch_add(1, Ordering::Relaxed);
        ours(info);
    }));
    panics("heard by all");
    let events = deck.events().clone();
    assert_eq!(events.query().kind_named("flightdeck.thread.panicked").count(), 1);
    drop(deck);
    panics("heard by two");
    assert_eq!((count(&ON_TOP), count(&OF_HOST)), (2, 7));
    assert_eq!(events.query().kind_named("flightdeck.thread.panicked").count(), 1);

    let next = Flightdeck::builder().panic_hook(true).start().unwrap();
    panics("heard by the next one");
    assert_eq!(next.events().query().kind_named("flightdeck.thread.panicked").count(), 1);
    assert_eq!((count(&ON_TOP), count(&OF_HOST)), (3, 8));
}
