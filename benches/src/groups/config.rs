//! Config: reading what is in force, while nobody changes it.

mod paths;

use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use arc_swap::{ArcSwap, Cache};
use flightdeck::config::{Config, Validate, Violations};
use std::hint::black_box;
use std::sync::{Arc, RwLock};

const CACHE: &str = "arc_swap::Cache";
const LOAD: &str = "arc_swap::ArcSwap::load";
const LOCK: &str = "RwLock<Arc<T>>, read and clone";

struct Limits {
    rate: u64,
}

impl Validate for Limits {
    fn validate(&self, _: &mut Violations) {}
}

fn config() -> Config<Limits> {
    Config::new(Limits { rate: 7 }).expect("nothing speaks against it")
}

pub(super) fn run(session: &mut Session) {
    session.row("config read, kept reader", || {
        let config = config();
        let mut reader = config.reader();
        let swap = ArcSwap::from_pointee(Limits { rate: 7 });
        let mut cache = Cache::new(&swap);
        Row::measure(
            Side::each("flightdeck Reader::get", |_| {
                black_box(black_box(&mut reader).get().rate);
            }),
            vec![Side::each(CACHE, |_| {
                black_box(black_box(&mut cache).load().rate);
            })],
            &[Bar::AtMostTimes(2.0, CACHE)],
        )
    });
    session.row("config read, load", || {
        let config = config();
        let swap = ArcSwap::from_pointee(Limits { rate: 7 });
        let lock = RwLock::new(Arc::new(Limits { rate: 7 }));
        Row::measure(
            Side::each("flightdeck Config::load", |_| {
                black_box(config.load().rate);
            }),
            vec![
                Side::each(LOAD, |_| {
                    black_box(swap.load().rate);
                }),
                Side::each(LOCK, |_| {
                    black_box(lock.read().expect("nothing panics with it").clone().rate);
                }),
            ],
            &[],
        )
    });
    paths::run(session);
}
