//! Digest against an independent client, and its memory of counts.

use digest_auth::{AuthContext, HttpMethod, WwwAuthenticateHeader};

use super::*;

struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

const GET: Request<'static> = Request { method: "GET", target: "/api/atlas/v2/orgs?pageNum=1" };

/// What a client that knows the password answers to a challenge; each call counts on.
struct Client(WwwAuthenticateHeader);

impl Client {
    fn new(challenge: &str) -> Self {
        Self(WwwAuthenticateHeader::parse(challenge).unwrap())
    }

    fn answer(&mut self, user: &str, password: &str) -> Credentials {
        let context = AuthContext::new_with_method(user, password, GET.target, None::<&[u8]>, HttpMethod::GET);
        let header = self.0.respond(&context).unwrap().to_string();
        let algorithm = if header.contains("SHA-256") { Algorithm::Sha256 } else { Algorithm::Md5 };
        Credentials::read(header.strip_prefix("Digest ").unwrap(), algorithm).unwrap()
    }
}

#[test]
fn a_challenge_has_the_documented_form() {
    let challenge = Digest::new(Algorithm::Md5, &Fixed).challenge(false, 1_000);
    let (before, after) = challenge.split_once("nonce=\"").unwrap();
    let (nonce, rest) = after.split_once('"').unwrap();
    assert_eq!(before, r#"Digest realm="MMS Public API", domain="", "#);
    assert_eq!(rest, r#", algorithm=MD5, qop="auth", stale=false"#);
    assert_eq!(nonce.len(), 32);
}

#[test]
fn an_independent_client_is_understood_with_both_algorithms() {
    let both = ha1("abcdefgh", "secret");
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let digest = Digest::new(algorithm, &Fixed);
        let ha1 = digest.ha1_of(&both);
        let mut client = Client::new(&digest.challenge(false, 1_000));
        let first = client.answer("abcdefgh", "secret");
        assert_eq!(digest.check(&first, &GET, Some(ha1), 2_000), Ok(()));
        let second = client.answer("abcdefgh", "secret");
        assert_eq!(digest.check(&second, &GET, Some(ha1), 2_000), Ok(()), "a nonce serves several requests");
        assert_eq!(digest.check(&second, &GET, Some(ha1), 2_000), Err(Refused::Stale), "but each count once");
        assert_eq!(digest.check(&first, &GET, Some(ha1), 2_000), Err(Refused::Stale));
    }
}

#[test]
fn what_stands_for_a_key_that_is_not_there_is_as_long_as_a_key() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let digest = Digest::new(algorithm, &Fixed);
        assert_eq!(algorithm.stand_in().len(), digest.ha1_of(&ha1("abcdefgh", "secret")).len(), "{algorithm:?}");
    }
}

#[test]
fn wrong_answers_are_refused() {
    let right = ha1("abcdefgh", "secret").md5.to_vec();
    let digest = Digest::new(Algorithm::Md5, &Fixed);
    let mut client = Client::new(&digest.challenge(false, 1_000));
    let wrong = client.answer("abcdefgh", "other");
    assert_eq!(digest.check(&wrong, &GET, Some(&right), 2_000), Err(Refused::Wrong));
    let good = client.answer("abcdefgh", "secret");
    assert_eq!(digest.check(&good, &GET, None, 2_000), Err(Refused::Wrong), "an unknown key");
    let post = Request { method: "POST", ..GET };
    assert_eq!(digest.check(&good, &post, Some(&right), 2_000), Err(Refused::Wrong), "another method");
    let other = Request { target: "/api/atlas/v2/orgs?pageNum=2", ..GET };
    assert_eq!(digest.check(&good, &other, Some(&right), 2_000), Err(Refused::Wrong), "another query");
    assert_eq!(digest.check(&good, &GET, Some(&right), 2_000), Ok(()), "and the answer is still good");
}

#[test]
fn old_nonces_and_those_of_another_start_are_stale() {
    struct Other;
    impl Entropy for Other {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(8);
        }
    }
    let right = ha1("abcdefgh", "secret").md5.to_vec();
    let digest = Digest::new(Algorithm::Md5, &Fixed);
    let mut client = Client::new(&digest.challenge(false, 1_000));
    let good = client.answer("abcdefgh", "secret");
    assert_eq!(digest.check(&good, &GET, Some(&right), 1_000 + NONCE_FOR + 1), Err(Refused::Stale));
    assert_eq!(digest.check(&good, &GET, Some(&right), 999), Err(Refused::Stale), "from the future");
    let mut client = Client::new(&Digest::new(Algorithm::Md5, &Other).challenge(false, 1_000));
    let good = client.answer("abcdefgh", "secret");
    assert_eq!(digest.check(&good, &GET, Some(&right), 1_000), Err(Refused::Stale));
}

#[test]
fn counts_may_overtake_each_other_but_not_repeat() {
    let mut counts = Counts { highest: 0, window: 0, made_at: 0 };
    let taken = [1, 3, 2, 2, 3, 0, 100, 99, 36, 37].map(|count| counts.use_once(count));
    assert_eq!(taken, [true, true, true, false, false, false, true, true, false, true]);
}

#[test]
fn parameters_are_read_as_clients_write_them() {
    let text = r#"username="a\"b", realm="MMS Public API", nonce="n", uri="/x?a=b,c", response="r", algorithm="MD5", qop=auth, nc=00000001, cnonce="c""#;
    let read = Credentials::read(text, Algorithm::Md5).unwrap();
    assert_eq!((read.username.as_str(), read.uri.as_str()), ("a\"b", "/x?a=b,c"));
    for bad in [
        "",
        "username",
        r#"username="a"#,
        r#"username="a" realm="b""#,
        &text.replace("qop=auth", "qop=auth-int"),
        &text.replace("MD5", "MD5-sess"),
        &text.replace("00000001", "1"),
        &text.replace("MMS Public API", "other"),
        &format!("{text}, nc=00000002"),
    ] {
        assert_eq!(Credentials::read(bad, Algorithm::Md5), None, "{bad}");
    }
}
