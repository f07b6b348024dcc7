//! Instants and spans as pages show them: in UTC, always marked as such, with the exact instant for machines.
//!
//! This module must never read a clock; `now` comes with the page.

use byleave_core::time::Timestamp;
use maud::{Markup, html};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `24 Nov 2026`.
pub(super) fn day(at: Timestamp) -> String {
    let text = at.to_seconds_text();
    let part = |range| text.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok().and_then(|number| MONTHS.get(number.checked_sub(1)?));
    format!("{} {} {}", part(8..10).trim_start_matches('0'), month.copied().unwrap_or_default(), part(0..4))
}

/// `24 Nov 2026, 18:08:26 UTC`: to the second, as everywhere.
pub(super) fn full(at: Timestamp) -> Markup {
    let text = at.to_seconds_text();
    html! { time datetime=(text) { (day(at)) ", " (text.get(11..19).unwrap_or_default()) " UTC" } }
}

/// `18:08:26`, for a list that is headed by days.
pub(super) fn second(at: Timestamp) -> Markup {
    let text = at.to_seconds_text();
    html! { time datetime=(text) { (text.get(11..19).unwrap_or_default()) } }
}

/// The running timer. Hidden until the script counts it down by the server's clock; without scripts the absolute time
/// that stands beside it says all.
pub(super) fn timer(until: Timestamp, now: Timestamp) -> Markup {
    html! {
        span.left role="timer" data-until=(until.millis()) hidden { (countdown(until.since(now))) }
    }
}

/// The bar of what is left, which the script shows and moves.
pub(super) fn bar(since: Timestamp, until: Timestamp, now: Timestamp) -> Markup {
    html! {
        progress max=(until.since(since).max(1)) value=(until.since(now).max(0)) data-until=(until.millis())
            aria-label="Time left" hidden {}
    }
}

/// `23:59:58`.
fn countdown(left: i64) -> String {
    let seconds = left.max(0).saturating_add(999) / 1000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_in_utc() {
        let at: Timestamp = "2026-11-04T08:05:26.900Z".parse().unwrap();
        assert_eq!(day(at), "4 Nov 2026");
        assert_eq!(full(at).into_string(), "<time datetime=\"2026-11-04T08:05:26Z\">4 Nov 2026, 08:05:26 UTC</time>");
        assert_eq!(second(at).into_string(), "<time datetime=\"2026-11-04T08:05:26Z\">08:05:26</time>");
        assert_eq!(countdown(24 * 3_600_000), "24:00:00");
        assert_eq!(countdown(1), "00:00:01", "what is left is never shown shorter than it is");
        assert_eq!(countdown(-5), "00:00:00");
    }
}
