//! Instants, spans and the clock: what time it is, and whether that can be trusted.
//!
//! This module must never ask the operating system; a [`Clock`] is handed in and read at the edges.

use std::fmt;
use std::str::FromStr;

/// Milliseconds in a second, a minute and an hour.
pub const SECOND: i64 = 1_000;
/// Milliseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Milliseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Milliseconds in a day.
pub const DAY: i64 = 24 * HOUR;

/// An instant: milliseconds since 1970-01-01T00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest instant that jiff can write: 9999-12-30T22:00:00 UTC.
    pub const MAX: Self = Self(253_402_207_200_000);
    /// 1970-01-01T00:00:00 UTC.
    pub const EPOCH: Self = Self(0);

    /// The instant this many milliseconds after the epoch, kept within 1970 and [`Timestamp::MAX`].
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The instant `millis` later (earlier, if negative).
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant, negative if `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// RFC 3339 without fraction, `2026-11-23T18:08:26Z`: the form of Atlas answers.
    pub fn to_seconds_text(self) -> String {
        jiff::Timestamp::from_second(self.0.div_euclid(SECOND)).unwrap_or_default().to_string()
    }
}

/// RFC 3339 with milliseconds, in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", jiff::Timestamp::from_millisecond(self.0).unwrap_or_default())
    }
}

/// The text was not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an instant with date, time and zone in ISO 8601, such as 2026-11-24T18:00:00Z")]
pub struct TimestampError;

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        let millis = parsed.as_millisecond();
        if (0..=Self::MAX.0).contains(&millis) { Ok(Self(millis)) } else { Err(TimestampError) }
    }
}

impl Timestamp {
    /// The instant of a text; the latest there is for one beyond it, for those who only compare with a limit.
    ///
    /// # Errors
    /// [`TimestampError`] for a text that is no instant.
    pub fn parse_capped(text: &str) -> Result<Self, TimestampError> {
        text.parse().or_else(|error| match jiff::fmt::temporal::Pieces::parse(text) {
            Ok(pieces) if pieces.date().year() == 9999 && pieces.time().is_some() && pieces.offset().is_some() => {
                Ok(Self::MAX)
            }
            Ok(_) | Err(_) => Err(error),
        })
    }
}

/// How long a grant lasts: more than 0 and at most 24 hours, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(i64);

/// How far a client's `expirationTime` may lie beyond 24 hours and still be taken as 24 hours.
pub const FORGIVEN: i64 = 5 * MINUTE;

/// Why a duration is no [`Ttl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TtlError {
    /// Not a duration at all.
    #[error("must be a duration such as 24h, 90m or 1h30m")]
    Malformed,
    /// Zero, negative, or already past.
    #[error("must lie in the future")]
    NotInFuture,
    /// Over the limit.
    #[error("must be at most {} from now", Span(*limit))]
    TooLong {
        /// The limit in milliseconds.
        limit: i64,
    },
}

impl Ttl {
    /// 24 hours, the longest there is.
    pub const MAX: Self = Self(DAY);

    /// Makes a duration of these milliseconds.
    ///
    /// # Errors
    /// [`TtlError`] unless 0 < `millis` ≤ 24 h.
    pub const fn from_millis(millis: i64) -> Result<Self, TtlError> {
        if millis <= 0 {
            Err(TtlError::NotInFuture)
        } else if millis > DAY {
            Err(TtlError::TooLong { limit: DAY })
        } else {
            Ok(Self(millis))
        }
    }

    /// The duration from `now` to an `expirationTime` of an Atlas client, whose clock may differ: up to 5 minutes
    /// beyond 24 hours count as 24 hours.
    ///
    /// # Errors
    /// [`TtlError`] if the instant is not in the future or later than that.
    pub const fn until(expiration: Timestamp, now: Timestamp) -> Result<Self, TtlError> {
        let millis = expiration.since(now);
        if millis > DAY && millis <= DAY + FORGIVEN { Ok(Self::MAX) } else { Self::from_millis(millis) }
    }

    /// The length in milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span(self.0).fmt(f)
    }
}

impl FromStr for Ttl {
    type Err = TtlError;

    /// Reads `24h`, `90m`, `45s` or a sequence of them, largest unit first.
    fn from_str(text: &str) -> Result<Self, TtlError> {
        let mut total: i64 = 0;
        let mut digits = String::new();
        let mut smallest = i64::MAX;
        for character in text.chars() {
            let unit = match character {
                '0'..='9' => {
                    digits.push(character);
                    continue;
                }
                'h' => HOUR,
                'm' => MINUTE,
                's' => SECOND,
                _ => return Err(TtlError::Malformed),
            };
            let count: i64 = digits.parse().map_err(|_| TtlError::Malformed)?;
            if unit >= smallest {
                return Err(TtlError::Malformed);
            }
            total = total.saturating_add(count.saturating_mul(unit));
            smallest = unit;
            digits.clear();
        }
        if !digits.is_empty() || smallest == i64::MAX {
            return Err(TtlError::Malformed);
        }
        Self::from_millis(total)
    }
}

/// A span for people, in milliseconds: `23h 59m`, `4m 10s`, `9s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.max(0) / SECOND;
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match (hours, minutes, seconds) {
            (0, 0, s) => write!(f, "{s}s"),
            (0, m, 0) => write!(f, "{m}m"),
            (0, m, s) => write!(f, "{m}m {s}s"),
            (h, 0, _) => write!(f, "{h}h"),
            (h, m, _) => write!(f, "{h}h {m}m"),
        }
    }
}

/// One boot of the machine, as the kernel names it (`/proc/sys/kernel/random/boot_id`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootId(pub String);

/// What the machine's clocks say at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// Which boot this is.
    pub boot: BootId,
    /// Milliseconds since that boot, suspended time included.
    pub since_boot: i64,
}

/// Reads the machine's clocks. Only the application's `clock.rs` implements it for real.
pub trait Clock: Send + Sync {
    /// What the clocks say now.
    fn read(&self) -> Reading;
}

/// Draws random bytes. Only the application's edge implements it for real.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` from the operating system's generator.
    fn fill(&self, bytes: &mut [u8]);
}

/// How far the wall clock may fall behind the mark, in milliseconds.
pub const BEHIND_ALLOWED: i64 = 2 * SECOND;
/// How far the wall clock may stray from the boot clock, in milliseconds.
pub const ASTRAY_ALLOWED: i64 = 5 * SECOND;

/// Why the clock is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The wall clock and the boot clock disagree.
    #[error("the wall clock is {} off the boot clock", Span(.0.abs()))]
    Astray(
        /// Wall clock minus what the boot clock says, in milliseconds.
        i64,
    ),
    /// The wall clock fell behind the high-water mark.
    #[error("the wall clock is {} behind the latest time recorded", Span(*.0))]
    Behind(
        /// How far, in milliseconds.
        i64,
    ),
}

/// What time it is, and whether that can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The instant to use: never before the mark.
    pub at: Timestamp,
    /// Set while the clock cannot be trusted: nothing new opens.
    pub doubt: Option<Doubt>,
}

/// Judges a reading against the high-water mark that [`advance`] made of the readings before.
///
/// While the clocks disagree within one boot, the boot clock carries the time on from the mark, so that a wall clock
/// set forward and back neither ends nor lengthens anything by itself. What this answers is never before the mark.
pub fn judge(mark: Option<&Reading>, reading: &Reading) -> Now {
    let Some(mark) = mark else { return Now { at: reading.wall, doubt: None } };
    let behind = mark.wall.since(reading.wall);
    if mark.boot == reading.boot {
        let carried = mark.wall.plus(reading.since_boot.saturating_sub(mark.since_boot));
        let astray = reading.wall.since(carried);
        let at = carried.max(mark.wall);
        if behind > BEHIND_ALLOWED {
            return Now { at, doubt: Some(Doubt::Behind(behind)) };
        }
        if astray.abs() > ASTRAY_ALLOWED {
            return Now { at, doubt: Some(Doubt::Astray(astray)) };
        }
    } else if behind > BEHIND_ALLOWED {
        return Now { at: mark.wall, doubt: Some(Doubt::Behind(behind)) };
    }
    Now { at: reading.wall.max(mark.wall), doubt: None }
}

/// The mark to record with whatever is written at [`judge`]'s answer to this reading, in doubt or not. (An
/// administrator who leaves doubt records the bare reading instead.)
///
/// It is the latest instant that was ever used, paired with what the boot clock says *at that instant by the first
/// reading of this boot*. So a wall clock that strays a little with each reading is seen as soon as it has strayed too
/// far in all, and time never runs backwards.
#[must_use]
pub fn advance(mark: Option<&Reading>, reading: &Reading) -> Reading {
    let Some(mark) = mark else { return reading.clone() };
    let Now { at, doubt } = judge(Some(mark), reading);
    if mark.boot == reading.boot {
        let since_boot = mark.since_boot.saturating_add(at.since(mark.wall));
        Reading { wall: at, boot: mark.boot.clone(), since_boot }
    } else if doubt.is_some() {
        mark.clone()
    } else {
        Reading { wall: at, boot: reading.boot.clone(), since_boot: reading.since_boot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: i64 = 1_800_000_000_000;

    fn reading(wall: i64, boot: &str, since_boot: i64) -> Reading {
        Reading { wall: Timestamp::from_millis(wall), boot: BootId(boot.into()), since_boot }
    }

    #[test]
    fn timestamps_read_what_atlas_clients_send() {
        for text in [
            "2026-11-23T18:00:00Z",
            "2026-11-23T18:00:00.123Z",
            "2026-11-23T18:00:00.123456789Z",
            "2026-11-23T19:00:00+01:00",
            "9999-12-30T00:00:00Z",
        ] {
            text.parse::<Timestamp>().unwrap_or_else(|_| panic!("{text}"));
        }
        for text in ["2026-11-23T18:00:00", "2026-11-23", "soon", "", "1969-12-31T23:59:59Z", "10000-01-01T00:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
        }
        assert_eq!(Timestamp::from_millis(1_500).to_string(), "1970-01-01T00:00:01.500Z");
        assert_eq!(Timestamp::from_millis(1_500).to_seconds_text(), "1970-01-01T00:00:01Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn a_ttl_is_never_over_a_day() {
        let now = Timestamp::from_millis(1_000_000_000_000);
        let until = |millis| Ttl::until(now.plus(millis), now).map(Ttl::millis);
        assert_eq!(until(0), Err(TtlError::NotInFuture));
        assert_eq!(until(-1), Err(TtlError::NotInFuture));
        assert_eq!(until(1), Ok(1));
        assert_eq!(until(DAY), Ok(DAY));
        assert_eq!(until(DAY + SECOND), Ok(DAY));
        assert_eq!(until(DAY + FORGIVEN), Ok(DAY));
        assert_eq!(until(DAY + FORGIVEN + 1), Err(TtlError::TooLong { limit: DAY }));
        assert_eq!(Ttl::from_millis(DAY + 1), Err(TtlError::TooLong { limit: DAY }));
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!("24h".parse(), Ok(Ttl::MAX));
        assert_eq!("1h30m".parse::<Ttl>().unwrap().to_string(), "1h 30m");
        assert_eq!("45s".parse::<Ttl>().unwrap().millis(), 45 * SECOND);
        for bad in ["", "24", "h", "1d", "30m1h", "1h1h", "-1h", "1.5h", " 1h"] {
            assert_eq!(bad.parse::<Ttl>(), Err(TtlError::Malformed), "{bad}");
        }
        assert_eq!("0s".parse::<Ttl>(), Err(TtlError::NotInFuture));
        assert_eq!("99999999999999999h".parse::<Ttl>(), Err(TtlError::TooLong { limit: DAY }));
    }

    #[test]
    fn a_clock_that_jumps_is_in_doubt() {
        let mark = reading(WALL, "a", 500_000);
        let at = |wall, boot, since| judge(Some(&mark), &reading(wall, boot, since));
        assert_eq!(at(WALL + 10_000, "a", 510_000), Now { at: Timestamp::from_millis(WALL + 10_000), doubt: None });
        assert_eq!(at(WALL - 1_000, "a", 500_001).at, mark.wall, "a small step back stands still");
        assert_eq!(at(WALL - 1_000, "a", 500_001).doubt, None);
        assert_eq!(at(WALL - HOUR, "a", 510_000).doubt, Some(Doubt::Behind(HOUR)), "an hour back");
        let ahead = at(WALL + DAY, "a", 510_000);
        assert_eq!(ahead.doubt, Some(Doubt::Astray(DAY - 10_000)), "a day forward");
        assert_eq!(ahead.at, Timestamp::from_millis(WALL + 10_000), "the boot clock carries on");
        assert_eq!(at(WALL + 20_000, "a", 520_000).doubt, None, "and back");
        assert_eq!(at(WALL + DAY, "b", 10).doubt, None, "another boot may be later");
        assert_eq!(at(WALL - HOUR, "b", 10).doubt, Some(Doubt::Behind(HOUR)), "but not earlier");
    }

    #[test]
    fn a_clock_that_creeps_is_in_doubt_too() {
        for step in [-1_000, -900, 0, 2_000, 5_000] {
            let mut mark = advance(None, &reading(WALL, "a", 0));
            let doubt = (1..=60).find_map(|beat| {
                let read = reading(WALL + beat * step, "a", beat * SECOND);
                let now = judge(Some(&mark), &read);
                mark = advance(Some(&mark), &read);
                assert_eq!(mark.wall, now.at);
                now.doubt
            });
            assert!(doubt.is_some(), "{step} ms a second");
        }
    }
}
