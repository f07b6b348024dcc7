//! The cookie of a signed-in browser.
//!
//! Everywhere but on loopback it is `__Host-byleave`: Secure, for this host alone, which a browser takes over TLS only.
//! Browsers meet plain HTTP on loopback only. Chromium takes `__Host-` cookies there, too, but not every browser does
//! (Safari refuses Secure cookies on plain loopback), and cookies do not tell ports apart; so for a loopback `Host` the
//! cookie is `byleave-<port>` without Secure. A page of another site can never make a browser send a loopback `Host`
//! with the cookies of a real one. Always: HttpOnly, SameSite=Lax, no lifetime (it ends with the browser; the store
//! ends it after 12 hours anyway). Beside it, with `-known` at its name's end, is the mark of who signed in here, which
//! opens nothing ([`crate::auth::throttle::Marks`]) and stays for a year.

use axum::http::header::{COOKIE, HOST};
use axum::http::{HeaderMap, HeaderValue};

use crate::auth::token::{Token, TokenHash};

/// The name and protection that a host's cookie has.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    name: String,
    secure: bool,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port),
            Some(_) | None => (host, "80"),
        };
        let local = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
        if local && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
            Self { name: format!("byleave-{port}"), secure: false }
        } else {
            Self { name: "__Host-byleave".to_owned(), secure: true }
        }
    }

    /// The kind of the mark beside it.
    fn of_mark(self) -> Self {
        Self { name: format!("{}-known", self.name), ..self }
    }

    fn set(&self, value: &str, more: &str) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        HeaderValue::try_from(format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}", self.name)).ok()
    }
}

/// The hash of the token that the browser sent. A name given twice counts as none: somebody planted one.
pub(super) fn read(headers: &HeaderMap) -> Option<TokenHash> {
    value(headers, &Kind::of(headers)).map(TokenHash::of)
}

/// The mark of the name under which the browser signed in last.
pub(super) fn read_mark(headers: &HeaderMap) -> Option<&str> {
    value(headers, &Kind::of(headers).of_mark())
}

fn value<'h>(headers: &'h HeaderMap, kind: &Kind) -> Option<&'h str> {
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == kind.name)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) if !value.is_empty() => Some(value),
        _ => None,
    }
}

/// Gives the browser a new token.
pub(super) fn give(headers: &HeaderMap, token: &Token) -> Option<HeaderValue> {
    Kind::of(headers).set(token.reveal(), "")
}

/// Gives the browser a mark, which stays when its token ends.
pub(super) fn give_mark(headers: &HeaderMap, mark: &str) -> Option<HeaderValue> {
    Kind::of(headers).of_mark().set(mark, "; Max-Age=31536000")
}

/// Takes the token away from the browser.
pub(super) fn take(headers: &HeaderMap) -> Option<HeaderValue> {
    Kind::of(headers).set("", "; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &'static str, cookie: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HOST, HeaderValue::from_static(host)), (COOKIE, HeaderValue::from_static(cookie))])
    }

    #[test]
    fn only_loopback_gets_a_cookie_without_secure() {
        for host in
            ["byleave.example", "byleave.example:8443", "localhost.example", "127.0.0.1.example:80", "", "[::2]"]
        {
            assert_eq!(Kind::of(&headers(host, "")).name, "__Host-byleave", "{host}");
            let set = take(&headers(host, "")).unwrap();
            assert!(set.to_str().unwrap().contains("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{set:?}");
        }
        for (host, name) in [("127.0.0.1:8080", "byleave-8080"), ("localhost", "byleave-80"), ("[::1]:9", "byleave-9")]
        {
            assert_eq!(Kind::of(&headers(host, "")), Kind { name: name.to_owned(), secure: false });
        }
    }

    #[test]
    fn a_cookie_of_another_kind_of_host_or_given_twice_is_none() {
        assert!(read(&headers("byleave.example", "__Host-byleave=a")).is_some());
        assert!(read(&headers("byleave.example", "x=y; __Host-byleave=a; z")).is_some());
        for cookie in ["", "byleave-80=a", "__Host-byleave=", "__Host-byleave=a; __Host-byleave=b", "a__Host-byleave=a"]
        {
            assert!(read(&headers("byleave.example", cookie)).is_none(), "{cookie}");
        }
        assert!(read(&headers("127.0.0.1:80", "__Host-byleave=a")).is_none());
    }
}
