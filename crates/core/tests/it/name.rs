//! Names and other texts: one spelling each, and whatever is taken can be shown, written and read.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use byleave_core::field::{Field, Value};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::name::{
    Address, CaseNumber, ClusterName, Description, EmployeeName, HostName, LogName, LogPath, OrgName, ProjectName,
    PublicKey, Reason, SyncDatabase, UserName, VendorName, VendorSlug,
};
use byleave_core::sample::public_key;
use byleave_core::time::{DAY, Timestamp, Ttl};
use proptest::prelude::*;

/// Texts that no name takes, whatever it is for.
const NEVER: &[&str] = &[
    "",
    " ",
    " a",
    "a ",
    "a\nb",
    "a\r\nSet-Cookie: b",
    "a\tb",
    "a\0b",
    "\u{7f}",
    "\u{85}",
    "\u{1b}[2J",
    "a\u{200b}b",
    "\u{202e}gpj.exe",
    "a\u{2028}b",
    "a\u{2066}b",
    "\u{feff}a",
    "a\u{ad}b",
    "\u{61c}",
    "\u{3164}",
    "a\u{e0041}b",
    "\u{2003}a",
];

/// Texts that only names in free words take.
const FREE: &[&str] = &[
    "Ä",
    "a b",
    "a'b",
    "a\"b",
    "<script>alert(1)</script>",
    "'; DROP TABLE grants; --",
    "$(reboot)",
    "`id`",
    "a|b",
    "a&b",
    "a;b",
    "a\\b",
    "a%00b",
    "a?b",
    "a#b",
    "{a}",
    "日本",
    "e\u{301}",
];

fn refuses<T: FromStr>(name: &str, texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "{name} takes {text:?}");
    }
}

/// The longest text is taken, one character more is not.
fn longest<T: FromStr>(name: &str, make: impl Fn(usize) -> String, length: usize) {
    assert!(make(length).parse::<T>().is_ok(), "{name} refuses {length} characters");
    assert!(make(length + 1).parse::<T>().is_err(), "{name} takes {} characters", length + 1);
}

#[test]
fn no_name_takes_what_cannot_be_shown() {
    macro_rules! all {
        ($($strict:ty),*; $($free:ty),*) => {
            $(refuses::<$strict>(stringify!($strict), NEVER); refuses::<$strict>(stringify!($strict), FREE);)*
            $(
                refuses::<$free>(stringify!($free), NEVER);
                FREE.iter().for_each(|text| assert!(text.parse::<$free>().is_ok(), "{} refuses {text:?}", stringify!($free)));
            )*
        };
    }
    all!(
        Address, ClusterName, EmployeeIdentifier, HostName, LogName, PublicKey, SyncDatabase, VendorSlug, Timestamp, Ttl;
        CaseNumber, Description, EmployeeName, OrgName, ProjectName, Reason, VendorName
    );
    refuses::<UserName>("UserName", NEVER);
    refuses::<LogPath>("LogPath", NEVER);
    for text in FREE {
        assert!(format!("{text}@shop.example").parse::<UserName>().is_err() || text.is_ascii(), "{text:?}");
        assert_eq!(format!("/{text}").parse::<LogPath>().is_ok(), text.is_ascii(), "{text:?}");
    }
}

#[test]
fn every_name_has_a_longest_length() {
    let x = |length| "x".repeat(length);
    let umlauts = |length| "ü".repeat(length);
    longest::<OrgName>("OrgName", umlauts, 64);
    longest::<ProjectName>("ProjectName", umlauts, 64);
    longest::<EmployeeName>("EmployeeName", umlauts, 64);
    longest::<VendorName>("VendorName", umlauts, 64);
    longest::<CaseNumber>("CaseNumber", umlauts, 64);
    longest::<Reason>("Reason", umlauts, 500);
    longest::<Description>("Description", umlauts, 250);
    longest::<ClusterName>("ClusterName", x, 64);
    longest::<LogName>("LogName", x, 64);
    longest::<VendorSlug>("VendorSlug", x, 32);
    longest::<SyncDatabase>("SyncDatabase", x, 63);
    longest::<HostName>("HostName", x, 63);
    longest::<HostName>("HostName", |length| format!("{}x", "x.".repeat(length / 2)), 253);
    longest::<LogPath>("LogPath", |length| format!("/{}", "x".repeat(length - 1)), 1024);
    longest::<UserName>("UserName", |length| format!("{}@a", "x".repeat(length - 2)), 66);
    assert!("x".repeat(10_000_000).parse::<Reason>().is_err());
}

#[test]
fn sync_databases_are_never_wide_or_reserved() {
    refuses::<SyncDatabase>(
        "SyncDatabase",
        &[
            "*",
            "a*",
            "1234567*",
            "**",
            "12345678**",
            "1234*5678",
            "admin",
            "ADMIN",
            "local",
            "config",
            "Config",
            "admin*",
        ],
    );
    for good in ["12345678*", "admin_sync", "localities"] {
        assert!(good.parse::<SyncDatabase>().is_ok(), "{good}");
    }
    for pattern in ["12345678*", "localdata*", "admin_sync", "config12*"] {
        let pattern: SyncDatabase = pattern.parse().unwrap();
        for reserved in ["admin", "local", "config", ""] {
            assert!(!pattern.covers(reserved), "{pattern} covers {reserved}");
        }
    }
}

fn same_spelling<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr + Display + Field + PartialEq + Debug,
{
    if let Ok(value) = text.parse::<T>() {
        prop_assert_eq!(value.to_string(), text, "a name is shown as it was given");
        prop_assert_eq!(T::from_value(value.to_value()), Ok(value));
        prop_assert!(!text.chars().any(char::is_control));
    }
    Ok(())
}

/// Texts near those that are taken.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,70}",
        "[a-z0-9.*_/:@\\[\\] -]{0,70}",
        "(/[a-z.]{0,3}){1,5}",
        "[0-9a-fx.]{1,12}:[0-9]{1,6}",
        "\\[[0-9a-f:.]{0,20}\\]:22",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{42,44}={0,2}",
        "[a-z0-9]{1,5}-employee-[0-9]{7,21}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_taken_has_one_spelling(text in texts()) {
        same_spelling::<Address>(&text)?;
        same_spelling::<ClusterName>(&text)?;
        same_spelling::<EmployeeIdentifier>(&text)?;
        same_spelling::<HostName>(&text)?;
        same_spelling::<LogName>(&text)?;
        same_spelling::<LogPath>(&text)?;
        same_spelling::<OrgName>(&text)?;
        same_spelling::<ProjectName>(&text)?;
        same_spelling::<PublicKey>(&text)?;
        same_spelling::<SyncDatabase>(&text)?;
    }

    /// Two texts for one machine would let it belong to two clusters.
    #[test]
    fn an_address_of_numbers_has_one_spelling(text in "(\\[[0-9a-f:]{2,12}\\]|[0-9]{1,4}(\\.[0-9]{1,4}){0,3}):22") {
        if text.parse::<Address>().is_ok() {
            let socket: std::net::SocketAddr = text.parse().unwrap();
            prop_assert_eq!(socket.to_string(), text);
        }
    }

    #[test]
    fn a_time_that_is_shown_is_read_back(millis in 0..=Timestamp::MAX.millis()) {
        let instant = Timestamp::from_millis(millis);
        prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        prop_assert!(instant.to_seconds_text().parse::<Timestamp>().is_ok());
        prop_assert_eq!(Timestamp::from_value(instant.to_value()), Ok(instant));
    }

    #[test]
    fn no_text_makes_a_duration_over_a_day(text in "([0-9]{1,20}[hms]){1,3}") {
        if let Ok(ttl) = text.parse::<Ttl>() {
            prop_assert!((1..=DAY).contains(&ttl.millis()));
        }
    }
}

#[test]
fn a_key_of_other_bytes_is_another_key() {
    let keys: std::collections::BTreeSet<_> = (0..5_000).map(public_key).collect();
    assert_eq!(keys.len(), 5_000);
    let text = public_key(1).to_string();
    for line in [format!("{text} mia@laptop"), format!("  {text}\n"), text.replace(' ', "\t") + "\r\n"] {
        assert_eq!(PublicKey::from_line(&line), Ok(public_key(1)), "{line:?}");
    }
    for line in ["", "ssh-ed25519", "no-pty ssh-ed25519", "# a comment", "@cert-authority * ssh-ed25519 AAAA"] {
        assert!(PublicKey::from_line(line).is_err(), "{line:?}");
    }
    assert_eq!(Value::Text(text), public_key(1).to_value());
}
