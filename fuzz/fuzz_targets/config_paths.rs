//! Any text as a path, and any JSON as a patch: a path parses and comes back equal, or has a mistake that is where it is said
//! to be; a patch does what a plain tree says, or nothing.

#![no_main]

use flightdeck::config::{Config, Path, PathSyntaxError, Paths, Validate, Violations};
use libfuzzer_sys::fuzz_target;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// A tree without types.
struct Free(Value);

impl Serialize for Free {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Free {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

impl Validate for Free {
    fn validate(&self, _: &mut Violations) {}
}

/// RFC 7396, section 2.
fn merge_patch(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = match target {
        Value::Object(target) => target,
        _ => Map::new(),
    };
    for (name, value) in patch {
        let there = target.remove(name);
        if !value.is_null() {
            target.insert(name.clone(), merge_patch(there.unwrap_or(Value::Null), value));
        }
    }
    Value::Object(target)
}

fn config() -> Config<Free> {
    let tree = json!({"a": {"b": [1, -2, 0.5], "c": {"x.y": null}}, "s": "hunter2", "l": [{"s": "hunter2", "b": 1}], "3": true});
    let paths = Paths::new().writable("a").writable("l").secret("s").secret("l.*.s").secret("a.c.s");
    Config::builder(Free(tree)).paths(paths).unwrap().build().unwrap()
}

fuzz_target!(|input: (&str, &str)| {
    let (text, patch) = input;
    match text.parse::<Path>() {
        Ok(path) => {
            let shown = path.to_string();
            if shown.len() <= Path::LONGEST_TEXT {
                assert_eq!(shown.parse::<Path>().unwrap(), path);
            }
        }
        Err(PathSyntaxError::Unexpected { at, found, .. }) => assert!(text[at..].starts_with(&*found)),
        Err(PathSyntaxError::Unclosed { at }) => assert!(text[at..].starts_with(['"', '['])),
        Err(error) => assert!(!error.to_string().contains('\n')),
    }

    let config = config();
    let before = config.snapshot();
    match config.get_path(text) {
        Ok(found) => assert!(!found.to_string().contains("hunter2")),
        Err(error) => assert!(!error.to_string().contains('\n') && !error.to_string().contains("hunter2")),
    }
    let Ok(patch) = serde_json::from_str::<Value>(patch) else { return };
    match config.patch(&patch) {
        Ok(published) => {
            assert_eq!(published.revision().get(), 2);
            let diff = before.diff(&config.snapshot()).unwrap();
            for changed in &diff {
                assert!(["a", "l"].iter().any(|writable| changed.path.starts_with(&writable.parse().unwrap())));
            }
            // A mark stands for what is there, so the plain tree says otherwise.
            if !patch.to_string().contains("(secret)") {
                assert_eq!(config.load().0, merge_patch(before.0.clone(), &patch));
            }
        }
        Err(error) => {
            assert!(!error.to_string().contains('\n'));
            assert_eq!(config.revision(), before.revision());
        }
    }
    let changed = config.snapshot();
    match config.set_path(text, patch.clone()) {
        Ok(_) => {
            let path: Path = text.parse().unwrap();
            for changed in &changed.diff(&config.snapshot()).unwrap() {
                assert!(changed.path.starts_with(&path) || changed.secret);
            }
        }
        Err(_) => assert_eq!(config.revision(), changed.revision()),
    }
});
