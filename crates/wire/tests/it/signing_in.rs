//! Signing in as drivers do it: through frames, the judge and both sides of SCRAM.

use byleave_wire::frame::{LONGEST_BEFORE_SIGN_IN, message};
use byleave_wire::judge::{Local, Verdict, judge_before_sign_in};
use byleave_wire::request::Request;
use byleave_wire::scram::{ITERATIONS, ScramError, Verifier, client};
use byleave_wire::sign_in::{SignIn, failed};
use byleave_wire::upstream::{self, SaslStep};

/// The gateway's side of one connection.
fn answer(sign_in: &mut SignIn, command: &[u8]) -> Result<Vec<u8>, ScramError> {
    let frame = message(5, 0, command);
    let request = Request::read(&frame, LONGEST_BEFORE_SIGN_IN).unwrap();
    let find = |name: &str| (name == "session-1").then(|| Verifier::new("secret", [1; 16], ITERATIONS).unwrap());
    let body = match judge_before_sign_in(&request) {
        Verdict::Answered(Local::SaslStart(step)) => sign_in.start(step, "0123456789abcdef01234567", find, &[2; 32])?,
        Verdict::Answered(Local::SaslContinue(step)) => sign_in.go_on(step)?,
        other => panic!("{other:?}"),
    };
    Ok(request.answer(6, &body))
}

fn step(frame: &[u8]) -> SaslStep {
    upstream::sasl_step(frame, 5).unwrap().unwrap()
}

#[test]
fn our_client_signs_in_at_our_gateway() {
    let mut sign_in = SignIn::default();
    let (begun, first) = client::begin("session-1", "secret", "abcdefghijklmnopqrstuvwx").unwrap();
    let challenge = step(&answer(&mut sign_in, &upstream::sasl_start("admin", &first)).unwrap());
    assert!(!challenge.done && sign_in.user().is_none());
    let (proving, last) = begun.prove(&challenge.payload).unwrap();
    let command = upstream::sasl_continue("admin", challenge.conversation, &last);
    let end = step(&answer(&mut sign_in, &command).unwrap());
    assert!(end.done);
    proving.verify(&end.payload).unwrap();
    assert_eq!(sign_in.user(), Some("session-1"));
    // The same proof does not sign in again.
    assert_eq!(answer(&mut sign_in, &command), Err(ScramError::Message));
    assert_eq!(sign_in.user(), None);
}

#[test]
fn a_client_that_ends_with_an_empty_exchange_is_in_only_after_it() {
    let mut sign_in = SignIn::default();
    let start = |payload: &[u8]| {
        let document = byleave_wire::builder::Builder::new().int32("saslStart", 1).string("mechanism", "SCRAM-SHA-256");
        document.binary("payload", 0, payload).string("$db", "admin").finish()
    };
    let (begun, first) = client::begin("session-1", "secret", "abcdefghijklmnopqrstuvwx").unwrap();
    let challenge = step(&answer(&mut sign_in, &start(&first)).unwrap());
    let (_, last) = begun.prove(&challenge.payload).unwrap();
    let end = step(&answer(&mut sign_in, &upstream::sasl_continue("admin", 1, &last)).unwrap());
    assert!(!end.done && sign_in.user().is_none());
    assert!(step(&answer(&mut sign_in, &upstream::sasl_continue("admin", 1, b"")).unwrap()).done);
    assert_eq!(sign_in.user(), Some("session-1"));
}

#[test]
fn every_failure_starts_over_and_looks_the_same() {
    let tries: [(&str, &str); 2] = [("session-1", "wrong"), ("nobody", "secret")];
    for (user, password) in tries {
        let mut sign_in = SignIn::default();
        let (begun, first) = client::begin(user, password, "abcdefghijklmnopqrstuvwx").unwrap();
        let challenge = step(&answer(&mut sign_in, &upstream::sasl_start("admin", &first)).unwrap());
        let (_, last) = begun.prove(&challenge.payload).unwrap();
        let command = upstream::sasl_continue("admin", 1, &last);
        assert_eq!(answer(&mut sign_in, &command), Err(ScramError::Proof));
        assert_eq!(answer(&mut sign_in, &command), Err(ScramError::Message));
        assert_eq!(sign_in.user(), None);
    }
    let mut sign_in = SignIn::default();
    assert_eq!(answer(&mut sign_in, &upstream::sasl_continue("admin", 1, b"x")), Err(ScramError::Message));
    // The right proof in a conversation that is not this one.
    let (begun, first) = client::begin("session-1", "secret", "abcdefghijklmnopqrstuvwx").unwrap();
    let challenge = step(&answer(&mut sign_in, &upstream::sasl_start("admin", &first)).unwrap());
    let (_, last) = begun.prove(&challenge.payload).unwrap();
    assert_eq!(answer(&mut sign_in, &upstream::sasl_continue("admin", 2, &last)), Err(ScramError::Message));
    assert_eq!(sign_in.user(), None);
    assert_eq!(upstream::sasl_step(&message(1, 5, &failed()), 5).unwrap(), Err("signing in failed".to_owned()));
}
