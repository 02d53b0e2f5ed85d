//! Time spans as systemd writes them: `1h 30min`, `90`, `2 days`.

use std::time::Duration;

/// The units of systemd.time(7) in seconds; a month and a year are averages.
const UNITS: [(&[&str], f64); 9] = [
    (&["usec", "us", "μs", "µs"], 1e-6),
    (&["msec", "ms"], 1e-3),
    (&["seconds", "second", "sec", "s", ""], 1.0),
    (&["minutes", "minute", "min", "m"], 60.0),
    (&["hours", "hour", "hr", "h"], 3600.0),
    (&["days", "day", "d"], 86_400.0),
    (&["weeks", "week", "w"], 604_800.0),
    (&["months", "month", "M"], 2_629_800.0),
    (&["years", "year", "y"], 31_557_600.0),
];

/// Reads a time span; none if it is not one. A number without a unit is seconds.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, after) = rest.split_at(number.unwrap_or(rest.len()));
        let after = after.trim_start();
        let unit = after.find(|c: char| !c.is_alphabetic());
        let (unit, after) = after.split_at(unit.unwrap_or(after.len()));
        let (_, factor) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        seconds += number.parse::<f64>().ok()? * factor;
        rest = after.trim_start();
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_reads_them() {
        for (text, seconds) in [
            ("1h", 3600.0),
            ("90", 90.0),
            ("1h 30min", 5400.0),
            ("2d12h", 216_000.0),
            ("1.5 hours", 5400.0),
            ("500ms", 0.5),
            ("1w", 604_800.0),
            ("2 days 5", 172_805.0),
            ("0", 0.0),
        ] {
            let span = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!((span.as_secs_f64() - seconds).abs() < 1e-9, "{text}");
        }
        for text in [
            "", "soon", "h", "1 parsec", "-5min", "infinity", "1h,2min", "1..5s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
