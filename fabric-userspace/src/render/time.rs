//! Times of the API, which are RFC 3339 in UTC.

use super::numbers;

/// Seconds since 1970 of a time like `2026-11-22T11:03:07.412Z`, or `None` if it is not one.
pub fn parse_utc(text: &str) -> Option<f64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers_of(date, '-')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers_of(clock, ':')?;
    // 60 is a leap second (RFC 3339 §5.6).
    let legal = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..=23).contains(&hour)
        && (0..=59).contains(&minute)
        && (0..=60).contains(&second)
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !legal {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    // 2^53 seconds are 285 million years.
    Some(seconds as f64 + format!("0.{fraction}").parse::<f64>().ok()?)
}

fn numbers_of(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| {
        let digits = !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<i64>().ok()).flatten()
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

// Years begin in March, so that the leap day is the last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// Seconds since 1970 now.
pub fn now() -> f64 {
    crate::wall::seconds()
}

/// How long before `now` a time of the API was, as `2h11m`; `-` if it is no time.
pub fn age_of(text: &str, now: f64) -> String {
    parse_utc(text).map_or_else(
        || numbers::UNKNOWN.to_owned(),
        // Clocks of two machines, or a clock that was set, must not give a negative age.
        |then| numbers::age((now - then).max(0.0)),
    )
}

/// The time of day of a time of the API, as `11:02:14Z`.
pub fn clock_of(text: &str) -> String {
    let time = text.split_once('T').map_or(text, |(_, time)| time);
    let seconds = time.split(['.', 'Z']).next().unwrap_or(time);
    format!("{seconds}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_exactly() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("2000-02-29T00:00:00Z", 951_782_400.0),
            ("2026-11-22T11:03:07.500Z", 1_795_345_387.5),
            ("2100-03-01T00:00:00.000Z", 4_107_542_400.0),
        ] {
            assert_eq!(parse_utc(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_has_no_age() {
        for bad in [
            "",
            "yesterday",
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01T+1:00:00Z",
            "2026-01-01T00:00:00.xZ",
        ] {
            assert_eq!(parse_utc(bad), None, "{bad}");
            assert_eq!(age_of(bad, 0.0), "-");
        }
        assert_eq!(age_of("1970-01-01T00:00:00Z", 7_860.0), "2h11m");
        assert_eq!(age_of("1970-01-01T01:00:00Z", 0.0), "0s");
        assert_eq!(clock_of("2026-11-22T11:02:14.123Z"), "11:02:14Z");
    }
}
