//! TLS, and signing in where the server behind has none: what stands before servers that are not ours and lack either.
//!
//! It is of the tests alone. The gateway signs in to it as to any cluster; each other frame passes to the server behind
//! and its answer comes from there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use byleave_wire::answer::{self, Code};
use byleave_wire::frame::{HEADER, Header, LONGEST_REPLY, message};
use byleave_wire::judge::{Local, Verdict, judge_before_sign_in};
use byleave_wire::request::Request;
use byleave_wire::scram::{ITERATIONS, Verifier};
use byleave_wire::sign_in::SignIn;
use rustls::{ServerConnection, StreamOwned};

use super::rig::Authority;

/// Who lets the gateway sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SigningIn {
    /// This front; nothing passes before.
    Here,
    /// The server behind.
    There,
}

/// Starts one before the server at this address; answers its port.
pub(super) fn start(authority: &Authority, to: String, signing_in: SigningIn) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = authority.tls();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (to, tls) = (to.clone(), tls.clone());
            std::thread::spawn(move || serve(stream, tls, &to, signing_in));
        }
    });
    port
}

/// One connection, and the one behind it: a question, its answer, the next.
fn serve(stream: TcpStream, tls: Arc<rustls::ServerConfig>, to: &str, signing_in: SigningIn) {
    let mut near = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
    let Ok(mut far) = TcpStream::connect(to) else { return };
    let mut state = SignIn::default();
    while let Some(frame) = next(&mut near) {
        let answer = match own_answer(&frame, &mut state, signing_in) {
            Some(answer) => answer,
            None if far.write_all(&frame).is_err() => return,
            None => match next(&mut far) {
                Some(answer) => answer,
                None => return,
            },
        };
        if near.write_all(&answer).and_then(|()| near.flush()).is_err() {
            return;
        }
    }
}

/// The front's own answer: to steps of signing in, and to what comes before it is done.
fn own_answer(frame: &[u8], state: &mut SignIn, signing_in: SigningIn) -> Option<Vec<u8>> {
    if signing_in == SigningIn::There {
        return None;
    }
    let request = Request::read(frame, LONGEST_REPLY).unwrap();
    let body = match request.command().unwrap() {
        "hello" => return None,
        "saslStart" | "saslContinue" => step(&request, state),
        _ if state.user().is_some() => return None,
        other => answer::error(Code::Unauthorized, &format!("sign in before `{other}`")),
    };
    Some(message(1, request.id, &body))
}

/// A step of signing in as `gateway` or `mine` by SCRAM-SHA-256, as a server takes it.
pub(super) fn step(request: &Request<'_>, state: &mut SignIn) -> Vec<u8> {
    match judge_before_sign_in(request) {
        Verdict::Answered(Local::SaslStart(step)) => {
            let verifier = Verifier::new("a password of the cluster", [3; 16], ITERATIONS).unwrap();
            let find = |user: &str| matches!(user, "gateway" | "mine").then_some(verifier);
            state.start(step, "0123456789abcdefghijklmnop", find, &[9; 32]).unwrap()
        }
        Verdict::Answered(Local::SaslContinue(step)) => {
            state.go_on(step).unwrap_or_else(|error| answer::error(Code::AuthenticationFailed, &error.to_string()))
        }
        other @ (Verdict::Allowed(_)
        | Verdict::Answered(_)
        | Verdict::Empty(_)
        | Verdict::Lookup(_)
        | Verdict::Refused(_)) => {
            panic!("{other:?}")
        }
    }
}

/// The next whole frame.
pub(super) fn next(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut frame = vec![0; HEADER];
    stream.read_exact(&mut frame).ok()?;
    let header = Header::read(frame.first_chunk().unwrap(), LONGEST_REPLY).unwrap();
    frame.resize(header.length, 0);
    stream.read_exact(&mut frame[HEADER..]).ok()?;
    Some(frame)
}
