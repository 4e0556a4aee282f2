//! What stands in which file. Each answers `Err` with the field that it could not find.

type Parsed<T> = Result<T, &'static str>;

/// The only number of a file.
pub(super) fn number(text: &str) -> Parsed<u64> {
    text.trim().parse().map_err(|_| "value")
}

/// `memory.max`, `memory.high`: a number, or none.
pub(super) fn number_or_max(text: &str) -> Parsed<Option<u64>> {
    if text.trim() == "max" { Ok(None) } else { number(text).map(Some) }
}

/// A line `field value` of `memory.stat`.
pub(super) fn stat_field(text: &str, field: &'static str) -> Parsed<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(name, _)| *name == field).and_then(|(_, value)| value.trim().parse().ok()).ok_or(field)
}

/// `MemTotal` and `MemAvailable` of `meminfo`, in bytes.
pub(super) fn system(text: &str) -> Parsed<(u64, u64)> {
    let field = |name: &'static str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(found, _)| *found == name).ok_or(name)?;
        let kib = value.trim().strip_suffix("kB").and_then(|kib| kib.trim_end().parse::<u64>().ok());
        kib.and_then(|kib| kib.checked_mul(1024)).ok_or(name)
    };
    Ok((field("MemTotal")?, field("MemAvailable")?))
}

/// `some avg10` of a pressure file, as a share of time.
pub(super) fn stalled(text: &str) -> Parsed<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "));
    let percent = line.and_then(|line| {
        line.split_ascii_whitespace().find_map(|field| field.strip_prefix("avg10=")).map(str::parse::<f64>)
    });
    match percent {
        Some(Ok(percent)) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("some avg10"),
    }
}

/// `cpu.max`: processors that may be used, or no limit.
pub(super) fn quota(text: &str) -> Parsed<Option<f64>> {
    let (quota, period) = text.trim().split_once(' ').ok_or("cpu.max")?;
    match (quota, quota.parse::<u64>(), period.parse::<u64>()) {
        ("max", _, Ok(_)) => Ok(None),
        (_, Ok(quota), Ok(period)) if quota > 0 && period > 0 => Ok(Some(quota as f64 / period as f64)),
        _ => Err("cpu.max"),
    }
}

/// `cpu.cfs_quota_us`: below zero is no limit.
pub(super) fn signed(text: &str) -> Parsed<i64> {
    text.trim().parse().map_err(|_| "value")
}

/// How many processors `Cpus_allowed_list` of `self/status` has.
pub(super) fn processors(text: &str) -> Parsed<u64> {
    const FIELD: &str = "Cpus_allowed_list";
    let list = text.lines().find_map(|line| line.strip_prefix(FIELD)?.strip_prefix(':')).ok_or(FIELD)?;
    let count = list.trim().split(',').try_fold(0_u64, |sum, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    });
    count.filter(|count| *count > 0).ok_or(FIELD)
}
