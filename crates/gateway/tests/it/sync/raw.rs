//! A client that says exactly what it is told to say, over TLS: for what no driver would send.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;

use byleave_core::time::Entropy as _;
use byleave_wire::bson::{Document, Value};
use byleave_wire::frame::{LONGEST_REPLY, Message, message};
use byleave_wire::scram::client;
use byleave_wire::upstream;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, StreamOwned};

use super::bson_text;
use super::front;
use super::rig::House;
use crate::memory::PATIENCE;
use crate::world::Random;

/// What the door answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// A document: the code and text of a refusal, or neither.
    Body { code: Option<i32>, text: String },
    /// It hung up.
    Closed,
}

pub(super) struct Raw {
    stream: StreamOwned<ClientConnection, TcpStream>,
    asked: i32,
}

/// The user and the secret of an address that the gateway printed.
pub(super) fn user_and_secret(uri: &str) -> (String, String) {
    let (user, rest) = uri.strip_prefix("mongodb://").unwrap().split_once(':').unwrap();
    (user.to_owned(), rest.split('@').next().unwrap().to_owned())
}

impl Raw {
    /// Connects, checks the gateway's certificate, and says nothing.
    pub(super) fn connect(house: &House) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(house.authority.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(house.world.gateway.sync_addresses()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: StreamOwned::new(connection, stream), asked: 0 }
    }

    pub(super) fn signed_in(house: &House, uri: &str) -> Self {
        let (user, secret) = user_and_secret(uri);
        let mut raw = Self::connect(house);
        let answer = raw.sign_in(&user, &secret);
        assert!(matches!(answer, Answer::Body { code: None, .. }), "{answer:?}");
        raw
    }

    /// Signs in by SCRAM-SHA-256; the last answer, or the first refusal.
    pub(super) fn sign_in(&mut self, user: &str, secret: &str) -> Answer {
        let mut nonce = [0; 24];
        Random.fill(&mut nonce);
        let (begun, first) = client::begin(user, secret, &hex::encode(nonce)).unwrap();
        let challenge = match self.exchange(&upstream::sasl_start("admin", &first)) {
            Ok(challenge) => challenge,
            Err(answer) => return answer,
        };
        let (proving, proof) = begun.prove(&challenge).unwrap();
        match self.exchange(&upstream::sasl_continue("admin", 1, &proof)) {
            Ok(last) => proving.verify(&last).unwrap(),
            Err(answer) => return answer,
        }
        Answer::Body { code: None, text: String::new() }
    }

    /// One step of signing in: its payload.
    fn exchange(&mut self, body: &[u8]) -> Result<Vec<u8>, Answer> {
        let frame = message(self.next_id(), 0, body);
        let Some(answer) = self.frame(&frame) else { return Err(Answer::Closed) };
        let body = Message::read(&answer, LONGEST_REPLY).unwrap().body;
        match body.get("payload").unwrap() {
            Some(Value::Binary(_, payload)) => Ok(payload.to_vec()),
            Some(_) | None => Err(told(body)),
        }
    }

    pub(super) fn next_id(&mut self) -> i32 {
        self.asked += 1;
        self.asked
    }

    /// Asks a command that is written as text.
    pub(super) fn command(&mut self, command: &str) -> Answer {
        let frame = message(self.next_id(), 0, &bson_text::document(command));
        self.ask(&frame)
    }

    /// Sends a command that is written as text, and does not wait.
    pub(super) fn say(&mut self, command: &str) {
        let frame = message(self.next_id(), 0, &bson_text::document(command));
        self.stream.write_all(&frame).and_then(|()| self.stream.flush()).unwrap();
    }

    /// Asks a command that is written as text; the bytes of its answer.
    pub(super) fn bytes(&mut self, command: &str) -> Vec<u8> {
        let frame = message(self.next_id(), 0, &bson_text::document(command));
        self.frame(&frame).expect("an answer")
    }

    pub(super) fn ask(&mut self, frame: &[u8]) -> Answer {
        match self.frame(frame) {
            Some(answer) => told(Message::read(&answer, LONGEST_REPLY).unwrap().body),
            None => Answer::Closed,
        }
    }

    /// The next answer to what was said.
    pub(super) fn answer(&mut self) -> Answer {
        match front::next(&mut self.stream) {
            Some(answer) => told(Message::read(&answer, LONGEST_REPLY).unwrap().body),
            None => Answer::Closed,
        }
    }

    /// Sends a frame; the answer's, unless the door hangs up.
    fn frame(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        self.stream.write_all(frame).and_then(|()| self.stream.flush()).ok()?;
        front::next(&mut self.stream)
    }
}

fn told(body: Document<'_>) -> Answer {
    let code = body.get("code").unwrap().and_then(Value::whole).map(|code| i32::try_from(code).unwrap());
    let text = body.get("errmsg").unwrap().and_then(Value::text).unwrap_or_default().to_owned();
    Answer::Body { code, text }
}
