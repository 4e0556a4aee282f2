//! Any texts as config files, and any variables of the environment: they are taken or refused, always the same, in one line; what is
//! taken says why, is JSON where that was given, and takes an override back to what it was.

#![no_main]

use arbitrary::Arbitrary;
use flightdeck::config::{Origin, Problem, SourceFile, Sources, Validate, Violations};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    files: Vec<(Format, &'a [u8])>,
    variables: Vec<(&'a str, &'a str)>,
    path: &'a str,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Format {
    Toml,
    Json,
    Yaml,
}

/// Takes whatever it is given.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Any(Value);

impl Validate for Any {
    fn validate(&self, _: &mut Violations) {}
}

fn position(problem: &Problem) -> Option<u32> {
    let (Problem::Syntax { origin, .. } | Problem::Unsupported { origin, .. } | Problem::Duplicate { origin, .. }) = problem
    else {
        return None;
    };
    let Origin::File { position: Some(position), .. } = origin else { return None };
    Some(position.line)
}

fuzz_target!(|input: Input<'_>| {
    let mut sources = Sources::new("APP").longest_file(1 << 16).secret("secret");
    for (format, text) in &input.files {
        let name = match format {
            Format::Toml => "a.toml",
            Format::Json => "a.json",
            Format::Yaml => "a.yaml",
        };
        sources = sources.file(SourceFile::text(name, text));
    }
    let names = input.variables.iter().map(|(name, value)| (format!("APP__{name}"), *value));
    let sources = sources.environment_of(names);
    let defaults = Any(json!({"text": "x", "flag": true, "number": 1.5, "list": [1], "section": {"none": null}}));
    let built = sources.clone().build_from(&defaults);
    match (built, sources.build_from(&defaults)) {
        (Err(one), Err(other)) => {
            assert_eq!(one, other);
            assert!(!one.problems().is_empty() && !one.to_string().contains('\n'));
            // YAML ends lines at carriage returns, too, and at U+0085, U+2028 and U+2029, which end in these bytes.
            let ends_line = |byte: &u8| matches!(*byte, b'\n' | b'\r' | 0x85 | 0xa8 | 0xa9);
            let longest = input.files.iter().map(|(_, text)| text.split(ends_line).count()).max();
            // A line after the last one is where a text ends too early.
            let is_there = |line| line as usize <= longest.unwrap_or(0) + 1;
            assert!(one.problems().iter().filter_map(position).all(is_there), "{one}");
        }
        (Ok(one), Ok(other)) => {
            let taken = one.config().load().0.clone();
            assert_eq!(taken, other.config().load().0);
            if let ([(Format::Json, text)], []) = (&input.files[..], &input.variables[..]) {
                let said: Value = serde_json::from_slice(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)).unwrap();
                let all = said.as_object().unwrap().iter().filter(|(_, value)| !value.is_object());
                all.for_each(|(name, value)| assert_eq!(taken[name], *value));
            }
            for why in one.why("").unwrap() {
                assert!(!why.to_string().contains('\n'));
            }
            if one.override_path(input.path, 5).is_ok() {
                one.reset_all().unwrap();
            }
            assert_eq!(one.config().load().0, taken);
            assert!(one.reload().unwrap().changed.is_empty());
        }
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => panic!("only once: {error}"),
    }
});
