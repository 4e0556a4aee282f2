//! What the memory of incidents holds, and that it never grows.

use crate::events::{Answer, Events, Pin, PinError, Stamp};

crate::kind! { Paid("incident.paid") { card: str } }

const SECRET: &str = "4929 1234 5678 9012";

fn with_memory<R>(events: &Events, body: impl FnOnce(&[u8], usize, usize) -> R) -> R {
    let shelf = events.store().incidents.shelf.lock();
    let (bytes, capacity, entries) = shelf.memory();
    body(bytes, capacity, entries)
}

fn holds_secret(events: &Events) -> bool {
    with_memory(events, |bytes, _, _| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()))
}

fn answer(events: &Events, id: u64, count: usize) -> Answer {
    (0..count).for_each(|_| events.record_with(Stamp::of(id), Paid { card: SECRET }));
    events.query().correlation(id).run().unwrap()
}

#[test]
fn ten_thousand_pins_take_the_memory_of_the_first() {
    let events = Events::builder().incidents(20_000, 16).build().unwrap();
    let before = with_memory(&events, |_, bytes, entries| (bytes, entries));
    assert!(before.0 >= 20_000 && before.1 >= 16);
    for n in 0..10_000_u64 {
        // From none to some: by count and by bytes the oldest have to go.
        let answer = answer(&events, n + 1, n as usize % 40);
        let _ = events.pin(&*format!("pin {n}"), &answer).unwrap();
        if n % 7 == 0 {
            assert!(events.drop_incident(events.incidents()[n as usize % 3 % events.incidents().len()].id));
        }
        let stats = events.incident_stats();
        assert!(stats.held <= 16 && stats.bytes <= 20_000);
        assert_eq!(stats.pinned, stats.held as u64 + stats.evicted + stats.dropped);
        assert_eq!(stats.bytes, events.incidents().iter().map(|incident| incident.bytes).sum::<usize>());
    }
    let after = with_memory(&events, |bytes, capacity, entries| {
        assert!(bytes.len() <= 20_000);
        (capacity, entries)
    });
    assert_eq!(before, after);
}

#[test]
fn what_is_dropped_is_wiped() {
    let events = Events::builder().build().unwrap();
    let (secret, other) = (answer(&events, 1, 3), answer(&events, 2, 0));
    let ids = [&other, &secret, &other].map(|answer| events.pin("paid", answer).unwrap().id);
    assert!(holds_secret(&events));
    assert!(events.drop_incident(ids[1]) && !events.drop_incident(ids[1]));
    assert!(!holds_secret(&events));
    assert_eq!(events.incidents().len(), 2);
    assert!(ids.iter().map(|id| events.incident(*id).is_some()).eq([true, false, true]));
}

#[test]
fn what_is_protected_stays_and_what_finds_no_room_changes_nothing() {
    let events = Events::builder().incidents(1_000, 3).build().unwrap();
    // 64 bytes, 8 for the length, 24 for the card; and names and causes of 13.
    let [one, three, ten] = [1, 3, 10].map(|count| answer(&events, count, count as usize));
    let kept = events.pin(Pin::named("kept").protected(), &three).unwrap();
    assert_eq!(kept.bytes, 3 * 96 + 13);
    let first = events.pin("first", &one).unwrap().id;
    let second = events.pin("second", &one).unwrap().id;
    let third = events.pin("third", &one).unwrap();
    assert_eq!((third.evicted, events.incident(first).is_none()), (1, true), "by count");
    let list = || events.incidents().iter().map(|incident| incident.id).collect::<Vec<_>>();
    assert_eq!(list(), [kept.id, second, third.id]);

    let held = list();
    let full = events.pin("tenth", &ten).unwrap_err();
    assert!(matches!(full, PinError::Full { protected: 1, held: 301, needed: 974, .. }), "{full}");
    let large = events.pin("large", &answer(&events, 10, 10)).unwrap_err();
    assert!(matches!(large, PinError::TooLarge { limit: 1_000, .. }), "{large}");
    assert_eq!((list(), events.incident_stats().refused), (held, 2));

    let last = events.pin(Pin::named("all").protected(), &answer(&events, 4, 7)).unwrap();
    assert_eq!((last.evicted, list()), (2, vec![kept.id, last.id]), "by bytes");
    assert!(events.drop_incident(kept.id), "protected from later ones, not from the host");
    assert_eq!(list(), [last.id]);
}

#[test]
fn without_room_nothing_is_pinned() {
    for (bytes, count) in [(0, 64), (1 << 20, 0)] {
        let events = Events::builder().incidents(bytes, count).build().unwrap();
        let answer = events.query().run().unwrap();
        assert_eq!(events.pin("none", &answer), Err(PinError::Off));
        assert_eq!((events.incidents().len(), events.incident_stats().refused), (0, 1));
    }
}
