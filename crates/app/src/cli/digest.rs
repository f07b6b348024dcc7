//! HTTP Digest (RFC 7616) from the client's side: what an API key's holder sends.
//!
//! The private part never leaves the process; only hashes over it do.

use byleave_core::time::Entropy;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::entropy::draw;

/// An API key.
#[derive(Clone)]
pub(crate) struct Key {
    /// The user name of HTTP Digest.
    pub(crate) public: String,
    /// Its password.
    pub(crate) private: String,
}

/// What a server asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// How often the nonce was answered.
    count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text.as_bytes())),
            Self::Sha256 => hex::encode(Sha256::digest(text.as_bytes())),
        }
    }
}

impl Challenge {
    /// Reads a `WWW-Authenticate` header. `None` unless it is a Digest challenge that can be answered here.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let rest = header.strip_prefix("Digest ").or_else(|| header.strip_prefix("digest "))?;
        let fields = fields(rest);
        let field = |name: &str| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
        let algorithm = match field("algorithm").as_deref() {
            None | Some("MD5") => Algorithm::Md5,
            Some("SHA-256") => Algorithm::Sha256,
            Some(_) => return None,
        };
        let qop = field("qop")?;
        qop.split(',').any(|word| word.trim() == "auth").then_some(())?;
        Some(Self { realm: field("realm")?, nonce: field("nonce")?, opaque: field("opaque"), algorithm, count: 0 })
    }

    /// The `Authorization` header for one request.
    pub(crate) fn answer(&mut self, key: &Key, method: &str, uri: &str, entropy: &dyn Entropy) -> String {
        self.count += 1;
        self.answer_with(key, method, uri, &hex::encode(draw::<16>(entropy)))
    }

    fn answer_with(&self, key: &Key, method: &str, uri: &str, cnonce: &str) -> String {
        let (realm, nonce, public) = (&self.realm, &self.nonce, &key.public);
        let hash = |text: &str| self.algorithm.hash(text);
        let secret = hash(&format!("{public}:{realm}:{}", key.private));
        let count = format!("{:08x}", self.count);
        let response = hash(&format!("{secret}:{nonce}:{count}:{cnonce}:auth:{}", hash(&format!("{method}:{uri}"))));
        let opaque = self.opaque.iter().map(|opaque| format!(", opaque=\"{opaque}\"")).collect::<String>();
        format!(
            "Digest username=\"{public}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={}, \
             qop=auth, nc={count}, cnonce=\"{cnonce}\", response=\"{response}\"{opaque}",
            self.algorithm.name()
        )
    }
}

/// The `name=value` pairs of a header; values may be quoted, and quoted ones may hold commas.
fn fields(text: &str) -> Vec<(String, String)> {
    let (mut pairs, mut rest) = (Vec::new(), text);
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',']).to_owned();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        pairs.push((name, value.trim().to_owned()));
        rest = next;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mufasa() -> Key {
        Key { public: "Mufasa".into(), private: "Circle of Life".into() }
    }

    /// The example of RFC 7616, section 3.9.1.
    #[test]
    fn the_answer_is_that_of_the_standard() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let header = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let mut challenge = Challenge::parse(&header).unwrap();
            challenge.count = 1;
            let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
            let answer = challenge.answer_with(
                &Key { private: "Circle of Life".into(), ..mufasa() },
                "GET",
                "/dir/index.html",
                cnonce,
            );
            assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
            assert!(answer.contains("opaque=\"FQhe/"), "{answer}");
        }
    }

    #[test]
    fn a_nonce_is_counted() {
        let mut challenge =
            Challenge::parse("Digest realm=\"r\", domain=\"\", nonce=\"n\", algorithm=MD5, qop=\"auth\", stale=false")
                .unwrap();
        let mut answer = || challenge.answer(&mufasa(), "GET", "/", &crate::entropy::SystemEntropy);
        assert!(answer().contains("nc=00000001"));
        assert!(answer().contains("nc=00000002"));
    }

    #[test]
    fn what_cannot_be_answered_is_no_challenge() {
        for header in [
            "Basic realm=\"r\"",
            "Digest realm=\"r\", nonce=\"n\"",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-512-256",
        ] {
            assert_eq!(Challenge::parse(header), None, "{header}");
        }
    }
}
