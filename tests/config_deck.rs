//! Several configs of a deck, by name.

use flightdeck::config::{Config, Validate, Violations};
use flightdeck::{ConfigNameError, Flightdeck, StartError};
use std::sync::mpsc::channel;
use std::time::Duration;

#[derive(Clone, Debug)]
struct Rate(u64);

impl Validate for Rate {
    fn validate(&self, report: &mut Violations) {
        report.positive("rate", &self.0);
    }
}

fn rates(name: &str) -> Config<Rate> {
    Config::builder(Rate(1)).named(name).build().unwrap()
}

#[test]
fn each_named_config_has_its_own_revisions_and_is_ticked_and_written_down() {
    let deck =
        Flightdeck::builder().config(Rate(7)).add_config(rates("slow")).add_config(rates("fast")).start();
    let deck = deck.unwrap();
    assert_eq!(deck.config_names(), ["fast", "slow"]);
    let (fast, slow) =
        (deck.config_named::<Rate>("fast").unwrap(), deck.config_named::<Rate>("slow").unwrap());
    let (sender, told) = channel();
    let _queued = fast.subscribe_queued(move |change| sender.send(change.new.0).unwrap());
    (2..5).for_each(|rate| drop(fast.by("ops").replace(Rate(rate)).unwrap()));
    slow.replace(Rate(0)).unwrap_err();
    // The deck's own tick tells it.
    assert!(told.recv_timeout(Duration::from_secs(20)).unwrap() >= 2);
    let revisions = [&fast, &slow, deck.config()].map(|config| config.revision().get());
    assert_eq!(revisions, [4, 1, 1]);
    let count = |kind: &str| deck.events().query().kind_named(kind).count();
    assert_eq!(count("flightdeck.config.published"), 3);
    assert_eq!(count("flightdeck.config.rejected"), 1);
}

#[test]
fn a_wrong_name_or_type_is_a_typed_error() {
    let deck = Flightdeck::builder().add_config(rates("rates")).start().unwrap();
    let unknown = deck.config_named::<Rate>("rate").unwrap_err();
    assert_eq!(unknown, ConfigNameError::Unknown { name: "rate".into(), known: vec!["rates".into()] });
    assert!(matches!(deck.config_named::<u8>("rates"), Err(ConfigNameError::OtherType { .. })));
    let twice = Flightdeck::builder().add_config(rates("rates")).add_config(rates("rates")).start();
    assert!(matches!(twice, Err(StartError::ConfigName(ConfigNameError::Taken { name })) if name == "rates"));
}
