//! A client of the MongoDB protocol, so light that what it costs does not hide what the gateway costs.
//!
//! `sync_client WAYS CONNECTIONS` reads ways from a file of JSON lines (`{"uri", "ca"}`), opens so many connections over
//! each, one thread each, says `up`, and then does what it is told on standard input, a line each: `find SECONDS`, `scan
//! BYTES CURSORS`, `stream`. It answers each with a line of JSON. For measuring only.

use std::io::{BufRead as _, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use byleave_wire::bson::{Document, Value};
use byleave_wire::builder::Builder;
use byleave_wire::frame::{HEADER, Header, LONGEST_REPLY, message};
use byleave_wire::scram::client;
use byleave_wire::upstream;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The `_id` of the last document that is asked for.
const DOCUMENTS: i32 = 10_000;

/// What a connection is told to do.
#[derive(Clone)]
enum Work {
    /// One document after another, by its `_id`, until it is time.
    Find(Duration),
    /// Cursors one after another, each until so many bytes of documents came.
    Scan(u64, usize),
    /// One cursor, until the connection ends.
    Stream,
}

/// What a connection did.
struct Did {
    operations: u64,
    bytes: u64,
    took: Duration,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ways, connections] = arguments.as_slice() else { return Err("usage: sync_client WAYS CONNECTIONS".into()) };
    let ways = std::fs::read_to_string(ways)?;
    let ways = ways.lines().map(serde_json::from_str).collect::<Result<Vec<Json>, _>>()?;
    let connections = connections.parse::<usize>()?;
    let mut workers = Vec::new();
    for way in &ways {
        let text = |name| way.get(name).and_then(Json::as_str).ok_or("a way needs `uri` and `ca`");
        let target = Arc::new(Target::read(text("uri")?, text("ca")?)?);
        for _ in 0..connections {
            let mut connection = Connection::open(&target)?;
            connection.find(1)?;
            let (work, todo) = mpsc::channel::<(Work, Arc<Barrier>)>();
            let (tell, told) = mpsc::channel();
            std::thread::spawn(move || {
                for (work, begin) in todo {
                    begin.wait();
                    let _ = tell.send(connection.work(&work));
                }
            });
            workers.push((work, told));
        }
    }
    println!("up");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let work = match line.split_once(' ').unwrap_or((&line, "")) {
            ("find", seconds) => Work::Find(Duration::from_secs_f64(seconds.parse()?)),
            ("scan", much) => {
                let (bytes, cursors) = much.split_once(' ').ok_or("scan BYTES CURSORS")?;
                Work::Scan(bytes.parse()?, cursors.parse()?)
            }
            ("stream", _) => Work::Stream,
            (other, _) => return Err(format!("`{other}` is not known").into()),
        };
        let begin = Arc::new(Barrier::new(workers.len()));
        for (todo, _) in &workers {
            todo.send((work.clone(), begin.clone()))?;
        }
        if matches!(work, Work::Stream) {
            while STREAMING.load(Ordering::Relaxed) < workers.len() as u64 {
                std::thread::yield_now();
            }
            println!("streaming");
        }
        let all: Vec<_> = workers.iter().map(|(_, told)| told.recv()).collect::<Result<_, _>>()?;
        let (mut operations, mut bytes, mut longest, mut ended) = (0, 0, Duration::ZERO, 0);
        for did in all {
            match did {
                Ok(did) => {
                    operations += did.operations;
                    bytes += did.bytes;
                    longest = longest.max(did.took);
                }
                Err(_) if matches!(work, Work::Stream) => ended += 1,
                Err(error) => return Err(error),
            }
        }
        let seconds = longest.as_secs_f64();
        println!("{}", json!({ "operations": operations, "bytes": bytes, "seconds": seconds, "ended": ended }));
    }
    Ok(())
}

/// How many connections have got a batch.
static STREAMING: AtomicU64 = AtomicU64::new(0);

/// Where a way leads, and who signs in there.
struct Target {
    tls: Arc<ClientConfig>,
    address: String,
    user: String,
    password: String,
}

impl Target {
    fn read(uri: &str, ca: &str) -> Result<Self, Failure> {
        let (who, rest) = uri.trim_start_matches("mongodb://").split_once('@').ok_or("the URI has no user")?;
        let (user, password) = who.split_once(':').ok_or("the URI has no password")?;
        let address = rest.split('/').next().unwrap_or(rest).to_owned();
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            roots.add(certificate?)?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let tls = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls: Arc::new(tls), address, user: user.to_owned(), password: password.to_owned() })
    }
}

/// A connection that has signed in.
struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    asked: i32,
    frame: Vec<u8>,
    lsid: [u8; 16],
    is_streaming: AtomicBool,
}

impl Connection {
    fn open(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(&target.address)?;
        stream.set_nodelay(true)?;
        let (host, _) = target.address.rsplit_once(':').ok_or("no port")?;
        let tls = ClientConnection::new(target.tls.clone(), ServerName::try_from(host.to_owned())?)?;
        let stream = StreamOwned::new(tls, stream);
        let is_streaming = AtomicBool::new(false);
        let mut new = Self { stream, asked: 0, frame: Vec::new(), lsid: [7; 16], is_streaming };
        new.ask(&upstream::hello("bench"))?;
        let (begun, first) = client::begin(&target.user, &target.password, "abcdefghijklmnopqrstuvwxyz")?;
        let asked = new.ask(&upstream::sasl_start("admin", &first))?;
        let step = upstream::sasl_step(&new.frame, asked)??;
        let (proving, proof) = begun.prove(&step.payload)?;
        let asked = new.ask(&upstream::sasl_continue("admin", step.conversation, &proof))?;
        let step = upstream::sasl_step(&new.frame, asked)??;
        proving.verify(&step.payload)?;
        Ok(new)
    }

    /// Asks and waits for the whole answer, which is then in `frame`.
    fn ask(&mut self, body: &[u8]) -> Result<i32, Failure> {
        self.asked += 1;
        self.stream.write_all(&message(self.asked, 0, body))?;
        self.stream.flush()?;
        self.frame.resize(HEADER, 0);
        self.stream.read_exact(&mut self.frame)?;
        let header = Header::read(self.frame.first_chunk().ok_or("no header")?, LONGEST_REPLY)?;
        self.frame.resize(header.length, 0);
        self.stream.read_exact(self.frame.get_mut(HEADER..).ok_or("no body")?)?;
        Ok(self.asked)
    }

    fn command(&self, command: Builder) -> Vec<u8> {
        let lsid = Builder::new().binary("id", 4, &self.lsid);
        command.document("lsid", lsid).string("$db", "appsync_1").finish()
    }

    /// Asks for one document, as drivers do.
    fn find(&mut self, id: i32) -> Result<u64, Failure> {
        let find = Builder::new().string("find", "orders").document("filter", Builder::new().int32("_id", id));
        let find = self.command(find.int64("limit", 1).flag("singleBatch", true));
        self.ask(&find)?;
        let (documents, bytes) = self.batch("firstBatch")?;
        if documents == 1 { Ok(bytes) } else { Err(format!("{documents} documents came of one").into()) }
    }

    /// Reads the batch of the answer, each element of each document; answers documents and bytes.
    fn batch(&self, name: &str) -> Result<(u64, u64), Failure> {
        let body = Document::whole(self.frame.get(HEADER + 5..).ok_or("no body")?)?;
        let cursor = body
            .get("cursor")?
            .and_then(Value::document)
            .ok_or_else(|| format!("no cursor: {:?}", body.get("errmsg").ok().flatten().and_then(Value::text)))?;
        let batch = cursor.get(name)?.and_then(Value::array).ok_or("no batch")?;
        let (mut documents, mut bytes) = (0, 0);
        for one in batch.elements() {
            let one = one?.value.document().ok_or("no document")?;
            for element in one.elements() {
                std::hint::black_box(element?);
            }
            documents += 1;
            bytes += one.as_bytes().len() as u64;
        }
        Ok((documents, bytes))
    }

    fn work(&mut self, work: &Work) -> Result<Did, Failure> {
        let begin = Instant::now();
        let (mut operations, mut bytes) = (0, 0);
        match work {
            Work::Find(time) => {
                let mut id = 1;
                while begin.elapsed() < *time {
                    bytes += self.find(id)?;
                    operations += 1;
                    id = (id * 7919 + 13) % DOCUMENTS;
                }
            }
            Work::Scan(most, cursors) => {
                for cursor in 1..=*cursors as u64 {
                    let (mut documents, mut more) = self.scan()?;
                    loop {
                        operations += documents;
                        bytes += more;
                        if bytes >= most * cursor {
                            break;
                        }
                        (documents, more) = self.more(None)?;
                    }
                }
            }
            Work::Stream => {
                self.scan()?;
                loop {
                    self.more(Some(500))?;
                    if !self.is_streaming.swap(true, Ordering::Relaxed) {
                        STREAMING.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
        Ok(Did { operations, bytes, took: begin.elapsed() })
    }

    /// Opens a cursor over everything.
    fn scan(&mut self) -> Result<(u64, u64), Failure> {
        let find = self.command(Builder::new().string("find", "orders").document("filter", Builder::new()));
        self.ask(&find)?;
        self.batch("firstBatch")
    }

    fn more(&mut self, batch_size: Option<i32>) -> Result<(u64, u64), Failure> {
        let more = Builder::new().int64("getMore", 77).string("collection", "orders");
        let more = batch_size.into_iter().fold(more, |more, size| more.int32("batchSize", size));
        let more = self.command(more);
        self.ask(&more)?;
        self.batch("nextBatch")
    }
}
