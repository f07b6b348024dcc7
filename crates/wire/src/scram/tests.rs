//! The example of RFC 7677, both sides against each other, and what must fail.

use super::server::challenge;
use super::{ITERATIONS, ScramError, Verifier, client, parse};

const KEY: [u8; 32] = [7; 32];

#[test]
fn the_exchange_of_rfc_7677_comes_out_as_printed() {
    let salt = parse::decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().try_into().unwrap();
    let verifier = Verifier::new("pencil", salt, 4096).unwrap();
    let (begun, first) = client::begin("user", "pencil", "rOprNGfwEbeRWgbNEkqO").unwrap();
    assert_eq!(first, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let ours = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let (challenged, message) = challenge(&first, ours, |_| Some(verifier), &KEY).unwrap();
    let expected = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(message, expected.as_bytes());
    let (proving, last) = begun.prove(&message).unwrap();
    let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assert_eq!(String::from_utf8(last.clone()).unwrap(), expected);
    let proved = challenged.verify(&last).unwrap();
    assert_eq!(proved.user, "user");
    assert_eq!(proved.message, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    proving.verify(&proved.message).unwrap();
}

fn verifier(password: &str) -> Verifier {
    Verifier::new(password, [3; 16], ITERATIONS).unwrap()
}

fn try_in(user: &str, password: &str) -> Result<String, ScramError> {
    let find = |name: &str| (name == "a=b,c").then(|| verifier("secret"));
    let (begun, first) = client::begin(user, password, "theirnonce").unwrap();
    let (challenged, message) = challenge(&first, "ournonce", find, &KEY)?;
    let (proving, last) = begun.prove(&message)?;
    let proved = challenged.verify(&last)?;
    proving.verify(&proved.message)?;
    Ok(proved.user)
}

#[test]
fn only_the_right_password_of_a_known_name_signs_in() {
    assert_eq!(try_in("a=b,c", "secret"), Ok("a=b,c".to_owned()));
    assert_eq!(try_in("a=b,c", "Secret"), Err(ScramError::Proof));
    assert_eq!(try_in("nobody", "secret"), Err(ScramError::Proof));
}

#[test]
fn a_name_that_nobody_has_is_challenged_like_another() {
    let ask = |user: &str, key: &[u8; 32]| {
        let (_, first) = client::begin(user, "x", "theirnonce").unwrap();
        let (_, message) = challenge(&first, "ournonce", |_| None, key).unwrap();
        String::from_utf8(message).unwrap()
    };
    assert_eq!(ask("nobody", &KEY), ask("nobody", &KEY));
    assert_ne!(ask("nobody", &KEY), ask("nobody2", &KEY));
    assert_ne!(ask("nobody", &KEY), ask("nobody", &[8; 32]));
    assert!(ask("nobody", &KEY).ends_with(&format!(",i={ITERATIONS}")));
}

#[test]
fn a_first_message_out_of_form_is_refused() {
    let table: [(&[u8], ScramError); 12] = [
        (b"y,,n=user,r=abc", ScramError::Binding),
        (b"p=tls-exporter,,n=user,r=abc", ScramError::Binding),
        (b"n,a=admin,n=user,r=abc", ScramError::Message),
        (b"n,,m=ext,n=user,r=abc", ScramError::Message),
        (b"n,,n=user,r=abc,x=1", ScramError::Message),
        (b"n,,n=user", ScramError::Message),
        (b"n,,n=,r=abc", ScramError::Message),
        (b"n,,n=us=er,r=abc", ScramError::Message),
        (b"n,,n=user,r=", ScramError::Message),
        (b"n,,n=us\xc3\xa4r,r=abc", ScramError::NotAscii),
        (b"\xff\xff", ScramError::Message),
        (b"", ScramError::Binding),
    ];
    for (first, expected) in table {
        assert_eq!(challenge(first, "ournonce", |_| None, &KEY).unwrap_err(), expected, "{first:?}");
    }
    let long = format!("n,,n=user,r={}", "x".repeat(5000));
    assert_eq!(challenge(long.as_bytes(), "ournonce", |_| None, &KEY).unwrap_err(), ScramError::Message);
}

#[test]
fn a_last_message_out_of_form_is_refused() {
    let proof = parse::encode(&[0; 32]);
    let table = [
        (format!("c=biws,r=theirnonceournonce,p={proof}"), ScramError::Proof),
        (format!("c=biws,r=theirnonce,p={proof}"), ScramError::Nonce),
        (format!("c=biws,r=othernonceournonce,p={proof}"), ScramError::Nonce),
        (format!("c=eSws,r=theirnonceournonce,p={proof}"), ScramError::Binding),
        (format!("c=biws,r=theirnonceournonce,x=1,p={proof}"), ScramError::Message),
        (format!("c=biws,r=theirnonceournonce,p={}", parse::encode(&[0; 31])), ScramError::Message),
        ("c=biws,r=theirnonceournonce,p=%%".to_owned(), ScramError::Message),
        ("c=biws,r=theirnonceournonce".to_owned(), ScramError::Message),
        (String::new(), ScramError::Message),
    ];
    for (last, expected) in table {
        let (_, first) = client::begin("user", "x", "theirnonce").unwrap();
        let (challenged, _) = challenge(&first, "ournonce", |_| Some(verifier("x")), &KEY).unwrap();
        assert_eq!(challenged.verify(last.as_bytes()).unwrap_err(), expected, "{last}");
    }
}

#[test]
fn a_server_that_asks_too_little_or_does_not_know_us_is_refused() {
    let salt = parse::encode(&[1; 16]);
    let table = [
        (format!("r=mine+theirs,s={salt},i=4095"), ScramError::Iterations),
        (format!("r=mine+theirs,s={salt},i=1000001"), ScramError::Iterations),
        (format!("r=mine,s={salt},i=4096"), ScramError::Nonce),
        (format!("r=yours+theirs,s={salt},i=4096"), ScramError::Nonce),
        (format!("r=mine+theirs,s={salt},i=4096,x=1"), ScramError::Message),
        (format!("m=ext,r=mine+theirs,s={salt},i=4096"), ScramError::Message),
        ("r=mine+theirs,s=,i=4096".to_owned(), ScramError::Message),
    ];
    for (message, expected) in table {
        let (begun, _) = client::begin("user", "pencil", "mine").unwrap();
        assert_eq!(begun.prove(message.as_bytes()).unwrap_err(), expected, "{message}");
    }
    for last in [format!("v={}", parse::encode(&[0; 32])), "v=".to_owned(), "e=other-error".to_owned(), String::new()] {
        let (begun, _) = client::begin("user", "pencil", "mine").unwrap();
        let (proving, _) = begun.prove(format!("r=mine+theirs,s={salt},i=4096").as_bytes()).unwrap();
        assert!(proving.verify(last.as_bytes()).is_err(), "{last}");
    }
}

#[test]
fn secrets_are_not_printed() {
    assert_eq!(format!("{:?}", verifier("secret")), "Verifier(…)");
    let (begun, _) = client::begin("user", "pencil", "mine").unwrap();
    assert_eq!(format!("{begun:?}"), "Begun(…)");
}

#[test]
fn other_alphabets_are_refused_instead_of_misread() {
    assert_eq!(client::begin("user", "pässword", "mine").unwrap_err(), ScramError::NotAscii);
    assert_eq!(Verifier::new("", [0; 16], ITERATIONS).unwrap_err(), ScramError::NotAscii);
    assert_eq!(Verifier::new("x", [0; 16], 1).unwrap_err(), ScramError::Iterations);
}
