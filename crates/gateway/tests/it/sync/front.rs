//! What stands before servers that are not ours and lack something: TLS, signing in, or the names of their databases.
//!
//! It is of the tests alone. The gateway signs in to it as to any cluster; each other frame passes to the server behind
//! and its answer comes from there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use byleave_wire::answer::{self, Code};
use byleave_wire::builder::Builder;
use byleave_wire::frame::{HEADER, Header, LONGEST_REPLY, message};
use byleave_wire::judge::{Local, Verdict, judge_before_sign_in};
use byleave_wire::request::Request;
use byleave_wire::scram::{ITERATIONS, Verifier};
use byleave_wire::sign_in::SignIn;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, ServerConnection, StreamOwned};

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
    let here = Here { signing_in, databases: &[] };
    listen(authority.tls(), here, move || TcpStream::connect(&to).ok())
}

/// Starts one before a server that has TLS of its own and signs in by itself, but tells each connection only of those
/// databases that this connection has used: the front names these. Answers its port.
pub(super) fn naming(authority: &Authority, to: String, databases: &'static [&'static str]) -> u16 {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = Arc::new(builder.unwrap().with_root_certificates(roots).with_no_client_auth());
    let here = Here { signing_in: SigningIn::There, databases };
    listen(authority.tls(), here, move || {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(config.clone(), name).unwrap();
        TcpStream::connect(&to).ok().map(|stream| StreamOwned::new(connection, stream))
    })
}

/// What a front answers by itself.
#[derive(Clone, Copy)]
struct Here {
    signing_in: SigningIn,
    /// The databases that it names; none if the server behind does.
    databases: &'static [&'static str],
}

fn listen<F: Read + Write>(
    tls: Arc<rustls::ServerConfig>,
    here: Here,
    behind: impl Fn() -> Option<F> + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = Arc::new(behind);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (behind, tls) = (behind.clone(), tls.clone());
            std::thread::spawn(move || {
                let near = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
                if let Some(far) = behind() {
                    serve(near, far, here);
                }
            });
        }
    });
    port
}

/// One connection, and the one behind it: a question, its answer, the next.
fn serve(mut near: StreamOwned<ServerConnection, TcpStream>, mut far: impl Read + Write, here: Here) {
    let mut state = SignIn::default();
    while let Some(frame) = next(&mut near) {
        let answer = match own_answer(&frame, &mut state, here) {
            Some(answer) => answer,
            None if far.write_all(&frame).and_then(|()| far.flush()).is_err() => return,
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

/// The front's own answer: the names of databases, steps of signing in, and what comes before that is done.
fn own_answer(frame: &[u8], state: &mut SignIn, here: Here) -> Option<Vec<u8>> {
    let request = Request::read(frame, LONGEST_REPLY).unwrap();
    if !here.databases.is_empty() && request.command().unwrap() == "listDatabases" {
        let named = here.databases.iter().enumerate();
        let list = named.fold(Builder::new(), |list, (at, name)| {
            list.document(&at.to_string(), Builder::new().string("name", name))
        });
        let body = Builder::new().array("databases", list).double("ok", 1.0).finish();
        return Some(message(1, request.id, &body));
    }
    if here.signing_in == SigningIn::There {
        return None;
    }
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
