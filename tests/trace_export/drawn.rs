//! What a viewer makes of a trace: a reader of each format that believes nothing, and of both the same picture.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A slice as it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    pub name: String,
    pub track: String,
    pub start: u64,
    /// `None`: unfinished.
    pub end: Option<u64>,
    pub args: BTreeMap<String, Value>,
    pub flows: BTreeSet<u64>,
}

/// All that is drawn.
#[derive(Debug, Default)]
pub struct Drawn {
    pub slices: Vec<Slice>,
    pub instants: Vec<Slice>,
    /// Of each counter its times and values.
    pub counters: BTreeMap<String, Vec<(u64, f64)>>,
    pub process: String,
}

impl Drawn {
    pub fn slice(&self, name: &str) -> &Slice {
        let mut found = self.slices.iter().filter(|slice| slice.name == name);
        let first = found.next().unwrap_or_else(|| panic!("no slice {name} in {self:#?}"));
        assert!(found.next().is_none(), "several slices {name} in {self:#?}");
        first
    }

    pub fn instant(&self, name: &str) -> &Slice {
        let named = self.instants.iter().find(|instant| instant.name == name);
        named.unwrap_or_else(|| panic!("no instant {name} in {self:#?}"))
    }
}

/// One thing that happens on a track.
#[derive(Debug)]
struct Moment {
    at: u64,
    track: String,
    what: What,
    slice: Slice,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Begin,
    End,
    Instant,
}

/// As viewers do: in the order of time and, of one time, of the file, each end ends the innermost slice of its track.
fn draw(mut moments: Vec<Moment>, drawn: &mut Drawn) {
    moments.sort_by_key(|moment| moment.at);
    let mut open: HashMap<String, Vec<Slice>> = HashMap::new();
    for Moment { at, track, what, slice } in moments {
        let stack = open.entry(track).or_default();
        match what {
            What::Begin => stack.push(slice),
            What::Instant => drawn.instants.push(slice),
            What::End => {
                let mut ended = stack.pop().unwrap_or_else(|| panic!("an end at {at} without a beginning"));
                ended.end = Some(at);
                ended.args.extend(slice.args);
                drawn.slices.push(ended);
            }
        }
    }
    drawn.slices.extend(open.into_values().flatten());
    drawn.slices.sort_by(|a, b| (a.start, &a.name).cmp(&(b.start, &b.name)));
}

/// A message, field by field.
struct Fields<'a>(&'a [u8]);

#[derive(Clone, Copy, Debug)]
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl Wire<'_> {
    fn number(self) -> u64 {
        if let Wire::Number(number) = self { number } else { panic!("bytes for a number") }
    }
}

impl<'a> Wire<'a> {
    fn bytes(self) -> &'a [u8] {
        if let Wire::Bytes(bytes) = self { bytes } else { panic!("a number for bytes") }
    }

    fn text(self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }

    fn fields(self) -> Fields<'a> {
        Fields(self.bytes())
    }
}

impl Fields<'_> {
    fn varint(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.0.split_first().expect("a varint without an end");
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Wire<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let tag = self.varint();
        let value = match tag & 7 {
            0 => Wire::Number(self.varint()),
            1 => {
                let (word, rest) = self.0.split_first_chunk::<8>().expect("eight bytes");
                self.0 = rest;
                Wire::Number(u64::from_le_bytes(*word))
            }
            2 => {
                let length = self.varint() as usize;
                let (bytes, rest) = self.0.split_at(length);
                self.0 = rest;
                Wire::Bytes(bytes)
            }
            other => panic!("wire type {other}"),
        };
        Some((tag >> 3, value))
    }
}

#[derive(Default)]
struct Interned {
    categories: HashMap<u64, String>,
    names: HashMap<u64, String>,
    annotations: HashMap<u64, String>,
}

impl Interned {
    fn learn(&mut self, data: Fields<'_>) {
        for (field, entry) in data {
            let (mut iid, mut text) = (0, String::new());
            for (part, value) in entry.fields() {
                match part {
                    1 => iid = value.number(),
                    2 => text = value.text(),
                    other => panic!("field {other} of an interned name"),
                }
            }
            let known = match field {
                1 => &mut self.categories,
                2 => &mut self.names,
                3 => &mut self.annotations,
                other => panic!("field {other} of interned data"),
            };
            assert!(iid != 0 && known.insert(iid, text).is_none(), "a number twice");
        }
    }

    fn annotation(&self, annotation: Fields<'_>) -> (String, Value) {
        let (mut name, mut value) = (String::new(), Value::Null);
        for (field, wire) in annotation {
            match field {
                1 => name.clone_from(&self.annotations[&wire.number()]),
                10 => name = wire.text(),
                2 => value = (wire.number() == 1).into(),
                3 => value = wire.number().into(),
                4 => value = (wire.number() as i64).into(),
                5 => value = f64::from_bits(wire.number()).into(),
                6 => value = wire.text().into(),
                7 => value = format!("{:016x}", wire.number()).into(),
                11 => {
                    let (entry, inner) = self.annotation(wire.fields());
                    if value.is_null() {
                        value = serde_json::json!({});
                    }
                    value[entry] = inner;
                }
                12 => {
                    let (_, inner) = self.annotation(wire.fields());
                    if value.is_null() {
                        value = serde_json::json!([]);
                    }
                    value.as_array_mut().unwrap().push(inner);
                }
                other => panic!("field {other} of an annotation"),
            }
        }
        (name, value)
    }
}

/// Reads Perfetto's protobuf, of one sequence.
pub fn perfetto(bytes: &[u8]) -> Drawn {
    let (mut drawn, mut moments, mut interned) = (Drawn::default(), Vec::new(), Interned::default());
    let mut tracks: HashMap<u64, String> = HashMap::new();
    let mut sequences = BTreeSet::new();
    for (field, packet) in Fields(bytes) {
        assert_eq!(field, 1, "a trace is packets");
        let (mut at, mut event, mut flags) = (0, None, 0);
        for (field, value) in packet.fields() {
            match field {
                6 => assert_eq!(value.fields().count(), 2, "two clocks"),
                8 => at = value.number(),
                10 => assert!(sequences.insert(value.number()) || sequences.len() == 1),
                11 => event = Some(value.fields()),
                12 => interned.learn(value.fields()),
                13 => flags = value.number(),
                60 => {
                    let (uuid, name) = descriptor(value.fields(), &mut drawn, &tracks);
                    assert!(tracks.insert(uuid, name).is_none(), "a track twice");
                }
                87 => assert!(sequences.is_empty() || moments.is_empty()),
                other => panic!("field {other} of a packet"),
            }
        }
        let Some(event) = event else { continue };
        assert_eq!(flags, 2, "not to be read without what was interned");
        add(event, at, &interned, &tracks, &mut drawn, &mut moments);
    }
    draw(moments, &mut drawn);
    drawn
}

fn descriptor(track: Fields<'_>, drawn: &mut Drawn, tracks: &HashMap<u64, String>) -> (u64, String) {
    let (mut uuid, mut name) = (0, String::new());
    for (field, value) in track {
        match field {
            1 => uuid = value.number(),
            2 => name = value.text(),
            3 => {
                drawn.process = value.fields().find(|(part, _)| *part == 6).unwrap().1.text();
                name = "process".into();
            }
            4 => name = value.fields().find(|(part, _)| *part == 5).unwrap().1.text(),
            5 => assert!(tracks.contains_key(&value.number()), "a parent that is not there"),
            8 => {}
            other => panic!("field {other} of a track"),
        }
    }
    (uuid, name)
}

fn add(
    event: Fields<'_>,
    at: u64,
    interned: &Interned,
    tracks: &HashMap<u64, String>,
    drawn: &mut Drawn,
    moments: &mut Vec<Moment>,
) {
    let (mut kind, mut track, mut sample) = (0, 0, None);
    let (mut name, mut args, mut flows) = (String::new(), BTreeMap::new(), BTreeSet::new());
    for (field, value) in event {
        match field {
            3 => {
                args.insert("category".into(), interned.categories[&value.number()].clone().into());
            }
            4 => {
                let (name, value) = interned.annotation(value.fields());
                assert!(args.insert(name, value).is_none(), "an annotation twice");
            }
            9 => kind = value.number(),
            10 => name.clone_from(&interned.names[&value.number()]),
            11 => track = value.number(),
            23 => name = value.text(),
            44 => sample = Some(f64::from_bits(value.number())),
            47 => assert!(flows.insert(value.number())),
            52 => assert!(flows.contains(&value.number())),
            other => panic!("field {other} of an event"),
        }
    }
    let shown = &tracks[&track];
    if kind == 4 {
        drawn.counters.entry(shown.clone()).or_default().push((at, sample.unwrap()));
        return;
    }
    let what = [What::Begin, What::End, What::Instant][kind as usize - 1];
    let end = (what == What::Instant).then_some(at);
    let slice = Slice { name, track: shown.clone(), start: at, end, args, flows };
    moments.push(Moment { at, track: track.to_string(), what, slice });
}

/// Reads Chrome's format.
pub fn chrome(bytes: &[u8]) -> Drawn {
    let trace: Value = serde_json::from_slice(bytes).unwrap();
    let origin: u64 = trace["otherData"]["origin_unix_ns"].as_str().unwrap().parse().unwrap();
    let (mut drawn, mut moments) = (Drawn::default(), Vec::new());
    let (mut threads, mut arrows) = (HashMap::new(), Vec::new());
    for event in trace["traceEvents"].as_array().unwrap() {
        let text = |name: &str| event[name].as_str().map(str::to_owned);
        let thread = event["tid"].as_u64().unwrap();
        let at = origin + (event["ts"].as_f64().unwrap_or(0.0) * 1_000.0).round() as u64;
        let phase = text("ph").unwrap();
        let what = match &*phase {
            "M" => {
                let name = event["args"]["name"].as_str().unwrap().to_owned();
                match &*text("name").unwrap() {
                    "process_name" => drawn.process = name,
                    _ => assert!(threads.insert(thread, name).is_none(), "a thread twice"),
                }
                continue;
            }
            "C" => {
                let value = event["args"]["value"].as_f64().unwrap();
                drawn.counters.entry(text("name").unwrap()).or_default().push((at, value));
                continue;
            }
            "s" | "t" | "f" => {
                arrows.push((event["id"].as_u64().unwrap(), at, phase.clone(), thread));
                continue;
            }
            "B" | "b" => What::Begin,
            "E" | "e" => What::End,
            "i" => What::Instant,
            other => panic!("phase {other}"),
        };
        let mut args: BTreeMap<String, Value> = event["args"]
            .as_object()
            .map(|args| args.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
            .unwrap_or_default();
        if let Some(category) = text("cat").filter(|_| what != What::End) {
            args.insert("category".into(), category.into());
        }
        let track = text("id").map_or_else(|| format!("thread {thread}"), |id| format!("beside {id}"));
        let shown = if text("id").is_some() {
            "beside".into()
        } else {
            threads.get(&thread).cloned().unwrap_or_default()
        };
        let end = (what == What::Instant).then_some(at);
        let name = text("name").unwrap_or_default();
        let slice = Slice { name, track: shown, start: at, end, args, flows: BTreeSet::new() };
        moments.push(Moment { at, track, what, slice });
    }
    draw(moments, &mut drawn);
    // Each arrow starts first, ends last, and meets slices of its thread.
    arrows.sort();
    for flow in arrows.chunk_by(|a, b| a.0 == b.0) {
        let phases: String = flow.iter().map(|(.., phase, _)| phase.as_str()).collect();
        let (first, last) = (phases.find('s'), phases.find('f'));
        assert!(phases.matches('s').count() == 1 && phases.matches('f').count() == 1, "{phases}");
        // Of points of one time the order is open.
        assert!(flow[first.unwrap()].1 == flow[0].1 && flow[last.unwrap()].1 == flow[flow.len() - 1].1);
        for (number, at, _, thread) in flow {
            let of_thread = |slice: &&mut Slice| Some(&slice.track) == threads.get(thread);
            let mut begin_there =
                drawn.slices.iter_mut().filter(of_thread).filter(|slice| slice.start == *at);
            begin_there.next().expect("an arrow to nothing").flows.insert(*number);
        }
    }
    drawn
}
