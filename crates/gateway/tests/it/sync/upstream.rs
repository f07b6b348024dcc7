//! A server of our own behind the door, which keeps every byte that reaches it and is what a test says that it is.

use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use byleave_wire::answer::{self, Code};
use byleave_wire::bson::Value;
use byleave_wire::builder::Builder;
use byleave_wire::frame::{LONGEST_REQUEST, message};
use byleave_wire::request::Request;
use byleave_wire::sign_in::SignIn;
use rustls::{ServerConnection, StreamOwned};

use super::front;

/// The cursor that it gives out, and the one over `items`, which the table of hostile attempts knows.
pub(super) const CURSOR: i64 = 7_700_000_077;
pub(super) const CURSOR_OF_ITEMS: i64 = 77;

/// The first of the cursors over `many`, of which each is another; a `find` of `slow` is never answered, one of `large` with
/// more than a connection holds.
pub(super) const FIRST_OF_MANY: i64 = 9_000_000_000;

/// What it is in its replica set, and to whom it points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// It hangs up on whoever connects.
    Gone,
    Primary,
    Secondary {
        /// Whom it names as the primary.
        primary: String,
    },
    /// Neither: it starts, or it only votes.
    Startup,
}

/// A running one.
pub(super) struct Upstream {
    pub(super) port: u16,
    state: Arc<State>,
}

struct State {
    tls: Arc<rustls::ServerConfig>,
    place: Mutex<Place>,
    /// Each frame that it was sent, and by which of its connections.
    frames: Mutex<Vec<(usize, Vec<u8>)>>,
    /// All bytes that it was sent inside TLS, whole frames or not.
    bytes: Mutex<Vec<u8>>,
    connections: Mutex<Vec<TcpStream>>,
    /// The connections that are over.
    ended: Mutex<Vec<usize>>,
    /// How many cursors over `many` it gave out.
    cursors: AtomicI64,
}

impl Upstream {
    pub(super) fn start(tls: Arc<rustls::ServerConfig>, place: Place) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let place = Mutex::new(place);
        let (frames, bytes, connections) = (Mutex::default(), Mutex::default(), Mutex::default());
        let state = Arc::new(State {
            tls,
            place,
            frames,
            bytes,
            connections,
            ended: Mutex::default(),
            cursors: AtomicI64::new(0),
        });
        let kept = state.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let state = kept.clone();
                state.connections.lock().unwrap().push(stream.try_clone().unwrap());
                std::thread::spawn(move || {
                    state.serve(number, stream);
                    state.ended.lock().unwrap().push(number);
                });
            }
        });
        Self { port, state }
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// It becomes something else, for connections that are there, too.
    pub(super) fn becomes(&self, place: Place) {
        let gone = place == Place::Gone;
        *self.state.place.lock().unwrap() = place;
        if gone {
            for connection in self.state.connections.lock().unwrap().drain(..) {
                let _closed = connection.shutdown(Shutdown::Both);
            }
        }
    }

    /// The commands that it was sent, and by which connection.
    pub(super) fn commands(&self) -> Vec<(usize, String)> {
        let name = |frame: &[u8]| Request::read(frame, LONGEST_REQUEST).unwrap().command().unwrap().to_owned();
        self.frames().iter().map(|(number, frame)| (*number, name(frame))).collect()
    }

    pub(super) fn frames(&self) -> Vec<(usize, Vec<u8>)> {
        self.state.frames.lock().unwrap().clone()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.state.bytes.lock().unwrap().clone()
    }

    /// Whether it was sent these bytes.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        self.bytes().windows(bytes.len()).any(|window| window == bytes)
    }

    /// Whether all of these connections are over.
    pub(super) fn ended(&self, numbers: &[usize]) -> bool {
        let ended = self.state.ended.lock().unwrap();
        numbers.iter().all(|number| ended.contains(number))
    }

    /// How often somebody connected.
    pub(super) fn connected(&self) -> usize {
        self.state.connections.lock().unwrap().len()
    }
}

/// A connection whose bytes are kept.
struct Kept<'a> {
    stream: StreamOwned<ServerConnection, TcpStream>,
    bytes: &'a Mutex<Vec<u8>>,
}

impl Read for Kept<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.bytes.lock().unwrap().extend(&buffer[..read]);
        Ok(read)
    }
}

impl State {
    /// One connection. A second batch is never answered.
    fn serve(&self, number: usize, stream: TcpStream) {
        if *self.place.lock().unwrap() == Place::Gone {
            return stream.shutdown(Shutdown::Both).unwrap_or_default();
        }
        let stream = StreamOwned::new(ServerConnection::new(self.tls.clone()).unwrap(), stream);
        let mut kept = Kept { stream, bytes: &self.bytes };
        let mut signing_in = SignIn::default();
        while let Some(frame) = front::next(&mut kept) {
            self.frames.lock().unwrap().push((number, frame.clone()));
            let request = Request::read(&frame, LONGEST_REQUEST).unwrap();
            let certified = kept.stream.conn.peer_certificates().is_some();
            let Some(body) = self.body(&request, &mut signing_in, certified) else { continue };
            let stream = &mut kept.stream;
            if stream.write_all(&message(1, request.id, &body)).and_then(|()| stream.flush()).is_err() {
                return;
            }
        }
        // What was said last is heard before the end.
        let _end = std::io::copy(&mut kept.stream.sock, &mut std::io::sink());
    }

    fn body(&self, request: &Request<'_>, signing_in: &mut SignIn, certified: bool) -> Option<Vec<u8>> {
        Some(match request.command().unwrap() {
            "hello" => self.hello(),
            "buildInfo" => Builder::new().string("version", "7.0.12").double("ok", 1.0).finish(),
            "saslStart" | "saslContinue" => front::step(request, signing_in),
            "authenticate" if certified => answer::done(),
            "authenticate" => answer::error(Code::AuthenticationFailed, "no certificate was shown"),
            "listDatabases" | "listCollections" | "count" | "find" | "getMore" if self.refuses(request).is_some() => {
                self.refuses(request)?
            }
            "listDatabases" => databases(request),
            "listCollections" => collections(request),
            "count" => Builder::new().int32("n", 2).double("ok", 1.0).finish(),
            "find" if named(request) == Some("slow") => return None,
            "find" if named(request) == Some("many") => {
                let id = self.cursors.fetch_add(1, Ordering::SeqCst);
                cursor(FIRST_OF_MANY + id, &format!("{}.many", database(request)), Builder::new())
            }
            "find" if named(request) == Some("large") => large(request),
            "find" => found(request),
            "getMore" => return None,
            _ => answer::done(),
        })
    }

    /// What one that is no primary says to a reader who did not say that it may be read, as `mongod` does; one that
    /// recovers is not read at all.
    fn refuses(&self, request: &Request<'_>) -> Option<Vec<u8>> {
        let preference = request.body.get("$readPreference").unwrap().and_then(Value::document);
        let mode = preference.and_then(|preference| preference.get("mode").unwrap()).and_then(Value::text);
        let refusal = |code, name, text| {
            let refusal = Builder::new().double("ok", 0.0).string("errmsg", text).int32("code", code);
            Some(refusal.string("codeName", name).finish())
        };
        match *self.place.lock().unwrap() {
            Place::Secondary { .. } if matches!(mode, None | Some("primary")) => {
                refusal(13435, "NotPrimaryNoSecondaryOk", "not primary and secondaryOk=false")
            }
            Place::Startup => refusal(13436, "NotPrimaryOrSecondary", "node is not in primary or recovering state"),
            Place::Gone | Place::Primary | Place::Secondary { .. } => None,
        }
    }

    /// As a member of a replica set says it.
    fn hello(&self) -> Vec<u8> {
        let place = self.place.lock().unwrap().clone();
        let hello = Builder::new()
            .flag("isWritablePrimary", place == Place::Primary)
            .flag("secondary", matches!(place, Place::Secondary { .. }))
            .string("setName", "rs0")
            .string("me", "db-1.internal:27017")
            .strings("hosts", &["db-1.internal:27017", "db-2.internal:27017"]);
        let hello = match &place {
            Place::Secondary { primary } => hello.string("primary", primary),
            Place::Gone | Place::Primary | Place::Startup => hello,
        };
        hello.int32("maxWireVersion", 21).double("ok", 1.0).finish()
    }
}

fn database<'a>(request: &Request<'a>) -> &'a str {
    request.body.get("$db").unwrap().and_then(Value::text).unwrap()
}

/// The collection that a `find` names.
fn named<'a>(request: &Request<'a>) -> Option<&'a str> {
    request.body.get("find").unwrap().and_then(Value::text)
}

fn cursor(id: i64, namespace: &str, batch: Builder) -> Vec<u8> {
    let cursor = Builder::new().array("firstBatch", batch).int64("id", id).string("ns", namespace);
    Builder::new().document("cursor", cursor).double("ok", 1.0).finish()
}

/// Whatever is asked for by its name is a database.
fn databases(request: &Request<'_>) -> Vec<u8> {
    let filter = request.body.get("filter").unwrap().and_then(Value::document);
    let name = filter.and_then(|filter| filter.get("name").unwrap()).and_then(Value::text).unwrap_or("appsync_1");
    let databases = Builder::new().document("0", Builder::new().string("name", name));
    Builder::new().array("databases", databases).double("ok", 1.0).finish()
}

/// Whatever is asked for by its name is a collection, unless it says that it is none.
fn collections(request: &Request<'_>) -> Vec<u8> {
    let filter = request.body.get("filter").unwrap().and_then(Value::document);
    let name = filter.and_then(|filter| filter.get("name").unwrap()).and_then(Value::text).unwrap_or("orders");
    let namespace = format!("{}.$cmd.listCollections", database(request));
    if name.starts_with("missing") {
        return cursor(0, &namespace, Builder::new());
    }
    let collection = Builder::new().string("name", name).string("type", "collection");
    cursor(0, &namespace, Builder::new().document("0", collection))
}

/// More than the kernel takes for a peer that does not read.
fn large(request: &Request<'_>) -> Vec<u8> {
    let text = "x".repeat(1024 * 1024);
    let documents = (0..14).fold(Builder::new(), |batch, number: i32| {
        batch.document(&number.to_string(), Builder::new().int32("_id", number).string("text", &text))
    });
    cursor(0, &format!("{}.large", database(request)), documents)
}

fn found(request: &Request<'_>) -> Vec<u8> {
    let collection = request.body.get("find").unwrap().and_then(Value::text).unwrap();
    let documents = (0..2).fold(Builder::new(), |batch, number: i32| {
        batch.document(&number.to_string(), Builder::new().int32("_id", number))
    });
    let id = if collection == "items" { CURSOR_OF_ITEMS } else { CURSOR };
    cursor(id, &format!("{}.{collection}", database(request)), documents)
}
