//! Times as the SQLite drivers of Go write them.

use jiff::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads `2024-05-01 10:00:00.123456789+02:00` and its relatives: `T` instead of the blank, `Z`, no offset (UTC),
/// a blank before the offset, Go's `+0200 CEST m=+0.01` behind it, and whole seconds since 1970.
///
/// `None` for anything else, and for Go's zero time (year 1), which means that nobody set it.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(UNIX_EPOCH + Duration::from_secs(seconds.into()));
    }
    let mut words = text.split([' ', 'T']);
    let (date, clock) = (words.next()?, words.next()?);
    let offset = match words.next() {
        _ if clock.ends_with('Z') => "",
        Some(word) if word.starts_with(['+', '-']) => word,
        // Go's Format puts it right behind the seconds.
        _ if clock.contains(['+', '-']) => "",
        _ => "Z",
    };
    let time: Timestamp = format!("{date}T{clock}{offset}").parse().ok()?;
    if time.as_second() < -62_000_000_000 {
        return None;
    }
    SystemTime::try_from(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, nanoseconds: u32) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::new(seconds, nanoseconds))
    }

    #[test]
    fn each_form_of_each_driver_is_read() {
        for (text, time) in [
            ("2024-05-01 10:00:00.123456789+02:00", at(1_714_550_400, 123_456_789)),
            ("2024-05-01 08:00:00.5+00:00", at(1_714_550_400, 500_000_000)),
            ("2024-05-01 08:00:00", at(1_714_550_400, 0)),
            ("2024-05-01T08:00:00Z", at(1_714_550_400, 0)),
            ("2024-05-01T10:00:00.25+02:00", at(1_714_550_400, 250_000_000)),
            ("2024-05-01 10:00:00.5 +0200 CEST", at(1_714_550_400, 500_000_000)),
            (
                "2024-05-01 08:00:00.5 +0000 UTC m=+0.012",
                at(1_714_550_400, 500_000_000),
            ),
            ("1714550400", at(1_714_550_400, 0)),
        ] {
            assert_eq!(parse(text), time, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_none() {
        for text in [
            "",
            "yesterday",
            "2024-13-01 00:00:00",
            "0001-01-01 00:00:00+00:00",
            "2024-05-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
