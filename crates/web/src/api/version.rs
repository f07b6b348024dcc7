//! Versions of Atlas's API: a date in `Accept` takes the newest version of the resource that is not later.

use axum::http::{HeaderMap, header};

/// The versions of one resource, oldest first. None for Byleave's own paths, which have one version.
pub type Versions = &'static [&'static str];

/// Organizations, settings, projects, events.
pub const FIRST: Versions = &["2023-01-01"];
/// Reading clusters.
pub const CLUSTERS: Versions = &["2023-01-01", "2023-02-01", "2024-08-05"];
/// Granting and revoking.
pub const ACCESS: Versions = &["2024-08-05"];
/// Links to the activity feed.
pub const ACTIVITY: Versions = &["2025-03-12"];
/// Users.
pub const PEOPLE: Versions = &["2025-02-19"];
/// Service accounts.
pub const ACCOUNTS: Versions = &["2024-08-05"];
/// Byleave's own paths.
pub const NONE: Versions = &[];

/// The version to answer with; `None` if no date in `Accept` fits.
pub fn choose(headers: &HeaderMap, versions: Versions) -> Option<&'static str> {
    let wanted = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(date)?;
    versions.iter().rev().copied().find(|version| *version <= wanted)
}

/// What stands before the date, in whatever case.
const PREFIX: &str = "application/vnd.atlas.";
/// What stands after it.
const SUFFIX: &str = "+json";

/// The date of one media type such as `application/vnd.atlas.2024-08-05+json`.
fn date(range: &str) -> Option<&str> {
    let kind = range.split(';').next().unwrap_or_default().trim();
    let (before, rest) = kind.split_at_checked(PREFIX.len())?;
    let (date, after) = rest.split_at_checked(rest.len().checked_sub(SUFFIX.len())?)?;
    let is_ours = before.eq_ignore_ascii_case(PREFIX) && after.eq_ignore_ascii_case(SUFFIX);
    (is_ours && is_date(date)).then_some(date)
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut number = |length: usize| {
        let part = parts.next()?;
        let plain = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(4), number(2), number(2)) else { return false };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    parts.next().is_none() && (1..=days).contains(&day)
}

/// Whether a request's media type is one whose body is read as JSON.
pub fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || date(&kind).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_takes_the_newest_version_not_after_it() {
        let choose = |accept: &'static str, versions| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            choose(&headers, versions)
        };
        assert_eq!(choose("application/vnd.atlas.2025-03-12+json", CLUSTERS), Some("2024-08-05"));
        assert_eq!(choose("application/vnd.atlas.2024-08-05+json", CLUSTERS), Some("2024-08-05"));
        assert_eq!(choose("application/vnd.atlas.2024-08-04+json", CLUSTERS), Some("2023-02-01"));
        assert_eq!(choose("application/vnd.atlas.2024-08-04+json", ACCESS), None);
        assert_eq!(choose("text/html, application/vnd.atlas.2025-01-01+json;q=0.9", FIRST), Some("2023-01-01"));
        for bad in [
            "application/json",
            "*/*",
            "application/vnd.atlas.2022-12-31+json",
            "application/vnd.atlas.2025-02-29+json",
            "application/vnd.atlas.2025-13-01+json",
            "application/vnd.atlas.2025-1-01+json",
            "application/vnd.atlas.2025-01-01-01+json",
            "application/vnd.atlas.2025-01-01+csv",
            "application/vnd.atlas.+json",
            "application/vnd.atlas.tomorrow+json",
        ] {
            assert_eq!(choose(bad, FIRST), None, "{bad}");
        }
    }
}
