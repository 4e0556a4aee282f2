//! Reading while nobody changes anything.

use super::{Limits, config};
use crate::measure::Side;
use crate::pair::PairSide;
use crate::row::{Bar, Row};
use crate::session::Session;
use arc_swap::{ArcSwap, Cache};
use std::hint::black_box;
use std::sync::{Arc, RwLock};
use tokio::sync::watch;

const CACHE: &str = "arc_swap::Cache";
const LOAD: &str = "arc_swap::ArcSwap::load";
const LOCK: &str = "RwLock<T>, read";
const LOCKED_ARC: &str = "RwLock<Arc<T>>, read and clone";
const WATCH: &str = "tokio::sync::watch::Receiver::has_changed";
const BORROW: &str = "tokio::sync::watch::Receiver::borrow";

fn locked() -> RwLock<Limits> {
    RwLock::new(Limits { rate: 7 })
}

fn read(lock: &RwLock<Limits>) {
    black_box(black_box(lock).read().expect("nothing panics with it").rate);
}

pub(super) fn run(session: &mut Session) {
    session.row("config read, kept reader", || {
        let config = config();
        let mut reader = config.reader();
        let swap = ArcSwap::from_pointee(Limits { rate: 7 });
        let mut cache = Cache::new(&swap);
        let lock = locked();
        Row::measure(
            Side::each("flightdeck Reader::get", |_| {
                black_box(black_box(&mut reader).get().rate);
            }),
            vec![
                Side::each(CACHE, |_| {
                    black_box(black_box(&mut cache).load().rate);
                }),
                Side::each(LOAD, |_| {
                    black_box(black_box(&swap).load().rate);
                }),
                Side::each(LOCK, |_| read(&lock)),
            ],
            &[Bar::AtMostTimes(1.2, CACHE), Bar::TimesFaster(4.0, LOAD), Bar::TimesFaster(4.0, LOCK)],
        )
    });
    session.row("config read, kept reader, two threads", || {
        let config = config();
        let lock = locked();
        let ours = [config.reader(), config.reader()].map(|mut reader| {
            move |_| {
                black_box(black_box(&mut reader).get().rate);
            }
        });
        let theirs = [&lock, &lock].map(|lock| move |_| read(lock));
        Row::measure_pairs(
            PairSide::each("flightdeck Reader::get, one each", ours),
            vec![PairSide::each(LOCK, theirs)],
            &[Bar::TimesFaster(15.0, LOCK)],
        )
    });
    session.row("config read, at hand of the thread", || {
        let config = config();
        Row::measure(
            Side::each("flightdeck Config::with", |_| {
                black_box(black_box(&config).with(|limits| limits.rate));
            }),
            Vec::new(),
            &[Bar::FloorAtMost(2.0)],
        )
    });
    session.row("config read, two configs in turn, at hand of the thread", || {
        let configs = [config(), config()];
        Row::measure(
            Side::each("flightdeck Config::with", |n| {
                black_box(black_box(&configs)[n as usize % 2].with(|limits| limits.rate));
            }),
            Vec::new(),
            &[],
        )
    });
    session.row("config read, part of it", || {
        let config = config();
        let mut part = config.section(|limits: &Limits| &limits.rate).reader();
        Row::measure(
            Side::each("flightdeck SectionReader::get", |_| {
                black_box(*black_box(&mut part).get());
            }),
            Vec::new(),
            &[],
        )
    });
    session.row("config read, derived value", || {
        let config = config();
        let derived = config.derive("double", |limits| Ok::<_, String>(limits.rate * 2));
        let mut reader = derived.expect("that can be derived").reader();
        Row::measure(
            Side::each("flightdeck DerivedReader::get", |_| {
                black_box(*black_box(&mut reader).get());
            }),
            Vec::new(),
            &[],
        )
    });
    session.row("config read, counted", || {
        let config = config();
        let mut metered = config.reader().metered();
        Row::measure(
            Side::each("flightdeck Metered::get", |_| {
                black_box(black_box(&mut metered).get().rate);
            }),
            Vec::new(),
            &[],
        )
    });
    session.row("config read, load", || {
        let config = config();
        let swap = ArcSwap::from_pointee(Limits { rate: 7 });
        let lock = RwLock::new(Arc::new(Limits { rate: 7 }));
        let (_sender, receiver) = watch::channel(Limits { rate: 7 });
        Row::measure(
            Side::each("flightdeck Config::load", |_| {
                black_box(config.load().rate);
            }),
            vec![
                Side::each(LOAD, |_| {
                    black_box(swap.load().rate);
                }),
                Side::each(LOCKED_ARC, |_| {
                    black_box(lock.read().expect("nothing panics with it").clone().rate);
                }),
                Side::each(BORROW, |_| {
                    black_box(receiver.borrow().rate);
                }),
            ],
            &[],
        )
    });
    session.row("config has_changed", || {
        let config = config();
        let reader = config.reader();
        let (_sender, receiver) = watch::channel(Limits { rate: 7 });
        Row::measure(
            Side::each("flightdeck Reader::has_changed", |_| {
                black_box(black_box(&reader).has_changed());
            }),
            vec![Side::each(WATCH, |_| {
                black_box(black_box(&receiver).has_changed().unwrap_or(true));
            })],
            &[Bar::AtMostTimes(1.0, WATCH)],
        )
    });
}
