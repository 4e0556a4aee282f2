//! Secret and personal values are planted through every way in, and looked for on every way out: the memory of the
//! rings, as a core dump would show it, and all text. A binary of its own, with one test, so that what the memory
//! holds is this test's.

#![cfg(target_os = "linux")]

use flightdeck::Clock;
use flightdeck::events::{Batch, Change, Events, FieldType, Kind, Schema, Stamp, Value};
use flightdeck::testing::assert_recorded;
use std::fmt::Debug;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

flightdeck::kind! {
    Planted("secrets.planted", class = Verbose) {
        open: str, token: secret str, pin: secret u64, card: secret bytes, flag: secret f64,
        user: personal str, account: personal u64, address: personal bytes, weight: personal f64,
    }
    Ended("secrets.ended") { token: secret str, user: personal str }
    Raw("secrets.raw") { image: secret bytes }
}

/// What is planted. Worked out when the test runs: no literal of it lies in this program.
struct Plants {
    open: String,
    token: String,
    card: String,
    user: String,
    address: String,
    pin: u64,
    account: u64,
    flag: f64,
    weight: f64,
}

impl Plants {
    fn new(salt: u64) -> Self {
        let mut state = u64::from(std::process::id()) | salt << 40;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        };
        let mut text = || (0..32).map(|_| char::from(b'a' + (next() >> 40) as u8 % 26)).collect::<String>();
        let [open, token, card, user, address] = [(); 5].map(|()| text());
        // Odd in the last place, so that no shorter text stands for them.
        let number = |n: u64| n | 1 << 63 | 1;
        let float = |n: u64| f64::from_bits(n >> 12 | 0x3ff0_0000_0000_0001);
        let (pin, account, flag, weight) = (number(next()), number(next()), float(next()), float(next()));
        Self { open, token, card, user, address, pin, account, flag, weight }
    }

    fn event(&self) -> Planted<'_> {
        Planted {
            open: &self.open,
            token: &self.token,
            pin: self.pin,
            card: self.card.as_bytes(),
            flag: self.flag,
            user: &self.user,
            account: self.account,
            address: self.address.as_bytes(),
            weight: self.weight,
        }
    }

    fn ended(&self) -> Ended<'_> {
        Ended { token: &self.token, user: &self.user }
    }

    fn values(&self) -> [Value<'_>; 4] {
        [&*self.token, &*self.user, &*self.open]
            .map(Value::Str)
            .into_iter()
            .chain([Value::U64(self.pin)])
            .collect::<Vec<_>>()
            .try_into()
            .expect("four")
    }

    /// As bytes in memory: the halves too, should a value be cut or moved.
    fn bytes(&self) -> Vec<Vec<u8>> {
        let texts = [&self.token, &self.card, &self.user, &self.address].map(|text| text.as_bytes());
        let halves =
            texts.iter().flat_map(|text| [&text[..16], &text[16..], &text[3..11]].map(<[u8]>::to_vec));
        let numbers = [self.pin, self.account, self.flag.to_bits(), self.weight.to_bits()];
        halves.chain(numbers.map(|number| number.to_le_bytes().to_vec())).collect()
    }

    /// As text.
    fn texts(&self) -> Vec<String> {
        let texts = [&self.token, &self.card, &self.user, &self.address];
        let parts = texts.iter().flat_map(|text| [&text[..8], &text[12..20], &text[24..]].map(str::to_owned));
        let as_lists = texts.map(|text| {
            let list = format!("{:?}", &text.as_bytes()[..4]);
            list.trim_matches(['[', ']']).to_owned()
        });
        let numbers =
            [self.pin, self.account].map(|n| [n.to_string(), format!("{n:x}"), n.cast_signed().to_string()]);
        let floats = [self.flag, self.weight]
            .map(|n| [n.to_string(), format!("{:x}", n.to_bits()), n.to_bits().to_string()]);
        parts.chain(as_lists).chain(numbers.into_iter().chain(floats).flatten()).collect()
    }
}

/// The pages that the process has mapped with rights that begin like this.
fn mapped(rights: &str) -> Vec<Range<u64>> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let range = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let range = u64::from_str_radix(from, 16).ok()?..u64::from_str_radix(to, 16).ok()?;
        rest.starts_with(rights).then_some(range)
    };
    maps.lines().filter_map(range).collect()
}

/// What is mapped for writing now and was not mapped before.
fn mapped_since(before: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut fresh = mapped("rw");
    for old in before {
        let cut =
            |range: Range<u64>| [range.start..range.end.min(old.start), range.start.max(old.end)..range.end];
        fresh = fresh.into_iter().flat_map(cut).filter(|range| !range.is_empty()).collect();
    }
    fresh
}

/// What lies there, as another process or a dump would see it; pages of zeros left out.
fn memory(ranges: &[Range<u64>]) -> Vec<u8> {
    const PAGE: usize = 4_096;
    let (this, mut found) = (File::open("/proc/self/mem").unwrap(), Vec::new());
    for range in ranges {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        // The kernel's own pages cannot be read.
        if this.read_exact_at(&mut bytes, range.start).is_ok() {
            let pages = bytes.chunks(PAGE).filter(|page| page.iter().any(|byte| *byte != 0));
            pages.for_each(|page| found.extend_from_slice(page));
        }
    }
    found
}

fn holds(memory: &[u8], plant: &[u8]) -> bool {
    memory.windows(plant.len()).any(|window| window == plant)
}

/// What errors and debug output say.
#[derive(Default)]
struct Said(Vec<String>);

impl Said {
    fn add(&mut self, shown: &impl Debug) {
        self.0.push(format!("{shown:?}"));
        self.0.push(format!("{shown:#?}"));
    }

    fn error(&mut self, error: impl std::error::Error) {
        self.add(&error);
        self.0.push(error.to_string());
    }
}

/// Every way in. Returns how many events were recorded.
fn plant(events: &Events, plants: &Plants, kind: &Kind, said: &mut Said) -> u64 {
    let (event, ended) = (plants.event(), plants.ended());
    let mut writer = events.writer().unwrap();
    said.add(&event);
    events.record(event);
    events.record_with(Stamp::of(2_u64), event);
    events.try_record(event).unwrap();
    events.mark(event);
    events.record_in_signal(event);
    events.record_linked(&[flightdeck::events::Scope::current()], event);
    writer.record(event);
    writer.record_with(Stamp::of(2_u64), event);
    writer.try_record_with(Stamp::of(2_u64), event).unwrap();
    writer.mark(event);
    {
        let span = events.span(event);
        said.add(&span);
        events.span_linked(&[span.scope()], event).end(ended);
        let owned = events.owned_span(ended);
        said.add(&owned);
        owned.end(event);
    }
    events.end(events.start(event), ended);
    events.record_all(&[event; 3]).unwrap();
    writer.record_all(&[event; 3]).unwrap();
    events.record_values(Stamp::of(2_u64), kind, &plants.values()).unwrap();
    writer.record_values(Stamp::of(2_u64), kind, &plants.values()).unwrap();
    let mut batch = Batch::new();
    for _ in 0..2 {
        batch.push(event);
        batch.push_with(Stamp::of(2_u64).starts_under(events.fresh_span()), ended);
        batch.push_values(Stamp::of(2_u64), kind, &plants.values());
        said.add(&batch);
        events.record_batch(&mut batch).unwrap();
        said.add(&batch);
        batch.push(event);
        writer.record_batch(&mut batch).unwrap();
    }
    let (token, user) = (&*plants.token, &*plants.user);
    let changes = [
        Change::of("token", token, "next").secret(),
        Change::of("token", "before", token).secret(),
        Change::of("user", user, "bob").personal(),
        Change::of("account", 0_u64, plants.account).personal(),
        Change::of("open", 1, 2),
    ];
    said.add(&changes);
    events.state_changed("session", &changes);

    // And what is refused: errors tell of kinds, fields and sizes.
    let swapped = [Value::U64(plants.pin), Value::Str(token), Value::Str(user), Value::Str(token)];
    said.error(events.record_values(Stamp::of(2_u64), kind, &swapped).unwrap_err());
    said.error(writer.record_values(Stamp::of(2_u64), kind, &plants.values()[..2]).unwrap_err());
    batch.push(event);
    batch.push_values(Stamp::of(2_u64), kind, &swapped);
    said.error(events.record_batch(&mut batch).unwrap_err());
    said.add(&batch);
    batch.clear();
    (0..100_000).for_each(|_| batch.push(event));
    said.error(events.record_batch(&mut batch).unwrap_err());
    said.error(events.record_all(&vec![event; 100_000]).unwrap_err());
    said.error(events.reserve::<Raw<'_>>(8).unwrap_err());
    said.add(&(&writer, kind));
    // 10 one by one, 6 of spans, 2 of `start` and `end`, 6 of slices, 2 of values, 2 times 4 of batches, 1 change.
    10 + 6 + 2 + 6 + 2 + 2 * 4 + 1
}

#[test]
fn a_planted_secret_is_found_nowhere() {
    let before = mapped("");
    // As much as the allocator maps for itself.
    let events = Events::builder().memory(48 << 20).shards(2).clock(Clock::precise()).build().unwrap();
    // In one piece. What else is new is the heap, where the host's own copies lie.
    let mut rings = mapped_since(&before);
    rings.retain(|range| range.end - range.start >= events.plan().total as u64);
    assert_eq!(rings.len(), 1, "{rings:x?}");
    let schema = Schema::new("secrets.defined")
        .secret_field("token", FieldType::Str)
        .personal_field("user", FieldType::Str)
        .field("open", FieldType::Str)
        .secret_field("pin", FieldType::U64);
    let kind = events.define(schema).unwrap();
    let mut said = Said::default();
    let _in = events.scope(1_u64);
    // Others first, so that all kinds are known: the table of kinds may lie beside the rings, and an entry of it carries
    // along what lay on the stack when it was made, as any value with unused bytes does.
    plant(&events, &Plants::new(1), &kind, &mut Said::default());
    let plants = Plants::new(2);
    let planted = 2 * plant(&events, &plants, &kind, &mut said);
    assert_eq!((events.stats().written, events.stats().lost()), (planted, 0), "each way in was taken");

    let memory = memory(&rings);
    assert!(
        holds(&memory, plants.open.as_bytes()),
        "an open value lies in the rings, or this looks elsewhere"
    );
    for plant in plants.bytes() {
        assert!(!holds(&memory, &plant), "{plant:x?} lies in the rings");
    }

    let answer = events.query().run().unwrap();
    assert_eq!(answer.len() as u64, planted);
    said.add(&answer);
    said.0.push(answer.timeline().to_string());
    said.0.push(answer.timeline().without_ends().to_string());
    #[cfg(feature = "json")]
    said.0.push(answer.json().to_string());
    said.add(&answer.tree());
    said.add(&answer.timeline());
    for event in answer.iter() {
        said.add(&event);
        event.fields().for_each(|(_, value)| said.0.push(format!("{value} {value:?}")));
    }
    said.add(&(&events, events.stats(), events.losses(), events.plan(), events.query()));
    let failed = catch_unwind(AssertUnwindSafe(|| {
        assert_recorded!(events, "secrets.planted", token == "another", account == 5);
    }));
    let message = failed.unwrap_err().downcast::<String>().expect("a formatted message");
    assert!(message.contains("secrets.planted"), "{message}");
    said.0.push(*message);

    assert!(said.0.iter().any(|text| text.contains(&plants.open[..8])), "an open value is shown");
    for plant in plants.texts() {
        for text in &said.0 {
            assert!(!text.contains(&plant), "{plant} in {text}");
        }
    }
}
