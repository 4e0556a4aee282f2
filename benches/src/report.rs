//! The table for people, the JSON for programs.

use crate::row::{Holds, Measured, Row};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The rows as a table: floor, median and the middle ratio of ours to each other side.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut group = "";
    for row in rows {
        if row.group != group {
            group = row.group;
            let _ =
                writeln!(text, "\n{group:<62} {:>10} {:>10} {:>12}", "floor ns", "median ns", "ours/theirs");
        }
        let holds = match row.holds() {
            Holds::Yes => "holds",
            Holds::No => "DOES NOT HOLD",
            Holds::Unfit => "unfit",
        };
        let gain = row.gain.map_or_else(String::new, |gain| format!(" (two plain loops: {gain:.2}x)"));
        let gain = row.unfit.as_ref().map_or(gain, |reason| format!(" ({reason})"));
        let unit = if row.unit == "ns" { String::new() } else { format!(", figures in {}", row.unit) };
        let _ = writeln!(text, "  {}{unit}\n    bar: {}: {holds}{gain}", row.name, row.bar());
        line(&mut text, &row.ours, String::new());
        for side in &row.against {
            line(&mut text, side, format!("{:.2}", row.ours.samples.ratio_to(&side.samples)));
        }
    }
    text
}

fn line(text: &mut String, side: &Measured, ratio: String) {
    let (floor, median) = (side.samples.floor(), side.samples.median());
    let _ = writeln!(text, "    {:<58} {floor:>10.2} {median:>10.2} {ratio:>12}", side.name);
}

/// The rows as a JSON array.
#[must_use]
pub fn json(rows: &[Row]) -> Value {
    let object = |row: &Row| {
        let figures = |side: &Measured| {
            let (floor, median) = (format!("floor_{}", row.unit), format!("median_{}", row.unit));
            json!({ floor: side.samples.floor(), median: side.samples.median() })
        };
        let against: Map<String, Value> =
            row.against.iter().map(|side| (side.name.clone(), figures(side))).collect();
        let holds = match row.holds() {
            Holds::Yes => json!(true),
            Holds::No => json!(false),
            Holds::Unfit => json!("unfit"),
        };
        json!({
            "group": row.group,
            "row": row.name,
            "ours": figures(&row.ours),
            "against": against,
            "bar": row.bar(),
            "holds": holds,
        })
    };
    Value::Array(rows.iter().map(object).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Samples;
    use crate::row::Bar;

    #[test]
    fn a_row_reads_the_same_in_both() {
        let side = |name: &str, ns: f64| Measured {
            name: name.to_owned(),
            samples: Samples(vec![ns, ns + 1.0, ns + 2.0]),
        };
        let row = Row {
            group: "telemetry",
            name: "counter".to_owned(),
            ours: side("ours", 1.0),
            against: vec![side("peer", 4.0)],
            bars: vec![Bar::FasterThan("peer")],
            gain: Some(1.2),
            unit: "ns",
            unfit: None,
        };
        assert_eq!(
            json(std::slice::from_ref(&row)),
            json!([{
                "group": "telemetry",
                "row": "counter",
                "ours": { "floor_ns": 1.0, "median_ns": 2.0 },
                "against": { "peer": { "floor_ns": 4.0, "median_ns": 5.0 } },
                "bar": "faster than peer",
                "holds": "unfit",
            }])
        );
        let text = table(&[row]);
        assert!(text.contains("unfit (two plain loops: 1.20x)") && text.contains("0.40"), "{text}");
    }
}
