//! A server of our own behind the door, which keeps every byte that reaches it.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use byleave_wire::answer;
use byleave_wire::builder::Builder;
use byleave_wire::frame::{LONGEST_REQUEST, message};
use byleave_wire::request::Request;
use byleave_wire::sign_in::SignIn;
use rustls::{ServerConnection, StreamOwned};

use super::front;
use super::rig::Authority;

/// The cursor that it gives out.
pub(super) const CURSOR: i64 = 7_700_000_077;

/// What it was sent: the number of the connection, and the frame.
pub(super) type Frames = Arc<Mutex<Vec<(usize, Vec<u8>)>>>;

/// Starts it; answers its port and what it will have been sent.
pub(super) fn start(authority: &Authority) -> (u16, Frames) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (frames, tls) = (Frames::default(), authority.tls());
    let kept = frames.clone();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let (frames, tls) = (kept.clone(), tls.clone());
            std::thread::spawn(move || serve(number, stream, tls, &frames));
        }
    });
    (port, frames)
}

/// One connection. A second batch is never answered.
fn serve(number: usize, stream: TcpStream, tls: Arc<rustls::ServerConfig>, frames: &Frames) {
    let mut stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
    let mut signing_in = SignIn::default();
    while let Some(frame) = front::next(&mut stream) {
        frames.lock().unwrap().push((number, frame.clone()));
        let request = Request::read(&frame, LONGEST_REQUEST).unwrap();
        let Some(body) = body(&request, &mut signing_in) else { continue };
        if stream.write_all(&message(1, request.id, &body)).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

fn body(request: &Request<'_>, signing_in: &mut SignIn) -> Option<Vec<u8>> {
    let cursor = |id, namespace: &str, batch| {
        let cursor = Builder::new().array("firstBatch", batch).int64("id", id).string("ns", namespace);
        Builder::new().document("cursor", cursor).double("ok", 1.0).finish()
    };
    match request.command().unwrap() {
        "hello" => {
            let hello = Builder::new().flag("isWritablePrimary", true).int32("maxWireVersion", 21).double("ok", 1.0);
            Some(hello.strings("hosts", &["db-1.internal:27017"]).finish())
        }
        "buildInfo" => Some(Builder::new().string("version", "7.0.12").double("ok", 1.0).finish()),
        "saslStart" | "saslContinue" => Some(front::step(request, signing_in)),
        "listCollections" => {
            let orders = Builder::new().string("name", "orders").string("type", "collection");
            Some(cursor(0, "appsync_1.$cmd.listCollections", Builder::new().document("0", orders)))
        }
        "find" => {
            let documents = (0..2).fold(Builder::new(), |batch, number: i32| {
                batch.document(&number.to_string(), Builder::new().int32("_id", number))
            });
            Some(cursor(CURSOR, "appsync_1.orders", documents))
        }
        "getMore" => None,
        _ => Some(answer::done()),
    }
}
