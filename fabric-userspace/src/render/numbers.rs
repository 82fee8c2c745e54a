//! Numbers as people read them. Counters are exact and without separators; rates have three digits and a unit.

use std::time::Duration;

/// What stands where nothing is known.
pub const UNKNOWN: &str = "-";

const PREFIXES: [&str; 5] = ["", "k", "M", "G", "T"];

/// Three digits with a decimal prefix: `44 pps`, `19.4 kpps`, `1.94 Mpps`. Less than one is not nothing: `<1 pps`.
pub fn decimal(value: f64, unit: &str) -> String {
    if !value.is_finite() || value < 0.0 {
        return UNKNOWN.to_owned();
    }
    if value < 999.5 {
        let less = value > 0.0 && value < 0.5;
        return if less {
            format!("<1 {unit}")
        } else {
            format!("{value:.0} {unit}")
        };
    }
    let (mut value, mut prefix) = (value, 0);
    while value >= 999.5 && prefix + 1 < PREFIXES.len() {
        value /= 1000.0;
        prefix += 1;
    }
    format!("{} {}{unit}", three_digits(value), PREFIXES[prefix])
}

// 9.995 is already 10.0 when it is rounded to three digits.
fn three_digits(value: f64) -> String {
    let digits = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// Frames a second, or `-` if it is not known.
pub fn frame_rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| UNKNOWN.to_owned(), |rate| decimal(rate, "pps"))
}

/// Bits a second from bytes a second, or `-` if it is not known.
pub fn bit_rate(bytes: Option<f64>) -> String {
    bytes.map_or_else(|| UNKNOWN.to_owned(), |bytes| decimal(bytes * 8.0, "bit/s"))
}

/// Bytes with a binary prefix: `0 B`, `312 MiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} B");
    }
    format!("{} {}", three_digits(value), UNITS[unit])
}

/// Events a second between two readings of a counter; unknown if it went backwards or no time passed.
pub fn rate(before: u64, after: u64, elapsed: Duration) -> Option<f64> {
    let seconds = elapsed.as_secs_f64();
    // A counter of 2^53 frames is out of reach: 14 years at 20 Mpps.
    let events = after.checked_sub(before)? as f64;
    (seconds > 0.0).then(|| events / seconds)
}

/// A span of time in its two greatest units: `12s`, `3m12s`, `2h11m`, `3d4h`.
pub fn age(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return UNKNOWN.to_owned();
    }
    let seconds = Duration::try_from_secs_f64(seconds)
        .unwrap_or(Duration::MAX)
        .as_secs();
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let first = units
        .iter()
        .position(|(length, _)| seconds >= *length)
        .unwrap_or(units.len() - 1);
    let mut rest = seconds;
    let mut text = String::new();
    for (length, letter) in units.iter().skip(first).take(2) {
        if rest >= *length || text.is_empty() {
            text.push_str(&format!("{}{letter}", rest / length));
        }
        rest %= length;
    }
    text
}

/// How long something took: milliseconds below ten seconds.
pub fn latency(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() || s < 0.0 => UNKNOWN.to_owned(),
        s if s < 0.1 => format!("{:.1} ms", s * 1000.0),
        s if s < 10.0 => format!("{:.0} ms", s * 1000.0),
        s => format!("{s:.1} s"),
    }
}

/// A number with its noun: `1 port`, `2 ports`.
pub fn count(number: usize, singular: &str, plural: &str) -> String {
    format!("{number} {}", if number == 1 { singular } else { plural })
}

/// A number, or `-` if it is absent.
pub fn or_unknown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_three_digits_and_a_unit() {
        let shown = |rate: f64| frame_rate(Some(rate));
        for (rate, text) in [
            (0.0, "0 pps"),
            (0.1, "<1 pps"),
            (44.0, "44 pps"),
            (999.4, "999 pps"),
            (999.6, "1.00 kpps"),
            (19_440.0, "19.4 kpps"),
            (398_000.0, "398 kpps"),
            (999_600.0, "1.00 Mpps"),
            (1_944_000.0, "1.94 Mpps"),
            (9_996_000.0, "10.0 Mpps"),
        ] {
            assert_eq!(shown(rate), text, "{rate}");
        }
        assert_eq!(bit_rate(Some(356_250_000.0)), "2.85 Gbit/s");
        assert_eq!((frame_rate(None), bit_rate(None)), ("-".into(), "-".into()));
    }

    #[test]
    fn a_counter_that_went_backwards_gives_no_rate() {
        let quarter = Duration::from_millis(250);
        assert_eq!(rate(10, 20, quarter), Some(40.0));
        assert_eq!(rate(20, 10, quarter), None);
        assert_eq!(rate(10, 20, Duration::ZERO), None);
    }

    #[test]
    fn ages_have_the_two_greatest_units() {
        for (seconds, text) in [
            (0.4, "0s"),
            (12.9, "12s"),
            (60.0, "1m"),
            (192.0, "3m12s"),
            (7_860.0, "2h11m"),
            (86_400.0, "1d"),
            (273_600.0, "3d4h"),
            (86_459.0, "1d"),
        ] {
            assert_eq!(age(seconds), text, "{seconds}");
        }
        assert_eq!((age(-1.0).as_str(), age(f64::NAN).as_str()), ("-", "-"));
    }

    #[test]
    fn latencies_are_in_milliseconds_below_ten_seconds() {
        assert_eq!(latency(0.001_84), "1.8 ms");
        assert_eq!(latency(0.125), "125 ms");
        assert_eq!(latency(9.9), "9900 ms");
        assert_eq!(latency(12.34), "12.3 s");
    }
}
