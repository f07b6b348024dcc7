//! What people call things: texts checked once at the edge and trusted from there on.
//!
//! Every type here accepts exactly one spelling of a value and says in its error which rule was broken; the caller
//! names the field.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The rule that a text broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub(crate) &'static str);

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $check:expr, $rule:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The rule that the text keeps, for people.
            pub const RULE: &'static str = $rule;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(NameError($rule)) }
            }
        }
    )*};
}

names! {
    /// The name of an organization.
    OrgName: |text| free(text, 64), "must have 1 to 64 characters, none of them control characters, and no space at either end";
    /// The name of a project.
    ProjectName: |text| free(text, 64), "must have 1 to 64 characters, none of them control characters, and no space at either end";
    /// The name of a cluster, unique in its project.
    ClusterName: cluster, "must have 1 to 64 ASCII letters, digits and hyphens, with a letter or digit at both ends";
    /// The DNS name of a node or cluster, as in `ssh <host name>@gateway`; unique in the installation.
    HostName: host, "must be a lower-case DNS name of at most 253 characters, such as node-1.shop.example";
    /// The name of a log of a node, such as `mongod`.
    LogName: log, "must have 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, and begin with a letter or digit";
    /// The absolute path of a log file on its node.
    LogPath: path, "must be an absolute path of at most 1024 printable ASCII characters without `//`, `.` or `..` parts, and not end in `/`";
    /// A database of App Services sync data: an exact name, or a prefix of at least 8 characters before a final `*`.
    SyncDatabase: sync_database, "must be a database name, or at least 8 characters before a final `*`, and never admin, local or config";
    /// The servers of a cluster that hold its sync databases: addresses with commas between them, in order.
    SyncServers: sync_servers, "must be 1 to 50 different addresses (a host name or IP address, a colon and a port) with commas between them";
    /// The certificates that vouch for those servers, in PEM.
    SyncCa: certificates, "must be PEM of one or more certificates and nothing else, of at most 64 KiB";
    /// The e-mail address by which a customer's person signs in.
    UserName: email, "must be an e-mail address in lower case of at most 254 characters";
    /// Where notices of an organization go.
    Contact: |text| email(&text.to_ascii_lowercase()), "must be an e-mail address of at most 254 characters";
    /// The name of a support engineer, known to the vendor only.
    EmployeeName: |text| free(text, 64), "must have 1 to 64 characters, none of them control characters, and no space at either end";
    /// The vendor's word in employee identifiers, `<vendor>-employee-<digits>`.
    VendorSlug: slug, "must have 1 to 32 lower-case letters and digits, beginning with a letter";
    /// The vendor's name on pages.
    VendorName: |text| free(text, 64), "must have 1 to 64 characters, none of them control characters, and no space at either end";
    /// The customer's reference to a support case.
    CaseNumber: |text| free(text, 64), "must have 1 to 64 characters, none of them control characters, and no space at either end";
    /// Why a grant was given, or why a node's risk was accepted.
    Reason: |text| free(text, 500), "must have 1 to 500 characters, none of them control characters, and no space at either end";
    /// A description of an API key.
    Description: |text| free(text, 250), "must have 1 to 250 characters, none of them control characters, and no space at either end";
    /// The name of a service account.
    ServiceAccountName: |text| lettered(text, 64), "must have 1 to 64 letters, digits, spaces and - _ . , ', and no space at either end";
    /// The description of a service account.
    ServiceAccountDescription: |text| lettered(text, 250), "must have 1 to 250 letters, digits, spaces and - _ . , ', and no space at either end";
    /// What a caller calls one request, so that it can be sent again.
    RequestKey: |text| matches!(text.len(), 1..=255) && text.bytes().all(|byte| byte.is_ascii_graphic()), "must have 1 to 255 printable ASCII characters without spaces";
    /// Where a node's SSH server listens: a DNS name or an IP address (IPv6 in brackets), a colon and a port.
    Address: address, "must be a host name or IP address (IPv6 in brackets), a colon and a port, such as 10.0.0.7:22";
    /// An SSH public key in one line: algorithm, a space, base64, without a comment.
    PublicKey: public_key, "must be an SSH public key of type ssh-ed25519, ecdsa-sha2-nistp256, -384, -521, sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com or ssh-rsa, followed by its base64 text";
}

impl OrgName {
    /// The name as it is compared with others: in lower case, with one space for any blanks. It is no more than
    /// that: letters that only look alike are different.
    pub fn folded(&self) -> String {
        let words: Vec<String> = self.0.split_whitespace().map(str::to_lowercase).collect();
        words.join(" ")
    }
}

impl SyncDatabase {
    /// Whether this database name is covered. A text that is no name of a database never is.
    pub fn covers(&self, database: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => database.starts_with(prefix) && plain_database(database),
            None => database == self.0,
        }
    }
}

impl SyncServers {
    /// Takes addresses.
    ///
    /// # Errors
    /// [`NameError`] if there is none, one is there twice, or there are too many.
    pub fn from_addresses(addresses: &[Address]) -> Result<Self, NameError> {
        addresses.iter().map(Address::as_str).collect::<Vec<_>>().join(",").parse()
    }

    /// Whether this is one of them.
    pub fn holds(&self, address: &Address) -> bool {
        self.0.split(',').any(|one| one == address.as_str())
    }

    /// The addresses, in order.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.0.split(',').filter_map(|one| one.parse().ok())
    }
}

impl PublicKey {
    /// Takes the key of a line as OpenSSH writes it, whose comment is dropped.
    ///
    /// # Errors
    /// [`NameError`] if the line holds no key of a type taken here.
    pub fn from_line(line: &str) -> Result<Self, NameError> {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some(algorithm), Some(base64)) => format!("{algorithm} {base64}").parse(),
            _ => Err(NameError(Self::RULE)),
        }
    }

    /// The algorithm, such as `ssh-ed25519`.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(' ').map_or("", |(algorithm, _)| algorithm)
    }

    /// The key in base64.
    pub fn base64(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, base64)| base64)
    }
}

/// Characters that change how a line is shown without being seen, besides the control characters.
fn invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

fn free(text: &str, longest: usize) -> bool {
    let length = text.chars().count();
    (1..=longest).contains(&length) && text.trim() == text && !text.chars().any(|c| c.is_control() || invisible(c))
}

fn lettered(text: &str, longest: usize) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ',' | '\'');
    free(text, longest) && text.chars().all(allowed)
}

fn cluster(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn log(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
}

fn path(text: &str) -> bool {
    text.len() <= 1024
        && text.bytes().all(|b| (0x20..0x7f).contains(&b))
        && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

fn sync_database(text: &str) -> bool {
    let stem = text.strip_suffix('*');
    let name = stem.unwrap_or(text);
    let reserved = ["admin", "local", "config"].iter().any(|r| name.eq_ignore_ascii_case(r));
    plain_database(name) && !reserved && (stem.is_none() || name.len() >= 8)
}

fn plain_database(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn sync_servers(text: &str) -> bool {
    let all: Vec<&str> = text.split(',').collect();
    let once: std::collections::BTreeSet<&str> = all.iter().copied().collect();
    (1..=50).contains(&all.len()) && once.len() == all.len() && all.iter().all(|one| address(one))
}

/// Blocks of a certificate each, as RFC 7468 writes them strictly: what is in them is for the library of TLS to judge.
fn certificates(text: &str) -> bool {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let (mut inside, mut lines, mut count) = (false, 0, 0);
    for line in text.lines() {
        let sound = match line {
            _ if line == begin => !std::mem::replace(&mut inside, true),
            _ if line == end => std::mem::replace(&mut inside, false) && std::mem::take(&mut lines) > 0,
            _ => inside && (1..=64).contains(&line.len()) && line.bytes().all(base64),
        };
        if !sound {
            return false;
        }
        lines += usize::from(inside && line != begin);
        count += usize::from(line == end);
    }
    text.len() <= 64 * 1024 && text.ends_with('\n') && !text.contains('\r') && count > 0 && !inside
}

fn email(text: &str) -> bool {
    let plain = |b: u8| {
        b.is_ascii_graphic()
            && !b.is_ascii_uppercase()
            && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b',' | b';' | b':' | b'\\' | b'(' | b')')
    };
    text.len() <= 254
        && text.bytes().all(plain)
        && text.split_once('@').is_some_and(|(local, domain)| (1..=64).contains(&local.len()) && host(domain))
}

fn slug(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn address(text: &str) -> bool {
    let Some((name, port)) = text.rsplit_once(':') else { return false };
    // One machine must not have two addresses that only differ in spelling.
    let known = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner
            .parse::<Ipv6Addr>()
            .is_ok_and(|parsed| parsed.to_ipv4_mapped().is_none() && parsed.to_string() == inner),
        None if numeric(name) => name.parse::<Ipv4Addr>().is_ok_and(|parsed| parsed.to_string() == name),
        None => host(name),
    };
    known && port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
}

/// Whether a resolver would take the name for an IPv4 address, `0x7f.1` and the like included.
fn numeric(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|b| b.is_ascii_digit())
}

fn public_key(text: &str) -> bool {
    let Some((algorithm, base64)) = text.split_once(' ') else { return false };
    let known = [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-rsa",
    ];
    let fields = || blob_fields(&read_base64(base64)?);
    known.contains(&algorithm)
        && (16..=4096).contains(&base64.len())
        && fields().is_some_and(|fields| fields.len() > 1 && fields.first().is_some_and(|f| f == algorithm.as_bytes()))
}

/// The length-prefixed fields that a key's blob consists of, and of nothing else.
fn blob_fields(mut blob: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut fields = Vec::new();
    while !blob.is_empty() {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        fields.push(field.to_vec());
        blob = rest;
    }
    Some(fields)
}

/// Reads base64 in its only spelling: padded, and with no stray bits at the end.
fn read_base64(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - body.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(body.len());
    let (mut bits, mut count) = (0_u32, 0);
    for character in body.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text:?} should be taken");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text:?} should be refused");
        }
    }

    #[test]
    fn names_keep_their_rules() {
        let long = "x".repeat(65);
        check::<OrgName>(
            &["Shop", "Laden & Söhne <b>", "日本"],
            &["", " a", "a ", "a\nb", "a\u{202e}b", "a\u{61c}b", "a\u{ad}b", "\u{3164}", "a\0b", &long],
        );
        let folded = |name: &str| name.parse::<OrgName>().unwrap().folded();
        assert_eq!(folded("ÄPFEL  &\u{a0}Söhne"), folded("Äpfel & söhne"));
        assert_ne!(folded("Apfel"), folded("Äpfel"));
        assert_ne!(folded("Shop Inc"), folded("ShopInc"));
        check::<ClusterName>(
            &["Cluster0", "a", "a-b"],
            &["", "-a", "a-", "a b", "a:b", "a/b", "a%2fb", "ä", "a.b", &long],
        );
        check::<HostName>(
            &["node-1.shop.example", "n", "10.0.0.1"],
            &["", "Node", "a..b", ".a", "a.", "-a", "a_b", "a@b", "a b"],
        );
        check::<LogName>(&["mongod", "mongod.log-1"], &["", ".", "..", "a/b", "A", "-a", "a b", "a\nb"]);
        check::<LogPath>(
            &["/var/log/mongodb/mongod.log", "/a"],
            &["", "/", "a", "/a/", "/a//b", "/a/../b", "/./a", "/a\nb", "/ä"],
        );
        check::<SyncDatabase>(
            &["__realm_sync", "appsync_1*", "state"],
            &["", "*", "admin", "Admin", "local", "config", "short*", "admin*", "a*b12345678", "a.b", "a/b"],
        );
        check::<SyncServers>(
            &["db-0.shop.example:27017", "10.0.0.7:27017,[2001:db8::1]:27018"],
            &["", "db-0", "a:27017,", "a:27017,a:27017", "a:27017 b:27017", "A:27017"],
        );
        let block = "-----BEGIN CERTIFICATE-----\nAAAA\nBBB=\n-----END CERTIFICATE-----\n";
        check::<SyncCa>(
            &[block, &block.repeat(3)],
            &[
                "",
                "\n",
                block.trim_end(),
                &block.replace('\n', "\r\n"),
                &block.replace("AAAA", "AA A"),
                &block.replace("AAAA\nBBB=\n", ""),
                &format!("{block}AAAA\n"),
                &format!("# mine\n{block}"),
                &block.replace("CERTIFICATE", "PRIVATE KEY"),
                &block.repeat(2000),
            ],
        );
        check::<UserName>(
            &["mia@shop.example", "a+b@c.d"],
            &["", "mia", "@shop.example", "mia@", "Mia@shop.example", "a b@c.d", "a@b@c", "<a>@b.c"],
        );
        check::<Address>(
            &["127.0.0.1:22", "[::1]:22", "node.example:2222"],
            &[
                "",
                "127.0.0.1",
                "::1:22",
                "[::1]",
                "a:0",
                "a:022",
                "a:70000",
                "A:22",
                ":22",
                "[0::1]:22",
                "[2001:DB8::1]:22",
                "[::ffff:10.0.0.7]:22",
                "10.0.0.07:22",
                "10.7:22",
                "0x7f.0.0.1:22",
                "10.0.0.0x7:22",
                "2130706433:22",
            ],
        );
        check::<VendorSlug>(&["acme"], &["", "Acme", "9a", "a-b"]);
        check::<PublicKey>(
            &[
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
                "ssh-rsa AAAAB3NzaC1yc2EAAAABAQ==",
            ],
            &[
                "",
                "ssh-dss AAAAB3NzaC1kc3MAAACB",
                "ssh-ed25519",
                "ssh-ed25519 A!AAC3NzaC1lZDI1NTE5",
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 comment",
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl=",
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GK==",
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJlAAAA",
                "ssh-rsa AAAAB3NzaC1yc2EAAAABAR==",
                "ssh-rsa AAAAB3NzaC1yc2EAAAABAQ=",
                "ssh-rsa AAAAB3NzaC1yc2EAAAABAQ",
                "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
            ],
        );
        assert!(
            PublicKey::from_line(
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@here\n"
            )
            .is_ok()
        );
    }

    #[test]
    fn a_sync_prefix_covers_what_begins_with_it() {
        let prefix: SyncDatabase = "appsync_*".parse().unwrap();
        assert!(prefix.covers("appsync_1"));
        for other in ["appsync", "appsync_1.admin", "appsync_1\0", "appsync_ä", &format!("appsync_{:0>63}", 1)] {
            assert!(!prefix.covers(other), "{other:?}");
        }
        let exact: SyncDatabase = "state".parse().unwrap();
        assert!(exact.covers("state") && !exact.covers("state2"));
    }
}
