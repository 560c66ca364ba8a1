//! Moments as people read them: the day, with the exact time on it as title.
//!
//! "3 hours ago" would change with every minute, and no cache could keep the page; so the script
//! `times.js` says it in the browser, from the `datetime` attribute that stands here.

use maud::{Markup, html};
use time::{Month, OffsetDateTime};

/// The short names of the months.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn moment(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn short(month: Month) -> &'static str {
    MONTHS[month as usize - 1]
}

/// The day, as in `25 Nov 2026`, in UTC; `ms` counts from 1970.
pub fn day(ms: i64) -> String {
    let at = moment(ms);
    format!("{} {} {}", at.day(), short(at.month()), at.year())
}

/// Day and minute, as in `25 Nov 2026, 02:18 UTC`.
pub fn exact(ms: i64) -> String {
    let at = moment(ms);
    format!("{}, {:02}:{:02} UTC", day(ms), at.hour(), at.minute())
}

/// The moment as programs read it, as in `2026-11-25T02:18:07Z`.
pub fn machine(ms: i64) -> String {
    let at = moment(ms);
    let (year, month, day) = (at.year(), at.month() as u8, at.day());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A `<time>` that reads as the day, and with script as how long ago that was.
pub fn when(ms: i64) -> Markup {
    html! { time datetime=(machine(ms)) title=(exact(ms)) { (day(ms)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_a_day_and_bears_its_second() {
        let ms = 1_767_225_600_123;
        assert_eq!(day(ms), "1 Jan 2026");
        assert_eq!(exact(ms + 3_600_000 * 13), "1 Jan 2026, 13:00 UTC");
        assert_eq!(
            when(ms).into_string(),
            "<time datetime=\"2026-01-01T00:00:00Z\" title=\"1 Jan 2026, 00:00 UTC\">1 Jan 2026</time>"
        );
        assert_eq!(machine(-1_000), "1969-12-31T23:59:59Z");
        assert_eq!(machine(i64::MAX), "1970-01-01T00:00:00Z", "no moment at all");
    }
}
