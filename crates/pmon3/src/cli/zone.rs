//! The time zone of whoever looks, as tzset(3) finds it.
//!
//! Not by jiff's own search: that lists the whole zone database, some fifty system calls, to find one zone by its name.

use jiff::tz::TimeZone;
use std::fs;
use std::path::Path;

const DATABASE: &str = "/usr/share/zoneinfo";

/// The zone that `TZ` names, or, without it, that of the system. UTC where there is none to be found.
pub(super) fn local(tz: Option<&str>) -> TimeZone {
    let zone = match tz {
        None => from_file(Path::new("/etc/localtime")),
        Some(tz) => {
            let name = tz.strip_prefix(':').unwrap_or(tz);
            // An absolute path stands for itself.
            from_file(&Path::new(DATABASE).join(name)).or_else(|| TimeZone::posix(name).ok())
        }
    };
    zone.unwrap_or(TimeZone::UTC)
}

fn from_file(path: &Path) -> Option<TimeZone> {
    TimeZone::tzif("", &fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn noon(tz: &str) -> String {
        let noon: Timestamp = "2024-07-01T12:00:00Z".parse().unwrap();
        noon.to_zoned_datetime(local(Some(tz))).strftime("%H:%M").to_string()
    }

    #[test]
    fn a_zone_is_a_rule_or_nothing_at_all() {
        assert_eq!(noon("CET-1CEST,M3.5.0,M10.5.0/3"), "14:00");
        assert_eq!(noon("<+0530>-5:30"), "17:30");
        assert_eq!(noon(""), "12:00");
        assert_eq!(noon("no such zone"), "12:00");
    }

    #[test]
    fn a_zone_is_a_name_in_the_database_or_a_path() {
        if Path::new(DATABASE).join("Asia/Tokyo").exists() {
            assert_eq!(noon("Asia/Tokyo"), "21:00");
            assert_eq!(noon(":Asia/Tokyo"), "21:00");
            assert_eq!(noon("/usr/share/zoneinfo/Asia/Tokyo"), "21:00");
        }
    }
}
